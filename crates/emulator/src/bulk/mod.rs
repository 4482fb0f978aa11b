//! Bulk API 2.0: query jobs and ingest jobs, their life, and what they leave behind. Bulk API 1.0 is in [`one`].
//!
//! The jobs belong to the org; [`step`] does the next piece of their work. HTTP is in `http::bulk` and `http::bulk1`.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::query::BulkSelection;
use crate::{ApiError, Millis, RecordId};

mod choices;
mod columns;
mod csv;
mod ingest;
mod keep;
mod lifecycle;
pub mod one;
pub mod plans;
mod results;
mod worker;
pub(crate) mod xml;

pub use choices::Choices;
pub(crate) use choices::HARD_DELETE_REFUSED;
pub(crate) use keep::KeptJobs;

pub use csv::Delimiter;
pub use ingest::{Ingest, IngestRequest, Operation};
pub use lifecycle::QueryRequest;
pub use plans::{JobFault, JobPlan, JobPlans};
pub use results::{ResultSet, result_pieces};
pub use worker::{Step, step};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// How long results are kept after a job ended. Documented: 7 days.
pub const RETENTION_MS: i64 = 7 * 24 * HOUR_MS;
/// How long a job may stay open. Documented: 24 hours.
pub const OPEN_MS: i64 = 24 * HOUR_MS;
/// Rows that are saved in one transaction.
pub const CHUNK_ROWS: usize = 200;
/// Rows of an internal batch, as they count against the daily allowance.
pub const BATCH_ROWS: u64 = 10_000;
/// Jobs on one page of a list.
pub const LIST_ROWS: usize = 1_000;
/// Most bytes of an upload: 150 MB once base64-encoded.
pub const UPLOAD_BYTES_MAX: usize = 150 * 1024 * 1024 / 4 * 3;
/// Most characters of job data in a multipart request.
pub const MULTIPART_CHARS_MAX: usize = 100_000;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        matches!(self, State::JobComplete | State::Failed | State::Aborted)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// `lineEnding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum LineEnding {
    Lf,
    Crlf,
}

impl LineEnding {
    /// The API's word for it.
    pub fn name(self) -> &'static str {
        match self {
            LineEnding::Lf => "LF",
            LineEnding::Crlf => "CRLF",
        }
    }

    /// The characters.
    pub fn text(self) -> &'static str {
        match self {
            LineEnding::Lf => "\n",
            LineEnding::Crlf => "\r\n",
        }
    }
}

/// A job of either kind.
#[derive(Debug)]
pub struct Job {
    /// Its id.
    pub id: RecordId,
    /// API name of the object.
    pub object: String,
    /// Who made it.
    pub created_by: RecordId,
    /// When it was made.
    pub created: Millis,
    /// When its state last changed.
    pub modified: Millis,
    /// Where it stands.
    pub state: State,
    /// The API version it was made with.
    pub version: u16,
    /// Between columns.
    pub delimiter: Delimiter,
    /// Between rows.
    pub line_ending: LineEnding,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Rows that were processed, failed ones too.
    pub processed: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Real time that processing took, milliseconds.
    pub processing_ms: u64,
    /// When the worker last did something for it; keeps jobs taking turns.
    turn: u64,
    /// What was planned to go wrong with it.
    pub fault: Option<Arc<JobFault>>,
    /// What is particular to its kind.
    pub work: Work,
}

/// What is particular to a kind of job.
#[derive(Debug)]
pub enum Work {
    /// A query job.
    Query {
        /// The SOQL text.
        query: String,
        /// `queryAll`.
        all: bool,
        /// The result, once there is one.
        selection: Option<Arc<BulkSelection>>,
    },
    /// An ingest job.
    Ingest(Ingest),
}

/// Which kind of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say it")]
pub enum Kind {
    Query,
    Ingest,
}

impl Job {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self.work {
            Work::Query { .. } => Kind::Query,
            Work::Ingest(_) => Kind::Ingest,
        }
    }

    fn set_state(&mut self, state: State, now: Millis) {
        self.state = state;
        self.modified = now;
    }

    /// Since when the worker may go on with it, as far as its state and the queue's delay are concerned.
    fn due_at(&self, delay: Millis) -> Option<Millis> {
        let hold = |of: fn(&JobFault) -> Option<Millis>| self.fault.as_deref().and_then(of).unwrap_or(0);
        match self.state {
            State::InProgress => Some(self.modified.saturating_add(hold(|fault| fault.in_progress_ms))),
            State::UploadComplete => {
                Some(self.modified.saturating_add(delay.max(hold(|fault| fault.upload_complete_ms))))
            }
            _ => None,
        }
    }

    /// Whether it is planned to fail now: then with which message.
    fn planned_failure(&self) -> Option<Option<String>> {
        let fault = self.fault.as_deref()?;
        match &self.work {
            Work::Ingest(ingest) => fault.failure(ingest.next_row as u64),
            Work::Query { .. } => fault.failure(u64::MAX),
        }
    }

    fn fail(&mut self, message: impl Into<String>, now: Millis) {
        self.error_message = Some(message.into());
        self.set_state(State::Failed, now);
    }

    fn is_gone(&self, now: Millis) -> bool {
        self.state.is_terminal() && now.saturating_sub(self.modified) >= RETENTION_MS
    }
}

/// The jobs of an org, by id.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<RecordId, Job>,
    count: u64,
    turns: u64,
    classic: one::Jobs,
    /// What shall go wrong with jobs to come.
    pub plans: JobPlans,
}

impl Jobs {
    /// A job of this kind.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` for one that is unknown, deleted or expired.
    pub fn get(&self, kind: Kind, id: &str, now: Millis) -> Result<&Job, ApiError> {
        RecordId::parse(id)
            .and_then(|id| self.jobs.get(&id))
            .filter(|job| job.kind() == kind && !job.is_gone(now))
            .ok_or_else(missing)
    }

    /// As [`Jobs::get`], to change it.
    ///
    /// # Errors
    /// The same.
    pub fn get_mut(&mut self, kind: Kind, id: &str, now: Millis) -> Result<&mut Job, ApiError> {
        RecordId::parse(id)
            .and_then(|id| self.jobs.get_mut(&id))
            .filter(|job| job.kind() == kind && !job.is_gone(now))
            .ok_or_else(missing)
    }

    /// A number that is another when a job has changed.
    pub(crate) fn mark(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        for job in self.jobs.values() {
            (job.id, job.state as u8, job.modified, job.processed).hash(&mut hasher);
            if let Work::Ingest(ingest) = &job.work {
                ingest.uploads.hash(&mut hasher);
            }
        }
        for job in self.classic.jobs.values() {
            (job.id, job.state as u8, job.modified, job.batches.len()).hash(&mut hasher);
            for batch in &job.batches {
                (batch.state as u8, batch.processed).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Jobs of a kind, oldest first.
    pub fn list(&self, kind: Kind, now: Millis) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(move |job| job.kind() == kind && !job.is_gone(now))
    }

    fn next_id(&mut self) -> RecordId {
        self.count += 1;
        RecordId::new(*b"750", *b"TG", self.count)
    }

    /// Forgets jobs that ended seven days ago, and ends those that stayed open for a day.
    pub fn expire(&mut self, now: Millis) {
        self.classic.expire(now);
        self.jobs.retain(|_, job| !job.is_gone(now));
        for job in self.jobs.values_mut() {
            if job.state == State::Open && now.saturating_sub(job.created) >= OPEN_MS {
                job.set_state(State::Aborted, now);
            }
        }
    }
}

fn missing() -> ApiError {
    ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404)
}

fn illegal(message: impl Into<String>) -> ApiError {
    ApiError::new("INVALIDJOBSTATE", message)
}
