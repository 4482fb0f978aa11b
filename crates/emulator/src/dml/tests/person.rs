//! Person accounts: off, on, and the two records that are one person.

use super::*;

fn bench() -> Bench {
    let mut bench = Bench::new();
    Arc::make_mut(&mut bench.org.schema).add_fields("Contact", [Field::text("Level__c", "Level", 10)]);
    bench.org.enable_person_accounts(NOW);
    bench
}

fn own_contact(bench: &Bench, account: RecordId) -> RecordId {
    bench.get("Account", account, "PersonContactId").as_id().expect("a person has a contact")
}

#[test]
fn without_the_feature_accounts_have_no_persons() {
    let mut bench = Bench::new();
    assert!(!bench.org.has_person_accounts());
    assert_eq!(
        error(bench.create("Account", json!({"LastName": "Grigoryan"}))),
        "INVALID_FIELD: No such column 'LastName' on sobject of type Account"
    );
}

#[test]
fn a_person_is_an_account_and_a_contact() {
    let mut bench = bench();
    let account = bench.made(
        "Account",
        json!({
            "LastName": "Grigoryan", "FirstName": "Anahit", "Salutation": "Ms.", "PersonEmail": "a@example.com",
            "PersonMailingCity": "Yerevan", "Level__pc": "Gold", "Phone": "374",
        }),
    );
    assert_eq!(bench.text("Account", account, "Name"), "Anahit Grigoryan");
    assert_eq!(bench.get("Account", account, "IsPersonAccount"), Value::Bool(true));
    let contact = own_contact(&bench, account);
    for (field, value) in [
        ("Name", "Anahit Grigoryan"),
        ("LastName", "Grigoryan"),
        ("Salutation", "Ms."),
        ("Email", "a@example.com"),
        ("MailingCity", "Yerevan"),
        ("Level__c", "Gold"),
        ("Phone", "374"),
    ] {
        assert_eq!(bench.text("Contact", contact, field), value, "{field}");
    }
    assert_eq!(bench.get("Contact", contact, "AccountId"), Value::Id(account));
    assert_eq!(bench.get("Contact", contact, "IsPersonAccount"), Value::Bool(true));
    let record_type = bench.get("Account", account, "RecordTypeId").as_id().unwrap();
    assert_eq!(bench.text("RecordType", record_type, "DeveloperName"), "PersonAccount");

    bench.update("Account", account, json!({"FirstName": "Ani", "PersonEmail": null})).unwrap();
    assert_eq!(bench.text("Account", account, "Name"), "Ani Grigoryan");
    assert_eq!(bench.text("Contact", contact, "Name"), "Ani Grigoryan");
    assert_eq!(bench.get("Contact", contact, "Email"), Value::Null);
    bench.update("Contact", contact, json!({"LastName": "Petrosyan", "Level__c": "Iron"})).unwrap();
    assert_eq!(bench.text("Account", account, "Name"), "Ani Petrosyan");
    assert_eq!(bench.text("Account", account, "Level__pc"), "Iron");

    bench.delete("Account", account).unwrap();
    assert!(!bench.is_live("Contact", contact));
    bench.undelete("Account", account).unwrap();
    assert!(bench.is_live("Contact", contact) && own_contact(&bench, account) == contact);
}

#[test]
fn both_records_tell_of_a_change() {
    let mut bench = bench();
    let object = bench.object("Account");
    let fields = inputs(json!({"LastName": "Grigoryan"}));
    let told = changes(&mut bench, true, vec![Write::Create { object, fields }]);
    let kinds: Vec<(ChangeKind, [u8; 3])> = told.iter().map(|(kind, id, _)| (*kind, id.prefix())).collect();
    assert_eq!(kinds, [(ChangeKind::Create, *b"001"), (ChangeKind::Create, *b"003")]);
    let fields = inputs(json!({"PersonTitle": "Dr"}));
    let told = changes(&mut bench, true, vec![Write::Update { object, id: told[0].1, fields }]);
    assert_eq!(told.len(), 2);
    assert!(told[0].2.contains(&"PersonTitle".to_owned()) && told[1].2.contains(&"Title".to_owned()));
}

#[test]
fn persons_and_businesses_keep_to_their_fields() {
    let mut bench = bench();
    let business = bench.made("Account", json!({"Name": "Acme"}));
    assert_eq!(bench.get("Account", business, "PersonContactId"), Value::Null);
    assert_ne!(bench.get("Account", business, "IsPersonAccount"), Value::Bool(true));
    let person = bench.made("Account", json!({"LastName": "G"}));
    let bad = |fields: &str| {
        format!("INVALID_FIELD_FOR_INSERT_UPDATE: Account: bad field names on insert/update call: {fields}")
    };
    assert_eq!(error(bench.create("Account", json!({"LastName": "G", "Name": "G"}))), bad("Name"));
    assert_eq!(error(bench.update("Account", person, json!({"Name": "G"}))), bad("Name"));
    assert_eq!(error(bench.update("Account", business, json!({"PersonTitle": "Dr"}))), bad("PersonTitle"));
    assert!(error(bench.update("Account", person, json!({"LastName": null}))).contains("[LastName]"));
    let contact = own_contact(&bench, person);
    assert!(error(bench.delete("Contact", contact)).starts_with("DELETE_FAILED"));
    let moved = bench.update("Contact", contact, json!({"AccountId": business.to_string()}));
    assert!(error(moved).starts_with("INVALID_FIELD_FOR_INSERT_UPDATE"));
    let child = bench.create("Contact", json!({"LastName": "Child", "AccountId": person.to_string()}));
    assert!(error(child).starts_with("FIELD_INTEGRITY_EXCEPTION"));
    bench.made("Contact", json!({"LastName": "Clerk", "AccountId": business.to_string()}));
}

#[test]
fn describe_shows_the_persons_fields_and_turning_on_twice_changes_nothing() {
    let mut bench = bench();
    let (_, account) = bench.org.schema.find("Account").unwrap();
    let describe = crate::schema::describe::object(account, "66.0", "https://x.example");
    let field =
        |name: &str| describe["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).cloned().unwrap();
    assert_eq!(field("PersonMailingStreet")["compoundFieldName"], "PersonMailingAddress");
    assert_eq!(field("LastName")["nillable"], true);
    assert_eq!(field("IsPersonAccount")["createable"], false);
    assert_eq!(field("PersonContactId")["referenceTo"], json!(["Contact"]));
    assert_eq!(field("Level__pc")["custom"], true);
    let before = bench.org.schema.find("Account").unwrap().1.clone();
    bench.org.enable_person_accounts(NOW);
    assert_eq!(*bench.org.schema.find("Account").unwrap().1, before);
    Arc::make_mut(&mut bench.org.schema).add_fields("Contact", [Field::date("Since__c", "Since")]);
    bench.org.enable_person_accounts(NOW);
    assert!(bench.org.schema.find("Account").unwrap().1.field("Since__pc").is_some());
}
