//! The calls: a query, its next page, and a page as it comes. Knows nothing of streams.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use tidegate_soql::ast;

use super::{Record, Soql};
use crate::{
    call::{Call, decode_json, escape, get, with_json},
    error::{ApiError, Error},
    version::ApiVersion,
};

/// The most bytes of path and query that we send. Salesforce refuses URLs of more than 16,384 with the headers counted
/// in, so some are left to those.
pub const QUERY_URL_BYTES_MAX: usize = 16_000;

/// What to do with a query whose URL would be too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongQuery {
    /// Cut it into several queries and join their results, where that gives what the one query would give; else send
    /// it in the body of a composite request.
    #[default]
    Any,
    /// Cut it, or fail.
    Split,
    /// Send it in the body of a composite request: one call, but it counts against the five queries of a composite and
    /// each answer is held in memory twice.
    Composite,
    /// Fail.
    Refuse,
}

/// `GET /query` or `/queryAll`: the first page of a query, and how its records are to be read.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) soql: String,
    /// The tree of a bound query, whose text may be longer than a parser takes.
    tree: Option<Arc<ast::Query>>,
    pub(crate) all: bool,
    pub(crate) tooling: bool,
    pub(crate) page_rows: Option<u16>,
    pub(crate) long: LongQuery,
    pub(crate) url_bytes_max: Option<usize>,
    pub(crate) expand_fields: bool,
    pub(crate) by_id: bool,
}

impl Query {
    /// A query of the records that are not deleted.
    pub fn new(soql: impl Into<String>) -> Query {
        Query {
            soql: soql.into(),
            tree: None,
            all: false,
            tooling: false,
            page_rows: None,
            long: LongQuery::default(),
            url_bytes_max: None,
            expand_fields: false,
            by_id: false,
        }
    }

    /// Also records in the recycle bin, and archived activities.
    pub fn with_deleted(mut self) -> Query {
        self.all = true;
        self
    }

    /// Of the Tooling API's objects.
    pub fn tooling(mut self) -> Query {
        self.tooling = true;
        self
    }

    /// A hint for the rows of a page, 200 to 2,000.
    pub fn page_rows(mut self, rows: u16) -> Query {
        self.page_rows = Some(rows.clamp(200, 2000));
        self
    }

    /// What to do when the URL would be too long.
    pub fn when_long(mut self, what: LongQuery) -> Query {
        self.long = what;
        self
    }

    /// The most bytes of path and query, where a proxy allows less than [`QUERY_URL_BYTES_MAX`].
    pub fn url_bytes_max(mut self, bytes: usize) -> Query {
        self.url_bytes_max = Some(bytes);
        self
    }

    /// Writes `FIELDS(ALL)`, `FIELDS(CUSTOM)` and `FIELDS(STANDARD)` out as the fields that the describe names, so that
    /// the limit of 200 rows does not apply. Costs a describe.
    pub fn expand_fields(mut self) -> Query {
        self.expand_fields = true;
        self
    }

    /// Reads in the order of ids and each page as a query of its own that goes on after the last id, instead of by the
    /// org's cursor: for very large results that take longer than a cursor lives, or more than the org sorts at once.
    pub fn by_id(mut self) -> Query {
        self.by_id = true;
        self
    }

    /// The text.
    pub fn soql(&self) -> &str {
        &self.soql
    }

    /// The text, parsed; `None` where our grammar does not know it. Then only the org can judge it.
    pub(crate) fn parsed(&self) -> Option<ast::Query> {
        match &self.tree {
            Some(tree) => Some(tree.as_ref().clone()),
            None => tidegate_soql::parse(&self.soql).ok(),
        }
    }

    /// The same with another text.
    pub(crate) fn with_soql(&self, soql: impl Into<String>) -> Query {
        Query { soql: soql.into(), tree: None, ..self.clone() }
    }

    pub(crate) fn bytes_max(&self) -> usize {
        self.url_bytes_max.unwrap_or(QUERY_URL_BYTES_MAX).min(QUERY_URL_BYTES_MAX)
    }

    fn resource(&self, api: ApiVersion) -> String {
        let tooling = if self.tooling { "/tooling" } else { "" };
        format!("{}{tooling}/{}?q=", api.base_path(), if self.all { "queryAll" } else { "query" })
    }

    /// Bytes of path and query in the densest form.
    pub(crate) fn url_bytes(&self, api: ApiVersion) -> usize {
        self.resource(api).len() + dense(&self.soql).len()
    }

    fn options(&self) -> Option<String> {
        self.page_rows.map(|rows| format!("batchSize={rows}"))
    }
}

impl From<&str> for Query {
    fn from(soql: &str) -> Query {
        Query::new(soql)
    }
}

impl From<String> for Query {
    fn from(soql: String) -> Query {
        Query::new(soql)
    }
}

impl From<&String> for Query {
    fn from(soql: &String) -> Query {
        Query::new(soql)
    }
}

impl From<Soql> for Query {
    fn from(soql: Soql) -> Query {
        Query::from(soql.into_query())
    }
}

impl From<&Soql> for Query {
    fn from(soql: &Soql) -> Query {
        Query::from(soql.query().clone())
    }
}

impl From<ast::Query> for Query {
    fn from(query: ast::Query) -> Query {
        let mut made = Query::new(query.to_string());
        made.tree = Some(Arc::new(query));
        made
    }
}

/// What may stand in the value of a URL's query as it is (RFC 3986), but for what form decoding takes for itself
/// (`&`, `+`) and what our URL library escapes anyhow (`'`).
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b':')
    .remove(b'*')
    .remove(b'=')
    .remove(b'/');

/// The text in as few bytes as a URL can have it in: no blanks after commas, `+` for the others.
pub(crate) fn dense(soql: &str) -> String {
    let mut text = String::with_capacity(soql.len());
    let mut in_string = false;
    let mut chars = soql.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                text.push(c);
                text.extend(chars.next());
                continue;
            }
            '\'' => in_string = !in_string,
            c if c.is_ascii_whitespace() && !in_string => {
                if !text.ends_with([' ', ',', '(']) {
                    text.push(' ');
                }
                continue;
            }
            _ => {}
        }
        text.push(c);
    }
    utf8_percent_encode(&text, IN_QUERY).to_string().replace("%20", "+")
}

/// The path for a query: as it is written where that fits, in the densest form otherwise.
pub(super) fn fitting(
    path: impl Fn(&str) -> String,
    soql: &str,
    escape: impl Fn(&str) -> String,
) -> Result<String, Error> {
    let plain = path(&escape(soql));
    if plain.len() <= QUERY_URL_BYTES_MAX {
        return Ok(plain);
    }
    let dense = path(&dense(soql));
    if dense.len() > QUERY_URL_BYTES_MAX {
        return Err(Error::QueryTooLong { bytes: dense.len(), max: QUERY_URL_BYTES_MAX, why: None });
    }
    Ok(dense)
}

impl Call for Query {
    type Reply = QueryPage;

    fn what(&self) -> String {
        "running a query".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let resource = self.resource(api);
        let plain = format!("{resource}{}", escape(&self.soql));
        let path = if plain.len() <= self.bytes_max() { plain } else { format!("{resource}{}", dense(&self.soql)) };
        if path.len() > self.bytes_max() {
            return Err(Error::QueryTooLong { bytes: path.len(), max: self.bytes_max(), why: None });
        }
        let mut request = get(path)?;
        if let Some(value) = self.options().and_then(|options| HeaderValue::from_str(&options).ok()) {
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

impl QueryPage {
    /// Where the next page is.
    pub(crate) fn next(&self, what: &str) -> Result<Option<String>, Error> {
        next(what, self.done, self.next_records_url.as_deref())
    }
}

/// Where the next page is; taking a page that is not the last for the end would lose rows in silence.
pub(crate) fn next(what: &str, done: bool, url: Option<&str>) -> Result<Option<String>, Error> {
    match (done, url) {
        (true, _) => Ok(None),
        (false, Some(url)) => Ok(Some(url.to_owned())),
        (false, None) => Err(Error::unexpected(what, "the page is not the last and names no next one")),
    }
}

/// A query in the body of `POST /composite`, whose length no URL limits. Takes up to 100,000 characters of SOQL.
#[derive(Clone, Debug)]
pub(crate) struct InBody(pub(crate) Query);

impl Call for InBody {
    type Reply = Bytes;

    fn what(&self) -> String {
        self.0.what()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let characters = self.0.soql.chars().count();
        if characters > tidegate_soql::MAX_LENGTH {
            return Err(Error::QueryTooLong { bytes: self.0.soql.len(), max: tidegate_soql::MAX_LENGTH, why: None });
        }
        let url = format!("{}{}", self.0.resource(api), dense(&self.0.soql));
        let mut sub = json!({ "method": "GET", "url": url, "referenceId": "query" });
        if let (Some(options), Some(sub)) = (self.0.options(), sub.as_object_mut()) {
            sub.insert("httpHeaders".into(), json!({ "Sforce-Query-Options": options }));
        }
        with_json(Method::POST, format!("{}/composite", api.base_path()), &json!({ "compositeRequest": [sub] }))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Bytes, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Reply<'a> {
            #[serde(borrow)]
            composite_response: Vec<Sub<'a>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Sub<'a> {
            #[serde(borrow)]
            body: &'a serde_json::value::RawValue,
            http_status_code: u16,
        }
        let reply: Reply<'_> =
            serde_json::from_slice(response.body()).map_err(|source| Error::decode(self.what(), source))?;
        let [sub] = reply.composite_response.as_slice() else {
            return Err(Error::unexpected(self.what(), "the composite answer has not one part"));
        };
        if sub.http_status_code >= 400 {
            let errors: Vec<ApiError> = decode_json(&self.what(), sub.body.get().as_bytes())?;
            return Err(Error::Api { what: self.what(), status: sub.http_status_code, errors, retry_after: None });
        }
        Ok(response.body().slice_ref(sub.body.get().as_bytes()))
    }

    /// It only reads.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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

    #[test]
    fn the_densest_form_means_the_same() {
        let soql = "SELECT Id,  Name\n FROM A\tWHERE n IN ('a, b',  'it\\'s  x') AND t > 2026-01-02T00:00:00+01:00 ";
        assert_eq!(
            dense(soql),
            "SELECT+Id,Name+FROM+A+WHERE+n+IN+(%27a,+b%27,%27it%5C%27s++x%27)+AND+t+%3E+2026-01-02T00:00:00%2B01:00"
        );
        let decoded: String =
            url::form_urlencoded::parse(format!("q={}", dense(soql)).as_bytes()).next().unwrap().1.into();
        assert_eq!(tidegate_soql::parse(&decoded).unwrap(), tidegate_soql::parse(soql).unwrap());
    }

    #[test]
    fn a_query_in_a_body() {
        let call = InBody(Query::new("SELECT Id FROM A WHERE B = 'x&y'").with_deleted().page_rows(300));
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/composite");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let sub = &body["compositeRequest"][0];
        assert_eq!(sub["url"], "/services/data/v66.0/queryAll?q=SELECT+Id+FROM+A+WHERE+B+=+%27x%26y%27");
        assert_eq!(sub["httpHeaders"]["Sforce-Query-Options"], "batchSize=300");
        let answer = |text: &'static str| call.reply(http::Response::new(Bytes::from_static(text.as_bytes())));
        let page = answer(
            r#"{"compositeResponse":[{"body":{"totalSize":0},"httpHeaders":{},"httpStatusCode":200,"referenceId":"query"}]}"#,
        );
        assert_eq!(page.unwrap(), r#"{"totalSize":0}"#);
        let refused = answer(
            r#"{"compositeResponse":[{"body":[{"errorCode":"INVALID_FIELD","message":"m"}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"query"}]}"#,
        );
        assert!(refused.unwrap_err().has_code("INVALID_FIELD"));
        assert!(answer(r#"{"compositeResponse":[]}"#).is_err());
    }
}
