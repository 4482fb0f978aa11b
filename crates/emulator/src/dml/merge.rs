//! Merging records: one stays, up to two others go to the recycle bin, and what pointed at them points at the one.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_merge.htm>

use std::collections::BTreeSet;

use super::transaction::{Cause, Transaction};
use super::{Input, WriteContext, WriteOptions, convert_lead, errors, reference};
use crate::schema::{ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, Org, RecordId, Value};

/// Records that can be merged into another at once. Documented: three records together, the master among them.
const LOSERS_MAX: usize = 2;

/// One merge.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The object of all of its records.
    pub object: ObjectId,
    /// The record that stays.
    pub master: RecordId,
    /// Values that the master gets on the way. What is not named stays as the master has it, empty or not.
    pub fields: Vec<(String, Input)>,
    /// The records that go.
    pub losers: Vec<RecordId>,
}

/// A merge that worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The record that stayed.
    pub id: RecordId,
    /// The records that went.
    pub losers: Vec<RecordId>,
    /// Records that pointed at one that went, and now point at the master; in the order of their ids.
    pub related: Vec<RecordId>,
}

impl Org {
    /// Merges records, each merge whole or not at all, and all of them in one transaction.
    ///
    /// The losers go to the recycle bin with `MasterRecordId`, and their children move to the master. Children are
    /// moved by the user who merges: their `LastModifiedDate` moves as well (practitioners report it), though no trigger
    /// sees them (documented).
    ///
    /// # Errors
    /// Per merge: an object that cannot be merged (`INVALID_TYPE_FOR_OPERATION`), no loser or too many
    /// (`MERGE_FAILED`, wording unconfirmed), a record that is not there or deleted, a converted lead, and whatever an
    /// update of the master can answer.
    pub fn merge(
        &mut self,
        context: &WriteContext,
        options: WriteOptions,
        merges: Vec<Merge>,
    ) -> Vec<Result<Merged, Vec<ApiError>>> {
        self.each(context, options, merges, |tx, merge| tx.merge(merge))
    }
}

impl Transaction<'_> {
    fn merge(&mut self, merge: Merge) -> Result<Merged, Vec<ApiError>> {
        let Merge { object, master, fields, losers } = merge;
        let facts = self.object(object);
        if facts.field("MasterRecordId").is_none() {
            return Err(vec![errors::not_supported(&facts, "merge")]);
        }
        check_shape(master, &losers).map_err(|e| vec![e])?;
        for id in std::iter::once(&master).chain(&losers) {
            let row = self.find_live(object, &facts, *id).map_err(|e| vec![e])?;
            if convert_lead::is_converted(&facts, &row) {
                return Err(vec![errors::converted_lead()]);
            }
        }
        let mut related = BTreeSet::new();
        for loser in &losers {
            self.reparent(object, *loser, master, &losers, &mut related).map_err(|e| vec![e])?;
            self.note_master(object, &facts, *loser, master);
            self.delete(object, *loser, false).map_err(|e| vec![e])?;
        }
        // After the losers, so that the master can take over what only one record may hold.
        self.update(object, master, fields)?;
        related.remove(&master);
        Ok(Merged { id: master, losers, related: related.into_iter().collect() })
    }

    /// Lets everything that points at one record point at another.
    fn reparent(
        &mut self,
        object: ObjectId,
        from: RecordId,
        to: RecordId,
        losers: &[RecordId],
        moved: &mut BTreeSet<RecordId>,
    ) -> Result<(), ApiError> {
        for incoming in self.incoming(object).iter() {
            let facts = self.object(incoming.child);
            let field = facts.field_at(incoming.field);
            if field.name == "MasterRecordId" {
                continue;
            }
            for child in self.store.children(incoming.child, incoming.field, from) {
                // What goes itself keeps its place, for the day it is taken back.
                if losers.contains(&child) {
                    continue;
                }
                let Some(row) = self.store.get(incoming.child, child).cloned() else { continue };
                let mut values = row.to_values();
                if child == to {
                    // The master was below the record that went: nobody is above himself.
                    values.remove(&incoming.field);
                } else {
                    values.insert(incoming.field, Value::Id(to));
                    let given = Values::from([(incoming.field, Value::Id(to))]);
                    if let Some(error) = reference::circle(self, incoming.child, child, &given) {
                        return Err(error);
                    }
                }
                self.touch(&facts, &mut values, true);
                self.put(incoming.child, child, &values, Cause::User);
                moved.insert(child);
            }
        }
        Ok(())
    }

    fn note_master(&mut self, object: ObjectId, facts: &ObjectType, loser: RecordId, master: RecordId) {
        let Some(row) = self.store.get(object, loser).cloned() else { return };
        let Some((field, _)) = facts.field("MasterRecordId") else { return };
        let mut values = row.to_values();
        values.insert(field, Value::Id(master));
        self.put(object, loser, &values, Cause::User);
    }
}

fn check_shape(master: RecordId, losers: &[RecordId]) -> Result<(), ApiError> {
    let failed = |text: &str| Err(ApiError::new("MERGE_FAILED", format!("Merge failed: {text}")));
    let distinct: BTreeSet<_> = losers.iter().collect();
    if losers.is_empty() {
        return failed("at least one record to merge must be named");
    }
    if losers.len() > LOSERS_MAX {
        return failed("at most two records can be merged into the master record");
    }
    if distinct.len() != losers.len() || distinct.contains(&master) {
        return failed("each record can be named only once, and the master record not among those to merge");
    }
    Ok(())
}
