//! SOQL over REST: a page, the next page, and a stream that turns the pages by itself. Numbers keep every digit.

use std::{
    collections::VecDeque,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, future::BoxFuture, ready};
use http::HeaderValue;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    call::{Call, decode_json, escape, get},
    client::Client,
    error::Error,
    version::ApiVersion,
};

/// The most bytes of path and query that we send. Salesforce refuses URLs of more than 16,384 with the headers that
/// proxies add counted in, so some are left to those.
pub const QUERY_URL_BYTES_MAX: usize = 16_000;

/// A record as the REST API gives it: fields, parents as nested objects, and `attributes`.
pub type Record = Map<String, Value>;

/// `GET /query` or `/queryAll`: the first page of a query.
#[derive(Clone, Debug)]
pub struct Query {
    soql: String,
    all: bool,
    page_rows: Option<u16>,
}

impl Query {
    /// A query of the records that are not deleted.
    pub fn new(soql: impl Into<String>) -> Query {
        Query { soql: soql.into(), all: false, page_rows: None }
    }

    /// Also records in the recycle bin, and archived activities.
    pub fn with_deleted(mut self) -> Query {
        self.all = true;
        self
    }

    /// A hint for the rows of a page, 200 to 2,000.
    pub fn page_rows(mut self, rows: u16) -> Query {
        self.page_rows = Some(rows.clamp(200, 2000));
        self
    }
}

impl Call for Query {
    type Reply = QueryPage;

    fn what(&self) -> String {
        "running a query".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let resource = if self.all { "queryAll" } else { "query" };
        let path = format!("{}/{resource}?q={}", api.base_path(), escape(&self.soql));
        if path.len() > QUERY_URL_BYTES_MAX {
            return Err(Error::QueryTooLong { bytes: path.len(), max: QUERY_URL_BYTES_MAX });
        }
        let mut request = get(path)?;
        if let Some(rows) = self.page_rows
            && let Ok(value) = HeaderValue::from_str(&format!("batchSize={rows}"))
        {
            request.headers_mut().insert("sforce-query-options", value);
        }
        Ok(request)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<QueryPage, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// `GET` of a `nextRecordsUrl`.
#[derive(Clone, Debug)]
pub struct QueryMore {
    url: String,
}

impl QueryMore {
    /// The page at a `nextRecordsUrl`, which is a path of the org.
    pub fn new(next_records_url: impl Into<String>) -> QueryMore {
        QueryMore { url: next_records_url.into() }
    }
}

impl Call for QueryMore {
    type Reply = QueryPage;

    fn what(&self) -> String {
        "reading the next page of a query".into()
    }

    fn request(&self, _: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        if !self.url.starts_with("/services/data/") {
            return Err(Error::unexpected(self.what(), "the URL of the next page is not a path of the API"));
        }
        get(self.url.clone())
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<QueryPage, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// One page of a query's records.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryPage {
    /// All matching rows, on every page. The answer to `COUNT()`.
    pub total_size: u64,
    /// Whether this is the last page.
    pub done: bool,
    /// Where the next page is.
    #[serde(default)]
    pub next_records_url: Option<String>,
    /// The records of this page.
    #[serde(default)]
    pub records: Vec<Record>,
}

/// The records of a query. Holds one page at a time; asks for the next when that one is used up.
#[must_use = "a stream does nothing until it is read"]
pub struct RecordStream {
    client: Client,
    records: VecDeque<Record>,
    total_size: Option<u64>,
    state: State,
}

enum State {
    Start(Query),
    Waiting(BoxFuture<'static, Result<QueryPage, Error>>),
    Next(String),
    Done,
}

impl RecordStream {
    pub(crate) fn new(client: Client, query: Query) -> RecordStream {
        RecordStream { client, records: VecDeque::new(), total_size: None, state: State::Start(query) }
    }

    /// A hint for the rows of a page, 200 to 2,000; to be given before reading.
    pub fn page_rows(mut self, rows: u16) -> RecordStream {
        if let State::Start(query) = self.state {
            self.state = State::Start(query.page_rows(rows));
        }
        self
    }

    /// All matching rows, known once the first page is here.
    pub fn total_size(&self) -> Option<u64> {
        self.total_size
    }

    /// Records as values of a type. `attributes` is there to be ignored or read.
    pub fn typed<T: DeserializeOwned>(self) -> TypedStream<T> {
        TypedStream { records: self, kind: PhantomData }
    }
}

impl std::fmt::Debug for RecordStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordStream")
            .field("total_size", &self.total_size)
            .field("held", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl Stream for RecordStream {
    type Item = Result<Record, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(record) = this.records.pop_front() {
                return Poll::Ready(Some(Ok(record)));
            }
            match &mut this.state {
                State::Start(query) => {
                    let (client, query) = (this.client.clone(), query.clone());
                    this.state = State::Waiting(Box::pin(async move { client.send(&query).await }));
                }
                State::Next(url) => {
                    let (client, call) = (this.client.clone(), QueryMore::new(url.as_str()));
                    this.state = State::Waiting(Box::pin(async move { client.send(&call).await }));
                }
                State::Waiting(page) => match ready!(page.as_mut().poll(cx)) {
                    Ok(page) => {
                        this.total_size = Some(page.total_size);
                        this.records = page.records.into();
                        this.state = match (page.done, page.next_records_url) {
                            (true, _) => State::Done,
                            (false, Some(url)) => State::Next(url),
                            (false, None) => {
                                // Taking this for the end would lose rows in silence.
                                this.state = State::Done;
                                return Poll::Ready(Some(Err(Error::unexpected(
                                    "reading a query's pages",
                                    "the page is not the last and names no next one",
                                ))));
                            }
                        };
                    }
                    Err(error) => {
                        this.state = State::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

/// The records of a query as values of a type.
#[must_use = "a stream does nothing until it is read"]
#[derive(Debug)]
pub struct TypedStream<T> {
    records: RecordStream,
    kind: PhantomData<fn() -> T>,
}

impl<T> TypedStream<T> {
    /// All matching rows, known once the first page is here.
    pub fn total_size(&self) -> Option<u64> {
        self.records.total_size()
    }
}

impl<T: DeserializeOwned> Stream for TypedStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let record = ready!(Pin::new(&mut self.records).poll_next(cx));
        Poll::Ready(record.map(|record| {
            serde_json::from_value(Value::Object(record?)).map_err(|source| Error::decode("reading a record", source))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_query_into_the_url() {
        let request = Query::new("SELECT Id FROM A WHERE D > 2026-01-02T00:00:00+01:00")
            .page_rows(50)
            .request(ApiVersion::new(66))
            .unwrap();
        assert_eq!(
            request.uri(),
            "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20A%20WHERE%20D%20%3E%202026-01-02T00%3A00%3A00%2B01%3A00"
        );
        assert_eq!(request.headers()["sforce-query-options"], "batchSize=200");
        let all = Query::new("x").with_deleted().request(ApiVersion::new(60)).unwrap();
        assert_eq!(all.uri(), "/services/data/v60.0/queryAll?q=x");
    }

    #[test]
    fn a_long_query_is_refused_before_it_is_sent() {
        let error = Query::new("x".repeat(QUERY_URL_BYTES_MAX)).request(ApiVersion::NEWEST).unwrap_err();
        assert!(matches!(error, Error::QueryTooLong { max: QUERY_URL_BYTES_MAX, .. }));
        assert!(error.hint().unwrap().contains("Bulk"));
    }

    #[test]
    fn the_next_page_is_one_of_this_api() {
        assert!(QueryMore::new("/services/data/v66.0/query/0r8xx-2000").request(ApiVersion::NEWEST).is_ok());
        for bad in ["//evil.example/services/data/", "https://evil.example/", ""] {
            assert!(QueryMore::new(bad).request(ApiVersion::NEWEST).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        let body = r#"{"totalSize":1,"done":true,"records":[{"attributes":{"type":"X"},"A":999999999999999999.99,"B":1.10,"C":null}]}"#;
        let page = Query::new("x").reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let record = &page.records[0];
        assert_eq!(record["A"].to_string(), "999999999999999999.99");
        assert_eq!(record["B"].to_string(), "1.10");
        assert_eq!(record["C"], Value::Null);
    }
}
