//! The emulator's own controls over HTTP: files in and out, snapshots, faults and the log.
#![allow(clippy::unwrap_used)]

mod common;

use common::Running;
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::import::SourceFile;
use tidegate_emulator::server::{Config, Emulator, SeedConfig, StartError};

async fn control(running: &Running, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
    let mut request = running.http.request(method, running.url(path));
    if let Some(body) = body {
        request = request.body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Json::Null))
}

async fn count(running: &Running, object: &str) -> i64 {
    let path = format!("/services/data/v62.0/query?q=SELECT+COUNT()+FROM+{object}");
    let answer: Json = running.call(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    answer["totalSize"].as_i64().unwrap()
}

#[tokio::test]
async fn files_come_in_over_http_or_not_at_all() {
    let running = Running::start(Config::default()).await;
    let post = async |name: &str, text: &str| {
        let path = format!("/__emulator/load?name={name}");
        let answer = running.http.post(running.url(&path)).body(text.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    let loaded = post("Account.csv", "Name,Industry\nOne,Energy\nTwo,\n").await;
    assert_eq!(
        loaded,
        (200, json!({ "created": { "Account": 2 }, "updated": {}, "objects": [], "left_out": [], "problems": [] }))
    );
    let refused = post("Contact.csv", "LastName,Email\nNg,a@example.com\nLi,nonsense\n").await;
    assert_eq!(refused.0, 400);
    assert_eq!(
        refused.1["error"],
        "Contact.csv, line 3: INVALID_EMAIL_ADDRESS: Email: invalid email address: nonsense"
    );
    assert_eq!((count(&running, "Account").await, count(&running, "Contact").await), (2, 0));
}

#[tokio::test]
async fn an_org_goes_back_to_a_snapshot_and_starts_from_one() {
    let seed = Some(SeedConfig { number: 3, contacts: 50 });
    let running = Running::start(Config { seed, ..Config::default() }).await;
    let before = count(&running, "Contact").await;
    assert_eq!(control(&running, Method::PUT, "/__emulator/snapshots/full", None).await.0, 204);
    let whole = running.http.get(running.url("/__emulator/snapshot")).send().await.unwrap().bytes().await.unwrap();

    let body = json!({ "LastName": "New" });
    let made = running.call(Method::POST, "/services/data/v62.0/sobjects/Contact").json(&body).send().await.unwrap();
    assert_eq!(made.status(), 201);
    assert_eq!(count(&running, "Contact").await, before + 1);
    let reset = control(&running, Method::POST, "/__emulator/reset", Some(json!({ "snapshot": "full" }))).await;
    assert_eq!(reset.0, 204, "{reset:?}");
    assert_eq!(count(&running, "Contact").await, before, "with the token of before");
    let unknown = control(&running, Method::POST, "/__emulator/reset", Some(json!({ "snapshot": "no" }))).await;
    assert_eq!(unknown, (404, json!({ "error": "no snapshot is called no" })));

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &whole).unwrap();
    let from = Some(file.path().to_owned());
    let other = Running::start(Config { from: from.clone(), ..Config::default() }).await;
    assert_eq!(count(&other, "Contact").await, before);
    let both = Emulator::start(Config { from, seed, ..Config::default() }).await;
    assert!(matches!(both, Err(StartError::SnapshotAndSeed(_))));

    // Another org takes the place of this one by HTTP; half of a file does not.
    let empty = Running::start(Config::default()).await;
    let put = async |bytes: &[u8]| {
        let request = empty.http.put(empty.url("/__emulator/snapshot")).body(bytes.to_vec());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(put(&whole[..whole.len() / 2]).await, 400);
    assert_eq!(count(&empty, "Contact").await, 0);
    assert_eq!(put(&whole).await, 204);
    assert_eq!(count(&empty, "Contact").await, before);
}

#[tokio::test]
async fn an_org_is_filled_from_files_when_it_starts() {
    let load = vec![SourceFile::new("Account.csv", "Name\nFrom a file\n")];
    let running = Running::start(Config { load, ..Config::default() }).await;
    assert_eq!(count(&running, "Account").await, 1);
    let load = vec![SourceFile::new("Account.csv", "Nmae\nx\n")];
    let error = Emulator::start(Config { load, ..Config::default() }).await.unwrap_err();
    assert_eq!(error.to_string(), "loading Account.csv, column 1: Account has no field Nmae; did you mean Name?");
}

#[tokio::test]
async fn refusals_have_salesforce_s_words_and_the_log_is_filtered() {
    let running = Running::start(Config::default()).await;
    let plan = |action: Json| json!({ "match": { "path": "*/query*" }, "action": action });
    let query = async || {
        let path = "/services/data/v62.0/query?q=SELECT+Id+FROM+Account";
        let answer = running.call(Method::GET, path).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    control(&running, Method::POST, "/__emulator/faults", Some(plan(json!({ "refuse": "concurrent_limit" })))).await;
    let (status, body) = query().await;
    assert_eq!((status, body[0]["errorCode"].as_str()), (403, Some("REQUEST_LIMIT_EXCEEDED")));
    control(&running, Method::POST, "/__emulator/faults", Some(plan(json!({ "miscount": 5 })))).await;
    assert_eq!(query().await.1["totalSize"], 5);
    assert_eq!(query().await.1["totalSize"], 0);
    let (status, error) =
        control(&running, Method::POST, "/__emulator/faults", Some(plan(json!({ "refuse": "nonsense" })))).await;
    assert_eq!(status, 400);
    assert!(error["error"].as_str().unwrap().contains("server_unavailable"), "it names what there is: {error}");

    let shown = async |filter: &str| {
        let path = format!("/__emulator/requests?{filter}");
        control(&running, Method::GET, &path, None).await.1.as_array().map(Vec::len)
    };
    assert_eq!(shown("path=/query&status=4xx").await, Some(1));
    assert_eq!(shown("path=*/query&status=200").await, Some(2));
    assert_eq!(shown("faulty=true").await, Some(2));
    assert_eq!(shown("path=query&last=1").await, Some(1));
    assert_eq!(shown("status=none").await, Some(0));
}

#[tokio::test]
async fn the_controls_describe_themselves() {
    let running = Running::start(Config::default()).await;
    let (status, document) = control(&running, Method::GET, "/__emulator/openapi.json", None).await;
    assert_eq!(status, 200);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{id}", "99").replace("{name}", "x").replace("{object}", "Account");
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let (status, _) = control(&running, method.clone(), &path, Some(json!({ "?": 1 }))).await;
            assert_ne!(status, 405, "{method} {path}");
            assert!(status < 500, "{method} {path}: {status}");
        }
    }
}
