//! WHERE and HAVING: conditions checked against the fields they name, and compiled.

use tidegate_soql::ast::{Comparison, Condition, Literal, Operand, Operator, Right, Span, Value};

use super::dates::Calendar;
use super::error::{at, malformed};
use super::expr::Expr;
use super::filter::{Check, Filter, Relation};
use super::like::Like;
use super::value::{Const, Kind};
use crate::{ApiError, RecordId};

/// Characters of one string in a WHERE.
const STRING_MAX: usize = 4_000;

/// The left side of a comparison, resolved.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) expr: Expr,
    pub(crate) kind: Kind,
    /// For messages.
    pub(crate) name: String,
    /// The name of its type, as messages use it.
    pub(crate) type_name: &'static str,
    pub(crate) case_sensitive: bool,
    /// A date function's result is never compared with a date literal.
    pub(crate) computed: bool,
    /// Amounts are in the corporate currency: the other side is a currency literal.
    pub(crate) is_corporate: bool,
    pub(crate) span: Span,
}

/// Where a comparison stands, for the rules about sub-selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Joined by AND only.
    Required,
    Or,
    Not,
}

/// What a condition needs from around it.
pub(crate) trait Operands<'q> {
    /// Resolves the left side of a comparison.
    fn left(&mut self, operand: &'q Operand) -> Result<Left, ApiError>;

    /// The left side in the corporate currency, for a comparison with a currency literal; `None` where the org has one
    /// currency, or the field is no amount.
    fn in_corporate_currency(&self, left: &Left) -> Option<Expr> {
        let _ = left;
        None
    }

    /// Runs a sub-select and gives the ids it found, sorted.
    fn semi_join(&mut self, left: &Left, comparison: &'q Comparison, place: Place) -> Result<Vec<RecordId>, ApiError>;
}

/// Compiles a condition.
pub(crate) fn compile<'q>(
    text: &str,
    calendar: &Calendar,
    condition: &'q Condition,
    operands: &mut impl Operands<'q>,
) -> Result<Filter, ApiError> {
    Compiler { text, calendar }.condition(condition, operands, Place::Required)
}

#[derive(Debug, Clone, Copy)]
struct Compiler<'c> {
    text: &'c str,
    calendar: &'c Calendar,
}

/// A literal as its field takes it.
enum Given {
    Null,
    Bool(bool),
    Point(Const),
    /// From (inclusive) to (exclusive).
    Span(Const, Const),
}

impl Compiler<'_> {
    // The parser bounds how deep conditions nest.
    fn condition<'q>(
        &self,
        condition: &'q Condition,
        operands: &mut impl Operands<'q>,
        place: Place,
    ) -> Result<Filter, ApiError> {
        let inner = |place: Place, within: Place| if place == Place::Not { Place::Not } else { within };
        Ok(match condition {
            Condition::And(all) => {
                Filter::And(all.iter().map(|c| self.condition(c, operands, place)).collect::<Result<_, _>>()?)
            }
            Condition::Or(any) => {
                let place = inner(place, Place::Or);
                Filter::Or(any.iter().map(|c| self.condition(c, operands, place)).collect::<Result<_, _>>()?)
            }
            Condition::Not(inner) => Filter::Not(Box::new(self.condition(inner, operands, Place::Not)?)),
            Condition::Compare(comparison) => self.comparison(comparison, operands, place)?,
        })
    }

    fn comparison<'q>(
        &self,
        comparison: &'q Comparison,
        operands: &mut impl Operands<'q>,
        place: Place,
    ) -> Result<Filter, ApiError> {
        let mut left = operands.left(&comparison.left)?;
        if names_a_currency(&comparison.right)
            && let Some(converted) = operands.in_corporate_currency(&left)
        {
            left.expr = converted;
            left.is_corporate = true;
        }
        let negate = matches!(comparison.operator, Operator::NotIn | Operator::Excludes | Operator::Ne);
        let check = match (comparison.operator, &comparison.right) {
            (Operator::In | Operator::NotIn, Right::Subquery(_)) => {
                let ids = operands.semi_join(&left, comparison, place)?;
                Check::InIds { ids, null: false, negate }
            }
            (Operator::In | Operator::NotIn, Right::List(values)) => self.in_list(&left, values, negate)?,
            (Operator::Includes | Operator::Excludes, Right::List(values)) if left.kind == Kind::Multi => {
                Check::Includes { sets: self.sets(&left, values)?, negate }
            }
            (Operator::Like, Right::Value(value)) => {
                if left.kind != Kind::Text {
                    return Err(self.bad_operator(&left));
                }
                match &value.literal {
                    Literal::String(pattern) => Check::Like(Like::new(pattern, left.case_sensitive)),
                    _ => return Err(self.bad_literal(&left, value)),
                }
            }
            (
                Operator::Eq | Operator::Ne | Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge,
                Right::Value(value),
            ) => self.compare(&left, comparison.operator, value)?,
            _ => return Err(self.bad_operator(&left)),
        };
        Ok(match check {
            // `!= null` on a checkbox: always one of the two.
            Check::Null(null) if left.kind == Kind::Bool => Filter::Test(left.expr, Check::Bool(!null)),
            check => Filter::Test(left.expr, check),
        })
    }

    fn compare(&self, left: &Left, operator: Operator, value: &Value) -> Result<Check, ApiError> {
        let op = match operator {
            Operator::Eq => Relation::Eq,
            Operator::Ne => Relation::Ne,
            Operator::Lt => Relation::Lt,
            Operator::Le => Relation::Le,
            Operator::Gt => Relation::Gt,
            _ => Relation::Ge,
        };
        let equality = matches!(op, Relation::Eq | Relation::Ne);
        if !equality && matches!(left.kind, Kind::Bool | Kind::Multi) {
            return Err(self.bad_operator(left));
        }
        Ok(match self.given(left, value)? {
            Given::Null if equality => Check::Null(op == Relation::Eq),
            Given::Null => return Err(self.bad_operator(left)),
            Given::Bool(b) => Check::Bool(b == (op == Relation::Eq)),
            Given::Point(Const::Text(text)) if left.kind == Kind::Multi => {
                Check::Set { values: split(&text), negate: op == Relation::Ne }
            }
            Given::Point(value) => Check::Compare { op, value, case_sensitive: left.case_sensitive },
            Given::Span(start, end) => Check::Range { op, start, end },
        })
    }

    fn in_list(&self, left: &Left, values: &[Value], negate: bool) -> Result<Check, ApiError> {
        if left.kind == Kind::Bool {
            return Err(self.bad_operator(left));
        }
        let (mut points, mut spans, mut null) = (Vec::new(), Vec::new(), false);
        for value in values {
            match self.given(left, value)? {
                Given::Null => null = true,
                Given::Bool(_) => return Err(self.bad_literal(left, value)),
                Given::Point(point) => points.push(point),
                Given::Span(start, end) => spans.push((start, end)),
            }
        }
        if left.kind == Kind::Multi {
            let sets: Vec<Vec<String>> =
                points.iter().filter_map(|p| if let Const::Text(t) = p { Some(split(t)) } else { None }).collect();
            return Ok(Check::Sets { sets, null, negate });
        }
        if !spans.is_empty() {
            // A day or an instant beside them is a range of one.
            for point in points {
                let range = match point {
                    Const::Date(date) => date.tomorrow().ok().map(|next| (Const::Date(date), Const::Date(next))),
                    Const::DateTime(ms) => Some((Const::DateTime(ms), Const::DateTime(ms + 1))),
                    _ => None,
                };
                spans.extend(range);
            }
            return Ok(Check::InRanges { ranges: spans, null, negate });
        }
        points.sort_by(|a, b| a.order(b, left.case_sensitive));
        points.dedup_by(|a, b| a.order(b, left.case_sensitive).is_eq());
        if left.kind == Kind::Id {
            let ids = points.iter().filter_map(|p| if let Const::Id(id) = p { Some(*id) } else { None }).collect();
            return Ok(Check::InIds { ids, null, negate });
        }
        Ok(Check::In { values: points, null, negate, case_sensitive: left.case_sensitive })
    }

    fn sets(&self, left: &Left, values: &[Value]) -> Result<Vec<Vec<String>>, ApiError> {
        values
            .iter()
            .map(|value| match &value.literal {
                Literal::String(text) => Ok(split(text)),
                _ => Err(self.bad_literal(left, value)),
            })
            .collect()
    }

    fn given(&self, left: &Left, value: &Value) -> Result<Given, ApiError> {
        Ok(match (left.kind, &value.literal) {
            (_, Literal::Null) => Given::Null,
            (Kind::Text | Kind::Multi, Literal::String(text)) => {
                if text.chars().count() > STRING_MAX {
                    let message = format!("a string in WHERE has at most {STRING_MAX} characters");
                    return Err(malformed(self.text, value.span, message));
                }
                // The platform stores no empty text.
                if text.is_empty() { Given::Null } else { Given::Point(Const::Text(text.clone())) }
            }
            (Kind::Id, Literal::String(text)) if text.is_empty() => Given::Null,
            (Kind::Id, Literal::String(text)) => match RecordId::parse(text) {
                Some(id) => Given::Point(Const::Id(id)),
                None => {
                    let message = format!("invalid ID field: {text}");
                    return Err(at(self.text, value.span, "INVALID_QUERY_FILTER_OPERATOR", message));
                }
            },
            (Kind::Number, Literal::Number(_)) if left.is_corporate => {
                let message = "currency literals and plain numbers can not be mixed in one list";
                return Err(malformed(self.text, value.span, message));
            }
            (Kind::Number, Literal::Number(number)) => Given::Point(Const::Number(*number)),
            (Kind::Number, Literal::Currency(iso, amount)) => {
                let refuse = |message: String| Err(at(self.text, value.span, "INVALID_FIELD", message));
                let Some(currencies) = &self.calendar.currencies else {
                    return refuse("currency literals are only for orgs with several currencies".to_owned());
                };
                if !left.is_corporate {
                    return refuse(format!("field '{}' can not be compared with an amount of a currency", left.name));
                }
                if !currencies.is_active(iso) {
                    return refuse(format!("the currency {iso} is not active"));
                }
                match currencies.convert(*amount, iso, &currencies.corporate) {
                    Some(amount) => Given::Point(Const::Number(amount)),
                    None => return refuse(format!("the amount {iso}{amount} is out of range")),
                }
            }
            (Kind::Bool, Literal::Boolean(b)) => Given::Bool(*b),
            (Kind::Date, Literal::Date(date)) => Given::Point(Const::Date(*date)),
            (Kind::DateTime, Literal::DateTime(instant)) => Given::Point(Const::DateTime(instant.as_millisecond())),
            (Kind::Time, Literal::Time(time)) => {
                let ms = time.duration_since(jiff::civil::Time::midnight()).as_millis();
                Given::Point(Const::Time(u32::try_from(ms).unwrap_or_default()))
            }
            (Kind::Date | Kind::DateTime, Literal::DateLiteral(literal)) if !left.computed => {
                let invalid = || malformed(self.text, value.span, format!("invalid date: {}", literal.name));
                let (start, end) = self.calendar.span(literal).ok_or_else(invalid)?;
                if left.kind == Kind::Date {
                    Given::Span(Const::Date(start), Const::Date(end))
                } else {
                    let start = self.calendar.start_of(start).ok_or_else(invalid)?;
                    let end = self.calendar.start_of(end).ok_or_else(invalid)?;
                    Given::Span(Const::DateTime(start), Const::DateTime(end))
                }
            }
            (_, Literal::Bind(name)) => {
                let message = format!("unexpected token: ':{name}'");
                return Err(malformed(self.text, value.span, message));
            }
            _ => return Err(self.bad_literal(left, value)),
        })
    }

    fn bad_operator(&self, left: &Left) -> ApiError {
        let message = format!("invalid operator on {} field", left.type_name);
        at(self.text, left.span, "INVALID_QUERY_FILTER_OPERATOR", message)
    }

    fn bad_literal(&self, left: &Left, value: &Value) -> ApiError {
        let quotes = match left.kind {
            Kind::Text | Kind::Multi | Kind::Id => "should be enclosed in quotes",
            _ => "should not be enclosed in quotes",
        };
        let message = format!(
            "value of filter criterion for field '{}' must be of type {} and {quotes}",
            left.name, left.type_name
        );
        at(self.text, value.span, "INVALID_FIELD", message)
    }
}

fn names_a_currency(right: &Right) -> bool {
    let is_one = |value: &Value| matches!(value.literal, Literal::Currency(..));
    match right {
        Right::Value(value) => is_one(value),
        Right::List(values) => values.iter().any(is_one),
        Right::Subquery(_) => false,
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(';').map(str::to_owned).collect()
}

/// The name of a field's type in messages.
pub(crate) fn type_name(ty: crate::schema::FieldType) -> &'static str {
    match ty {
        crate::schema::FieldType::Datetime => "dateTime",
        ty => ty.name(),
    }
}
