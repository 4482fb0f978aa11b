//! A request, read: its path in decoded names, its parameters, its JSON body.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use crate::dml::{Input, WriteContext};
use crate::http::{AppState, Session, json_response};
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
    body: Bytes,
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
        let mut path = Vec::new();
        for name in rest.trim_end_matches('/').split('/').skip(1) {
            let name = percent_decode_str(name).decode_utf8().map_err(|_| super::not_found())?;
            path.push(name.into_owned());
        }
        let params: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        // Name and value of the override are case-sensitive.
        let overridden = params.iter().find(|(name, _)| name == "_HttpMethod").map(|(_, value)| value.as_str());
        let method = match overridden {
            Some(other) if method == Method::POST => other.to_owned(),
            _ => method.to_string(),
        };
        let verb = match method.as_str() {
            "GET" | "HEAD" => Verb::Get,
            "POST" => Verb::Post,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ => Verb::Other,
        };
        Ok(Self { state, session, origin, method, verb, path, params, headers, body })
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

    /// The JSON body.
    pub(super) fn json(&self) -> Result<Json, ApiError> {
        let kind = self.header(header::CONTENT_TYPE.as_str()).unwrap_or("application/json");
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            let message = format!("This resource takes application/json; '{kind}' is not supported.");
            return Err(ApiError::new("UNSUPPORTED_MEDIA_TYPE", message).status(415));
        }
        serde_json::from_slice(&self.body).map_err(|e| {
            let message = if self.body.is_empty() {
                "The HTTP entity body is required, but this request has no entity body.".to_owned()
            } else {
                let (line, column) = (e.line(), e.column());
                let text = e.to_string();
                let reason = text.split(" at line ").next().unwrap_or_default();
                format!("{reason} at [line:{line}, column:{column}]")
            };
            ApiError::new("JSON_PARSER_ERROR", message)
        })
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
