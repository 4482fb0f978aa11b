//! The client and the emulator, which share no code, over TLS with a private certificate.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod basics;
mod limits;
mod support;
