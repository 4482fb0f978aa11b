//! The org's settings by name: shown, and changed while it runs.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{done, refused};
use crate::http::state::AppState;
use crate::limits::Edition;
use crate::settings::Settings;

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/__emulator/settings", get(show).patch(change))
}

async fn show(State(state): State<AppState>) -> Response {
    done(&json!(state.org.read().settings))
}

/// Changes some settings by name; those of a group as an object in its place. Edition, licences and `sandbox` come
/// first, for they set others.
async fn change(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: Map<String, Json> = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let changed = {
        let mut org = state.org.write();
        let changed = changed(&org.settings, asked);
        if let Ok(settings) = &changed {
            org.settings = settings.clone();
            crate::server::describe_organization(&mut org);
            org.events.advance(state.now(), settings);
        }
        changed
    };
    match changed {
        Ok(settings) => {
            state.bulk_wake.notify_one();
            state.org.read().events.wake();
            done(&json!(settings))
        }
        Err(message) => refused(StatusCode::BAD_REQUEST, message),
    }
}

impl Settings {
    /// These settings with changes by name, as `PATCH /__emulator/settings` takes them. An edition brings its numbers;
    /// those that are named outrank them.
    ///
    /// # Errors
    /// In words: which setting is not known, with the nearest that is, or does not take its value.
    pub fn changed(&self, asked: Map<String, Json>) -> Result<Self, String> {
        changed(self, asked)
    }
}

/// The settings with these changes.
fn changed(settings: &Settings, asked: Map<String, Json>) -> Result<Settings, String> {
    let mut settings = settings.clone();
    if ["edition", "licences", "sandbox"].iter().any(|name| asked.contains_key(*name)) {
        let edition = match asked.get("edition") {
            Some(edition) => serde_json::from_value::<Edition>(edition.clone()).map_err(|e| e.to_string())?,
            None => settings.edition,
        };
        let licences = match asked.get("licences") {
            Some(licences) => licences.as_u64().ok_or("licences must be a whole number")?,
            None => settings.licences,
        };
        let sandbox = match asked.get("sandbox") {
            Some(sandbox) => sandbox.as_bool().ok_or("sandbox must be true or false")?,
            None => settings.sandbox,
        };
        settings.set_edition(edition, licences, sandbox);
    }
    let mut whole = serde_json::to_value(&settings).map_err(|e| e.to_string())?;
    let mut merged = settings.clone();
    // One after the other, so that the refusal names the one that is wrong.
    for (name, value) in asked {
        merge(&mut whole, Map::from_iter([(name.clone(), value)]), "")?;
        merged = serde_json::from_value(whole.clone()).map_err(|e| format!("{name}: {e}"))?;
    }
    // The ids are no settings: they stay.
    Ok(Settings { org_id: settings.org_id, admin_id: settings.admin_id, ..merged })
}

/// Puts values in the place of those of the same names.
fn merge(whole: &mut Json, asked: Map<String, Json>, group: &str) -> Result<(), String> {
    let Json::Object(known) = whole else { return Err(format!("{group} is no group of settings")) };
    for (name, value) in asked {
        let path = if group.is_empty() { name.clone() } else { format!("{group}.{name}") };
        match (known.get_mut(&name), value) {
            (None, _) => return Err(unknown(&path, known.keys().map(String::as_str), &name)),
            (Some(place @ Json::Object(_)), Json::Object(inner)) => merge(place, inner, &path)?,
            (Some(place), value) => *place = value,
        }
    }
    Ok(())
}

fn unknown<'a>(path: &str, known: impl Iterator<Item = &'a str>, name: &str) -> String {
    let nearest = known.map(|other| (distance(name, other), other)).min();
    match nearest {
        Some((distance, other)) if distance <= other.len().div_ceil(3) => {
            format!("no setting is named {path:?}; did you mean {other:?}?")
        }
        _ => format!("no setting is named {path:?}; GET /__emulator/settings shows them all"),
    }
}

/// How many letters have to be put in, left out or changed to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(asked: Json) -> Result<Settings, String> {
        changed(&Settings::default(), asked.as_object().unwrap().clone())
    }

    #[test]
    fn settings_are_changed_by_name() {
        let settings = with(json!({ "daily_requests": 7, "trusted_ip_ranges": ["10.0.0.0/8"] })).unwrap();
        assert_eq!(settings.daily_requests, 7);
        assert!(settings.trusted_ip_ranges[0].contains("10.1.2.3".parse().unwrap()));
        assert_eq!(settings.org_id, Settings::default().org_id);
    }

    #[test]
    fn an_edition_brings_its_numbers_and_named_ones_outrank_it() {
        let settings = with(json!({ "edition": "enterprise", "licences": 15, "data_storage_mb": 1 })).unwrap();
        assert_eq!((settings.daily_requests, settings.concurrent_long_requests), (115_000, 25));
        assert_eq!(settings.data_storage_mb, 1);
    }

    #[test]
    fn what_is_no_setting_is_refused_with_advice() {
        let wrong = |asked: Json| with(asked).unwrap_err();
        assert_eq!(
            wrong(json!({ "daily_request": 1 })),
            "no setting is named \"daily_request\"; did you mean \"daily_requests\"?"
        );
        assert!(wrong(json!({ "zzz": 1 })).ends_with("GET /__emulator/settings shows them all"));
        assert!(wrong(json!({ "org_id": "x" })).starts_with("no setting is named"));
        assert_eq!(wrong(json!({ "daily_requests": -1 })), "daily_requests: invalid number");
        assert!(wrong(json!({ "edition": "gold" })).contains("unknown variant"));
        assert!(wrong(json!({ "trusted_ip_ranges": ["here"] })).contains("no IP address"));
    }
}
