//! `/__emulator/`: the controls of the emulator itself. Salesforce has nothing like it.

use axum::Router;

use super::state::AppState;

/// Control routes.
pub fn routes() -> Router<AppState> {
    Router::new()
}
