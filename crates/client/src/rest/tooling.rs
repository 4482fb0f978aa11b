//! The Tooling API: the same calls below `/tooling`, for what an org is made of.

use futures::{TryStreamExt, stream::BoxStream};
use serde::Serialize;

use crate::{
    call::Call,
    client::Client,
    error::Error,
    query::{Query, QueryMore, Record},
};

use super::{Create, Delete, Describe, DescribeGlobal, DescribeObject, DescribeObjects, Get, Saved, Update};

/// The Tooling API of an org. Made by [`Client::tooling`]; any other call goes there with [`Call::tooling`].
#[derive(Clone, Debug)]
pub struct ToolingApi {
    client: Client,
}

impl Client {
    /// The Tooling API.
    pub fn tooling(&self) -> ToolingApi {
        ToolingApi { client: self.clone() }
    }
}

impl ToolingApi {
    /// The records of a query, page after page as they are read.
    pub fn query(&self, soql: impl Into<String>) -> BoxStream<'static, Result<Record, Error>> {
        enum Next {
            First(Query),
            More(String),
            Done,
        }
        let pages = futures::stream::try_unfold(
            (self.client.clone(), Next::First(Query::new(soql))),
            |(client, next)| async move {
                let page = match next {
                    Next::First(query) => client.send(&query.tooling()).await?,
                    Next::More(url) => client.send(&QueryMore::new(url)).await?,
                    Next::Done => return Ok(None),
                };
                let next = match (page.done, page.next_records_url) {
                    (true, _) => Next::Done,
                    (false, Some(url)) => Next::More(url),
                    (false, None) => {
                        return Err(Error::unexpected(
                            "reading a query's pages",
                            "the page is not the last and names no next one",
                        ));
                    }
                };
                let records = futures::stream::iter(page.records.into_iter().map(Ok::<_, Error>));
                Ok(Some((records, (client, next))))
            },
        );
        Box::pin(pages.try_flatten())
    }

    /// A record by its id.
    pub async fn get(&self, object: impl Into<String>, id: impl Into<String>) -> Result<Record, Error> {
        self.client.send(&Get::new(object, id).tooling()).await
    }

    /// Makes a record.
    pub async fn create<T: Serialize>(&self, object: impl Into<String>, fields: T) -> Result<Saved, Error> {
        self.client.send(&Create::new(object, fields).tooling()).await
    }

    /// Changes the given fields of a record.
    pub async fn update<T: Serialize>(
        &self,
        object: impl Into<String>,
        id: impl Into<String>,
        fields: T,
    ) -> Result<(), Error> {
        self.client.send(&Update::new(object, id, fields).tooling()).await
    }

    /// Deletes a record.
    pub async fn delete(&self, object: impl Into<String>, id: impl Into<String>) -> Result<(), Error> {
        self.client.send(&Delete::new(object, id).tooling()).await
    }

    /// What the org says about an object of the Tooling API.
    pub async fn describe(&self, object: &str) -> Result<Describe, Error> {
        let call = DescribeObject::new(object).tooling();
        let describe = self.client.send(&call).await?;
        describe.ok_or_else(|| Error::unexpected(call.what(), "not modified, although nothing was said to be known"))
    }

    /// The objects of the Tooling API.
    pub async fn describe_global(&self) -> Result<DescribeGlobal, Error> {
        self.client.send(&DescribeObjects.tooling()).await
    }
}
