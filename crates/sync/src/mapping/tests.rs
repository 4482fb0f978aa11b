//! Describes and events, and what becomes of them.

use tidegate_client::{Describe, DescribeField};

use super::*;
use crate::event::{ChangeType, EventSchema};
use crate::{Cell, RecordId};

fn field(name: &str, kind: &str) -> DescribeField {
    DescribeField { name: name.into(), kind: kind.into(), ..DescribeField::default() }
}

fn part(name: &str, kind: &str, compound: &str) -> DescribeField {
    DescribeField { compound_field_name: Some(compound.into()), precision: 18, scale: 2, ..field(name, kind) }
}

fn describe(name: &str, fields: Vec<DescribeField>) -> Describe {
    Describe { name: name.into(), queryable: true, fields, ..Describe::default() }
}

fn map(describe: &Describe) -> ObjectMap {
    ObjectMap::new(TableId(3), describe).expect("a table")
}

#[test]
fn columns_from_describe() {
    let number = |kind: &str| DescribeField { precision: 18, scale: 2, ..field("F", kind) };
    let text = |kind: &str| DescribeField { length: 80, ..field("F", kind) };
    let urn = |kind: &str| DescribeField { soap_type: "urn:JunctionIdListNames".into(), ..field("F", kind) };
    let decimal = ColumnType::Decimal { precision: 18, scale: 2 };
    for (given, expected) in [
        (field("F", "id"), Some(ColumnType::Id)),
        (field("F", "reference"), Some(ColumnType::Id)),
        (field("F", "boolean"), Some(ColumnType::Boolean)),
        (field("F", "int"), Some(ColumnType::Integer)),
        (field("F", "long"), Some(ColumnType::Integer)),
        (number("double"), Some(decimal)),
        (number("currency"), Some(decimal)),
        (number("percent"), Some(decimal)),
        (field("F", "date"), Some(ColumnType::Date)),
        (field("F", "datetime"), Some(ColumnType::DateTime)),
        (field("F", "time"), Some(ColumnType::Time)),
        (text("string"), Some(ColumnType::Text { length: 80 })),
        (text("textarea"), Some(ColumnType::Text { length: 80 })),
        (text("picklist"), Some(ColumnType::Text { length: 80 })),
        (text("multipicklist"), Some(ColumnType::Text { length: 80 })),
        (text("combobox"), Some(ColumnType::Text { length: 80 })),
        (text("phone"), Some(ColumnType::Text { length: 80 })),
        (text("url"), Some(ColumnType::Text { length: 80 })),
        (text("email"), Some(ColumnType::Text { length: 80 })),
        (text("encryptedstring"), Some(ColumnType::Text { length: 80 })),
        (text("anyType"), Some(ColumnType::Text { length: 80 })),
        (text("not invented yet"), Some(ColumnType::Text { length: 80 })),
        (field("F", "address"), None),
        (field("F", "location"), None),
        (field("F", "base64"), None),
        (field("F", "complexvalue"), None),
        (urn("whatever"), None),
    ] {
        assert_eq!(column(&given).map(|c| c.ty), expected, "{} {}", given.kind, given.soap_type);
    }
}

#[test]
fn the_key_comes_first_and_is_needed() {
    let d = describe("Thing__c", vec![field("Name", "string"), field("Id", "id"), field("Body", "base64")]);
    let names: Vec<String> = map(&d).table.columns.into_iter().map(|c| c.field).collect();
    assert_eq!(names, ["Id", "Name"]);
    assert_eq!(
        ObjectMap::new(TableId(0), &describe("Odd", vec![field("Name", "string")])).err(),
        Some(MappingError::NoId("Odd".into()))
    );
    let closed = Describe { queryable: false, ..d };
    assert_eq!(ObjectMap::new(TableId(0), &closed).err(), Some(MappingError::NotQueryable("Thing__c".into())));
}

#[test]
fn parts_of_compound_fields() {
    let map = map(&describe(
        "Account",
        vec![
            field("Id", "id"),
            part("BillingStreet", "textarea", "BillingAddress"),
            part("BillingStateCode", "picklist", "BillingAddress"),
            part("ShippingStreet", "textarea", "ShippingAddress"),
            part("Street", "textarea", "Address"),
            part("LastName", "string", "Name"),
            part("Depot__Latitude__s", "double", "Depot__c"),
            part("Home__Street__s", "string", "Home__c"),
        ],
    ));
    for (compound, part, expected) in [
        ("BillingAddress", "Street", Some("BillingStreet")),
        ("BillingAddress", "StateCode", Some("BillingStateCode")),
        ("BillingAddress", "State", None),
        ("ShippingAddress", "Street", Some("ShippingStreet")),
        ("Address", "Street", Some("Street")),
        ("Name", "LastName", Some("LastName")),
        ("Name", "MiddleName", None),
        ("Depot__c", "Latitude", Some("Depot__Latitude__s")),
        ("Home__c", "Street", Some("Home__Street__s")),
    ] {
        let found = map.part(compound, part).map(|i| map.table.columns[usize::from(i.0)].field.as_str());
        assert_eq!(found, expected, "{compound}.{part}");
    }
}

/// The object of the worked example. Its coordinates keep few digits, so that an event carries them exactly.
fn widget(extra: Vec<DescribeField>) -> ObjectMap {
    let mut fields = vec![
        field("Id", "id"),
        field("OwnerId", "reference"),
        field("IsDeleted", "boolean"),
        field("Name", "string"),
        field("CreatedDate", "datetime"),
        field("CreatedById", "reference"),
        field("LastModifiedDate", "datetime"),
        field("LastModifiedById", "reference"),
        field("SystemModstamp", "datetime"),
        field("Status__c", "picklist"),
        DescribeField { precision: 10, scale: 2, ..field("Amount__c", "currency") },
        part("Depot__Latitude__s", "double", "Depot__c"),
        part("Depot__Longitude__s", "double", "Depot__c"),
        field("Depot__c", "location"),
        field("Notes__c", "textarea"),
    ];
    fields.extend(extra);
    map(&describe("Widget__c", fields))
}

fn planned(map: &ObjectMap, change: impl FnOnce(&mut crate::event::Event)) -> Plan {
    let schema = EventSchema::parse(crate::event::tests::WIDGET).expect("a schema");
    let mut event = schema.decode(&crate::event::tests::bytes(crate::event::tests::UPDATE)).expect("an event");
    change(&mut event);
    plan(&event, &schema, &Binding::new(&schema, map), map)
}

fn one(step: Step) -> Plan {
    Plan::Steps(vec![Planned { record: RecordId("a0X000000000001AAA".into()), step }])
}

#[test]
fn an_update_becomes_a_patch_of_what_changed() {
    let map = widget(vec![]);
    let at = |name: &str| map.table.column(name).expect("a column").0;
    let expected = vec![
        (at("LastModifiedDate"), Cell::DateTime(1_767_225_600_000)),
        (at("Status__c"), Cell::Text("Open".into())),
        (at("Amount__c"), Cell::Null),
        (at("Depot__Latitude__s"), Cell::Decimal("1.5".parse().expect("a decimal"))),
        (at("Depot__Longitude__s"), Cell::Decimal("-2".parse().expect("a decimal"))),
        (at("SystemModstamp"), Cell::DateTime(1_767_225_600_000)),
    ];
    assert_eq!(planned(&map, |_| {}), one(Step::Patch(expected)));
}

#[test]
fn what_the_event_cannot_tell_is_read() {
    let formula = DescribeField { calculated: true, ..field("Notes__c", "string") };
    let mut with_formula = widget(vec![]);
    let (notes, _) = with_formula.table.column("Notes__c").expect("a column");
    with_formula.facts[usize::from(notes.0)].calculated = formula.calculated;
    assert_eq!(planned(&with_formula, |_| {}), one(Step::Reread), "a formula may have followed");
    assert_eq!(planned(&widget(vec![field("Derived__c", "string")]), |_| {}), one(Step::Reread), "not in the event");
    let plain = widget(vec![field("LastViewedDate", "datetime")]);
    assert!(matches!(planned(&plain, |_| {}), Plan::Steps(s) if matches!(s[0].step, Step::Patch(_))));
    assert_eq!(planned(&plain, |e| e.header.diff = vec!["0x0400".into()]), one(Step::Reread), "a difference");
    assert_eq!(planned(&plain, |e| e.header.changed = vec!["0x0800".into()]), one(Step::Reread), "an unknown bit");
    assert_eq!(planned(&plain, |e| e.header.changed = vec!["0x0080".into()]), one(Step::Reread), "no new stamp");
    assert_eq!(planned(&plain, |e| e.header.changed = vec![]), one(Step::Reread), "nothing named");
    assert_eq!(planned(&plain, |e| e.body = None), one(Step::Reread), "no body");
    let mut precise = widget(vec![]);
    let (latitude, _) = precise.table.column("Depot__Latitude__s").expect("a column");
    precise.table.columns[usize::from(latitude.0)].ty = ColumnType::Decimal { precision: 18, scale: 15 };
    assert_eq!(planned(&precise, |_| {}), one(Step::Reread), "more digits than a double keeps");
    for change_type in [
        ChangeType::Undelete,
        ChangeType::GapCreate,
        ChangeType::GapUpdate,
        ChangeType::GapDelete,
        ChangeType::GapUndelete,
        ChangeType::Snapshot,
        ChangeType::Unknown,
    ] {
        assert_eq!(planned(&plain, |e| e.header.change_type = change_type), one(Step::Reread), "{change_type:?}");
    }
}

#[test]
fn a_creation_becomes_a_row_where_the_event_holds_all() {
    let map = widget(vec![]);
    let Plan::Steps(steps) = planned(&map, |e| {
        e.header.change_type = ChangeType::Create;
        e.header.changed.clear();
        e.header.record_ids.push("a0X000000000002AAA".into());
    }) else {
        panic!("steps")
    };
    assert_eq!(steps.len(), 2);
    for (planned, id) in steps.iter().zip(["a0X000000000001AAA", "a0X000000000002AAA"]) {
        let Step::Upsert(row) = &planned.step else { panic!("a row") };
        let cell = |name: &str| &row[usize::from(map.table.column(name).expect("a column").0.0)];
        assert_eq!(cell("Id"), &Cell::Text(id.into()));
        assert_eq!(cell("IsDeleted"), &Cell::Boolean(false));
        assert_eq!(cell("SystemModstamp"), &Cell::DateTime(1_767_225_600_000));
        assert_eq!(cell("Status__c"), &Cell::Text("Open".into()));
        assert_eq!(cell("Name"), &Cell::Null);
    }
    let wider = widget(vec![field("PhotoUrl", "url")]);
    assert_eq!(planned(&wider, |e| e.header.change_type = ChangeType::Create), one(Step::Reread));
}

#[test]
fn deletions_overflows_and_wildcards() {
    let map = widget(vec![]);
    assert_eq!(planned(&map, |e| e.header.change_type = ChangeType::Delete), one(Step::Delete));
    assert_eq!(planned(&map, |e| e.header.change_type = ChangeType::GapOverflow), Plan::Reload);
    assert_eq!(planned(&map, |e| e.header.record_ids = vec!["001*".into()]), Plan::Reload);
    assert_eq!(planned(&map, |e| e.header.record_ids = vec!["000000000000000AAA".into()]), Plan::Reload);
}

#[test]
fn the_name_of_a_person_is_read_when_a_part_changed() {
    let schema = crate::event::tests::WIDGET.replace(
        r#"{"name":"Name","type":["null","string"],"default":null}"#,
        r#"{"name":"Name","type":["null",{"type":"record","name":"PersonName","fields":[
            {"name":"Salutation","type":["null","string"],"default":null},
            {"name":"FirstName","type":["null","string"],"default":null},
            {"name":"LastName","type":["null","string"],"default":null}]}],"default":null}"#,
    );
    let schema = EventSchema::parse(&schema).expect("a schema");
    let mut event = schema.decode(&crate::event::tests::bytes(crate::event::tests::UPDATE)).expect("an event");
    let person = DescribeField { extra_type_info: Some("personname".into()), ..field("Name", "string") };
    let map = map(&describe(
        "Widget__c",
        vec![
            field("Id", "id"),
            person,
            part("FirstName", "string", "Name"),
            part("LastName", "string", "Name"),
            field("LastModifiedDate", "datetime"),
            field("Status__c", "picklist"),
        ],
    ));
    let binding = Binding::new(&schema, &map);
    assert!(matches!(plan(&event, &schema, &binding, &map), Plan::Steps(s) if matches!(s[0].step, Step::Patch(_))));
    event.header.changed = vec!["0x0020".into(), "2-0x02".into()];
    assert_eq!(plan(&event, &schema, &binding, &map), one(Step::Reread));
}
