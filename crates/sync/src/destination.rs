//! The contract of a destination.

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::{ChangeBatch, Checkpoints, LoadJob, RecordId, RowBatch, Table, TableId};

/// Where rows go.
///
/// `Ok` means: the data and its checkpoint are durable together. After any error, and after a crash at any instant,
/// the destination is as if the call had not been made, or as if it had succeeded; never in between. Every method may
/// be called again with the same arguments after an error.
///
/// One process at a time writes to a destination; a second that opens it gets [`DestinationError::InUse`].
#[async_trait]
pub trait Destination: Send + Sync {
    /// Makes the tables exist and tells where the pipeline stopped.
    ///
    /// A table that somebody altered is refused ([`DestinationError::Altered`]) and left as it is. A column that the
    /// table has and the list does not is left alone; a column that is new in the list is added, and its table becomes
    /// [`crate::TableState::Empty`], so that it is loaded again.
    ///
    /// `org_id` is stored at the first call; another one later is refused ([`DestinationError::OtherOrg`]).
    async fn open(&self, org_id: &str, tables: &[Table]) -> Result<Checkpoints, DestinationError>;

    /// Starts a snapshot of a table: staged rows and pages of an earlier one are forgotten. What readers see stays.
    async fn begin(&self, table: TableId, job: &LoadJob) -> Result<(), DestinationError>;

    /// Writes one page of a snapshot out of readers' sight, all of it or nothing, and remembers its locator. Returns
    /// the rows written. A page staged before is not staged again (0 rows, and its parts are not read).
    ///
    /// Parts arrive while the page is still being read. [`PageCut`] among them means that the page must be dropped;
    /// it comes back as [`DestinationError::Page`].
    async fn stage(&self, page: SnapshotPage<'_>) -> Result<u64, DestinationError>;

    /// Shows the staged rows in place of what readers saw, all at once; the table becomes
    /// [`crate::TableState::Live`]. Returns its rows.
    async fn publish(&self, table: TableId) -> Result<u64, DestinationError>;

    /// Applies changes in their order and stores the checkpoint, in one transaction.
    ///
    /// A patch of a row that is not there makes the whole batch fail with [`DestinationError::RowsMissing`]: the engine
    /// reads those rows from the org and sends the batch again. Later changes of the same batch count (a delete before
    /// the patch makes it miss; an upsert before it makes it hit).
    async fn apply(&self, batch: &ChangeBatch) -> Result<(), DestinationError>;

    /// Counts a range of a live table and finds its newest `SystemModstamp` (`None` when empty or without the column).
    async fn digest(&self, table: TableId, range: &IdRange) -> Result<RangeDigest, DestinationError>;

    /// Ids that cut a range into about `parts` parts of equal size, ascending, without its ends.
    async fn boundaries(
        &self,
        table: TableId,
        range: &IdRange,
        parts: usize,
    ) -> Result<Vec<RecordId>, DestinationError>;

    /// Up to `limit` rows of a live table within a range, in id order.
    async fn rows(&self, table: TableId, range: &IdRange, limit: usize) -> Result<RowBatch, DestinationError>;
}

/// One page of a Bulk query result, on its way.
pub struct SnapshotPage<'a> {
    /// The table.
    pub table: TableId,
    /// The locator that the page was asked with; empty for the first page.
    pub locator: String,
    /// The rows in parts of bounded size. The last part is followed by the end of the stream only when the page
    /// arrived whole: its rows were counted against the header.
    pub parts: BoxStream<'a, Result<RowBatch, PageCut>>,
}

/// Why a page could not be read to its end. The page can be asked for again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PageCut(pub Box<dyn std::error::Error + Send + Sync>);

/// Ids from `from` (included) to `to` (excluded); `None` is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdRange {
    /// First id.
    pub from: Option<RecordId>,
    /// First id behind the range.
    pub to: Option<RecordId>,
}

/// What a range of a table looks like from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeDigest {
    /// Rows.
    pub count: u64,
    /// The newest `SystemModstamp`, milliseconds since the epoch.
    pub newest: Option<i64>,
}

/// What can go wrong at a destination.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// It cannot be reached or opened.
    #[error("cannot open {destination}")]
    Unreachable {
        /// Its URL without secrets.
        destination: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process writes to it.
    #[error("{destination} is being written by another process")]
    InUse {
        /// Its URL without secrets.
        destination: String,
    },
    /// It replicates another org.
    #[error("this destination holds org {found}, not {expected}")]
    OtherOrg {
        /// The org signed in to.
        expected: String,
        /// The org in the destination.
        found: String,
    },
    /// A table is not as this pipeline made it.
    #[error("table {table}: {what}")]
    Altered {
        /// The table's name in the destination.
        table: String,
        /// What differs, with expected and found.
        what: String,
    },
    /// There is no room left.
    #[error("{destination} is full")]
    Full {
        /// Its URL without secrets.
        destination: String,
        /// The database's word.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Patches of rows that are not there.
    #[error("{} rows to be patched are not there", .0.len())]
    RowsMissing(Vec<(TableId, RecordId)>),
    /// A page ended before its end.
    #[error("the page could not be read to its end")]
    Page(#[source] PageCut),
    /// A value that the column cannot hold.
    #[error("table {table}, column {column}, record {record}: {what}")]
    Value {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
        /// The record.
        record: String,
        /// What is wrong; never the value itself.
        what: String,
    },
    /// Anything else that the database said. `transient` says whether trying again may help.
    #[error("{context}")]
    Database {
        /// What was being done.
        context: String,
        /// Whether trying again may help (connection lost, deadlock, busy).
        transient: bool,
        /// The database's word.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
