//! Worlds for tests of the whole: an org, its replica, edits and failures between them, and a comparison that trusts
//! neither.
//!
//! [`World`] holds an emulator in this process, a client that signs in to it, and a place for the replica.
//! [`Editor`] changes the org through every door. [`replica`] reads the rows of both sides by code of its
//! own: nothing in it is shared with the client, the engine or the destinations.

pub mod brittle;
pub mod canonical;
pub mod edits;
pub mod replica;
pub mod values;
pub mod world;

pub use edits::{Editor, Edits};
pub use replica::Difference;
pub use world::{Place, World, WorldOptions};

/// Compiles the README's Rust.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
