//! SOQL over the store: text in, pages of JSON or a selection for Bulk out.
//!
//! A query is parsed, then *planned* (every name looked up, every rule of the platform checked, every literal turned
//! into a value of its field's kind), then run over borrowed rows. Nothing here changes a record; the one thing it
//! keeps are the cursors of results with more than one page.

mod aggregate;
mod bulk;
mod columns;
mod condition;
mod currency;
mod cursor;
mod datefn;
mod dates;
mod error;
mod explain;
mod expr;
mod filter;
mod format;
mod found;
mod functions;
mod group;
mod json;
mod like;
mod locale;
mod order;
mod plan;
mod resolve;
mod restrict;
mod retrieve;
mod run;
mod scan;
mod scope;
mod select;
mod text;
mod value;
mod views;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use dates::Calendar;
pub(crate) use error::at as error_at;
pub(crate) use found::{ScoredRow, scored_records};
pub(crate) use like::Like;
pub(crate) use run::calendar;

pub use bulk::BulkSelection;
pub use cursor::Cursors;
pub use views::Views;

use crate::{ApiError, Millis, Org, RecordId};

/// How a query is run.
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// Soft-deleted records too (`queryAll`).
    pub all: bool,
    /// The time: for date literals and the life of cursors.
    pub now: Millis,
    /// Who asks: their time zone decides what `TODAY` is, their id what is `mine`.
    pub user: RecordId,
    /// API version by its whole number, such as 66. It stands in URLs and decides how deep sub-queries nest.
    pub version: u16,
    /// Rows of a page as the client asks for them; held between 200 and 2,000. `None` for 2,000.
    pub batch_size: Option<usize>,
}

/// A page of a query's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The whole answer as the REST API gives it: `totalSize`, `done`, `nextRecordsUrl`, `records`.
    pub json: String,
    /// Rows of the whole result.
    pub total_size: usize,
    /// The locator of the next page, if there is one.
    pub next: Option<String>,
    /// What the query notes of its records (`FOR VIEW`, `FOR REFERENCE`): for its caller, who holds the org.
    pub views: Option<Views>,
}

/// Runs a query and gives its first page.
///
/// # Errors
/// As Salesforce words them: `MALFORMED_QUERY`, `INVALID_FIELD`, `INVALID_TYPE`, … with the place in the text.
pub fn run(org: &Org, text: &str, options: &QueryOptions) -> Result<Page, ApiError> {
    if let Some(answer) = crate::metadata::tables::query(org, text, options, false) {
        return answer.map(|json| Page {
            total_size: json["totalSize"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            json: json.to_string(),
            next: None,
            views: None,
        });
    }
    run::run(org, text, options)
}

/// As [`run`], over records only: not over objects that are made of the schema when they are asked for.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_records(org: &Org, text: &str, options: &QueryOptions) -> Result<Page, ApiError> {
    run::run(org, text, options)
}

/// Checks a query as [`run`] would, without running it.
///
/// # Errors
/// As [`run`].
pub(crate) fn check_text(
    schema: &crate::schema::Schema,
    store: &crate::store::Store,
    text: &str,
    options: &QueryOptions,
) -> Result<(), ApiError> {
    let query = tidegate_soql::parse(text).map_err(|e| error::from_parser(text, &e))?;
    let calendar = run::calendar(schema, store, options);
    let world = expr::World { schema, store, formulas: &calendar.formulas };
    let env = plan::Env { world, calendar: &calendar, all: false, user: options.user, version: options.version };
    plan::plan(&env, text, &query).map(drop)
}

/// The page that a locator (`0r8…-2000`) names. `options.all` has no say: the cursor remembers.
///
/// # Errors
/// `INVALID_QUERY_LOCATOR` for a locator that is unknown or older than two days.
pub fn more(org: &Org, locator: &str, options: &QueryOptions) -> Result<Page, ApiError> {
    run::more(org, locator, options)
}

/// Selects the rows of a Bulk 2.0 query job, without copying them.
///
/// # Errors
/// As [`run`], and for what a Bulk query cannot do: aggregates, GROUP BY, OFFSET, TYPEOF, sub-queries, compound and
/// binary fields.
pub fn select_bulk(org: &Org, text: &str, options: &QueryOptions) -> Result<BulkSelection, ApiError> {
    bulk::select_bulk(org, text, options)
}

/// Checks the text of a Bulk 2.0 query job without running it, and gives the API name of its object.
///
/// # Errors
/// As [`select_bulk`].
pub fn check_bulk(org: &Org, text: &str, options: &QueryOptions) -> Result<String, ApiError> {
    bulk::check_bulk(org, text, options)
}

/// What a query's columns are, as `query?columns=true` answers it.
///
/// # Errors
/// As [`run`].
pub fn columns(org: &Org, text: &str, options: &QueryOptions) -> Result<serde_json::Value, ApiError> {
    if org.schema.find("EntityDefinition").is_none()
        && let Some(columns) = crate::metadata::tables::columns(org, text, options, false)
    {
        return columns;
    }
    columns::columns(org, text, options)
}

/// How a query would be run, as `query?explain=` answers it.
///
/// # Errors
/// As [`run`].
pub fn explain(org: &Org, text: &str, options: &QueryOptions) -> Result<serde_json::Value, ApiError> {
    explain::explain(org, text, options)
}

/// Live records of an object by id, each as the JSON that the record resources show; `None` for one that is not
/// there. Without `fields` every field; with them these (and always `Id`), parents' fields by their paths.
///
/// # Errors
/// `INVALID_FIELD` for a field that is not there.
pub fn retrieve(
    org: &Org,
    object: crate::schema::ObjectId,
    ids: &[RecordId],
    fields: Option<&[String]>,
    options: &QueryOptions,
) -> Result<Vec<Option<String>>, ApiError> {
    retrieve::retrieve(org, object, ids, fields, options)
}
