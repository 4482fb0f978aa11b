//! One call with all that it can look at.

use serde_json::{Value as Json, json};

use super::contract::Contract;
use super::envelope::{Dialect, Headers};
use super::fault::Fault;
use super::input::Reading;
use crate::dml::WriteContext;
use crate::http::{ApiVersion, AppState};
use crate::oauth::Grant;
use crate::query::QueryOptions;
use crate::xml::Element;
use crate::{ApiError, Millis, RecordId};

/// Rows of a page where the client names no size. Documented for SOAP (REST's is 2,000).
const PAGE_ROWS: usize = 500;

/// A call whose session was checked.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) state: AppState,
    pub(super) dialect: Dialect,
    pub(super) version: ApiVersion,
    /// Scheme and host of the request.
    pub(super) origin: String,
    pub(super) headers: Headers,
    pub(super) grant: Grant,
    pub(super) element: Element,
    pub(super) now: Millis,
    /// Whether a planned fault locks every row that the call writes.
    pub(super) rows_locked: bool,
}

/// What a call's `result` is, as JSON by the contract's names, or a fault.
pub(super) type Answer = Result<Json, Fault>;

impl Call {
    /// A text argument.
    ///
    /// # Errors
    /// A fault where it is missing.
    pub(super) fn text(&self, name: &str) -> Result<&str, Fault> {
        self.element.text_of(name).ok_or_else(|| Fault::unexpected("MISSING_ARGUMENT", format!("{name} not specified")))
    }

    /// Every element of this name. Where a call takes nothing but a list, its elements count whatever they are called:
    /// toolkits that write `id` for `ids`, or `mergeRequests` for `request`, work with real orgs.
    ///
    /// # Errors
    /// `EXCEEDED_ID_LIMIT` for more than `most`.
    pub(super) fn elements(&self, name: &str, most: usize) -> Result<Vec<&Element>, Fault> {
        let operation = Contract::get().call(&self.element.name);
        let only = operation.is_some_and(|call| matches!(call.input.as_slice(), [only] if only.many));
        let found: Vec<_> = self.element.children.iter().filter(|child| only || child.name == name).collect();
        if found.len() > most { Err(Fault::too_many(most)) } else { Ok(found) }
    }

    /// The texts of every element of this name.
    ///
    /// # Errors
    /// As [`Call::elements`].
    pub(super) fn texts(&self, name: &str, most: usize) -> Result<Vec<&str>, Fault> {
        Ok(self.elements(name, most)?.into_iter().map(Element::trimmed).collect())
    }

    /// How records are read.
    pub(super) fn reading(&self) -> Reading {
        Reading(self.dialect)
    }

    /// Who writes, as change events tell it.
    pub(super) fn write_context(&self) -> WriteContext {
        let mut origin = format!("com/salesforce/api/soap/{}", self.version);
        if let Some(client) = &self.headers.client {
            origin.push_str(";client=");
            origin.push_str(client);
        }
        WriteContext { now: self.now, user: self.grant.user, origin, all_or_none: self.headers.all_or_none }
    }

    /// How queries are run.
    ///
    /// # Errors
    /// `INVALID_BATCH_SIZE` for a size that is no positive number; others are held between 200 and 2,000.
    pub(super) fn query_options(&self, all: bool) -> Result<QueryOptions, Fault> {
        let asked = self.headers.batch_size.as_deref().map(|text| text.parse::<usize>().ok().filter(|n| *n > 0));
        let Some(batch_size) = asked.unwrap_or(Some(PAGE_ROWS)) else {
            return Err(Fault::unexpected("INVALID_BATCH_SIZE", "Batch size must be between 200 and 2,000."));
        };
        Ok(QueryOptions {
            all,
            now: self.now,
            user: self.grant.user,
            version: self.version.0,
            batch_size: Some(batch_size),
        })
    }
}

/// The `errors` of a record's result.
pub(super) fn errors(errors: &[ApiError]) -> Json {
    let one = |error: &ApiError| {
        let (code, message) = error.of_record();
        json!({ "fields": error.fields, "message": message, "statusCode": code })
    };
    Json::Array(errors.iter().map(one).collect())
}

/// A record's result: its id (with the note that a platform event was taken in), or its errors.
pub(super) fn outcome(result: Result<RecordId, Vec<ApiError>>) -> Json {
    match result {
        Ok(id) => {
            let notes: Vec<ApiError> = crate::events::enqueued(id).into_iter().collect();
            json!({ "errors": errors(&notes), "id": id.to_string(), "success": true })
        }
        Err(found) => json!({ "errors": errors(&found), "id": null, "success": false }),
    }
}
