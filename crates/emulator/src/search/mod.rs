//! SOSL over the store: a scan of words in place of Salesforce's search index.
//!
//! A search is parsed, its text is compiled into patterns of words, and each object of `RETURNING` becomes a query
//! that is planned like any other: its WHERE, ORDER BY and fields behave as in SOQL. What Salesforce finds by an index
//! that lags minutes behind is found at once here, unless [`Settings::search_delay_ms`](crate::settings::Settings)
//! says otherwise.

mod answer;
mod fields;
mod objects;
mod words;

#[cfg(test)]
mod tests;

use serde_json::Value as Json;

pub use fields::{SearchColumn, search_layout};
pub use objects::{ParameterizedSearch, SearchedObject, searchable_objects, suggestions};

use crate::query::QueryOptions;
use crate::{ApiError, Org};

/// Records that one search answers at most (documented, since version 28.0).
pub const ROWS_MAX: usize = 2_000;

/// Runs a SOSL statement and gives the answer of the `search` resource: `{"searchRecords":[…]}`, with `metadata`
/// where it was asked for; for version 36.0 and earlier the bare list (the boundary is unconfirmed).
///
/// # Errors
/// `MALFORMED_SEARCH` for what is no SOSL or searches for nothing; as a query for what its objects' clauses name.
pub fn run(org: &Org, text: &str, options: &QueryOptions) -> Result<Json, ApiError> {
    answer::run(org, text, options)
}
