//! SQLite: one file, one writer, any number of readers beside it (write-ahead log).
//!
//! | column | stored as |
//! |---|---|
//! | id, text | `TEXT` |
//! | boolean | `INTEGER`, 0 or 1 |
//! | integer | `INTEGER` |
//! | decimal | `TEXT`, exact: SQLite's numbers are doubles |
//! | date | `TEXT`, `2026-01-31` |
//! | time | `TEXT`, `08:15:42.000` |
//! | datetime | `TEXT`, `2026-01-31T08:15:42.000Z` |

mod apply;
mod bind;
mod error;
mod open;
mod read;
mod stage;

pub(crate) use error::sqlite as failure;

use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use tidegate_sync::{
    ChangeBatch, Checkpoints, ColumnType, Destination, DestinationError, IdRange, LoadJob, RangeDigest, RecordId,
    RowBatch, SnapshotPage, Table, TableId,
};

use crate::meta;
use crate::names::{column_name, quote, stage_name, table_name};

/// A SQLite file as a destination.
pub struct Sqlite {
    label: Arc<str>,
    /// One connection: SQLite has one writer. It is lent to a blocking thread for each piece of work.
    connection: Arc<Mutex<Writer>>,
    tables: RwLock<Arc<Vec<SqlTable>>>,
}

/// The connection, and the right to write by it. They end together: work that was begun goes on in its thread when
/// whoever asked for it is gone, and until it is over nobody else may write.
struct Writer {
    connection: Connection,
    /// So that a second process is told instead of being mixed in.
    _lock: File,
}

impl Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// A table with its names and statements, made once.
#[derive(Debug, Clone)]
struct SqlTable {
    table: Table,
    /// Unquoted.
    name: String,
    /// Quoted.
    live: String,
    /// Quoted.
    stage: String,
    /// Unquoted, in the table's order.
    columns: Vec<String>,
    /// `"Id", "Name", …`
    list: String,
    upsert: String,
}

impl SqlTable {
    fn new(table: &Table) -> Self {
        let name = table_name(&table.object, false);
        let columns: Vec<String> = table.columns.iter().map(|c| column_name(&c.field, false)).collect();
        let quoted: Vec<String> = columns.iter().map(|c| quote(c)).collect();
        let list = quoted.join(", ");
        let marks = vec!["?"; quoted.len()].join(", ");
        let sets: Vec<String> = quoted.iter().skip(1).map(|c| format!("{c} = excluded.{c}")).collect();
        let action = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(", ")) };
        let live = quote(&name);
        Self {
            upsert: format!(
                "INSERT INTO {live} ({list}) VALUES ({marks}) ON CONFLICT ({}) DO {action}",
                quoted.first().map_or("\"Id\"", |c| c.as_str())
            ),
            stage: quote(&stage_name(&name)),
            table: table.clone(),
            name,
            live,
            columns,
            list,
        }
    }

    fn id_column(&self) -> String {
        quote(self.columns.first().map_or("Id", |c| c.as_str()))
    }

    fn definition(&self, quoted_name: &str) -> String {
        let columns: Vec<String> = self
            .table
            .columns
            .iter()
            .zip(&self.columns)
            .enumerate()
            .map(|(at, (column, name))| {
                let key = if at == 0 { " PRIMARY KEY NOT NULL" } else { "" };
                format!("{} {}{key}", quote(name), sql_type(column.ty))
            })
            .collect();
        format!("CREATE TABLE {quoted_name} ({}) STRICT", columns.join(", "))
    }
}

fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Boolean | ColumnType::Integer => "INTEGER",
        ColumnType::Id
        | ColumnType::Text { .. }
        | ColumnType::Decimal { .. }
        | ColumnType::Date
        | ColumnType::Time
        | ColumnType::DateTime => "TEXT",
    }
}

impl Sqlite {
    /// Opens or makes the file, and takes the place of its only writer.
    ///
    /// # Errors
    /// [`DestinationError::Unreachable`] when the file cannot be opened or is no SQLite database;
    /// [`DestinationError::InUse`] when another process writes to it.
    pub async fn open(path: &Path) -> Result<Self, DestinationError> {
        Self::open_with_pages_max(path, u32::MAX - 1).await
    }

    /// The same, with a bound on the file's size, in pages of 4,096 bytes. Beyond it, writing ends in
    /// [`DestinationError::Full`].
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub async fn open_with_pages_max(path: &Path, pages_max: u32) -> Result<Self, DestinationError> {
        let path = path.to_owned();
        let label: Arc<str> = format!("sqlite:{}", path.display()).into();
        let opened = {
            let label = label.clone();
            blocking(move || open::connect(&path, &label, pages_max)).await?
        };
        let (connection, lock) = opened;
        let writer = Writer { connection, _lock: lock };
        Ok(Self { label, connection: Arc::new(Mutex::new(writer)), tables: RwLock::default() })
    }

    fn table(&self, id: TableId) -> Result<(Arc<Vec<SqlTable>>, usize), DestinationError> {
        let tables = self.tables.read().clone();
        let at = usize::from(id.0);
        if at < tables.len() {
            Ok((tables, at))
        } else {
            Err(meta::database(format!("table number {at} was not opened"), false, std::fmt::Error))
        }
    }

    /// Lends the connection to a blocking thread.
    async fn run<T, F>(&self, work: F) -> Result<T, DestinationError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection, &str) -> Result<T, DestinationError> + Send + 'static,
    {
        let mut guard = self.lend().await?;
        let label = self.label.clone();
        blocking(move || work(&mut guard.connection, &label)).await
    }

    async fn lend(&self) -> Result<OwnedMutexGuard<Writer>, DestinationError> {
        let guard = self.connection.clone().lock_owned().await;
        // A page whose future was dropped in the middle leaves its transaction open.
        if !guard.is_autocommit() {
            guard
                .execute_batch("ROLLBACK")
                .map_err(|e| error::sqlite(&self.label, "drop an unfinished transaction", e))?;
        }
        Ok(guard)
    }
}

async fn blocking<T, F>(work: F) -> Result<T, DestinationError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, DestinationError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => Err(meta::database("work on the SQLite file", false, failure)),
    }
}

#[async_trait]
impl Destination for Sqlite {
    async fn open(&self, org_id: &str, tables: &[Table]) -> Result<Checkpoints, DestinationError> {
        let sql: Arc<Vec<SqlTable>> = Arc::new(tables.iter().map(SqlTable::new).collect());
        let (org_id, for_work) = (org_id.to_owned(), sql.clone());
        let checkpoints = self.run(move |c, label| open::open(c, label, &org_id, &for_work)).await?;
        *self.tables.write() = sql;
        Ok(checkpoints)
    }

    async fn begin(&self, table: TableId, job: &LoadJob) -> Result<(), DestinationError> {
        let (tables, at) = self.table(table)?;
        let job = meta::to_json(job)?;
        self.run(move |c, label| stage::begin(c, label, &tables[at], &job)).await
    }

    async fn stage(&self, page: SnapshotPage<'_>) -> Result<u64, DestinationError> {
        let (tables, at) = self.table(page.table)?;
        stage::page(self, tables, at, page).await
    }

    async fn publish(&self, table: TableId) -> Result<u64, DestinationError> {
        let (tables, at) = self.table(table)?;
        self.run(move |c, label| stage::publish(c, label, &tables[at])).await
    }

    async fn apply(&self, batch: &ChangeBatch) -> Result<(), DestinationError> {
        let tables = self.tables.read().clone();
        let batch = batch.clone();
        self.run(move |c, label| apply::apply(c, label, &tables, &batch)).await
    }

    async fn digest(&self, table: TableId, range: &IdRange) -> Result<RangeDigest, DestinationError> {
        let (tables, at) = self.table(table)?;
        let range = range.clone();
        self.run(move |c, label| read::digest(c, label, &tables[at], &range)).await
    }

    async fn boundaries(
        &self,
        table: TableId,
        range: &IdRange,
        parts: usize,
    ) -> Result<Vec<RecordId>, DestinationError> {
        let (tables, at) = self.table(table)?;
        let range = range.clone();
        self.run(move |c, label| read::boundaries(c, label, &tables[at], &range, parts)).await
    }

    async fn rows(&self, table: TableId, range: &IdRange, limit: usize) -> Result<RowBatch, DestinationError> {
        let (tables, at) = self.table(table)?;
        let range = range.clone();
        self.run(move |c, label| read::rows(c, label, &tables[at], &range, limit)).await
    }
}
