//! Conditions over the fields of an event, as channel members' filter expressions have them.

use rust_decimal::Decimal;
use serde_json::Value as Json;
use tidegate_soql::ast::{Comparison, Condition, Literal, Operand, Operator, Right, Value};

use crate::ApiError;
use crate::schema::ObjectType;

/// Longest expression, characters (documented).
const LENGTH_MAX: usize = 131_072;
/// Fields in one expression (documented).
const FIELDS_MAX: usize = 10;
/// Before the name of a field of the event's header.
const HEADER: &str = "ChangeEventHeader";

/// Reads an expression.
///
/// # Errors
/// Where the text is no condition.
pub(super) fn parse(text: &str) -> Result<Condition, ApiError> {
    let query = tidegate_soql::parse(&format!("SELECT Id FROM Event WHERE {text}"))
        .map_err(|e| refused(format!("The filter expression can't be read: {e}")))?;
    let only_where = query.order_by.is_empty()
        && query.limit.is_none()
        && query.offset.is_none()
        && query.group_by.is_none()
        && query.with.is_none()
        && query.for_clauses.is_empty();
    match query.condition {
        Some(condition) if only_where => Ok(condition),
        _ => Err(refused("The filter expression must be a condition and nothing else")),
    }
}

/// Reads an expression and checks it against the fields of the entity.
///
/// # Errors
/// As [`parse`]; an unknown field, too many fields, date literals, sub-selects.
pub(super) fn check(text: &str, object: &ObjectType) -> Result<Condition, ApiError> {
    if text.chars().count() > LENGTH_MAX {
        return Err(refused(format!("The filter expression is longer than {LENGTH_MAX} characters")));
    }
    let condition = parse(text)?;
    let mut names = Vec::new();
    each(&condition, &mut |comparison| {
        let Operand::Field(path) = &comparison.left else {
            return Err(refused("Functions are not supported in a filter expression"));
        };
        let name = path.to_string();
        let literals: &[Value] = match &comparison.right {
            Right::Value(value) => std::slice::from_ref(value),
            Right::List(values) => values,
            Right::Subquery(_) => return Err(refused("Sub-selects are not supported in a filter expression")),
        };
        if literals.iter().any(|v| matches!(v.literal, Literal::DateLiteral(_) | Literal::Bind(_))) {
            return Err(refused("Date literals are not supported in a filter expression"));
        }
        let top = path.segments.first().map_or("", |s| s.text.as_str());
        if !top.eq_ignore_ascii_case(HEADER) && object.field(top).is_none() {
            return Err(refused(format!("The field {name} in the filter expression doesn't exist on {}", object.name)));
        }
        if !names.contains(&name) {
            names.push(name);
        }
        Ok(())
    })?;
    if names.len() > FIELDS_MAX {
        return Err(refused(format!("A filter expression has at most {FIELDS_MAX} fields")));
    }
    Ok(condition)
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::new("INVALID_FILTER_EXPRESSION", message)
}

/// Calls `found` with every comparison.
pub(super) fn each<'c, E>(
    condition: &'c Condition,
    found: &mut impl FnMut(&'c Comparison) -> Result<(), E>,
) -> Result<(), E> {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().try_for_each(|c| each(c, found)),
        Condition::Not(inner) => each(inner, found),
        Condition::Compare(comparison) => found(comparison),
    }
}

/// Whether the condition holds of an event whose values `read` gives by their names; a name it does not know is null.
pub(super) fn holds(condition: &Condition, read: &impl Fn(&str) -> Json) -> bool {
    match condition {
        Condition::And(all) => all.iter().all(|c| holds(c, read)),
        Condition::Or(any) => any.iter().any(|c| holds(c, read)),
        Condition::Not(inner) => !holds(inner, read),
        Condition::Compare(comparison) => compare(comparison, read),
    }
}

fn compare(comparison: &Comparison, read: &impl Fn(&str) -> Json) -> bool {
    let Operand::Field(path) = &comparison.left else { return false };
    let value = read(&path.to_string());
    let values: &[Value] = match &comparison.right {
        Right::Value(value) => std::slice::from_ref(value),
        Right::List(values) => values,
        Right::Subquery(_) => return false,
    };
    let equals = |right: &Value| match (&value, &right.literal) {
        // Of a list, such as the header's recordIds and changedFields, one has to be equal.
        (Json::Array(items), _) => items.iter().any(|item| order(item, &right.literal).is_some_and(|o| o.is_eq())),
        (Json::Null, Literal::Null) => true,
        // A checkbox without a value is not ticked.
        (Json::Null, Literal::Boolean(b)) => !b,
        _ => order(&value, &right.literal).is_some_and(|o| o.is_eq()),
    };
    let first = values.first();
    let ordered =
        |test: fn(std::cmp::Ordering) -> bool| first.and_then(|right| order(&value, &right.literal)).is_some_and(test);
    let text = |literal: &Literal| match literal {
        Literal::String(text) => Some(text.to_lowercase()),
        _ => None,
    };
    let chosen = || -> Vec<String> {
        value.as_str().map(|v| v.to_lowercase().split(';').map(|p| p.trim().to_owned()).collect()).unwrap_or_default()
    };
    let includes = || {
        let chosen = chosen();
        values
            .iter()
            .filter_map(|v| text(&v.literal))
            .any(|set| set.split(';').all(|w| chosen.iter().any(|c| c == w.trim())))
    };
    match comparison.operator {
        Operator::Eq => first.is_some_and(equals),
        Operator::Ne => !first.is_some_and(equals),
        Operator::Lt => ordered(std::cmp::Ordering::is_lt),
        Operator::Le => ordered(std::cmp::Ordering::is_le),
        Operator::Gt => ordered(std::cmp::Ordering::is_gt),
        Operator::Ge => ordered(std::cmp::Ordering::is_ge),
        Operator::In => values.iter().any(equals),
        Operator::NotIn => !values.iter().any(equals),
        Operator::Like => match (value.as_str(), first.and_then(|v| text(&v.literal))) {
            (Some(value), Some(pattern)) => like(&value.to_lowercase(), &pattern),
            _ => false,
        },
        Operator::Includes => includes(),
        Operator::Excludes => !includes(),
    }
}

/// How an event's value stands to a literal; `None` where the two cannot be compared.
fn order(value: &Json, literal: &Literal) -> Option<std::cmp::Ordering> {
    match (value, literal) {
        (Json::String(text), Literal::String(other)) => {
            // An id in the filter may have 15 characters, the event's has 18.
            if text.len() == 18 && other.len() == 15 && text.get(..15) == Some(other.as_str()) {
                return Some(std::cmp::Ordering::Equal);
            }
            Some(text.to_lowercase().cmp(&other.to_lowercase()))
        }
        (Json::String(text), Literal::Date(date)) => Some(text.get(..10)?.cmp(date.to_string().as_str())),
        (Json::String(text), Literal::DateTime(at)) => Some(text.parse::<jiff::Timestamp>().ok()?.cmp(at)),
        (Json::String(text), Literal::Time(time)) => {
            Some(text.trim_end_matches('Z').parse::<jiff::civil::Time>().ok()?.cmp(time))
        }
        (Json::Number(number), Literal::Number(other)) => {
            let text = number.to_string();
            let exact = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?;
            Some(exact.cmp(other))
        }
        (Json::Bool(b), Literal::Boolean(other)) => Some(b.cmp(other)),
        _ => None,
    }
}

/// `LIKE`: `%` stands for any text, `_` for one character, `\` takes the next one as it is.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                back = Some((p, t));
                p += 1;
            }
            Some('_') => (t, p) = (t + 1, p + 1),
            Some('\\') if pattern.get(p + 1) == text.get(t) => (t, p) = (t + 1, p + 2),
            Some(c) if *c != '\\' && text.get(t) == Some(c) => (t, p) = (t + 1, p + 1),
            _ => match back {
                // The last `%` takes one character more.
                Some((at, from)) => {
                    back = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '%'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_as_the_channel_reads_them() {
        let event = json!({
            "ChangeEventHeader": { "changeType": "UPDATE", "changedFields": ["Industry", "LastModifiedDate"] },
            "Industry": "Energy", "NumberOfEmployees": 12, "AnnualRevenue": 1.5, "IsX": true, "Multi": "A;B",
            "At": "2026-01-31T08:15:42.000Z", "Day": "2026-01-31",
        });
        let read = |name: &str| {
            let mut at = &event;
            for part in name.split('.') {
                at = at.get(part).unwrap_or(&Json::Null);
            }
            at.clone()
        };
        for (text, expected) in [
            ("Industry = 'energy'", true),
            ("Industry != 'Energy'", false),
            ("Industry != null", true),
            ("Nothing = null", true),
            ("Nothing = 'x'", false),
            ("Nothing != 'x'", true),
            ("NumberOfEmployees > 11 AND NumberOfEmployees <= 12", true),
            ("AnnualRevenue = 1.50", true),
            ("NumberOfEmployees > 12 OR IsX = true", true),
            ("Nothing = false", true),
            ("NOT (IsX = true)", false),
            ("Industry IN ('Media', 'ENERGY')", true),
            ("Industry NOT IN ('Media', 'Energy')", false),
            ("Industry LIKE 'En%y'", true),
            ("Industry LIKE 'E_ergy'", true),
            ("Industry LIKE 'nergy'", false),
            ("Industry LIKE '%g%'", true),
            ("Multi INCLUDES ('a;b', 'C')", true),
            ("Multi EXCLUDES ('C')", true),
            ("At > 2026-01-31T09:15:41+01:00", true),
            ("Day = 2026-01-31", true),
            ("ChangeEventHeader.changeType = 'UPDATE'", true),
            ("ChangeEventHeader.changedFields = 'Industry'", true),
            ("ChangeEventHeader.changedFields IN ('Phone')", false),
        ] {
            let condition = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(holds(&condition, &read), expected, "{text}");
        }
        for text in ["", "Industry", "Industry = 'x' LIMIT 1", "Industry = 'x' ORDER BY Id", "1 = 1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_filter_cannot_have_is_refused() {
        let schema = crate::schema::standard();
        let (_, account) = schema.find("Account").unwrap();
        for (text, part) in [
            ("Nope = 'x'", "doesn't exist on Account"),
            ("CreatedDate = TODAY", "Date literals"),
            ("Id IN (SELECT AccountId FROM Contact)", "Sub-selects"),
            ("CALENDAR_YEAR(CreatedDate) = 2026", "Functions"),
        ] {
            let error = check(text, account).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
        }
        assert!(check("ChangeEventHeader.changeType = 'CREATE' AND Industry = 'Energy'", account).is_ok());
    }
}
