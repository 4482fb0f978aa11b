//! The doors to metadata: the Metadata API over SOAP, deployments over REST, and the Tooling API.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, post};

use super::state::AppState;

mod calls;
mod envelope;
mod multipart;
mod rest;
mod tooling;

/// Longest request body. Documented: 50 MB.
const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

/// The routes, to be merged into the emulator's router.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/services/Soap/m/{version}", post(calls::answer))
        .route("/services/Soap/m/{version}/{*suffix}", post(calls::answer))
        .route("/services/data/{version}/metadata", any(rest::map))
        .route("/services/data/{version}/metadata/{*resource}", any(rest::answer))
        .route("/services/data/{version}/tooling", any(tooling::answer))
        .route("/services/data/{version}/tooling/{*resource}", any(tooling::answer))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
