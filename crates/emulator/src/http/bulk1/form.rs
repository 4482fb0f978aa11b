//! Jobs, batches and errors of Bulk API 1.0 as XML and as JSON.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value as Json, json};

use super::media_type;
use super::results::with_type;
use crate::bulk::one::{Batch, BatchState, Chunking, ContentType, Job, JobRequest};
use crate::bulk::xml::{NAMESPACE, Node, push_element};
use crate::clock::timestamp;
use crate::{ApiError, Millis};

/// The media type of JSON answers. Clients compare the whole header, so it has no parameter.
const JSON: &str = "application/json";

/// What something is said in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Xml,
    Json,
}

/// What the `Accept` header asks for, where it asks for one thing.
pub(super) fn accepted(headers: &HeaderMap) -> Option<Form> {
    let value = headers.get(header::ACCEPT)?.to_str().ok()?;
    named(&value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn named(media: &str) -> Option<Form> {
    match media {
        "application/json" => Some(Form::Json),
        "application/xml" | "text/xml" => Some(Form::Xml),
        _ => None,
    }
}

/// The members of a job or a batch, in the order of XML.
type Members = Vec<(&'static str, Json)>;

impl Form {
    /// What a request asks to be answered in.
    pub(super) fn asked(headers: &HeaderMap) -> Option<Self> {
        accepted(headers).or_else(|| named(&media_type(headers)))
    }

    /// Reads a request for a job.
    pub(super) fn job_request(self, body: &[u8], chunking: Option<Chunking>) -> Result<JobRequest, ApiError> {
        let members = self.read(body)?;
        let text = |name: &str| members.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let required = |name: &str| {
            let missing = || ApiError::new("InvalidJob", format!("The {name} of the job is missing"));
            text(name).map(str::to_owned).ok_or_else(missing)
        };
        let content = match text("contentType").unwrap_or(if self == Form::Xml { "XML" } else { "JSON" }) {
            "CSV" => ContentType::Csv,
            "XML" => ContentType::Xml,
            "JSON" => ContentType::Json,
            zip if zip.starts_with("ZIP_") => {
                let text = "This emulator has not built batches with binary attachments.";
                return Err(ApiError::new("FeatureNotEnabled", text).status(501));
            }
            other => return Err(ApiError::new("InvalidJob", format!("Unknown contentType: {other}"))),
        };
        // simple-salesforce sends the place of the mode.
        let serial = match members.get("concurrencyMode") {
            None | Some(Json::Null) => false,
            Some(Json::Number(n)) => n.as_i64() == Some(1),
            Some(Json::String(mode)) if mode.eq_ignore_ascii_case("serial") || mode == "1" => true,
            Some(Json::String(mode)) if mode.is_empty() || mode.eq_ignore_ascii_case("parallel") || mode == "0" => {
                false
            }
            Some(other) => return Err(ApiError::new("InvalidJob", format!("Unknown concurrencyMode: {other}"))),
        };
        Ok(JobRequest {
            object: required("object")?,
            operation: required("operation")?,
            external_id_field_name: text("externalIdFieldName").map(str::to_owned),
            assignment_rule_id: text("assignmentRuleId").map(str::to_owned),
            content,
            serial,
            chunking,
        })
    }

    /// Reads the state that a job shall have. Other members are let pass.
    pub(super) fn state(self, body: &[u8]) -> Result<String, ApiError> {
        let members = self.read(body)?;
        let state = members.get("state").and_then(Json::as_str).filter(|state| !state.is_empty());
        state.map(str::to_owned).ok_or_else(|| ApiError::new("InvalidJob", "The state of the job is missing"))
    }

    fn read(self, body: &[u8]) -> Result<Map<String, Json>, ApiError> {
        let unreadable = |e: String| ApiError::new("InvalidJob", format!("Unable to parse Job: {e}"));
        match self {
            Form::Json => serde_json::from_slice(body).map_err(|e| unreadable(e.to_string())),
            Form::Xml => {
                let text = std::str::from_utf8(body).map_err(|e| unreadable(e.to_string()))?;
                let root = Node::parse(text).map_err(unreadable)?;
                if root.name != "jobInfo" {
                    return Err(unreadable(format!("jobInfo was expected, not {}", root.name)));
                }
                let member = |node: Node| (node.name, Json::String(node.text.trim().to_owned()));
                Ok(root.children.into_iter().map(member).collect())
            }
        }
    }

    /// An error by itself.
    pub(super) fn error(self, error: &ApiError) -> Response {
        let members = vec![("exceptionCode", json!(error.code)), ("exceptionMessage", json!(error.message))];
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.answer(status, "error", members)
    }

    pub(super) fn job(self, status: StatusCode, job: &Job) -> Response {
        let sum = |of: fn(&Batch) -> u64| job.batches.iter().map(of).fold(0, u64::saturating_add);
        let count = |state| json!(job.count(state));
        let mut members: Members = vec![
            ("id", json!(job.id.to_string())),
            ("operation", json!(job.action.name())),
            ("object", json!(job.object)),
            ("createdById", json!(job.created_by.to_string())),
            ("createdDate", self.date(job.created)),
            ("systemModstamp", self.date(job.modified)),
            ("state", json!(job.state.to_string())),
        ];
        let key = match &job.action {
            crate::bulk::one::Action::Load(crate::bulk::Operation::Upsert(key)) => json!(key),
            _ => Json::Null,
        };
        members.extend([
            ("externalIdFieldName", key),
            ("concurrencyMode", json!(if job.serial { "Serial" } else { "Parallel" })),
            ("contentType", json!(job.content.name())),
            ("numberBatchesQueued", count(BatchState::Queued)),
            ("numberBatchesInProgress", count(BatchState::InProgress)),
            ("numberBatchesCompleted", count(BatchState::Completed)),
            ("numberBatchesFailed", count(BatchState::Failed)),
            ("numberBatchesTotal", json!(job.batches.len())),
            ("numberRecordsProcessed", json!(sum(|b| Shown::of(b).processed))),
            ("numberRetries", json!(sum(|b| Shown::of(b).retries))),
            ("apiVersion", serde_json::from_str(&format!("{}.0", job.version)).unwrap_or(Json::Null)),
            ("assignmentRuleId", json!(job.assignment_rule)),
            ("numberRecordsFailed", json!(sum(|b| Shown::of(b).failed))),
            ("totalProcessingTime", json!(sum(|b| Shown::of(b).total_ms))),
            ("apiActiveProcessingTime", json!(sum(|b| Shown::of(b).api_active_ms))),
            ("apexProcessingTime", json!(sum(|b| Shown::of(b).apex_ms))),
        ]);
        self.answer(status, "jobInfo", members)
    }

    pub(super) fn batch(self, status: StatusCode, job: &Job, batch: &Batch) -> Response {
        self.answer(status, "batchInfo", self.batch_members(job, batch))
    }

    pub(super) fn batches(self, job: &Job) -> Response {
        let batches = job.batches.iter().map(|batch| self.batch_members(job, batch));
        match self {
            Form::Json => {
                let batches: Vec<Json> = batches.map(object).collect();
                with_type(JSON, Body::from(json!({ "batchInfo": batches }).to_string()))
            }
            Form::Xml => {
                let mut out = opening("batchInfoList");
                for members in batches {
                    out.push_str("<batchInfo>");
                    push_members(&mut out, &members);
                    out.push_str("</batchInfo>");
                }
                out.push_str("</batchInfoList>");
                with_type("application/xml", Body::from(out))
            }
        }
    }

    fn batch_members(self, job: &Job, batch: &Batch) -> Members {
        let shown = Shown::of(batch);
        vec![
            ("id", json!(batch.id.to_string())),
            ("jobId", json!(job.id.to_string())),
            ("state", json!(batch.state.to_string())),
            ("stateMessage", json!(batch.message)),
            ("createdDate", self.date(batch.created)),
            ("systemModstamp", self.date(batch.modified)),
            ("numberRecordsProcessed", json!(shown.processed)),
            ("numberRecordsFailed", json!(shown.failed)),
            ("totalProcessingTime", json!(shown.total_ms)),
            ("apiActiveProcessingTime", json!(shown.api_active_ms)),
            ("apexProcessingTime", json!(shown.apex_ms)),
        ]
    }

    /// JSON has the offset of 2.0, XML a `Z` (documented by example).
    fn date(self, at: Millis) -> Json {
        let text = timestamp(at.div_euclid(1000) * 1000);
        match self {
            Form::Json => json!(text),
            Form::Xml => json!(text.replace("+0000", "Z")),
        }
    }

    fn answer(self, status: StatusCode, root: &str, members: Members) -> Response {
        let mut response = match self {
            Form::Json => with_type(JSON, Body::from(object(members).to_string())),
            Form::Xml => {
                let mut out = opening(root);
                push_members(&mut out, &members);
                let _ = write!(out, "</{root}>");
                with_type("application/xml", Body::from(out))
            }
        };
        *response.status_mut() = status;
        response
    }
}

/// The numbers of a batch, as they are or as they were planned to be shown once it has begun.
struct Shown {
    processed: u64,
    failed: u64,
    retries: u64,
    total_ms: u64,
    api_active_ms: u64,
    apex_ms: u64,
}

impl Shown {
    fn of(batch: &Batch) -> Self {
        let planned = batch.fault.as_deref().filter(|_| batch.state != BatchState::Queued);
        let fault = planned.cloned().unwrap_or_default();
        Self {
            processed: batch.processed.saturating_add_signed(fault.processed_off.unwrap_or(0)),
            failed: batch.failed.saturating_add_signed(fault.failed_off.unwrap_or(0)),
            retries: fault.retries.unwrap_or(0).into(),
            total_ms: fault.total_processing_ms.unwrap_or(batch.processing_ms),
            api_active_ms: fault.api_active_processing_ms.unwrap_or(batch.processing_ms),
            apex_ms: fault.apex_processing_ms.unwrap_or(0),
        }
    }
}

fn object(members: Members) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The declaration and the root's tag.
pub(super) fn opening(root: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">")
}

/// What is null is left out.
fn push_members(out: &mut String, members: &Members) {
    for (name, value) in members {
        match value {
            Json::Null => {}
            Json::String(text) => push_element(out, name, text),
            other => push_element(out, name, &other.to_string()),
        }
    }
}
