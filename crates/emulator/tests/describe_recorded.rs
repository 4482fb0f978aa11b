//! Our describes against recorded ones, key by key.
//!
//! The recordings are not part of the project. Their folder is named by `TIDEGATE_CONFORMANCE`; without it they are
//! looked for beside the checkout, and the test says when they are not there.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tidegate_emulator::schema::{self, NameField, ObjectType, describe};

const VERSION: &str = "61.0";
const INSTANCE: &str = "https://org.example";

fn recording(name: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let folder = std::env::var_os("TIDEGATE_CONFORMANCE").map_or_else(beside, PathBuf::from);
    let path = folder.join("describes").join(format!("{name}.json"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap()),
        Err(_) => {
            // Straight to stderr: the test harness would swallow the words of a passing test.
            let _ = writeln!(std::io::stderr(), "not compared: no recording at {}", path.display());
            None
        }
    }
}

/// A recording shows its own org's host and API version in links.
fn unmasked(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some((before, after)) = text.split_once("/services/data/v") {
        let rest = after.find('/').map_or("", |at| &after[at..]);
        text = format!("{before}/services/data/v{VERSION}{rest}");
    }
    match text.strip_prefix("https://").and_then(|t| t.split_once('/')) {
        Some((_, path)) => format!("{INSTANCE}/{path}"),
        None => text,
    }
}

fn unmask(value: &mut Value) {
    match value {
        Value::String(text) => *text = unmasked(text),
        Value::Array(all) => all.iter_mut().for_each(unmask),
        Value::Object(map) => map.values_mut().for_each(unmask),
        _ => {}
    }
}

fn by_key(all: &Value, key: impl Fn(&Value) -> String) -> BTreeMap<String, &Value> {
    all.as_array().unwrap().iter().map(|v| (key(v), v)).collect()
}

fn name_of(f: &Value) -> String {
    f["name"].as_str().unwrap().to_owned()
}

fn child_name(c: &Value) -> String {
    format!("{}.{}", c["childSObject"].as_str().unwrap(), c["field"].as_str().unwrap())
}

/// Differences in the members that the recording has; `path` leads to them.
fn compare(path: &str, ours: &Value, recorded: &Value, out: &mut String) {
    match (ours, recorded) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in b {
                match a.get(key) {
                    Some(our) => compare(&format!("{path}.{key}"), our, value, out),
                    None => writeln!(out, "{path}.{key}: missing").unwrap(),
                }
            }
        }
        _ if ours == recorded => {}
        _ => writeln!(out, "{path}: ours {ours}, recorded {recorded}").unwrap(),
    }
}

/// Members that are ours alone.
fn ours_alone(path: &str, ours: &Value, recorded: &Value, allowed: impl Fn(&str) -> bool, out: &mut String) {
    for member in ours.as_object().unwrap().keys() {
        if recorded.get(member).is_none() && !allowed(member) {
            writeln!(out, "{path}.{member}: ours alone").unwrap();
        }
    }
}

/// What a recording shows of its own org, and not of the standard object: its custom fields and packages' objects.
fn belongs_to_the_recorded_org(name: &str) -> bool {
    name.contains("__")
}

/// Members that came after a recording: `sobjectDescribeOption` and the two `associate…` members are missing from
/// those of API 48, and User was recorded with API 29, before a good many others.
fn newer(object: &str, member: &str) -> bool {
    object == "User" || matches!(member, "sobjectDescribeOption" | "associateEntityType" | "associateParentEntity")
}

#[test]
fn standard_objects_are_described_as_recorded() {
    let schema = schema::standard();
    let mut all = String::new();
    for name in ["Account", "Contact", "Lead", "Opportunity", "Case", "User", "Event"] {
        let Some(mut recorded) = recording(name) else { continue };
        unmask(&mut recorded);
        let (_, object) = schema.find(name).unwrap();
        let ours = describe::object(object, VERSION, INSTANCE);
        let mut out = String::new();

        for (member, value) in recorded.as_object().unwrap() {
            if !matches!(member.as_str(), "fields" | "childRelationships" | "recordTypeInfos") {
                compare(&format!("{name}.{member}"), &ours[member], value, &mut out);
            }
        }
        ours_alone(name, &ours, &recorded, |m| newer(name, m), &mut out);
        ours_alone(&format!("{name}.urls"), &ours["urls"], &recorded["urls"], |_| false, &mut out);
        compare_fields(name, &ours, &recorded, &mut out);

        let our_children = by_key(&ours["childRelationships"], child_name);
        let their_children = by_key(&recorded["childRelationships"], child_name);
        for (child, value) in &their_children {
            match our_children.get(child) {
                Some(our) => compare(&format!("{name} child {child}"), our, value, &mut out),
                None if belongs_to_the_recorded_org(child) => {}
                None => writeln!(out, "{name} child {child}: missing").unwrap(),
            }
        }
        // API 29's User did not show the children that came later.
        for child in our_children.keys().filter(|c| name != "User" && !their_children.contains_key(*c)) {
            writeln!(out, "{name} child {child}: ours alone").unwrap();
        }

        let master = |d: &Value| -> Option<Value> {
            let mut found = d["recordTypeInfos"].as_array().unwrap().iter().find(|r| r["master"] == true).cloned();
            // The org of Account's recording has a record type, which is the default there.
            if let (Some(Value::Object(map)), "Account") = (&mut found, name) {
                map.shift_remove("defaultRecordTypeMapping");
            }
            found
        };
        assert_eq!(master(&ours), master(&recorded), "{name}: master record type");
        all += &out;
    }
    assert!(all.is_empty(), "differences from the recordings:\n{all}");
}

fn compare_fields(name: &str, ours: &Value, recorded: &Value, out: &mut String) {
    let our_fields = by_key(&ours["fields"], name_of);
    let their_fields = by_key(&recorded["fields"], name_of);
    for (field, value) in &their_fields {
        match our_fields.get(field) {
            Some(our) => compare(&format!("{name}.{field}"), our, value, out),
            None if belongs_to_the_recorded_org(field) => {}
            None => writeln!(out, "{name}.{field}: missing").unwrap(),
        }
    }
    for (field, our) in &our_fields {
        match their_fields.get(field) {
            Some(theirs) => ours_alone(&format!("{name}.{field}"), our, theirs, |m| newer(name, m), out),
            // User has fields that came after its recording.
            None if name == "User" => {}
            None => writeln!(out, "{name}.{field}: ours alone").unwrap(),
        }
    }
    let order = |d: &Value| -> Vec<String> {
        let names = d["fields"].as_array().unwrap().iter().map(name_of);
        names.filter(|f| our_fields.contains_key(f) && their_fields.contains_key(f)).collect()
    };
    assert_eq!(order(ours), order(recorded), "{name}: order of fields");
}

#[test]
fn custom_fields_are_described_as_recorded() {
    let Some(recorded) = recording("Custom__c") else { return };
    // The recording is of a custom setting whose field list was shortened, and a name field was added to it by hand.
    let object = ObjectType::custom("Custom__c", "My Custom Object", "My Custom Object", *b"aB5", NameField::Text)
        .with(schema::Field::text("CustomField__c", "Custom Field", 80));
    let ours = describe::object(&object, VERSION, INSTANCE);
    let our_fields = by_key(&ours["fields"], name_of);
    let mut out = String::new();
    for (name, field) in by_key(&recorded["fields"], name_of) {
        let mut recorded = field.clone();
        let mut our = our_fields[&name].clone();
        let excepted: &[&str] = match name.as_str() {
            // The label of a real object's name field has the object's label in it.
            "Name" => &["label"],
            // Made a second name field by hand; a custom field can be restricted by field-level security.
            "CustomField__c" => &["nameField", "idLookup", "permissionable"],
            _ => &[],
        };
        for side in [&mut our, &mut recorded] {
            for member in excepted {
                side.as_object_mut().unwrap().shift_remove(*member);
            }
        }
        compare(&format!("Custom__c.{name}"), &our, &recorded, &mut out);
        ours_alone(&format!("Custom__c.{name}"), &our, &recorded, |_| false, &mut out);
    }
    assert!(out.is_empty(), "{out}");
    let members = |d: &Value| -> Vec<String> { d.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(members(&ours), members(&recorded), "top-level members");
}

#[test]
fn global_entries_are_as_recorded() {
    let Some(mut recorded) = recording("Global") else { return };
    unmask(&mut recorded);
    let ours = describe::global(&schema::standard(), VERSION);
    let our_entries = by_key(&ours["sobjects"], name_of);
    let mut out = String::new();
    let mut compared = Vec::new();
    for (name, theirs) in by_key(&recorded["sobjects"], name_of) {
        let Some(our) = our_entries.get(&name) else { continue };
        if theirs["keyPrefix"].is_null() && !our["keyPrefix"].is_null() {
            // Event and Lead were added to the recording by hand, as copies of another entry.
            continue;
        }
        let mut theirs = theirs.clone();
        // Named layouts are not emulated.
        theirs["urls"].as_object_mut().unwrap().shift_remove("namedLayouts");
        let excepted: &[&str] = match name.as_str() {
            // The describe recorded for User (API 29) has no feed and no `mruEnabled`.
            "User" => &["feedEnabled"],
            _ => &[],
        };
        for member in excepted {
            theirs.as_object_mut().unwrap().shift_remove(*member);
        }
        compare(&name, our, &theirs, &mut out);
        ours_alone(&name, our, &theirs, |m| excepted.contains(&m), &mut out);
        compared.push(name);
    }
    assert!(out.is_empty(), "{out}");
    let expected = [
        "Account",
        "Campaign",
        "CampaignMember",
        "Case",
        "Contact",
        "Opportunity",
        "OpportunityContactRole",
        "Organization",
        "User",
        "UserChangeEvent",
        "UserRole",
    ];
    assert_eq!(compared, expected, "entries compared");
}
