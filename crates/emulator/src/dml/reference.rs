//! Lookups: a parent by its id or by one of its external ids, and the rules of hierarchies.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::transaction::Transaction;
use super::{Input, convert, errors};
use crate::schema::{Field, FieldId, FieldType, ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

/// The value of a reference field given under its own name: an id, or a parent by external id.
pub(super) fn from_field(
    tx: &Transaction<'_>,
    owned: &ObjectType,
    field: &Field,
    input: &Input,
) -> Result<Value, ApiError> {
    if let Input::Reference { object, key, value } = input {
        return by_key(tx, field, object.as_deref(), key, &Input::Text(value.clone()));
    }
    match convert::scalar(field, input)? {
        None => Ok(Value::Null),
        Some(scalar) => by_id(tx, owned, field, &scalar.text),
    }
}

/// The value of a reference field given under its relationship's name: `{"Ext__c": "x"}`, or null.
pub(super) fn from_relationship(
    tx: &Transaction<'_>,
    object: &ObjectType,
    field: &Field,
    input: &Input,
) -> Result<Value, ApiError> {
    match input {
        Input::Null | Input::Json(Json::Null) => Ok(Value::Null),
        Input::Reference { object, key, value } => {
            by_key(tx, field, object.as_deref(), key, &Input::Text(value.clone()))
        }
        Input::Json(Json::Object(members)) => {
            let attributes = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("attributes"));
            let parent = attributes.and_then(|(_, a)| a.get("type")).and_then(Json::as_str);
            let mut keys = members.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("attributes"));
            let (Some((key, value)), None) = (keys.next(), keys.next()) else {
                let name = field.relationship_name.as_deref().unwrap_or(&field.name);
                let text = format!("The relationship {name} needs exactly one external id of its parent");
                return Err(ApiError::new("INVALID_FIELD", text).field(&field.name));
            };
            by_key(tx, field, parent, key, &Input::Json(value.clone()))
        }
        Input::Json(_) | Input::Text(_) | Input::Blob(_) => {
            let name = field.relationship_name.as_deref().unwrap_or(&field.name);
            Err(errors::unknown_field(object, name))
        }
    }
}

/// A parent by id: of an object that the field can point at, there, and not deleted.
fn by_id(tx: &Transaction<'_>, owned: &ObjectType, field: &Field, text: &str) -> Result<Value, ApiError> {
    let Some(id) = RecordId::parse(text) else { return Err(errors::bad_id(&field.label, &field.name, text)) };
    let Some(object) = tx.schema.by_prefix(id.prefix()) else { return Err(errors::bad_reference(field)) };
    let name = &tx.schema.object(object).name;
    if !field.reference_to.iter().any(|target| target == name) {
        return Err(errors::bad_id(&field.label, &field.name, text));
    }
    let Some(row) = tx.store.live(object, id) else { return Err(errors::bad_reference(field)) };
    let active = tx.schema.object(object).field("IsActive").map(|(active, _)| row.get(active));
    if field.name == "OwnerId" && name == "User" && active == Some(Value::Bool(false)) {
        let what = owned.label.to_lowercase();
        let text = format!("operation performed with inactive user [{id}] as owner of {what}");
        return Err(ApiError::new("INACTIVE_OWNER_OR_USER", text).field(&field.name));
    }
    Ok(Value::Id(id))
}

/// A parent by one of its external ids.
fn by_key(
    tx: &Transaction<'_>,
    field: &Field,
    object: Option<&str>,
    key: &str,
    value: &Input,
) -> Result<Value, ApiError> {
    let target = target(field, object)?;
    let Some((object, parent)) = tx.schema.find(target) else { return Err(errors::bad_reference(field)) };
    let Some((key_id, key)) = parent.field(key).filter(|(_, key)| is_key(key)) else {
        let text = format!("Field name provided, {key} is not an External ID or indexed field for {}", parent.name);
        return Err(ApiError::new("INVALID_FIELD", text).field(&field.name));
    };
    let found = match convert::value(key, value)? {
        Value::Null => return Ok(Value::Null),
        Value::Id(id) if key.ty == FieldType::Id => tx.store.live(object, id).map(|_| id).into_iter().collect(),
        wanted => find(tx, object, key_id, key, &wanted),
    };
    let shown = || match value {
        Input::Text(text) | Input::Json(Json::String(text)) => text.clone(),
        Input::Json(json) => json.to_string(),
        Input::Null | Input::Blob(_) | Input::Reference { .. } => String::new(),
    };
    match found.as_slice() {
        [] => {
            let text = format!(
                "Foreign key external ID: {} not found for field {} in entity {}",
                shown(),
                key.name,
                parent.name
            );
            Err(ApiError::new("INVALID_FIELD", text).field(&field.name))
        }
        [id] => Ok(Value::Id(*id)),
        several => Err(several_matches(several).field(&field.name)),
    }
}

fn target<'a>(field: &'a Field, named: Option<&'a str>) -> Result<&'a str, ApiError> {
    let reason = match (named, field.reference_to.as_slice()) {
        (Some(named), targets) => match targets.iter().find(|target| target.eq_ignore_ascii_case(named)) {
            Some(target) => return Ok(target),
            None => format!("{} does not refer to {named}: it refers to {}", field.name, targets.join(", ")),
        },
        (None, [only]) => return Ok(only),
        (None, targets) => {
            format!("{} can refer to several objects: name one of {}", field.name, targets.join(", "))
        }
    };
    Err(ApiError::new("INVALID_FIELD", reason).field(&field.name))
}

/// Whether records can be named by this field.
pub(super) fn is_key(field: &Field) -> bool {
    field.external_id || field.id_lookup || field.ty == FieldType::Id
}

/// Live records whose key field holds this value, case as the field minds it.
pub(super) fn find(tx: &Transaction<'_>, object: ObjectId, id: FieldId, field: &Field, value: &Value) -> Vec<RecordId> {
    let mut found = tx.store.find_by(object, id, value);
    if field.case_sensitive {
        found.retain(|record| tx.store.get(object, *record).is_some_and(|row| row.get_ref(id) == value.into()));
    }
    found
}

pub(super) fn several_matches(ids: &[RecordId]) -> ApiError {
    let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let text = format!("More than one record found for external id field: [{}]", list.join(", "));
    ApiError::new("DUPLICATE_EXTERNAL_ID", text)
}

/// The first field by which this record would become its own ancestor.
///
/// The hierarchies that Salesforce guards are the standard ones within one object (`ParentId`, `ReportsToId`); a
/// custom lookup may form a circle.
pub(super) fn circle(tx: &Transaction<'_>, object: ObjectId, id: RecordId, given: &Values) -> Option<ApiError> {
    let facts = tx.schema.object(object);
    for (field_id, value) in given {
        let field = facts.field_at(*field_id);
        let guarded = !field.custom
            && field.ty == FieldType::Reference
            && matches!(field.reference_to.as_slice(), [only] if *only == facts.name);
        if !guarded {
            continue;
        }
        let mut seen = HashSet::from([id]);
        let mut next = value.as_id();
        while let Some(ancestor) = next {
            if !seen.insert(ancestor) {
                if ancestor == id {
                    return Some(errors::circular(field));
                }
                break;
            }
            next = tx.store.get(object, ancestor).and_then(|row| row.get(*field_id).as_id());
        }
    }
    None
}
