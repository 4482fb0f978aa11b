//! An event's fields against its definition, before anything is sent.

use serde_json::{Map, Number, Value as Json};
use tidegate_client::{Describe, DescribeField};

use crate::config::closest;
use crate::failure::Failure;

/// The fields typed as `NAME=VALUE`, by the types of the definition.
pub(super) fn typed(describe: &Describe, given: &[String]) -> Result<Map<String, Json>, Failure> {
    let mut fields = Map::new();
    for pair in given {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("`{pair}` is no FIELD=VALUE")).hint("as in Order_Number__c=7"));
        };
        let field = find(describe, name.trim(), None)?;
        let value = of_type(field, value).ok_or_else(|| wrong(field, None))?;
        if fields.insert(field.name.clone(), value).is_some() {
            return Err(Failure::usage(format!("field `{}` is given twice", field.name)));
        }
    }
    check(describe, &fields, None)?;
    Ok(fields)
}

/// Refuses an event that the org would refuse, or that no subscriber could read.
pub(super) fn check(describe: &Describe, fields: &Map<String, Json>, line: Option<u64>) -> Result<(), Failure> {
    for (name, value) in fields {
        let field = find(describe, name, line)?;
        if field.name != *name {
            // By Pub/Sub names mind case.
            return Err(Failure::usage(format!("{}the event has no field `{name}`", at(line)))
                .hint(format!("it is written `{}`", field.name)));
        }
        if !fits(field, value) {
            return Err(wrong(field, line));
        }
        if let Json::String(text) = value
            && field.length > 0
            && text.chars().count() > usize::try_from(field.length).unwrap_or(usize::MAX)
        {
            return Err(Failure::usage(format!(
                "{}field `{}` takes at most {} characters",
                at(line),
                field.name,
                field.length
            )));
        }
    }
    let missing = describe
        .fields
        .iter()
        .find(|field| field.is_required() && field.custom && fields.get(&field.name).is_none_or(Json::is_null));
    match missing {
        Some(field) => Err(Failure::usage(format!("{}field `{}` must have a value", at(line), field.name))),
        None => Ok(()),
    }
}

fn find<'a>(describe: &'a Describe, name: &str, line: Option<u64>) -> Result<&'a DescribeField, Failure> {
    let found = describe.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    match found {
        Some(field) if field.createable => Ok(field),
        Some(field) => Err(Failure::usage(format!("{}field `{}` is filled by the org", at(line), field.name))),
        None => {
            let known: Vec<&str> =
                describe.fields.iter().filter(|field| field.createable).map(|field| field.name.as_str()).collect();
            let failure = Failure::usage(format!("{}{} has no field `{name}`", at(line), describe.name));
            Err(match closest(name, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("it has {}", known.join(", "))),
            })
        }
    }
}

fn at(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

fn wrong(field: &DescribeField, line: Option<u64>) -> Failure {
    Failure::usage(format!("{}field `{}` takes {}", at(line), field.name, expected(field)))
}

fn expected(field: &DescribeField) -> &'static str {
    match field.kind.as_str() {
        "boolean" => "true or false",
        "int" => "a whole number",
        "double" | "currency" | "percent" => "a number",
        "date" => "a date like 2026-01-31",
        "datetime" => "a date and time like 2026-01-31T08:15:42Z",
        "time" => "a time like 08:15:42Z",
        _ => "a text",
    }
}

/// Whether a JSON value is one of the field.
fn fits(field: &DescribeField, value: &Json) -> bool {
    match (field.kind.as_str(), value) {
        (_, Json::Null) => true,
        ("boolean", Json::Bool(_)) | ("double" | "currency" | "percent", Json::Number(_)) => true,
        ("int", Json::Number(number)) => number.as_i64().is_some(),
        ("boolean" | "double" | "currency" | "percent" | "int", _) => false,
        ("date", Json::String(text)) => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        ("datetime", Json::String(text)) => {
            text.parse::<jiff::Timestamp>().is_ok() || jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).is_ok()
        }
        ("time", Json::String(text)) => text.trim_end_matches('Z').parse::<jiff::civil::Time>().is_ok(),
        (_, value) => value.is_string(),
    }
}

/// The value of a text that was typed; `None` where it is none for the field.
fn of_type(field: &DescribeField, text: &str) -> Option<Json> {
    if text.is_empty() {
        return Some(Json::Null);
    }
    let value = match field.kind.as_str() {
        "boolean" => match text.to_ascii_lowercase().as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => return None,
        },
        // With all the digits that were typed.
        "int" | "double" | "currency" | "percent" => Json::Number(serde_json::from_str::<Number>(text).ok()?),
        _ => Json::String(text.to_owned()),
    };
    fits(field, &value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe() -> Describe {
        let field = |name: &str, kind: &str, required: bool| DescribeField {
            name: name.into(),
            kind: kind.into(),
            createable: true,
            custom: true,
            nillable: !required,
            length: if kind == "string" { 5 } else { 0 },
            ..DescribeField::default()
        };
        Describe {
            name: "Order__e".into(),
            fields: vec![
                field("Number__c", "string", true),
                field("Total__c", "currency", false),
                field("Paid__c", "boolean", false),
                field("Due__c", "date", false),
                DescribeField { createable: false, ..field("CreatedDate", "datetime", false) },
            ],
            ..Describe::default()
        }
    }

    fn given(pairs: &[&str]) -> Result<Map<String, Json>, String> {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        typed(&describe(), &pairs).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn values_get_the_types_of_their_fields() {
        let fields = given(&["number__c=0042", "Total__c=12.50", "Paid__c=TRUE", "Due__c="]).unwrap();
        assert_eq!(
            Json::Object(fields).to_string(),
            r#"{"Number__c":"0042","Total__c":12.50,"Paid__c":true,"Due__c":null}"#
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (pairs, words) in [
            (&["Number__c"][..], "is no FIELD=VALUE"),
            (&["Numbr__c=1"], "did you mean `Number__c`?"),
            (&["Number__c=123456"], "at most 5 characters"),
            (&["Number__c=1", "Total__c=much"], "takes a number"),
            (&["Number__c=1", "Paid__c=1"], "takes true or false"),
            (&["Number__c=1", "Due__c=31.1.2026"], "takes a date like"),
            (&["Number__c=1", "CreatedDate=2026-01-01T00:00:00Z"], "filled by the org"),
            (&["Number__c=1", "number__c=2"], "given twice"),
            (&["Total__c=1"], "`Number__c` must have a value"),
        ] {
            let error = given(pairs).unwrap_err();
            assert!(error.contains(words), "{pairs:?}: {error}");
        }
    }
}
