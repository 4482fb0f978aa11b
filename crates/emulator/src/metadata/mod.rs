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
mod events;
mod field;
mod global_values;
pub mod import;
pub(crate) mod keep;
mod list;
mod manifest;
mod naming;
mod node;
mod object;
mod permission_set;
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
pub(crate) use list::user_name;
pub use list::{FileProperties, list};
pub use manifest::{Manifest, TypeMembers};
pub use node::{Member, Node};
pub use problem::{Problem, Severity};
pub use retrieve::{RetrieveRequest, RetrieveResult, retrieve};
pub use types::{TypeInfo, by_directory, by_name, supported};
pub use work::{Mode, Work};

/// The namespace of every metadata file and of the Metadata API itself.
pub const NAMESPACE: &str = "http://soap.sforce.com/2006/04/metadata";

/// Whether there is a metadata type, or a type of parts of objects, of this name.
pub fn is_known(kind: &str) -> bool {
    types::known(kind).is_some()
}

/// Checks the `testLevel` of a deployment.
///
/// # Errors
/// A level that does not exist, or not yet in this version of the API.
pub fn check_test_level(level: &str, version: u16) -> Result<(), crate::ApiError> {
    let message = match level {
        "" | "NoTestRun" | "RunSpecifiedTests" | "RunLocalTests" | "RunAllTestsInOrg" => return Ok(()),
        "RunRelevantTests" if version >= 66 => return Ok(()),
        "RunRelevantTests" => "TestLevel cannot be 'RunRelevantTests' unless API version is 66.0 or later".to_owned(),
        _ => format!("'{level}' is not a valid value for the enum 'TestLevel'"),
    };
    Err(crate::ApiError::new("INVALID_OPERATION", message))
}
