//! REST beyond single records: collections, composites, graphs, batches, trees, files, describes, changes, search.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate_client::rest::{
    Batch, Blob, Composite, CreateMany, DeleteBy, DeleteMany, GetBy, GetDeleted, GetMany, GetUpdated, Graph, Graphs,
    Method, RecordCounts, Search, TextSearch, Tree, TreeRecord, Unchanged, UpdateMany, Upload, UpsertMany,
    bytes_stream, first_cause, reader_stream,
};
use tidegate_client::{Call, Create, Delete, Error, Field, Get, Headers, Query, Related, Update, Upsert};

use crate::support::{World, world};

async fn count(world: &World, soql: &str) -> u64 {
    world.org.query_page(soql).await.unwrap().total_size
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contact {
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    last_name: Field<String>,
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    phone: Field<String>,
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    email: Field<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_records() {
    let world = world(20).await;
    let org = &world.org;

    // Three states, written and read.
    let new = Contact { last_name: "Ng".into(), phone: "1".into(), email: "a@b.example".into() };
    let saved = org.create("Contact", &new).await.unwrap();
    org.update("Contact", &saved.id, &Contact { phone: Field::Null, ..Contact::default() }).await.unwrap();
    let read: Contact = org.get_as("Contact", &saved.id).await.unwrap();
    assert_eq!(read.last_name, "Ng".into());
    assert!(read.phone.is_null());
    assert_eq!(read.email, "a@b.example".into());
    let get = Get::new("Contact", &saved.id).fields(["LastName"]);
    let read: Contact = serde_json::from_value(org.send(&get).await.unwrap().into()).unwrap();
    assert!(read.phone.is_unset());

    // By keys, also those that a URL cannot carry; parents by theirs.
    for key in ["A-1", "a b/c?d&e=f+g%h", "info@acme.inc", "ключ", "."] {
        let made = org.upsert("Account", "Ext_Id__c", key, json!({"Name": "A"})).await.unwrap();
        assert_eq!(made.created, Some(true), "{key}");
        let again = org.upsert("Account", "Ext_Id__c", key, json!({"Phone": "1"})).await.unwrap();
        assert_eq!((again.id, again.created), (made.id, Some(false)), "{key}");
    }
    let only = Upsert::new("Account", "Ext_Id__c", "nobody", json!({"Phone": "1"})).update_only();
    assert_eq!(org.send(&only).await.unwrap_err().status(), Some(404));
    let child = json!({"LastName": "Ng", "Account": Related::by("Ext_Id__c", "A-1")});
    let child = org.create("Contact", child).await.unwrap();
    let parent = org.send(&GetBy::new("Account", "Ext_Id__c", "A-1").fields(["Id"])).await.unwrap();
    assert_eq!(org.get("Contact", &child.id).await.unwrap()["AccountId"], parent["Id"]);
    assert_eq!(org.find("Account", "Ext_Id__c", "A-1").await.unwrap()["Id"], parent["Id"]);
    let username = org.query_page("SELECT Username FROM User LIMIT 1").await.unwrap().records[0]["Username"].clone();
    let owned = json!({"Subject": "x", "Owner": Related::by("Username", username).of("User")});
    org.create("Case", owned).await.unwrap();
    let orphan = json!({"LastName": "Ng", "Account": Related::by("Ext_Id__c", "nobody")});
    let error = org.create("Contact", orphan).await.unwrap_err();
    assert!(error.has_code("INVALID_FIELD") && error.hint().unwrap().contains("parent"), "{error}");
    org.send(&DeleteBy::new("Account", "Ext_Id__c", "A-1")).await.unwrap();

    // Conditions.
    let account = org.create("Account", json!({"Name": "A"})).await.unwrap();
    let get = Get::new("Account", &account.id);
    let now: Timestamp = org.server_time().unwrap();
    let later = Unchanged::Since(now.checked_add(jiff::SignedDuration::from_secs(5)).unwrap());
    assert!(org.send(&get.clone().if_changed(later)).await.unwrap().is_none());
    let (_, status, headers) = org.send(&get.clone().with_head()).await.unwrap();
    assert_eq!(status, 200);
    let etag = headers["etag"].to_str().unwrap().to_owned();
    assert!(org.send(&get.clone().if_changed(Unchanged::Etag(etag.clone()))).await.unwrap().is_none());
    let change =
        |etag: &str| Update::new("Account", &account.id, json!({"Name": "B"})).with(Headers::new().if_match(etag));
    org.send(&change(&etag)).await.unwrap();
    assert_eq!(org.send(&change(&etag)).await.unwrap_err().status(), Some(412));

    // Any path.
    let answer = org.request(Method::GET, "sobjects/Account").send().await.unwrap();
    assert_eq!(answer.status, 200);
    let refused = org.request(Method::GET, "sobjects/Acount").send().await.unwrap();
    assert_eq!(refused.status, 404);
    assert!(refused.ok().unwrap_err().has_code("NOT_FOUND"));
    let body = json!({"Name": "By hand"});
    let answer = org.request(Method::POST, "sobjects/Account").json(&body).unwrap().send().await.unwrap();
    assert_eq!(answer.json::<serde_json::Value>().unwrap()["success"], true);
    let mut stream = org.request(Method::GET, "/services/data").stream().await.unwrap();
    assert!(stream.next().await.unwrap().unwrap().starts_with(b"["));
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections() {
    let world = world(20).await;
    let org = &world.org;

    // One call: results by place, and of all or none the cause.
    let records = [json!({"Name": "A"}), json!({}), json!({"Name": "C"})];
    let results = org.send(&CreateMany::new("Account", records.clone())).await.unwrap();
    assert_eq!(results.iter().map(|result| result.success).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(results[1].errors[0].fields, ["Name"]);
    let results = org.send(&CreateMany::new("Account", records).all_or_none()).await.unwrap();
    assert!(results[0].is_rolled_back() && results[2].is_rolled_back());
    assert_eq!(first_cause(&results), Some(1));

    // Any number: cut into calls, joined by place.
    let names = futures::stream::iter(0..1001)
        .map(|n| if n % 100 == 7 { json!({}) } else { json!({"Name": format!("N{n}"), "Ext_Id__c": format!("K{n}")}) });
    let before = org.requests_made();
    let made: Vec<_> = org.collections().create("Account", names).collect().await;
    // And one that asks what kind of org it is, before many go at a time.
    assert!((6..=7).contains(&(org.requests_made() - before)));
    assert_eq!(made.len(), 1001);
    for (n, outcome) in made.iter().enumerate() {
        assert_eq!(outcome.place, n as u64);
        match n % 100 {
            7 => assert!(outcome.result.as_ref().unwrap_err().has_code("REQUIRED_FIELD_MISSING")),
            _ => assert_eq!(outcome.record["Name"], format!("N{n}")),
        }
    }
    let ids: Vec<String> = made.iter().filter_map(|outcome| Some(outcome.result.as_ref().ok()?.id.clone())).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 991);
    let id_of_42 = made[42].result.as_ref().unwrap().id.clone();
    assert_eq!(org.get("Account", id_of_42).await.unwrap()["Name"], "N42");

    // Read back, in the order asked for, with holes.
    let mut wanted = ids.clone();
    wanted.insert(3, "001000000000001AAA".into());
    let read: Vec<_> =
        org.collections().get("Account", ["Name"], futures::stream::iter(wanted)).try_collect().await.unwrap();
    assert_eq!(read.len(), 992);
    assert!(read[3].1.is_none());
    assert_eq!(read[0].1.as_ref().unwrap()["Id"], read[0].0.as_str());
    let some = org.send(&GetMany::new("Account", [&ids[0]], ["Name"])).await.unwrap();
    assert_eq!(some[0].as_ref().unwrap()["Name"], "N0");

    // Update, upsert, delete.
    let changes = ids.iter().take(250).map(|id| (id.clone(), json!({"Phone": "1"}))).collect::<Vec<_>>();
    let changed: Vec<_> =
        org.collections().at_once(2).update("Account", futures::stream::iter(changes)).collect().await;
    assert!(changed.len() == 250 && changed.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(count(&world, "SELECT COUNT() FROM Account WHERE Phone = '1'").await, 250);
    let keyed = futures::stream::iter(1000..1210).map(|n| json!({"Ext_Id__c": format!("K{n}"), "Name": "U"}));
    let upserted: Vec<_> = org.collections().upsert("Account", "Ext_Id__c", keyed).collect().await;
    let created: Vec<bool> = upserted.iter().map(|outcome| outcome.result.as_ref().unwrap().created.unwrap()).collect();
    assert_eq!(created.iter().filter(|created| **created).count(), 209);
    let twice = [json!({"Ext_Id__c": "K1", "Name": "x"}), json!({"Ext_Id__c": "K1", "Name": "y"})];
    let twice = org.send(&UpsertMany::new("Account", "Ext_Id__c", twice)).await.unwrap();
    assert!(twice.iter().any(|result| !result.success));
    let wrong = UpdateMany::new("Account", [("001000000000001AAA".to_owned(), json!({"Phone": "1"}))]);
    assert!(!org.send(&wrong).await.unwrap()[0].success);
    let gone: Vec<_> = org.collections().delete(futures::stream::iter(ids.clone())).collect().await;
    assert!(gone.len() == 991 && gone.iter().all(|outcome| outcome.result.is_ok()));
    assert!(!org.send(&DeleteMany::new([&ids[0]])).await.unwrap()[0].success);

    // Objects that change from record to record: never more than ten runs in a call.
    let mixed = futures::stream::iter(0..45).map(|n| match n % 2 {
        0 => ("Account".to_owned(), json!({"Name": "M"})),
        _ => ("Contact".to_owned(), json!({"LastName": "M"})),
    });
    let mixed: Vec<_> = org.collections().create_mixed(mixed).collect().await;
    assert!(mixed.len() == 45 && mixed.iter().all(|outcome| outcome.result.is_ok()));

    // A call whose answer is lost is done once, and its records are said to be unknown; the others are known.
    let lose =
        json!({"match": {"method": "POST", "path": "composite/sobjects", "nth": 2}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    let before = count(&world, "SELECT COUNT() FROM Account").await;
    let records = futures::stream::iter(0..600).map(|_| json!({"Name": "Lost"}));
    let outcomes: Vec<_> = org.collections().at_once(1).create("Account", records).collect().await;
    let unknown: Vec<u64> = outcomes
        .iter()
        .filter(|outcome| outcome.result.as_ref().is_err_and(Error::is_outcome_unknown))
        .map(|outcome| outcome.place)
        .collect();
    assert_eq!(unknown, (200..400).collect::<Vec<u64>>());
    assert_eq!(count(&world, "SELECT COUNT() FROM Account").await, before + 600);

    // Of a delete whose answer is lost, the second answer is understood.
    let lose = json!({"match": {"method": "DELETE", "path": "sobjects"}, "action": {"lose_answer": true}});
    for lost in [true, false] {
        if lost {
            world.control("faults", lose.clone()).await;
        }
        let ids = [outcomes[0].result.as_ref().unwrap().id.clone(), outcomes[1].result.as_ref().unwrap().id.clone()];
        let deleted = org.send(&DeleteMany::new(ids)).await.unwrap();
        assert_eq!(deleted.iter().all(|result| result.success), lost);
        if lost {
            world.control("faults", lose.clone()).await;
        }
        let id = outcomes[2].result.as_ref().unwrap().id.clone();
        assert_eq!(org.delete("Account", id).await.is_ok(), lost);
    }
    // A token that ends in the middle is renewed.
    world
        .control("faults", json!({"match": {"path": "composite/sobjects", "nth": 2}, "action": {"expire_token": true}}))
        .await;
    let records = futures::stream::iter(0..600).map(|_| json!({"Name": "Renewed"}));
    let outcomes: Vec<_> = org.collections().create("Account", records).collect().await;
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(count(&world, "SELECT COUNT() FROM Account WHERE Name = 'Renewed'").await, 600);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_calls_in_one() {
    let world = world(20).await;
    let org = &world.org;

    // A composite, typed from end to end.
    let mut calls = Composite::new().all_or_none();
    let account =
        calls.add("account", Create::new("Account", json!({"Name": "Acme"})).with(Headers::new().recently_used(false)));
    let contact = calls.add("contact", Create::new("Contact", json!({"LastName": "Ng", "AccountId": account.id()})));
    let read = calls.add("read", Get::new("Account", account.id()).fields(["Name", "OwnerId"]));
    let owner = calls.add("owner", Get::new("User", read.field("OwnerId")).fields(["Username"]));
    let query = calls.add("found", Query::new(format!("SELECT Id FROM Contact WHERE AccountId = '{}'", account.id())));
    let first = calls.add("again", Get::new("Contact", query.field("records[0].Id")).fields(["LastName"]));
    let reply = org.send(&calls).await.unwrap().ok().unwrap();
    assert_eq!(reply.get(&read).unwrap()["Name"], "Acme");
    assert!(reply.get(&owner).unwrap()["Username"].is_string());
    assert_eq!(reply.get(&query).unwrap().records[0]["Id"], reply.get(&contact).unwrap().id);
    assert_eq!(reply.get(&first).unwrap()["LastName"], "Ng");
    assert!(reply.get(&account).unwrap().id.starts_with("001"));

    // One that fails undoes all, and is found.
    let mut calls = Composite::new().all_or_none();
    let account = calls.add("account", Create::new("Account", json!({"Name": "Undone"})));
    let contact = calls.add("contact", Create::new("Contact", json!({"AccountId": account.id()})));
    let reply = org.send(&calls).await.unwrap();
    assert!(reply.get(&account).unwrap_err().is_rolled_back());
    assert!(reply.get(&contact).unwrap_err().has_code("REQUIRED_FIELD_MISSING"));
    assert_eq!(reply.cause(), Some("contact"));
    assert_eq!(count(&world, "SELECT COUNT() FROM Account WHERE Name = 'Undone'").await, 0);
    // Without all or none, what depends on it is halted, the rest is done.
    let mut calls = Composite::new();
    let account = calls.add("account", Create::new("Account", json!({})));
    let contact = calls.add("contact", Create::new("Contact", json!({"LastName": "x", "AccountId": account.id()})));
    let other = calls.add("other", Create::new("Account", json!({"Name": "Other"})));
    let reply = org.send(&calls).await.unwrap();
    assert!(reply.get(&contact).unwrap_err().is_rolled_back());
    reply.get(&other).unwrap();
    assert!(reply.ok().unwrap_err().has_code("REQUIRED_FIELD_MISSING"));
    // A lost answer: not sent again.
    let lose = json!({"match": {"method": "POST", "path": "/composite"}, "action": {"lose_answer": true}});
    world.control("faults", lose.clone()).await;
    let mut calls = Composite::new();
    calls.add("a", Create::new("Account", json!({"Name": "Once"})));
    assert!(org.send(&calls).await.unwrap_err().is_outcome_unknown());
    assert_eq!(count(&world, "SELECT COUNT() FROM Account WHERE Name = 'Once'").await, 1);
    // Where all calls may be repeated, it is, and each answer is understood as that of a repetition.
    let victim = org.create("Account", json!({"Name": "Victim"})).await.unwrap();
    world.control("faults", lose).await;
    let mut calls = Composite::new();
    let gone = calls.add("gone", Delete::new("Account", &victim.id));
    org.send(&calls).await.unwrap().get(&gone).unwrap();

    // Graphs: each whole or not at all.
    let graph = |id: &str, name: serde_json::Value| {
        let mut graph = Graph::new(id);
        let account = graph.add("account", Create::new("Account", json!({"Name": name})));
        let contact = graph.add("contact", Create::new("Contact", json!({"LastName": "G", "AccountId": account.id()})));
        (graph, account, contact)
    };
    let (good, _, child) = graph("good", json!("Graph"));
    let (bad, parent, orphan) = graph("bad", json!(null));
    let reply = org.send(&Graphs::new([good, bad])).await.unwrap();
    assert!(reply.get(&child).unwrap().id.starts_with("003"));
    assert!(!reply.get(&parent).unwrap_err().is_rolled_back());
    assert!(reply.get(&orphan).unwrap_err().is_rolled_back());
    assert_eq!(reply.graphs().iter().map(|graph| graph.success).collect::<Vec<_>>(), [true, false]);
    assert_eq!(reply.graphs()[1].cause(), Some("account"));
    assert_eq!(count(&world, "SELECT COUNT() FROM Contact WHERE LastName = 'G'").await, 1);

    // Batch: independent calls.
    let mut batch = Batch::new();
    let limits = batch.add(tidegate_client::Limits);
    let missing = batch.add(Get::new("Account", "001000000000001AAA"));
    let made = batch.add(Create::new("Account", json!({"Name": "Batch"})));
    let reply = org.send(&batch).await.unwrap();
    assert!(reply.get(&limits).unwrap().contains_key("DailyApiRequests"));
    assert_eq!(reply.get(&missing).unwrap_err().status(), Some(404));
    assert!(reply.get(&made).unwrap().id.starts_with("001"));
    let mut batch = Batch::new().halt_on_error();
    batch.add(Get::new("Account", "001000000000001AAA"));
    let halted = batch.add(Create::new("Account", json!({"Name": "Batch"})));
    assert!(org.send(&batch).await.unwrap().get(&halted).unwrap_err().is_rolled_back());

    // Tree: records with children; a refusal names the record.
    let contact =
        |n: usize, email: &str| TreeRecord::new(format!("c{n}"), "Contact", json!({"LastName": "T", "Email": email}));
    let tree = |email: &str| {
        let account = TreeRecord::new("a", "Account", json!({"Name": "Tree"}));
        Tree::new(
            "Account",
            [account.child("Contacts", contact(1, "a@b.example")).child("Contacts", contact(2, email))],
        )
    };
    let reply = org.send(&tree("c@d.example")).await.unwrap();
    assert_eq!(reply.ids.len(), 3);
    let id = reply.id("c2").unwrap();
    assert_eq!(org.get("Contact", id).await.unwrap()["AccountId"], reply.id("a").unwrap());
    let Err(Error::Rejected { records, .. }) = org.send(&tree("no address")).await else { panic!("it was taken") };
    assert_eq!((records[0].reference.as_str(), records[0].errors[0].code.as_str()), ("c2", "INVALID_EMAIL_ADDRESS"));
    assert_eq!(count(&world, "SELECT COUNT() FROM Account WHERE Name = 'Tree'").await, 1);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files() {
    let world = world(5).await;
    let org = &world.org;
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();

    // From a file, from a stream, from memory.
    let path = dir.path().join("big.bin");
    std::fs::write(&path, &bytes).unwrap();
    let upload = Upload::content_version("big \"x\".bin", json!({"Title": "big"}));
    let big = org.upload_file(&upload, &path).await.unwrap();
    let reader = reader_stream(std::io::Cursor::new(bytes[..700_000].to_vec()));
    let part = org.upload(&Upload::content_version("part.bin", json!({})), reader, 700_000).await.unwrap();
    let account = org.create("Account", json!({"Name": "With a file"})).await.unwrap();
    let small = org.upload_bytes(&Upload::attachment(&account.id, "a.txt"), b"hello").await.unwrap();

    // To a stream, to a file, to memory.
    let mut whole = Vec::new();
    let mut download = org.download(&Blob::content_version(&big.id)).await.unwrap();
    while let Some(piece) = download.try_next().await.unwrap() {
        whole.extend_from_slice(&piece);
    }
    assert!(whole == bytes);
    let copy = dir.path().join("copy.bin");
    assert_eq!(org.save(&Blob::content_version(&part.id), &copy).await.unwrap(), 700_000);
    assert!(std::fs::read(&copy).unwrap() == bytes[..700_000]);
    assert_eq!(org.send(&Blob::attachment(&small.id)).await.unwrap(), "hello");
    assert_eq!(org.get("ContentVersion", &big.id).await.unwrap()["PathOnClient"], "big \"x\".bin");

    // A download that breaks begins anew; a stream of it says that it broke.
    let cut = json!({"match": {"path": "VersionData"}, "action": {"cut_after_bytes": 100_000}});
    world.control("faults", cut.clone()).await;
    assert_eq!(org.save(&Blob::content_version(&big.id), &copy).await.unwrap(), 3_000_000);
    assert!(std::fs::read(&copy).unwrap() == bytes);
    world.control("faults", cut).await;
    let broken = org.download(&Blob::content_version(&big.id)).await.unwrap().try_collect::<Vec<_>>().await;
    assert!(matches!(broken, Err(Error::Transport { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left beside the files");
    // A token that has ended is renewed: before a download, before a stream, and before a file.
    world.control("tokens/expire", json!({})).await;
    org.save(&Blob::content_version(&part.id), &copy).await.unwrap();
    world.control("tokens/expire", json!({})).await;
    org.upload(&Upload::content_version("s.bin", json!({})), bytes_stream("stream"), 6).await.unwrap();
    let before = count(&world, "SELECT COUNT() FROM ContentVersion").await;
    world.control("tokens/expire", json!({})).await;
    org.upload_file(&upload, &path).await.unwrap();
    assert_eq!(count(&world, "SELECT COUNT() FROM ContentVersion").await, before + 1);
    // A lost answer is unknown, and nothing is sent again.
    let lose = json!({"match": {"method": "POST", "path": "sobjects/ContentVersion"}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    let error = org.upload_file(&upload, &path).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!(count(&world, "SELECT COUNT() FROM ContentVersion").await, before + 2);
    // What is not as long as was said is not saved.
    for length in [5, 7] {
        let short = org.upload(&Upload::content_version("s.bin", json!({})), bytes_stream("stream"), length).await;
        assert!(matches!(short, Err(Error::Decode { .. })), "{short:?}");
    }
    assert_eq!(count(&world, "SELECT COUNT() FROM ContentVersion").await, before + 2);
    let error = org.upload_file(&upload, dir.path().join("missing")).await.unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn describes() {
    let world = world(5).await;
    let org = &world.org;
    let dir = tempfile::tempdir().unwrap();
    org.keep_describes_in(dir.path());
    org.org_id().await.unwrap();

    // However many ask, one request; then none.
    let before = org.requests_made();
    let all = (0..20).map(|n| {
        let org = org.clone();
        tokio::spawn(async move { org.describe_cached(["Account", "account"][n % 2]).await })
    });
    for describe in futures::future::join_all(all).await {
        assert_eq!(describe.unwrap().unwrap().name, "Account");
    }
    assert_eq!(org.requests_made() - before, 1);
    // Asked again, the org says only that nothing has changed.
    let kept = org.describe_cached("Account").await.unwrap();
    let fresh = org.describe_fresh_for("Account", std::time::Duration::ZERO).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&kept, &fresh));
    assert_eq!(org.requests_made() - before, 2);

    // Many in few calls, unknown ones alone.
    let objects: Vec<String> =
        org.describe_global().await.unwrap().sobjects.into_iter().filter(|o| o.queryable).map(|o| o.name).collect();
    assert!(objects.len() > 25);
    let before = org.requests_made();
    let many = org.describe_many(objects.iter().map(String::as_str).chain(["Nonsense"])).await.unwrap();
    assert_eq!(many.len(), objects.len() + 1);
    assert_eq!(org.requests_made() - before, (objects.len() as u64).div_ceil(25));
    for (object, describe) in &many {
        match describe {
            Ok(describe) => assert_eq!(&describe.name, object),
            Err(error) => assert_eq!((object.as_str(), error.status()), ("Nonsense", Some(404)), "{object}: {error}"),
        }
    }

    // Another process finds them on disk, and asks only whether they still hold.
    let mut config = tidegate_client::ClientConfig::new(world.config.login.clone());
    config.ca_file = world.config.ca_file.clone();
    let other = tidegate_client::Client::connect(config).await.unwrap();
    other.keep_describes_in(dir.path());
    let describe = other.describe_cached("Account").await.unwrap();
    assert_eq!(describe.fields, kept.fields);
    assert_eq!(describe.last_modified, kept.last_modified);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_search_counts_and_tooling() {
    let world = world(60).await;
    let org = &world.org;
    let start = org.server_time().unwrap().checked_sub(jiff::SignedDuration::from_mins(5)).unwrap();
    let kept = org.create("Account", json!({"Name": "Quetzalcoatl"})).await.unwrap();
    let gone = org.create("Account", json!({"Name": "Gone"})).await.unwrap();
    org.delete("Account", &gone.id).await.unwrap();
    let end = start.checked_add(jiff::SignedDuration::from_mins(10)).unwrap();
    let updated = org.send(&GetUpdated::new("Account", start, end)).await.unwrap();
    assert!(updated.ids.contains(&kept.id) && updated.latest_covered <= end);
    let deleted = org.send(&GetDeleted::new("Account", start, end)).await.unwrap();
    assert!(deleted.records.iter().any(|record| record.id == gone.id));
    assert!(deleted.is_complete_from(start), "{deleted:?}");
    let long_ago = start.checked_sub(jiff::SignedDuration::from_hours(24 * 40)).unwrap();
    assert!(
        org.send(&GetUpdated::new("Account", long_ago, end)).await.unwrap_err().has_code("INVALID_REPLICATION_DATE")
    );

    let sosl = Search::new("FIND {Quetzalcoatl} IN NAME FIELDS RETURNING Account(Id, Name)");
    let found = org.send(&sosl).await.unwrap();
    assert_eq!(found.records[0]["Id"], kept.id);
    let words = TextSearch::new("Quetzalcoatl").object("Account", ["Id"]).limit(5);
    assert_eq!(org.send(&words).await.unwrap().records[0]["Id"], kept.id);

    assert!(org.send(&RecordCounts::new(["Contact", "Nonsense"])).await.unwrap().len() == 1);
    let tabs: serde_json::Value = org.send(&tidegate_client::rest::Resource::new("tabs")).await.unwrap();
    assert!(tabs.is_array());

    let tooling = org.tooling();
    let entities: Vec<_> = tooling
        .query("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Account'")
        .try_collect()
        .await
        .unwrap();
    assert_eq!(entities[0]["QualifiedApiName"], "Account");
    assert!(tooling.describe_global().await.unwrap().sobjects.iter().any(|object| object.name == "CustomField"));
    world.emulator.stop().await.unwrap();
}
