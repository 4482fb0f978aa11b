//! Working off batches, one piece at a time.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Action, Batch, BatchState, Chunking, ContentType, Job, Progress, RowError, RowResult, chunks, read};
use crate::bulk::{CHUNK_ROWS, Operation, Step};
use crate::dml::{Write, WriteContext};
use crate::http::SharedOrg;
use crate::query::{QueryOptions, select_bulk};
use crate::schema::Schema;
use crate::{ApiError, Millis, Org, RecordId};

/// A piece of work, taken out of the org so that it can be prepared without holding it.
enum Piece {
    Query { text: String, options: QueryOptions },
    Chunks { text: String, chunking: Chunking },
    Read { data: Bytes, schema: Arc<Schema>, object: String, operation: Operation, content: ContentType },
    Write { rows: Arc<Vec<Result<Write, ApiError>>>, from: usize, context: WriteContext },
}

/// Does the next piece of work of any job of Bulk API 1.0. Jobs take turns.
pub(in crate::bulk) fn step(org: &SharedOrg, now: Millis) -> Step {
    let started = Instant::now();
    let (job_id, batch_id, piece) = {
        let mut guard = org.write();
        let org = &mut *guard;
        let jobs = &mut org.jobs.classic;
        let delay = org.settings.bulk_delay_ms;
        let due = |batch: &Batch| batch.due_at(delay).is_some_and(|at| at <= now);
        let batches = jobs.jobs.values().flat_map(|job| &job.batches);
        let waiting = batches.filter_map(|batch| batch.due_at(delay)).min();
        let turn = jobs.turns + 1;
        let next = jobs.jobs.values_mut().filter(|job| job.batches.iter().any(due)).min_by_key(|job| job.turn);
        let Some(job) = next else { return Step::Idle(waiting) };
        jobs.turns = turn;
        job.turn = turn;
        let at = job.batches.iter().position(|b| b.state == BatchState::InProgress && due(b));
        let Some(at) = at.or_else(|| job.batches.iter().position(due)) else { return Step::Worked };
        if let Some(batch) = job.batches.get_mut(at)
            && batch.state == BatchState::Queued
        {
            batch.set_state(BatchState::InProgress, now);
            return Step::Worked;
        }
        let is_query = matches!(job.action, Action::Query { .. });
        if let Some(batch) = job.batches.get_mut(at)
            && let Some(message) = batch.planned_failure(is_query)
        {
            batch.message = message;
            batch.set_state(BatchState::Failed, now);
            return Step::Worked;
        }
        let schema = Arc::clone(&org.schema);
        let Some(batch) = job.batches.get(at) else { return Step::Worked };
        let batch_id = batch.id;
        match piece(job, batch, schema, now) {
            Some(piece) => (job.id, batch_id, piece),
            None => {
                if let Some(batch) = job.batches.get_mut(at) {
                    batch.set_state(BatchState::Completed, now);
                }
                return Step::Worked;
            }
        }
    };
    work(org, job_id, batch_id, piece, started, now);
    Step::Worked
}

fn piece(job: &Job, batch: &Batch, schema: Arc<Schema>, now: Millis) -> Option<Piece> {
    let text = || String::from_utf8_lossy(&batch.request).trim().to_owned();
    match (&job.action, &batch.work) {
        (Action::Query { .. }, _) if !batch.is_chunk && job.chunking.is_some() => {
            Some(Piece::Chunks { text: text(), chunking: job.chunking? })
        }
        (Action::Query { all }, _) => {
            let (user, version) = (job.created_by, job.version);
            let options = QueryOptions { all: *all, now, user, version, batch_size: None };
            Some(Piece::Query { text: text(), options })
        }
        (Action::Load(_), Progress::Rows { rows, results }) => {
            let origin = format!("com/salesforce/api/bulkapi/{}.0", job.version);
            let context = WriteContext { now, user: job.created_by, origin, all_or_none: false };
            let from = results.len();
            (from < rows.len()).then(|| Piece::Write { rows: Arc::clone(rows), from, context })
        }
        (Action::Load(operation), _) => Some(Piece::Read {
            data: batch.request.clone(),
            schema,
            object: job.object.clone(),
            operation: operation.clone(),
            content: job.content,
        }),
    }
}

fn work(org: &SharedOrg, job: RecordId, batch: RecordId, piece: Piece, started: Instant, now: Millis) {
    match piece {
        Piece::Query { text, options } => {
            let found = select_bulk(&org.read(), &text, &options);
            let result = org.write().jobs.classic.next_id(*b"752");
            conclude(org, job, batch, started, |batch| match found {
                Ok(found) => {
                    batch.processed = found.len() as u64;
                    batch.work = Progress::Selected { id: result, selection: Arc::new(found) };
                    batch.set_state(BatchState::Completed, now);
                }
                Err(error) => batch.fail(failed_query(&error), now),
            });
        }
        Piece::Chunks { text, chunking } => {
            let queries = chunks::queries(&org.read(), &text, chunking);
            let mut guard = org.write();
            let jobs = &mut guard.jobs.classic;
            let made = queries.map(|queries| {
                let ids = queries.into_iter().map(|query| (jobs.next_id(*b"751"), query));
                ids.collect::<Vec<_>>()
            });
            let Some(job) = jobs.jobs.get_mut(&job) else { return };
            let Some(first) = job.batches.iter_mut().find(|b| b.id == batch) else { return };
            if first.state != BatchState::InProgress {
                return;
            }
            match made {
                Err(message) => first.fail(message, now),
                Ok(made) => {
                    first.set_state(BatchState::NotProcessed, now);
                    let fault = first.fault.clone();
                    let chunk = |(id, query): (RecordId, String)| Batch {
                        is_chunk: true,
                        fault: fault.clone(),
                        ..Batch::new(id, Bytes::from(query), now)
                    };
                    job.batches.extend(made.into_iter().map(chunk));
                }
            }
        }
        Piece::Read { data, schema, object, operation, content } => {
            let read = read::rows(content, &schema, &object, &operation, &data);
            let allowed = read.as_ref().is_ok_and(|rows| {
                let org = org.read();
                org.usage.spend_ingest(now, 0, rows.len() as u64, u64::MAX, org.settings.daily_ingest_records)
            });
            conclude(org, job, batch, started, |batch| match read {
                Err(message) => batch.fail(message, now),
                Ok(_) if !allowed => {
                    batch.fail("ExceededQuota : The org's daily allowance for records is used up", now)
                }
                Ok(rows) => batch.work = Progress::Rows { rows: Arc::new(rows), results: Arc::default() },
            });
        }
        Piece::Write { rows, from, context } => {
            write(org, job, batch, started, &rows, from, &context);
        }
    }
}

/// Why a query's batch failed, as `stateMessage` says it.
pub(super) fn failed_query(error: &ApiError) -> String {
    let code = if error.code == "FEATURENOTENABLED" { "FUNCTIONALITY_NOT_ENABLED" } else { error.code };
    format!("InvalidBatch : Failed to process query: {code}: {}", error.message)
}

/// Tells a batch what its piece of work came to. One whose job was aborted meanwhile stays as it is, but keeps what
/// was done.
fn conclude(org: &SharedOrg, job: RecordId, batch: RecordId, started: Instant, tell: impl FnOnce(&mut Batch)) {
    note(&mut org.write(), job, batch, started, tell);
}

fn note(org: &mut Org, job: RecordId, batch: RecordId, started: Instant, tell: impl FnOnce(&mut Batch)) {
    let Some(job) = org.jobs.classic.jobs.get_mut(&job) else { return };
    let Some(batch) = job.batches.iter_mut().find(|b| b.id == batch) else { return };
    let (state, modified) = (batch.state, batch.modified);
    tell(batch);
    batch.processing_ms += u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if state != BatchState::InProgress {
        (batch.state, batch.modified) = (state, modified);
    }
}

/// Writes the next rows of a batch in one transaction.
fn write(
    org: &SharedOrg,
    job: RecordId,
    batch: RecordId,
    started: Instant,
    rows: &[Result<Write, ApiError>],
    from: usize,
    context: &WriteContext,
) {
    let mut org = org.write();
    let found = org.jobs.classic.jobs.get(&job).and_then(|job| job.batches.iter().find(|b| b.id == batch));
    let Some(at_work) = found.filter(|batch| batch.state == BatchState::InProgress) else { return };
    let (fault, mut failed) = (at_work.fault.clone(), at_work.failed);
    let to = (from + CHUNK_ROWS).min(rows.len());
    let to = fault.as_ref().map_or(to, |fault| fault.stop(to)).max(from);
    let mut writes = Vec::with_capacity(to - from);
    let mut asked: Vec<Result<(), RowError>> = Vec::with_capacity(to - from);
    for (n, row) in rows.get(from..to).unwrap_or_default().iter().enumerate() {
        asked.push(match row {
            Err(error) => Err(RowError::from(error)),
            Ok(write) => match fault.as_ref().and_then(|fault| fault.row(from + n, failed, write)) {
                Some(error) => {
                    failed += 1;
                    Err(error)
                }
                None => {
                    writes.push(write.clone());
                    Ok(())
                }
            },
        });
    }
    let mut results = org.write(context, writes).into_iter();
    let result = |row: Result<(), RowError>| match row {
        Err(error) => Err(vec![error]),
        Ok(()) => match results.next() {
            Some(Ok(saved)) => Ok(saved),
            Some(Err(errors)) => Err(errors.iter().map(RowError::from).collect()),
            None => Err(Vec::new()),
        },
    };
    let results: Vec<RowResult> = asked.into_iter().map(result).collect();
    // In the same hold as the rows: whoever looks in between sees both or neither.
    note(&mut org, job, batch, started, |batch| {
        batch.processed += results.len() as u64;
        batch.failed += results.iter().filter(|r| r.is_err()).count() as u64;
        if let Progress::Rows { results: done, .. } = &mut batch.work {
            Arc::make_mut(done).extend(results);
        }
    });
}
