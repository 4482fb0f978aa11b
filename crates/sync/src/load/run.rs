//! Carrying out a plan: what all ways into the org have in common.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tidegate_client::Client;
use tokio_util::sync::CancellationToken;

use super::check::Part;
use super::columns::Columns;
use super::input::{Input, Row};
use super::ledger::{Ledger, Step};
use super::limits::FAILURE_CODES_MAX;
use super::outcome::{Outcome, Tally};
use super::results::ResultFiles;
use super::value::Prefixes;
use super::wire::Fingerprints;
use super::{LoadError, LoadOperation, LoadProgress, Told};

/// Why a load stopped before its end.
#[derive(Debug, Clone)]
pub enum Halt {
    /// The caller asked.
    Interrupted,
    /// The org, or the way to it.
    Org(tidegate_client::Error),
    /// A job ended without doing its work. Rows that are done stay done.
    Job {
        /// The job.
        id: String,
        /// How it ended.
        state: String,
        /// The org's words.
        message: Option<String>,
    },
    /// The answer to a call that makes records was lost. Sending it again could make them twice.
    Unknown(tidegate_client::Error),
    /// The file is not what was checked any more.
    FileChanged,
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interrupted => write!(f, "stopped on request"),
            Self::Org(error) | Self::Unknown(error) => write!(f, "{error}"),
            Self::Job { id, state, message: Some(message) } => write!(f, "job {id} ended as {state}: {message}"),
            Self::Job { id, state, message: None } => write!(f, "job {id} ended as {state}"),
            Self::FileChanged => write!(f, "the file has changed since it was checked"),
        }
    }
}

/// A job of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobReport {
    /// Its id.
    pub id: String,
    /// How it ended, as far as we know.
    pub state: Option<String>,
    /// Rows in it.
    pub rows: u64,
}

/// Rows that stand together in the file, of which nobody knows what became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRows {
    /// The first line.
    pub first_line: u64,
    /// The last line.
    pub last_line: u64,
    /// Rows.
    pub rows: u64,
    /// The job that they are in, where they are in one.
    pub job: Option<String>,
}

/// Rows that failed with the same code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// The code, such as `REQUIRED_FIELD_MISSING`.
    pub code: String,
    /// Rows.
    pub rows: u64,
    /// The line of the first.
    pub line: u64,
    /// The org's words about the first.
    pub error: String,
}

/// What a load came to.
#[derive(Debug, Clone)]
pub struct LoadReport {
    /// Every row of the file, by what became of it.
    pub tally: Tally,
    /// Records that were made, among those that succeeded.
    pub created: u64,
    /// Why it stopped before its end.
    pub halt: Option<Halt>,
    /// Jobs that were made.
    pub jobs: Vec<JobReport>,
    /// Rows of which nobody knows what became.
    pub unknown: Vec<UnknownRows>,
    /// Rows that were sent again because the org could not lock a record.
    pub lock_retries: u64,
    /// Rows that failed, by code, the most frequent first.
    pub failures: Vec<FailureGroup>,
    /// Result files.
    pub files: Vec<PathBuf>,
    /// The ledger.
    pub ledger: PathBuf,
}

/// What every step of a load needs.
pub(crate) struct Work {
    pub(crate) client: Client,
    pub(crate) object: String,
    pub(crate) operation: LoadOperation,
    pub(crate) input: Input,
    pub(crate) columns: Columns,
    pub(crate) prefixes: Prefixes,
    pub(crate) prints: Fingerprints,
    pub(crate) ledger: Ledger,
    pub(crate) told: Told,
    pub(crate) stop: CancellationToken,
    pub(crate) lock_wait: std::time::Duration,
    pub(crate) look_longest: std::time::Duration,
    halted: Mutex<Option<Halt>>,
    pub(crate) jobs: Mutex<Vec<JobReport>>,
}

impl Work {
    #[allow(clippy::too_many_arguments, reason = "the parts of one whole, put together in one place")]
    pub(crate) fn new(
        client: Client,
        object: String,
        operation: LoadOperation,
        (input, columns, prefixes, prints): (Input, Columns, Prefixes, Fingerprints),
        ledger: Ledger,
        told: Told,
        stop: CancellationToken,
        (lock_wait, look_longest): (std::time::Duration, std::time::Duration),
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            object,
            operation,
            input,
            columns,
            prefixes,
            prints,
            ledger,
            told,
            stop,
            lock_wait,
            look_longest,
            halted: Mutex::default(),
            jobs: Mutex::default(),
        })
    }

    /// Stops the load: nothing new is begun. The first reason is the one to tell.
    pub(crate) fn halt(&self, why: Halt) {
        self.halted.lock().get_or_insert(why);
    }

    /// Why nothing new is to be begun.
    pub(crate) fn halted(&self) -> Option<Halt> {
        if self.stop.is_cancelled() {
            self.halt(Halt::Interrupted);
        }
        self.halted.lock().clone()
    }

    /// Writes into the ledger. Without it nothing may go on.
    pub(crate) fn note(&self, step: Step) -> Result<(), LoadError> {
        self.ledger
            .note(step)
            .map_err(|source| LoadError::Write { path: self.ledger.path().display().to_string(), source })
    }

    pub(crate) fn tell(&self, progress: LoadProgress) {
        (self.told)(progress);
    }

    pub(crate) fn reading(&self, source: io::Error) -> LoadError {
        LoadError::Input(super::InputError::Io { path: self.input.path().display().to_string(), source })
    }

    /// Notes what became of a job.
    pub(crate) fn job_state(&self, id: &str, state: &str) {
        if let Some(job) = self.jobs.lock().iter_mut().find(|job| job.id == id) {
            job.state = Some(state.to_owned());
        }
    }
}

/// Writes the result files and keeps the count.
pub(crate) struct Books {
    pub(crate) files: ResultFiles,
    pub(crate) tally: Tally,
    pub(crate) created: u64,
    pub(crate) unknown: Vec<UnknownRows>,
    pub(crate) lock_retries: u64,
    failures: BTreeMap<String, FailureGroup>,
    dir: PathBuf,
}

impl Books {
    pub(crate) fn new(files: ResultFiles, dir: PathBuf) -> Self {
        Self {
            files,
            tally: Tally::default(),
            created: 0,
            unknown: vec![],
            lock_retries: 0,
            failures: BTreeMap::new(),
            dir,
        }
    }

    /// Accounts for one row.
    pub(crate) fn row(
        &mut self,
        row: &Row,
        outcome: &Outcome,
        job: Option<&str>,
        tally: &mut Tally,
    ) -> Result<(), LoadError> {
        self.files.write(row, outcome).map_err(|source| self.failed(source))?;
        self.tally.count(outcome);
        tally.count(outcome);
        match outcome {
            Outcome::Succeeded { created: Some(true), .. } => self.created += 1,
            Outcome::Failed { error, .. } => {
                let code = error.split(':').next().unwrap_or_default().trim();
                // Codes are few; more of them than this are no codes.
                if self.failures.contains_key(code) || self.failures.len() < FAILURE_CODES_MAX {
                    let group = self.failures.entry(code.to_owned()).or_insert_with(|| FailureGroup {
                        code: code.to_owned(),
                        rows: 0,
                        line: row.line,
                        error: error.to_string(),
                    });
                    group.rows += 1;
                }
            }
            Outcome::Unknown => match self.unknown.last_mut() {
                Some(last) if last.job.as_deref() == job => {
                    last.last_line = row.line;
                    last.rows += 1;
                }
                _ => self.unknown.push(UnknownRows {
                    first_line: row.line,
                    last_line: row.line,
                    rows: 1,
                    job: job.map(str::to_owned),
                }),
            },
            _ => {}
        }
        Ok(())
    }

    /// Accounts for all rows of a part in the same way.
    pub(crate) fn part(&mut self, work: &Work, part: &Part, outcome: &Outcome) -> Result<Tally, LoadError> {
        let mut rows = PartRows::open(work, part)?;
        let mut row = Row::default();
        let mut tally = Tally::default();
        while rows.next(&mut row)? {
            self.row(&row, outcome, None, &mut tally)?;
        }
        self.close(work, part, tally)?;
        Ok(tally)
    }

    /// All rows of a part are accounted for: on the disk first, in the ledger then.
    pub(crate) fn close(&mut self, work: &Work, part: &Part, tally: Tally) -> Result<(), LoadError> {
        self.sync()?;
        work.note(Step::Accounted { part: part.number, tally })?;
        work.tell(LoadProgress::Accounted { part: part.number, tally });
        Ok(())
    }

    /// What rows failed with, the most frequent first.
    pub(crate) fn failures(&self) -> Vec<FailureGroup> {
        let mut groups: Vec<FailureGroup> = self.failures.values().cloned().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
        groups
    }

    pub(crate) fn sync(&mut self) -> Result<(), LoadError> {
        self.files.sync().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> LoadError {
        LoadError::Write { path: self.dir.display().to_string(), source }
    }
}

/// The rows of a part, in their order.
pub(crate) struct PartRows<'a> {
    work: &'a Work,
    rows: super::input::rows::Rows<io::BufReader<std::fs::File>>,
    left: u64,
}

impl<'a> PartRows<'a> {
    pub(crate) fn open(work: &'a Work, part: &Part) -> Result<Self, LoadError> {
        let rows = work.input.rows_from(part.offset, part.first_line).map_err(|source| work.reading(source))?;
        Ok(Self { work, rows, left: part.rows })
    }

    pub(crate) fn next(&mut self, row: &mut Row) -> Result<bool, LoadError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        // A file that became shorter: its rows would be accounted for by nobody.
        if !self.rows.read(row).map_err(|source| self.work.reading(source))? {
            return Err(LoadError::Changed { path: self.work.input.path().display().to_string() });
        }
        Ok(true)
    }
}
