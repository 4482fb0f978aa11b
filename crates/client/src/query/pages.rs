//! The rows of one query, page after page: by the org's cursor, and past one that is gone.

use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    LongQuery, Query, QueryMore, Record,
    call::{InBody, next},
    keyset::Keyset,
    stream::Total,
};
use crate::{
    call::{Call, decode_json},
    client::Client,
    error::Error,
    version::ApiVersion,
};

/// A row as it came, or as it was put together.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    /// JSON text of an object, a part of its page.
    Raw(Bytes),
    /// A record.
    Made(Record),
}

impl Row {
    pub(crate) fn into_record(self) -> Result<Record, Error> {
        match self {
            Row::Raw(text) => decode_json("reading a record", &text),
            Row::Made(record) => Ok(record),
        }
    }
}

/// Rows as they come.
pub(crate) type Rows = BoxStream<'static, Result<Row, Error>>;

/// A page whose records are not decoded yet.
pub(crate) struct RawPage {
    pub(crate) total_size: u64,
    pub(crate) next: Option<String>,
    pub(crate) records: Vec<Bytes>,
}

impl RawPage {
    pub(crate) fn read(what: &str, body: &Bytes) -> Result<RawPage, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<'a> {
            total_size: u64,
            done: bool,
            #[serde(default)]
            next_records_url: Option<String>,
            #[serde(borrow, default)]
            records: Vec<&'a RawValue>,
        }
        let page: Page<'_> = serde_json::from_slice(body).map_err(|source| Error::decode(what, source))?;
        Ok(RawPage {
            total_size: page.total_size,
            next: next(what, page.done, page.next_records_url.as_deref())?,
            records: page.records.iter().map(|record| body.slice_ref(record.get().as_bytes())).collect(),
        })
    }
}

/// A call whose answer is wanted as it is.
struct AsItCame<'a, C>(&'a C);

impl<C: Call> Call for AsItCame<'_, C> {
    type Reply = Bytes;

    fn what(&self) -> String {
        self.0.what()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        self.0.request(api)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Bytes, Error> {
        Ok(response.into_body())
    }
}

/// The first page, in a URL where it fits and in a body where it does not and that is wanted.
pub(crate) async fn first(client: &Client, query: &Query) -> Result<RawPage, Error> {
    let in_body = match query.long {
        LongQuery::Any | LongQuery::Composite => query.url_bytes(client.api_version()) > query.bytes_max(),
        LongQuery::Split | LongQuery::Refuse => false,
    };
    let body = if in_body { client.send(&InBody(query.clone())).await? } else { client.send(&AsItCame(query)).await? };
    RawPage::read(&query.what(), &body)
}

async fn more(client: &Client, url: &str) -> Result<RawPage, Error> {
    let call = QueryMore::new(url);
    let page = RawPage::read(&call.what(), &client.send(&AsItCame(&call)).await?)?;
    if page.next.as_deref() == Some(url) {
        return Err(Error::unexpected(call.what(), "the next page is the page itself"));
    }
    Ok(page)
}

enum At {
    First(Query),
    Next(String),
    End,
}

struct Turning {
    client: Client,
    total: Option<Total>,
    at: At,
    /// How to go on without the cursor.
    keyset: Option<Keyset>,
    last_id: Option<String>,
    /// Rows of all queries so far, and of the one that is being read.
    rows: u64,
    rows_here: u64,
}

/// The rows of a query that fits. `total` is told what the first page says.
pub(crate) fn rows(client: Client, query: Query, total: Option<Total>) -> Rows {
    let keyset = Keyset::of_ordered(&query);
    turn(Turning { client, total, at: At::First(query), keyset, last_id: None, rows: 0, rows_here: 0 })
}

/// The rows of a query in the order of their ids, each page by a query of its own.
pub(crate) fn rows_by_id(client: Client, keyset: Keyset) -> Rows {
    let hides_id = keyset.hides_id();
    let at = keyset.after(None, 0).map_or(At::End, At::First);
    let rows = turn(Turning { client, total: None, at, keyset: Some(keyset), last_id: None, rows: 0, rows_here: 0 });
    if !hides_id {
        return rows;
    }
    rows.and_then(async |row| {
        let mut record = row.into_record()?;
        record.shift_remove("Id");
        Ok(Row::Made(record))
    })
    .boxed()
}

fn turn(turning: Turning) -> Rows {
    stream::try_unfold(turning, |mut turning| async move {
        let page = loop {
            match std::mem::replace(&mut turning.at, At::End) {
                At::End => return Ok(None),
                At::First(query) => {
                    turning.rows_here = 0;
                    let page = first(&turning.client, &query).await?;
                    if let Some(total) = turning.total.take() {
                        total.set(page.total_size);
                    }
                    break page;
                }
                At::Next(url) => match more(&turning.client, &url).await {
                    Ok(page) => break page,
                    Err(error) if error.has_code("INVALID_QUERY_LOCATOR") => {
                        let Some(keyset) = &turning.keyset else { return Err(error) };
                        let Some(last) = &turning.last_id else { return Err(error) };
                        tracing::warn!(%last, "the cursor is gone; the query is asked again from the last id on");
                        turning.at = keyset.after(Some(last), turning.rows).map_or(At::End, At::First);
                    }
                    Err(error) => return Err(error),
                },
            }
        };
        let rows = page.records.len() as u64;
        turning.rows += rows;
        turning.rows_here += rows;
        if let (Some(_), Some(last)) = (&turning.keyset, page.records.last()) {
            turning.last_id = Some(id_of(last)?);
        }
        turning.at = match (page.next, &turning.keyset) {
            (Some(url), _) => At::Next(url),
            (None, Some(keyset)) if keyset.has_more(turning.rows_here) => {
                keyset.after(turning.last_id.as_deref(), turning.rows).map_or(At::End, At::First)
            }
            (None, _) => At::End,
        };
        Ok(Some((stream::iter(page.records.into_iter().map(|record| Ok(Row::Raw(record)))), turning)))
    })
    .try_flatten()
    .boxed()
}

fn id_of(record: &Bytes) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct WithId {
        #[serde(rename = "Id")]
        id: String,
    }
    decode_json::<WithId>("reading a record's id", record).map(|record| record.id)
}
