//! A destination at one of whose calls the process ends: right before the call, or right after it.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tidegate_sync::{
    ChangeBatch, Checkpoints, Destination, DestinationError, IdRange, LoadJob, RangeDigest, RecordId, RowBatch,
    SnapshotPage, Table, TableId,
};
use tokio_util::sync::CancellationToken;

/// A destination that ends the world of its pipeline at a call of its own choice.
pub struct Brittle {
    inner: Arc<dyn Destination>,
    calls_left: AtomicU64,
    after: bool,
    end: CancellationToken,
}

impl Brittle {
    /// Cancels `end` at call number `calls` (from 1) and never answers it; with `after`, once the call was carried out.
    pub fn new(inner: Arc<dyn Destination>, calls: u64, after: bool, end: CancellationToken) -> Self {
        Self { inner, calls_left: AtomicU64::new(calls), after, end }
    }

    async fn call<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let last = self.calls_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) == Ok(1);
        if !last {
            return work.await;
        }
        if self.after {
            work.await;
        }
        self.end.cancel();
        pending().await
    }
}

#[async_trait]
impl Destination for Brittle {
    async fn open(&self, org_id: &str, tables: &[Table]) -> Result<Checkpoints, DestinationError> {
        self.call(self.inner.open(org_id, tables)).await
    }

    async fn begin(&self, table: TableId, job: &LoadJob) -> Result<(), DestinationError> {
        self.call(self.inner.begin(table, job)).await
    }

    async fn stage(&self, page: SnapshotPage<'_>) -> Result<u64, DestinationError> {
        self.call(self.inner.stage(page)).await
    }

    async fn publish(&self, table: TableId) -> Result<u64, DestinationError> {
        self.call(self.inner.publish(table)).await
    }

    async fn apply(&self, batch: &ChangeBatch) -> Result<(), DestinationError> {
        self.call(self.inner.apply(batch)).await
    }

    async fn digest(&self, table: TableId, range: &IdRange) -> Result<RangeDigest, DestinationError> {
        self.call(self.inner.digest(table, range)).await
    }

    async fn boundaries(
        &self,
        table: TableId,
        range: &IdRange,
        parts: usize,
    ) -> Result<Vec<RecordId>, DestinationError> {
        self.call(self.inner.boundaries(table, range, parts)).await
    }

    async fn rows(&self, table: TableId, range: &IdRange, limit: usize) -> Result<RowBatch, DestinationError> {
        self.call(self.inner.rows(table, range, limit)).await
    }
}
