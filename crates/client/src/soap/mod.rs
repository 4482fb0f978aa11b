//! SOAP: what no other API of Salesforce offers to a program outside (merge, lead conversion, undelete, clearing the
//! recycle bin), and the record calls for whoever wants SOAP's own behaviour.
//!
//! Every operation is a value that implements [`Operation`]; [`Soap::send`] adds the headers, and the transport the
//! session, at the moment of sending. A dead session is renewed and the call sent again, once, as with REST. Operations
//! that must not happen twice are not sent again when their answer was lost.
//!
//! A fault of the whole call is [`crate::Error::Api`] with its exception code; what happens to single records is in
//! the results.

mod action;
mod data;
mod envelope;
mod headers;
mod merge;
mod operation;
mod record;
mod result;
mod session;
mod xml;

pub use action::{
    Approval, Duplicates, Email, FindDuplicates, Process, ProcessResult, SendEmail, SendEmailResult, Suspects,
    describe_layout, describe_sobjects, describe_tabs,
};
pub use data::{
    Deleted, GetDeleted, GetUpdated, IDS_PER_RETRIEVE, Query, QueryMore, RECORDS_PER_CALL, Removal, Remove, Retrieve,
    Save, Search, Updated, Window, Write,
};
pub use envelope::{Endpoint, SOAP_BYTES_MAX};
pub use headers::{AssignmentRule, DuplicateRule, EmailTriggers, PackageVersion, SoapHeaders};
pub use merge::{
    ConvertLeads, LEADS_PER_CALL, LOSERS_PER_MERGE, LeadConvert, LeadConvertResult, MERGES_PER_CALL, Merge,
    MergeRequest, MergeResult,
};
pub use operation::{Operation, RawOperation, SoapCall};
pub use record::{SoapPage, SoapRecord, SoapValue};
pub use result::SaveResult;
pub use session::{
    ChangeOwnPassword, GetServerTimestamp, GetUserInfo, InvalidateSessions, Logout, ResetPassword, SetPassword,
    SoapUserInfo,
};
pub use xml::{Element, Xml};

pub(crate) use envelope::{fault, open, request, usage};
pub(crate) use operation::{required, result};
pub(crate) use result::{errors, errors_as_json, results};
pub(crate) use xml::read as read_xml;

use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use jiff::Timestamp;

use crate::{client::Client, error::Error};

/// SOAP calls of an org, with the headers that all of them carry.
#[derive(Clone, Debug)]
pub struct Soap {
    client: Client,
    headers: SoapHeaders,
}

impl Soap {
    pub(crate) fn new(client: Client) -> Soap {
        let headers = SoapHeaders { client: Some(client.inner.config.application.clone()), ..SoapHeaders::default() };
        Soap { client, headers }
    }

    /// With these headers; the program's name stays where they have none.
    pub fn with_headers(mut self, headers: SoapHeaders) -> Soap {
        let client = headers.client.clone().or(self.headers.client);
        self.headers = SoapHeaders { client, ..headers };
        self
    }

    /// Sends an operation.
    pub async fn send<O: Operation + Clone>(&self, operation: &O) -> Result<O::Reply, Error> {
        self.client.send(&SoapCall { operation: operation.clone(), headers: self.headers.clone() }).await
    }

    /// The records of a query, page after page as they are read.
    pub fn query(&self, soql: impl Into<String>) -> BoxStream<'static, Result<SoapRecord, Error>> {
        self.pages(Query { soql: soql.into(), with_deleted: false })
    }

    /// As [`Soap::query`], with records in the recycle bin and archived activities.
    pub fn query_all(&self, soql: impl Into<String>) -> BoxStream<'static, Result<SoapRecord, Error>> {
        self.pages(Query { soql: soql.into(), with_deleted: true })
    }

    fn pages(&self, query: Query) -> BoxStream<'static, Result<SoapRecord, Error>> {
        enum Next {
            First(Query),
            More(String),
            End,
        }
        let soap = self.clone();
        futures::stream::try_unfold((soap, Next::First(query)), |(soap, next)| async move {
            let page = match next {
                Next::First(query) => soap.send(&query).await?,
                Next::More(locator) => soap.send(&QueryMore { locator }).await?,
                Next::End => return Ok::<_, Error>(None),
            };
            let next = page.locator.map_or(Next::End, Next::More);
            let records = futures::stream::iter(page.records.into_iter().map(Ok));
            Ok(Some((records, (soap, next))))
        })
        .try_flatten()
        .boxed()
    }

    /// Restores records of any objects from the recycle bin, 200 a call. Results are in the order of the ids.
    ///
    /// # Errors
    /// Where a call fails as a whole. What the calls before it did is done.
    pub async fn undelete(&self, ids: &[String]) -> Result<Vec<SaveResult>, Error> {
        self.remove(Removal::Undelete, ids).await
    }

    /// Removes records from the recycle bin for good, 200 a call.
    ///
    /// # Errors
    /// As for [`Soap::undelete`].
    pub async fn empty_recycle_bin(&self, ids: &[String]) -> Result<Vec<SaveResult>, Error> {
        self.remove(Removal::Purge, ids).await
    }

    /// Deletes records of any objects, 200 a call.
    ///
    /// # Errors
    /// As for [`Soap::undelete`].
    pub async fn delete(&self, ids: &[String]) -> Result<Vec<SaveResult>, Error> {
        self.remove(Removal::Delete, ids).await
    }

    async fn remove(&self, removal: Removal, ids: &[String]) -> Result<Vec<SaveResult>, Error> {
        let mut results = Vec::with_capacity(ids.len());
        for ids in ids.chunks(RECORDS_PER_CALL) {
            results.extend(self.send(&Remove { removal, ids: ids.to_vec() }).await?);
        }
        Ok(results)
    }

    /// Merges one or two records into a master.
    ///
    /// # Errors
    /// [`Error::Api`] where the org refuses, also where it refuses this merge alone.
    pub async fn merge(&self, master: SoapRecord, losers: Vec<String>) -> Result<MergeResult, Error> {
        let merge = Merge { requests: vec![MergeRequest { master, losers }] };
        let what = merge.what();
        let mut results = self.send(&merge).await?;
        // One was asked for, so one came.
        let result = results.pop().ok_or_else(|| Error::unexpected(&what, "no result came"))?;
        if result.success {
            return Ok(result);
        }
        Err(Error::Api { what, status: 200, errors: result.errors, retry_after: None })
    }

    /// Converts leads, 100 a call. Results are in the order of the leads.
    ///
    /// # Errors
    /// Where a call fails as a whole. What the calls before it did is done.
    pub async fn convert_leads(&self, leads: &[LeadConvert]) -> Result<Vec<LeadConvertResult>, Error> {
        let mut results = Vec::with_capacity(leads.len());
        for leads in leads.chunks(LEADS_PER_CALL) {
            results.extend(self.send(&ConvertLeads { leads: leads.to_vec() }).await?);
        }
        Ok(results)
    }

    /// The org's time.
    pub async fn server_timestamp(&self) -> Result<Timestamp, Error> {
        self.send(&GetServerTimestamp).await
    }

    /// Who is signed in, and where.
    pub async fn user_info(&self) -> Result<SoapUserInfo, Error> {
        self.send(&GetUserInfo).await
    }
}

#[cfg(test)]
mod tests;
