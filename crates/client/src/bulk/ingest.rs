//! Ingest jobs: create, upload once, close, wait, and read what became of the rows.

use std::error::Error as StdError;

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, with_json},
    error::Error,
    version::ApiVersion,
};

use super::{
    Bulk, CsvPage,
    job::{ColumnDelimiter, Family, GetJob, JobState, LineEnding, Pauses, SetState, Wait, api_version, job_path},
    query::{Body, delete},
};

/// What an ingest job does with its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IngestOperation {
    /// Makes records.
    Insert,
    /// Changes records by Id.
    Update,
    /// Changes or makes records by a key.
    Upsert {
        /// The external id field, or an idLookup field.
        external_id: String,
    },
    /// Deletes records by Id, into the recycle bin.
    Delete,
    /// Deletes records by Id for good. Needs the user permission "Bulk API Hard Delete".
    HardDelete,
}

impl IngestOperation {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            IngestOperation::Insert => "insert",
            IngestOperation::Update => "update",
            IngestOperation::Upsert { .. } => "upsert",
            IngestOperation::Delete => "delete",
            IngestOperation::HardDelete => "hardDelete",
        }
    }
}

/// What to say when an ingest job is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestSpec {
    /// API name of the object.
    pub object: String,
    /// What to do.
    pub operation: IngestOperation,
    /// What stands between columns of the upload and of the results.
    pub column_delimiter: ColumnDelimiter,
    /// How rows end, also inside quoted values.
    pub line_ending: LineEnding,
    /// An assignment rule, for cases and leads.
    pub assignment_rule: Option<String>,
}

impl IngestSpec {
    /// Commas and line feeds.
    pub fn new(object: impl Into<String>, operation: IngestOperation) -> IngestSpec {
        IngestSpec {
            object: object.into(),
            operation,
            column_delimiter: ColumnDelimiter::Comma,
            line_ending: LineEnding::Lf,
            assignment_rule: None,
        }
    }
}

/// `POST /jobs/ingest`.
#[derive(Clone, Debug)]
pub struct CreateIngestJob(pub IngestSpec);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    object: &'a str,
    operation: &'static str,
    content_type: &'static str,
    column_delimiter: ColumnDelimiter,
    line_ending: LineEnding,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id_field_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment_rule_id: Option<&'a str>,
}

impl Call for CreateIngestJob {
    type Reply = IngestJob;

    fn what(&self) -> String {
        format!("creating an ingest job for {}", self.0.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let body = CreateBody {
            object: &self.0.object,
            operation: self.0.operation.name(),
            content_type: "CSV",
            column_delimiter: self.0.column_delimiter,
            line_ending: self.0.line_ending,
            external_id_field_name: match &self.0.operation {
                IngestOperation::Upsert { external_id } => Some(external_id),
                _ => None,
            },
            assignment_rule_id: self.0.assignment_rule.as_deref(),
        };
        with_json(Method::POST, format!("{}/jobs/ingest", api.base_path()), &body)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<IngestJob, Error> {
        decode_json(&self.what(), response.body())
    }

    /// A second job without data does nothing, and the org ends it after 24 hours.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

/// An ingest job as the org last described it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngestJob {
    /// The job's id, to come back to it later.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// The object written.
    #[serde(default)]
    pub object: Option<String>,
    /// The version it was created with.
    #[serde(deserialize_with = "api_version")]
    pub api_version: ApiVersion,
    /// What stands between columns.
    #[serde(default)]
    pub column_delimiter: ColumnDelimiter,
    /// How rows end.
    #[serde(default)]
    pub line_ending: LineEnding,
    /// Rows processed so far, failed ones included.
    #[serde(default)]
    pub number_records_processed: Option<u64>,
    /// Rows that failed.
    #[serde(default)]
    pub number_records_failed: Option<u64>,
    /// Why the job as a whole failed.
    #[serde(default)]
    pub error_message: Option<String>,
    /// How often the org began batches of it again.
    #[serde(default)]
    pub retries: Option<u64>,
    /// Milliseconds from start to end, as the org counts them.
    #[serde(default)]
    pub total_processing_time: Option<u64>,
    /// Milliseconds spent on the rows, triggers included.
    #[serde(default)]
    pub api_active_processing_time: Option<u64>,
    /// Milliseconds spent in triggers and other Apex.
    #[serde(default)]
    pub apex_processing_time: Option<u64>,
}

/// The three kinds of result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestResults {
    /// `sf__Id`, `sf__Created` and the uploaded columns.
    Successful,
    /// `sf__Id`, `sf__Error` and the uploaded columns.
    Failed,
    /// The uploaded columns of rows that were not reached.
    Unprocessed,
}

impl IngestResults {
    fn path(self) -> &'static str {
        match self {
            IngestResults::Successful => "successfulResults",
            IngestResults::Failed => "failedResults",
            IngestResults::Unprocessed => "unprocessedrecords",
        }
    }
}

/// What became of an ingest job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestSummary {
    /// The job, ended.
    pub job: IngestJob,
    /// Rows that were saved.
    pub successful: u64,
    /// Rows that were refused. Read why from [`IngestResults::Failed`].
    pub failed: u64,
}

impl IngestSummary {
    pub(super) fn of(job: IngestJob) -> IngestSummary {
        let processed = job.number_records_processed.unwrap_or(0);
        let failed = job.number_records_failed.unwrap_or(0);
        IngestSummary { job, successful: processed.saturating_sub(failed), failed }
    }
}

impl Bulk {
    /// Creates an ingest job, open for one upload.
    pub async fn create_ingest_job(&self, spec: IngestSpec) -> Result<IngestJob, Error> {
        self.client.send(&CreateIngestJob(spec)).await
    }

    /// An ingest job as it is now.
    pub async fn ingest_job(&self, id: &str) -> Result<IngestJob, Error> {
        self.client.send(&GetJob { family: Family::Ingest, id: id.to_owned(), reply: std::marker::PhantomData }).await
    }

    /// Says that the upload is complete; the org starts to work.
    pub async fn close_ingest_job(&self, id: &str) -> Result<(), Error> {
        self.set_ingest_state(id, JobState::UploadComplete).await
    }

    /// Stops a job. Rows that are done stay done.
    pub async fn abort_ingest_job(&self, id: &str) -> Result<(), Error> {
        self.set_ingest_state(id, JobState::Aborted).await
    }

    /// Deletes a job that has ended, and its results. A job that is not there counts as deleted.
    pub async fn delete_ingest_job(&self, id: &str) -> Result<(), Error> {
        delete(&self.client, Family::Ingest, id).await
    }

    async fn set_ingest_state(&self, id: &str, state: JobState) -> Result<(), Error> {
        let outcome =
            self.client.send(&SetState { family: Family::Ingest, id: id.to_owned(), state: state.clone() }).await;
        match outcome {
            // After a lost answer the job may already be where we want it.
            Err(error) if error.has_code("INVALIDJOBSTATE") => {
                let now = self.ingest_job(id).await?.state;
                let closed = state == JobState::UploadComplete
                    && matches!(
                        now,
                        JobState::UploadComplete | JobState::InProgress | JobState::JobComplete | JobState::Failed
                    );
                if closed || now == state { Ok(()) } else { Err(error) }
            }
            outcome => outcome,
        }
    }

    /// Waits until an ingest job has ended, in whatever state: rows may be done even in a failed one.
    ///
    /// # Errors
    /// [`Error::JobDeadline`] when it takes longer than allowed.
    pub async fn wait_ingest(&self, id: &str, wait: Wait) -> Result<IngestJob, Error> {
        let mut pauses = Pauses::new(wait);
        loop {
            let job = self.ingest_job(id).await?;
            if job.state.is_final() {
                return Ok(job);
            }
            pauses.pause(id, &job.state).await?;
        }
    }

    /// What became of the rows of a job that has ended, in the org's order. The counts of successful and failed rows
    /// are checked against the job's.
    pub async fn results(&self, job: &IngestJob, which: IngestResults) -> Result<CsvPage, Error> {
        let what = format!("reading results of job {}", job.id);
        let target = format!("{}/{}", job_path(job.api_version, Family::Ingest, &job.id), which.path());
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/csv"));
        let response = self.client.inner.open(what.clone(), target, headers).await?;
        // Only a job that was processed to its end has counts to check against.
        let counts = job.state == JobState::JobComplete;
        let expected = match which {
            IngestResults::Successful if counts => job
                .number_records_processed
                .zip(job.number_records_failed)
                .map(|(processed, failed)| processed.saturating_sub(failed)),
            IngestResults::Failed if counts => job.number_records_failed,
            _ => None,
        };
        CsvPage::open(
            job.id.clone(),
            None,
            expected,
            None,
            Body::new(self.client.clone(), response, what),
            job.column_delimiter,
        )
        .await
    }

    /// Loads one stream by one job: create, upload, close, wait. A stream that is larger than a job may be is an error
    /// before anything is processed. When the upload fails or its outcome is unknown, the job is aborted, nothing was
    /// written, and the caller may start again with a new stream.
    ///
    /// # Errors
    /// [`Error::Job`] when the job as a whole fails. Rows that fail are no error: see [`IngestSummary::failed`].
    pub async fn ingest<S, E>(
        &self,
        spec: IngestSpec,
        csv: S,
        length: Option<u64>,
        wait: Wait,
    ) -> Result<IngestSummary, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Sync + Unpin + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        let job = self.create_ingest_job(spec).await?;
        if let Err(error) = self.upload(&job, csv, length).await {
            if let Err(second) = self.abort_ingest_job(&job.id).await {
                tracing::warn!(job = job.id, error = %second, "the job could not be aborted; the org ends it after 24 hours");
            }
            return Err(error);
        }
        self.close_ingest_job(&job.id).await?;
        let job = self.wait_ingest(&job.id, wait).await?;
        match job.state {
            JobState::JobComplete => Ok(IngestSummary::of(job)),
            _ => Err(Error::Job { id: job.id, state: job.state.to_string(), message: job.error_message }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_a_job() {
        let mut spec = IngestSpec::new("Contact", IngestOperation::Upsert { external_id: "Ext_Id__c".into() });
        spec.line_ending = LineEnding::Crlf;
        let call = CreateIngestJob(spec);
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/jobs/ingest");
        assert_eq!(
            request.body().as_ref(),
            br#"{"object":"Contact","operation":"upsert","contentType":"CSV","columnDelimiter":"COMMA","lineEnding":"CRLF","externalIdFieldName":"Ext_Id__c"}"#
        );
    }

    #[test]
    fn reads_a_job_with_its_counts() {
        let body = r#"{"id":"7505e00000ABCDEAA1","operation":"upsert","object":"Contact","state":"JobComplete","apiVersion":66.0,"jobType":"V2Ingest","lineEnding":"LF","columnDelimiter":"COMMA","numberRecordsProcessed":25000,"numberRecordsFailed":3,"retries":0}"#;
        let call = CreateIngestJob(IngestSpec::new("Contact", IngestOperation::Insert));
        let job = call.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let summary = IngestSummary::of(job);
        assert_eq!((summary.successful, summary.failed), (24_997, 3));
    }
}
