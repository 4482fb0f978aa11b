//! `LastActivityDate`: the latest date of the events and of the closed tasks about a record.
//!
//! It is derived: it moves `SystemModstamp` and nothing else, and no change event carries it.

use std::collections::BTreeSet;

use super::settle::Touched;
use super::transaction::{Cause, Transaction};
use crate::schema::ObjectId;
use crate::{RecordId, Value};

/// The objects that are activities, and what a record of each must be to count.
const ACTIVITIES: [(&str, Option<&str>); 2] = [("Task", Some("IsClosed")), ("Event", None)];
/// The fields by which an activity is about a record.
const ABOUT: [&str; 3] = ["WhoId", "WhatId", "AccountId"];

/// Adds the records that a touched activity is, or was, about.
pub(super) fn subjects(tx: &Transaction<'_>, step: &Touched, found: &mut BTreeSet<(ObjectId, RecordId)>) {
    let facts = tx.schema.object(step.object);
    if !ACTIVITIES.iter().any(|(name, _)| *name == facts.name) {
        return;
    }
    for row in [&step.before, &step.after].into_iter().flatten() {
        for (field, _) in ABOUT.iter().filter_map(|name| facts.field(name)) {
            if let Value::Id(id) = row.get(field)
                && let Some(object) = tx.schema.by_prefix(id.prefix())
                && tx.schema.object(object).field("LastActivityDate").is_some()
            {
                found.insert((object, id));
            }
        }
    }
}

/// Works out the date of one record.
pub(super) fn note(tx: &mut Transaction<'_>, object: ObjectId, id: RecordId) {
    let facts = tx.object(object);
    let Some((target, _)) = facts.field("LastActivityDate") else { return };
    let Some(row) = tx.store.live(object, id).cloned() else { return };
    let mut last = None;
    for (name, condition) in ACTIVITIES {
        let Some((activity, activity_facts)) = tx.schema.find(name) else { continue };
        let condition = condition.and_then(|name| activity_facts.field(name)).map(|(field, _)| field);
        let Some((date, _)) = activity_facts.field("ActivityDate") else { continue };
        for (about, _) in ABOUT.iter().filter_map(|name| activity_facts.field(name)) {
            for child in tx.store.children(activity, about, id) {
                let Some(row) = tx.store.live(activity, child) else { continue };
                if condition.is_some_and(|field| row.get(field) != Value::Bool(true)) {
                    continue;
                }
                if let Value::Date(day) = row.get(date) {
                    last = last.max(Some(day));
                }
            }
        }
    }
    let last = last.map_or(Value::Null, Value::Date);
    if row.get(target) == last {
        return;
    }
    let mut values = row.to_values();
    values.insert(target, last);
    tx.touch(&facts, &mut values, false);
    tx.put(object, id, &values, Cause::Org { told: false });
}
