//! What happened to a record, in a destination's words.

use crate::{Cell, ColumnIndex, FollowCheckpoint, RecordId, TableId};

/// One record's change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The table.
    pub table: TableId,
    /// The record.
    pub record: RecordId,
    /// The server's time of the change (or of the read that this row came from), milliseconds since the epoch.
    pub at: i64,
    /// What to do.
    pub kind: ChangeKind,
}

/// What to do with a record.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeKind {
    /// The whole row is known: insert it, or put it in place of the one that is there.
    Upsert(Row),
    /// Only these columns changed. The row must be there: see [`crate::DestinationError::RowsMissing`].
    Patch(Vec<(ColumnIndex, Cell)>),
    /// The row goes. Deleting a row that is not there is no error.
    Delete,
}

/// A cell for every column of the table, in order.
pub type Row = Vec<Cell>;

/// Changes in the order in which they happened, and the position that stands behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeBatch {
    /// May be empty: a keep-alive moves the position and nothing else.
    pub changes: Vec<Change>,
    /// Stored in the same transaction.
    pub checkpoint: FollowCheckpoint,
}
