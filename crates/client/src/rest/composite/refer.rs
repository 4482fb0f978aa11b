//! References from one call to the answer of an earlier one: `@{ref.field}`, in URLs and bodies; and the rules they must
//! keep, checked before anything is sent. Source: REST API Developer Guide, "Composite", from version 52.0 on.

use std::{collections::HashSet, fmt};

use percent_encoding::percent_decode_str;
use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};

use crate::error::Error;

use super::Written;

/// A member of an earlier call's answer, wherever a text may stand: `@{account.id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref(String);

impl Ref {
    pub(super) fn new(reference: &str, path: &str) -> Ref {
        Ref(format!("@{{{reference}.{path}}}"))
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Ref> for String {
    fn from(reference: Ref) -> String {
        reference.0
    }
}

impl From<Ref> for Value {
    fn from(reference: Ref) -> Value {
        Value::String(reference.0)
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Checks reference ids and references, and writes the latter into URLs as they must stand there. Gives the longest
/// chain of calls that refer to each other.
pub(super) fn check(calls: &mut [Written]) -> Result<usize, Error> {
    let mut earlier: Vec<(String, usize)> = Vec::new();
    let names: HashSet<String> = calls.iter().map(|call| call.reference.clone()).collect();
    let mut deepest = 0;
    for call in calls {
        check_id(&call.reference)?;
        if earlier.iter().any(|(name, _)| *name == call.reference) {
            return Err(Error::config(format!("two calls have the reference id `{}`", call.reference)));
        }
        let mut depth = 1;
        let mut refer = |target: &str| -> Result<(), Error> {
            match earlier.iter().find(|(name, _)| name == target) {
                Some((_, theirs)) => depth = depth.max(theirs + 1),
                None if names.contains(target) => {
                    return Err(Error::Config {
                        message: format!("`{}` refers to `{target}`, which comes after it", call.reference),
                        hint: Some("add calls in the order in which they depend on each other".into()),
                    });
                }
                None => {
                    return Err(Error::Config {
                        message: format!(
                            "`{}` refers to `{target}`, and no call has that reference id",
                            call.reference
                        ),
                        hint: Some("the org takes every text like @{name.field} for a reference".into()),
                    });
                }
            }
            Ok(())
        };
        let url = with_references(&call.url, &mut refer)?;
        if let Some(body) = &call.body {
            for found in references(RawValue::get(body)) {
                refer(found.split(['.', '[']).next().unwrap_or_default())?;
            }
        }
        call.url = url;
        deepest = deepest.max(depth);
        earlier.push((call.reference.clone(), depth));
    }
    Ok(deepest)
}

fn check_id(id: &str) -> Result<(), Error> {
    let well = id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if well {
        return Ok(());
    }
    Err(Error::Config {
        message: format!("`{id}` cannot be a reference id"),
        hint: Some("it begins with a letter or digit, and has letters, digits and _ only".into()),
    })
}

/// What stands between `@{` and `}` and looks like a reference.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("@{")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(inside, _)| inside)
        .filter(|inside| is_path(inside))
}

fn is_path(inside: &str) -> bool {
    let well = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    inside.contains('.') && inside.chars().all(well) && !inside.starts_with(['.', '['])
}

/// In a URL, references were escaped with everything else; the org must see them as they are.
fn with_references(url: &str, refer: &mut impl FnMut(&str) -> Result<(), Error>) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = url;
    while let Some(at) = rest.find("%40%7B") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let inside = after.find("%7D").map(|end| (percent_decode_str(&after[6..end]).decode_utf8_lossy(), end + 3));
        match inside {
            Some((inside, end)) if is_path(&inside) => {
                refer(inside.split(['.', '[']).next().unwrap_or_default())?;
                out.push_str(&format!("@{{{inside}}}"));
                rest = &after[end..];
            }
            _ => {
                out.push_str(&after[..6]);
                rest = &after[6..];
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found() {
        let found = |text: &str| references(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            found(r#"{"a":"@{acc.id}","b":"x @{q.records[0].Id} @{no} @{x y.z}"}"#),
            ["acc.id", "q.records[0].Id"]
        );
        assert!(found("@{").is_empty() && found("@{}").is_empty() && found("@{.a}").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_url_and_body_is_borne(text in "\\PC{0,60}", escaped in "(%40%7B|%7D|a|\\.|%|%5B0%5D|7D){0,12}") {
            let _ = references(&text).count();
            let mut seen = 0;
            let out = with_references(&escaped, &mut |_| { seen += 1; Ok(()) }).unwrap();
            if seen == 0 {
                proptest::prop_assert_eq!(out, escaped);
            }
        }
    }
}
