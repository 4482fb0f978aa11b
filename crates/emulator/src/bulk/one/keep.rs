//! The jobs of Bulk API 1.0 as they are kept with their org.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Action, Batch, BatchState, Chunking, ContentType, Job, JobState, Jobs, Progress, RowResult, read};
use crate::bulk::JobFault;
use crate::bulk::keep::{Blobs, invalid, keep_selection};
use crate::query::{BulkSelection, QueryOptions};
use crate::store::Store;
use crate::{Millis, Org, RecordId};

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bulk) struct KeptJob {
    id: RecordId,
    object: String,
    action: Action,
    created_by: RecordId,
    created: Millis,
    modified: Millis,
    state: JobState,
    version: u16,
    content: ContentType,
    serial: bool,
    assignment_rule: Option<String>,
    chunking: Option<Chunking>,
    batches: Vec<KeptBatch>,
    turn: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptBatch {
    id: RecordId,
    state: BatchState,
    message: Option<String>,
    created: Millis,
    modified: Millis,
    request: usize,
    processed: u64,
    failed: u64,
    processing_ms: u64,
    #[serde(default)]
    fault: Option<JobFault>,
    is_chunk: bool,
    work: KeptProgress,
}

#[derive(Debug, Serialize, Deserialize)]
enum KeptProgress {
    None,
    Rows(Vec<RowResult>),
    Selected { id: RecordId, result: usize },
}

impl Jobs {
    pub(in crate::bulk) fn count(&self) -> u64 {
        self.count
    }

    pub(in crate::bulk) fn set_count(&mut self, count: u64) {
        self.count = count;
    }
}

impl KeptJob {
    pub(in crate::bulk) fn of(job: &Job, store: &Store, blobs: &mut Blobs) -> Self {
        let batches = job.batches.iter().map(|batch| keep(batch, store, blobs)).collect();
        Self {
            id: job.id,
            object: job.object.clone(),
            action: job.action.clone(),
            created_by: job.created_by,
            created: job.created,
            modified: job.modified,
            state: job.state,
            version: job.version,
            content: job.content,
            serial: job.serial,
            assignment_rule: job.assignment_rule.clone(),
            chunking: job.chunking,
            batches,
            turn: job.turn,
        }
    }

    pub(in crate::bulk) fn restore(self, org: &Org, blobs: &Blobs) -> io::Result<Job> {
        let mut job = Job {
            id: self.id,
            object: self.object,
            action: self.action,
            created_by: self.created_by,
            created: self.created,
            modified: self.modified,
            state: self.state,
            version: self.version,
            content: self.content,
            serial: self.serial,
            assignment_rule: self.assignment_rule,
            chunking: self.chunking,
            batches: Vec::with_capacity(self.batches.len()),
            turn: self.turn,
        };
        for kept in self.batches {
            let batch = restore(kept, &job, org, blobs)?;
            job.batches.push(batch);
        }
        Ok(job)
    }
}

fn keep(batch: &Batch, store: &Store, blobs: &mut Blobs) -> KeptBatch {
    let work = match &batch.work {
        Progress::None => KeptProgress::None,
        Progress::Rows { results, .. } => KeptProgress::Rows(results.to_vec()),
        Progress::Selected { id, selection } => {
            KeptProgress::Selected { id: *id, result: blobs.add(keep_selection(selection, store)) }
        }
    };
    KeptBatch {
        id: batch.id,
        state: batch.state,
        message: batch.message.clone(),
        created: batch.created,
        modified: batch.modified,
        request: blobs.add(batch.request.clone()),
        processed: batch.processed,
        failed: batch.failed,
        processing_ms: batch.processing_ms,
        fault: batch.fault.as_deref().cloned(),
        is_chunk: batch.is_chunk,
        work,
    }
}

/// A batch whose object or fields are gone comes back as failed: the org opens all the same.
fn restore(mut kept: KeptBatch, job: &Job, org: &Org, blobs: &Blobs) -> io::Result<Batch> {
    let request = blobs.get(kept.request)?;
    let mut lost = |why: String| {
        kept.state = BatchState::Failed;
        kept.message = Some(format!("InvalidBatch : What the batch had was lost: {why}"));
        Progress::None
    };
    let work = match (kept.work, &job.action) {
        (KeptProgress::Rows(results), Action::Load(operation)) => {
            match read::rows(job.content, &org.schema, &job.object, operation, &request) {
                Ok(rows) => Progress::Rows { rows: Arc::new(rows), results: Arc::new(results) },
                Err(why) => lost(why),
            }
        }
        (KeptProgress::Selected { id, result }, Action::Query { all }) => {
            let text = String::from_utf8_lossy(&request);
            let (user, version) = (job.created_by, job.version);
            let options = QueryOptions { all: *all, now: kept.modified, user, version, batch_size: None };
            match BulkSelection::restore(org, text.trim(), &options, &blobs.get(result)?) {
                Ok(selection) => Progress::Selected { id, selection: Arc::new(selection) },
                Err(why) => lost(why.to_string()),
            }
        }
        (KeptProgress::None, _) => Progress::None,
        _ => return Err(invalid("a batch does not fit its job")),
    };
    Ok(Batch {
        id: kept.id,
        state: kept.state,
        message: kept.message,
        created: kept.created,
        modified: kept.modified,
        request,
        processed: kept.processed,
        failed: kept.failed,
        processing_ms: kept.processing_ms,
        fault: kept.fault.map(Arc::new),
        is_chunk: kept.is_chunk,
        work,
    })
}
