//! The errors of writes, worded as a real org words them.

use crate::schema::{Field, ObjectType};
use crate::{ApiError, RecordId};

pub(super) fn all_or_none() -> ApiError {
    ApiError::new(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
}

pub(super) fn publish_limit() -> ApiError {
    ApiError::new("LIMIT_EXCEEDED", "The hourly limit for publishing platform events is exceeded")
}

pub(super) fn unknown_field(object: &ObjectType, name: &str) -> ApiError {
    ApiError::new("INVALID_FIELD", format!("No such column '{name}' on sobject of type {}", object.name))
}

pub(super) fn not_writable(fields: Vec<String>) -> ApiError {
    let text = format!(
        "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is \
         read/write for your profile or permission set.",
        fields.join(", ")
    );
    ApiError { fields, ..ApiError::new("INVALID_FIELD_FOR_INSERT_UPDATE", text) }
}

pub(super) fn required(fields: Vec<String>) -> ApiError {
    let text = format!("Required fields are missing: [{}]", fields.join(", "));
    ApiError { fields, ..ApiError::new("REQUIRED_FIELD_MISSING", text) }
}

/// A cell of the wrong type (CSV).
pub(super) fn wrong_type(field: &Field, value: &str) -> ApiError {
    let text = format!("{}: value not of required type: {value}", field.name);
    ApiError::new("INVALID_TYPE_ON_FIELD_IN_RECORD", text).field(&field.name)
}

/// A JSON value of the wrong type. `token` is the parser's name for what it saw.
pub(super) fn cannot_deserialize(ty: &str, token: &str, value: &str) -> ApiError {
    ApiError::new(
        "JSON_PARSER_ERROR",
        format!(
            "Cannot deserialize instance of {ty} from {token} value {value} or request may be missing a required field"
        ),
    )
}

pub(super) fn too_long(field: &Field, value: &str) -> ApiError {
    let text = format!("{}: data value too large: {value} (max length={})", field.name, field.length);
    ApiError::new("STRING_TOO_LONG", text).field(&field.name)
}

pub(super) fn out_of_range(field: &Field, value: &str) -> ApiError {
    let text = format!("{}: value outside of valid range on numeric field: {value}", field.name);
    ApiError::new("NUMBER_OUTSIDE_VALID_RANGE", text).field(&field.name)
}

/// Unconfirmed: how a real org words a year before 1700 or after 4000.
pub(super) fn date_out_of_range(field: &Field, value: &str) -> ApiError {
    let text = format!("{}: invalid date: {value}", field.name);
    ApiError::new("NUMBER_OUTSIDE_VALID_RANGE", text).field(&field.name)
}

pub(super) fn bad_email(field: &Field, value: &str) -> ApiError {
    let text = format!("{}: invalid email address: {value}", field.name);
    ApiError::new("INVALID_EMAIL_ADDRESS", text).field(&field.name)
}

pub(super) fn bad_picklist(field: &Field, value: &str) -> ApiError {
    let text = format!("{}: bad value for restricted picklist field: {value}", field.label);
    ApiError::new("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text).field(&field.name)
}

pub(super) fn bad_id(label: &str, field: &str, value: &str) -> ApiError {
    ApiError::new("MALFORMED_ID", format!("{label}: id value of incorrect type: {value}")).field(field)
}

pub(super) fn bad_reference(field: &Field) -> ApiError {
    ApiError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").field(&field.name)
}

pub(super) fn duplicate(field: &Field, other: RecordId) -> ApiError {
    let text = format!("duplicate value found: {} duplicates value on record with id: {}", field.name, other.as_15());
    ApiError::new("DUPLICATE_VALUE", text).field(&field.name)
}

pub(super) fn not_found() -> ApiError {
    ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404)
}

pub(super) fn is_deleted() -> ApiError {
    ApiError::new("ENTITY_IS_DELETED", "entity is deleted").status(404)
}

pub(super) fn no_such_key(name: &str) -> ApiError {
    let text = format!("Provided external ID field does not exist or is not accessible: {name}");
    ApiError::new("NOT_FOUND", text).status(404)
}

pub(super) fn not_supported(object: &ObjectType, operation: &str) -> ApiError {
    let text = format!("entity type {} does not support {operation}", object.name);
    ApiError::new("INVALID_TYPE_FOR_OPERATION", text)
}

pub(super) fn circular(field: &Field) -> ApiError {
    ApiError::new("CIRCULAR_DEPENDENCY", "attempt to violate hierarchy constraints").field(&field.name)
}

pub(super) fn converted_lead() -> ApiError {
    ApiError::new("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
}
