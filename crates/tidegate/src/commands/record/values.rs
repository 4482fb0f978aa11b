//! `FIELD=VALUE` words as the fields of a record, each with the type that the object's describe gives it.

use std::collections::BTreeSet;

use serde_json::{Number, Value};
use tidegate_client::{Client, Describe, DescribeField, Record};

use super::{is_id, unknown_field};
use crate::config::closest;
use crate::failure::Failure;
use crate::output::{counted, say};

/// What the fields are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
    Upsert,
}

/// The file that a field's content comes from, where one was given as `FIELD=@FILE`.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) record: Record,
    pub(super) file: Option<(String, std::path::PathBuf)>,
}

/// Puts the words and the JSON object together and checks all of it; every fault is told at once.
pub(super) async fn typed(
    client: &Client,
    describe: &Describe,
    words: &[String],
    body: Option<Record>,
    purpose: Purpose,
) -> Result<Typed, Failure> {
    let mut typed = Typed::default();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, value) in body.unwrap_or_default() {
        match known(describe, &name, &value, purpose) {
            Ok(name) => {
                seen.insert(name.to_ascii_lowercase());
                typed.record.insert(name, value);
            }
            Err(failure) => faults.push(failure),
        }
    }
    for word in words {
        let Some((name, text)) = word.split_once('=') else {
            faults.push(Failure::usage(format!("`{word}` is not FIELD=VALUE")));
            continue;
        };
        let name = name.trim();
        if name.contains('.') {
            match parent(client, describe, name, text, purpose).await {
                Ok((relationship, value)) => {
                    typed.record.insert(relationship, value);
                }
                Err(failure) => faults.push(failure),
            }
            continue;
        }
        let field = match describe.field(name) {
            Some(field) => field,
            None => {
                faults.push(unknown_field(describe, name));
                continue;
            }
        };
        if !seen.insert(field.name.to_ascii_lowercase()) {
            faults.push(Failure::usage(format!("`{}` is given twice", field.name)));
            continue;
        }
        if let Err(failure) = writable(describe, field, purpose) {
            faults.push(failure);
            continue;
        }
        if field.kind == "base64"
            && let Some(path) = text.strip_prefix('@')
        {
            typed.file = Some((field.name.clone(), path.into()));
            continue;
        }
        match value_of(field, text) {
            Ok(value) => {
                if let Some(near) = unlisted(field, text) {
                    say(format!("note: `{text}` is not in the list of {}; did you mean `{near}`?", field.name));
                }
                typed.record.insert(field.name.clone(), value);
            }
            Err(words) => faults.push(Failure::usage(format!("{}: {words}", field.name))),
        }
    }
    match faults.len() {
        0 => Ok(typed),
        1 => Err(faults.remove(0)),
        n => Err(Failure::several(format!("{n} things are wrong, so nothing was sent"), faults)),
    }
}

/// A member of a JSON object: a field, or a parent by its key, which the org itself checks.
fn known(describe: &Describe, name: &str, value: &Value, purpose: Purpose) -> Result<String, Failure> {
    if name == "attributes" {
        return Ok(name.to_owned());
    }
    if value.is_object()
        && let Some(field) = by_relationship(describe, name)
    {
        writable(describe, field, purpose)?;
        return Ok(name.to_owned());
    }
    let field = describe.field(name).ok_or_else(|| unknown_field(describe, name))?;
    writable(describe, field, purpose)?;
    Ok(field.name.clone())
}

fn by_relationship<'a>(describe: &'a Describe, name: &str) -> Option<&'a DescribeField> {
    let same = |field: &&DescribeField| {
        field.relationship_name.as_deref().is_some_and(|relationship| relationship.eq_ignore_ascii_case(name))
    };
    describe.fields.iter().find(same)
}

/// Refuses what the org would not write, and says why.
fn writable(describe: &Describe, field: &DescribeField, purpose: Purpose) -> Result<(), Failure> {
    let may = match purpose {
        Purpose::Create => field.createable,
        Purpose::Update => field.updateable,
        Purpose::Upsert => field.createable || field.updateable,
    };
    if may {
        return Ok(());
    }
    let why = if field.calculated {
        "it is a formula or a roll-up"
    } else if field.auto_number {
        "the org numbers it by itself"
    } else if matches!(field.kind.as_str(), "address" | "location") || is_compound_name(describe, field) {
        "it is put together from other fields: write those"
    } else if purpose == Purpose::Update && field.createable {
        "it can be set only when the record is made"
    } else if field.kind == "id" {
        "the org gives ids"
    } else {
        "the org writes it by itself, or this user may not"
    };
    Err(Failure::usage(format!("{}.{} cannot be written: {why}", describe.name, field.name)))
}

fn is_compound_name(describe: &Describe, field: &DescribeField) -> bool {
    field.name_field
        && describe
            .fields
            .iter()
            .any(|part| part.compound_field_name.as_deref() == Some(field.name.as_str()) && part.name != field.name)
}

/// `Account.ErpKey__c=A1` or `Owner:User.Username=…`: a parent by a key of its own.
async fn parent(
    client: &Client,
    describe: &Describe,
    path: &str,
    text: &str,
    purpose: Purpose,
) -> Result<(String, Value), Failure> {
    let (way, key) = path.split_once('.').unwrap_or((path, ""));
    let (way, object) = match way.split_once(':') {
        Some((way, object)) => (way, Some(object)),
        None => (way, None),
    };
    let Some(field) = by_relationship(describe, way) else {
        let ways: Vec<&str> = describe.fields.iter().filter_map(|field| field.relationship_name.as_deref()).collect();
        let failure = Failure::usage(format!("{} has no relationship `{way}`", describe.name));
        return Err(match closest(way, &ways) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("relationships of {}: {}", describe.name, ways.join(", "))),
        });
    };
    writable(describe, field, purpose)?;
    let way = field.relationship_name.clone().unwrap_or_default();
    let target = match (object, field.reference_to.as_slice()) {
        (Some(object), targets) => match targets.iter().find(|target| target.eq_ignore_ascii_case(object)) {
            Some(target) => target.clone(),
            None => {
                return Err(Failure::usage(format!("`{way}` does not lead to `{object}`"))
                    .hint(format!("it leads to {}", targets.join(", "))));
            }
        },
        (None, [only]) => only.clone(),
        (None, targets) => {
            return Err(Failure::usage(format!("`{way}` leads to several kinds of object"))
                .hint(format!("say which: {way}:{}.{key}={text}", likeliest(targets))));
        }
    };
    let there = super::super::describe::describe(client, &target).await?;
    let key = super::key_field(&there, key)?;
    let value = there.field(&key).map_or_else(|| Ok(Value::from(text)), |field| value_of(field, text));
    let value = value.map_err(|words| Failure::usage(format!("{way}.{key}: {words}")))?;
    let mut named = serde_json::Map::new();
    if field.reference_to.len() > 1 {
        named.insert("attributes".to_owned(), serde_json::json!({ "type": target }));
    }
    named.insert(key, value);
    Ok((way, Value::Object(named)))
}

/// Owners are users far more often than queues.
fn likeliest(targets: &[String]) -> &str {
    match targets.iter().find(|target| *target == "User").or(targets.first()) {
        Some(target) => target,
        None => "OBJECT",
    }
}

/// A word as a value of the field's type; nothing is null. What is wrong is said in words.
pub(super) fn value_of(field: &DescribeField, text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return match field.kind.as_str() {
            "boolean" => Err("a checkbox is true or false, never empty".to_owned()),
            _ if !field.nillable => Err("it cannot be empty".to_owned()),
            _ => Ok(Value::Null),
        };
    }
    match field.kind.as_str() {
        "boolean" => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        "int" | "long" => match text.trim().parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => Err(format!("`{text}` is no whole number")),
        },
        "double" | "currency" | "percent" => number(field, text.trim()),
        "date" => match text.trim().parse::<jiff::civil::Date>() {
            Ok(date) if text.trim().len() == 10 => Ok(Value::String(date.to_string())),
            _ => Err(format!("`{text}` is no date: write it like 2026-01-31")),
        },
        "datetime" => match text.trim().parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Value::String(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())),
            Err(_) => {
                Err(format!("`{text}` is no time with its offset: write it like 2026-01-31T09:00:00Z or …+01:00"))
            }
        },
        "time" => match text.trim().trim_end_matches(['Z', 'z']).parse::<jiff::civil::Time>() {
            Ok(time) => Ok(Value::String(time.strftime("%H:%M:%S%.3fZ").to_string())),
            Err(_) => Err(format!("`{text}` is no time of day: write it like 09:30:00")),
        },
        "reference" | "id" if !is_id(text.trim()) => {
            Err(format!("`{text}` is no record id (15 or 18 letters and digits)"))
        }
        "picklist" if field.restricted_picklist => choice(field, text).map(Value::String),
        "multipicklist" if field.restricted_picklist => {
            let values: Result<Vec<String>, String> =
                text.split(';').map(|value| choice(field, value.trim())).collect();
            values.map(|values| Value::String(values.join(";")))
        }
        _ => {
            let characters = text.chars().count();
            // References and ids have their length from their form.
            if field.length > 0
                && characters > field.length as usize
                && !matches!(field.kind.as_str(), "reference" | "id" | "base64")
            {
                return Err(format!("{characters} characters, and it takes {}", field.length));
            }
            Ok(Value::String(text.to_owned()))
        }
    }
}

/// A value that an open picklist accepts but does not list, where one that it lists is near.
fn unlisted<'a>(field: &'a DescribeField, text: &str) -> Option<&'a str> {
    if field.kind != "picklist" || field.restricted_picklist {
        return None;
    }
    let known: Vec<&str> = field.picklist_values.iter().map(|value| value.value.as_str()).collect();
    closest(text, &known).filter(|near| !near.eq_ignore_ascii_case(text))
}

/// A number with all its digits. Digits that the field does not keep would be rounded away in silence.
fn number(field: &DescribeField, text: &str) -> Result<Value, String> {
    let number = serde_json::from_str::<Number>(text)
        .map_err(|_| format!("`{text}` is no number: write it like 1234.5, without separators of thousands"))?;
    let digits = text.trim_start_matches('-').split(['.', 'e', 'E']).next().unwrap_or_default().len() as u32;
    if field.precision > 0 && digits > field.precision.saturating_sub(field.scale) && !text.contains(['e', 'E']) {
        let most = field.precision.saturating_sub(field.scale);
        return Err(format!("{} before the point, and it takes {most}", counted(digits.into(), "digit")));
    }
    let after = text.split_once('.').map_or("", |(_, after)| after.trim_end_matches('0'));
    if field.precision > 0 && after.len() > field.scale as usize && !text.contains(['e', 'E']) {
        return Err(format!("{} after the point, and it keeps {}", counted(after.len() as u64, "digit"), field.scale));
    }
    Ok(Value::Number(number))
}

/// A value of a restricted picklist, as the org spells it.
fn choice(field: &DescribeField, text: &str) -> Result<String, String> {
    let active = || field.picklist_values.iter().filter(|value| value.active).map(|value| value.value.as_str());
    if let Some(value) = active().find(|value| value.eq_ignore_ascii_case(text)) {
        return Ok(value.to_owned());
    }
    let known: Vec<&str> = active().collect();
    match closest(text, &known) {
        Some(near) => Err(format!("`{text}` is not among its values; did you mean `{near}`?")),
        None if known.len() <= 12 => Err(format!("`{text}` is not among its values: {}", known.join(", "))),
        None => Err(format!("`{text}` is not among its {} values", known.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_client::PicklistValue;

    fn field(kind: &str) -> DescribeField {
        DescribeField { name: "F".into(), kind: kind.into(), nillable: true, ..DescribeField::default() }
    }

    #[test]
    fn words_have_the_type_of_their_field() {
        let money = DescribeField { precision: 18, scale: 2, ..field("currency") };
        let text = DescribeField { length: 3, ..field("string") };
        for (field, word, expected) in [
            (&field("boolean"), "TRUE", "true"),
            (&field("int"), "-7", "-7"),
            (&money, "1234567890123456.70", "1234567890123456.70"),
            (&money, "1.500", "1.500"),
            (&field("date"), "2026-01-31", "\"2026-01-31\""),
            (&field("datetime"), "2026-01-31T09:00:00+01:00", "\"2026-01-31T08:00:00.000Z\""),
            (&field("time"), "09:30", "\"09:30:00.000Z\""),
            (&field("string"), "42", "\"42\""),
            (&text, "äöü", "\"äöü\""),
            (&field("string"), "", "null"),
            (&field("reference"), "001000000000001", "\"001000000000001\""),
        ] {
            assert_eq!(value_of(field, word).unwrap().to_string(), expected, "{word}");
        }
        for (field, word) in [
            (&field("boolean"), "yes"),
            (&field("boolean"), ""),
            (&field("int"), "1.5"),
            (&money, "1,000"),
            (&money, "12345678901234567"),
            (&money, "NaN"),
            (&money, "1.005"),
            (&field("date"), "31.01.2026"),
            (&field("date"), "2026-02-30"),
            (&field("datetime"), "2026-01-31T09:00:00"),
            (&field("time"), "9h"),
            (&field("reference"), "Acme"),
            (&text, "äöüß"),
            (&DescribeField { nillable: false, ..field("string") }, ""),
        ] {
            assert!(value_of(field, word).is_err(), "{} {word}", field.kind);
        }
    }

    #[test]
    fn a_restricted_picklist_knows_its_values() {
        let value = |value: &str, active| PicklistValue { value: value.into(), active, ..PicklistValue::default() };
        let list = DescribeField {
            restricted_picklist: true,
            picklist_values: vec![value("Hot", true), value("Warm", true), value("Old", false)],
            ..field("picklist")
        };
        assert_eq!(value_of(&list, "hot").unwrap(), "Hot");
        assert!(value_of(&list, "Wram").unwrap_err().contains("did you mean `Warm`"));
        assert!(value_of(&list, "Old").unwrap_err().contains("Hot, Warm"));
        let several = DescribeField { kind: "multipicklist".into(), ..list };
        assert_eq!(value_of(&several, "hot; Warm").unwrap(), "Hot;Warm");
    }
}
