//! `search`: what REST's search answers, in SOAP's form.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call};
use super::files;
use crate::search;

/// Members that REST puts among a record's fields: SOAP has a snippet for them.
const HIGHLIGHT: &str = "highlight.";
const SNIPPET: &str = "snippet.text";

/// `search(searchString)`.
pub(super) fn search(call: &Call) -> Answer {
    let text = call.text("searchString")?;
    let org = call.state.org.read();
    let mut answer = search::run(&org, text, &call.query_options(false)?)?;
    let metadata = answer.get_mut("metadata").map(Json::take);
    // Older versions of REST answer the bare list.
    let mut records = if answer.is_array() { answer } else { answer["searchRecords"].take() };
    files::fill(&org, &mut records);
    let records = match records {
        Json::Array(records) => records.into_iter().map(found).collect(),
        _ => Vec::new(),
    };
    Ok(json!({
        "queryId": uuid::Uuid::new_v4().to_string(),
        "searchRecords": records,
        "searchResultsMetadata": metadata.as_ref().map(labels),
    }))
}

/// One record of the answer.
fn found(record: Json) -> Json {
    let Json::Object(members) = record else { return json!({ "record": record }) };
    let (mut fields, mut whole, mut snippet) = (Map::new(), Vec::new(), None);
    for (name, value) in members {
        if name == SNIPPET {
            snippet = Some(value);
        } else if let Some(field) = name.strip_prefix(HIGHLIGHT) {
            whole.push(json!({ "name": field, "value": value }));
        } else {
            fields.insert(name, value);
        }
    }
    let mut found = json!({ "record": fields });
    if snippet.is_some() || !whole.is_empty() {
        found["snippet"] = json!({ "text": snippet, "wholeFields": whole });
    }
    found
}

/// Labels of the fields that were asked for.
fn labels(metadata: &Json) -> Json {
    let entities = metadata.as_object().into_iter().flat_map(Map::values).filter_map(Json::as_array).flatten();
    let labels = entities.map(|entity| {
        let fields = entity["fieldMetadata"].as_array().into_iter().flatten();
        let pairs: Vec<Json> = fields.map(|f| json!({ "name": f["name"], "value": f["label"] })).collect();
        json!({ "entityFieldLabels": pairs, "entityName": entity["entityName"] })
    });
    json!({ "entityLabelMetadata": labels.collect::<Vec<_>>(), "entityMetadata": [] })
}
