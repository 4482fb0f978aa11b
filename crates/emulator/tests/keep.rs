//! An emulator's directory, closed and opened again.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::Running;
use reqwest::Method;
use serde_json::json;
use tidegate_emulator::RecordId;
use tidegate_emulator::dml::{Input, Write, WriteContext};
use tidegate_emulator::events::Start;
use tidegate_emulator::server::{Config, Emulator, SeedConfig, StartError};

const T0: i64 = 1_796_000_000_000;

fn config(dir: &Path) -> Config {
    let seed = Some(SeedConfig { number: 7, contacts: 300 });
    Config { dir: Some(dir.to_owned()), seed, frozen_at: Some(T0), ..Config::default() }
}

fn change(emulator: &Emulator) {
    let mut org = emulator.org().write();
    let user = org.settings.admin_id;
    let now = emulator.clock().now();
    let context = WriteContext { now, user, origin: String::new(), all_or_none: false };
    let (account, _) = org.schema.find("Account").unwrap();
    let (contact, _) = org.schema.find("Contact").unwrap();
    let text = |name: &str, text: &str| vec![(name.to_owned(), Input::Text(text.into()))];
    let writes = vec![
        Write::Create { object: contact, fields: text("LastName", "Kept \u{1f30a}\n\"quoted\"") },
        Write::Create { object: account, fields: text("Name", "Deleted") },
    ];
    let saved: Vec<_> = org.write(&context, writes).into_iter().map(Result::unwrap).collect();
    let delete = vec![Write::Delete { object: account, id: saved[1].id }];
    assert!(org.write(&context, delete)[0].is_ok());
}

async fn dump(running: &Running) -> Vec<(String, String)> {
    let names: Vec<String> = running.emulator.org().read().schema.objects().iter().map(|o| o.name.clone()).collect();
    let mut all = Vec::new();
    for name in names {
        let path = format!("/__emulator/dump/{name}");
        all.push((name, running.call(Method::GET, &path).send().await.unwrap().text().await.unwrap()));
    }
    all
}

#[tokio::test]
async fn a_clean_stop_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let first = Running::start(config(dir.path())).await;
    first.emulator.clock().advance(60_000);
    change(&first.emulator);
    let before = dump(&first).await;
    assert!(before.iter().map(|(_, rows)| rows.lines().count()).sum::<usize>() > 300);
    let (token, latest, objects, bin) = {
        let org = first.emulator.org().read();
        let (account, _) = org.schema.find("Account").unwrap();
        let bin: Vec<_> = org.store.table(account).unwrap().bin().collect();
        let token = first.emulator.credentials().access_token.clone();
        (token, org.events.latest(), org.schema.objects().to_vec(), bin)
    };
    assert!(!bin.is_empty());
    let org_id = first.emulator.credentials().org_id.clone();
    first.emulator.stop().await.unwrap();

    let mut other = config(dir.path());
    other.settings.org_id = RecordId::new(*b"00D", *b"TG", 9);
    let second = Running::start(other).await;
    assert_eq!(second.emulator.credentials().org_id, org_id, "it is the org that it was");
    assert_eq!(second.emulator.clock().now(), T0 + 60_000, "time goes on where it stopped");
    assert_eq!(dump(&second).await, before);
    {
        let org = second.emulator.org().read();
        assert_eq!(org.schema.objects().len(), objects.len());
        for (kept, was) in org.schema.objects().iter().zip(&objects) {
            assert_eq!(kept.fields, was.fields, "{}", was.name);
            assert_eq!(kept.children, was.children, "{}", was.name);
            assert_eq!(kept.record_types, was.record_types, "{}", was.name);
            assert!(kept == was, "{}", was.name);
        }
        assert_eq!(org.events.latest(), latest);
        assert!(org.events.start(Start::After(latest)).is_ok(), "who had read everything goes on");
        let (account, _) = org.schema.find("Account").unwrap();
        assert_eq!(org.store.table(account).unwrap().bin().collect::<Vec<_>>(), bin);
    }
    let old = second.http.get(second.url("/services/data/v66.0/jobs/query")).bearer_auth(token).send().await.unwrap();
    assert_eq!(old.status(), 200, "tokens outlive the process");
    assert_eq!(second.jwt(&second.claims()).await.0, 200);
    let ids = |rows: &[(String, String)]| rows.iter().map(|(_, text)| text.lines().count()).sum::<usize>();
    change(&second.emulator);
    assert_eq!(ids(&dump(&second).await), ids(&before) + 2, "new ids do not meet old ones");
    second.emulator.stop().await.unwrap();
}

#[tokio::test]
async fn after_a_crash_positions_are_given_out_anew() {
    let dir = tempfile::tempdir().unwrap();
    let first = Running::start(config(dir.path())).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !dir.path().join("org.tidegate").exists() {
        assert!(Instant::now() < deadline, "the org is kept soon after the start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    change(&first.emulator);
    let seen = first.emulator.org().read().events.latest();
    drop(first);
    let second = Running::start(config(dir.path())).await;
    let expired = second.emulator.org().read().events.start(Start::After(seen));
    assert!(expired.is_err(), "events that somebody read may be lost: the position must not be good again");
    second.emulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_spoiled_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    Emulator::start(config(dir.path())).await.unwrap().stop().await.unwrap();
    let path = dir.path().join("org.tidegate");
    let whole = std::fs::read(&path).unwrap();
    for spoiled in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &b"something else"[..], &[]] {
        std::fs::write(&path, spoiled).unwrap();
        let refused = Emulator::start(config(dir.path())).await;
        assert!(matches!(refused, Err(StartError::File { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), spoiled);
    }
    std::fs::write(&path, &whole).unwrap();
    Emulator::start(config(dir.path())).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn controls_answer() {
    let running = Running::start(Config { frozen_at: Some(T0), ..Config::default() }).await;
    let post = |path: &str, body: serde_json::Value| common::answer(running.http.post(running.url(path)).json(&body));
    let (status, plan) =
        post("/__emulator/faults", json!({ "match": { "path": "/id/keys" }, "action": { "status": 503 } })).await;
    assert_eq!((status, &plan["id"]), (201, &json!(1)));
    assert_eq!(running.http.get(running.url("/id/keys")).send().await.unwrap().status(), 503);
    assert_eq!(running.http.get(running.url("/id/keys")).send().await.unwrap().status(), 200);
    assert_eq!(post("/__emulator/faults", json!({ "action": {} })).await.0, 400);
    assert_eq!(post("/__emulator/faults", json!({ "action": { "statsu": 1 } })).await.0, 400);
    let (_, list) = common::answer(running.http.get(running.url("/__emulator/faults"))).await;
    assert_eq!((&list[0]["served"], &list[0]["seen"]), (&json!(1), &json!(2)));
    let (_, log) = common::answer(running.http.get(running.url("/__emulator/requests?path=keys&faulty=true"))).await;
    assert_eq!((log.as_array().unwrap().len(), &log[0]["status"]), (1, &json!(503)));
    let (_, clock) = post("/__emulator/clock", json!({ "set": T0 + 5, "advance_ms": 10 })).await;
    assert_eq!((&clock["now_ms"], &clock["frozen"]), (&json!(T0 + 15), &json!(true)));
    let (_, clock) = post("/__emulator/clock", json!({ "freeze": false })).await;
    assert_eq!(clock["frozen"], false);
    assert_eq!(post("/__emulator/tokens/expire", json!({})).await.1["expired"], 1);
    assert_eq!(post("/__emulator/events", json!({ "overflow": { "object": "Account" } })).await.0, 200);
    assert_eq!(post("/__emulator/events", json!({ "gap": { "object": "Account", "ids": ["x"] } })).await.0, 400);
    assert_eq!(post("/__emulator/events", json!({ "wildcard": { "object": "Nothing" } })).await.0, 400);
    assert_eq!(running.emulator.org().read().events.len(), 1);
    assert_eq!(post("/__emulator/replay/expire", json!({})).await.0, 200);
    assert!(running.emulator.org().read().events.is_empty());
    let (_, info) = common::answer(running.http.get(running.url("/__emulator/org"))).await;
    assert_eq!(info["records"]["User"]["live"], 1);
    assert_eq!(running.http.post(running.url("/__emulator/reset")).send().await.unwrap().status(), 204);
    assert!(running.emulator.faults().list().is_empty());
    let (status, _) = post("/__emulator/reset", json!({ "seed": { "number": 3, "contacts": 50 } })).await;
    assert_eq!(status, 204);
    let (_, info) = common::answer(running.http.get(running.url("/__emulator/org"))).await;
    assert_eq!(
        info["records"]["Contact"]["live"].as_u64().unwrap() + info["records"]["Contact"]["deleted"].as_u64().unwrap(),
        50
    );
    assert_eq!(running.jwt(&running.claims()).await.0, 200, "the administrator is still there");
}

#[tokio::test]
async fn bulk_jobs_go_on_where_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.settings.bulk_delay_ms = 60_000;
    let first = Running::start(config.clone()).await;
    let ingest = "/services/data/v66.0/jobs/ingest";
    let query = "/services/data/v66.0/jobs/query";
    let json = |request: reqwest::RequestBuilder| async { common::answer(request).await.1 };
    let id = |job: &serde_json::Value| job["id"].as_str().unwrap().to_owned();
    let load = async |running: &Running, csv: &str| {
        let job = json!({ "object": "Account", "operation": "insert" });
        let job = id(&json(running.call(Method::POST, ingest).json(&job)).await);
        let put = running.call(Method::PUT, &format!("{ingest}/{job}/batches")).header("content-type", "text/csv");
        assert_eq!(put.body(csv.to_owned()).send().await.unwrap().status(), 201);
        let close = running.call(Method::PATCH, &format!("{ingest}/{job}")).json(&json!({ "state": "UploadComplete" }));
        assert_eq!(close.send().await.unwrap().status(), 200);
        job
    };
    let ended = async |running: &Running, path: String, state: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let job = json(running.call(Method::GET, &path)).await;
            if job["state"] == state {
                return job;
            }
            assert!(Instant::now() < deadline, "{job}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let text = async |running: &Running, path: String| {
        let answer = running.call(Method::GET, &path).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let done = load(&first, "Name,Phone\nKept,1\n,2\n").await;
    let soql = "SELECT Id, Name, Owner.Name, Parent.Name FROM Account";
    let body = json!({ "operation": "query", "query": soql });
    let asked = id(&json(first.call(Method::POST, query).json(&body)).await);
    let one = first.call(Method::POST, "/services/async/66.0/job");
    let one = one.json(&json!({ "object": "Account", "operation": "insert", "contentType": "JSON" }));
    let classic = id(&json(one).await);
    let batches = format!("/services/async/66.0/job/{classic}/batch");
    let batch = id(&json(first.call(Method::POST, &batches).json(&json!([{ "Name": "Classic" }, {}]))).await);
    first.emulator.clock().advance(60_000);
    ended(&first, format!("{ingest}/{done}"), "JobComplete").await;
    ended(&first, format!("{query}/{asked}"), "JobComplete").await;
    ended(&first, format!("{batches}/{batch}"), "Completed").await;
    let waiting = load(&first, "Name\nLater\n").await;
    // What the query found is changed and deleted afterwards.
    {
        let mut org = first.emulator.org().write();
        let (user, now) = (org.settings.admin_id, first.emulator.clock().now());
        let context = WriteContext { now, user, origin: String::new(), all_or_none: false };
        let (account, _) = org.schema.find("Account").unwrap();
        let ids: Vec<_> = org.store.table(account).unwrap().live_rows().map(|(id, _)| id).collect();
        let fields = vec![("Name".to_owned(), Input::Text("Changed".into()))];
        let last = *ids.last().unwrap();
        let writes = vec![
            Write::Update { object: account, id: ids[0], fields },
            Write::HardDelete { object: account, id: last },
        ];
        assert!(org.write(&context, writes).iter().all(Result::is_ok));
    }
    let paths = [
        format!("{ingest}/{done}/successfulResults"),
        format!("{ingest}/{done}/failedResults"),
        format!("{query}/{asked}/results"),
        format!("{query}/{asked}/results?maxRecords=10"),
        format!("{batches}/{batch}/result"),
        format!("{batches}/{batch}/request"),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(text(&first, path.clone()).await);
    }
    assert!(before.iter().all(|(status, _)| *status == 200), "{before:?}");
    assert!(!before[2].1.contains("Changed"), "as it was when the query ran");
    first.emulator.stop().await.unwrap();

    let second = Running::start(config).await;
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(&text(&second, path.clone()).await, before, "{path}");
    }
    assert_eq!(json(second.call(Method::GET, &format!("{ingest}/{waiting}"))).await["state"], "UploadComplete");
    second.emulator.clock().advance(60_000);
    second.emulator.state().bulk_wake.notify_one();
    let job = ended(&second, format!("{ingest}/{waiting}"), "JobComplete").await;
    assert_eq!(job["numberRecordsProcessed"], 1, "{job}");
    let next = load(&second, "Name\nNext\n").await;
    assert!(next > waiting, "ids go on: {next}");
}
