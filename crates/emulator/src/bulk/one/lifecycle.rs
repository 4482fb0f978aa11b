//! A job of Bulk API 1.0 from its creation to its end.

use bytes::Bytes;

use super::{Action, BATCH_BYTES_MAX, Batch, BatchState, Chunking, ContentType, Job, JobState};
use crate::bulk::plans::JobKind;
use crate::bulk::{Choices, Jobs, Operation};
use crate::schema::{Field, FieldType, ObjectType, Schema};
use crate::{ApiError, Millis, RecordId};

/// A request for a job, checked by [`Jobs::create_classic`].
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub struct JobRequest {
    pub object: String,
    pub operation: String,
    pub external_id_field_name: Option<String>,
    pub assignment_rule_id: Option<String>,
    pub content: ContentType,
    pub serial: bool,
    pub chunking: Option<Chunking>,
}

fn invalid_job(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidJob", message)
}

fn illegal(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidJobState", message)
}

impl Jobs {
    /// Makes a job of Bulk API 1.0.
    ///
    /// # Errors
    /// 400 `InvalidJob` and its like, for an object, operation or external id that cannot be.
    pub fn create_classic(
        &mut self,
        schema: &Schema,
        choices: &Choices,
        asked: JobRequest,
        user: RecordId,
        version: u16,
        now: Millis,
    ) -> Result<&Job, ApiError> {
        let unsupported =
            || ApiError::new("InvalidEntity", format!("Entity '{}' is not supported by the Bulk API.", asked.object));
        let (_, object) = schema.find(&asked.object).ok_or_else(unsupported)?;
        let action = action(object, &asked, choices)?;
        let flags = &object.flags;
        let possible = match action {
            Action::Load(_) => flags.createable || flags.updateable || flags.deletable,
            Action::Query { .. } => flags.queryable,
        };
        if !possible {
            return Err(unsupported());
        }
        if asked.chunking.is_some() && !matches!(action, Action::Query { .. }) {
            return Err(invalid_job("PK chunking is for query jobs only"));
        }
        let id = self.next_id();
        let job = Job {
            id,
            object: object.name.clone(),
            action,
            created_by: user,
            created: now,
            modified: now,
            state: JobState::Open,
            version,
            content: asked.content,
            serial: asked.serial,
            assignment_rule: asked.assignment_rule_id,
            chunking: asked.chunking,
            batches: Vec::new(),
            turn: 0,
        };
        Ok(self.classic.jobs.entry(id).or_insert(job))
    }

    /// A job of Bulk API 1.0.
    ///
    /// # Errors
    /// 400 `InvalidJob` for one that is unknown or expired.
    pub fn classic(&self, id: &str, now: Millis) -> Result<&Job, ApiError> {
        RecordId::parse(id)
            .and_then(|id| self.classic.jobs.get(&id))
            .filter(|job| !job.is_gone(now))
            .ok_or_else(|| invalid_job(format!("Unable to find object: {id}")))
    }

    /// Jobs of Bulk API 1.0, oldest first: the `Classic` ones of a list.
    pub fn classics(&self, now: Millis) -> impl Iterator<Item = &Job> {
        self.classic.jobs.values().filter(move |job| !job.is_gone(now))
    }

    /// Adds a batch to an open job and gives its id. It is in the queue at once.
    ///
    /// # Errors
    /// 400 for a job that is not open and for a batch that is too large.
    pub fn add_batch(&mut self, id: &str, request: Bytes, now: Millis) -> Result<RecordId, ApiError> {
        let job = self.classic(id, now)?;
        let (job_id, object, operation) = (job.id, job.object.clone(), job.action.name());
        if job.state != JobState::Open {
            return Err(illegal(format!("Adding a batch to a job that is {} is not allowed", job.state)));
        }
        if request.len() > BATCH_BYTES_MAX {
            let text = format!("The batch has more than {BATCH_BYTES_MAX} bytes");
            return Err(ApiError::new("ClientInputError", text));
        }
        if request.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::new("InvalidBatch", "The batch is empty"));
        }
        let batch = self.classic.next_id(*b"751");
        if let Some(job) = self.classic.jobs.get_mut(&job_id) {
            let fault = self.plans.take(JobKind::Batch, &object, operation);
            job.batches.push(Batch { fault, ..Batch::new(batch, request, now) });
        }
        Ok(batch)
    }

    /// Takes back a batch that was just added.
    pub(crate) fn take_back(&mut self, id: &str, batch: RecordId) {
        if let Some(job) = RecordId::parse(id).and_then(|id| self.classic.jobs.get_mut(&id)) {
            job.batches.retain(|b| b.id != batch);
        }
    }

    /// Closes or aborts a job, as its `state` member asks.
    ///
    /// # Errors
    /// 400 for a state that no client can set, and for a job that is not open any more.
    pub fn set_classic(&mut self, id: &str, state: &str, now: Millis) -> Result<&Job, ApiError> {
        let job_id = self.classic(id, now)?.id;
        let Some(job) = self.classic.jobs.get_mut(&job_id) else { return Err(invalid_job("Unable to find object")) };
        // A job whose batches are still at work may be aborted after it was closed.
        let at_work = job.batches.iter().any(|batch| !batch.state.is_terminal());
        match (state, job.state) {
            ("Closed", JobState::Open) => {
                job.state = JobState::Closed;
                job.modified = now;
            }
            ("Aborted", JobState::Open) => job.stop(JobState::Aborted, now),
            ("Aborted", JobState::Closed) if at_work => job.stop(JobState::Aborted, now),
            ("Closed", other) => return Err(illegal(format!("Closing already {} Job not allowed", past(other)))),
            ("Aborted", other) => return Err(illegal(format!("Aborting already {} Job not allowed", past(other)))),
            (other, _) => return Err(illegal(format!("A job cannot be set to {other}"))),
        }
        Ok(job)
    }
}

/// How a refusal names a job's state (observed: a closed job is "Completed").
fn past(state: JobState) -> &'static str {
    match state {
        JobState::Aborted => "Aborted",
        JobState::Failed => "Failed",
        JobState::Open | JobState::Closed => "Completed",
    }
}

impl Job {
    /// Ends it; what is not done stays undone.
    pub(super) fn stop(&mut self, state: JobState, now: Millis) {
        self.state = state;
        self.modified = now;
        for batch in self.batches.iter_mut().filter(|batch| !batch.state.is_terminal()) {
            batch.set_state(BatchState::NotProcessed, now);
        }
    }
}

fn action(object: &ObjectType, asked: &JobRequest, choices: &Choices) -> Result<Action, ApiError> {
    let key = asked.external_id_field_name.as_deref().filter(|key| !key.is_empty());
    let operation = match (asked.operation.as_str(), key) {
        ("upsert", None) => {
            let name = &object.name;
            let text = format!("External ID was blank for {name}. An External ID must be specified for upsert.");
            return Err(invalid_job(text));
        }
        ("upsert", Some(key)) => {
            let is_key = |f: &&Field| f.external_id || f.id_lookup || f.ty == FieldType::Id;
            let Some(field) = object.field(key).map(|(_, f)| f).filter(is_key) else {
                let name = &object.name;
                let text = format!("Field name provided, {key} is not an External ID or indexed field for {name}");
                return Err(invalid_job(text));
            };
            Operation::Upsert(field.name.clone())
        }
        (_, Some(_)) => return Err(invalid_job("The externalIdFieldName can be specified for an upsert only")),
        ("insert", None) => Operation::Insert,
        ("update", None) => Operation::Update,
        ("delete", None) => Operation::Delete,
        ("hardDelete", None) => {
            if !choices.hard_delete {
                return Err(ApiError::new("FeatureNotEnabled", super::super::HARD_DELETE_REFUSED));
            }
            Operation::HardDelete
        }
        ("query", None) => return Ok(Action::Query { all: false }),
        ("queryAll", None) => return Ok(Action::Query { all: true }),
        (other, None) => {
            return Err(ApiError::new("InvalidOperation", format!("Operation {other} is not supported")));
        }
    };
    Ok(Action::Load(operation))
}
