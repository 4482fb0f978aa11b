//! `@{name.field}` in the parts of a composite or graph request: what an earlier part answered.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::ApiError;

/// The answers so far, by reference id; `None` for a part that failed.
pub(super) type Answers = HashMap<String, Option<Json>>;

/// Whether a text can be a reference id: letters, digits and underscores, not an underscore first.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
}

/// What is said about a text that is none.
pub(super) fn not_an_id(text: &str) -> String {
    format!(
        "Provided referenceId ('{text}') must start with a letter or a number, and it can contain only letters, numbers and underscores ('_')."
    )
}

fn missing(path: &str, name: &str) -> ApiError {
    let text = format!("Invalid reference specified. No value for {path} found in {name}. {}", not_an_id(path));
    ApiError::new("PROCESSING_HALTED", text)
}

/// Text with its references filled in.
///
/// # Errors
/// `PROCESSING_HALTED`: the part failed or comes later, or its answer has no such value.
pub(super) fn fill(text: &str, answers: &Answers, null_allowed: bool) -> Result<String, ApiError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        match value(path, answers, null_allowed)? {
            Json::Null => {}
            Json::String(text) => out.push_str(text),
            other => out.push_str(&other.to_string()),
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// A body with its references filled in. One that is the whole of a text and leads to null becomes null.
pub(super) fn fill_json(json: &Json, answers: &Answers, null_allowed: bool) -> Result<Json, ApiError> {
    Ok(match json {
        Json::String(text) => {
            let whole = text.strip_prefix("@{").and_then(|t| t.strip_suffix('}')).filter(|path| !path.contains('}'));
            match whole.map(|path| value(path, answers, null_allowed)).transpose()? {
                Some(Json::Null) => Json::Null,
                _ => Json::String(fill(text, answers, null_allowed)?),
            }
        }
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| fill_json(item, answers, null_allowed)).collect::<Result<_, _>>()?)
        }
        Json::Object(members) => {
            let filled = members.iter().map(|(name, v)| Ok((name.clone(), fill_json(v, answers, null_allowed)?)));
            Json::Object(filled.collect::<Result<_, ApiError>>()?)
        }
        other => other.clone(),
    })
}

/// The names that a text refers to.
pub(super) fn names(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::String(text) => names_in(text, found),
        Json::Array(items) => items.iter().for_each(|item| names(item, found)),
        Json::Object(members) => members.values().for_each(|value| names(value, found)),
        _ => {}
    }
}

/// The names that a text refers to.
pub(super) fn names_in(text: &str, found: &mut Vec<String>) {
    for after in text.split("@{").skip(1) {
        let Some((path, _)) = after.split_once('}') else { continue };
        let end = path.find(['.', '[']).unwrap_or(path.len());
        found.push(path[..end].to_owned());
    }
}

/// `name.records[0].Account.Name`.
fn value<'a>(path: &str, answers: &'a Answers, null_allowed: bool) -> Result<&'a Json, ApiError> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let name = &path[..end];
    let mut at = answers.get(name).and_then(Option::as_ref).ok_or_else(|| missing(path, name))?;
    for step in path[end..].split('.').filter(|step| !step.is_empty()) {
        let (member, indexes) = step.split_once('[').map_or((step, ""), |(member, rest)| (member, rest));
        if !member.is_empty() {
            let members = at.as_object().ok_or_else(|| missing(path, name))?;
            let found = members
                .get(member)
                .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(member)).map(|(_, value)| value));
            at = found.ok_or_else(|| missing(path, name))?;
        }
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            let index: usize =
                index.strip_suffix(']').and_then(|n| n.parse().ok()).ok_or_else(|| missing(path, name))?;
            at = at.get(index).ok_or_else(|| missing(path, name))?;
        }
    }
    if at.is_null() && !null_allowed { Err(missing(path, name)) } else { Ok(at) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_found_in_objects_lists_and_lists_of_lists() {
        let answers = Answers::from([
            ("q".to_owned(), Some(json!({"records": [{"Id": "1", "Owner": {"Name": "A"}}], "n": 3, "none": null}))),
            ("list".to_owned(), Some(json!([{"id": "x"}]))),
            ("failed".to_owned(), None),
        ]);
        for (text, expected) in [
            ("a/@{q.records[0].Id}/b", Some("a/1/b")),
            ("@{q.records[0].Owner.Name}@{list[0].id}", Some("Ax")),
            ("@{q.N}", Some("3")),
            ("@{q.none}", Some("")),
            ("@{q.records[1].Id}", None),
            ("@{q.nothing}", None),
            ("@{failed.id}", None),
            ("@{later.id}", None),
            ("@{q.records[x].Id}", None),
            ("@{open", Some("@{open")),
        ] {
            assert_eq!(fill(text, &answers, true).ok().as_deref(), expected, "{text}");
        }
        assert!(fill("@{q.none}", &answers, false).is_err(), "null is no value up to v51.0");
        assert_eq!(fill_json(&json!({"a": ["@{q.none}", "@{q.n}!"]}), &answers, true), Ok(json!({"a": [null, "3!"]})));
        let mut found = Vec::new();
        names(&json!({"x": "@{a.id} @{b[0].c}"}), &mut found);
        assert_eq!(found, ["a", "b"]);
        assert!(is_id("a_1") && is_id("1a") && !is_id("_a") && !is_id("a[1]") && !is_id(""));
    }
}
