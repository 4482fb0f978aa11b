//! The records of one object.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

use super::Row;
use super::image::TableImage;
use super::index::{Index, same};
use crate::id::INSTANCE;
use crate::schema::FieldId;
use crate::value::ValueRef;
use crate::{Millis, RecordId, Value};

/// The records of one object, in id order. Soft-deleted records stay here, with `IsDeleted` true, until they leave
/// the recycle bin.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<RecordId, Arc<Row>>,
    bin: BTreeMap<RecordId, Binned>,
    log: BTreeMap<RecordId, Millis>,
    /// Built when a field is first searched: behind a lock, because readers share the org.
    indexes: RwLock<HashMap<FieldId, Index>>,
    counters: HashMap<FieldId, u64>,
    next_number: u64,
}

/// How a record came into the recycle bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binned {
    /// When.
    pub at: Millis,
    /// The delete that took it: the same number for the record that was asked for and for all that went with it.
    pub group: u64,
    /// Whether this is the record that was asked for.
    pub root: bool,
}

impl Table {
    /// Rows in id order, live and deleted.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (RecordId, &Arc<Row>)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// Rows in id order, live only.
    pub fn live_rows(&self) -> impl DoubleEndedIterator<Item = (RecordId, &Arc<Row>)> {
        self.rows().filter(|(id, _)| !self.is_deleted(*id))
    }

    /// Rows in id order from this id on, live and deleted.
    pub fn rows_from(&self, id: RecordId) -> impl DoubleEndedIterator<Item = (RecordId, &Arc<Row>)> {
        self.rows.range(id..).map(|(id, row)| (*id, row))
    }

    /// One row, live or deleted.
    pub fn get(&self, id: RecordId) -> Option<&Arc<Row>> {
        self.rows.get(&id)
    }

    /// The table as it is now; rows are shared.
    pub(super) fn image(&self) -> TableImage {
        TableImage {
            rows: self.rows.iter().map(|(id, row)| (*id, row.clone(), self.binned(*id))).collect(),
            log: self.log.iter().map(|(id, at)| (*id, *at)).collect(),
            counters: self.counters.iter().map(|(field, value)| (*field, *value)).collect(),
            next_number: self.next_number,
        }
    }

    /// The table that an image was taken of.
    pub(super) fn from_image(image: TableImage) -> Self {
        let bin = image.rows.iter().filter_map(|(id, _, binned)| Some((*id, (*binned)?))).collect();
        Self {
            rows: image.rows.into_iter().map(|(id, row, _)| (id, row)).collect(),
            bin,
            log: image.log.into_iter().collect(),
            indexes: RwLock::default(),
            counters: image.counters.into_iter().collect(),
            next_number: image.next_number,
        }
    }

    /// How many rows there are, live and deleted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many rows are live.
    pub fn live_len(&self) -> usize {
        self.rows.len() - self.bin.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether this record is in the recycle bin.
    pub fn is_deleted(&self, id: RecordId) -> bool {
        !self.bin.is_empty() && self.bin.contains_key(&id)
    }

    /// How a record came into the recycle bin; `None` when it is not there.
    pub fn binned(&self, id: RecordId) -> Option<Binned> {
        self.bin.get(&id).copied()
    }

    /// The recycle bin, in id order.
    pub fn bin(&self) -> impl Iterator<Item = (RecordId, Binned)> {
        self.bin.iter().map(|(id, binned)| (*id, *binned))
    }

    /// Deletions that are still remembered and were not undone, in id order: soft and hard, with their times.
    pub fn deletions(&self) -> impl Iterator<Item = (RecordId, Millis)> {
        self.log.iter().map(|(id, at)| (*id, *at))
    }

    /// Puts a live row, without any check: the DML layer and the seed have checked it. A record that was in the
    /// recycle bin leaves it.
    pub fn put(&mut self, id: RecordId, row: Row) {
        self.set(id, Some((Arc::new(row), None)));
        self.log.remove(&id);
    }

    /// Puts a row that is in the recycle bin, without any check.
    pub fn put_deleted(&mut self, id: RecordId, row: Row, binned: Binned) {
        self.set(id, Some((Arc::new(row), Some(binned))));
        self.log.insert(id, binned.at);
    }

    /// Fills an empty table with rows in id order, these of them in the recycle bin, as the seed does: without any
    /// check, and packed closer than one by one. `count` numbers of ids and of these auto-number fields are used up.
    pub(crate) fn fill(
        &mut self,
        rows: Vec<(RecordId, Arc<Row>)>,
        bin: Vec<(RecordId, Binned)>,
        count: u64,
        numbered: &[FieldId],
    ) {
        if self.rows.is_empty() {
            self.rows = rows.into_iter().collect();
        } else {
            self.rows.extend(rows);
        }
        self.log.extend(bin.iter().map(|(id, binned)| (*id, binned.at)));
        self.bin.extend(bin);
        self.indexes.get_mut().clear();
        self.next_number = self.next_number.max(count);
        for field in numbered {
            let counter = self.counters.entry(*field).or_default();
            *counter = (*counter).max(count);
        }
    }

    /// Lets go of what can be made again. Answers how many rows are held all the same, because they are shared.
    pub(super) fn trim(&mut self) -> usize {
        let mut left = 0;
        for row in self.rows.values_mut() {
            match Arc::get_mut(row) {
                Some(row) => row.forget(),
                None => left += usize::from(row.is_held()),
            }
        }
        left
    }

    /// Takes a row out for good.
    pub fn remove(&mut self, id: RecordId) -> Option<Arc<Row>> {
        self.set(id, None).map(|(row, _)| row)
    }

    /// The number of the next new id.
    pub fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The next new id with this prefix: one that no record of the table has, however that came here.
    pub fn next_id(&mut self, prefix: [u8; 3]) -> RecordId {
        loop {
            let id = RecordId::new(prefix, INSTANCE, self.next_number());
            if !self.rows.contains_key(&id) {
                return id;
            }
        }
    }

    /// The next value of an auto-number field, from 1. Numbers of rolled back records are not used again, as in a
    /// real org.
    pub fn next_auto_number(&mut self, field: FieldId) -> u64 {
        let counter = self.counters.entry(field).or_default();
        *counter += 1;
        *counter
    }

    /// Gives every row, live or deleted, another value of this field: the schema changed, no user wrote.
    pub(crate) fn rewrite(&mut self, field: FieldId, mut value: impl FnMut(&Row) -> Value) {
        for row in self.rows.values_mut() {
            let new = value(row);
            if row.get(field) != new {
                let mut values = row.to_values();
                values.insert(field, new);
                *row = Arc::new(Row::new(&values));
            }
        }
        self.indexes.get_mut().remove(&field);
    }

    /// Takes every row out for good, the recycle bin and the log of deletions with them.
    pub(crate) fn clear(&mut self) {
        let next_number = self.next_number;
        *self = Self { next_number, ..Self::default() };
    }

    /// Makes this the last number that an auto-number field was given.
    pub(crate) fn set_auto_number(&mut self, field: FieldId, last: u64) {
        self.counters.insert(field, last);
    }

    /// Remembers a deletion for `getDeleted`, or forgets it.
    pub(crate) fn set_deletion(&mut self, id: RecordId, at: Option<Millis>) {
        match at {
            Some(at) => self.log.insert(id, at),
            None => self.log.remove(&id),
        };
    }

    /// When this record was deleted, if that is remembered.
    pub(crate) fn deletion(&self, id: RecordId) -> Option<Millis> {
        self.log.get(&id).copied()
    }

    /// A record's row and place; `None` where there is none.
    pub(crate) fn state(&self, id: RecordId) -> State {
        self.rows.get(&id).map(|row| (row.clone(), self.binned(id)))
    }

    /// Puts a record into this state and gives the one before. Indexes follow.
    pub(crate) fn set(&mut self, id: RecordId, state: State) -> State {
        let before = match &state {
            Some((row, _)) => self.rows.insert(id, row.clone()),
            None => self.rows.remove(&id),
        };
        let was_binned = self.bin.remove(&id);
        let live = match state {
            Some((row, None)) => Some(row),
            Some((_, Some(binned))) => {
                self.bin.insert(id, binned);
                None
            }
            None => None,
        };
        for (field, index) in self.indexes.get_mut() {
            let old = match (&before, was_binned) {
                (Some(row), None) => row.get_ref(*field),
                _ => ValueRef::Null,
            };
            let new = live.as_ref().map_or(ValueRef::Null, |row| row.get_ref(*field));
            if old != new {
                index.remove(id, old);
                index.insert(id, new);
            }
        }
        before.map(|row| (row, was_binned))
    }

    pub(super) fn find_by(&self, field: FieldId, value: ValueRef<'_>) -> Vec<RecordId> {
        if value.is_null() || self.rows.is_empty() {
            return Vec::new();
        }
        let hits = |index: &Index| {
            let holds = |id: &RecordId| self.rows.get(id).is_some_and(|row| same(row.here().get_ref(field), value));
            index.candidates(value).filter(holds).collect()
        };
        if let Some(index) = self.indexes.read().get(&field) {
            return hits(index);
        }
        let mut built = Index::default();
        for (id, row) in self.live_rows() {
            built.insert(id, row.here().get_ref(field));
        }
        hits(self.indexes.write().entry(field).or_insert(built))
    }

    pub(super) fn purge(&mut self, before: Millis) -> usize {
        let old: Vec<_> = self.bin.iter().filter(|(_, binned)| binned.at <= before).map(|(id, _)| *id).collect();
        for id in &old {
            self.set(*id, None);
        }
        self.log.retain(|_, at| *at > before);
        old.len()
    }
}

/// A record's row, and how it came into the recycle bin if it is there; `None` for no record.
pub(crate) type State = Option<(Arc<Row>, Option<Binned>)>;
