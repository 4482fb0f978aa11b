//! What must hold without any recording at hand.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::*;

/// Fields, child relationships, picklist values and a digest of the describe: facts that changed show up here, to
/// be looked at, even where the recordings are not.
#[test]
fn describes_of_standard_objects_stay_as_they_are() {
    let schema = standard();
    let mut found = String::new();
    for object in schema.objects() {
        let text = describe::object(object, "61.0", "https://org.example").to_string();
        let digest = Sha256::digest(text.as_bytes());
        let values: usize = object.fields.iter().map(|f| f.picklist.len()).sum();
        found += &format!(
            "{} {} {} {values} {:02x}{:02x}{:02x}{:02x}\n",
            object.name,
            object.fields.len(),
            object.children.len(),
            digest[0],
            digest[1],
            digest[2],
            digest[3],
        );
    }
    insta::assert_snapshot!(found);
}

#[test]
fn names_are_unique_and_prefixes_lead_to_their_object() {
    let schema = standard();
    let mut prefixes = BTreeSet::new();
    for (at, object) in schema.objects().iter().enumerate() {
        let id = ObjectId(at as u16);
        assert_eq!(schema.find(&object.name.to_uppercase()).unwrap().0, id);
        if let Some(prefix) = object.key_prefix {
            assert!(prefixes.insert(prefix), "{}", object.name);
            assert_eq!(schema.by_prefix(prefix), Some(id));
        }
        let names: BTreeSet<_> = object.fields.iter().map(|f| f.name.to_lowercase()).collect();
        assert_eq!(names.len(), object.fields.len(), "{}: a field twice", object.name);
        assert_eq!(object.field("ID").unwrap().0, FieldId(0), "{}", object.name);
        for (id, field) in object.enumerate() {
            assert_eq!(object.field(&field.name).unwrap().0, id);
        }
    }
}

#[test]
fn compound_fields_have_their_parts() {
    for object in standard().objects() {
        for field in &object.fields {
            if let Some(compound) = &field.compound_field_name
                && compound != "Fiscal"
            {
                assert!(object.field(compound).is_some(), "{}.{compound}", object.name);
            }
        }
    }
}

#[test]
fn every_key_of_the_reference_is_in_a_field() {
    let schema = standard();
    let (_, account) = schema.find("Account").unwrap();
    let field = describe::field(account.field_at(FieldId(0)));
    let keys: Vec<_> = field.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 57);
    assert!(keys.is_sorted());
    let object = describe::object(account, "61.0", "https://org.example");
    let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 45);
    assert!(keys.is_sorted());
}

#[test]
fn change_event_objects_are_in_the_global_list() {
    let mut schema = standard();
    schema.put(ObjectType::custom("Shipment__c", "Shipment", "Shipments", *b"a00", NameField::Text));
    let global = describe::global(&schema, "61.0");
    let entries = global["sobjects"].as_array().unwrap();
    for (event, parent) in [("AccountChangeEvent", "Account"), ("Shipment__ChangeEvent", "Shipment__c")] {
        let entry = entries.iter().find(|e| e["name"] == event).unwrap();
        assert_eq!(entry["associateEntityType"], "ChangeEvent");
        assert_eq!(entry["associateParentEntity"], parent);
        assert_eq!(entry["keyPrefix"], serde_json::Value::Null);
    }
    assert!(!entries.iter().any(|e| e["name"] == "OrganizationChangeEvent"));
}

#[test]
fn custom_objects_have_the_system_fields() {
    let object = ObjectType::custom("A__c", "A", "As", *b"a00", NameField::auto_number("A-{0000}"));
    let names: Vec<_> = object.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Id",
            "OwnerId",
            "IsDeleted",
            "Name",
            "CreatedDate",
            "CreatedById",
            "LastModifiedDate",
            "LastModifiedById",
            "SystemModstamp",
            "LastViewedDate",
            "LastReferencedDate",
        ]
    );
    let (_, name) = object.field("Name").unwrap();
    assert!(name.auto_number && name.name_field && !name.createable && !name.custom);
    let detail = object.with(Field::master_detail("Master__c", "Master", "Account", "As", 0));
    assert!(detail.field("OwnerId").is_none(), "a detail has no owner of its own");
    assert_eq!(detail.field("Master__c").unwrap().0, FieldId(10));
}

/// Marks of custom fields by type, as Salesforce shows them: filterable, sortable, groupable, aggregatable.
#[test]
fn custom_fields_are_marked_by_their_type() {
    let [latitude, _, location] = Field::geolocation("Position__c", "Position", 6);
    for (field, marks, ty, soap, length, bytes) in [
        (Field::text("X__c", "X", 80), "fsga", "string", "xsd:string", 80, 240),
        (Field::text_area("X__c", "X"), "fsga", "textarea", "xsd:string", 255, 765),
        (Field::long_text_area("X__c", "X", LONG_TEXT), "", "textarea", "xsd:string", 131_072, 393_216),
        (Field::rich_text_area("X__c", "X", 32_768), "", "textarea", "xsd:string", 32_768, 98_304),
        (Field::number("X__c", "X", 18, 4), "fsa", "double", "xsd:double", 0, 0),
        (Field::currency("X__c", "X", 18, 2), "fsa", "currency", "xsd:double", 0, 0),
        (Field::percent("X__c", "X", 5, 2), "fsa", "percent", "xsd:double", 0, 0),
        (Field::checkbox("X__c", "X", true), "fsg", "boolean", "xsd:boolean", 0, 0),
        (Field::date("X__c", "X"), "fsga", "date", "xsd:date", 0, 0),
        (Field::datetime("X__c", "X"), "fsa", "datetime", "xsd:dateTime", 0, 0),
        (Field::time("X__c", "X"), "fsa", "time", "xsd:time", 0, 0),
        (Field::email("X__c", "X"), "fsga", "email", "xsd:string", 80, 240),
        (Field::phone("X__c", "X"), "fsga", "phone", "xsd:string", 40, 120),
        (Field::url("X__c", "X"), "fsga", "url", "xsd:string", 255, 765),
        (Field::picklist("X__c", "X", &["A"], true), "fsga", "picklist", "xsd:string", 255, 765),
        (Field::multi_picklist("X__c", "X", &["A"], true), "f", "multipicklist", "xsd:string", 4099, 12_297),
        (Field::lookup("X__c", "X", "Account", "Xs"), "fsga", "reference", "tns:ID", 18, 18),
        (Field::external_id("X__c", "X", 40, true), "fsga", "string", "xsd:string", 40, 120),
        (Field::auto_number("X__c", "X", "{0}"), "fsa", "string", "xsd:string", 30, 90),
        (latitude, "fsa", "double", "xsd:double", 0, 0),
        (location, "f", "location", "urn:location", 0, 0),
    ] {
        let d = describe::field(&field);
        let on = |key: &str, mark| if d[key] == true { mark } else { "" };
        let found =
            [on("filterable", "f"), on("sortable", "s"), on("groupable", "g"), on("aggregatable", "a")].concat();
        assert_eq!((found.as_str(), d["type"].as_str(), d["soapType"].as_str()), (marks, Some(ty), Some(soap)));
        assert_eq!((field.length, field.byte_length), (length, bytes), "{ty}");
        assert!(field.custom, "{ty}");
    }
}

#[test]
fn relationships_are_entered_on_both_sides_in_either_order() {
    let lookup = || {
        ObjectType::custom("Line__c", "Line", "Lines", *b"a01", NameField::Text)
            .with(Field::master_detail("Shipment__c", "Shipment", "Shipment__c", "Lines", 0))
            .with(Field::lookup("Next__c", "Next", "Line__c", "Before"))
            .with(Field::lookup("Account__c", "Account", "Account", "Lines"))
    };
    let shipment = || ObjectType::custom("Shipment__c", "Shipment", "Shipments", *b"a00", NameField::Text);
    for child_first in [true, false] {
        let mut schema = standard();
        if child_first {
            schema.put(lookup());
            schema.put(shipment());
        } else {
            schema.put(shipment());
            schema.put(lookup());
        }
        let names = |of: &str| -> Vec<(String, bool)> {
            let children = &schema.find(of).unwrap().1.children;
            let ours = children.iter().filter(|c| c.child_object == "Line__c");
            ours.filter_map(|c| Some((c.relationship_name.clone()?, c.cascade_delete))).collect()
        };
        assert_eq!(names("Shipment__c"), [("Lines__r".to_owned(), true)], "child first: {child_first}");
        assert_eq!(names("Line__c"), [("Before__r".to_owned(), false)]);
        assert_eq!(names("Account"), [("Lines__r".to_owned(), false)]);
        let (_, line) = schema.find("line__C").unwrap();
        assert_eq!(line.relationship("shipment__R").unwrap().1.name, "Shipment__c");
        assert!(names("User").is_empty(), "created-by and modified-by relationships have no name");
    }
}

#[test]
fn added_fields_keep_the_places_of_the_others() {
    let mut schema = standard();
    let before = schema.find("Account").unwrap().1.fields.len();
    assert!(schema.add_fields("account", [Field::text("Note__c", "Note", 80), Field::text("NOTE__C", "Again", 9)]));
    let (_, account) = schema.find("Account").unwrap();
    assert_eq!(account.field("note__c").unwrap().0, FieldId(before as u16));
    assert_eq!(account.fields.len(), before + 1);
    assert!(!schema.add_fields("Nothing", [Field::text("Note__c", "Note", 80)]));
    assert_eq!(schema.last_modified(), 0);
    schema.touch(5_000);
    schema.touch(3_000);
    assert_eq!(schema.last_modified(), 5_000, "a clock moved back does not make an old describe new");
}
