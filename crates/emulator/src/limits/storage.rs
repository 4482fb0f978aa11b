//! How much room the records take. Salesforce counts by kind of record, not by content.

use crate::schema::Schema;
use crate::settings::Settings;
use crate::store::Store;
use crate::{ApiError, Value};

/// Bytes of most records. A few kinds count more or less, and users, metadata and the like count nothing.
const RECORD_BYTES: u64 = 2 * 1024;

/// What is stored, in whole megabytes begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Records.
    pub data_mb: u64,
    /// Files.
    pub file_mb: u64,
}

/// Bytes that a record of this object counts.
fn record_bytes(name: &str) -> u64 {
    match name {
        "Campaign" => 8 * 1024,
        "OpportunityContactRole" | "AccountContactRole" | "CaseContactRole" | "CampaignMember" => 1024,
        "User" | "Organization" | "Profile" | "UserRole" | "RecordType" | "Group" | "GroupMember" | "Name"
        | "LeadStatus" => 0,
        name if name.ends_with("__mdt") || name.ends_with("__e") || file_size_field(name).is_some() => 0,
        _ => RECORD_BYTES,
    }
}

/// The field that says how large a file is, of the objects that are files.
fn file_size_field(name: &str) -> Option<&'static str> {
    match name {
        "ContentVersion" => Some("ContentSize"),
        "Attachment" | "Document" => Some("BodyLength"),
        _ => None,
    }
}

/// What the org's records take. Those in the recycle bin do not count.
pub fn storage(schema: &Schema, store: &Store) -> Storage {
    let (mut data, mut files) = (0u64, 0u64);
    for (id, table) in store.tables() {
        let object = schema.object(id);
        let live = u64::try_from(table.live_len()).unwrap_or(u64::MAX);
        data = data.saturating_add(live.saturating_mul(record_bytes(&object.name)));
        let size = file_size_field(&object.name).and_then(|field| object.field(field));
        if let Some((size, _)) = size {
            for (_, row) in table.live_rows() {
                if let Value::Int(bytes) = row.get(size) {
                    files = files.saturating_add(u64::try_from(bytes).unwrap_or(0));
                }
            }
        }
    }
    Storage { data_mb: data.div_ceil(super::MB), file_mb: files.div_ceil(super::MB) }
}

/// The error of every create once the records take more than the org has, where that is enforced.
pub(crate) fn storage_exceeded(schema: &Schema, store: &Store, settings: &Settings) -> Option<ApiError> {
    let full = settings.enforce_storage && storage(schema, store).data_mb > settings.data_storage_mb;
    full.then(|| ApiError::new("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"))
}
