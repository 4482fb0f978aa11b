//! Signing in, and one session shared by all who use a client.

mod error;
mod jwt;
mod session;
mod token;

pub use error::AuthError;
pub(crate) use jwt::Key;
pub(crate) use session::{Session, Sessions};
