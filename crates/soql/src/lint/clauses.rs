//! The SELECT list, grouping, and the clauses after the condition.

use std::collections::HashSet;

use super::{Level, Lint};
use crate::ast::{
    Argument, Count, FieldSet, ForClause, Function, GroupBy, Name, Operand, Query, SelectItem, Span, With,
};
use crate::check::closest;
use crate::clause::{clause, item_removal, removal};
use crate::finding::Fix;
use crate::lint::{filters, paths::path_key};

/// Functions that make a query an aggregate one.
const AGGREGATES: &[&str] = &["AVG", "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM"];

/// Functions of a date or datetime.
const DATE_FUNCTIONS: &[&str] = &[
    "CALENDAR_MONTH",
    "CALENDAR_QUARTER",
    "CALENDAR_YEAR",
    "DAY_IN_MONTH",
    "DAY_IN_WEEK",
    "DAY_IN_YEAR",
    "DAY_ONLY",
    "FISCAL_MONTH",
    "FISCAL_QUARTER",
    "FISCAL_YEAR",
    "HOUR_IN_DAY",
    "WEEK_IN_MONTH",
    "WEEK_IN_YEAR",
];

/// The rest.
const OTHER_FUNCTIONS: &[&str] =
    &["convertTimezone", "toLabel", "FORMAT", "convertCurrency", "GROUPING", "DISTANCE", "GEOLOCATION", "FORMULA"];

const SCOPES: &[&str] = &[
    "everything",
    "mine",
    "mine_and_my_groups",
    "delegated",
    "my_territory",
    "my_team_territory",
    "scopingRule",
    "team",
];

/// Rows that FIELDS(ALL) and FIELDS(CUSTOM) may return (documented).
const FIELDS_ROWS_MAX: u64 = 200;
const OFFSET_MAX: u64 = 2000;
const SUBQUERIES_MAX: usize = 20;
const QUERY_DEPTH_MAX: usize = 5;
const DATA_CATEGORIES_MAX: usize = 3;

fn is_one_of(name: &str, list: &[&str]) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a function is one of a date or dateTime, such as `CALENDAR_YEAR`.
pub(crate) fn is_date_function(function: &Function) -> bool {
    is_one_of(&function.name.text, DATE_FUNCTIONS)
}

/// Whether a function is `AVG`, `COUNT` or another that aggregates.
pub(crate) fn is_aggregate_function(function: &Function) -> bool {
    is_one_of(&function.name.text, AGGREGATES)
}

/// Whether the function aggregates, itself or inside (`FORMAT(MIN(x))`).
fn aggregates(function: &Function) -> bool {
    is_aggregate_function(function)
        || function.arguments.iter().any(|argument| matches!(argument, Argument::Function(inner) if aggregates(inner)))
}

pub(super) fn check(lint: &mut Lint<'_>, query: &Query, level: Level<'_>) {
    select(lint, query);
    functions(lint, query);
    grouping(lint, query);
    fields(lint, query);
    ends(lint, query, level);
    scope_and_with(lint, query, level);
}

/// What is counted over the statement.
pub(super) fn totals(lint: &mut Lint<'_>, query: &Query) {
    let subqueries = count_subqueries(query);
    if subqueries > SUBQUERIES_MAX {
        let message = format!("{subqueries} sub-queries in SELECT; the maximum is {SUBQUERIES_MAX}");
        lint.error("too-many-subqueries", query.span, message, "split the query");
    }
}

fn count_subqueries(query: &Query) -> usize {
    let inner = |item: &SelectItem| match item {
        SelectItem::Subquery(inner) => 1 + count_subqueries(inner),
        _ => 0,
    };
    query.select.iter().map(inner).sum()
}

fn select(lint: &mut Lint<'_>, query: &Query) {
    let is_aggregate = is_aggregate(query);
    let has_function = query.select.iter().any(|item| matches!(item, SelectItem::Function(..)));
    let mut seen: HashSet<String> = HashSet::new();
    for item in &query.select {
        match item {
            SelectItem::Field(path, alias) => {
                let name = path_key(path, query, None);
                if alias.is_none() && seen.contains(&name) {
                    let message = format!("duplicate field selected: {}", path.dotted());
                    lint.error("duplicate-field", path.span(), message, "select it once");
                    lint.fix(item_removal(lint.source, path.span(), true));
                }
                seen.insert(name);
                if let Some(Name { span, .. }) = alias.as_ref().filter(|_| !is_aggregate) {
                    let message = "only a query with GROUP BY or an aggregate may rename a field";
                    lint.error("alias-without-aggregate", *span, message, "leave the alias out");
                    lint.fix(removal(lint.source, *span, true));
                }
            }
            SelectItem::TypeOf(type_of) => {
                if query.group_by.is_some() || has_function {
                    let message = "TYPEOF goes with neither GROUP BY nor functions in SELECT";
                    lint.error("typeof-combined", type_of.span, message, "");
                }
            }
            SelectItem::Count(_) | SelectItem::Function(..) | SelectItem::Fields(..) | SelectItem::Subquery(_) => {}
        }
    }
    let is_count = matches!(query.select.as_slice(), [SelectItem::Count(_)]);
    if is_count && !query.order_by.is_empty() {
        let span = clause(lint.source, query.span, &["ORDER", "BY"]).unwrap_or(query.span);
        lint.error("count-order-by", span, "COUNT() has no rows to order", "leave ORDER BY out");
        lint.fix(
            (span.end < query.span.end || span.start > query.span.start).then(|| removal(lint.source, span, true)),
        );
    }
}

/// Whether a query gives groups rather than records.
pub(crate) fn is_aggregate(query: &Query) -> bool {
    query.group_by.is_some()
        || query.select.iter().any(|item| matches!(item, SelectItem::Function(f, _) if aggregates(f)))
}

fn functions(lint: &mut Lint<'_>, query: &Query) {
    let selected = query.select.iter().filter_map(|item| match item {
        SelectItem::Function(function, _) => Some(function),
        _ => None,
    });
    let keys = group_keys(query).iter().chain(query.order_by.iter().map(|item| &item.key));
    let keyed = keys.filter_map(|key| match key {
        Operand::Function(function) => Some(function),
        Operand::Field(_) => None,
    });
    for function in selected.chain(keyed) {
        function_is_known(lint, function);
    }
}

pub(super) fn function_is_known(lint: &mut Lint<'_>, function: &Function) {
    let name = &function.name;
    if ![AGGREGATES, DATE_FUNCTIONS, OTHER_FUNCTIONS].iter().any(|list| is_one_of(&name.text, list)) {
        let message = format!("SOQL has no function {}", name.text);
        let known = [AGGREGATES, DATE_FUNCTIONS, OTHER_FUNCTIONS].concat();
        match closest(&name.text, known) {
            Some(near) => {
                lint.error("unknown-function", name.span, message, &format!("did you mean {near}?"));
                lint.fix(Fix::one(name.span, near, true));
            }
            None => lint.error("unknown-function", name.span, message, ""),
        }
    }
    for argument in &function.arguments {
        if let Argument::Function(inner) = argument {
            function_is_known(lint, inner);
        }
    }
}

fn group_keys(query: &Query) -> &[Operand] {
    match &query.group_by {
        Some(GroupBy::Keys(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) => keys,
        None => &[],
    }
}

fn grouping(lint: &mut Lint<'_>, query: &Query) {
    if !is_aggregate(query) {
        return;
    }
    let grouped: HashSet<String> = group_keys(query).iter().map(|key| operand_key(key, query)).collect();
    for item in &query.select {
        let (text, key, span) = match item {
            SelectItem::Field(path, _) => (path.dotted(), path_key(path, query, None), path.span()),
            SelectItem::Function(function, _) if is_date_function(function) => {
                (function.to_string(), function_key(function, query), function.span)
            }
            SelectItem::Fields(_, span) => {
                let message = "FIELDS() cannot be grouped";
                lint.error("ungrouped-field", *span, message, "name the fields");
                continue;
            }
            _ => continue,
        };
        if !grouped.contains(&key) {
            let message = format!("{text} is neither grouped nor aggregated");
            let advice = match &query.group_by {
                Some(_) => "add it to GROUP BY, or aggregate it as in MAX(…)".to_owned(),
                None => format!("add GROUP BY {text}, or aggregate it as in MAX({text})"),
            };
            lint.error("ungrouped-field", span, message, &advice);
        }
    }
    if let (None, Some(limit)) = (&query.group_by, &query.limit) {
        let message = "LIMIT is refused where everything is aggregated into one row";
        lint.error("limit-on-aggregate", count_span(limit), message, "leave LIMIT out");
        lint.fix(clause(lint.source, query.span, &["LIMIT"]).map(|span| removal(lint.source, span, true)));
    }
}

fn operand_key(operand: &Operand, query: &Query) -> String {
    match operand {
        Operand::Field(path) => path_key(path, query, None),
        Operand::Function(function) => function_key(function, query),
    }
}

fn function_key(function: &Function, query: &Query) -> String {
    let arguments: Vec<String> = function
        .arguments
        .iter()
        .map(|argument| match argument {
            Argument::Field(path) => path_key(path, query, None),
            Argument::Function(inner) => function_key(inner, query),
            Argument::Value(value) => value.to_string(),
        })
        .collect();
    format!("{}({})", function.name.text.to_ascii_lowercase(), arguments.join(","))
}

fn count_span(count: &Count) -> Span {
    match count {
        Count::Number(_, span) => *span,
        Count::Bind(name) => name.span,
    }
}

fn fields(lint: &mut Lint<'_>, query: &Query) {
    for item in &query.select {
        let SelectItem::Fields(set @ (FieldSet::All | FieldSet::Custom), span) = item else { continue };
        let is_limited = matches!(query.limit, Some(Count::Number(rows, _)) if rows <= FIELDS_ROWS_MAX);
        let is_by_id = query
            .condition
            .as_ref()
            .and_then(|condition| filters::ids_at_most(condition, query))
            .is_some_and(|ids| ids <= FIELDS_ROWS_MAX);
        if !is_limited && !is_by_id {
            let message = format!("FIELDS({set}) needs a LIMIT of at most {FIELDS_ROWS_MAX}");
            lint.error("fields-without-limit", *span, message, "add LIMIT 200, or name the fields");
            let is_last =
                query.offset.is_none() && query.for_clauses.is_empty() && query.update.is_empty() && !query.all_rows;
            let end = query.span.end;
            lint.fix(match &query.limit {
                Some(Count::Number(_, span)) => Some(Fix::one(*span, FIELDS_ROWS_MAX.to_string(), false)),
                None if is_last => Some(Fix::one(Span { start: end, end }, " LIMIT 200", false)),
                _ => None,
            });
        }
    }
}

fn ends(lint: &mut Lint<'_>, query: &Query, level: Level<'_>) {
    if level.depth == QUERY_DEPTH_MAX + 1 {
        let message = format!("queries nest more than {QUERY_DEPTH_MAX} levels deep");
        lint.error("deep-subquery", query.span, message, "query the lower levels on their own");
    } else if level.depth == 3 {
        let message = "a sub-query within a sub-query needs API version 58.0 or later";
        lint.warn("nested-subquery", query.span, message, "");
    }
    let is_counted = matches!(query.select.as_slice(), [SelectItem::Count(_)]);
    if level.parent.is_none()
        && query.condition.is_none()
        && query.limit.is_none()
        && !is_aggregate(query)
        && !is_counted
    {
        let message = "no WHERE and no LIMIT: this reads every record of the object";
        lint.warn("unbounded", query.span, message, "filter, add a LIMIT, or use Bulk for a full copy");
    }
    if let Some(offset) = &query.offset {
        let span = count_span(offset);
        if matches!(offset, Count::Number(rows, _) if *rows > OFFSET_MAX) {
            let message = format!("OFFSET over {OFFSET_MAX} is refused");
            lint.error("offset-range", span, message, "page by WHERE Id > the last Id, ORDER BY Id");
        }
        if level.parent.is_some() {
            let message = "OFFSET in a sub-query needs a parent query with LIMIT 1";
            lint.warn("offset-in-subquery", span, message, "");
        }
        let is_tied = query.order_by.iter().any(|item| match &item.key {
            Operand::Field(path) => path.segments.last().is_some_and(|last| last.text.eq_ignore_ascii_case("Id")),
            Operand::Function(_) => false,
        });
        if !is_tied {
            let message = "OFFSET without Id in ORDER BY: equal records change places between pages";
            lint.warn("offset-order", span, message, "end ORDER BY with Id");
        }
    }
    if query.for_clauses.contains(&ForClause::Update) {
        let found = clause(lint.source, query.span, &["FOR", "UPDATE"]);
        let span = found.unwrap_or(query.span);
        lint.error("apex-only", span, "FOR UPDATE is for Apex only", "leave it out; the API does not lock records");
        lint.fix(found.map(|span| removal(lint.source, span, true)));
        if !query.order_by.is_empty() {
            lint.error("for-update-order-by", query.span, "FOR UPDATE goes without ORDER BY", "leave ORDER BY out");
        }
    }
    if query.all_rows {
        let found = clause(lint.source, query.span, &["ALL", "ROWS"]);
        let span = found.unwrap_or(query.span);
        lint.error("apex-only", span, "ALL ROWS is for Apex only", "send the query to queryAll instead");
        lint.fix(found.map(|span| removal(lint.source, span, false)));
    }
}

fn scope_and_with(lint: &mut Lint<'_>, query: &Query, level: Level<'_>) {
    if let Some(scope) = &query.scope {
        if level.parent.is_some() {
            lint.error("scope-in-subquery", scope.span, "USING SCOPE is not allowed in a sub-query", "leave it out");
            if query.lookup.is_none() {
                lint.fix(clause(lint.source, query.span, &["USING"]).map(|span| removal(lint.source, span, false)));
            }
        }
        if !is_one_of(&scope.text, SCOPES) {
            let message = format!("{} is not one of the known scopes", scope.text);
            lint.warn("unknown-scope", scope.span, message, &format!("one of {}", SCOPES.join(", ")));
        }
    }
    match &query.with {
        Some(With::Mode(mode)) => {
            let message = format!("WITH {} is for Apex only", mode.text.to_ascii_uppercase());
            lint.error("apex-only", mode.span, message, "leave it out; the API always applies the user's access");
            lint.fix(clause(lint.source, query.span, &["WITH"]).map(|span| removal(lint.source, span, true)));
        }
        Some(With::DataCategory(categories)) if categories.len() > DATA_CATEGORIES_MAX => {
            let message =
                format!("{} data category conditions; the maximum is {DATA_CATEGORIES_MAX}", categories.len());
            lint.error("data-categories", query.span, message, "");
        }
        _ => {}
    }
}
