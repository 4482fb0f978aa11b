//! Connected apps, access tokens, and who may sign in how.
//!
//! The rules are here, without HTTP: `http::oauth` gives them their routes.

mod access;
mod error;
mod grants;
mod jwt;
mod users;

pub use access::{Access, App, Grant, Password, PermittedUsers};
pub use error::OauthError;
pub(crate) use grants::authenticate;
pub use grants::{Asked, ClientAuth, Granted, token};
pub use users::{User, by_id, by_username, is_deactivated};
