//! What becomes of commits: events, their payloads, and how long they stay.

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use rust_decimal::Decimal;

use super::*;
use crate::schema::{Field, FieldId, FieldType, NameField, ObjectId, ObjectType, Schema};
use crate::settings::Settings;
use crate::store::{ChangeKind, Row, Values};
use crate::{RecordId, Value};

const NOW: Millis = 1_767_225_600_000;
const HOUR: Millis = 3_600_000;

fn user() -> RecordId {
    RecordId::parse("005000000000001AAA").unwrap()
}

fn record(number: u64) -> RecordId {
    RecordId::new(*b"a0X", *b"00", number)
}

/// An org with one object, `Widget__c`, whose fields stand as in the documentation of payloads.
struct Bench {
    schema: Arc<Schema>,
    settings: Settings,
    bus: Bus,
    object: ObjectId,
}

impl Bench {
    fn new() -> Self {
        let mut schema = Schema::default();
        let mut notes = Field::long_text_area("Notes__c", "Notes", 131_072);
        notes.ty = FieldType::Textarea;
        let [latitude, longitude, depot] = Field::geolocation("Depot__c", "Depot", 6);
        let object = schema.put(
            ObjectType::custom("Widget__c", "Widget", "Widgets", *b"a0X", NameField::Text)
                .with(Field::text("Status__c", "Status", 80))
                .with(Field::currency("Amount__c", "Amount", 18, 2))
                .with_all([latitude, longitude, depot])
                .with(notes),
        );
        schema.put(ObjectType::new("Profile", "Profile", "Profiles", Some(*b"00e")));
        Self { schema: Arc::new(schema), settings: Settings::default(), bus: Bus::default(), object }
    }

    fn field(&self, name: &str) -> FieldId {
        self.schema.object(self.object).field(name).unwrap().0
    }

    fn row(&self, values: &[(&str, Value)]) -> Arc<Row> {
        let values: Values = values.iter().map(|(name, value)| (self.field(name), value.clone())).collect();
        Arc::new(Row::new(&values))
    }

    fn change(&self, number: u64, kind: ChangeKind, changed: &[&str], after: &[(&str, Value)]) -> RecordChange {
        RecordChange {
            object: self.object,
            id: record(number),
            kind,
            before: (kind != ChangeKind::Create).then(|| self.row(&[("Name", text("as it was before"))])),
            after: Some(self.row(after)),
            changed: changed.iter().map(|name| self.field(name)).collect(),
        }
    }

    fn commit(&mut self, now: Millis, changes: Vec<RecordChange>) {
        let commit = Commit { now, user: user(), origin: "com/salesforce/api/rest/66.0;client=x".into(), changes };
        self.bus.commit(&self.schema, &self.settings, commit);
    }

    fn create(&mut self, now: Millis, number: u64) {
        let name = format!("W-{number}");
        let change = self.change(number, ChangeKind::Create, &[], &[("Name", Value::Text(name))]);
        self.commit(now, vec![change]);
    }

    fn told(&self) -> Vec<(ChangeType, Vec<String>, u32)> {
        self.bus.iter().map(|e| (e.change, e.records.texts(), e.sequence)).collect()
    }

    fn positions(&self) -> Vec<u64> {
        self.bus.iter().map(|e| e.replay_id.0).collect()
    }

    fn read(&self, start: Start) -> Result<Vec<u64>, ReadError> {
        let cursor = self.bus.start(start)?;
        let batch = self.bus.read(cursor, &Topic::Standard, 1000)?;
        Ok(batch.events.iter().map(|(e, _)| e.replay_id.0).collect())
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A payload's field, read with the schema that the event names by somebody else's decoder.
fn decode(event: &Event) -> Vec<(String, Avro)> {
    let schema = apache_avro::Schema::parse_str(&event.schema.json).unwrap();
    let payload = event.payload();
    let mut rest = payload.as_slice();
    let value = apache_avro::reader::datum::GenericDatumReader::builder(&schema)
        .build()
        .unwrap()
        .read_value(&mut rest)
        .unwrap();
    assert!(rest.is_empty(), "the whole payload is read");
    let Avro::Record(fields) = value else { panic!("a record") };
    fields
}

fn get<'a>(fields: &'a [(String, Avro)], path: &str) -> &'a Avro {
    let mut fields = fields;
    let mut found = None;
    for name in path.split('.') {
        let mut value = &fields.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no field {path}")).1;
        if let Avro::Union(_, inner) = value {
            value = inner;
        }
        if let Avro::Record(inner) = value {
            fields = inner;
        }
        found = Some(value);
    }
    found.unwrap()
}

fn strings(value: &Avro) -> Vec<&str> {
    let Avro::Array(items) = value else { panic!("an array") };
    items.iter().map(|item| if let Avro::String(s) = item { s.as_str() } else { panic!("a string") }).collect()
}

#[test]
fn the_worked_example_byte_for_byte() {
    let bench = Bench::new();
    let stamp = Value::DateTime(NOW);
    let row = bench.row(&[
        ("Name", text("not told")),
        ("LastModifiedDate", stamp),
        ("Status__c", text("Open")),
        ("Depot__Latitude__s", Value::Decimal(Decimal::new(15, 1))),
        ("Depot__Longitude__s", Value::Decimal(Decimal::new(-20, 1))),
    ]);
    let changed = ["LastModifiedDate", "Status__c", "Amount__c", "Depot__Latitude__s", "Depot__Longitude__s"];
    let event = Event {
        replay_id: ReplayId(1),
        schema: Arc::new(EventSchema::of(bench.schema.object(bench.object))),
        change: ChangeType::Update,
        records: Records::One(RecordId::from_bytes(*b"a0X000000000001")),
        sequence: 1,
        transaction: Arc::new(Transaction {
            key: 0x0000aaaa_0000_0000_0000_00000000000b,
            timestamp: NOW,
            number: 1_767_225_600_123_456_789,
            user: user(),
            origin: "".into(),
        }),
        changed: changed.map(|name| bench.field(name)).into(),
        diffs: Box::default(),
        row: Some(row),
        last: None,
        enriched: Box::default(),
    };
    let expected = concat!(
        "125769646765745f5f63022461305830303030303030303030303145414100020048",
        "30303030616161612d303030302d303030302d303030302d303030303030303030303062",
        "0280a0d5edee66aab4aed5be94b98631",
        "24303035303030303030303030303031414141",
        "020c30783031303000",
        "00",
        "040c3078303141300c392d3078303300",
        "00000000",
        "0280a0d5edee66",
        "00",
        "02084f70656e",
        "00",
        "0202000000000000f83f0200000000000000c0",
        "00",
    );
    let payload = event.payload();
    assert_eq!(payload.iter().map(|b| format!("{b:02x}")).collect::<String>(), expected);
    assert_eq!(payload.len(), 170);
}

#[test]
fn every_type_of_value_can_be_decoded() {
    let mut schema = Schema::default();
    let object = schema.put(
        ObjectType::custom("Widget__c", "Widget", "Widgets", *b"a0X", NameField::Text)
            .with(Field::checkbox("Flag__c", "Flag", false))
            .with(Field::date("Day__c", "Day"))
            .with(Field::time("At__c", "At"))
            .with(Field::number("Count__c", "Count", 18, 0))
            .with(Field::multi_picklist("Many__c", "Many", &["A", "B"], true)),
    );
    let mut bench = Bench { schema: Arc::new(schema), object, ..Bench::new() };
    let values = [
        ("Name", text("Zoë \"Ω\" 🎈\nline")),
        ("OwnerId", Value::Id(user())),
        ("CreatedDate", Value::DateTime(NOW)),
        ("Flag__c", Value::Bool(false)),
        ("Day__c", Value::Date(jiff::civil::date(1700, 1, 1))),
        ("At__c", Value::Time(45_296_789)),
        ("Count__c", Value::Decimal(Decimal::new(123_456_789_012, 0))),
        ("Many__c", text("A;B")),
    ];
    let change = bench.change(1, ChangeKind::Create, &[], &values);
    bench.commit(NOW + 417, vec![change]);
    let fields = decode(bench.bus.iter().next().unwrap());
    for (name, expected) in [
        ("Name", Avro::String("Zoë \"Ω\" 🎈\nline".into())),
        ("OwnerId", Avro::String(user().to_string())),
        ("CreatedDate", Avro::Long(NOW)),
        ("LastModifiedDate", Avro::Null),
        ("Flag__c", Avro::Boolean(false)),
        ("Day__c", Avro::Long(-8_520_336_000_000)),
        ("At__c", Avro::Long(45_296_789)),
        ("Count__c", Avro::Double(123_456_789_012.0)),
        ("Many__c", Avro::String("A;B".into())),
        ("ChangeEventHeader.entityName", Avro::String("Widget__c".into())),
        ("ChangeEventHeader.changeType", Avro::Enum(0, "CREATE".into())),
        ("ChangeEventHeader.changeOrigin", Avro::String("com/salesforce/api/rest/66.0;client=x".into())),
        ("ChangeEventHeader.sequenceNumber", Avro::Int(1)),
        ("ChangeEventHeader.commitTimestamp", Avro::Long(NOW)),
        ("ChangeEventHeader.commitUser", Avro::String(user().to_string())),
    ] {
        assert_eq!(get(&fields, name), &expected, "{name}");
    }
    for array in ["changedFields", "nulledFields", "diffFields"] {
        assert!(strings(get(&fields, &format!("ChangeEventHeader.{array}"))).is_empty(), "{array}");
    }
    let Avro::Long(number) = get(&fields, "ChangeEventHeader.commitNumber") else { panic!("a long") };
    assert!(*number > 1 << 53);
    for never in ["Id", "IsDeleted", "SystemModstamp", "LastViewedDate", "LastReferencedDate"] {
        assert!(!fields.iter().any(|(name, _)| name == never), "{never}");
    }
}

#[test]
fn standard_objects_have_the_documented_shape() {
    let schema = crate::schema::standard();
    let selected: Vec<_> = schema.objects().iter().filter(|o| is_selected(o, &Settings::default())).collect();
    assert!(selected.len() >= 8, "{}", selected.len());
    for object in selected {
        let made = EventSchema::of(object);
        apache_avro::Schema::parse_str(&made.json).unwrap_or_else(|e| panic!("{}: {e}", object.name));
        assert_eq!(made.id.len(), 22);
    }
    // The documentation's org has no record types.
    let mut documented = Schema::default();
    for name in ["Account", "Contact"] {
        let mut object = ObjectType::clone(schema.find(name).unwrap().1);
        object.fields.retain(|f| f.name != "RecordTypeId");
        documented.put(object);
    }
    let place = |object: &str, field: &str| {
        let (_, object) = documented.find(object).unwrap();
        EventSchema::of(object).place(object.field(field).unwrap().0).map(|p| (p.top, p.child))
    };
    for (object, field, expected) in [
        ("Account", "Name", Some((1, None))),
        ("Account", "BillingStreet", Some((4, Some(0)))),
        ("Account", "BillingAddress", None),
        ("Account", "Fax", Some((7, None))),
        ("Account", "Industry", Some((11, None))),
        ("Account", "Description", Some((16, None))),
        ("Account", "LastModifiedDate", Some((22, None))),
        ("Account", "PhotoUrl", None),
        ("Contact", "Name", None),
        ("Contact", "Salutation", Some((2, Some(0)))),
        ("Contact", "FirstName", Some((2, Some(1)))),
        ("Contact", "LastName", Some((2, Some(2)))),
    ] {
        assert_eq!(place(object, field), expected, "{object}.{field}");
    }
}

#[test]
fn an_update_tells_what_changed() {
    let mut bench = Bench::new();
    let after = [
        ("Name", text("n")),
        ("Depot__Latitude__s", Value::Decimal(Decimal::ONE)),
        ("LastModifiedDate", Value::DateTime(NOW)),
    ];
    let changed = ["LastModifiedDate", "Name", "Depot__Latitude__s"];
    let changes = vec![bench.change(1, ChangeKind::Update, &changed, &after)];
    bench.commit(NOW, changes);
    let fields = decode(bench.bus.iter().next().unwrap());
    // Both parts of a place go together; the one without a value is named as cleared.
    assert_eq!(strings(get(&fields, "ChangeEventHeader.changedFields")), ["0x24", "9-0x03"]);
    assert_eq!(strings(get(&fields, "ChangeEventHeader.nulledFields")), ["9-0x02"]);
    assert_eq!(get(&fields, "Depot__c.Latitude"), &Avro::Double(1.0));
    assert_eq!(get(&fields, "Status__c"), &Avro::Null);

    // A system stamp alone is no event, a deletion has no values.
    let changes = vec![
        bench.change(2, ChangeKind::Update, &["SystemModstamp"], &[("SystemModstamp", Value::DateTime(NOW))]),
        bench.change(3, ChangeKind::Delete, &[], &[("Name", text("gone"))]),
    ];
    bench.commit(NOW, changes);
    assert_eq!(bench.told()[1..], [(ChangeType::Delete, vec![record(3).to_string()], 2)]);
    let fields = decode(bench.bus.iter().nth(1).unwrap());
    assert_eq!(get(&fields, "Name"), &Avro::Null);
}

#[test]
fn several_steps_on_one_record_are_one_event() {
    use ChangeKind::{Create, Delete, Undelete, Update};
    for (steps, expected) in [
        (vec![Create, Update], Some(ChangeType::Create)),
        (vec![Create, Delete], None),
        (vec![Update, Update], Some(ChangeType::Update)),
        (vec![Update, Delete], Some(ChangeType::Delete)),
        (vec![Delete, Undelete], Some(ChangeType::Update)),
        (vec![Undelete, Update], Some(ChangeType::Undelete)),
        (vec![Undelete, Delete], None),
    ] {
        let mut bench = Bench::new();
        let changes = steps
            .iter()
            .map(|kind| {
                let changed: &[&str] = if *kind == Update { &["Name"] } else { &[] };
                bench.change(1, *kind, changed, &[("Name", text("final"))])
            })
            .collect();
        bench.commit(NOW, changes);
        let told: Vec<_> = bench.told().into_iter().map(|(kind, ..)| kind).collect();
        assert_eq!(told, Vec::from_iter(expected), "{steps:?}");
    }
}

#[test]
fn alike_changes_are_merged() {
    let mut bench = Bench::new();
    bench.settings.merged_records = 3;
    let update = |n: u64, name: &str| (n, name.to_owned());
    let changes = [update(1, "a"), update(2, "a"), update(3, "a"), update(4, "a"), update(5, "b")];
    let changes: Vec<_> = changes
        .iter()
        .map(|(n, name)| bench.change(*n, ChangeKind::Update, &["Name"], &[("Name", text(name))]))
        .collect();
    bench.commit(NOW, changes.clone());
    let ids = |numbers: &[u64]| numbers.iter().map(|n| record(*n).to_string()).collect::<Vec<_>>();
    let expected = [ids(&[1, 2, 3]), ids(&[4]), ids(&[5])];
    assert_eq!(bench.told().into_iter().map(|(_, ids, _)| ids).collect::<Vec<_>>(), expected);

    bench.settings.merged_records = 1;
    bench.commit(NOW, changes);
    assert_eq!(bench.bus.len(), 3 + 5);
}

#[test]
fn unselected_objects_leave_holes_in_the_sequence() {
    let mut bench = Bench::new();
    let (profile, _) = bench.schema.find("Profile").unwrap();
    let mut other = bench.change(9, ChangeKind::Create, &[], &[]);
    other.object = profile;
    let changes =
        vec![bench.change(1, ChangeKind::Delete, &[], &[]), other, bench.change(2, ChangeKind::Create, &[], &[])];
    bench.commit(NOW, changes.clone());
    assert_eq!(bench.told().into_iter().map(|(.., n)| n).collect::<Vec<_>>(), [1, 3]);
    let keys: Vec<_> = bench.bus.iter().map(|e| e.transaction.key_text()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0].len(), 36);

    bench.settings.change_event_objects = Some(vec!["Account".into()]);
    bench.commit(NOW, changes);
    assert_eq!(bench.bus.len(), 2, "not selected, no events");
}

#[test]
fn too_much_in_one_transaction_overflows() {
    let mut bench = Bench::new();
    bench.settings.overflow_changes = 3;
    let changes =
        (1..=5).map(|n| bench.change(n, ChangeKind::Create, &[], &[("Name", text(&n.to_string()))])).collect();
    bench.commit(NOW, changes);
    let told = bench.told();
    assert_eq!(told.len(), 4);
    assert_eq!((told[3].0, told[3].1.as_slice()), (ChangeType::GapOverflow, &["000000000000000AAA".to_owned()][..]));
}

#[test]
fn an_event_too_large_is_a_gap() {
    let mut bench = Bench::new();
    bench.settings.max_event_bytes = 10;
    let row = [("Notes__c", text("more than ten bytes")), ("Name", text("n"))];
    let changes = vec![
        bench.change(1, ChangeKind::Create, &[], &row),
        bench.change(2, ChangeKind::Update, &["Name"], &row),
        bench.change(3, ChangeKind::Update, &["Notes__c"], &row),
    ];
    bench.commit(NOW, changes);
    let kinds: Vec<_> = bench.told().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [ChangeType::GapCreate, ChangeType::Update, ChangeType::GapUpdate]);
}

#[test]
fn positions_rise_and_skip_and_expire() {
    let mut bench = Bench::new();
    (1..=20).for_each(|n| bench.create(NOW + n as i64 * HOUR, n));
    let positions = bench.positions();
    assert!(positions.is_sorted_by(|a, b| a < b));
    assert!(positions.windows(2).any(|w| w[1] - w[0] > 1), "numbers are skipped");
    assert_eq!(bench.read(Start::Earliest).unwrap(), positions);
    assert_eq!(bench.read(Start::After(ReplayId(positions[4]))).unwrap(), positions[5..]);
    assert_eq!(bench.read(Start::Latest).unwrap(), Vec::<u64>::new());
    assert_eq!(bench.read(Start::After(ReplayId(positions[19] + 100))), Err(ReadError::Expired), "never given out");
    assert_eq!(bench.read(Start::After(ReplayId(1))), Err(ReadError::Expired), "another org's");

    // Ten hours past the retention of the fifth.
    bench.bus.advance(NOW + (5 + 72) * HOUR + 1, &bench.settings);
    assert_eq!(bench.positions(), positions[5..]);
    assert_eq!(bench.read(Start::After(ReplayId(positions[4]))), Err(ReadError::Expired));
    assert!(bench.read(Start::After(ReplayId(positions[5]))).is_ok());

    // Long silence: even the newest id is too old, but a keep-alive's is not.
    bench.bus.advance(NOW + 1000 * HOUR, &bench.settings);
    assert!(bench.bus.is_empty());
    assert_eq!(bench.read(Start::After(ReplayId(positions[19]))), Err(ReadError::Expired));
    let fresh = bench.bus.run_ahead(NOW + 1000 * HOUR, &bench.settings);
    assert!(fresh.0 > positions[19]);
    assert_eq!(bench.read(Start::After(fresh)).unwrap(), Vec::<u64>::new());
}

#[test]
fn the_log_is_bounded() {
    let mut bench = Bench::new();
    bench.settings.max_stored_events = 10;
    let slow = bench.bus.start(Start::Latest).unwrap();
    (1..=25).for_each(|n| bench.create(NOW, n));
    assert_eq!(bench.bus.len(), 10);
    assert_eq!(bench.bus.read(slow, &Topic::Standard, 1).unwrap_err(), ReadError::Expired, "it missed fifteen");
}

#[test]
fn a_reader_takes_up_where_it_stopped() {
    let mut bench = Bench::new();
    (1..=5).for_each(|n| bench.create(NOW, n));
    let all = bench.positions();
    let mut cursor = bench.bus.start(Start::Earliest).unwrap();
    let mut seen = Vec::new();
    loop {
        let batch = bench.bus.read(cursor, &Topic::Object("Widget__c".into()), 2).unwrap();
        seen.extend(batch.events.iter().map(|(e, _)| e.replay_id.0));
        cursor = batch.next.unwrap();
        if batch.at_end {
            break;
        }
    }
    assert_eq!(seen, all);
    assert!(
        bench
            .bus
            .read(bench.bus.start(Start::Earliest).unwrap(), &Topic::Object("Account".into()), 9)
            .unwrap()
            .events
            .is_empty()
    );
}

#[test]
fn faults() {
    let mut bench = Bench::new();
    bench.bus.duplicate_next(1);
    bench.create(NOW, 1);
    bench.create(NOW, 2);
    let positions = bench.positions();
    assert_eq!((positions.len(), positions[0]), (3, positions[1]));
    assert_eq!(bench.read(Start::After(ReplayId(positions[0]))).unwrap(), [positions[2]], "resuming skips both");

    bench.bus.duplicate_last(1);
    let again: Vec<_> = bench.bus.iter().skip(2).map(|e| (e.transaction.number, e.sequence)).collect();
    assert_eq!(again[0], again[1]);
    assert!(bench.positions().is_sorted());

    bench.bus.gap_next(1);
    bench.create(NOW, 3);
    bench.create(NOW, 4);
    let (schema, settings) = (bench.schema.clone(), bench.settings.clone());
    let ids = [record(5), record(6)];
    bench.bus.inject_gap(&schema, &settings, NOW, "widget__c", &ids, ChangeType::Delete).unwrap();
    bench.bus.inject_overflow(&schema, &settings, NOW, "Widget__c").unwrap();
    bench.bus.inject_wildcard(&schema, &settings, NOW, "Widget__c").unwrap();
    assert!(bench.bus.inject_overflow(&schema, &settings, NOW, "Profile").is_err());
    let told: Vec<_> = bench.told().into_iter().skip(4).map(|(kind, ids, _)| (kind, ids)).collect();
    assert_eq!(
        told,
        [
            (ChangeType::GapCreate, vec![record(3).to_string()]),
            (ChangeType::Create, vec![record(4).to_string()]),
            (ChangeType::GapDelete, ids.iter().map(RecordId::to_string).collect()),
            (ChangeType::GapOverflow, vec!["000000000000000AAA".into()]),
            (ChangeType::Update, vec!["a0X*".into()]),
        ]
    );
    bench.bus.iter().for_each(|event| drop(decode(event)));

    let open = bench.bus.start(Start::Latest).unwrap();
    let newest = bench.bus.latest();
    bench.bus.expire_replay_ids(None);
    assert_eq!(bench.read(Start::After(newest)), Err(ReadError::Expired));
    assert!(bench.bus.read(open, &Topic::Standard, 1).is_ok(), "who had read everything lost nothing");
    bench.create(NOW, 7);
    assert_eq!(bench.read(Start::Earliest).unwrap().len(), 1);
    bench.bus.reset_positions();
    assert_eq!(bench.bus.read(open, &Topic::Standard, 1).unwrap_err(), ReadError::Reset);
    assert_eq!(bench.read(Start::Earliest).unwrap(), Vec::<u64>::new());
}

#[test]
fn schemas_change_and_stay() {
    let mut bench = Bench::new();
    bench.create(NOW, 1);
    let mut schema = Schema::clone(&bench.schema);
    assert!(schema.add_fields("Widget__c", [Field::text("Later__c", "Later", 20)]));
    bench.schema = Arc::new(schema);
    let change = bench.change(2, ChangeKind::Create, &[], &[("Later__c", text("new")), ("Name", text("n"))]);
    bench.commit(NOW, vec![change]);
    let events: Vec<_> = bench.bus.iter().collect();
    assert_ne!(events[0].schema.id, events[1].schema.id);
    for event in &events {
        assert_eq!(bench.bus.schema(&event.schema.id).unwrap().json, event.schema.json);
    }
    assert_eq!(get(&decode(events[1]), "Later__c"), &Avro::String("new".into()));
    assert!(!decode(events[0]).iter().any(|(name, _)| name == "Later__c"));
    // The same definition gives the same id in every org.
    assert_eq!(Bench::new().bus.current_schema(Bench::new().schema.object(bench.object)).id, events[0].schema.id);
}

#[test]
fn long_text_may_go_as_a_difference() {
    let mut bench = Bench::new();
    let lines = |last: &str| Value::Text(format!("{}{last}", "a line of the text\n".repeat(100)));
    let mut change = bench.change(1, ChangeKind::Update, &["Notes__c"], &[("Notes__c", lines("new"))]);
    change.before = Some(bench.row(&[("Notes__c", lines("old"))]));
    bench.commit(NOW, vec![change.clone()]);
    bench.settings.long_text_diffs = true;
    bench.commit(NOW, vec![change]);
    let told: Vec<_> = bench.bus.iter().map(decode).collect();
    let diffs = |fields: &[(String, Avro)]| strings(get(fields, "ChangeEventHeader.diffFields")).join(" ");
    assert_eq!([diffs(&told[0]), diffs(&told[1])], ["", "0x0400"]);
    let Avro::String(diff) = get(&told[1], "Notes__c") else { panic!("text") };
    assert!(diff.starts_with("--- \n+++ ") && diff.ends_with("@@ -101,1 +101,1 @@\n-old\n+new\n"), "{diff}");
}

#[test]
fn a_bus_goes_on_where_it_stopped() {
    let mut bench = Bench::new();
    bench.create(NOW, 1);
    bench.create(NOW, 2);
    let positions = bench.positions();
    let kept = serde_json::to_string(&bench.bus.position()).unwrap();
    let number = bench.bus.iter().map(|e| e.transaction.number).max();
    bench.bus = Bus::resume(serde_json::from_str(&kept).unwrap());
    assert_eq!(bench.read(Start::After(ReplayId(positions[1]))).unwrap(), Vec::<u64>::new());
    assert_eq!(bench.read(Start::After(ReplayId(positions[0]))), Err(ReadError::Expired));
    bench.create(NOW, 3);
    assert!(bench.positions()[0] > positions[1]);
    assert!(bench.bus.iter().map(|e| e.transaction.number).max() > number);
    assert_eq!(bench.read(Start::After(ReplayId(positions[1]))).unwrap(), bench.positions());
}
