//! One value, from JSON or CSV, checked against its field.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{Input, errors, number, temporal};
use crate::schema::{Field, FieldType};
use crate::{ApiError, Value};

/// What was received, before its field gives it a type.
pub(super) struct Scalar<'a> {
    pub(super) text: Cow<'a, str>,
    /// The JSON parser's name for it; `None` for a CSV cell.
    token: Option<&'static str>,
}

impl Scalar<'_> {
    /// The error for a value that is not of the field's type.
    pub(super) fn wrong_type(&self, field: &Field) -> ApiError {
        match self.token {
            Some(token) => errors::cannot_deserialize(type_name(field.ty), token, &self.text),
            None => errors::wrong_type(field, &self.text),
        }
    }
}

/// The value of a field that is no reference.
///
/// Errors: wrong type, too long, out of range, not in the picklist, no e-mail address.
pub(super) fn value(field: &Field, input: &Input) -> Result<Value, ApiError> {
    if let (FieldType::Base64, Input::Blob(number)) = (field.ty, input) {
        return Ok(Value::Int(i64::try_from(*number).unwrap_or(i64::MAX)));
    }
    let Some(scalar) = scalar(field, input)? else { return Ok(Value::Null) };
    from_scalar(field, &scalar)
}

/// A value written as text, such as a default or an upsert key in a URL.
pub(super) fn from_text(field: &Field, text: &str) -> Result<Value, ApiError> {
    let text = trim(text);
    if text.is_empty() {
        return Ok(Value::Null);
    }
    from_scalar(field, &Scalar { text: Cow::Borrowed(text), token: None })
}

/// What was received as text; `None` for null and for empty text.
pub(super) fn scalar<'a>(field: &Field, input: &'a Input) -> Result<Option<Scalar<'a>>, ApiError> {
    let scalar = match input {
        Input::Null | Input::Json(Json::Null) => return Ok(None),
        Input::Text(text) => Scalar { text: Cow::Borrowed(trim(text)), token: None },
        Input::Json(Json::String(text)) => Scalar { text: Cow::Borrowed(trim(text)), token: Some("VALUE_STRING") },
        Input::Json(Json::Bool(true)) => Scalar { text: Cow::Borrowed("true"), token: Some("VALUE_TRUE") },
        Input::Json(Json::Bool(false)) => Scalar { text: Cow::Borrowed("false"), token: Some("VALUE_FALSE") },
        Input::Json(Json::Number(n)) => {
            let text = n.to_string();
            let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let token = if whole { "VALUE_NUMBER_INT" } else { "VALUE_NUMBER_FLOAT" };
            Scalar { text: Cow::Owned(text), token: Some(token) }
        }
        Input::Json(Json::Array(_)) => {
            return Err(errors::cannot_deserialize(type_name(field.ty), "START_ARRAY", "["));
        }
        Input::Json(Json::Object(_)) => {
            return Err(errors::cannot_deserialize(type_name(field.ty), "START_OBJECT", "{"));
        }
        Input::Blob(_) => return Err(errors::wrong_type(field, "a file")),
        Input::Reference { key, .. } => {
            let text = format!("{} is no relationship: {key} cannot be looked up through it", field.name);
            return Err(ApiError::new("INVALID_FIELD", text).field(&field.name));
        }
    };
    Ok(if scalar.text.is_empty() { None } else { Some(scalar) })
}

fn from_scalar(field: &Field, scalar: &Scalar<'_>) -> Result<Value, ApiError> {
    let text = scalar.text.as_ref();
    let is_text = matches!(scalar.token, None | Some("VALUE_STRING"));
    match field.ty {
        FieldType::Boolean => match text {
            _ if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            _ if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            _ => Err(scalar.wrong_type(field)),
        },
        FieldType::Int | FieldType::Long => number::integer(field, scalar),
        FieldType::Double | FieldType::Currency | FieldType::Percent => number::decimal(field, scalar),
        FieldType::Date if is_text => temporal::date(field, scalar),
        FieldType::Datetime if is_text => temporal::datetime(field, scalar),
        FieldType::Time if is_text => temporal::time(field, scalar),
        FieldType::Date | FieldType::Datetime | FieldType::Time => Err(scalar.wrong_type(field)),
        FieldType::Id | FieldType::Reference => match crate::RecordId::parse(text) {
            Some(id) if is_text => Ok(Value::Id(id)),
            _ => Err(errors::bad_id(&field.label, &field.name, text)),
        },
        // Text that could be decoded has become a number before.
        FieldType::Base64 => Err(scalar.wrong_type(field)),
        _ if !is_text => Err(scalar.wrong_type(field)),
        FieldType::Picklist => picklist(field, text),
        FieldType::Multipicklist => multipicklist(field, text),
        FieldType::Email if !is_email(text) => Err(errors::bad_email(field, text)),
        _ => sized(field, text).map(|()| Value::Text(text.to_owned())),
    }
}

/// What was received, its text cut to the field's length (`AllowFieldTruncationHeader`).
pub(super) fn truncated(field: &Field, input: &Input) -> Input {
    let cut = |text: &str| -> String { trim(text).chars().take(field.length as usize).collect() };
    match input {
        _ if !field.ty.is_text() || field.length == 0 => input.clone(),
        Input::Text(text) => Input::Text(cut(text)),
        Input::Json(Json::String(text)) => Input::Json(Json::String(cut(text))),
        other => other.clone(),
    }
}

/// Leading and trailing blanks and line ends go, as on save in a real org; everything inside stays.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}'))
}

fn sized(field: &Field, text: &str) -> Result<(), ApiError> {
    let most = field.length as usize;
    // A text is never longer in characters than in bytes: most need no counting.
    if most > 0 && text.len() > most && text.chars().count() > most {
        return Err(errors::too_long(field, text));
    }
    Ok(())
}

/// The defined spelling of a picklist value, if it is one and active. Another case is accepted (unconfirmed).
fn defined<'a>(field: &'a Field, text: &str) -> Option<(usize, &'a str)> {
    let values = || field.picklist.iter().enumerate().filter(|(_, v)| v.active);
    let exact = values().find(|(_, v)| v.value == text);
    let found = exact.or_else(|| values().find(|(_, v)| v.value.to_lowercase() == text.to_lowercase()));
    found.map(|(at, v)| (at, v.value.as_str()))
}

fn picklist(field: &Field, text: &str) -> Result<Value, ApiError> {
    match defined(field, text) {
        Some((_, value)) => Ok(Value::Text(value.to_owned())),
        None if field.restricted_picklist => Err(errors::bad_picklist(field, text)),
        None => sized(field, text).map(|()| Value::Text(text.to_owned())),
    }
}

/// Chosen values in their defined order, each once; values that the field does not know come last, as written.
fn multipicklist(field: &Field, text: &str) -> Result<Value, ApiError> {
    let mut chosen: Vec<(usize, &str)> = Vec::new();
    for part in text.split(';').map(trim).filter(|part| !part.is_empty()) {
        let entry = match defined(field, part) {
            Some(entry) => entry,
            None if field.restricted_picklist => return Err(errors::bad_picklist(field, part)),
            None => (usize::MAX, part),
        };
        if !chosen.contains(&entry) {
            chosen.push(entry);
        }
    }
    chosen.sort_by_key(|(at, _)| *at);
    if chosen.is_empty() {
        return Ok(Value::Null);
    }
    let joined = chosen.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(";");
    sized(field, &joined).map(|()| Value::Text(joined))
}

/// One `@`, something before it, a domain with a dot after it. Characters beyond ASCII pass (unconfirmed).
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let bad = |c: char| c.is_whitespace() || c.is_control() || "()<>[],;:\\\"@".contains(c);
    let dots = |part: &str| part.starts_with('.') || part.ends_with('.') || part.contains("..");
    !local.is_empty()
        && !local.contains(bad)
        && !dots(local)
        && domain.contains('.')
        && !domain.contains(bad)
        && !dots(domain)
}

/// The type as the JSON parser names it.
fn type_name(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Id => FieldType::Reference.name(),
        ty => ty.name(),
    }
}
