//! Where readers meet formulas: the one place at which a formula field of a record gets its value.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::arena::Arena;
use super::{Compiled, Context, Subject, compile};
use crate::schema::{FieldId, ObjectId, Schema};
use crate::store::{Row, Store};
use crate::value::ValueRef;
use crate::{Millis, RecordId, Value};

/// Who reads, when, and the texts computed for them.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    user: RecordId,
    now: Millis,
    zone: TimeZone,
    texts: Arena,
}

/// A formula field, compiled for reading.
#[derive(Debug, Clone)]
pub(crate) struct FormulaColumn {
    pub(crate) object: ObjectId,
    pub(crate) field: FieldId,
    /// `None` where the text no longer fits the schema: such a field has no value.
    compiled: Option<Arc<Compiled>>,
}

impl PartialEq for FormulaColumn {
    fn eq(&self, other: &Self) -> bool {
        (self.object, self.field) == (other.object, other.field)
    }
}

impl Eq for FormulaColumn {}

/// A field as a formula column, if it is a formula.
pub(crate) fn column(schema: &Schema, object: ObjectId, id: FieldId) -> Option<FormulaColumn> {
    let field = schema.object(object).field_at(id);
    let formula = field.formula.as_ref()?;
    let compiled = compile(schema, object, &formula.source, field.ty, formula.blanks).ok().map(Arc::new);
    Some(FormulaColumn { object, field: id, compiled })
}

impl FormulaColumn {
    /// The value for a record.
    pub(crate) fn value(&self, context: &Context<'_>, subject: Subject<'_>) -> Value {
        let field = context.schema.object(self.object).field_at(self.field);
        match &self.compiled {
            Some(compiled) => compiled.value(context, subject, field),
            None => Value::Null,
        }
    }
}

impl Session {
    /// For a user, in the time zone that their record names.
    pub(crate) fn of(schema: &Schema, store: &Store, user: RecordId, now: Millis) -> Self {
        Self::new(user, now, zone_of(schema, store, user))
    }

    pub(crate) fn new(user: RecordId, now: Millis, zone: TimeZone) -> Self {
        Self { user, now, zone, texts: Arena::default() }
    }

    pub(crate) fn context<'a>(&'a self, schema: &'a Schema, store: &'a Store) -> Context<'a> {
        Context { schema, store, user: self.user, now: self.now, zone: &self.zone }
    }

    /// A formula's value for a stored record, borrowed as a stored value would be.
    pub(crate) fn read<'a>(
        &'a self,
        schema: &'a Schema,
        store: &'a Store,
        column: &FormulaColumn,
        id: RecordId,
        row: &Row,
    ) -> ValueRef<'a> {
        match column.value(&self.context(schema, store), Subject::Row(id, row)) {
            Value::Text(text) => ValueRef::Text(self.texts.keep(text)),
            Value::Null => ValueRef::Null,
            Value::Bool(b) => ValueRef::Bool(b),
            Value::Int(n) => ValueRef::Int(n),
            Value::Decimal(d) => ValueRef::Decimal(d),
            Value::Date(d) => ValueRef::Date(d),
            Value::DateTime(ms) => ValueRef::DateTime(ms),
            Value::Time(ms) => ValueRef::Time(ms),
            Value::Id(id) => ValueRef::Id(id),
        }
    }
}

/// The time zone of a user (`TimeZoneSidKey`); UTC where the record is missing or names none that is known.
pub(crate) fn zone_of(schema: &Schema, store: &Store, user: RecordId) -> TimeZone {
    let named = || {
        let (object, facts) = schema.find("User")?;
        let (field, _) = facts.field("TimeZoneSidKey")?;
        match store.get(object, user)?.get_ref(field) {
            ValueRef::Text(name) => TimeZone::get(name).ok(),
            _ => None,
        }
    };
    named().unwrap_or(TimeZone::UTC)
}

/// A row with the values of these formulas in it, for who keeps rows and reads them later.
pub(crate) fn fill(context: &Context<'_>, columns: &[FormulaColumn], id: RecordId, row: &Arc<Row>) -> Arc<Row> {
    if columns.is_empty() {
        return Arc::clone(row);
    }
    let mut values = row.to_values();
    for column in columns {
        values.insert(column.field, column.value(context, Subject::Row(id, row)));
    }
    Arc::new(Row::new(&values))
}
