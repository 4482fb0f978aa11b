//! By Bulk API 2.0: each part is one job with one upload. Jobs run side by side, and their results are read in the order
//! of the file.

use std::sync::Arc;

use futures::StreamExt;
use tidegate_client::Error;
use tidegate_client::bulk::{IngestJob, IngestOperation, IngestResults, IngestSpec, JobState};

use super::check::Part;
use super::input::Row;
use super::join::{Join, Kind, Shape};
use super::ledger::Step;
use super::limits::{JOB_DEADLINE, LOCK_ROUNDS, LOOK_FIRST, RESEND_WAIT, RESULT_READS_MAX, UPLOADS_MAX};
use super::outcome::{Outcome, Tally, is_lock};
use super::run::{Books, Halt, JobReport, PartRows, Work};
use super::upload::{self, Chosen};
use super::{LoadError, LoadOperation, LoadProgress};

/// What became of the job of a part.
enum Ran {
    /// Nothing of it was written.
    NotBegun,
    /// The org has ended it, and tells what became of its rows.
    Ended(IngestJob),
    /// It was closed, or may have been, and then nothing was heard of it any more.
    Lost(String),
}

impl From<&LoadOperation> for IngestOperation {
    fn from(operation: &LoadOperation) -> Self {
        match operation {
            LoadOperation::Insert => Self::Insert,
            LoadOperation::Update => Self::Update,
            LoadOperation::Upsert { external_id } => Self::Upsert { external_id: external_id.clone() },
            LoadOperation::Delete => Self::Delete,
            LoadOperation::HardDelete => Self::HardDelete,
        }
    }
}

/// Loads all parts.
pub(crate) async fn run(work: &Arc<Work>, parts: &[Part], jobs: usize, books: &mut Books) -> Result<(), LoadError> {
    let mut running = futures::stream::iter(parts.to_vec())
        .map(|part| {
            let work = work.clone();
            // Apart, so that jobs go on while the results of an earlier one are read.
            tokio::spawn(async move {
                let ran = job(&work, &part, None).await;
                (part, ran)
            })
        })
        .buffered(jobs.max(1));
    let mut failed = None;
    while let Some(done) = running.next().await {
        let (part, ran) = match done {
            Ok(done) => done,
            Err(error) => return Err(LoadError::Task(error.to_string())),
        };
        let outcome = match ran {
            Ok(ran) => account(work, &part, ran, books).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            // Nothing new is begun; what runs is seen to its end, so that the ledger says of each job what it came to.
            work.halt(Halt::Interrupted);
            failed.get_or_insert(error);
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Takes a part, or some of its rows, through a job.
async fn job(work: &Arc<Work>, part: &Part, chosen: Chosen) -> Result<Ran, LoadError> {
    let bulk = work.client.bulk();
    let rows = chosen.as_ref().map_or(part.rows, |chosen| chosen.iter().filter(|chosen| **chosen).count() as u64);
    let mut uploads = 0;
    let job = loop {
        if work.halted().is_some() {
            return Ok(Ran::NotBegun);
        }
        uploads += 1;
        let spec = IngestSpec::new(work.object.clone(), IngestOperation::from(&work.operation));
        let job = match bulk.create_ingest_job(spec).await {
            Ok(job) => job,
            Err(error) => {
                work.halt(Halt::Org(error));
                return Ok(Ran::NotBegun);
            }
        };
        work.note(Step::Job { part: part.number, job: job.id.clone(), rows })?;
        work.jobs.lock().push(JobReport { id: job.id.clone(), state: None, rows });
        work.tell(LoadProgress::Uploading { part: part.number, job: job.id.clone(), bytes: part.bytes });
        let length = chosen.is_none().then_some(part.bytes);
        let csv = upload::csv(work.clone(), part.clone(), chosen.clone());
        let uploaded = tokio::select! {
            // An upload that is broken off was not complete: the org has nothing.
            () = work.stop.cancelled() => None,
            uploaded = bulk.upload(&job, csv, length) => Some(uploaded),
        };
        match uploaded {
            Some(Ok(())) => break job,
            other => {
                drop_job(work, part, &job.id).await?;
                match other {
                    None => return Ok(Ran::NotBegun),
                    Some(Err(Error::Decode { source, .. })) if says_changed(source.as_ref()) => {
                        work.halt(Halt::FileChanged);
                        return Ok(Ran::NotBegun);
                    }
                    Some(Err(error)) if uploads < UPLOADS_MAX && may_upload_again(&error) => {
                        let after = RESEND_WAIT.min(work.lock_wait) * 2u32.pow(uploads - 1);
                        work.tell(LoadProgress::Again { why: error.to_string(), rows, after });
                        pause(work, after).await;
                    }
                    Some(Err(error)) => {
                        work.halt(Halt::Org(error));
                        return Ok(Ran::NotBegun);
                    }
                    Some(Ok(())) => {}
                }
            }
        }
    };
    work.note(Step::Uploaded { part: part.number, job: job.id.clone() })?;
    if work.stop.is_cancelled() {
        drop_job(work, part, &job.id).await?;
        return Ok(Ran::NotBegun);
    }
    work.note(Step::Closing { part: part.number, job: job.id.clone() })?;
    if let Err(error) = bulk.close_ingest_job(&job.id).await {
        // The order may have been taken although nobody heard: the job itself tells.
        match bulk.ingest_job(&job.id).await.map(|job| job.state) {
            Ok(JobState::Open) => {
                drop_job(work, part, &job.id).await?;
                work.halt(Halt::Org(error));
                return Ok(Ran::NotBegun);
            }
            Ok(_) => {}
            Err(_) => {
                work.halt(Halt::Org(error));
                return Ok(Ran::Lost(job.id));
            }
        }
    }
    work.note(Step::Closed { part: part.number, job: job.id.clone() })?;
    work.tell(LoadProgress::Closed { part: part.number, job: job.id.clone() });
    wait(work, part, &job.id, rows).await
}

/// Waits until the org has ended a job. When the load is to stop, the job is aborted: what is done stays done.
async fn wait(work: &Arc<Work>, part: &Part, id: &str, rows: u64) -> Result<Ran, LoadError> {
    let bulk = work.client.bulk();
    let since = tokio::time::Instant::now();
    let mut pause = LOOK_FIRST.min(work.look_longest);
    let mut aborted = false;
    let mut before = 0;
    loop {
        if work.stop.is_cancelled() && !aborted {
            aborted = true;
            // That it ended meanwhile is as good.
            if let Err(error) = bulk.abort_ingest_job(id).await {
                tracing::debug!(job = id, %error, "the job was not aborted");
            }
        }
        let job = match bulk.ingest_job(id).await {
            Ok(job) => job,
            Err(error) => {
                work.halt(Halt::Org(error));
                return Ok(Ran::Lost(id.to_owned()));
            }
        };
        let processed = job.number_records_processed.unwrap_or(0);
        if processed > before {
            work.tell(LoadProgress::Processed { part: part.number, rows: processed - before });
            before = processed;
            // Soon after it should be done, as far as its pace so far tells.
            let left = rows.saturating_sub(processed) as f64 / processed as f64;
            pause = pause.min(since.elapsed().mul_f64(left.min(1e6)) + LOOK_FIRST);
        }
        if job.state.is_final() {
            let failed = job.number_records_failed.unwrap_or(0);
            let state = job.state.to_string();
            work.job_state(id, &state);
            work.note(Step::Ended {
                part: part.number,
                job: id.to_owned(),
                state: state.clone(),
                processed,
                failed,
                message: job.error_message.clone(),
            })?;
            if job.state == JobState::Failed {
                work.halt(Halt::Job { id: id.to_owned(), state, message: job.error_message.clone() });
            } else if job.state == JobState::Aborted && !work.stop.is_cancelled() {
                work.halt(Halt::Job { id: id.to_owned(), state, message: Some("somebody aborted it".to_owned()) });
            }
            return Ok(Ran::Ended(job));
        }
        if since.elapsed() > JOB_DEADLINE {
            work.halt(Halt::Job { id: id.to_owned(), state: job.state.to_string(), message: None });
            return Ok(Ran::Lost(id.to_owned()));
        }
        tokio::select! {
            () = work.stop.cancelled(), if !aborted => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = pause.mul_f64(1.5).min(work.look_longest);
    }
}

/// Accounts for every row of a part: by the results of its job, and by those of further jobs for rows that could not be
/// locked.
async fn account(work: &Arc<Work>, part: &Part, ran: Ran, books: &mut Books) -> Result<(), LoadError> {
    let mut lost = None;
    let mut join = Join::new(usize::try_from(part.rows).unwrap_or(usize::MAX), work.prints.clone());
    let mut ran = ran;
    let mut chosen: Chosen = None;
    for round in 0.. {
        match ran {
            Ran::NotBegun => join.rest(&Outcome::Unprocessed),
            Ran::Lost(id) => {
                join.rest(&Outcome::Unknown);
                lost = Some(id);
            }
            Ran::Ended(job) => {
                if let Err(error) = results(work, part, &job, &mut join).await? {
                    // The org has them for seven days, but we could not read them.
                    work.halt(Halt::Org(error));
                    lost = Some(job.id.clone());
                }
                // Rows in none of the three sets. A job that came to its end has done all of its rows, so that what is
                // missing was done or refused, and nobody says which.
                join.rest(&Outcome::Unknown);
                if join.strangers() > 0 {
                    tracing::warn!(job = job.id, rows = join.strangers(), "results are of no row of the file");
                }
            }
        }
        let again: Vec<bool> =
            join.outcomes().map(|o| matches!(o, Outcome::Failed { error, .. } if is_lock(error))).collect();
        let rows = again.iter().filter(|again| **again).count() as u64;
        if rows == 0 || round >= LOCK_ROUNDS || work.halted().is_some() {
            break;
        }
        let after = work.lock_wait * 2u32.pow(round);
        work.tell(LoadProgress::Again { why: "UNABLE_TO_LOCK_ROW".to_owned(), rows, after });
        pause(work, after).await;
        if work.halted().is_some() {
            break;
        }
        books.lock_retries += rows;
        chosen.replace(Arc::new(again));
        ran = job(work, part, chosen.clone()).await?;
        if matches!(ran, Ran::NotBegun) {
            // They keep the words of their failure.
            break;
        }
        join.again(|outcome| matches!(outcome, Outcome::Failed { error, .. } if is_lock(error)));
    }
    let mut tally = Tally::default();
    let mut rows = PartRows::open(work, part)?;
    let mut row = Row::default();
    for outcome in join.outcomes() {
        rows.next(&mut row)?;
        books.row(&row, outcome, lost.as_deref(), &mut tally)?;
    }
    books.close(work, part, tally)
}

/// Reads the results of a job into the join. `Ok(Err(_))`: they could not be read.
async fn results(
    work: &Arc<Work>,
    part: &Part,
    job: &IngestJob,
    join: &mut Join,
) -> Result<Result<(), Error>, LoadError> {
    let (processed, failed) = (job.number_records_processed.unwrap_or(0), job.number_records_failed.unwrap_or(0));
    let complete = job.state == JobState::JobComplete;
    let sets = [
        (IngestResults::Failed, Kind::Failed, failed > 0),
        (IngestResults::Successful, Kind::Successful, processed > failed),
        (IngestResults::Unprocessed, Kind::Unprocessed, !complete),
    ];
    // First those that the job's counts speak of; the others only if rows are still waiting, as counts may be wrong.
    for wanted in [true, false] {
        for (set, kind, likely) in sets {
            if likely != wanted || (!wanted && join.waiting() == 0) {
                continue;
            }
            if let Err(error) = one_set(work, part, job, join, set, kind, wanted).await? {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}

/// Reads one result set. One that came short is read again, and only a whole one counts.
async fn one_set(
    work: &Arc<Work>,
    part: &Part,
    job: &IngestJob,
    join: &mut Join,
    set: IngestResults,
    kind: Kind,
    counted: bool,
) -> Result<Result<(), Error>, LoadError> {
    // Where the counts have been wrong once, they are no measure.
    let mut asked = if counted { job.clone() } else { IngestJob { state: JobState::Failed, ..job.clone() } };
    let mut reads = 0;
    loop {
        reads += 1;
        join.begin();
        let error = match read_set(work, part, &asked, join, set, kind).await? {
            Ok(()) => return Ok(Ok(())),
            Err(error) => error,
        };
        join.undo();
        match error {
            error if reads < RESULT_READS_MAX && error.is_retryable() => {
                tracing::warn!(job = job.id, %error, "reading the results again");
                pause(work, RESEND_WAIT.min(work.lock_wait) * reads).await;
            }
            // The counts and the rows do not fit together, however often they are read: take the rows.
            Error::PageCut { source: None, .. } if asked.state == JobState::JobComplete => {
                asked.state = JobState::Failed;
                reads = 0;
            }
            error => return Ok(Err(error)),
        }
    }
}

async fn read_set(
    work: &Arc<Work>,
    part: &Part,
    job: &IngestJob,
    join: &mut Join,
    set: IngestResults,
    kind: Kind,
) -> Result<Result<(), Error>, LoadError> {
    let mut page = match work.client.bulk().results(job, set).await {
        Ok(page) => page,
        Err(error) => return Ok(Err(error)),
    };
    let mut ready = false;
    loop {
        match page.next_rows().await {
            Ok(Some(rows)) => {
                if !ready {
                    let shape = Shape::of(page.columns(), &work.columns);
                    let mut waiting = PartRows::open(work, part)?;
                    join.expect(&shape, &work.columns, &work.prefixes, |row| waiting.next(row))?;
                    ready = true;
                }
                join.take(&rows, kind);
            }
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Gives a job up that was not closed. If even that fails, the org ends it after 24 hours without doing anything.
async fn drop_job(work: &Work, part: &Part, id: &str) -> Result<(), LoadError> {
    if let Err(error) = work.client.bulk().abort_ingest_job(id).await {
        tracing::warn!(job = id, %error, "the job could not be aborted; it was not closed, and ends by itself");
    }
    work.job_state(id, "Aborted");
    work.note(Step::Dropped { part: part.number, job: id.to_owned() })
}

/// Whether a new job may take an upload that failed. The old one is never closed, so that it does nothing.
fn may_upload_again(error: &Error) -> bool {
    matches!(error, Error::UploadUnknown { .. }) || error.is_retryable() || error.status() == Some(401)
}

fn says_changed(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.to_string().contains(upload::CHANGED)
}

/// Waits, but not when the load is to stop.
pub(crate) async fn pause(work: &Work, time: std::time::Duration) {
    tokio::select! {
        () = work.stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
