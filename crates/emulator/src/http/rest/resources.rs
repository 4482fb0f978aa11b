//! The lists: versions, resources of a version, limits, record counts.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::Answer;
use super::call::Call;
use crate::http::{ApiVersion, json_response};

/// `GET /services/data`: every version, oldest first. Needs no token and counts as no call.
pub(super) async fn versions() -> Response {
    let list: Vec<Json> = ApiVersion::all()
        .map(|version| {
            json!({ "label": version.label(), "url": format!("/services/data/v{version}"), "version": version.to_string() })
        })
        .collect();
    json_response(StatusCode::OK, &Json::Array(list))
}

/// `GET /services/data/vXX.X`: the resources of a version by name.
pub(super) fn map(call: &Call) -> Answer {
    // Names as real orgs list them, where they differ from the path's last name: name, path.
    const RESOURCES: &[(&str, &str)] = &[
        ("tooling", "tooling"),
        ("metadata", "metadata"),
        ("folders", "folders"),
        ("chatter", "chatter"),
        ("tabs", "tabs"),
        ("appMenu", "appMenu"),
        ("quickActions", "quickActions"),
        ("queryAll", "queryAll"),
        ("commerce", "commerce"),
        ("wave", "wave"),
        ("analytics", "analytics"),
        ("search", "search"),
        ("composite", "composite"),
        ("parameterizedSearch", "parameterizedSearch"),
        ("theme", "theme"),
        ("event", "event"),
        ("recent", "recent"),
        ("connect", "connect"),
        ("licensing", "licensing"),
        ("limits", "limits"),
        ("process", "process"),
        ("async-queries", "async-queries"),
        ("query", "query"),
        ("jobs", "jobs"),
        ("consent", "consent"),
        ("compactLayouts", "compactLayouts"),
        ("knowledgeManagement", "knowledgeManagement"),
        ("sobjects", "sobjects"),
        ("actions", "actions"),
        ("support", "support"),
    ];
    let base = call.base();
    let mut resources: Map<String, Json> =
        RESOURCES.iter().map(|(name, path)| ((*name).to_owned(), json!(format!("{base}/{path}")))).collect();
    let org = call.state.org.read().settings.org_id;
    resources.insert("identity".into(), json!(format!("{}/id/{org}/{}", call.origin, call.session.user)));
    Ok(call.answer(200, &Json::Object(resources)))
}

/// `GET /limits`.
pub(super) fn limits(call: &Call) -> Answer {
    let report = crate::limits::report(&call.state.org.read(), call.state.now());
    Ok(call.answer(200, &report))
}

/// `GET /limits/recordCount?sObjects=A,B`: live records; unknown names are left out. Without names, every object that
/// has records.
pub(super) fn record_count(call: &Call) -> Answer {
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
