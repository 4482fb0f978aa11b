//! The org's HTTP doors: OAuth, REST, Bulk 2.0, and the emulator's own controls.

use axum::Router;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

use crate::ApiError;

pub mod body;
pub mod bulk;
pub mod control;
pub mod error;
mod identity;
pub mod log;
pub mod oauth;
pub mod rest;
pub mod serve;
pub mod session;
pub mod state;
pub mod version;

pub use error::{ApiErrors, json_response};
pub use session::Session;
pub use state::{AppState, Origin, SharedOrg};
pub use version::ApiVersion;

/// Every HTTP route of the emulator. Paths come here without a trailing slash ([`serve`] takes it off).
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(oauth::routes())
        .merge(bulk::routes())
        .merge(control::routes())
        .merge(rest::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(
            ServiceBuilder::new()
                .layer(RequestDecompressionLayer::new())
                .layer(CompressionLayer::new().quality(CompressionLevel::Fastest)),
        )
        .with_state(state)
}

async fn not_found() -> ApiError {
    ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404)
}

async fn method_not_allowed(method: http::Method) -> ApiError {
    ApiError::new("METHOD_NOT_ALLOWED", format!("HTTP Method '{method}' not allowed.")).status(405)
}
