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
async fn say_unsupported(mut response: Response) -> Response {
    // Which methods there are is known only once the router has answered.
    if let Some(Refused(method)) = response.extensions_mut().remove() {
        let allowed = response.headers().get(header::ALLOW).and_then(|allowed| allowed.to_str().ok());
        let message = match allowed {
            Some(allowed) => format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
            None => format!("HTTP Method '{method}' not allowed."),
        };
        let mut answer = ApiError::new("METHOD_NOT_ALLOWED", message).status(405).into_response();
        if let Some(allowed) = response.headers_mut().remove(header::ALLOW) {
            answer.headers_mut().insert(header::ALLOW, allowed);
        }
        return answer;
    }
    let silent = response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
        && !response.headers().contains_key(header::CONTENT_TYPE);
    if !silent {
        return response;
    }
    ApiError::new("UNSUPPORTED_MEDIA_TYPE", "The Content-Encoding is not supported").status(415).into_response()
}

/// A request whose method the resource does not have.
#[derive(Debug, Clone)]
struct Refused(http::Method);

async fn method_not_allowed(method: http::Method) -> Response {
    let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
    response.extensions_mut().insert(Refused(method));
    response
}
