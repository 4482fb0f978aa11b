//! Faults of Bulk jobs by plan: what happens to coming jobs of Bulk API 2.0 and batches of 1.0.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get};
use http::StatusCode;
use serde_json::json;

use super::{done, refused};
use crate::bulk::JobPlan;
use crate::http::error::json_response;
use crate::http::state::AppState;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/__emulator/jobs", get(list).post(plan).delete(clear))
        .route("/__emulator/jobs/{id}", delete(remove))
}

async fn list(State(state): State<AppState>) -> Response {
    done(&json!(state.org.read().jobs.plans.list()))
}

async fn plan(State(state): State<AppState>, body: Bytes) -> Response {
    let plan: JobPlan = match serde_json::from_slice(&body) {
        Ok(plan) => plan,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    if let Err(reason) = plan.check() {
        return refused(StatusCode::BAD_REQUEST, reason);
    }
    let id = state.org.write().jobs.plans.plan(plan);
    json_response(StatusCode::CREATED, &json!({ "id": id }))
}

async fn clear(State(state): State<AppState>) -> StatusCode {
    state.org.write().jobs.plans.clear();
    StatusCode::NO_CONTENT
}

async fn remove(State(state): State<AppState>, Path(id): Path<u64>) -> StatusCode {
    if state.org.write().jobs.plans.remove(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
