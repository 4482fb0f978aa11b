//! `PermissionSet`: kept as it came, checked against the schema, and a record of the object PermissionSet that users can
//! be assigned to.

use super::apply::Saved;
use super::work::Effect;
use super::{Mode, Problem, Work, apply, naming};
use crate::Value;
use crate::schema::{FieldType, ObjectId};
use crate::store::Values;
use crate::xml::Element;

pub(super) const KIND: &str = "PermissionSet";

pub(super) fn save(work: &mut Work<'_>, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    for permission in element.children.iter().filter(|child| child.name == "fieldPermissions") {
        check_field(work, permission).map_err(|p| p.at(permission))?;
    }
    let saved = apply::save_kept(work, KIND, full_name, element, mode)?;
    if let Some((object, values)) = record(work, &saved, element) {
        work.effects.push(Effect::Put { object, id: saved.id, values });
    }
    Ok(saved)
}

/// The custom fields that a permission set lists are there, and not ones that everybody has anyway. Objects that this
/// emulator does not have are passed over: a project may well speak of more of Salesforce than there is here.
fn check_field(work: &Work<'_>, permission: &Element) -> Result<(), Problem> {
    let full_name = permission.text_of("field").unwrap_or_default();
    let Ok((object, name)) = naming::split(full_name) else { return Ok(()) };
    let Some((_, facts)) = work.schema.find(object).filter(|_| name.ends_with("__c")) else { return Ok(()) };
    let Some((_, field)) = facts.field(name) else {
        let message = format!("In field: field - no CustomField named {full_name} found");
        return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
    };
    // A master, and a field that must have a value. A checkbox has one without being asked.
    let required = !field.nillable && !field.calculated && field.ty != FieldType::Boolean;
    if required {
        let message = format!("You cannot deploy to a required field: {full_name}");
        return Err(Problem::new("FIELD_INTEGRITY_EXCEPTION", message));
    }
    Ok(())
}

/// The record that stands for it.
fn record(work: &Work<'_>, saved: &Saved, element: &Element) -> Option<(ObjectId, Values)> {
    let (place, facts) = work.schema.find(KIND)?;
    let mut values = work.store.get(place, saved.id).map(|row| row.to_values()).unwrap_or_default();
    let now = Value::DateTime(work.now - work.now.rem_euclid(1000));
    let is_new = values.is_empty();
    let mut set = |name: &str, value: Value| {
        if let Some((field, _)) = facts.field(name) {
            values.insert(field, value);
        }
    };
    if is_new {
        set("Id", Value::Id(saved.id));
        set("CreatedDate", now.clone());
        set("CreatedById", Value::Id(work.user));
    }
    let text = |name: &str| element.text_of(name).map_or(Value::Null, |text| Value::Text(text.to_owned()));
    set("Name", Value::Text(saved.full_name.clone()));
    set("Label", text("label"));
    set("Description", text("description"));
    set("IsCustom", Value::Bool(true));
    set("IsOwnedByProfile", Value::Bool(false));
    set("LastModifiedById", Value::Id(work.user));
    set("LastModifiedDate", now.clone());
    set("SystemModstamp", now);
    // The user permissions that the object has a column for; the others are off.
    for (_, field) in facts.enumerate() {
        if let Some(name) = field.name.strip_prefix("Permissions") {
            let given = element.children.iter().filter(|child| child.name == "userPermissions").any(|child| {
                child.text_of("name").is_some_and(|given| given.eq_ignore_ascii_case(name))
                    && child.text_of("enabled") == Some("true")
            });
            set(&field.name, Value::Bool(given));
        }
    }
    Some((place, values))
}

/// Takes the record away with the component.
pub(super) fn forget(work: &mut Work<'_>, id: crate::RecordId) {
    if let Some((object, _)) = work.schema.find(KIND) {
        work.effects.push(Effect::Take { object, id });
    }
}
