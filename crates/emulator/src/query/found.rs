//! Records that something else than a WHERE chooses: what a search found, in the clauses of its RETURNING.

use std::ops::ControlFlow;

use tidegate_soql::ast::Query;

use super::QueryOptions;
use super::dates::Calendar;
use super::error::malformed;
use super::expr::Record;
use super::json::Writer;
use super::order::sort;
use super::plan::{Plan, Shape, plan};
use super::run::{PAGE_MAX, env};
use super::scan::scan;
use crate::store::Row;
use crate::{ApiError, Org, RecordId};

/// A record of an answer.
#[derive(Debug)]
pub(crate) struct ScoredRow {
    pub(crate) id: RecordId,
    /// With its `attributes`.
    pub(crate) json: String,
}

/// Records that were found, in their order.
#[derive(Debug)]
pub(crate) struct Scored<'o> {
    org: &'o Org,
    options: &'o QueryOptions,
    calendar: &'o Calendar,
    plan: Plan,
    records: Vec<Record<'o>>,
}

/// Plans a query and gives the records that pass its WHERE and that `score` lets through: in the order of its ORDER
/// BY, or else by score (the higher the better) and id. LIMIT and OFFSET are the caller's.
pub(crate) fn scored_records<'o>(
    org: &'o Org,
    text: &str,
    query: &Query,
    options: &'o QueryOptions,
    calendar: &'o Calendar,
    score: &mut dyn FnMut(RecordId, &'o Row) -> Option<usize>,
) -> Result<Scored<'o>, ApiError> {
    let env = env(org, calendar, options, false);
    let plan = plan(&env, text, query)?;
    if !matches!(plan.shape, Shape::Rows(_)) {
        return Err(malformed(text, query.span, "aggregate functions are not allowed in a search"));
    }
    let world = env.world;
    let mut found: Vec<(usize, Record<'o>)> = Vec::new();
    scan(world, &plan.source, &plan.filter, plan.all, |record| {
        if let Some(score) = score(record.id, record.row) {
            found.push((score, record));
        }
        ControlFlow::Continue(())
    });
    if plan.order.is_empty() {
        // A stable sort: equals stay in the order of their ids.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    }
    let records: Vec<Record<'o>> = found.into_iter().map(|(_, record)| record).collect();
    let records = sort(world.schema, records, &plan.order, |record, expr| world.eval(&plan.source, *record, expr));
    Ok(Scored { org, options, calendar, plan, records })
}

impl Scored<'_> {
    /// Some of them, written.
    pub(crate) fn records(&self, skip: usize, take: usize) -> Result<Vec<ScoredRow>, ApiError> {
        let Shape::Rows(fields) = &self.plan.shape else { return Ok(Vec::new()) };
        let env = env(self.org, self.calendar, self.options, false);
        let writer = Writer { env: &env, cursors: &self.org.cursors, now: self.options.now, page: PAGE_MAX };
        Ok(self
            .records
            .iter()
            .skip(skip)
            .take(take)
            .map(|record| {
                let mut json = String::new();
                writer.record(&mut json, &self.plan, fields, *record);
                ScoredRow { id: record.id, json }
            })
            .collect())
    }
}
