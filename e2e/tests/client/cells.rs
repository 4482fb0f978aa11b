//! One record, the same cells whichever way it comes: REST, Bulk API 2.0, Bulk API 1.0, SOAP and change events, over every
//! type of field and values drawn at random.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use futures::TryStreamExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use tidegate_client::bulk::{CsvRows, QueryOperation, Wait};
use tidegate_client::events::Replay;
use tidegate_client::soap::SoapRecord;
use tidegate_client::{Client, Create};
use tidegate_emulator::import::SourceFile;
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;
use tidegate_sync::decode::{json as rest, text};
use tidegate_sync::event::EventSchema;
use tidegate_sync::mapping::{Binding, ObjectMap, Plan, Step, plan};
use tidegate_sync::{Cell, Column, Row, Table, TableId};

use crate::support::{World, world_of};

const RECORDS: usize = 120;
const OBJECT: &str = "Specimen__c";

/// A field of each type that a custom object can have, with what its definition needs.
const FIELDS: [(&str, &str); 19] = [
    ("Text", "<length>80</length>"),
    ("TextArea", ""),
    ("LongTextArea", "<length>3000</length><visibleLines>3</visibleLines>"),
    ("Html", "<length>3000</length><visibleLines>10</visibleLines>"),
    ("Number", "<precision>16</precision><scale>4</scale>"),
    ("Whole", "<precision>15</precision><scale>0</scale>"),
    ("Currency", "<precision>16</precision><scale>2</scale>"),
    ("Percent", "<precision>5</precision><scale>2</scale>"),
    ("Checkbox", "<defaultValue>false</defaultValue>"),
    ("Date", ""),
    ("DateTime", ""),
    ("Time", ""),
    ("Email", ""),
    ("Phone", ""),
    ("Url", ""),
    ("Picklist", SET),
    ("MultiselectPicklist", SET),
    ("Lookup", "<referenceTo>Account</referenceTo><relationshipName>Specimens</relationshipName>"),
    ("Location", "<scale>6</scale><displayLocationInDecimal>true</displayLocationInDecimal>"),
];
const SET: &str = "<valueSet><valueSetDefinition><sorted>false</sorted><value><fullName>one</fullName><default>false</default><label>one</label></value><value><fullName>two, or 2</fullName><default>false</default><label>two</label></value><value><fullName>dreißig</fullName><default>false</default><label>dreißig</label></value></valueSetDefinition></valueSet>";
const CHOICES: [&str; 3] = ["one", "two, or 2", "dreißig"];

fn object() -> Vec<SourceFile> {
    let xmlns = "xmlns=\"http://soap.sforce.com/2006/04/metadata\"";
    let file = |name: String, text: String| SourceFile::new(format!("objects/{OBJECT}/{name}"), text);
    let mut files = vec![file(
        format!("{OBJECT}.object-meta.xml"),
        format!(
            "<CustomObject {xmlns}><label>Specimen</label><pluralLabel>Specimens</pluralLabel><nameField>\
             <label>Number</label><type>AutoNumber</type><displayFormat>S-{{0000}}</displayFormat></nameField>\
             <deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel></CustomObject>"
        ),
    )];
    for (name, members) in FIELDS {
        let kind = if name == "Whole" { "Number" } else { name };
        let mut text = format!("<CustomField {xmlns}><fullName>{name}__c</fullName><label>{name}</label>");
        // A multi-select picklist also says how many lines it shows.
        let lines = if kind == "MultiselectPicklist" { "<visibleLines>4</visibleLines>" } else { "" };
        write!(text, "<type>{kind}</type>{members}{lines}</CustomField>").unwrap();
        files.push(file(format!("fields/{name}__c.field-meta.xml"), text));
    }
    files
}

/// Text with what containers trip over: quotes, separators, line ends, entities, blanks, other scripts.
fn words(random: &mut StdRng, length: usize) -> String {
    const PIECES: [&str; 20] = [
        "a",
        "Z",
        "0",
        " ",
        "\"",
        "'",
        ",",
        ";",
        "\n",
        "<b>",
        "&amp;",
        "&",
        "]]>",
        "\\",
        "\u{e9}",
        "\u{1F600}",
        "\u{4e2d}",
        "#N/A",
        "null",
        "\t",
    ];
    let mut text = String::from("x");
    for _ in 0..random.random_range(0..length / 8) {
        text.push_str(PIECES.choose(random).unwrap());
    }
    // Salesforce cuts blanks at both ends.
    text.trim().to_owned()
}

fn number(random: &mut StdRng, digits: u32, scale: u32) -> Value {
    let n = random.random_range(-(10i64.pow(digits) - 1)..10i64.pow(digits));
    let sign = if n < 0 { "-" } else { "" };
    let (whole, part) = (n.abs() / 10i64.pow(scale), n.abs() % 10i64.pow(scale));
    let text = if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part:0width$}", width = scale as usize)
    };
    serde_json::from_str(&text).unwrap()
}

fn record(random: &mut StdRng, accounts: &[String]) -> Map<String, Value> {
    let day = |random: &mut StdRng| {
        format!(
            "{:04}-{:02}-{:02}",
            random.random_range(1701..3999),
            random.random_range(1..13),
            random.random_range(1..29)
        )
    };
    let clock = |random: &mut StdRng| {
        format!("{:02}:{:02}:{:02}", random.random_range(0..24), random.random_range(0..60), random.random_range(0..60))
    };
    let mut record = Map::new();
    for (name, _) in FIELDS {
        if random.random_bool(0.25) {
            // Unset, or set to null: the same for a new record.
            if random.random_bool(0.5) && !matches!(name, "Location" | "Checkbox") {
                record.insert(format!("{name}__c"), Value::Null);
            }
            continue;
        }
        let value = match name {
            "Text" => json!(words(random, 80).replace('\n', " ")),
            "TextArea" => json!(words(random, 200)),
            "LongTextArea" | "Html" => json!(words(random, 1500)),
            "Number" => number(random, 15, 4),
            "Whole" => number(random, 14, 0),
            "Currency" => number(random, 14, 2),
            "Percent" => number(random, 5, 2),
            "Checkbox" => json!(random.random_bool(0.5)),
            "Date" => json!(day(random)),
            "DateTime" => json!(format!("{}T{}.000Z", day(random), clock(random))),
            "Time" => json!(format!("{}.{:03}Z", clock(random), random.random_range(0..1000))),
            "Email" => json!(format!("p{}@example.com", random.random_range(0..1000))),
            "Phone" => json!(format!("+49 (0) {}", random.random_range(1000..9999))),
            "Url" => json!(format!("https://example.com/?a={}&b=%20", random.random_range(0..99))),
            "Picklist" => json!(CHOICES.choose(random).unwrap()),
            "MultiselectPicklist" => json!(CHOICES[..random.random_range(1..=3)].join(";")),
            "Lookup" => json!(accounts.choose(random).unwrap()),
            _ => {
                let degrees = |random: &mut StdRng, most: i64| {
                    let n = random.random_range(-most * 1_000_000..most * 1_000_000);
                    serde_json::from_str::<Value>(&format!(
                        "{}{}.{:06}",
                        if n < 0 { "-" } else { "" },
                        n.abs() / 1_000_000,
                        n.abs() % 1_000_000
                    ))
                    .unwrap()
                };
                record.insert("Location__Latitude__s".into(), degrees(random, 90));
                record.insert("Location__Longitude__s".into(), degrees(random, 180));
                continue;
            }
        };
        record.insert(format!("{name}__c"), value);
    }
    record
}

/// Rows by record id.
type Rows = BTreeMap<String, Row>;

fn by_id(rows: impl IntoIterator<Item = Row>) -> Rows {
    rows.into_iter()
        .map(|row| match &row[0] {
            Cell::Text(id) => (id.clone(), row),
            other => panic!("{other:?} is no id"),
        })
        .collect()
}

fn of_csv(table: &Table, columns: &[String], rows: &CsvRows) -> Vec<Row> {
    let places: Vec<usize> = table
        .columns
        .iter()
        .map(|column| columns.iter().position(|name| name.eq_ignore_ascii_case(&column.field)).unwrap())
        .collect();
    let cell = |column: usize, text: &str| text::read(table.columns[column].ty, text).unwrap().to_cell();
    rows.iter()
        .map(|row| places.iter().enumerate().map(|(column, place)| cell(column, row.get(*place).unwrap())).collect())
        .collect()
}

async fn setting() -> World {
    let settings = Settings { keep_alive_ms: 200, ..Settings::default() };
    let config = Config { load: object(), settings, ..Config::default() };
    world_of(config, |_| ()).await
}

async fn written(org: &Client, random: &mut StdRng) -> HashMap<String, Map<String, Value>> {
    let mut accounts = vec![];
    for name in ["A", "B"] {
        let fields = json!({"Name": name});
        accounts.push(org.send(&Create { object: "Account".into(), fields }).await.unwrap().id);
    }
    let mut records = HashMap::new();
    for _ in 0..RECORDS {
        let fields = record(random, &accounts);
        let saved = org.send(&Create { object: OBJECT.into(), fields: fields.clone() }).await;
        records.insert(saved.unwrap_or_else(|error| panic!("{error}: {fields:?}")).id, fields);
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identical_by_every_way() {
    let seed =
        std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("TIDEGATE_SEED={seed}");
    let random = &mut StdRng::seed_from_u64(seed);
    let world = setting().await;
    let org = &world.org;
    let describe = org.describe(OBJECT).await.unwrap();
    let map = ObjectMap::new(TableId(0), &describe).unwrap();
    let table = &map.table;
    let bus = org.events();
    let mut subscription = bus.subscribe("/data/Specimen__ChangeEvent", Replay::Earliest, 100).await.unwrap();
    let sent = written(org, random).await;
    let columns = table.columns.iter().map(|column| column.field.as_str()).collect::<Vec<_>>().join(", ");
    let soql = format!("SELECT {columns} FROM {OBJECT}");

    let records: Vec<_> = org.query(&soql).try_collect().await.unwrap();
    let by_rest = by_id(records.iter().map(|record| rest::row(table, record).unwrap()));
    assert_eq!(by_rest.len(), RECORDS);

    // What was sent came back, null where nothing was.
    for (id, fields) in &sent {
        for (column, cell) in table.columns.iter().zip(&by_rest[id]) {
            if !column.field.ends_with("__c") && !column.field.ends_with("__s") {
                continue;
            }
            let expected = match fields.get(&column.field) {
                None if column.field == "Checkbox__c" => Cell::Boolean(false),
                value => rest::cell(column.ty, value.unwrap_or(&Value::Null)).unwrap(),
            };
            assert_eq!(cell, &expected, "{} of {fields:?}", column.field);
        }
    }

    let mut results = org.bulk().query(&soql).start().await.unwrap();
    let mut rows = vec![];
    while let Some(part) = results.next_rows().await.unwrap() {
        rows.extend(of_csv(table, results.columns(), &part));
    }
    assert_eq!(by_id(rows), by_rest, "Bulk API 2.0");

    let mut results = org.bulk1().query(OBJECT, &soql, QueryOperation::Query, None, Wait::default()).await.unwrap();
    let mut rows = vec![];
    while let Some(part) = results.next_rows().await.unwrap() {
        rows.extend(of_csv(table, results.columns(), &part));
    }
    assert_eq!(by_id(rows), by_rest, "Bulk API 1.0");

    let records: Vec<SoapRecord> = org.soap().query(&soql).try_collect().await.unwrap();
    let of_soap = records.iter().map(|record| {
        let cell = |column: &Column| text::read(column.ty, record.text(&column.field).unwrap_or("")).unwrap().to_cell();
        table.columns.iter().map(cell).collect()
    });
    assert_eq!(by_id(of_soap), by_rest, "SOAP");

    // Events carry numbers as doubles. Those of a location have 15 places by its description, which no double keeps, so
    // that a row with one is always read again; so is one with dates that no event carries.
    let mut describe = describe;
    describe.fields.retain(|field| {
        !field.name.starts_with("Location__") && !matches!(field.name.as_str(), "LastViewedDate" | "LastReferencedDate")
    });
    let map = ObjectMap::new(TableId(0), &describe).unwrap();
    let mut of_events = Rows::new();
    let mut left = RECORDS;
    while left > 0 {
        let fetched = subscription.next().await.unwrap().unwrap();
        for event in fetched.events {
            let schema = EventSchema::parse(&bus.schema(&event.schema_id).await.unwrap()).unwrap();
            let event = schema.decode(&event.payload).unwrap();
            left -= event.header.record_ids.len();
            let Plan::Steps(steps) = plan(&event, &schema, &Binding::new(&schema, &map), &map) else { panic!() };
            for step in steps {
                match step.step {
                    Step::Upsert(row) => drop(of_events.insert(step.record.0, row)),
                    Step::Reread => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(of_events.len() > RECORDS / 2, "only {} events could say everything", of_events.len());
    for (id, row) in &of_events {
        for (column, of_event) in map.table.columns.iter().zip(row) {
            let (place, _) = table.column(&column.field).unwrap();
            assert_eq!(of_event, &by_rest[id][usize::from(place.0)], "{} of {id} by its event", column.field);
        }
    }
    world.emulator.stop().await.unwrap();
}
