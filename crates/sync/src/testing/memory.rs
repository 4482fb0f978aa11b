//! A destination that forgets everything when the process ends. It is the contract written down in the plainest way,
//! so that the other destinations have something to be compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    ChangeBatch, ChangeKind, Checkpoints, Destination, DestinationError, FollowCheckpoint, IdRange, LoadJob,
    RangeDigest, RecordId, Row, RowBatch, SnapshotPage, Table, TableId, TableState,
};

/// What survives when a [`MemoryDestination`] is dropped and opened again: the disk of this destination.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    open: bool,
    org_id: Option<String>,
    follow: Option<FollowCheckpoint>,
    /// By object name: a table's number belongs to one list of tables only.
    tables: BTreeMap<String, StoredTable>,
}

#[derive(Debug, Clone, Default)]
struct StoredTable {
    columns: Vec<crate::Column>,
    state: TableState,
    rows: BTreeMap<RecordId, Row>,
    staged: BTreeMap<RecordId, Row>,
}

/// A destination in memory.
#[derive(Debug)]
pub struct MemoryDestination {
    store: MemoryStore,
    tables: Mutex<Vec<Table>>,
}

impl MemoryStore {
    /// Opens it for one writer.
    ///
    /// # Errors
    /// [`DestinationError::InUse`] while another writer lives.
    pub fn connect(&self) -> Result<MemoryDestination, DestinationError> {
        let mut stored = self.0.lock();
        if stored.open {
            return Err(DestinationError::InUse { destination: "memory:".into() });
        }
        stored.open = true;
        Ok(MemoryDestination { store: self.clone(), tables: Mutex::default() })
    }

    /// What readers see of an object, in id order. A row has a cell for every column of its table.
    pub fn rows(&self, object: &str) -> Vec<Row> {
        self.0.lock().tables.get(object).map(|t| t.rows.values().cloned().collect()).unwrap_or_default()
    }

    /// Where the follower stopped.
    pub fn follow(&self) -> Option<FollowCheckpoint> {
        self.0.lock().follow.clone()
    }

    /// Changes rows behind the pipeline's back, as somebody with a SQL prompt might.
    pub fn tamper(&self, object: &str, change: impl FnOnce(&mut BTreeMap<RecordId, Row>)) {
        if let Some(table) = self.0.lock().tables.get_mut(object) {
            change(&mut table.rows);
        }
    }
}

impl Drop for MemoryDestination {
    fn drop(&mut self) {
        self.store.0.lock().open = false;
    }
}

fn failed(context: impl Into<String>) -> DestinationError {
    DestinationError::Database {
        context: context.into(),
        transient: false,
        source: "not allowed by the contract".into(),
    }
}

fn contains(range: &IdRange, id: &RecordId) -> bool {
    range.from.as_ref().is_none_or(|from| id >= from) && range.to.as_ref().is_none_or(|to| id < to)
}

impl StoredTable {
    fn open(&mut self, wanted: &Table) -> Result<TableState, DestinationError> {
        for column in &wanted.columns {
            match self.columns.iter().find(|c| c.field == column.field) {
                Some(have) if std::mem::discriminant(&have.ty) != std::mem::discriminant(&column.ty) => {
                    return Err(DestinationError::Altered {
                        table: wanted.object.clone(),
                        what: format!("column {} holds {:?}, not {:?}", column.field, have.ty, column.ty),
                    });
                }
                Some(_) => {}
                None => {
                    self.columns.push(column.clone());
                    self.state = TableState::Empty;
                }
            }
        }
        // Rows are kept in the order of the list given last.
        let old = std::mem::replace(&mut self.columns, wanted.columns.clone());
        let from: Vec<Option<usize>> =
            wanted.columns.iter().map(|c| old.iter().position(|o| o.field == c.field)).collect();
        for row in self.rows.values_mut().chain(self.staged.values_mut()) {
            *row = from.iter().map(|i| i.and_then(|i| row.get(i).cloned()).unwrap_or(crate::Cell::Null)).collect();
        }
        Ok(self.state.clone())
    }
}

impl MemoryDestination {
    fn with<T>(
        &self,
        id: TableId,
        f: impl FnOnce(&Table, &mut StoredTable) -> Result<T, DestinationError>,
    ) -> Result<T, DestinationError> {
        let tables = self.tables.lock();
        let table = find(&tables, id)?;
        let mut stored = self.store.0.lock();
        let entry = stored.tables.get_mut(&table.object).ok_or_else(|| failed(format!("find {}", table.object)))?;
        f(table, entry)
    }
}

fn find<'a>(tables: &'a MutexGuard<'_, Vec<Table>>, id: TableId) -> Result<&'a Table, DestinationError> {
    tables.iter().find(|t| t.id == id).ok_or_else(|| failed(format!("find table number {}", id.0)))
}

#[async_trait]
impl Destination for MemoryDestination {
    async fn open(&self, org_id: &str, tables: &[Table]) -> Result<Checkpoints, DestinationError> {
        let mut stored = self.store.0.lock();
        if let Some(found) = &stored.org_id
            && found != org_id
        {
            return Err(DestinationError::OtherOrg { expected: org_id.to_owned(), found: found.clone() });
        }
        let mut after = stored.tables.clone();
        let mut states = BTreeMap::new();
        for table in tables {
            states.insert(table.id, after.entry(table.object.clone()).or_default().open(table)?);
        }
        stored.tables = after;
        stored.org_id = Some(org_id.to_owned());
        *self.tables.lock() = tables.to_vec();
        Ok(Checkpoints { org_id: stored.org_id.clone(), follow: stored.follow.clone(), tables: states })
    }

    async fn begin(&self, table: TableId, job: &LoadJob) -> Result<(), DestinationError> {
        self.with(table, |_, stored| {
            stored.staged.clear();
            stored.state = TableState::Loading { job: job.clone(), pages: BTreeMap::new() };
            Ok(())
        })
    }

    async fn stage(&self, page: SnapshotPage<'_>) -> Result<u64, DestinationError> {
        let SnapshotPage { table, locator, mut parts } = page;
        let known = self.with(table, |t, stored| match &stored.state {
            TableState::Loading { pages, .. } => Ok(pages.contains_key(&locator)),
            _ => Err(failed(format!("stage a page of {}, which is not being loaded", t.object))),
        })?;
        if known {
            return Ok(0);
        }
        let mut rows = BTreeMap::new();
        let mut count = 0u64;
        while let Some(part) = parts.next().await {
            let part = part.map_err(DestinationError::Page)?;
            for row in 0..part.rows {
                let row = part.row(row);
                rows.insert(record_id(&row)?, row);
                count += 1;
            }
        }
        self.with(table, |t, stored| {
            let TableState::Loading { pages, .. } = &mut stored.state else {
                return Err(failed(format!("stage a page of {}, which is not being loaded", t.object)));
            };
            if pages.contains_key(&locator) {
                return Ok(0);
            }
            pages.insert(locator, count);
            stored.staged.extend(rows);
            Ok(count)
        })
    }

    async fn publish(&self, table: TableId) -> Result<u64, DestinationError> {
        self.with(table, |t, stored| {
            match stored.state {
                TableState::Loading { .. } => {
                    stored.rows = std::mem::take(&mut stored.staged);
                    stored.state = TableState::Live;
                }
                // The answer to an earlier call may have been lost.
                TableState::Live => {}
                TableState::Empty => return Err(failed(format!("publish {}, which was never loaded", t.object))),
            }
            Ok(stored.rows.len() as u64)
        })
    }

    async fn apply(&self, batch: &ChangeBatch) -> Result<(), DestinationError> {
        let tables = self.tables.lock();
        let mut stored = self.store.0.lock();
        // Rows as they will be; written when every change has found its place.
        let mut after: BTreeMap<(String, RecordId), Option<Row>> = BTreeMap::new();
        let mut missing = Vec::new();
        for change in &batch.changes {
            let table = find(&tables, change.table)?;
            let key = (table.object.clone(), change.record.clone());
            match &change.kind {
                ChangeKind::Upsert(row) => drop(after.insert(key, Some(row.clone()))),
                ChangeKind::Delete => drop(after.insert(key, None)),
                ChangeKind::Patch(cells) => {
                    let row = match after.get(&key) {
                        Some(row) => row.clone(),
                        None => stored.tables.get(&table.object).and_then(|t| t.rows.get(&change.record).cloned()),
                    };
                    let Some(mut row) = row else {
                        missing.push((change.table, change.record.clone()));
                        continue;
                    };
                    for (column, cell) in cells {
                        if let Some(place) = row.get_mut(column.0 as usize) {
                            *place = cell.clone();
                        }
                    }
                    after.insert(key, Some(row));
                }
            }
        }
        if !missing.is_empty() {
            return Err(DestinationError::RowsMissing(missing));
        }
        for ((object, record), row) in after {
            let rows = &mut stored.tables.entry(object).or_default().rows;
            match row {
                Some(row) => drop(rows.insert(record, row)),
                None => drop(rows.remove(&record)),
            }
        }
        stored.follow = Some(batch.checkpoint.clone());
        Ok(())
    }

    async fn digest(&self, table: TableId, range: &IdRange) -> Result<RangeDigest, DestinationError> {
        self.with(table, |t, stored| {
            let stamp = t.column("SystemModstamp").map(|(i, _)| i.0 as usize);
            let mut digest = RangeDigest { count: 0, newest: None };
            for (_, row) in stored.rows.iter().filter(|(id, _)| contains(range, id)) {
                digest.count += 1;
                if let Some(crate::Cell::DateTime(at)) = stamp.and_then(|i| row.get(i)) {
                    digest.newest = digest.newest.max(Some(*at));
                }
            }
            Ok(digest)
        })
    }

    async fn boundaries(
        &self,
        table: TableId,
        range: &IdRange,
        parts: usize,
    ) -> Result<Vec<RecordId>, DestinationError> {
        self.with(table, |_, stored| {
            let ids: Vec<&RecordId> = stored.rows.keys().filter(|id| contains(range, id)).collect();
            let mut cuts: Vec<RecordId> =
                (1..parts.max(1)).filter_map(|i| ids.get(i * ids.len() / parts)).map(|id| (*id).clone()).collect();
            cuts.dedup();
            cuts.retain(|cut| ids.first() != Some(&cut) && range.from.as_ref() != Some(cut));
            Ok(cuts)
        })
    }

    async fn rows(&self, table: TableId, range: &IdRange, limit: usize) -> Result<RowBatch, DestinationError> {
        self.with(table, |t, stored| {
            let mut batch = RowBatch::new(t);
            for (_, row) in stored.rows.iter().filter(|(id, _)| contains(range, id)).take(limit) {
                batch.push_row(row);
            }
            Ok(batch)
        })
    }
}

fn record_id(row: &Row) -> Result<RecordId, DestinationError> {
    match row.first() {
        Some(crate::Cell::Text(id)) => Ok(RecordId(id.clone())),
        _ => Err(failed("stage a row without an Id")),
    }
}
