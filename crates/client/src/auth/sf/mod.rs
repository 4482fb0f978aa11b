//! Orgs that Salesforce's own command line (`sf`) is signed in to: its files, its key, its command.

mod borrow;
mod crypto;
mod files;
mod key;

pub use files::{SfOrg, SfOrgs};
