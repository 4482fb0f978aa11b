//! Record types: one of the record's object, and the object's default where a new record names none.

use super::transaction::Transaction;
use crate::schema::{Field, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

/// Whether the field is an object's `RecordTypeId`.
fn is_record_type(field: &Field) -> bool {
    field.name == "RecordTypeId" && field.reference_to.iter().any(|name| name == "RecordType")
}

/// Refuses a record type of another object.
pub(super) fn check(tx: &Transaction<'_>, facts: &ObjectType, field: &Field, value: &Value) -> Result<(), ApiError> {
    let Value::Id(id) = value else { return Ok(()) };
    if !is_record_type(field) || fits(tx, facts, *id) {
        return Ok(());
    }
    let text = format!("Record Type ID: this ID value isn't valid for the user: {id}");
    Err(ApiError::new("INVALID_CROSS_REFERENCE_KEY", text).field(&field.name))
}

fn fits(tx: &Transaction<'_>, facts: &ObjectType, id: RecordId) -> bool {
    if facts.record_types.iter().any(|known| known.id == id) {
        return true;
    }
    let Some((object, of)) = tx.schema.find("RecordType") else { return true };
    let Some((field, _)) = of.field("SobjectType") else { return true };
    tx.store.get(object, id).is_some_and(|row| row.get(field) == Value::Text(facts.name.clone()))
}

/// Gives a new record its object's default record type, if it does not speak of one. Null, said, is the master record type
/// (unconfirmed).
pub(super) fn default(facts: &ObjectType, values: &mut Values) {
    let Some(chosen) = facts.record_types.iter().find(|known| known.default && known.active) else { return };
    if let Some((field, _)) = facts.field("RecordTypeId").filter(|(_, field)| is_record_type(field)) {
        values.entry(field).or_insert(Value::Id(chosen.id));
    }
}
