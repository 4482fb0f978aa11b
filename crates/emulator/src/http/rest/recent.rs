//! `/recent` and what else shows or moves the list of records that a user saw lately.

use serde_json::{Value as Json, json};

use super::call::{Call, Verb};
use super::{Answer, not_allowed, not_found};
use crate::query::retrieve;
use crate::schema::ObjectId;
use crate::{ApiError, Org, RecordId};

/// Records that `/recent` gives where no limit is named, and at most. Documented for the latter.
const RECENT: usize = 200;
/// Objects of `relevantItems`, and records of each.
const RELEVANT: usize = 5;

/// `GET /recent[?limit=n]`.
pub(super) fn route(call: &Call, below: &[&str]) -> Answer {
    if !below.is_empty() {
        return Err(not_found().into());
    }
    if call.verb != Verb::Get {
        return Err(not_allowed(call, "GET,HEAD").into());
    }
    let limit = match call.param("limit") {
        None => RECENT,
        Some(text) => match text.parse() {
            Ok(n) if (1..=RECENT).contains(&n) => n,
            _ => {
                let message = format!("limit must be between 1 and {RECENT}");
                return Err(ApiError::new("ILLEGAL_QUERY_PARAMETER_VALUE", message).into());
            }
        },
    };
    let org = call.state.org.read();
    let items = items(call, &org, None, limit)?;
    drop(org);
    Ok(call.answer(200, &Json::Array(items)))
}

/// Records that the user saw lately, of one object or of all, each with its id and name.
pub(super) fn items(call: &Call, org: &Org, of: Option<ObjectId>, limit: usize) -> Result<Vec<Json>, ApiError> {
    let options = call.query_options(false);
    let mut found = Vec::new();
    let seen = org.recent.of(call.session.user).filter(|seen| of.is_none_or(|object| object == seen.object));
    for seen in seen {
        if found.len() == limit {
            break;
        }
        let facts = org.schema.object(seen.object);
        let mut fields = vec!["Id".to_owned()];
        fields.extend(facts.fields.iter().filter(|f| f.name_field).map(|f| f.name.clone()));
        let json = retrieve(org, seen.object, &[seen.id], Some(&fields), &options)?.into_iter().next().flatten();
        found.extend(json.and_then(|json| serde_json::from_str::<Json>(&json).ok()));
    }
    Ok(found)
}

/// `GET /sobjects/relevantItems`: the objects and records that the user works with, which are those seen last.
pub(super) fn relevant(call: &Call) -> Answer {
    let org = call.state.org.read();
    let mut objects: Vec<(ObjectId, Vec<RecordId>)> = Vec::new();
    for seen in org.recent.of(call.session.user) {
        match objects.iter().position(|(object, _)| *object == seen.object) {
            Some(at) if objects[at].1.len() < RELEVANT => objects[at].1.push(seen.id),
            None if objects.len() < RELEVANT => objects.push((seen.object, vec![seen.id])),
            _ => {}
        }
    }
    let entry = |(object, ids): &(ObjectId, Vec<RecordId>)| {
        let facts = org.schema.object(*object);
        json!({
            "apiName": facts.name,
            "key": facts.key_prefix.map(|p| String::from_utf8_lossy(&p).into_owned()),
            "label": facts.label_plural,
            "lastUpdatedId": null,
            "recordIds": ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    let list: Vec<Json> = objects.iter().map(entry).collect();
    Ok(call.answer(200, &Json::Array(list)))
}

/// Whether the caller leaves the list alone: `Sforce-Mru: updateMru=false`.
fn left_alone(call: &Call) -> bool {
    call.header("Sforce-Mru").is_some_and(|text| {
        let setting = text.split(['=', ';', ',']).map(str::trim).collect::<Vec<_>>();
        matches!(setting.as_slice(), [name, value, ..] if name.eq_ignore_ascii_case("updateMru") && value.eq_ignore_ascii_case("false"))
    })
}

/// Notes that the user read a record.
pub(super) fn view(call: &Call, object: ObjectId, id: RecordId) {
    if !left_alone(call) {
        call.state.org.write().note_view(call.session.user, object, id, call.state.now());
    }
}

/// Notes that the user made or changed a record. The dates of the record stay: nobody looked at it (unconfirmed).
pub(super) fn note(call: &Call, org: &mut Org, object: ObjectId, id: RecordId) {
    if !left_alone(call) {
        org.note_work(call.session.user, object, id, call.state.now());
    }
}
