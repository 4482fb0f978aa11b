//! Bulk API 2.0 over HTTP: `/services/data/vNN.0/jobs/…`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::error::json_response;
use super::state::AppState;
use crate::ApiError;
use crate::bulk::{Delimiter, Job, Kind, LineEnding, State as JobState, Work};
use crate::clock::timestamp;
use crate::http::session::Session;
use list::ListFilter;

mod ingest;
mod list;
mod multipart;
mod query;

/// Bulk routes.
pub fn routes() -> Router<AppState> {
    Router::new().merge(ingest::routes()).merge(query::routes())
}

/// Names in the path of a job.
#[derive(Debug, Deserialize)]
struct JobPath {
    id: String,
    /// What of the job: its results of one kind.
    #[serde(default)]
    part: String,
}

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Bytes that are no text name no job.
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(path)| path).map_err(|_| crate::http::not_found())
    }
}

/// The list of the jobs of one kind.
fn list_route(kind: Kind) -> MethodRouter<AppState> {
    get(move |session: Session, State(state): State<AppState>, Query(filter): Query<ListFilter>| async move {
        let page = list::page(&state.org.read(), kind, &filter, session.version, state.now())?;
        Ok::<_, ApiError>(json_response(StatusCode::OK, &page))
    })
}

/// A job of one kind, to be read and deleted.
fn job_route(kind: Kind) -> MethodRouter<AppState> {
    get(move |_: Session, State(state): State<AppState>, path: JobPath| async move {
        Ok::<_, ApiError>(job_response(state.org.read().jobs.get(kind, &path.id, state.now())?, Shown::Whole))
    })
    .delete(move |_: Session, State(state): State<AppState>, path: JobPath| async move {
        state.org.write().jobs.delete(kind, &path.id, state.now())?;
        Ok::<_, ApiError>(StatusCode::NO_CONTENT)
    })
}

/// Longest JSON body of a job request.
const JOB_BYTES_MAX: usize = 1024 * 1024;

async fn read_body(body: Body, most: usize) -> Result<Bytes, ApiError> {
    let too_large = |_| {
        ApiError::new("REQUEST_ENTITY_TOO_LARGE", format!("The body could not be read or exceeds {most} bytes"))
            .status(413)
    };
    axum::body::to_bytes(body, most).await.map_err(too_large)
}

fn read_json(body: &[u8]) -> Result<Map<String, Json>, ApiError> {
    serde_json::from_slice(body).map_err(|e| {
        let text = format!("{e} at [line:{}, column:{}]", e.line(), e.column());
        ApiError::new("JSON_PARSER_ERROR", text)
    })
}

/// A text member; null and `""` are no text.
fn text<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Json::as_str).filter(|t| !t.is_empty())
}

/// Refuses members that a job does not have.
fn check_members(object: &Map<String, Json>, known: &[&str]) -> Result<(), ApiError> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(ApiError::new("JSON_PARSER_ERROR", format!("Unrecognized field \"{name}\""))),
        None => Ok(()),
    }
}

/// `contentType`, `columnDelimiter` and `lineEnding`, which both kinds of job have.
fn read_format(object: &Map<String, Json>) -> Result<(Delimiter, LineEnding), ApiError> {
    let bad = |name: &str, value: &str| {
        ApiError::new(
            "JSON_PARSER_ERROR",
            format!("Cannot deserialize {name} from \"{value}\": not one of the values accepted"),
        )
    };
    if let Some(other) = text(object, "contentType").filter(|t| *t != "CSV") {
        return Err(bad("contentType", other));
    }
    let delimiter = text(object, "columnDelimiter").unwrap_or("COMMA");
    let delimiter = Delimiter::named(delimiter).ok_or_else(|| bad("columnDelimiter", delimiter))?;
    let line_ending = match text(object, "lineEnding") {
        None | Some("LF") => LineEnding::Lf,
        Some("CRLF") => LineEnding::Crlf,
        Some(other) => return Err(bad("lineEnding", other)),
    };
    Ok((delimiter, line_ending))
}

/// Which answer a job is shown in: they differ in members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Created,
    Changed,
    Whole,
    Listed,
}

fn job_json(job: &Job, shown: Shown) -> Json {
    let mut members = Map::new();
    let mut put = |name: &str, value: Json| {
        members.insert(name.to_owned(), value);
    };
    let operation = match &job.work {
        Work::Query { all: false, .. } => "query",
        Work::Query { all: true, .. } => "queryAll",
        Work::Ingest(ingest) => ingest.operation.name(),
    };
    put("id", json!(job.id.to_string()));
    put("operation", json!(operation));
    put("object", json!(job.object));
    put("createdById", json!(job.created_by.to_string()));
    put("createdDate", json!(whole_second(job.created)));
    put("systemModstamp", json!(whole_second(job.modified)));
    put("state", json!(job.state.to_string()));
    if let Work::Ingest(ingest) = &job.work {
        if let crate::bulk::Operation::Upsert(key) = &ingest.operation {
            put("externalIdFieldName", json!(key));
        }
        if let Some(rule) = &ingest.assignment_rule {
            put("assignmentRuleId", json!(rule));
        }
    }
    put("concurrencyMode", json!("Parallel"));
    put("contentType", json!("CSV"));
    // A number, although the documentation's type column says text.
    put("apiVersion", serde_json::from_str(&format!("{}.0", job.version)).unwrap_or(Json::Null));
    if shown != Shown::Created {
        put("jobType", json!(if job.kind() == Kind::Query { "V2Query" } else { "V2Ingest" }));
    }
    if job.kind() == Kind::Ingest && job.state == JobState::Open {
        put("contentUrl", json!(format!("services/data/v{}.0/jobs/ingest/{}/batches", job.version, job.id)));
    }
    put("lineEnding", json!(job.line_ending.name()));
    put("columnDelimiter", json!(job.delimiter.name()));
    if shown == Shown::Whole {
        // What is planned to be said of a job that has begun.
        let planned = job.fault.as_deref().filter(|_| !matches!(job.state, JobState::Open | JobState::UploadComplete));
        let fault = planned.cloned().unwrap_or_default();
        if job.state != JobState::Open {
            put("numberRecordsProcessed", json!(off(job.processed, fault.processed_off)));
        }
        if job.kind() == Kind::Ingest && job.state != JobState::Open {
            put("numberRecordsFailed", json!(off(job.failed, fault.failed_off)));
        }
        put("retries", json!(fault.retries.unwrap_or(0)));
        put("totalProcessingTime", json!(fault.total_processing_ms.unwrap_or(job.processing_ms)));
        if job.kind() == Kind::Ingest {
            put("apiActiveProcessingTime", json!(fault.api_active_processing_ms.unwrap_or(job.processing_ms)));
            put("apexProcessingTime", json!(fault.apex_processing_ms.unwrap_or(0)));
        } else {
            put("isPkChunkingSupported", json!(can_be_chunked(&job.object)));
        }
    }
    if let Some(message) = &job.error_message {
        put("errorMessage", json!(message));
    }
    Json::Object(members)
}

/// A count that is wrong by so many, as planned.
pub(super) fn off(count: u64, by: Option<i64>) -> u64 {
    count.saturating_add_signed(by.unwrap_or(0))
}

/// Standard objects that can be split by primary key, among those that Salesforce documents. Custom objects all can.
const CHUNKABLE: [&str; 20] = [
    "Account",
    "Asset",
    "Campaign",
    "CampaignMember",
    "Case",
    "CaseComment",
    "Contact",
    "Contract",
    "Event",
    "EventRelation",
    "Lead",
    "Note",
    "Opportunity",
    "OpportunityContactRole",
    "OpportunityLineItem",
    "Order",
    "Product2",
    "Task",
    "User",
    "UserRole",
];

fn can_be_chunked(object: &str) -> bool {
    object.ends_with("__c") || CHUNKABLE.contains(&object)
}

fn whole_second(at: crate::Millis) -> String {
    timestamp(at.div_euclid(1000) * 1000)
}

fn job_response(job: &Job, shown: Shown) -> Response {
    json_response(StatusCode::OK, &job_json(job, shown))
}

fn csv_response(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    response
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// What a `PATCH` asks for; other members are let pass.
fn asked_state(body: &[u8]) -> Result<String, ApiError> {
    let object = read_json(body)?;
    text(&object, "state").map(str::to_owned).ok_or_else(|| ApiError::new("INVALIDJOB", "The state is missing"))
}
