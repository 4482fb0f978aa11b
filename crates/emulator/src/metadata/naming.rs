//! Names of components: what they may be, and the ids that belong to them.

use super::Problem;
use crate::RecordId;
use crate::id::INSTANCE;
use crate::schema::{FieldId, ObjectId};

/// Longest developer name, without its suffix: custom objects, fields, channels.
const DEVELOPER_NAME_MAX: usize = 40;

/// Ids of fields: so many for each object, so that a field's id follows from its place and never changes.
const FIELDS_PER_OBJECT: u64 = 100_000;

/// Checks a developer name (without `__c`), as Salesforce words it.
pub(super) fn check(name: &str, what: &str) -> Result<(), Problem> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.ends_with('_')
        && !name.contains("__");
    if !good {
        return Err(Problem::integrity(format!(
            "The {what}: {name}: The Developer Name can only contain underscores and alphanumeric characters. It must \
             be unique, begin with a letter, not include spaces, not end with an underscore, and not contain two \
             consecutive underscores."
        )));
    }
    if name.len() > DEVELOPER_NAME_MAX {
        let message = format!("Developer Name: data value too large: {name} (max length={DEVELOPER_NAME_MAX})");
        return Err(Problem::new("STRING_TOO_LONG", message));
    }
    Ok(())
}

/// `Object` and `Field__c` of `Object.Field__c`.
pub(super) fn split(full_name: &str) -> Result<(&str, &str), Problem> {
    match full_name.split_once('.') {
        Some((object, name)) if !object.is_empty() && !name.is_empty() => Ok((object, name)),
        _ => Err(Problem::integrity(format!(
            "Must specify the object and the name in fullName with a dot between them: {full_name}"
        ))),
    }
}

/// The id of a custom field, by its place.
pub(super) fn field_id(object: ObjectId, field: FieldId) -> RecordId {
    let number = u64::from(object.0) * FIELDS_PER_OBJECT + u64::from(field.0) + 1;
    RecordId::new(*b"00N", INSTANCE, number)
}

/// The place of the custom field with this id.
pub(super) fn field_place(id: RecordId) -> Option<(ObjectId, FieldId)> {
    if id.prefix() != *b"00N" {
        return None;
    }
    let number = id.number()?.checked_sub(1)?;
    let object = u16::try_from(number / FIELDS_PER_OBJECT).ok()?;
    Some((ObjectId(object), FieldId(u16::try_from(number % FIELDS_PER_OBJECT).ok()?)))
}

/// The id of a custom object, by its place.
pub(super) fn object_id(object: ObjectId) -> RecordId {
    RecordId::new(*b"01I", INSTANCE, u64::from(object.0) + 1)
}

/// The place of the custom object with this id.
pub(super) fn object_place(id: RecordId) -> Option<ObjectId> {
    if id.prefix() != *b"01I" {
        return None;
    }
    u16::try_from(id.number()?.checked_sub(1)?).ok().map(ObjectId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn developer_names_are_checked() {
        for name in ["A", "Legacy_Id", "X1"] {
            assert_eq!(check(name, "x"), Ok(()), "{name}");
        }
        for name in ["", "1A", "_A", "A_", "A__B", "A B", "Ä", "a-b"] {
            assert_eq!(check(name, "x").unwrap_err().code, "FIELD_INTEGRITY_EXCEPTION", "{name}");
        }
        assert_eq!(check(&"a".repeat(41), "x").unwrap_err().code, "STRING_TOO_LONG");
    }

    #[test]
    fn ids_lead_back_to_places() {
        for (object, field) in [(0, 0), (3, 99), (65_535, 65_535)] {
            let (object, field) = (ObjectId(object), FieldId(field));
            assert_eq!(field_place(field_id(object, field)), Some((object, field)));
            assert_eq!(object_place(object_id(object)), Some(object));
        }
        assert_eq!(field_place(object_id(ObjectId(1))), None);
    }
}
