//! Lists of jobs: of both kinds, and the `Classic` ones of Bulk API 1.0.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Shown, job_json, whole_second};
use crate::bulk::{Kind, LIST_ROWS, one};
use crate::http::ApiVersion;
use crate::{ApiError, Millis, Org};

/// Parameters of a list; others are let pass.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListFilter {
    job_type: Option<String>,
    is_pk_chunking_enabled: Option<String>,
    concurrency_mode: Option<String>,
    query_locator: Option<String>,
}

/// A page of jobs: without a `jobType` those of `kind` and the classic ones of that kind.
pub(super) fn page(
    org: &Org,
    kind: Kind,
    filter: &ListFilter,
    version: ApiVersion,
    now: Millis,
) -> Result<Json, ApiError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let chunking = match given(&filter.is_pk_chunking_enabled).map(|text| text.to_ascii_lowercase()).as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => return Err(ApiError::new("INVALIDJOB", format!("isPkChunkingEnabled cannot be {other}"))),
    };
    let serial = match given(&filter.concurrency_mode).map(|text| text.to_ascii_lowercase()).as_deref() {
        None => None,
        Some("serial") => Some(true),
        Some("parallel") => Some(false),
        Some(other) => return Err(ApiError::new("INVALIDJOB", format!("Unknown concurrencyMode {other}"))),
    };
    let (modern, classic, either) = match given(&filter.job_type).as_deref() {
        None => (Some(kind), true, false),
        Some("V2Ingest") => (Some(Kind::Ingest), false, false),
        Some("V2Query") => (Some(Kind::Query), false, false),
        // With the filter, query jobs and ingest jobs alike (documented).
        Some("Classic") => (None, true, true),
        // There are no jobs of big objects.
        Some("BigObjectIngest") => (None, false, false),
        Some(other) => return Err(ApiError::new("INVALIDJOB", format!("Unknown jobType {other}"))),
    };
    let from = match given(&filter.query_locator).as_deref() {
        None => 0,
        Some(locator) => locator
            .rsplit_once('-')
            .and_then(|(_, offset)| offset.parse::<usize>().ok())
            .ok_or_else(|| ApiError::new("INVALID_QUERY_LOCATOR", "invalid query locator"))?,
    };
    // Jobs of 2.0 are parallel, and none has PK chunking of its own.
    let modern = modern.filter(|_| chunking != Some(true) && serial != Some(true));
    let modern = modern.into_iter().flat_map(|kind| org.jobs.list(kind, now)).map(|job| job_json(job, Shown::Listed));
    let fits = |job: &&one::Job| {
        let is_query = matches!(job.action, one::Action::Query { .. });
        classic
            && (either || is_query == (kind == Kind::Query))
            && chunking.is_none_or(|wanted| wanted == job.chunking.is_some())
            && serial.is_none_or(|wanted| wanted == job.serial)
    };
    let classic = org.jobs.classics(now).filter(fits).map(classic_json);
    let mut jobs = modern.chain(classic).skip(from);
    let records: Vec<Json> = jobs.by_ref().take(LIST_ROWS).collect();
    let done = jobs.next().is_none();
    let path = if kind == Kind::Query { "query" } else { "ingest" };
    let next = format!("/services/data/v{version}/jobs/{path}?queryLocator=01gTG0000000001-{}", from + LIST_ROWS);
    Ok(json!({ "done": done, "records": records, "nextRecordsUrl": if done { Json::Null } else { json!(next) } }))
}

/// A job of Bulk API 1.0 among those of 2.0.
fn classic_json(job: &one::Job) -> Json {
    let mut shown = json!({
        "id": job.id.to_string(),
        "operation": job.action.name(),
        "object": job.object,
        "createdById": job.created_by.to_string(),
        "createdDate": whole_second(job.created),
        "systemModstamp": whole_second(job.modified),
        "state": job.state.to_string(),
        "concurrencyMode": if job.serial { "Serial" } else { "Parallel" },
        "contentType": job.content.name(),
        "apiVersion": serde_json::from_str::<Json>(&format!("{}.0", job.version)).unwrap_or(Json::Null),
        "jobType": "Classic",
    });
    if let (one::Action::Load(crate::bulk::Operation::Upsert(key)), Some(members)) =
        (&job.action, shown.as_object_mut())
    {
        members.insert("externalIdFieldName".into(), json!(key));
    }
    shown
}
