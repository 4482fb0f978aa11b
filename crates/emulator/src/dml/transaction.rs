//! One transaction: every step that was taken, so that it can be taken back, and in the end what changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::WriteContext;
use super::unit::Undo;
use crate::schema::{FieldId, ObjectId, ObjectType, Schema};
use crate::settings::Settings;
use crate::store::{Binned, ChangeKind, RecordChange, Row, State, Store, Values};
use crate::{Millis, RecordId, Value};

pub(super) struct Transaction<'a> {
    pub(super) schema: Arc<Schema>,
    pub(super) store: &'a mut Store,
    pub(super) settings: &'a Settings,
    pub(super) context: &'a WriteContext,
    /// Rows that are locked from outside; `None` where nobody asked.
    pub(super) locks: Option<&'a super::Locks>,
    /// What the caller wants besides the writes themselves.
    pub(super) options: super::WriteOptions,
    /// The roll-up summaries of the org.
    pub(super) summaries: Arc<[super::roll_up::Summary]>,
    steps: Vec<Step>,
    /// Platform events that were written.
    pub(super) published: Vec<crate::events::Published>,
    /// Reference fields that point at an object, looked up once.
    pub(super) incoming: HashMap<ObjectId, Arc<[super::delete::Incoming]>>,
}

/// Who caused a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody saved or deleted the record.
    User,
    /// The org itself changed it, and tells the event bus or not.
    Org { told: bool },
}

/// How a record stood before one step.
struct Step {
    object: ObjectId,
    id: RecordId,
    before: State,
    deletion: Option<Millis>,
    cause: Cause,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(
        schema: Arc<Schema>,
        store: &'a mut Store,
        settings: &'a Settings,
        context: &'a WriteContext,
    ) -> Self {
        let summaries = super::roll_up::summaries(&schema).into();
        Self {
            schema,
            store,
            settings,
            context,
            locks: None,
            options: super::WriteOptions::default(),
            summaries,
            steps: Vec::new(),
            published: Vec::new(),
            incoming: HashMap::new(),
        }
    }

    pub(super) fn object(&self, object: ObjectId) -> Arc<ObjectType> {
        Arc::clone(self.schema.object(object))
    }

    /// A place to go back to.
    pub(super) fn savepoint(&self) -> usize {
        self.steps.len()
    }

    /// Takes back every step since this place, the last one first.
    pub(super) fn rollback(&mut self, savepoint: usize) {
        for step in self.steps.drain(savepoint.min(self.steps.len())..).rev() {
            let table = self.store.table_mut(step.object);
            table.set(step.id, step.before);
            table.set_deletion(step.id, step.deletion);
        }
    }

    pub(super) fn put(&mut self, object: ObjectId, id: RecordId, values: &Values, cause: Cause) {
        self.step(object, id, Some((Arc::new(Row::new(values)), None)), None, cause);
    }

    pub(super) fn bin(&mut self, object: ObjectId, id: RecordId, values: &Values, binned: Binned) {
        self.step(object, id, Some((Arc::new(Row::new(values)), Some(binned))), Some(binned.at), Cause::User);
    }

    pub(super) fn remove(&mut self, object: ObjectId, id: RecordId) {
        self.step(object, id, None, Some(self.context.now), Cause::User);
    }

    fn step(&mut self, object: ObjectId, id: RecordId, state: State, deletion: Option<Millis>, cause: Cause) {
        let table = self.store.table_mut(object);
        let remembered = table.deletion(id);
        let before = table.set(id, state);
        table.set_deletion(id, deletion);
        self.steps.push(Step { object, id, before, deletion: remembered, cause });
    }

    /// The second that records are stamped with, as milliseconds; never before what the record says already, so that
    /// a clock set back does not hide a change from readers by `SystemModstamp`.
    pub(super) fn stamp(&self, earlier: Option<&Value>) -> Value {
        let now = self.context.now - self.context.now.rem_euclid(1000);
        let floor = earlier.and_then(Value::as_millis).unwrap_or(Millis::MIN);
        Value::DateTime(now.max(floor))
    }

    /// Sets `SystemModstamp`, and with `by_user` who changed the record last and when.
    pub(super) fn touch(&self, object: &ObjectType, values: &mut Values, by_user: bool) {
        let dates: &[&str] = if by_user { &["SystemModstamp", "LastModifiedDate"] } else { &["SystemModstamp"] };
        for name in dates {
            if let Some((field, _)) = object.field(name) {
                let stamp = self.stamp(values.get(&field));
                values.insert(field, stamp);
            }
        }
        if by_user && let Some((field, _)) = object.field("LastModifiedById") {
            values.insert(field, Value::Id(self.context.user));
        }
    }

    /// The records of the steps since this place, as they were before each and as they are now.
    pub(super) fn touched_since(&self, savepoint: usize) -> Vec<super::settle::Touched> {
        let steps = self.steps.get(savepoint..).unwrap_or_default();
        let touched = |step: &Step| super::settle::Touched {
            object: step.object,
            id: step.id,
            before: step.before.as_ref().filter(|(_, binned)| binned.is_none()).map(|(row, _)| row.clone()),
            after: self.store.live(step.object, step.id).cloned(),
        };
        steps.iter().map(touched).collect()
    }

    /// Does what follows from the writes, and says what the transaction did: one change per record, in the order in which
    /// they were first touched.
    ///
    /// With `undo` also how every record that was touched stood before, for a unit that may take the whole transaction back.
    pub(super) fn finish(mut self, undo: bool) -> (Vec<RecordChange>, Vec<Undo>) {
        self.settle(if self.settings.roll_ups_modify_masters { Cause::User } else { Cause::Org { told: false } });
        let step = |step: &Step| Undo {
            object: step.object,
            id: step.id,
            before: step.before.clone(),
            deletion: step.deletion,
        };
        let taken_back = if undo { self.steps.iter().map(step).collect() } else { Vec::new() };
        let mut order: Vec<Step> = Vec::with_capacity(self.steps.len());
        let mut seen: HashMap<(ObjectId, RecordId), usize> = HashMap::new();
        for step in self.steps {
            match seen.get(&(step.object, step.id)).and_then(|at| order.get_mut(*at)) {
                // A user outweighs the org, and a step that is told one that is not.
                Some(first) => match (first.cause, step.cause) {
                    (Cause::User, _) | (_, Cause::Org { told: false }) => {}
                    (_, cause) => first.cause = cause,
                },
                None => {
                    seen.insert((step.object, step.id), order.len());
                    order.push(step);
                }
            }
        }
        let (schema, store) = (self.schema, self.store);
        (order.into_iter().filter_map(|step| change(&schema, store, step)).collect(), taken_back)
    }
}

fn change(schema: &Schema, store: &Store, step: Step) -> Option<RecordChange> {
    let Step { object, id, before, cause, .. } = step;
    if cause == (Cause::Org { told: false }) {
        return None;
    }
    let after = store.table(object).and_then(|table| table.state(id));
    let is_live = |state: &State| matches!(state, Some((_, None)));
    let kind = match (is_live(&before), is_live(&after)) {
        (true, true) => ChangeKind::Update,
        (true, false) => ChangeKind::Delete,
        (false, true) if before.is_some() => ChangeKind::Undelete,
        (false, true) => ChangeKind::Create,
        // Made and deleted at once, or taken out of the recycle bin for good: no event (documented for the latter).
        (false, false) => return None,
    };
    let (before, after) = (before.map(|(row, _)| row), after.map(|(row, _)| row));
    let changed = match (kind, &before, &after) {
        (ChangeKind::Update, Some(before), Some(after)) => changed_fields(schema.object(object), before, after, cause),
        _ => Vec::new(),
    };
    Some(RecordChange { object, id, kind, before, after, changed })
}

/// Fields that differ. `LastModifiedDate` is always among those of a save, even of one that changed nothing or came
/// within the same second (unconfirmed: what a real org sends then).
fn changed_fields(object: &ObjectType, before: &Row, after: &Row, cause: Cause) -> Vec<FieldId> {
    let modified = object.field("LastModifiedDate").map(|(field, _)| field).filter(|_| cause == Cause::User);
    let differs = |field: &FieldId| Some(*field) == modified || before.get_ref(*field) != after.get_ref(*field);
    object.enumerate().map(|(field, _)| field).filter(differs).collect()
}
