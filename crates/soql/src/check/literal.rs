//! Values against the fields that they are compared with.

use jiff::civil::Date;
use jiff::{Span as Days, ToSpan};

use super::Checker;
use super::calls::Left;
use super::columns::Column;
use super::names::closest;
use super::schema::{FieldKind, Values};
use crate::ast::{Comparison, Literal, Operator, Right, Span, Value};
use crate::finding::{Edit, Fix, Severity};
use crate::parse;
use crate::print::quote_string;

/// The literal that a text would be without its quotes.
fn unquoted(text: &str) -> Option<Literal> {
    // A text with a sign of its own could end the comparison.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | ':' | '.' | '_');
    if text.is_empty() || !text.chars().all(is_plain) || text.starts_with(':') {
        return None;
    }
    let query = parse(&format!("SELECT Id FROM A WHERE a = {text}")).ok()?;
    match query.condition? {
        crate::ast::Condition::Compare(Comparison { right: Right::Value(value), .. }) => Some(value.literal),
        _ => None,
    }
}

/// Whether values of a kind can be compared with a literal, as far as types go.
pub(super) fn fits(values: Values, literal: &Literal) -> bool {
    matches!(
        (values, literal),
        (Values::Unknown, _)
            | (_, Literal::Null | Literal::Bind(_))
            | (Values::Text | Values::Multi | Values::Id, Literal::String(_))
            | (Values::Number, Literal::Number(_) | Literal::Currency(..))
            | (Values::Boolean, Literal::Boolean(_))
            | (Values::Date, Literal::Date(_) | Literal::DateLiteral(_))
            | (Values::DateTime, Literal::DateTime(_) | Literal::DateLiteral(_))
            | (Values::Time, Literal::Time(_))
    )
}

impl<'a> Checker<'a> {
    /// The values of a comparison, by type and by what the field can hold.
    pub(super) fn literals(&mut self, left: &Left<'a>, comparison: &'a Comparison) {
        let values = match &comparison.right {
            Right::Value(value) => std::slice::from_ref(value),
            Right::List(values) => values.as_slice(),
            Right::Subquery(_) => return,
        };
        for value in values {
            if !fits(left.values, &value.literal) {
                self.wrong_type(left, comparison, value);
            } else if let Literal::Currency(..) = &value.literal {
                self.currency(left, value);
            } else if let Literal::String(text) = &value.literal {
                self.string(left, comparison, text, value.span);
            }
        }
    }

    fn wrong_type(&mut self, left: &Left<'a>, comparison: &'a Comparison, value: &'a Value) {
        let name = left.column.field().map_or_else(|| self.text(left.span).to_owned(), |field| field.name.clone());
        let written = self.text(value.span);
        let shown: String = if written.chars().count() > 40 { "this value".to_owned() } else { written.to_owned() };
        let message = format!("{name} is of type {}, and {shown} is {}", left.type_name, what(&value.literal));
        let (suggestion, fix) = self.right_type(left, comparison, value);
        self.push(Severity::Error, "literal-type", value.span, message, &suggestion, fix);
    }

    /// The value as the field takes it.
    fn right_type(&self, left: &Left<'a>, comparison: &'a Comparison, value: &'a Value) -> (String, Option<Fix>) {
        let written = self.text(value.span);
        let is_one = matches!(comparison.right, Right::Value(_));
        let replace = |text: String| {
            let suggestion = format!("write {text}");
            (suggestion, Some(Fix::one(value.span, text, true)))
        };
        match (left.values, &value.literal) {
            (Values::Text | Values::Multi | Values::Id, _) => replace(quote_string(written)),
            (Values::Boolean, Literal::Number(n)) if n.is_zero() => replace("FALSE".to_owned()),
            (Values::Boolean, Literal::Number(n)) if *n == rust_decimal::Decimal::ONE => replace("TRUE".to_owned()),
            (Values::DateTime, Literal::Date(date)) => {
                instants(left, comparison, value, *date, self.text(left.span), is_one)
            }
            (Values::Date, Literal::DateTime(instant)) => {
                let date = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
                replace(date.to_string())
            }
            (values, Literal::String(text)) => match unquoted(text) {
                Some(literal) if fits(values, &literal) => replace(text.clone()),
                Some(Literal::Boolean(_)) if values == Values::Boolean => replace(text.to_ascii_uppercase()),
                Some(Literal::Date(date)) if values == Values::DateTime => {
                    instants(left, comparison, value, date, self.text(left.span), is_one)
                }
                _ => (form(values).to_owned(), None),
            },
            (values, _) => (form(values).to_owned(), None),
        }
    }

    fn currency(&mut self, left: &Left<'a>, value: &'a Value) {
        let wrong = match left.column {
            _ if left.is_computed => Some("an amount with a currency is compared with a currency field only"),
            Column::Field { field, .. } if field.kind != FieldKind::Currency => {
                Some("an amount with a currency is compared with a currency field only")
            }
            Column::Field { object, .. } if object.field("CurrencyIsoCode").is_none() => {
                Some("amounts with a currency are for orgs with several currencies")
            }
            _ => None,
        };
        if let (Some(message), Literal::Currency(_, amount)) = (wrong, &value.literal) {
            let fix = Fix::one(value.span, amount.to_string(), true);
            self.push(Severity::Error, "currency-literal", value.span, message, "write the amount alone", Some(fix));
        }
    }

    fn string(&mut self, left: &Left<'a>, comparison: &'a Comparison, text: &str, span: Span) {
        let Some(field) = left.column.field() else {
            if left.values == Values::Id {
                self.id(left, text, span);
            }
            return;
        };
        if left.values == Values::Id {
            return self.id(left, text, span);
        }
        if left.is_computed || comparison.operator == Operator::Like {
            return;
        }
        if matches!(comparison.operator, Operator::Eq | Operator::In)
            && field.length > 0
            && left.values == Values::Text
            && text.chars().count() > field.length as usize
        {
            let message = format!("{} holds at most {} characters, so it never equals this", field.name, field.length);
            self.push(Severity::Hint, "too-long-value", span, message, "", None);
        }
        if field.kind == FieldKind::MultiPicklist
            && matches!(comparison.operator, Operator::Eq)
            && !text.contains(';')
            && !text.is_empty()
        {
            let message = format!("`=` finds records where {text} alone is chosen in {}", field.name);
            let after = Span { start: left.span.end, end: span.end };
            let fix = Fix::one(after, format!(" INCLUDES ({})", quote_string(text)), false);
            let advice = "INCLUDES finds those where it is chosen among others, too";
            self.push(Severity::Hint, "multipicklist-equality", comparison.span, message, advice, Some(fix));
        }
        let is_picklist = matches!(field.kind, FieldKind::Picklist | FieldKind::MultiPicklist);
        if is_picklist && !field.picklist.is_empty() {
            let parts: Vec<&str> =
                if field.kind == FieldKind::MultiPicklist { text.split(';').collect() } else { vec![text] };
            for part in parts.into_iter().filter(|part| !part.is_empty()) {
                self.picklist_value(field, text, part, span);
            }
        }
    }

    fn picklist_value(&mut self, field: &super::FieldFacts, whole: &str, value: &str, span: Span) {
        if field.picklist.iter().any(|known| known.eq_ignore_ascii_case(value)) {
            return;
        }
        let lower = value.to_lowercase();
        if field.picklist.iter().any(|known| known.to_lowercase() == lower) {
            return;
        }
        let near = closest(value, field.picklist.iter().map(String::as_str));
        if !field.restricted_picklist && near.is_none() {
            return;
        }
        let severity = if field.restricted_picklist { Severity::Warning } else { Severity::Hint };
        let message = format!("{} has no value `{value}`, so that nothing is found by it", field.name);
        match near {
            Some(near) => {
                let text = quote_string(&whole.replace(value, near));
                let fix = Fix::one(span, text, false);
                self.push(severity, "picklist-value", span, message, &format!("did you mean `{near}`?"), Some(fix));
            }
            None => {
                let some: Vec<&str> = field.picklist.iter().take(12).map(String::as_str).collect();
                let more = if field.picklist.len() > some.len() { ", …" } else { "" };
                let advice = format!("its values are {}{more}", some.join(", "));
                self.push(severity, "picklist-value", span, message, &advice, None);
            }
        }
    }

    fn id(&mut self, left: &Left<'a>, text: &str, span: Span) {
        if text.is_empty() {
            return;
        }
        if !is_id(text) {
            let message = format!("`{}` is no id: an id has 15 or 18 letters and digits", shortened(text));
            return self.error("id-shape", span, message, "");
        }
        if let Column::Field { field, object, is_own: true } = left.column
            && field.kind == FieldKind::Id
            && let Some(prefix) = &object.key_prefix
            && !text.starts_with(prefix.as_str())
        {
            let message = format!("ids of {} begin with {prefix}, so that nothing is found by this one", object.name);
            self.push(Severity::Warning, "id-of-another-object", span, message, "", None);
        }
    }
}

/// Fifteen letters and digits, perhaps with the three that tell upper and lower case.
pub(super) fn is_id(text: &str) -> bool {
    if !matches!(text.len(), 15 | 18) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let suffix = text.get(15..).unwrap_or_default();
    suffix.bytes().all(|byte| byte.is_ascii_alphabetic() || (b'0'..=b'5').contains(&byte))
}

fn shortened(text: &str) -> String {
    if text.chars().count() > 40 { text.chars().take(40).chain(['…']).collect() } else { text.to_owned() }
}

fn what(literal: &Literal) -> &'static str {
    match literal {
        Literal::String(_) => "a string",
        Literal::Number(_) => "a number",
        Literal::Boolean(_) => "a boolean",
        Literal::Null => "null",
        Literal::Date(_) => "a date",
        Literal::DateTime(_) => "a dateTime",
        Literal::Time(_) => "a time",
        Literal::Currency(..) => "an amount with a currency",
        Literal::DateLiteral(_) => "a date literal",
        Literal::Bind(_) => "a bind variable",
    }
}

fn form(values: Values) -> &'static str {
    match values {
        Values::Text | Values::Multi => "write a string: 'text'",
        Values::Id => "write an id in quotes",
        Values::Number => "write a number without quotes",
        Values::Boolean => "write TRUE or FALSE, without quotes",
        Values::Date => "write a date such as 2026-01-31 or LAST_N_DAYS:7, without quotes",
        Values::DateTime => "write a dateTime such as 2026-01-31T00:00:00Z or LAST_N_DAYS:7, without quotes",
        Values::Time => "write a time such as 08:30:00.000Z, without quotes",
        Values::None | Values::Unknown => "",
    }
}

/// A day as the instants of it, in UTC.
fn instants(
    left: &Left<'_>,
    comparison: &Comparison,
    value: &Value,
    date: Date,
    field: &str,
    is_one: bool,
) -> (String, Option<Fix>) {
    let at = |date: Date| format!("{date}T00:00:00Z");
    let one: Days = 1.day();
    let next = date.checked_add(one).ok();
    let advice = "write dateTimes (midnight is that of UTC)".to_owned();
    let replace = |text: String| (advice.clone(), Some(Fix::one(value.span, text, true)));
    let whole = |text: String| {
        let edits = vec![Edit { span: comparison.span, text }];
        (advice.clone(), Some(Fix { edits, is_safe: true }))
    };
    match (comparison.operator, next) {
        (Operator::Lt | Operator::Ge, _) => replace(at(date)),
        (Operator::Le, Some(next)) if is_one => whole(format!("{field} < {}", at(next))),
        (Operator::Gt, Some(next)) if is_one => whole(format!("{field} >= {}", at(next))),
        (Operator::Eq, Some(next)) if is_one && !left.is_computed => {
            whole(format!("({field} >= {} AND {field} < {})", at(date), at(next)))
        }
        (Operator::Ne, Some(next)) if is_one && !left.is_computed => {
            whole(format!("({field} < {} OR {field} >= {})", at(date), at(next)))
        }
        _ => (form(Values::DateTime).to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_something_else_without_their_quotes() {
        assert!(matches!(unquoted("12.50"), Some(Literal::Number(_))));
        assert!(matches!(unquoted("true"), Some(Literal::Boolean(true))));
        assert!(matches!(unquoted("2026-01-02"), Some(Literal::Date(_))));
        assert!(matches!(unquoted("LAST_N_DAYS:7"), Some(Literal::DateLiteral(_))));
        for text in ["", "1 OR Id != null", "x", ":x", "1)", "'"] {
            assert!(unquoted(text).is_none(), "{text}");
        }
    }

    #[test]
    fn ids_by_their_shape() {
        for id in ["001000000000001", "001000000000001AAA", "0015e00000AbCdEAAV"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "abc", "001-00000000001", "001000000000001AA9", "001000000000001AAAA"] {
            assert!(!is_id(id), "{id}");
        }
    }
}
