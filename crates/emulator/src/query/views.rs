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

    /// Notes them: `LastViewedDate` and `LastReferencedDate` move for a view, the latter alone for a reference
    /// (documented). It is no save: neither `SystemModstamp` nor an event tells of it.
    pub fn note(&self, org: &mut Org, user: RecordId, now: Millis) {
        let fields: &[&str] =
            if self.viewed { &["LastViewedDate", "LastReferencedDate"] } else { &["LastReferencedDate"] };
        note(org, self, fields, user, now);
    }
}

fn note(org: &mut Org, views: &Views, fields: &[&str], user: RecordId, now: Millis) {
    let schema = std::sync::Arc::clone(&org.schema);
    let facts = schema.object(views.object);
    // Only what this user may look at counts, which is every live record; whose view it was is not kept.
    let _ = user;
    let at = crate::Value::DateTime(now - now.rem_euclid(1000));
    let places: Vec<_> = fields.iter().filter_map(|name| facts.field(name)).map(|(id, _)| id).collect();
    if places.is_empty() {
        return;
    }
    for id in &views.records {
        let Some(row) = org.store.live(views.object, *id) else { continue };
        let mut values = row.to_values();
        values.extend(places.iter().map(|field| (*field, at.clone())));
        org.store.table_mut(views.object).put(*id, crate::store::Row::new(&values));
    }
}
