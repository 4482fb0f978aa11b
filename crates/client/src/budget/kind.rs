//! What is counted: the allowances of an org, each with its name in the `limits` resource and its window.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One allowance of an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// API requests of everybody in the org in 24 hours: REST, SOAP, Bulk, Metadata.
    Requests,
    /// Bulk 2.0 query jobs in 24 hours.
    QueryJobs,
    /// Bytes of Bulk 2.0 query results stored in 24 hours.
    QueryResultBytes,
    /// Batches of Bulk ingest in 24 hours: one for each 10,000 rows of 2.0, one for each batch of 1.0.
    IngestBatches,
    /// Rows of Bulk ingest in 24 hours.
    IngestRecords,
    /// Platform and change events delivered to all subscribers, CometD and Pub/Sub together, in 24 hours.
    EventDeliveries,
    /// Platform events published in an hour.
    EventPublishes,
    /// Requests of 20 seconds or more that run at once. No count over time, so not among [`Kind::ALL`].
    LongRequests,
}

/// Bytes of what `limits` calls a megabyte: 976,562 of them are the terabyte that is documented.
const MEGABYTE: u64 = 1 << 20;

impl Kind {
    /// Those that are counted over time.
    pub const ALL: [Kind; 7] = [
        Kind::Requests,
        Kind::QueryJobs,
        Kind::QueryResultBytes,
        Kind::IngestBatches,
        Kind::IngestRecords,
        Kind::EventDeliveries,
        Kind::EventPublishes,
    ];

    /// Its name in the `limits` resource; ingested rows have none.
    pub fn limit_name(self) -> Option<&'static str> {
        Some(match self {
            Kind::Requests => "DailyApiRequests",
            Kind::QueryJobs => "DailyBulkV2QueryJobs",
            Kind::QueryResultBytes => "DailyBulkV2QueryFileStorageMB",
            Kind::IngestBatches => "DailyBulkApiBatches",
            Kind::IngestRecords | Kind::LongRequests => return None,
            Kind::EventDeliveries => "DailyDeliveredPlatformEvents",
            Kind::EventPublishes => "HourlyPublishedPlatformEvents",
        })
    }

    /// How many of ours one unit of the `limits` resource is.
    pub(crate) fn unit(self) -> u64 {
        if self == Kind::QueryResultBytes { MEGABYTE } else { 1 }
    }

    /// What every org is allowed, where all editions are alike (Bulk API limits and allocations). What depends on the
    /// edition is only known once the org has told it.
    pub fn documented(self) -> Option<u64> {
        match self {
            Kind::QueryJobs => Some(10_000),
            Kind::QueryResultBytes => Some(1_000_000_000 << 10),
            Kind::IngestBatches => Some(15_000),
            Kind::IngestRecords => Some(150_000_000),
            Kind::Requests | Kind::EventDeliveries | Kind::EventPublishes | Kind::LongRequests => None,
        }
    }

    /// Over how many hours it is counted.
    pub fn window_hours(self) -> u32 {
        if self == Kind::EventPublishes { 1 } else { 24 }
    }

    /// In words, plural: "API requests".
    pub fn words(self) -> &'static str {
        match self {
            Kind::Requests => "API requests",
            Kind::QueryJobs => "Bulk query jobs",
            Kind::QueryResultBytes => "bytes of Bulk query results",
            Kind::IngestBatches => "Bulk ingest batches",
            Kind::IngestRecords => "Bulk ingest rows",
            Kind::EventDeliveries => "event deliveries",
            Kind::EventPublishes => "published events",
            Kind::LongRequests => "long requests at once",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
