//! Bulk API 1.0: jobs that take many batches, each with its own results in the order of its request.
//!
//! The jobs belong to the org, beside those of 2.0; [`super::step`] works both off. HTTP is in `http::bulk1`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{JobFault, Operation, RETENTION_MS};
use crate::dml::{Saved, Write};
use crate::query::BulkSelection;
use crate::{ApiError, Millis, RecordId};

mod chunks;
pub(super) mod keep;
mod lifecycle;
mod read;
mod worker;

pub use chunks::Chunking;
pub use lifecycle::JobRequest;
pub(super) use worker::step;

/// Most bytes of a batch. Documented: 10 MB.
pub const BATCH_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most records of a batch. Documented: 10,000.
pub const BATCH_ROWS_MAX: usize = 10_000;
/// Most characters of a batch. Documented: 10,000,000.
pub const BATCH_CHARS_MAX: usize = 10_000_000;

/// `contentType`: what a job's batches are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum ContentType {
    Csv,
    Xml,
    Json,
}

impl ContentType {
    /// The API's word.
    pub fn name(self) -> &'static str {
        match self {
            ContentType::Csv => "CSV",
            ContentType::Xml => "XML",
            ContentType::Json => "JSON",
        }
    }

    /// The media type of its batches and results.
    pub fn media_type(self) -> &'static str {
        match self {
            ContentType::Csv => "text/csv",
            ContentType::Xml => "application/xml",
            ContentType::Json => "application/json",
        }
    }
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Writes the rows of its batches.
    Load(Operation),
    /// Runs the queries that are its batches.
    Query {
        /// `queryAll`.
        all: bool,
    },
}

impl Action {
    /// The API's word.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Load(operation) => operation.name(),
            Action::Query { all: false } => "query",
            Action::Query { all: true } => "queryAll",
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum JobState {
    Open,
    Closed,
    Aborted,
    Failed,
}

impl std::fmt::Display for JobState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum BatchState {
    Queued,
    InProgress,
    Completed,
    Failed,
    /// It never will be: its job was aborted, or PK chunking put others in its place.
    NotProcessed,
}

impl BatchState {
    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        !matches!(self, BatchState::Queued | BatchState::InProgress)
    }
}

impl std::fmt::Display for BatchState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// A job of Bulk API 1.0.
#[derive(Debug)]
pub struct Job {
    /// Its id.
    pub id: RecordId,
    /// API name of the object.
    pub object: String,
    /// What it does.
    pub action: Action,
    /// Who made it.
    pub created_by: RecordId,
    /// When it was made.
    pub created: Millis,
    /// When its state last changed.
    pub modified: Millis,
    /// Where it stands.
    pub state: JobState,
    /// The API version it was made with.
    pub version: u16,
    /// What its batches are written in.
    pub content: ContentType,
    /// `concurrencyMode: Serial`. Batches are worked off one by one in either mode.
    pub serial: bool,
    /// Case and Lead only.
    pub assignment_rule: Option<String>,
    /// `Sforce-Enable-PKChunking`.
    pub chunking: Option<Chunking>,
    /// In the order in which they came.
    pub batches: Vec<Batch>,
    turn: u64,
}

/// One batch of a job.
#[derive(Debug)]
pub struct Batch {
    /// Its id.
    pub id: RecordId,
    /// Where it stands.
    pub state: BatchState,
    /// Why it failed.
    pub message: Option<String>,
    /// When it came.
    pub created: Millis,
    /// When its state last changed.
    pub modified: Millis,
    /// What was sent, or the query that PK chunking made.
    pub request: Bytes,
    /// Records that were processed, failed ones too.
    pub processed: u64,
    /// Records that failed.
    pub failed: u64,
    /// Real time that processing took, milliseconds.
    pub processing_ms: u64,
    /// What was planned to go wrong with it.
    pub fault: Option<Arc<JobFault>>,
    /// Whether PK chunking made it.
    is_chunk: bool,
    work: Progress,
}

/// What there is of a batch's work.
#[derive(Debug)]
enum Progress {
    /// Nothing was done.
    None,
    /// The rows of the request, and what became of the first of them.
    Rows { rows: Arc<Vec<Result<Write, ApiError>>>, results: Arc<Vec<RowResult>> },
    /// A query's result.
    Selected { id: RecordId, selection: Arc<BulkSelection> },
}

/// What became of a row.
pub type RowResult = Result<Saved, Vec<RowError>>;

/// One of the errors of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// `statusCode`.
    pub code: Cow<'static, str>,
    /// The text.
    pub message: String,
    /// API names of the fields it concerns.
    pub fields: Vec<String>,
}

impl From<&ApiError> for RowError {
    fn from(error: &ApiError) -> Self {
        let (code, message) = error.of_record();
        Self { code: code.into(), message: message.into(), fields: error.fields.clone() }
    }
}

/// What a batch that has ended left behind.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// One result for each row, in the order of the request.
    Rows(Arc<Vec<RowResult>>),
    /// The result of a query, by its id.
    Selected(RecordId, Arc<BulkSelection>),
}

impl Batch {
    fn new(id: RecordId, request: Bytes, now: Millis) -> Self {
        Self {
            id,
            state: BatchState::Queued,
            message: None,
            created: now,
            modified: now,
            request,
            processed: 0,
            failed: 0,
            processing_ms: 0,
            fault: None,
            is_chunk: false,
            work: Progress::None,
        }
    }

    fn set_state(&mut self, state: BatchState, now: Millis) {
        self.state = state;
        self.modified = now;
    }

    /// Since when the worker may go on with it, as far as its state and the queue's delay are concerned.
    fn due_at(&self, delay: Millis) -> Option<Millis> {
        let hold = |of: fn(&JobFault) -> Option<Millis>| self.fault.as_deref().and_then(of).unwrap_or(0);
        match self.state {
            BatchState::InProgress => Some(self.modified.saturating_add(hold(|fault| fault.in_progress_ms))),
            BatchState::Queued => Some(self.created.saturating_add(delay.max(hold(|fault| fault.upload_complete_ms)))),
            _ => None,
        }
    }

    /// Whether it is planned to fail now: then with which message.
    fn planned_failure(&self, is_query: bool) -> Option<Option<String>> {
        let fault = self.fault.as_deref()?;
        match &self.work {
            Progress::Rows { results, .. } => fault.failure(results.len() as u64),
            Progress::None => fault.failure(if is_query { u64::MAX } else { 0 }),
            Progress::Selected { .. } => None,
        }
    }

    fn fail(&mut self, message: impl Into<String>, now: Millis) {
        self.message = Some(message.into());
        self.set_state(BatchState::Failed, now);
    }

    /// What it left behind.
    ///
    /// # Errors
    /// 400 `InvalidBatch` while it has not been completed.
    pub fn outcome(&self) -> Result<Outcome, ApiError> {
        match (&self.work, self.state.is_terminal()) {
            (Progress::Rows { results, .. }, true) => Ok(Outcome::Rows(Arc::clone(results))),
            (Progress::Selected { id, selection }, true) => Ok(Outcome::Selected(*id, Arc::clone(selection))),
            _ => Err(ApiError::new("InvalidBatch", "Batch not completed")),
        }
    }
}

impl Job {
    fn is_gone(&self, now: Millis) -> bool {
        self.state != JobState::Open && now.saturating_sub(self.modified) >= RETENTION_MS
    }

    /// How many batches are in this state.
    pub fn count(&self, state: BatchState) -> usize {
        self.batches.iter().filter(|b| b.state == state).count()
    }

    /// One of its batches.
    ///
    /// # Errors
    /// 400 `InvalidBatch` for one that it does not have.
    pub fn batch(&self, id: &str) -> Result<&Batch, ApiError> {
        let wanted = RecordId::parse(id);
        self.batches
            .iter()
            .find(|batch| Some(batch.id) == wanted)
            .ok_or_else(|| ApiError::new("InvalidBatch", format!("Unable to find batch with id: {id}")))
    }
}

/// The jobs of Bulk API 1.0, by id.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) jobs: BTreeMap<RecordId, Job>,
    /// Of batches and results.
    count: u64,
    turns: u64,
}

impl Jobs {
    fn next_id(&mut self, prefix: [u8; 3]) -> RecordId {
        self.count += 1;
        RecordId::new(prefix, *b"TG", self.count)
    }

    /// Forgets jobs that ended seven days ago, and ends those that stayed open for a day.
    pub(super) fn expire(&mut self, now: Millis) {
        self.jobs.retain(|_, job| !job.is_gone(now));
        for job in self.jobs.values_mut() {
            if job.state == JobState::Open && now.saturating_sub(job.created) >= super::OPEN_MS {
                job.stop(JobState::Aborted, now);
            }
        }
    }
}
