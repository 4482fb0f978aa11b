//! `CustomMetadata`: records of custom metadata types, which are deployed and not written.

use rust_decimal::Decimal;

use super::apply::Saved;
use super::work::Effect;
use super::{Mode, Node, Problem, Work, naming};
use crate::schema::{Field, FieldType};
use crate::store::Values;
use crate::xml::Element;
use crate::{RecordId, Value};

const ELEMENTS: &[&str] = &["description", "fullName", "label", "protected", "values"];

pub(super) fn save(work: &mut Work<'_>, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    super::field::check_elements(element, ELEMENTS, "CustomMetadata")?;
    let (ty, name) = naming::split(full_name)?;
    naming::check(name, "Custom Metadata Record Name")?;
    let (object, facts) = work.object(&format!("{ty}__mdt"))?;
    let Some(label) = element.text_of("label").filter(|label| !label.is_empty()) else {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [MasterLabel]"));
    };
    let created = super::apply::check_mode(work, "CustomMetadata", full_name, mode)?;
    let known = work.catalog.get("CustomMetadata", full_name).map(|c| c.id);
    let prefix = facts.key_prefix.unwrap_or(*b"m00");
    let id = known.unwrap_or_else(|| work.catalog.next_id(prefix));
    let mut values = Values::new();
    let text = |text: &str| Value::Text(text.to_owned());
    for (field, value) in [
        ("Id", Value::Id(id)),
        ("DeveloperName", text(name)),
        ("MasterLabel", text(label)),
        ("Label", text(label)),
        ("Language", text("en_US")),
        ("QualifiedApiName", text(name)),
        ("SystemModstamp", Value::DateTime(work.now - work.now.rem_euclid(1000))),
    ] {
        if let Some((place, _)) = facts.field(field) {
            values.insert(place, value);
        }
    }
    for given in element.children_named("values") {
        let named = given.text_of("field").unwrap_or_default();
        let Some((place, field)) = facts.field(named).filter(|(_, f)| f.custom) else {
            let message = format!("Could not find the field {named} on {}", facts.name);
            return Err(Problem::integrity(message).at(given));
        };
        if let Some(written) = given.text_of("value") {
            values.insert(place, value(field, written).map_err(|p| p.at(given))?);
        }
    }
    for (place, field) in facts.enumerate().filter(|(_, f)| f.custom) {
        if !field.nillable && field.ty != FieldType::Boolean && values.get(&place).is_none_or(Value::is_null) {
            let message = format!("Required fields are missing: [{}]", field.name);
            return Err(Problem::new("REQUIRED_FIELD_MISSING", message));
        }
    }
    work.effects.push(Effect::Put { object, id, values });
    let mut node = Node::from_element(element);
    node.remove("fullName");
    work.keep("CustomMetadata", full_name, Some(id), node, Vec::new());
    Ok(Saved { full_name: full_name.to_owned(), id, created })
}

fn value(field: &Field, text: &str) -> Result<Value, Problem> {
    let wrong = || {
        let message = format!("{}: value not of required type: {text}", field.name);
        Problem::new("INVALID_TYPE_ON_FIELD_IN_RECORD", message)
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    Ok(match field.ty {
        FieldType::Boolean => Value::Bool(text.eq_ignore_ascii_case("true")),
        FieldType::Double | FieldType::Percent | FieldType::Currency => {
            Value::Decimal(text.parse::<Decimal>().map_err(|_| wrong())?.round_dp(field.scale))
        }
        FieldType::Date => Value::Date(text.parse().map_err(|_| wrong())?),
        FieldType::Datetime => Value::DateTime(text.parse::<jiff::Timestamp>().map_err(|_| wrong())?.as_millisecond()),
        _ if text.chars().count() > field.length as usize => {
            let message = format!("{}: data value too large: {text} (max length={})", field.name, field.length);
            return Err(Problem::new("STRING_TOO_LONG", message));
        }
        _ => Value::Text(text.to_owned()),
    })
}

pub(super) fn delete(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    let missing = || Problem::no_such("CustomMetadata", full_name);
    let (ty, _) = naming::split(full_name)?;
    let object = work.schema.find(&format!("{ty}__mdt")).map(|(id, _)| id).ok_or_else(missing)?;
    let gone = work.catalog.remove("CustomMetadata", full_name).ok_or_else(missing)?;
    work.effects.push(Effect::Take { object, id: gone.id });
    Ok(gone.id)
}
