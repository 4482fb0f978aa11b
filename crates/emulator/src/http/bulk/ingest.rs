//! Ingest jobs.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};

use super::multipart;
use super::{
    JOB_BYTES_MAX, JobPath, Shown, asked_state, check_members, content_type, csv_response, job_response, job_route,
    list_route, read_body, read_format, read_json, text,
};
use crate::ApiError;
use crate::bulk::{IngestRequest, Kind, MULTIPART_CHARS_MAX, ResultSet, UPLOAD_BYTES_MAX, result_pieces};
use crate::http::session::Session;
use crate::http::state::AppState;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/services/data/{version}/jobs/ingest", list_route(Kind::Ingest).post(create))
        .route("/services/data/{version}/jobs/ingest/{id}", job_route(Kind::Ingest).patch(change))
        .route("/services/data/{version}/jobs/ingest/{id}/batches", put(upload))
        .route("/services/data/{version}/jobs/ingest/{id}/{part}", get(results))
}

const MEMBERS: [&str; 8] = [
    "object",
    "operation",
    "externalIdFieldName",
    "contentType",
    "columnDelimiter",
    "lineEnding",
    "assignmentRuleId",
    "concurrencyMode",
];

fn request(body: &[u8]) -> Result<IngestRequest, ApiError> {
    let asked = read_json(body)?;
    check_members(&asked, &MEMBERS)?;
    let (delimiter, line_ending) = read_format(&asked)?;
    let required = |name: &str| {
        text(&asked, name)
            .map(str::to_owned)
            .ok_or_else(|| ApiError::new("INVALIDJOB", format!("The {name} is missing")))
    };
    Ok(IngestRequest {
        object: required("object")?,
        operation: required("operation")?,
        external_id_field_name: text(&asked, "externalIdFieldName").map(str::to_owned),
        assignment_rule_id: text(&asked, "assignmentRuleId").map(str::to_owned),
        delimiter,
        line_ending,
    })
}

async fn create(
    session: Session,
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_body(body, JOB_BYTES_MAX).await?;
    let now = state.now();
    let Some(boundary) = multipart::boundary(content_type(&headers)) else {
        let asked = request(&body)?;
        let mut org = state.org.write();
        let schema = org.schema.clone();
        let choices = org.settings.bulk.clone();
        let job = org.jobs.create_ingest(&schema, &choices, asked, session.user, session.version.0, now)?;
        return Ok(job_response(job, Shown::Created));
    };
    let parts = multipart::parse(&body, boundary)?;
    if String::from_utf8_lossy(&parts.content).chars().count() > MULTIPART_CHARS_MAX {
        let text = format!("The job data of a multipart request must not exceed {MULTIPART_CHARS_MAX} characters");
        return Err(ApiError::new("INVALIDJOB", text));
    }
    let asked = request(&parts.job)?;
    let mut org = state.org.write();
    let schema = org.schema.clone();
    let choices = org.settings.bulk.clone();
    let id = org.jobs.create_ingest(&schema, &choices, asked, session.user, session.version.0, now)?.id.to_string();
    let job = org.jobs.get_mut(Kind::Ingest, &id, now)?;
    job.upload(parts.content.into(), session.user, &choices)?;
    job.close(session.user, &choices, now)?;
    state.bulk_wake.notify_one();
    Ok(job_response(job, Shown::Created))
}

async fn change(
    session: Session,
    State(state): State<AppState>,
    JobPath { id, .. }: JobPath,
    body: Body,
) -> Result<Response, ApiError> {
    let asked = asked_state(&read_body(body, JOB_BYTES_MAX).await?)?;
    let now = state.now();
    let mut org = state.org.write();
    let choices = org.settings.bulk.clone();
    let job = org.jobs.get_mut(Kind::Ingest, &id, now)?;
    match asked.as_str() {
        "UploadComplete" => job.close(session.user, &choices, now)?,
        "Aborted" => job.abort(now)?,
        other => return Err(ApiError::new("INVALIDJOBSTATE", format!("A job cannot be set to {other}"))),
    }
    state.bulk_wake.notify_one();
    Ok(job_response(job, Shown::Changed))
}

async fn upload(
    session: Session,
    State(state): State<AppState>,
    JobPath { id, .. }: JobPath,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let kind = content_type(&headers).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "text/csv" {
        return Err(ApiError::new("UNSUPPORTED_MEDIA_TYPE", "The data of a job must be sent as text/csv").status(415));
    }
    // Looked at before and after the body has come: it may take long.
    {
        let org = state.org.read();
        org.jobs.get(Kind::Ingest, &id, state.now())?.check_upload(session.user, &org.settings.bulk)?;
    }
    let expected = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let csv = read_upload(body, expected.filter(|_| !headers.contains_key(header::CONTENT_ENCODING))).await?;
    let mut org = state.org.write();
    let choices = org.settings.bulk.clone();
    org.jobs.get_mut(Kind::Ingest, &id, state.now())?.upload(csv, session.user, &choices)?;
    Ok(StatusCode::CREATED)
}

/// Reads an upload as it comes into one buffer: of the size announced, or growing.
async fn read_upload(body: Body, expected: Option<usize>) -> Result<Bytes, ApiError> {
    let mut csv = Vec::with_capacity(expected.unwrap_or(0).min(UPLOAD_BYTES_MAX));
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| ApiError::new("POST_BODY_PARSE_ERROR", format!("The body breaks off: {e}")))?;
        if csv.len() + piece.len() > UPLOAD_BYTES_MAX {
            let text = format!("The data of a job must not exceed {UPLOAD_BYTES_MAX} bytes (150 MB in base64)");
            return Err(ApiError::new("REQUEST_ENTITY_TOO_LARGE", text).status(413));
        }
        csv.extend_from_slice(&piece);
    }
    csv.shrink_to_fit();
    Ok(csv.into())
}

async fn results(
    _session: Session,
    State(state): State<AppState>,
    JobPath { id, part: name }: JobPath,
) -> Result<Response, ApiError> {
    let missing = || ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404);
    let set = ResultSet::named(&name).ok_or_else(missing)?;
    let pieces = result_pieces(state.org.read().jobs.get(Kind::Ingest, &id, state.now())?, set)?;
    let stream = futures::stream::iter(pieces.map(Ok::<_, std::convert::Infallible>));
    Ok(csv_response(Body::from_stream(stream)).into_response())
}
