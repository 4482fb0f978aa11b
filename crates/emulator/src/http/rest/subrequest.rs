//! A request within another one: read, led to its resource like any other, and its answer taken apart.

use axum::body::Bytes;
use axum::response::IntoResponse;
use futures::FutureExt;
use http::header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use serde_json::{Map, Value as Json, json};

use super::call::Call;
use crate::ApiError;
use crate::http::{ApiErrors, ApiVersion, SharedOrg};

/// Methods that a request within another one can have.
pub(super) const METHODS: &[&str] = &["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"];

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) version: ApiVersion,
    /// The path after the version, with its query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Json>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) status: u16,
    pub(super) headers: Map<String, Json>,
    pub(super) body: Json,
}

impl Done {
    /// Whether it did what was asked.
    pub(super) fn worked(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it did all of what was asked: a collection answers 200 although some of its records failed.
    pub(super) fn worked_whole(&self) -> bool {
        let failed = |item: &Json| item.get("success") == Some(&Json::Bool(false));
        self.worked() && !self.body.as_array().is_some_and(|items| items.iter().any(failed))
    }

    /// A refusal.
    pub(super) fn refused(error: ApiError) -> Self {
        let status = error.status;
        let body = json!([crate::http::error::error_object(&error)]);
        Self { status, headers: Map::new(), body }
    }

    /// As composite and graph requests show it.
    pub(super) fn shown(self, reference: &str) -> Json {
        json!({
            "body": self.body,
            "httpHeaders": self.headers,
            "httpStatusCode": self.status,
            "referenceId": reference,
        })
    }
}

/// The version and the rest of `/services/data/vXX.X/…`.
pub(super) fn split_url(url: &str) -> Result<(ApiVersion, &str), ApiError> {
    let rest = url.strip_prefix("/services/data/").ok_or_else(super::not_found)?;
    let (version, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((ApiVersion::from_segment(version)?, path))
}

/// The headers of a request within another one, from JSON.
pub(super) fn headers(given: Option<&Json>) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::new();
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(headers) };
    let malformed = || ApiError::new("JSON_PARSER_ERROR", "httpHeaders must be an object of texts");
    for (name, value) in given.as_object().ok_or_else(malformed)? {
        if ["accept", "authorization", "content-type"].contains(&name.to_ascii_lowercase().as_str()) {
            // The wording is unconfirmed.
            let text = format!("The {name} header is not allowed in a subrequest");
            return Err(ApiError::new("INVALID_HTTP_HEADER", text));
        }
        let value = value.as_str().ok_or_else(malformed)?;
        let name = HeaderName::try_from(name.as_str()).map_err(|_| malformed())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| malformed())?);
    }
    Ok(headers)
}

/// Does it, over this org: the caller's own, or the one that is held for all parts.
pub(super) fn run(call: &Call, org: &SharedOrg, mut asked: Asked) -> Done {
    let body = match &asked.body {
        Some(json) => {
            asked.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Bytes::from(json.to_string())
        }
        None => Bytes::new(),
    };
    let answer = Call::within(call, org, asked.version, (&asked.method, &asked.path), asked.headers, body)
        .map_err(ApiErrors::from)
        .and_then(|within| super::route(&within));
    let response = answer.unwrap_or_else(IntoResponse::into_response);
    let (parts, body) = response.into_parts();
    // Answers of these resources are whole already: nothing is waited for.
    let bytes = body.collect().now_or_never().and_then(Result::ok).map(|all| all.to_bytes()).unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
    let mut headers = Map::new();
    for (name, shown) in [(ETAG, "ETag"), (LAST_MODIFIED, "Last-Modified"), (LOCATION, "Location")] {
        if let Some(value) = parts.headers.get(&name).and_then(|value| value.to_str().ok()) {
            headers.insert(shown.to_owned(), json!(value));
        }
    }
    Done { status: parts.status.as_u16(), headers, body }
}
