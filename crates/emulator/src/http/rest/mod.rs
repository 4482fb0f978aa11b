//! REST resources under `/services/data`: versions, describes, queries, records, collections, limits.
//!
//! Every request below a version is read into a `Call` and led to its handler by its path, name by name and
//! whatever their case, as Salesforce does; a handler is a plain function that locks the org for as long as it needs.

mod call;
mod collections;
mod describe;
mod events;
mod query;
mod record;
mod replication;
mod resources;
mod upsert;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::{ApiErrors, AppState, Origin, Session, not_found};
use crate::ApiError;
use call::{Call, Verb};

/// Longest request body. Documented: 50 MB.
const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Resources that Salesforce has and this org does not: the beginning of their path, and what they are.
const NOT_BUILT: &[(&str, &str)] = &[
    ("actions", "invocable actions"),
    ("analytics", "reports and dashboards"),
    ("appmenu", "app menus"),
    ("async-queries", "asynchronous queries"),
    ("chatter", "Chatter"),
    ("commerce", "commerce"),
    ("compactlayouts", "compact layouts"),
    ("composite", "composite, batch, graph and tree requests (collections of records are built)"),
    ("connect", "Connect resources"),
    ("consent", "consent"),
    ("folders", "folders"),
    ("knowledgemanagement", "Knowledge"),
    ("licensing", "licensing"),
    ("metadata", "metadata deployment over REST"),
    ("parameterizedsearch", "search"),
    ("process", "process rules and approvals"),
    ("quickactions", "quick actions"),
    ("recent", "recently viewed records"),
    ("search", "search"),
    ("support", "support"),
    ("tabs", "tabs"),
    ("theme", "theme"),
    ("tooling", "the Tooling API"),
    ("ui-api", "the User Interface API"),
    ("wave", "CRM Analytics"),
];

/// The routes, to be merged into the emulator's router.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/services/data", get(resources::versions))
        .route("/services/data/{version}", any(answer))
        .route("/services/data/{version}/{*resource}", any(answer))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn answer(
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
        Err(rejection) => return unreadable(&rejection).into_response(),
    };
    let call = match Call::read(state, session, origin.0, &method, &uri, headers, body) {
        Ok(call) => call,
        Err(error) => return error.into_response(),
    };
    // A query over a large org takes its time: off the threads that serve connections.
    match tokio::task::spawn_blocking(move || route(&call)).await {
        Ok(Ok(response)) => response,
        Ok(Err(errors)) => errors.into_response(),
        Err(_) => {
            let message = "An unexpected error occurred. Please include this ErrorId if you contact support: 0";
            ApiError::new("UNKNOWN_EXCEPTION", message).status(500).into_response()
        }
    }
}

/// A body that is too long, or not compressed as its header says.
fn unreadable(rejection: &BytesRejection) -> ApiError {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "REQUEST_ENTITY_TOO_LARGE",
        _ => "POST_BODY_PARSE_ERROR",
    };
    ApiError::new(code, rejection.body_text()).status(rejection.status().as_u16())
}

type Answer = Result<Response, ApiErrors>;

fn route(call: &Call) -> Answer {
    use Verb::{Delete, Get, Patch, Post};
    let lower: Vec<String> = call.path.iter().map(|s| s.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let at = |n: usize| call.path.get(n).map_or("", String::as_str);
    match (call.verb, lower.as_slice()) {
        (Get, []) => resources::map(call),
        (Get, ["sobjects"]) => describe::global(call),
        (Get, ["sobjects", _]) => describe::basic(call, at(1)),
        (Post, ["sobjects", _]) => record::create(call, at(1), false),
        (Get, ["sobjects", _, "describe"]) => describe::object(call, at(1)),
        (Get, ["sobjects", _, "updated"]) => replication::updated(call, at(1)),
        (Get, ["sobjects", _, "deleted"]) => replication::deleted(call, at(1)),
        (Get, ["event", "eventschema", _]) => events::schema(call, at(2)),
        (Get, ["sobjects", _, "eventschema"]) => events::schema_of(call, at(1)),
        (Get, ["sobjects", "streamingchannel", _, "push"]) => events::listeners(call, at(2)),
        (Post, ["sobjects", "streamingchannel", _, "push"]) => events::push(call, at(2)),
        (Post, ["sobjects", _, "id"]) => record::create(call, at(1), true),
        (Get, ["sobjects", _, _]) => record::read(call, at(1), at(2)),
        (Patch, ["sobjects", _, _]) => record::update(call, at(1), at(2)),
        (Delete, ["sobjects", _, _]) => record::delete(call, at(1), at(2)),
        (_, ["sobjects", _, "describe"]) => Err(not_allowed(call, "GET,HEAD").into()),
        (_, ["sobjects", _, "describe" | "listviews" | "quickactions", ..]) => {
            Err(not_built("layouts, list views and quick actions").into())
        }
        (_, ["sobjects", _, id, _, ..]) if record::looks_like_id(id) => {
            Err(not_built("records and fields below a record (relationship and blob resources)").into())
        }
        (Get, ["sobjects", _, "id", _]) => record::read(call, at(1), at(3)),
        (Patch, ["sobjects", _, "id", _]) => upsert::by_key(call, at(1), "Id", at(3)),
        (Delete, ["sobjects", _, "id", _]) => record::delete(call, at(1), at(3)),
        (Get, ["sobjects", _, _, _]) => upsert::read(call, at(1), at(2), at(3)),
        (Patch, ["sobjects", _, _, _]) => upsert::by_key(call, at(1), at(2), at(3)),
        (Delete, ["sobjects", _, _, _]) => upsert::delete(call, at(1), at(2), at(3)),
        (_, ["sobjects"]) => Err(not_allowed(call, "GET,HEAD").into()),
        (_, ["sobjects", _]) => Err(not_allowed(call, "GET,HEAD,POST").into()),
        (_, ["sobjects", _, "updated" | "deleted"]) => Err(not_allowed(call, "GET,HEAD").into()),
        (_, ["sobjects", _, _] | ["sobjects", _, _, _]) => Err(not_allowed(call, "DELETE,GET,HEAD,PATCH").into()),
        (Get, ["query"]) => query::query(call, false),
        (Get, ["queryall"]) => query::query(call, true),
        (Get, ["query" | "queryall", _]) => query::more(call, at(1)),
        (Get, ["limits"]) => resources::limits(call),
        (Get, ["limits", "recordcount"]) => resources::record_count(call),
        (_, [] | ["query" | "queryall" | "limits", ..]) => Err(not_allowed(call, "GET,HEAD").into()),
        (Post, ["composite", "sobjects"]) => collections::create(call),
        (Patch, ["composite", "sobjects"]) => collections::update(call),
        (Delete, ["composite", "sobjects"]) => collections::delete(call),
        (Patch, ["composite", "sobjects", _, _]) => collections::upsert(call, at(2), at(3)),
        (Get | Post, ["composite", "sobjects", _]) => collections::read(call, at(2)),
        (_, ["composite", "sobjects", ..]) => Err(not_allowed(call, "DELETE,GET,HEAD,PATCH,POST").into()),
        (_, [first, ..]) => match NOT_BUILT.iter().find(|(name, _)| name == first) {
            Some((_, what)) => Err(not_built(what).into()),
            None => Err(not_found().into()),
        },
    }
}

/// 501 for a resource that Salesforce has.
fn not_built(what: &str) -> ApiError {
    ApiError::new("NOT_IMPLEMENTED", format!("This emulator has not built {what}.")).status(501)
}

fn not_allowed(call: &Call, allowed: &str) -> ApiError {
    let message = format!("HTTP Method '{}' not allowed. Allowed are {allowed}", call.method);
    ApiError::new("METHOD_NOT_ALLOWED", message).status(405)
}
