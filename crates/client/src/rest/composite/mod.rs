//! Several calls in one: composite (with references from one to another), graphs, batch and tree. Each sub-call is a
//! [`Call`] of its own, and its answer is understood by it.

mod batch;
mod graph;
mod plain;
mod refer;
mod tree;

pub use batch::{Batch, BatchReply};
pub use graph::{Graph, GraphAnswer, Graphs, GraphsReply};
pub(super) use plain::CALLS_MAX;
pub use plain::{Composite, CompositeReply};
pub use refer::Ref;
pub use tree::{Tree, TreeRecord, TreeReply};

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{call::Call, error::Error, refusal::read_errors, version::ApiVersion};

/// Halts that follow another failure. Source: REST API Developer Guide, "Composite" and "Batch".
const HALTED: [&str; 3] = ["PROCESSING_HALTED", "BATCH_PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"];

type Decode<R> = dyn Fn(Result<Response<Bytes>, Error>, bool) -> Result<R, Error> + Send + Sync;

/// One call among several: what its answer is fetched with, and what later calls refer to it with.
pub struct Handle<R> {
    scope: String,
    reference: String,
    what: String,
    decode: Arc<Decode<R>>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Handle {
            scope: self.scope.clone(),
            reference: self.reference.clone(),
            what: self.what.clone(),
            decode: self.decode.clone(),
        }
    }
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.reference)
    }
}

impl<R> Handle<R> {
    /// The reference id.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The id of the record that the call makes: `@{ref.id}`.
    pub fn id(&self) -> Ref {
        self.field("id")
    }

    /// A member of the answer by its path: `Name`, `BillingAddress.city`, `records[0].Id`. Names mind case, and a read
    /// must have selected the field.
    pub fn field(&self, path: &str) -> Ref {
        Ref::new(&self.reference, path)
    }
}

/// A call that waits to be sent with others. Its type is in its [`Handle`] only.
struct SubCall {
    reference: String,
    what: String,
    request: Box<dyn Fn(ApiVersion) -> Result<Request<Bytes>, Error> + Send + Sync>,
    idempotent: Box<dyn Fn(&Method) -> bool + Send + Sync>,
}

impl SubCall {
    fn new<C>(scope: &str, reference: String, call: C) -> (SubCall, Handle<C::Reply>)
    where
        C: Call + Send + Sync + 'static,
    {
        let call = Arc::new(call);
        let what = call.what();
        let (for_request, for_method) = (call.clone(), call.clone());
        let sub_call = SubCall {
            reference: reference.clone(),
            what: what.clone(),
            request: Box::new(move |api| for_request.request(api)),
            idempotent: Box::new(move |method| for_method.is_idempotent(method)),
        };
        let decode = move |answer: Result<Response<Bytes>, Error>, repeated: bool| {
            let refused = |answer: &Response<Bytes>| answer.status().as_u16() >= 400 && !call.takes_refusals();
            let outcome = match answer {
                Ok(answer) if refused(&answer) => Err(Error::Api {
                    what: call.what(),
                    status: answer.status().as_u16(),
                    errors: read_errors(answer.body()),
                    retry_after: None,
                }),
                Ok(answer) => call.reply(answer),
                Err(error) => Err(error),
            };
            if repeated { call.repeated(outcome) } else { outcome }
        };
        (sub_call, Handle { scope: scope.to_owned(), reference, what, decode: Arc::new(decode) })
    }

    fn written(&self, api: ApiVersion) -> Result<Written, Error> {
        let (head, body) = (self.request)(api)?.into_parts();
        let body = if body.is_empty() {
            None
        } else {
            let text = std::str::from_utf8(&body)
                .map_err(|_| Error::config(format!("{}: only JSON can be sent with other calls", self.what)))?;
            Some(RawValue::from_string(text.to_owned()).map_err(|source| Error::decode(&self.what, source))?)
        };
        let mut headers = Map::new();
        for (name, value) in &head.headers {
            // These belong to the whole; the org refuses them in a part.
            if *name == header::ACCEPT || *name == header::CONTENT_TYPE {
                continue;
            }
            let value = value.to_str().map_err(|_| Error::config(format!("the header `{name}` is no text")))?;
            headers.insert(name.as_str().to_owned(), Value::String(value.to_owned()));
        }
        let url = head.uri.path_and_query().map(|target| target.to_string()).unwrap_or_default();
        if !url.starts_with("/services/data/v") {
            return Err(Error::config(format!(
                "{}: only resources below /services/data can be sent with others",
                self.what
            )));
        }
        Ok(Written {
            method: head.method,
            url,
            reference: self.reference.clone(),
            body,
            headers,
            what: self.what.clone(),
        })
    }

    fn is_idempotent(&self, api: ApiVersion) -> bool {
        (self.request)(api).is_ok_and(|request| (self.idempotent)(request.method()))
    }
}

impl fmt::Debug for SubCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reference, self.what)
    }
}

/// A sub-call as it goes over the wire.
struct Written {
    method: Method,
    url: String,
    reference: String,
    body: Option<Box<RawValue>>,
    headers: Map<String, Value>,
    what: String,
}

/// A sub-request of composite and graph.
#[derive(Serialize)]
struct SubRequest<'a> {
    method: &'a str,
    url: &'a str,
    #[serde(rename = "referenceId")]
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: &'a Option<Box<RawValue>>,
    #[serde(rename = "httpHeaders", skip_serializing_if = "Map::is_empty")]
    headers: &'a Map<String, Value>,
}

impl Written {
    fn sub_request(&self) -> SubRequest<'_> {
        SubRequest {
            method: self.method.as_str(),
            url: &self.url,
            reference: &self.reference,
            body: &self.body,
            headers: &self.headers,
        }
    }
}

/// The answer to one of several calls, as it came.
#[derive(Clone, Debug)]
pub struct SubAnswer {
    /// The reference id; in a batch, the place from 0.
    pub reference: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, where the org gives any.
    pub headers: HeaderMap,
    /// The body as JSON text; empty where there is none.
    pub body: Bytes,
}

impl SubAnswer {
    /// Whether the org refused it.
    pub fn is_refused(&self) -> bool {
        self.status.as_u16() >= 400
    }

    /// Whether it was not done, or undone, because of another one.
    pub fn is_halted(&self) -> bool {
        self.is_refused() && read_errors(&self.body).iter().any(|error| HALTED.contains(&error.code.as_str()))
    }

    fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }

    fn refusal(&self) -> Error {
        Error::Api {
            what: self.reference.clone(),
            status: self.status.as_u16(),
            errors: read_errors(&self.body),
            retry_after: None,
        }
    }
}

/// A sub-answer of composite and graph on the wire.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAnswer {
    #[serde(default)]
    body: Option<Box<RawValue>>,
    #[serde(default)]
    http_headers: Option<Map<String, Value>>,
    http_status_code: u16,
    reference_id: String,
}

impl WireAnswer {
    fn taken(self, what: &str) -> Result<SubAnswer, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.http_headers.unwrap_or_default() {
            if let Value::String(value) = value
                && let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
            {
                headers.append(name, value);
            }
        }
        Ok(SubAnswer {
            reference: self.reference_id,
            status: status(what, self.http_status_code)?,
            headers,
            body: self.body.map(|body| Bytes::from(body.get().to_owned())).unwrap_or_default(),
        })
    }
}

fn status(what: &str, code: u16) -> Result<StatusCode, Error> {
    StatusCode::from_u16(code).map_err(|_| Error::unexpected(what, format!("{code} is no HTTP status")))
}

/// The first failure that is not only the consequence of another.
fn cause(answers: &[SubAnswer]) -> Option<&SubAnswer> {
    answers
        .iter()
        .find(|answer| answer.is_refused() && !answer.is_halted())
        .or_else(|| answers.iter().find(|answer| answer.is_refused()))
}

/// Understands the answer that a handle stands for.
fn understand<R>(answers: &[SubAnswer], handle: &Handle<R>, repeated: bool) -> Result<R, Error> {
    let answer = answers
        .iter()
        .find(|answer| answer.reference == handle.reference)
        .map(SubAnswer::response)
        .ok_or_else(|| Error::unexpected(&handle.what, format!("no answer for `{}`", handle.reference)));
    (handle.decode)(answer, repeated)
}
