//! Bulk API 1.0 over HTTP: `/services/async/NN.0/job…`.
//!
//! Jobs are spoken of in XML or JSON, as the request has it; batches and results in what the job is written in.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use axum::routing::any;
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::session::Session;
use super::state::AppState;
use super::version::ApiVersion;
use crate::ApiError;
use crate::bulk::one::{BATCH_BYTES_MAX, Chunking, ContentType, Job};
use form::Form;

mod form;
mod results;

/// The routes, to be merged into the emulator's router.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/services/async/{*rest}", any(answer))
}

/// Longest body of a request about a job.
const JOB_BYTES_MAX: usize = 1024 * 1024;

/// A request that was let in.
struct Call {
    state: AppState,
    session: Session,
    method: Method,
    /// The path's names after the version.
    path: Vec<String>,
    headers: HeaderMap,
    /// What the request itself is written in, or asks for.
    form: Option<Form>,
    body: Body,
}

async fn answer(State(state): State<AppState>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let form = Form::asked(&parts.headers);
    match serve(state, parts, body, form).await {
        Ok(response) => response,
        Err(refusal) => refusal.form.or(form).unwrap_or(Form::Xml).error(&refusal.error),
    }
}

/// An error, and the form of its answer where that is the job's.
struct Refusal {
    error: ApiError,
    form: Option<Form>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { error, form: None }
    }
}

async fn serve(state: AppState, mut parts: Parts, body: Body, form: Option<Form>) -> Result<Response, Refusal> {
    let path: Vec<String> = parts
        .uri
        .path()
        .trim_start_matches("/services/async/")
        .split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let Some((version, path)) = path.split_first() else { return Err(invalid_url(&parts).into()) };
    let version = read_version(version)?;
    let session = Session { version, ..session(&mut parts, &state).await? };
    let (method, headers) = (parts.method.clone(), parts.headers.clone());
    let call = Call { state, session, method, path: path.to_vec(), headers, form, body };
    let names: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let at = |n: usize| call.path.get(n).cloned().unwrap_or_default();
    let (job, batch, result) = (at(1), at(3), at(5));
    match (call.method.as_str(), names.as_slice()) {
        ("POST", ["job"]) => call.create().await,
        ("GET" | "HEAD", ["job", _]) => call.job(&job),
        ("POST" | "PATCH", ["job", _]) => call.change(&job).await,
        ("POST", ["job", _, "batch"]) => call.add(&job).await,
        ("GET" | "HEAD", ["job", _, "batch"]) => call.batches(&job),
        ("GET" | "HEAD", ["job", _, "batch", _]) => call.batch(&job, &batch),
        ("GET" | "HEAD", ["job", _, "batch", _, "request"]) => call.request(&job, &batch),
        ("GET" | "HEAD", ["job", _, "batch", _, "result"]) => call.results(&job, &batch),
        ("GET" | "HEAD", ["job", _, "batch", _, "result", _]) => call.result(&job, &batch, &result),
        (_, ["job", _, "spec"]) => {
            let text = "This emulator has not built transformation specs.";
            Err(ApiError::new("FeatureNotEnabled", text).status(501).into())
        }
        (other, ["job"] | ["job", _] | ["job", _, "batch", ..]) => {
            Err(ApiError::new("MethodNotAllowed", format!("HTTP Method '{other}' not allowed")).status(405).into())
        }
        _ => Err(invalid_url(&parts).into()),
    }
}

fn invalid_url(parts: &Parts) -> ApiError {
    ApiError::new("InvalidUrl", format!("Destination URL not found: {}", parts.uri.path()))
}

/// `66.0`.
fn read_version(segment: &str) -> Result<ApiVersion, ApiError> {
    ApiVersion::from_segment(&format!("v{}", segment.trim_start_matches(['v', 'V'])))
        .map_err(|_| ApiError::new("InvalidVersion", format!("Invalid API version: {segment}")))
}

/// Who is asking: the token is in `X-SFDC-Session`; the header of the other APIs is let pass too.
async fn session(parts: &mut Parts, state: &AppState) -> Result<Session, ApiError> {
    let token = parts.headers.get("X-SFDC-Session").and_then(|v| v.to_str().ok()).map(str::to_owned);
    if let Some(value) = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
        parts.headers.insert(header::AUTHORIZATION, value);
    }
    Session::from_request_parts(parts, state).await.map_err(|error| match error.code {
        "REQUEST_LIMIT_EXCEEDED" => ApiError::new("ExceededQuota", error.message).status(error.status),
        // Clients tell an expired session by this code and 400 (observed).
        _ => ApiError::new("InvalidSessionId", "Invalid session id"),
    })
}

async fn read_body(body: Body, most: usize) -> Result<Bytes, ApiError> {
    let mut read = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| ApiError::new("ClientInputError", format!("The body breaks off: {e}")))?;
        if read.len() + piece.len() > most {
            return Err(ApiError::new("ClientInputError", format!("The body has more than {most} bytes")));
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.into())
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl Call {
    /// The form of an answer about a batch: the job's, unless the request asks for another.
    fn form_for(&self, job: &Job) -> Form {
        form::accepted(&self.headers).unwrap_or(match job.content {
            ContentType::Json => Form::Json,
            ContentType::Csv | ContentType::Xml => Form::Xml,
        })
    }

    async fn create(self) -> Result<Response, Refusal> {
        let form = self.form.unwrap_or(Form::Xml);
        let chunking = match self.headers.get("Sforce-Enable-PKChunking").and_then(|v| v.to_str().ok()) {
            Some(header) => Chunking::read(header)?,
            None => None,
        };
        let body = read_body(self.body, JOB_BYTES_MAX).await?;
        let asked = form.job_request(&body, chunking)?;
        let now = self.state.now();
        let mut guard = self.state.org.write();
        let org = &mut *guard;
        let (user, version) = (self.session.user, self.session.version.0);
        let job = org.jobs.create_classic(&org.schema, &org.settings.bulk, asked, user, version, now)?;
        Ok(form.job(StatusCode::CREATED, job))
    }

    fn job(self, id: &str) -> Result<Response, Refusal> {
        let org = self.state.org.read();
        let job = org.jobs.classic(id, self.state.now())?;
        Ok(self.form.unwrap_or_else(|| self.form_for(job)).job(StatusCode::OK, job))
    }

    async fn change(self, id: &str) -> Result<Response, Refusal> {
        let form = self.form.unwrap_or(Form::Xml);
        let body = read_body(self.body, JOB_BYTES_MAX).await?;
        let state = form.state(&body)?;
        let now = self.state.now();
        let mut org = self.state.org.write();
        let job = org.jobs.set_classic(id, &state, now)?;
        Ok(form.job(StatusCode::OK, job))
    }

    async fn add(self, id: &str) -> Result<Response, Refusal> {
        let now = self.state.now();
        let (form, content, is_query) = {
            let org = self.state.org.read();
            let job = org.jobs.classic(id, now)?;
            let is_query = matches!(job.action, crate::bulk::one::Action::Query { .. });
            (self.form_for(job), job.content, is_query)
        };
        let in_form = |error: ApiError| Refusal { error, form: Some(form) };
        let media = media_type(&self.headers);
        if media.starts_with("zip/") {
            let text = "This emulator has not built batches with binary attachments.";
            return Err(in_form(ApiError::new("FeatureNotEnabled", text).status(501)));
        }
        // A query is text whatever the media type.
        let fits = match content {
            ContentType::Csv => media == "text/csv",
            ContentType::Xml => matches!(media.as_str(), "application/xml" | "text/xml"),
            ContentType::Json => media == "application/json",
        };
        if !fits && !is_query {
            let text = format!("The content type {media} does not fit the job's, {}", content.name());
            return Err(in_form(ApiError::new("InvalidBatch", text)));
        }
        let request = read_body(self.body, BATCH_BYTES_MAX).await.map_err(in_form)?;
        let mut guard = self.state.org.write();
        let org = &mut *guard;
        let most = org.settings.daily_bulk_batches;
        let batch = org.jobs.add_batch(id, request, now).map_err(in_form)?;
        if !org.usage.spend_ingest(now, 1, 0, most, u64::MAX) {
            org.jobs.take_back(id, batch);
            let text = format!("Max batches ({most}) per 24 hrs has been reached");
            return Err(in_form(ApiError::new("ExceededQuota", text)));
        }
        self.state.bulk_wake.notify_one();
        let job = org.jobs.classic(id, now)?;
        let batch = job.batch(&batch.to_string())?;
        Ok(form.batch(StatusCode::CREATED, job, batch))
    }

    fn batches(self, id: &str) -> Result<Response, Refusal> {
        let org = self.state.org.read();
        let job = org.jobs.classic(id, self.state.now())?;
        Ok(self.form_for(job).batches(job))
    }

    fn batch(self, id: &str, batch: &str) -> Result<Response, Refusal> {
        let org = self.state.org.read();
        let job = org.jobs.classic(id, self.state.now())?;
        let form = self.form_for(job);
        let batch = job.batch(batch).map_err(|error| Refusal { error, form: Some(form) })?;
        Ok(form.batch(StatusCode::OK, job, batch))
    }

    fn request(self, id: &str, batch: &str) -> Result<Response, Refusal> {
        let org = self.state.org.read();
        let job = org.jobs.classic(id, self.state.now())?;
        let form = Some(self.form_for(job));
        let batch = job.batch(batch).map_err(|error| Refusal { error, form })?;
        Ok(results::with_type(job.content.media_type(), Body::from(batch.request.clone())))
    }

    fn results(self, id: &str, batch: &str) -> Result<Response, Refusal> {
        let org = self.state.org.read();
        let job = org.jobs.classic(id, self.state.now())?;
        let form = Some(self.form_for(job));
        let outcome = job.batch(batch).and_then(|b| b.outcome()).map_err(|error| Refusal { error, form })?;
        Ok(results::of_batch(job.content, &outcome))
    }

    fn result(self, id: &str, batch: &str, result: &str) -> Result<Response, Refusal> {
        let org = self.state.org.read();
        let job = org.jobs.classic(id, self.state.now())?;
        let form = Some(self.form_for(job));
        let outcome = job.batch(batch).and_then(|b| b.outcome()).map_err(|error| Refusal { error, form })?;
        let found = results::of_query(job.content, job.version, outcome, result);
        found.map_err(|error| Refusal { error, form })
    }
}
