//! Lists of jobs.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Shown, job_json};
use crate::bulk::{Kind, LIST_ROWS};
use crate::http::ApiVersion;
use crate::{ApiError, Millis, Org};

/// Parameters of a list; others are let pass.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListFilter {
    job_type: Option<String>,
    query_locator: Option<String>,
}

/// A page of the jobs of `kind`, or of the kind that `jobType` names.
pub(super) fn page(
    org: &Org,
    kind: Kind,
    filter: &ListFilter,
    version: ApiVersion,
    now: Millis,
) -> Result<Json, ApiError> {
    let kind = match filter.job_type.as_deref() {
        None | Some("") => Some(kind),
        Some("V2Ingest") => Some(Kind::Ingest),
        Some("V2Query") => Some(Kind::Query),
        // There are no jobs of Bulk 1.0, nor of big objects.
        Some("Classic" | "BigObjectIngest") => None,
        Some(other) => return Err(ApiError::new("INVALIDJOB", format!("Unknown jobType {other}"))),
    };
    let from = match filter.query_locator.as_deref() {
        None | Some("") => 0,
        Some(locator) => locator
            .rsplit_once('-')
            .and_then(|(_, offset)| offset.parse::<usize>().ok())
            .ok_or_else(|| ApiError::new("INVALID_QUERY_LOCATOR", "invalid query locator"))?,
    };
    let mut jobs = kind.into_iter().flat_map(|kind| org.jobs.list(kind, now)).skip(from);
    let records: Vec<Json> = jobs.by_ref().take(LIST_ROWS).map(|job| job_json(job, Shown::Listed)).collect();
    let done = jobs.next().is_none();
    let path = if kind == Some(Kind::Query) { "query" } else { "ingest" };
    let next = format!("/services/data/v{version}/jobs/{path}?queryLocator=01gTG0000000001-{}", from + LIST_ROWS);
    Ok(json!({ "done": done, "records": records, "nextRecordsUrl": if done { Json::Null } else { json!(next) } }))
}
