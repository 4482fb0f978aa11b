//! What can be made to go wrong on the bus.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::Body;
use super::event::{ChangeType, Records};
use super::gather::Draft;
use super::log::Bus;
use crate::schema::Schema;
use crate::settings::Settings;
use crate::{Millis, Org, RecordId};

/// Faults that wait for their occasion.
#[derive(Debug, Default)]
pub(super) struct Faults {
    duplicates: usize,
    gaps: usize,
    lost: usize,
    late: Option<(usize, Millis)>,
    held: VecDeque<(Millis, Body)>,
    stream: Option<(usize, StreamFailure)>,
}

/// How a stream can be made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamFailure {
    /// The service is overloaded or being maintained.
    Unavailable,
    /// The token no longer counts.
    Auth,
    /// The org's delivery allowance is spent.
    DeliveryLimit,
    /// An error within the service.
    Internal,
}

/// No object of this name raises change events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no object {0} with change events")]
pub struct UnknownEntity(pub String);

impl Faults {
    /// Whether the event about to be stored is to vanish.
    pub(super) fn loses_next(&mut self) -> bool {
        let loses = self.lost > 0;
        self.lost = self.lost.saturating_sub(1);
        loses
    }

    /// Keeps the event back where it is to come late; gives it back otherwise.
    pub(super) fn holds_next(&mut self, now: Millis, body: Body) -> Option<Body> {
        match &mut self.late {
            Some((count, delay)) if *count > 0 => {
                *count -= 1;
                self.held.push_back((now.saturating_add(*delay), body));
                None
            }
            _ => Some(body),
        }
    }

    /// Events whose delay is over.
    pub(super) fn due(&mut self, now: Millis) -> Vec<Body> {
        let (due, held): (VecDeque<_>, VecDeque<_>) = self.held.drain(..).partition(|(at, _)| *at <= now);
        self.held = held;
        due.into_iter().map(|(_, body)| body).collect()
    }

    pub(super) fn has_due(&self, now: Millis) -> bool {
        self.held.iter().any(|(at, _)| *at <= now)
    }

    /// Whether the event about to be stored is to be delivered twice under one replay id.
    pub(super) fn doubles_next(&mut self) -> bool {
        let doubles = self.duplicates > 0;
        self.duplicates = self.duplicates.saturating_sub(1);
        doubles
    }

    /// Turns as many of the coming events into gap events as were asked for.
    pub(super) fn turn_to_gaps(&mut self, drafts: &mut [Draft]) {
        for draft in drafts.iter_mut().take(self.gaps) {
            draft.change = draft.change.gap();
            draft.changed = Box::default();
            draft.diffs = Box::default();
            draft.row = None;
            draft.last = None;
        }
        self.gaps = self.gaps.saturating_sub(drafts.len());
    }
}

impl Bus {
    /// Delivers each of the next `count` events twice, under one replay id.
    pub fn duplicate_next(&mut self, count: usize) {
        self.faults.duplicates = count;
    }

    /// Turns each of the next `count` events into the gap event that stands for it.
    pub fn gap_next(&mut self, count: usize) {
        self.faults.gaps = count;
    }

    /// Loses the next `count` events: no subscriber ever gets them.
    pub fn lose_next(&mut self, count: usize) {
        self.faults.lost = count;
    }

    /// Holds the next `count` events back for so long, milliseconds: they come after later ones.
    pub fn delay_next(&mut self, count: usize, ms: Millis) {
        self.faults.late = Some((count, ms));
    }

    /// Ends one open or coming stream with an error after `events` more events were delivered on any.
    pub fn fail_stream_after(&mut self, events: usize, failure: StreamFailure) {
        self.faults.stream = Some((events, failure));
        self.wake();
    }

    /// Whether a stream is to fail.
    pub(crate) fn stream_fails(&self) -> bool {
        self.faults.stream.is_some()
    }

    /// How many of `events` may still be delivered, and the error that follows them.
    pub(crate) fn ration(&mut self, events: usize) -> (usize, Option<StreamFailure>) {
        match self.faults.stream {
            None => (events, None),
            Some((left, failure)) if left <= events => {
                self.faults.stream = None;
                (left, Some(failure))
            }
            Some((left, failure)) => {
                self.faults.stream = Some((left - events, failure));
                (events, None)
            }
        }
    }

    /// Sends an event that names records but carries no values: `change` is made its gap form.
    pub fn inject_gap(
        &mut self,
        schema: &Schema,
        settings: &Settings,
        now: Millis,
        entity: &str,
        ids: &[RecordId],
        change: ChangeType,
    ) -> Result<(), UnknownEntity> {
        let records = match ids {
            [one] => Records::One(*one),
            many => Records::Many(many.to_vec()),
        };
        self.inject(schema, settings, now, entity, records, change.gap())
    }

    /// Sends the event that says: too much happened to this object's records to tell.
    pub fn inject_overflow(
        &mut self,
        schema: &Schema,
        settings: &Settings,
        now: Millis,
        entity: &str,
    ) -> Result<(), UnknownEntity> {
        self.inject(schema, settings, now, entity, Records::Unknown, ChangeType::GapOverflow)
    }

    /// Sends the event that says: something changed in every record of this object (`001*`).
    pub fn inject_wildcard(
        &mut self,
        schema: &Schema,
        settings: &Settings,
        now: Millis,
        entity: &str,
    ) -> Result<(), UnknownEntity> {
        let prefix = schema.find(entity).and_then(|(_, object)| object.key_prefix);
        let prefix = prefix.ok_or_else(|| UnknownEntity(entity.to_owned()))?;
        self.inject(schema, settings, now, entity, Records::Prefix(prefix), ChangeType::Update)
    }

    fn inject(
        &mut self,
        schema: &Schema,
        settings: &Settings,
        now: Millis,
        entity: &str,
        records: Records,
        change: ChangeType,
    ) -> Result<(), UnknownEntity> {
        let (_, object) = schema
            .find(entity)
            .filter(|(_, object)| object.change_events)
            .ok_or_else(|| UnknownEntity(entity.to_owned()))?;
        let draft = Draft::bare(self.current_schema(object), change, records, 1);
        // What the platform does by itself has no API as its origin.
        let transaction: Arc<_> = self.transaction(now, settings.admin_id, String::new());
        self.append(now, settings, &transaction, vec![draft]);
        Ok(())
    }
}

impl Org {
    /// Sends one update event for several records at once. It says of `fields` what all of these records hold now.
    ///
    /// # Errors
    /// No object with change events, an unknown field or record, records that differ in one of the fields.
    pub fn inject_merged(
        &mut self,
        now: Millis,
        entity: &str,
        ids: &[RecordId],
        fields: &[String],
    ) -> Result<(), String> {
        let found = self.schema.find(entity).filter(|(_, object)| object.change_events);
        let (object, facts) = found.ok_or_else(|| UnknownEntity(entity.to_owned()).to_string())?;
        let of = self.events.current_schema(facts);
        let place = |name: &String| {
            let field = facts.field(name).map(|(field, _)| field).filter(|field| of.place(*field).is_some());
            field.ok_or_else(|| format!("{name} is no field of {entity}'s change events"))
        };
        let mut changed = fields.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        changed.sort_unstable();
        let row = |id: &RecordId| self.store.live(object, *id).ok_or_else(|| format!("there is no record {id}"));
        let rows = ids.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let first = Arc::clone(rows.first().ok_or("ids must be record ids, at least one")?);
        if let Some(field) = changed.iter().find(|f| rows.iter().any(|row| row.get(**f) != first.get(**f))) {
            return Err(format!("the records do not hold the same {}", facts.field_at(*field).name));
        }
        let records = match ids {
            [one] => Records::One(*one),
            many => Records::Many(many.to_vec()),
        };
        let draft = Draft {
            changed: changed.into_boxed_slice(),
            row: Some(first),
            ..Draft::bare(of, ChangeType::Update, records, 1)
        };
        let transaction = self.events.transaction(now, self.settings.admin_id, String::new());
        self.events.append(now, &self.settings, &transaction, vec![draft]);
        Ok(())
    }
}
