//! CometD (Bayeux over long polling): the door for browsers and older clients to the same events that Pub/Sub serves.
//!
//! A request is a list of messages. The path below the version says nothing: clients append the message's own name
//! or not, so the message's `channel` decides. Errors are in the messages, with HTTP status 200.

mod client;
mod errors;
mod fault;
mod message;
mod meta;
mod poll;
mod subscribe;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value as Json, json};

use super::{AppState, Origin};
pub use client::Clients;
pub use fault::{Fault, FaultKind};
use message::Message;
use meta::Request;

/// Longest request body, bytes (documented).
const BODY_BYTES_MAX: usize = 32_768;
/// The oldest version in the URL that is served (documented: replay begins with it).
const OLDEST: u16 = 37;

/// The routes, to be merged into the emulator's router.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/cometd", any(answer))
        .route("/cometd/{version}", any(answer))
        .route("/cometd/{version}/{*name}", any(answer))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn answer(
    State(state): State<AppState>,
    origin: Origin,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    // WebSocket and callback polling are probed with GET; neither is offered.
    if method != Method::POST {
        return text(StatusCode::BAD_REQUEST, "Unknown Bayeux Transport");
    }
    let version = match version(uri.path()) {
        Ok(version) => version,
        Err(error) => {
            let failure = json!([{ "channel": "/meta/handshake", "error": error, "successful": false }]);
            return list(StatusCode::BAD_REQUEST, &failure);
        }
    };
    let body = match body {
        Ok(body) => body,
        Err(_) => return text(StatusCode::PAYLOAD_TOO_LARGE, "Maximum Request Size Exceeded"),
    };
    let Some(messages) = Message::read(&body) else {
        return text(StatusCode::BAD_REQUEST, "The request is not a list of Bayeux messages");
    };
    let secure = origin.0.starts_with("https:");
    let mut request = Request::new(state, version, &headers);
    let answers = request.answer(messages).await;
    let mut response = list(StatusCode::OK, &Json::Array(answers));
    for cookie in request.cookies(secure) {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// The version that the path names.
fn version(path: &str) -> Result<u16, String> {
    let latest = super::ApiVersion::LATEST.0;
    let form = format!("URI format: '/cometd/{latest}.0'");
    let segment = path.strip_prefix("/cometd").unwrap_or_default().trim_start_matches('/').split('/').next();
    let Some(segment) = segment.filter(|s| !s.is_empty()) else {
        return Err(format!("400::API version in the URI is mandatory. {form}"));
    };
    match segment.strip_suffix(".0").and_then(|n| n.parse::<u16>().ok()) {
        Some(version) if (OLDEST..=latest).contains(&version) => Ok(version),
        Some(_) => {
            Err(format!("400::Unsupported API version. Only API versions '{OLDEST}.0' and later are supported. {form}"))
        }
        None => Err(format!("400::API version in the URI is mandatory. {form}")),
    }
}

fn list(status: StatusCode, body: &Json) -> Response {
    let mut response = super::json_response(status, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, must-revalidate"));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response {
    (status, body).into_response()
}
