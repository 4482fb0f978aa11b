//! `/__emulator/`: the controls of the emulator itself. Salesforce has nothing like it.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use futures::StreamExt;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::error::json_response;
use super::log::LoggedRequest;
use super::state::AppState;
use crate::clock::timestamp;
use crate::events::ReplayId;
use crate::faults::{Plan, glob};
use crate::seed::Seed;
use crate::snapshot::Snapshot;
use crate::store::Row;
use crate::{Millis, Org, RecordId, Value};

mod apps;
mod events;
mod features;
mod files;
mod jobs;
mod openapi;
mod settings;

/// Where the clock can be moved to: 1970-01-01 to the end of 4000-12-31, the last day Salesforce knows.
const CLOCK_RANGE: std::ops::Range<Millis> = 0..64_092_211_200_000;

/// Control routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/__emulator/org", get(org_info))
        .route("/__emulator/clock", get(clock).post(move_clock))
        .route("/__emulator/faults", get(list_faults).post(plan_fault).delete(clear_faults))
        .route("/__emulator/faults/{id}", delete(remove_fault))
        .route("/__emulator/tokens/expire", post(expire_tokens))
        .route("/__emulator/replay/expire", post(expire_replay))
        .route("/__emulator/events", post(events::disturb))
        .route("/__emulator/requests", get(requests).delete(forget_requests))
        .route("/__emulator/dump/{object}", get(dump))
        .route("/__emulator/reset", post(reset))
        .route("/__emulator/openapi.json", get(openapi::describe))
        .merge(features::routes())
        .merge(files::routes())
        .merge(apps::routes())
        .merge(settings::routes())
        .merge(jobs::routes())
}

/// A control request that could not be understood or done.
fn refused(status: StatusCode, message: impl std::fmt::Display) -> Response {
    json_response(status, &json!({ "error": message.to_string() }))
}

fn done(body: &Json) -> Response {
    json_response(StatusCode::OK, body)
}

/// Reads a JSON body; an empty one is the default.
fn read<T: for<'a> Deserialize<'a> + Default>(body: &[u8]) -> Result<T, Box<Response>> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|e| Box::new(refused(StatusCode::BAD_REQUEST, e)))
}

async fn org_info(State(state): State<AppState>) -> Response {
    let org = state.org.read();
    let objects: Map<String, Json> = org
        .store
        .tables()
        .filter(|(_, table)| !table.is_empty())
        .map(|(id, table)| {
            let counts = json!({ "live": table.live_len(), "deleted": table.len() - table.live_len() });
            (org.schema.object(id).name.clone(), counts)
        })
        .collect();
    done(&json!({
        "org_id": org.settings.org_id.to_string(),
        "user_id": org.settings.admin_id.to_string(),
        "now_ms": state.now(),
        "api_requests": org.usage.requests(state.now()),
        "events": org.events.len(),
        "latest_replay_id": org.events.latest().0,
        "records": objects,
    }))
}

fn clock_state(state: &AppState) -> Response {
    let (now, clock) = (state.now(), &state.clock);
    done(&json!({ "now_ms": now, "now": timestamp(now), "offset_ms": clock.offset_ms(), "frozen": clock.is_frozen() }))
}

async fn clock(State(state): State<AppState>) -> Response {
    clock_state(&state)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClockMove {
    advance_ms: Option<i64>,
    set: Option<Millis>,
    freeze: Option<bool>,
}

async fn move_clock(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: ClockMove = match read(&body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    // An instant is refused before anything is moved: records and tokens carry it.
    let to = asked.set.unwrap_or_else(|| state.now()).saturating_add(asked.advance_ms.unwrap_or(0));
    if !CLOCK_RANGE.contains(&to) {
        return refused(StatusCode::BAD_REQUEST, format_args!("the clock goes from 1970 to 4000; {to} ms is outside"));
    }
    match asked.freeze {
        Some(true) => state.clock.freeze(),
        Some(false) => state.clock.run(),
        None => {}
    }
    if let Some(at) = asked.set {
        state.clock.set(at);
    }
    if let Some(ms) = asked.advance_ms {
        state.clock.advance(ms);
    }
    {
        let now = state.now();
        let mut org = state.org.write();
        let settings = org.settings.clone();
        org.events.advance(now, &settings);
        if org.store.purge_is_due(now) {
            org.purge(now);
        }
    }
    state.bulk_wake.notify_one();
    clock_state(&state)
}

async fn list_faults(State(state): State<AppState>) -> Response {
    done(&json!(state.faults.list()))
}

async fn plan_fault(State(state): State<AppState>, body: Bytes) -> Response {
    let plan: Plan = match serde_json::from_slice(&body) {
        Ok(plan) => plan,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    if let Err(reason) = plan.action.check() {
        return refused(StatusCode::BAD_REQUEST, reason);
    }
    let id = state.faults.plan(plan);
    json_response(StatusCode::CREATED, &json!({ "id": id }))
}

async fn clear_faults(State(state): State<AppState>) -> StatusCode {
    state.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(state): State<AppState>, Path(id): Path<u64>) -> StatusCode {
    if state.faults.remove(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn expire_tokens(State(state): State<AppState>) -> Response {
    let count = state.org.write().access.revoke_all();
    state.org.read().events.wake();
    done(&json!({ "expired": count }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReplayExpiry {
    /// Replay ids before this one; all that were given out without it.
    before: Option<u64>,
}

async fn expire_replay(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: ReplayExpiry = match read(&body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let mut org = state.org.write();
    org.events.expire_replay_ids(asked.before.map(ReplayId));
    done(&json!({ "latest_replay_id": org.events.latest().0 }))
}

/// Which requests of the log are shown. Every filter given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogFilter {
    method: Option<String>,
    /// Part of the path, or the whole of it with `*` for any text.
    path: Option<String>,
    /// Part of the name that the client gave itself.
    client: Option<String>,
    /// Only requests with a number above this one.
    after: u64,
    /// Only requests answered with this status, or with one of this hundred: `404`, `5xx`, `none` where the answer
    /// was thrown away.
    status: Option<String>,
    /// Only requests since this instant of the emulator's clock, milliseconds.
    since: Option<Millis>,
    /// Only requests that took at least so many milliseconds.
    slower_than_ms: Option<u64>,
    /// Only requests that a fault was served to.
    faulty: bool,
    /// The newest so many.
    last: Option<usize>,
}

impl LogFilter {
    fn fits(&self, request: &LoggedRequest) -> bool {
        let path = |pattern: &String| {
            if pattern.contains('*') { glob(pattern, &request.path) } else { request.path.contains(pattern.as_str()) }
        };
        let status = |asked: &String| match (request.status, asked.to_ascii_lowercase().as_str()) {
            (None, asked) => asked == "none",
            (Some(status), asked) => match asked.strip_suffix("xx") {
                Some(hundred) => (status / 100).to_string() == hundred,
                None => status.to_string() == asked,
            },
        };
        request.number > self.after
            && self.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(&request.method))
            && self.path.as_ref().is_none_or(path)
            && self.client.as_ref().is_none_or(|c| request.client.as_ref().is_some_and(|name| name.contains(c)))
            && self.status.as_ref().is_none_or(status)
            && self.since.is_none_or(|since| request.at >= since)
            && self.slower_than_ms.is_none_or(|ms| request.took_ms >= ms)
            && (!self.faulty || request.fault.is_some())
    }
}

async fn requests(State(state): State<AppState>, Query(filter): Query<LogFilter>) -> Response {
    let mut found = state.log.filtered(|request| filter.fits(request));
    if let Some(last) = filter.last {
        found.drain(..found.len().saturating_sub(last));
    }
    done(&json!(found))
}

async fn forget_requests(State(state): State<AppState>) -> StatusCode {
    state.log.clear();
    StatusCode::NO_CONTENT
}

/// How many rows are written between two looks at the org.
const DUMP_ROWS: usize = 1_000;

/// Every row of an object as JSON lines, deleted ones with `"IsDeleted":true`; nulls are left out.
async fn dump(State(state): State<AppState>, Path(object): Path<String>) -> Response {
    let Some((object, _)) = state.org.read().schema.find(&object).map(|(id, o)| (id, o.clone())) else {
        return refused(StatusCode::NOT_FOUND, format_args!("no object {object}"));
    };
    let pages = futures::stream::unfold(Some(None::<RecordId>), move |from| {
        let state = state.clone();
        async move {
            let from = from?;
            let org = state.org.read();
            let facts = org.schema.object(object).clone();
            let mut text = String::new();
            let mut last = None;
            if let Some(table) = org.store.table(object) {
                let start = from.unwrap_or_else(|| RecordId::from_bytes([b'0'; 15]));
                let rows = table.rows_from(start).skip_while(|(id, _)| Some(*id) == from).take(DUMP_ROWS);
                for (id, row) in rows {
                    let _ = writeln!(text, "{}", raw(&facts, row));
                    last = Some(id);
                }
            }
            Some((Ok::<_, std::convert::Infallible>(text), last.map(Some)))
        }
    });
    let mut response = axum::body::Body::from_stream(pages.fuse()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

fn raw(facts: &crate::schema::ObjectType, row: &Row) -> Json {
    let mut object = Map::new();
    for (field, facts) in facts.enumerate() {
        let value = match row.get(field) {
            Value::Null => continue,
            Value::Text(text) => Json::String(text),
            Value::Bool(b) => Json::Bool(b),
            Value::Int(n) => json!(n),
            Value::Decimal(n) => Json::String(n.to_string()),
            Value::Date(date) => Json::String(date.to_string()),
            Value::DateTime(at) => Json::String(timestamp(at)),
            Value::Time(ms) => json!(ms),
            Value::Id(id) => Json::String(id.to_string()),
        };
        object.insert(facts.name.clone(), value);
    }
    Json::Object(object)
}

/// What to go back to; without either, records stay as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reset {
    /// Fill the org anew.
    seed: Option<Reseed>,
    /// Put the org back as it was when a snapshot was taken under this name.
    snapshot: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reseed {
    number: u64,
    contacts: u64,
}

/// Forgets faults, requests, usage and the clock's offset. With a `seed` or a `snapshot` also the org's records, its
/// custom objects, jobs and events. Tokens and connected apps stay.
async fn reset(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: Reset = match read(&body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let fresh = match (asked.seed, asked.snapshot) {
        (Some(_), Some(_)) => {
            return refused(StatusCode::BAD_REQUEST, "an org is filled from a seed or from a snapshot, not from both");
        }
        (None, None) => None,
        (Some(Reseed { number, contacts }), None) => Some(Fresh::Seed(Seed { number, contacts })),
        (None, Some(name)) => match state.snapshots.get(&name) {
            Some(snapshot) => Some(Fresh::Snapshot(Box::new(snapshot))),
            None => return refused(StatusCode::NOT_FOUND, format_args!("no snapshot is called {name}")),
        },
    };
    state.faults.clear();
    state.cometd.clear_faults();
    state.org.write().jobs.plans.clear();
    state.log.clear();
    state.org.read().usage.clear();
    state.clock.reset();
    let Some(fresh) = fresh else { return StatusCode::NO_CONTENT.into_response() };
    match tokio::task::spawn_blocking(move || renew(&state, fresh)).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error)) => refused(StatusCode::BAD_REQUEST, error),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// What an org is filled with in the place of what it holds.
enum Fresh {
    Seed(Seed),
    Snapshot(Box<Snapshot>),
}

/// Puts other objects and records into the org. It keeps its id, its settings, its tokens and its administrator.
fn renew(state: &AppState, fresh: Fresh) -> Result<(), String> {
    let (settings, username) = {
        let org = state.org.read();
        let admin = crate::oauth::by_id(&org, org.settings.admin_id);
        (org.settings.clone(), admin.map(|user| user.text(&org, "Username")).unwrap_or_default())
    };
    let mut fresh = match fresh {
        Fresh::Seed(seed) => {
            let schema = Arc::new(crate::schema::standard());
            let mut org = Org { settings, schema, ..Org::default() };
            seed.fill(&mut org, state.now()).map_err(|e| e.to_string())?;
            org
        }
        Fresh::Snapshot(snapshot) => {
            let restored = snapshot.restore(&settings).map_err(|e| e.to_string())?;
            // Time never runs backwards in an org.
            if restored.now > state.now() {
                state.clock.set(restored.now);
            }
            restored.org
        }
    };
    crate::server::ensure_administrator(&mut fresh, &username, state.now());
    let mut org = state.org.write();
    org.schema = fresh.schema;
    org.store = fresh.store;
    org.jobs = fresh.jobs;
    org.metadata = fresh.metadata;
    org.cursors = fresh.cursors;
    org.events.reset_positions();
    Ok(())
}
