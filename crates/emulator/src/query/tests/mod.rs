//! The evaluator through its front door, over a small org written through DML.

mod bulk;
mod clauses;
mod errors;
mod model;
mod pages;
mod results;

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::QueryOptions;
use crate::dml::{Input, Write, WriteContext};
use crate::schema::{Field, FieldId, NameField, ObjectType};
use crate::store::Row;
use crate::{ApiError, Millis, Org, RecordId, Value};

/// A Wednesday, 2026-05-13T10:00:00Z.
pub(crate) const NOW: Millis = 1_778_666_400_000;

/// An org with the standard objects and `Invoice__c`, `Line__c`, with a user `Ada Admin` and no other record.
pub(crate) fn empty_org() -> Org {
    let mut schema = crate::schema::standard();
    let invoice = ObjectType::custom("Invoice__c", "Invoice", "Invoices", *b"a00", NameField::Text)
        .with(Field::lookup("Account__c", "Account", "Account", "Invoices"))
        .with(Field::currency("Total__c", "Total", 18, 2))
        .with(Field::number("Count__c", "Count", 18, 0))
        .with(Field::date("Due__c", "Due"))
        .with(Field::datetime("Sent__c", "Sent"))
        .with(Field::time("At__c", "At"))
        .with(Field::checkbox("Paid__c", "Paid", false))
        .with(Field::picklist("State__c", "State", &["New", "Open", "Closed"], false))
        .with(Field::multi_picklist("Tags__c", "Tags", &["A", "B", "C"], false))
        .with(Field::long_text_area("Notes__c", "Notes", 32_000))
        .with(Field::external_id("Code__c", "Code", 20, false))
        .with(Field::external_id("Key__c", "Key", 20, true))
        .with_all(Field::geolocation("Place__c", "Place", 6));
    schema.put(invoice);
    let line = ObjectType::custom("Line__c", "Line", "Lines", *b"a01", NameField::Text)
        .with(Field::master_detail("Invoice__c", "Invoice", "Invoice__c", "Lines", 0))
        .with(Field::number("Amount__c", "Amount", 18, 2));
    schema.put(line);
    let mut org = Org { schema: Arc::new(schema), ..Org::default() };
    let (user, facts) = org.schema.find("User").map(|(id, o)| (id, Arc::clone(o))).unwrap();
    let field = |name: &str| -> FieldId { facts.field(name).unwrap().0 };
    let row = Row::new(
        &[
            (field("Name"), Value::Text("Ada Admin".into())),
            (field("LastName"), Value::Text("Admin".into())),
            (field("Username"), Value::Text("ada@example.com".into())),
            (field("IsActive"), Value::Bool(true)),
            (field("TimeZoneSidKey"), Value::Text("Europe/Berlin".into())),
            (field("LocaleSidKey"), Value::Text("de_DE".into())),
        ]
        .into_iter()
        .collect(),
    );
    let admin = org.settings.admin_id;
    org.store.table_mut(user).put(admin, row);
    org
}

pub(crate) fn context(org: &Org) -> WriteContext {
    WriteContext { now: NOW, user: org.settings.admin_id, origin: String::new(), all_or_none: true }
}

/// Creates a record and gives its id.
pub(crate) fn create(org: &mut Org, object: &str, fields: Json) -> String {
    let (object, _) = org.schema.find(object).unwrap();
    let fields = fields.as_object().unwrap().iter().map(|(k, v)| (k.clone(), Input::Json(v.clone()))).collect();
    let saved = org.write(&context(org), vec![Write::Create { object, fields }]);
    saved.into_iter().next().unwrap().unwrap().id.to_string()
}

pub(crate) fn delete(org: &mut Org, id: &str) {
    let id = RecordId::parse(id).unwrap();
    let object = org.schema.by_prefix(id.prefix()).unwrap();
    org.write(&context(org), vec![Write::Delete { object, id }]).remove(0).unwrap();
}

pub(crate) fn options(org: &Org) -> QueryOptions {
    QueryOptions { all: false, now: NOW, user: org.settings.admin_id, version: 66, batch_size: None }
}

pub(super) fn run(org: &Org, text: &str) -> Result<Json, ApiError> {
    let page = super::run(org, text, &options(org))?;
    Ok(serde_json::from_str(&page.json).unwrap_or_else(|e| panic!("{e}: {}", page.json)))
}

/// The records of a query, without their `attributes`.
pub(crate) fn records(org: &Org, text: &str) -> Json {
    let mut answer = run(org, text).unwrap_or_else(|e| panic!("{text}: {e}"));
    strip(&mut answer);
    answer["records"].take()
}

/// The values of the first selected field of each record, joined with commas.
pub(crate) fn column(org: &Org, text: &str) -> String {
    let found = records(org, text);
    let cells: Vec<String> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|r| match r.as_object().unwrap().values().next().unwrap() {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    cells.join(",")
}

fn strip(value: &mut Json) {
    match value {
        Json::Object(members) => {
            members.shift_remove("attributes");
            members.values_mut().for_each(strip);
        }
        Json::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Five invoices of two accounts, with contacts, tasks and lines.
pub(super) fn org() -> (Org, Ids) {
    let mut org = empty_org();
    let o = &mut org;
    let acme = create(
        o,
        "Account",
        json!({"Name": "Acme", "BillingCity": "Berlin", "BillingCountry": "DE", "Industry": "Energy"}),
    );
    let zeta = create(o, "Account", json!({"Name": "zeta \"Z\"", "ParentId": acme, "Description": "long"}));
    let ng = create(
        o,
        "Contact",
        json!({"LastName": "Ng", "FirstName": "Lin", "AccountId": acme, "Email": "lin@example.com"}),
    );
    let roe = create(o, "Contact", json!({"LastName": "Roe", "AccountId": zeta, "ReportsToId": ng}));
    let orphan = create(o, "Contact", json!({"LastName": "Orphan"}));
    create(o, "Task", json!({"Subject": "Call", "WhatId": acme, "WhoId": ng}));
    create(o, "Task", json!({"Subject": "Mail", "WhoId": roe}));
    let one = create(
        o,
        "Invoice__c",
        json!({"Name": "I1", "Account__c": acme, "Total__c": 100.5, "Count__c": 3, "Due__c": "2026-05-13",
        "Sent__c": "2026-05-12T23:30:00Z", "At__c": "03:04:05.000Z", "Paid__c": true, "State__c": "Open", "Tags__c": "A;B", "Code__c": "x-1", "Key__c": "k",
        "Place__Latitude__s": 52.5, "Place__Longitude__s": 13.4}),
    );
    let two = create(
        o,
        "Invoice__c",
        json!({"Name": "i2", "Account__c": acme, "Total__c": 20, "Due__c": "2026-04-01",
        "Sent__c": "2026-05-12T21:30:00Z", "State__c": "New", "Tags__c": "B", "Code__c": "X-2", "Key__c": "K"}),
    );
    create(
        o,
        "Invoice__c",
        json!({"Name": "I3", "Account__c": zeta, "Total__c": 20, "Count__c": 5, "State__c": "Closed", "Tags__c": "A;C",
        "Place__Latitude__s": 48.1, "Place__Longitude__s": 11.6}),
    );
    create(o, "Invoice__c", json!({"Name": "I4_100%", "Total__c": -5.25, "State__c": "Other"}));
    create(o, "Invoice__c", json!({"Name": "Ünter", "Account__c": zeta}));
    create(o, "Line__c", json!({"Name": "L1", "Invoice__c": one, "Amount__c": 1}));
    create(o, "Line__c", json!({"Name": "L2", "Invoice__c": one, "Amount__c": 2}));
    create(o, "Line__c", json!({"Name": "L3", "Invoice__c": two, "Amount__c": 3}));
    (org, Ids { acme, zeta, ng, roe, orphan, one })
}

pub(super) struct Ids {
    pub(super) acme: String,
    pub(super) zeta: String,
    pub(super) ng: String,
    pub(super) roe: String,
    pub(super) orphan: String,
    pub(super) one: String,
}
