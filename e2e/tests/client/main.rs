//! The client and the emulator, which share no code, over TLS with a private certificate.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod auth;
mod basics;
mod bulk;
mod cells;
mod check;
mod events;
mod limits;
mod metadata;
mod query;
mod rest;
mod soap;
mod support;
