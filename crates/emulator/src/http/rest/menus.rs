//! What the pages of an org are made of, as far as this org has it: tabs, themes, menus and actions.

use serde_json::{Value as Json, json};

use super::call::{Call, Verb};
use super::{Answer, layouts, not_allowed, not_found};
use crate::schema::Schema;

/// `/tabs`, `/theme`, `/appMenu`, `/actions`, `/quickActions`, `/compactLayouts`.
pub(super) fn route(call: &Call, first: &str, below: &[&str]) -> Answer {
    if call.verb != Verb::Get {
        return match (first, below) {
            // No action of either kind is there to be invoked.
            ("actions", [_, _, ..]) => Err(not_found().into()),
            _ => Err(not_allowed(call, "GET,HEAD").into()),
        };
    }
    let base = call.base();
    match (first, below) {
        ("tabs", []) => {
            let schema = call.state.org.read().schema.clone();
            Ok(call.answer(200, &tabs(&schema, &call.origin)))
        }
        ("theme", []) => Ok(call.answer(200, &json!({ "themeItems": themes(call) }))),
        ("appmenu", []) => {
            let url = |name: &str| format!("{base}/appMenu/{name}");
            let body = json!({ "AppSwitcher": url("AppSwitcher"), "NetworkTabs": url("NetworkTabs"), "Salesforce1": url("Salesforce1") });
            Ok(call.answer(200, &body))
        }
        ("appmenu", ["appswitcher" | "networktabs" | "salesforce1"]) => {
            Ok(call.answer(200, &json!({ "appMenuItems": [] })))
        }
        ("actions", []) => {
            let url = |name: &str| format!("{base}/actions/{name}");
            Ok(call.answer(200, &json!({ "custom": url("custom"), "standard": url("standard") })))
        }
        ("actions", ["standard"]) => Ok(call.answer(200, &json!({ "actions": [] }))),
        ("actions", ["custom"]) => {
            let url = |name: &str| format!("{base}/actions/custom/{name}");
            Ok(call
                .answer(200, &json!({ "apex": url("apex"), "flow": url("flow"), "quickAction": url("quickAction") })))
        }
        ("actions", ["custom", "apex" | "flow" | "quickaction"]) => Ok(call.answer(200, &json!({ "actions": [] }))),
        ("quickactions", []) => Ok(call.answer(200, &json!([]))),
        ("compactlayouts", []) => layouts::compact_layouts_of(call),
        _ => Err(not_found().into()),
    }
}

/// A tab for each object with pages. `origin` is the scheme and host of the request.
pub(in crate::http) fn tabs(schema: &Schema, origin: &str) -> Json {
    let tab = |object: &std::sync::Arc<crate::schema::ObjectType>| {
        let prefix = object.key_prefix.map(|p| String::from_utf8_lossy(&p).into_owned()).unwrap_or_default();
        json!({
            "colors": [],
            "custom": object.custom,
            "iconUrl": null,
            "icons": [],
            "label": object.label_plural,
            "mobileUrl": null,
            "name": if object.custom { object.name.clone() } else { format!("standard-{}", object.name) },
            "sobjectName": object.name,
            "url": format!("{origin}/{prefix}/o"),
        })
    };
    schema.objects().iter().filter(|o| o.flags.layoutable && o.flags.mru_enabled).map(tab).collect()
}

/// Nobody has given the objects colours or icons.
fn themes(call: &Call) -> Vec<Json> {
    let schema = call.state.org.read().schema.clone();
    let objects = schema.objects().iter().filter(|o| o.flags.layoutable);
    objects.map(|o| json!({ "colors": [], "icons": [], "name": o.name })).collect()
}
