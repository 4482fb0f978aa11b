//! Aggregate queries: what is grouped by, what may be selected beside it, HAVING and ORDER BY.

use std::collections::BTreeSet;

use super::Checker;
use super::calls::{Left, Stands, Use, only_field};
use super::columns::{Column, Scope};
use super::schema::{FieldFacts, FieldKind, Values};
use crate::ast::{
    Argument, Comparison, Condition, FieldPath, Function, GroupBy, Name, Operand, Right, SelectItem, Span,
};
use crate::finding::{Fix, Severity};
use crate::lint::{is_aggregate_function, is_date_function};

/// The keys of a GROUP BY.
pub(super) fn keys(group_by: &GroupBy) -> &[Operand] {
    match group_by {
        GroupBy::Keys(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys) => keys,
    }
}

/// What is grouped by, each in one spelling.
struct Grouped {
    keys: BTreeSet<String>,
    /// Where a further key would be written.
    end: Option<usize>,
}

impl<'a> Checker<'a> {
    pub(super) fn groups(&mut self, scope: &Scope<'a>) {
        let query = scope.query;
        let operands = query.group_by.as_ref().map(keys).unwrap_or_default();
        let mut grouped = Grouped { keys: BTreeSet::new(), end: None };
        for operand in operands {
            self.group_key(scope, operand);
            grouped.keys.insert(key_of(scope, operand));
            if matches!(query.group_by, Some(GroupBy::Keys(_))) {
                grouped.end = Some(operand.span().end);
            }
        }
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut expressions = 0;
        for item in &query.select {
            let Some((name, span)) = self.group_item(scope, &grouped, item, &mut expressions) else { continue };
            if !names.insert(name.to_ascii_lowercase()) {
                let message = format!("two columns are called {name}");
                self.error("duplicate-alias", span, message, "give one of them an alias");
            }
        }
        if let Some(having) = &query.having {
            self.having(scope, &grouped, having);
        }
        for item in &query.order_by {
            match &item.key {
                Operand::Field(path) => {
                    let column = self.column(scope, path);
                    self.usable(column, path.span(), Use::Sort);
                    self.grouped_field(scope, &grouped, path, "ORDER BY");
                }
                Operand::Function(function) => {
                    self.group_call(scope, &grouped, function);
                }
            }
        }
    }

    fn group_key(&mut self, scope: &Scope<'a>, operand: &'a Operand) {
        match operand {
            Operand::Field(path) => {
                let column = self.column(scope, path);
                self.usable(column, path.span(), Use::Group);
            }
            Operand::Function(function) if is_date_function(function) => {
                self.call(scope, function, Stands::GroupBy);
            }
            Operand::Function(function) => {
                let message = format!("{} cannot be grouped by; fields and date functions can", function.name.text);
                let fix = only_field(function)
                    .filter(|_| !is_aggregate_function(function))
                    .map(|path| Fix::one(function.span, path.dotted(), true));
                let advice = if fix.is_some() { "group by the field itself" } else { "" };
                self.push(Severity::Error, "not-groupable", function.span, message, advice, fix);
            }
        }
    }

    /// A column of the result: its name in the answer, where that is known.
    fn group_item(
        &mut self,
        scope: &Scope<'a>,
        grouped: &Grouped,
        item: &'a SelectItem,
        expressions: &mut usize,
    ) -> Option<(String, Span)> {
        let named = |alias: &Option<Name>, otherwise: String, span: Span| {
            Some(alias.as_ref().map_or((otherwise, span), |alias| (alias.text.clone(), alias.span)))
        };
        match item {
            SelectItem::Field(path, alias) => {
                self.column(scope, path);
                self.grouped_field(scope, grouped, path, "SELECT");
                named(alias, path.segments.last().map(|name| name.text.clone()).unwrap_or_default(), path.span())
            }
            SelectItem::Function(function, alias) => {
                self.group_call(scope, grouped, function);
                if alias.is_none() && function.name.text.eq_ignore_ascii_case("toLabel") {
                    let last = only_field(function).and_then(|path| path.segments.last());
                    return last.map(|name| (name.text.clone(), function.span));
                }
                if alias.is_none() {
                    *expressions += 1;
                    return named(alias, format!("expr{}", *expressions - 1), function.span);
                }
                named(alias, String::new(), function.span)
            }
            SelectItem::Subquery(inner) => {
                let message = "a sub-query does not go with aggregates or GROUP BY";
                self.error("subquery-with-aggregate", inner.span, message, "run two queries");
                None
            }
            SelectItem::TypeOf(type_of) => {
                let message = "TYPEOF does not go with aggregates or GROUP BY";
                self.error("typeof-combined", type_of.span, message, "group by its Type, as in What.Type");
                None
            }
            SelectItem::Fields(..) | SelectItem::Count(_) => None,
        }
    }

    fn grouped_field(&mut self, scope: &Scope<'a>, grouped: &Grouped, path: &'a FieldPath, clause: &str) {
        if grouped.keys.contains(&scope.key(path)) {
            return;
        }
        self.ungrouped(grouped, path.span(), clause);
    }

    fn ungrouped(&mut self, grouped: &Grouped, span: Span, clause: &str) {
        let text = self.text(span);
        let message = format!("{text} is neither grouped nor aggregated");
        // A further key changes the groups, and with them what is counted.
        let fix = grouped.end.map(|end| Fix::one(Span { start: end, end }, format!(", {text}"), false));
        let advice = if clause == "SELECT" {
            "add it to GROUP BY, or aggregate it as in MAX(…)"
        } else {
            "name one that is grouped by, or aggregate it as in MAX(…)"
        };
        self.push(Severity::Error, "ungrouped-field", span, message, advice, fix);
    }

    /// A function in SELECT, HAVING or ORDER BY of an aggregate query.
    fn group_call(&mut self, scope: &Scope<'a>, grouped: &Grouped, function: &'a Function) -> Left<'a> {
        let is = |name: &str| function.name.text.eq_ignore_ascii_case(name);
        if is_aggregate_function(function) {
            return self.aggregate(scope, function);
        }
        if is("GROUPING") {
            match only_field(function) {
                Some(path) => {
                    self.column(scope, path);
                    self.grouped_field(scope, grouped, path, "GROUPING");
                }
                None => self.error("function-argument", function.span, "GROUPING takes one grouped field", ""),
            }
            return self.result(function, Column::Unknown, Values::Number, "int");
        }
        if is("FORMAT")
            && let [Argument::Function(inner)] = function.arguments.as_slice()
            && is_aggregate_function(inner)
        {
            return self.aggregate(scope, inner);
        }
        if is("convertCurrency")
            && let [Argument::Function(inner)] = function.arguments.as_slice()
            && is_aggregate_function(inner)
        {
            let message = "convertCurrency does not go around an aggregate, which is in the org's own currency already";
            let fix = Fix::one(function.span, inner.to_string(), true);
            self.push(Severity::Error, "misplaced-function", function.span, message, "leave it out", Some(fix));
            return self.aggregate(scope, inner);
        }
        if is_date_function(function) {
            let key = scope_function_key(scope, function);
            let left = self.call(scope, function, Stands::GroupBy);
            if !grouped.keys.contains(&key) {
                self.ungrouped(grouped, function.span, "SELECT");
            }
            return left;
        }
        if is("toLabel") || is("FORMAT") || is("convertCurrency") {
            let left = self.call(scope, function, Stands::Select);
            if is("convertCurrency") {
                self.ungrouped(grouped, function.span, "ORDER BY");
            } else if let Some(path) = only_field(function) {
                self.grouped_field(scope, grouped, path, "SELECT");
            }
            return left;
        }
        self.call(scope, function, Stands::Select)
    }

    fn result(&self, function: &'a Function, column: Column<'a>, values: Values, type_name: &'static str) -> Left<'a> {
        Left { column, values, type_name, is_computed: true, span: function.span }
    }

    fn aggregate(&mut self, scope: &Scope<'a>, function: &'a Function) -> Left<'a> {
        let name = function.name.text.to_ascii_uppercase();
        let counts = matches!(name.as_str(), "COUNT" | "COUNT_DISTINCT");
        let column = match function.arguments.as_slice() {
            [] if name == "COUNT" => Column::Unknown,
            [Argument::Field(path)] => {
                let column = self.column(scope, path);
                if let Column::Field { field, .. } = column {
                    self.aggregatable(field, &name, path.span());
                }
                column
            }
            _ => {
                self.error("function-argument", function.span, format!("{name} takes one field"), "");
                return Left::unknown(function.span);
            }
        };
        if counts {
            return self.result(function, column, Values::Number, "int");
        }
        if matches!(name.as_str(), "SUM" | "AVG") {
            return self.result(function, column, Values::Number, "double");
        }
        let type_name = column.field().map_or("unknown", |field| field.kind.name());
        self.result(function, column, column.values(), type_name)
    }

    fn aggregatable(&mut self, field: &FieldFacts, aggregate: &str, span: Span) {
        let sums = matches!(aggregate, "SUM" | "AVG");
        let by_type = match field.kind.values() {
            Values::Number | Values::Unknown => true,
            Values::Date | Values::DateTime | Values::Text | Values::Id => !sums,
            Values::Boolean | Values::Time | Values::Multi | Values::None => false,
        };
        if by_type && (field.aggregatable || field.kind == FieldKind::Other) {
            return;
        }
        let message =
            format!("{aggregate} does not take {}, which is {}", field.name, super::calls::article(field.kind));
        let advice = match field.kind {
            FieldKind::Boolean => format!("group by {} and count", field.name),
            _ if sums => "SUM and AVG take numbers".to_owned(),
            _ => String::new(),
        };
        self.error("not-aggregatable", span, message, &advice);
    }

    fn having(&mut self, scope: &Scope<'a>, grouped: &Grouped, condition: &'a Condition) {
        match condition {
            Condition::And(all) | Condition::Or(all) => all.iter().for_each(|one| self.having(scope, grouped, one)),
            Condition::Not(inner) => self.having(scope, grouped, inner),
            Condition::Compare(comparison) => self.having_comparison(scope, grouped, comparison),
        }
    }

    fn having_comparison(&mut self, scope: &Scope<'a>, grouped: &Grouped, comparison: &'a Comparison) {
        let left = match &comparison.left {
            Operand::Field(path) => {
                let column = self.column(scope, path);
                if !grouped.keys.contains(&scope.key(path)) {
                    let message = format!("{} is neither grouped nor aggregated", self.text(path.span()));
                    let advice = "a condition on the records themselves belongs to WHERE";
                    self.error("ungrouped-field", path.span(), message, advice);
                }
                Left::of(column, path.span())
            }
            Operand::Function(function) => self.group_call(scope, grouped, function),
        };
        if !matches!(comparison.right, Right::Subquery(_)) {
            self.value_comparison(&left, comparison);
        }
    }
}

/// A key in one spelling.
fn key_of(scope: &Scope<'_>, operand: &Operand) -> String {
    match operand {
        Operand::Field(path) => scope.key(path),
        Operand::Function(function) => scope_function_key(scope, function),
    }
}

fn scope_function_key(scope: &Scope<'_>, function: &Function) -> String {
    let arguments: Vec<String> = function
        .arguments
        .iter()
        .map(|argument| match argument {
            Argument::Field(path) => scope.key(path),
            Argument::Function(inner) => scope_function_key(scope, inner),
            Argument::Value(value) => value.to_string(),
        })
        .collect();
    format!("{}({})", function.name.text.to_ascii_lowercase(), arguments.join(","))
}
