//! Bulk API 2.0: query jobs with verified, resumable result pages, and ingest jobs with one upload each.

mod csv;
mod ingest;
mod job;
mod list;
mod multipart;
mod query;
mod results;
mod rows;
mod upload;
mod writer;

pub use csv::CsvPage;
pub use ingest::{CreateIngestJob, IngestJob, IngestOperation, IngestResults, IngestSpec, IngestSummary};
pub use job::{ColumnDelimiter, JobState, LineEnding, Wait};
pub use list::{JobFilter, JobInfo, JobType};
pub use multipart::{CreateIngestJobWithData, DATA_CHARACTERS_MAX};
pub use query::{CreateQueryJob, Locator, QueryJob, QueryOperation, ResultPage, ResultPages, ResultPagesReply};
pub use results::{BulkQuery, BulkResults};
pub use rows::{CsvRows, ROWS_BYTES_MAX, RowRef};
pub use upload::{UPLOAD_BYTES_MAX, UPLOAD_ENCODED_BYTES_MAX};
pub use writer::{IngestWriter, PART_BYTES_MAX};

pub(crate) use job::Pauses;
pub(crate) use query::Body;

use crate::client::Client;

/// Bulk API 2.0 of one org.
#[derive(Clone, Debug)]
pub struct Bulk {
    pub(crate) client: Client,
}

impl Bulk {
    pub(crate) fn new(client: Client) -> Bulk {
        Bulk { client }
    }
}
