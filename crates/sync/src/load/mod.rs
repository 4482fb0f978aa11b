//! Loads a file into an org: every row is checked before the first write, and accounted for after the last.
//!
//! ```text
//! open, header against describe, every value ─→ problems, or a plan ─→ parts ─→ outcomes ─→ result files
//!                                                                       │
//!                                                        a ledger line before and after each step
//! ```
//!
//! [`prepare`] reads and checks and writes nothing into the org. [`Prepared::run`] carries the plan out. Each row ends as
//! exactly one of succeeded, failed, unprocessed, unknown. What may have been done and cannot be done twice without harm
//! is never sent again.
//!
//! An empty cell leaves its field alone, and `#N/A` clears it, by Bulk and by collections alike.

mod bulk;
mod check;
mod collections;
mod columns;
mod header;
mod input;
mod join;
mod ledger;
pub mod limits;
mod outcome;
mod plan;
mod results;
mod run;
mod upload;
mod value;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidegate_client::Describe;

pub use check::{Checked, Part, Problem, ProblemFault, Problems, Warning};
pub use columns::{Columns, HeaderWarning};
pub use header::{HeaderFault, Why};
pub use input::{Dialect, Input, InputError, Lines, RowFault, Source, encoding_named};
pub use ledger::{Earlier, Known, Stretch};
pub use outcome::{Outcome, Tally};
pub use plan::{LoadOptions, Plan, Prepared, Transport, prepare};
pub use results::Names;
pub use run::{FailureGroup, Halt, JobReport, LoadReport, UnknownRows};
pub use value::{NULL, Odd, ValueFault, ValueWarning};

/// What is done with the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadOperation {
    /// Makes records.
    Insert,
    /// Changes records by Id.
    Update,
    /// Changes or makes records by a key.
    Upsert {
        /// The external id field, or another field by which records can be looked up.
        external_id: String,
    },
    /// Deletes records by Id, into the recycle bin.
    Delete,
    /// Deletes records by Id for good.
    HardDelete,
}

impl LoadOperation {
    /// Whether records are deleted.
    pub fn is_delete(&self) -> bool {
        matches!(self, Self::Delete | Self::HardDelete)
    }

    /// Whether doing it twice is as good as once.
    pub fn may_resend(&self) -> bool {
        match self {
            Self::Insert => false,
            // Without an id, an upsert by Id makes a record.
            Self::Upsert { external_id } => !external_id.eq_ignore_ascii_case("Id"),
            Self::Update | Self::Delete | Self::HardDelete => true,
        }
    }

    /// As the API names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert { .. } => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hardDelete",
        }
    }
}

impl fmt::Display for LoadOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a load tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it; rows are rows, bytes are bytes of the file or of an upload")]
pub enum LoadProgress {
    /// The file is being checked.
    Checking { bytes: u64, total: u64 },
    /// A part goes up.
    Uploading { part: usize, job: String, bytes: u64 },
    /// The org has all of it and begins to work.
    Closed { part: usize, job: String },
    /// The org has worked on so many further rows.
    Processed { part: usize, rows: u64 },
    /// Every row of a part is in the result files.
    Accounted { part: usize, tally: Tally },
    /// Rows are sent again.
    Again { why: String, rows: u64, after: Duration },
}

/// Who is told.
pub type Told = Arc<dyn Fn(LoadProgress) + Send + Sync>;

/// Why a load did not begin, or could not keep its books.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read as text.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The org, or the way to it. Nothing was written.
    #[error(transparent)]
    Org(Box<tidegate_client::Error>),
    /// The header cannot be loaded. Nothing was written.
    #[error("the columns do not fit {object}")]
    Header {
        /// The object.
        object: String,
        /// All that is wrong.
        faults: Vec<HeaderFault>,
        /// What was found in the file as it stands, for advice.
        dialect: Dialect,
        /// Columns that were found.
        columns: usize,
    },
    /// Rows would be refused. Nothing was written.
    #[error("{} of {rows} rows would be refused", problems.rows)]
    Rows {
        /// What is wrong.
        problems: Box<Problems>,
        /// Rows of the file.
        rows: u64,
    },
    /// The file has a header and nothing else.
    #[error("the file has no rows")]
    NoRows,
    /// What was asked for does not go together.
    #[error("{0}")]
    Options(&'static str),
    /// An earlier load of a file of this name has left its results here.
    #[error("results of an earlier load are here")]
    Earlier(Box<Earlier>),
    /// A result file or the ledger cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or the folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file became shorter while it was loaded, so that its rows cannot be accounted for.
    #[error("{path} has changed while it was loaded")]
    Changed {
        /// The file.
        path: String,
    },
    /// A task of ours ended in a way that it should not.
    #[error("a part of the load ended unexpectedly: {0}")]
    Task(String),
}

impl From<tidegate_client::Error> for LoadError {
    fn from(error: tidegate_client::Error) -> Self {
        Self::Org(Box::new(error))
    }
}

/// Whose ids begin with what, as far as describes tell.
fn prefix_of(describe: &Describe) -> Option<(String, String)> {
    Some((describe.key_prefix.clone()?, describe.name.clone()))
}
