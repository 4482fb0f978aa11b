//! Typed values in place of `:name`.
//!
//! A value becomes a literal of the tree and is escaped when the tree is printed, so no text can end its string or add
//! to the query.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use jiff::civil::{Date, Time};
use jiff::{Timestamp, Zoned};
use rust_decimal::Decimal;

use crate::ast::{
    Argument, Condition, Count, Function, GroupBy, Literal, Operand, Operator, Query, Right, SelectItem, Span, Value,
    With,
};
use crate::error::ParseError;
use crate::parse::{check_date, check_instant};

/// A value for a bind variable; made by `into()` from the types of Rust.
#[derive(Debug, Clone, PartialEq)]
pub enum BindValue {
    /// Text. After LIKE it is a pattern: see [`escape_pattern`] for text that must match itself.
    Text(String),
    /// A number.
    Number(Decimal),
    /// A boolean.
    Boolean(bool),
    /// `NULL`.
    Null,
    /// A date.
    Date(Date),
    /// A datetime.
    DateTime(Timestamp),
    /// A time of day, in UTC.
    Time(Time),
    /// Several values, for IN, NOT IN, INCLUDES and EXCLUDES.
    List(Vec<BindValue>),
}

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr;)*) => {
        $(impl From<$type> for BindValue {
            fn from($value: $type) -> BindValue {
                $made
            }
        })*
    };
}

from! {
    String => |text| BindValue::Text(text);
    &str => |text| BindValue::Text(text.to_owned());
    &String => |text| BindValue::Text(text.clone());
    Decimal => |number| BindValue::Number(number);
    i64 => |number| BindValue::Number(number.into());
    i32 => |number| BindValue::Number(number.into());
    i16 => |number| BindValue::Number(number.into());
    i8 => |number| BindValue::Number(number.into());
    u64 => |number| BindValue::Number(number.into());
    u32 => |number| BindValue::Number(number.into());
    u16 => |number| BindValue::Number(number.into());
    u8 => |number| BindValue::Number(number.into());
    usize => |number| BindValue::Number(number.into());
    bool => |boolean| BindValue::Boolean(boolean);
    Date => |date| BindValue::Date(date);
    Timestamp => |instant| BindValue::DateTime(instant);
    Zoned => |instant| BindValue::DateTime(instant.timestamp());
    Cow<'_, str> => |text| BindValue::Text(text.into_owned());
    Time => |time| BindValue::Time(time);
}

impl<T: Into<BindValue>> From<Option<T>> for BindValue {
    fn from(value: Option<T>) -> BindValue {
        value.map_or(BindValue::Null, Into::into)
    }
}

impl<T: Into<BindValue>> From<Vec<T>> for BindValue {
    fn from(values: Vec<T>) -> BindValue {
        BindValue::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<BindValue> + Clone> From<&[T]> for BindValue {
    fn from(values: &[T]) -> BindValue {
        BindValue::List(values.iter().cloned().map(Into::into).collect())
    }
}

impl<T: Into<BindValue> + Clone> From<&Vec<T>> for BindValue {
    fn from(values: &Vec<T>) -> BindValue {
        values.as_slice().into()
    }
}

impl<T: Into<BindValue>, const N: usize> From<[T; N]> for BindValue {
    fn from(values: [T; N]) -> BindValue {
        BindValue::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<BindValue> + Clone, const N: usize> From<&[T; N]> for BindValue {
    fn from(values: &[T; N]) -> BindValue {
        values.as_slice().into()
    }
}

impl<T: Into<BindValue>> From<BTreeSet<T>> for BindValue {
    fn from(values: BTreeSet<T>) -> BindValue {
        BindValue::List(values.into_iter().map(Into::into).collect())
    }
}

/// Why a query and its values do not fit. Values are never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The text is no SOQL.
    #[error("parsing the query to bind values into")]
    Parse(#[from] ParseError),
    /// A value was given for a name that the query does not have.
    #[error("the query has no bind variable :{name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Bind variables without a value.
    #[error("no value for :{}", names.join(", :"))]
    Unbound {
        /// Their names, each once, in the order of the query.
        names: Vec<String>,
    },
    /// A list without values, which SOQL cannot express.
    #[error("the list for :{name} is empty; leave the condition out, or do not send the query")]
    EmptyList {
        /// The name.
        name: String,
    },
    /// A list where one value belongs, or within another list.
    #[error("the list for :{name} is only allowed right after IN, NOT IN, INCLUDES or EXCLUDES")]
    ListNotAllowed {
        /// The name.
        name: String,
    },
    /// One value right after IN, NOT IN, INCLUDES or EXCLUDES.
    #[error(":{name} stands right after IN, NOT IN, INCLUDES or EXCLUDES and needs a list")]
    ListNeeded {
        /// The name.
        name: String,
    },
    /// A value of a type that cannot stand in this place.
    #[error(":{name} needs {needed}")]
    WrongType {
        /// The name.
        name: String,
        /// What may stand there.
        needed: &'static str,
    },
    /// A date beyond what SOQL can compare with.
    #[error("the value for :{name} is out of range: dates go from 1700-01-01 to 4000-12-31")]
    OutOfRange {
        /// The name.
        name: String,
    },
}

/// Parses a text and binds every variable in it.
///
/// # Errors
///
/// A text that is no SOQL, a variable without a value, a value without a variable, or a value that does not fit.
///
/// ```
/// let since: jiff::Timestamp = "2026-01-02T03:04:05Z".parse()?;
/// let query = tidegate_soql::bind(
///     "SELECT Id FROM Contact WHERE SystemModstamp >= :since AND LastName IN :names LIMIT :n",
///     [("since", since.into()), ("names", vec!["O'Hara", "x') OR (Id != '"].into()), ("n", 200.into())],
/// )?;
/// assert_eq!(
///     query.to_string(),
///     r"SELECT Id FROM Contact WHERE SystemModstamp >= 2026-01-02T03:04:05Z AND LastName IN ('O\'Hara', 'x\') OR (Id != \'') LIMIT 200",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bind<'a>(source: &str, values: impl IntoIterator<Item = (&'a str, BindValue)>) -> Result<Query, BindError> {
    let mut query = crate::parse(source)?;
    for (name, value) in values {
        query = query.bind(name, value)?;
    }
    let names = query.unbound();
    if names.is_empty() { Ok(query) } else { Err(BindError::Unbound { names }) }
}

/// A text as a part of a LIKE pattern that matches this text and nothing else.
///
/// ```
/// let pattern = format!("{}%", tidegate_soql::escape_pattern("100%_"));
/// let query = tidegate_soql::bind("SELECT Id FROM A WHERE Name LIKE :p", [("p", pattern.into())])?;
/// assert_eq!(query.to_string(), r"SELECT Id FROM A WHERE Name LIKE '100\%\_%'");
/// # Ok::<(), tidegate_soql::BindError>(())
/// ```
pub fn escape_pattern(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '_' | '%' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Query {
    /// Puts a value in every place of one variable.
    ///
    /// # Errors
    ///
    /// A name that the query does not have, or a value that does not fit its place.
    pub fn bind(mut self, name: &str, value: impl Into<BindValue>) -> Result<Query, BindError> {
        let value = value.into();
        let mut is_found = false;
        each_place(&mut self, &mut |place| {
            let is_this = place.variable() == Some(name);
            is_found |= is_this;
            if is_this { place.put(name, &value) } else { Ok(()) }
        })?;
        if is_found { Ok(self) } else { Err(BindError::Unknown { name: name.to_owned() }) }
    }

    /// The names of the variables that have no value yet, each once, in the order of the query.
    pub fn unbound(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        // The walk is written once, for changing; looking costs a copy.
        let looked = each_place(&mut self.clone(), &mut |place| {
            if let Some(name) = place.variable().filter(|name| known.insert((*name).to_owned())) {
                names.push(name.to_owned());
            }
            Ok(())
        });
        debug_assert!(looked.is_ok());
        names
    }
}

/// A place of a query where a variable may stand.
enum Place<'a> {
    /// The right side of a comparison.
    Right(Operator, &'a mut Right),
    /// A member of a written list.
    Member(Operator, &'a mut Value),
    /// A latitude or longitude.
    Coordinate(&'a mut Value),
    /// After LIMIT or OFFSET.
    Count(&'a mut Count),
    /// The right side in WITH.
    With(&'a mut Right),
}

impl Place<'_> {
    fn variable(&self) -> Option<&str> {
        match self {
            Place::Right(_, Right::Value(value)) | Place::With(Right::Value(value)) => variable(value),
            Place::Right(..) | Place::With(_) => None,
            Place::Member(_, value) | Place::Coordinate(value) => variable(value),
            Place::Count(Count::Bind(name)) => Some(&name.text),
            Place::Count(Count::Number(..)) => None,
        }
    }

    fn put(self, name: &str, value: &BindValue) -> Result<(), BindError> {
        let wrong = |needed| BindError::WrongType { name: name.to_owned(), needed };
        match self {
            Place::Right(operator, right) if takes_list(operator) => {
                let BindValue::List(values) = value else {
                    return Err(BindError::ListNeeded { name: name.to_owned() });
                };
                if values.is_empty() {
                    return Err(BindError::EmptyList { name: name.to_owned() });
                }
                let literals: Result<Vec<Value>, BindError> =
                    values.iter().map(|value| member(name, operator, value)).collect();
                *right = Right::List(literals?);
            }
            Place::Right(Operator::Like, right) => {
                let BindValue::Text(pattern) = value else { return Err(wrong("text, since it stands after LIKE")) };
                *right = Right::Value(at_no_place(Literal::String(whole_pattern(pattern))));
            }
            Place::Right(_, right) => *right = Right::Value(single(name, value)?),
            Place::Member(operator, place) => *place = member(name, operator, value)?,
            Place::Coordinate(place) => {
                let BindValue::Number(_) = value else { return Err(wrong("a number of degrees")) };
                *place = single(name, value)?;
            }
            Place::Count(count) => {
                let number = match value {
                    BindValue::Number(number) if number.is_integer() => u64::try_from(*number).ok(),
                    _ => None,
                };
                let needed = "a whole number from 0, since it stands after LIMIT or OFFSET";
                *count = Count::Number(number.ok_or_else(|| wrong(needed))?, Span::default());
            }
            Place::With(right) => {
                let BindValue::Text(_) = value else { return Err(wrong("text, since it stands in WITH")) };
                *right = Right::Value(single(name, value)?);
            }
        }
        Ok(())
    }
}

fn variable(value: &Value) -> Option<&str> {
    match &value.literal {
        Literal::Bind(name) => Some(name),
        _ => None,
    }
}

fn takes_list(operator: Operator) -> bool {
    matches!(operator, Operator::In | Operator::NotIn | Operator::Includes | Operator::Excludes)
}

/// A member of a list.
fn member(name: &str, operator: Operator, value: &BindValue) -> Result<Value, BindError> {
    let is_picklist = matches!(operator, Operator::Includes | Operator::Excludes);
    match value {
        BindValue::List(_) => Err(BindError::ListNotAllowed { name: name.to_owned() }),
        BindValue::Text(_) => single(name, value),
        _ if is_picklist => {
            let needed = "text such as A;B, since it stands after INCLUDES or EXCLUDES";
            Err(BindError::WrongType { name: name.to_owned(), needed })
        }
        _ => single(name, value),
    }
}

fn single(name: &str, value: &BindValue) -> Result<Value, BindError> {
    let out_of_range = |_| BindError::OutOfRange { name: name.to_owned() };
    let literal = match value {
        BindValue::Text(text) => Literal::String(text.clone()),
        BindValue::Number(number) => Literal::Number(*number),
        BindValue::Boolean(boolean) => Literal::Boolean(*boolean),
        BindValue::Null => Literal::Null,
        BindValue::Date(date) => {
            check_date(*date).map_err(out_of_range)?;
            Literal::Date(*date)
        }
        BindValue::DateTime(instant) => {
            check_instant(*instant).map_err(out_of_range)?;
            Literal::DateTime(*instant)
        }
        BindValue::Time(time) => Literal::Time(*time),
        BindValue::List(_) => return Err(BindError::ListNotAllowed { name: name.to_owned() }),
    };
    Ok(at_no_place(literal))
}

/// A bound value was read nowhere.
fn at_no_place(literal: Literal) -> Value {
    Value { literal, span: Span::default() }
}

/// In a pattern a backslash that escapes nothing is written as an escaped one, as the parser would give it.
fn whole_pattern(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\' {
            out.push(chars.next_if(|next| matches!(next, '_' | '%' | '\\')).unwrap_or('\\'));
        }
    }
    out
}

type Visit<'v> = dyn FnMut(Place<'_>) -> Result<(), BindError> + 'v;

fn each_place(query: &mut Query, visit: &mut Visit<'_>) -> Result<(), BindError> {
    for item in &mut query.select {
        match item {
            SelectItem::Subquery(inner) => each_place(inner, visit)?,
            SelectItem::Function(function, _) => in_function(function, visit)?,
            SelectItem::Field(..) | SelectItem::Count(_) | SelectItem::Fields(..) | SelectItem::TypeOf(_) => {}
        }
    }
    if let Some(condition) = &mut query.condition {
        in_condition(condition, visit)?;
    }
    if let Some(With::Condition(Condition::Compare(comparison))) = &mut query.with {
        visit(Place::With(&mut comparison.right))?;
    }
    if let Some(GroupBy::Keys(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) = &mut query.group_by {
        keys.iter_mut().try_for_each(|key| in_operand(key, visit))?;
    }
    if let Some(having) = &mut query.having {
        in_condition(having, visit)?;
    }
    query.order_by.iter_mut().try_for_each(|item| in_operand(&mut item.key, visit))?;
    [&mut query.limit, &mut query.offset].into_iter().flatten().try_for_each(|count| visit(Place::Count(count)))
}

fn in_condition(condition: &mut Condition, visit: &mut Visit<'_>) -> Result<(), BindError> {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter_mut().try_for_each(|one| in_condition(one, visit)),
        Condition::Not(inner) => in_condition(inner, visit),
        Condition::Compare(comparison) => {
            in_operand(&mut comparison.left, visit)?;
            let operator = comparison.operator;
            match &mut comparison.right {
                Right::List(values) => values.iter_mut().try_for_each(|value| visit(Place::Member(operator, value))),
                Right::Subquery(inner) => each_place(inner, visit),
                right @ Right::Value(_) => visit(Place::Right(operator, right)),
            }
        }
    }
}

fn in_operand(operand: &mut Operand, visit: &mut Visit<'_>) -> Result<(), BindError> {
    match operand {
        Operand::Function(function) => in_function(function, visit),
        Operand::Field(_) => Ok(()),
    }
}

fn in_function(function: &mut Function, visit: &mut Visit<'_>) -> Result<(), BindError> {
    function.arguments.iter_mut().try_for_each(|argument| match argument {
        Argument::Function(inner) => in_function(inner, visit),
        Argument::Value(value) => visit(Place::Coordinate(value)),
        Argument::Field(_) => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn each_type_becomes_its_literal() {
        let instant: Timestamp = "2026-01-02T03:04:05.006Z".parse().unwrap();
        let values: Vec<(BindValue, &str)> = vec![
            ("it's".into(), r"'it\'s'"),
            (String::from("a\nb").into(), r"'a\nb'"),
            (42i64.into(), "42"),
            (Decimal::new(-1250, 2).into(), "-12.50"),
            (true.into(), "TRUE"),
            (None::<&str>.into(), "NULL"),
            (Some(7u32).into(), "7"),
            (date(2026, 1, 2).into(), "2026-01-02"),
            (instant.into(), "2026-01-02T03:04:05.006Z"),
            (jiff::civil::time(3, 4, 5, 0).into(), "03:04:05Z"),
        ];
        for (value, printed) in values {
            let query = bind("SELECT Id FROM A WHERE a = :v", [("v", value)]).unwrap();
            assert_eq!(query.to_string(), format!("SELECT Id FROM A WHERE a = {printed}"));
        }
    }

    #[test]
    fn values_reach_every_place() {
        let query = bind(
            "SELECT DISTANCE(l, GEOLOCATION(:x, :x), 'mi'), (SELECT Id FROM Bs WHERE b = :t LIMIT :n) FROM A \
             WHERE (NOT a IN :list) AND b IN (:t, 'k') AND c INCLUDES :list AND d IN (SELECT e FROM F WHERE g LIKE :t) \
             WITH UserId = :t GROUP BY a HAVING COUNT(a) > :x ORDER BY DISTANCE(l, GEOLOCATION(:x, 0), 'km') OFFSET :n",
            [("x", 5.into()), ("t", "a\\b".into()), ("n", 3u64.into()), ("list", vec!["p", "q"].into())],
        )
        .unwrap();
        assert_eq!(
            query.to_string(),
            r"SELECT DISTANCE(l, GEOLOCATION(5, 5), 'mi'), (SELECT Id FROM Bs WHERE b = 'a\\b' LIMIT 3) FROM A WHERE (NOT a IN ('p', 'q')) AND b IN ('a\\b', 'k') AND c INCLUDES ('p', 'q') AND d IN (SELECT e FROM F WHERE g LIKE 'a\\b') WITH UserId = 'a\\b' GROUP BY a HAVING COUNT(a) > 5 ORDER BY DISTANCE(l, GEOLOCATION(5, 0), 'km') OFFSET 3"
        );
        assert_eq!(crate::parse(&query.to_string()).unwrap(), query);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let where_ = |condition: &str| format!("SELECT Id FROM A {condition}");
        let cases: Vec<(&str, BindValue, &str)> = vec![
            ("WHERE a = :v", vec![1].into(), "the list for :v is only allowed right after IN"),
            ("WHERE a IN (:v)", vec![1].into(), "the list for :v is only allowed right after IN"),
            ("WHERE a IN :v", Vec::<i64>::new().into(), "the list for :v is empty"),
            ("WHERE a IN :v", vec![vec![1]].into(), "the list for :v is only allowed"),
            ("WHERE a IN :v", 1.into(), ":v stands right after IN"),
            ("WHERE a INCLUDES :v", vec![1].into(), ":v needs text such as A;B"),
            ("WHERE a LIKE :v", 1.into(), ":v needs text, since it stands after LIKE"),
            ("LIMIT :v", Decimal::new(15, 1).into(), ":v needs a whole number"),
            ("LIMIT :v", (-1).into(), ":v needs a whole number"),
            ("OFFSET :v", "1".into(), ":v needs a whole number"),
            ("WITH UserId = :v", 1.into(), ":v needs text"),
            ("WHERE a = :v", date(1699, 12, 31).into(), "the value for :v is out of range"),
            ("WHERE a = :v", Timestamp::MAX.into(), "the value for :v is out of range"),
            ("WHERE a = 1", 1.into(), "the query has no bind variable :v"),
            ("WHERE a = :V", 1.into(), "the query has no bind variable :v"),
            ("WHERE a = :v AND b = :w AND c = :w AND d = :x", 1.into(), "no value for :w, :x"),
            ("WHERE a = = :v", 1.into(), "parsing the query to bind values into"),
        ];
        for (condition, value, message) in cases {
            let error = bind(&where_(condition), [("v", value)]).unwrap_err().to_string();
            assert!(error.starts_with(message), "{condition}: {error}");
        }
    }
}
