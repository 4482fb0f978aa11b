//! Query jobs: create, wait, and read results page by page. A page is asked for by its locator as often as needed for
//! seven days, which is what makes a download resumable; pages may be read several at a time.

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, escape, get, with_json},
    client::Client,
    error::Error,
    version::ApiVersion,
};

use super::{
    Bulk, CsvPage,
    job::{
        ColumnDelimiter, DeleteJob, Family, GetJob, JobState, LineEnding, Pauses, SetState, Wait, api_version, job_path,
    },
};

/// Which records a query job reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QueryOperation {
    /// Those that are not deleted.
    #[default]
    Query,
    /// Also those in the recycle bin, and archived activities.
    QueryAll,
}

/// A query job as the org last described it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryJob {
    /// The job's id, to come back to it later.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// The object queried.
    #[serde(default)]
    pub object: Option<String>,
    /// The version it was created with; its results can be read with no other.
    #[serde(deserialize_with = "api_version")]
    pub api_version: ApiVersion,
    /// What stands between columns.
    #[serde(default)]
    pub column_delimiter: ColumnDelimiter,
    /// How rows end.
    #[serde(default)]
    pub line_ending: LineEnding,
    /// Rows found so far.
    #[serde(default)]
    pub number_records_processed: Option<u64>,
    /// Why it failed. A failed job may give no reason.
    #[serde(default)]
    pub error_message: Option<String>,
    /// How often the org began it again.
    #[serde(default)]
    pub retries: Option<u64>,
    /// Milliseconds that the org worked on it.
    #[serde(default)]
    pub total_processing_time: Option<u64>,
    /// Whether the object can be cut by primary key, which makes large queries fast.
    #[serde(default)]
    pub is_pk_chunking_supported: Option<bool>,
}

/// A place in a query job's results. Opaque; the empty text is the first page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locator(String);

impl Locator {
    /// The first page.
    pub fn first() -> Locator {
        Locator::default()
    }

    /// A locator that was stored.
    pub fn new(text: impl Into<String>) -> Locator {
        Locator(text.into())
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_url(url: &str) -> Locator {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name.eq_ignore_ascii_case("locator"))
            .map(|(_, value)| Locator(value.into_owned()))
            .unwrap_or_default()
    }
}

impl std::fmt::Display for Locator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "(first page)" } else { &self.0 })
    }
}

/// `POST /jobs/query`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateQueryJob {
    /// Which records.
    pub operation: QueryOperation,
    /// The query.
    pub query: String,
    /// What is to stand between columns.
    pub column_delimiter: ColumnDelimiter,
    /// How rows are to end.
    pub line_ending: LineEnding,
}

impl CreateQueryJob {
    /// Commas and line feeds.
    pub fn new(soql: impl Into<String>, operation: QueryOperation) -> CreateQueryJob {
        CreateQueryJob {
            operation,
            query: soql.into(),
            column_delimiter: ColumnDelimiter::default(),
            line_ending: LineEnding::default(),
        }
    }
}

impl Call for CreateQueryJob {
    type Reply = QueryJob;

    fn what(&self) -> String {
        "creating a query job".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        with_json(Method::POST, format!("{}/jobs/query", api.base_path()), self)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<QueryJob, Error> {
        decode_json(&self.what(), response.body())
    }

    /// A second job changes nothing in the org and is forgotten after seven days.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

/// `GET /jobs/query/{id}/resultPages`, or its next part.
#[derive(Clone, Debug)]
pub struct ResultPages {
    api: ApiVersion,
    job: String,
    next: Option<String>,
}

/// Up to five pages of a job, and where more are listed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultPagesReply {
    result_pages: Vec<ResultUrl>,
    #[serde(default, alias = "nextRecordUrl")]
    next_records_url: Option<String>,
    #[serde(default)]
    done: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultUrl {
    result_url: String,
}

impl Call for ResultPages {
    type Reply = ResultPagesReply;

    fn what(&self) -> String {
        format!("listing the result pages of job {}", self.job)
    }

    fn request(&self, _: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        match &self.next {
            None => get(format!("{}/resultPages", job_path(self.api, Family::Query, &self.job))),
            Some(url) if url.starts_with("/services/data/") => get(url.clone()),
            Some(_) => Err(Error::unexpected(self.what(), "the URL of the next part is not a path of the API")),
        }
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<ResultPagesReply, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// A page of results whose bytes are still coming. Dropping it ends the download.
#[derive(Debug)]
pub struct ResultPage {
    /// Rows in this page, from `Sforce-NumberOfRecords`. Count them: nothing else shows that a page is complete.
    pub rows_expected: u64,
    /// The page after this one; `None` for the last.
    pub next: Option<Locator>,
    pub(crate) body: Body,
}

/// Bytes of an answer as they come, uncompressed, never held as a whole.
#[derive(Debug)]
pub(crate) struct Body {
    client: Client,
    response: reqwest::Response,
    what: String,
}

impl Body {
    pub(crate) fn new(client: Client, response: reqwest::Response, what: String) -> Body {
        Body { client, response, what }
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.client.inner.transport.chunk(&self.what, &mut self.response).await
    }
}

impl ResultPage {
    /// The next piece of the CSV, header row first; `None` at the end. Pieces end anywhere.
    ///
    /// # Errors
    /// [`Error::Transport`] where the connection breaks, or nothing comes for the idle time.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.body.chunk().await
    }

    /// The CSV as a stream of such pieces.
    pub fn csv(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        futures::stream::try_unfold(self, |mut page| async move { Ok(page.chunk().await?.map(|chunk| (chunk, page))) })
    }
}

impl Bulk {
    /// Creates a query job. Sub-selects, aggregates and OFFSET are refused by the org.
    pub async fn create_query_job(&self, soql: &str, operation: QueryOperation) -> Result<QueryJob, Error> {
        self.client.send(&CreateQueryJob::new(soql, operation)).await
    }

    /// A query job as it is now.
    pub async fn query_job(&self, id: &str) -> Result<QueryJob, Error> {
        self.client.send(&GetJob { family: Family::Query, id: id.to_owned(), reply: std::marker::PhantomData }).await
    }

    /// Waits until a query job is complete.
    ///
    /// # Errors
    /// [`Error::Job`] when it fails or is aborted, [`Error::JobDeadline`] when it takes longer than allowed.
    pub async fn wait(&self, id: &str, wait: Wait) -> Result<QueryJob, Error> {
        let mut pauses = Pauses::new(wait);
        loop {
            let job = self.query_job(id).await?;
            match job.state {
                JobState::JobComplete => return Ok(job),
                JobState::Failed | JobState::Aborted => {
                    return Err(Error::Job { id: job.id, state: job.state.to_string(), message: job.error_message });
                }
                _ => pauses.pause(id, &job.state).await?,
            }
        }
    }

    /// The locators of all pages of a complete job, to be read in any order.
    pub async fn result_pages(&self, job: &QueryJob) -> Result<Vec<Locator>, Error> {
        let mut locators = Vec::new();
        let mut call = ResultPages { api: job.api_version, job: job.id.clone(), next: None };
        loop {
            let reply = self.client.send(&call).await?;
            let came = reply.result_pages.len();
            locators.extend(reply.result_pages.iter().map(|page| Locator::of_url(&page.result_url)));
            match (reply.done, reply.next_records_url) {
                (Some(true), _) | (None, None) => return Ok(locators),
                (_, Some(next)) if came > 0 && call.next.as_deref() != Some(next.as_str()) => {
                    call.next = Some(next);
                }
                _ => {
                    // Taking this for the end would lose pages in silence.
                    return Err(Error::unexpected(call.what(), "the list is not complete and names no next part"));
                }
            }
        }
    }

    /// Opens one page of a complete job's results. `rows_max` is an upper bound; the org may give fewer.
    pub async fn result_page(
        &self,
        job: &QueryJob,
        locator: &Locator,
        rows_max: Option<u64>,
    ) -> Result<ResultPage, Error> {
        let what = format!("reading results of job {}", job.id);
        let mut target = format!("{}/results", job_path(job.api_version, Family::Query, &job.id));
        let mut sign = '?';
        if !locator.0.is_empty() {
            target.push_str(&format!("?locator={}", escape(&locator.0)));
            sign = '&';
        }
        if let Some(rows) = rows_max {
            target.push_str(&format!("{sign}maxRecords={rows}"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/csv"));
        let response = self.client.inner.open(what.clone(), target, headers).await?;
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let rows_expected =
            text("sforce-numberofrecords").and_then(|rows| rows.trim().parse().ok()).ok_or_else(|| {
                Error::unexpected(&what, "no Sforce-NumberOfRecords header says how many rows are in the page")
            })?;
        // The last page's locator is the word `null`.
        let next = text("sforce-locator")
            .map(str::trim)
            .filter(|locator| !locator.is_empty() && *locator != "null")
            .map(Locator::new);
        Ok(ResultPage { rows_expected, next, body: Body::new(self.client.clone(), response, what) })
    }

    /// As [`Bulk::result_page`], read as CSV and verified against the count header.
    pub async fn download(&self, job: &QueryJob, locator: &Locator, rows_max: Option<u64>) -> Result<CsvPage, Error> {
        let page = self.result_page(job, locator, rows_max).await?;
        CsvPage::open(
            job.id.clone(),
            Some(locator.clone()),
            Some(page.rows_expected),
            page.next,
            page.body,
            job.column_delimiter,
        )
        .await
    }

    /// Aborts a query job that has not ended.
    pub async fn abort_query_job(&self, id: &str) -> Result<(), Error> {
        let outcome =
            self.client.send(&SetState { family: Family::Query, id: id.to_owned(), state: JobState::Aborted }).await;
        match outcome {
            Err(error) if error.has_code("INVALIDJOBSTATE") => match self.query_job(id).await?.state {
                JobState::Aborted => Ok(()),
                _ => Err(error),
            },
            outcome => outcome,
        }
    }

    /// Deletes a query job that has ended, and its results. A job that is not there counts as deleted.
    pub async fn delete_query_job(&self, id: &str) -> Result<(), Error> {
        delete(&self.client, Family::Query, id).await
    }
}

pub(super) async fn delete(client: &Client, family: Family, id: &str) -> Result<(), Error> {
    let outcome = client.send(&DeleteJob { family, id: id.to_owned() }).await;
    match outcome {
        Err(error) if error.status() == Some(404) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &'static str) -> http::Response<Bytes> {
        http::Response::new(Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn creates_a_job() {
        let call = CreateQueryJob::new("SELECT Id FROM Account", QueryOperation::QueryAll);
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/jobs/query");
        assert_eq!(
            request.body().as_ref(),
            br#"{"operation":"queryAll","query":"SELECT Id FROM Account","columnDelimiter":"COMMA","lineEnding":"LF"}"#
        );
        let job = call
            .reply(answer(r#"{ "id":"7505e00000QUERYAA1","operation":"query","object":"Account","state":"UploadComplete","concurrencyMode":"Parallel","contentType":"CSV","apiVersion":66.0,"lineEnding":"LF","columnDelimiter":"COMMA" }"#))
            .unwrap();
        assert_eq!(job.state, JobState::UploadComplete);
        assert_eq!(job.api_version, ApiVersion::new(66));
    }

    #[test]
    fn lists_pages_in_both_spellings() {
        let call = ResultPages { api: ApiVersion::new(60), job: "750x".into(), next: None };
        assert_eq!(
            call.request(ApiVersion::new(66)).unwrap().uri(),
            "/services/data/v60.0/jobs/query/750x/resultPages"
        );
        for key in ["nextRecordsUrl", "nextRecordUrl"] {
            let body = format!(
                r#"{{"resultPages":[{{"resultUrl":"/services/data/v66.0/jobs/query/750x/results?locator=aB%2BD"}},{{"resultUrl":"/services/data/v66.0/jobs/query/750x/results"}}],"{key}":"/services/data/v66.0/jobs/query/750x/resultpages?locator=iJ","done":false}}"#
            );
            let reply = call.reply(http::Response::new(body.into())).unwrap();
            let locators: Vec<Locator> =
                reply.result_pages.iter().map(|page| Locator::of_url(&page.result_url)).collect();
            assert_eq!(locators, [Locator::new("aB+D"), Locator::first()]);
            assert!(reply.next_records_url.unwrap().ends_with("locator=iJ"));
        }
    }
}
