//! Postgres: one schema (namespace) per replica, pages by binary `COPY`, changes in one transaction.
//!
//! Names are folded to lower case, so that nobody has to quote them. Ids compare as bytes (`COLLATE "C"`), as SOQL
//! compares them.
//!
//! | column | stored as |
//! |---|---|
//! | id | `text COLLATE "C"` |
//! | text | `text` |
//! | boolean | `boolean` |
//! | integer | `bigint` |
//! | decimal | `numeric`, exact |
//! | date, time | `date`, `time` |
//! | datetime | `timestamptz` |

mod apply;
mod connect;
mod copy;
mod error;
mod open;
mod read;
mod sql;
mod stage;

pub(crate) use connect::once as connect_once;
pub(crate) use error::postgres as failure;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio_postgres::Client;

use tidegate_sync::{
    ChangeBatch, Checkpoints, Destination, DestinationError, IdRange, LoadJob, RangeDigest, RecordId, RowBatch,
    SnapshotPage, Table, TableId,
};

use self::sql::SqlTable;
use crate::meta;
use crate::url::PostgresUrl;

/// A Postgres schema as a destination.
pub struct Postgres {
    label: Arc<str>,
    schema: String,
    pool: Pool,
    /// A connection of its own that holds the advisory lock of the only writer.
    lock: Mutex<Client>,
    url: PostgresUrl,
    tables: RwLock<Arc<Vec<SqlTable>>>,
}

impl Postgres {
    /// Connects, and takes the place of the schema's only writer.
    ///
    /// # Errors
    /// [`DestinationError::Unreachable`] when the server cannot be reached or refuses the user;
    /// [`DestinationError::InUse`] when another process writes to the schema.
    pub async fn open(url: &PostgresUrl) -> Result<Self, DestinationError> {
        let label: Arc<str> = url.to_string().into();
        let pool = connect::pool(url, &label)?;
        let lock = connect::lock(url, &label).await?;
        Ok(Self {
            label,
            schema: url.schema.clone(),
            pool,
            lock: Mutex::new(lock),
            url: url.clone(),
            tables: RwLock::default(),
        })
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

    /// A connection to read with.
    async fn connection(&self) -> Result<Object, DestinationError> {
        self.pool.get().await.map_err(|e| error::pool(&self.label, e))
    }

    /// A connection to write with: the lock is known to be held.
    async fn writer(&self) -> Result<Object, DestinationError> {
        let mut lock = self.lock.lock().await;
        if lock.is_closed() {
            // The server went away, and the lock with it. One that is starting again is waited for.
            *lock = connect::lock(&self.url, &self.label).await.map_err(|e| error::again(&self.label, e))?;
        }
        drop(lock);
        self.connection().await
    }

    fn fail(&self, context: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> DestinationError {
        let (label, context) = (self.label.clone(), context.into());
        move |e| error::postgres(&label, context, e)
    }
}

#[async_trait]
impl Destination for Postgres {
    async fn open(&self, org_id: &str, tables: &[Table]) -> Result<Checkpoints, DestinationError> {
        let sql: Arc<Vec<SqlTable>> = Arc::new(tables.iter().map(|t| SqlTable::new(t, &self.schema)).collect());
        let checkpoints = open::open(self, org_id, &sql).await?;
        *self.tables.write() = sql;
        Ok(checkpoints)
    }

    async fn begin(&self, table: TableId, job: &LoadJob) -> Result<(), DestinationError> {
        let (tables, at) = self.table(table)?;
        stage::begin(self, &tables[at], &meta::to_json(job)?).await
    }

    async fn stage(&self, page: SnapshotPage<'_>) -> Result<u64, DestinationError> {
        let (tables, at) = self.table(page.table)?;
        stage::page(self, &tables[at], page).await
    }

    async fn publish(&self, table: TableId) -> Result<u64, DestinationError> {
        let (tables, at) = self.table(table)?;
        stage::publish(self, &tables[at]).await
    }

    async fn apply(&self, batch: &ChangeBatch) -> Result<(), DestinationError> {
        let tables = self.tables.read().clone();
        apply::apply(self, &tables, batch).await
    }

    async fn digest(&self, table: TableId, range: &IdRange) -> Result<RangeDigest, DestinationError> {
        let (tables, at) = self.table(table)?;
        read::digest(self, &tables[at], range).await
    }

    async fn boundaries(
        &self,
        table: TableId,
        range: &IdRange,
        parts: usize,
    ) -> Result<Vec<RecordId>, DestinationError> {
        let (tables, at) = self.table(table)?;
        read::boundaries(self, &tables[at], range, parts).await
    }

    async fn rows(&self, table: TableId, range: &IdRange, limit: usize) -> Result<RowBatch, DestinationError> {
        let (tables, at) = self.table(table)?;
        read::rows(self, &tables[at], range, limit).await
    }
}
