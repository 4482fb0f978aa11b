//! From what a door received to values by field.

use super::transaction::Transaction;
use super::{Input, convert, errors, reference};
use crate::ApiError;
use crate::schema::{Field, FieldType, ObjectType};
use crate::store::Values;

/// Whether the record is being made or changed: a field can allow one and not the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Create,
    Update,
}

impl Mode {
    fn allows(self, field: &Field) -> bool {
        match self {
            Mode::Create => field.createable,
            Mode::Update => field.updateable,
        }
    }
}

/// The values to set, nulls included. Where a field is named twice the last one counts.
///
/// Errors: every field that is unknown, not writable or of the wrong type.
pub(super) fn resolve(
    tx: &Transaction<'_>,
    object: &ObjectType,
    fields: &[(String, Input)],
    mode: Mode,
) -> Result<Values, Vec<ApiError>> {
    let mut values = Values::new();
    let mut found = Vec::new();
    let mut sealed = Vec::new();
    for (name, input) in fields {
        if name.eq_ignore_ascii_case("attributes") && matches!(input, Input::Json(serde_json::Value::Object(_))) {
            continue;
        }
        let named = object.field(name);
        let Some((id, field)) = named.or_else(|| object.relationship(name)) else {
            found.push(errors::unknown_field(object, name));
            continue;
        };
        if field.ty == FieldType::Id {
            // Clients send the empty id of a record that is not saved yet.
            if mode == Mode::Update || !is_empty(input) {
                found.push(id_given(mode));
            }
            continue;
        }
        if !mode.allows(field) {
            sealed.push(field.name.clone());
            continue;
        }
        let value = match (field.ty, named.is_some()) {
            (FieldType::Reference, true) => reference::from_field(tx, object, field, input),
            (FieldType::Reference, false) => reference::from_relationship(tx, object, field, input),
            _ if tx.options.truncate => convert::value(field, &convert::truncated(field, input)),
            _ => convert::value(field, input),
        };
        match value.and_then(|value| super::record_type::check(tx, object, field, &value).map(|()| value)) {
            Ok(value) => {
                values.insert(id, value);
            }
            Err(error) => found.push(error),
        }
    }
    if !sealed.is_empty() {
        found.push(errors::not_writable(sealed));
    }
    if found.is_empty() { Ok(values) } else { Err(found) }
}

fn is_empty(input: &Input) -> bool {
    match input {
        Input::Null | Input::Json(serde_json::Value::Null) => true,
        Input::Json(serde_json::Value::String(text)) | Input::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn id_given(mode: Mode) -> ApiError {
    match mode {
        Mode::Create => ApiError::new("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call"),
        Mode::Update => ApiError::new("INVALID_FIELD", "The Id field should not be specified in the sobject data."),
    }
    .field("Id")
}
