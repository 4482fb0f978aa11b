//! Groups and what is counted, summed and compared in them.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::ControlFlow;

use rust_decimal::Decimal;

use super::expr::{Expr, World};
use super::functions::AggregateFn;
use super::group::{Aggregate, Groups};
use super::order::sort;
use super::plan::Plan;
use super::scan::scan;
use super::value::{Cell, Kind, same_text};
use crate::ApiError;
use crate::schema::{FieldType, Schema};

/// Results of a grouped query: it cannot be paged.
const GROUPS_MAX: usize = 2_000;

/// One aggregate result: its keys, which of them it is summed over, and its aggregates' values.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    keys: Vec<Cell<'a>>,
    kept: usize,
    values: Vec<Cell<'a>>,
}

/// Runs an aggregate query.
pub(crate) fn groups<'a>(world: World<'a>, plan: &Plan, spec: &Groups) -> Result<Vec<Group<'a>>, ApiError> {
    let mut states: Vec<(Vec<Cell<'a>>, usize, Vec<State<'a>>)> = Vec::new();
    // One map for each grouping set; the key is looked up without being copied.
    let mut places: Vec<HashMap<Vec<Cell<'a>>, usize>> = spec.sets.iter().map(|_| HashMap::new()).collect();
    let fresh = || spec.aggregates.iter().map(State::new).collect::<Vec<_>>();
    if spec.overall {
        states.push((Vec::new(), 0, fresh()));
    }
    let mut keys: Vec<Cell<'a>> = Vec::with_capacity(spec.keys.len());
    let mut masked: Vec<Cell<'a>> = Vec::with_capacity(spec.keys.len());
    scan(world, &plan.source, &plan.filter, plan.all, |record| {
        keys.clear();
        keys.extend(spec.keys.iter().map(|key| world.eval(&plan.source, record, &key.expr)));
        for (set, kept) in spec.sets.iter().enumerate() {
            let place = if spec.overall {
                0
            } else {
                masked.clear();
                masked.extend(keys.iter().zip(kept).map(|(key, kept)| if *kept { *key } else { Cell::Null }));
                let Some(map) = places.get_mut(set) else { continue };
                match map.get(masked.as_slice()) {
                    Some(place) => *place,
                    None => {
                        map.insert(masked.clone(), states.len());
                        states.push((masked.clone(), set, fresh()));
                        states.len() - 1
                    }
                }
            };
            let Some((_, _, values)) = states.get_mut(place) else { continue };
            for (state, aggregate) in values.iter_mut().zip(&spec.aggregates) {
                let cell = match (&aggregate.converted, &aggregate.column) {
                    (Some(converted), _) => world.eval(&plan.source, record, converted),
                    (None, Some(column)) => world.column(&plan.source, record, column),
                    (None, None) => Cell::Bool(true),
                };
                state.add(world.schema, aggregate, cell);
            }
        }
        ControlFlow::Continue(())
    });
    let mut groups = Vec::with_capacity(states.len());
    for (keys, kept, values) in states {
        let values = values.into_iter().map(State::finish).collect::<Result<Vec<_>, _>>()?;
        groups.push(Group { keys, kept, values });
    }
    // Without ORDER BY: by key, sums after what they sum up.
    groups.sort_by(|a, b| {
        a.keys
            .iter()
            .enumerate()
            .map(|(n, key)| {
                let (x, y) = (spec.is_summed(a.kept, n), spec.is_summed(b.kept, n));
                x.cmp(&y).then_with(|| b.keys.get(n).map_or(std::cmp::Ordering::Equal, |other| key.order(other)))
            })
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    groups.retain(|group| spec.having.matches(&|expr| group.read(spec, expr)));
    let groups = sort(world.schema, groups, &spec.order, |group, expr| group.read(spec, expr));
    let skip = usize::try_from(plan.offset.unwrap_or(0)).unwrap_or(usize::MAX);
    let take = plan.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let groups: Vec<_> = groups.into_iter().skip(skip).take(take).collect();
    if groups.len() > GROUPS_MAX {
        let message =
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch";
        return Err(ApiError::new("EXCEEDED_ID_LIMIT", message));
    }
    Ok(groups)
}

impl Groups {
    fn is_summed(&self, set: usize, key: usize) -> bool {
        !self.sets.get(set).and_then(|kept| kept.get(key)).copied().unwrap_or(true)
    }
}

impl<'a> Group<'a> {
    /// A part of the result.
    pub(crate) fn read(&self, spec: &Groups, expr: &Expr) -> Cell<'a> {
        match expr {
            Expr::Key(n) => self.keys.get(*n).copied().unwrap_or(Cell::Null),
            Expr::Aggregate(n) => self.values.get(*n).copied().unwrap_or(Cell::Null),
            Expr::Grouping(n) => Cell::Int(i64::from(spec.is_summed(self.kept, *n))),
            _ => Cell::Null,
        }
    }
}

/// An aggregate under way.
enum State<'a> {
    Count(i64),
    Distinct(HashSet<Cell<'a>>),
    Extreme(Cell<'a>),
    /// Sum, how many, whether the sum left the range of numbers.
    Sum {
        sum: Decimal,
        count: i64,
        average: bool,
        int: bool,
        overflow: bool,
    },
}

impl<'a> State<'a> {
    fn new(aggregate: &Aggregate) -> Self {
        match aggregate.function {
            AggregateFn::Count => State::Count(0),
            AggregateFn::CountDistinct => State::Distinct(HashSet::new()),
            AggregateFn::Min | AggregateFn::Max => State::Extreme(Cell::Null),
            AggregateFn::Sum | AggregateFn::Avg => {
                let average = aggregate.function == AggregateFn::Avg;
                let int = aggregate.column.as_ref().is_some_and(|c| matches!(c.ty, FieldType::Int | FieldType::Long));
                State::Sum { sum: Decimal::ZERO, count: 0, average, int: int && !average, overflow: false }
            }
        }
    }

    fn add(&mut self, schema: &Schema, aggregate: &Aggregate, cell: Cell<'a>) {
        if cell.is_null() {
            return;
        }
        match self {
            State::Count(n) => *n += 1,
            State::Distinct(seen) => {
                seen.insert(cell);
            }
            State::Extreme(best) => {
                let better = best.is_null() || {
                    let order = extreme_order(schema, aggregate, &cell, best);
                    if aggregate.function == AggregateFn::Min { order.is_lt() } else { order.is_gt() }
                };
                if better {
                    *best = cell;
                }
            }
            State::Sum { sum, count, overflow, .. } => {
                let value = match cell {
                    Cell::Int(n) => Decimal::from(n),
                    Cell::Decimal(d) => d,
                    _ => return,
                };
                *count += 1;
                match sum.checked_add(value) {
                    Some(total) => *sum = total,
                    None => *overflow = true,
                }
            }
        }
    }

    fn finish(self) -> Result<Cell<'a>, ApiError> {
        Ok(match self {
            State::Count(n) => Cell::Int(n),
            State::Distinct(seen) => Cell::Int(seen.len() as i64),
            State::Extreme(cell) => cell,
            State::Sum { overflow: true, .. } => {
                return Err(ApiError::new(
                    "NUMBER_OUTSIDE_VALID_RANGE",
                    "the sum is outside the valid range of numbers",
                ));
            }
            State::Sum { count: 0, .. } => Cell::Null,
            State::Sum { sum, count, average: true, .. } => {
                Cell::Decimal(sum.checked_div(Decimal::from(count)).and_then(|d| d.round_sf(17)).unwrap_or(sum))
            }
            State::Sum { sum, int: true, .. } => {
                use rust_decimal::prelude::ToPrimitive;
                sum.to_i64().map_or(Cell::Decimal(sum), Cell::Int)
            }
            State::Sum { sum, .. } => Cell::Decimal(sum),
        })
    }
}

/// MIN and MAX of a picklist go by the order of its values.
fn extreme_order(schema: &Schema, aggregate: &Aggregate, a: &Cell<'_>, b: &Cell<'_>) -> std::cmp::Ordering {
    if let (Some(column), Cell::Text(x), Cell::Text(y)) = (&aggregate.column, a, b)
        && column.ty == FieldType::Picklist
        && column.kind() == Kind::Text
        && let Some(field) = column.facts(schema)
    {
        let place =
            |text: &str| field.picklist.iter().position(|entry| same_text(&entry.value, text)).unwrap_or(usize::MAX);
        return place(x).cmp(&place(y)).then_with(|| a.order(b));
    }
    a.order(b)
}
