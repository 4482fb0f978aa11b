//! Every bound of a load, with its name.

use std::time::Duration;

/// Bytes of one upload, unless told otherwise. Salesforce advises at most 100 MB, so that its base64 form stays below
/// 150 MB (Bulk API 2.0 and Bulk API Developer Guide).
pub const PART_BYTES: u64 = 100_000_000;
/// Rows of one upload: what is remembered of a part while its results are read grows with them.
pub const PART_ROWS: u64 = 250_000;
/// Jobs that the org works on at the same time, unless told otherwise.
pub const PARALLEL_JOBS: usize = 4;
/// Up to so many rows go by collections calls, unless told otherwise: ten calls, where a job takes at least six and the
/// time in the org's queue.
pub const COLLECTIONS_ROWS: u64 = 2_000;
/// Records of one collections call (REST API Developer Guide).
pub const CALL_ROWS: usize = 200;
/// Bytes of one collections call, about. Salesforce takes 50 MB; a call of long texts would run long.
pub const CALL_BYTES: usize = 4 << 20;
/// Characters of a row (Bulk API 2.0 and Bulk API Developer Guide).
pub const ROW_CHARACTERS_MAX: usize = 400_000;
/// Problems kept of a file. All are counted.
pub const PROBLEMS_KEPT: usize = 1_000;
/// Characters of a value that are shown.
pub const SHOWN_CHARACTERS: usize = 40;
/// Times that an upload is begun anew with a new job after its answer was lost.
pub const UPLOADS_MAX: u32 = 4;
/// Times that rows are sent again that the org could not lock.
pub const LOCK_ROUNDS: u32 = 3;
/// The wait before they are; it doubles.
pub const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Times that a call is sent again whose answer was lost, where that does no harm.
pub const RESENDS_MAX: u32 = 4;
/// The wait before it is; it doubles.
pub const RESEND_WAIT: Duration = Duration::from_secs(1);
/// Times that a result set is read again that came short.
pub const RESULT_READS_MAX: u32 = 4;
/// Between two looks at a job: soon at first, then less and less often.
pub const LOOK_FIRST: Duration = Duration::from_millis(300);
/// The longest pause between two looks.
pub const LOOK_LONGEST: Duration = Duration::from_secs(10);
/// What a job may take before we stop looking. The org puts a batch back after 5 minutes, up to 20 times.
pub const JOB_DEADLINE: Duration = Duration::from_secs(24 * 3600);
/// Pieces of an upload that wait to be sent.
pub const PIECES_AHEAD: usize = 4;
/// Bytes of one piece.
pub const PIECE_BYTES: usize = 256 << 10;
/// Codes of failures that are counted apart.
pub const FAILURE_CODES_MAX: usize = 100;
/// Keys that are remembered to find rows with the same one.
pub const KEYS_REMEMBERED: usize = 1_000_000;
