//! For tests, ours and other people's: a destination in memory.

mod memory;

pub use memory::{MemoryDestination, MemoryStore};
