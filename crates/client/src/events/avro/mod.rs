//! Change events and platform events in their binary form: Avro, a header, bitmaps of what changed.
//!
//! For those who keep events as they came ([`super::RawSubscription`]). [`super::Subscription`] decodes by itself.

mod binary;
pub mod bitmap;
mod encode;
mod form;
mod schema;

use apache_avro::types::Value;

pub use encode::FieldError;
pub use form::FieldForm;
pub(super) use form::json;
pub use schema::{EventField, EventSchema};

/// A value that is not what the schema promises. Tells where and what was expected, never the value itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}")]
pub struct DecodeError {
    /// Where: the field, and the record where known.
    pub place: String,
    /// What should have stood there.
    pub expected: String,
}

impl DecodeError {
    /// `expected` should have stood at `place`.
    pub fn new(place: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: place.into(), expected: expected.into() }
    }
}

/// What happened to the records of a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are Salesforce's")]
pub enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
    GapCreate,
    GapUpdate,
    GapDelete,
    GapUndelete,
    GapOverflow,
    Snapshot,
    /// Something that a later version invented.
    Unknown,
}

/// The header of a change event as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The object's API name.
    pub entity: String,
    /// The records; one id, or `001*`, or several in a merged event.
    pub record_ids: Vec<String>,
    /// What happened.
    pub change_type: ChangeType,
    /// Which API made the change, and which client where it said so; may be empty.
    pub change_origin: String,
    /// The same for all events of a transaction.
    pub transaction_key: String,
    /// Counts within the transaction, with holes.
    pub sequence_number: i32,
    /// Milliseconds since the epoch, in whole seconds.
    pub commit_timestamp: i64,
    /// The system's own number of the commit; uses all 64 bits.
    pub commit_number: i64,
    /// The user who made the change.
    pub commit_user: String,
    /// Bitmaps of the fields that were cleared.
    pub nulled: Vec<String>,
    /// Bitmaps of the fields that hold a difference instead of a value.
    pub diff: Vec<String>,
    /// Bitmaps of the fields that changed.
    pub changed: Vec<String>,
}

/// A decoded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The header.
    pub header: Header,
    /// The fields in the schema's order, the header included; `None` when only the header could be read.
    pub body: Option<Vec<Value>>,
}

impl Header {
    /// A number that tells this event from others; equal for every delivery of the same event.
    ///
    /// FNV-1a: stays the same over versions of the compiler, unlike the standard library's.
    pub fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(self.transaction_key.as_bytes());
        add(&self.sequence_number.to_be_bytes());
        add(self.entity.as_bytes());
        for id in &self.record_ids {
            add(id.as_bytes());
        }
        hash
    }
}

impl ChangeType {
    /// By Salesforce's name.
    pub fn named(name: &str) -> Self {
        match name {
            "CREATE" => Self::Create,
            "UPDATE" => Self::Update,
            "DELETE" => Self::Delete,
            "UNDELETE" => Self::Undelete,
            "GAP_CREATE" => Self::GapCreate,
            "GAP_UPDATE" => Self::GapUpdate,
            "GAP_DELETE" => Self::GapDelete,
            "GAP_UNDELETE" => Self::GapUndelete,
            "GAP_OVERFLOW" => Self::GapOverflow,
            "SNAPSHOT" => Self::Snapshot,
            _ => Self::Unknown,
        }
    }

    /// Salesforce's name; `UNKNOWN` for one that this version does not know.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
            Self::GapCreate => "GAP_CREATE",
            Self::GapUpdate => "GAP_UPDATE",
            Self::GapDelete => "GAP_DELETE",
            Self::GapUndelete => "GAP_UNDELETE",
            Self::GapOverflow => "GAP_OVERFLOW",
            Self::Snapshot => "SNAPSHOT",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether the event only says that something happened, and not what: the records have to be read.
    pub fn is_gap(self) -> bool {
        matches!(self, Self::GapCreate | Self::GapUpdate | Self::GapDelete | Self::GapUndelete)
    }
}

#[cfg(test)]
pub(crate) mod tests;
