//! Several writes in one transaction, and the files they bring.

use super::*;
use crate::store::{Image, Store};

/// Every row of every table, live or not, and every deletion that is remembered.
fn everything(org: &Org) -> Vec<String> {
    let mut found = Vec::new();
    for (object, table) in org.store.tables() {
        found.extend(table.rows().map(|(id, row)| format!("{object:?} {id} {row:?} {:?}", table.binned(id))));
        found.extend(table.deletions().map(|(id, at)| format!("{object:?} {id} deleted {at}")));
    }
    found.push(format!("{} files", org.store.blobs.len()));
    found
}

fn attachment(parent: RecordId, body: &str) -> Json {
    json!({"ParentId": parent.to_string(), "Name": "file", "Body": body})
}

#[test]
fn what_is_rolled_back_leaves_no_trace_and_tells_no_event() {
    let mut bench = Bench::new();
    let kept = bench.made("Account", json!({"Name": "kept"}));
    let child = bench.made("Contact", json!({"LastName": "child", "AccountId": kept.to_string()}));
    bench.made("Attachment", attachment(kept, "aGk="));
    let (before, events) = (everything(&bench.org), bench.org.events.len());
    bench.org.begin();
    let new = bench.made("Account", json!({"Name": "new"}));
    bench.made("Attachment", attachment(new, "aGVsbG8="));
    bench.update("Account", kept, json!({"Name": "changed"})).unwrap();
    bench.update("Account", kept, json!({"Name": "again"})).unwrap();
    bench.delete("Account", kept).unwrap();
    assert!(!bench.is_live("Contact", child), "the delete took the child along");
    bench.undelete("Account", kept).unwrap();
    bench.delete("Account", new).unwrap();
    assert_eq!(bench.org.events.len(), events, "nothing is told before it is committed");
    bench.org.rollback();
    assert_eq!(everything(&bench.org), before);
    assert_eq!(bench.org.events.len(), events);
    assert!(bench.org.units.is_empty());
}

#[test]
fn what_is_committed_is_one_transaction_and_an_inner_unit_is_part_of_the_outer_one() {
    let mut bench = Bench::new();
    let events = bench.org.events.len();
    bench.org.begin();
    let first = bench.made("Account", json!({"Name": "first"}));
    bench.org.begin();
    bench.made("Account", json!({"Name": "inner, taken back"}));
    bench.org.rollback();
    bench.org.begin();
    bench.made("Contact", json!({"LastName": "inner", "AccountId": first.to_string()}));
    let context = bench.context(true);
    bench.org.commit(&context);
    assert_eq!(bench.org.events.len(), events, "the outer unit is still open");
    bench.update("Account", first, json!({"Site": "s"})).unwrap();
    bench.org.commit(&context);
    let told: Vec<_> = bench.org.events.iter().skip(events).map(|e| e.transaction.key).collect();
    assert_eq!(told.len(), 2, "one event for each record: its changes are one");
    assert_eq!(told[0], told[1]);
    let account = bench.object("Account");
    assert_eq!(bench.org.store.table(account).unwrap().live_len(), 1);
}

#[test]
fn files_live_as_long_as_their_records() {
    let mut bench = Bench::new();
    let parent = bench.made("Account", json!({"Name": "parent"}));
    let id = bench.made("Attachment", attachment(parent, "aGk="));
    assert_eq!(bench.get("Attachment", id, "BodyLength"), Value::Int(2));
    assert!(error(bench.create("Attachment", attachment(parent, "no base64!"))).starts_with("JSON_PARSER_ERROR"));
    assert!(bench.create("Attachment", json!({"Name": "no parent", "Body": "aGk="})).is_err());
    assert_eq!(bench.org.store.blobs.len(), 1, "what was refused left nothing behind");
    bench.update("Attachment", id, json!({"Body": "aGVsbG8="})).unwrap();
    assert_eq!(bench.get("Attachment", id, "BodyLength"), Value::Int(5));

    // Kept in a file and opened again.
    let mut kept = Vec::new();
    bench.org.store.image().write(&mut kept).unwrap();
    let opened = Store::from_image(Image::read(&mut kept.as_slice()).unwrap());
    let (object, facts) = bench.org.schema.find("Attachment").unwrap();
    let body = opened.get(object, id).unwrap().get(facts.field("Body").unwrap().0);
    let number = crate::dml::blob::number(&body).unwrap();
    assert_eq!(opened.blobs.get(number).unwrap(), "hello");
    assert!(Image::read(&mut &kept[..kept.len() - 1]).is_err(), "a file that is cut off is no org");

    bench.org.purge(bench.now);
    assert_eq!(bench.org.store.blobs.len(), 1, "the content that was replaced is gone");
    bench.delete("Account", parent).unwrap();
    bench.org.purge(bench.now);
    assert_eq!(bench.org.store.blobs.len(), 1, "it may come back from the recycle bin");
    bench.org.purge(bench.now + crate::dml::RECYCLE_BIN_MS + 1);
    assert!(bench.org.store.blobs.is_empty());
}
