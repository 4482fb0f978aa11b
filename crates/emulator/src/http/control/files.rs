//! Files in and out: records from trees and CSV, snapshots of the whole org.

use std::io::Cursor;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Fresh, done, refused, renew};
use crate::clock::timestamp;
use crate::http::state::AppState;
use crate::import::{ImportOptions, SourceFile, load};
use crate::snapshot::{SNAPSHOTS_MAX, Snapshot};

/// Largest file that is taken.
const FILE_BYTES_MAX: usize = 4 << 30;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/__emulator/load", post(take_files))
        .route("/__emulator/snapshot", get(give_snapshot).put(take_snapshot))
        .route("/__emulator/snapshots", get(list_snapshots))
        .route("/__emulator/snapshots/{name}", put(hold_snapshot).delete(forget_snapshot))
        .layer(DefaultBodyLimit::max(FILE_BYTES_MAX))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadQuery {
    /// The file's name: its ending tells the kind, and a CSV file's name the object.
    name: String,
    object: Option<String>,
    external_id: Option<String>,
}

/// Takes one file: a record tree, a CSV file, or a `.zip` of several (with their plan).
async fn take_files(State(state): State<AppState>, Query(asked): Query<LoadQuery>, body: Bytes) -> Response {
    let LoadQuery { name, object, external_id } = asked;
    let options = ImportOptions { object, external_id };
    let files = vec![SourceFile::new(name, body)];
    let loaded = tokio::task::spawn_blocking(move || {
        let now = state.now();
        load(&mut state.org.write(), now, files, &options)
    });
    match loaded.await {
        Ok(Ok(imported)) => done(&json!(imported)),
        Ok(Err(error)) => refused(StatusCode::BAD_REQUEST, error),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// The whole org as a file, for `PUT` here or for starting an emulator from.
async fn give_snapshot(State(state): State<AppState>) -> Response {
    let written = tokio::task::spawn_blocking(move || {
        let snapshot = Snapshot::of(&state.org.read(), state.now(), false);
        let mut out = Vec::new();
        snapshot.write(&mut out).map(|()| out)
    });
    match written.await {
        Ok(Ok(bytes)) => {
            let mut response = bytes.into_response();
            let kind = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Ok(Err(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// Puts the org of a file in the place of this one. It keeps its id, its settings and its tokens.
async fn take_snapshot(State(state): State<AppState>, body: Bytes) -> Response {
    let replaced = tokio::task::spawn_blocking(move || {
        let settings = state.org.read().settings.clone();
        let snapshot = Snapshot::parse(&mut Cursor::new(&body)).map_err(|e| e.to_string())?;
        // It has to hang together before anything of the running org is given up.
        snapshot.clone().restore(&settings).map_err(|e| e.to_string())?;
        renew(&state, Fresh::Snapshot(Box::new(snapshot)))
    });
    match replaced.await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error)) => refused(StatusCode::BAD_REQUEST, error),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn list_snapshots(State(state): State<AppState>) -> Response {
    let held: Map<String, Json> =
        state.snapshots.list().into_iter().map(|(name, at)| (name, json!(timestamp(at)))).collect();
    done(&Json::Object(held))
}

/// Holds the org as it is now under a name, for `reset`.
async fn hold_snapshot(State(state): State<AppState>, Path(name): Path<String>) -> Response {
    let snapshot = Snapshot::of(&state.org.read(), state.now(), false);
    if state.snapshots.put(&name, snapshot) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refused(StatusCode::CONFLICT, format_args!("{SNAPSHOTS_MAX} snapshots are held; let one go first"))
    }
}

async fn forget_snapshot(State(state): State<AppState>, Path(name): Path<String>) -> StatusCode {
    if state.snapshots.remove(&name) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
