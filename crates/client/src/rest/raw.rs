//! Any path of the org with any method: Apex REST, GraphQL, the User Interface API, and what has no call of its own.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    call::{Call, build, decode_json},
    client::Client,
    error::Error,
    refusal::read_errors,
    transport::OpenFailure,
    version::ApiVersion,
};

use super::Headers;

/// What a URL cannot hold as it is. Escapes that are already there stay.
const UNWRITABLE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'\\').add(b'^').add(b'{').add(b'|').add(b'}');

/// A path as it goes over the wire: below the version's root unless it begins with a slash.
fn target(api: ApiVersion, path: &str) -> Result<String, Error> {
    let path = path.trim();
    let absolute = match path.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => {
            return Err(Error::config(format!("`{path}` is not a path of the org")));
        }
        Some(_) => path.to_owned(),
        None if path.contains("://") => {
            return Err(Error::Config {
                message: format!("`{path}` is an address, not a path"),
                hint: Some("leave out the host: the session decides which org is asked".into()),
            });
        }
        None => format!("{}/{path}", api.base_path()),
    };
    let pathname = absolute.split(['?', '#']).next().unwrap_or_default();
    if pathname.split('/').any(|part| part == "." || part == "..") {
        return Err(Error::config(format!("`{path}` has `.` or `..` in it")));
    }
    Ok(utf8_percent_encode(&absolute, UNWRITABLE).to_string())
}

/// `GET` of any resource with a JSON answer: below the version's root (`tabs`, `limits/recordCount?sObjects=Account`)
/// or, with a slash at its beginning, any path of the org.
#[derive(Debug)]
pub struct Resource<T = Value> {
    path: String,
    kind: PhantomData<fn() -> T>,
}

impl Resource<Value> {
    /// A resource whose answer is taken as it comes.
    pub fn new(path: impl Into<String>) -> Resource {
        Resource::of(path)
    }
}

impl<T: DeserializeOwned> Resource<T> {
    /// A resource whose answer is a value of a type.
    pub fn of(path: impl Into<String>) -> Resource<T> {
        Resource { path: path.into(), kind: PhantomData }
    }
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        Resource { path: self.path.clone(), kind: PhantomData }
    }
}

impl<T: DeserializeOwned> Call for Resource<T> {
    type Reply = T;

    fn what(&self) -> String {
        format!("reading {}", without_query(&self.path))
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        build(Method::GET, target(api, &self.path)?, None)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<T, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// A request of any kind, whose answer is given as it comes, refusals included. Sent again after a lost answer only
/// where its method reads (`GET`, `HEAD`, `OPTIONS`), or [`Raw::idempotent`] was said.
#[derive(Clone, Debug)]
pub struct Raw {
    method: Method,
    path: String,
    headers: Headers,
    body: Bytes,
    content_type: Option<String>,
    idempotent: bool,
}

impl Raw {
    /// A method and a path: below the version's root (`sobjects/Account`) or, with a slash at its beginning, any path of
    /// the org (`/services/apexrest/…`). What a URL cannot hold is escaped; escapes that are there stay.
    pub fn new(method: Method, path: impl Into<String>) -> Raw {
        let idempotent = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
        Raw { method, path: path.into(), headers: Headers::new(), body: Bytes::new(), content_type: None, idempotent }
    }

    /// A JSON body.
    ///
    /// # Errors
    /// [`Error::Decode`] where the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Raw, Error> {
        let body = serde_json::to_vec(value).map_err(|source| Error::decode("writing JSON", source))?;
        Ok(self.body(body, "application/json; charset=UTF-8"))
    }

    /// A body of any kind.
    pub fn body(mut self, body: impl Into<Bytes>, content_type: impl Into<String>) -> Raw {
        self.body = body.into();
        self.content_type = Some(content_type.into());
        self
    }

    /// A header. `Accept` is `application/json` unless set here.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Raw {
        self.headers = self.headers.header(name, value);
        self
    }

    /// Headers.
    pub fn headers(mut self, headers: Headers) -> Raw {
        self.headers = headers;
        self
    }

    /// Twice has the effect of once: the request may be sent again when its answer was lost.
    pub fn idempotent(mut self) -> Raw {
        self.idempotent = true;
        self
    }
}

impl Call for Raw {
    type Reply = RawAnswer;

    fn what(&self) -> String {
        format!("{} {}", self.method, without_query(&self.path))
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let mut request = build(self.method.clone(), target(api, &self.path)?, None)?;
        *request.body_mut() = self.body.clone();
        if let Some(kind) = &self.content_type {
            let kind = http::HeaderValue::from_str(kind)
                .map_err(|_| Error::config("the content type cannot be written into a header"))?;
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        self.headers.add_to(request.headers_mut())?;
        Ok(request)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<RawAnswer, Error> {
        let what = self.what();
        let (head, body) = response.into_parts();
        Ok(RawAnswer { what, status: head.status, headers: head.headers, body })
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        self.idempotent
    }

    fn takes_refusals(&self) -> bool {
        true
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    what: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl RawAnswer {
    /// The answer, or where it is a refusal, an error with the org's reasons.
    ///
    /// # Errors
    /// [`Error::Api`] for a status of 400 or more.
    pub fn ok(self) -> Result<RawAnswer, Error> {
        if self.status.as_u16() < 400 {
            return Ok(self);
        }
        Err(Error::Api {
            what: self.what,
            status: self.status.as_u16(),
            errors: read_errors(&self.body),
            retry_after: None,
        })
    }

    /// The body as a value of a type.
    ///
    /// # Errors
    /// [`Error::Api`] for a refusal, [`Error::Decode`] for what is not in that form.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let answer = self.ok()?;
        decode_json(&answer.what, &answer.body)
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A [`Raw`] request and the client that sends it. Made by [`Client::request`].
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct RawRequest {
    client: Client,
    raw: Raw,
}

impl RawRequest {
    /// A JSON body.
    ///
    /// # Errors
    /// [`Error::Decode`] where the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<RawRequest, Error> {
        Ok(RawRequest { raw: self.raw.json(value)?, ..self })
    }

    /// A body of any kind.
    pub fn body(self, body: impl Into<Bytes>, content_type: impl Into<String>) -> RawRequest {
        RawRequest { raw: self.raw.body(body, content_type), ..self }
    }

    /// A header.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> RawRequest {
        RawRequest { raw: self.raw.header(name, value), ..self }
    }

    /// Twice has the effect of once.
    pub fn idempotent(self) -> RawRequest {
        RawRequest { raw: self.raw.idempotent(), ..self }
    }

    /// Sends it and reads the whole answer, a refusal too.
    ///
    /// # Errors
    /// [`Error::Transport`] where the answer was lost; [`Error::Auth`]; [`Error::Config`] for a path or header that
    /// cannot be sent.
    pub async fn send(&self) -> Result<RawAnswer, Error> {
        self.client.send(&self.raw).await
    }

    /// Sends it and gives the answer as it comes, a refusal too; for what is large.
    ///
    /// # Errors
    /// As [`RawRequest::send`].
    pub async fn stream(&self) -> Result<ByteStream, Error> {
        self.client.stream(&self.raw).await
    }
}

impl Client {
    /// Any method and path: below the version's root (`sobjects/Account`) or, with a slash at its beginning, any path of
    /// the org (`/services/apexrest/…`).
    pub fn request(&self, method: Method, path: impl Into<String>) -> RawRequest {
        RawRequest { client: self.clone(), raw: Raw::new(method, path) }
    }

    /// Sends any call and gives the body of its answer as it comes, instead of understanding it. Where the call takes
    /// refusals ([`Raw`] does), they are answers here, too.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn stream<C: Call>(&self, call: &C) -> Result<ByteStream, Error> {
        match self.inner.open_call(call).await {
            Ok(response) => Ok(ByteStream::new(self.clone(), call.what(), response)),
            Err(OpenFailure { answer: Some(answer), .. }) if call.takes_refusals() => Ok(ByteStream::whole(answer)),
            Err(failed) => Err(failed.error),
        }
    }
}

/// The body of an answer, piece by piece, with its status and headers. Ends with an error when no byte comes for the
/// idle time, or when the connection breaks before the body is whole.
#[must_use = "a stream does nothing until it is read"]
pub struct ByteStream {
    status: StatusCode,
    headers: HeaderMap,
    pieces: BoxStream<'static, Result<Bytes, Error>>,
}

impl ByteStream {
    pub(crate) fn new(client: Client, what: String, response: reqwest::Response) -> ByteStream {
        let (status, headers) = (response.status(), response.headers().clone());
        let pieces = futures::stream::try_unfold((client, what, response), |(client, what, mut response)| async move {
            let piece = client.inner.transport.chunk(&what, &mut response).await?;
            Ok(piece.map(|piece| (piece, (client, what, response))))
        });
        ByteStream { status, headers, pieces: pieces.boxed() }
    }

    fn whole(answer: http::Response<Bytes>) -> ByteStream {
        let (head, body) = answer.into_parts();
        let pieces = futures::stream::once(std::future::ready(Ok(body))).boxed();
        ByteStream { status: head.status, headers: head.headers, pieces }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The length in bytes, where the org told it and the body is not compressed on the way.
    pub fn length(&self) -> Option<u64> {
        self.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByteStream").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(cx)
    }
}

/// A query may hold what a person is looking for; errors need the path only.
fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V66: ApiVersion = ApiVersion::new(66);

    #[test]
    fn paths_are_below_the_version_or_the_org() {
        let uri = |path: &str| Raw::new(Method::GET, path).request(V66).map(|request| request.uri().to_string());
        for (path, expected) in [
            ("sobjects/Account", "/services/data/v66.0/sobjects/Account"),
            ("query?q=SELECT Id FROM Account", "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20Account"),
            ("query?q=SELECT+Id%20", "/services/data/v66.0/query?q=SELECT+Id%20"),
            ("/services/apexrest/ns/v1?name=Ü{x}", "/services/apexrest/ns/v1?name=%C3%9C%7Bx%7D"),
            ("/services/data", "/services/data"),
        ] {
            assert_eq!(uri(path).unwrap(), expected);
        }
        for path in ["//evil.example/x", "https://evil.example/x", "sobjects/../../x", "/a/./b"] {
            assert!(uri(path).is_err(), "{path}");
        }
        assert_eq!(
            Resource::new("limits/recordCount?sObjects=Account").request(V66).unwrap().uri(),
            "/services/data/v66.0/limits/recordCount?sObjects=Account"
        );
    }

    #[test]
    fn only_reading_is_sent_again() {
        for (method, again) in [("GET", true), ("HEAD", true), ("POST", false), ("PATCH", false), ("DELETE", false)] {
            let raw = Raw::new(method.parse().unwrap(), "x");
            assert_eq!(raw.is_idempotent(&Method::GET), again, "{method}");
            assert!(raw.idempotent().is_idempotent(&Method::GET));
        }
    }

    #[test]
    fn a_refusal_is_an_answer_until_it_is_asked() {
        let mut response = http::Response::new(Bytes::from_static(br#"[{"message":"m","errorCode":"NOT_FOUND"}]"#));
        *response.status_mut() = StatusCode::NOT_FOUND;
        let answer = Raw::new(Method::GET, "x?secret=1").reply(response).unwrap();
        assert_eq!(answer.status, 404);
        let error = answer.ok().unwrap_err();
        assert!(error.has_code("NOT_FOUND") && error.to_string().starts_with("GET x:"), "{error}");
    }
}
