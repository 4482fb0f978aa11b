//! Connected apps, access tokens, and who may sign in how.
//!
//! The rules are here, without HTTP: `http::oauth` gives them their routes.

mod access;

pub use access::{Access, App, Grant, Password};
