//! `/services/data/vNN.0/tooling/`: the Tooling API over REST.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/>

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};

use crate::dml::WriteContext;
use crate::http::state::{AppState, Origin};
use crate::http::{Session, json_response, not_found};
use crate::metadata::{tables, tooling};
use crate::query::{self, QueryOptions};
use crate::schema::ObjectType;
use crate::{ApiError, RecordId};

/// Resources that Salesforce has and this org does not, and what is missing for them.
const NOT_BUILT: &[(&str, &str)] = &[
    ("executeanonymous", "This emulator does not run Apex."),
    ("runtestsasynchronous", "This emulator does not run Apex: it has no tests to run."),
    ("runtestssynchronous", "This emulator does not run Apex: it has no tests to run."),
    ("completions", "This emulator does not know Apex: it has nothing to complete with."),
    ("search", "This emulator has not built search over the Tooling API."),
    ("composite", "This emulator has not built composite requests to the Tooling API."),
    ("apexmanifest", "This emulator does not know Apex."),
];

/// Any request below `tooling`.
pub(super) async fn answer(
    State(state): State<AppState>,
    session: Session,
    origin: Origin,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let status = rejection.status().as_u16();
            return ApiError::new("REQUEST_ENTITY_TOO_LARGE", rejection.body_text()).status(status).into_response();
        }
    };
    let call = Call { state, session, origin: origin.0, method, uri, headers, body };
    match tokio::task::spawn_blocking(move || call.answer()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(_) => ApiError::new("UNKNOWN_EXCEPTION", "An unexpected error occurred.").status(500).into_response(),
    }
}

struct Call {
    state: AppState,
    session: Session,
    origin: String,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

type Answer = Result<Response, ApiError>;

impl Call {
    fn answer(&self) -> Answer {
        let names: Result<Vec<String>, ApiError> = self
            .uri
            .path()
            .trim_end_matches('/')
            .split('/')
            .skip(5)
            .map(|name| percent_decode_str(name).decode_utf8().map(|n| n.into_owned()).map_err(|_| not_found()))
            .collect();
        let names = names?;
        let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let at = |n: usize| names.get(n).map_or("", String::as_str);
        let method = match (self.method.as_str(), self.param("_HttpMethod")) {
            ("POST", Some(other)) => other,
            ("HEAD", _) => "GET".to_owned(),
            (method, _) => method.to_owned(),
        };
        match (method.as_str(), lower.as_slice()) {
            ("GET", []) => Ok(self.map()),
            ("GET", ["query"]) => self.query(false),
            ("GET", ["queryall"]) => self.query(true),
            ("GET", ["query" | "queryall", locator]) => self.more(locator),
            ("GET", ["sobjects"]) => Ok(self.ok(&tables::global(&self.version()))),
            ("GET", ["sobjects", _]) => {
                let entry = tables::entry(object(at(1))?, &self.version());
                Ok(self.ok(&json!({ "objectDescribe": entry, "recentItems": [] })))
            }
            ("POST", ["sobjects", _]) => self.create(object(at(1))?),
            ("GET", ["sobjects", _, "describe"]) => {
                Ok(self.ok(&tables::describe(object(at(1))?, &self.version(), &self.origin)))
            }
            ("GET", ["sobjects", _, _]) => self.read(object(at(1))?, at(2)),
            ("PATCH", ["sobjects", _, _]) => self.update(object(at(1))?, at(2)),
            ("DELETE", ["sobjects", _, _]) => self.delete(object(at(1))?, at(2)),
            (_, ["query" | "queryall" | "sobjects", ..]) => {
                let message = format!("HTTP Method '{method}' not allowed.");
                Err(ApiError::new("METHOD_NOT_ALLOWED", message).status(405))
            }
            (_, [first, ..]) => match NOT_BUILT.iter().find(|(name, _)| name == first) {
                Some((_, why)) => Err(ApiError::new("NOT_IMPLEMENTED", *why).status(501)),
                None => Err(not_found()),
            },
            _ => Err(not_found()),
        }
    }

    fn version(&self) -> String {
        self.session.version.to_string()
    }

    fn ok(&self, body: &Json) -> Response {
        json_response(StatusCode::OK, body)
    }

    fn param(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    }

    fn map(&self) -> Response {
        let base = format!("/services/data/v{}/tooling", self.session.version);
        let names = ["query", "queryAll", "sobjects"].map(|name| (name.to_owned(), format!("{base}/{name}").into()));
        self.ok(&Json::Object(Map::from_iter(names)))
    }

    fn options(&self, all: bool) -> QueryOptions {
        let size = self.headers.get("Sforce-Query-Options").and_then(|v| v.to_str().ok()).and_then(|options| {
            let parts = options.split([',', ';']).filter_map(|part| part.split_once('='));
            parts
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("batchSize"))
                .find_map(|(_, n)| n.trim().parse().ok())
        });
        QueryOptions {
            all,
            now: self.state.now(),
            user: self.session.user,
            version: self.session.version.0,
            batch_size: size,
        }
    }

    fn query(&self, all: bool) -> Answer {
        let empty = || ApiError::new("MALFORMED_QUERY", "SOQL statement cannot be empty.");
        let (text, options) = (self.param("q").ok_or_else(empty)?, self.options(all));
        let org = self.state.org.read();
        if self.param("columns").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            let columns =
                tables::columns(&org, &text, &options, true).unwrap_or_else(|| query::columns(&org, &text, &options));
            return Ok(self.ok(&columns?));
        }
        let answer = match tables::query(&org, &text, &options, true) {
            Some(answer) => answer?,
            // Users, profiles and record types can be asked for here, too.
            None => read(&query::run(&org, &text, &options)?.json)?,
        };
        Ok(self.ok(&self.shaped(answer, from(&text))))
    }

    fn more(&self, locator: &str) -> Answer {
        let answer = read(&query::more(&self.state.org.read(), locator, &self.options(false))?.json)?;
        Ok(self.ok(&self.shaped(answer, None)))
    }

    /// The members that the Tooling API has beyond those of a query.
    fn shaped(&self, mut answer: Json, entity: Option<String>) -> Json {
        let size = answer["records"].as_array().map_or(0, Vec::len);
        let entity = answer.pointer("/records/0/attributes/type").and_then(Json::as_str).map(str::to_owned).or(entity);
        if let Some(map) = answer.as_object_mut() {
            let url = map.remove("nextRecordsUrl");
            let records = map.remove("records").unwrap_or_else(|| json!([]));
            map.insert("size".into(), size.into());
            let locator = url.as_ref().and_then(Json::as_str).and_then(|url| url.rsplit('/').next()).map(str::to_owned);
            map.insert("queryLocator".into(), locator.map_or(Json::Null, Json::String));
            map.insert("entityTypeName".into(), entity.map_or(Json::Null, Json::String));
            if let Some(Json::String(url)) = url {
                map.insert("nextRecordsUrl".into(), url.replace("/query/", "/tooling/query/").into());
            }
            map.insert("records".into(), records);
        }
        answer
    }

    fn context(&self) -> WriteContext {
        let mut origin = format!("com/salesforce/api/rest/{}", self.session.version);
        if let Some(client) = &self.session.client {
            origin.push_str(&format!(";client={client}"));
        }
        WriteContext { now: self.state.now(), user: self.session.user, origin, all_or_none: true }
    }

    fn body(&self) -> Result<Map<String, Json>, ApiError> {
        match serde_json::from_slice(&self.body) {
            Ok(Json::Object(members)) => Ok(members),
            Ok(_) => Err(ApiError::new("JSON_PARSER_ERROR", "The request body must be a JSON object.")),
            Err(error) => Err(ApiError::new("JSON_PARSER_ERROR", error.to_string())),
        }
    }

    fn create(&self, object: &ObjectType) -> Answer {
        let members = self.body()?;
        let saved = tooling::create(&mut self.state.org.write(), &object.name, &members, &self.context())?;
        let body = json!({ "id": saved.id.to_string(), "success": true, "errors": [], "warnings": [], "infos": [] });
        let mut response = json_response(StatusCode::CREATED, &body);
        let url = format!("/services/data/v{}/tooling/sobjects/{}/{}", self.session.version, object.name, saved.id);
        if let Ok(url) = url.parse() {
            response.headers_mut().insert(http::header::LOCATION, url);
        }
        Ok(response)
    }

    fn read(&self, object: &'static ObjectType, id: &str) -> Answer {
        let id = RecordId::parse(id).ok_or_else(not_found)?;
        let org = self.state.org.read();
        let record = tables::record(&org, object, id, &self.options(false)).ok_or_else(not_found)?;
        Ok(self.ok(&record))
    }

    fn update(&self, object: &ObjectType, id: &str) -> Answer {
        let id = RecordId::parse(id).ok_or_else(not_found)?;
        let members = self.body()?;
        tooling::update(&mut self.state.org.write(), &object.name, id, &members, &self.context())?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    fn delete(&self, object: &ObjectType, id: &str) -> Answer {
        let id = RecordId::parse(id).ok_or_else(not_found)?;
        tooling::delete(&mut self.state.org.write(), &object.name, id, &self.context())?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

fn object(name: &str) -> Result<&'static ObjectType, ApiError> {
    tables::find(name).ok_or_else(not_found)
}

fn read(text: &str) -> Result<Json, ApiError> {
    serde_json::from_str(text).map_err(|e| ApiError::new("UNKNOWN_EXCEPTION", e.to_string()).status(500))
}

/// The object that a query is over, as it writes it.
fn from(text: &str) -> Option<String> {
    let query = tidegate_soql::parse(text).ok()?;
    query.from.object.segments.first().map(|name| name.text.clone())
}
