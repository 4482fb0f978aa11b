//! Roll-up summaries: kept on the master, worked out anew whenever a detail comes, changes, moves or goes.
//!
//! A master whose summary changed is saved by the same transaction (a setting tells whether that moves its
//! `LastModifiedDate` and raises an event). A summary of summaries follows in the same way.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::convert;
use super::transaction::{Cause, Transaction};
use crate::formula::{Context, FormulaColumn, Session, Subject};
use crate::schema::{FieldId, FieldType, FilterOperation, ObjectId, RollUp, RollUpFilter, RollUpOperation, Schema};
use crate::store::{Row, Values};
use crate::{Millis, Org, RecordId, Value};

/// One roll-up summary field, its names looked up.
#[derive(Debug)]
pub(super) struct Summary {
    master: ObjectId,
    /// The field on the master.
    target: FieldId,
    pub(super) child: ObjectId,
    pub(super) foreign_key: FieldId,
    operation: RollUpOperation,
    source: Option<Source>,
    filters: Vec<Test>,
}

/// A field of the detail, stored or computed.
#[derive(Debug)]
struct Source {
    field: FieldId,
    formula: Option<FormulaColumn>,
}

#[derive(Debug)]
struct Test {
    source: Source,
    operation: FilterOperation,
    /// What it is compared with; empty for no value.
    values: Vec<Value>,
}

/// Every roll-up summary of the org whose detail and fields are there.
pub(super) fn summaries(schema: &Schema) -> Vec<Summary> {
    let mut found = Vec::new();
    for (at, object) in schema.objects().iter().enumerate() {
        for (target, field) in object.enumerate() {
            if let Some(definition) = &field.summary {
                found.extend(look_up(schema, ObjectId(at as u16), target, definition));
            }
        }
    }
    found
}

fn look_up(schema: &Schema, master: ObjectId, target: FieldId, definition: &RollUp) -> Option<Summary> {
    let (child, facts) = schema.find(&definition.child)?;
    let source = |name: &str| {
        let (field, _) = facts.field(name)?;
        Some(Source { field, formula: crate::formula::column(schema, child, field) })
    };
    let summarised = match &definition.field {
        Some(name) => Some(source(name)?),
        None if definition.operation == RollUpOperation::Count => None,
        None => return None,
    };
    let filters = definition.filters.iter().map(|filter| {
        let (_, field) = facts.field(&filter.field)?;
        Some(Test { source: source(&filter.field)?, operation: filter.operation, values: literals(field, filter) })
    });
    Some(Summary {
        master,
        target,
        child,
        foreign_key: facts.field(&definition.foreign_key)?.0,
        operation: definition.operation,
        source: summarised,
        filters: filters.collect::<Option<Vec<_>>>()?,
    })
}

/// The values that a filter names; one that its field cannot hold is text, which equals nothing else.
fn literals(field: &crate::schema::Field, filter: &RollUpFilter) -> Vec<Value> {
    let several = matches!(
        filter.operation,
        FilterOperation::Equals
            | FilterOperation::NotEqual
            | FilterOperation::Contains
            | FilterOperation::NotContain
            | FilterOperation::StartsWith
            | FilterOperation::Includes
            | FilterOperation::Excludes
    );
    let text = filter.value.trim();
    let parts: Vec<&str> = if several { text.split(',').collect() } else { vec![text] };
    let literal = |part: &str| {
        let part = part.trim();
        let part = match (field.ty, part) {
            (FieldType::Boolean, "1") => "true",
            (FieldType::Boolean, "0") => "false",
            (_, part) => part,
        };
        let text = || Value::Text(part.to_owned());
        match field.ty {
            // Contains and its like compare text, whatever the list of values says.
            _ if part.is_empty() => None,
            ty if ty.is_text() => Some(text()),
            _ => Some(convert::from_text(field, part).unwrap_or_else(|_| text())),
        }
    };
    parts.into_iter().filter_map(literal).collect()
}

impl Source {
    fn value(&self, context: &Context<'_>, id: RecordId, row: &Row) -> Value {
        match &self.formula {
            Some(formula) => formula.value(context, Subject::Row(id, row)),
            None => row.get(self.field),
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        use FilterOperation as Op;
        let text = |value: &Value| value.as_text().map(str::to_lowercase).unwrap_or_default();
        let equals = |wanted: &Value| match (value, wanted) {
            (Value::Text(_), Value::Text(_)) => text(value) == text(wanted),
            (a, b) => order(a, b) == Some(Ordering::Equal),
        };
        let any_text = |test: fn(&str, &str) -> bool| {
            let is = text(value);
            self.values.iter().any(|wanted| test(&is, &text(wanted)))
        };
        let one = |allowed: &[Ordering]| {
            let found = self.values.first().and_then(|wanted| order(value, wanted));
            found.is_some_and(|found| allowed.contains(&found))
        };
        match self.operation {
            Op::Equals if self.values.is_empty() => value.is_null(),
            Op::Equals => self.values.iter().any(equals),
            Op::NotEqual if self.values.is_empty() => !value.is_null(),
            Op::NotEqual => !self.values.iter().any(equals),
            Op::LessThan => one(&[Ordering::Less]),
            Op::LessOrEqual => one(&[Ordering::Less, Ordering::Equal]),
            Op::GreaterThan => one(&[Ordering::Greater]),
            Op::GreaterOrEqual => one(&[Ordering::Greater, Ordering::Equal]),
            Op::Contains => any_text(|is, wanted| is.contains(wanted)),
            Op::NotContain => !any_text(|is, wanted| is.contains(wanted)),
            Op::StartsWith => any_text(|is, wanted| is.starts_with(wanted)),
            Op::Includes => any_text(|is, wanted| is.split(';').any(|part| part == wanted)),
            Op::Excludes => !any_text(|is, wanted| is.split(';').any(|part| part == wanted)),
        }
    }
}

/// The order of two values of one kind.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    let number = |value: &Value| match value {
        Value::Int(n) => Some(Decimal::from(*n)),
        Value::Decimal(d) => Some(*d),
        _ => None,
    };
    match (a, b) {
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        (Value::Id(a), Value::Id(b)) => Some(a.cmp(b)),
        (a, b) => Some(number(a)?.cmp(&number(b)?)),
    }
}

/// What a summary without any detail is: nothing counted and nothing added up is zero, and there is no least or
/// greatest.
pub(super) fn of_nothing(summary: &RollUp, scale: u32) -> Value {
    match summary.operation {
        RollUpOperation::Count | RollUpOperation::Sum => Value::Decimal(Decimal::new(0, scale)),
        RollUpOperation::Min | RollUpOperation::Max => Value::Null,
    }
}

impl Transaction<'_> {
    /// Works out the summaries of the masters of a record that stood like this before and stands like that now.
    pub(super) fn summed_masters(
        &self,
        object: ObjectId,
        before: Option<&Arc<Row>>,
        after: Option<&Arc<Row>>,
        found: &mut BTreeMap<(ObjectId, RecordId), Vec<usize>>,
    ) {
        for (at, summary) in self.summaries.iter().enumerate().filter(|(_, s)| s.child == object) {
            for row in [before, after].into_iter().flatten() {
                if let Value::Id(master) = row.get(summary.foreign_key) {
                    let wanted = found.entry((summary.master, master)).or_default();
                    if !wanted.contains(&at) {
                        wanted.push(at);
                    }
                }
            }
        }
    }

    /// Works out these summaries of a master and saves those that differ.
    pub(super) fn sum_up(&mut self, object: ObjectId, id: RecordId, wanted: &[usize], cause: Cause) {
        let Some(row) = self.store.live(object, id).cloned() else { return };
        let session = Session::of(&self.schema, self.store, self.context.user, self.context.now);
        let mut changed = Values::new();
        let summaries = Arc::clone(&self.summaries);
        for summary in wanted.iter().filter_map(|at| summaries.get(*at)) {
            let value = summary.value(&session.context(&self.schema, self.store), id);
            if row.get(summary.target) != value {
                changed.insert(summary.target, value);
            }
        }
        if changed.is_empty() {
            return;
        }
        let facts = self.object(object);
        let mut values = row.to_values();
        values.extend(changed);
        self.touch(&facts, &mut values, cause == Cause::User);
        self.put(object, id, &values, cause);
    }
}

impl Summary {
    /// The summary of this master's live details.
    fn value(&self, context: &Context<'_>, master: RecordId) -> Value {
        let field = context.schema.object(self.master).field_at(self.target);
        let (mut count, mut sum, mut best) = (0_u64, Some(Decimal::ZERO), Value::Null);
        for id in context.store.children(self.child, self.foreign_key, master) {
            let Some(row) = context.store.live(self.child, id) else { continue };
            if !self.filters.iter().all(|test| test.holds(&test.source.value(context, id, row))) {
                continue;
            }
            count += 1;
            let Some(source) = &self.source else { continue };
            let value = source.value(context, id, row);
            match (&value, self.operation) {
                (Value::Null, _) | (_, RollUpOperation::Count) => {}
                (Value::Decimal(d), RollUpOperation::Sum) => sum = sum.and_then(|sum| sum.checked_add(*d)),
                (Value::Int(n), RollUpOperation::Sum) => {
                    sum = sum.and_then(|sum| sum.checked_add(Decimal::from(*n)));
                }
                (_, RollUpOperation::Sum) => {}
                (_, operation) => {
                    let wanted = if operation == RollUpOperation::Min { Ordering::Less } else { Ordering::Greater };
                    if best.is_null() || order(&value, &best) == Some(wanted) {
                        best = value;
                    }
                }
            }
        }
        let decimal = |number: Decimal| super::number::at_scale(number, field.scale);
        match (self.operation, best) {
            (RollUpOperation::Count, _) => decimal(Decimal::from(count)),
            // A sum of more digits than a number has cannot be shown.
            (RollUpOperation::Sum, _) => sum.map_or(Value::Null, decimal),
            (_, Value::Decimal(number)) => decimal(number),
            (_, Value::Int(n)) if field.ty != FieldType::Int => decimal(Decimal::from(n)),
            (_, best) => best,
        }
    }
}

impl Org {
    /// Works out a roll-up summary field for every live master: what a real org does in the background once the field is
    /// made or changed. Moves `SystemModstamp` of those whose value changed and nothing else, and raises no event
    /// (documented for change data capture). Answers how many changed; 0 for a field that is no summary.
    pub fn recalculate(&mut self, object: ObjectId, field: FieldId, now: Millis) -> usize {
        let context =
            super::WriteContext { now, user: self.settings.admin_id, origin: String::new(), all_or_none: false };
        let mut tx = Transaction::new(Arc::clone(&self.schema), &mut self.store, &self.settings, &context);
        let Some(at) = tx.summaries.iter().position(|s| (s.master, s.target) == (object, field)) else { return 0 };
        let masters: Vec<RecordId> =
            tx.store.table(object).map(|table| table.live_rows().map(|(id, _)| id).collect()).unwrap_or_default();
        for master in masters {
            tx.sum_up(object, master, &[at], Cause::Org { told: false });
        }
        let changed = tx.savepoint();
        // Summaries of this summary follow, and are told as little.
        tx.settle(Cause::Org { told: false });
        changed
    }
}
