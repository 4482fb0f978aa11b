//! REST calls over a real socket that misbehaves: what is sent again and what never, what is said to be unknown, and
//! answers of every kind of damage.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use http::Response;
use proptest::prelude::*;
use serde_json::json as value;
use support::{Reply, Server, json, refused};
use tidegate_client::{
    Call, Create, Delete, Error, Get, Headers, LostHow, Update, Upsert,
    rest::{
        Batch, Blob, Composite, CreateMany, DeleteBy, DeleteMany, GetDeleted, GetMany, GetUpdated, Graph, Graphs,
        Method, RecordCounts, Search, Tree, TreeRecord, Upload, UpsertMany, bytes_stream,
    },
};

/// How often a call is sent when the first answers are lost, and what it comes to.
async fn sent<C: Call>(call: C, lost: usize, answer: Reply) -> (usize, Result<C::Reply, Error>) {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        n if n < lost => Reply::Drop,
        _ => answer.clone(),
    })
    .await;
    let outcome = server.client().await.send(&call).await;
    (server.seen().len(), outcome)
}

#[tokio::test]
async fn what_may_be_repeated_is_and_nothing_else() {
    let saved = || json(201, r#"{"id":"001x","success":true,"errors":[]}"#);
    let many = || json(200, r#"[{"id":"001x","success":true,"errors":[]}]"#);
    let fields = || value!({"Name": "A"});

    let (times, outcome) = sent(Create::new("Account", fields()), 1, saved()).await;
    assert!(times == 1 && outcome.unwrap_err().is_outcome_unknown());
    let (times, outcome) = sent(CreateMany::new("Account", [fields()]), 1, many()).await;
    assert!(times == 1 && outcome.unwrap_err().is_outcome_unknown());
    let (times, outcome) = sent(DeleteBy::new("Account", "Ext__c", "1"), 1, json(204, "")).await;
    assert!(times == 1 && outcome.unwrap_err().is_outcome_unknown());
    let tree = Tree::new("Account", [TreeRecord::new("a", "Account", fields())]);
    assert_eq!(sent(tree, 1, saved()).await.0, 1);
    let mut calls = Composite::new();
    calls.add("a", Create::new("Account", fields()));
    assert_eq!(sent(calls, 1, saved()).await.0, 1);
    let mut batch = Batch::new();
    batch.add(Create::new("Account", fields()));
    assert_eq!(sent(batch, 1, saved()).await.0, 1);
    let mut graph = Graph::new("g");
    graph.add("a", Create::new("Account", fields()));
    assert_eq!(sent(Graphs::new([graph]), 1, saved()).await.0, 1);

    let (times, outcome) = sent(Update::new("Account", "001x", fields()), 2, json(204, "")).await;
    assert_eq!((times, outcome.is_ok()), (3, true));
    let (times, outcome) = sent(GetMany::new("Account", ["001x"], ["Id"]), 1, json(200, "[null]")).await;
    assert_eq!((times, outcome.unwrap()), (2, vec![None]));
    // What a repetition answers is understood as such.
    let gone = refused(404, "ENTITY_IS_DELETED", "entity is deleted");
    let (times, outcome) = sent(Delete::new("Account", "001x"), 1, gone.clone()).await;
    assert_eq!((times, outcome.is_ok()), (2, true));
    let (times, outcome) = sent(Delete::new("Account", "001x"), 0, gone).await;
    assert_eq!((times, outcome.is_err()), (1, true));
    let updated = json(200, r#"{"id":"001x","success":true,"errors":[],"created":false}"#);
    let (_, outcome) = sent(Upsert::new("Account", "Ext__c", "1", fields()), 1, updated.clone()).await;
    assert_eq!(outcome.unwrap().created, None);
    let (_, outcome) = sent(Upsert::new("Account", "Ext__c", "1", fields()), 0, updated).await;
    assert_eq!(outcome.unwrap().created, Some(false));
    let gone =
        json(200, r#"[{"id":"001x","success":false,"errors":[{"statusCode":"ENTITY_IS_DELETED","message":"m"}]}]"#);
    let (_, outcome) = sent(DeleteMany::new(["001x"]), 1, gone.clone()).await;
    assert!(outcome.unwrap()[0].success);
    let (_, outcome) = sent(DeleteMany::new(["001x"]), 0, gone).await;
    assert!(!outcome.unwrap()[0].success);
    // Adaptors pass it on.
    let gone = refused(404, "ENTITY_IS_DELETED", "entity is deleted");
    let with = Delete::new("Account", "001x").with(Headers::new().recently_used(false)).tooling();
    assert!(sent(with, 1, gone).await.1.is_ok());
}

#[tokio::test]
async fn what_was_surely_not_done_is_sent_again() {
    let busy = Arc::new(AtomicUsize::new(0));
    let count = busy.clone();
    let server = Server::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => refused(503, "SERVER_UNAVAILABLE", "busy"),
        _ => json(201, r#"{"id":"001x","success":true,"errors":[]}"#),
    })
    .await;
    assert_eq!(server.client().await.create("Account", value!({})).await.unwrap().id, "001x");
    assert_eq!(busy.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn headers_reach_the_org_and_our_name_stays() {
    let server = Server::new(|_| json(200, r#"{"Id":"001x"}"#)).await;
    let org = server.client().await;
    let get = Get::new("Account", "001x");
    org.send(&get.clone().with(Headers::new().default_namespace("battle"))).await.unwrap();
    org.send(&get.with(Headers::new().client_name("Other").package_version("ns", "1.2"))).await.unwrap();
    let seen = server.seen();
    let name = format!("client=tidegate/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen[0].header("sforce-call-options"), Some(format!("{name}, defaultNamespace=battle").as_str()));
    assert_eq!(seen[1].header("sforce-call-options"), Some("client=Other"));
    assert_eq!(seen[1].header("x-sfdc-packageversion-ns"), Some("1.2"));
}

#[tokio::test]
async fn any_request_gives_its_answer_as_it_is() {
    let server = Server::new(|request| match request.target.as_str() {
        "/services/apexrest/x" => json(400, r#"{"ours":"no"}"#).with("x-ours", "1"),
        _ => refused(503, "SERVER_UNAVAILABLE", "busy"),
    })
    .await;
    let org = server.client().await;
    let post = org.request(Method::POST, "/services/apexrest/x").json(&value!({"a": 1})).unwrap();
    let answer = post.send().await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (400, r#"{"ours":"no"}"#));
    assert_eq!(answer.headers["x-ours"], "1");
    let mut stream = post.stream().await.unwrap();
    assert_eq!(stream.status().as_u16(), 400);
    assert_eq!(stream.next().await.unwrap().unwrap(), r#"{"ours":"no"}"#);
    assert_eq!(server.seen().len(), 2);
    // Passing trouble is waited for, and its last answer given.
    let answer = org.request(Method::GET, "limits").send().await.unwrap();
    assert_eq!(answer.status.as_u16(), 503);
    assert_eq!(server.seen().len(), 2 + 4);
}

#[tokio::test]
async fn a_download_that_stops_says_so_and_saving_begins_anew() {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Hang(200, vec![], 10, b"hello".to_vec()),
        1 => Reply::Hang(200, vec![], 10, b"hello".to_vec()),
        2 => refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        3 => Reply::Cut(200, vec![], 10, b"hello w".to_vec()),
        _ => Reply::Answer(200, vec![], b"hello worl".to_vec()),
    })
    .await;
    let org = server.client().await;
    let blob = Blob::attachment("00Px");
    let pieces: Vec<_> = org.download(&blob).await.unwrap().collect().await;
    assert!(matches!(pieces.last(), Some(Err(Error::Transport { how: LostHow::Stalled, .. }))));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    assert_eq!(org.save(&blob, &path).await.unwrap(), 10);
    assert_eq!(std::fs::read(&path).unwrap(), b"hello worl");
    assert_eq!(server.seen()[0].target, "/services/data/v66.0/sobjects/Attachment/00Px/Body");
}

#[tokio::test]
async fn an_upload_is_multipart_of_known_length() {
    let server = Server::new(|request| match request.method.as_str() {
        "POST" => json(201, r#"{"id":"068x","success":true,"errors":[]}"#),
        _ => json(200, "{}"),
    })
    .await;
    let org = server.client().await;
    let upload = Upload::content_version("a.txt", value!({})).content_type("text/plain");
    org.upload(&upload, bytes_stream("hello"), 5).await.unwrap();
    let seen = server.seen();
    let post = seen.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!(post.header("content-length"), Some(post.body.len().to_string().as_str()));
    let boundary = post.header("content-type").unwrap().split('"').nth(1).unwrap();
    let parts: Vec<String> = post.text().split(&format!("--{boundary}")).map(str::to_owned).collect();
    assert_eq!(parts.len(), 4);
    assert!(parts[1].ends_with("\r\n\r\n{\"PathOnClient\":\"a.txt\"}\r\n"), "{}", parts[1]);
    assert!(parts[2].ends_with("Content-Type: text/plain\r\n\r\nhello\r\n"), "{}", parts[2]);
    assert_eq!(parts[3], "--\r\n");
}

#[tokio::test]
async fn a_kept_describe_is_asked_about_with_its_date() {
    let server = Server::new(|request| match request.header("if-modified-since") {
        Some("Mon, 23 Nov 2026 15:00:00 GMT") => Reply::Answer(304, vec![], vec![]),
        Some(_) => refused(400, "WRONG", "another date"),
        None => {
            json(200, r#"{"name":"Account","new":{"x":1.50}}"#).with("last-modified", "Mon, 23 Nov 2026 15:00:00 GMT")
        }
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let org = server.client().await;
        org.keep_describes_in(dir.path());
        let describe = org.describe_cached("Account").await.unwrap();
        assert_eq!(describe.extra["new"].to_string(), r#"{"x":1.50}"#);
        org.describe_cached("ACCOUNT").await.unwrap();
        assert_eq!(server.seen().len(), run + 1);
        if run == 1 {
            // A file that somebody spoilt is as none.
            let file = dir.path().join("00Dxx0000001gPFEAY/005xx000001SwiUAAS/66.0/account.json");
            std::fs::write(file, "{").unwrap();
        }
    }
    let asked: Vec<bool> = server.seen().iter().map(|request| request.header("if-modified-since").is_some()).collect();
    assert_eq!(asked, [false, true, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_calls_run_as_were_allowed_and_results_keep_their_order() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, peak) = (now.clone(), most.clone());
    let server = Server::new(move |request| {
        let n = running.fetch_add(1, Ordering::SeqCst) + 1;
        peak.fetch_max(n, Ordering::SeqCst);
        // Later calls are quicker than earlier ones.
        let first = request.text().split("\"N\":").nth(1).unwrap().split('}').next().unwrap().parse::<u64>().unwrap();
        std::thread::sleep(Duration::from_millis(40u64.saturating_sub(first / 5)));
        running.fetch_sub(1, Ordering::SeqCst);
        let count = request.text().matches("\"N\":").count();
        let results: Vec<_> =
            (first..first + count as u64).map(|n| value!({"id": n.to_string(), "success": true})).collect();
        json(200, &value!(results).to_string())
    })
    .await;
    let org = server.client().await;
    let records = futures::stream::iter(0..100u64).map(|n| value!({"N": n}));
    let outcomes: Vec<_> = org.collections().at_once(2).records_per_call(10).create("Account", records).collect().await;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!((outcome.place, outcome.result.as_ref().unwrap().id.as_str()), (n as u64, n.to_string().as_str()));
    }
    assert_eq!(outcomes.len(), 100);
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_window_with_too_many_ids_is_halved() {
    // An id for each quarter of an hour; more than four in one answer are too many.
    let server = Server::new(|request| {
        let time = |name: &str| -> jiff::Timestamp {
            let text = request.target.split(&format!("{name}=")).nth(1).unwrap().split('&').next().unwrap();
            text.replace("%3A", ":").replace("%2B", "+").parse().unwrap()
        };
        let (start, end) = (time("start"), time("end"));
        let quarter = |time: jiff::Timestamp| time.as_second() / 900;
        let ids: Vec<String> = (quarter(start)..=quarter(end)).map(|n| n.to_string()).collect();
        if ids.len() > 4 {
            return refused(400, "EXCEEDED_ID_LIMIT", "exceeded id limit");
        }
        let covered = end.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
        let deleted: Vec<_> = ids.iter().map(|id| value!({"id": id, "deletedDate": covered})).collect();
        let body = value!({"ids": ids, "latestDateCovered": covered, "deletedRecords": deleted, "earliestDateAvailable": covered});
        json(200, &body.to_string())
    })
    .await;
    let org = server.client().await;
    let start: jiff::Timestamp = "2026-05-06T00:00:00Z".parse().unwrap();
    let end = "2026-05-06T06:07:00Z".parse().unwrap();
    let updated = org.updated("A", start, end).await.unwrap();
    let first = start.as_second() / 900;
    assert_eq!(updated.ids, (first..=first + 24).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(updated.latest_covered, end);
    let deleted = org.deleted("A", start, end).await.unwrap();
    assert!(deleted.records.len() >= 25 && deleted.latest_covered == end);
}

/// Understands an answer, with this status, in every way that its caller could.
type Understand = fn(&[u8], u16);

/// Answers, and the calls that understand them.
fn answers() -> Vec<(&'static str, Understand)> {
    fn response(body: &[u8], status: u16) -> Response<Bytes> {
        let mut response = Response::new(Bytes::copy_from_slice(body));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
    }
    vec![
        (
            r#"[{"id":"001x","success":true,"errors":[],"created":true},{"success":false,"errors":[{"statusCode":"X","message":"m","fields":["A"]}]}]"#,
            |body, status| {
                let call = UpsertMany::new("A", "B", vec![serde_json::json!({}); 2]);
                let _ = call.repeated(call.reply(response(body, status)));
                let delete = DeleteMany::new(["a", "b"]);
                let _ = delete.repeated(delete.reply(response(body, status)));
                let upsert = Upsert::new("A", "B", "a.b", serde_json::json!({}));
                let _ = upsert.reply(response(body, status));
            },
        ),
        (
            r#"{"compositeResponse":[{"body":{"id":"001x","success":true},"httpHeaders":{"Location":"/x"},"httpStatusCode":201,"referenceId":"a"},{"body":[{"errorCode":"PROCESSING_HALTED","message":"m"}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"b"}]}"#,
            |body, status| {
                let mut calls = Composite::new();
                let a = calls.add("a", Create::new("A", serde_json::json!({})));
                let b = calls.add("b", Get::new("A", "001"));
                if let Ok(reply) = calls.repeated(calls.reply(response(body, status))) {
                    let _ = (reply.get(&a), reply.get(&b), reply.cause().is_some(), reply.ok());
                }
            },
        ),
        (
            r#"{"graphs":[{"graphId":"g","graphResponse":{"compositeResponse":[{"body":{"id":"001x","success":true},"httpHeaders":{},"httpStatusCode":201,"referenceId":"a"}]},"isSuccessful":true}]}"#,
            |body, status| {
                let mut graph = Graph::new("g");
                let a = graph.add("a", Create::new("A", serde_json::json!({})));
                let graphs = Graphs::new([graph]);
                if let Ok(reply) = graphs.reply(response(body, status)) {
                    let _ = (reply.get(&a), reply.graphs().iter().all(|graph| graph.ok().is_ok()));
                }
            },
        ),
        (
            r#"{"hasErrors":true,"results":[{"statusCode":200,"result":{"Id":"x"}},{"statusCode":412,"result":[{"errorCode":"BATCH_PROCESSING_HALTED","message":"m"}]}]}"#,
            |body, status| {
                let mut batch = Batch::new();
                let a = batch.add(Get::new("A", "001"));
                if let Ok(reply) = batch.reply(response(body, status)) {
                    let _ = (reply.get(&a), reply.ok());
                }
            },
        ),
        (
            r#"{"hasErrors":true,"results":[{"referenceId":"c2","errors":[{"statusCode":"X","message":"m","fields":["Email"]}]},{"referenceId":"a","id":"001"}]}"#,
            |body, status| {
                let tree = Tree::new("A", [TreeRecord::new("a", "A", serde_json::json!({}))]);
                let _ = tree.reply(response(body, status)).map_err(|error| error.to_string());
            },
        ),
        (r#"{"searchRecords":[{"attributes":{"type":"A"},"Id":"x"}],"metadata":{"n":1.5}}"#, |body, status| {
            drop(Search::new("x").reply(response(body, status)))
        }),
        (
            r#"{"deletedRecords":[{"id":"a","deletedDate":"2026-05-07T22:07:19.000+0000"}],"earliestDateAvailable":"2026-05-03T15:57:00.000+0000","latestDateCovered":"2026-05-08T21:20:00.000+0000","ids":["x"]}"#,
            |body, status| {
                let (start, end) = ("2026-05-06T00:00:00Z".parse().unwrap(), "2026-05-08T00:00:00Z".parse().unwrap());
                let _ = GetDeleted::new("A", start, end).reply(response(body, status));
                let _ = GetUpdated::new("A", start, end).reply(response(body, status));
            },
        ),
        (r#"{"sObjects":[{"count":12,"name":"Account"}]}"#, |body, status| {
            drop(RecordCounts::default().reply(response(body, status)))
        }),
        (r#"["/services/data/v66.0/sobjects/Account/001a"]"#, |body, status| {
            drop(Upsert::new("A", "B", "c", serde_json::json!({})).reply(response(body, status)))
        }),
    ]
}

proptest! {
    #[test]
    fn no_answer_panics(
        which in 0usize..9,
        status in prop::sample::select(vec![200u16, 201, 300, 304, 400, 404, 500]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:0nt\\\xff ".to_vec())), 0..4),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let (text, understand) = answers()[which];
        let mut body = text.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if !whole {
            body.truncate(cut.index(body.len()));
        }
        understand(&body, status);
    }

    #[test]
    fn no_bytes_panic(which in 0usize..9, body in prop::collection::vec(any::<u8>(), 0..60)) {
        answers()[which].1(&body, 200);
    }
}
