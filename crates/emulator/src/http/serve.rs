//! One connection after another: every request passes here, to be logged, harmed where a fault is planned, and
//! answered by the router.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::body::{CutAfter, CutBody};
use super::harm::{ShortBody, SlowBody, miscount};
use super::log::LoggedRequest;
use super::session::{ExpireToken, LimitInfo, LockRows, tokens};
use super::state::{AppState, Origin, Peer};
use crate::faults::{Action, Refusal, Refused};

/// How long a connection may go on after the emulator was told to stop.
const DRAIN: Duration = Duration::from_secs(1);

/// Longest path and query that is read, and longest path, query and headers together. Documented: 16,384 bytes.
const HEAD_BYTES_MAX: usize = 16_384;

/// Streams of one HTTP/2 connection at a time. Documented for the Pub/Sub API: 1,000.
const STREAMS_MAX: u32 = 1_000;
/// Paths of API requests, as against signing in, streaming and pages.
const API_PATHS: [&str; 4] = ["/services/data/", "/services/async/", "/services/Soap/", "/services/apexrest/"];

/// Paths whose queries may carry secrets, and are kept out of the log.
const HIDDEN_QUERIES: [&str; 5] = ["/services/oauth2", "/id/", "/login", "/secur/", "/setup/"];

/// So many rows shall be left off a Bulk result page (a planned fault), in a request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct TruncateRows(pub u64);

/// What a listener serves.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) state: AppState,
    pub(crate) router: Router,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// Where the connection comes from.
    pub(crate) peer: IpAddr,
}

/// The connection is dropped without an answer, by a planned fault.
#[derive(Debug, thiserror::Error)]
#[error("the answer was thrown away by a planned fault")]
struct AnswerLost;

/// Serves one connection, HTTP/1.1 or HTTP/2, until it ends or `stop` is cancelled.
pub(crate) async fn connection<S>(stream: S, door: Door, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let door = door.clone();
        async move { door.answer(request.map(Body::new)).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS_MAX);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A broken connection is the client's affair (or a planned fault): there is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(DRAIN, connection).await;
        }
    }
}

impl Door {
    async fn answer(&self, mut request: Request<Body>) -> Result<Response<Body>, AnswerLost> {
        without_doubled_slash(&mut request);
        let path = request.uri().path().to_owned();
        if path.starts_with("/__emulator") {
            self.prepare(&mut request);
            return Ok(self.route(request).await);
        }
        let (started, at) = (Instant::now(), self.state.now());
        let (method, query) = (request.method().to_string(), request.uri().query().map(str::to_owned));
        let client = client_name(&request);
        let action = self.state.faults.take_from(&method, &path, query.as_deref(), client.as_deref());
        let fault = action.as_ref().map(Action::describe);
        let answer = self.limited(request, action.unwrap_or_default()).await.map(|answer| self.dated(answer));
        let query = query.filter(|_| !HIDDEN_QUERIES.iter().any(|prefix| path.starts_with(prefix)));
        self.state.log.push(LoggedRequest {
            number: 0,
            at,
            method,
            path,
            query,
            client,
            status: answer.as_ref().ok().map(|a| a.status().as_u16()),
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            fault,
        });
        answer
    }

    /// Clients tell the org's time by this header, so it follows the clock that can be moved.
    fn dated(&self, mut answer: Response<Body>) -> Response<Body> {
        let date = jiff::Timestamp::from_millisecond(self.state.now())
            .map(|now| now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
            answer.headers_mut().insert(header::DATE, date);
        }
        answer
    }

    /// Answers within what the org allows API requests: so many long ones at once, and so long a one at most.
    async fn limited(&self, request: Request<Body>, action: Action) -> Result<Response<Body>, AnswerLost> {
        let path = request.uri().path().to_owned();
        if !API_PATHS.iter().any(|prefix| path.starts_with(prefix)) {
            return self.harmed(request, action).await;
        }
        let (long_ms, most, timeout) = {
            let settings = &self.state.org.read().settings;
            (settings.long_request_ms, settings.concurrent_long_requests, settings.request_timeout_ms)
        };
        let Some(_running) = self.state.running.begin(self.state.now(), long_ms, most) else {
            return Ok(refused(Refusal::ConcurrentLimit.at(&path), &action));
        };
        let harmed = self.harmed(request, action.clone());
        match tokio::time::timeout(Duration::from_millis(timeout), harmed).await {
            Ok(answer) => answer,
            Err(_) => {
                self.state.org.read().usage.add_timeout(self.state.now());
                Ok(refused(Refusal::RunningTooLong.at(&path), &action))
            }
        }
    }

    async fn harmed(&self, mut request: Request<Body>, action: Action) -> Result<Response<Body>, AnswerLost> {
        if let Some(ms) = action.delay_ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if action.expire_token {
            let tokens = tokens(request.headers(), request.uri().query());
            {
                let mut org = self.state.org.write();
                tokens.iter().for_each(|token| {
                    org.access.revoke(token);
                });
                // Whoever is subscribed with it shall notice.
                org.events.wake();
            }
            request.extensions_mut().insert(ExpireToken);
        }
        if action.lock_rows {
            request.extensions_mut().insert(LockRows);
        }
        if let Some(code) = action.grpc_status {
            return Ok(grpc_answer(code));
        }
        if let Some(refusal) = action.refuse {
            return Ok(refused(refusal.at(request.uri().path()), &action));
        }
        if let Some(status) = action.status {
            return Ok(planned_answer(status, &action));
        }
        if let Some(rows) = action.truncate_rows {
            request.extensions_mut().insert(TruncateRows(rows));
        }
        if action.miscount.is_some() {
            // What is packed cannot be counted anew.
            request.headers_mut().remove(header::ACCEPT_ENCODING);
        }
        let limit_info = LimitInfo::default();
        request.extensions_mut().insert(limit_info.clone());
        self.prepare(&mut request);
        let mut response = match too_long(&request) {
            Some(status) => status.into_response_body(),
            None => self.route(request).await,
        };
        limit_info.put_on(response.headers_mut());
        if let Some(ms) = action.delay_answer_ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if action.lose_answer {
            return Err(AnswerLost);
        }
        if let Some(off) = action.miscount {
            response = miscount(response, off).await;
        }
        if let Some(rate) = action.bytes_per_second {
            response = response.map(|body| Body::new(SlowBody::new(body, rate)));
        }
        if let Some(bytes) = action.end_after_bytes {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            response = response.map(|body| Body::new(ShortBody::new(body, bytes)));
        }
        if let Some(bytes) = action.cut_after_bytes {
            response = response.map(|body| Body::new(CutBody::new(body, CutAfter::Bytes(bytes))));
        }
        if let Some(messages) = action.cut_after_messages {
            response = response.map(|body| Body::new(CutBody::new(body, CutAfter::Messages(messages))));
        }
        Ok(response)
    }

    /// Notes the request's own scheme and host, and takes a trailing slash off its path.
    fn prepare(&self, request: &mut Request<Body>) {
        let authority = request.uri().authority().map(|a| a.as_str().to_owned());
        let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).map(str::to_owned);
        let host = authority.or(host).unwrap_or_else(|| "localhost".into());
        request.extensions_mut().insert(Peer(self.peer));
        request.extensions_mut().insert(Origin(format!("{}://{host}", self.scheme)));
        let path = request.uri().path();
        if path.len() > 1 && path.ends_with('/') {
            let trimmed = path.trim_end_matches('/');
            let trimmed = if trimmed.is_empty() { "/" } else { trimmed };
            let whole = match request.uri().query() {
                Some(query) => format!("{trimmed}?{query}"),
                None => trimmed.to_owned(),
            };
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.path_and_query = whole.parse().ok();
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        }
    }

    async fn route(&self, request: Request<Body>) -> Response<Body> {
        let answer: Result<_, Infallible> = self.router.clone().oneshot(request).await;
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Clients that keep an instance URL with a slash at its end ask for `//services/data`.
fn without_doubled_slash(request: &mut Request<Body>) {
    let Some(whole) = request.uri().path_and_query().map(|text| text.as_str()).filter(|text| text.starts_with("//"))
    else {
        return;
    };
    let single = format!("/{}", whole.trim_start_matches('/'));
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = single.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// What a request whose URI, or whose URI and headers together, are too long is answered with.
fn too_long(request: &Request<Body>) -> Option<StatusCode> {
    let uri = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    // `name: value` and the line's end.
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if uri > HEAD_BYTES_MAX {
        return Some(StatusCode::URI_TOO_LONG);
    }
    (uri + headers > HEAD_BYTES_MAX).then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

trait IntoResponseBody {
    fn into_response_body(self) -> Response<Body>;
}

impl IntoResponseBody for StatusCode {
    fn into_response_body(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

fn planned_answer(status: u16, action: &Action) -> Response<Body> {
    let body = action.body.clone().unwrap_or_default();
    let json = body.starts_with(['[', '{']);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if json { "application/json;charset=UTF-8" } else { "text/html; charset=UTF-8" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in &action.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refused(refused: Refused, action: &Action) -> Response<Body> {
    let Refused { status, content_type, body } = refused;
    let mut response = planned_answer(status, &Action { body: Some(body), ..action.clone() });
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A gRPC answer that is only its trailers.
fn grpc_answer(code: u8) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    headers.insert("grpc-message", HeaderValue::from_static("planned fault"));
    response
}

fn client_name(request: &Request<Body>) -> Option<String> {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    header("sforce-call-options").or_else(|| header("user-agent"))
}
