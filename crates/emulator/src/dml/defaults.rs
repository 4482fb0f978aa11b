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
        if field.formula.is_some() {
            continue;
        }
        if let Some(summary) = &field.summary {
            values.insert(id, super::roll_up::of_nothing(summary, field.scale));
        } else if field.auto_number {
            let number = tx.store.table_mut(object).next_auto_number(id);
            values.insert(id, auto_number(tx, field, number));
        } else if let Some(value) = default(tx, field) {
            values.insert(id, value);
        }
    }
}

/// A number in the field's display format (`SHP-{000000}`): eight digits where no format is known, as `CaseNumber` has
/// by default. `{YYYY}`, `{YY}`, `{MM}` and `{DD}` stand for the day on which the record is made, in the user's zone.
fn auto_number(tx: &Transaction<'_>, field: &Field, number: u64) -> Value {
    if matches!(field.ty, FieldType::Int | FieldType::Long) {
        return Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    }
    let format = field.auto_number_format.as_deref().unwrap_or("{00000000}");
    let dated =
        if format.contains('{') && format.contains(['Y', 'M', 'D']) { dated(tx, format) } else { format.to_owned() };
    Value::Text(crate::schema::format_auto_number(&dated, number))
}

fn dated(tx: &Transaction<'_>, format: &str) -> String {
    let zone = crate::formula::zone_of(&tx.schema, tx.store, tx.context.user);
    let Ok(at) = jiff::Timestamp::from_millisecond(tx.context.now) else { return format.to_owned() };
    let day = at.to_zoned(zone).date();
    let year = format!("{:04}", day.year());
    format
        .replace("{YYYY}", &year)
        .replace("{YY}", year.get(2..).unwrap_or_default())
        .replace("{MM}", &format!("{:02}", day.month()))
        .replace("{DD}", &format!("{:02}", day.day()))
}

fn default(tx: &Transaction<'_>, field: &Field) -> Option<Value> {
    if field.name == "OwnerId" && field.ty == FieldType::Reference {
        return Some(Value::Id(tx.context.user));
    }
    if let Some(text) = &field.default_value {
        return convert::from_text(field, text).ok().filter(|value| !value.is_null());
    }
    if let Some(formula) = &field.default_value_formula
        && let Some(value) = computed(tx, field, formula.trim())
    {
        return Some(value);
    }
    // `DefaultValueFormula` overrides the default among the values; one that is no active value does not.
    if let Some(chosen) = field.picklist.iter().find(|value| value.default_value && value.active) {
        return Some(Value::Text(chosen.value.clone()));
    }
    (field.ty == FieldType::Boolean).then_some(Value::Bool(false))
}

/// What a default formula gives; nothing where it cannot be computed or its result does not fit the field.
fn computed(tx: &Transaction<'_>, field: &Field, formula: &str) -> Option<Value> {
    let compiled = crate::formula::compile_default(&tx.schema, formula, field).ok()?;
    let session = crate::formula::Session::of(&tx.schema, tx.store, tx.context.user, tx.context.now);
    let context = session.context(&tx.schema, tx.store);
    let value = compiled.value(&context, crate::formula::Subject::None, field);
    match value {
        Value::Null => None,
        // A default has to pass the field's own rules, as if it had been given.
        Value::Text(text) => convert::from_text(field, &text).ok().filter(|value| !value.is_null()),
        value => Some(value),
    }
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
