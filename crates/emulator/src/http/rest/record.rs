//! One record: create, read, update, delete.

use std::sync::Arc;

use http::{HeaderValue, header};
use serde_json::json;

use super::blob::Fields;
use super::call::{Call, no_content};
use super::conditions::Version;
use super::{Answer, recent};
use crate::dml::{Saved, Write, WriteResult};
use crate::http::ApiErrors;
use crate::query::retrieve;
use crate::schema::ObjectId;
use crate::{ApiError, Org, RecordId};

/// `POST /sobjects/{object}`, and `POST /sobjects/{object}/Id`, which tells `created` too.
pub(super) fn create(call: &Call, name: &str, tell_created: bool) -> Answer {
    let (_, facts) = call.object(&call.state.org.read(), name)?;
    let given = Fields::read(call, &facts)?;
    let mut org = call.state.org.write();
    let (object, facts) = call.object(&org, name)?;
    let fields = given.inputs(&mut org);
    let saved =
        one(org.write_with(&call.write_context(true), call.write_options(), vec![Write::Create { object, fields }]))?;
    recent::note(call, &mut org, object, saved.id);
    drop(org);
    Ok(created(call, &facts.name, saved, tell_created))
}

/// 201 with the new id and where it is.
pub(super) fn created(call: &Call, object: &str, saved: Saved, tell_created: bool) -> axum::response::Response {
    let mut body = json!({ "id": saved.id.to_string(), "success": true, "errors": notes(saved.id) });
    if tell_created && let Some(members) = body.as_object_mut() {
        members.insert("created".into(), json!(saved.created));
    }
    let mut response = call.answer(201, &body);
    if let Ok(location) = HeaderValue::from_str(&call.record_url(object, saved.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `errors` of a write that worked: empty, but for the platform event that it published.
pub(super) fn notes(id: RecordId) -> serde_json::Value {
    let notes = crate::events::enqueued(id);
    notes.iter().map(|e| json!({ "statusCode": e.code, "message": e.message, "fields": e.fields })).collect()
}

/// `GET /sobjects/{object}/{id}?fields=`.
pub(super) fn read(call: &Call, name: &str, id: &str) -> Answer {
    let (object, id) = {
        let org = call.state.org.read();
        let (object, _) = call.object(&org, name)?;
        (object, known_id(&org, object, id)?)
    };
    read_known(call, object, id)
}

/// The record with this id, unless the conditions of the request say otherwise. It has been looked at then.
pub(super) fn read_known(call: &Call, object: ObjectId, id: RecordId) -> Answer {
    let org = call.state.org.read();
    if org.store.table(object).is_some_and(|table| table.is_deleted(id)) {
        return Err(ApiError::new("ENTITY_IS_DELETED", "entity is deleted").status(404).into());
    }
    let fields = call.list("fields");
    let found = retrieve(&org, object, &[id], fields.as_deref(), &call.query_options(false))?;
    let Some(json) = found.into_iter().next().flatten() else { return Err(no_match(&id.to_string()).into()) };
    let version = Version::of(&org, object, id);
    drop(org);
    if let Some(answer) = version.check(call)? {
        return Ok(answer);
    }
    recent::view(call, object, id);
    Ok(version.put_on(call.answer_text(200, json)))
}

/// `PATCH /sobjects/{object}/{id}`.
pub(super) fn update(call: &Call, name: &str, id: &str) -> Answer {
    let (object, id) = {
        let org = call.state.org.read();
        let (object, _) = call.object(&org, name)?;
        (object, known_id(&org, object, id)?)
    };
    update_known(call, object, id)
}

/// Changes the record with this id, if the conditions of the request are met.
pub(super) fn update_known(call: &Call, object: ObjectId, id: RecordId) -> Answer {
    let facts = Arc::clone(call.state.org.read().schema.object(object));
    let given = Fields::read(call, &facts)?;
    let mut org = call.state.org.write();
    Version::of(&org, object, id).check(call)?;
    let fields = given.inputs(&mut org);
    one(org.write_with(&call.write_context(true), call.write_options(), vec![Write::Update { object, id, fields }]))?;
    recent::note(call, &mut org, object, id);
    Ok(no_content())
}

/// `DELETE /sobjects/{object}/{id}`.
pub(super) fn delete(call: &Call, name: &str, id: &str) -> Answer {
    let mut org = call.state.org.write();
    let (object, _) = call.object(&org, name)?;
    let id = known_id(&org, object, id)?;
    one(org.write_with(&call.write_context(true), call.write_options(), vec![Write::Delete { object, id }]))?;
    Ok(no_content())
}

/// The one result of one write.
pub(super) fn one(results: Vec<WriteResult>) -> Result<Saved, ApiErrors> {
    match results.into_iter().next() {
        Some(Ok(saved)) => Ok(saved),
        Some(Err(errors)) => Err(errors.into()),
        None => Err(super::not_found().into()),
    }
}

/// Whether a path segment has the form of a record id, for paths that go on below a record.
pub(super) fn looks_like_id(segment: &str) -> bool {
    // Lower-cased by the router, so the checksum cannot be looked at.
    matches!(segment.len(), 15 | 18)
        && segment.bytes().all(|b| b.is_ascii_alphanumeric())
        && segment.bytes().take(3).any(|b| b.is_ascii_digit())
}

/// An id of this object.
pub(super) fn known_id(org: &Org, object: ObjectId, text: &str) -> Result<RecordId, ApiError> {
    let id = RecordId::parse(text).ok_or_else(|| no_match(text))?;
    if org.schema.object(object).key_prefix != Some(id.prefix()) {
        return Err(super::not_found());
    }
    Ok(id)
}

/// Nothing there, as every unmatched name after an object is answered.
pub(super) fn no_match(text: &str) -> ApiError {
    let message = format!("Provided external ID field does not exist or is not accessible: {text}");
    ApiError::new("NOT_FOUND", message).status(404)
}
