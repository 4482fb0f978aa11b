//! Envelopes of the Metadata API: a request taken apart, answers and faults put together.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value as Json;

use crate::ApiError;
use crate::metadata::NAMESPACE;
use crate::xml::{self, Element, SOAP, Writer, XSI};

/// A request: the session it names, and the call.
pub(super) struct Request {
    pub(super) session_id: Option<String>,
    /// `AllOrNoneHeader`.
    pub(super) all_or_none: Option<bool>,
    /// `CallOptions`: the name that the client gives itself.
    pub(super) client: Option<String>,
    pub(super) call: Element,
}

/// A call that failed as a whole.
pub(super) enum Fault {
    /// The envelope or the call cannot be understood: `soapenv:Client`.
    Client(String),
    /// An exception code of the API.
    Api(ApiError),
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// Reads an envelope.
pub(super) fn read(body: &[u8]) -> Result<Request, Fault> {
    let mut root = xml::parse(body).map_err(|e| Fault::Client(e.to_string()))?;
    if !root.is(SOAP, "Envelope") {
        return Err(Fault::Client(format!("Must have a SOAP envelope, found {}", root.name)));
    }
    let header = root.children.iter().find(|c| c.is(SOAP, "Header"));
    let text = |of: &str, name: &str| Some(header?.child(of)?.text_of(name)?.to_owned());
    let session_id = text("SessionHeader", "sessionId").filter(|id| !id.is_empty());
    let all_or_none = text("AllOrNoneHeader", "allOrNone").map(|text| text == "true");
    let client = text("CallOptions", "client");
    let body = root.children.iter_mut().find(|c| c.is(SOAP, "Body"));
    let call = body.and_then(|body| (!body.children.is_empty()).then(|| body.children.swap_remove(0)));
    match call {
        Some(call) => Ok(Request { session_id, all_or_none, client, call }),
        None => Err(Fault::Client("Must have a request in the SOAP body".into())),
    }
}

/// The answer to a call: `results` writes its result elements.
pub(super) fn answer(call: &str, results: impl FnOnce(&mut Writer)) -> Response {
    let mut xml = Writer::new();
    xml.open_with("soapenv:Envelope", &[("xmlns:soapenv", SOAP), ("xmlns", NAMESPACE), ("xmlns:xsi", XSI)]);
    xml.open("soapenv:Body").open(&format!("{call}Response"));
    results(&mut xml);
    respond(StatusCode::OK, xml.finish())
}

fn respond(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

impl IntoResponse for Fault {
    /// As the Metadata API answers it: without a `detail`.
    fn into_response(self) -> Response {
        let (code, text) = match self {
            Self::Client(text) => ("soapenv:Client".to_owned(), text),
            Self::Api(error) => (format!("sf:{}", error.code), format!("{}: {}", error.code, error.message)),
        };
        let mut xml = Writer::new();
        xml.open_with("soapenv:Envelope", &[("xmlns:soapenv", SOAP), ("xmlns:sf", NAMESPACE)]);
        xml.open("soapenv:Body").open("soapenv:Fault").leaf("faultcode", &code).leaf("faultstring", &text);
        respond(StatusCode::INTERNAL_SERVER_ERROR, xml.finish())
    }
}

/// Writes a value as elements of this name: a list repeats it, null is left out.
pub(super) fn write(xml: &mut Writer, name: &str, value: &Json) {
    match value {
        Json::Null => {}
        Json::Array(list) => list.iter().for_each(|value| write(xml, name, value)),
        Json::Object(map) => {
            xml.open(name);
            map.iter().for_each(|(name, value)| write(xml, name, value));
            xml.close();
        }
        Json::String(text) => {
            xml.leaf(name, text);
        }
        other => {
            xml.leaf(name, &other.to_string());
        }
    }
}
