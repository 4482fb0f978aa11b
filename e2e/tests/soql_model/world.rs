//! The same small org twice: as records of the emulator and as tables of SQLite.

use std::sync::Arc;

use jiff::civil::Date;
use rusqlite::Connection;
use serde_json::{Map, Value as Json, json};
use tidegate_emulator::dml::{Input, Write, WriteContext};
use tidegate_emulator::query::QueryOptions;
use tidegate_emulator::schema::{Field as OrgField, NameField, ObjectType};
use tidegate_emulator::store::{Row, Values};
use tidegate_emulator::{Org, Value};

use crate::random::Random;

/// 2026-05-13T03:30:00Z: still the 12th for the user, a Tuesday in New York.
pub(crate) const NOW: i64 = 1_778_643_000_000;
/// The user's time zone.
pub(crate) const ZONE: &str = "America/New_York";
/// First month of the org's fiscal year.
pub(crate) const FISCAL_MONTH: i8 = 4;
/// Numbers are kept as whole ten-thousandths, so that SQLite adds them exactly.
pub(crate) const SCALE: f64 = 10_000.0;

/// How the values of a field behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// With its values in the order in which they are defined.
    Pick(&'static [&'static str]),
    Multi,
    Number,
    Bool,
    Date,
    DateTime,
    Id,
    /// A reference to this object.
    Reference(&'static str),
}

/// A field by its SOQL name, its column, and its kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: Kind,
}

/// An object, the relationships up from it and down from it.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    pub(crate) fields: &'static [Field],
    /// Relationship name, column of the reference, object.
    pub(crate) parents: &'static [(&'static str, &'static str, &'static str)],
    /// Relationship name, object, column of its reference.
    pub(crate) children: &'static [(&'static str, &'static str, &'static str)],
}

const fn field(name: &'static str, column: &'static str, kind: Kind) -> Field {
    Field { name, column, kind }
}

pub(crate) const INDUSTRIES: &[&str] = &["Zinc", "Apparel", "Mining"];
pub(crate) const STATES: &[&str] = &["New", "Open", "Closed"];
pub(crate) const TAGS: &[&str] = &["Blue", "Amber", "Cyan"];

pub(crate) const OBJECTS: &[Object] = &[
    Object {
        name: "Firm__c",
        table: "firm",
        fields: &[
            field("Id", "id", Kind::Id),
            field("Name", "name", Kind::Text),
            field("Trade__c", "trade", Kind::Pick(INDUSTRIES)),
            field("Revenue__c", "revenue", Kind::Number),
            field("Founded__c", "founded", Kind::Date),
            field("Active__c", "active", Kind::Bool),
            field("Parent__c", "parent_id", Kind::Reference("Firm__c")),
        ],
        parents: &[("Parent__r", "parent_id", "Firm__c")],
        children: &[("Items__r", "Item__c", "firm_id"), ("Subsidiaries__r", "Firm__c", "parent_id")],
    },
    Object {
        name: "Item__c",
        table: "item",
        fields: &[
            field("Id", "id", Kind::Id),
            field("Name", "name", Kind::Text),
            field("Note__c", "note", Kind::Text),
            field("State__c", "state", Kind::Pick(STATES)),
            field("Tags__c", "tags", Kind::Multi),
            field("Amount__c", "amount", Kind::Number),
            field("Pieces__c", "pieces", Kind::Number),
            field("Due__c", "due", Kind::Date),
            field("Sent__c", "sent", Kind::DateTime),
            field("Paid__c", "paid", Kind::Bool),
            field("Firm__c", "firm_id", Kind::Reference("Firm__c")),
        ],
        parents: &[("Firm__r", "firm_id", "Firm__c")],
        children: &[("Lines__r", "Line__c", "item_id")],
    },
    Object {
        name: "Line__c",
        table: "line",
        fields: &[
            field("Id", "id", Kind::Id),
            field("Name", "name", Kind::Text),
            field("Quantity__c", "quantity", Kind::Number),
            field("Shipped__c", "shipped", Kind::DateTime),
            field("Item__c", "item_id", Kind::Reference("Item__c")),
        ],
        parents: &[("Item__r", "item_id", "Item__c")],
        children: &[],
    },
];

/// An object by its name.
pub(crate) fn object(name: &str) -> &'static Object {
    OBJECTS.iter().find(|object| object.name == name).expect("an object of this world")
}

impl Object {
    pub(crate) fn field(&self, name: &str) -> &'static Field {
        let this: &'static Object = object(self.name);
        this.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).expect("a field of this world")
    }
}

/// Texts with what could go wrong: cases, signs of patterns and quotes, letters beyond ASCII.
pub(crate) const TEXTS: &[&str] = &[
    "alpha",
    "Alpha",
    "ALPHA two",
    "beta",
    "b_ta",
    "b%ta",
    "100%",
    "Zürich",
    "ZÜRICH",
    "straße",
    "STRASSE",
    "it's",
    "back\\slash",
    "\"quoted\"",
    "日本",
    "étude",
    "Etude",
    "z",
    "Å",
    "a;b",
];

pub(crate) struct World {
    pub(crate) org: Org,
    pub(crate) sql: Connection,
}

impl World {
    pub(crate) fn options(&self) -> QueryOptions {
        QueryOptions { all: false, now: NOW, user: self.org.settings.admin_id, version: 66, batch_size: None }
    }

    /// Makes both.
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut world = Self { org: empty_org(), sql: Connection::open_in_memory().expect("SQLite in memory") };
        for object in OBJECTS {
            let columns: Vec<String> = object.fields.iter().flat_map(columns_of).collect();
            world.sql.execute(&format!("CREATE TABLE {} ({})", object.table, columns.join(", ")), []).expect("a table");
        }
        let mut firms: Vec<String> = Vec::new();
        for _ in 0..25 {
            let id = world.create("Firm__c", &firms, random);
            firms.push(id);
        }
        let items: Vec<String> = (0..90).map(|_| world.create("Item__c", &firms, random)).collect();
        for _ in 0..120 {
            world.create("Line__c", &items, random);
        }
        world
    }

    /// One record, in the org and in its table. References point at some of `parents`, or nowhere.
    fn create(&mut self, name: &str, parents: &[String], random: &mut Random) -> String {
        let object = object(name);
        let mut values: Map<String, Json> = Map::new();
        for field in object.fields.iter().filter(|field| field.kind != Kind::Id) {
            // A name is never empty; a line always has its item.
            let is_needed = field.name == "Name" || name == "Line__c" && field.name == "Item__c";
            let value = if !is_needed && random.one_in(4) { Json::Null } else { value(field.kind, parents, random) };
            values.insert(field.name.to_owned(), value);
        }
        let (id, _) = self.org.schema.find(name).expect("the object");
        let fields = values.iter().map(|(k, v)| (k.clone(), Input::Json(v.clone()))).collect();
        let user = self.org.settings.admin_id;
        let context = WriteContext { now: NOW, user, origin: String::new(), all_or_none: true };
        let saved = self.org.write(&context, vec![Write::Create { object: id, fields }]).remove(0);
        let id = saved.expect("a record is saved").id.to_string();
        values.insert("Id".to_owned(), json!(id));
        let cells: Vec<String> = object.fields.iter().flat_map(|field| cells_of(field, &values[field.name])).collect();
        let insert = format!("INSERT INTO {} VALUES ({})", object.table, cells.join(", "));
        self.sql.execute(&insert, []).unwrap_or_else(|e| panic!("{insert}: {e}"));
        id
    }
}

/// The columns of a field. Text has a second one with its upper case, by which it is compared and ordered; a picklist
/// has its place among the values; a multi-select picklist the sorted set.
fn columns_of(field: &Field) -> Vec<String> {
    let column = field.column;
    match field.kind {
        Kind::Text => vec![format!("{column} TEXT"), format!("{column}_u TEXT")],
        Kind::Pick(_) => vec![format!("{column} TEXT"), format!("{column}_u TEXT"), format!("{column}_o INTEGER")],
        Kind::Multi => vec![format!("{column} TEXT"), format!("{column}_u TEXT")],
        Kind::Number | Kind::Bool | Kind::DateTime => vec![format!("{column} INTEGER")],
        Kind::Date | Kind::Id | Kind::Reference(_) => vec![format!("{column} TEXT")],
    }
}

fn cells_of(field: &Field, value: &Json) -> Vec<String> {
    let count = columns_of(field).len();
    match (field.kind, value) {
        // A checkbox is never without a value.
        (Kind::Bool, value) => vec![i64::from(value == &json!(true)).to_string()],
        (_, Json::Null) => vec!["NULL".to_owned(); count],
        (Kind::Text, Json::String(text)) => vec![quote(text), quote(&upper(text))],
        (Kind::Pick(values), Json::String(text)) => {
            let place = values.iter().position(|v| v == text).expect("a value of the picklist");
            vec![quote(text), quote(&upper(text)), place.to_string()]
        }
        (Kind::Multi, Json::String(text)) => vec![quote(text), quote(&sorted_set(text))],
        (Kind::Number, value) => vec![scaled(value.as_f64().expect("a number")).to_string()],
        (Kind::DateTime, Json::String(text)) => {
            vec![text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond().to_string()]
        }
        (_, Json::String(text)) => vec![quote(text)],
        (kind, value) => panic!("{value} for {kind:?}"),
    }
}

/// A number as whole ten-thousandths.
pub(crate) fn scaled(number: f64) -> i64 {
    (number * SCALE).round() as i64
}

/// The values of a multi-select picklist, upper case, in one order: `=` compares sets.
pub(crate) fn sorted_set(text: &str) -> String {
    let mut values: Vec<String> = text.split(';').map(upper).collect();
    values.sort();
    values.dedup();
    values.join(";")
}

/// Text without its case. Salesforce orders English text by the upper case of each character; a character whose upper
/// case is two (`ß`) stays, since `ß` and `ss` are not equal there.
pub(crate) fn upper(text: &str) -> String {
    text.chars()
        .map(|c| {
            let all: Vec<char> = c.to_uppercase().collect();
            if let [one] = all.as_slice() { *one } else { c }
        })
        .collect()
}

/// A SQL string literal.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A random value of a field, as JSON for a write.
pub(crate) fn value(kind: Kind, parents: &[String], random: &mut Random) -> Json {
    match kind {
        Kind::Text => json!(random.pick(TEXTS)),
        Kind::Pick(values) => json!(random.pick(values)),
        Kind::Multi => {
            let chosen: Vec<&str> = TAGS.iter().copied().filter(|_| random.one_in(2)).collect();
            if chosen.is_empty() { json!(TAGS[0]) } else { json!(chosen.join(";")) }
        }
        Kind::Number => json!(random.pick(&[-3.5, 0.0, 1.0, 2.0, 2.5, 10.0, 99.99, 1000.0])),
        Kind::Bool => json!(random.one_in(2)),
        Kind::Date => json!(day(random).to_string()),
        Kind::DateTime => json!(instant(random).to_string()),
        Kind::Id | Kind::Reference(_) => {
            parents.get(random.below(parents.len().max(1))).map_or(Json::Null, |id| json!(id))
        }
    }
}

/// A day near today, or some periods away.
pub(crate) fn day(random: &mut Random) -> Date {
    let today = jiff::civil::date(2026, 5, 12);
    let far = random.pick(&[1_i64, 8, 40, 400]);
    let days = random.below(2 * far as usize + 1) as i64 - far;
    today + jiff::SignedDuration::from_hours(24 * days)
}

/// An instant near a midnight of the user or of UTC, to the second.
pub(crate) fn instant(random: &mut Random) -> jiff::Timestamp {
    let day = day(random).to_zoned(jiff::tz::TimeZone::UTC).expect("a day").timestamp().as_second();
    let hour = random.pick(&[0_i64, 3, 4, 5, 12, 23]);
    let beside = random.pick(&[-1_i64, 0, 1, 1800]);
    jiff::Timestamp::from_second(day + hour * 3600 + beside).expect("an instant")
}

fn empty_org() -> Org {
    let mut schema = tidegate_emulator::schema::standard();
    let firm = ObjectType::custom("Firm__c", "Firm", "Firms", *b"a10", NameField::Text)
        .with(OrgField::picklist("Trade__c", "Trade", INDUSTRIES, false))
        .with(OrgField::currency("Revenue__c", "Revenue", 18, 2))
        .with(OrgField::date("Founded__c", "Founded"))
        .with(OrgField::checkbox("Active__c", "Active", false))
        .with(OrgField::lookup("Parent__c", "Parent", "Firm__c", "Subsidiaries"));
    let item = ObjectType::custom("Item__c", "Item", "Items", *b"a11", NameField::Text)
        .with(OrgField::text("Note__c", "Note", 80))
        .with(OrgField::picklist("State__c", "State", STATES, false))
        .with(OrgField::multi_picklist("Tags__c", "Tags", TAGS, false))
        .with(OrgField::currency("Amount__c", "Amount", 18, 2))
        .with(OrgField::number("Pieces__c", "Pieces", 16, 2))
        .with(OrgField::date("Due__c", "Due"))
        .with(OrgField::datetime("Sent__c", "Sent"))
        .with(OrgField::checkbox("Paid__c", "Paid", false))
        .with(OrgField::lookup("Firm__c", "Firm", "Firm__c", "Items"));
    let line = ObjectType::custom("Line__c", "Line", "Lines", *b"a12", NameField::Text)
        .with(OrgField::number("Quantity__c", "Quantity", 16, 2))
        .with(OrgField::datetime("Shipped__c", "Shipped"))
        .with(OrgField::lookup("Item__c", "Item", "Item__c", "Lines"));
    for object in [firm, item, line] {
        schema.put(object);
    }
    let mut org = Org { schema: Arc::new(schema), ..Org::default() };
    let admin = org.settings.admin_id;
    let text = |text: &str| Value::Text(text.to_owned());
    put(
        &mut org,
        "User",
        admin,
        &[("Name", text("Ada")), ("TimeZoneSidKey", text(ZONE)), ("LocaleSidKey", text("en_US"))],
    );
    let org_id = org.settings.org_id;
    put(&mut org, "Organization", org_id, &[("FiscalYearStartMonth", Value::Int(i64::from(FISCAL_MONTH)))]);
    org
}

fn put(org: &mut Org, object: &str, id: tidegate_emulator::RecordId, fields: &[(&str, Value)]) {
    let (object, facts) = org.schema.find(object).map(|(id, facts)| (id, Arc::clone(facts))).expect("an object");
    let values: Values =
        fields.iter().map(|(name, value)| (facts.field(name).expect("a field").0, value.clone())).collect();
    org.store.table_mut(object).put(id, Row::new(&values));
}
