//! The replication engine against an emulated org: everything that may happen to a replica, and then it is equal.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bench;
mod follow;
mod lost;
mod random;
mod snapshot;
