//! Tests of the rules, over the standard objects and a custom one with a field of each kind.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Input, Saved, Write, WriteContext, WriteOptions, WriteResult};
use crate::schema::{Field, NameField, ObjectId, ObjectType};
use crate::store::ChangeKind;
use crate::{ApiError, Millis, Org, RecordId, Value};

mod behaviour;
mod conversion;
mod convert_lead;
mod delete;
mod derive;
mod invariants;
mod merge;
mod person;
mod roll_up;
mod save;
mod unit;
mod upsert;

const NOW: Millis = 1_790_000_000_123;

/// An org with two custom objects, and what a test does to it.
struct Bench {
    org: Org,
    now: Millis,
}

fn widget() -> ObjectType {
    ObjectType::custom("Widget__c", "Widget", "Widgets", *b"a00", NameField::Text)
        .with(Field::external_id("Ext__c", "External", 20, false))
        .with(Field::external_id("Exact__c", "Exact", 20, true))
        .with(Field::external_id_number("Number__c", "Number", 8, 0))
        .with(Field::currency("Amount__c", "Amount", 18, 2))
        .with(Field::picklist("Colour__c", "Colour", &["Red", "Green"], true))
        .with(Field::picklist("Free__c", "Free", &["Red", "Green"], false).with_default("Green"))
        .with(Field::multi_picklist("Tags__c", "Tags", &["A", "B", "C"], false))
        .with(Field::checkbox("Flag__c", "Flag", true))
        .with(Field::date("Day__c", "Day"))
        .with(Field::datetime("When__c", "When"))
        .with(Field::time("Hour__c", "Hour"))
        .with(Field::email("Mail__c", "Mail"))
        .with(Field::long_text_area("Notes__c", "Notes", 131_072))
        .with(Field::lookup("Account__c", "Account", "Account", "Widgets"))
        .with(Field::lookup("Other__c", "Other", "Widget__c", "Others"))
        .with(Field::auto_number("Serial__c", "Serial", "W-{0000}"))
}

fn part() -> ObjectType {
    ObjectType::custom("Part__c", "Part", "Parts", *b"a01", NameField::Text)
        .with(Field::master_detail("Widget__c", "Widget", "Widget__c", "Parts", 0))
        .with(Field::text("Label__c", "Label", 10).required())
}

impl Bench {
    fn new() -> Self {
        let mut schema = crate::schema::standard();
        schema.put(widget());
        schema.put(part());
        Self { org: Org { schema: Arc::new(schema), ..Org::default() }, now: NOW }
    }

    fn object(&self, name: &str) -> ObjectId {
        self.org.schema.find(name).unwrap_or_else(|| panic!("{name}")).0
    }

    fn context(&self, all_or_none: bool) -> WriteContext {
        WriteContext { now: self.now, user: self.org.settings.admin_id, origin: String::new(), all_or_none }
    }

    fn write(&mut self, write: Write) -> WriteResult {
        let context = self.context(false);
        self.org.write(&context, vec![write]).remove(0)
    }

    fn create(&mut self, object: &str, fields: Json) -> WriteResult {
        let write = Write::Create { object: self.object(object), fields: inputs(fields) };
        self.write(write)
    }

    fn made(&mut self, object: &str, fields: Json) -> RecordId {
        self.create(object, fields).unwrap().id
    }

    fn update(&mut self, object: &str, id: RecordId, fields: Json) -> WriteResult {
        let write = Write::Update { object: self.object(object), id, fields: inputs(fields) };
        self.write(write)
    }

    fn delete(&mut self, object: &str, id: RecordId) -> WriteResult {
        let write = Write::Delete { object: self.object(object), id };
        self.write(write)
    }

    fn undelete(&mut self, object: &str, id: RecordId) -> WriteResult {
        let write = Write::Undelete { object: self.object(object), id };
        self.write(write)
    }

    fn get(&self, object: &str, id: RecordId, field: &str) -> Value {
        let (object, facts) = self.org.schema.find(object).unwrap();
        let (field, _) = facts.field(field).unwrap_or_else(|| panic!("{field}"));
        self.org.store.get(object, id).unwrap().get(field)
    }

    fn text(&self, object: &str, id: RecordId, field: &str) -> String {
        match self.get(object, id, field) {
            Value::Text(text) => text,
            other => panic!("{field}: {other:?}"),
        }
    }

    fn is_live(&self, object: &str, id: RecordId) -> bool {
        self.org.store.live(self.object(object), id).is_some()
    }
}

/// A JSON object as fields.
fn inputs(fields: Json) -> Vec<(String, Input)> {
    let Json::Object(members) = fields else { panic!("not an object: {fields}") };
    members.into_iter().map(|(name, value)| (name, Input::Json(value))).collect()
}

/// The one error of a write that failed, as `CODE: message`.
fn error(result: WriteResult) -> String {
    let errors = result.expect_err("the write should fail");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

/// What a transaction did, told as the event bus is told.
fn changes(bench: &mut Bench, all_or_none: bool, writes: Vec<Write>) -> Vec<(ChangeKind, RecordId, Vec<String>)> {
    let context = bench.context(all_or_none);
    let (results, changes, _) = bench.org.transact(&context, WriteOptions::default(), writes);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let schema = &bench.org.schema;
    let name = |object: ObjectId, field| schema.object(object).field_at(field).name.clone();
    let told =
        |c: crate::store::RecordChange| (c.kind, c.id, c.changed.iter().map(|field| name(c.object, *field)).collect());
    changes.into_iter().map(told).collect()
}
