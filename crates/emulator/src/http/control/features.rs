//! What an administrator or Salesforce's support turns on in an org, and rows that are locked for a while.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{done, read, refused};
use crate::http::state::AppState;
use crate::{Org, RecordId};

/// Records that one request can lock.
const LOCKS_MAX: usize = 10_000;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/__emulator/features", get(features).post(enable))
        .route("/__emulator/locks", get(locks).post(lock).delete(unlock))
}

fn features_of(org: &Org) -> Json {
    json!({
        "person_accounts": org.has_person_accounts(),
        "audit_fields": org.allows_audit_fields(),
        "roll_ups_modify_masters": org.settings.roll_ups_modify_masters,
    })
}

async fn features(State(state): State<AppState>) -> Response {
    done(&features_of(&state.org.read()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Features {
    /// Once on, it stays on, as at Salesforce.
    person_accounts: bool,
    /// Whether audit fields can be set on create.
    audit_fields: bool,
    roll_ups_modify_masters: Option<bool>,
}

async fn enable(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: Features = match read(&body) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let now = state.now();
    let mut org = state.org.write();
    if asked.person_accounts {
        org.enable_person_accounts(now);
    }
    if asked.audit_fields {
        org.allow_audit_fields();
    }
    if let Some(modify) = asked.roll_ups_modify_masters {
        org.settings.roll_ups_modify_masters = modify;
    }
    done(&features_of(&org))
}

fn locks_of(org: &Org, now: crate::Millis) -> Json {
    let mut held: Vec<(RecordId, i64)> = org.locks.held(now).map(|(_, id, until)| (id, until)).collect();
    held.sort_unstable();
    let shown: Vec<Json> =
        held.into_iter().map(|(id, until)| json!({ "id": id.to_string(), "until_ms": until })).collect();
    json!({ "locks": shown })
}

async fn locks(State(state): State<AppState>) -> Response {
    let now = state.now();
    done(&locks_of(&state.org.read(), now))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    ids: Vec<String>,
    /// By the org's clock; a minute without it.
    #[serde(default = "a_minute")]
    for_ms: i64,
}

fn a_minute() -> i64 {
    60_000
}

async fn lock(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: Lock = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    if asked.ids.len() > LOCKS_MAX {
        return refused(StatusCode::BAD_REQUEST, format!("at most {LOCKS_MAX} records can be locked at once"));
    }
    let now = state.now();
    let mut org = state.org.write();
    let mut found = Vec::with_capacity(asked.ids.len());
    for text in &asked.ids {
        let known = RecordId::parse(text).and_then(|id| {
            let object = org.schema.by_prefix(id.prefix())?;
            org.store.live(object, id).map(|_| (object, id))
        });
        match known {
            Some(record) => found.push(record),
            None => return refused(StatusCode::NOT_FOUND, format!("there is no record {text}")),
        }
    }
    for (object, id) in found {
        org.locks.lock(object, id, now.saturating_add(asked.for_ms));
    }
    done(&locks_of(&org, now))
}

async fn unlock(State(state): State<AppState>) -> Response {
    let now = state.now();
    let mut org = state.org.write();
    org.locks.clear();
    done(&locks_of(&org, now))
}
