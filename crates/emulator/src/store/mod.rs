//! Where records are kept: one table of rows per object, in id order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::schema::{FieldId, ObjectId};
use crate::{RecordId, Value};

mod row;

pub use row::Row;

/// Every record of the org, live and soft-deleted.
#[derive(Debug, Clone, Default)]
pub struct Store {
    tables: Vec<Table>,
}

/// The records of one object, in id order. Soft-deleted records stay here, with `IsDeleted` true, until they leave
/// the recycle bin.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: BTreeMap<RecordId, Arc<Row>>,
    next_number: u64,
}

impl Store {
    /// The table of this object; empty where nothing was stored yet.
    pub fn table(&self, object: ObjectId) -> Option<&Table> {
        self.tables.get(usize::from(object.0))
    }

    /// The table of this object, made when missing.
    pub fn table_mut(&mut self, object: ObjectId) -> &mut Table {
        let at = usize::from(object.0);
        if self.tables.len() <= at {
            self.tables.resize_with(at + 1, Table::default);
        }
        &mut self.tables[at]
    }

    /// One record, live or deleted. Clone the [`Arc`] to keep it as it is now: a change puts a new row in its place.
    pub fn get(&self, object: ObjectId, id: RecordId) -> Option<&Arc<Row>> {
        self.table(object)?.rows.get(&id)
    }
}

impl Table {
    /// Rows in id order, live and deleted.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (RecordId, &Arc<Row>)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// How many rows there are, live and deleted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Puts a row, without any check: the DML layer and the seed have checked it.
    pub fn put(&mut self, id: RecordId, row: Row) {
        self.rows.insert(id, Arc::new(row));
    }

    /// Takes a row out for good.
    pub fn remove(&mut self, id: RecordId) -> Option<Arc<Row>> {
        self.rows.remove(&id)
    }

    /// The number of the next new id.
    pub fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

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
    /// Fields whose value differs, in describe order; empty for creates, deletes and undeletes.
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

/// Values by field, for building a row.
pub type Values = BTreeMap<FieldId, Value>;
