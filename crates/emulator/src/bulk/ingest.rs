//! Ingest jobs: made, filled once, closed, worked off in chunks.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Choices, Delimiter, HARD_DELETE_REFUSED, Job, Jobs, LineEnding, State, Work, illegal};
use crate::schema::{FieldType, Schema};
use crate::{ApiError, Millis, RecordId};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an ingest job does with each row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they say it")]
pub enum Operation {
    Insert,
    Update,
    /// By this external id.
    Upsert(String),
    Delete,
    HardDelete,
}

impl Operation {
    /// The API's word.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Insert => "insert",
            Operation::Update => "update",
            Operation::Upsert(_) => "upsert",
            Operation::Delete => "delete",
            Operation::HardDelete => "hardDelete",
        }
    }
}

/// A request for an ingest job, checked by [`Jobs::create_ingest`].
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub struct IngestRequest {
    pub object: String,
    pub operation: String,
    pub external_id_field_name: Option<String>,
    pub assignment_rule_id: Option<String>,
    pub delimiter: Delimiter,
    pub line_ending: LineEnding,
}

/// What an ingest job has and has done.
#[derive(Debug)]
pub struct Ingest {
    /// What it does.
    pub operation: Operation,
    /// Case and Lead only.
    pub assignment_rule: Option<String>,
    /// The uploaded CSV.
    pub(super) upload: Option<Bytes>,
    /// How many uploads there were: more than one where [`Choices::second_upload_refused`] is off.
    pub(super) uploads: u32,
    /// How the upload is read, once processing began.
    pub(super) plan: Option<Arc<Plan>>,
    /// Rows that were handed to the org.
    pub(super) next_row: usize,
    /// What became of them, in the order in which the results show them.
    pub(super) outcomes: Arc<Vec<Outcome>>,
}

/// Where the rows of an upload are.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) columns: Columns,
    /// Start and end of each row.
    pub(super) rows: Vec<(u32, u32)>,
}

/// What became of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Its place in the upload.
    pub(super) row: usize,
    pub(super) result: Result<(RecordId, bool), (Option<RecordId>, Box<str>)>,
}

impl Jobs {
    /// Makes an ingest job.
    ///
    /// # Errors
    /// 400 for an unknown object or operation, or an external id that does not go with it.
    pub fn create_ingest(
        &mut self,
        schema: &Schema,
        choices: &Choices,
        asked: IngestRequest,
        user: RecordId,
        version: u16,
        now: Millis,
    ) -> Result<&Job, ApiError> {
        let unsupported =
            || ApiError::new("INVALIDENTITY", format!("Entity '{}' is not supported by the Bulk API.", asked.object));
        let (_, object) = schema.find(&asked.object).ok_or_else(unsupported)?;
        if !object.flags.createable && !object.flags.updateable && !object.flags.deletable {
            return Err(unsupported());
        }
        let key = asked.external_id_field_name.as_deref().filter(|k| !k.is_empty());
        let operation = match (asked.operation.as_str(), key) {
            ("upsert", None) => {
                let text =
                    format!("External ID was blank for {}. An External ID must be specified for upsert.", object.name);
                return Err(ApiError::new("INVALIDJOB", text));
            }
            ("upsert", Some(key)) => {
                let field = object.field(key).map(|(_, f)| f);
                let is_key = |f: &&crate::schema::Field| f.external_id || f.id_lookup || f.ty == FieldType::Id;
                let Some(field) = field.filter(is_key) else {
                    let text = format!(
                        "Field name provided, {key} is not an External ID or indexed field for {}",
                        object.name
                    );
                    return Err(ApiError::new("INVALIDJOB", text));
                };
                Operation::Upsert(field.name.clone())
            }
            (_, Some(_)) => {
                let text = "The externalIdFieldName can be specified for an upsert only";
                return Err(ApiError::new("INVALIDJOB", text));
            }
            ("insert", None) => Operation::Insert,
            ("update", None) => Operation::Update,
            ("delete", None) => Operation::Delete,
            ("hardDelete", None) if !choices.hard_delete => {
                return Err(ApiError::new("FEATURENOTENABLED", HARD_DELETE_REFUSED));
            }
            ("hardDelete", None) => Operation::HardDelete,
            (other, None) => {
                return Err(ApiError::new("INVALIDOPERATION", format!("Operation {other} is not supported")));
            }
        };
        if let Some(rule) = &asked.assignment_rule_id {
            check_rule(rule, &object.name, version)?;
        }
        let ingest = Ingest {
            operation,
            assignment_rule: asked.assignment_rule_id,
            upload: None,
            uploads: 0,
            plan: None,
            next_row: 0,
            outcomes: Arc::default(),
        };
        let csv = (asked.delimiter, asked.line_ending);
        Ok(self.add(object.name.clone(), csv, Work::Ingest(ingest), user, version, now))
    }
}

/// An assignment rule is for cases and leads, from version 49.0 on (documented).
fn check_rule(rule: &str, object: &str, version: u16) -> Result<(), ApiError> {
    if version < 49 || !matches!(object, "Case" | "Lead") {
        let text = "The assignmentRuleId can be specified for Case and Lead only, from version 49.0 on";
        return Err(ApiError::new("INVALIDJOB", text));
    }
    match RecordId::parse(rule) {
        Some(id) if &id.prefix() == b"01Q" => Ok(()),
        _ => Err(ApiError::new("INVALIDJOB", format!("Invalid assignment rule: {rule}"))),
    }
}

/// A job was given data more than once.
fn multiple_contents(id: RecordId, multiple: &str) -> ApiError {
    let text = format!(
        "Found {multiple} contents for job: <{id}>, please 'Close' / 'Abort' / 'Delete' the current Job then create a \
         new Job and make sure you only do 'PUT' once on a given Job."
    );
    ApiError::new("INVALIDJOB", text)
}

impl Job {
    /// Whether an upload would be taken now.
    ///
    /// # Errors
    /// 400 for another user's job, a job that is not open, or a second upload.
    pub fn check_upload(&self, user: RecordId, choices: &Choices) -> Result<(), ApiError> {
        self.check_creator(user)?;
        let Work::Ingest(ingest) = &self.work else { return Err(super::missing()) };
        if self.state != State::Open {
            return Err(illegal(format!("Uploading data to a job that is {} is not allowed", self.state)));
        }
        if ingest.upload.is_some() && choices.second_upload_refused {
            return Err(multiple_contents(self.id, "multiple"));
        }
        Ok(())
    }

    /// Takes the CSV of an open job: once.
    ///
    /// # Errors
    /// As [`Job::check_upload`].
    pub fn upload(&mut self, mut csv: Bytes, user: RecordId, choices: &Choices) -> Result<(), ApiError> {
        self.check_upload(user, choices)?;
        if choices.byte_order_mark_skipped && csv.starts_with(BYTE_ORDER_MARK) {
            csv.advance(BYTE_ORDER_MARK.len());
        }
        if let Work::Ingest(ingest) = &mut self.work {
            ingest.upload = Some(csv);
            ingest.uploads += 1;
        }
        Ok(())
    }

    /// Closes an open job: it goes to the queue.
    ///
    /// # Errors
    /// 400 for another user's job, a job that is not open, or one without data.
    pub fn close(&mut self, user: RecordId, choices: &Choices, now: Millis) -> Result<(), ApiError> {
        self.check_creator(user)?;
        let Work::Ingest(ingest) = &self.work else { return Err(super::missing()) };
        match self.state {
            // The misspelling was observed.
            State::Open if ingest.uploads > 1 => Err(multiple_contents(self.id, "multipe")),
            State::Open if ingest.upload.is_none() && choices.empty_close_refused => {
                Err(ApiError::new("INVALIDJOB", "No data was uploaded to the job; upload data or abort it"))
            }
            State::Open => {
                self.set_state(State::UploadComplete, now);
                Ok(())
            }
            State::Aborted => Err(illegal("Closing already Aborted Job not allowed")),
            State::JobComplete | State::Failed => Err(illegal("Closing already Completed Job not allowed")),
            State::UploadComplete | State::InProgress => {
                Err(illegal(format!("Closing a job that is {} is not allowed", self.state)))
            }
        }
    }

    fn check_creator(&self, user: RecordId) -> Result<(), ApiError> {
        if self.created_by == user {
            return Ok(());
        }
        Err(ApiError::new("INVALIDUSER", "Only the user who created the job can do this"))
    }
}
