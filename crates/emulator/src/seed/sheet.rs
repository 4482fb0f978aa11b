//! One record at a time, on its way into the packed row: values by field, with the object's defaults underneath.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::rng::Rng;
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType, Schema};
use crate::store::{Row, Store};
use crate::{ApiError, Millis, RecordId, Value};

/// Names the fields that a generator writes, so that each is looked up once per object and not once per record.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($field:ident = $api:literal),+ $(,)? }) => {
        $(#[$doc])*
        pub(super) struct $name { $($field: crate::schema::FieldId),+ }
        impl $name {
            pub(super) fn of(sheet: &super::sheet::Sheet) -> Result<Self, crate::ApiError> {
                Ok(Self { $($field: sheet.column($api)?),+ })
            }
        }
    };
}
pub(super) use columns;

/// When a record was made, last changed and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Audit {
    pub(super) created: Millis,
    pub(super) created_by: RecordId,
    pub(super) modified: Millis,
    pub(super) modified_by: RecordId,
    /// At least `modified`; later where the system touched the record.
    pub(super) stamp: Millis,
    /// When it went to the recycle bin.
    pub(super) deleted: Option<Millis>,
}

/// The record in the making.
#[derive(Clone)]
pub(super) struct Sheet {
    pub(super) object: ObjectId,
    facts: Arc<ObjectType>,
    prefix: [u8; 3],
    instance: [u8; 2],
    /// The places of [`AUDIT`], where the object has them.
    audit: [Option<FieldId>; 7],
    defaults: Vec<Value>,
    values: Vec<Value>,
}

const AUDIT: [&str; 7] =
    ["Id", "IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"];

impl Sheet {
    /// # Errors
    ///
    /// The schema has no such object, or one without ids.
    pub(super) fn new(schema: &Schema, object: &str, instance: [u8; 2]) -> Result<Self, ApiError> {
        let missing = || ApiError::new("INVALID_TYPE", format!("the seed needs the object {object}"));
        let (id, facts) = schema.find(object).ok_or_else(missing)?;
        let defaults: Vec<Value> = facts
            .fields
            .iter()
            .map(|f| match (f.ty, &f.default_value) {
                (FieldType::Boolean, Some(text)) => Value::Bool(text == "true"),
                (FieldType::Boolean, None) => Value::Bool(false),
                (_, Some(text)) => Value::Text(text.clone()),
                (_, None) => Value::Null,
            })
            .collect();
        Ok(Self {
            object: id,
            facts: Arc::clone(facts),
            prefix: facts.key_prefix.ok_or_else(missing)?,
            instance,
            audit: AUDIT.map(|name| facts.field(name).map(|(field, _)| field)),
            values: defaults.clone(),
            defaults,
        })
    }

    /// # Errors
    ///
    /// The object has no such field.
    pub(super) fn column(&self, name: &str) -> Result<FieldId, ApiError> {
        let missing = || ApiError::new("INVALID_FIELD", format!("the seed needs the field {}.{name}", self.facts.name));
        self.facts.field(name).map(|(id, _)| id).ok_or_else(missing)
    }

    /// The id of this object's record at this place.
    pub(super) fn id(&self, place: u64) -> RecordId {
        RecordId::new(self.prefix, self.instance, place + 1)
    }

    pub(super) fn set(&mut self, field: FieldId, value: Value) {
        if let Some(slot) = self.values.get_mut(usize::from(field.0)) {
            *slot = value;
        }
    }

    pub(super) fn text(&mut self, field: FieldId, text: impl Into<String>) {
        let text = text.into();
        self.set(field, if text.is_empty() { Value::Null } else { Value::Text(text) });
    }

    pub(super) fn flag(&mut self, field: FieldId, on: bool) {
        self.set(field, Value::Bool(on));
    }

    pub(super) fn link(&mut self, field: FieldId, to: Option<RecordId>) {
        self.set(field, to.map_or(Value::Null, Value::Id));
    }

    /// A number from its digits without the point: 1234 at scale 2 is 12.34.
    pub(super) fn number(&mut self, field: FieldId, digits: i64) {
        let scale = self.facts.field_at(field).scale;
        self.set(field, Value::Decimal(Decimal::new(digits, scale)));
    }

    /// One of the field's own picklist values.
    pub(super) fn pick(&mut self, field: FieldId, rng: &mut Rng) {
        let facts = Arc::clone(&self.facts);
        if let Some(value) = rng.pick(&facts.field_at(field).picklist) {
            self.text(field, value.value.as_str());
        }
    }

    /// Some of a multi-select picklist's values, in their defined order.
    pub(super) fn pick_some(&mut self, field: FieldId, rng: &mut Rng) {
        let facts = Arc::clone(&self.facts);
        let chosen: Vec<&str> =
            facts.field_at(field).picklist.iter().filter(|_| rng.chance(40)).map(|v| v.value.as_str()).collect();
        self.text(field, chosen.join(";"));
    }

    /// Puts the record into the store and starts the next one.
    pub(super) fn put(&mut self, store: &mut Store, audit: &Audit) {
        let number = store.table_mut(self.object).next_number();
        let id = RecordId::new(self.prefix, self.instance, number);
        let row = Row::from_packed(self.take(number, audit));
        store.table_mut(self.object).put(id, row);
    }

    /// Takes the finished record, the `number`-th of its object, packed, and starts the next one.
    pub(super) fn take(&mut self, number: u64, audit: &Audit) -> Vec<u8> {
        let id = RecordId::new(self.prefix, self.instance, number);
        let deleted = audit.deleted;
        let values = [
            Value::Id(id),
            Value::Bool(deleted.is_some()),
            Value::DateTime(audit.created),
            Value::Id(audit.created_by),
            Value::DateTime(deleted.unwrap_or(audit.modified)),
            Value::Id(audit.modified_by),
            Value::DateTime(deleted.unwrap_or(audit.stamp)),
        ];
        for (field, value) in self.audit.into_iter().zip(values) {
            if let Some(field) = field {
                self.set(field, value);
            }
        }
        let filled = self.values.iter().enumerate().map(|(at, value)| (FieldId(at as u16), value));
        let packed = Row::pack(filled);
        self.values.clone_from_slice(&self.defaults);
        packed
    }
}
