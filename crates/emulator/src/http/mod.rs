//! The org's HTTP doors: OAuth, REST, Bulk 2.0, and the emulator's own controls.

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

use crate::ApiError;

pub mod body;
pub mod bulk;
mod bulk1;
pub mod cometd;
pub mod control;
pub mod error;
mod harm;
mod identity;
pub mod log;
pub mod metadata;
pub mod oauth;
mod pages;
pub mod rest;
pub mod serve;
pub mod session;
pub mod sign_in;
mod soap;
pub mod state;
pub mod version;

pub use error::{ApiErrors, json_response};
pub use session::Session;
pub use state::{AppState, Origin, Peer, SharedOrg};
pub use version::ApiVersion;

/// Every HTTP route of the emulator. Paths come here without a trailing slash ([`serve`] takes it off).
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(oauth::routes())
        .merge(sign_in::routes())
        .merge(bulk::routes())
        .merge(bulk1::routes())
        .merge(cometd::routes())
        .merge(control::routes())
        .merge(metadata::routes())
        .merge(rest::routes())
        .merge(soap::routes())
        .fallback(async || not_found())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(
            ServiceBuilder::new()
                .layer(RequestDecompressionLayer::new())
                .layer(CompressionLayer::new().quality(CompressionLevel::Fastest)),
        )
        .layer(map_response(say_unsupported))
        .with_state(state)
}

/// 404 for a resource that Salesforce does not have either.
fn not_found() -> ApiError {
    ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404)
}

/// The layer that unpacks bodies refuses an unknown `Content-Encoding` without a word.
async fn say_unsupported(response: Response) -> Response {
    let silent = response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
        && !response.headers().contains_key(header::CONTENT_TYPE);
    if !silent {
        return response;
    }
    ApiError::new("UNSUPPORTED_MEDIA_TYPE", "The Content-Encoding is not supported").status(415).into_response()
}

async fn method_not_allowed(method: http::Method) -> ApiError {
    ApiError::new("METHOD_NOT_ALLOWED", format!("HTTP Method '{method}' not allowed.")).status(405)
}
