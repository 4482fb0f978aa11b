//! The lists: versions, resources of a version, limits, record counts.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::call::{Call, Verb};
use super::{Answer, not_allowed, not_found};
use crate::http::{ApiVersion, json_response};

/// `GET /services/data`: every version, oldest first. Needs no token and counts as no call.
pub(super) async fn versions(headers: HeaderMap) -> Response {
    let list: Vec<Json> = ApiVersion::all()
        .map(|version| {
            json!({ "label": version.label(), "url": format!("/services/data/v{version}"), "version": version.to_string() })
        })
        .collect();
    let response = json_response(StatusCode::OK, &Json::Array(list));
    if super::call::accepts_xml(&headers) { super::xml::shape(response, "").await } else { response }
}

/// `GET /services/data/vXX.X`: the resources of a version by name.
pub(super) fn map(call: &Call) -> Answer {
    // Names as real orgs list them, in their order.
    const RESOURCES: &[&str] = &[
        "tooling",
        "metadata",
        "eclair",
        "folders",
        "prechatForms",
        "contact-tracing",
        "jsonxform",
        "chatter",
        "payments",
        "tabs",
        "appMenu",
        "quickActions",
        "queryAll",
        "commerce",
        "wave",
        "iot",
        "analytics",
        "search",
        "smartdatadiscovery",
        "identity",
        "composite",
        "parameterizedSearch",
        "fingerprint",
        "theme",
        "nouns",
        "domino",
        "event",
        "serviceTemplates",
        "recent",
        "connect",
        "licensing",
        "limits",
        "process",
        "dedupe",
        "async-queries",
        "query",
        "jobs",
        "match",
        "localizedvalue",
        "mobile",
        "emailConnect",
        "consent",
        "tokenizer",
        "compactLayouts",
        "knowledgeManagement",
        "sobjects",
        "actions",
        "support",
    ];
    let base = call.base();
    let org = call.state.org.read().settings.org_id;
    let identity = format!("{}/id/{org}/{}", call.origin, call.session.user);
    let url = |name: &str| if name == "identity" { identity.clone() } else { format!("{base}/{name}") };
    let resources: Map<String, Json> = RESOURCES.iter().map(|name| ((*name).to_owned(), json!(url(name)))).collect();
    Ok(call.answer(200, &Json::Object(resources)))
}

/// `/limits` and what is below it.
pub(super) fn limits_route(call: &Call, below: &[&str]) -> Answer {
    match (call.verb, below) {
        (Verb::Get, []) => limits(call),
        (Verb::Get, ["recordcount"]) => record_count(call),
        (_, [] | ["recordcount"]) => Err(not_allowed(call, "GET,HEAD").into()),
        _ => Err(not_found().into()),
    }
}

/// `GET /limits`.
fn limits(call: &Call) -> Answer {
    let report = crate::limits::report(&call.state.org.read(), call.state.now());
    Ok(call.answer(200, &report))
}

/// `GET /limits/recordCount?sObjects=A,B`: live records; unknown names are left out. Without names, every object that
/// has records.
fn record_count(call: &Call) -> Answer {
    let org = call.state.org.read();
    let entry = |name: &str| {
        let (id, object) = org.schema.find(name)?;
        let count = org.store.table(id).map_or(0, |table| table.live_len());
        Some(json!({ "count": count, "name": object.name }))
    };
    let counts: Vec<Json> = match call.list("sObjects") {
        Some(names) => names.iter().filter_map(|name| entry(name)).collect(),
        None => {
            let stored = org.store.tables().filter(|(_, table)| table.live_len() > 0);
            stored.filter_map(|(id, _)| entry(&org.schema.object(id).name)).collect()
        }
    };
    Ok(call.answer(200, &json!({ "sObjects": counts })))
}
