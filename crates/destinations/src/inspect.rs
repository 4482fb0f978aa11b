//! What a destination remembers of its pipeline, read without becoming its writer.

use std::collections::BTreeMap;
use std::path::Path;

use tidegate_sync::{DestinationError, FollowCheckpoint};

use crate::names::{quote, table_name};
use crate::url::PostgresUrl;
use crate::{DestinationUrl, meta, postgres, sqlite};

/// What is stored at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The org (18 characters) that is replicated here.
    pub org_id: String,
    /// The follower's position; `None` before the first mark.
    pub follow: Option<FollowCheckpoint>,
    /// Every table ever opened, by object.
    pub tables: Vec<TableInspection>,
}

/// One table of an [`Inspection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInspection {
    /// The object's API name.
    pub object: String,
    /// The table's name.
    pub table: String,
    /// How far it is.
    pub progress: TableProgress,
    /// Rows that readers see.
    pub rows: u64,
}

/// How far a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableProgress {
    /// Made, never loaded.
    Empty,
    /// A snapshot is being staged.
    Loading {
        /// Pages staged so far.
        pages: u64,
        /// Rows staged so far.
        rows: u64,
    },
    /// Published and followed.
    Live,
}

/// Reads the state of a destination. `None` when nothing was ever replicated into it.
///
/// # Errors
/// [`DestinationError::Unreachable`] when it cannot be opened, and what the database says.
pub async fn inspect(url: &DestinationUrl) -> Result<Option<Inspection>, DestinationError> {
    match url {
        DestinationUrl::Sqlite(path) => {
            let path = path.clone();
            match tokio::task::spawn_blocking(move || sqlite_file(&path)).await {
                Ok(result) => result,
                Err(failure) => Err(meta::database("read the SQLite file", false, failure)),
            }
        }
        DestinationUrl::Postgres(url) => postgres_schema(url).await,
    }
}

/// The rows of the pipeline's own tables, before they are put together.
#[derive(Default)]
struct Stored {
    keys: BTreeMap<String, String>,
    /// Object → state.
    tables: Vec<(String, String)>,
    /// Object → pages and rows.
    pages: BTreeMap<String, (u64, u64)>,
    /// Object → rows seen by readers.
    rows: BTreeMap<String, u64>,
}

impl Stored {
    fn inspection(self, lower_case: bool) -> Result<Option<Inspection>, DestinationError> {
        let Some(org_id) = self.keys.get(meta::KEY_ORG).cloned() else { return Ok(None) };
        let follow = self.keys.get(meta::KEY_FOLLOW).map(|text| meta::follow_from_json(text)).transpose()?;
        let tables = self
            .tables
            .into_iter()
            .map(|(object, state)| {
                let (pages, rows) = self.pages.get(&object).copied().unwrap_or_default();
                let progress = match state.as_str() {
                    meta::LIVE => TableProgress::Live,
                    meta::LOADING => TableProgress::Loading { pages, rows },
                    _ => TableProgress::Empty,
                };
                TableInspection {
                    table: table_name(&object, lower_case),
                    progress,
                    rows: self.rows.get(&object).copied().unwrap_or_default(),
                    object,
                }
            })
            .collect();
        Ok(Some(Inspection { org_id, follow, tables }))
    }
}

fn sqlite_file(path: &Path) -> Result<Option<Inspection>, DestinationError> {
    if !path.exists() {
        return Ok(None);
    }
    let label = format!("sqlite:{}", path.display());
    let read = || -> rusqlite::Result<Stored> {
        use rusqlite::OpenFlags;
        // Read-write, because a reader of a write-ahead log has to share its index; nothing is written.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        let mut stored = Stored::default();
        let known: i64 =
            connection.query_row("SELECT COUNT(*) FROM sqlite_schema WHERE name = '_tidegate'", [], |r| r.get(0))?;
        if known == 0 {
            return Ok(stored);
        }
        let mut statement = connection.prepare("SELECT key, value FROM _tidegate")?;
        stored.keys = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let mut statement = connection.prepare("SELECT object, state FROM _tidegate_tables ORDER BY object")?;
        stored.tables = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let mut statement =
            connection.prepare("SELECT object, COUNT(*), SUM(staged) FROM _tidegate_pages GROUP BY object")?;
        stored.pages = statement
            .query_map([], |r| {
                Ok((r.get(0)?, (r.get::<_, i64>(1)?.unsigned_abs(), r.get::<_, i64>(2)?.unsigned_abs())))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for (object, _) in &stored.tables {
            let sql = format!("SELECT COUNT(*) FROM {}", quote(&table_name(object, false)));
            // A table that somebody dropped counts as none; opening it for writing says more.
            let rows = connection.query_row(&sql, [], |r| r.get::<_, i64>(0)).unwrap_or_default();
            stored.rows.insert(object.clone(), rows.unsigned_abs());
        }
        Ok(stored)
    };
    read().map_err(|e| sqlite::failure(&label, "read the stored state", e))?.inspection(false)
}

async fn postgres_schema(url: &PostgresUrl) -> Result<Option<Inspection>, DestinationError> {
    let label = url.to_string();
    let connection = postgres::connect_once(url).await?;
    let fail = |e| postgres::failure(&label, "read the stored state", e);
    let schema = quote(&url.schema);
    let known = connection
        .query_opt(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = '_tidegate'",
            &[&url.schema],
        )
        .await
        .map_err(fail)?;
    let mut stored = Stored::default();
    if known.is_some() {
        let rows = connection.query(&format!("SELECT key, value FROM {schema}._tidegate"), &[]).await.map_err(fail)?;
        stored.keys = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
        let sql = format!("SELECT object, state FROM {schema}._tidegate_tables ORDER BY object");
        let rows = connection.query(&sql, &[]).await.map_err(fail)?;
        stored.tables = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
        let sql = format!("SELECT object, COUNT(*), SUM(staged)::bigint FROM {schema}._tidegate_pages GROUP BY object");
        let rows = connection.query(&sql, &[]).await.map_err(fail)?;
        stored.pages = rows
            .iter()
            .map(|r| (r.get(0), (r.get::<_, i64>(1).unsigned_abs(), r.get::<_, i64>(2).unsigned_abs())))
            .collect();
        for (object, _) in &stored.tables {
            let sql = format!("SELECT COUNT(*) FROM {schema}.{}", quote(&table_name(object, true)));
            // A table that somebody dropped counts as none; opening it for writing says more.
            let rows = connection.query_one(&sql, &[]).await.map_or(0, |row| row.get::<_, i64>(0));
            stored.rows.insert(object.clone(), rows.unsigned_abs());
        }
    }
    stored.inspection(true)
}
