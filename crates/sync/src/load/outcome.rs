//! What became of a row. There are four ways, and every row ends by exactly one of them.

use std::ops::AddAssign;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The org did what was asked.
    Succeeded {
        /// The record.
        id: Box<str>,
        /// Whether it was made; `None` where the org did not say, or a lost answer hides it.
        created: Option<bool>,
    },
    /// The org refused it.
    Failed {
        /// The record, where it is known.
        id: Option<Box<str>>,
        /// The org's words, as in Bulk results: `CODE:message:fields --`.
        error: Arc<str>,
    },
    /// Nothing was done, and it can be sent again.
    Unprocessed,
    /// It may have been done or not, and nobody has told us.
    Unknown,
}

/// How many rows ended in each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Done.
    pub succeeded: u64,
    /// Refused by the org.
    pub failed: u64,
    /// Not done.
    pub unprocessed: u64,
    /// Nobody knows.
    pub unknown: u64,
}

impl Tally {
    /// Rows.
    pub fn rows(&self) -> u64 {
        self.succeeded + self.failed + self.unprocessed + self.unknown
    }

    /// Counts one.
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Succeeded { .. } => self.succeeded += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Unprocessed => self.unprocessed += 1,
            Outcome::Unknown => self.unknown += 1,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.unprocessed += other.unprocessed;
        self.unknown += other.unknown;
    }
}

/// Whether a row failed only because another transaction held a record, so that it is worth sending again. Such a row
/// was not written.
pub(crate) fn is_lock(error: &str) -> bool {
    error.starts_with("UNABLE_TO_LOCK_ROW")
}
