//! What the seed promises.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value as Json, json};

use super::*;
use crate::Value;
use crate::dml::{Input, Write, WriteContext};
use crate::schema::{FieldType, ObjectId, ObjectType};
use crate::store::Row;

/// 2026-01-15T12:00:00Z
const NOW: Millis = 1_768_478_400_000;

fn seeded(number: u64, contacts: u64) -> Org {
    let mut org = Org::default();
    Seed { number, contacts }.fill(&mut org, NOW).unwrap();
    org
}

fn rows(org: &Org) -> impl Iterator<Item = (ObjectId, &ObjectType, RecordId, &Row)> {
    org.store.tables().flat_map(move |(object, table)| {
        let facts = org.schema.object(object).as_ref();
        table.rows().map(move |(id, row)| (object, facts, id, row.as_ref()))
    })
}

fn dump(org: &Org) -> Vec<String> {
    rows(org).map(|(_, facts, id, row)| format!("{} {id} {row:?}", facts.name)).collect()
}

#[test]
fn the_same_number_gives_the_same_org() {
    let first = dump(&seeded(5, 300));
    assert!(first == dump(&seeded(5, 300)), "the same number gave another org");
    assert!(first != dump(&seeded(6, 300)), "another number gave the same org");
}

fn made_when_looked_at(number: u64, contacts: u64) -> Org {
    let mut org = Org::default();
    Seed { number, contacts }.fill_with(&mut org, NOW, 0).unwrap();
    org
}

#[test]
fn rows_that_are_made_when_they_are_looked_at_are_the_same() {
    let mut org = made_when_looked_at(5, 300);
    assert_eq!(org.store.held_now(), 0, "nothing was looked at");
    let all = dump(&seeded(5, 300));
    assert!(dump(&org) == all);
    let held = org.store.held_now();
    assert!(held > 500, "{held}");
    org.store.trim();
    assert_eq!(org.store.held_now(), 0);
    assert!(dump(&org) == all, "and again");
    // A row that somebody keeps stays held, and stays what it is.
    let (contact, _) = org.schema.find("Contact").unwrap();
    let kept = Arc::clone(org.store.table(contact).unwrap().rows().next().unwrap().1);
    org.store.trim();
    assert_eq!(org.store.held_now(), 1);
    let copy = crate::store::Store::from_image(org.store.image());
    let copied = copy.table(contact).unwrap().rows().next().unwrap().1;
    assert!(*kept == **copied);
}

#[test]
fn rows_that_are_made_when_they_are_looked_at_behave_as_rows() {
    let (mut lazy, mut plain) = (made_when_looked_at(3, 400), seeded(3, 400));
    let (contact, facts) = lazy.schema.find("Contact").map(|(id, facts)| (id, Arc::clone(facts))).unwrap();
    let key = facts.field("Ext_Id__c").unwrap().0;
    let ids: Vec<RecordId> = plain.store.table(contact).unwrap().live_rows().map(|(id, _)| id).collect();
    let value = plain.store.get(contact, ids[7]).unwrap().get(key);
    for id in &ids {
        let value = plain.store.get(contact, *id).unwrap().get(key);
        assert_eq!(lazy.store.find_by(contact, key, &value), plain.store.find_by(contact, key, &value));
    }
    assert_eq!(lazy.store.held_now(), 0, "an index and its hits hold no row");
    let context = WriteContext { now: NOW, user: lazy.settings.admin_id, origin: String::new(), all_or_none: false };
    let text = |name: &str, text: &str| vec![(name.to_owned(), Input::Text(text.into()))];
    let Value::Text(taken) = value else { panic!("{value:?}") };
    let writes = || {
        vec![
            Write::Update { object: contact, id: ids[3], fields: text("Title", "Changed") },
            Write::Delete { object: contact, id: ids[4] },
            Write::HardDelete { object: contact, id: ids[5] },
            Write::Create { object: contact, fields: text("LastName", "New") },
            Write::Update { object: contact, id: ids[6], fields: text("Ext_Id__c", &taken) },
            Write::Update { object: contact, id: ids[7], fields: text("Ext_Id__c", "other") },
        ]
    };
    let results = lazy.write(&context, writes());
    assert_eq!(results, plain.write(&context, writes()));
    assert_eq!(results.iter().filter(|r| r.is_err()).count(), 1, "the key is taken: {results:?}");
    lazy.store.trim();
    assert!(dump(&lazy) == dump(&plain));
    assert_eq!(lazy.store.table(contact).unwrap().live_len(), plain.store.table(contact).unwrap().live_len());
    let options = crate::query::QueryOptions {
        all: false,
        now: NOW,
        user: lazy.settings.admin_id,
        version: 66,
        batch_size: None,
    };
    lazy.store.trim();
    for soql in [
        "SELECT FIELDS(STANDARD) FROM Contact",
        "SELECT Id, Name, Account.Name, Owner.Name FROM Contact WHERE Email != null AND Title LIKE '%r%'",
        "SELECT Id, Who.Name, What.Name, AccountId FROM Task",
    ] {
        let csv = |org: &Org| {
            let found = crate::query::select_bulk(org, soql, &options).unwrap();
            let mut out = Vec::new();
            found.write_rows(0..found.len(), b',', "\n", &mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(csv(&lazy) == csv(&plain), "{soql}");
        if soql.starts_with("SELECT FIELDS") {
            assert_eq!(lazy.store.held_now(), 0, "a Bulk query holds no row");
        }
    }
    let soql = "SELECT AccountId, COUNT(Id) FROM Contact GROUP BY AccountId ORDER BY AccountId";
    let json = |org: &Org| crate::query::run(org, soql, &options).unwrap().json;
    assert!(json(&lazy) == json(&plain));
}

#[test]
fn proportions_are_kept() {
    let org = seeded(1, 1_000);
    let counts: BTreeMap<&str, (usize, usize)> = org
        .store
        .tables()
        .filter(|(_, t)| !t.is_empty())
        .map(|(object, t)| (org.schema.object(object).name.as_str(), (t.live_len(), t.len() - t.live_len())))
        .collect();
    let expected = BTreeMap::from([
        ("Account", (200, 3)),
        ("Case", (100, 1)),
        ("Contact", (1_000, 16)),
        ("Event", (50, 0)),
        ("Group", (2, 0)),
        ("Lead", (100, 1)),
        ("Opportunity", (100, 1)),
        ("Organization", (1, 0)),
        ("Product_Note__c", (20, 0)),
        ("Profile", (3, 0)),
        ("RecordType", (2, 0)),
        ("Shipment_Line__c", (100, 1)),
        ("Shipment__c", (50, 0)),
        ("Task", (100, 1)),
        ("User", (30, 0)),
        ("UserRole", (8, 0)),
    ]);
    assert_eq!(counts, expected);
    assert!(dump(&seeded(1, 0)).len() > 40, "users and roles are there without contacts");
    for few in 1..30 {
        seeded(few, few);
    }
}

#[test]
fn only_an_empty_org_is_filled() {
    let mut org = seeded(1, 10);
    let before = dump(&org);
    let error = Seed::default().fill(&mut org, NOW).unwrap_err();
    assert_eq!(error.code, "INVALID_TYPE");
    assert_eq!(dump(&org), before);
}

#[test]
fn every_reference_points_at_a_live_record_of_a_right_object() {
    let org = seeded(3, 2_000);
    let mut followed = BTreeSet::new();
    for (_, facts, id, row) in rows(&org) {
        for (field, value) in row.iter() {
            let field = facts.field_at(field);
            let Some(target) = value.to_value().as_id().filter(|_| field.ty == FieldType::Reference) else { continue };
            let object = org.schema.by_prefix(target.prefix()).unwrap();
            assert!(
                field.reference_to.contains(&org.schema.object(object).name),
                "{} {id}: {} points at {target}",
                facts.name,
                field.name
            );
            assert!(org.store.live(object, target).is_some(), "{} {id}: {} points at nothing", facts.name, field.name);
            followed.insert(format!("{}.{}", facts.name, field.name));
        }
    }
    assert!(followed.len() >= 60, "{followed:?}");
}

/// Fields that DML computes from its own time or leaves to a later process.
const NOT_COMPARED: [&str; 13] = [
    "Id",
    "IsDeleted",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "ClosedDate",
    "CompletedDateTime",
    "UserType",
    "SmallPhotoUrl",
    "FullPhotoUrl",
    "PortalType",
];

/// Writes every seeded record again through DML, with all its rules, into an org that is empty but for the schema,
/// and compares what is stored. Ids come out the same as both give them in order.
#[test]
fn every_row_is_what_dml_would_have_stored() {
    let org = seeded(2, 1_500);
    let mut copy = Org { schema: Arc::clone(&org.schema), ..Org::default() };
    let order = [
        "Organization",
        "Profile",
        "UserRole",
        "User",
        "Group",
        "RecordType",
        "Account",
        "Contact",
        "Opportunity",
        "Case",
        "Lead",
        "Task",
        "Event",
        "Shipment__c",
        "Shipment_Line__c",
        "Product_Note__c",
    ];
    let mut compared = 0;
    for name in order {
        let (object, facts) = org.schema.find(name).unwrap();
        for (id, row) in org.store.table(object).unwrap().rows() {
            if !facts.flags.createable || name == "UserRole" || name == "Profile" {
                // Organization and Profile cannot be made by DML; a role is a record of set-up.
                copy.store.table_mut(object).put(id, row.as_ref().clone());
                continue;
            }
            let user = facts.field("CreatedById").map_or(org.settings.admin_id, |(f, _)| row.get(f).as_id().unwrap());
            let context = WriteContext { now: NOW, user, origin: String::new(), all_or_none: true };
            let fields = row.iter().filter_map(|(field, value)| {
                let field = facts.field_at(field);
                field.createable.then(|| (field.name.clone(), Input::Json(to_json(&value.to_value()))))
            });
            let mut fields: Vec<_> = fields.collect();
            // Records of the time before there were record types have none.
            if facts.field("RecordTypeId").is_some_and(|(field, _)| row.get(field).is_null()) {
                fields.push(("RecordTypeId".to_owned(), Input::Null));
            }
            let create = Write::Create { object, fields };
            let saved = copy.write(&context, vec![create]).remove(0);
            let saved = saved.unwrap_or_else(|e| panic!("{name} {id}: {e:?}\n{row:?}"));
            assert_eq!(saved.id, id, "{name}");
            let written = copy.store.get(object, id).unwrap();
            for (field_id, field) in facts.enumerate().filter(|(_, f)| !NOT_COMPARED.contains(&f.name.as_str())) {
                let (ours, theirs) = (row.get(field_id), written.get(field_id));
                assert_eq!(ours, theirs, "{name} {id}: {}", field.name);
                if let (Value::Decimal(a), Value::Decimal(b)) = (&ours, &theirs) {
                    assert_eq!(a.scale(), b.scale(), "{name} {id}: scale of {}", field.name);
                }
            }
            compared += 1;
            for field in ["ClosedDate", "CompletedDateTime"] {
                if let Some((f, _)) = facts.field(field) {
                    assert_eq!(row.get(f).is_null(), written.get(f).is_null(), "{name} {id}: {field}");
                }
            }
        }
        // Only now: nothing points at what is deleted, but a later record may not reuse a unique value either.
        for (id, _) in org.store.table(object).unwrap().bin() {
            let context =
                WriteContext { now: NOW, user: org.settings.admin_id, origin: String::new(), all_or_none: true };
            copy.write(&context, vec![Write::Delete { object, id }]).remove(0).unwrap();
        }
    }
    assert!(compared > 2_500, "{compared}");
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => json!(text),
        Value::Bool(b) => json!(b),
        Value::Int(n) => json!(n),
        Value::Decimal(d) => Json::Number(serde_json::Number::from_string_unchecked(d.to_string())),
        Value::Date(d) => json!(d.to_string()),
        Value::DateTime(ms) => json!(jiff::Timestamp::from_millisecond(*ms).unwrap().to_string()),
        Value::Time(ms) => {
            let (s, ms) = (ms / 1000, ms % 1000);
            json!(format!("{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60))
        }
        Value::Id(id) => json!(id.to_string()),
    }
}

#[test]
fn audit_fields_are_in_order_and_batches_share_a_second() {
    let org = seeded(4, 3_000);
    for (_, facts, id, row) in rows(&org) {
        let at = |name| facts.field(name).and_then(|(f, _)| row.get(f).as_millis());
        let (created, modified, stamp) = (at("CreatedDate"), at("LastModifiedDate"), at("SystemModstamp"));
        let created = created.or(modified).unwrap();
        let (modified, stamp) = (modified.unwrap(), stamp.unwrap());
        assert!(created <= modified && modified <= stamp && stamp < NOW, "{} {id}", facts.name);
        assert!([created, modified, stamp].iter().all(|ms| ms % 1_000 == 0), "{} {id}", facts.name);
    }
    let (object, facts) = org.schema.find("Contact").unwrap();
    let stamp = facts.field("SystemModstamp").unwrap().0;
    let mut by_second: BTreeMap<Millis, usize> = BTreeMap::new();
    for (_, row) in org.store.table(object).unwrap().rows() {
        *by_second.entry(row.get(stamp).as_millis().unwrap()).or_default() += 1;
    }
    assert!(by_second.values().any(|n| *n > 50), "no batch in one second");
    assert!(by_second.len() > 1_000, "stamps are spread");
    let span = by_second.keys().last().unwrap() - by_second.keys().next().unwrap();
    assert!(span > 5 * 365 * DAY, "over years");
    for (id, binned) in org.store.table(object).unwrap().bin() {
        let row = org.store.get(object, id).unwrap();
        assert_eq!(row.get(stamp), Value::DateTime(binned.at));
        assert!(binned.root && binned.at > NOW - crate::dml::RECYCLE_BIN_MS);
    }
}

#[test]
fn every_field_type_is_used_and_the_extremes_are_there() {
    let org = seeded(1, 4_000);
    let mut types = HashSet::new();
    let (mut years, mut longest, mut digits) = (BTreeSet::new(), 0, BTreeSet::new());
    let mut text = String::new();
    for (_, facts, _, row) in rows(&org) {
        for (field, value) in row.iter() {
            types.insert(facts.field_at(field).ty);
            match value.to_value() {
                Value::Date(date) => {
                    years.insert(date.year());
                }
                Value::Decimal(d) => {
                    digits.insert(d.mantissa());
                }
                Value::Text(t) => {
                    longest += usize::from(t.chars().count() == 131_072);
                    if t.len() < 1_000 {
                        text.push_str(&t);
                        text.push('\u{0}');
                    }
                }
                _ => {}
            }
        }
    }
    for ty in FieldType::ALL {
        // Nor does the seed bring files.
        let written = org.schema.objects().iter().any(|o| o.fields.iter().any(|f| f.ty == ty))
            && !ty.is_compound()
            && ty != FieldType::Base64;
        assert_eq!(types.contains(&ty), written, "{ty:?}");
    }
    assert_eq!((years.first(), years.last()), (Some(&1700), Some(&4000)));
    assert_eq!(longest, 6, "texts of the longest length do not grow with the org");
    for extreme in [999_999_999_999_999_999, -999_999_999_999_999_999, 0, -1, 123_456_789_012_345_678] {
        assert!(digits.contains(&extreme), "{extreme}");
    }
    for sample in
        ["\r\n", "\t", "\u{1}", "\u{7f}", "\"", "=1+1", "Ł", "Щ", "Ξ", "ع", "ש", "श", "ไ", "臺", "髙", "민", "👋🏽"]
    {
        assert!(text.contains(sample), "{sample:?}");
    }
    assert!(!text.contains("\u{0}\u{0}"), "no empty text is stored");
}

#[test]
fn hierarchies_are_deep_and_have_no_circle() {
    let org = seeded(1, 2_000);
    for (name, field, least) in [
        ("Account", "ParentId", 12),
        ("Contact", "ReportsToId", 10),
        ("User", "ManagerId", 4),
        ("UserRole", "ParentRoleId", 4),
    ] {
        let (object, facts) = org.schema.find(name).unwrap();
        let field = facts.field(field).unwrap().0;
        let mut deepest = 0;
        for (id, _) in org.store.table(object).unwrap().rows() {
            let (mut depth, mut at) = (0, Some(id));
            while let Some(id) = at {
                depth += 1;
                assert!(depth < 100, "{name}: a circle");
                at = org.store.get(object, id).unwrap().get(field).as_id();
            }
            deepest = deepest.max(depth);
        }
        assert!(deepest >= least, "{name}: {deepest}");
    }
}

#[test]
fn the_administrator_is_an_active_user_and_somebody_is_not() {
    let org = seeded(1, 10);
    let (object, facts) = org.schema.find("User").unwrap();
    let get = |id, name| org.store.live(object, id).unwrap().get(facts.field(name).unwrap().0);
    let admin = org.settings.admin_id;
    assert_eq!(get(admin, "Username"), Value::Text("admin@tidegate.example".into()));
    assert_eq!(get(admin, "IsActive"), Value::Bool(true));
    let profile = get(admin, "ProfileId").as_id().unwrap();
    let (profiles, of_profile) = org.schema.find("Profile").unwrap();
    let name = org.store.live(profiles, profile).unwrap().get(of_profile.field("Name").unwrap().0);
    assert_eq!(name, Value::Text("System Administrator".into()));
    let inactive = org.store.table(object).unwrap().rows().filter(|(id, _)| get(*id, "IsActive") == Value::Bool(false));
    assert_eq!(inactive.count(), 3);
    let (organization, _) = org.schema.find("Organization").unwrap();
    assert!(org.store.live(organization, org.settings.org_id).is_some());
}
