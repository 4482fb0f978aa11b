//! Routes of the sign-in service.

use axum::Router;

use super::state::AppState;

/// Sign-in routes.
pub fn routes() -> Router<AppState> {
    Router::new()
}
