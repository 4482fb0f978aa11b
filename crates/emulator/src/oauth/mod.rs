//! Connected apps, access tokens, and who may sign in how.
//!
//! The rules are here, without HTTP: `http::oauth` gives them their routes.

mod access;
mod address;
mod error;
mod grants;
mod jwt;
mod password;
mod users;

pub use access::{Access, App, Grant, PermittedUsers};
pub use address::IpRange;
pub use error::OauthError;
pub(crate) use grants::authenticate;
pub use grants::{Asked, ClientAuth, Granted, token};
pub use password::{Login, LoginFault, UserAccess, password_login, soap_login};
pub use users::{User, by_id, by_username, is_deactivated};
