//! `RecordType`: an entry in the object's describe, and a record of the object RecordType.

use super::apply::Saved;
use super::work::Effect;
use super::{Mode, Node, Problem, Work, naming};
use crate::schema::{Field, FieldType, ObjectType, RecordType, Schema};
use crate::store::Values;
use crate::xml::Element;
use crate::{RecordId, Value};

/// Elements of a `RecordType`.
const ELEMENTS: &[&str] =
    &["active", "businessProcess", "compactLayoutAssignment", "description", "fullName", "label", "picklistValues"];

pub(super) fn save(work: &mut Work<'_>, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    super::field::check_elements(element, ELEMENTS, "RecordType")?;
    let (object_name, name) = naming::split(full_name)?;
    let (_, facts) = work.object(object_name)?;
    naming::check(name, "Record Type Name")?;
    if !facts.flags.layoutable || facts.flags.custom_setting {
        return Err(Problem::integrity(format!("{} has no record types", facts.name)));
    }
    let Some(label) = element.text_of("label").filter(|label| !label.is_empty()) else {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"));
    };
    let active = super::field::truth(element, "active")?;
    let mut object = ObjectType::clone(&facts);
    let known = object.record_types.iter().position(|r| r.developer_name.eq_ignore_ascii_case(name));
    let full_name = format!("{}.{name}", facts.name);
    let (id, created) = match (known, mode) {
        (Some(_), Mode::Create) => return Err(super::apply::duplicate("RecordType", &full_name)),
        (None, Mode::Update) => return Err(Problem::no_such("RecordType", &full_name)),
        (Some(at), _) => {
            let found = &mut object.record_types[at];
            (found.name, found.active) = (label.to_owned(), active);
            (found.id, false)
        }
        (None, _) => {
            let id = next_id(work);
            let (developer_name, name) = (name.to_owned(), label.to_owned());
            object.record_types.push(RecordType { id, developer_name, name, active, default: false });
            (id, true)
        }
    };
    if object.field("RecordTypeId").is_none() {
        let mut field = Field::new("RecordTypeId", "Record Type ID", FieldType::Reference, 18);
        field.reference_to = vec!["RecordType".into()];
        field.relationship_name = Some("RecordType".into());
        field.permissionable = false;
        object.fields.push(field);
        object.index();
    }
    work.schema.replace(object);
    let mut node = Node::from_element(element);
    node.remove("fullName");
    work.keep("RecordType", &full_name, Some(id), node, Vec::new());
    if let Some((place, values)) = record(work, &facts.name, id, name, label, element.text_of("description"), active) {
        work.effects.push(Effect::Put { object: place, id, values });
    }
    Ok(Saved { full_name, id, created })
}

/// An id that no record type of the org has.
fn next_id(work: &mut Work<'_>) -> RecordId {
    loop {
        let id = work.catalog.next_id(*b"012");
        let taken = |schema: &Schema| schema.objects().iter().any(|o| o.record_types.iter().any(|r| r.id == id));
        if !taken(&work.schema) {
            return id;
        }
    }
}

/// The record of the object RecordType that stands for it.
fn record(
    work: &Work<'_>,
    object: &str,
    id: RecordId,
    developer_name: &str,
    label: &str,
    description: Option<&str>,
    active: bool,
) -> Option<(crate::schema::ObjectId, Values)> {
    let (place, facts) = work.schema.find("RecordType")?;
    let mut values = work.store.get(place, id).map(|row| row.to_values()).unwrap_or_default();
    let now = Value::DateTime(work.now - work.now.rem_euclid(1000));
    let is_new = values.is_empty();
    let mut set = |name: &str, value: Value| {
        if let Some((field, _)) = facts.field(name) {
            values.insert(field, value);
        }
    };
    if is_new {
        set("Id", Value::Id(id));
        set("CreatedDate", now.clone());
        set("CreatedById", Value::Id(work.user));
    }
    set("Name", Value::Text(label.to_owned()));
    set("DeveloperName", Value::Text(developer_name.to_owned()));
    set("SobjectType", Value::Text(object.to_owned()));
    set("Description", description.map_or(Value::Null, |d| Value::Text(d.to_owned())));
    set("IsActive", Value::Bool(active));
    set("IsPersonType", Value::Bool(false));
    set("LastModifiedById", Value::Id(work.user));
    set("LastModifiedDate", now.clone());
    set("SystemModstamp", now);
    Some((place, values))
}

pub(super) fn delete(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    let (object_name, name) = naming::split(full_name)?;
    let missing = || Problem::no_such("RecordType", full_name);
    let (place, facts) = work.schema.find(object_name).map(|(id, o)| (id, o.clone())).ok_or_else(missing)?;
    let at = facts.record_types.iter().position(|r| r.developer_name.eq_ignore_ascii_case(name)).ok_or_else(missing)?;
    let id = facts.record_types[at].id;
    if facts.record_types[at].active {
        let message = format!("The record type {name} is active: deactivate it before you delete it");
        return Err(Problem::new("DELETE_FAILED", message));
    }
    if let Some((field, _)) = facts.field("RecordTypeId")
        && !work.store.find_by(place, field, &Value::Id(id)).is_empty()
    {
        let message = format!("The record type {name} has records: give them another record type first");
        return Err(Problem::new("DELETE_FAILED", message));
    }
    let mut object = ObjectType::clone(&facts);
    object.record_types.remove(at);
    work.schema.replace(object);
    if let Some((place, _)) = work.schema.find("RecordType") {
        work.effects.push(Effect::Take { object: place, id });
    }
    work.catalog.remove("RecordType", &format!("{}.{name}", facts.name));
    Ok(id)
}
