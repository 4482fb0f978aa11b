//! `search`, `parameterizedSearch` and the resources below `search`.

use serde_json::{Value as Json, json};

use super::call::{Call, Verb};
use super::{Answer, not_allowed, not_found};
use crate::ApiError;
use crate::search::{self, ParameterizedSearch, SearchedObject};

/// Objects that one request for search layouts may name (documented).
const LAYOUTS_MAX: usize = 100;
/// Rows that a search layout shows at first (documented sample).
const LAYOUT_ROWS: u32 = 25;

/// `/search` and what is below it.
pub(super) fn route(call: &Call, below: &[&str]) -> Answer {
    match (call.verb, below) {
        (Verb::Get, []) => search(call),
        (Verb::Get, ["scopeorder"]) => scope_order(call),
        (Verb::Get, ["layout"]) => layout(call),
        (Verb::Get, ["suggestions"]) => suggestions(call),
        (_, [] | ["scopeorder" | "layout" | "suggestions"]) => Err(not_allowed(call, "GET,HEAD").into()),
        _ => Err(not_found().into()),
    }
}

/// `/parameterizedSearch`.
pub(super) fn parameterized_route(call: &Call, below: &[&str]) -> Answer {
    match (call.verb, below) {
        (Verb::Get | Verb::Post, []) => parameterized(call),
        (_, []) => Err(not_allowed(call, "GET,HEAD,POST").into()),
        _ => Err(not_found().into()),
    }
}

/// `GET /search?q=FIND+{…}`.
fn search(call: &Call) -> Answer {
    let text = call.param("q").ok_or_else(|| {
        ApiError::new("MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces.")
    })?;
    let answer = search::run(&call.state.org.read(), text, &call.query_options(false))?;
    Ok(call.answer(200, &answer))
}

/// `GET` and `POST /parameterizedSearch`.
fn parameterized(call: &Call) -> Answer {
    let asked = if call.verb == Verb::Post { from_body(&call.json()?)? } else { from_parameters(call)? };
    let answer = asked.run(&call.state.org.read(), &call.query_options(false))?;
    Ok(call.answer(200, &answer))
}

/// `GET /search/scopeOrder`: the objects that a global search of this user goes through, in its order.
fn scope_order(call: &Call) -> Answer {
    let org = call.state.org.read();
    let scopes: Vec<Json> = search::searchable_objects(&org.schema)
        .iter()
        .map(|(_, object)| {
            let url = format!("{}/sobjects/{}/describe", call.base(), object.name);
            json!({ "type": object.name, "url": url })
        })
        .collect();
    Ok(call.answer(200, &Json::Array(scopes)))
}

/// `GET /search/layout?q=Account,Contact`.
fn layout(call: &Call) -> Answer {
    let names = call.list("q").unwrap_or_default();
    if names.is_empty() {
        return Err(ApiError::new("MISSING_ARGUMENT", "q names one object or more, with commas between them").into());
    }
    if names.len() > LAYOUTS_MAX {
        let message = format!("record limit reached. cannot name more than {LAYOUTS_MAX} objects in this call");
        return Err(ApiError::new("EXCEEDED_ID_LIMIT", message).into());
    }
    let org = call.state.org.read();
    let mut layouts = Vec::new();
    for name in &names {
        let (_, object) = org
            .schema
            .find(name)
            .filter(|(_, object)| object.flags.search_layoutable)
            .ok_or_else(|| ApiError::new("INVALID_TYPE", format!("sObject type '{name}' is not supported.")))?;
        let columns: Vec<Json> = search::search_layout(&org.schema, object)
            .into_iter()
            .map(|c| json!({ "field": c.field, "format": c.format, "label": c.label, "name": c.name }))
            .collect();
        layouts.push(json!({
            "errorMsg": null,
            "label": "Search Results",
            "limitRows": LAYOUT_ROWS,
            "objectType": object.name,
            "searchColumns": columns,
        }));
    }
    Ok(call.answer(200, &Json::Array(layouts)))
}

/// `GET /search/suggestions?q=&sobject=`.
fn suggestions(call: &Call) -> Answer {
    let missing = |name: &str| ApiError::new("MISSING_ARGUMENT", format!("the parameter {name} is missing"));
    let q = call.param("q").ok_or_else(|| missing("q"))?;
    let mut objects = call.list("sobject").filter(|names| !names.is_empty()).ok_or_else(|| missing("sobject"))?;
    let org = call.state.org.read();
    if flag(call, "ignoreUnsupportedSObjects")? {
        objects.retain(|name| org.schema.find(name).is_some_and(|(_, object)| object.flags.searchable));
    }
    let limit = number(call.param("limit"), "limit")?.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let fields = call.list("fields").unwrap_or_default();
    let answer = search::suggestions(&org, q, &objects, &fields, limit, &call.query_options(false))?;
    Ok(call.answer(200, &answer))
}

fn number(text: Option<&str>, name: &str) -> Result<Option<u64>, ApiError> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| illegal(name, text)),
    }
}

fn flag(call: &Call, name: &str) -> Result<bool, ApiError> {
    match call.param(name).map(str::trim) {
        None | Some("") => Ok(false),
        Some(text) => boolean(text).ok_or_else(|| illegal(name, text)),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn illegal(name: &str, value: &str) -> ApiError {
    ApiError::new("ILLEGAL_QUERY_PARAMETER_VALUE", format!("The value '{value}' of {name} is not valid"))
}

/// `q`, and `sobject`, `Account.fields`, `Account.limit`, … beside it.
fn from_parameters(call: &Call) -> Result<ParameterizedSearch, ApiError> {
    let names: Vec<String> = call
        .params("sobject")
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let mut objects = Vec::new();
    for name in names {
        let own = |what: &str| call.param(&format!("{name}.{what}"));
        objects.push(SearchedObject {
            fields: call.list(&format!("{name}.fields")).unwrap_or_default(),
            condition: own("where").map(str::to_owned),
            order_by: own("orderBy").map(str::to_owned),
            limit: number(own("limit"), &format!("{name}.limit"))?,
            name,
        });
    }
    let categories = match (call.param("dataCategory"), call.list("dataCategories")) {
        (Some(one), _) => vec![one.to_owned()],
        (None, many) => many.unwrap_or_default(),
    };
    let data_categories = categories
        .iter()
        .filter_map(|text| {
            let mut words = text.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.to_owned(), words.map(str::to_owned).collect()))
        })
        .collect();
    Ok(ParameterizedSearch {
        q: call.param("q").unwrap_or_default().to_owned(),
        within: group(call.param("in"))?,
        objects,
        fields: call.list("fields").unwrap_or_default(),
        default_limit: number(call.param("defaultLimit"), "defaultLimit")?,
        overall_limit: number(call.param("overallLimit"), "overallLimit")?,
        offset: number(call.param("offset"), "offset")?,
        metadata: call.param("metadata").map(str::to_owned),
        division: call.param("division").map(str::to_owned),
        network_ids: call.list("netWorkIds").unwrap_or_default(),
        price_book: call.param("pricebookId").map(str::to_owned),
        snippet: number(call.param("snippet"), "snippet")?,
        spell_correction: call.param("spellCorrection").and_then(boolean),
        update_tracking: flag(call, "updateTracking")?,
        update_view_stat: flag(call, "updateViewStat")?,
        data_categories,
    })
}

/// The members of the body, whatever of them is there; numbers come as numbers or as text.
fn from_body(body: &Json) -> Result<ParameterizedSearch, ApiError> {
    let text = |of: &Json, name: &str| of.get(name).and_then(Json::as_str).map(str::to_owned);
    let whole = |of: &Json, name: &str| match of.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => number(Some(text), name),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| illegal(name, &value.to_string())),
    };
    let list = |of: &Json, name: &str| -> Vec<String> {
        match of.get(name) {
            Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            Some(Json::String(text)) => text.split(',').map(|item| item.trim().to_owned()).collect(),
            _ => Vec::new(),
        }
    };
    let on = |name: &str| match body.get(name) {
        Some(Json::Bool(on)) => Some(*on),
        Some(Json::String(text)) => boolean(text),
        _ => None,
    };
    let mut objects = Vec::new();
    for entry in body.get("sobjects").and_then(Json::as_array).into_iter().flatten() {
        let name =
            text(entry, "name").ok_or_else(|| ApiError::new("MISSING_ARGUMENT", "each of sobjects needs its name"))?;
        objects.push(SearchedObject {
            name,
            fields: list(entry, "fields"),
            condition: text(entry, "where"),
            order_by: text(entry, "orderBy"),
            limit: whole(entry, "limit")?,
        });
    }
    let data_categories = body
        .get("dataCategories")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((text(entry, "groupName")?, text(entry, "operator")?, list(entry, "categories"))))
        .collect();
    Ok(ParameterizedSearch {
        q: text(body, "q").unwrap_or_default(),
        within: group(text(body, "in").as_deref())?,
        objects,
        fields: list(body, "fields"),
        default_limit: whole(body, "defaultLimit")?,
        overall_limit: whole(body, "overallLimit")?,
        offset: whole(body, "offset")?,
        metadata: text(body, "metadata"),
        division: text(body, "division"),
        network_ids: list(body, "netWorkIds"),
        price_book: text(body, "pricebookId"),
        snippet: whole(body, "snippet")?,
        spell_correction: on("spellCorrection"),
        update_tracking: on("updateTracking").unwrap_or(false),
        update_view_stat: on("updateViewStat").unwrap_or(false),
        data_categories,
    })
}

fn group(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => {
            let upper = text.to_ascii_uppercase();
            let known = ["ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"].contains(&upper.as_str());
            if known { Ok(Some(upper)) } else { Err(illegal("in", text)) }
        }
    }
}
