//! Loading a table: one query job, its pages several at a time, published all at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use tidegate_client::bulk::{Locator, QueryJob, QueryOperation, ResultPage, Wait};

use super::{Backoff, Engine, Select};
use crate::decode::DecodeError;
use crate::decode::csv::CsvDecoder;
use crate::error::{Cause, Phase, SyncError};
use crate::limits::{JOBS_LOST_MAX, PAGE_TRIES_MAX};
use crate::mapping::ObjectMap;
use crate::{
    ChangeBatch, DestinationError, FollowCheckpoint, LoadJob, PageCut, Progress, RowBatch, SnapshotPage, TableState,
};

/// A page that does not hold what its header promised.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("{got} of {expected} rows came")]
    Short { expected: u64, got: u64 },
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Org(#[from] tidegate_client::Error),
    #[error("stopped on request")]
    Interrupted,
}

impl Engine {
    /// Loads a table and publishes it. `state` is what the destination remembers; `follow` the position from which the
    /// table's changes will be followed, where they will be: it is older than every job made here.
    pub(crate) async fn load(
        &self,
        map: &ObjectMap,
        state: &TableState,
        follow: Option<&mut FollowCheckpoint>,
    ) -> Result<u64, SyncError> {
        let object = || map.table.object.clone();
        let followed = follow.as_ref().is_none_or(|f| f.objects.contains(&map.table.object));
        let mut resumed = match state {
            TableState::Loading { job, pages } if followed => {
                self.resumable(map, job).await?.map(|j| (j, pages.clone()))
            }
            _ => None,
        };
        let mut follow = follow;
        for lost in 1.. {
            let (job, pages) = match resumed.take() {
                Some((job, pages)) => {
                    self.tell(Progress::JobCreated { object: object(), job: job.id.clone(), resumed: true });
                    (job, pages)
                }
                None => (self.begin(map, follow.as_deref_mut()).await?, BTreeMap::new()),
            };
            match self.stage_job(map, &job, &pages).await {
                Ok(()) => {
                    let phase = || Phase::Publish { object: object() };
                    let rows = self.retry(phase, || self.destination.publish(map.table.id)).await?;
                    self.tell(Progress::Published { object: object(), rows });
                    // Results take room in the org for seven days; losing this call loses nothing.
                    if let Err(error) = self.client.bulk().delete_query_job(&job.id).await {
                        tracing::debug!(job = %job.id, %error, "could not delete the query job");
                    }
                    return Ok(rows);
                }
                Err(SyncError { cause: Cause::JobLost { why, .. }, .. }) if lost < JOBS_LOST_MAX => {
                    tracing::warn!(object = %map.table.object, job = %job.id, %why, "starting the load again");
                    self.tell(Progress::Reloading { object: object(), why });
                }
                Err(error) => return Err(error),
            }
        }
        Err(SyncError::interrupted())
    }

    /// The job of an earlier run, if its results can still be read and hold what is wanted.
    async fn resumable(&self, map: &ObjectMap, job: &LoadJob) -> Result<Option<QueryJob>, SyncError> {
        let fields: Vec<&str> = map.table.columns.iter().map(|c| c.field.as_str()).collect();
        if job.fields != fields || job.api_version != self.client.api_version().to_string() {
            return Ok(None);
        }
        let phase = || Phase::AwaitJob { object: map.table.object.clone(), job: job.job_id.clone() };
        let found = self
            .retry(phase, || async {
                match self.client.bulk().query_job(&job.job_id).await {
                    Ok(job) => Ok(Some(job)),
                    Err(error) if gone(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .await?;
        use tidegate_client::bulk::JobState::{Aborted, Failed};
        Ok(found.filter(|j| !matches!(j.state, Failed | Aborted)))
    }

    /// Makes a job, and lets the destination know of it before anything is read.
    async fn begin(&self, map: &ObjectMap, follow: Option<&mut FollowCheckpoint>) -> Result<QueryJob, SyncError> {
        let object = &map.table.object;
        let soql = Select::everything(map).whole();
        let phase = || Phase::CreateJob { object: object.clone() };
        let job = self
            .retry(phase, || async { self.client.bulk().create_query_job(&soql, QueryOperation::Query).await })
            .await?;
        let load = LoadJob {
            job_id: job.id.clone(),
            api_version: job.api_version.to_string(),
            created: self.now(),
            fields: map.table.columns.iter().map(|c| c.field.clone()).collect(),
        };
        let phase = || Phase::Stage { object: object.clone() };
        self.retry(phase, || self.destination.begin(map.table.id, &load)).await?;
        // From here on the table's state speaks for itself, so the position may claim the object.
        if let Some(follow) = follow
            && !follow.objects.contains(object)
        {
            follow.objects.push(object.clone());
            let batch = ChangeBatch { changes: Vec::new(), checkpoint: follow.clone() };
            self.retry(|| Phase::Apply, || self.destination.apply(&batch)).await?;
        }
        self.tell(Progress::JobCreated { object: object.clone(), job: job.id.clone(), resumed: false });
        Ok(job)
    }

    async fn stage_job(
        &self,
        map: &ObjectMap,
        job: &QueryJob,
        staged: &BTreeMap<String, u64>,
    ) -> Result<(), SyncError> {
        let object = &map.table.object;
        let waiting = || Phase::AwaitJob { object: object.clone(), job: job.id.clone() };
        let wait = || async {
            self.client.bulk().wait(&job.id, Wait::default()).await.map_err(|error| match error {
                tidegate_client::Error::Job { id, state, message } => {
                    let why = message.map_or(state.clone(), |m| format!("{state}: {m}"));
                    Cause::JobLost { job: id, why }
                }
                error if gone(&error) => Cause::JobLost { job: job.id.clone(), why: error.to_string() },
                error => error.into(),
            })
        };
        let job = self.or_stop(self.retry(waiting, wait)).await??;
        let total = job.number_records_processed;
        self.tell(Progress::JobComplete { object: object.clone(), total });
        let list = || async { self.client.bulk().result_pages(&job).await.map_err(|e| lost(&job, e)) };
        let mut locators = self.retry(waiting, list).await?;
        if locators.is_empty() {
            // A result without rows still has its first page: the header.
            locators.push(Locator::first());
        }
        let known: u64 = locators.iter().filter_map(|l| staged.get(l.as_str())).sum();
        let rows = AtomicU64::new(known);
        let missing = locators.iter().filter(|l| !staged.contains_key(l.as_str()));
        futures::stream::iter(missing.map(Ok))
            .try_for_each_concurrent(self.options.parallel_pages.max(1), |locator| {
                let (rows, job) = (&rows, &job);
                async move {
                    let more = self.stage_page(map, job, locator).await?;
                    let rows = rows.fetch_add(more, Ordering::Relaxed) + more;
                    self.tell(Progress::Page { object: object.clone(), rows, total });
                    Ok::<(), SyncError>(())
                }
            })
            .await?;
        let rows = rows.into_inner();
        match total {
            // Pages that the list left out would be rows lost in silence.
            Some(total) if total != rows => {
                let why = format!("its pages hold {rows} rows, and it counted {total}");
                Err(SyncError::new(waiting(), Cause::JobLost { job: job.id.clone(), why }))
            }
            _ => Ok(()),
        }
    }

    /// Reads one page and stages it; a page that was cut is read again.
    async fn stage_page(&self, map: &ObjectMap, job: &QueryJob, locator: &Locator) -> Result<u64, SyncError> {
        let object = &map.table.object;
        let fetching = || Phase::FetchPage { object: object.clone(), locator: locator.as_str().to_owned() };
        let mut backoff = Backoff::new();
        loop {
            self.check_stop()?;
            let page = match self.client.bulk().result_page(job, locator, None).await {
                Ok(page) => page,
                Err(error) => {
                    self.again(&mut backoff, PAGE_TRIES_MAX, SyncError::new(fetching(), lost(job, error))).await?;
                    continue;
                }
            };
            let parts = self.parts(map, page).boxed();
            let page = SnapshotPage { table: map.table.id, locator: locator.as_str().to_owned(), parts };
            let error = match self.destination.stage(page).await {
                Ok(rows) => return Ok(rows),
                Err(DestinationError::Page(PageCut(why))) => match why.downcast::<Cut>().map(|c| *c) {
                    Ok(Cut::Interrupted) => return Err(SyncError::interrupted()),
                    // The answer had begun, so whatever ended it is the way, not the request.
                    Ok(other) => SyncError::new(fetching(), DestinationError::Page(PageCut(Box::new(other)))),
                    Err(why) => SyncError::new(fetching(), DestinationError::Page(PageCut(why))),
                },
                Err(error) => SyncError::new(Phase::Stage { object: object.clone() }, error),
            };
            self.again(&mut backoff, PAGE_TRIES_MAX, error).await?;
        }
    }

    /// A page's rows in parts; the stream ends well only when all rows came that its header promised.
    fn parts<'a>(
        &'a self,
        map: &'a ObjectMap,
        page: ResultPage,
    ) -> impl futures::Stream<Item = Result<RowBatch, PageCut>> + Send + 'a {
        struct Reading<'a> {
            page: ResultPage,
            decoder: Option<CsvDecoder<'a>>,
            ready: VecDeque<RowBatch>,
        }
        let start = Reading { page, decoder: Some(CsvDecoder::new(&map.table)), ready: VecDeque::new() };
        futures::stream::try_unfold(start, move |mut at| async move {
            loop {
                if let Some(batch) = at.ready.pop_front() {
                    return Ok::<_, Cut>(Some((batch, at)));
                }
                let Some(decoder) = &mut at.decoder else { return Ok(None) };
                let chunk: Option<Bytes> = tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return Err(Cut::Interrupted),
                    chunk = at.page.chunk() => chunk?,
                };
                match chunk {
                    Some(bytes) => at.ready.extend(decoder.push(&bytes)?),
                    None => {
                        let Some(decoder) = at.decoder.take() else { return Ok(None) };
                        let (last, got) = decoder.finish()?;
                        let expected = at.page.rows_expected;
                        if got != expected {
                            return Err(Cut::Short { expected, got });
                        }
                        if last.rows > 0 {
                            at.ready.push_back(last);
                        }
                    }
                }
            }
        })
        .map_err(|cut| PageCut(Box::new(cut)))
    }
}

/// Whether the org says that a job, or its results, are not there.
fn gone(error: &tidegate_client::Error) -> bool {
    matches!(error.status(), Some(404 | 409 | 410))
        || ["INVALIDJOB", "INVALIDJOBSTATE", "NOT_FOUND", "ENTITY_IS_DELETED"].iter().any(|c| error.has_code(c))
}

fn lost(job: &QueryJob, error: tidegate_client::Error) -> Cause {
    if gone(&error) { Cause::JobLost { job: job.id.clone(), why: error.to_string() } } else { error.into() }
}
