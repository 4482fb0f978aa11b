//! The REST surface over HTTP: what composes requests, records by every path, files, describes, forms and refusals.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../common/mod.rs"]
mod common;
mod composite;
mod damaged;
mod describes;
mod files;
mod habits;
mod records;
mod support;
