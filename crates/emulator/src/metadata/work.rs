//! A change of metadata in the making: a copy of the schema and the catalog that takes the org's place, or is thrown
//! away.

use std::sync::Arc;

use super::{Catalog, Component, Node, Problem, types};
use crate::dml::WriteContext;
use crate::schema::{Field, FieldId, FieldType, ObjectId, ObjectType, Schema, format_auto_number};
use crate::store::{Row, Store, Values};
use crate::{Millis, Org, RecordId, Value};

/// Whether a component may, or must, be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It must not be there.
    Create,
    /// It must be there.
    Update,
    /// Either.
    Upsert,
}

/// A copy of the org's metadata, to be changed.
#[derive(Debug)]
pub struct Work<'a> {
    /// Objects and fields.
    pub schema: Schema,
    /// Components.
    pub catalog: Catalog,
    pub(super) store: &'a Store,
    pub(super) now: Millis,
    pub(super) user: RecordId,
    pub(super) effects: Vec<Effect>,
    /// Objects selected for change events on the standard channel; `None`: every one that has them.
    pub(super) selected: Option<Vec<String>>,
    /// Warnings and remarks of the component that is being saved.
    pub(super) remarks: Vec<Problem>,
}

/// What a change of the schema does to records that are there already.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// Rows without a value get this one.
    Fill { object: ObjectId, field: FieldId, value: Value },
    /// The field's values are gone.
    Clear { object: ObjectId, field: FieldId },
    /// The field's values become values of its new type.
    Convert { object: ObjectId, field: FieldId, to: Box<Field> },
    /// Rows are numbered from here.
    Number { object: ObjectId, field: FieldId, format: String, start: u64, existing: bool },
    /// A roll-up summary is computed for every master.
    RollUp { object: ObjectId, field: FieldId },
    /// The object's records are gone.
    Drop { object: ObjectId },
    /// A record that belongs to a component: a record type, a record of a custom metadata type.
    Put { object: ObjectId, id: RecordId, values: Values },
    /// Such a record goes.
    Take { object: ObjectId, id: RecordId },
}

/// How far a work has come.
pub(super) struct Savepoint {
    schema: Schema,
    catalog: Catalog,
    selected: Option<Vec<String>>,
    effects: usize,
}

/// A finished work, free of the org.
#[derive(Debug)]
pub struct Finished {
    schema: Schema,
    catalog: Catalog,
    selected: Option<Vec<String>>,
    effects: Vec<Effect>,
}

impl<'a> Work<'a> {
    /// A work on a copy of this org's metadata.
    pub fn new(org: &'a Org, context: &WriteContext) -> Self {
        Self {
            schema: Schema::clone(&org.schema),
            catalog: org.metadata.clone(),
            store: &org.store,
            selected: org.settings.change_event_objects.clone(),
            now: context.now,
            user: context.user,
            effects: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Everything that was changed, to be given to [`Org::finish_metadata`].
    pub fn finish(self) -> Finished {
        Finished { schema: self.schema, catalog: self.catalog, selected: self.selected, effects: self.effects }
    }

    /// Does something that either succeeds or leaves the work as it was.
    ///
    /// # Errors
    /// Those of `act`.
    pub fn attempt<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        let savepoint = self.savepoint();
        self.remarks.clear();
        let result = act(self);
        if result.is_err() {
            self.rollback(savepoint);
        }
        result
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint {
            schema: self.schema.clone(),
            catalog: self.catalog.clone(),
            selected: self.selected.clone(),
            effects: self.effects.len(),
        }
    }

    pub(super) fn rollback(&mut self, to: Savepoint) {
        self.schema = to.schema;
        self.catalog = to.catalog;
        self.selected = to.selected;
        self.effects.truncate(to.effects);
    }

    /// An object that is there.
    pub(super) fn object(&self, name: &str) -> Result<(ObjectId, Arc<ObjectType>), Problem> {
        match self.schema.find(name) {
            Some((id, object)) => Ok((id, object.clone())),
            None => Err(Problem::new(
                "INVALID_CROSS_REFERENCE_KEY",
                format!("Entity Enumeration Or ID: bad value for restricted picklist field: {name}"),
            )),
        }
    }

    /// How many records of this object there are, the recycle bin too. None of an object that this work made.
    pub(super) fn has_records(&self, object: ObjectId) -> bool {
        self.store.table(object).is_some_and(|table| !table.is_empty())
    }

    /// Keeps what was saved; gives its id.
    pub(super) fn keep(
        &mut self,
        kind: &'static str,
        full_name: &str,
        id: Option<RecordId>,
        node: Node,
        files: Vec<(String, Arc<[u8]>)>,
    ) -> RecordId {
        let (created, created_by, known) = match self.catalog.get(kind, full_name) {
            Some(before) => (before.created, before.created_by, Some(before.id)),
            None => (self.now, self.user, None),
        };
        let id = id.or(known).unwrap_or_else(|| self.catalog.next_id(types::id_prefix(kind)));
        let full_name = full_name.to_owned();
        let (modified, modified_by) = (self.now, self.user);
        self.catalog.put(Component { kind, full_name, id, node, files, created, created_by, modified, modified_by });
        id
    }
}

impl Org {
    /// Puts a finished work in the place of the org's metadata, and changes the records that are there as it says.
    pub fn finish_metadata(&mut self, finished: Finished, context: &WriteContext) {
        let Finished { mut schema, catalog, selected, effects } = finished;
        schema.touch(context.now);
        let before = std::mem::replace(&mut self.schema, Arc::new(schema));
        let saved = std::mem::replace(&mut self.metadata, catalog);
        self.metadata.revision = saved.revision + 1;
        self.settings.change_event_objects = selected;
        for effect in effects {
            self.effect(effect, context.now);
        }
        super::events::follow(self);
        // Roll-ups that are new, and what person accounts show of contacts.
        self.schema_changed(&before, context.now);
    }

    /// Changes metadata: `change` works on a copy, which takes the org's place where it says so.
    pub fn change_metadata<T>(&mut self, context: &WriteContext, change: impl FnOnce(&mut Work<'_>) -> (bool, T)) -> T {
        let mut work = Work::new(self, context);
        let (good, result) = change(&mut work);
        let finished = work.finish();
        if good {
            self.finish_metadata(finished, context);
        }
        result
    }

    fn effect(&mut self, effect: Effect, now: Millis) {
        match effect {
            Effect::Fill { object, field, value } => {
                let kept = |row: &Row| Some(row.get(field)).filter(|v| !v.is_null());
                self.store.table_mut(object).rewrite(field, |row| kept(row).unwrap_or_else(|| value.clone()));
            }
            Effect::Clear { object, field } => {
                self.store.table_mut(object).rewrite(field, |_| Value::Null);
            }
            Effect::Convert { object, field, to } => {
                self.store.table_mut(object).rewrite(field, |row| convert(row.get(field), &to));
            }
            Effect::Number { object, field, format, start, existing } => {
                let mut next = start;
                let table = self.store.table_mut(object);
                if existing {
                    table.rewrite(field, |_| {
                        let value = Value::Text(format_auto_number(&format, next));
                        next += 1;
                        value
                    });
                }
                table.set_auto_number(field, next.saturating_sub(1));
            }
            Effect::RollUp { object, field } => {
                self.recalculate(object, field, now);
            }
            Effect::Drop { object } => {
                self.store.table_mut(object).clear();
                self.recent.forget(object);
            }
            Effect::Put { object, id, values } => self.store.table_mut(object).put(id, Row::new(&values)),
            Effect::Take { object, id } => {
                self.store.table_mut(object).remove(id);
            }
        }
    }
}

/// A value of a field whose type changed, as the new type holds it; null where it cannot be one.
fn convert(value: Value, to: &Field) -> Value {
    let text = |value: &Value| -> Option<String> {
        Some(match value {
            Value::Text(text) => text.clone(),
            Value::Decimal(number) => number.normalize().to_string(),
            Value::Int(number) => number.to_string(),
            Value::Date(date) => date.to_string(),
            Value::DateTime(ms) => crate::clock::timestamp(*ms),
            Value::Bool(value) => value.to_string(),
            Value::Id(id) => id.to_string(),
            Value::Null | Value::Time(_) => return None,
        })
    };
    match (to.ty, &value) {
        (_, Value::Null) => Value::Null,
        (FieldType::Double | FieldType::Currency | FieldType::Percent, Value::Decimal(number)) => {
            Value::Decimal(number.round_dp(to.scale))
        }
        (FieldType::Double | FieldType::Currency | FieldType::Percent, Value::Text(text)) => {
            text.trim().parse().map_or(Value::Null, |n: rust_decimal::Decimal| Value::Decimal(n.round_dp(to.scale)))
        }
        (FieldType::Date, Value::DateTime(ms)) => match jiff::Timestamp::from_millisecond(*ms) {
            Ok(at) => Value::Date(at.to_zoned(jiff::tz::TimeZone::UTC).date()),
            Err(_) => Value::Null,
        },
        (FieldType::Datetime, Value::Date(date)) => match date.to_zoned(jiff::tz::TimeZone::UTC) {
            Ok(at) => Value::DateTime(at.timestamp().as_millisecond()),
            Err(_) => Value::Null,
        },
        (FieldType::Reference, Value::Id(_)) | (FieldType::Boolean, Value::Bool(_)) => value,
        (FieldType::Date, Value::Date(_)) | (FieldType::Datetime, Value::DateTime(_)) => value,
        (ty, _) if ty.is_text() => match text(&value) {
            Some(text) => Value::Text(text.chars().take(to.length as usize).collect()),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}
