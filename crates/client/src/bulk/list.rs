//! Which jobs an org has: those of Bulk API 2.0, and of 1.0 besides, a page at a time. What a process left behind when
//! it died is found here.

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::{
    call::{Call, decode_json, get},
    error::Error,
    version::ApiVersion,
};

use super::{
    Bulk,
    job::{Family, JobState, api_version},
};

/// What kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobType {
    /// Of Bulk API 1.0, whichever way its data goes.
    Classic,
    /// A query job of Bulk API 2.0.
    V2Query,
    /// An ingest job of Bulk API 2.0.
    V2Ingest,
    /// An ingest job into a big object.
    BigObjectIngest,
}

impl JobType {
    fn name(self) -> &'static str {
        match self {
            JobType::Classic => "Classic",
            JobType::V2Query => "V2Query",
            JobType::V2Ingest => "V2Ingest",
            JobType::BigObjectIngest => "BigObjectIngest",
        }
    }
}

/// Which jobs to list; all of them unless something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only of this kind. Without it, jobs of Bulk API 1.0 are among them.
    pub job_type: Option<JobType>,
    /// Only those that were (or were not) cut by primary key.
    pub pk_chunking: Option<bool>,
}

/// A job in a list. Rows and errors are not in lists: ask for the job itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobInfo {
    /// The job's id.
    pub id: String,
    /// `insert`, `upsert`, `query` and so on.
    #[serde(default)]
    pub operation: Option<String>,
    /// The object.
    #[serde(default)]
    pub object: Option<String>,
    /// Its state. Jobs of Bulk API 1.0 are `Closed` where those of 2.0 are complete.
    pub state: JobState,
    /// `Classic`, `V2Query`, `V2Ingest`, `BigObjectIngest`.
    #[serde(default)]
    pub job_type: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub created_by_id: Option<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "timestamp")]
    pub created_date: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, deserialize_with = "timestamp")]
    pub system_modstamp: Option<Timestamp>,
    /// The version it was created with.
    #[serde(deserialize_with = "api_version")]
    pub api_version: ApiVersion,
    /// `Parallel` or `Serial`.
    #[serde(default)]
    pub concurrency_mode: Option<String>,
    /// Whatever else the org says.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A job's time, `2026-01-31T08:15:42.000+0000`: an offset without a colon, which RFC 3339 does not know.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok().or_else(|| text.parse().ok())
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(parse_timestamp))
}

/// `GET /jobs/ingest` or `/jobs/query`, or the next page of it.
#[derive(Clone, Debug)]
pub(crate) struct ListJobs {
    family: Family,
    filter: JobFilter,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobsPage {
    #[serde(default)]
    done: Option<bool>,
    #[serde(default)]
    records: Vec<JobInfo>,
    #[serde(default)]
    next_records_url: Option<String>,
}

impl Call for ListJobs {
    type Reply = JobsPage;

    fn what(&self) -> String {
        format!("listing {} jobs", self.family.path())
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        match &self.next {
            // Salesforce's own samples lead from the list of query jobs to the path of ingest jobs: the URL is
            // followed as it is.
            Some(url) if url.starts_with("/services/data/") => get(url.clone()),
            Some(_) => Err(Error::unexpected(self.what(), "the URL of the next page is not a path of the API")),
            None => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                if let Some(kind) = self.filter.job_type {
                    query.append_pair("jobType", kind.name());
                }
                if let Some(chunked) = self.filter.pk_chunking {
                    query.append_pair("isPkChunkingEnabled", if chunked { "true" } else { "false" });
                }
                let query = query.finish();
                let sign = if query.is_empty() { "" } else { "?" };
                get(format!("{}/jobs/{}{sign}{query}", api.base_path(), self.family.path()))
            }
        }
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<JobsPage, Error> {
        decode_json(&self.what(), response.body())
    }
}

impl Bulk {
    /// The org's ingest jobs, in no order. Up to 1,000 come with each call.
    pub fn ingest_jobs(&self, filter: JobFilter) -> impl Stream<Item = Result<JobInfo, Error>> + Send + use<> {
        self.list(Family::Ingest, filter)
    }

    /// The org's query jobs, in no order. Up to 1,000 come with each call.
    pub fn query_jobs(&self, filter: JobFilter) -> impl Stream<Item = Result<JobInfo, Error>> + Send + use<> {
        self.list(Family::Query, filter)
    }

    fn list(&self, family: Family, filter: JobFilter) -> impl Stream<Item = Result<JobInfo, Error>> + Send + use<> {
        let client = self.client.clone();
        let first = Some(ListJobs { family, filter, next: None });
        futures::stream::try_unfold(first, move |call| {
            let client = client.clone();
            async move {
                let Some(call) = call else { return Ok(None) };
                let page = client.send(&call).await?;
                let next = match (page.done, page.next_records_url) {
                    (Some(true), _) | (_, None) => None,
                    (_, Some(url)) if call.next.as_deref() == Some(url.as_str()) => {
                        return Err(Error::unexpected(call.what(), "the next page is the same page"));
                    }
                    (_, Some(url)) => Some(ListJobs { next: Some(url), ..call }),
                };
                Ok(Some((futures::stream::iter(page.records.into_iter().map(Ok::<_, Error>)), next)))
            }
        })
        .try_flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_page_and_keeps_what_it_does_not_know() {
        let call = ListJobs {
            family: Family::Ingest,
            filter: JobFilter { job_type: Some(JobType::V2Ingest), pk_chunking: Some(false) },
            next: None,
        };
        assert_eq!(
            call.request(ApiVersion::new(66)).unwrap().uri(),
            "/services/data/v66.0/jobs/ingest?jobType=V2Ingest&isPkChunkingEnabled=false"
        );
        let body = r#"{"done":false,"records":[{"id":"7505e00000ABCDEAA1","operation":"insert","object":"Account","createdById":"0055e00000XYZABAA3","createdDate":"2026-01-31T08:15:42.000+0000","systemModstamp":"2026-01-31T08:15:43.000+0000","state":"Closed","concurrencyMode":"Serial","contentType":"CSV","apiVersion":66.0,"jobType":"Classic","contentUrl":"x"}],"nextRecordsUrl":"/services/data/v66.0/jobs/ingest?queryLocator=01g-1000"}"#;
        let page = call.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let job = &page.records[0];
        assert_eq!(job.created_date, "2026-01-31T08:15:42Z".parse().ok());
        assert_eq!(job.state, JobState::Other("Closed".into()));
        assert_eq!(job.extra["contentUrl"], "x");
        let next = ListJobs { next: page.next_records_url, ..call };
        assert!(next.request(ApiVersion::new(66)).unwrap().uri().to_string().ends_with("queryLocator=01g-1000"));
    }
}
