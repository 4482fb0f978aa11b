//! `query?explain=`: the ways in which a query could be run, the best first, from the store's own counts.
//!
//! Which fields have an index, how many rows an index may give before a scan is quicker, and what keeps a filter from
//! using one are Salesforce's documented rules. What a scan costs is not documented: here it grows slowly with the
//! object's rows, so that a selective filter comes before it and an unselective one after it.

use std::ops::ControlFlow;

use serde_json::{Value as Json, json};

use super::QueryOptions;
use super::error::from_parser;
use super::expr::{At, Column, Expr};
use super::filter::{Check, Filter, Relation};
use super::plan::{Env, Plan, plan};
use super::run::{calendar, env};
use super::scan::scan;
use crate::schema::{Field, FieldType, ObjectType};
use crate::{ApiError, Org};

/// Rows up to which the first part of a threshold counts, and the caps of both kinds of index.
const FIRST_ROWS: f64 = 1_000_000.0;
const STANDARD: Threshold = Threshold { first: 0.30, beyond: 0.15, cap: 1_000_000.0 };
const CUSTOM: Threshold = Threshold { first: 0.10, beyond: 0.05, cap: 333_333.0 };
/// Cost of reading a small table whole (observed).
const SCAN_COST: f64 = 0.65;

/// How many rows an index may give.
struct Threshold {
    first: f64,
    beyond: f64,
    cap: f64,
}

impl Threshold {
    fn rows(&self, of: usize) -> f64 {
        let of = of as f64;
        (of.min(FIRST_ROWS) * self.first + (of - FIRST_ROWS).max(0.0) * self.beyond).min(self.cap).max(1.0)
    }
}

/// Whether a field has an index.
enum Indexed {
    Standard,
    Custom,
    No,
}

/// A way to run the query.
struct Way {
    operation: &'static str,
    fields: Vec<String>,
    cardinality: usize,
    cost: f64,
}

pub(super) fn explain(org: &Org, text: &str, options: &QueryOptions) -> Result<Json, ApiError> {
    if looks_like_an_id(text) {
        // Neither reports nor list views are kept here.
        return Err(ApiError::new("INVALID_ID", format!("invalid report or list view id: {}", text.trim())));
    }
    let query = tidegate_soql::parse(text).map_err(|e| from_parser(text, &e))?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    let plan = plan(&env, text, &query)?;
    let facts = org.schema.object(plan.source.object);
    // Soft-deleted rows count in the totals.
    let rows = org.store.table(plan.source.object).map_or(0, |t| t.len());
    let mut ways = Vec::new();
    let mut notes = Vec::new();
    for filter in parts(&plan.filter) {
        consider(&env, &plan, facts, filter, rows, &mut ways, &mut notes);
    }
    if !options.all && facts.field("IsDeleted").is_some() {
        notes.push(unindexed(facts, &["IsDeleted".to_owned()]));
    }
    let cost = SCAN_COST + (1.0 + rows as f64 / 1_000.0).log10();
    ways.push(Way { operation: "TableScan", fields: Vec::new(), cardinality: rows, cost });
    ways.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let plans: Vec<Json> = ways
        .into_iter()
        .map(|way| {
            json!({
                "cardinality": way.cardinality,
                "fields": way.fields,
                "leadingOperationType": way.operation,
                "notes": notes,
                "relativeCost": way.cost,
                "sobjectCardinality": rows,
                "sobjectType": facts.name,
            })
        })
        .collect();
    Ok(json!({ "plans": plans, "sourceQuery": text }))
}

fn looks_like_an_id(text: &str) -> bool {
    let text = text.trim();
    matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// What every row must pass.
fn parts(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::All => Vec::new(),
        Filter::And(all) => all.iter().flat_map(parts).collect(),
        one => vec![one],
    }
}

fn consider(
    env: &Env<'_>,
    plan: &Plan,
    facts: &ObjectType,
    filter: &Filter,
    rows: usize,
    ways: &mut Vec<Way>,
    notes: &mut Vec<Json>,
) {
    let tests: Vec<(&Expr, &Check)> = match filter {
        Filter::Test(expr, check) => vec![(expr, check)],
        // Every branch must be indexed, and their sum counts.
        Filter::Or(any) => {
            let mut tests = Vec::new();
            for one in any {
                match one {
                    Filter::Test(expr, check) => tests.push((expr, check)),
                    _ => return,
                }
            }
            tests
        }
        _ => return,
    };
    let mut fields: Vec<String> = Vec::new();
    let (mut threshold, mut usable) = (STANDARD.rows(rows), !tests.is_empty());
    let mut sum = 0;
    for (expr, check) in &tests {
        let Expr::Column(column) = expr else { return };
        let (name, indexed) = index_of(env, facts, column);
        if !fields.contains(&name) {
            fields.push(name);
        }
        match indexed {
            Indexed::Standard => {}
            Indexed::Custom => threshold = threshold.min(CUSTOM.rows(rows)),
            Indexed::No => usable = false,
        }
        if !usable {
            continue;
        }
        if !can_use_index(check, matches!(indexed, Indexed::Custom)) {
            notes.push(json!({
                "description": "Not considering filter for optimization because of its operator",
                "fields": fields,
                "tableEnumOrId": facts.name,
            }));
            return;
        }
        sum += count(env, plan, &Filter::Test((*expr).clone(), (*check).clone()));
    }
    if usable {
        ways.push(Way { operation: "Index", fields, cardinality: sum, cost: sum as f64 / threshold });
    } else {
        notes.push(unindexed(facts, &fields));
    }
}

fn unindexed(facts: &ObjectType, fields: &[String]) -> Json {
    json!({
        "description": "Not considering filter for optimization because unindexed",
        "fields": fields,
        "tableEnumOrId": facts.name,
    })
}

/// The name of a filter's field, and what index it has. A time of the last change is served by the index of
/// `SystemModstamp`.
fn index_of(env: &Env<'_>, facts: &ObjectType, column: &Column) -> (String, Indexed) {
    if column.slot != 0 {
        return (column.name.clone(), Indexed::No);
    }
    let name = column.name.as_str();
    let standard = column.at == At::Id
        || ["OwnerId", "CreatedDate", "SystemModstamp", "LastModifiedDate", "RecordTypeId", "Division"].contains(&name)
        || (name == "Email" && ["Contact", "Lead"].contains(&facts.name.as_str()));
    let field: Option<&Field> = column.facts(env.world.schema);
    let indexed = match field {
        _ if standard => Indexed::Standard,
        Some(field) if field.name_field && field.custom => Indexed::Custom,
        Some(field) if field.name_field || field.ty == FieldType::Reference => Indexed::Standard,
        Some(field) if field.external_id || field.unique => Indexed::Custom,
        _ => Indexed::No,
    };
    (name.to_owned(), indexed)
}

/// Negative conditions, leading wildcards, order comparisons of text and, on custom indexes, nulls use no index.
fn can_use_index(check: &Check, custom: bool) -> bool {
    match check {
        Check::Null(null) => *null && !custom,
        Check::Compare { op: Relation::Ne, .. } | Check::Range { op: Relation::Ne, .. } => false,
        Check::Compare { op, value, .. } => *op == Relation::Eq || !matches!(value, super::value::Const::Text(_)),
        Check::In { negate, .. }
        | Check::InIds { negate, .. }
        | Check::InRanges { negate, .. }
        | Check::Set { negate, .. }
        | Check::Sets { negate, .. }
        | Check::Includes { negate, .. } => !negate,
        Check::Like(like) => like.begins_with_text(),
        Check::Range { .. } | Check::Bool(_) => true,
    }
}

fn count(env: &Env<'_>, plan: &Plan, filter: &Filter) -> usize {
    let mut n = 0;
    scan(env.world, &plan.source, filter, plan.all, |_| {
        n += 1;
        ControlFlow::Continue(())
    });
    n
}
