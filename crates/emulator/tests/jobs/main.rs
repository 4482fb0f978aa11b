//! Faults and limits behind the doors, over a socket: plans for Bulk jobs, tokens that end wherever they travel, locked
//! rows, and allowances that every door spends.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
#[path = "../common/mod.rs"]
mod common;
mod limits;
mod locks;
mod plans;
mod support;
mod tokens;
