//! Open queries: the rest of a result that did not fit on a page.
//!
//! A cursor keeps the rows as they were when the query ran, so its pages fit together whatever is written between
//! them. Parents and children are read when their page is.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::expr::Record;
use super::plan::{Env, Plan};
use super::select::Children;
use crate::store::Row;
use crate::{ApiError, Millis, RecordId};

/// How long a cursor lives. Documented: two days.
const LIFE_MS: Millis = 2 * 24 * 60 * 60 * 1000;
/// Rows that all cursors together may hold. Salesforce has no such bound; a process on a laptop has. The oldest
/// cursors give way.
const ROWS_MAX: usize = 20_000_000;

/// The open queries of an org.
#[derive(Debug, Default)]
pub struct Cursors {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    rows: usize,
    /// Ids are given in order, so the first is the oldest.
    cursors: BTreeMap<RecordId, Arc<Cursor>>,
}

/// One open query.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) plan: Arc<Plan>,
    pub(crate) rows: Vec<(RecordId, Arc<Row>)>,
    pub(crate) page: usize,
    pub(crate) all: bool,
    expires: Millis,
}

impl Cursors {
    /// Keeps a result; gives the first part of its locators.
    pub(crate) fn open(
        &self,
        now: Millis,
        plan: Arc<Plan>,
        page: usize,
        records: &[Record<'_>],
        all: bool,
    ) -> RecordId {
        let rows = records.iter().map(|r| (r.id, Arc::clone(r.row))).collect::<Vec<_>>();
        let mut open = self.open.lock();
        let old: Vec<RecordId> = open.cursors.iter().filter(|(_, c)| c.expires <= now).map(|(id, _)| *id).collect();
        for id in old {
            open.close(id);
        }
        while open.rows + rows.len() > ROWS_MAX
            && let Some(id) = open.cursors.keys().next().copied()
        {
            open.close(id);
        }
        open.next += 1;
        let id = RecordId::new(*b"0r8", *b"TG", open.next);
        open.rows += rows.len();
        open.cursors.insert(id, Arc::new(Cursor { plan, rows, page, all, expires: now + LIFE_MS }));
        id
    }

    /// Keeps a long set of children.
    pub(super) fn open_children(
        &self,
        now: Millis,
        children: &Children,
        page: usize,
        records: &[Record<'_>],
        env: &Env<'_>,
    ) -> RecordId {
        self.open(now, Arc::clone(&children.plan), page, records, env.all)
    }

    /// The cursor and offset that a locator names.
    ///
    /// # Errors
    /// `INVALID_QUERY_LOCATOR` for one that is unknown, expired or malformed.
    pub(crate) fn find(&self, now: Millis, locator: &str) -> Result<(Arc<Cursor>, usize), ApiError> {
        let invalid = || ApiError::new("INVALID_QUERY_LOCATOR", "invalid query locator");
        let (id, offset) = locator.split_once('-').ok_or_else(invalid)?;
        let id = RecordId::parse(id).ok_or_else(invalid)?;
        let offset: usize = offset.parse().map_err(|_| invalid())?;
        let cursor = self.open.lock().cursors.get(&id).cloned().ok_or_else(invalid)?;
        if cursor.expires <= now || offset > cursor.rows.len() {
            return Err(invalid());
        }
        Ok((cursor, offset))
    }
}

impl Open {
    fn close(&mut self, id: RecordId) {
        if let Some(cursor) = self.cursors.remove(&id) {
            self.rows -= cursor.rows.len();
        }
    }
}
