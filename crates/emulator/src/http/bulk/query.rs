//! Query jobs and their result pages.

use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures::StreamExt;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    JOB_BYTES_MAX, JobPath, Shown, asked_state, check_members, csv_response, job_response, job_route, list_route,
    read_body, read_format, read_json, text,
};
use crate::ApiError;
use crate::bulk::{Job, Kind, QueryRequest, State as JobState, Work};
use crate::http::error::json_response;
use crate::http::serve::TruncateRows;
use crate::http::session::Session;
use crate::http::state::AppState;
use crate::query::{BulkSelection, QueryOptions, check_bulk};

/// About how many bytes are rendered at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that are rendered before the client asks for them.
const PIECES_AHEAD: usize = 3;
/// `resultUrl` entries of one answer.
const PAGES_MAX: usize = 5;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/services/data/{version}/jobs/query", list_route(Kind::Query).post(create))
        .route("/services/data/{version}/jobs/query/{id}", job_route(Kind::Query).patch(change))
        .route("/services/data/{version}/jobs/query/{id}/{part}", get(results))
}

const MEMBERS: [&str; 6] = ["operation", "query", "contentType", "columnDelimiter", "lineEnding", "concurrencyMode"];

async fn create(session: Session, State(state): State<AppState>, body: Body) -> Result<Response, ApiError> {
    let body = read_body(body, JOB_BYTES_MAX).await?;
    let asked = read_json(&body)?;
    check_members(&asked, &MEMBERS)?;
    let (delimiter, line_ending) = read_format(&asked)?;
    let all = match text(&asked, "operation") {
        Some("query") => false,
        Some("queryAll") => true,
        Some(other) => return Err(ApiError::new("INVALIDOPERATION", format!("Operation {other} is not supported"))),
        None => return Err(ApiError::new("INVALIDJOB", "The operation is missing")),
    };
    let query = text(&asked, "query").ok_or_else(|| ApiError::new("INVALIDJOB", "The query is missing"))?.to_owned();
    let now = state.now();
    let mut org = state.org.write();
    let options = QueryOptions { all, now, user: session.user, version: session.version.0, batch_size: None };
    let object = check_bulk(&org, &query, &options)?;
    let stored_mb = org.settings.daily_query_result_mb;
    if org.usage.query_results_are_full(now, stored_mb) {
        let text =
            format!("Max bulk v2 query result size stored ({}) kb per 24 hrs has been exceeded", kilobytes(stored_mb));
        return Err(ApiError::new("LIMIT_EXCEEDED", text));
    }
    let most = org.settings.daily_query_jobs;
    if !org.usage.spend_query_job(now, most) {
        return Err(ApiError::new(
            "LIMIT_EXCEEDED",
            format!("Max bulk v2 query jobs ({most}) per 24 hrs has been reached"),
        ));
    }
    let request = QueryRequest { object, query, all, delimiter, line_ending };
    let job = org.jobs.create_query(request, session.user, session.version.0, now);
    state.bulk_wake.notify_one();
    Ok(job_response(job, Shown::Created))
}

/// Megabytes as the message has them: the 976,562 MB of an ordinary org are a round 1,000,000,000 kb (documented).
fn kilobytes(megabytes: u64) -> u64 {
    const KB: u64 = 1024;
    const ROUND: u64 = 1_000_000;
    let exact = megabytes.saturating_mul(KB);
    let round = exact.div_ceil(ROUND).saturating_mul(ROUND);
    if round - exact < KB { round } else { exact }
}

async fn change(
    _session: Session,
    State(state): State<AppState>,
    JobPath { id, .. }: JobPath,
    body: Body,
) -> Result<Response, ApiError> {
    let asked = asked_state(&read_body(body, JOB_BYTES_MAX).await?)?;
    if asked != "Aborted" {
        return Err(ApiError::new("INVALIDJOBSTATE", format!("A query job cannot be set to {asked}")));
    }
    let now = state.now();
    let mut org = state.org.write();
    let job = org.jobs.get_mut(Kind::Query, &id, now)?;
    job.abort(now)?;
    Ok(job_response(job, Shown::Changed))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageAsked {
    locator: Option<String>,
    max_records: Option<String>,
}

async fn results(
    session: Session,
    State(state): State<AppState>,
    JobPath { id, part: what }: JobPath,
    Query(asked): Query<PageAsked>,
    truncate: Option<Extension<TruncateRows>>,
) -> Result<Response, ApiError> {
    let org = state.org.read();
    let job = org.jobs.get(Kind::Query, &id, state.now())?;
    let pages = what.eq_ignore_ascii_case("resultPages");
    if !pages && !what.eq_ignore_ascii_case("results") || pages && session.version.0 < 58 {
        return Err(ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404));
    }
    if job.version != session.version.0 {
        let text =
            format!("The job was created with API version {}.0; use the same version to read its results", job.version);
        return Err(ApiError::new("API_ERROR", text).status(409));
    }
    let selection = selection(job)?;
    let from = match asked.locator.as_deref() {
        None | Some("") => 0,
        Some(locator) => offset(locator, selection.len())?,
    };
    let planned = job.fault.as_deref().and_then(|fault| fault.page_rows).unwrap_or(usize::MAX);
    let page_rows = org.settings.bulk_page_rows.min(planned).max(1);
    if pages {
        return Ok(json_response(StatusCode::OK, &result_pages(job, from, selection.len(), page_rows)));
    }
    let most = match asked.max_records.as_deref() {
        None | Some("") => page_rows,
        Some(text) => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
            ApiError::new("API_ERROR", format!("maxRecords must be a positive whole number, and {text} is none"))
        })?,
    };
    let to = from.saturating_add(most.min(planned)).min(selection.len());
    let left_off = truncate.map_or(0, |Extension(TruncateRows(n))| usize::try_from(n).unwrap_or(usize::MAX));
    let left_off = left_off.max(job.fault.as_deref().and_then(|fault| fault.missing_rows).unwrap_or(0));
    let page = Page {
        from,
        to: to.saturating_sub(left_off).max(from),
        delimiter: job.delimiter.byte(),
        line_ending: job.line_ending.text(),
        selection: Arc::clone(selection),
    };
    let next = if to < selection.len() { locator(to) } else { "null".into() };
    let mut response = csv_response(page.into_body());
    let headers = response.headers_mut();
    headers.insert("Sforce-NumberOfRecords", HeaderValue::from(to - from));
    if let Ok(next) = HeaderValue::from_str(&next) {
        headers.insert("Sforce-Locator", next);
    }
    Ok(response)
}

fn selection(job: &Job) -> Result<&Arc<BulkSelection>, ApiError> {
    match &job.work {
        Work::Query { selection: Some(selection), .. } if job.state == JobState::JobComplete => Ok(selection),
        _ => {
            let text = format!("Results of a job that is {} are not available", job.state);
            Err(ApiError::new("INVALIDJOBSTATE", text))
        }
    }
}

/// Base64 of a row offset. Opaque to clients.
fn locator(offset: usize) -> String {
    STANDARD_NO_PAD.encode(offset.to_string())
}

fn offset(locator: &str, rows: usize) -> Result<usize, ApiError> {
    STANDARD_NO_PAD
        .decode(locator.trim_end_matches('='))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
        .filter(|offset| *offset <= rows)
        .ok_or_else(|| ApiError::new("API_ERROR", format!("Invalid locator: {locator}")))
}

fn result_pages(job: &Job, from: usize, rows: usize, page_rows: usize) -> Json {
    let base = format!("/services/data/v{}.0/jobs/query/{}", job.version, job.id);
    // A result without rows has one page too: its header.
    let starts: Vec<usize> = (from..rows.max(from + 1)).step_by(page_rows).take(PAGES_MAX + 1).collect();
    let page = |start: &usize| json!({ "resultUrl": format!("{base}/results?locator={}", locator(*start)) });
    let next = starts.get(PAGES_MAX).map(|start| format!("{base}/resultpages?locator={}", locator(*start)));
    json!({
        "resultPages": starts.iter().take(PAGES_MAX).map(page).collect::<Vec<_>>(),
        "nextRecordsUrl": next,
        "done": next.is_none(),
    })
}

/// A result page on its way out: pieces are rendered off the threads that serve connections, a few ahead of the
/// client, as fast as it reads.
struct Page {
    selection: Arc<BulkSelection>,
    from: usize,
    to: usize,
    delimiter: u8,
    line_ending: &'static str,
}

impl Page {
    fn into_body(self) -> Body {
        let Page { selection, from, to, delimiter, line_ending } = self;
        let mut header = Vec::new();
        selection.write_header(delimiter, line_ending, &mut header);
        let ends = Arc::clone(&selection);
        let ranges = std::iter::successors(Some(from..from), move |last: &Range<usize>| {
            (last.end < to).then(|| last.end..ends.piece_end(last.end, PIECE_BYTES).min(to))
        });
        let pieces = futures::stream::iter(ranges.skip(1)).map(move |range| {
            let selection = Arc::clone(&selection);
            tokio::task::spawn_blocking(move || {
                let mut out = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
                selection.write_rows(range, delimiter, line_ending, &mut out);
                Bytes::from(out)
            })
        });
        let pieces = pieces.buffered(PIECES_AHEAD).map(|piece| piece.map_err(std::io::Error::other));
        let header = futures::stream::iter([Ok(Bytes::from(header))]);
        // Compression looks again after the end.
        Body::from_stream(header.chain(pieces).fuse())
    }
}
