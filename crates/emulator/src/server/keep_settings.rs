//! Settings that were changed while the org ran, in a file of the directory: what differs from those that the emulator
//! was started with. A later start takes them over whatever it is started with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value as Json};
use tokio_util::sync::CancellationToken;

use super::{StartError, files};
use crate::http::AppState;
use crate::settings::Settings;

/// The name of the file in the directory.
const FILE: &str = "settings.json";
/// Rest between two looks whether something changed.
const LOOK: Duration = Duration::from_secs(2);

/// These settings with what was kept in `dir`. What cannot be understood, of another version for instance, is left out.
pub(super) fn load(dir: &Path, given: &Settings) -> Result<Settings, StartError> {
    let Some(text) = files::read(&dir.join(FILE))? else { return Ok(given.clone()) };
    let kept: Map<String, Json> = match serde_json::from_str(&text) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "{FILE} is not read");
            return Ok(given.clone());
        }
    };
    let mut settings = given.clone();
    for (name, value) in kept {
        match settings.with(&name, value) {
            Ok(changed) => settings = changed,
            Err(error) => tracing::warn!(%error, "a kept setting is left out"),
        }
    }
    Ok(settings)
}

/// What of the org's settings is not as given.
fn changes(given: &Json, now: Json) -> Json {
    match (given, now) {
        (Json::Object(given), Json::Object(now)) => {
            let changed = now.into_iter().filter(|(name, value)| given.get(name) != Some(value));
            let inner = |(name, value): (String, Json)| {
                let value = changes(given.get(&name).unwrap_or(&Json::Null), value);
                (name, value)
            };
            Json::Object(changed.map(inner).collect())
        }
        (_, now) => now,
    }
}

/// Keeps what was changed, and once more when `stop` is cancelled. A crash loses the last two seconds.
pub(super) async fn keep(dir: PathBuf, given: Settings, state: AppState, stop: CancellationToken) {
    let path = dir.join(FILE);
    let given = serde_json::to_value(&given).unwrap_or_default();
    let mut kept = std::fs::read_to_string(&path).unwrap_or_else(|_| "{}".into());
    let mut stopped = false;
    while !stopped {
        tokio::select! {
            () = stop.cancelled() => stopped = true,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = serde_json::to_value(&state.org.read().settings).unwrap_or_default();
        let text = changes(&given, now).to_string();
        if text == kept {
            continue;
        }
        match files::write(&path, text.as_bytes(), false) {
            Ok(()) => kept = text,
            Err(error) => tracing::warn!(%error, "could not keep the settings"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept_and_it_comes_back() {
        let given = Settings::default();
        let mut now = given.clone();
        now.daily_requests = 7;
        now.bulk.hard_delete = !now.bulk.hard_delete;
        let json = |settings: &Settings| serde_json::to_value(settings).unwrap();
        let kept = changes(&json(&given), json(&now));
        assert_eq!(kept, serde_json::json!({ "daily_requests": 7, "bulk": { "hard_delete": now.bulk.hard_delete } }));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), kept.to_string()).unwrap();
        let other = Settings { hourly_logins: 5, ..given };
        let loaded = load(dir.path(), &other).unwrap();
        assert_eq!((loaded.daily_requests, loaded.hourly_logins), (7, 5));
        std::fs::write(dir.path().join(FILE), r#"{"no_such":1,"daily_requests":9}"#).unwrap();
        assert_eq!(load(dir.path(), &other).unwrap().daily_requests, 9);
    }
}
