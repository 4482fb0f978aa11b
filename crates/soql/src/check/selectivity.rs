//! Whether an index can serve a query, by the rules of the query optimiser and the org's figures.
//!
//! A query is served by an index where one of the conditions that every record must meet is on an indexed field, is of
//! a form that an index understands, and finds few enough records. Otherwise every record is read, which is slow in a
//! large object and ends with QUERY_TIMEOUT in a very large one.

use jiff::ToSpan;

use super::columns::{Column, Scope};
use super::schema::{FieldFacts, FieldKind, ObjectFacts, Values};
use super::threshold::{IndexKind, index_of, rows_served};
use super::{Checker, Need};
use crate::ast::{Argument, Comparison, Condition, Function, Literal, Operand, Operator, Query, Right, Span, Value};
use crate::finding::{Fix, Severity};
use crate::lint::is_date_function;
use crate::print::{quote_pattern, quote_string};

/// Below so many records reading all of them is no trouble. (Apex speaks of a large object from here on.)
const LARGE: u64 = 200_000;

/// A page of a query: an object that fits in one is not worth a word.
const PAGE: u64 = 2_000;

/// Values of a picklist that are listed instead of a negation.
const VALUES_MAX: usize = 12;

/// What an index can do for a condition.
enum Verdict {
    /// It can serve it.
    Indexed {
        kind: IndexKind,
        /// How many records it finds at most, where that is certain without counting.
        at_most: Option<u64>,
    },
    /// Nothing is known of the field.
    Unknown,
    /// It cannot, and why.
    Useless(Reason),
}

/// Why an index does not serve a condition.
struct Reason {
    rule: &'static str,
    span: Span,
    message: String,
    advice: String,
    fix: Option<Fix>,
}

fn reason(rule: &'static str, span: Span, message: impl Into<String>, advice: impl Into<String>) -> Reason {
    Reason { rule, span, message: message.into(), advice: advice.into(), fix: None }
}

impl<'a> Checker<'a> {
    pub(super) fn selectivity(&mut self, query: &'a Query) {
        let scope = self.main_scope(query);
        let Some(object) = scope.object() else { return };
        // Now that the fields are known, what the text alone told is said better.
        self.findings.retain(|finding| !matches!(finding.rule, "negative-filter" | "leading-wildcard"));
        // A query that is refused costs nothing.
        if self.findings.iter().any(|finding| finding.severity == Severity::Error) {
            return;
        }
        let unbounded = self.findings.iter().any(|finding| finding.rule == "unbounded");
        if object.rows.is_some_and(|rows| rows <= PAGE) {
            self.findings.retain(|finding| finding.rule != "unbounded");
        }
        let Some(condition) = &query.condition else {
            if unbounded && object.rows.is_none() {
                self.needs.insert(Need::Rows(object.name.clone()));
            }
            return;
        };
        if object.rows.is_none() {
            self.needs.insert(Need::Rows(object.name.clone()));
        }
        let told = std::mem::take(&mut self.findings);
        let conjuncts = conjuncts(condition);
        let verdicts: Vec<(&'a Condition, Verdict)> =
            conjuncts.iter().map(|one| (*one, self.verdict(&scope, object, one))).collect();
        self.findings = told;
        if verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Unknown)) {
            return;
        }
        let indexed: Vec<(&'a Condition, IndexKind, Option<u64>)> = verdicts
            .iter()
            .filter_map(|(condition, verdict)| match verdict {
                Verdict::Indexed { kind, at_most } => Some((*condition, *kind, *at_most)),
                _ => None,
            })
            .collect();
        if indexed.is_empty() {
            for (_, verdict) in verdicts {
                if let Verdict::Useless(reason) = verdict {
                    self.slow(query, object, reason);
                }
            }
            return;
        }
        if let Some(rows) = object.rows.filter(|rows| *rows >= LARGE) {
            self.counted(query, object, rows, &indexed);
        }
    }

    /// No index serves the query: why this condition is none to go by.
    fn slow(&mut self, query: &'a Query, object: &ObjectFacts, reason: Reason) {
        let severity = if object.rows.is_some_and(|rows| rows < LARGE) { Severity::Hint } else { Severity::Warning };
        let all = match object.rows {
            Some(rows) => format!("all {} records of {} are read", grouped(rows), object.name),
            None => format!("every record of {} is read", object.name),
        };
        let message = format!("{}, so {all}", reason.message);
        let (fix, advice) = match (reason.fix, with_a_date(query, object)) {
            (Some(fix), _) => (Some(fix), reason.advice),
            (None, Some(dated)) => {
                let also = "add a condition on an indexed field";
                let named = reason.advice.contains(also);
                (Some(dated), if named { reason.advice } else { format!("{}, or {also}", reason.advice) })
            }
            (None, None) => (None, reason.advice),
        };
        self.push(severity, reason.rule, reason.span, message, &advice, fix);
    }

    /// There is an index: whether it finds few enough records.
    fn counted(
        &mut self,
        query: &'a Query,
        object: &ObjectFacts,
        rows: u64,
        indexed: &[(&'a Condition, IndexKind, Option<u64>)],
    ) {
        let is_few = |(_, kind, at_most): &(&Condition, IndexKind, Option<u64>)| {
            at_most.is_some_and(|found| found <= rows_served(*kind, rows))
        };
        if indexed.iter().any(is_few) {
            return;
        }
        let mut over = Vec::new();
        for (condition, kind, _) in indexed {
            // In an OR the branches add up.
            let branches = match condition {
                Condition::Or(all) => all.iter().collect(),
                one => vec![*one],
            };
            let counts: Vec<Option<u64>> = branches.iter().map(|one| self.count(query, &one.to_string())).collect();
            let Some(found) = counts.into_iter().try_fold(0_u64, |sum, count| sum.checked_add(count?)) else { return };
            if found <= rows_served(*kind, rows) {
                return;
            }
            over.push((*condition, *kind, found));
        }
        // Two indexes together: each within twice its threshold, and what both find within the threshold.
        let near: Vec<&(&Condition, IndexKind, u64)> =
            over.iter().filter(|(_, kind, found)| *found <= rows_served(*kind, rows).saturating_mul(2)).collect();
        if near.len() > 1 {
            let both: Vec<String> = near.iter().map(|(condition, ..)| wrapped(condition)).collect();
            let served = near.iter().map(|(_, kind, _)| rows_served(*kind, rows)).min().unwrap_or_default();
            match self.count(query, &both.join(" AND ")) {
                Some(found) if found > served => {}
                // Few enough, or not known yet.
                _ => return,
            }
        }
        for (condition, kind, found) in over {
            let served = rows_served(kind, rows);
            let message = format!(
                "this finds {} of {} records of {}; {} serves up to {}, so all are read",
                grouped(found),
                grouped(rows),
                object.name,
                kind.name(),
                grouped(served)
            );
            let span = first_span(condition).unwrap_or(query.span);
            let advice = "narrow it down, as by a shorter range of dates";
            self.push(Severity::Warning, "not-selective", span, message, advice, with_a_date(query, object));
        }
    }

    /// The count of a condition, if it was asked; else it is noted as needed.
    fn count(&mut self, query: &Query, condition: &str) -> Option<u64> {
        let soql = format!("SELECT COUNT() FROM {} WHERE {condition}", query.from);
        let count = self.schema.count(&soql);
        if count.is_none() {
            self.needs.insert(Need::Count(soql));
        }
        count
    }

    fn verdict(&mut self, scope: &Scope<'a>, object: &'a ObjectFacts, condition: &'a Condition) -> Verdict {
        match condition {
            Condition::And(all) => {
                // Within an OR: one of them is enough.
                let mut first = None;
                for one in all {
                    match self.verdict(scope, object, one) {
                        Verdict::Useless(reason) => first = first.or(Some(reason)),
                        other => return other,
                    }
                }
                first.map_or(Verdict::Unknown, Verdict::Useless)
            }
            Condition::Or(all) => self.any_of(scope, object, all),
            Condition::Not(inner) => {
                let span = first_span(inner).unwrap_or(scope.query.span);
                Verdict::Useless(reason("negative-filter", span, "no index serves NOT", "name the values wanted"))
            }
            Condition::Compare(comparison) => self.compared(scope, object, comparison),
        }
    }

    /// Every branch needs an index.
    fn any_of(&mut self, scope: &Scope<'a>, object: &'a ObjectFacts, all: &'a [Condition]) -> Verdict {
        let (mut kind, mut at_most, mut is_unknown) = (IndexKind::Standard, Some(0_u64), false);
        for one in all {
            match self.verdict(scope, object, one) {
                Verdict::Indexed { kind: other, at_most: found } => {
                    kind = kind.max(other);
                    at_most = at_most.zip(found).and_then(|(sum, found)| sum.checked_add(found));
                }
                Verdict::Unknown => is_unknown = true,
                Verdict::Useless(why) => {
                    let message = format!("one branch of OR can use no index ({})", why.message);
                    let advice = format!("run one query for each branch; {}", why.advice);
                    return Verdict::Useless(Reason {
                        fix: why.fix,
                        ..reason("or-unindexed", why.span, message, advice)
                    });
                }
            }
        }
        if is_unknown { Verdict::Unknown } else { Verdict::Indexed { kind, at_most } }
    }

    fn compared(&mut self, scope: &Scope<'a>, object: &'a ObjectFacts, comparison: &'a Comparison) -> Verdict {
        let path = match &comparison.left {
            Operand::Field(path) => path,
            Operand::Function(function) => return self.called(scope, function, comparison),
        };
        let (field, is_own) = match self.column(scope, path) {
            Column::Field { field, is_own, .. } => (field, is_own),
            _ => return Verdict::Unknown,
        };
        let span = comparison.span;
        if !is_own {
            let written = path.dotted();
            let message = format!("{written} is a field of a parent, and its index does not find children");
            let advice = "filter by the id of the parent, or by a field of the object itself";
            return Verdict::Useless(reason("parent-filter", span, message, advice));
        }
        if field.calculated {
            return Verdict::Useless(formula(field, comparison));
        }
        let Some(kind) = index_of(object, field) else {
            return Verdict::Useless(unindexed(object, field, comparison));
        };
        form(object, field, kind, comparison)
    }

    fn called(&mut self, scope: &Scope<'a>, function: &'a Function, comparison: &'a Comparison) -> Verdict {
        let name = &function.name.text;
        if !is_date_function(function) {
            let message = format!("no index serves {name}");
            let advice = "add a condition on an indexed field";
            return Verdict::Useless(reason("function-filter", comparison.span, message, advice));
        }
        let mut why = reason(
            "function-filter",
            comparison.span,
            format!("no index serves {name}"),
            "compare the field itself with a range of dates",
        );
        if let [Argument::Field(path)] = function.arguments.as_slice() {
            let values = self.column(scope, path).values();
            if let Some(text) = range(function, self.text(path.span()), values, comparison) {
                why.fix = Some(Fix::one(comparison.span, text, true));
            }
        }
        Verdict::Useless(why)
    }
}

/// Conditions that every record must meet.
fn conjuncts(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::And(all) => all.iter().flat_map(conjuncts).collect(),
        one => vec![one],
    }
}

fn wrapped(condition: &Condition) -> String {
    match condition {
        Condition::Compare(_) => condition.to_string(),
        _ => format!("({condition})"),
    }
}

fn first_span(condition: &Condition) -> Option<Span> {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().find_map(first_span),
        Condition::Not(inner) => first_span(inner),
        Condition::Compare(comparison) => Some(comparison.span),
    }
}

/// Whether an index understands the comparison.
fn form(object: &ObjectFacts, field: &FieldFacts, kind: IndexKind, comparison: &Comparison) -> Verdict {
    let span = comparison.span;
    let name = &field.name;
    let values = match &comparison.right {
        Right::Value(value) => std::slice::from_ref(value),
        Right::List(values) => values.as_slice(),
        Right::Subquery(_) => &[],
    };
    let is_null = |value: &Value| match &value.literal {
        Literal::Null => true,
        Literal::String(text) => text.is_empty(),
        _ => false,
    };
    if matches!(comparison.operator, Operator::Ne | Operator::NotIn | Operator::Excludes) {
        return Verdict::Useless(negative(field, comparison));
    }
    if values.iter().any(is_null) && (kind == IndexKind::Custom || comparison.operator != Operator::Eq) {
        let message = format!("records without {name} are not in its index");
        let advice =
            "give them a value that says so, add a condition on an indexed field, or have Support put nulls in";
        return Verdict::Useless(reason("null-filter", span, message, advice));
    }
    match comparison.operator {
        Operator::Like => match values {
            [Value { literal: Literal::String(pattern), span: at }] if pattern.starts_with(['%', '_']) => {
                Verdict::Useless(leading_wildcard(object, pattern, *at))
            }
            _ => Verdict::Indexed { kind, at_most: None },
        },
        Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge if field.kind.values() == Values::Text => {
            let message = format!("no index serves {} on text", comparison.operator);
            Verdict::Useless(reason("text-comparison", span, message, "write = or LIKE 'text%'"))
        }
        _ => {
            let is_one = field.unique || field.kind == FieldKind::Id;
            let at_most = match (comparison.operator, &comparison.right) {
                (Operator::Eq, Right::Value(value)) if is_one && !is_null(value) => Some(1),
                (Operator::In, Right::List(values)) if is_one => u64::try_from(values.len()).ok(),
                _ => None,
            };
            match &comparison.right {
                // How many records the query inside finds is not to be had cheaply.
                Right::Subquery(_) => Verdict::Unknown,
                _ => Verdict::Indexed { kind, at_most },
            }
        }
    }
}

fn leading_wildcard(object: &ObjectFacts, pattern: &str, span: Span) -> Reason {
    let words = pattern.trim_matches(['%', '_']);
    let rest = pattern.trim_start_matches(['%', '_']);
    let mut why = reason(
        "leading-wildcard",
        span,
        "no index serves LIKE with a wildcard at its start",
        "start with fixed text, or search with SOSL",
    );
    if !words.is_empty() && !words.contains('\\') {
        if words.chars().all(|c| c.is_alphanumeric() || c == ' ') {
            why.advice = format!("start with fixed text, or search: FIND {{{words}}} RETURNING {}(Id)", object.name);
        }
        let rest = if rest.ends_with('%') { rest.to_owned() } else { format!("{rest}%") };
        why.fix = Some(Fix::one(span, quote_pattern(&rest), false));
    }
    why
}

fn negative(field: &FieldFacts, comparison: &Comparison) -> Reason {
    let message = format!("no index serves {}", comparison.operator);
    let mut why = reason("negative-filter", comparison.span, message, "name the values wanted");
    why.fix = others(field, comparison);
    why
}

/// The values of a picklist that are not excluded, and null, which `!=` lets through.
fn others(field: &FieldFacts, comparison: &Comparison) -> Option<Fix> {
    let excluded: Vec<&str> = match &comparison.right {
        Right::Value(value) => vec![text_of(value)?],
        Right::List(values) => values.iter().map(text_of).collect::<Option<_>>()?,
        Right::Subquery(_) => return None,
    };
    if field.kind != FieldKind::Picklist || !matches!(comparison.operator, Operator::Ne | Operator::NotIn) {
        return None;
    }
    let is_excluded = |value: &String| excluded.iter().any(|other| other.eq_ignore_ascii_case(value));
    let wanted: Vec<String> =
        field.picklist.iter().filter(|value| !is_excluded(value)).map(|value| quote_string(value)).collect();
    if wanted.is_empty() || wanted.len() > VALUES_MAX {
        return None;
    }
    let list = format!("{} IN ({})", comparison.left, wanted.join(", "));
    let text = if field.nillable { format!("({list} OR {} = NULL)", comparison.left) } else { list };
    Some(Fix::one(comparison.span, text, false))
}

fn text_of(value: &Value) -> Option<&str> {
    match &value.literal {
        Literal::String(text) => Some(text),
        _ => None,
    }
}

fn unindexed(object: &ObjectFacts, field: &FieldFacts, comparison: &Comparison) -> Reason {
    let name = &field.name;
    if let (Operator::Like, Right::Value(Value { literal: Literal::String(pattern), span })) =
        (comparison.operator, &comparison.right)
        && pattern.starts_with(['%', '_'])
    {
        return leading_wildcard(object, pattern, *span);
    }
    if matches!(comparison.operator, Operator::Ne | Operator::NotIn | Operator::Excludes) {
        return negative(field, comparison);
    }
    let can_be_external =
        field.custom && matches!(field.kind, FieldKind::String | FieldKind::Email | FieldKind::Double);
    let advice = match field.kind {
        FieldKind::MultiPicklist | FieldKind::EncryptedString => {
            "such a field can have no index: add a condition on an indexed one".to_owned()
        }
        _ if can_be_external => {
            format!("mark {name} as an external id, ask Support for an index, or add a condition on an indexed field")
        }
        _ => "ask Support for an index, or add a condition on an indexed field".to_owned(),
    };
    reason("unindexed-filter", comparison.span, format!("{name} has no index that a describe tells of"), advice)
}

/// Formulas: those that look beyond their record, or at the clock, can never have an index.
fn formula(field: &FieldFacts, comparison: &Comparison) -> Reason {
    let name = &field.name;
    let text = field.formula.as_deref().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let upper = text.to_ascii_uppercase();
    let is_cross_object = text
        .split(|c| !is_name(c))
        .any(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_moving = ["TODAY(", "NOW(", "TIMENOW("].iter().any(|call| upper.contains(call)) || text.contains('$');
    let (message, advice) = if field.formula.is_none() {
        (format!("{name} is calculated"), "filter by the fields that it is calculated from")
    } else if is_cross_object {
        (format!("{name} is a formula over other records"), "filter by the field of the parent itself")
    } else if is_moving {
        (format!("{name} is a formula whose value changes by itself"), "filter by the fields in it")
    } else if upper.contains("TEXT(") {
        (format!("{name} is a formula with TEXT(), which can have no index"), "filter by the field in it")
    } else {
        (format!("{name} is a formula without an index"), "filter by the fields in it, or ask Support for an index")
    };
    let mut why = reason("formula-filter", comparison.span, format!("{message}; no index serves it"), advice);
    let plain = text.trim();
    if !plain.is_empty()
        && plain.chars().all(is_name)
        && plain.starts_with(|c: char| c.is_ascii_alphabetic())
        && let Operand::Field(path) = &comparison.left
        && let [_] = path.segments.as_slice()
    {
        why.fix = Some(Fix::one(path.span(), plain, false));
    }
    why
}

/// `CALENDAR_YEAR(CreatedDate) = 2025` as a range of the field. The functions reckon in UTC.
fn range(function: &Function, field: &str, values: Values, comparison: &Comparison) -> Option<String> {
    let Right::Value(value) = &comparison.right else { return None };
    if comparison.operator != Operator::Eq {
        return None;
    }
    let name = function.name.text.to_ascii_uppercase();
    let (from, to) = match (name.as_str(), &value.literal) {
        ("CALENDAR_YEAR", Literal::Number(year)) => {
            let year: i16 = year.to_string().parse().ok().filter(|year| (1700..4000).contains(year))?;
            (jiff::civil::date(year, 1, 1), jiff::civil::date(year + 1, 1, 1))
        }
        ("DAY_ONLY", Literal::Date(date)) => (*date, date.checked_add(1.day()).ok()?),
        _ => return None,
    };
    let suffix = match values {
        Values::Date => "",
        Values::DateTime => "T00:00:00Z",
        _ => return None,
    };
    Some(format!("({field} >= {from}{suffix} AND {field} < {to}{suffix})"))
}

/// The query with a condition on an indexed date beside its own: fewer records, for a person to judge.
fn with_a_date(query: &Query, object: &ObjectFacts) -> Option<Fix> {
    object.field("CreatedDate").filter(|field| field.filterable)?;
    let condition = query.condition.as_ref()?;
    if condition.to_string().to_ascii_lowercase().contains("createddate") {
        return None;
    }
    let name = match &query.from.alias {
        Some(alias) => format!("{alias}.CreatedDate"),
        None => "CreatedDate".to_owned(),
    };
    let mut better = query.clone();
    let dated = crate::parse(&format!("SELECT Id FROM A WHERE {name} = LAST_N_DAYS:30")).ok()?.condition?;
    better.condition = Some(match condition.clone() {
        Condition::And(mut all) => {
            all.push(dated);
            Condition::And(all)
        }
        other => Condition::And(vec![other, dated]),
    });
    Some(Fix::one(query.span, better.to_string(), false))
}

/// `1234567` as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
