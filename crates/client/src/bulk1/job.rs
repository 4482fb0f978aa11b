//! Jobs of Bulk API 1.0: what is made, and what the org says of it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use crate::{
    bulk::{IngestOperation, QueryOperation},
    call::{Call, TokenPlace, build, escape},
    error::Error,
    version::ApiVersion,
};

use super::{
    Bulk1,
    wire::{self, Leaves},
};

/// Where Bulk API 1.0 expects the token.
pub(super) const TOKEN: TokenPlace = TokenPlace::Header(HeaderName::from_static("x-sfdc-session"));

/// The request with the token where it belongs.
pub(super) fn with_token(mut request: http::Request<Bytes>) -> http::Request<Bytes> {
    request.extensions_mut().insert(TOKEN);
    request
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes.
    Ingest(IngestOperation),
    /// Reads.
    Query(QueryOperation),
}

impl Operation {
    fn name(&self) -> &'static str {
        match self {
            Operation::Ingest(operation) => operation.name(),
            Operation::Query(QueryOperation::Query) => "query",
            Operation::Query(QueryOperation::QueryAll) => "queryAll",
        }
    }
}

/// In which form a job's data goes and comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentType {
    /// Comma-separated values with a header row.
    #[default]
    Csv,
    /// A list of objects. A query's rows keep their relationships nested.
    Json,
    /// `sObjects` of Salesforce's namespace.
    Xml,
}

impl ContentType {
    fn name(self) -> &'static str {
        match self {
            ContentType::Csv => "CSV",
            ContentType::Json => "JSON",
            ContentType::Xml => "XML",
        }
    }

    /// The media type of a batch.
    pub(super) fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            ContentType::Csv => "text/csv; charset=UTF-8",
            ContentType::Json => "application/json; charset=UTF-8",
            ContentType::Xml => "application/xml; charset=UTF-8",
        })
    }

    fn read(text: &str) -> ContentType {
        match text {
            "JSON" => ContentType::Json,
            "XML" => ContentType::Xml,
            _ => ContentType::Csv,
        }
    }
}

/// How the org works through a job's batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// Several at a time.
    #[default]
    Parallel,
    /// One after the other: slower, and without the lock failures of rows that share a parent.
    Serial,
}

/// How a query is cut by primary key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PkChunking {
    /// Ids in a chunk: 100,000 unless given, 250,000 at most.
    pub chunk_size: Option<u32>,
    /// For a sharing or history object: the object whose ids cut it.
    pub parent: Option<String>,
    /// The first chunk begins at this id.
    pub start_row: Option<String>,
}

impl PkChunking {
    fn header(&self) -> String {
        let mut items = vec![];
        if let Some(size) = self.chunk_size {
            items.push(format!("chunkSize={}", size.clamp(1, 250_000)));
        }
        if let Some(parent) = &self.parent {
            items.push(format!("parent={parent}"));
        }
        if let Some(start) = &self.start_row {
            items.push(format!("startRow={start}"));
        }
        if items.is_empty() { "TRUE".to_owned() } else { items.join("; ") }
    }
}

/// What to say when a job is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// API name of the object.
    pub object: String,
    /// What to do.
    pub operation: Operation,
    /// The form of the data.
    pub content_type: ContentType,
    /// One batch after the other, or several at a time.
    pub concurrency: Concurrency,
    /// An assignment rule, for cases and leads.
    pub assignment_rule: Option<String>,
    /// Cuts a query by primary key.
    pub pk_chunking: Option<PkChunking>,
    /// A batch that takes too long fails instead of being begun again.
    pub disable_batch_retry: bool,
}

impl JobSpec {
    /// CSV, in parallel.
    pub fn new(object: impl Into<String>, operation: Operation) -> JobSpec {
        JobSpec {
            object: object.into(),
            operation,
            content_type: ContentType::default(),
            concurrency: Concurrency::default(),
            assignment_rule: None,
            pk_chunking: None,
            disable_batch_retry: false,
        }
    }
}

/// A job as the org last described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's id.
    pub id: String,
    /// `Open`, `Closed`, `Aborted`, `Failed`.
    pub state: String,
    /// The object.
    pub object: String,
    /// The form of the data.
    pub content_type: ContentType,
    /// Batches in all.
    pub batches: u64,
    /// Batches that are done.
    pub batches_completed: u64,
    /// Batches that failed as a whole.
    pub batches_failed: u64,
    /// Records processed so far, failed ones included.
    pub records_processed: u64,
    /// Records that failed.
    pub records_failed: u64,
}

impl Job {
    fn read(what: &str, body: &[u8]) -> Result<Job, Error> {
        let mut leaves = wire::record(what, body, "jobInfo")?;
        let number = |leaves: &Leaves, name: &str| leaves.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let id = leaves.remove("id").ok_or_else(|| Error::unexpected(what, "the job has no id"))?;
        Ok(Job {
            id,
            state: leaves.remove("state").unwrap_or_default(),
            object: leaves.remove("object").unwrap_or_default(),
            content_type: ContentType::read(leaves.get("contentType").map_or("", String::as_str)),
            batches: number(&leaves, "numberBatchesTotal"),
            batches_completed: number(&leaves, "numberBatchesCompleted"),
            batches_failed: number(&leaves, "numberBatchesFailed"),
            records_processed: number(&leaves, "numberRecordsProcessed"),
            records_failed: number(&leaves, "numberRecordsFailed"),
        })
    }
}

/// The path of a job.
pub(super) fn job_path(api: ApiVersion, id: &str) -> String {
    format!("/services/async/{api}/job/{}", escape(id))
}

/// `POST /services/async/X/job`.
#[derive(Clone, Debug)]
struct CreateJob(JobSpec);

/// The element of XML with text in it.
fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", quick_xml::escape::escape(text))
}

/// A job's description in XML, which is understood whatever the form of the data.
fn job_info(elements: &str) -> Bytes {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><jobInfo \
         xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">{elements}</jobInfo>"
    )
    .into()
}

fn post_xml(path: String, body: Bytes) -> Result<http::Request<Bytes>, Error> {
    let mut request = with_token(build(Method::POST, path, Some(body))?);
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=UTF-8"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/xml"));
    Ok(request)
}

impl Call for CreateJob {
    type Reply = Job;

    fn what(&self) -> String {
        format!("creating a job of Bulk API 1.0 for {}", self.0.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let spec = &self.0;
        // The schema gives the elements an order.
        let mut body = element("operation", spec.operation.name());
        body.push_str(&element("object", &spec.object));
        if let Operation::Ingest(IngestOperation::Upsert { external_id }) = &spec.operation {
            body.push_str(&element("externalIdFieldName", external_id));
        }
        if let Some(rule) = &spec.assignment_rule {
            body.push_str(&element("assignmentRuleId", rule));
        }
        if spec.concurrency == Concurrency::Serial {
            body.push_str(&element("concurrencyMode", "Serial"));
        }
        body.push_str(&element("contentType", spec.content_type.name()));
        let mut request = post_xml(format!("/services/async/{api}/job"), job_info(&body))?;
        if let Some(chunking) = &spec.pk_chunking {
            let value = HeaderValue::from_str(&chunking.header()).map_err(|_| {
                Error::config("PK chunking: the parent or the first row has characters that a header cannot carry")
            })?;
            request.headers_mut().insert("sforce-enable-pkchunking", value);
        }
        if spec.disable_batch_retry {
            request.headers_mut().insert("sforce-disable-batch-retry", HeaderValue::from_static("TRUE"));
        }
        Ok(request)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Job, Error> {
        Job::read(&self.what(), response.body())
    }

    /// A second job without batches does nothing.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

/// `GET` of a job.
struct GetJob(String);

impl Call for GetJob {
    type Reply = Job;

    fn what(&self) -> String {
        format!("reading job {}", self.0)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        build(Method::GET, job_path(api, &self.0), None).map(with_token)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Job, Error> {
        Job::read(&self.what(), response.body())
    }
}

/// `POST` of a job's state.
struct SetState {
    id: String,
    state: &'static str,
}

impl Call for SetState {
    type Reply = Job;

    fn what(&self) -> String {
        format!("setting job {} to {}", self.id, self.state)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        post_xml(job_path(api, &self.id), job_info(&element("state", self.state)))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Job, Error> {
        Job::read(&self.what(), response.body())
    }

    /// A job that is closed stays so.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

impl Bulk1 {
    /// Creates a job, open for batches.
    pub async fn create_job(&self, spec: JobSpec) -> Result<Job, Error> {
        self.client.send(&CreateJob(spec)).await
    }

    /// A job as it is now.
    pub async fn job(&self, id: &str) -> Result<Job, Error> {
        self.client.send(&GetJob(id.to_owned())).await
    }

    /// Says that no more batches come. A job that is not closed keeps its place among the org's open ones for a week.
    pub async fn close_job(&self, id: &str) -> Result<Job, Error> {
        self.set_state(id, "Closed").await
    }

    /// Stops a job. Batches that are done stay done.
    pub async fn abort_job(&self, id: &str) -> Result<Job, Error> {
        self.set_state(id, "Aborted").await
    }

    async fn set_state(&self, id: &str, state: &'static str) -> Result<Job, Error> {
        match self.client.send(&SetState { id: id.to_owned(), state }).await {
            // After a lost answer the job may already be where we want it.
            Err(error) if error.has_code("InvalidJobState") => {
                let job = self.job(id).await?;
                if job.state == state { Ok(job) } else { Err(error) }
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_a_job() {
        let mut spec = JobSpec::new("Account", Operation::Query(QueryOperation::QueryAll));
        spec.concurrency = Concurrency::Serial;
        spec.pk_chunking =
            Some(PkChunking { chunk_size: Some(50_000), parent: Some("Account".into()), start_row: None });
        let request = CreateJob(spec).request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/async/66.0/job");
        assert_eq!(request.headers()["sforce-enable-pkchunking"], "chunkSize=50000; parent=Account");
        let body = std::str::from_utf8(request.body()).unwrap();
        assert!(body.ends_with("<operation>queryAll</operation><object>Account</object><concurrencyMode>Serial</concurrencyMode><contentType>CSV</contentType></jobInfo>"), "{body}");
        assert_eq!(PkChunking::default().header(), "TRUE");
    }
}
