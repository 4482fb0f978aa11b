//! What a Bulk 2.0 query job keeps: rows as they were, and how to write them as CSV.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_soql::ast::{FieldSet, Query, SelectItem};

use super::QueryOptions;
use super::error::{from_parser, malformed};
use super::expr::{At, Column, Expr, Record, label, read_at};
use super::format::People;
use super::plan::{Shape, plan};
use super::run::{calendar, env, rows};
use super::select::{Out, Show};
use super::value::Cell;
use crate::formula::{FormulaColumn, fill};
use crate::schema::{FieldType, ObjectId, Schema};
use crate::store::Row;
use crate::{ApiError, Org, RecordId};

mod csv;
mod forms;
mod keep;

/// Rows that are rendered to reckon the size of a result.
const SAMPLE_ROWS: usize = 1_000;

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
    /// The relationships of the SELECT list by their paths, and which of the parents each leads to.
    paths: Vec<(String, usize)>,
    /// How the user reads numbers and dates, for `FORMAT`.
    people: People,
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
    refuse_setup(org, &query)?;
    refuse(text, &query)?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    expand_standard(&org.schema, &mut query);
    let plan = plan(&env, text, &query)?;
    let Shape::Rows(fields) = &plan.shape else {
        return Err(unsupported("Aggregate queries are not supported in Bulk Query"));
    };
    let (mut flat, mut paths) = (Vec::new(), Vec::new());
    flatten(fields, "", &mut flat, &mut paths)?;
    let shown = flat.iter().map(|(_, c)| c.column.slot).chain(paths.iter().map(|(_, slot)| *slot));
    let slots: Vec<usize> = shown.filter(|s| *s != 0).collect::<BTreeSet<_>>().into_iter().collect();
    let place = |slot: usize| slots.iter().position(|s| *s == slot);
    let paths = paths.into_iter().filter_map(|(path, slot)| Some((path, place(slot)?))).collect();
    let (header, mut columns): (Vec<_>, Vec<_>) = flat.into_iter().unzip();
    for column in &mut columns {
        column.parent = place(column.column.slot);
    }
    let found = if read { rows(env.world, &plan, None) } else { Vec::new() };
    // Formulas are computed now, for the rows are written when the records may have changed.
    let context = env.world.formulas.context(env.world.schema, env.world.store);
    let formulas_at = |slot: usize| -> Vec<FormulaColumn> {
        let at = columns.iter().filter(|c| c.column.slot == slot).map(|c| &c.column.at);
        at.filter_map(|at| if let At::Formula(formula) = at { Some(formula.clone()) } else { None }).collect()
    };
    let parents = slots
        .iter()
        .map(|slot| {
            let formulas = formulas_at(*slot);
            let parent = |r: &Record<'_>| {
                let p = env.world.slot(&plan.source, *r, *slot)?;
                Some(Parent { object: p.object, id: p.id, row: fill(&context, &formulas, p.id, p.row) })
            };
            found.iter().map(parent).collect()
        })
        .collect();
    let formulas = formulas_at(0);
    let records = found.iter().map(|r| (r.id, fill(&context, &formulas, r.id, r.row))).collect();
    let (schema, object) = (Arc::clone(&org.schema), plan.source.object);
    let people = calendar.people.clone();
    Ok(BulkSelection { schema, object, header, columns, records, parents, paths, people })
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

    /// Puts the rows into the order of these keys by their places.
    pub(crate) fn reorder(&mut self, key: impl Fn(usize) -> u64) {
        let mut places: Vec<usize> = (0..self.records.len()).collect();
        places.sort_by_key(|place| key(*place));
        self.records = places.iter().filter_map(|place| self.records.get(*place).cloned()).collect();
        for parents in &mut self.parents {
            *parents = places.iter().map(|place| parents.get_mut(*place).and_then(Option::take)).collect();
        }
    }

    /// About how many bytes its CSV has: counted, or of a long one reckoned from rows of all its parts.
    pub(crate) fn csv_bytes(&self, delimiter: u8, line_ending: &str) -> u64 {
        let mut out = Vec::new();
        self.write_header(delimiter, line_ending, &mut out);
        let (header, rows) = (out.len() as u64, self.len());
        let sample = rows.min(SAMPLE_ROWS);
        out.clear();
        for n in 0..sample {
            let at = n * rows / sample;
            self.write_rows(at..at + 1, delimiter, line_ending, &mut out);
        }
        header + (out.len() as u64).saturating_mul(rows as u64) / (sample.max(1) as u64)
    }

    /// A record, or the parent of it at this place.
    fn record(&self, n: usize, parent: Option<usize>) -> Option<Record<'_>> {
        match parent {
            None => self.records.get(n).map(|(id, row)| Record { object: self.object, id: *id, row }),
            Some(parent) => {
                let found = self.parents.get(parent)?.get(n)?.as_ref()?;
                Some(Record { object: found.object, id: found.id, row: &found.row })
            }
        }
    }

    fn cell(&self, n: usize, column: &BulkColumn) -> Cell<'_> {
        let cell = self.record(n, column.parent).map_or(Cell::Null, |r| read_at(&self.schema, r, &column.column.at));
        if column.label { label(&self.schema, &column.column, cell) } else { cell }
    }
}

fn unsupported(message: &str) -> ApiError {
    ApiError::new("FEATURENOTENABLED", message)
}

/// Objects that the Bulk API does not know, though the org can be asked for them: those of its setup.
fn refuse_setup(org: &Org, query: &Query) -> Result<(), ApiError> {
    let [object] = query.from.object.segments.as_slice() else { return Ok(()) };
    if org.schema.find(&object.text).is_none() && crate::metadata::tables::is_everywhere(&object.text) {
        let text = format!("Entity '{}' is not supported by the Bulk API.", object.text);
        return Err(ApiError::new("INVALIDENTITY", text));
    }
    Ok(())
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
            .enumerate()
            .map(|(_, f)| f)
            .filter(|f| !f.custom && !matches!(f.ty, FieldType::Address | FieldType::Location | FieldType::Base64));
        query.select.extend(fields.map(|f| {
            let name = Name { text: f.name.clone(), span: *span };
            SelectItem::Field(FieldPath { segments: vec![name] }, None)
        }));
    }
}

/// The members of a record and its parents side by side.
fn flatten(
    fields: &[Out],
    prefix: &str,
    flat: &mut Vec<(String, BulkColumn)>,
    paths: &mut Vec<(String, usize)>,
) -> Result<(), ApiError> {
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
            Out::Parent { key, slot, fields, .. } => {
                paths.push((format!("{prefix}{key}"), *slot));
                flatten(fields, &format!("{prefix}{key}."), flat, paths)?;
            }
            Out::TypeOf { .. } => return Err(unsupported("TYPEOF is not supported in Bulk Query")),
            Out::Children(_) => {
                let message = "Aggregate Relationships not supported in Bulk V2 Query with CSV content type";
                return Err(unsupported(message));
            }
        }
    }
    Ok(())
}
