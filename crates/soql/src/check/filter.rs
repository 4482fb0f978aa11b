//! WHERE: fields that can be filtered by, operators that fit, semi-joins.

use super::Checker;
use super::calls::{Left, Stands, Use, article};
use super::columns::{At, Column, Scope};
use super::objects::is_refused_in_semi_join;
use super::schema::{FieldFacts, FieldKind, Lookup, ObjectFacts, Values};
use crate::ast::{Comparison, Condition, Literal, Operand, Operator, Query, Right, SelectItem, Span, Value};
use crate::finding::{Fix, Severity};

impl<'a> Checker<'a> {
    /// A condition of WHERE.
    pub(super) fn condition(&mut self, scope: &Scope<'a>, condition: &'a Condition) {
        match condition {
            Condition::And(all) | Condition::Or(all) => all.iter().for_each(|one| self.condition(scope, one)),
            Condition::Not(inner) => self.condition(scope, inner),
            Condition::Compare(comparison) => {
                let left = match &comparison.left {
                    Operand::Field(path) => {
                        let column = self.column(scope, path);
                        self.usable(column, path.span(), Use::Filter);
                        Left::of(column, path.span())
                    }
                    Operand::Function(function) => self.call(scope, function, Stands::Where),
                };
                match &comparison.right {
                    Right::Subquery(inner) => self.semi_join(scope, &left, comparison, inner),
                    _ => self.comparison(&left, comparison),
                }
            }
        }
    }

    /// Operator and values against the left side.
    pub(super) fn comparison(&mut self, left: &Left<'a>, comparison: &'a Comparison) {
        if self.operator(left, comparison) {
            self.literals(left, comparison);
        }
    }

    /// Whether the operator fits.
    fn operator(&mut self, left: &Left<'a>, comparison: &'a Comparison) -> bool {
        let values = left.values;
        let operator = comparison.operator;
        let fits = match operator {
            _ if matches!(values, Values::Unknown | Values::None) => true,
            Operator::Like => values == Values::Text,
            Operator::Includes | Operator::Excludes => values == Values::Multi,
            Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => {
                !matches!(values, Values::Boolean | Values::Multi)
            }
            Operator::Eq | Operator::Ne | Operator::In | Operator::NotIn => true,
        };
        if fits {
            return values != Values::None;
        }
        let span = self.operator_span(left.span.end, operator);
        let name = self.text(left.span);
        let message = format!("{operator} does not go with {name}, which is {}", article_of(left));
        let (advice, word) = match (operator, values) {
            (Operator::Includes, _) => ("INCLUDES is for multi-select picklists", Some("IN")),
            (Operator::Excludes, _) => ("EXCLUDES is for multi-select picklists", Some("NOT IN")),
            (Operator::Like, Values::Multi) => ("write INCLUDES ('value')", None),
            (Operator::Like, Values::Id) => ("compare ids with = or IN", None),
            (Operator::Like, _) => ("LIKE is for strings", None),
            (_, Values::Boolean) => ("write = TRUE or = FALSE", None),
            _ => ("write INCLUDES, EXCLUDES, = or !=", None),
        };
        let fix = word.map(|word| Fix::one(span, word, true));
        self.push(Severity::Error, "operator-type", span, message, advice, fix);
        false
    }

    /// Where the operator after a left side stands.
    fn operator_span(&self, after: usize, operator: Operator) -> Span {
        let rest = self.source.get(after..).unwrap_or_default();
        let start = after + (rest.len() - rest.trim_start().len());
        let rest = rest.trim_start();
        let length = match operator {
            Operator::Like => 4,
            Operator::In => 2,
            Operator::Includes | Operator::Excludes => 8,
            Operator::NotIn => rest.get(3..).map_or(0, |tail| rest.len() - tail.trim_start().len() + 2),
            _ => rest.bytes().take_while(|byte| matches!(byte, b'<' | b'>' | b'=' | b'!')).count(),
        };
        Span { start, end: (start + length).min(self.source.len()) }
    }

    fn semi_join(&mut self, scope: &Scope<'a>, left: &Left<'a>, comparison: &'a Comparison, inner: &'a Query) {
        let at = match inner.from.object.segments.as_slice() {
            [name] => match self.object(&name.text) {
                Lookup::Known(facts) => At::Object(facts),
                Lookup::Missing => {
                    self.unknown_object(name);
                    At::Unknown
                }
                Lookup::NotLoaded => At::Unknown,
            },
            _ => At::Unknown,
        };
        let inner_scope = Scope { query: inner, at, depth: scope.depth };
        if let Some(facts) = inner_scope.object() {
            self.queryable(facts, inner);
            if is_refused_in_semi_join(&facts.name) {
                let message = format!("{} cannot be read in a semi-join", facts.name);
                self.error("semi-join-object", inner.from.object.span(), message, "read the ids first");
            }
            let same = scope.object().is_some_and(|outer| outer.name == facts.name);
            if same {
                let message = "the query inside reads the same object as the one outside";
                self.error("semi-join-same-object", inner.span, message, "put both conditions into one WHERE");
            }
        }
        self.aliased_parents(&inner_scope);
        if left.is_computed && !matches!(left.column, Column::Unknown) {
            let message = "only a field may stand before a semi-join";
            self.error("semi-join-path", comparison.span, message, "");
        }
        if let Column::Field { field, .. } = left.column
            && !matches!(left.values, Values::Id | Values::Unknown)
        {
            let message = format!(
                "{} is {}, and only ids and references are looked for in a semi-join",
                field.name,
                article(field.kind)
            );
            self.error("semi-join-path", left.span, message, "");
        }
        if let [SelectItem::Field(path, _)] = inner.select.as_slice() {
            let column = self.column(&inner_scope, path);
            if let Some(field) = column.field() {
                if field.kind.values() == Values::Id {
                    self.same_target(left.column, column, path.span());
                } else if field.kind != FieldKind::Other {
                    let message =
                        format!("{} is {}; a semi-join selects an id or reference", field.name, article(field.kind));
                    self.error("semi-join-path", path.span(), message, "");
                }
            }
        }
        if let Some(condition) = &inner.condition {
            self.condition(&inner_scope, condition);
        }
    }

    /// Both sides of a semi-join must point to the same object.
    fn same_target(&mut self, outer: Column<'a>, inner: Column<'a>, span: Span) {
        let (Some(outer_to), Some(inner_to)) = (targets(outer), targets(inner)) else { return };
        if outer_to.iter().any(|name| inner_to.iter().any(|other| other.eq_ignore_ascii_case(name))) {
            return;
        }
        let message = format!("this selects ids of {}, and ids of {} are looked for", list(&inner_to), list(&outer_to));
        let fields = match inner {
            Column::Field { object, .. } => pointing(object, &outer_to),
            _ => Vec::new(),
        };
        let (advice, fix) = match fields.as_slice() {
            [] => (String::new(), None),
            [one] => (format!("select `{}`", one.name), Some(Fix::one(span, one.name.as_str(), true))),
            several => {
                let names: Vec<&str> = several.iter().map(|field| field.name.as_str()).collect();
                (format!("select one of {}", names.join(", ")), None)
            }
        };
        self.push(Severity::Error, "semi-join-target", span, message, &advice, fix);
    }

    /// A value in HAVING or of a key, whose kind only is known.
    pub(super) fn value_comparison(&mut self, left: &Left<'a>, comparison: &'a Comparison) {
        let is_amount = |value: &Value| matches!(value.literal, Literal::Currency(..));
        let amount = match &comparison.right {
            Right::Value(value) => Some(value).filter(|value| is_amount(value)),
            Right::List(values) => values.iter().find(|value| is_amount(value)),
            Right::Subquery(_) => None,
        };
        if let Some(amount) = amount {
            let message = "an amount with a currency is not compared in HAVING";
            let fix = match &amount.literal {
                Literal::Currency(_, number) => Some(Fix::one(amount.span, number.to_string(), true)),
                _ => None,
            };
            self.push(Severity::Error, "currency-literal", amount.span, message, "write the amount alone", fix);
            return;
        }
        self.comparison(left, comparison);
    }
}

fn article_of(left: &Left<'_>) -> String {
    match left.column.field() {
        Some(field) if !left.is_computed => article(field.kind),
        _ => format!("of type {}", left.type_name),
    }
}

/// The objects whose ids a column holds; `None` where that is not known.
fn targets(column: Column<'_>) -> Option<Vec<String>> {
    match column {
        Column::Field { field, object, .. } if field.kind == FieldKind::Id => Some(vec![object.name.clone()]),
        Column::Field { field, .. } if !field.reference_to.is_empty() => Some(field.reference_to.clone()),
        _ => None,
    }
}

/// The fields of an object that hold ids of one of these.
fn pointing<'f>(object: &'f ObjectFacts, to: &[String]) -> Vec<&'f FieldFacts> {
    let is_one = |name: &str| to.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    object
        .fields
        .iter()
        .filter(|field| match field.kind {
            FieldKind::Id => is_one(&object.name),
            FieldKind::Reference => field.reference_to.iter().any(|name| is_one(name)),
            _ => false,
        })
        .collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        several if several.len() > 3 => "several objects".to_owned(),
        several => several.join(" or "),
    }
}
