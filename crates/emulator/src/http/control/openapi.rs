//! The description of the controls, for whoever drives them from another language.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

/// OpenAPI 3.1; a test holds it against the routes.
const DOCUMENT: &str = include_str!("../../../data/openapi.json");

pub(super) async fn describe() -> Response {
    let mut response = DOCUMENT.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value as Json;

    use super::DOCUMENT;

    /// The paths of `.route("…"` in the sources of the controls, each with its methods.
    fn routes() -> BTreeSet<(String, String)> {
        let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
        let mut sources = vec![http.join("control.rs")];
        sources.extend(std::fs::read_dir(http.join("control")).unwrap().map(|entry| entry.unwrap().path()));
        let mut found = BTreeSet::new();
        for source in sources {
            let text = std::fs::read_to_string(source).unwrap();
            for route in text.split(".route(").skip(1) {
                let route: String = route.split_whitespace().collect::<Vec<_>>().join(" ");
                let Some(rest) = route.trim_start().strip_prefix('"') else { continue };
                let (path, rest) = rest.split_once('"').unwrap();
                if !path.starts_with("/__emulator") {
                    continue;
                }
                let mut depth = 0;
                let end = rest.find(|c| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth < 0
                });
                let handlers = &rest[..end.unwrap()];
                for method in ["get", "post", "put", "patch", "delete"] {
                    if handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}(")) {
                        found.insert((path.to_owned(), method.to_owned()));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_control_is_described_and_nothing_else() {
        let document: Json = serde_json::from_str(DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].is_string() && operation["responses"].is_object(), "{method} {path}");
                described.insert((path.clone(), method.clone()));
            }
        }
        let routes = routes();
        assert!(routes.len() > 15, "{routes:?}");
        assert_eq!(described, routes);
    }

    #[test]
    fn plans_take_just_what_is_described() {
        takes::<crate::faults::Plan>("FaultPlan");
        takes::<crate::bulk::JobPlan>("JobPlan");
    }

    fn takes<P: serde::de::DeserializeOwned + std::fmt::Debug>(schema: &str) {
        let document: Json = serde_json::from_str(DOCUMENT).unwrap();
        let plan = &document["components"]["schemas"][schema]["properties"];
        for part in ["match", "action"] {
            for (name, schema) in plan[part]["properties"].as_object().unwrap() {
                let value = match schema["type"].as_str().unwrap() {
                    "integer" => serde_json::json!(1),
                    "boolean" => serde_json::json!(true),
                    "object" => serde_json::json!({}),
                    _ => schema["enum"][0].clone(),
                };
                let value = if value.is_null() { serde_json::json!("x") } else { value };
                let mut whole = serde_json::json!({ "match": {}, "action": {} });
                whole[part][name] = value;
                let read = serde_json::from_value::<P>(whole);
                assert!(read.is_ok(), "{part}.{name}: {read:?}");
            }
        }
    }
}
