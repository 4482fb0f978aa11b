//! `describeLayout`, `describeTabs`, `describeAllTabs`: what REST says of pages, in SOAP's form.

use serde_json::{Value as Json, json};

use super::answer::TYPE;
use super::call::{Answer, Call};
use super::fault::{Fault, Kind};
use super::input::id;
use crate::RecordId;
use crate::http::rest::{layouts, menus};
use crate::id::INSTANCE;

/// Ids of layouts, and of apps.
const LAYOUT: [u8; 3] = *b"00h";
const APP: [u8; 3] = *b"02u";

/// The layout of an object, and which record types use it.
pub(super) fn layout(call: &Call) -> Answer {
    let name = call.text("sObjectType")?;
    let schema = call.state.org.read().schema.clone();
    let Some((object, facts)) = schema.find(name) else { return Err(Fault::no_such_object(name)) };
    if !facts.flags.layoutable {
        let message = format!("{} has no layouts", facts.name);
        return Err(Fault::new(Kind::InvalidSObject, "INVALID_TYPE_FOR_OPERATION", message));
    }
    let mut answer = layouts::layouts(facts, "");
    let layout_id = RecordId::new(LAYOUT, INSTANCE, u64::from(object.0) + 1).to_string();
    for layout in answer["layouts"].as_array_mut().into_iter().flatten() {
        layout["id"] = layout_id.as_str().into();
        for sections in ["detailLayoutSections", "editLayoutSections"] {
            for section in layout[sections].as_array_mut().into_iter().flatten() {
                section["parentLayoutId"] = layout_id.as_str().into();
                components(section);
            }
        }
    }
    let asked: Result<Vec<String>, _> =
        call.element.texts_of("recordTypeIds").map(|text| id(text).map(|id| id.to_string())).collect();
    let asked = asked.map_err(|e| Fault::new(Kind::InvalidId, e.code, e.message))?;
    if let Some(mappings) = answer["recordTypeMappings"].as_array_mut() {
        mappings.retain(|m| asked.is_empty() || asked.iter().any(|id| m["recordTypeId"] == id.as_str()));
        mappings.iter_mut().for_each(|mapping| mapping["layoutId"] = layout_id.as_str().into());
    }
    // REST has a list of one here.
    let required = answer["recordTypeSelectorRequired"].get(0).cloned();
    if let Some(required) = required {
        answer["recordTypeSelectorRequired"] = required;
    }
    Ok(answer)
}

/// The fields of a section are components of a type of their own.
fn components(section: &mut Json) {
    for row in section["layoutRows"].as_array_mut().into_iter().flatten() {
        for item in row["layoutItems"].as_array_mut().into_iter().flatten() {
            for component in item["layoutComponents"].as_array_mut().into_iter().flatten() {
                let field = component["details"].take();
                if field.is_object() {
                    component["field"] = field;
                    component[TYPE] = "FieldComponent".into();
                }
            }
        }
    }
}

/// Every tab.
pub(super) fn tabs(call: &Call) -> Answer {
    let schema = call.state.org.read().schema.clone();
    Ok(menus::tabs(&schema, &call.origin))
}

/// The one app of the org, with every tab.
pub(super) fn tab_sets(call: &Call) -> Answer {
    let app = json!({
        "description": "",
        "label": "Standard",
        "logoUrl": format!("{}/img/seasonLogos/2014_winter_aloha.png", call.origin),
        "selected": true,
        "tabSetId": RecordId::new(APP, INSTANCE, 1).to_string(),
        "tabs": tabs(call)?,
    });
    Ok(json!([app]))
}
