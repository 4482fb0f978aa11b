//! `query`, `queryAll`, `queryMore`, `retrieve`, `getUpdated`, `getDeleted`, and the describes.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call};
use super::fault::{Fault, Kind};
use super::files;
use super::input::id;
use crate::clock;
use crate::query;
use crate::schema::{ObjectType, describe};
use crate::{Millis, RecordId, Value};

/// Ids of one `retrieve`. Documented.
const RETRIEVE_MAX: usize = 2_000;
/// Objects of one `describeSObjects`. Documented.
const DESCRIBE_MAX: usize = 100;
/// Ids of one `getUpdated` or `getDeleted`. Documented.
const REPLICATION_MAX: usize = 600_000;
const MINUTE_MS: Millis = 60_000;
const DAY_MS: Millis = 24 * 60 * MINUTE_MS;
/// How far back updates and deletes can be asked for. Documented.
const UPDATED_DAYS: i64 = 30;
const DELETED_DAYS: i64 = 15;

/// A page of the query, and the Apex types of its columns where it is grouped.
pub(super) fn query(call: &Call, all: bool) -> Result<(Json, HashMap<String, String>), Fault> {
    let text = call.text("queryString")?;
    let options = call.query_options(all)?;
    let org = call.state.org.read();
    let mut page: Json = read(&query::run(&org, text, &options)?.json)?;
    files::fill(&org, &mut page);
    let first = page.pointer("/records/0/attributes/type").and_then(Json::as_str);
    let mut columns = HashMap::new();
    if first == Some("AggregateResult") {
        let described = query::columns(&org, text, &options)?;
        for column in described["columnMetadata"].as_array().into_iter().flatten() {
            if let (Some(name), Some(ty)) = (column["columnName"].as_str(), column["apexType"].as_str()) {
                columns.insert(name.to_owned(), ty.to_owned());
            }
        }
    }
    Ok((page, columns))
}

pub(super) fn query_more(call: &Call) -> Answer {
    let locator = call.text("queryLocator")?;
    let options = call.query_options(false)?;
    let org = call.state.org.read();
    match query::more(&org, locator, &options) {
        Ok(page) => {
            let mut page = read(&page.json)?;
            files::fill(&org, &mut page);
            Ok(page)
        }
        Err(error) if error.code == "INVALID_QUERY_LOCATOR" => {
            let formed = locator.split_once('-').is_some_and(|(cursor, offset)| {
                RecordId::parse(cursor).is_some() && offset.bytes().all(|b| b.is_ascii_digit())
            });
            let extended = if formed { "QUERY_LOCATOR_NOT_FOUND" } else { "INVALID_QUERY_LOCATOR_FORMAT" };
            Err(Fault::from(error).extended(extended))
        }
        Err(error) => Err(error.into()),
    }
}

/// Records in the order of the ids; nil for one that is not there, or deleted.
pub(super) fn retrieve(call: &Call) -> Answer {
    let name = call.text("sObjectType")?;
    let fields: Vec<String> =
        call.text("fieldList")?.split(',').map(|f| f.trim().to_owned()).filter(|f| !f.is_empty()).collect();
    let texts = call.texts("ids", RETRIEVE_MAX)?;
    let org = call.state.org.read();
    let Some((object, facts)) = org.schema.find(name) else { return Err(Fault::no_such_object(name)) };
    if fields.is_empty() {
        return Err(Fault::unexpected("MISSING_ARGUMENT", "fieldList not specified"));
    }
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        let id = id(text).map_err(|e| Fault::new(Kind::InvalidId, e.code, e.message))?;
        if facts.key_prefix != Some(id.prefix()) {
            let message = format!("{} ID: id value of incorrect type: {text}", facts.label);
            return Err(Fault::new(Kind::InvalidId, "MALFORMED_ID", message));
        }
        ids.push(id);
    }
    let found = query::retrieve(&org, object, &ids, Some(&fields), &call.query_options(false)?)?;
    // The engine always shows the id; here it is shown only where it was asked for.
    let with_id = fields.iter().any(|field| field.eq_ignore_ascii_case("Id"));
    let mut records = Vec::with_capacity(found.len());
    for record in found {
        let mut record = record.map_or(Ok(Json::Null), |text| read(&text))?;
        if let (false, Some(members)) = (with_id, record.as_object_mut()) {
            members.shift_remove("Id");
        }
        files::fill(&org, &mut record);
        records.push(record);
    }
    Ok(Json::Array(records))
}

fn read(text: &str) -> Answer {
    serde_json::from_str(text).map_err(|e| Fault::unexpected("UNKNOWN_EXCEPTION", e.to_string()))
}

pub(super) fn updated(call: &Call) -> Answer {
    let org = call.state.org.read();
    let name = call.text("sObjectType")?;
    let Some((object, facts)) = org.schema.find(name) else { return Err(Fault::no_such_object(name)) };
    let span = Span::read(call, facts, UPDATED_DAYS)?;
    let Some((stamp, _)) = facts.field("SystemModstamp") else { return Err(not_replicateable(facts)) };
    let mut ids = Vec::new();
    for (id, row) in org.store.table(object).into_iter().flat_map(|table| table.live_rows()) {
        if matches!(row.get(stamp), Value::DateTime(ms) if span.holds(ms)) {
            ids.push(id.to_string());
        }
    }
    bound(ids.len())?;
    Ok(json!({ "ids": ids, "latestDateCovered": instant(span.end.min(call.now)) }))
}

pub(super) fn deleted(call: &Call) -> Answer {
    let org = call.state.org.read();
    let name = call.text("sObjectType")?;
    let Some((object, facts)) = org.schema.find(name) else { return Err(Fault::no_such_object(name)) };
    let span = Span::read(call, facts, DELETED_DAYS)?;
    let deletions = org.store.table(object).into_iter().flat_map(|table| table.deletions());
    let found: Vec<Json> = deletions
        .filter(|(_, at)| span.holds(*at))
        .map(|(id, at)| json!({ "deletedDate": instant(at), "id": id.to_string() }))
        .collect();
    bound(found.len())?;
    Ok(json!({
        "deletedRecords": found,
        "earliestDateAvailable": instant(call.now - DELETED_DAYS * DAY_MS),
        "latestDateCovered": instant(span.end.min(call.now)),
    }))
}

/// From start (inclusive) to end (exclusive); seconds are ignored.
struct Span {
    start: Millis,
    end: Millis,
}

impl Span {
    fn read(call: &Call, facts: &ObjectType, days: i64) -> Result<Self, Fault> {
        if !facts.flags.replicateable {
            return Err(not_replicateable(facts));
        }
        let refuse = |message: String| Err(Fault::unexpected("INVALID_REPLICATION_DATE", message));
        let moment = |name: &str| {
            let text = call.text(name)?;
            // An instant without a zone is one of UTC.
            let zoned = if text.get(10..).is_some_and(|rest| rest.contains(['Z', '+', '-'])) {
                text.to_owned()
            } else {
                format!("{text}Z")
            };
            match zoned.parse::<Timestamp>() {
                Ok(at) => Ok(at.as_millisecond().div_euclid(MINUTE_MS) * MINUTE_MS),
                Err(_) => refuse(format!("{name} is not a valid date and time: {text}")).map(|()| 0),
            }
        };
        let (start, end) = (moment("startDate")?, moment("endDate")?);
        if start >= end {
            return refuse("startDate must be at least one minute before endDate".into()).map(|()| Self { start, end });
        }
        if start < call.now - days * DAY_MS {
            return refuse(format!("startDate cannot be more than {days} days ago")).map(|()| Self { start, end });
        }
        Ok(Self { start, end })
    }

    fn holds(&self, at: Millis) -> bool {
        self.start <= at && at < self.end
    }
}

fn bound(n: usize) -> Result<(), Fault> {
    if n <= REPLICATION_MAX {
        return Ok(());
    }
    Err(Fault::unexpected("EXCEEDED_ID_LIMIT", format!("more than {REPLICATION_MAX} ids")))
}

fn not_replicateable(facts: &ObjectType) -> Fault {
    Fault::unexpected("INVALID_TYPE_FOR_OPERATION", format!("{} is not replicateable", facts.name))
}

/// An instant in the form of XML Schema.
pub(super) fn instant(ms: Millis) -> String {
    clock::timestamp(ms).replace("+0000", "Z")
}

pub(super) fn describe_global(call: &Call) -> Answer {
    let schema = call.state.org.read().schema.clone();
    let mut answer = describe::global(&schema, &call.version.to_string());
    for object in answer["sobjects"].as_array_mut().into_iter().flatten() {
        object["idEnabled"] = object["keyPrefix"].is_string().into();
    }
    Ok(answer)
}

pub(super) fn describe_object(call: &Call) -> Answer {
    described(call, call.text("sObjectType")?)
}

pub(super) fn describe_objects(call: &Call) -> Answer {
    let names = call.texts("sObjectType", DESCRIBE_MAX).map_err(|_| {
        let message = format!("cannot describe more than {DESCRIBE_MAX} types in one call");
        Fault::unexpected("EXCEEDED_MAX_TYPES_LIMIT", message)
    })?;
    names.into_iter().map(|name| described(call, name)).collect()
}

/// What REST's describe says, with the members that only SOAP has.
fn described(call: &Call, name: &str) -> Answer {
    let schema = call.state.org.read().schema.clone();
    let Some((_, object)) = schema.find(name) else { return Err(Fault::no_such_object(name)) };
    let mut answer = describe::object(object, &call.version.to_string(), &call.origin);
    let urls = answer["urls"].take();
    let Some(members) = answer.as_object_mut() else { return Ok(answer) };
    members.insert("idEnabled".into(), object.key_prefix.is_some().into());
    for (member, url) in [("urlDetail", "uiDetailTemplate"), ("urlEdit", "uiEditTemplate"), ("urlNew", "uiNewRecord")] {
        members.insert(member.into(), urls.get(url).cloned().unwrap_or(Json::Null));
    }
    members.remove("urls");
    for field in members.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(field) = field.as_object_mut() {
            leave_out_nothing_said(field);
        }
    }
    Ok(answer)
}

/// A field's optional yes/no members are left out where the answer is no, as real orgs do for most (unconfirmed for
/// each of them).
fn leave_out_nothing_said(field: &mut Map<String, Json>) {
    const SAID_WHEN_TRUE: [&str; 8] = [
        "cascadeDelete",
        "displayLocationInDecimal",
        "encrypted",
        "formulaTreatNullNumberAsZero",
        "highScaleNumber",
        "htmlFormatted",
        "restrictedDelete",
        "writeRequiresMasterRead",
    ];
    field.retain(|name, value| !(SAID_WHEN_TRUE.contains(&name.as_str()) && *value == Json::Bool(false)));
}
