//! What a Bulk 2.0 query job keeps: rows as they were, and how to write them as CSV.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use tidegate_soql::ast::{FieldSet, Query, SelectItem};

use super::QueryOptions;
use super::dates::Calendar;
use super::error::{from_parser, malformed};
use super::expr::{Column, Expr, Record, label, read_at};
use super::plan::{Shape, plan};
use super::run::{calendar, env, rows};
use super::select::{Out, Show};
use super::text::{push_bare, push_instant, push_time};
use super::value::Cell;
use crate::schema::{FieldType, ObjectId, Schema};
use crate::store::Row;
use crate::{ApiError, Org, RecordId};

/// The result of a Bulk query: rows held as they were when it ran, their related parents' rows too.
#[derive(Debug)]
pub struct BulkSelection {
    schema: Arc<Schema>,
    object: ObjectId,
    header: Vec<String>,
    columns: Vec<BulkColumn>,
    records: Vec<(RecordId, Arc<Row>)>,
    /// For each parent that is shown, the parent of each record.
    parents: Vec<Vec<Option<Parent>>>,
    /// How the user reads numbers and dates, for `FORMAT`.
    calendar: Calendar,
}

#[derive(Debug)]
struct Parent {
    object: ObjectId,
    id: RecordId,
    row: Arc<Row>,
}

#[derive(Debug)]
struct BulkColumn {
    column: Column,
    /// Which of the parents it is read from.
    parent: Option<usize>,
    show: Show,
    label: bool,
}

pub(super) fn select_bulk(org: &Org, text: &str, options: &QueryOptions) -> Result<BulkSelection, ApiError> {
    select(org, text, options, true)
}

/// API name of the object of a query that a Bulk query job can run; the rows are not looked at.
pub(super) fn check_bulk(org: &Org, text: &str, options: &QueryOptions) -> Result<String, ApiError> {
    Ok(select(org, text, options, false)?.object().to_owned())
}

fn select(org: &Org, text: &str, options: &QueryOptions, read: bool) -> Result<BulkSelection, ApiError> {
    let mut query = tidegate_soql::parse(text).map_err(|e| from_parser(text, &e))?;
    refuse(text, &query)?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    expand_standard(&org.schema, &mut query);
    let plan = plan(&env, text, &query)?;
    let Shape::Rows(fields) = &plan.shape else {
        return Err(unsupported("Aggregate queries are not supported in Bulk Query"));
    };
    let mut flat = Vec::new();
    flatten(fields, "", &mut flat)?;
    let slots: Vec<usize> =
        flat.iter().map(|(_, c)| c.column.slot).filter(|s| *s != 0).collect::<BTreeSet<_>>().into_iter().collect();
    let (header, mut columns): (Vec<_>, Vec<_>) = flat.into_iter().unzip();
    for column in &mut columns {
        column.parent = slots.iter().position(|s| *s == column.column.slot);
    }
    let found = if read { rows(env.world, &plan, None) } else { Vec::new() };
    let parents = slots
        .iter()
        .map(|slot| {
            let parent = |r: &Record<'_>| {
                let p = env.world.slot(&plan.source, *r, *slot)?;
                Some(Parent { object: p.object, id: p.id, row: Arc::clone(p.row) })
            };
            found.iter().map(parent).collect()
        })
        .collect();
    let records = found.iter().map(|r| (r.id, Arc::clone(r.row))).collect();
    let object = plan.source.object;
    Ok(BulkSelection { schema: Arc::clone(&org.schema), object, header, columns, records, parents, calendar })
}

impl BulkSelection {
    /// API name of the object.
    pub fn object(&self) -> &str {
        &self.schema.object(self.object).name
    }

    /// Column names in the order of the SELECT list, with dotted paths for parents' fields.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Writes the header line, every name in quotes.
    pub fn write_header(&self, delimiter: u8, line_ending: &str, out: &mut Vec<u8>) {
        for (n, name) in self.header.iter().enumerate() {
            if n > 0 {
                out.push(delimiter);
            }
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(line_ending.as_bytes());
    }

    /// Writes these rows as CSV lines: every value in quotes, quotes doubled, no value as `""`. Rows beyond the end
    /// are left out.
    pub fn write_rows(&self, range: Range<usize>, delimiter: u8, line_ending: &str, out: &mut Vec<u8>) {
        let end = range.end.min(self.records.len());
        let mut line = String::new();
        for n in range.start.min(end)..end {
            let Some((id, row)) = self.records.get(n) else { return };
            let base = Record { object: self.object, id: *id, row };
            line.clear();
            for (at, column) in self.columns.iter().enumerate() {
                if at > 0 {
                    line.push(char::from(delimiter));
                }
                let record = match column.parent {
                    None => Some(base),
                    Some(parent) => {
                        let found = self.parents.get(parent).and_then(|all| all.get(n)).and_then(Option::as_ref);
                        found.map(|p| Record { object: p.object, id: p.id, row: &p.row })
                    }
                };
                let mut cell = record.map_or(Cell::Null, |r| read_at(&self.schema, r, &column.column.at));
                if column.label {
                    cell = label(&self.schema, &column.column, cell);
                }
                line.push('"');
                push_cell(&mut line, cell, column.show, &self.calendar);
                line.push('"');
            }
            line.push_str(line_ending);
            out.extend_from_slice(line.as_bytes());
        }
    }
}

fn push_cell(out: &mut String, cell: Cell<'_>, show: Show, calendar: &Calendar) {
    if let Show::Formatted(ty) = show {
        return push_text(out, &super::format::formatted(cell, ty, calendar, None));
    }
    match cell {
        Cell::Null if show == Show::Plain(FieldType::Boolean) => out.push_str("false"),
        Cell::Null => {}
        Cell::Text(text) => push_text(out, text),
        Cell::Bool(_) | Cell::Int(_) | Cell::Decimal(_) | Cell::Float(_) => push_bare(out, cell, show),
        Cell::Date(date) => {
            let _ = write!(out, "{date}");
        }
        Cell::DateTime(ms) => {
            push_instant(out, ms);
            out.push('Z');
        }
        Cell::Time(ms) => {
            push_time(out, i64::from(ms));
            out.push('Z');
        }
        Cell::Id(id) => out.extend(id.to_18().iter().map(|b| char::from(*b))),
    }
}

fn push_text(out: &mut String, text: &str) {
    for (n, part) in text.split('"').enumerate() {
        if n > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
}

fn unsupported(message: &str) -> ApiError {
    ApiError::new("FEATURENOTENABLED", message)
}

/// What a Bulk query cannot do.
fn refuse(text: &str, query: &Query) -> Result<(), ApiError> {
    if query.group_by.is_some() {
        return Err(unsupported("GROUP BY is not supported in Bulk Query"));
    }
    if query.offset.is_some() {
        return Err(unsupported("OFFSET is not supported in Bulk Query"));
    }
    for item in &query.select {
        match item {
            SelectItem::Count(_) => return Err(unsupported("COUNT() is not supported in Bulk Query")),
            SelectItem::Subquery(_) => {
                let message = "Aggregate Relationships not supported in Bulk V2 Query with CSV content type";
                return Err(unsupported(message));
            }
            SelectItem::TypeOf(_) => return Err(unsupported("TYPEOF is not supported in Bulk Query")),
            SelectItem::Fields(FieldSet::All | FieldSet::Custom, span) => {
                let message = "FIELDS(ALL) and FIELDS(CUSTOM) are not supported in Bulk Query";
                return Err(malformed(text, *span, message));
            }
            SelectItem::Function(function, _)
                if super::functions::AggregateFn::named(&function.name.text).is_some() =>
            {
                return Err(unsupported("Aggregate functions are not supported in Bulk Query"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// `FIELDS(STANDARD)` is fine in Bulk: it leaves out what Bulk cannot select.
fn expand_standard(schema: &Schema, query: &mut Query) {
    use tidegate_soql::ast::{FieldPath, Name};
    let [object] = query.from.object.segments.as_slice() else { return };
    let Some((_, facts)) = schema.find(&object.text) else { return };
    let items = std::mem::take(&mut query.select);
    for item in items {
        let SelectItem::Fields(_, span) = &item else {
            query.select.push(item);
            continue;
        };
        let fields = facts
            .fields
            .iter()
            .filter(|f| !f.custom && !matches!(f.ty, FieldType::Address | FieldType::Location | FieldType::Base64));
        query.select.extend(fields.map(|f| {
            let name = Name { text: f.name.clone(), span: *span };
            SelectItem::Field(FieldPath { segments: vec![name] }, None)
        }));
    }
}

/// The members of a record and its parents side by side.
fn flatten(fields: &[Out], prefix: &str, flat: &mut Vec<(String, BulkColumn)>) -> Result<(), ApiError> {
    for field in fields {
        match field {
            Out::Value { show: Show::Blob, .. } => {
                return Err(unsupported("Selecting base64 fields is not supported in Bulk Query"));
            }
            Out::Value { key, expr, show } => {
                let (column, label) = match expr {
                    Expr::Column(column) => (column, false),
                    Expr::Label(column) => (column, true),
                    _ => return Err(unsupported("Functions are not supported in the SELECT list of a Bulk Query")),
                };
                let column = BulkColumn { column: column.clone(), parent: None, show: *show, label };
                flat.push((format!("{prefix}{key}"), column));
            }
            Out::Compound { .. } => {
                return Err(unsupported("Selecting compound data not supported in Bulk Query"));
            }
            Out::Parent { key, fields, .. } => flatten(fields, &format!("{prefix}{key}."), flat)?,
            Out::TypeOf { .. } => return Err(unsupported("TYPEOF is not supported in Bulk Query")),
            Out::Children(_) => {
                let message = "Aggregate Relationships not supported in Bulk V2 Query with CSV content type";
                return Err(unsupported(message));
            }
        }
    }
    Ok(())
}
