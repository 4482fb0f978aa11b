//! Signing in, and one session shared by all who use a client.

mod address;
mod device;
mod error;
mod jwt;
mod revoke;
mod secret;
mod session;
mod sf;
mod signed_in;
mod store;
mod token;
mod web;

pub use address::org_address;
pub use device::DeviceSignIn;
pub use error::AuthError;
pub(crate) use jwt::Key;
pub use revoke::revoke;
pub use secret::SecretPlace;
pub(crate) use session::{Session, Sessions};
pub use sf::{SfOrg, SfOrgs};
pub use signed_in::SignedIn;
pub use store::{BorrowedToken, TokenFile, TokenInMemory, TokenSource, TokenStore};
pub use web::{WebOptions, WebSignIn};
