//! What the running task has said about its spending: a priority, and a reservation to draw on.

use std::{future::Future, sync::Arc};

use super::{Priority, reservation::Held};

#[derive(Clone, Default)]
pub(super) struct Scope {
    pub(super) priority: Option<Priority>,
    pub(super) held: Option<Arc<Held>>,
}

tokio::task_local! {
    static SCOPE: Scope;
}

pub(super) fn current() -> Scope {
    SCOPE.try_with(Scope::clone).unwrap_or_default()
}

pub(super) async fn with_priority<F: Future>(priority: Priority, work: F) -> F::Output {
    let scope = Scope { priority: Some(priority), ..current() };
    SCOPE.scope(scope, work).await
}

pub(super) async fn with_held<F: Future>(held: Arc<Held>, work: F) -> F::Output {
    let scope = Scope { held: Some(held), ..current() };
    SCOPE.scope(scope, work).await
}
