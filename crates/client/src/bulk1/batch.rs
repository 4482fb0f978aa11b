//! Batches: added as they are ready, watched, and their results read in the order of the request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{
    bulk::Pauses,
    bulk::{Body, ColumnDelimiter, CsvPage, CsvRows, ResultPage, Wait},
    call::{Call, build, escape},
    error::{Error, Text},
    version::ApiVersion,
};

use super::{
    BATCH_BYTES_MAX, Bulk1, Job,
    job::{TOKEN, job_path, with_token},
    wire::{self, Leaves},
};

/// Where a batch is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// Waiting.
    Queued,
    /// Being processed.
    InProgress,
    /// Processed. Records of it may have failed.
    Completed,
    /// Could not be processed as a whole.
    Failed,
    /// Will not be: the job was aborted, or PK chunking put other batches in its place.
    NotProcessed,
    /// A state that this library does not know.
    Other(String),
}

impl BatchState {
    fn read(text: String) -> BatchState {
        match text.as_str() {
            "Queued" => BatchState::Queued,
            "InProgress" => BatchState::InProgress,
            "Completed" => BatchState::Completed,
            "Failed" => BatchState::Failed,
            "NotProcessed" | "Not Processed" => BatchState::NotProcessed,
            _ => BatchState::Other(text),
        }
    }

    /// Whether the org will do no more with it.
    pub fn is_final(&self) -> bool {
        matches!(self, BatchState::Completed | BatchState::Failed | BatchState::NotProcessed)
    }
}

/// A batch as the org last described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The batch's id.
    pub id: String,
    /// Its job's id.
    pub job: String,
    /// Its state.
    pub state: BatchState,
    /// Why it failed as a whole.
    pub message: Option<String>,
    /// Records processed so far, failed ones included.
    pub records_processed: u64,
    /// Records that failed.
    pub records_failed: u64,
}

impl Batch {
    fn of(what: &str, mut leaves: Leaves) -> Result<Batch, Error> {
        let number = |leaves: &Leaves, name: &str| leaves.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let id = leaves.remove("id").ok_or_else(|| Error::unexpected(what, "the batch has no id"))?;
        Ok(Batch {
            id,
            job: leaves.remove("jobId").unwrap_or_default(),
            state: BatchState::read(leaves.remove("state").unwrap_or_default()),
            message: leaves.remove("stateMessage").filter(|message| !message.is_empty()),
            records_processed: number(&leaves, "numberRecordsProcessed"),
            records_failed: number(&leaves, "numberRecordsFailed"),
        })
    }
}

/// What became of one record of a batch, in the request's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestResult {
    /// The record's id; `None` where it failed before it had one.
    pub id: Option<String>,
    /// Whether it was saved.
    pub success: bool,
    /// Whether it is a new record.
    pub created: bool,
    /// Why it failed, as `CODE:message:fields --`.
    pub error: Option<String>,
}

struct AddBatch {
    job: Job,
    data: Bytes,
}

impl Call for AddBatch {
    type Reply = Batch;

    fn what(&self) -> String {
        format!("adding a batch to job {}", self.job.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        if self.data.len() > BATCH_BYTES_MAX {
            return Err(Error::UploadTooLarge { bytes: self.data.len() as u64, max: BATCH_BYTES_MAX as u64 });
        }
        let path = format!("{}/batch", job_path(api, &self.job.id));
        let mut request = with_token(build(Method::POST, path, Some(self.data.clone()))?);
        request.headers_mut().insert(header::CONTENT_TYPE, self.job.content_type.media_type());
        Ok(request)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Batch, Error> {
        let what = self.what();
        Batch::of(&what, wire::record(&what, response.body(), "batchInfo")?)
    }
}

/// `GET` of a job's batches, or of one.
struct GetBatches {
    job: String,
    batch: Option<String>,
}

impl Call for GetBatches {
    type Reply = Vec<Batch>;

    fn what(&self) -> String {
        match &self.batch {
            Some(batch) => format!("reading batch {batch}"),
            None => format!("listing the batches of job {}", self.job),
        }
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let mut path = format!("{}/batch", job_path(api, &self.job));
        if let Some(batch) = &self.batch {
            path.push('/');
            path.push_str(&escape(batch));
        }
        build(Method::GET, path, None).map(with_token)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<Batch>, Error> {
        let what = self.what();
        wire::records(&what, response.body(), "batchInfo")?.into_iter().map(|leaves| Batch::of(&what, leaves)).collect()
    }
}

/// `GET` of a query batch's result ids.
struct GetResultIds {
    job: String,
    batch: String,
}

impl Call for GetResultIds {
    type Reply = Vec<String>;

    fn what(&self) -> String {
        format!("listing the results of batch {}", self.batch)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/batch/{}/result", job_path(api, &self.job), escape(&self.batch));
        build(Method::GET, path, None).map(with_token)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<String>, Error> {
        wire::list(&self.what(), response.body(), "result")
    }
}

impl Bulk1 {
    /// Adds a batch: for a write at most [`super::BATCH_RECORDS_MAX`] records and [`BATCH_BYTES_MAX`] bytes, for a query
    /// the SOQL. Not sent again when the answer was lost.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`] when the answer was lost: the job has one batch more or not, which
    /// [`Bulk1::batches`] tells. [`Error::UploadTooLarge`] before anything is sent.
    pub async fn add_batch(&self, job: &Job, data: impl Into<Bytes>) -> Result<Batch, Error> {
        match self.client.send(&AddBatch { job: job.clone(), data: data.into() }).await {
            Err(Error::Transport { how, source, what })
                if !matches!(how, crate::LostHow::Unreachable | crate::LostHow::Untrusted) =>
            {
                Err(Error::UploadUnknown { job: job.id.clone(), source: Arc::new(Text(format!("{what}: {source}"))) })
            }
            outcome => outcome,
        }
    }

    /// All batches of a job, in the order in which they were added.
    pub async fn batches(&self, job: &str) -> Result<Vec<Batch>, Error> {
        self.client.send(&GetBatches { job: job.to_owned(), batch: None }).await
    }

    /// A batch as it is now.
    pub async fn batch(&self, job: &str, batch: &str) -> Result<Batch, Error> {
        let call = GetBatches { job: job.to_owned(), batch: Some(batch.to_owned()) };
        let mut found = self.client.send(&call).await?;
        found.pop().ok_or_else(|| Error::unexpected(call.what(), "there is no batch in it"))
    }

    /// Waits until nothing more happens to any batch of a job. With PK chunking the first one ends as
    /// [`BatchState::NotProcessed`] and those that the org made in its place follow it.
    ///
    /// # Errors
    /// [`Error::JobDeadline`] when it takes longer than allowed.
    pub async fn wait(&self, job: &str, wait: Wait) -> Result<Vec<Batch>, Error> {
        let mut pauses = Pauses::new(wait);
        loop {
            let batches = self.batches(job).await?;
            if batches.iter().all(|batch| batch.state.is_final()) {
                // A batch that is put aside is followed by others, unless the job was stopped.
                let cut = is_being_cut(&batches);
                if !cut || matches!(self.job(job).await?.state.as_str(), "Aborted" | "Failed") {
                    return Ok(batches);
                }
            }
            let done = batches.iter().filter(|batch| batch.state.is_final()).count();
            let state = crate::bulk::JobState::Other(format!("at work ({done} of {} batches are done)", batches.len()));
            pauses.pause(job, &state).await?;
        }
    }

    /// What became of the records of a batch whose data is CSV, in the order of the request.
    pub async fn results(&self, job: &Job, batch: &str) -> Result<IngestResultRows, Error> {
        let what = format!("reading the results of batch {batch}");
        let expected = self.batch(&job.id, batch).await?.records_processed;
        let body = self.open(&what, &job.id, &format!("batch/{}/result", escape(batch))).await?;
        let page = CsvPage::open(batch.to_owned(), None, Some(expected), None, body, ColumnDelimiter::Comma).await?;
        IngestResultRows::new(what, page)
    }

    /// The data of a batch as it was sent, or any result, as bytes: for data that is no CSV.
    pub async fn request(&self, job: &str, batch: &str) -> Result<ResultPage, Error> {
        let what = format!("reading batch {batch} as it was sent");
        let body = self.open(&what, job, &format!("batch/{}/request", escape(batch))).await?;
        Ok(ResultPage { rows_expected: 0, next: None, body })
    }

    /// The ids of a query batch's results; there can be several.
    pub async fn query_results(&self, job: &str, batch: &str) -> Result<Vec<String>, Error> {
        self.client.send(&GetResultIds { job: job.to_owned(), batch: batch.to_owned() }).await
    }

    /// One result of a query batch as bytes, in the job's form.
    pub async fn query_result_bytes(&self, job: &str, batch: &str, result: &str) -> Result<ResultPage, Error> {
        let what = format!("reading result {result} of batch {batch}");
        let body = self.open(&what, job, &format!("batch/{}/result/{}", escape(batch), escape(result))).await?;
        Ok(ResultPage { rows_expected: 0, next: None, body })
    }

    /// One result of a query batch whose form is CSV. `rows` is how many it should have, where that is known: nothing in
    /// the answer tells.
    pub async fn query_result(
        &self,
        job: &str,
        batch: &str,
        result: &str,
        rows: Option<u64>,
    ) -> Result<CsvPage, Error> {
        let page = self.query_result_bytes(job, batch, result).await?;
        CsvPage::open(batch.to_owned(), None, rows, None, page.body, ColumnDelimiter::Comma).await
    }

    async fn open(&self, what: &str, job: &str, rest: &str) -> Result<Body, Error> {
        let inner = &self.client.inner;
        let target = format!("{}/{rest}", job_path(self.client.api_version(), job));
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        let response = inner.open_with(what.to_owned(), target, headers, Some(TOKEN)).await?;
        Ok(Body::new(self.client.clone(), response, what.to_owned()))
    }
}

/// Whether the org has still to put other batches in the place of the first.
fn is_being_cut(batches: &[Batch]) -> bool {
    matches!(batches, [only] if only.state == BatchState::NotProcessed && only.message.is_none())
}

/// The results of a batch, a chunk at a time.
#[derive(Debug)]
pub struct IngestResultRows {
    what: String,
    page: CsvPage,
    places: [usize; 4],
}

impl IngestResultRows {
    fn new(what: String, page: CsvPage) -> Result<IngestResultRows, Error> {
        let place = |name: &str| {
            page.columns()
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name))
                .ok_or_else(|| Error::unexpected(&what, format!("there is no column {name}")))
        };
        // A batch without records has results without a header row.
        let places = if page.columns().is_empty() {
            [0; 4]
        } else {
            [place("Id")?, place("Success")?, place("Created")?, place("Error")?]
        };
        Ok(IngestResultRows { what, page, places })
    }

    /// The next results; `None` when all have come.
    ///
    /// # Errors
    /// [`Error::PageCut`] when some did not.
    pub async fn next(&mut self) -> Result<Option<Vec<IngestResult>>, Error> {
        let Some(rows) = self.page.next_rows().await? else { return Ok(None) };
        self.read(&rows).map(Some)
    }

    fn read(&self, rows: &CsvRows) -> Result<Vec<IngestResult>, Error> {
        let [id, success, created, error] = self.places;
        rows.iter()
            .map(|row| {
                let text = |place: usize| row.get(place).unwrap_or_default();
                let flag = |place: usize| match text(place) {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    other => Err(Error::unexpected(&self.what, format!("`{other}` is neither true nor false"))),
                };
                let some = |place: usize| Some(text(place)).filter(|text| !text.is_empty()).map(str::to_owned);
                Ok(IngestResult { id: some(id), success: flag(success)?, created: flag(created)?, error: some(error) })
            })
            .collect()
    }
}
