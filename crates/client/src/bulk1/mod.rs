//! Bulk API 1.0, for what 2.0 cannot: serial processing, batches that the caller cuts, results in the order of the
//! request, PK chunking by a size of the caller's choice, data as XML or JSON. Everything else is better off with
//! [`crate::bulk`].

mod batch;
mod job;
mod query;
mod wire;

pub use batch::{Batch, BatchState, IngestResult, IngestResultRows};
pub use job::{Concurrency, ContentType, Job, JobSpec, Operation, PkChunking};
pub use query::ChunkedQuery;

pub(crate) use wire::refusal;

use crate::client::Client;

/// Bulk API 1.0 of one org.
#[derive(Clone, Debug)]
pub struct Bulk1 {
    pub(crate) client: Client,
}

impl Bulk1 {
    pub(crate) fn new(client: Client) -> Bulk1 {
        Bulk1 { client }
    }
}

/// The most bytes of one batch.
pub const BATCH_BYTES_MAX: usize = 10_000_000;
/// The most records of one batch.
pub const BATCH_RECORDS_MAX: usize = 10_000;
