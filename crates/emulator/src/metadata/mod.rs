//! Metadata: what an administrator changes while the org lives, and the files in which it is moved about.
//!
//! A component (an object, a field, a channel member, a layout) has a type and a full name. Those that the org acts
//! upon change its schema or its channels when they are saved; the others are kept as the files they came in, so that
//! they can be retrieved again. Every change is made on a [`Work`], a copy that is put in the org's place when it
//! succeeds: a deployment that fails half-way changes nothing.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/>

mod apply;
mod archive;
mod catalog;
mod channel;
mod convert;
mod custom_metadata;
pub mod deploy;
mod describe;
mod field;
mod global_values;
pub mod import;
pub(crate) mod keep;
mod list;
mod manifest;
mod naming;
mod node;
mod object;
mod picklist;
mod problem;
mod record_type;
mod render;
mod retrieve;
pub mod tables;
pub mod tooling;
mod types;
mod work;

#[cfg(test)]
mod tests;

pub use apply::{Saved, delete, read, rename, save};
pub use archive::{ArchiveError, FileSet, pack, unpack};
pub use catalog::{Catalog, Component};
pub use deploy::{DeployOptions, DeployResult, DeployStatus};
pub use describe::{describe, value_type};
pub use list::{FileProperties, list};
pub use manifest::{Manifest, TypeMembers};
pub use node::{Member, Node};
pub use problem::{Problem, Severity};
pub use retrieve::{RetrieveRequest, RetrieveResult, retrieve};
pub use types::{TypeInfo, by_directory, by_name, supported};
pub use work::{Mode, Work};

/// The namespace of every metadata file and of the Metadata API itself.
pub const NAMESPACE: &str = "http://soap.sforce.com/2006/04/metadata";
