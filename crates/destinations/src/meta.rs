//! What a pipeline remembers of itself, the same in every SQL destination.
//!
//! | table | holds |
//! |---|---|
//! | `_tidegate` | `org_id`, `format`, `follow` (a [`FollowCheckpoint`] as JSON), by key |
//! | `_tidegate_tables` | object → state (`empty`, `loading`, `live`) and the [`LoadJob`] as JSON |
//! | `_tidegate_columns` | object, field → the column's type as this crate made it |
//! | `_tidegate_pages` | object, locator → rows staged |

use std::collections::BTreeMap;

use tidegate_sync::{DestinationError, FollowCheckpoint, LoadJob, TableState};

/// The layout of these tables. A destination of a later layout is refused.
pub(crate) const FORMAT: &str = "1";

pub(crate) const KEY_ORG: &str = "org_id";
pub(crate) const KEY_FORMAT: &str = "format";
pub(crate) const KEY_FOLLOW: &str = "follow";

/// The statements that make the tables; standard enough for SQLite and Postgres.
pub(crate) fn create_statements(prefix: &str) -> [String; 4] {
    [
        format!("CREATE TABLE IF NOT EXISTS {prefix}_tidegate (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)"),
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}_tidegate_tables \
             (object TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, job TEXT)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}_tidegate_columns \
             (object TEXT NOT NULL, field TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (object, field))"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}_tidegate_pages \
             (object TEXT NOT NULL, locator TEXT NOT NULL, staged BIGINT NOT NULL, PRIMARY KEY (object, locator))"
        ),
    ]
}

pub(crate) const EMPTY: &str = "empty";
pub(crate) const LOADING: &str = "loading";
pub(crate) const LIVE: &str = "live";

/// A stored state and its pages, as the engine's type. A job that cannot be read means that the table starts over.
pub(crate) fn table_state(state: &str, job: Option<&str>, pages: BTreeMap<String, u64>) -> TableState {
    match (state, job.and_then(|job| serde_json::from_str::<LoadJob>(job).ok())) {
        (LIVE, _) => TableState::Live,
        (LOADING, Some(job)) => TableState::Loading { job, pages },
        _ => TableState::Empty,
    }
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, DestinationError> {
    serde_json::to_string(value).map_err(|e| database("write a checkpoint", false, e))
}

pub(crate) fn follow_from_json(text: &str) -> Result<FollowCheckpoint, DestinationError> {
    serde_json::from_str(text).map_err(|e| database("read the stored checkpoint", false, e))
}

pub(crate) fn database(
    context: impl Into<String>,
    transient: bool,
    source: impl std::error::Error + Send + Sync + 'static,
) -> DestinationError {
    DestinationError::Database { context: context.into(), transient, source: Box::new(source) }
}
