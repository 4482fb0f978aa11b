//! Values for the `:name`s of a query, from what was typed at a shell.

use tidegate_soql::ast::Query;
use tidegate_soql::{BindError, BindValue};

use crate::failure::Failure;

/// Parses the query here first, so that a slip costs no call and shows its caret, and puts the values in.
pub(super) fn bound(text: &str, binds: &[String]) -> Result<String, Failure> {
    let query = parse(text)?;
    if binds.is_empty() && query.unbound().is_empty() {
        // As it was written: the org's own errors then point at the user's columns.
        return Ok(text.trim().to_owned());
    }
    let mut values: Vec<(String, Vec<BindValue>)> = Vec::new();
    for bind in binds {
        let Some((name, value)) = bind.split_once('=') else {
            return Err(Failure::usage(format!("`{bind}` is no NAME=VALUE")).hint("as in --bind name=Smith"));
        };
        let name = name.trim().trim_start_matches(':');
        match values.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, list)) => list.push(typed(value)),
            None => values.push((name.to_owned(), vec![typed(value)])),
        }
    }
    let mut lists: Vec<String> = Vec::new();
    loop {
        let given = values.iter().map(|(name, list)| {
            let value = match list.as_slice() {
                [one] if !lists.contains(name) => one.clone(),
                many => many.to_vec().into(),
            };
            (name.as_str(), value)
        });
        match tidegate_soql::bind(text, given) {
            Ok(query) => return Ok(query.to_string()),
            // One value after IN is a list of one; that it stands after IN is known only now.
            Err(BindError::ListNeeded { name }) if !lists.contains(&name) => lists.push(name),
            Err(error) => return Err(refused(&error, &query)),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Query, Failure> {
    tidegate_soql::parse(text).map_err(|error| super::super::lint::syntax(text, &error))
}

fn refused(error: &BindError, query: &Query) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        BindError::Unbound { names } => failure.hint(format!(
            "give each a value: {}",
            names.iter().map(|name| format!("--bind {name}=VALUE")).collect::<Vec<_>>().join(" ")
        )),
        BindError::Unknown { .. } => match query.unbound().as_slice() {
            [] => failure.hint("write :name where the value belongs"),
            known => failure.hint(format!("the query has :{}", known.join(", :"))),
        },
        BindError::ListNotAllowed { .. } => failure.hint("give it one value only, or write IN :name"),
        BindError::WrongType { .. } => failure.hint("a value in single quotes is taken as text, as in \"name='42'\""),
        _ => failure,
    }
}

/// The value that a person means by this text.
fn typed(text: &str) -> BindValue {
    if let Some(quoted) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return quoted.into();
    }
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    // A number with a fraction only: `1e5`, `inf` and `nan` are more likely names.
    if text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
        && let Ok(number) = text.parse::<rust_decimal::Decimal>()
    {
        return number.into();
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return at.into();
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return date.into();
    }
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => None::<i64>.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_and_cannot_break_out() {
        for (query, binds, expected) in [
            ("SELECT Id FROM A WHERE N = :n", vec!["n=O'Neil"], r"SELECT Id FROM A WHERE N = 'O\'Neil'"),
            ("SELECT Id FROM A WHERE N = :n", vec![":n=42"], "SELECT Id FROM A WHERE N = 42"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n='42'"], "SELECT Id FROM A WHERE N = '42'"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n=1.50"], "SELECT Id FROM A WHERE N = 1.50"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n=inf"], "SELECT Id FROM A WHERE N = 'inf'"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n=null"], "SELECT Id FROM A WHERE N = NULL"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n=2024-02-29"], "SELECT Id FROM A WHERE N = 2024-02-29"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n=a=b"], "SELECT Id FROM A WHERE N = 'a=b'"),
            ("SELECT Id FROM A WHERE N IN :n", vec!["n=a", "n=b"], "SELECT Id FROM A WHERE N IN ('a', 'b')"),
            ("SELECT Id FROM A WHERE N IN :n", vec!["n=a"], "SELECT Id FROM A WHERE N IN ('a')"),
            ("  SELECT Id FROM A  ", vec![], "SELECT Id FROM A"),
        ] {
            let binds: Vec<String> = binds.into_iter().map(str::to_owned).collect();
            let got = bound(query, &binds).unwrap();
            assert_eq!(got.to_lowercase(), expected.to_lowercase(), "{query} {binds:?}");
        }
    }

    #[test]
    fn refusals_say_what_to_type() {
        for (query, binds, expected) in [
            ("SELECT Id FROM A WHERE N = :n AND M = :m", vec![], "--bind n=VALUE --bind m=VALUE"),
            ("SELECT Id FROM A WHERE N = :name", vec!["nmae=1", "name=2"], "the query has :name"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n=1", "n=2"], "IN :name"),
            ("SELECT Id FROM A WHERE N = :n", vec!["n"], "no NAME=VALUE"),
        ] {
            let binds: Vec<String> = binds.into_iter().map(str::to_owned).collect();
            let text = format!("{:?}", bound(query, &binds).unwrap_err());
            assert!(text.contains(expected), "{query} {binds:?}: {text}");
        }
    }
}
