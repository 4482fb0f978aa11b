//! Making query jobs; aborting and deleting jobs of either kind.

use super::plans::JobKind;
use super::{Delimiter, Job, Jobs, Kind, LineEnding, State, Work, illegal};
use crate::{ApiError, Millis, RecordId};

/// A request for a query job whose query was found in order.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub struct QueryRequest {
    /// The object queried.
    pub object: String,
    pub query: String,
    /// `queryAll`.
    pub all: bool,
    pub delimiter: Delimiter,
    pub line_ending: LineEnding,
}

impl Jobs {
    /// Makes a query job. It is in the queue at once.
    pub fn create_query(&mut self, asked: QueryRequest, user: RecordId, version: u16, now: Millis) -> &Job {
        let work = Work::Query { query: asked.query, all: asked.all, selection: None };
        self.add(asked.object, (asked.delimiter, asked.line_ending), work, user, version, now)
    }

    /// Adds a job at the beginning of its life: an ingest job takes data, a query job waits in the queue.
    pub(super) fn add(
        &mut self,
        object: String,
        (delimiter, line_ending): (Delimiter, LineEnding),
        work: Work,
        user: RecordId,
        version: u16,
        now: Millis,
    ) -> &Job {
        let id = self.next_id();
        let (kind, operation) = match &work {
            Work::Query { all: false, .. } => (JobKind::Query, "query"),
            Work::Query { all: true, .. } => (JobKind::Query, "queryAll"),
            Work::Ingest(ingest) => (JobKind::Ingest, ingest.operation.name()),
        };
        let fault = self.plans.take(kind, &object, operation);
        let state = if matches!(work, Work::Ingest(_)) { State::Open } else { State::UploadComplete };
        let job = Job {
            id,
            object,
            created_by: user,
            created: now,
            modified: now,
            state,
            version,
            delimiter,
            line_ending,
            error_message: None,
            processed: 0,
            failed: 0,
            processing_ms: 0,
            turn: 0,
            fault,
            work,
        };
        self.jobs.entry(id).or_insert(job)
    }

    /// Deletes a job with its results.
    ///
    /// # Errors
    /// 404 where there is none; 400 `API_ERROR` where it has not ended (an ingest job may also wait in the queue).
    pub fn delete(&mut self, kind: Kind, id: &str, now: Millis) -> Result<(), ApiError> {
        let job = self.get(kind, id, now)?;
        let waiting = kind == Kind::Ingest && job.state == State::UploadComplete;
        if !job.state.is_terminal() && !waiting {
            let text = "Error encountered when deleting the job because the job is not terminated";
            return Err(ApiError::new("API_ERROR", text));
        }
        let id = job.id;
        self.jobs.remove(&id);
        Ok(())
    }
}

impl Job {
    /// Ends a job. Rows that were done stay done.
    ///
    /// # Errors
    /// 400 `INVALIDJOBSTATE` for one that has ended.
    pub fn abort(&mut self, now: Millis) -> Result<(), ApiError> {
        match self.state {
            State::Aborted => Err(illegal("Aborting already Aborted Job not allowed")),
            State::JobComplete | State::Failed => Err(illegal("Aborting already Completed Job not allowed")),
            State::Open | State::UploadComplete | State::InProgress => {
                self.set_state(State::Aborted, now);
                Ok(())
            }
        }
    }
}
