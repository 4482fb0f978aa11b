//! Taking records back from the recycle bin.

use super::errors;
use super::transaction::{Cause, Transaction};
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

impl Transaction<'_> {
    /// Restores a record, and what its delete took along if the delete was asked for this very record. Lookups that
    /// the delete cleared stay empty.
    ///
    /// Errors: not in the recycle bin, a parent it cannot be without is deleted, a unique value was taken meanwhile.
    pub(super) fn undelete(&mut self, object: ObjectId, id: RecordId) -> Result<(), Vec<ApiError>> {
        let facts = self.object(object);
        if !facts.flags.undeletable {
            return Err(vec![errors::not_supported(&facts, "undelete")]);
        }
        let Some(binned) = self.store.table(object).and_then(|table| table.binned(id)) else {
            return Err(vec![match self.find_live(object, &facts, id) {
                Err(error) => error,
                Ok(_) => failed("entity is not in the recycle bin"),
            }]);
        };
        self.restore(object, id)?;
        if !binned.root {
            return Ok(());
        }
        // Members wait for their parents among the members; what never finds its parent stays in the bin.
        let mut waiting = self.store.group(binned.group);
        loop {
            let before = waiting.len();
            let mut errors = Vec::new();
            waiting.retain(|(object, id)| {
                let start = self.savepoint();
                match self.restore(*object, *id) {
                    Ok(()) => false,
                    Err(error) => {
                        self.rollback(start);
                        errors.extend(error);
                        true
                    }
                }
            });
            if waiting.is_empty() {
                return Ok(());
            }
            if waiting.len() == before {
                return Err(errors);
            }
        }
    }

    fn restore(&mut self, object: ObjectId, id: RecordId) -> Result<(), Vec<ApiError>> {
        let facts = self.object(object);
        let Some(row) = self.store.get(object, id).cloned() else { return Err(vec![errors::not_found()]) };
        let mut values = row.to_values();
        for (field, required) in self.lost_parents(&facts, &values) {
            if required {
                let text = format!("{} refers to a record that is deleted", facts.field_at(field).name);
                return Err(vec![failed(&text).field(&facts.field_at(field).name)]);
            }
            values.remove(&field);
        }
        if let Some((field, _)) = facts.field("IsDeleted") {
            values.insert(field, Value::Bool(false));
        }
        // A record that was merged away is one of its own again.
        if let Some((field, _)) = facts.field("MasterRecordId") {
            values.remove(&field);
        }
        self.check_locks(object, &facts, id, &values).map_err(|error| vec![error])?;
        self.touch(&facts, &mut values, true);
        self.check_unique(object, &facts, id, &values, None)?;
        self.put(object, id, &values, Cause::User);
        Ok(())
    }

    /// Reference fields whose record is not live, and whether this record cannot be without it.
    fn lost_parents(&self, facts: &ObjectType, values: &Values) -> Vec<(FieldId, bool)> {
        let mut lost = Vec::new();
        for (field_id, value) in values {
            let field = facts.field_at(*field_id);
            let Value::Id(parent) = value else { continue };
            // A person's contact comes back with its account.
            if field.ty != FieldType::Reference || matches!(field.name.as_str(), "MasterRecordId" | "PersonContactId") {
                continue;
            }
            // An object that this org does not know, or whose records cannot be deleted, cannot lose one.
            let Some(target) = self.schema.by_prefix(parent.prefix()) else { continue };
            let parent_facts = self.schema.object(target);
            if !parent_facts.flags.deletable || self.store.live(target, *parent).is_some() {
                continue;
            }
            let listed = parent_facts.children.iter().find(|c| c.child_object == facts.name && c.field == field.name);
            let cascades = listed.map_or(field.cascade_delete, |c| c.cascade_delete);
            let in_bin = self.store.get(target, *parent).is_some();
            lost.push((*field_id, !field.nillable || (cascades && in_bin)));
        }
        lost
    }
}

fn failed(reason: &str) -> ApiError {
    ApiError::new("UNDELETE_FAILED", format!("Undelete failed: {reason}"))
}
