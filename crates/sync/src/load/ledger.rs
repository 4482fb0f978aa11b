//! The ledger: a file of JSON lines beside the results that says before and after each step what is done. When the
//! process dies, it tells which rows are safe, which are not begun, and which nobody can know without a look at the org.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::outcome::Tally;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The load begins. Nothing was sent yet.
    Begin {
        file: String,
        bytes: u64,
        org: String,
        object: String,
        operation: String,
        /// Whether doing it twice is as good as once.
        repeatable: bool,
        transport: String,
        rows: u64,
    },
    /// A part was cut. `first_line` and `last_line` are lines of the file, here and below.
    Part { part: usize, first_line: u64, last_line: u64, rows: u64 },
    /// A job is there. Nothing is written before it is closed.
    Job { part: usize, job: String, rows: u64 },
    /// Its upload is complete.
    Uploaded { part: usize, job: String },
    /// The order to process it is about to be given.
    Closing { part: usize, job: String },
    /// It was given.
    Closed { part: usize, job: String },
    /// A job was given up before it was closed: nothing of it was written.
    Dropped { part: usize, job: String },
    /// The org has ended the job. Its results can be read for seven days.
    Ended { part: usize, job: String, state: String, processed: u64, failed: u64, message: Option<String> },
    /// A collections call is about to be made.
    Sending { part: usize, first_line: u64, last_line: u64, rows: u64 },
    /// Its answer is here, and in the result files.
    Answered { part: usize, first_line: u64, last_line: u64, tally: Tally },
    /// Its answer was lost, or it was refused as a whole.
    NotAnswered { part: usize, first_line: u64, last_line: u64, why: String },
    /// Every row of the part is in the result files.
    Accounted { part: usize, tally: Tally },
    /// Every row of the file is.
    End { tally: Tally, why: Option<String> },
}

#[derive(Serialize, Deserialize)]
struct Line {
    at: String,
    step: Step,
}

/// A ledger that is written.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
}

impl Ledger {
    /// Begins one. There must be none: two loads of one file at the same time would know nothing of each other.
    pub(crate) fn begin(path: PathBuf) -> io::Result<Self> {
        let file = Mutex::new(OpenOptions::new().append(true).create_new(true).open(&path)?);
        Ok(Self { path, file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line, and has it on the disk before anything else happens.
    pub(crate) fn note(&self, step: Step) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line { at: jiff::Timestamp::now().to_string(), step })?;
        line.push(b'\n');
        let mut file = self.file.lock();
        file.write_all(&line)?;
        file.sync_data()
    }
}

/// What is known of some rows of a load that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing of them was written.
    NotBegun,
    /// They are in the result files.
    Accounted(Tally),
    /// The org has the job and its outcome; nobody has read it.
    InJob {
        /// The job.
        job: String,
        /// Whether the order to process was certainly given.
        closed: bool,
    },
    /// A call was made whose answer nobody has.
    Sent,
}

/// Rows of an earlier load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The first line of the file.
    pub first_line: u64,
    /// The last one.
    pub last_line: u64,
    /// Rows.
    pub rows: u64,
    /// What is known.
    pub known: Known,
}

/// What an earlier load of the same file left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The ledger.
    pub ledger: PathBuf,
    /// Files that are there.
    pub files: Vec<PathBuf>,
    /// The object.
    pub object: String,
    /// The operation, as the API names it.
    pub operation: String,
    /// Whether loading the same rows twice is as good as once.
    pub repeatable: bool,
    /// When it began.
    pub began: Option<jiff::Timestamp>,
    /// The tally, where it came to its end.
    pub ended: Option<Tally>,
    /// Where it did not: what is known of its rows, in the order of the file.
    pub stretches: Vec<Stretch>,
}

impl Earlier {
    /// Reads a ledger. A last line that was cut by a crash is left out; the step before it counts.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(ledger: &Path, files: Vec<PathBuf>) -> io::Result<Self> {
        let mut earlier = Self {
            ledger: ledger.to_owned(),
            files,
            object: String::new(),
            operation: String::new(),
            repeatable: false,
            began: None,
            ended: None,
            stretches: vec![],
        };
        let file = match File::open(ledger) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(earlier),
            Err(error) => return Err(error),
        };
        // A part as a whole, and the calls that were made of it.
        let mut parts: BTreeMap<usize, (Stretch, Vec<Stretch>)> = BTreeMap::new();
        for line in BufReader::new(file).split(b'\n') {
            let Ok(Line { at, step }) = serde_json::from_slice::<Line>(&line?) else { continue };
            let mut know = |part: usize, known: Known| {
                if let Some((stretch, _)) = parts.get_mut(&part) {
                    stretch.known = known;
                }
            };
            match step {
                Step::Begin { object, operation, repeatable, .. } => {
                    earlier.repeatable = repeatable;
                    (earlier.object, earlier.operation, earlier.began) = (object, operation, at.parse().ok());
                }
                Step::Part { part, first_line, last_line, rows } => {
                    let stretch = Stretch { first_line, last_line, rows, known: Known::NotBegun };
                    parts.insert(part, (stretch, vec![]));
                }
                Step::Job { .. } | Step::Uploaded { .. } => {}
                Step::Dropped { part, .. } => know(part, Known::NotBegun),
                Step::Closing { part, job } => know(part, Known::InJob { job, closed: false }),
                Step::Closed { part, job } | Step::Ended { part, job, .. } => {
                    know(part, Known::InJob { job, closed: true });
                }
                Step::Accounted { part, tally } => know(part, Known::Accounted(tally)),
                Step::Sending { part, first_line, last_line, rows } => {
                    if let Some((_, calls)) = parts.get_mut(&part) {
                        calls.push(Stretch { first_line, last_line, rows, known: Known::Sent });
                    }
                }
                Step::Answered { part, first_line, tally, .. } => {
                    let call = parts
                        .get_mut(&part)
                        .and_then(|(_, calls)| calls.iter_mut().rev().find(|call| call.first_line == first_line));
                    if let Some(call) = call {
                        call.known = Known::Accounted(tally);
                    }
                }
                Step::NotAnswered { .. } => {}
                Step::End { tally, .. } => earlier.ended = Some(tally),
            }
        }
        for (whole, calls) in parts.into_values() {
            if calls.is_empty() || matches!(whole.known, Known::Accounted(_)) {
                push(&mut earlier.stretches, whole);
                continue;
            }
            let (rows, last) = (calls.iter().map(|c| c.rows).sum::<u64>(), calls.last().map_or(0, |c| c.last_line));
            for call in calls {
                push(&mut earlier.stretches, call);
            }
            if rows < whole.rows {
                let first_line = last + 1;
                push(&mut earlier.stretches, Stretch { first_line, rows: whole.rows - rows, ..whole });
            }
        }
        Ok(earlier)
    }
}

/// Adds a stretch, to the one before it where the same is known of both.
fn push(stretches: &mut Vec<Stretch>, next: Stretch) {
    if let Some(last) = stretches.last_mut() {
        let same = match (&mut last.known, &next.known) {
            (Known::Accounted(sum), Known::Accounted(more)) => {
                *sum += *more;
                true
            }
            (Known::NotBegun, Known::NotBegun) | (Known::Sent, Known::Sent) => true,
            _ => false,
        };
        if same {
            last.last_line = next.last_line;
            last.rows += next.rows;
            return;
        }
    }
    stretches.push(next);
}
