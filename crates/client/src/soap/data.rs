//! Records by SOAP: query, retrieve and the writes that REST has too, for callers that want SOAP's own behaviour, and
//! the replication calls.

use jiff::Timestamp;

use super::{
    operation::{Operation, required, result, time},
    record::{SoapPage, SoapRecord},
    result::{SaveResult, results},
    xml::{Element, Xml},
};
use crate::{error::Error, version::ApiVersion};

/// The most records that a call may write, and ids that a delete, undelete or clearing may name.
pub const RECORDS_PER_CALL: usize = 200;
/// The most ids that a retrieve may name.
pub const IDS_PER_RETRIEVE: usize = 2000;

/// Refuses more than one call takes.
pub(crate) fn at_most(what: &str, given: usize, max: usize) -> Result<(), Error> {
    match given {
        0 => Err(Error::config(format!("{what}: nothing was given"))),
        n if n > max => Err(Error::Config {
            message: format!("{what}: {n} were given, and one call takes {max}"),
            hint: Some("split them over several calls, as the methods of the client do".into()),
        }),
        _ => Ok(()),
    }
}

/// `query` or `queryAll`: the first page.
#[derive(Clone, Debug)]
pub struct Query {
    /// The query.
    pub soql: String,
    /// Also records in the recycle bin, and archived activities.
    pub with_deleted: bool,
}

impl Operation for Query {
    type Reply = SoapPage;

    fn what(&self) -> String {
        "running a query by SOAP".into()
    }

    fn name(&self) -> &str {
        if self.with_deleted { "queryAll" } else { "query" }
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("queryString", &self.soql);
    }

    fn read(&self, answer: Element) -> Result<SoapPage, Error> {
        SoapPage::read(&self.what(), result(&self.what(), answer)?)
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `queryMore`: the page at a locator, which lives two days.
#[derive(Clone, Debug)]
pub struct QueryMore {
    /// The locator of the page before.
    pub locator: String,
}

impl Operation for QueryMore {
    type Reply = SoapPage;

    fn what(&self) -> String {
        "reading the next page of a query by SOAP".into()
    }

    fn name(&self) -> &str {
        "queryMore"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("queryLocator", &self.locator);
    }

    fn read(&self, answer: Element) -> Result<SoapPage, Error> {
        SoapPage::read(&self.what(), result(&self.what(), answer)?)
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `retrieve`: records by id, in order; `None` for one that is not there.
#[derive(Clone, Debug)]
pub struct Retrieve {
    /// API name of the object.
    pub object: String,
    /// The fields wanted.
    pub fields: Vec<String>,
    /// Up to 2,000 ids.
    pub ids: Vec<String>,
}

impl Operation for Retrieve {
    type Reply = Vec<Option<SoapRecord>>;

    fn what(&self) -> String {
        format!("reading records of {}", self.object)
    }

    fn name(&self) -> &str {
        "retrieve"
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.ids.len(), IDS_PER_RETRIEVE)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("fieldList", &self.fields.join(","));
        xml.leaf("sObjectType", &self.object);
        xml.list("ids", &self.ids);
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        let what = self.what();
        let records = answer.children.into_iter().filter(|child| child.name == "result");
        let records = records
            .map(|record| if record.nil { Ok(None) } else { SoapRecord::read(&what, record).map(Some) })
            .collect::<Result<Vec<_>, _>>()?;
        if records.len() != self.ids.len() {
            return Err(Error::unexpected(what, format!("{} records came for {} ids", records.len(), self.ids.len())));
        }
        Ok(records)
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// What is done with records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// `create`.
    Create,
    /// `update`, by id.
    Update,
    /// `upsert`, by the value of this external id field.
    Upsert {
        /// The field.
        external_id: String,
    },
}

/// `create`, `update` or `upsert` of up to 200 records of any objects.
#[derive(Clone, Debug)]
pub struct Save {
    /// What is done.
    pub write: Write,
    /// The records.
    pub records: Vec<SoapRecord>,
}

impl Operation for Save {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        let verb = match self.write {
            Write::Create => "creating",
            Write::Update => "updating",
            Write::Upsert { .. } => "upserting",
        };
        format!("{verb} records by SOAP")
    }

    fn name(&self) -> &str {
        match self.write {
            Write::Create => "create",
            Write::Update => "update",
            Write::Upsert { .. } => "upsert",
        }
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.records.len(), RECORDS_PER_CALL)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        if let Write::Upsert { external_id } = &self.write {
            xml.leaf("externalIDFieldName", external_id);
        }
        for record in &self.records {
            record.write(xml, "sObjects");
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.records.len(), SaveResult::read)
    }

    fn is_idempotent(&self) -> bool {
        // An upsert by Id makes what has none; by an external id it finds what it made.
        match &self.write {
            Write::Create => false,
            Write::Update => true,
            Write::Upsert { external_id } => !external_id.eq_ignore_ascii_case("Id"),
        }
    }
}

/// What is done with records that are named by their ids alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// `delete`: into the recycle bin.
    Delete,
    /// `undelete`: out of it, with what went with it.
    Undelete,
    /// `emptyRecycleBin`: for good.
    Purge,
}

/// `delete`, `undelete` or `emptyRecycleBin` of up to 200 records of any objects.
///
/// Not sent again when the answer was lost: a second undelete or delete would be refused, record for record, and look like
/// a failure.
#[derive(Clone, Debug)]
pub struct Remove {
    /// What is done.
    pub removal: Removal,
    /// The records' ids.
    pub ids: Vec<String>,
}

impl Operation for Remove {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        match self.removal {
            Removal::Delete => "deleting records by SOAP",
            Removal::Undelete => "restoring records from the recycle bin",
            Removal::Purge => "removing records from the recycle bin",
        }
        .into()
    }

    fn name(&self) -> &str {
        match self.removal {
            Removal::Delete => "delete",
            Removal::Undelete => "undelete",
            Removal::Purge => "emptyRecycleBin",
        }
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.ids.len(), RECORDS_PER_CALL)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.list("ids", &self.ids);
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.ids.len(), SaveResult::read)
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// A window of time for the replication calls. Seconds are ignored by the org; a window is at least a minute long, and may
/// begin 30 days ago for changes, and as long as the recycle bin keeps for deletions.
#[derive(Clone, Debug)]
pub struct Window {
    /// API name of the object.
    pub object: String,
    /// Its begin.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
}

impl Window {
    fn write(&self, xml: &mut Xml) {
        xml.leaf("sObjectType", &self.object);
        xml.leaf("startDate", &self.start.to_string());
        xml.leaf("endDate", &self.end.to_string());
    }
}

/// `getUpdated`: ids of records created or changed in a window.
#[derive(Clone, Debug)]
pub struct GetUpdated(pub Window);

/// The answer to [`GetUpdated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The records' ids.
    pub ids: Vec<String>,
    /// Up to here the answer is complete: where the next window begins.
    pub latest_date_covered: Timestamp,
}

impl Operation for GetUpdated {
    type Reply = Updated;

    fn what(&self) -> String {
        format!("asking which records of {} changed", self.0.object)
    }

    fn name(&self) -> &str {
        "getUpdated"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        self.0.write(xml);
    }

    fn read(&self, answer: Element) -> Result<Updated, Error> {
        let what = self.what();
        let result = result(&what, answer)?;
        let latest_date_covered = time(&what, &result, "latestDateCovered")?;
        Ok(Updated { ids: result.values("ids"), latest_date_covered })
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `getDeleted`: records deleted in a window.
#[derive(Clone, Debug)]
pub struct GetDeleted(pub Window);

/// The answer to [`GetDeleted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Id and time of each record's deletion.
    pub records: Vec<(String, Timestamp)>,
    /// Before this, deletions may be forgotten.
    pub earliest_date_available: Timestamp,
    /// Up to here the answer is complete.
    pub latest_date_covered: Timestamp,
}

impl Operation for GetDeleted {
    type Reply = Deleted;

    fn what(&self) -> String {
        format!("asking which records of {} were deleted", self.0.object)
    }

    fn name(&self) -> &str {
        "getDeleted"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        self.0.write(xml);
    }

    fn read(&self, answer: Element) -> Result<Deleted, Error> {
        let what = self.what();
        let result = result(&what, answer)?;
        let records = result
            .all("deletedRecords")
            .map(|record| Ok((required(&what, record, "id")?, time(&what, record, "deletedDate")?)))
            .collect::<Result<_, Error>>()?;
        Ok(Deleted {
            records,
            earliest_date_available: time(&what, &result, "earliestDateAvailable")?,
            latest_date_covered: time(&what, &result, "latestDateCovered")?,
        })
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `search`: records that a SOSL search finds, of any objects, best first.
#[derive(Clone, Debug)]
pub struct Search {
    /// The search, such as `FIND {Acme} RETURNING Account(Name)`.
    pub sosl: String,
}

impl Operation for Search {
    type Reply = Vec<SoapRecord>;

    fn what(&self) -> String {
        "searching by SOAP".into()
    }

    fn name(&self) -> &str {
        "search"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("searchString", &self.sosl);
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        let what = self.what();
        let found = result(&what, answer)?.children.into_iter().filter(|child| child.name == "searchRecords");
        found
            .flat_map(|found| found.children.into_iter().find(|child| child.name == "record"))
            .map(|record| SoapRecord::read(&what, record))
            .collect()
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}
