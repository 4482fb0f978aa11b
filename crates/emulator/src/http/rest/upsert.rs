//! One record by an external id: read, upsert, delete.

use serde_json::{Value as Json, json};

use super::blob::Fields;
use super::call::{Call, no_content};
use super::record::{created, no_match, one, read_known};
use super::{Answer, recent};
use crate::dml::{Input, Write};
use crate::http::ApiErrors;
use crate::schema::{FieldId, FieldType, ObjectId};
use crate::{ApiError, Org, RecordId, Value};

/// `PATCH /sobjects/{object}/{field}/{value}[?updateOnly=true]`.
pub(super) fn by_key(call: &Call, name: &str, key: &str, value: &str) -> Answer {
    let (_, facts) = call.object(&call.state.org.read(), name)?;
    let given = Fields::read(call, &facts)?;
    let mut org = call.state.org.write();
    let (object, facts) = call.object(&org, name)?;
    let (_, field) = facts.field(key).ok_or_else(|| no_match(key))?;
    if field.ty != FieldType::Id && !field.external_id && !field.id_lookup {
        return Err(no_match(key).into());
    }
    if given.names(&field.name) {
        let message = format!("The {} field should not be specified in the sobject data.", field.name);
        return Err(ApiError::new("INVALID_FIELD", message).field(&field.name).into());
    }
    let write = Write::Upsert {
        object,
        key: field.name.clone(),
        value: Input::Text(value.to_owned()),
        fields: given.inputs(&mut org),
        update_only: call.param("updateOnly").is_some_and(|v| v.eq_ignore_ascii_case("true")),
    };
    let saved = match one(org.write_with(&call.write_context(true), call.write_options(), vec![write])) {
        Ok(saved) => saved,
        Err(errors) => return several(call, &facts.name, errors),
    };
    recent::note(call, &mut org, object, saved.id);
    drop(org);
    let tells_created = call.session.version.0 >= 46;
    if saved.created {
        return Ok(created(call, &facts.name, saved, tells_created));
    }
    if !tells_created {
        return Ok(no_content());
    }
    Ok(call.answer(200, &json!({ "id": saved.id.to_string(), "success": true, "errors": [], "created": false })))
}

/// `GET /sobjects/{object}/{field}/{value}`.
pub(super) fn read(call: &Call, name: &str, key: &str, value: &str) -> Answer {
    let (object, facts, found) = {
        let org = call.state.org.read();
        let (object, facts) = call.object(&org, name)?;
        (object, facts, find(&org, object, key, value)?)
    };
    match found.as_slice() {
        [] => Err(no_match(key).into()),
        [id] => read_known(call, object, *id),
        many => Ok(list(call, &facts.name, many)),
    }
}

/// `DELETE /sobjects/{object}/{field}/{value}`.
pub(super) fn delete(call: &Call, name: &str, key: &str, value: &str) -> Answer {
    let mut org = call.state.org.write();
    let (object, facts) = call.object(&org, name)?;
    match find(&org, object, key, value)?.as_slice() {
        [] => Err(no_match(key).into()),
        [id] => {
            one(org.write_with(
                &call.write_context(true),
                call.write_options(),
                vec![Write::Delete { object, id: *id }],
            ))?;
            Ok(no_content())
        }
        many => Ok(list(call, &facts.name, many)),
    }
}

/// 300 with the URLs of the matches, where that is what went wrong.
fn several(call: &Call, object: &str, errors: ApiErrors) -> Answer {
    match errors.0.first() {
        Some(error) if error.status == 300 && !error.ids.is_empty() => Ok(list(call, object, &error.ids)),
        _ => Err(errors),
    }
}

fn list(call: &Call, object: &str, ids: &[RecordId]) -> axum::response::Response {
    let urls: Vec<Json> = ids.iter().map(|id| json!(call.record_url(object, *id))).collect();
    call.answer(300, &Json::Array(urls))
}

/// Live records whose key holds this value.
fn find(org: &Org, object: ObjectId, key: &str, value: &str) -> Result<Vec<RecordId>, ApiError> {
    let facts = org.schema.object(object);
    let (id, field): (FieldId, _) = facts.field(key).ok_or_else(|| no_match(key))?;
    if !field.external_id && !field.id_lookup {
        return Err(no_match(key));
    }
    let wanted = match field.ty {
        FieldType::Int | FieldType::Long => value.parse().map(Value::Int).ok(),
        FieldType::Double | FieldType::Currency | FieldType::Percent => value.parse().map(Value::Decimal).ok(),
        FieldType::Reference => RecordId::parse(value).map(Value::Id),
        _ => Some(Value::Text(value.to_owned())),
    };
    let Some(wanted) = wanted else { return Err(no_match(key)) };
    let mut ids = org.store.find_by(object, id, &wanted);
    if field.case_sensitive && field.ty.is_text() {
        ids.retain(|found| org.store.get(object, *found).is_some_and(|row| row.get(id) == wanted));
    }
    Ok(ids)
}
