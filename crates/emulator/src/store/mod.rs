//! Where records are kept: one table of rows per object, in id order, with its indexes and its recycle bin.
//!
//! The store knows fields by number only: what may be written is the business of [`crate::dml`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::schema::{FieldId, ObjectId};
use crate::{Millis, RecordId, Value};

mod blobs;
mod change;
mod image;
mod index;
mod maker;
mod row;
mod table;

pub use blobs::Blobs;
pub use change::{ChangeKind, RecordChange};
pub use image::Image;
pub(crate) use maker::{Held, Maker};
pub use row::Row;
pub(crate) use row::{Places, RawValue};
pub(crate) use table::State;
pub use table::{Binned, Table};

/// Every record of the org, live and soft-deleted.
#[derive(Debug, Default)]
pub struct Store {
    /// The bytes of files.
    pub blobs: Blobs,
    tables: Vec<Table>,
    groups: u64,
    purged_at: Millis,
    /// Members of the deletes that took more than one record, by [`Binned::group`].
    cascades: HashMap<u64, Vec<(ObjectId, RecordId)>>,
    held: Held,
}

/// Rows that may be held although they could be made again. Not a bound of Salesforce: it keeps the memory of an org
/// of ten million records within a few gigabytes.
pub const HELD_MAX: usize = 2_500_000;

/// Values by field, for building a row.
pub type Values = std::collections::BTreeMap<FieldId, Value>;

impl Store {
    /// The table of this object; `None` where nothing was stored yet.
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

    /// Every table that was ever written to, with its object.
    pub fn tables(&self) -> impl Iterator<Item = (ObjectId, &Table)> {
        self.tables.iter().enumerate().map(|(at, table)| (ObjectId(at as u16), table))
    }

    /// One record, live or deleted. Clone the [`Arc`] to keep it as it is now: a change puts a new row in its place.
    pub fn get(&self, object: ObjectId, id: RecordId) -> Option<&Arc<Row>> {
        self.table(object)?.get(id)
    }

    /// One record, if it is live.
    pub fn live(&self, object: ObjectId, id: RecordId) -> Option<&Arc<Row>> {
        let table = self.table(object)?;
        if table.is_deleted(id) { None } else { table.get(id) }
    }

    /// Live records whose field holds this value, in id order. Text is compared without regard to case; a caller
    /// with a case-sensitive field looks at the hits. Null finds nothing.
    ///
    /// The first search of a field builds its index; from then on it is kept.
    pub fn find_by(&self, object: ObjectId, field: FieldId, value: &Value) -> Vec<RecordId> {
        self.table(object).map_or_else(Vec::new, |table| table.find_by(field, value.into()))
    }

    /// Live records whose reference field points at this parent, in id order.
    pub fn children(&self, object: ObjectId, field: FieldId, parent: RecordId) -> Vec<RecordId> {
        self.find_by(object, field, &Value::Id(parent))
    }

    /// A number for what one delete takes, and a note of its members. Parents come first.
    pub(crate) fn next_group(&mut self, members: &[(ObjectId, RecordId)]) -> u64 {
        self.groups += 1;
        if members.len() > 1 {
            self.cascades.insert(self.groups, members.to_vec());
        }
        self.groups
    }

    /// What is in the recycle bin because of this delete, parents first. A delete of one record alone has no entry.
    pub(crate) fn group(&self, group: u64) -> Vec<(ObjectId, RecordId)> {
        let members = self.cascades.get(&group).map_or(&[][..], Vec::as_slice);
        members.iter().filter(|member| self.is_in_group(group, member)).copied().collect()
    }

    /// How many rows are held although they could be made again.
    #[cfg(test)]
    pub(crate) fn held_now(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn is_in_group(&self, group: u64, (object, id): &(ObjectId, RecordId)) -> bool {
        let binned = self.table(*object).and_then(|table| table.binned(*id));
        binned.is_some_and(|binned| binned.group == group)
    }

    /// The count of rows that are held although they could be made again.
    pub(crate) fn held(&self) -> Held {
        Arc::clone(&self.held)
    }

    /// Whether more rows are held than [`HELD_MAX`].
    pub fn is_overfull(&self) -> bool {
        self.held.load(Ordering::Relaxed) > HELD_MAX
    }

    /// Lets go of every row that can be made again, but for those that somebody else looks at.
    pub fn trim(&mut self) {
        let left = self.tables.iter_mut().map(Table::trim).sum();
        self.held.store(left, Ordering::Relaxed);
    }

    /// Whether the recycle bin was last looked through more than an hour ago; says so once.
    pub(crate) fn purge_is_due(&mut self, now: Millis) -> bool {
        let due = now.saturating_sub(self.purged_at) > 60 * 60 * 1000;
        if due {
            self.purged_at = now;
        }
        due
    }

    /// Takes out for good what has been in the recycle bin since `before` or longer, and forgets deletions as old.
    /// Answers how many records left.
    pub fn purge(&mut self, before: Millis) -> usize {
        let purged = self.tables.iter_mut().map(|table| table.purge(before)).sum();
        let mut cascades = std::mem::take(&mut self.cascades);
        cascades.retain(|group, members| members.iter().any(|member| self.is_in_group(*group, member)));
        self.cascades = cascades;
        purged
    }
}
