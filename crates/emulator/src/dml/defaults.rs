//! Values that a new record gets where nothing was given.

use super::convert;
use super::transaction::Transaction;
use crate::schema::{Field, FieldType, ObjectId, ObjectType};
use crate::store::Values;
use crate::{RecordId, Value};

/// Fills in defaults: for fields that were not given, and for those given as null that cannot be null.
pub(super) fn apply(tx: &mut Transaction<'_>, object: ObjectId, facts: &ObjectType, values: &mut Values) {
    for (id, field) in facts.enumerate() {
        let keep_null = field.nillable || !field.defaulted_on_create;
        if values.get(&id).is_some_and(|value| !value.is_null() || keep_null) {
            continue;
        }
        if field.auto_number {
            let number = tx.store.table_mut(object).next_auto_number(id);
            values.insert(id, auto_number(field, number));
        } else if let Some(value) = default(tx, field) {
            values.insert(id, value);
        }
    }
}

/// A number in the field's display format (`SHP-{000000}`): eight digits where no format is known, as `CaseNumber` has
/// by default.
fn auto_number(field: &Field, number: u64) -> Value {
    if matches!(field.ty, FieldType::Int | FieldType::Long) {
        return Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    }
    let format = field.auto_number_format.as_deref().unwrap_or("{00000000}");
    Value::Text(crate::schema::format_auto_number(format, number))
}

fn default(tx: &Transaction<'_>, field: &Field) -> Option<Value> {
    if field.name == "OwnerId" && field.ty == FieldType::Reference {
        return Some(Value::Id(tx.context.user));
    }
    if let Some(text) = &field.default_value {
        return convert::from_text(field, text).ok().filter(|value| !value.is_null());
    }
    if let Some(chosen) = field.picklist.iter().find(|value| value.default_value && value.active) {
        return Some(Value::Text(chosen.value.clone()));
    }
    if let Some(formula) = &field.default_value_formula
        && let Some(value) = literal(tx, field, formula.trim())
    {
        return Some(value);
    }
    (field.ty == FieldType::Boolean).then_some(Value::Bool(false))
}

/// The default formulas that are mere literals, `TODAY()` and `NOW()`; any other leaves the field empty.
fn literal(tx: &Transaction<'_>, field: &Field, formula: &str) -> Option<Value> {
    let now = tx.stamp(None);
    if formula.eq_ignore_ascii_case("NOW()") && field.ty == FieldType::Datetime {
        return Some(now);
    }
    if formula.eq_ignore_ascii_case("TODAY()") && field.ty == FieldType::Date {
        let instant = jiff::Timestamp::from_millisecond(now.as_millis()?).ok()?;
        return Some(Value::Date(instant.to_zoned(jiff::tz::TimeZone::UTC).date()));
    }
    let quoted = |mark: char| formula.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    let text = match quoted('"').or_else(|| quoted('\'')) {
        Some(inner) if !inner.contains(['"', '\'', '\\']) => inner,
        Some(_) => return None,
        None if formula.bytes().all(|b| b.is_ascii_digit() || b".-".contains(&b)) => formula,
        None if formula.eq_ignore_ascii_case("true") || formula.eq_ignore_ascii_case("false") => formula,
        None => return None,
    };
    convert::from_text(field, text).ok()
}

/// The name of a custom record made without one: its id, as a real org gives it.
pub(super) fn name(facts: &ObjectType, id: RecordId, values: &mut Values) {
    if !facts.custom {
        return;
    }
    if let Some((field, _)) = facts.enumerate().find(|(_, f)| f.name_field && f.ty == FieldType::String) {
        let value = values.entry(field).or_insert(Value::Null);
        if value.is_null() {
            *value = Value::Text(id.as_15().to_owned());
        }
    }
}
