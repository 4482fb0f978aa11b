//! Every way to sign in over HTTP: browsers, devices, refreshing, policies of apps, and the limits of the org.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod browser;
mod device;
mod errors;
mod identity;
mod limits;
mod refresh;
mod support;
