//! What a query reads from a record: fields through relationship paths, and functions of them.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::currency::Converted;
use super::datefn::{DateFn, Fiscal};
use super::value::{Cell, Kind};
use crate::RecordId;
use crate::formula::{FormulaColumn, Session};
use crate::schema::{Field, FieldId, FieldType, ObjectId, Schema};
use crate::store::{Row, Store};
use crate::value::ValueRef;

/// A record of the store, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) object: ObjectId,
    pub(crate) id: RecordId,
    pub(crate) row: &'a Arc<Row>,
}

/// What records are read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) store: &'a Store,
    pub(crate) formulas: &'a Session,
}

/// The object of a FROM and the parents that its query reads: a parent's place is its index plus one, 0 is the
/// record itself.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) object: ObjectId,
    pub(crate) hops: Vec<Hop>,
}

/// One step from a record to its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Where it starts: 0, or another hop's place.
    pub(crate) from: usize,
    /// The reference field.
    pub(crate) field: At,
    /// The parent's object; `None` where the relationship is polymorphic.
    pub(crate) target: Option<ObjectId>,
    /// The relationship's name, as the describe writes it.
    pub(crate) name: String,
}

/// Where a value is found in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The record's own id.
    Id,
    /// A field.
    Field(FieldId),
    /// The field that plays this part in each object a polymorphic relationship may lead to.
    ByObject(Vec<(ObjectId, FieldId)>),
    /// The name of the record's object (`Owner.Type`).
    TypeName,
    /// A formula field, computed when it is read.
    Formula(FormulaColumn),
}

/// A field at the end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The record it is read from: 0, or a hop's place.
    pub(crate) slot: usize,
    pub(crate) at: At,
    /// API name as the describe writes it.
    pub(crate) name: String,
    pub(crate) ty: FieldType,
    /// The field itself, where there is exactly one.
    pub(crate) field: Option<(ObjectId, FieldId)>,
}

/// Something with a value for a record or a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Column(Column),
    DateFn {
        function: DateFn,
        column: Column,
        zone: Option<TimeZone>,
        fiscal: Fiscal,
    },
    /// A picklist's label.
    Label(Column),
    Distance(Distance),
    /// A currency's amount in another currency.
    Converted(Box<Converted>),
    /// `FORMULA('Amount - ExpectedRevenue')`.
    Arithmetic(Box<Arithmetic>),
    /// The n-th key of a group.
    Key(usize),
    /// The n-th aggregate of a group.
    Aggregate(usize),
    /// 1 where the n-th key of a group is summed over.
    Grouping(usize),
}

/// `DISTANCE(field, GEOLOCATION(latitude, longitude), 'km')`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Distance {
    pub(crate) latitude: Column,
    pub(crate) longitude: Column,
    pub(crate) to: (f64, f64),
    /// Of the earth, in the unit asked for.
    pub(crate) radius: f64,
}

/// Two columns added or subtracted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arithmetic {
    pub(crate) left: Column,
    pub(crate) minus: bool,
    pub(crate) right: Column,
}

impl Column {
    /// How its values compare.
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(self.ty)
    }

    /// The field's facts, where the column is one field.
    pub(crate) fn facts<'s>(&self, schema: &'s Schema) -> Option<&'s Field> {
        self.field.map(|(object, field)| schema.object(object).field_at(field))
    }
}

impl<'a> World<'a> {
    /// The record at this place of a source, seen from the record of the FROM object.
    pub(crate) fn slot(&self, source: &Source, base: Record<'a>, slot: usize) -> Option<Record<'a>> {
        let Some(hop) = slot.checked_sub(1).and_then(|at| source.hops.get(at)) else {
            return Some(base);
        };
        // A hop starts at an earlier place, so this ends; paths have at most five hops.
        let from = self.slot(source, base, hop.from)?;
        self.step(from, hop)
    }

    /// The parent that a hop leads to.
    pub(crate) fn step(&self, from: Record<'a>, hop: &Hop) -> Option<Record<'a>> {
        let id = match &hop.field {
            // An id is copied, so that a row that is made when it is looked at need not be held for it.
            At::Field(field) => from.row.here().get_ref(*field).to_value().as_id()?,
            at => match self.read_at(from, at) {
                Cell::Id(id) => id,
                _ => return None,
            },
        };
        let object = match hop.target {
            Some(object) => object,
            None => self.schema.by_prefix(id.prefix())?,
        };
        let row = self.store.get(object, id)?;
        Some(Record { object, id, row })
    }

    /// A value of this record.
    pub(crate) fn read_at(&self, record: Record<'a>, at: &At) -> Cell<'a> {
        match at {
            At::Formula(column) => {
                Cell::from(self.formulas.read(self.schema, self.store, column, record.id, record.row))
            }
            at => read_at(self.schema, record, at),
        }
    }

    /// A column's value, seen from the record of the FROM object; null where a parent is missing.
    pub(crate) fn column(&self, source: &Source, base: Record<'a>, column: &Column) -> Cell<'a> {
        match self.slot(source, base, column.slot) {
            Some(record) => self.read_at(record, &column.at),
            // A checkbox is never null: behind a missing parent it is false.
            None if column.ty == FieldType::Boolean => Cell::Bool(false),
            None => Cell::Null,
        }
    }

    /// An expression's value for a record. Parts of groups have none.
    pub(crate) fn eval(&self, source: &Source, base: Record<'a>, expr: &Expr) -> Cell<'a> {
        match expr {
            Expr::Column(column) => self.column(source, base, column),
            Expr::DateFn { function, column, zone, fiscal } => {
                function.apply(self.column(source, base, column), zone.as_ref(), *fiscal)
            }
            Expr::Label(column) => label(self.schema, column, self.column(source, base, column)),
            Expr::Distance(distance) => {
                let latitude = number(self.column(source, base, &distance.latitude));
                let longitude = number(self.column(source, base, &distance.longitude));
                match (latitude, longitude) {
                    (Some(latitude), Some(longitude)) => {
                        Cell::Float(haversine((latitude, longitude), distance.to, distance.radius))
                    }
                    _ => Cell::Null,
                }
            }
            Expr::Converted(converted) => {
                let code = self.column(source, base, converted.code());
                converted.apply(self.column(source, base, &converted.column), code)
            }
            Expr::Arithmetic(sum) => {
                let (left, right) = (self.column(source, base, &sum.left), self.column(source, base, &sum.right));
                arithmetic(left, sum.minus, right)
            }
            Expr::Key(_) | Expr::Aggregate(_) | Expr::Grouping(_) => Cell::Null,
        }
    }
}

/// A value of a record. A formula's is looked for in the row, where [`crate::formula::fill`] put it.
pub(crate) fn read_at<'a>(schema: &'a Schema, record: Record<'a>, at: &At) -> Cell<'a> {
    match at {
        At::Id => Cell::Id(record.id),
        At::Field(field) => cell(record.row, *field),
        At::ByObject(fields) => match fields.iter().find(|(object, _)| *object == record.object) {
            Some((_, field)) if schema.object(record.object).field_at(*field).ty == FieldType::Id => {
                Cell::Id(record.id)
            }
            Some((_, field)) => cell(record.row, *field),
            None => Cell::Null,
        },
        At::TypeName => Cell::Text(&schema.object(record.object).name),
        At::Formula(column) => cell(record.row, column.field),
    }
}

/// A stored value.
pub(crate) fn cell(row: &Row, field: FieldId) -> Cell<'_> {
    Cell::from(row.get_ref(field))
}

impl<'a> From<ValueRef<'a>> for Cell<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Text(text) => Cell::Text(text),
            ValueRef::Bool(b) => Cell::Bool(b),
            ValueRef::Int(n) => Cell::Int(n),
            ValueRef::Decimal(d) => Cell::Decimal(d),
            ValueRef::Date(d) => Cell::Date(d),
            ValueRef::DateTime(ms) => Cell::DateTime(ms),
            ValueRef::Time(ms) => Cell::Time(ms),
            ValueRef::Id(id) => Cell::Id(id),
        }
    }
}

/// The label of a picklist value; a value that is no longer defined is its own label.
pub(crate) fn label<'a>(schema: &'a Schema, column: &Column, cell: Cell<'a>) -> Cell<'a> {
    let (Cell::Text(text), Some(field)) = (cell, column.facts(schema)) else { return cell };
    match field.picklist.iter().find(|entry| entry.value.eq_ignore_ascii_case(text)) {
        Some(entry) => Cell::Text(&entry.label),
        None => cell,
    }
}

/// A sum or difference; null where one side is. Dates differ by days, and move by them.
fn arithmetic(left: Cell<'_>, minus: bool, right: Cell<'_>) -> Cell<'static> {
    use rust_decimal::Decimal;
    const DAY_MS: i64 = 86_400_000;
    let exact = |cell: &Cell<'_>| match cell {
        Cell::Int(n) => Some(Decimal::from(*n)),
        Cell::Decimal(d) => Some(*d),
        _ => None,
    };
    let days = |number: Decimal| {
        use rust_decimal::prelude::ToPrimitive;
        let number = if minus { -number } else { number };
        (number * Decimal::from(DAY_MS)).round().to_i64()
    };
    let result = match (&left, &right) {
        (Cell::Date(a), Cell::Date(b)) if minus => Some(Cell::Int(i64::from((*a - *b).get_days()))),
        (Cell::DateTime(a), Cell::DateTime(b)) if minus => {
            a.checked_sub(*b).map(|ms| Cell::Decimal(Decimal::from(ms) / Decimal::from(DAY_MS)))
        }
        (Cell::Date(date), number) => exact(number)
            .and_then(days)
            .and_then(|ms| date.checked_add(jiff::SignedDuration::from_millis(ms)).ok().map(Cell::Date)),
        (Cell::DateTime(at), number) => {
            exact(number).and_then(days).and_then(|ms| Some(Cell::DateTime(at.checked_add(ms)?)))
        }
        (a, b) => match (exact(a), exact(b)) {
            (Some(a), Some(b)) => if minus { a.checked_sub(b) } else { a.checked_add(b) }.map(Cell::Decimal),
            _ => None,
        },
    };
    result.unwrap_or(Cell::Null)
}

fn number(cell: Cell<'_>) -> Option<f64> {
    use rust_decimal::prelude::ToPrimitive;
    match cell {
        Cell::Decimal(d) => d.to_f64(),
        Cell::Int(n) => Some(n as f64),
        Cell::Float(f) => Some(f),
        _ => None,
    }
}

/// Great-circle distance between two places given as latitude and longitude in degrees.
fn haversine(a: (f64, f64), b: (f64, f64), radius: f64) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let (d_lat, d_lon) = (lat_b - lat_a, (b.1 - a.1).to_radians());
    let h = (d_lat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (d_lon / 2.0).sin().powi(2);
    2.0 * radius * h.sqrt().min(1.0).asin()
}
