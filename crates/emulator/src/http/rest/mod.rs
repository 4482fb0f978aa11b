//! REST resources under `/services/data`: versions, describes, queries, records, collections, limits.
//!
//! Every request below a version is read into a `Call` and led to its handler by its path, name by name and
//! whatever their case, as Salesforce does; a handler is a plain function that locks the org for as long as it needs.

mod batch;
mod blob;
mod body;
mod call;
mod collections;
mod composite;
mod conditions;
mod describe;
mod events;
mod graph;
mod hold;
pub(in crate::http) mod layouts;
mod listviews;
pub(in crate::http) mod menus;
mod multipart;
mod query;
mod recent;
mod record;
mod reference;
mod related;
mod replication;
mod resources;
mod search;
mod sobjects;
mod subrequest;
mod tree;
mod upsert;
mod xml;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::Request;

use super::{ApiErrors, AppState, Origin, Session, not_found};
use crate::ApiError;
use call::{Call, Verb};

/// Resources that Salesforce has and this org does not: the beginning of their path, and what they are.
const NOT_BUILT: &[(&str, &str)] = &[
    ("analytics", "reports and dashboards"),
    ("async-queries", "asynchronous queries"),
    ("chatter", "Chatter"),
    ("commerce", "commerce"),
    ("connect", "Connect resources"),
    ("consent", "consent"),
    ("contact-tracing", "contact tracing"),
    ("dedupe", "duplicate jobs"),
    ("domino", "domino"),
    ("eclair", "geodata of CRM Analytics"),
    ("emailconnect", "e-mail connections"),
    ("fingerprint", "fingerprints"),
    ("folders", "folders"),
    ("iot", "IoT"),
    ("jsonxform", "JSON transformations"),
    ("knowledgemanagement", "Knowledge"),
    ("licensing", "licensing"),
    ("localizedvalue", "localized values"),
    ("match", "matching rules"),
    ("metadata", "metadata deployment over REST"),
    ("mobile", "mobile resources"),
    ("nouns", "nouns"),
    ("payments", "payments"),
    ("prechatforms", "pre-chat forms"),
    ("process", "process rules and approvals"),
    ("servicetemplates", "service templates"),
    ("smartdatadiscovery", "smart data discovery"),
    ("support", "support (data categories and knowledge articles)"),
    ("tokenizer", "the tokenizer"),
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
        .route("/services/apexrest", any(apex))
        .route("/services/apexrest/{*resource}", any(apex))
}

/// No Apex class of this org has a URL mapping.
async fn apex(_: Session) -> ApiError {
    ApiError::new("NOT_FOUND", "Could not find a match for URL").status(404)
}

async fn answer(State(state): State<AppState>, origin: Origin, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let xml = call::accepts_xml(&parts.headers);
    let session = Session::from_request_parts(&mut parts, &state).await;
    let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
    let session = match session {
        Ok(session) => session,
        Err(error) => return shaped(error.into_response(), xml, uri.path()).await,
    };
    let request = Request::from_parts(parts, body);
    let body = match body::collect(request).await {
        Ok(body) => body,
        Err(error) => return shaped(error.into_response(), xml, uri.path()).await,
    };
    let call = match Call::read(state, session, origin.0, &method, &uri, headers, body) {
        Ok(call) => call,
        Err(error) => return shaped(error.into_response(), xml, uri.path()).await,
    };
    let (xml, path) = (call.xml, call.path.join("/"));
    // A query over a large org takes its time: off the threads that serve connections.
    let response = match tokio::task::spawn_blocking(move || route(&call)).await {
        Ok(Ok(response)) => response,
        Ok(Err(errors)) => errors.into_response(),
        Err(_) => {
            let message = "An unexpected error occurred. Please include this ErrorId if you contact support: 0";
            ApiError::new("UNKNOWN_EXCEPTION", message).status(500).into_response()
        }
    };
    shaped(response, xml, &path).await
}

/// The answer in the form that was asked for.
async fn shaped(response: Response, xml: bool, path: &str) -> Response {
    if xml { xml::shape(response, path).await } else { response }
}

type Answer = Result<Response, ApiErrors>;

/// Leads a request to its resource by the first name of its path. Composite, batch and graph requests come here again
/// with each of theirs.
fn route(call: &Call) -> Answer {
    let lower: Vec<String> = call.path.iter().map(|s| s.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let Some((first, below)) = lower.split_first() else {
        return match call.verb {
            Verb::Get => resources::map(call),
            _ => Err(not_allowed(call, "GET,HEAD").into()),
        };
    };
    match *first {
        "sobjects" => sobjects::route(call, below),
        "query" => query::route(call, below, false),
        "queryall" => query::route(call, below, true),
        "search" => search::route(call, below),
        "parameterizedsearch" => search::parameterized_route(call, below),
        "limits" => resources::limits_route(call, below),
        "composite" => composite::route(call, below),
        "recent" => recent::route(call, below),
        "event" => events::route(call, below),
        "tabs" | "theme" | "appmenu" | "actions" | "quickactions" | "compactlayouts" => {
            menus::route(call, first, below)
        }
        other => match NOT_BUILT.iter().find(|(name, _)| *name == other) {
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
