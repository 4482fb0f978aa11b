//! The log: one for the org, in the order of commits, read by place. Subscribers have no queues of their own.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::channels::Channels;
use super::entity::Topic;
use super::entry::{Body, Entry};
use super::event::{Event, Transaction};
use super::faults::Faults;
use super::gather::{self, Draft};
use super::managed::Managed;
use super::push_topic::Watches;
use super::replay::mix;
use super::schema::{EventSchema, Schemas};
use super::{Commit, Published, ReplayId};
use crate::Millis;
use crate::schema::{ObjectType, Schema};
use crate::settings::Settings;

/// Where positions begin. A bus that has served others before ours does not begin at 1.
const BASE: u64 = 36_812_345;

/// How often at most a mark of position and time is noted, for the expiry of ids that belong to no event.
const MARK_EVERY_MS: i64 = 60_000;

/// How many stored events one read looks through before it lets go of the org.
const SCAN: usize = 20_000;

/// The event bus of an org.
#[derive(Debug)]
pub struct Bus {
    pub(super) schemas: Schemas,
    /// Custom channels, their members, and what is known of event definitions.
    pub channels: Channels,
    /// Managed subscriptions.
    pub managed: Managed,
    pub(super) watches: Watches,
    /// Platform events of a transaction that is being finished.
    pub(crate) outbox: Vec<Published>,
    events: VecDeque<Arc<Entry>>,
    /// The place of `events[0]` among all events there ever were.
    first: u64,
    /// The highest position given out.
    tip: u64,
    /// The lowest position from which one can still go on.
    floor: u64,
    /// The same for kinds of events that are kept for a shorter time.
    short_floor: u64,
    /// The place of the first event that is not too old for those kinds.
    short_next: u64,
    marks: VecDeque<(Millis, u64)>,
    transactions: u64,
    last_number: i64,
    generation: u64,
    pub(super) faults: Faults,
    signal: watch::Sender<u64>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            schemas: Schemas::default(),
            channels: Channels::default(),
            managed: Managed::default(),
            watches: Watches::default(),
            outbox: Vec::new(),
            events: VecDeque::new(),
            first: 0,
            tip: BASE,
            floor: BASE,
            short_floor: BASE,
            short_next: 0,
            marks: VecDeque::new(),
            transactions: 0,
            last_number: 0,
            generation: 0,
            faults: Faults::default(),
            signal: watch::Sender::new(0),
        }
    }
}

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After everything that has happened.
    Latest,
    /// With the oldest event kept.
    Earliest,
    /// With the first event after this position.
    After(ReplayId),
}

/// Where a subscriber has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    next: u64,
    generation: u64,
}

/// How far the bus has come, for an org that is kept and opened again. The events themselves are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    tip: u64,
    newest: u64,
    transactions: u64,
    last_number: i64,
    generation: u64,
}

/// Why a subscriber cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The position is older than what is kept, or was never given out.
    #[error("the replay id is not, or no longer, a position on the bus")]
    Expired,
    /// Positions were given out anew.
    #[error("the bus was reset")]
    Reset,
}

/// What one read found.
#[derive(Debug, Default)]
pub struct Batch {
    /// Events, each with the cursor that stands after it.
    pub events: Vec<(Arc<Entry>, Cursor)>,
    /// Where to go on.
    pub next: Option<Cursor>,
    /// Whether the read came to the end of the log.
    pub at_end: bool,
}

impl Bus {
    /// Takes the events of one committed transaction.
    pub fn commit(&mut self, schema: &Arc<Schema>, settings: &Settings, commit: Commit) {
        if commit.changes.is_empty() {
            return;
        }
        self.channels.follow(settings);
        let transaction = self.transaction(commit.now, commit.user, commit.origin);
        let mut drafts = gather::drafts(&mut self.schemas, schema, settings, &self.channels, commit.changes);
        self.faults.turn_to_gaps(&mut drafts);
        self.append(commit.now, settings, &transaction, drafts);
    }

    /// A new transaction's shared part.
    pub(super) fn transaction(&mut self, now: Millis, user: crate::RecordId, origin: String) -> Arc<Transaction> {
        self.transactions += 1;
        let n = self.transactions;
        self.last_number =
            (self.last_number + 1).max(now.saturating_mul(1_000_000).saturating_add((mix(n) % 1_000_000) as i64));
        Arc::new(Transaction {
            key: (u128::from(n) << 96) | (u128::from(mix(n)) << 16) | u128::from(mix(!n) as u16),
            timestamp: now.div_euclid(1000) * 1000,
            number: self.last_number,
            user,
            origin: origin.into_boxed_str(),
        })
    }

    /// Gives events their positions and wakes who waits.
    pub(super) fn append(
        &mut self,
        now: Millis,
        settings: &Settings,
        transaction: &Arc<Transaction>,
        drafts: Vec<Draft>,
    ) {
        let bodies = drafts.into_iter().map(|draft| {
            Body::Change(Event {
                // The place is given below.
                replay_id: ReplayId(0),
                schema: draft.schema,
                change: draft.change,
                records: draft.records,
                sequence: draft.sequence,
                transaction: transaction.clone(),
                changed: draft.changed,
                diffs: draft.diffs,
                row: draft.row,
                last: draft.last,
                enriched: Box::default(),
            })
        });
        self.store(now, settings, bodies.collect());
    }

    /// Gives events of any kind their positions and wakes who waits, unless a fault loses them or holds them back.
    pub(super) fn store(&mut self, now: Millis, settings: &Settings, bodies: Vec<Body>) {
        for body in bodies {
            if self.faults.loses_next() {
                continue;
            }
            if let Some(body) = self.faults.holds_next(now, body) {
                self.place(now, body);
            }
        }
        self.advance(now, settings);
        self.wake();
    }

    fn place(&mut self, now: Millis, body: Body) -> ReplayId {
        self.step();
        // A change event is as old as its transaction.
        let at = if let Body::Change(event) = &body { event.transaction.timestamp } else { now };
        let entry = Arc::new(Entry { replay_id: ReplayId(self.tip), at, body }.placed(ReplayId(self.tip)));
        if self.faults.doubles_next() {
            self.events.push_back(entry.clone());
        }
        self.events.push_back(entry);
        ReplayId(self.tip)
    }

    /// Stores what a fault had held back until now. Says whether there was anything.
    pub fn release(&mut self, now: Millis, settings: &Settings) -> bool {
        let due = self.faults.due(now);
        if due.is_empty() {
            return false;
        }
        for body in due {
            self.place(now, body);
        }
        self.advance(now, settings);
        self.wake();
        true
    }

    /// Whether [`Bus::release`] has something to do.
    pub fn has_due(&self, now: Millis) -> bool {
        self.faults.has_due(now)
    }

    /// Stores copies of the newest `count` events again, under positions of their own, as a bus does that delivers a
    /// transaction a second time.
    pub fn duplicate_last(&mut self, count: usize) {
        let from = self.events.len().saturating_sub(count);
        let copies: Vec<_> = self.events.range(from..).map(|entry| Entry::clone(entry)).collect();
        for copy in copies {
            self.step();
            self.events.push_back(Arc::new(copy.placed(ReplayId(self.tip))));
        }
        self.wake();
    }

    /// The next position. Numbers are skipped: the bus is shared with other orgs.
    fn step(&mut self) {
        self.tip += 1 + mix(self.tip) % 5;
    }

    /// Lets time pass: forgets what is older than the retention or beyond the size bound.
    pub fn advance(&mut self, now: Millis, settings: &Settings) {
        if self.marks.back().is_none_or(|(at, _)| (now - at).abs() >= MARK_EVERY_MS) {
            self.marks.push_back((now, self.tip));
        }
        let oldest = now.saturating_sub(settings.retention_ms);
        while self.marks.front().is_some_and(|(at, _)| *at < oldest) {
            if let Some((_, position)) = self.marks.pop_front() {
                self.floor = self.floor.max(position + 1);
            }
        }
        let short = now.saturating_sub(settings.streaming.short_retention_ms);
        let passed = self.marks.partition_point(|(at, _)| *at < short);
        if let Some((_, position)) = passed.checked_sub(1).and_then(|last| self.marks.get(last)) {
            self.short_floor = self.short_floor.max(position + 1);
        }
        let kept = settings.max_stored_events.max(1);
        while self.events.len() > kept || self.events.front().is_some_and(|e| e.at < oldest) {
            self.forget_oldest();
        }
        self.short_floor = self.short_floor.max(self.floor);
        self.short_next = self.short_next.max(self.first);
        let place = |next: u64| usize::try_from(next - self.first).unwrap_or(usize::MAX);
        while let Some(entry) = self.events.get(place(self.short_next)).filter(|entry| entry.at < short) {
            self.short_floor = self.short_floor.max(entry.replay_id.0 + 1);
            self.short_next += 1;
        }
        // Where nothing happened for longer than the retention, the tip itself would have expired.
        self.tip = self.tip.max(self.short_floor);
    }

    fn forget_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.first += 1;
            self.floor = self.floor.max(event.replay_id.0 + 1);
        }
    }

    /// The position an empty answer tells: it runs ahead of the newest event, as other orgs' events pass.
    pub fn run_ahead(&mut self, now: Millis, settings: &Settings) -> ReplayId {
        self.step();
        self.advance(now, settings);
        ReplayId(self.tip)
    }

    /// The newest position.
    pub fn latest(&self) -> ReplayId {
        ReplayId(self.tip)
    }

    /// How many events are kept.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The change events kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter().filter_map(|entry| entry.change())
    }

    /// The events of every kind that are kept, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.events.iter()
    }

    /// Makes replay ids before this one invalid and forgets their events; without a position, every id given out so far.
    pub fn expire_replay_ids(&mut self, before: Option<ReplayId>) {
        let floor = before.map_or(self.tip + 1, |id| id.0.min(self.tip + 1));
        while self.events.front().is_some_and(|e| e.replay_id.0 < floor) {
            self.forget_oldest();
        }
        self.floor = self.floor.max(floor);
        self.short_floor = self.short_floor.max(self.floor);
        self.tip = self.tip.max(self.floor);
        self.wake();
    }

    /// What some maintenance does (a move of the org, a sandbox refresh): events are gone, and positions begin elsewhere.
    /// Streams that are open end.
    pub fn reset_positions(&mut self) {
        self.generation += 1;
        self.first += self.events.len() as u64;
        self.events.clear();
        self.marks.clear();
        self.tip += 1_000_000 + mix(self.generation) % 1_000_000;
        self.floor = self.tip;
        self.short_floor = self.tip;
        self.wake();
    }

    /// What other maintenance does: the events stay, under other positions. Positions given out before are lost, and
    /// streams that are open end.
    pub fn renumber(&mut self) {
        self.generation += 1;
        self.first += self.events.len() as u64;
        self.marks.clear();
        self.tip += 1_000_000 + mix(self.generation) % 1_000_000;
        self.floor = self.tip;
        self.short_floor = self.tip;
        for entry in std::mem::take(&mut self.events) {
            self.step();
            self.events.push_back(Arc::new(Entry::clone(&entry).placed(ReplayId(self.tip))));
        }
        self.wake();
    }

    /// How far the bus has come.
    pub fn position(&self) -> Position {
        Position {
            tip: self.tip,
            newest: self.events.back().map_or(self.floor, |event| event.replay_id.0.max(self.floor)),
            transactions: self.transactions,
            last_number: self.last_number,
            generation: self.generation,
        }
    }

    /// A bus that goes on from there. Who had read everything goes on as if nothing had been; to others their position has
    /// expired, as the events between are gone.
    pub fn resume(position: Position) -> Self {
        Self {
            tip: position.tip,
            floor: position.newest,
            short_floor: position.newest,
            transactions: position.transactions,
            last_number: position.last_number,
            generation: position.generation,
            ..Self::default()
        }
    }

    /// The lowest position from which one can still go on.
    pub(super) fn floor_position(&self) -> ReplayId {
        ReplayId(self.floor)
    }

    /// Takes events back that were kept; `floor` is the position before the first.
    pub(super) fn take_back(&mut self, floor: u64, entries: Vec<Arc<Entry>>) {
        self.floor = floor;
        // Kinds that are kept for a shorter time expire by their own age from here on.
        self.short_floor = floor;
        self.marks = entries.iter().map(|entry| (entry.at, entry.replay_id.0)).collect();
        self.events = entries.into();
    }

    /// Finds where to start a subscription to change events.
    ///
    /// # Errors
    /// [`ReadError::Expired`].
    pub fn start(&self, start: Start) -> Result<Cursor, ReadError> {
        self.start_from(self.floor, start)
    }

    /// Finds where to start a subscription to this topic: not all kinds of events are kept equally long.
    ///
    /// # Errors
    /// [`ReadError::Expired`].
    pub fn start_on(&self, topic: &Topic, start: Start) -> Result<Cursor, ReadError> {
        let short = match topic {
            Topic::Standard | Topic::Object(_) | Topic::Custom(_) => false,
            Topic::Platform(name) => self.channels.definition(name).standard_volume,
            Topic::Push(_) | Topic::Generic(_) => true,
        };
        self.start_from(if short { self.short_floor } else { self.floor }, start)
    }

    fn start_from(&self, floor: u64, start: Start) -> Result<Cursor, ReadError> {
        let skip = match start {
            Start::Latest => self.events.len(),
            Start::Earliest => 0,
            Start::After(id) if (floor..=self.tip).contains(&id.0) => {
                self.events.partition_point(|event| event.replay_id <= id)
            }
            Start::After(_) => return Err(ReadError::Expired),
        };
        Ok(Cursor { next: self.first + skip as u64, generation: self.generation })
    }

    /// Reads up to `most` events of a topic. May find none before the end: then [`Batch::at_end`] is false, and reading on
    /// from [`Batch::next`] is due.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, cursor: Cursor, topic: &Topic, most: usize) -> Result<Batch, ReadError> {
        self.read_where(cursor, most, |entry| topic.carries(entry, &self.channels))
    }

    /// As [`Bus::read`], of the events that `wanted` keeps.
    pub(super) fn read_where(
        &self,
        cursor: Cursor,
        most: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Batch, ReadError> {
        if cursor.generation != self.generation {
            return Err(ReadError::Reset);
        }
        // A subscriber so slow that what it had not read yet is no longer kept.
        let skip = cursor.next.checked_sub(self.first).ok_or(ReadError::Expired)?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.events.len());
        let mut batch = Batch::default();
        let mut next = Cursor { next: self.first + skip as u64, ..cursor };
        for entry in self.events.range(skip..).take(SCAN) {
            if batch.events.len() >= most {
                break;
            }
            next.next += 1;
            let gone = entry.is_short_lived() && entry.replay_id.0 < self.short_floor;
            if !gone && wanted(entry) {
                batch.events.push((entry.clone(), next));
            }
        }
        batch.at_end = next.next == self.first + self.events.len() as u64;
        batch.next = Some(next);
        Ok(batch)
    }

    /// A receiver that changes whenever there may be something to read or to notice.
    pub fn signal(&self) -> watch::Receiver<u64> {
        self.signal.subscribe()
    }

    /// Wakes every subscriber.
    pub fn wake(&self) {
        self.signal.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// The schema with this id, however old.
    pub fn schema(&self, id: &str) -> Option<&Arc<EventSchema>> {
        self.schemas.get(id)
    }

    /// The schema of this object's events now.
    pub fn current_schema(&mut self, object: &Arc<ObjectType>) -> Arc<EventSchema> {
        self.schemas.current(object)
    }
}
