//! Changes of a living org's schema, on the org as a value: what is allowed, what becomes of the records.

use std::sync::Arc;

use serde_json::json;

use super::deploy::DeployMessage;
use super::*;
use crate::dml::{Input, Write, WriteContext};
use crate::query::{self, QueryOptions};
use crate::schema::{FieldType, Schema};
use crate::{ApiError, Org, RecordId};

const NOW: i64 = 1_790_000_000_000;

struct Bench {
    org: Org,
    context: WriteContext,
}

impl Bench {
    fn new() -> Self {
        let mut org = Org { schema: Arc::new(crate::schema::standard()), ..Org::default() };
        crate::server::ensure_administrator(&mut org, "ada@example.com", NOW);
        let context = WriteContext { now: NOW, user: org.settings.admin_id, origin: String::new(), all_or_none: false };
        let mut bench = Self { org, context };
        bench.object("Parcel__c", "ReadWrite").unwrap();
        bench
    }

    fn object(&mut self, name: &str, sharing: &str) -> Result<Saved, Problem> {
        let text = format!(
            "<CustomObject><label>Parcel</label><pluralLabel>Parcels</pluralLabel><deploymentStatus>Deployed</deploymentStatus>
             <nameField><type>Text</type><label>Parcel Name</label></nameField><sharingModel>{sharing}</sharingModel></CustomObject>"
        );
        self.save("CustomObject", name, &text, Mode::Create)
    }

    fn save(&mut self, kind: &str, name: &str, text: &str, mode: Mode) -> Result<Saved, Problem> {
        let element = crate::xml::parse(text.as_bytes()).unwrap();
        self.org.change_metadata(&self.context.clone(), |work| {
            let result = work.attempt(|work| save(work, kind, name, &element, mode));
            (result.is_ok(), result)
        })
    }

    /// A field of `Parcel__c`, made or changed.
    fn field(&mut self, name: &str, members: &str) -> Result<Saved, Problem> {
        let text = format!("<CustomField><label>Label</label>{members}</CustomField>");
        self.save("CustomField", &format!("Parcel__c.{name}"), &text, Mode::Upsert)
    }

    fn delete(&mut self, kind: &str, name: &str) -> Result<RecordId, Problem> {
        self.org.change_metadata(&self.context.clone(), |work| {
            let result = work.attempt(|work| delete(work, kind, name));
            (result.is_ok(), result)
        })
    }

    fn create(&mut self, object: &str, fields: serde_json::Value) -> Result<RecordId, Vec<ApiError>> {
        let (object, _) = self.org.schema.find(object).unwrap();
        let fields = fields.as_object().unwrap().iter().map(|(k, v)| (k.clone(), Input::Json(v.clone()))).collect();
        let context = self.context.clone();
        self.org.write(&context, vec![Write::Create { object, fields }]).remove(0).map(|saved| saved.id)
    }

    fn query(&self, text: &str) -> Result<serde_json::Value, ApiError> {
        let options = QueryOptions { all: false, now: NOW, user: self.context.user, version: 66, batch_size: None };
        query::run(&self.org, text, &options).map(|page| serde_json::from_str(&page.json).unwrap())
    }

    /// The values of one field of every parcel, in the order in which they were made.
    fn values(&self, field: &str) -> Vec<serde_json::Value> {
        let found = self.query(&format!("SELECT {field} FROM Parcel__c ORDER BY Id")).unwrap();
        found["records"].as_array().unwrap().iter().map(|r| r[field].clone()).collect()
    }

    fn deploy(&mut self, files: &[(&str, String)], options: DeployOptions) -> DeployResult {
        let files: FileSet = files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().into())).collect();
        let zip = pack(&files).unwrap();
        let id = self.org.deploy(zip.into(), options, &self.context.clone());
        self.org.deployments.deployment(id).unwrap().result.clone()
    }
}

fn options() -> DeployOptions {
    DeployOptions {
        allow_missing_files: false,
        check_only: false,
        ignore_warnings: false,
        purge_on_delete: false,
        rollback_on_error: true,
        single_package: true,
        run_tests: Vec::new(),
        test_level: String::new(),
    }
}

fn manifest(types: &[(&str, &[&str])]) -> String {
    let types = types.iter().map(|(name, members)| TypeMembers {
        name: (*name).to_owned(),
        members: members.iter().map(|m| (*m).to_owned()).collect(),
        line: 0,
        column: 0,
    });
    Manifest { types: types.collect(), version: "66.0".into() }.file()
}

fn failures(result: &DeployResult) -> Vec<(&str, &str, u32)> {
    let failed = |m: &&DeployMessage| !m.success;
    result
        .messages
        .iter()
        .filter(failed)
        .map(|m| (m.full_name.as_str(), m.problem.as_deref().unwrap_or_default(), m.line))
        .collect()
}

#[test]
fn a_field_of_every_type_is_made_described_written_and_read() {
    let mut bench = Bench::new();
    let set = "<valueSet><restricted>true</restricted><valueSetDefinition><value><fullName>a</fullName><default>false</default></value>\
               <value><fullName>b</fullName><default>true</default></value></valueSetDefinition></valueSet>";
    for (ty, members, describe, written, read) in [
        ("Text", "<length>5</length>".to_owned(), FieldType::String, json!("abc"), json!("abc")),
        ("TextArea", String::new(), FieldType::Textarea, json!("a\nb"), json!("a\nb")),
        (
            "LongTextArea",
            "<length>300</length><visibleLines>3</visibleLines>".into(),
            FieldType::Textarea,
            json!("x"),
            json!("x"),
        ),
        (
            "Html",
            "<length>300</length><visibleLines>10</visibleLines>".into(),
            FieldType::Textarea,
            json!("<b>x</b>"),
            json!("<b>x</b>"),
        ),
        ("Number", "<precision>5</precision><scale>2</scale>".into(), FieldType::Double, json!(1.25), json!(1.25)),
        ("Currency", "<precision>5</precision><scale>2</scale>".into(), FieldType::Currency, json!(1.5), json!(1.5)),
        ("Percent", "<precision>5</precision><scale>2</scale>".into(), FieldType::Percent, json!(50), json!(50.0)),
        ("Checkbox", "<defaultValue>true</defaultValue>".into(), FieldType::Boolean, json!(false), json!(false)),
        ("Date", String::new(), FieldType::Date, json!("2026-01-02"), json!("2026-01-02")),
        (
            "DateTime",
            String::new(),
            FieldType::Datetime,
            json!("2026-01-02T03:04:05Z"),
            json!("2026-01-02T03:04:05.000+0000"),
        ),
        ("Time", String::new(), FieldType::Time, json!("03:04:05.000Z"), json!("03:04:05.000Z")),
        ("Email", String::new(), FieldType::Email, json!("a@b.example"), json!("a@b.example")),
        ("Phone", String::new(), FieldType::Phone, json!("123"), json!("123")),
        ("Url", String::new(), FieldType::Url, json!("http://x"), json!("http://x")),
        ("Picklist", set.into(), FieldType::Picklist, json!("a"), json!("a")),
        (
            "MultiselectPicklist",
            format!("{set}<visibleLines>4</visibleLines>"),
            FieldType::Multipicklist,
            json!("a;b"),
            json!("a;b"),
        ),
    ] {
        let name = format!("F_{ty}__c");
        bench.field(&name, &format!("<type>{ty}</type>{members}")).unwrap_or_else(|p| panic!("{ty}: {p}"));
        let (_, object) = bench.org.schema.find("Parcel__c").unwrap();
        let (_, field) = object.field(&name).unwrap();
        assert_eq!((field.ty, field.custom, field.createable), (describe, true, true), "{ty}");
        let id = bench
            .create("Parcel__c", json!({ "Name": ty, name.as_str(): written }))
            .unwrap_or_else(|e| panic!("{ty}: {e:?}"));
        let found = bench.query(&format!("SELECT {name} FROM Parcel__c WHERE Id = '{id}'")).unwrap();
        assert_eq!(found["records"][0][&name], read, "{ty}");
        // What is read of it can be saved again, and is the same then.
        let node = read_node(&bench, &format!("Parcel__c.{name}"));
        let element = node.element("CustomField");
        bench
            .org
            .change_metadata(&bench.context.clone(), |work| {
                let result = work
                    .attempt(|work| save(work, "CustomField", &format!("Parcel__c.{name}"), &element, Mode::Update));
                (true, result)
            })
            .unwrap_or_else(|p| panic!("{ty}: {p}"));
        assert_eq!(read_node(&bench, &format!("Parcel__c.{name}")), node, "{ty}");
    }
}

fn read_node(bench: &Bench, name: &str) -> Node {
    super::read(&bench.org, "CustomField", name).unwrap()
}

#[test]
fn definitions_that_break_a_rule_are_refused() {
    let mut bench = Bench::new();
    for (members, part) in [
        ("", "Must specify a non-empty field type"),
        ("<type>Nonsense</type>", "not a valid value for the enum 'FieldType'"),
        ("<type>Text</type>", "Must specify 'length'"),
        ("<type>Text</type><length>256</length>", "between 1 and 255"),
        ("<type>Text</type><length>x</length>", "xsd:int"),
        ("<type>Text</type><length>5</length><size>3</size>", "}size invalid at this location in type CustomField"),
        ("<type>Number</type>", "Must specify 'precision'"),
        ("<type>Number</type><precision>19</precision><scale>0</scale>", "between 1 and 18"),
        ("<type>Number</type><precision>5</precision><scale>6</scale>", "between 0 and 5"),
        ("<type>LongTextArea</type><length>300</length>", "Must specify 'visibleLines'"),
        ("<type>Checkbox</type>", "Must specify 'defaultValue'"),
        ("<type>Picklist</type>", "Must specify 'valueSet'"),
        ("<type>Date</type><unique>true</unique>", "Can not specify 'unique'"),
        ("<type>Date</type><externalId>true</externalId>", "Can not specify 'externalId'"),
        ("<type>Lookup</type>", "Must specify 'referenceTo'"),
        ("<type>Lookup</type><referenceTo>Nothing__c</referenceTo>", "does not resolve to a valid sObject type"),
        (
            "<type>Lookup</type><referenceTo>Account</referenceTo><required>true</required>",
            "cascade delete or restrict delete",
        ),
        (
            "<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>bad name</relationshipName>",
            "Developer Name",
        ),
        (
            "<type>MasterDetail</type><referenceTo>User</referenceTo><relationshipName>P</relationshipName>",
            "cannot be the master",
        ),
        ("<type>EncryptedText</type><length>10</length>", "encrypted text is not built"),
        ("<type>Number</type><precision>5</precision><scale>0</scale><formula>Nothing__c</formula>", "Nothing__c"),
        ("<type>Text</type><length>5</length><defaultValue>NOSUCH(1)</defaultValue>", "defaultValue - "),
    ] {
        let problem = bench.field("Bad__c", members).expect_err(members);
        assert!(problem.message.contains(part), "{members}: {problem}");
        assert!(bench.org.schema.find("Parcel__c").unwrap().1.field("Bad__c").is_none());
    }
    for name in ["Bad", "9__c", "Bad___c", "B__d__c"] {
        assert!(bench.field(name, "<type>Date</type>").is_err(), "{name}");
    }
}

#[test]
fn names_of_relationships_do_not_clash() {
    let mut bench = Bench::new();
    let lookup = |children: &str| {
        format!("<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>{children}</relationshipName>")
    };
    bench.field("One__c", &lookup("Parcels")).unwrap();
    let problem = bench.field("Two__c", &lookup("parcels")).unwrap_err();
    assert_eq!(problem.code, "DUPLICATE_DEVELOPER_NAME");
    bench.field("Two__c", &lookup("More_Parcels")).unwrap();
    let found = bench.query("SELECT (SELECT Id FROM Parcels__r), (SELECT Id FROM More_Parcels__r) FROM Account");
    assert!(found.is_ok(), "{found:?}");
    bench.delete("CustomField", "Parcel__c.One__c").unwrap();
    assert_eq!(bench.query("SELECT (SELECT Id FROM Parcels__r) FROM Account").unwrap_err().code, "INVALID_FIELD");
    bench.field("Three__c", &lookup("Parcels")).unwrap();
}

#[test]
fn a_deleted_field_takes_its_values_along_and_the_others_stay() {
    let mut bench = Bench::new();
    bench.field("A__c", "<type>Text</type><length>10</length>").unwrap();
    bench.field("B__c", "<type>Text</type><length>10</length>").unwrap();
    bench.create("Parcel__c", json!({ "A__c": "a", "B__c": "b" })).unwrap();
    bench.delete("CustomField", "Parcel__c.A__c").unwrap();
    assert_eq!(bench.query("SELECT A__c FROM Parcel__c").unwrap_err().code, "INVALID_FIELD");
    assert_eq!(bench.values("B__c"), [json!("b")]);
    let described = crate::schema::describe::object(bench.org.schema.find("Parcel__c").unwrap().1, "66.0", "");
    assert!(described["fields"].as_array().unwrap().iter().all(|f| f["name"] != "A__c" && f["name"] != ""));
    bench.field("A__c", "<type>Text</type><length>10</length>").unwrap();
    assert_eq!(bench.values("A__c"), [json!(null)]);
    assert_eq!(bench.delete("CustomField", "Parcel__c.Nothing__c").unwrap_err().code, "INVALID_CROSS_REFERENCE_KEY");
}

#[test]
fn types_change_where_values_can_follow() {
    let mut bench = Bench::new();
    bench.field("V__c", "<type>Number</type><precision>8</precision><scale>2</scale>").unwrap();
    bench.create("Parcel__c", json!({ "V__c": 12.5 })).unwrap();
    bench.field("V__c", "<type>Text</type><length>20</length>").unwrap();
    assert_eq!(bench.values("V__c"), [json!("12.5")]);
    bench.create("Parcel__c", json!({ "V__c": "no number" })).unwrap();
    bench.field("V__c", "<type>Currency</type><precision>8</precision><scale>1</scale>").unwrap();
    assert_eq!(bench.values("V__c"), [json!(12.5), json!(null)]);
    let problem = bench.field("V__c", "<type>Date</type>").unwrap_err();
    assert!(problem.message.contains("cannot be changed from Currency to Date"), "{problem}");
    bench.field("V__c", "<type>Text</type><length>20</length>").unwrap();
    let problem = bench.field("V__c", "<type>Text</type><length>3</length>").unwrap_err();
    assert!(problem.message.contains("longer values"), "{problem}");
    bench.create("Parcel__c", json!({ "V__c": "12.5" })).unwrap();
    assert_eq!(
        bench.field("V__c", "<type>Text</type><length>20</length><unique>true</unique>").unwrap_err().code,
        "DUPLICATE_VALUE"
    );
}

#[test]
fn details_have_no_owner_and_must_have_a_master() {
    let mut bench = Bench::new();
    let master =
        "<type>MasterDetail</type><referenceTo>Account</referenceTo><relationshipName>Parcels</relationshipName>";
    let account = bench.create("Account", json!({ "Name": "A" })).unwrap();
    let parcel = bench.create("Parcel__c", json!({})).unwrap();
    let problem = bench.field("M__c", master).unwrap_err();
    assert!(problem.message.contains("already has records"), "{problem}");
    bench
        .field(
            "M__c",
            "<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>Parcels</relationshipName>",
        )
        .unwrap();
    assert!(bench.field("M__c", master).unwrap_err().message.contains("without a value"));
    let (object, _) = bench.org.schema.find("Parcel__c").unwrap();
    let context = bench.context.clone();
    let fields = vec![("M__c".to_owned(), Input::Json(json!(account.to_string())))];
    bench.org.write(&context, vec![Write::Update { object, id: parcel, fields }]).remove(0).unwrap();
    bench.field("M__c", master).unwrap();
    assert_eq!(bench.query("SELECT OwnerId FROM Parcel__c").unwrap_err().code, "INVALID_FIELD");
    assert_eq!(bench.create("Parcel__c", json!({})).unwrap_err()[0].code, "REQUIRED_FIELD_MISSING");
    let text = "<CustomObject><label>P</label><sharingModel>ReadWrite</sharingModel></CustomObject>";
    let problem = bench.save("CustomObject", "Parcel__c", text, Mode::Update).unwrap_err();
    assert!(problem.message.contains("with a MasterDetail relationship field"), "{problem}");
    bench
        .field(
            "M__c",
            "<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>Parcels</relationshipName>",
        )
        .unwrap();
    assert_eq!(bench.values("OwnerId"), [json!(bench.context.user.to_string())]);
}

#[test]
fn existing_records_get_a_checkbox_default_and_numbers() {
    let mut bench = Bench::new();
    bench.create("Parcel__c", json!({})).unwrap();
    bench.create("Parcel__c", json!({})).unwrap();
    bench.field("C__c", "<type>Checkbox</type><defaultValue>true</defaultValue>").unwrap();
    assert_eq!(bench.values("C__c"), [json!(true), json!(true)]);
    bench
        .field("N__c", "<type>AutoNumber</type><displayFormat>N-{00}</displayFormat><startingNumber>7</startingNumber>")
        .unwrap();
    bench.create("Parcel__c", json!({})).unwrap();
    assert_eq!(bench.values("N__c"), [json!("N-07"), json!("N-08"), json!("N-09")]);
}

#[test]
fn formulas_defaults_and_summaries_are_computed_from_the_moment_they_are_made() {
    let mut bench = Bench::new();
    bench.field("W__c", "<type>Number</type><precision>8</precision><scale>2</scale>").unwrap();
    let master = "<CustomField><label>L</label><type>MasterDetail</type><referenceTo>Parcel__c</referenceTo>\
                  <relationshipName>Lines</relationshipName></CustomField>";
    bench.object("Line__c", "ReadWrite").unwrap();
    bench.save("CustomField", "Line__c.Parcel__c", master, Mode::Create).unwrap();
    let amount = "<CustomField><label>L</label><type>Number</type><precision>8</precision><scale>1</scale>\
                  <defaultValue>1 + 1</defaultValue></CustomField>";
    bench.save("CustomField", "Line__c.Amount__c", amount, Mode::Create).unwrap();
    let parcel = bench.create("Parcel__c", json!({ "W__c": 2.5 })).unwrap();
    for given in
        [json!({ "Parcel__c": parcel.to_string() }), json!({ "Parcel__c": parcel.to_string(), "Amount__c": 3 })]
    {
        bench.create("Line__c", given).unwrap();
    }
    bench
        .field(
            "Total__c",
            "<type>Summary</type><summaryForeignKey>Line__c.Parcel__c</summaryForeignKey><summaryOperation>sum</summaryOperation>\
             <summarizedField>Line__c.Amount__c</summarizedField>",
        )
        .unwrap();
    assert_eq!(bench.values("Total__c"), [json!(5.0)]);
    bench
        .field(
            "F__c",
            "<type>Number</type><precision>18</precision><scale>2</scale><formula>W__c * 2 + Total__c</formula>",
        )
        .unwrap();
    assert_eq!(bench.values("F__c"), [json!(10.0)]);
    let problem = bench.delete("CustomField", "Parcel__c.W__c").unwrap_err();
    assert!(problem.message.contains("Parcel__c.F__c"), "{problem}");
}

#[test]
fn a_change_gives_change_events_a_new_schema() {
    let mut bench = Bench::new();
    let schema = |bench: &Bench| crate::events::EventSchema::of(bench.org.schema.find("Parcel__c").unwrap().1).id;
    let before = schema(&bench);
    bench.field("New__c", "<type>Date</type>").unwrap();
    let with = schema(&bench);
    assert_ne!(before, with);
    bench.delete("CustomField", "Parcel__c.New__c").unwrap();
    assert_eq!(before, schema(&bench));
}

#[test]
fn nobody_looked_lately_at_an_object_that_is_gone() {
    let mut bench = Bench::new();
    let id = bench.create("Parcel__c", json!({ "Name": "Seen" })).unwrap();
    let (object, _) = bench.org.schema.find("Parcel__c").unwrap();
    let user = bench.context.user;
    bench.org.note_work(user, object, id, NOW);
    assert_eq!(bench.org.recent.of(user).count(), 1);
    bench.delete("CustomObject", "Parcel__c").unwrap();
    assert_eq!(bench.org.recent.of(user).count(), 0);
}

#[test]
fn an_object_that_is_pointed_at_stays() {
    let mut bench = Bench::new();
    let lookup = "<CustomField><label>P</label><type>Lookup</type><referenceTo>Parcel__c</referenceTo><relationshipName>X</relationshipName></CustomField>";
    bench.save("CustomField", "Account.Parcel__c", lookup, Mode::Create).unwrap();
    assert_eq!(bench.delete("CustomObject", "Parcel__c").unwrap_err().code, "DELETE_FAILED");
    bench.delete("CustomField", "Account.Parcel__c").unwrap();
    let id = bench.create("Parcel__c", json!({})).unwrap();
    bench.delete("CustomObject", "Parcel__c").unwrap();
    assert_eq!(bench.query("SELECT Id FROM Parcel__c").unwrap_err().code, "INVALID_TYPE");
    bench.object("Parcel__c", "ReadWrite").unwrap();
    let again = bench.create("Parcel__c", json!({})).unwrap();
    assert_ne!(id.prefix(), again.prefix(), "prefixes are not given out twice");
    assert_eq!(bench.delete("CustomObject", "Account").unwrap_err().code, "INVALID_CROSS_REFERENCE_KEY");
}

#[test]
fn record_types_appear_in_the_describe_and_as_records() {
    let mut bench = Bench::new();
    let text = |active: bool| format!("<RecordType><label>Big one</label><active>{active}</active></RecordType>");
    let saved = bench.save("RecordType", "Parcel__c.Big", &text(true), Mode::Create).unwrap();
    let found =
        bench.query("SELECT Id, Name, SobjectType, IsActive FROM RecordType WHERE DeveloperName = 'Big'").unwrap();
    assert_eq!(found["records"][0]["Id"], json!(saved.id.to_string()));
    assert_eq!(found["records"][0]["SobjectType"], json!("Parcel__c"));
    bench.create("Parcel__c", json!({ "RecordTypeId": saved.id.to_string() })).unwrap();
    assert_eq!(bench.delete("RecordType", "Parcel__c.Big").unwrap_err().code, "DELETE_FAILED");
    bench.save("RecordType", "Parcel__c.Small", &text(false), Mode::Create).unwrap();
    bench.delete("RecordType", "Parcel__c.Small").unwrap();
    assert_eq!(bench.query("SELECT COUNT() FROM RecordType WHERE DeveloperName = 'Small'").unwrap()["totalSize"], 0);
}

#[test]
fn permission_sets_are_records_too_and_list_only_fields_that_can_be_granted() {
    let mut bench = Bench::new();
    let text = |field: &str, on: bool| {
        format!(
            "<PermissionSet><label>Loader</label><fieldPermissions><editable>true</editable><field>{field}</field>\
             <readable>true</readable></fieldPermissions><userPermissions><enabled>{on}</enabled>\
             <name>ApiEnabled</name></userPermissions></PermissionSet>"
        )
    };
    let missing = bench.save("PermissionSet", "Loader", &text("Account.Nope__c", true), Mode::Create).unwrap_err();
    assert_eq!(missing.code, "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!(missing.message, "In field: field - no CustomField named Account.Nope__c found");
    bench.save("PermissionSet", "Loader", &text("Account.Phone", true), Mode::Create).unwrap();
    let soql = "SELECT Id, Label, PermissionsApiEnabled, IsCustom FROM PermissionSet WHERE Name = 'Loader'";
    let found = bench.query(soql).unwrap();
    let record = &found["records"][0];
    assert_eq!(
        (&found["totalSize"], &record["Label"], &record["IsCustom"]),
        (&json!(1), &json!("Loader"), &json!(true))
    );
    assert_eq!(record["PermissionsApiEnabled"], true);
    let again = bench.save("PermissionSet", "Loader", &text("Unknown__c.Field__c", false), Mode::Update).unwrap();
    let changed = bench.query(soql).unwrap();
    assert_eq!(
        (&changed["records"][0]["Id"], &record["Id"]),
        (&json!(again.id.to_string()), &json!(again.id.to_string()))
    );
    assert_eq!(changed["records"][0]["PermissionsApiEnabled"], false);
    bench.delete("PermissionSet", "Loader").unwrap();
    assert_eq!(bench.query(soql).unwrap()["totalSize"], 0);
}

#[test]
fn global_value_sets_reach_the_fields_that_name_them() {
    let mut bench = Bench::new();
    let set = |values: &str| {
        format!("<GlobalValueSet><masterLabel>Sizes</masterLabel><sorted>false</sorted>{values}</GlobalValueSet>")
    };
    let value = |name: &str| format!("<customValue><fullName>{name}</fullName><default>false</default></customValue>");
    let field = "<type>Picklist</type><valueSet><valueSetName>Sizes</valueSetName></valueSet>";
    assert_eq!(bench.field("Size__c", field).unwrap_err().code, "INVALID_CROSS_REFERENCE_KEY");
    bench.save("GlobalValueSet", "Sizes", &set(&value("S")), Mode::Create).unwrap();
    bench.field("Size__c", field).unwrap();
    assert_eq!(
        bench.create("Parcel__c", json!({ "Size__c": "L" })).unwrap_err()[0].code,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    bench.save("GlobalValueSet", "Sizes", &set(&(value("S") + &value("L"))), Mode::Update).unwrap();
    bench.create("Parcel__c", json!({ "Size__c": "L" })).unwrap();
    assert_eq!(bench.delete("GlobalValueSet", "Sizes").unwrap_err().code, "DELETE_FAILED");
}

#[test]
fn custom_metadata_records_are_deployed_and_queried() {
    let mut bench = Bench::new();
    let ty = "<CustomObject><label>Rate</label><pluralLabel>Rates</pluralLabel></CustomObject>";
    bench.save("CustomObject", "Rate__mdt", ty, Mode::Create).unwrap();
    let field =
        "<CustomField><label>V</label><type>Number</type><precision>5</precision><scale>1</scale></CustomField>";
    bench.save("CustomField", "Rate__mdt.Value__c", field, Mode::Create).unwrap();
    let record = "<CustomMetadata xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><label>Low</label><protected>false</protected>\
                  <values><field>Value__c</field><value xsi:type='xsd:double'>1.5</value></values></CustomMetadata>";
    bench.save("CustomMetadata", "Rate.Low", record, Mode::Create).unwrap();
    let found = bench.query("SELECT DeveloperName, MasterLabel, Value__c FROM Rate__mdt").unwrap();
    assert_eq!(found["records"][0]["Value__c"], json!(1.5));
    assert_eq!(found["records"][0]["MasterLabel"], json!("Low"));
    assert!(bench.create("Rate__mdt", json!({ "DeveloperName": "X" })).is_err());
    bench.delete("CustomMetadata", "Rate.Low").unwrap();
    assert_eq!(bench.query("SELECT COUNT() FROM Rate__mdt").unwrap()["totalSize"], 0);
}

#[test]
fn members_of_the_standard_channel_follow_the_selection() {
    let mut bench = Bench::new();
    let selects = |bench: &Bench, name: &str| {
        let selected = bench.org.settings.change_event_objects.clone();
        selected.is_none_or(|all| all.iter().any(|o| o == name))
    };
    let listed = list(&bench.org, "PlatformEventChannelMember", None);
    assert!(listed.iter().any(|m| m.full_name == "ChangeEvents_Parcel__ChangeEvent"), "{listed:?}");
    bench.delete("PlatformEventChannelMember", "ChangeEvents_Parcel__ChangeEvent").unwrap();
    assert!(!selects(&bench, "Parcel__c") && selects(&bench, "Account"));
    let text = "<PlatformEventChannelMember><eventChannel>ChangeEvents</eventChannel><selectedEntity>Parcel__ChangeEvent</selectedEntity></PlatformEventChannelMember>";
    let wrong = bench.save("PlatformEventChannelMember", "Other", text, Mode::Upsert).unwrap_err();
    assert!(wrong.message.contains("must be ChangeEvents_Parcel__ChangeEvent"), "{wrong}");
    bench.save("PlatformEventChannelMember", "ChangeEvents_Parcel__ChangeEvent", text, Mode::Upsert).unwrap();
    assert!(selects(&bench, "Parcel__c"));
}

#[test]
fn deployments_save_what_depends_on_what_comes_later() {
    let mut bench = Bench::new();
    let child = "<CustomObject><label>C</label><pluralLabel>Cs</pluralLabel><nameField><type>Text</type><label>N</label></nameField>
        <deploymentStatus>Deployed</deploymentStatus><sharingModel>ControlledByParent</sharingModel>
        <fields><fullName>P__c</fullName><label>P</label><type>MasterDetail</type><referenceTo>Zparent__c</referenceTo><relationshipName>Cs</relationshipName></fields></CustomObject>";
    let parent = "<CustomObject><label>P</label><pluralLabel>Ps</pluralLabel><nameField><type>Text</type><label>N</label></nameField>
        <deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel></CustomObject>";
    let files = [
        ("package.xml", manifest(&[("CustomObject", &["Achild__c", "Zparent__c"])])),
        ("objects/Achild__c.object", child.to_owned()),
        ("objects/Zparent__c.object", parent.to_owned()),
    ];
    let result = bench.deploy(&files, options());
    assert_eq!(result.status, DeployStatus::Succeeded, "{:?}", failures(&result));
    assert!(bench.query("SELECT Id, P__r.Name FROM Achild__c").is_ok());
}

#[test]
fn deployments_are_saved_together_or_by_themselves() {
    let mut bench = Bench::new();
    let object = "<CustomObject>\n<fields><fullName>Good__c</fullName><label>G</label><type>Date</type></fields>\n\
                  <fields><fullName>Bad__c</fullName><label>B</label><type>Text</type></fields>\n</CustomObject>";
    let files = [
        ("package.xml", manifest(&[("CustomField", &["Account.Good__c", "Account.Bad__c"])])),
        ("objects/Account.object", object.to_owned()),
    ];
    let has = |bench: &Bench, name: &str| bench.org.schema.find("Account").unwrap().1.field(name).is_some();
    let result = bench.deploy(&files, options());
    assert_eq!(result.status, DeployStatus::Failed);
    assert_eq!(failures(&result), [("Account.Bad__c", "Must specify 'length' for a CustomField of type Text", 3)]);
    assert!(!has(&bench, "Good__c"));
    let result = bench.deploy(&files, DeployOptions { rollback_on_error: false, ..options() });
    assert_eq!(result.status, DeployStatus::SucceededPartial);
    assert!(has(&bench, "Good__c") && !has(&bench, "Bad__c"));
}

#[test]
fn packages_that_do_not_hold_together_are_refused() {
    let mut bench = Bench::new();
    let layout = "<Layout xmlns='http://soap.sforce.com/2006/04/metadata'/>".to_owned();
    for (files, name, part) in [
        (vec![("x.txt", String::new())], "package.xml", "No package.xml found"),
        (vec![("package.xml", "<Package>".to_owned())], "package.xml", "Error parsing file"),
        (vec![("package.xml", manifest(&[("Nonsense", &["X"])]))], "package.xml", "Unknown type name 'Nonsense'"),
        (vec![("package.xml", manifest(&[("Layout", &["X"])]))], "X", "was not found in zipped directory"),
        (
            vec![("package.xml", manifest(&[])), ("layouts/X.layout", layout.clone())],
            "layouts/X.layout",
            "Not in package.xml",
        ),
        (
            vec![("package.xml", manifest(&[("Profile", &["X"])])), ("profiles/X.profile", layout)],
            "X",
            "the root element must be Profile",
        ),
        (
            vec![("package.xml", manifest(&[("ApexClass", &["X"])])), ("classes/X.cls", String::new())],
            "X",
            "No classes/X.cls-meta.xml found",
        ),
    ] {
        let result = bench.deploy(&files, options());
        assert_eq!(result.status, DeployStatus::Failed, "{part}");
        let found = failures(&result);
        assert!(found.iter().any(|(n, problem, _)| *n == name && problem.contains(part)), "{part}: {found:?}");
    }
    let id = bench.org.deploy(b"no zip".as_slice().into(), options(), &bench.context.clone());
    let result = &bench.org.deployments.deployment(id).unwrap().result;
    assert_eq!(result.error.as_ref().unwrap().0, "INVALID_FILE");
}

#[test]
fn validations_change_nothing_and_can_be_deployed_once() {
    let mut bench = Bench::new();
    let object =
        "<CustomObject><fields><fullName>Quick__c</fullName><label>G</label><type>Date</type></fields></CustomObject>";
    let files =
        [("package.xml", manifest(&[("CustomObject", &["Account"])])), ("objects/Account.object", object.to_owned())];
    let has = |bench: &Bench| bench.org.schema.find("Account").unwrap().1.field("Quick__c").is_some();
    let checked = bench.deploy(&files, DeployOptions { check_only: true, ..options() });
    assert_eq!(checked.status, DeployStatus::Succeeded);
    assert!(!has(&bench));
    let context = bench.context.clone();
    let late = WriteContext { now: NOW + 11 * 24 * 3_600_000, ..context.clone() };
    assert!(bench.org.deploy_validated(checked.id, &late).is_err());
    let id = bench.org.deploy_validated(checked.id, &context).unwrap();
    assert_ne!(id, checked.id);
    assert!(has(&bench));
    assert!(bench.org.deploy_validated(checked.id, &context).is_err());
}

#[test]
fn a_deployment_that_waits_can_be_cancelled() {
    let mut bench = Bench::new();
    bench.org.settings.deploy_delay_ms = 1_000;
    let files = [("package.xml", manifest(&[]))];
    let (first, second) = (bench.deploy(&files, options()).id, bench.deploy(&files, options()).id);
    let context = bench.context.clone();
    bench.org.cancel_deployment(second, &context).unwrap();
    bench.org.run_deployments(NOW + 999);
    let status = |bench: &Bench, id| bench.org.deployments.deployment(id).unwrap().result.status;
    assert_eq!(status(&bench, first), DeployStatus::Pending);
    bench.org.run_deployments(NOW + 1_000);
    assert_eq!((status(&bench, first), status(&bench, second)), (DeployStatus::Succeeded, DeployStatus::Canceled));
    assert!(bench.org.cancel_deployment(first, &context).is_err());
}

#[test]
fn retrieved_files_deploy_into_an_empty_org() {
    let mut bench = Bench::new();
    bench.field("A__c", "<type>Text</type><length>10</length><externalId>true</externalId><unique>true</unique><inlineHelpText>a &lt; b</inlineHelpText>").unwrap();
    bench
        .save(
            "RecordType",
            "Parcel__c.Big",
            "<RecordType><label>Big</label><active>true</active></RecordType>",
            Mode::Create,
        )
        .unwrap();
    let types = vec![TypeMembers { name: "CustomObject".into(), members: vec!["*".into()], line: 0, column: 0 }];
    let unpackaged = Manifest { types, version: "66.0".into() };
    let request = RetrieveRequest { single_package: true, unpackaged, ..RetrieveRequest::default() };
    let found = retrieve(&bench.org, &request).unwrap();
    assert_eq!(found.messages, []);
    let mut other = Bench::new();
    other.delete("CustomObject", "Parcel__c").unwrap();
    let id = other.org.deploy(found.zip.clone(), options(), &other.context.clone());
    let result = &other.org.deployments.deployment(id).unwrap().result;
    assert_eq!(result.status, DeployStatus::Succeeded, "{:?}", failures(result));
    let fields = |org: &Org| {
        let object = org.schema.find("Parcel__c").unwrap().1.clone();
        let mut fields: Vec<_> = object.enumerate().map(|(_, f)| f.clone()).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields
    };
    assert_eq!(fields(&other.org), fields(&bench.org));
}

#[test]
fn a_project_in_source_format_is_loaded() {
    let mut bench = Bench::new();
    let base = "force-app/main/default";
    let mut files = FileSet::new();
    let mut put = |path: &str, text: &str| files.insert(format!("{base}/{path}"), text.as_bytes().into());
    put(
        "objects/Crate__c/Crate__c.object-meta.xml",
        "<CustomObject xmlns='http://soap.sforce.com/2006/04/metadata'><label>Crate</label><pluralLabel>Crates</pluralLabel>
         <nameField><type>Text</type><label>N</label></nameField><deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel></CustomObject>",
    );
    put(
        "objects/Crate__c/fields/Weight__c.field-meta.xml",
        "<CustomField xmlns='http://soap.sforce.com/2006/04/metadata'><fullName>Weight__c</fullName><label>W</label><type>Number</type><precision>6</precision><scale>2</scale></CustomField>",
    );
    put(
        "objects/Account/fields/Crates__c.field-meta.xml",
        "<CustomField><fullName>Crates__c</fullName><label>W</label><type>Date</type></CustomField>",
    );
    put("layouts/Crate__c-Crate Layout.layout-meta.xml", "<Layout xmlns='http://soap.sforce.com/2006/04/metadata'/>");
    put("classes/X.cls", "class X {}");
    put("classes/X.cls-meta.xml", "<ApexClass/>");
    let messages = import::package(&mut bench.org, &files, &bench.context.clone()).unwrap();
    assert!(messages.iter().all(|m| m.success), "{messages:?}");
    bench.create("Crate__c", json!({ "Weight__c": 1.5 })).unwrap();
    assert!(bench.query("SELECT Crates__c FROM Account").is_ok());
    assert!(bench.org.metadata.get("Layout", "Crate__c-Crate Layout").is_some());
    assert!(bench.org.metadata.get("ApexClass", "X").is_some());
}

#[test]
fn a_describe_becomes_the_object_that_it_tells_of() {
    let mut bench = Bench::new();
    bench.field("A__c", "<type>Text</type><length>10</length><unique>true</unique>").unwrap();
    let (_, object) = bench.org.schema.find("Parcel__c").unwrap();
    let described = crate::schema::describe::object(object, "66.0", "");
    let read = import::describe(&described).unwrap();
    assert_eq!(crate::schema::describe::object(&read, "66.0", ""), {
        let mut expected = described.clone();
        // The links that are not among the usual ones come from facts, not from the describe.
        expected["urls"] = crate::schema::describe::object(&read, "66.0", "")["urls"].clone();
        expected
    });
    let mut schema = Schema::clone(&crate::schema::standard());
    import::merge(&mut schema, vec![(read, described)]);
    assert_eq!(schema.find("Parcel__c").unwrap().1.field("A__c").unwrap().1.length, 10);
    assert!(import::describe(&json!({ "name": "X" })).is_err());
    assert!(import::describe(&json!({ "name": "X", "fields": [{ "name": "A", "type": "odd" }] })).is_err());
}

#[test]
fn what_was_saved_survives_keeping() {
    let mut bench = Bench::new();
    bench.field("A__c", "<type>Text</type><length>10</length>").unwrap();
    let kept = bench.org.metadata.kept(None);
    let text = serde_json::to_string(&kept).unwrap();
    let again = Catalog::from_kept(serde_json::from_str(&text).unwrap());
    let shown = |catalog: &Catalog| {
        catalog.all().map(|c| (c.kind, c.full_name.clone(), c.id, c.node.clone().sorted())).collect::<Vec<_>>()
    };
    assert_eq!(shown(&again), shown(&bench.org.metadata));
}
