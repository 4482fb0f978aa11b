//! Deleting, the recycle bin, undeleting.

use super::*;
use crate::dml::RECYCLE_BIN_MS;

#[test]
fn a_deleted_record_rests_in_the_bin() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({"Name": "Acme"}));
    bench.now += 10_000;
    bench.delete("Account", id).unwrap();
    assert!(!bench.is_live("Account", id));
    assert_eq!(bench.get("Account", id, "IsDeleted"), Value::Bool(true));
    assert_eq!(bench.get("Account", id, "SystemModstamp"), Value::DateTime(bench.now - bench.now % 1000));
    for result in [bench.delete("Account", id), bench.update("Account", id, json!({}))] {
        let errors = result.unwrap_err();
        assert_eq!((errors[0].status, errors[0].code), (404, "ENTITY_IS_DELETED"));
    }
    let table = bench.object("Account");
    assert_eq!(bench.org.store.table(table).unwrap().deletions().collect::<Vec<_>>(), [(id, bench.now)]);
    bench.undelete("Account", id).unwrap();
    assert!(bench.is_live("Account", id));
    assert_eq!(bench.get("Account", id, "IsDeleted"), Value::Bool(false));
    assert_eq!(bench.org.store.table(table).unwrap().deletions().count(), 0);
    assert!(error(bench.undelete("Account", id)).starts_with("UNDELETE_FAILED"));
}

#[test]
fn children_go_along_and_come_back_but_not_more() {
    let mut bench = Bench::new();
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let of = |name: &str| json!({"LastName": name, "AccountId": account.to_string()});
    let gone_before = bench.made("Contact", of("before"));
    let contact = bench.made("Contact", of("with"));
    let task = bench.made("Task", json!({"Subject": "call", "WhoId": contact.to_string()}));
    let widget = bench.made("Widget__c", json!({"Account__c": account.to_string()}));
    bench.delete("Contact", gone_before).unwrap();

    let object = bench.object("Account");
    let mut told = changes(&mut bench, false, vec![Write::Delete { object, id: account }]);
    assert_eq!(told.remove(0), (ChangeKind::Delete, account, vec![]));
    told.sort_by_key(|(_, id, _)| *id);
    let cleared = vec!["Account__c".to_owned()];
    let expected = [
        (ChangeKind::Delete, contact, vec![]),
        (ChangeKind::Delete, task, vec![]),
        (ChangeKind::Update, widget, cleared),
    ];
    assert_eq!(told, expected);
    assert_eq!(bench.get("Widget__c", widget, "Account__c"), Value::Null);

    bench.undelete("Account", account).unwrap();
    let live = [("Account", account), ("Contact", contact), ("Task", task)].map(|(o, id)| bench.is_live(o, id));
    assert_eq!(live, [true; 3]);
    assert!(!bench.is_live("Contact", gone_before));
    assert_eq!(bench.get("Widget__c", widget, "Account__c"), Value::Null);
    assert_eq!(bench.get("Task", task, "WhoId"), Value::Id(contact));
}

#[test]
fn a_restricting_child_holds_its_parent() {
    let mut bench = Bench::new();
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let contact = bench.made("Contact", json!({"LastName": "x", "AccountId": account.to_string()}));
    let case = bench.made("Case", json!({"ContactId": contact.to_string()}));
    assert_eq!(
        error(bench.delete("Account", account)),
        "DELETE_FAILED: Your attempt to delete Acme could not be completed because it is associated with the \
         following cases: 00000001"
    );
    assert!(bench.is_live("Account", account) && bench.is_live("Contact", contact));
    bench.delete("Case", case).unwrap();
    bench.delete("Account", account).unwrap();
}

#[test]
fn details_follow_their_master() {
    let mut bench = Bench::new();
    let widget = bench.made("Widget__c", json!({}));
    let part = bench.made("Part__c", json!({"Widget__c": widget.to_string(), "Label__c": "a"}));
    bench.delete("Widget__c", widget).unwrap();
    assert!(!bench.is_live("Part__c", part));
    let errors = bench.undelete("Part__c", part).unwrap_err();
    assert_eq!(errors[0].code, "UNDELETE_FAILED");
    bench.undelete("Widget__c", widget).unwrap();
    assert!(bench.is_live("Part__c", part));
}

#[test]
fn a_unique_value_taken_meanwhile_keeps_a_record_in_the_bin() {
    let mut bench = Bench::new();
    let old = bench.made("Widget__c", json!({"Ext__c": "k"}));
    bench.delete("Widget__c", old).unwrap();
    bench.made("Widget__c", json!({"Ext__c": "k"}));
    assert_eq!(bench.undelete("Widget__c", old).unwrap_err()[0].code, "DUPLICATE_VALUE");
    assert!(!bench.is_live("Widget__c", old));
}

#[test]
fn hard_deletes_and_the_end_of_the_bin() {
    let mut bench = Bench::new();
    let object = bench.object("Widget__c");
    let ids: Vec<_> = (0..4).map(|_| bench.made("Widget__c", json!({}))).collect();
    bench.delete("Widget__c", ids[1]).unwrap();
    let hard = |id| Write::HardDelete { object, id };
    assert_eq!(changes(&mut bench, false, vec![hard(ids[0]), hard(ids[1])]), [(ChangeKind::Delete, ids[0], vec![])]);
    for id in &ids[..2] {
        assert!(bench.org.store.get(object, *id).is_none());
        assert_eq!(bench.undelete("Widget__c", *id).unwrap_err()[0].code, "NOT_FOUND");
    }
    bench.delete("Widget__c", ids[2]).unwrap();
    assert_eq!(bench.org.purge(bench.now + RECYCLE_BIN_MS - 1), 0);
    assert_eq!(bench.org.purge(bench.now + RECYCLE_BIN_MS), 1);
    assert_eq!(bench.org.store.table(object).map(|t| t.len()), Some(1));

    bench.delete("Widget__c", ids[3]).unwrap();
    bench.now += RECYCLE_BIN_MS;
    bench.made("Account", json!({"Name": "any write looks through the bin"}));
    assert_eq!(bench.org.store.table(object).map(|t| t.len()), Some(0));
}

#[test]
fn users_cannot_be_deleted() {
    let mut bench = Bench::new();
    let admin = bench.org.settings.admin_id;
    assert_eq!(
        error(bench.delete("User", admin)),
        "INVALID_TYPE_FOR_OPERATION: entity type User does not support delete"
    );
}

#[test]
fn a_lookup_whose_parent_went_meanwhile_is_empty_after_undelete() {
    let mut bench = Bench::new();
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let widget = bench.made("Widget__c", json!({"Account__c": account.to_string()}));
    bench.delete("Widget__c", widget).unwrap();
    bench.delete("Account", account).unwrap();
    bench.undelete("Widget__c", widget).unwrap();
    assert_eq!(bench.get("Widget__c", widget, "Account__c"), Value::Null);
}

#[test]
fn an_org_can_keep_quiet_about_cleared_lookups() {
    let mut bench = Bench::new();
    bench.org.settings.events_for_cleared_lookups = false;
    let object = bench.object("Account");
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let widget = bench.made("Widget__c", json!({"Account__c": account.to_string()}));
    let told = changes(&mut bench, false, vec![Write::Delete { object, id: account }]);
    assert_eq!(told, [(ChangeKind::Delete, account, vec![])]);
    assert_eq!(bench.get("Widget__c", widget, "Account__c"), Value::Null);

    // A save in the same transaction is told all the same, with the lookup.
    let account = bench.made("Account", json!({"Name": "Acme"}));
    bench.update("Widget__c", widget, json!({"Account__c": account.to_string()})).unwrap();
    let save = Write::Update { object: bench.object("Widget__c"), id: widget, fields: inputs(json!({"Ext__c": "k"})) };
    let mut told = changes(&mut bench, false, vec![Write::Delete { object, id: account }, save]);
    let fields = ["Ext__c", "Account__c", "LastModifiedDate"];
    let (kind, id, mut changed) = told.remove(1);
    assert_eq!((kind, id, changed.len()), (ChangeKind::Update, widget, 3));
    changed.retain(|name| !fields.contains(&name.as_str()));
    assert_eq!(changed, Vec::<String>::new());
}

#[test]
fn emptying_the_bin_takes_what_went_along() {
    let mut bench = Bench::new();
    let widget = bench.made("Widget__c", json!({}));
    let part = bench.made("Part__c", json!({"Widget__c": widget.to_string(), "Label__c": "a"}));
    bench.delete("Widget__c", widget).unwrap();
    let object = bench.object("Widget__c");
    bench.write(Write::HardDelete { object, id: widget }).unwrap();
    assert!(bench.org.store.get(bench.object("Part__c"), part).is_none());
}
