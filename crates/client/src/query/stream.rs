//! The records of a query as a stream.

use std::{
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures::{FutureExt, Stream, StreamExt, TryFutureExt, TryStreamExt, ready};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidegate_soql::ast::{self, SelectItem};

use super::{
    FlatStream, Flatten, LongQuery, Query, Record, children,
    keyset::{self, Keyset},
    pages::{self, Row, Rows},
    split,
};
use crate::{call::decode_json, client::Client, error::Error};

/// Path and query shorter than this fit whatever the headers are.
const SURELY_FITS: usize = 8_000;
/// Salesforce's bound for path, query and headers together.
const HEAD_BYTES_MAX: usize = 16_384;
/// Headers but for the token, those that proxies add included.
const OTHER_HEADERS: usize = 1_024;

/// All matching rows, once that is known.
#[derive(Clone, Debug)]
pub(crate) struct Total(Arc<AtomicU64>);

impl Total {
    const UNKNOWN: u64 = u64::MAX;

    pub(crate) fn unknown() -> Total {
        Total(Arc::new(AtomicU64::new(Total::UNKNOWN)))
    }

    pub(crate) fn set(&self, rows: u64) {
        self.0.store(rows, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|rows| *rows != Total::UNKNOWN)
    }
}

/// The records of a query, in the org's order. Holds one page at a time and asks for the next when that one is used up.
/// Children that did not fit into the answer are read with their parent.
///
/// A query whose URL would be too long is cut into several and joined again; see [`LongQuery`]. One that is ordered by
/// `Id` alone goes on after its last record when the org has lost its cursor.
#[must_use = "a stream does nothing until it is read"]
pub struct RecordStream {
    client: Client,
    query: Query,
    total: Total,
    rows: Option<Rows>,
}

impl RecordStream {
    pub(crate) fn new(client: Client, query: Query) -> RecordStream {
        RecordStream { client, query, total: Total::unknown(), rows: None }
    }

    /// A hint for the rows of a page, 200 to 2,000; to be given before reading.
    pub fn page_rows(mut self, rows: u16) -> RecordStream {
        self.query = self.query.page_rows(rows);
        self
    }

    /// All matching rows, known once the first page is here; for a query that was cut, once all its parts have begun.
    /// `None` for one that is read by id.
    pub fn total_size(&self) -> Option<u64> {
        self.total.get()
    }

    /// Records as values of a type. `attributes` is there to be ignored or read.
    pub fn typed<T: DeserializeOwned>(self) -> TypedStream<T> {
        TypedStream { records: self, kind: PhantomData }
    }

    /// Records as flat rows: parents' fields as dotted columns, one row for each child of a subquery.
    pub fn flat(self, how: Flatten) -> FlatStream {
        let parsed = self.query.parsed();
        FlatStream::new(self, how, parsed.as_ref())
    }

    fn poll_row(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Row, Error>>> {
        let rows = self.rows.get_or_insert_with(|| {
            let opening = open(self.client.clone(), self.query.clone(), self.total.clone());
            opening.boxed().try_flatten_stream().boxed()
        });
        let row = ready!(rows.poll_next_unpin(cx));
        if matches!(row, Some(Err(_))) {
            // After an error there is nothing more: rows after a gap would look like the whole.
            self.rows = Some(futures::stream::empty().boxed());
        }
        Poll::Ready(row)
    }
}

/// Decides how a query is read.
async fn open(client: Client, query: Query, total: Total) -> Result<Rows, Error> {
    let api = client.api_version();
    let mut query = query;
    let mut parsed = query.parsed();
    if query.expand_fields {
        query = expand_fields(&client, query).await?;
        parsed = query.parsed();
    }
    let bytes = query.url_bytes(api);
    if bytes > SURELY_FITS {
        let token = client.inner.session().await?.token.expose_secret().len();
        let room = HEAD_BYTES_MAX.saturating_sub(token + OTHER_HEADERS);
        query.url_bytes_max = Some(query.bytes_max().min(room));
    }
    let may_have_children = parsed.as_ref().is_none_or(has_subquery);
    let rows = if bytes <= query.bytes_max() {
        if query.by_id {
            pages::rows_by_id(client.clone(), Keyset::of(&query)?)
        } else {
            pages::rows(client.clone(), query, Some(total))
        }
    } else {
        long(&client, query, parsed, total).await?
    };
    if !may_have_children {
        return Ok(rows);
    }
    Ok(rows
        .and_then(move |row| {
            let client = client.clone();
            async move {
                match &row {
                    Row::Raw(text) if !children::may_be_cut(text) => Ok(row),
                    _ => {
                        let mut record = row.into_record()?;
                        children::complete(&client, &mut record).await?;
                        Ok(Row::Made(record))
                    }
                }
            }
        })
        .boxed())
}

async fn long(client: &Client, query: Query, parsed: Option<ast::Query>, total: Total) -> Result<Rows, Error> {
    let too_long = |why: &str| Error::QueryTooLong {
        bytes: query.url_bytes(client.api_version()),
        max: query.bytes_max(),
        why: Some(why.to_owned()).filter(|why| !why.is_empty()),
    };
    if query.by_id {
        return Err(too_long("it is to be read by id; leave that out, or shorten it"));
    }
    match query.long {
        LongQuery::Refuse => Err(too_long("")),
        LongQuery::Composite => Ok(pages::rows(client.clone(), query, Some(total))),
        LongQuery::Any | LongQuery::Split => {
            let cut = match parsed {
                Some(parsed) => split::rows(client, &query, parsed, &total).await?,
                None => Err("its text is not understood".to_owned()),
            };
            match cut {
                Ok(rows) => Ok(rows),
                Err(why) if query.long == LongQuery::Split => Err(too_long(&why)),
                Err(why) if query.soql.chars().count() > tidegate_soql::MAX_LENGTH => Err(too_long(&why)),
                Err(why) => {
                    tracing::debug!(why, "the query cannot be cut; it goes in the body of a composite request");
                    Ok(pages::rows(client.clone(), query, Some(total)))
                }
            }
        }
    }
}

fn has_subquery(query: &ast::Query) -> bool {
    query.select.iter().any(|item| matches!(item, SelectItem::Subquery(_)))
}

/// Writes `FIELDS()` out.
pub(crate) async fn expand_fields(client: &Client, query: Query) -> Result<Query, Error> {
    let Some(mut parsed) = query.parsed() else {
        return Err(Error::config("FIELDS() cannot be written out: the query's text is not understood"));
    };
    let is_changed = split::fields::expand(client, &mut parsed, query.tooling).await?;
    Ok(if is_changed { query.with_soql(parsed.to_string()) } else { query })
}

/// How many rows a query finds.
pub(crate) async fn count(client: &Client, query: Query) -> Result<u64, Error> {
    let Some(mut parsed) = query.parsed() else {
        return Err(Error::config("the rows cannot be counted: the query's text is not understood"));
    };
    let counts = matches!(parsed.select.as_slice(), [SelectItem::Count(_)]);
    if !counts {
        if !keyset::is_plain(&parsed) {
            return Err(Error::config("the rows of a query that groups or aggregates cannot be counted by the org"));
        }
        if parsed.offset.is_some() {
            return Err(Error::config("the rows of a query with an OFFSET cannot be counted by the org"));
        }
        parsed.select = vec![SelectItem::Count(ast::Span::default())];
        parsed.order_by.clear();
        parsed.for_clauses.clear();
    }
    let mut plain = query.with_soql(parsed.to_string());
    plain.by_id = false;
    let mut records = RecordStream::new(client.clone(), plain);
    while records.try_next().await?.is_some() {}
    records.total_size().ok_or_else(|| Error::unexpected("counting rows", "no page came"))
}

impl std::fmt::Debug for RecordStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordStream").field("total_size", &self.total_size()).finish_non_exhaustive()
    }
}

impl Stream for RecordStream {
    type Item = Result<Record, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let row = ready!(self.poll_row(cx));
        Poll::Ready(row.map(|row| row?.into_record()))
    }
}

/// The records of a query as values of a type, decoded from the answer without a step between.
#[must_use = "a stream does nothing until it is read"]
#[derive(Debug)]
pub struct TypedStream<T> {
    records: RecordStream,
    kind: PhantomData<fn() -> T>,
}

impl<T> TypedStream<T> {
    /// As [`RecordStream::total_size`].
    pub fn total_size(&self) -> Option<u64> {
        self.records.total_size()
    }
}

impl<T: DeserializeOwned> Stream for TypedStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let row = ready!(self.records.poll_row(cx));
        Poll::Ready(row.map(|row| {
            match row? {
                Row::Raw(text) => decode_json("reading a record", &text),
                Row::Made(record) => serde_json::from_value(Value::Object(record))
                    .map_err(|source| Error::decode("reading a record", source)),
            }
        }))
    }
}
