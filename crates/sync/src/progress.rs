//! What the engine tells while it works.

use std::time::Duration;

/// Something that happened. All times are the org's.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// The engine waits for the channel's position: up to 270 s where nothing happens in the org.
    Marking {
        /// The channel.
        channel: String,
    },
    /// The position was noted: every change after it will be followed.
    Marked,
    /// A table is loaded again, and why.
    Reloading {
        /// The object.
        object: String,
        /// Why.
        why: String,
    },
    /// A query job was created, or one that an earlier run made is used again.
    JobCreated {
        /// The object.
        object: String,
        /// The job.
        job: String,
        /// An earlier run made it.
        resumed: bool,
    },
    /// The job's result is ready to be read.
    JobComplete {
        /// The object.
        object: String,
        /// Rows, where the org says how many.
        total: Option<u64>,
    },
    /// A page was staged.
    Page {
        /// The object.
        object: String,
        /// Rows staged so far.
        rows: u64,
        /// Rows in all, where the org says how many.
        total: Option<u64>,
    },
    /// A table can be read.
    Published {
        /// The object.
        object: String,
        /// Its rows.
        rows: u64,
    },
    /// The engine follows the channel.
    Following,
    /// Changes were applied.
    Applied {
        /// Events that they came from.
        events: usize,
        /// Changes of rows.
        changes: usize,
        /// Age of the newest of them; `None` where the org's time is not known.
        lag: Option<Duration>,
    },
    /// Everything that the stream held was applied.
    CaughtUp,
    /// Records were read again, since their events did not say enough.
    Reread {
        /// The object.
        object: String,
        /// Records.
        records: usize,
    },
    /// The stored position is not known to the org any more. What was missed is read anew.
    ReplayLost {
        /// Everything up to here had been applied, milliseconds since the epoch.
        since: i64,
    },
    /// A table was mended after that.
    Repaired {
        /// The object.
        object: String,
        /// Rows that were written or deleted.
        rows: u64,
    },
    /// Something failed and is tried again.
    Retrying {
        /// What was being done.
        what: String,
        /// Why it failed.
        why: String,
        /// When it is tried again.
        after: Duration,
    },
    /// A range of ids was compared.
    Compared {
        /// The object.
        object: String,
        /// Rows compared so far.
        rows: u64,
    },
}
