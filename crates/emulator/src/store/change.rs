//! What a transaction did to a record.

use std::sync::Arc;

use super::Row;
use crate::RecordId;
use crate::schema::{FieldId, ObjectId};

/// A record before and after one transaction, as the event bus and the indexes are told.
#[derive(Debug, Clone)]
pub struct RecordChange {
    /// Which object.
    pub object: ObjectId,
    /// Which record.
    pub id: RecordId,
    /// What happened.
    pub kind: ChangeKind,
    /// The row before; `None` for a create.
    pub before: Option<Arc<Row>>,
    /// The row after; for a delete the row with `IsDeleted` true, `None` for a hard delete.
    pub after: Option<Arc<Row>>,
    /// Fields whose value differs, in describe order; empty for creates, deletes and undeletes. For an update by a
    /// user `LastModifiedDate` is always among them, even when the second is still the same.
    pub changed: Vec<FieldId>,
}

/// What a transaction did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Made.
    Create,
    /// Changed.
    Update,
    /// Moved to the recycle bin, or deleted for good.
    Delete,
    /// Taken back from the recycle bin.
    Undelete,
}
