//! A pipeline: some objects of an org and the destination that holds their copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use tidegate_client::Client;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, OnProgress};
use crate::error::{Cause, Phase, SyncError};
use crate::limits::DESCRIBES_AT_ONCE;
use crate::mapping::ObjectMap;
use crate::verify::{VerifyOptions, VerifyReport};
use crate::{
    ChangeBatch, Checkpoints, Destination, FollowCheckpoint, IdRange, Mode, Options, Progress, Table, TableId,
    TableState,
};

/// Replicates objects of an org into a destination.
#[derive(Clone)]
pub struct Pipeline {
    client: Client,
    destination: Arc<dyn Destination>,
    options: Options,
    progress: OnProgress,
}

/// How a run ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// [`Mode::Load`]: all tables were loaded. [`Mode::Once`]: caught up.
    Done,
    /// The caller asked to stop. What was applied is durable; a later run goes on there.
    Interrupted,
}

/// What a destination holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The org.
    pub org_id: String,
    /// Where the follower stopped.
    pub follow: Option<FollowCheckpoint>,
    /// One for each object.
    pub tables: Vec<TableStatus>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TableStatus {
    /// The object.
    pub object: String,
    /// How far it is.
    pub state: TableState,
    /// Rows that readers see; `None` before the first publish.
    pub rows: Option<u64>,
    /// The newest `SystemModstamp` among them, milliseconds since the epoch.
    pub newest: Option<i64>,
    /// Whether the follower's position covers it. A table that is live and not covered is loaded again by the next run.
    pub followed: bool,
}

impl Pipeline {
    /// A pipeline that has not begun.
    pub fn new(client: Client, destination: Arc<dyn Destination>, options: Options) -> Self {
        Self { client, destination, options, progress: Arc::new(|_| {}) }
    }

    /// Has this told what happens. It is called from within the work and should return at once.
    #[must_use]
    pub fn on_progress(mut self, told: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Arc::new(told);
        self
    }

    /// Replicates, until the mode says that it is enough or `stop` is cancelled.
    ///
    /// # Errors
    /// What stopped it, by phase; see [`SyncError::hint`]. Everything applied until then is durable, and a later run
    /// goes on there.
    pub async fn run(&self, mode: Mode, stop: &CancellationToken) -> Result<Outcome, SyncError> {
        match self.run_to_end(mode, stop).await {
            Err(error) if error.is_interrupted() => Ok(Outcome::Interrupted),
            Err(error) => Err(error),
            Ok(()) => Ok(Outcome::Done),
        }
    }

    async fn run_to_end(&self, mode: Mode, stop: &CancellationToken) -> Result<(), SyncError> {
        let (engine, found) = self.prepare(mode == Mode::Forever, stop).await?;
        let empty = TableState::Empty;
        let state = |map: &ObjectMap| found.tables.get(&map.table.id).unwrap_or(&empty);
        if mode == Mode::Load {
            for map in &engine.maps {
                engine.load(map, state(map), None).await?;
            }
            return Ok(());
        }
        let mut checkpoint = match found.follow {
            Some(ref checkpoint) => checkpoint.clone(),
            None => engine.mark().await?,
        };
        engine.only_these(&mut checkpoint).await?;
        for map in &engine.maps {
            let followed = checkpoint.objects.contains(&map.table.object);
            match state(map) {
                TableState::Live if followed => {}
                state => {
                    if *state == TableState::Live {
                        let why = "its changes were not followed for a while".to_owned();
                        engine.tell(Progress::Reloading { object: map.table.object.clone(), why });
                    }
                    engine.load(map, state, Some(&mut checkpoint)).await?;
                }
            }
        }
        engine.follow(&mut checkpoint, mode).await
    }

    /// Compares the tables with the org. Repairs need a followed destination, since they are written together with its
    /// position.
    ///
    /// # Errors
    /// As [`Pipeline::run`]; an interruption is an error here ([`SyncError::is_interrupted`]).
    pub async fn verify(&self, options: VerifyOptions, stop: &CancellationToken) -> Result<VerifyReport, SyncError> {
        let (engine, found) = self.prepare(false, stop).await?;
        if options.repair && found.follow.is_none() {
            let what = "this destination was never followed, so there is no position to repair at".to_owned();
            let hint = "run `sync` once, or compare without repairing";
            return Err(SyncError::new(Phase::Open, Cause::Found { what, hint }));
        }
        let mut report = VerifyReport::default();
        for map in &engine.maps {
            if found.tables.get(&map.table.id) != Some(&TableState::Live) {
                let what = format!("{} was not loaded completely yet", map.table.object);
                let phase = Phase::Verify { object: map.table.object.clone() };
                return Err(SyncError::new(phase, Cause::Found { what, hint: "run `sync` or `pull` first" }));
            }
            report.tables.push(engine.verify_table(map, options, found.follow.as_ref()).await?);
        }
        Ok(report)
    }

    /// What the destination holds.
    ///
    /// # Errors
    /// The org cannot be asked for the objects' fields, or the destination cannot be opened.
    pub async fn status(&self) -> Result<Status, SyncError> {
        let (engine, found) = self.prepare(false, &CancellationToken::new()).await?;
        let mut tables = Vec::new();
        for map in &engine.maps {
            let object = map.table.object.clone();
            let state = found.tables.get(&map.table.id).cloned().unwrap_or_default();
            let phase = || Phase::Verify { object: object.clone() };
            let digest = match state {
                TableState::Empty => None,
                _ => {
                    let whole = IdRange::default();
                    let digest = || self.destination.digest(map.table.id, &whole);
                    Some(engine.retry(phase, digest).await?)
                }
            };
            let followed = found.follow.as_ref().is_some_and(|f| f.objects.contains(&object));
            tables.push(TableStatus {
                object,
                state,
                rows: digest.map(|d| d.count),
                newest: digest.and_then(|d| d.newest),
                followed,
            });
        }
        Ok(Status { org_id: found.org_id.unwrap_or_default(), follow: found.follow, tables })
    }

    /// Describes the objects and opens the destination.
    async fn prepare(&self, patient: bool, stop: &CancellationToken) -> Result<(Engine, Checkpoints), SyncError> {
        let mut engine = Engine {
            client: self.client.clone(),
            destination: self.destination.clone(),
            options: self.options.clone(),
            maps: Vec::new(),
            progress: self.progress.clone(),
            stop: stop.clone(),
            patient,
        };
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for name in &self.options.objects {
            names.entry(name.to_ascii_lowercase()).or_insert_with(|| name.clone());
        }
        let describes: Vec<_> = futures::stream::iter(names.into_values().map(|object| {
            let engine = &engine;
            async move {
                let phase = || Phase::Describe { object: object.clone() };
                engine.retry(phase, || async { engine.client.describe(&object).await }).await
            }
        }))
        .buffered(DESCRIBES_AT_ONCE)
        .try_collect()
        .await?;
        let mut maps = Vec::new();
        for (number, describe) in (0u16..).zip(&describes) {
            let phase = || Phase::Describe { object: describe.name.clone() };
            maps.push(ObjectMap::new(TableId(number), describe).map_err(|e| SyncError::new(phase(), e))?);
        }
        let org_id = engine.retry(|| Phase::Org, || async { engine.client.org_id().await }).await?;
        let tables: Vec<Table> = maps.iter().map(|m| m.table.clone()).collect();
        let found = engine.retry(|| Phase::Open, || self.destination.open(&org_id, &tables)).await?;
        engine.maps = maps;
        Ok((engine, found))
    }
}

impl Engine {
    /// Takes objects that are not part of this run off the position: their changes will be passed over.
    async fn only_these(&self, checkpoint: &mut FollowCheckpoint) -> Result<(), SyncError> {
        let before = checkpoint.objects.len();
        checkpoint.objects.retain(|object| self.maps.iter().any(|m| m.table.object == *object));
        if checkpoint.objects.len() == before {
            return Ok(());
        }
        let batch = ChangeBatch { changes: Vec::new(), checkpoint: checkpoint.clone() };
        self.retry(|| Phase::Apply, || self.destination.apply(&batch)).await
    }
}
