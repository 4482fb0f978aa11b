//! Describes of real orgs: each is read, and nothing of it is lost.
//!
//! The files stay outside the project (see CONTRIBUTING); `TIDEGATE_CONFORMANCE` names their folder, by default
//! `../shared/conformance` beside the checkout. Where they are missing, the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test ends there")]
#![allow(clippy::print_stderr, reason = "a test that could not run says so")]

use std::path::PathBuf;

use serde_json::Value;
use tidegate_client::{Describe, DescribeGlobal};

fn folder() -> PathBuf {
    let folder = match std::env::var_os("TIDEGATE_CONFORMANCE") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
    };
    folder.join("describes")
}

/// The describes by name, without the byte-order mark that one of them begins with.
fn describes() -> Vec<(String, String)> {
    let Ok(entries) = std::fs::read_dir(folder()) else {
        eprintln!("NOT RUN: no describes of real orgs in {}", folder().display());
        return vec![];
    };
    let mut all = vec![];
    for entry in entries {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.trim_start_matches('\u{feff}').to_owned();
        all.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), text));
    }
    all
}

/// Everything in `was` is in `is`. What was null may have become a default.
fn nothing_lost(place: &str, was: &Value, is: &Value) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            for (name, value) in was {
                let found = is.get(name).unwrap_or_else(|| panic!("{place}.{name} is lost"));
                nothing_lost(&format!("{place}.{name}"), value, found);
            }
        }
        (Value::Array(was), Value::Array(is)) => {
            assert_eq!(was.len(), is.len(), "{place}");
            for (n, (was, is)) in was.iter().zip(is).enumerate() {
                nothing_lost(&format!("{place}[{n}]"), was, is);
            }
        }
        (Value::Null, _) => {}
        (was, is) => assert_eq!(was, is, "{place}"),
    }
}

#[test]
fn each_is_read_and_nothing_is_lost() {
    for (name, text) in describes() {
        let was: Value = serde_json::from_str(&text).unwrap();
        let is = if name == "Global" {
            let global: DescribeGlobal = serde_json::from_str(&text).unwrap();
            assert!(global.sobjects.len() > 50);
            serde_json::to_value(&global).unwrap()
        } else {
            let describe: Describe = serde_json::from_str(&text).unwrap();
            assert!(!describe.fields.is_empty() && describe.field("Id").is_some(), "{name}");
            assert!(describe.fields.iter().any(|field| field.is_key()), "{name}");
            serde_json::to_value(&describe).unwrap()
        };
        nothing_lost(&name, &was, &is);
    }
}

/// Takes each member away, and makes each null: what is left is still read.
#[test]
fn nothing_missing_is_missed() {
    for (name, text) in describes().into_iter().filter(|(name, _)| name != "Global") {
        let whole: Value = serde_json::from_str(&text).unwrap();
        let members: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
        let field_members: Vec<String> = whole["fields"][0].as_object().unwrap().keys().cloned().collect();
        let mut small = whole.clone();
        small["fields"].as_array_mut().unwrap().truncate(3);
        small["childRelationships"].as_array_mut().unwrap().truncate(3);
        for member in members {
            let (mut without, mut null) = (small.clone(), small.clone());
            without.as_object_mut().unwrap().remove(&member);
            null[&member] = Value::Null;
            for changed in [without, null] {
                serde_json::from_value::<Describe>(changed).unwrap_or_else(|error| panic!("{name} {member}: {error}"));
            }
        }
        for member in field_members {
            let (mut without, mut null) = (small.clone(), small.clone());
            without["fields"][0].as_object_mut().unwrap().remove(&member);
            null["fields"][0][&member] = Value::Null;
            for changed in [without, null] {
                serde_json::from_value::<Describe>(changed).unwrap_or_else(|error| panic!("{name} {member}: {error}"));
            }
        }
    }
}
