//! Connected apps, access tokens, and who may sign in how.
//!
//! The rules are here, without HTTP: `http::oauth` and `http::sign_in` give them their routes.

mod access;
mod address;
mod answer;
mod app;
mod authorize;
mod client;
mod code;
mod device;
mod error;
mod exchange;
mod grants;
mod image;
mod jwt;
mod keys;
mod password;
mod refresh;
mod scope;
mod users;
mod wire;

pub use access::{Access, Grant};
pub use address::IpRange;
pub use app::{App, IpRule, PermittedUsers, RefreshTokenPolicy, TokenHandler};
pub use authorize::{Browser, ConsentPage, Step, authorize, decide};
pub(crate) use client::authenticate;
pub use device::connect;
pub use error::OauthError;
pub use grants::{Asked, ClientAuth, Form, Granted, token};
pub use image::AccessImage;
pub use keys::{key_set, prepare_signing_key};
pub use password::{Login, LoginFault, UserAccess, page_login, password_login, soap_login};
pub use scope::includes as scope_includes;
pub use users::{User, by_id, by_username, is_deactivated};
