//! Running a planned query over the store.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::aggregate::groups;
use super::currency::Currencies;
use super::cursor::Cursors;
use super::dates::Calendar;
use super::error::from_parser;
use super::expr::{Record, World, cell};
use super::json::{Writer, push_group};
use super::order::sort;
use super::plan::{Env, Plan, Shape, plan};
use super::scan::scan;
use super::value::Cell;
use super::views::Views;
use super::{Page, QueryOptions};
use crate::schema::{FieldId, Schema};
use crate::store::Store;
use crate::{ApiError, Org, RecordId};

/// Rows of a page when the client names no size, and the most it can ask for.
pub(crate) const PAGE_MAX: usize = 2_000;
/// The fewest rows of a page a client can ask for.
const PAGE_MIN: usize = 200;

/// Runs a query and gives its first page.
pub(crate) fn run(org: &Org, text: &str, options: &QueryOptions) -> Result<Page, ApiError> {
    let query = tidegate_soql::parse(text).map_err(|e| from_parser(text, &e))?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    let plan = Arc::new(plan(&env, text, &query)?);
    let mut out = String::new();
    match &plan.shape {
        Shape::Count => {
            let count = count(env.world, &plan);
            Ok(Page {
                json: format!(r#"{{"totalSize":{count},"done":true,"records":[]}}"#),
                total_size: count,
                next: None,
                views: None,
            })
        }
        Shape::Groups(spec) => {
            let found = groups(env.world, &plan, spec)?;
            let total_size = found.len();
            out.push_str(&format!(r#"{{"totalSize":{total_size},"done":true,"records":["#));
            for (n, group) in found.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                push_group(&mut out, &env, spec, group);
            }
            out.push_str("]}");
            Ok(Page { json: out, total_size, next: None, views: None })
        }
        Shape::Rows(_) => {
            let mut found = rows(env.world, &plan, None);
            let size = page_size(options.batch_size);
            // With OFFSET there is the first page only, and no locator.
            if plan.offset.is_some() {
                found.truncate(size);
            }
            let next = (found.len() > size).then(|| {
                let id = org.cursors.open(options.now, Arc::clone(&plan), size, &found, options.all);
                format!("{id}-{size}")
            });
            let total = found.len();
            found.truncate(size);
            let views = Views::of(&query, plan.source.object, &found);
            let page = page(&env, &org.cursors, options, &plan, &found, total, next)?;
            Ok(Page { views, ..page })
        }
    }
}

/// The next page of an open query.
pub(crate) fn more(org: &Org, locator: &str, options: &QueryOptions) -> Result<Page, ApiError> {
    let (cursor, offset) = org.cursors.find(options.now, locator)?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, cursor.all);
    let size = options.batch_size.map_or(cursor.page, |n| page_size(Some(n)));
    let object = cursor.plan.source.object;
    let end = offset.saturating_add(size).min(cursor.rows.len());
    // The rows live in the cursor: the org is borrowed for less long than this function runs.
    let records: Vec<Record<'_>> = cursor
        .rows
        .get(offset..end)
        .unwrap_or_default()
        .iter()
        .map(|(id, row)| Record { object, id: *id, row })
        .collect();
    let base = locator.split_once('-').map_or(locator, |(id, _)| id);
    let next = (end < cursor.rows.len()).then(|| format!("{base}-{end}"));
    page(&env, &org.cursors, options, &cursor.plan, &records, cursor.rows.len(), next)
}

fn page<'a>(
    env: &Env<'a>,
    cursors: &Cursors,
    options: &QueryOptions,
    plan: &Plan,
    records: &[Record<'a>],
    total_size: usize,
    next: Option<String>,
) -> Result<Page, ApiError> {
    let Shape::Rows(fields) = &plan.shape else {
        return Err(ApiError::new("INVALID_QUERY_LOCATOR", "invalid query locator"));
    };
    let mut out = String::with_capacity(records.len() * 256);
    out.push_str(&format!(r#"{{"totalSize":{total_size},"done":{}"#, next.is_none()));
    if let Some(locator) = &next {
        out.push_str(&format!(r#","nextRecordsUrl":"/services/data/v{}.0/query/{locator}""#, env.version));
    }
    out.push_str(r#","records":["#);
    let writer = Writer { env, cursors, now: options.now, page: page_size(options.batch_size) };
    for (n, record) in records.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        writer.record(&mut out, plan, fields, *record);
    }
    out.push_str("]}");
    Ok(Page { json: out, total_size, next, views: None })
}

/// The records of a plan in their order, from its offset to its limit. With a child's reference field and a parent,
/// only the children of that parent.
pub(crate) fn rows<'a>(world: World<'a>, plan: &Plan, of: Option<(FieldId, RecordId)>) -> Vec<Record<'a>> {
    let skip = plan.offset.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let take = plan.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    // Without an order the rows come by id, and enough is enough.
    let enough = if plan.order.is_empty() { skip.saturating_add(take) } else { usize::MAX };
    let mut found = Vec::new();
    if take == 0 {
        return found;
    }
    let mut keep = |record: Record<'a>| {
        found.push(record);
        if found.len() >= enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match of {
        None => scan(world, &plan.source, &plan.filter, plan.all, keep),
        Some((field, parent)) => {
            for record in children(world, plan, field, parent) {
                if plan.filter.matches(&|expr| world.eval(&plan.source, record, expr)) && keep(record).is_break() {
                    break;
                }
            }
        }
    }
    let mut found = sort(world.schema, found, &plan.order, |record, expr| world.eval(&plan.source, *record, expr));
    if skip > 0 {
        found.drain(..skip.min(found.len()));
    }
    found.truncate(take);
    found
}

fn children<'a>(world: World<'a>, plan: &Plan, field: FieldId, parent: RecordId) -> Vec<Record<'a>> {
    let object = plan.source.object;
    let Some(table) = world.store.table(object) else { return Vec::new() };
    let mut ids = world.store.children(object, field, parent);
    if plan.all {
        // The index knows live records only.
        let points_here =
            |id: &RecordId| table.get(*id).is_some_and(|row| matches!(cell(row, field), Cell::Id(p) if p == parent));
        ids.extend(table.bin().map(|(id, _)| id).filter(points_here));
        ids.sort_unstable();
    }
    ids.into_iter().filter_map(|id| Some(Record { object, id, row: table.get(id)? })).collect()
}

fn count(world: World<'_>, plan: &Plan) -> usize {
    let mut n = 0_usize;
    scan(world, &plan.source, &plan.filter, plan.all, |_| {
        n += 1;
        ControlFlow::Continue(())
    });
    let skip = plan.offset.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let take = plan.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    n.saturating_sub(skip).min(take)
}

pub(crate) fn page_size(asked: Option<usize>) -> usize {
    asked.map_or(PAGE_MAX, |n| n.clamp(PAGE_MIN, PAGE_MAX))
}

pub(crate) fn env<'a>(org: &'a Org, calendar: &'a Calendar, options: &QueryOptions, all: bool) -> Env<'a> {
    let world = World { schema: &org.schema, store: &org.store, formulas: &calendar.formulas };
    Env { world, calendar, all, user: options.user, version: options.version }
}

/// The calendar of the user who asks: time zone and week from the user, fiscal year from the organization.
pub(crate) fn calendar(schema: &Schema, store: &Store, options: &QueryOptions) -> Calendar {
    let text = |object: &str, id: Option<RecordId>, field: &str| -> Option<String> {
        let (object, facts) = schema.find(object)?;
        let (field, _) = facts.field(field)?;
        let table = store.table(object)?;
        let row = match id {
            Some(id) => table.get(id)?,
            None => table.rows().next()?.1,
        };
        match cell(row, field) {
            Cell::Text(text) => Some(text.to_owned()),
            Cell::Int(n) => Some(n.to_string()),
            Cell::Bool(b) => Some(b.to_string()),
            _ => None,
        }
    };
    let zone = text("User", Some(options.user), "TimeZoneSidKey");
    let locale = text("User", Some(options.user), "LocaleSidKey");
    let mut calendar = Calendar::new(options.now, zone.as_deref(), locale.as_deref());
    calendar.formulas = crate::formula::Session::new(options.user, options.now, calendar.zone().clone());
    if let Some(month) = text("Organization", None, "FiscalYearStartMonth").and_then(|m| m.parse().ok())
        && (1..=12).contains(&month)
    {
        calendar.fiscal_month = month;
    }
    calendar.currencies = Currencies::of(schema, store, options.user);
    if let Some(currencies) = &calendar.currencies {
        calendar.people.currency.clone_from(&currencies.corporate);
    }
    calendar.fiscal_named_by_start =
        text("Organization", None, "UsesStartDateAsFiscalYearName").as_deref() == Some("true");
    calendar
}
