//! Tests of what comes in from files.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{ImportOptions, Imported, SourceFile, load};
use crate::schema::{Field, NameField, ObjectType};
use crate::{Millis, Org};

const NOW: Millis = 1_790_000_000_000;

fn org() -> Org {
    let mut schema = crate::schema::standard();
    schema.put(
        ObjectType::custom("Part__c", "Part", "Parts", *b"a01", NameField::Text)
            .with(Field::external_id("Ext__c", "External", 20, false))
            .with(Field::lookup("Account__c", "Account", "Account", "Parts"))
            .with(Field::lookup("Twin__c", "Twin", "Part__c", "Twins")),
    );
    Org { schema: Arc::new(schema), ..Org::default() }
}

fn json_file(name: &str, content: &Json) -> SourceFile {
    SourceFile::new(name, content.to_string())
}

fn done(org: &mut Org, files: Vec<SourceFile>) -> Imported {
    load(org, NOW, files, &ImportOptions::default()).unwrap()
}

fn refused(org: &mut Org, files: Vec<SourceFile>) -> String {
    let error = load(org, NOW, files, &ImportOptions::default()).unwrap_err().to_string();
    assert_eq!(org.store.tables().map(|(_, table)| table.len()).sum::<usize>(), 0, "nothing was changed: {error}");
    assert!(org.events.is_empty());
    error
}

/// Values of a field of all live records, by their ids.
fn values(org: &Org, object: &str, field: &str) -> Vec<String> {
    let (id, facts) = org.schema.find(object).unwrap();
    let (field, _) = facts.field(field).unwrap();
    let table = org.store.table(id).unwrap();
    let start = crate::RecordId::from_bytes([b'0'; 15]);
    table.rows_from(start).map(|(_, row)| format!("{:?}", row.get(field))).collect()
}

fn id_of(org: &Org, object: &str, at: usize) -> String {
    values(org, object, "Id")[at].clone()
}

#[test]
fn a_plan_leads_through_its_trees_and_references_are_kept() {
    let mut org = org();
    let plan = json!([
        { "sobject": "Account", "saveRefs": true, "files": ["accounts.json"] },
        { "sobject": "Part__c", "resolveRefs": true, "files": [{ "file": "parts.json" }] },
    ]);
    let accounts = json!({ "records": [{
        "attributes": { "type": "Account", "referenceId": "A1" }, "Name": "Wheels",
        "Contacts": { "records": [
            { "attributes": { "type": "Contact", "referenceId": "C1" }, "LastName": "Ng" },
            { "LastName": "Ó Sé" },
        ] },
    }] });
    let parts = json!({ "records": [
        { "attributes": { "type": "Part__c", "referenceId": "P1" }, "Name": "Hub", "Account__c": "@A1", "Twin__c": "@P2" },
        { "attributes": { "type": "Part__c", "referenceId": "P2" }, "Name": "@rim", "Twin__c": "@P1" },
    ] });
    let files = vec![
        json_file("data/parts.json", &parts),
        json_file("data/plan.json", &plan),
        json_file("data/accounts.json", &accounts),
    ];
    let imported = done(&mut org, files);
    assert_eq!(format!("{:?}", imported.created), r#"{"Account": 1, "Contact": 2, "Part__c": 2}"#);
    let account = id_of(&org, "Account", 0);
    assert_eq!(values(&org, "Contact", "AccountId"), [account.clone(), account.clone()]);
    assert_eq!(values(&org, "Part__c", "Account__c"), [account, "Null".into()]);
    assert_eq!(values(&org, "Part__c", "Twin__c"), [id_of(&org, "Part__c", 1), id_of(&org, "Part__c", 0)]);
    assert_eq!(values(&org, "Part__c", "Name")[1], r#"Text("@rim")"#);
}

#[test]
fn csv_files_of_another_org_keep_their_relations() {
    let mut org = org();
    let accounts = "\u{feff}Id,Name,ParentId,CreatedDate\r\n\
        0015g0000000001AAA,Child,0015g0000000002,2020-01-01T00:00:00.000Z\r\n\
        0015g0000000002AAA,\"Parent, \"\"Inc\"\"\",,2020-01-01T00:00:00.000Z\r\n";
    let contacts = "LastName;AccountId;Email\nNg;0015g0000000001;\nLi;;li@example.com\n";
    let files = vec![SourceFile::new("contact.csv", contacts), SourceFile::new("Account.csv", accounts)];
    let imported = done(&mut org, files);
    assert_eq!(imported.left_out, ["Account.CreatedDate"]);
    assert_eq!(values(&org, "Account", "Name"), [r#"Text("Child")"#, r#"Text("Parent, \"Inc\"")"#]);
    assert_eq!(values(&org, "Account", "ParentId"), [id_of(&org, "Account", 1), "Null".into()]);
    assert_eq!(values(&org, "Contact", "AccountId"), [id_of(&org, "Account", 0), "Null".into()]);
}

#[test]
fn rows_are_upserted_by_an_external_id() {
    let mut org = org();
    let options = ImportOptions { object: Some("Part__c".into()), external_id: Some("Ext__c".into()) };
    let run = |org: &mut Org, text: &str| load(org, NOW, vec![SourceFile::new("x.csv", text)], &options).unwrap();
    let first = run(&mut org, "Ext__c,Name\nE1,One\nE2,Two\n");
    assert_eq!((first.created.get("Part__c"), first.updated.len()), (Some(&2), 0));
    let second = run(&mut org, "Name,Ext__c\nUno,e1\nThree,E3\n");
    assert_eq!((second.created.get("Part__c"), second.updated.get("Part__c")), (Some(&1), Some(&1)));
    assert_eq!(values(&org, "Part__c", "Name"), [r#"Text("Uno")"#, r#"Text("Two")"#, r#"Text("Three")"#]);
}

#[test]
fn archives_are_opened() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("data/Account.csv", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(b"Name\nZipped\n").unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    let mut org = org();
    done(&mut org, vec![SourceFile::new("data.zip", bytes)]);
    assert_eq!(values(&org, "Account", "Name"), [r#"Text("Zipped")"#]);
}

#[test]
fn an_org_is_made_of_a_describe_and_a_project_and_filled_at_once() {
    let mut org = org();
    let field = |name: &str, ty: &str, more: Json| {
        let mut field = json!({
            "name": name, "label": name, "type": ty, "custom": name.ends_with("__c"), "length": 40, "createable": true,
            "updateable": true, "nillable": true,
        });
        field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        field
    };
    let described = json!({
        "name": "Crate__c", "label": "Crate", "labelPlural": "Crates", "keyPrefix": "a0x", "custom": true,
        "createable": true, "queryable": true, "fields": [
            field("Id", "id", json!({ "createable": false, "updateable": false, "nillable": false, "length": 18 })),
            field("Name", "string", json!({ "nameField": true })),
            field("Kind__c", "string", json!({})),
        ],
    });
    let weight = "<?xml version=\"1.0\"?><CustomField xmlns=\"http://soap.sforce.com/2006/04/metadata\">\
        <fullName>Weight__c</fullName><label>Weight</label><type>Number</type><precision>8</precision><scale>1</scale>\
        </CustomField>";
    let files = || {
        vec![
            json_file("describes/Crate__c.json", &described),
            SourceFile::new("force-app/main/default/objects/Account/fields/Weight__c.field-meta.xml", weight),
            SourceFile::new("README.md", "for nobody"),
            SourceFile::new("Crate__c.csv", "Name,Kind__c\nOne,large\n"),
        ]
    };
    let mut wrong = files();
    wrong.push(SourceFile::new("Account.csv", "Name,Weight__c\nHeavy,much\n"));
    let before = org.schema.objects().len();
    let error = load(&mut org, NOW, wrong, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("Account.csv, line 2: "), "{error}");
    assert_eq!(org.schema.objects().len(), before, "the schema is as it was");
    let mut right = files();
    right.push(SourceFile::new("Account.csv", "Name,Weight__c\nHeavy,12.5\n"));
    let imported = done(&mut org, right);
    assert_eq!(imported.problems, [] as [&str; 0]);
    assert!(imported.objects.contains(&"Crate__c".to_owned()), "{imported:?}");
    assert_eq!(values(&org, "Crate__c", "Kind__c"), [r#"Text("large")"#]);
    assert_eq!(values(&org, "Account", "Weight__c"), ["Decimal(12.5)"]);
}

#[test]
fn what_does_not_fit_is_named_and_changes_nothing() {
    let csv = |name: &str, text: &str| vec![SourceFile::new(name, text)];
    let tree = |records: Json| vec![json_file("t.json", &json!({ "records": records }))];
    for (files, expected) in [
        (
            csv("Nope.csv", "a\n1\n"),
            "Nope.csv: this org has no object Nope: name the file after its object, or say which it is",
        ),
        (csv("Account.csv", "Nmae\nx\n"), "Account.csv, column 1: Account has no field Nmae; did you mean Name?"),
        (csv("Account.csv", "Name,name\nx,y\n"), "Account.csv, column 2: the column name is there twice"),
        (csv("Account.csv", "Name\nx\ny,z\n"), "Account.csv, line 3: the row has 2 cells, the header 1"),
        (
            csv("Contact.csv", "LastName,Email\nNg,ok@example.com\nLi,nonsense\n"),
            "Contact.csv, line 3: INVALID_EMAIL_ADDRESS: Email: invalid email address: nonsense",
        ),
        (
            csv("notes.txt", "x"),
            "notes.txt: records are read from .json trees, plans and .csv files; objects and fields from describe results, \
             packages and projects",
        ),
        (csv("t.json", "{"), "t.json: no JSON: EOF while parsing an object at line 1 column 1"),
        (tree(json!([{}])), "t.json, records[0]: `attributes.type` is missing: it names the object"),
        (
            tree(
                json!([{ "attributes": { "type": "Contact", "referenceId": "x" }, "LastName": "x", "AccountId": "@nobody" }]),
            ),
            "t.json, records[0]: AccountId: no record in these files is called @nobody",
        ),
        (
            tree(
                json!([{ "attributes": { "type": "Account", "referenceId": "x" }, "Name": "x", "Wheels": { "records": [] } }]),
            ),
            "t.json, records[0]: Account has no child relationship Wheels",
        ),
        (
            tree(json!([
                { "attributes": { "type": "Account", "referenceId": "x" }, "Name": "x" },
                { "attributes": { "type": "Account", "referenceId": "x" }, "Name": "y" },
            ])),
            "t.json, records[1]: @x was given before",
        ),
        (
            vec![json_file("plan.json", &json!([{ "sobject": "Account", "files": ["gone.json"] }]))],
            "plan.json: the file gone.json is not among those given",
        ),
    ] {
        assert_eq!(refused(&mut org(), files), expected);
    }
}
