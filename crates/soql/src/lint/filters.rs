//! Conditions: what no index can serve, what the API refuses, and semi-joins.

use super::{Lint, clauses, paths};
use crate::ast::{Comparison, Condition, FieldPath, Literal, Operand, Operator, Query, Right, SelectItem, Span, Value};

/// Characters of one string in WHERE (documented).
const STRING_LENGTH_MAX: usize = 4000;

/// Semi-joins and anti-joins of one WHERE (documented).
const SEMI_JOINS_MAX: usize = 2;

/// What stands around a comparison.
#[derive(Clone, Copy, Default)]
struct Around {
    is_negated: bool,
    is_in_or: bool,
    is_in_semi_join: bool,
}

pub(super) fn check(lint: &mut Lint<'_>, query: &Query) {
    if let Some(condition) = &query.condition {
        let mut semi_joins = Vec::new();
        walk(lint, query, condition, Around::default(), &mut semi_joins);
        if let Some(span) = semi_joins.get(SEMI_JOINS_MAX) {
            let message = format!("{} semi-joins; the maximum is {SEMI_JOINS_MAX}", semi_joins.len());
            lint.error("too-many-semi-joins", *span, message, "read the Ids first, or split the query");
        }
    }
    if let Some(having) = &query.having {
        walk(lint, query, having, Around::default(), &mut Vec::new());
    }
}

/// How many records a condition lets through at most, where it names them by Id.
pub(crate) fn ids_at_most(condition: &Condition, query: &Query) -> Option<u64> {
    match condition {
        Condition::Compare(comparison) => {
            let Operand::Field(path) = &comparison.left else { return None };
            if paths::path_key(path, query, None) != "id" {
                return None;
            }
            match (comparison.operator, &comparison.right) {
                (Operator::Eq, Right::Value(_)) => Some(1),
                (Operator::In, Right::List(values)) => u64::try_from(values.len()).ok(),
                _ => None,
            }
        }
        Condition::And(all) => all.iter().filter_map(|one| ids_at_most(one, query)).min(),
        Condition::Or(all) => {
            all.iter().map(|one| ids_at_most(one, query)).try_fold(0, |sum: u64, ids| sum.checked_add(ids?))
        }
        Condition::Not(_) => None,
    }
}

fn walk(lint: &mut Lint<'_>, query: &Query, condition: &Condition, around: Around, semi_joins: &mut Vec<Span>) {
    match condition {
        Condition::And(all) => all.iter().for_each(|one| walk(lint, query, one, around, semi_joins)),
        Condition::Or(all) => {
            let around = Around { is_in_or: true, ..around };
            all.iter().for_each(|one| walk(lint, query, one, around, semi_joins));
        }
        Condition::Not(inner) => {
            walk(lint, query, inner, Around { is_negated: true, ..around }, semi_joins);
        }
        Condition::Compare(comparison) => compare(lint, query, comparison, around, semi_joins),
    }
}

fn compare(lint: &mut Lint<'_>, query: &Query, comparison: &Comparison, around: Around, semi_joins: &mut Vec<Span>) {
    let span = comparison.span;
    let is_negative = matches!(comparison.operator, Operator::Ne | Operator::NotIn | Operator::Excludes);
    let is_null = matches!(&comparison.right, Right::Value(Value { literal: Literal::Null, .. }));
    if (is_negative || around.is_negated) && !is_null {
        let message = "a negative condition cannot use an index";
        lint.warn("negative-filter", span, message, "name the values wanted, or add a selective condition beside it");
    }
    if is_null && !matches!(comparison.operator, Operator::Eq | Operator::Ne) {
        lint.error("null-operator", span, "NULL is compared with = or != only", "");
    }
    if let Operand::Function(function) = &comparison.left {
        clauses::function_is_known(lint, function);
        let is_distance = function.name.text.eq_ignore_ascii_case("DISTANCE");
        if is_distance && !matches!(comparison.operator, Operator::Lt | Operator::Gt) {
            lint.error("distance-operator", span, "DISTANCE is compared with < or > only", "");
        }
        let has_date_literal =
            values(&comparison.right).iter().any(|value| matches!(value.literal, Literal::DateLiteral(_)));
        if clauses::is_date_function(function) && has_date_literal {
            let message = "a date function cannot be compared with a date literal";
            lint.error("date-function", span, message, "compare the field itself with the date literal");
        }
    }
    for value in values(&comparison.right) {
        literal(lint, comparison, value);
    }
    let is_currency = |value: &Value| matches!(value.literal, Literal::Currency(..));
    let is_number = |value: &Value| matches!(value.literal, Literal::Number(_));
    let list = values(&comparison.right);
    if list.iter().any(is_currency) && list.iter().any(is_number) {
        let message = "a list holds amounts with a currency and without one";
        lint.error("mixed-currency", span, message, "give each amount its currency, or none");
    }
    if let Right::Subquery(inner) = &comparison.right {
        semi_joins.push(span);
        semi_join(lint, query, comparison, inner, around);
        if let Some(condition) = &inner.condition {
            let around = Around { is_in_semi_join: true, ..Around::default() };
            walk(lint, inner, condition, around, &mut Vec::new());
        }
    }
}

fn values(right: &Right) -> &[Value] {
    match right {
        Right::Value(value) => std::slice::from_ref(value),
        Right::List(values) => values,
        Right::Subquery(_) => &[],
    }
}

fn literal(lint: &mut Lint<'_>, comparison: &Comparison, value: &Value) {
    let Literal::String(text) = &value.literal else { return };
    if text.chars().count() > STRING_LENGTH_MAX {
        let message = format!("a string of more than {STRING_LENGTH_MAX} characters");
        lint.error("long-string", value.span, message, "");
    }
    if comparison.operator == Operator::Like && text.starts_with(['%', '_']) {
        let message = "LIKE with a wildcard at its start cannot use an index";
        lint.warn("leading-wildcard", value.span, message, "start with fixed text, or search with SOSL");
    }
}

fn semi_join(lint: &mut Lint<'_>, outer: &Query, comparison: &Comparison, inner: &Query, around: Around) {
    let span = comparison.span;
    if around.is_in_semi_join {
        lint.error("nested-semi-join", span, "a semi-join within a semi-join", "read the inner Ids first");
    }
    if around.is_in_or {
        lint.error("semi-join-or", span, "a semi-join cannot be combined with OR", "split the query in two");
    }
    if around.is_negated {
        lint.error("semi-join-not", span, "NOT before a semi-join", "write NOT IN instead");
    }
    let names = |query: &Query| query.from.object.segments.last().map(|name| name.text.to_ascii_lowercase());
    if names(outer) == names(inner) {
        let message = "the query inside reads the same object as the one outside";
        lint.error("semi-join-same-object", inner.span, message, "put both conditions into one WHERE");
    }
    let is_plain = |path: &FieldPath, query: &Query| paths::relationships(path, false, query).is_empty();
    match &comparison.left {
        Operand::Field(path) if is_plain(path, outer) => {}
        left => {
            let message = format!("{left} stands before a semi-join, where only the object's own Id or reference may");
            lint.error("semi-join-path", span, message, "");
        }
    }
    match inner.select.as_slice() {
        [SelectItem::Field(path, _)] if is_plain(path, inner) => {}
        _ => {
            let message = "a semi-join selects one Id or reference of its own object";
            lint.error("semi-join-path", inner.span, message, "");
        }
    }
}
