//! `FOR VIEW`, `FOR REFERENCE`, `UPDATE TRACKING` and `UPDATE VIEWSTAT`: what a query leaves behind.
//!
//! A query reads; what it should note is told in its page, and whoever holds the org notes it afterwards.

use tidegate_soql::ast::{ForClause, Query};

use super::expr::Record;
use crate::schema::ObjectId;
use crate::{Millis, Org, RecordId};

/// Records that a query with `FOR VIEW` or `FOR REFERENCE` has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Views {
    object: ObjectId,
    records: Vec<RecordId>,
    /// `FOR VIEW`: seen; else only referred to, as in a lookup.
    viewed: bool,
}

impl Views {
    /// What a query notes of these records; `None` for an ordinary query. `UPDATE TRACKING` and `UPDATE VIEWSTAT`
    /// count keywords and views of Knowledge articles, which this org does not have: they note nothing.
    pub(super) fn of(query: &Query, object: ObjectId, records: &[Record<'_>]) -> Option<Self> {
        let viewed = query.for_clauses.contains(&ForClause::View);
        let referenced = query.for_clauses.contains(&ForClause::Reference);
        (viewed || referenced).then(|| Self { object, records: records.iter().map(|r| r.id).collect(), viewed })
    }

    /// Notes them: a view enters the user's list of what was looked at lately and moves `LastViewedDate` and
    /// `LastReferencedDate`; a reference moves the latter alone (documented). It is no save: neither `SystemModstamp`
    /// nor an event tells of it.
    pub fn note(&self, org: &mut Org, user: RecordId, now: Millis) {
        if !self.viewed {
            return org.touch_views(self.object, &self.records, now, &["LastReferencedDate"]);
        }
        for id in &self.records {
            org.note_view(user, self.object, *id, now);
        }
    }
}
