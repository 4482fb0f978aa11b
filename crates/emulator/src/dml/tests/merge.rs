//! Merges: what stays, what goes, what moves.

use super::*;
use crate::dml::{Merge, Merged, WriteOptions};

impl Bench {
    fn merge(
        &mut self,
        object: &str,
        master: RecordId,
        losers: &[RecordId],
        fields: Json,
    ) -> Result<Merged, Vec<ApiError>> {
        let context = self.context(false);
        let merge = Merge { object: self.object(object), master, fields: inputs(fields), losers: losers.to_vec() };
        self.org.merge(&context, WriteOptions::default(), vec![merge]).remove(0)
    }
}

fn refused(result: Result<Merged, Vec<ApiError>>) -> String {
    let errors = result.expect_err("the merge should fail");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

#[test]
fn children_move_losers_go_and_the_master_keeps_what_nobody_named() {
    let mut bench = Bench::new();
    let master = bench.made("Account", json!({ "Name": "Master", "Phone": "1" }));
    let loser = bench.made("Account", json!({ "Name": "Loser", "Phone": "2", "Fax": "3" }));
    let other = bench.made("Account", json!({ "Name": "Other", "ParentId": loser.to_string() }));
    let contact = bench.made("Contact", json!({ "LastName": "Kid", "AccountId": loser.to_string() }));
    let widget = bench.made("Widget__c", json!({ "Name": "w", "Account__c": other.to_string() }));
    let below = bench.made("Account", json!({ "Name": "Below", "ParentId": loser.to_string() }));
    let task = bench.made("Task", json!({ "Subject": "Call", "WhatId": loser.to_string() }));
    let modified = bench.get("Contact", contact, "LastModifiedDate");
    bench.now += 60_000;
    let merged = bench.merge("Account", master, &[loser, other], json!({ "Fax": "9" })).unwrap();
    assert_eq!((merged.id, merged.losers.clone()), (master, vec![loser, other]));
    let mut expected = vec![contact, widget, below, task];
    expected.sort_unstable();
    assert_eq!(merged.related, expected);
    assert_eq!(bench.text("Account", master, "Phone"), "1");
    assert_eq!(bench.text("Account", master, "Fax"), "9");
    assert_eq!(bench.get("Contact", contact, "AccountId"), Value::Id(master));
    assert_eq!(bench.get("Widget__c", widget, "Account__c"), Value::Id(master));
    assert_eq!(bench.get("Account", below, "ParentId"), Value::Id(master));
    assert_eq!(bench.get("Task", task, "WhatId"), Value::Id(master));
    assert_eq!(bench.get("Task", task, "AccountId"), Value::Id(master));
    assert_ne!(bench.get("Contact", contact, "LastModifiedDate"), modified);
    let stamp = bench.get("Contact", contact, "SystemModstamp");
    assert_eq!(bench.get("Contact", contact, "LastModifiedDate"), stamp);
    for loser in [loser, other] {
        assert!(!bench.is_live("Account", loser));
        assert_eq!(bench.get("Account", loser, "MasterRecordId"), Value::Id(master));
        assert_eq!(bench.get("Account", loser, "IsDeleted"), Value::Bool(true));
    }
    let deleted: Vec<_> = bench.org.store.table(bench.object("Account")).unwrap().deletions().collect();
    assert_eq!(deleted, [(loser, bench.now), (other, bench.now)]);
}

#[test]
fn a_loser_taken_back_is_its_own_again_and_its_children_stay_with_the_master() {
    let mut bench = Bench::new();
    let master = bench.made("Contact", json!({ "LastName": "Master" }));
    let loser = bench.made("Contact", json!({ "LastName": "Loser" }));
    let task = bench.made("Task", json!({ "Subject": "Call", "WhoId": loser.to_string() }));
    bench.merge("Contact", master, &[loser], json!({})).unwrap();
    bench.undelete("Contact", loser).unwrap();
    assert!(bench.is_live("Contact", loser));
    assert_eq!(bench.get("Contact", loser, "MasterRecordId"), Value::Null);
    assert_eq!(bench.get("Task", task, "WhoId"), Value::Id(master));
}

#[test]
fn the_master_below_a_loser_is_below_nobody_and_circles_are_refused() {
    let mut bench = Bench::new();
    let loser = bench.made("Account", json!({ "Name": "Top" }));
    let master = bench.made("Account", json!({ "Name": "Below", "ParentId": loser.to_string() }));
    bench.merge("Account", master, &[loser], json!({})).unwrap();
    assert_eq!(bench.get("Account", master, "ParentId"), Value::Null);
    let top = bench.made("Account", json!({ "Name": "Top" }));
    let middle = bench.made("Account", json!({ "Name": "Middle", "ParentId": top.to_string() }));
    let low = bench.made("Account", json!({ "Name": "Low", "ParentId": middle.to_string() }));
    let text = refused(bench.merge("Account", low, &[top], json!({})));
    assert_eq!(text, "CIRCULAR_DEPENDENCY: attempt to violate hierarchy constraints");
    assert!(bench.is_live("Account", top), "nothing of it was done");
    assert_eq!(bench.get("Account", middle, "ParentId"), Value::Id(top));
}

#[test]
fn a_merge_that_the_master_refuses_changes_nothing() {
    let mut bench = Bench::new();
    let master = bench.made("Lead", json!({ "LastName": "A", "Company": "C" }));
    let loser = bench.made("Lead", json!({ "LastName": "B", "Company": "C" }));
    let text = refused(bench.merge("Lead", master, &[loser], json!({ "Company": null })));
    assert_eq!(text, "REQUIRED_FIELD_MISSING: Required fields are missing: [Company]");
    assert!(bench.is_live("Lead", loser));
    assert_eq!(bench.get("Lead", loser, "MasterRecordId"), Value::Null);
}

#[test]
fn every_merge_that_cannot_be_is_refused() {
    let mut bench = Bench::new();
    let one = bench.made("Case", json!({ "Subject": "1" }));
    let two = bench.made("Case", json!({ "Subject": "2" }));
    let three = bench.made("Case", json!({ "Subject": "3" }));
    let four = bench.made("Case", json!({ "Subject": "4" }));
    let widget = bench.made("Widget__c", json!({ "Name": "w" }));
    for (object, master, losers, starts) in [
        ("Widget__c", widget, vec![widget], "INVALID_TYPE_FOR_OPERATION: entity type Widget__c does not support merge"),
        ("Case", one, vec![], "MERGE_FAILED: "),
        ("Case", one, vec![one], "MERGE_FAILED: "),
        ("Case", one, vec![two, two], "MERGE_FAILED: "),
        ("Case", one, vec![two, three, four], "MERGE_FAILED: "),
        ("Case", one, vec![widget], "MALFORMED_ID: "),
    ] {
        let text = refused(bench.merge(object, master, &losers, json!({})));
        assert!(text.starts_with(starts), "{text}");
    }
    bench.merge("Case", one, &[two, three], json!({})).unwrap();
    assert_eq!(refused(bench.merge("Case", one, &[two], json!({}))), "ENTITY_IS_DELETED: entity is deleted");
    assert_eq!(refused(bench.merge("Case", two, &[one], json!({}))), "ENTITY_IS_DELETED: entity is deleted");
}

#[test]
fn the_master_can_take_over_a_unique_value() {
    let mut bench = Bench::new();
    let mut schema = crate::schema::Schema::clone(&bench.org.schema);
    schema.add_fields("Account", [Field::external_id("Ext__c", "External", 20, false)]);
    bench.org.schema = Arc::new(schema);
    let master = bench.made("Account", json!({ "Name": "A" }));
    let loser = bench.made("Account", json!({ "Name": "B", "Ext__c": "X" }));
    bench.merge("Account", master, &[loser], json!({ "Ext__c": "X" })).unwrap();
    assert_eq!(bench.text("Account", master, "Ext__c"), "X");
}

#[test]
fn one_failure_undoes_all_where_that_was_asked_for() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..4).map(|n| bench.made("Account", json!({ "Name": n.to_string() }))).collect();
    let object = bench.object("Account");
    let merge = |master: usize, losers: Vec<RecordId>| Merge { object, master: ids[master], fields: vec![], losers };
    let context = bench.context(true);
    let results = bench.org.merge(&context, WriteOptions::default(), vec![merge(0, vec![ids[1]]), merge(2, vec![])]);
    assert_eq!(results[0].as_ref().unwrap_err()[0].code, "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1].as_ref().unwrap_err()[0].code, "MERGE_FAILED");
    assert!(bench.is_live("Account", ids[1]));
}

#[test]
fn losers_raise_deletes_and_what_moved_raises_updates() {
    use crate::events::ChangeType;
    let mut bench = Bench::new();
    let master = bench.made("Account", json!({ "Name": "Master" }));
    let loser = bench.made("Account", json!({ "Name": "Loser" }));
    let contact = bench.made("Contact", json!({ "LastName": "Kid", "AccountId": loser.to_string() }));
    let before = bench.org.events.len();
    bench.merge("Account", master, &[loser], json!({ "Phone": "1" })).unwrap();
    let mut told: Vec<_> = bench
        .org
        .events
        .iter()
        .skip(before)
        .map(|event| (event.records.texts().remove(0), event.change, event.transaction.clone()))
        .collect();
    told.sort_by_key(|(id, ..)| id.clone());
    let kinds: Vec<_> = told.iter().map(|(id, change, _)| (id.as_str(), *change)).collect();
    assert_eq!(
        kinds,
        [
            (master.to_string().as_str(), ChangeType::Update),
            (loser.to_string().as_str(), ChangeType::Delete),
            (contact.to_string().as_str(), ChangeType::Update),
        ]
    );
    assert!(told.iter().all(|(.., transaction)| std::sync::Arc::ptr_eq(transaction, &told[0].2)), "one transaction");
}
