//! A request, read: its path in decoded names, its parameters, its body.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use crate::dml::{Input, WriteContext, WriteOptions};
use crate::http::{ApiVersion, AppState, Session, SharedOrg, json_response};
use crate::query::QueryOptions;
use crate::schema::{ObjectId, ObjectType};
use crate::{ApiError, Org};

/// What is asked of a resource. HEAD is asked as GET: the server leaves the body off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
    Other,
}

/// A request below `/services/data/vXX.X`.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) state: AppState,
    pub(super) session: Session,
    /// Scheme and host of the request.
    pub(super) origin: String,
    pub(super) method: String,
    pub(super) verb: Verb,
    /// The path's names after the version, decoded.
    pub(super) path: Vec<String>,
    params: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the answer shall be XML.
    pub(super) xml: bool,
}

impl Call {
    /// Reads a request.
    pub(super) fn read(
        state: AppState,
        session: Session,
        origin: String,
        method: &Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, ApiError> {
        let rest = uri.path().strip_prefix("/services/data/").unwrap_or_default();
        let rest = rest.split_once('/').map_or("", |(_, rest)| rest);
        Self::build(state, session, origin, (method.as_str(), rest, uri.query().unwrap_or_default()), headers, body)
    }

    /// A request within this one: of a composite, a batch or a graph. `path` follows the version, with its query.
    pub(super) fn within(
        &self,
        org: &SharedOrg,
        version: ApiVersion,
        (method, path): (&str, &str),
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, ApiError> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let state = AppState { org: Arc::clone(org), ..self.state.clone() };
        let session = Session { version, ..self.session.clone() };
        Self::build(state, session, self.origin.clone(), (method, path, query), headers, body)
    }

    fn build(
        state: AppState,
        session: Session,
        origin: String,
        (method, path, query): (&str, &str, &str),
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, ApiError> {
        let mut names = Vec::new();
        for name in path.trim_matches('/').split('/').filter(|_| !path.trim_matches('/').is_empty()) {
            let name = percent_decode_str(name).decode_utf8().map_err(|_| super::not_found())?;
            names.push(name.into_owned());
        }
        let mut xml = None;
        // The form by suffix ended with v57.0.
        if session.version.0 <= SUFFIXES_UNTIL
            && let Some(last) = names.last_mut()
        {
            for (suffix, is_xml) in [(".json", false), (".xml", true)] {
                if let Some(name) = last.strip_suffix(suffix).filter(|name| !name.is_empty()) {
                    (*last, xml) = (name.to_owned(), Some(is_xml));
                    break;
                }
            }
        }
        let params: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        // Name and value of the override are case-sensitive.
        let overridden = params.iter().find(|(name, _)| name == "_HttpMethod").map(|(_, value)| value.as_str());
        let method = match overridden {
            Some(other) if method == "POST" => other.to_owned(),
            _ => method.to_owned(),
        };
        let verb = match method.as_str() {
            "GET" | "HEAD" => Verb::Get,
            "POST" => Verb::Post,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ => Verb::Other,
        };
        let xml = xml.unwrap_or_else(|| accepts_xml(&headers));
        Ok(Self { state, session, origin, method, verb, path: names, params, headers, body, xml })
    }

    /// A query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter that may be given more than once.
    pub(super) fn params<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        self.params.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a list with commas.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let value = self.param(name)?;
        Some(value.split(',').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect())
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The content type of the body, in lower case; JSON where none is named.
    pub(super) fn content_type(&self) -> String {
        self.header(header::CONTENT_TYPE.as_str()).unwrap_or("application/json").trim().to_ascii_lowercase()
    }

    /// The body as JSON, which it is or is made from its XML.
    pub(super) fn json(&self) -> Result<Json, ApiError> {
        let kind = self.content_type();
        if kind.starts_with("application/xml") || kind.starts_with("text/xml") {
            return super::xml::read(&self.body);
        }
        if !kind.starts_with("application/json") {
            let message =
                format!("This resource takes application/json or application/xml; '{kind}' is not supported.");
            return Err(ApiError::new("UNSUPPORTED_MEDIA_TYPE", message).status(415));
        }
        serde_json::from_slice(&self.body).map_err(|e| unreadable(&self.body, &e))
    }

    /// The JSON body, which must be an object.
    pub(super) fn json_object(&self) -> Result<Map<String, Json>, ApiError> {
        match self.json()? {
            Json::Object(members) => Ok(members),
            _ => Err(ApiError::new("JSON_PARSER_ERROR", "The request body must be a JSON object.")),
        }
    }

    /// An object of the org by the name in the path.
    pub(super) fn object(&self, org: &Org, name: &str) -> Result<(ObjectId, Arc<ObjectType>), ApiError> {
        let (id, object) = org.schema.find(name).ok_or_else(super::not_found)?;
        Ok((id, Arc::clone(object)))
    }

    /// How its queries are run.
    pub(super) fn query_options(&self, all: bool) -> QueryOptions {
        let batch_size = self.header("Sforce-Query-Options").and_then(|options| {
            let (_, size) = options
                .split([',', ';'])
                .filter_map(|part| part.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("batchSize"))?;
            size.trim().parse().ok()
        });
        QueryOptions {
            all,
            now: self.state.now(),
            user: self.session.user,
            version: self.session.version.0,
            batch_size,
        }
    }

    /// What is particular to the writes of this request.
    pub(super) fn write_options(&self) -> WriteOptions {
        WriteOptions { locked: self.session.rows_locked, ..WriteOptions::default() }
    }

    /// Who writes, as change events tell it.
    pub(super) fn write_context(&self, all_or_none: bool) -> WriteContext {
        let mut origin = format!("com/salesforce/api/rest/{}", self.session.version);
        if let Some(client) = &self.session.client {
            origin.push_str(";client=");
            origin.push_str(client);
        }
        WriteContext { now: self.state.now(), user: self.session.user, origin, all_or_none }
    }

    /// The path of this version: `/services/data/v66.0`.
    pub(super) fn base(&self) -> String {
        format!("/services/data/v{}", self.session.version)
    }

    /// The path of a record.
    pub(super) fn record_url(&self, object: &str, id: crate::RecordId) -> String {
        format!("{}/sobjects/{object}/{id}", self.base())
    }

    /// A JSON answer, indented where that was asked for.
    pub(super) fn answer(&self, status: u16, body: &Json) -> Response {
        if self.header("X-PrettyPrint").is_some_and(|v| matches!(v.trim(), "1" | "true")) {
            return text_answer(status, format!("{body:#}"));
        }
        json_response(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), body)
    }

    /// An answer whose JSON is already text.
    pub(super) fn answer_text(&self, status: u16, body: String) -> Response {
        if self.header("X-PrettyPrint").is_some_and(|v| matches!(v.trim(), "1" | "true"))
            && let Ok(json) = serde_json::from_str::<Json>(&body)
        {
            return text_answer(status, format!("{json:#}"));
        }
        text_answer(status, body)
    }
}

/// The last version in which a path can end in `.json` or `.xml`.
const SUFFIXES_UNTIL: u16 = 57;

/// Whether XML is wanted rather than JSON: what `Accept` weighs more, of equals what it names first.
pub(super) fn accepts_xml(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else { return false };
    let mut wanted: Option<(bool, f32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let xml = match parts.next().as_deref() {
            Some("application/xml" | "text/xml") => true,
            Some("*/*" | "application/*" | "application/json") => false,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok())).unwrap_or(1.0_f32);
        if weight > 0.0 && wanted.is_none_or(|(_, best)| weight > best) {
            wanted = Some((xml, weight));
        }
    }
    wanted.is_some_and(|(xml, _)| xml)
}

/// Why JSON cannot be read, in the words of the parser that Salesforce has.
pub(super) fn unreadable(body: &[u8], error: &serde_json::Error) -> ApiError {
    if body.is_empty() {
        let message = "The HTTP entity body is required, but this request has no entity body.";
        return ApiError::new("JSON_PARSER_ERROR", message);
    }
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    let there = body.split(|b| *b == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let found = std::str::from_utf8(there).ok().and_then(|line| line.get(column.saturating_sub(1)..)?.chars().next());
    let message = match found {
        _ if error.is_eof() => "Unexpected end-of-input".to_owned(),
        Some(c) => {
            let expected = match reason {
                "key must be a string" => ": was expecting double-quote to start field name".to_owned(),
                "expected `:`" => ": was expecting a colon to separate field name and value".to_owned(),
                "expected value" | "expected ident" => {
                    ": expected a valid value (number, String, array, object, 'true', 'false' or 'null')".to_owned()
                }
                other => format!(": {other}"),
            };
            format!("Unexpected character ('{c}' (code {})){expected}", u32::from(c))
        }
        None => reason.to_owned(),
    };
    ApiError::new("JSON_PARSER_ERROR", format!("{message} at [line:{line}, column:{column}]"))
}

/// The members of a JSON object as a write takes them.
pub(super) fn inputs(members: Map<String, Json>) -> Vec<(String, Input)> {
    members.into_iter().map(|(name, value)| (name, Input::Json(value))).collect()
}

/// 204: done, and nothing to say.
pub(super) fn no_content() -> Response {
    empty(204)
}

/// An answer without a body.
pub(super) fn empty(status: u16) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT);
    response
}

fn text_answer(status: u16, body: String) -> Response {
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = http::HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
