//! The jobs of an org as bytes, for an org that is kept and opened again: with their uploads, what became of their
//! rows, and the results of their queries as they were.
//!
//! ```text
//! length · JSON · number of blobs · (length · blob)*
//! ```
//! All numbers are little-endian, 8 bytes. The JSON names uploads, batches and results by the numbers of their blobs.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ingest::{Ingest, Operation, Outcome};
use super::one::keep::KeptJob as KeptClassic;
use super::{Delimiter, Job, JobFault, Jobs, LineEnding, State, Work, worker};
use crate::query::{BulkSelection, QueryOptions};
use crate::store::Store;
use crate::{Millis, Org, RecordId};

/// Longest blob that is believed, and most of them.
const BLOB_BYTES_MAX: u64 = 1 << 36;
const BLOBS_MAX: u64 = 10_000_000;

/// The jobs of an org at one moment. Uploads and rows are shared with it, not copied.
#[derive(Debug)]
pub(crate) struct KeptJobs {
    head: Head,
    blobs: Vec<Bytes>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    count: u64,
    turns: u64,
    classic_count: u64,
    jobs: Vec<KeptJob>,
    classic: Vec<KeptClassic>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptJob {
    id: RecordId,
    object: String,
    created_by: RecordId,
    created: Millis,
    modified: Millis,
    state: State,
    version: u16,
    delimiter: Delimiter,
    line_ending: LineEnding,
    error_message: Option<String>,
    processed: u64,
    failed: u64,
    processing_ms: u64,
    turn: u64,
    #[serde(default)]
    fault: Option<JobFault>,
    work: KeptWork,
}

#[derive(Debug, Serialize, Deserialize)]
enum KeptWork {
    /// What was taken out of a job that is being given back.
    None,
    Query {
        query: String,
        all: bool,
        result: Option<usize>,
    },
    Ingest {
        operation: Operation,
        assignment_rule: Option<String>,
        upload: Option<usize>,
        uploads: u32,
        planned: bool,
        next_row: usize,
        outcomes: Vec<Outcome>,
    },
}

/// What is too long for JSON.
#[derive(Debug, Default)]
pub(super) struct Blobs(Vec<Bytes>);

impl Blobs {
    pub(super) fn add(&mut self, bytes: Bytes) -> usize {
        self.0.push(bytes);
        self.0.len() - 1
    }

    pub(super) fn get(&self, at: usize) -> io::Result<Bytes> {
        self.0.get(at).cloned().ok_or_else(|| invalid("a blob is missing"))
    }
}

impl KeptJobs {
    /// The jobs of this org.
    pub(crate) fn of(org: &Org) -> Self {
        let mut blobs = Blobs::default();
        let jobs = &org.jobs;
        let head = Head {
            count: jobs.count,
            turns: jobs.turns,
            classic_count: jobs.classic.count(),
            jobs: jobs.jobs.values().map(|job| keep(job, &org.store, &mut blobs)).collect(),
            classic: jobs.classic.jobs.values().map(|job| KeptClassic::of(job, &org.store, &mut blobs)).collect(),
        };
        Self { head, blobs: blobs.0 }
    }

    /// Writes them.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let head = serde_json::to_vec(&self.head)?;
        out.write_all(&(head.len() as u64).to_le_bytes())?;
        out.write_all(&head)?;
        out.write_all(&(self.blobs.len() as u64).to_le_bytes())?;
        for blob in &self.blobs {
            out.write_all(&(blob.len() as u64).to_le_bytes())?;
            out.write_all(blob)?;
        }
        out.flush()
    }

    /// Reads what [`KeptJobs::write`] wrote; no jobs at the end of the input, where an older file ends.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut eight = [0; 8];
        match from.read(&mut eight[..1])? {
            0 => return Ok(Self { head: Head::default(), blobs: Vec::new() }),
            _ => from.read_exact(&mut eight[1..])?,
        }
        let head = take(from, u64::from_le_bytes(eight))?;
        let head = serde_json::from_slice(&head).map_err(invalid)?;
        let count = number(from)?;
        if count > BLOBS_MAX {
            return Err(invalid("there are too many blobs"));
        }
        let mut blobs = Vec::new();
        for _ in 0..count {
            let len = number(from)?;
            blobs.push(take(from, len)?.into());
        }
        Ok(Self { head, blobs })
    }

    /// Gives them back to the org that they were taken of.
    pub(crate) fn restore(self, org: &mut Org) -> io::Result<()> {
        let Self { head, blobs } = self;
        let blobs = Blobs(blobs);
        let mut jobs = Jobs { count: head.count, turns: head.turns, ..Jobs::default() };
        for kept in head.jobs {
            let job = restore(kept, org, &blobs)?;
            jobs.jobs.insert(job.id, job);
        }
        for kept in head.classic {
            let job = kept.restore(org, &blobs)?;
            jobs.classic.jobs.insert(job.id, job);
        }
        jobs.classic.set_count(head.classic_count);
        org.jobs = jobs;
        Ok(())
    }
}

/// The result of a query, as it is kept.
pub(super) fn keep_selection(selection: &BulkSelection, store: &Store) -> Bytes {
    let mut out = Vec::new();
    selection.keep(store, &mut out);
    out.into()
}

fn keep(job: &Job, store: &Store, blobs: &mut Blobs) -> KeptJob {
    let work = match &job.work {
        Work::Query { query, all, selection } => KeptWork::Query {
            query: query.clone(),
            all: *all,
            result: selection.as_ref().map(|selection| blobs.add(keep_selection(selection, store))),
        },
        Work::Ingest(ingest) => KeptWork::Ingest {
            operation: ingest.operation.clone(),
            assignment_rule: ingest.assignment_rule.clone(),
            upload: ingest.upload.clone().map(|upload| blobs.add(upload)),
            uploads: ingest.uploads,
            planned: ingest.plan.is_some(),
            next_row: ingest.next_row,
            outcomes: ingest.outcomes.to_vec(),
        },
    };
    KeptJob {
        id: job.id,
        object: job.object.clone(),
        created_by: job.created_by,
        created: job.created,
        modified: job.modified,
        state: job.state,
        version: job.version,
        delimiter: job.delimiter,
        line_ending: job.line_ending,
        error_message: job.error_message.clone(),
        processed: job.processed,
        failed: job.failed,
        processing_ms: job.processing_ms,
        turn: job.turn,
        fault: job.fault.as_deref().cloned(),
        work,
    }
}

/// A job whose object or fields are gone comes back without what hung on them: the org opens all the same.
fn restore(mut kept: KeptJob, org: &Org, blobs: &Blobs) -> io::Result<Job> {
    let work = match std::mem::replace(&mut kept.work, KeptWork::None) {
        KeptWork::None => return Err(invalid("a job has no work")),
        KeptWork::Query { query, all, result } => {
            let (user, version) = (kept.created_by, kept.version);
            let options = QueryOptions { all, now: kept.modified, user, version, batch_size: None };
            let selection = match result {
                Some(at) => match BulkSelection::restore(org, &query, &options, &blobs.get(at)?) {
                    Ok(selection) => Some(Arc::new(selection)),
                    Err(error) => {
                        kept.state = State::Failed;
                        kept.error_message = Some(format!("InvalidBatch : The result was lost: {error}"));
                        None
                    }
                },
                None => None,
            };
            Work::Query { query, all, selection }
        }
        KeptWork::Ingest { operation, assignment_rule, upload, uploads, planned, next_row, outcomes } => {
            let upload = upload.map(|at| blobs.get(at)).transpose()?;
            let plan = match &upload {
                Some(upload) if planned => {
                    let delimiter = kept.delimiter.byte();
                    let plan = worker::plan(upload, &org.schema, &kept.object, &operation, delimiter, kept.line_ending);
                    plan.ok().map(Arc::new)
                }
                _ => None,
            };
            let outcomes = Arc::new(outcomes);
            Work::Ingest(Ingest { operation, assignment_rule, upload, uploads, plan, next_row, outcomes })
        }
    };
    Ok(Job {
        id: kept.id,
        object: kept.object,
        created_by: kept.created_by,
        created: kept.created,
        modified: kept.modified,
        state: kept.state,
        version: kept.version,
        delimiter: kept.delimiter,
        line_ending: kept.line_ending,
        error_message: kept.error_message,
        processed: kept.processed,
        failed: kept.failed,
        processing_ms: kept.processing_ms,
        turn: kept.turn,
        fault: kept.fault.map(Arc::new),
        work,
    })
}

pub(super) fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut eight = [0; 8];
    from.read_exact(&mut eight)?;
    Ok(u64::from_le_bytes(eight))
}

fn take(from: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    if len > BLOB_BYTES_MAX {
        return Err(invalid("a blob is too long"));
    }
    let mut bytes = Vec::new();
    if from.take(len).read_to_end(&mut bytes)? as u64 != len {
        return Err(invalid("the end is missing"));
    }
    Ok(bytes)
}
