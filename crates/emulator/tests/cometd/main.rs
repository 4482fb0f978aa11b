//! CometD over a socket: the messages word for word, and events of every kind with their values.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
mod channels;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod fuzz;
mod publish;
mod session;
mod support;
