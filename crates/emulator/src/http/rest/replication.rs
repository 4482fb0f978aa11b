//! `updated` and `deleted`: which records changed between two moments.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::Answer;
use super::call::Call;
use crate::schema::ObjectType;
use crate::{ApiError, Millis, Value};

const MINUTE_MS: Millis = 60_000;
const DAY_MS: Millis = 24 * 60 * MINUTE_MS;
/// How far back updates can be asked for.
const UPDATED_DAYS: i64 = 30;
/// How far back deletes can be asked for.
const DELETED_DAYS: i64 = 15;
/// Ids of one answer.
const IDS_MAX: usize = 600_000;

/// `GET /sobjects/{object}/updated?start=&end=`.
pub(super) fn updated(call: &Call, name: &str) -> Answer {
    let org = call.state.org.read();
    let (object, facts) = call.object(&org, name)?;
    let span = Span::read(call, &facts, UPDATED_DAYS)?;
    let Some((stamp, _)) = facts.field("SystemModstamp") else { return Err(not_replicateable(&facts).into()) };
    let mut ids = Vec::new();
    if let Some(table) = org.store.table(object) {
        for (id, row) in table.live_rows() {
            if matches!(row.get(stamp), Value::DateTime(ms) if span.holds(ms)) {
                ids.push(Json::String(id.to_string()));
            }
        }
    }
    bound(ids.len())?;
    Ok(call.answer(200, &json!({ "ids": ids, "latestDateCovered": stamp_text(span.end.min(call.state.now())) })))
}

/// `GET /sobjects/{object}/deleted?start=&end=`.
pub(super) fn deleted(call: &Call, name: &str) -> Answer {
    let org = call.state.org.read();
    let (object, facts) = call.object(&org, name)?;
    let span = Span::read(call, &facts, DELETED_DAYS)?;
    let now = call.state.now();
    let found: Vec<Json> = org.store.table(object).map_or_else(Vec::new, |table| {
        let within = table.deletions().filter(|(_, at)| span.holds(*at));
        within.map(|(id, at)| json!({ "id": id.to_string(), "deletedDate": stamp_text(at) })).collect()
    });
    bound(found.len())?;
    Ok(call.answer(
        200,
        &json!({
            "deletedRecords": found,
            "earliestDateAvailable": stamp_text(now - DELETED_DAYS * DAY_MS),
            "latestDateCovered": stamp_text(span.end.min(now)),
        }),
    ))
}

/// From start (inclusive) to end (exclusive), both cut to the minute.
#[derive(Debug)]
struct Span {
    start: Millis,
    end: Millis,
}

impl Span {
    fn read(call: &Call, facts: &ObjectType, days: i64) -> Result<Self, ApiError> {
        if !facts.flags.replicateable {
            return Err(not_replicateable(facts));
        }
        let moment = |name: &str| {
            let text = call.param(name).ok_or_else(|| {
                ApiError::new("MISSING_ARGUMENT", format!("Required query parameter is missing: {name}"))
            })?;
            // A plus sign that was not encoded arrives as a space.
            let text = text.replace(' ', "+");
            let invalid =
                || ApiError::new("INVALID_REPLICATION_DATE", format!("{name} is not a valid date and time: {text}"));
            let at: Timestamp = text.parse().map_err(|_| invalid())?;
            Ok::<Millis, ApiError>(at.as_millisecond())
        };
        let cut = |ms: Millis| ms - ms.rem_euclid(MINUTE_MS);
        let (start, end) = (cut(moment("start")?), cut(moment("end")?));
        let refuse = |message: String| Err(ApiError::new("INVALID_REPLICATION_DATE", message));
        if start >= end {
            return refuse("startDate must be at least one minute before endDate".to_owned());
        }
        if start < call.state.now() - days * DAY_MS {
            return refuse(format!("startDate cannot be more than {days} days ago"));
        }
        Ok(Self { start, end })
    }

    fn holds(&self, at: Millis) -> bool {
        self.start <= at && at < self.end
    }
}

fn bound(n: usize) -> Result<(), ApiError> {
    if n <= IDS_MAX {
        return Ok(());
    }
    Err(ApiError::new("EXCEEDED_ID_LIMIT", format!("more than {IDS_MAX} ids")))
}

fn not_replicateable(facts: &ObjectType) -> ApiError {
    ApiError::new("INVALID_TYPE_FOR_OPERATION", format!("{} is not replicateable", facts.name))
}

fn stamp_text(ms: Millis) -> String {
    Timestamp::from_millisecond(ms).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()).unwrap_or_default()
}
