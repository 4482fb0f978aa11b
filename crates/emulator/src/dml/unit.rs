//! Several writes, one transaction: a unit holds what they did until all of it is committed or taken back.
//!
//! ```text
//! org.begin();
//! org.write(…); org.write(…);
//! org.commit(&context);      one transaction of change events
//! org.rollback();            as if nothing had happened, and no event
//! ```
//! Units nest: an inner one that is committed belongs to the outer one from then on. Whoever opens a unit keeps the
//! org to himself until he closes it, or others read what may be taken back.

use super::WriteContext;
use crate::events::Commit;
use crate::schema::ObjectId;
use crate::store::{RecordChange, State};
use crate::{Millis, Org, RecordId};

/// Writes that are not committed yet.
#[derive(Debug, Default)]
pub struct Unit {
    undo: Vec<Undo>,
    changes: Vec<RecordChange>,
    blobs: Vec<u64>,
    /// How many platform events waited for the bus when it was opened.
    waiting: usize,
}

/// How a record stood before a write.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) object: ObjectId,
    pub(super) id: RecordId,
    pub(super) before: State,
    pub(super) deletion: Option<Millis>,
}

impl Unit {
    /// Notes how records stood before a write, what it did, and the contents of files that it put away.
    pub(super) fn add(&mut self, undo: Vec<Undo>, changes: Vec<RecordChange>, blobs: Vec<u64>) {
        self.undo.extend(undo);
        self.changes.extend(changes);
        self.blobs.extend(blobs);
    }
}

impl Org {
    /// Opens a unit: what is written from now on is told to nobody, and can be taken back.
    pub fn begin(&mut self) {
        self.units.push(Unit { waiting: self.events.outbox.len(), ..Unit::default() });
    }

    /// Closes the innermost unit and keeps what it did. The outermost one's changes become one transaction of events.
    pub fn commit(&mut self, context: &WriteContext) {
        let Some(unit) = self.units.pop() else { return };
        match self.units.last_mut() {
            Some(outer) => outer.add(unit.undo, unit.changes, unit.blobs),
            None => self.tell(context, unit.changes),
        }
    }

    /// Closes the innermost unit and takes back what it did. Numbers it used up stay used, as in a real org.
    pub fn rollback(&mut self) {
        let Some(unit) = self.units.pop() else { return };
        for step in unit.undo.into_iter().rev() {
            let table = self.store.table_mut(step.object);
            table.set(step.id, step.before);
            table.set_deletion(step.id, step.deletion);
        }
        for blob in unit.blobs {
            self.store.blobs.remove(blob);
        }
        // Events that are published immediately leave all the same.
        let published = self.events.outbox.split_off(unit.waiting.min(self.events.outbox.len()));
        let (bus, settings) = (&self.events, &self.settings);
        let leaves =
            |event: &crate::events::Published| crate::events::leaves_at_once(bus, settings, &event.object.name);
        let published: Vec<_> = published.into_iter().filter(leaves).collect();
        self.events.outbox.extend(published);
        if self.units.is_empty() {
            self.events.publish_waiting(&self.settings);
        }
    }

    /// Tells the event bus of a transaction.
    pub(super) fn tell(&mut self, context: &WriteContext, changes: Vec<RecordChange>) {
        self.raise(Commit { now: context.now, user: context.user, origin: context.origin.clone(), changes });
    }
}
