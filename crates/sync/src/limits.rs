//! Every bound of the engine, with its name.

use std::time::Duration;

/// Decoded bytes of one part of a page.
pub const PART_BYTES_MAX: usize = 4 << 20;
/// Pages of a snapshot downloaded at the same time, unless told otherwise.
pub const PARALLEL_PAGES: usize = 3;
/// Times a page is fetched before the engine gives up.
pub const PAGE_TRIES_MAX: u32 = 8;
/// Jobs that may be lost in a row before a load is given up.
pub const JOBS_LOST_MAX: u32 = 3;
/// Times a call to the org or the destination is tried while the error says that this may help.
pub const TRIES_MAX: u32 = 10;
/// First wait between two tries; it doubles.
pub const RETRY_FIRST: Duration = Duration::from_millis(200);
/// Longest wait between two tries.
pub const RETRY_LONGEST: Duration = Duration::from_secs(30);
/// Records read again in one query.
pub const REREAD_IDS_MAX: usize = 200;
/// Characters of a query sent in a URL. Salesforce accepts 16,384 bytes for URL and headers together.
pub const QUERY_URL_CHARACTERS_MAX: usize = 14_000;
/// Changes in one batch; a transaction that is larger is applied in parts.
pub const BATCH_CHANGES_MAX: usize = 2_000;
/// Bytes of the events and rows of one batch, about; beyond it a transaction is applied in parts.
pub const BATCH_BYTES_MAX: usize = 16 << 20;
/// What a row that will be read again counts for among them: nobody knows its size before.
pub const REREAD_ROW_BYTES: usize = 32 << 10;
/// Events asked for ahead. Salesforce keeps at most 100 outstanding.
pub const CREDIT: u32 = 100;
/// Hashes of applied events that are remembered to tell a repeated delivery.
pub const SEEN_MAX: usize = 200;
/// A stream this long without an event ends a transaction.
pub const IDLE_FLUSH: Duration = Duration::from_millis(500);
/// Times that a silent channel is waited for although the tables do not look like the org yet: events may be on their
/// way, or the difference is one that no event tells.
pub const CAUGHT_UP_CHECKS_MAX: u32 = 10;
/// Rounds of reading rows that a patch found missing.
pub const MISSING_ROUNDS_MAX: u32 = 5;
/// Rows of an Id range that is compared at once, at first.
pub const RANGE_ROWS: u64 = 50_000;
/// A range that differs and holds no more rows than this is compared row by row.
pub const RANGE_ROWS_MIN: u64 = 2_000;
/// Rounds of comparing, repairing and comparing again.
pub const VERIFY_ROUNDS_MAX: u32 = 3;
/// Ids named in a report for each table and kind of difference.
pub const REPORT_IDS_MAX: usize = 20;
/// Avro schemas kept.
pub const SCHEMAS_MAX: usize = 500;
/// Rows of the destination held at once while two tables are compared.
pub const COMPARE_PAGE_ROWS: usize = 2_000;
/// Characters that these rows may have at most, where the table has long texts.
pub const COMPARE_PAGE_CHARACTERS: usize = 16 << 20;
/// Objects described at the same time.
pub const DESCRIBES_AT_ONCE: usize = 4;
