//! Deleting: into the recycle bin or for good, with the children that go along and the lookups that are cleared.

use std::collections::HashSet;
use std::sync::Arc;

use super::errors;
use super::transaction::{Cause, Transaction};
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType};
use crate::store::Binned;
use crate::{ApiError, RecordId, Value};

/// A reference field that can point at an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming {
    pub(super) child: ObjectId,
    pub(super) field: FieldId,
    effect: Effect,
}

/// What becomes of a child when its parent is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It is deleted, too.
    Cascade,
    /// It keeps its parent from being deleted.
    Restrict,
    /// Its lookup is cleared.
    Clear,
}

/// Everything that one delete does.
#[derive(Default)]
struct Plan {
    /// The record asked for, then what goes with it, parents first.
    doomed: Vec<(ObjectId, RecordId)>,
    taken: HashSet<(ObjectId, RecordId)>,
    /// Children that stand in the way, unless they go as well.
    holding: Vec<(ObjectId, RecordId)>,
    clear: Vec<(ObjectId, RecordId, FieldId)>,
}

impl Transaction<'_> {
    /// Deletes a record: softly, or for good with `hard`, which a record in the recycle bin allows, too.
    ///
    /// Errors: no such record, deleted already, an object that does not allow it, children that restrict it.
    pub(super) fn delete(&mut self, object: ObjectId, id: RecordId, hard: bool) -> Result<(), ApiError> {
        let facts = self.object(object);
        if !facts.flags.deletable {
            return Err(errors::not_supported(&facts, "delete"));
        }
        match self.store.table(object).and_then(|table| table.binned(id)) {
            Some(binned) if hard => {
                self.empty_from_bin(object, id, binned);
                return Ok(());
            }
            _ => self.find_live(object, &facts, id)?,
        };
        let row = self.store.get(object, id).map(|row| row.to_values()).unwrap_or_default();
        self.check_locks(object, &facts, id, &row)?;
        self.check_person_delete(&facts, &row)?;
        let plan = self.plan(object, id);
        if let Some((child, other)) = plan.holding.iter().find(|record| !plan.taken.contains(*record)) {
            return Err(self.held(&facts, object, id, *child, *other));
        }
        let group = self.store.next_group(&plan.doomed);
        for (at, (object, id)) in plan.doomed.iter().enumerate() {
            self.take(*object, *id, Binned { at: self.context.now, group, root: at == 0 }, hard);
        }
        for (object, id, field) in plan.clear.iter().filter(|(object, id, _)| !plan.taken.contains(&(*object, *id))) {
            self.clear(*object, *id, *field);
        }
        self.roll_up(&facts, id);
        Ok(())
    }

    fn plan(&mut self, object: ObjectId, id: RecordId) -> Plan {
        let mut plan = Plan { doomed: vec![(object, id)], taken: HashSet::from([(object, id)]), ..Plan::default() };
        let mut at = 0;
        while let Some((parent_object, parent)) = plan.doomed.get(at).copied() {
            at += 1;
            for incoming in self.incoming(parent_object).iter() {
                for child in self.store.children(incoming.child, incoming.field, parent) {
                    let record = (incoming.child, child);
                    match incoming.effect {
                        Effect::Restrict => plan.holding.push(record),
                        Effect::Clear => plan.clear.push((incoming.child, child, incoming.field)),
                        Effect::Cascade => {
                            if plan.taken.insert(record) {
                                plan.doomed.push(record);
                            }
                        }
                    }
                }
            }
        }
        plan
    }

    /// Reference fields that can point at this object, those that cascade first.
    pub(super) fn incoming(&mut self, parent: ObjectId) -> Arc<[Incoming]> {
        if let Some(known) = self.incoming.get(&parent) {
            return Arc::clone(known);
        }
        let facts = self.object(parent);
        let mut incoming = Vec::new();
        for (at, child) in self.schema.objects().iter().enumerate() {
            for (field_id, field) in child.enumerate() {
                if field.ty != FieldType::Reference || !field.reference_to.contains(&facts.name) {
                    continue;
                }
                let listed = facts.children.iter().find(|c| c.child_object == child.name && c.field == field.name);
                let cascade = listed.map_or(field.cascade_delete, |c| c.cascade_delete);
                let restricted = listed.map_or(field.restricted_delete, |c| c.restricted_delete);
                let effect = match (restricted, cascade) {
                    (true, _) => Effect::Restrict,
                    (false, true) => Effect::Cascade,
                    // A lookup that cannot be empty holds its parent.
                    (false, false) if !field.nillable => Effect::Restrict,
                    (false, false) => Effect::Clear,
                };
                incoming.push(Incoming { child: ObjectId(at as u16), field: field_id, effect });
            }
        }
        let incoming: Arc<[Incoming]> = incoming.into();
        self.incoming.insert(parent, Arc::clone(&incoming));
        incoming
    }

    /// Moves one record into the recycle bin; out of the org if that is asked for or the object has no bin.
    fn take(&mut self, object: ObjectId, id: RecordId, binned: Binned, hard: bool) {
        let facts = self.object(object);
        let Some(row) = self.store.get(object, id).cloned() else { return };
        match facts.field("IsDeleted") {
            Some((field, _)) if !hard => {
                let mut values = row.to_values();
                values.insert(field, Value::Bool(true));
                // Unconfirmed for LastModifiedDate; SystemModstamp is documented to be the time of deletion.
                self.touch(&facts, &mut values, true);
                self.bin(object, id, &values, binned);
            }
            _ => self.remove(object, id),
        }
    }

    /// A record leaves the recycle bin for good, with what its delete took along.
    fn empty_from_bin(&mut self, object: ObjectId, id: RecordId, binned: Binned) {
        let members = if binned.root { self.store.group(binned.group) } else { Vec::new() };
        self.remove(object, id);
        for (object, member) in members.into_iter().filter(|(_, member)| *member != id) {
            self.remove(object, member);
        }
    }

    /// Empties a lookup whose parent is gone. The record was not saved by anyone: only `SystemModstamp` moves
    /// (unconfirmed, as is whether an event tells of it: a setting).
    pub(super) fn clear(&mut self, object: ObjectId, id: RecordId, field: FieldId) {
        let facts = self.object(object);
        let Some(row) = self.store.get(object, id).cloned() else { return };
        let mut values = row.to_values();
        values.remove(&field);
        self.touch(&facts, &mut values, false);
        let told = self.settings.events_for_cleared_lookups;
        self.put(object, id, &values, Cause::Org { told });
    }

    fn held(&self, facts: &ObjectType, object: ObjectId, id: RecordId, child: ObjectId, other: RecordId) -> ApiError {
        let name = |facts: &ObjectType, object: ObjectId, id: RecordId| {
            let field = facts.enumerate().find(|(_, f)| f.name_field).map(|(field, _)| field);
            let row = self.store.get(object, id);
            let name = field.zip(row).map(|(field, row)| row.get(field));
            name.and_then(|name| name.as_text().map(str::to_owned)).unwrap_or_else(|| id.to_string())
        };
        let child_facts = self.schema.object(child);
        let text = format!(
            "Your attempt to delete {} could not be completed because it is associated with the following {}: {}",
            name(facts, object, id),
            child_facts.label_plural.to_lowercase(),
            name(child_facts, child, other),
        );
        ApiError::new("DELETE_FAILED", text)
    }
}
