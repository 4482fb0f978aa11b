//! Records that are locked by someone else for a while: what a busy org answers to writes that meet on one parent.
//!
//! The emulator serves one write at a time, so that nothing is ever locked by itself; a lock is planned from outside. A
//! write is refused when it touches a locked record, or a record whose save locks it: the master of a detail, a parent that
//! restricts or cascades deletes, a parent with a roll-up over the record, and the account of contacts, opportunities and
//! cases (documented in "Record Locking Cheat Sheet"; the rest is field experience).

use std::collections::HashMap;

use super::transaction::Transaction;
use crate::schema::{FieldType, ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, Millis, RecordId, Value};

/// Planned row locks.
#[derive(Debug, Default, Clone)]
pub struct Locks {
    until: HashMap<(ObjectId, RecordId), Millis>,
}

impl Locks {
    /// Locks a record until this time (by the org's clock).
    pub fn lock(&mut self, object: ObjectId, id: RecordId, until: Millis) {
        self.until.insert((object, id), until);
    }

    /// Takes a lock away. `false` when there was none.
    pub fn unlock(&mut self, object: ObjectId, id: RecordId) -> bool {
        self.until.remove(&(object, id)).is_some()
    }

    /// Takes every lock away.
    pub fn clear(&mut self) {
        self.until.clear();
    }

    /// Whether a record is locked now.
    pub fn is_locked(&self, object: ObjectId, id: RecordId, now: Millis) -> bool {
        !self.until.is_empty() && self.until.get(&(object, id)).is_some_and(|until| now < *until)
    }

    /// Locks that still hold, with their ends.
    pub fn held(&self, now: Millis) -> impl Iterator<Item = (ObjectId, RecordId, Millis)> {
        self.until.iter().filter(move |(_, until)| now < **until).map(|((object, id), until)| (*object, *id, *until))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }
}

fn unable(id: RecordId) -> ApiError {
    let text = format!("unable to obtain exclusive access to this record or 1 records: {id}");
    ApiError::new("UNABLE_TO_LOCK_ROW", text)
}

impl Transaction<'_> {
    /// Refuses a write that touches a locked record, or that would have to lock one.
    pub(super) fn check_locks(
        &self,
        object: ObjectId,
        facts: &ObjectType,
        id: RecordId,
        values: &Values,
    ) -> Result<(), ApiError> {
        if self.options.locked {
            return Err(unable(id));
        }
        let Some(locks) = self.locks.filter(|locks| !locks.is_empty()) else { return Ok(()) };
        let now = self.context.now;
        if locks.is_locked(object, id, now) {
            return Err(unable(id));
        }
        for (field_id, value) in values {
            let field = facts.field_at(*field_id);
            let (FieldType::Reference, Value::Id(parent)) = (field.ty, value) else { continue };
            let locks_its_parent = field.cascade_delete
                || field.restricted_delete
                || field.relationship_order.is_some()
                || (field.name == "AccountId" && ["Contact", "Opportunity", "Case"].contains(&facts.name.as_str()))
                || self.summaries.iter().any(|s| s.child == object && s.foreign_key == *field_id);
            if !locks_its_parent {
                continue;
            }
            if let Some(target) = self.schema.by_prefix(parent.prefix())
                && locks.is_locked(target, *parent, now)
            {
                return Err(unable(*parent));
            }
        }
        Ok(())
    }
}
