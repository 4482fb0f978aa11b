//! The Pub/Sub API over a socket, with the stub that the messages' definition gives.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
mod calls;
mod faults;
mod follow;
mod managed;
mod publish;
mod support;
