//! Change events against the store: who applies every event to an empty copy ends with what the org holds.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as Avro;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;
use tidegate_emulator::dml::{Input, Write, WriteContext};
use tidegate_emulator::events::{Event, ReplayId, Start, Topic};
use tidegate_emulator::schema::{Field, NameField, ObjectType};
use tidegate_emulator::{Org, RecordId, Value, schema};

/// A record's values by their path in the event (`Name.LastName`), without nulls.
type Copy = BTreeMap<String, Avro>;

/// All records by id.
type Replica = BTreeMap<String, Copy>;

const NOW: i64 = 1_767_225_600_000;

fn org() -> Org {
    let mut schema = schema::standard();
    schema.put(
        ObjectType::custom("Widget__c", "Widget", "Widgets", *b"a0X", NameField::auto_number("W-{0000}"))
            .with(Field::lookup("Account__c", "Account", "Account", "Widgets"))
            .with(Field::checkbox("Flag__c", "Flag", true))
            .with(Field::number("Count__c", "Count", 18, 2))
            .with(Field::date("Day__c", "Day"))
            .with_all(Field::geolocation("Depot__c", "Depot", 6)),
    );
    Org { schema: Arc::new(schema), ..Org::default() }
}

/// Some fields of each object, with values that a user may write.
fn some_fields(rng: &mut StdRng, object: &str, parents: &[RecordId]) -> Vec<(String, Input)> {
    let word = ["Ada", "Grace", "Zoë", "O'Neil, \"the\" 2nd", "行"].choose(rng).unwrap();
    let parent = parents.choose(rng).map(RecordId::to_string);
    let all = match object {
        "Account" => vec![
            ("BillingCity", json!(word)),
            ("BillingStreet", json!("1 Way\nUp")),
            ("ShippingLatitude", json!(1.25)),
            ("NumberOfEmployees", json!(rng.random_range(0..9_999))),
            ("AnnualRevenue", json!(rng.random_range(0..1_000_000))),
            ("Description", json!(word)),
        ],
        "Contact" => vec![
            ("FirstName", json!(word)),
            ("LastName", json!(format!("{word}son"))),
            ("Birthdate", json!("1815-12-10")),
            ("MailingCity", json!(word)),
            ("AccountId", json!(parent)),
            ("DoNotCall", json!(rng.random::<bool>())),
        ],
        _ => vec![
            ("Account__c", json!(parent)),
            ("Flag__c", json!(rng.random::<bool>())),
            ("Count__c", json!(f64::from(rng.random_range(0..10_000)) / 100.0)),
            ("Day__c", json!("2026-02-28")),
            ("Depot__Latitude__s", json!(rng.random_range(-90..90))),
            ("Depot__Longitude__s", json!(null)),
        ],
    };
    let never_null = ["LastName", "DoNotCall", "Flag__c"];
    let chosen = all.into_iter().filter_map(|(name, value)| {
        if !rng.random_bool(0.6) {
            return None;
        }
        let clear = rng.random_bool(0.25) && !never_null.contains(&name);
        Some((name.to_owned(), Input::Json(if clear { json!(null) } else { value })))
    });
    chosen.collect()
}

fn random_write(rng: &mut StdRng, org: &Org) -> Write {
    let name = *["Account", "Contact", "Widget__c"].choose(rng).unwrap();
    let ids = |name: &str, deleted: bool| -> Vec<RecordId> {
        let (object, facts) = org.schema.find(name).unwrap();
        let flag = facts.field("IsDeleted").unwrap().0;
        let rows = org.store.table(object).into_iter().flat_map(|t| t.rows());
        rows.filter(|(_, row)| (row.get(flag) == Value::Bool(true)) == deleted).map(|(id, _)| id).collect()
    };
    let (object, _) = org.schema.find(name).unwrap();
    let (live, deleted) = (ids(name, false), ids(name, true));
    let mut fields = some_fields(rng, name, &ids("Account", false));
    match (rng.random_range(0..10), live.choose(rng), deleted.choose(rng)) {
        (3..=6, Some(id), _) => Write::Update { object, id: *id, fields },
        (7..=8, Some(id), _) => Write::Delete { object, id: *id },
        (9, _, Some(id)) => Write::Undelete { object, id: *id },
        _ => {
            let required = match name {
                "Account" => Some("Name"),
                "Contact" => Some("LastName"),
                _ => None,
            };
            fields.retain(|(field, _)| Some(field.as_str()) != required);
            fields.extend(required.map(|name| (name.to_owned(), Input::Json(json!("Required")))));
            Write::Create { object, fields }
        }
    }
}

/// What an event says of values: by path, nulls as they are, for every path of its schema.
fn flatten(fields: &[(String, Avro)], shape: &AvroSchema) -> BTreeMap<String, Avro> {
    let AvroSchema::Record(shape) = shape else { panic!("a record") };
    let mut out = BTreeMap::new();
    for ((name, value), field) in fields.iter().zip(&shape.fields).skip(1) {
        let Avro::Union(_, value) = value else { panic!("{name} is nullable") };
        match (value.as_ref(), parts(&field.schema, shape)) {
            (Avro::Record(inner), _) => {
                for (part, value) in inner {
                    let Avro::Union(_, value) = value else { panic!("{name}.{part} is nullable") };
                    out.insert(format!("{name}.{part}"), value.as_ref().clone());
                }
            }
            (null, Some(parts)) => out.extend(parts.into_iter().map(|part| (format!("{name}.{part}"), null.clone()))),
            (value, None) => drop(out.insert(name.clone(), value.clone())),
        }
    }
    out
}

/// The names of a compound's parts; `None` for a plain field.
fn parts(field: &AvroSchema, top: &apache_avro::schema::RecordSchema) -> Option<Vec<String>> {
    let AvroSchema::Union(union) = field else { panic!("a union") };
    let names = |record: &apache_avro::schema::RecordSchema| record.fields.iter().map(|f| f.name.clone()).collect();
    match union.variants().get(1)? {
        AvroSchema::Record(record) => Some(names(record)),
        // Defined at its first use.
        AvroSchema::Ref { name } => top.fields.iter().find_map(|f| match &f.schema {
            AvroSchema::Union(u) => match u.variants().get(1) {
                Some(AvroSchema::Record(r)) if r.name.name() == name.name() => Some(names(r)),
                _ => None,
            },
            _ => None,
        }),
        _ => None,
    }
}

/// The paths that a header's bitmap names.
fn named(elements: &[String], shape: &AvroSchema) -> Vec<String> {
    let AvroSchema::Record(shape) = shape else { panic!("a record") };
    let mut out = Vec::new();
    for element in elements {
        let (parent, hex) = element.split_once('-').map_or((None, element.as_str()), |(p, h)| (Some(p), h));
        let names: Vec<String> = match parent {
            None => shape.fields.iter().map(|f| f.name.clone()).collect(),
            Some(parent) => {
                let field = &shape.fields[parent.parse::<usize>().unwrap()];
                parts(&field.schema, shape).unwrap().iter().map(|p| format!("{}.{p}", field.name)).collect()
            }
        };
        let hex = hex.strip_prefix("0x").unwrap();
        for (nibble, digit) in hex.chars().rev().enumerate() {
            let bits = digit.to_digit(16).unwrap();
            out.extend((0..4).filter(|b| bits & (1 << b) != 0).map(|b| names[nibble * 4 + b].clone()));
        }
    }
    out
}

fn apply(replica: &mut Replica, event: &Event) {
    let shape = AvroSchema::parse_str(&event.schema.json).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&shape).build().unwrap();
    let Avro::Record(fields) = reader.read_value(&mut event.payload().as_slice()).unwrap() else { panic!("a record") };
    let Avro::Record(header) = &fields[0].1 else { panic!("a header") };
    let header: BTreeMap<_, _> = header.iter().cloned().collect();
    let strings = |name: &str| -> Vec<String> {
        let Avro::Array(items) = &header[name] else { panic!("an array") };
        items.iter().map(|i| if let Avro::String(s) = i { s.clone() } else { panic!("a string") }).collect()
    };
    let Avro::Enum(_, change) = &header["changeType"] else { panic!("an enumeration") };
    let values = flatten(&fields, &shape);
    for id in strings("recordIds") {
        match change.as_str() {
            "CREATE" | "UNDELETE" => {
                let values = values.clone().into_iter().filter(|(_, v)| *v != Avro::Null).collect();
                assert!(replica.insert(id, values).is_none(), "{change} of a record that was there");
            }
            "UPDATE" => {
                let row = replica.get_mut(&id).expect("an update of a record that is there");
                let nulled = named(&strings("nulledFields"), &shape);
                for path in named(&strings("changedFields"), &shape) {
                    assert_eq!(values[&path] == Avro::Null, nulled.contains(&path), "{path}");
                    match &values[&path] {
                        Avro::Null => drop(row.remove(&path)),
                        value => drop(row.insert(path, value.clone())),
                    }
                }
            }
            "DELETE" => assert!(replica.remove(&id).is_some(), "a deletion of a record that was there"),
            other => panic!("{other} was not asked for"),
        }
    }
}

/// What the org holds, in the words of events, worked out from describes alone.
fn truth(org: &Org) -> Replica {
    let mut out = Replica::new();
    for name in ["Account", "Contact", "Widget__c"] {
        let (object, facts) = org.schema.find(name).unwrap();
        let deleted = facts.field("IsDeleted").unwrap().0;
        for (id, row) in org.store.table(object).into_iter().flat_map(|t| t.rows()) {
            if row.get(deleted) == Value::Bool(true) {
                continue;
            }
            let mut copy = Copy::new();
            for (at, field) in facts.enumerate() {
                let hidden = ["Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "PhotoUrl", "LastActivityDate"];
                if hidden.contains(&field.name.as_str()) || (name == "Contact" && field.name == "Name") {
                    continue;
                }
                let path = match field.compound_field_name.as_deref().filter(|c| *c != field.name) {
                    None => field.name.clone(),
                    Some("Depot__c") => {
                        format!("Depot__c.{}", &field.name["Depot__".len()..field.name.len() - "__s".len()])
                    }
                    Some("Name") => format!("Name.{}", field.name),
                    Some(c) => format!("{c}.{}", &field.name[c.len() - "Address".len()..]),
                };
                let value = match row.get(at) {
                    Value::Null => continue,
                    Value::Text(t) => Avro::String(t),
                    Value::Id(id) => Avro::String(id.to_string()),
                    Value::Bool(b) => Avro::Boolean(b),
                    Value::Int(n) => Avro::Int(n as i32),
                    Value::Decimal(d) => Avro::Double(d.to_f64().unwrap()),
                    Value::DateTime(ms) => Avro::Long(ms),
                    Value::Date(d) => {
                        Avro::Long(d.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond())
                    }
                    Value::Time(ms) => Avro::Long(i64::from(ms)),
                };
                copy.insert(path, value);
            }
            out.insert(id.to_string(), copy);
        }
    }
    out
}

#[test]
fn a_copy_made_of_events_is_the_org() {
    for seed in 0..30 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut org = org();
        let mut replica = Replica::new();
        let mut cursor = org.events.start(Start::Earliest).unwrap();
        let mut last = ReplayId(0);
        let mut now = NOW;
        for _ in 0..40 {
            now += rng.random_range(0..3_000);
            let context = WriteContext {
                now,
                user: org.settings.admin_id,
                origin: "com/salesforce/api/rest/66.0".into(),
                all_or_none: rng.random(),
            };
            let writes = (0..rng.random_range(1..8)).map(|_| random_write(&mut rng, &org)).collect();
            org.write(&context, writes);
            let batch = org.events.read(cursor, &Topic::Standard, usize::MAX).unwrap();
            for (event, _) in &batch.events {
                assert!(event.replay_id > last);
                last = event.replay_id;
                apply(&mut replica, event.change().unwrap());
            }
            cursor = batch.next.unwrap();
            assert_eq!(replica, truth(&org), "seed {seed}");
        }
        assert!(org.events.len() > 40, "seed {seed} did next to nothing");
    }
}
