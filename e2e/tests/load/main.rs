//! Loads into an emulated org with everything going wrong that can: each row ends in exactly one way, and the org's store
//! agrees with what is said of it.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod bench;
mod check;
mod faults;
mod join;
mod random;
mod same;
