//! Below a describe: layouts, compact layouts, defaults and event schemas, as far as the schema tells them.
//!
//! Nobody has arranged pages in this org: every object has the one layout that a new object gets, with all its fields.

use serde_json::{Map, Value as Json, json};

use super::call::Call;
use super::{Answer, not_found};
use crate::ApiError;
use crate::schema::{Field, ObjectType, describe};

/// `GET /sobjects/{object}/describe/{name}…`.
pub(super) fn describe(call: &Call, object: &str, rest: &[&str]) -> Answer {
    let (_, facts) = call.object(&call.state.org.read(), object)?;
    let base = format!("{}/sobjects/{}/describe", call.base(), facts.name);
    match rest {
        ["layouts"] if facts.flags.layoutable => Ok(call.answer(200, &layouts(&facts, &base))),
        ["layouts", id] if facts.flags.layoutable => {
            match record_types(&facts).iter().any(|(known, ..)| same(known, id)) {
                true => Ok(call.answer(200, &layout(&facts))),
                false => Err(not_found().into()),
            }
        }
        ["compactlayouts"] if facts.flags.compact_layoutable => Ok(call.answer(200, &compact_layouts(&facts, &base))),
        ["compactlayouts", "primary"] if facts.flags.compact_layoutable => {
            Ok(call.answer(200, &compact_layout(&facts)))
        }
        ["approvallayouts"] if facts.flags.layoutable => Ok(call.answer(200, &json!({ "approvalLayouts": [] }))),
        ["namedlayouts", _] | ["approvallayouts", _] => Err(not_found().into()),
        _ => Err(not_found().into()),
    }
}

fn same(id: &str, lower: &str) -> bool {
    id.to_ascii_lowercase() == lower || id.get(..15).is_some_and(|short| short.to_ascii_lowercase() == lower)
}

/// Record types with their names, the master one last: id, name, developer name, whether it is the default, whether it
/// is the master.
fn record_types(facts: &ObjectType) -> Vec<(String, String, String, bool, bool)> {
    let mut all: Vec<_> = facts
        .record_types
        .iter()
        .map(|r| (r.id.to_string(), r.name.clone(), r.developer_name.clone(), r.default, false))
        .collect();
    let master_is_default = !all.iter().any(|(.., default, _)| *default);
    all.push((
        describe::MASTER_RECORD_TYPE.to_owned(),
        "Master".to_owned(),
        "Master".to_owned(),
        master_is_default,
        true,
    ));
    all
}

/// What `describe/layouts` answers; `base` is the path of the object's describe.
pub(in crate::http) fn layouts(facts: &ObjectType, base: &str) -> Json {
    let mappings: Vec<Json> = record_types(facts)
        .into_iter()
        .map(|(id, name, developer_name, default, master)| {
            json!({
                "active": true,
                "available": true,
                "defaultRecordTypeMapping": default,
                "developerName": developer_name,
                "layoutId": null,
                "master": master,
                "name": name,
                "picklistsForRecordType": null,
                "recordTypeId": id,
                "urls": { "layout": format!("{base}/layouts/{id}") },
            })
        })
        .collect();
    json!({
        "layouts": [layout(facts)],
        "recordTypeMappings": mappings,
        "recordTypeSelectorRequired": [!facts.record_types.is_empty()],
    })
}

/// The layout: one section with every field that a page can show, two in a row.
fn layout(facts: &ObjectType) -> Json {
    let shown = |f: &&Field| f.name != "Id" && f.name != "IsDeleted" && f.compound_field_name.is_none();
    let items: Vec<&Field> = facts.enumerate().map(|(_, field)| field).filter(shown).collect();
    let section = |editable: bool| {
        let rows: Vec<Json> = items
            .chunks(2)
            .map(|row| {
                let items: Vec<Json> = row.iter().map(|f| item(f, editable)).collect();
                json!({ "layoutItems": items, "numItems": row.len() })
            })
            .collect();
        json!([{
            "columns": 2,
            "heading": format!("{} Information", facts.label),
            "layoutRows": rows,
            "parentLayoutId": null,
            "rows": rows.len(),
            "tabOrder": "TopToBottom",
            "useCollapsibleSection": false,
            "useHeading": true,
        }])
    };
    json!({
        "buttonLayoutSection": null,
        "detailLayoutSections": section(false),
        "editLayoutSections": section(true),
        "feedView": null,
        "highlightsPanelLayoutSection": null,
        "id": null,
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": null,
        "relatedContent": null,
        "relatedLists": [],
        "saveOptions": [],
    })
}

fn item(field: &Field, editable: bool) -> Json {
    json!({
        "editableForNew": editable && field.createable,
        "editableForUpdate": editable && field.updateable,
        "label": field.label,
        "layoutComponents": [{
            "details": describe::field(field),
            "displayLines": if field.length > 255 { 6 } else { 1 },
            "tabOrder": 0,
            "type": "Field",
            "value": field.name,
        }],
        "placeholder": false,
        "required": field.required_on_create(),
    })
}

/// The compact layout that every object has until somebody makes another one: its name.
fn compact_layout(facts: &ObjectType) -> Json {
    let items: Vec<Json> = facts.fields.iter().filter(|f| f.name_field).map(|f| item(f, false)).collect();
    json!({
        "actions": [],
        "fieldItems": items,
        "id": null,
        "imageItems": [],
        "label": "System Default",
        "name": "SYSTEM",
        "objectType": facts.name,
    })
}

fn compact_layouts(facts: &ObjectType, base: &str) -> Json {
    let mappings: Vec<Json> = record_types(facts)
        .into_iter()
        .map(|(id, name, ..)| {
            json!({
                "available": true,
                "compactLayoutId": null,
                "compactLayoutName": "SYSTEM",
                "recordTypeId": id,
                "recordTypeName": name,
                "urls": { "compactLayout": format!("{base}/compactLayouts/primary") },
            })
        })
        .collect();
    json!({
        "compactLayouts": [compact_layout(facts)],
        "defaultCompactLayoutId": null,
        "recordTypeCompactLayoutMappings": mappings,
        "urls": { "primary": format!("{base}/compactLayouts/primary") },
    })
}

/// `GET /compactLayouts?q=Account,Contact`: the compact layout of each.
pub(super) fn compact_layouts_of(call: &Call) -> Answer {
    let names =
        call.list("q").ok_or_else(|| ApiError::new("MISSING_ARGUMENT", "Required query parameter is missing: q"))?;
    let org = call.state.org.read();
    let mut found = Map::new();
    for name in names {
        let (_, facts) = call.object(&org, &name)?;
        found.insert(facts.name.clone(), compact_layout(&facts));
    }
    Ok(call.answer(200, &Json::Object(found)))
}

/// `GET /sobjects/{object}/quickActions`: nobody has made any.
pub(super) fn quick_actions(call: &Call, object: &str, rest: &[&str]) -> Answer {
    call.object(&call.state.org.read(), object)?;
    match rest {
        [] => Ok(call.answer(200, &json!([]))),
        _ => Err(not_found().into()),
    }
}

/// `GET /sobjects/{object}/defaultValues?recordTypeId&fields`: what a new record's fields begin with.
pub(super) fn default_values(call: &Call, object: &str) -> Answer {
    let (_, facts) = call.object(&call.state.org.read(), object)?;
    let asked = call.list("fields").filter(|names| !names.is_empty());
    let mut values = Map::new();
    values.insert("attributes".to_owned(), json!({ "type": facts.name }));
    for (_, field) in facts.enumerate().filter(|(_, f)| f.createable) {
        if asked.as_ref().is_some_and(|names| !names.iter().any(|n| n.eq_ignore_ascii_case(&field.name))) {
            continue;
        }
        let described = describe::field(field)["defaultValue"].clone();
        let chosen = field.picklist.iter().find(|v| v.default_value && v.active).map(|v| json!(v.value));
        let value = if described.is_null() { chosen.unwrap_or(Json::Null) } else { described };
        if !value.is_null() || asked.is_some() {
            values.insert(field.name.clone(), value);
        }
    }
    Ok(call.answer(200, &Json::Object(values)))
}
