//! `/sobjects/{object}/listviews`: the views that every object has before anybody makes one, all records and one's own.

use serde_json::{Value as Json, json};

use super::call::Call;
use super::{Answer, not_found};
use crate::query;
use crate::schema::ObjectType;
use crate::{ApiError, Org, RecordId};

/// Records of a page of results where the caller names no other, and at most. Documented.
const RESULTS: usize = 25;
const RESULTS_MAX: usize = 2_000;

/// A view: its id, developer name, label, and the scope that its query has.
struct View {
    id: RecordId,
    developer_name: String,
    label: String,
    scope: &'static str,
}

/// The views of an object; an object without a page of its own has none.
fn views(org: &Org, facts: &ObjectType) -> Vec<View> {
    let Some((place, _)) = org.schema.find(&facts.name).filter(|_| facts.flags.layoutable && facts.flags.queryable)
    else {
        return Vec::new();
    };
    let plural: String = facts.label_plural.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut found = Vec::new();
    for (n, word, scope) in [(1, "All", "everything"), (2, "My", "mine")] {
        if scope == "mine" && facts.field("OwnerId").is_none() {
            continue;
        }
        found.push(View {
            id: RecordId::new(*b"00B", crate::id::INSTANCE, u64::from(place.0) * 10 + n),
            developer_name: format!("{word}{plural}"),
            label: format!("{word} {}", facts.label_plural),
            scope,
        });
    }
    found
}

/// The columns of a view: what a list of these records shows.
fn columns(facts: &ObjectType) -> Vec<&crate::schema::Field> {
    let wanted = [
        "Name",
        "Subject",
        "CaseNumber",
        "Title",
        "Status",
        "StageName",
        "Phone",
        "Email",
        "CreatedDate",
        "LastModifiedDate",
        "Id",
    ];
    wanted.iter().filter_map(|name| facts.field(name)).map(|(_, field)| field).collect()
}

fn soql(facts: &ObjectType, view: &View) -> String {
    let names: Vec<&str> = columns(facts).iter().map(|f| f.name.as_str()).collect();
    let own = if view.scope == "mine" { " USING SCOPE mine" } else { "" };
    format!("SELECT {} FROM {}{own} ORDER BY Id ASC", names.join(", "), facts.name)
}

/// The query of the view with this id.
pub(super) fn query_of(org: &Org, id: RecordId) -> Option<String> {
    org.schema.objects().iter().find_map(|facts| {
        let view = views(org, facts).into_iter().find(|view| view.id == id)?;
        Some(soql(facts, &view))
    })
}

/// `/sobjects/{object}/listviews…`.
pub(super) fn route(call: &Call, object: &str, rest: &[&str]) -> Answer {
    let org = call.state.org.read();
    let (_, facts) = call.object(&org, object)?;
    let base = format!("{}/sobjects/{}/listviews", call.base(), facts.name);
    let views = views(&org, &facts);
    let view = |id: &str| {
        let id = id.to_ascii_lowercase();
        views.iter().find(|v| {
            let own = v.id.to_string().to_ascii_lowercase();
            own == id || own.get(..15) == Some(id.as_str())
        })
    };
    match rest {
        [] | ["recent"] => {
            let shown = if rest.is_empty() { views.as_slice() } else { &[] };
            let list: Vec<Json> = shown.iter().map(|v| entry(v, &base)).collect();
            let body = json!({
                "done": true,
                "listviews": list,
                "nextRecordsUrl": null,
                "size": list.len(),
                "sobjectType": facts.name,
            });
            Ok(call.answer(200, &body))
        }
        [id] => Ok(call.answer(200, &entry(view(id).ok_or_else(not_found)?, &base))),
        [id, "describe"] => {
            let view = view(id).ok_or_else(not_found)?;
            let columns: Vec<Json> = columns(&facts).into_iter().map(column).collect();
            let body = json!({
                "columns": columns,
                "id": view.id.to_string(),
                "orderBy": [{ "fieldNameOrPath": "Id", "nullsPosition": "first", "sortDirection": "ascending" }],
                "query": soql(&facts, view),
                "relatedEntityId": null,
                "scope": view.scope,
                "scopeEntityId": null,
                "sobjectType": facts.name,
                "whereCondition": { "conditions": [], "conjunction": "and" },
            });
            Ok(call.answer(200, &body))
        }
        [id, "results"] => {
            let view = view(id).ok_or_else(not_found)?;
            let number = |name: &str, default: usize| match call.param(name) {
                None => Ok(default),
                Some(text) => text.parse().map_err(|_| {
                    ApiError::new("ILLEGAL_QUERY_PARAMETER_VALUE", format!("{name} is not a number: {text}"))
                }),
            };
            let (limit, offset) = (number("limit", RESULTS)?.min(RESULTS_MAX), number("offset", 0)?.min(RESULTS_MAX));
            let text = format!("{} LIMIT {limit} OFFSET {offset}", soql(&facts, view));
            let page = query::run(&org, &text, &call.query_options(false))?;
            let answer: Json = serde_json::from_str(&page.json).unwrap_or(Json::Null);
            let names: Vec<&str> = columns(&facts).iter().map(|f| f.name.as_str()).collect();
            let records: Vec<Json> = answer["records"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|record| {
                    let cells =
                        names.iter().map(|name| json!({ "fieldNameOrPath": name, "value": text_of(&record[*name]) }));
                    json!({ "columns": cells.collect::<Vec<_>>() })
                })
                .collect();
            let body = json!({
                "columns": columns(&facts).into_iter().map(column).collect::<Vec<_>>(),
                "developerName": view.developer_name,
                "done": true,
                "id": view.id.to_string(),
                "label": view.label,
                "records": records,
                "size": records.len(),
            });
            Ok(call.answer(200, &body))
        }
        _ => Err(not_found().into()),
    }
}

/// Values of a list's cells are text.
fn text_of(value: &Json) -> Json {
    match value {
        Json::Null | Json::String(_) => value.clone(),
        other => json!(other.to_string()),
    }
}

fn entry(view: &View, base: &str) -> Json {
    json!({
        "describeUrl": format!("{base}/{}/describe", view.id),
        "developerName": view.developer_name,
        "id": view.id.to_string(),
        "label": view.label,
        "resultsUrl": format!("{base}/{}/results", view.id),
        "soqlCompatible": true,
        "url": format!("{base}/{}", view.id),
    })
}

fn column(field: &crate::schema::Field) -> Json {
    json!({
        "ascendingLabel": null,
        "descendingLabel": null,
        "fieldNameOrPath": field.name,
        "hidden": field.name == "Id",
        "label": field.label,
        "searchable": false,
        "selectListItem": field.name,
        "sortDirection": null,
        "sortIndex": null,
        "sortable": field.sortable,
        "type": field.ty.name(),
    })
}
