//! A call is a value: it can be built, printed and tested without a network. Knows nothing of sockets, tokens or
//! retries; the transport adds those.

use bytes::Bytes;
use http::{HeaderName, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use crate::{
    budget::Cost,
    error::Error,
    rest::{Headers, IfChanged, Tooling, Unchanged, With, WithHead},
    version::ApiVersion,
};

/// One request to an org, and how to understand its answer.
pub trait Call {
    /// What the answer means to the caller.
    type Reply;

    /// What is being done, for error messages: "reading Account 001…".
    fn what(&self) -> String;

    /// The request, with a path and query but without host, sign-in or compression, which the transport adds.
    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error>;

    /// Understands an answer whose status is below 400. Refusals never come here; they are [`Error::Api`].
    fn reply(&self, response: http::Response<Bytes>) -> Result<Self::Reply, Error>;

    /// Whether sending it twice has the effect of sending it once. Only then is it sent again when an answer was lost.
    fn is_idempotent(&self, method: &Method) -> bool {
        *method != Method::POST
    }

    /// What it takes from the org's limits. Told from the request, so that it is what the budget will count.
    fn cost(&self, api: ApiVersion) -> Result<Cost, Error> {
        let request = self.request(api)?;
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        Ok(Cost::of(request.method(), target, request.body()))
    }

    /// Whether the transport adds the session's token.
    fn needs_sign_in(&self) -> bool {
        true
    }

    /// Whether a refusal that neither waiting nor signing in again cures comes to [`Call::reply`] as it is, instead of
    /// becoming an [`Error::Api`]: for resources that refuse in a form of their own.
    fn takes_refusals(&self) -> bool {
        false
    }

    /// What an outcome means when an earlier attempt may have been carried out and its answer was lost: a record that a
    /// repeated delete finds deleted was deleted by us.
    fn repeated(&self, outcome: Result<Self::Reply, Error>) -> Result<Self::Reply, Error> {
        outcome
    }

    /// The same call with further headers.
    fn with(self, headers: Headers) -> With<Self>
    where
        Self: Sized,
    {
        With { call: self, headers }
    }

    /// The same call on the Tooling API: `/tooling` follows the version in its path.
    fn tooling(self) -> Tooling<Self>
    where
        Self: Sized,
    {
        Tooling { call: self }
    }

    /// The same call, whose reply comes with the answer's status and headers.
    fn with_head(self) -> WithHead<Self>
    where
        Self: Sized,
    {
        WithHead { call: self }
    }

    /// The same call on a condition: the reply is `None` where the org answers that nothing has changed.
    fn if_changed(self, since: Unchanged) -> IfChanged<Self>
    where
        Self: Sized,
    {
        IfChanged { call: self, since }
    }
}

/// Where the session's token goes, for requests that do not carry it in `Authorization`: an extension of the request.
/// The transport puts it there when it sends, so that neither a call nor a log ever holds it, and a request that is sent
/// again carries the renewed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// Bare into this header, as Bulk API 1.0 wants it.
    Header(HeaderName),
    /// Into the body, so many bytes from its beginning, as SOAP wants it.
    Body(usize),
}

/// Everything but unreserved characters (RFC 3986) is escaped: values may contain `/`, `+`, `?` and `%`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Text made safe as one segment of a path or one value of a query.
pub(crate) fn escape(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A name or value that must be one segment of a path. Nothing, `.` and `..` would lead to another resource.
pub(crate) fn segment(text: &str) -> Result<String, Error> {
    match text {
        "" => Err(Error::config("a name, id or key value is empty")),
        "." | ".." => Err(Error::config(format!("`{text}` cannot be a name, id or key value in a path"))),
        text => Ok(escape(text)),
    }
}

/// A time as HTTP writes it in headers.
pub(crate) fn http_date(time: jiff::Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A `GET` of a path.
pub(crate) fn get(path: String) -> Result<Request<Bytes>, Error> {
    build(Method::GET, path, None)
}

/// A request with a JSON body.
pub(crate) fn with_json<T: serde::Serialize + ?Sized>(
    method: Method,
    path: String,
    body: &T,
) -> Result<Request<Bytes>, Error> {
    let body = serde_json::to_vec(body).map_err(|source| Error::decode("writing JSON", source))?;
    build(method, path, Some(body.into()))
}

/// A request without a body.
pub(crate) fn build(method: Method, path: String, json: Option<Bytes>) -> Result<Request<Bytes>, Error> {
    let mut builder = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
    if json.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json; charset=UTF-8");
    }
    builder
        .body(json.unwrap_or_default())
        .map_err(|source| Error::Config { message: format!("the request cannot be written: {source}"), hint: None })
}

/// Understands a JSON body.
pub(crate) fn decode_json<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|source| Error::decode(what, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_every_reserved_character() {
        assert_eq!(escape("a/b?c=d&e+f g%ü"), "a%2Fb%3Fc%3Dd%26e%2Bf%20g%25%C3%BC");
        assert_eq!(escape("A-z_0.9~"), "A-z_0.9~");
    }

    #[test]
    fn writes_json() {
        let request = with_json(Method::PATCH, "/x".into(), &serde_json::json!({"a": 1})).unwrap();
        assert_eq!(request.method(), Method::PATCH);
        assert_eq!(request.body().as_ref(), br#"{"a":1}"#);
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json; charset=UTF-8");
    }
}
