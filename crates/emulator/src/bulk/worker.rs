//! What the server does with jobs in its queue, one piece at a time, so that jobs take turns and can be aborted
//! between pieces.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::columns::Columns;
use super::ingest::{Ingest, Operation, Outcome, Plan};
use super::plans::Order;
use super::{BATCH_ROWS, CHUNK_ROWS, Job, LineEnding, State, Work, csv, one};
use crate::dml::WriteContext;
use crate::http::SharedOrg;
use crate::query::{QueryOptions, select_bulk};
use crate::schema::Schema;
use crate::{ApiError, Millis, Org, RecordId};

/// What a call of [`step`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It did something; there may be more.
    Worked,
    /// Nothing is due. A job waits in the queue until this time, if any does.
    Idle(Option<Millis>),
}

/// A piece of work, taken out of the org so that it can be prepared without holding it.
enum Piece {
    Query {
        text: String,
        options: QueryOptions,
    },
    Plan {
        upload: Bytes,
        schema: Arc<Schema>,
        object: String,
        operation: Operation,
        delimiter: u8,
        line_ending: LineEnding,
    },
    Chunk {
        upload: Bytes,
        plan: Arc<Plan>,
        object: String,
        operation: Operation,
        delimiter: u8,
        from: usize,
        context: WriteContext,
    },
}

/// Does the next piece of work: starts a job, runs a query, reads an upload's header, or writes 200 rows. Jobs take
/// turns, and so do the two APIs. The org is held only while rows are selected or written.
pub fn step(org: &SharedOrg, now: Millis) -> Step {
    match (step_jobs(org, now), one::step(org, now)) {
        (Step::Idle(a), Step::Idle(b)) => Step::Idle(a.into_iter().chain(b).min()),
        _ => Step::Worked,
    }
}

fn step_jobs(org: &SharedOrg, now: Millis) -> Step {
    let started = Instant::now();
    let (id, piece) = {
        let mut guard = org.write();
        let org = &mut *guard;
        org.jobs.expire(now);
        let delay = org.settings.bulk_delay_ms;
        let due = |job: &Job| job.due_at(delay).is_some_and(|at| at <= now);
        let waiting = org.jobs.jobs.values().filter_map(|job| job.due_at(delay)).min();
        let turn = org.jobs.turns + 1;
        let Some(job) = org.jobs.jobs.values_mut().filter(|j| due(j)).min_by_key(|j| j.turn) else {
            return Step::Idle(waiting);
        };
        org.jobs.turns = turn;
        job.turn = turn;
        if job.state == State::UploadComplete {
            job.set_state(State::InProgress, now);
            return Step::Worked;
        }
        if let Some(message) = job.planned_failure() {
            fail_as_planned(job, message, org.settings.bulk_shuffle_results, now);
            return Step::Worked;
        }
        match piece(job, &org.schema, now) {
            Some(piece) => (job.id, piece),
            None => {
                finish(job, org.settings.bulk_shuffle_results, now);
                return Step::Worked;
            }
        }
    };
    match piece {
        Piece::Query { text, options } => {
            let found = select_bulk(&org.read(), &text, &options);
            if let Ok(found) = &found {
                // Delimiter and line ending change the size by little; the documents do not say what is counted.
                let bytes = found.csv_bytes(b',', "\n");
                org.read().usage.add_query_results(now, bytes);
            }
            conclude(org, id, started, |job| match found {
                Ok(mut found) => {
                    match job.fault.as_ref().and_then(|fault| fault.order) {
                        None | Some(Order::Kept) => {}
                        Some(Order::Reversed) => found.reorder(|n| u64::MAX - n as u64),
                        Some(Order::Shuffled) => found.reorder(super::results::shuffled(job.id)),
                    }
                    job.processed = found.len() as u64;
                    if let Work::Query { selection, .. } = &mut job.work {
                        *selection = Some(Arc::new(found));
                    }
                    job.set_state(State::JobComplete, now);
                }
                Err(error) => {
                    job.fail(format!("InvalidBatch : Failed to process query: {}: {}", error.code, error.message), now)
                }
            });
        }
        Piece::Plan { upload, schema, object, operation, delimiter, line_ending } => {
            let planned = plan(&upload, &schema, &object, &operation, delimiter, line_ending);
            let allowed = planned.as_ref().is_ok_and(|p| spend(org, p.rows.len() as u64, now));
            conclude(org, id, started, |job| {
                let Work::Ingest(ingest) = &mut job.work else { return };
                match planned {
                    Err(message) => job.fail(message, now),
                    Ok(plan) => {
                        ingest.plan = Some(Arc::new(plan));
                        if !allowed {
                            job.fail("ExceededQuota : The org's daily allowance for ingest is used up", now);
                        }
                    }
                }
            });
        }
        Piece::Chunk { upload, plan, object, operation, delimiter, from, context } => {
            write_chunk(org, id, started, &upload, &plan, &object, &operation, delimiter, from, &context);
        }
    }
    Step::Worked
}

/// Tells a job what its piece of work came to. One that was aborted meanwhile stays aborted, but keeps what was done.
fn conclude(org: &SharedOrg, id: RecordId, started: Instant, tell: impl FnOnce(&mut Job)) {
    note(&mut org.write(), id, started, tell);
}

fn note(org: &mut Org, id: RecordId, started: Instant, tell: impl FnOnce(&mut Job)) {
    let Some(job) = org.jobs.jobs.get_mut(&id) else { return };
    let (state, modified) = (job.state, job.modified);
    tell(job);
    job.processing_ms += u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if state != State::InProgress {
        (job.state, job.modified) = (state, modified);
    }
}

fn piece(job: &Job, schema: &Arc<Schema>, now: Millis) -> Option<Piece> {
    match &job.work {
        Work::Query { query, all, .. } => {
            let options = QueryOptions { all: *all, now, user: job.created_by, version: job.version, batch_size: None };
            Some(Piece::Query { text: query.clone(), options })
        }
        Work::Ingest(Ingest { operation, upload, plan, next_row, .. }) => {
            // A job that was closed without data has no rows.
            let upload = upload.clone()?;
            let (object, operation, delimiter) = (job.object.clone(), operation.clone(), job.delimiter.byte());
            let Some(plan) = plan else {
                let (schema, line_ending) = (Arc::clone(schema), job.line_ending);
                return Some(Piece::Plan { upload, schema, object, operation, delimiter, line_ending });
            };
            let origin = format!("com/salesforce/api/bulkapi/{}.0", job.version);
            let context = WriteContext { now, user: job.created_by, origin, all_or_none: false };
            let (plan, from) = (Arc::clone(plan), *next_row);
            (from < plan.rows.len()).then_some(Piece::Chunk {
                upload,
                plan,
                object,
                operation,
                delimiter,
                from,
                context,
            })
        }
    }
}

/// Ends an ingest job whose rows are all done.
fn finish(job: &mut Job, shuffle: bool, now: Millis) {
    job.set_state(State::JobComplete, now);
    arrange(job, shuffle);
}

/// Puts the results into the order that they are shown in.
fn arrange(job: &mut Job, shuffle: bool) {
    let planned = job.fault.as_ref().and_then(|fault| fault.order);
    match planned.unwrap_or(if shuffle { Order::Shuffled } else { Order::Kept }) {
        Order::Kept => {}
        Order::Shuffled => super::results::shuffle(job),
        Order::Reversed => {
            if let Work::Ingest(ingest) = &mut job.work {
                Arc::make_mut(&mut ingest.outcomes).reverse();
            }
        }
    }
}

/// Ends a job that was planned to fail here. What was done stays done.
fn fail_as_planned(job: &mut Job, message: Option<String>, shuffle: bool, now: Millis) {
    if let (Work::Query { .. }, Some(fail)) = (&job.work, job.fault.as_ref().and_then(|fault| fault.fail.as_ref())) {
        job.processed = fail.after_rows;
    }
    job.error_message = message;
    job.set_state(State::Failed, now);
    arrange(job, shuffle);
}

fn spend(org: &SharedOrg, rows: u64, now: Millis) -> bool {
    let org = org.read();
    let settings = &org.settings;
    let batches = rows.div_ceil(BATCH_ROWS);
    org.usage.spend_ingest(now, batches, rows, settings.daily_bulk_batches, settings.daily_ingest_records)
}

/// Finds the rows of an upload and reads its header. The error is the job's `errorMessage`.
pub(super) fn plan(
    upload: &[u8],
    schema: &Schema,
    object: &str,
    operation: &Operation,
    delimiter: u8,
    line_ending: LineEnding,
) -> Result<Plan, String> {
    let Some((_, facts)) = schema.find(object) else {
        return Err(format!("InvalidBatch : Object not found : {object}"));
    };
    let mut header = None;
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some((range, ended, next)) = csv::record(upload, at, delimiter) {
        at = next;
        if !ended.fits(line_ending) {
            let setting = line_ending.name();
            return Err(format!(
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {setting}"
            ));
        }
        if header.is_none() {
            header = Some(range);
        } else if !range.is_empty() {
            // An upload is smaller than 4 GB.
            let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            rows.push((place(range.start), place(range.end)));
        }
    }
    let header = header.and_then(|range| upload.get(range)).unwrap_or_default();
    let names = csv::fields(header, delimiter).map_err(|e| format!("InvalidBatch : Failed to read the header: {e}"))?;
    Ok(Plan { columns: Columns::read(names, schema, facts, operation)?, rows })
}

#[allow(clippy::too_many_arguments, reason = "the parts of one piece of work")]
fn write_chunk(
    org: &SharedOrg,
    job: RecordId,
    started: Instant,
    upload: &[u8],
    plan: &Plan,
    object: &str,
    operation: &Operation,
    delimiter: u8,
    from: usize,
    context: &WriteContext,
) {
    let to = (from + CHUNK_ROWS).min(plan.rows.len());
    let fault = org.read().jobs.jobs.get(&job).and_then(|job| job.fault.clone());
    let to = fault.as_ref().map_or(to, |fault| fault.stop(to)).max(from);
    let cells: Vec<_> =
        plan.rows.get(from..to).unwrap_or_default().iter().map(|row| row_cells(upload, *row, delimiter)).collect();
    let mut org = org.write();
    // Aborted while the chunk was being read: its rows stay unprocessed.
    let Some(failed) = org.jobs.jobs.get(&job).filter(|j| j.state == State::InProgress).map(|j| j.failed) else {
        return;
    };
    let Some((object, _)) = org.schema.find(object) else { return };
    let mut writes = Vec::with_capacity(cells.len());
    let mut planned = failed;
    let mut asked: Vec<Result<(), Box<str>>> = Vec::with_capacity(cells.len());
    for (n, cells) in cells.iter().enumerate() {
        let write = cells.as_ref().map_err(Clone::clone);
        let write = write.and_then(|cells| plan.columns.write(object, operation, cells));
        asked.push(match write {
            Err(error) => Err(in_words(&[error])),
            Ok(write) => match fault.as_ref().and_then(|fault| fault.row(from + n, planned, &write)) {
                Some(error) => {
                    planned += 1;
                    Err(format!("{}:{}:{} --", error.code, error.message, error.fields.join(",")).into())
                }
                None => {
                    writes.push(write);
                    Ok(())
                }
            },
        });
    }
    let mut results = org.write(context, writes).into_iter();
    let outcome = |(n, asked): (usize, Result<(), Box<str>>)| {
        let result = match asked {
            Err(words) => Err(words),
            Ok(()) => results.next().unwrap_or_else(|| Err(Vec::new())).map_err(|errors| in_words(&errors)),
        };
        let named = || cells.get(n).and_then(|c| plan.columns.named_id(c.as_ref().ok()?, operation));
        let result = result.map(|s| (s.id, s.created)).map_err(|words| (named(), words));
        Outcome { row: from + n, result }
    };
    let outcomes: Vec<Outcome> = asked.into_iter().enumerate().map(outcome).collect();
    // In the same hold as the rows: whoever looks in between, to keep the org for instance, sees both or neither.
    note(&mut org, job, started, |job| {
        job.processed += outcomes.len() as u64;
        job.failed += outcomes.iter().filter(|o| o.result.is_err()).count() as u64;
        let Work::Ingest(ingest) = &mut job.work else { return };
        ingest.next_row += outcomes.len();
        Arc::make_mut(&mut ingest.outcomes).extend(outcomes);
    });
}

pub(super) fn row_cells(upload: &[u8], (start, end): (u32, u32), delimiter: u8) -> Result<Vec<String>, ApiError> {
    let row = upload.get(start as usize..end as usize).unwrap_or_default();
    csv::fields(row, delimiter).map_err(|e| ApiError::new("CLIENTINPUTERROR", e.to_string()))
}

/// `STATUS_CODE:message:fields --`, errors after one another.
fn in_words(errors: &[ApiError]) -> Box<str> {
    let one = |e: &ApiError| {
        let (code, message) = e.of_record();
        format!("{code}:{message}:{} --", e.fields.join(","))
    };
    errors.iter().map(one).collect::<Vec<_>>().join(";").into()
}

#[cfg(test)]
mod tests {
    use parking_lot::RwLock;

    use super::*;
    use crate::bulk::{Choices, Delimiter, IngestRequest, Kind, ResultSet, result_pieces};

    fn lines(org: &SharedOrg, id: &str, set: ResultSet) -> usize {
        let pieces: Vec<_> = result_pieces(org.read().jobs.get(Kind::Ingest, id, 0).unwrap(), set).unwrap().collect();
        pieces.concat().split(|b| *b == b'\n').count() - 2
    }

    #[test]
    fn an_abort_between_chunks_keeps_what_was_done_and_leaves_the_rest() {
        let mut org = Org { schema: Arc::new(crate::schema::standard()), ..Org::default() };
        org.settings.bulk_delay_ms = 1_000;
        let user = org.settings.admin_id;
        let asked = IngestRequest {
            object: "Account".into(),
            operation: "insert".into(),
            external_id_field_name: None,
            assignment_rule_id: None,
            delimiter: Delimiter::Comma,
            line_ending: LineEnding::Lf,
        };
        let schema = Arc::clone(&org.schema);
        let choices = Choices::default();
        let id = org.jobs.create_ingest(&schema, &choices, asked, user, 66, 0).unwrap().id.to_string();
        let csv = (0..1_000).fold(String::from("Name\n"), |csv, n| csv + &format!("A{n}\n"));
        let job = org.jobs.get_mut(Kind::Ingest, &id, 0).unwrap();
        job.upload(csv.into(), user, &choices).unwrap();
        job.close(user, &choices, 0).unwrap();
        let org: SharedOrg = Arc::new(RwLock::new(org));
        assert_eq!(step(&org, 999), Step::Idle(Some(1_000)));
        let states: Vec<_> = (0..4)
            .map(|_| {
                assert_eq!(step(&org, 1_000), Step::Worked);
                let org = org.read();
                let job = org.jobs.get(Kind::Ingest, &id, 0).unwrap();
                (job.state, job.processed)
            })
            .collect();
        let running = State::InProgress;
        assert_eq!(states, [(running, 0), (running, 0), (running, 200), (running, 400)]);
        org.write().jobs.get_mut(Kind::Ingest, &id, 0).unwrap().abort(1_000).unwrap();
        assert_eq!(step(&org, 1_000), Step::Idle(None));
        let counts =
            [ResultSet::Successful, ResultSet::Failed, ResultSet::Unprocessed].map(|set| lines(&org, &id, set));
        assert_eq!(counts, [400, 0, 600]);
    }
}
