//! Following the channel: decode, collect, apply, and only then ask for more.

use std::time::Duration;

use tidegate_client::Error;
use tidegate_client::events::{Position, RawEvent, Replay, SubscriptionErrorKind};

use super::batch::{Batcher, Task};
use super::mark::closed;
use super::schemas::Schemas;
use super::{Backoff, Engine};
use crate::error::{Cause, Phase, SyncError};
use crate::event::EventSchema;
use crate::limits::{CAUGHT_UP_CHECKS_MAX, CREDIT, IDLE_FLUSH, TRIES_MAX};
use crate::mapping::{Plan, plan};
use crate::options::Mode;
use crate::{FollowCheckpoint, IdRange, Progress, ReplayId, TableId, TableState};

/// A wait that only an event ends.
const LONG: Duration = Duration::from_secs(3600);

/// What an event asked for.
enum Taken {
    Collected,
    /// It was applied before.
    Repeated,
    Reload(TableId),
}

impl Engine {
    /// Follows from the checkpoint until caught up ([`Mode::Once`]) or stopped.
    pub(crate) async fn follow(&self, checkpoint: &mut FollowCheckpoint, mode: Mode) -> Result<(), SyncError> {
        let mut schemas = Schemas::default();
        let mut backoff = Backoff::new();
        loop {
            let before = checkpoint.replay_id.clone();
            let outcome = match self.follow_stream(checkpoint, mode, &mut schemas).await {
                Err(error) if is_lost(&error) => match self.repair(checkpoint).await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                outcome => outcome,
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) => {
                    if checkpoint.replay_id != before {
                        backoff = Backoff::new();
                    }
                    self.again(&mut backoff, TRIES_MAX, error).await?;
                }
            }
        }
    }

    async fn follow_stream(
        &self,
        checkpoint: &mut FollowCheckpoint,
        mode: Mode,
        schemas: &mut Schemas,
    ) -> Result<(), SyncError> {
        let phase = || Phase::Subscribe { channel: self.options.channel.clone() };
        let failed = |error: Error| SyncError::new(phase(), error);
        let from = Replay::After(Position::pubsub(checkpoint.replay_id.0.clone()));
        let opening = self.client.events();
        let opening = opening.subscribe(&self.options.channel, from, CREDIT);
        let mut subscription = self.or_stop(opening).await?.map_err(failed)?;
        self.tell(Progress::Following);
        let mut batcher = Batcher::default();
        let mut quiet_max = self.options.idle_first;
        let mut reconnects = subscription.reconnects();
        let mut checks = 0;
        loop {
            let wait = match mode {
                _ if !batcher.is_empty() => IDLE_FLUSH,
                Mode::Once | Mode::Load => quiet_max,
                Mode::Forever => LONG,
            };
            let Ok(fetched) = self.or_stop(tokio::time::timeout(wait, subscription.next())).await? else {
                // A pause ends a transaction; without one, it is what `Once` waits for.
                if let Some(batch) = batcher.take_all() {
                    self.apply_batch(checkpoint, batch).await?;
                } else if mode == Mode::Once {
                    // A stream that is being opened again is silent for another reason.
                    let broken = !subscription.is_open() || subscription.reconnects() != reconnects;
                    reconnects = subscription.reconnects();
                    if broken {
                        quiet_max = self.options.idle_first;
                    } else if checks >= CAUGHT_UP_CHECKS_MAX || self.looks_equal().await? {
                        return self.caught_up();
                    } else {
                        checks += 1;
                    }
                }
                continue;
            };
            let fetched = fetched.map_err(failed)?.ok_or_else(|| failed(closed(&self.options.channel)))?;
            quiet_max = self.options.idle;
            checks = 0;
            let empty = fetched.events.is_empty();
            for raw in fetched.events {
                let position = ReplayId(raw.replay_id.clone());
                match self.take(raw, checkpoint, schemas, &mut batcher).await? {
                    Taken::Repeated | Taken::Collected => {}
                    Taken::Reload(table) => {
                        if let Some(batch) = batcher.take_all() {
                            self.apply_batch(checkpoint, batch).await?;
                        }
                        self.reload(table, checkpoint).await?;
                        // What the event told was committed before it came, so the new load has seen it.
                        let mut next = checkpoint.clone();
                        next.replay_id = position;
                        self.commit(Vec::new(), next.clone()).await?;
                        *checkpoint = next;
                    }
                }
                if batcher.is_full()
                    && let Some(batch) = batcher.take_all()
                {
                    self.apply_batch(checkpoint, batch).await?;
                }
            }
            let ready = if empty { batcher.take_all() } else { batcher.take_whole() };
            if let Some(batch) = ready {
                self.apply_batch(checkpoint, batch).await?;
            }
            if empty {
                let position = ReplayId(fetched.latest_replay_id);
                if !position.0.is_empty() && position != checkpoint.replay_id {
                    let next = FollowCheckpoint { replay_id: position, ..checkpoint.clone() };
                    self.commit(Vec::new(), next.clone()).await?;
                    *checkpoint = next;
                }
                if mode == Mode::Once {
                    return self.caught_up();
                }
            }
            let more = CREDIT.saturating_sub(subscription.pending());
            self.or_stop(subscription.request(more)).await?.map_err(failed)?;
        }
    }

    /// Whether every table has as many rows as its object, and the same newest time stamp: one call for each.
    async fn looks_equal(&self) -> Result<bool, SyncError> {
        let whole = IdRange::default();
        for map in &self.maps {
            if self.digest_there(map, &whole).await? != self.digest_here(map, &whole).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn caught_up(&self) -> Result<(), SyncError> {
        self.tell(Progress::CaughtUp);
        Ok(())
    }

    /// Decodes an event and puts it with those that wait.
    async fn take(
        &self,
        raw: RawEvent,
        checkpoint: &FollowCheckpoint,
        schemas: &mut Schemas,
        batcher: &mut Batcher,
    ) -> Result<Taken, SyncError> {
        if schemas.get(&raw.schema_id).is_none() {
            let phase = || Phase::Subscribe { channel: self.options.channel.clone() };
            let json = self.retry(phase, || async { self.client.events().schema(&raw.schema_id).await }).await?;
            let schema = EventSchema::parse(&json).map_err(|e| undecodable(&raw, e))?;
            schemas.put(&raw.schema_id, schema);
        }
        let Some(known) = schemas.get(&raw.schema_id) else { return Ok(Taken::Repeated) };
        let event = known.schema.decode(&raw.payload).map_err(|e| undecodable(&raw, e))?;
        let header = &event.header;
        let hash = header.hash();
        if batcher.holds(hash) || checkpoint.seen.contains(&hash) {
            tracing::debug!(transaction = header.transaction_key, "event delivered again");
            return Ok(Taken::Repeated);
        }
        let bytes = raw.payload.len();
        let position = ReplayId(raw.replay_id);
        let Some(map) = self.maps.iter().find(|m| m.table.object.eq_ignore_ascii_case(&header.entity)) else {
            batcher.add(header, Vec::new(), bytes, position);
            return Ok(Taken::Collected);
        };
        if event.body.is_none() {
            tracing::warn!(entity = header.entity, "an event's body cannot be read; reading its records instead");
        }
        let binding = known.binding(map);
        match plan(&event, &known.schema, &binding, map) {
            Plan::Reload => Ok(Taken::Reload(map.table.id)),
            Plan::Steps(steps) => {
                let task = |p: crate::mapping::Planned| Task {
                    table: map.table.id,
                    record: p.record,
                    at: header.commit_timestamp,
                    step: p.step,
                };
                batcher.add(header, steps.into_iter().map(task).collect(), bytes, position);
                Ok(Taken::Collected)
            }
        }
    }

    async fn reload(&self, table: TableId, checkpoint: &mut FollowCheckpoint) -> Result<(), SyncError> {
        let map = self.map(table)?;
        let object = map.table.object.clone();
        tracing::warn!(%object, "an event does not name the records that changed; loading the table again");
        self.tell(Progress::Reloading { object, why: "an event does not name the records that changed".into() });
        self.load(map, &TableState::Empty, Some(checkpoint)).await.map(drop)
    }
}

/// An event that cannot be read, and whose records are therefore unknown, stops the pipeline: skipping it would lose a
/// change in silence.
fn undecodable(raw: &RawEvent, error: crate::decode::DecodeError) -> SyncError {
    SyncError::new(Phase::Decode { entity: format!("schema {}", raw.schema_id) }, error)
}

/// Whether the org does not know the position any more.
fn is_lost(error: &SyncError) -> bool {
    match &error.cause {
        Cause::Org(error) => match &**error {
            Error::Subscription(s) => {
                matches!(s.kind, SubscriptionErrorKind::ReplayIdExpired | SubscriptionErrorKind::ReplayIdInvalid)
            }
            _ => false,
        },
        _ => false,
    }
}
