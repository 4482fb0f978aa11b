//! The engine: everything that the phases share.

mod apply;
mod batch;
mod follow;
mod mark;
mod queries;
mod repair;
mod reread;
mod schemas;
mod snapshot;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tidegate_client::Client;
use tokio_util::sync::CancellationToken;

use crate::error::{Action, Cause, Phase, SyncError};
use crate::limits::{RETRY_FIRST, RETRY_LONGEST, TRIES_MAX};
use crate::mapping::ObjectMap;
use crate::{Destination, Options, Progress, TableId};

pub(crate) use queries::{Select, digest as digest_query};

/// Told of everything that happens.
pub(crate) type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// A prepared pipeline: the tables are open.
pub(crate) struct Engine {
    pub(crate) client: Client,
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) options: Options,
    pub(crate) maps: Vec<ObjectMap>,
    pub(crate) progress: OnProgress,
    pub(crate) stop: CancellationToken,
    /// Whether errors that may pass are waited out for ever.
    pub(crate) patient: bool,
}

/// How long to wait before the next try.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    tries: u32,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: RETRY_FIRST, tries: 0 }
    }

    /// The next wait, or `None` when it is enough.
    fn wait(&mut self, tries_max: u32, asked: Option<Duration>) -> Option<Duration> {
        self.tries = self.tries.saturating_add(1);
        if self.tries >= tries_max {
            return None;
        }
        let wait = asked.unwrap_or(self.next);
        self.next = (self.next * 2).min(RETRY_LONGEST);
        Some(wait)
    }
}

impl Engine {
    pub(crate) fn tell(&self, progress: Progress) {
        (self.progress)(progress);
    }

    pub(crate) fn map(&self, table: TableId) -> Result<&ObjectMap, SyncError> {
        self.maps.iter().find(|m| m.table.id == table).ok_or_else(|| {
            let what = format!("table number {} is not part of this pipeline", table.0);
            SyncError::new(Phase::Apply, Cause::Found { what, hint: "this is a bug in Tidegate; please report it" })
        })
    }

    /// The org's time, milliseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.client.server_time().unwrap_or_else(jiff::Timestamp::now).as_millisecond()
    }

    pub(crate) fn check_stop(&self) -> Result<(), SyncError> {
        if self.stop.is_cancelled() { Err(SyncError::interrupted()) } else { Ok(()) }
    }

    /// Lets go of something when the caller asks to stop. Only for what may be dropped half-way.
    pub(crate) async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, SyncError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(SyncError::interrupted()),
            done = work => Ok(done),
        }
    }

    /// Waits before another try, or gives the error back when trying again does not help, or no more.
    pub(crate) async fn again(&self, backoff: &mut Backoff, tries_max: u32, error: SyncError) -> Result<(), SyncError> {
        let Action::Retry(asked) = error.action() else {
            return Err(error);
        };
        // The org's limits, or our share of them, leave no room for hours perhaps: that is waited for, however often.
        let soft_stop = matches!(&error.cause, Cause::Org(org) if matches!(**org, tidegate_client::Error::Budget(_)));
        let tries_max = if self.patient || soft_stop { u32::MAX } else { tries_max };
        let Some(after) = backoff.wait(tries_max, asked) else {
            return Err(error);
        };
        let why = error.cause.to_string();
        tracing::warn!(what = %error.phase, %why, after_ms = after.as_millis(), "trying again");
        self.tell(Progress::Retrying { what: error.phase.to_string(), why, after });
        self.or_stop(tokio::time::sleep(after)).await
    }

    /// Does something, again and again while the error says that this may help.
    pub(crate) async fn retry<T, E, F>(
        &self,
        phase: impl Fn() -> Phase,
        mut work: impl FnMut() -> F,
    ) -> Result<T, SyncError>
    where
        E: Into<Cause>,
        F: Future<Output = Result<T, E>>,
    {
        let mut backoff = Backoff::new();
        loop {
            self.check_stop()?;
            match work().await {
                Ok(done) => return Ok(done),
                Err(error) => self.again(&mut backoff, TRIES_MAX, SyncError::new(phase(), error)).await?,
            }
        }
    }
}
