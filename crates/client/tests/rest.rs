//! REST over a real socket: sign-in, renewal, retries, pages, and servers that misbehave.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt};
use serde_json::json as value;
use support::{Reply, Server, VERSIONS, config, json, refused};
use tidegate_client::{
    ApiUsage, Client, Create, Credentials, Error, Get, Limits, LostHow, OrgLogin, Query, RetryPolicy,
};

const EMPTY: &str = r#"{"totalSize":0,"done":true,"records":[]}"#;

#[tokio::test]
async fn a_request_carries_what_it_should_and_the_answer_is_listened_to() {
    let server = Server::new(|_| {
        json(200, EMPTY).with("sforce-limit-info", "api-usage=18/5000").with("date", "Mon, 23 Nov 2026 15:00:00 GMT")
    })
    .await;
    let org = server.client().await;
    assert_eq!(org.api_version().to_string(), "66.0");
    assert_eq!(org.org_id().await.unwrap(), "00Dxx0000001gPFEAY");
    assert_eq!(org.instance_url().await.unwrap(), server.url);
    org.query_page("SELECT Id FROM Account").await.unwrap();
    let seen = server.seen();
    let request = &seen[0];
    assert_eq!(request.target, "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20Account");
    assert_eq!(request.header("authorization"), Some("Bearer token-1"));
    let name = format!("tidegate/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(name.as_str()));
    assert_eq!(request.header("sforce-call-options"), Some(format!("client={name}").as_str()));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    assert_eq!(org.api_usage(), Some(ApiUsage { used: 18, allowed: 5000 }));
    let time = org.server_time().unwrap().to_string();
    assert!(time.starts_with("2026-11-23T15:00:0"), "{time}");
    assert_eq!(org.requests_made(), 3);
    let printed = format!("{org:?}");
    assert!(!printed.contains("token-1") && !printed.contains("hush"), "{printed}");
}

#[tokio::test]
async fn a_stream_turns_the_pages_and_understands_gzip() {
    let server = Server::new(|request| {
        let (next, ids): (&str, &[&str]) = match request.target.as_str() {
            "/services/data/v66.0/query/0r8-2" => ("", &["c"]),
            _ => (r#","nextRecordsUrl":"/services/data/v66.0/query/0r8-2""#, &["a", "b"]),
        };
        let records: Vec<_> = ids.iter().map(|id| value!({"Id": id, "N": 1})).collect();
        let body = format!(r#"{{"totalSize":3,"done":{}{next},"records":{}}}"#, next.is_empty(), value!(records));
        Reply::Answer(200, vec![], support::gzip(body.as_bytes())).with("content-encoding", "gzip")
    })
    .await;
    let org = server.client().await;
    let mut stream = org.query_all("SELECT Id FROM X").page_rows(200);
    assert_eq!(stream.total_size(), None);
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first["Id"], "a");
    assert_eq!(stream.total_size(), Some(3));
    assert_eq!(server.seen().len(), 1, "the next page is not asked for before it is needed");
    let rest: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(rest.len(), 2);
    assert!(server.seen()[0].target.starts_with("/services/data/v66.0/queryAll?q="));

    #[derive(serde::Deserialize)]
    struct Row {
        #[serde(rename = "Id")]
        id: String,
    }
    let ids: Vec<Row> = org.query_as("SELECT Id FROM X").try_collect().await.unwrap();
    assert_eq!(ids.iter().map(|row| row.id.as_str()).collect::<String>(), "abc");
}

#[tokio::test]
async fn a_page_that_is_not_the_last_and_names_no_next_is_an_error() {
    let server = Server::new(|_| json(200, r#"{"totalSize":9,"done":false,"records":[{"Id":"a"}]}"#)).await;
    let outcome: Result<Vec<_>, _> = server.client().await.query("x").try_collect().await;
    assert!(matches!(outcome, Err(Error::Decode { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_requests_with_a_dead_token_sign_in_once() {
    let dead = Arc::new(AtomicBool::new(false));
    let is_dead = dead.clone();
    let server = Server::new(move |request| {
        if is_dead.load(Ordering::SeqCst) && request.header("authorization") == Some("Bearer token-1") {
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid");
        }
        json(200, EMPTY)
    })
    .await;
    let org = server.client().await;
    dead.store(true, Ordering::SeqCst);
    let all = (0..50).map(|_| {
        let org = org.clone();
        tokio::spawn(async move { org.query_page("x").await })
    });
    for outcome in futures::future::join_all(all).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(server.sign_ins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_session_that_dies_again_is_an_error_and_no_loop() {
    let server = Server::new(|_| refused(401, "INVALID_SESSION_ID", "Session expired or invalid")).await;
    let error = server.client().await.query_page("x").await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_eq!(server.seen().len(), 2);
    assert_eq!(server.sign_ins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_session_that_may_not_use_the_api_is_not_renewed() {
    let server =
        Server::new(|_| refused(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"))
            .await;
    let error = server.client().await.query_page("x").await.unwrap_err();
    assert!(error.hint().unwrap().contains("scopes"));
    assert_eq!(server.seen().len(), 1);
    assert_eq!(server.sign_ins.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_session_is_renewed_ahead_of_its_end() {
    let server = Server::new(|_| json(200, EMPTY)).await;
    let mut config = server.config();
    config.session_life = Duration::ZERO;
    let org = Client::connect(config).await.unwrap();
    let before = server.sign_ins.load(Ordering::SeqCst);
    org.query_page("x").await.unwrap();
    assert_eq!(server.sign_ins.load(Ordering::SeqCst), before + 1);
    let bearer = format!("Bearer token-{}", before + 1);
    assert_eq!(server.seen()[0].header("authorization"), Some(bearer.as_str()));
}

#[tokio::test]
async fn a_given_token_cannot_be_renewed_and_says_so() {
    let server = Server::new(|request| match request.target.as_str() {
        "/services/oauth2/userinfo" => {
            json(200, r#"{"organization_id":"00Dxx0000001gPFEAY","user_id":"005xx000001SwiUAAS"}"#)
        }
        _ => refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    })
    .await;
    let mut config = server.config();
    config.login = OrgLogin::new(&server.url, Credentials::AccessToken { token: "mine".into() }).unwrap();
    let org = Client::connect(config).await.unwrap();
    assert_eq!(org.user_id().await.unwrap(), "005xx000001SwiUAAS");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer mine"));
    let error = org.query_page("x").await.unwrap_err();
    assert!(matches!(error, Error::Auth(_)), "{error}");
    assert_eq!(server.sign_ins.load(Ordering::SeqCst), 0);
}

/// A script that refuses `times` times and then answers.
fn refusing(times: usize, reply: Reply) -> impl Fn(&support::Request) -> Reply + Send + Sync {
    let count = AtomicUsize::new(0);
    move |_| {
        if count.fetch_add(1, Ordering::SeqCst) < times { reply.clone() } else { json(200, EMPTY) }
    }
}

#[tokio::test]
async fn passing_trouble_is_sat_out() {
    let troubles = [
        refused(503, "SERVER_UNAVAILABLE", "Server is too busy"),
        Reply::Answer(502, vec![], b"<html>bad gateway</html>".to_vec()),
        Reply::Answer(500, vec![], vec![]),
        refused(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        Reply::Drop,
        Reply::Cut(200, vec![], 500, EMPTY.as_bytes().to_vec()),
        Reply::Hang(200, vec![], 500, EMPTY.as_bytes().to_vec()),
    ];
    for trouble in troubles {
        let server = Server::new(refusing(2, trouble.clone())).await;
        let outcome = server.client().await.query_page("x").await;
        assert!(outcome.is_ok(), "{trouble:?}: {outcome:?}");
        assert_eq!(server.seen().len(), 3, "{trouble:?}");
    }
}

#[tokio::test]
async fn trouble_that_does_not_pass_ends_after_the_attempts_allowed() {
    let server = Server::new(refusing(99, refused(503, "SERVER_UNAVAILABLE", "busy"))).await;
    let error = server.client().await.query_page("x").await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(server.seen().len(), 4);
    let server = Server::new(refusing(99, Reply::Hang(200, vec![], 9, vec![]))).await;
    let error = server.client().await.query_page("x").await.unwrap_err();
    assert!(matches!(error, Error::Transport { how: LostHow::Stalled, .. }), "{error:?}");
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    let refusals = [
        refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        refused(400, "MALFORMED_QUERY", "unexpected token"),
        refused(404, "NOT_FOUND", "The requested resource does not exist"),
        refused(500, "APEX_ERROR", "System.NullPointerException"),
    ];
    for refusal in refusals {
        let server = Server::new(refusing(99, refusal.clone())).await;
        let error = server.client().await.query_page("x").await.unwrap_err();
        assert!(!error.is_retryable(), "{refusal:?}");
        assert_eq!(server.seen().len(), 1, "{refusal:?}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let server = Server::new(refusing(1, Reply::Answer(503, vec![], vec![]).with("retry-after", "1"))).await;
    let org = server.client().await;
    let started = Instant::now();
    org.query_page("x").await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_create_is_not_sent_again_after_a_lost_answer() {
    let create = Create { object: "Account".into(), fields: value!({"Name": "A"}) };
    for lost in [Reply::Drop, Reply::Answer(502, vec![], vec![]), Reply::Cut(201, vec![], 90, b"{".to_vec())] {
        let server = Server::new(refusing(99, lost.clone())).await;
        let error = server.client().await.send(&create).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(server.seen().len(), 1, "{lost:?}");
    }
    // Where the org says that it did nothing, it is.
    let busy = AtomicUsize::new(0);
    let server = Server::new(move |_| match busy.fetch_add(1, Ordering::SeqCst) {
        0 => refused(503, "SERVER_UNAVAILABLE", "busy"),
        _ => json(201, r#"{"id":"001xx000003DGb2AAG","success":true,"errors":[]}"#),
    })
    .await;
    let saved = server.client().await.send(&create).await.unwrap();
    assert_eq!(saved.id, "001xx000003DGb2AAG");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server =
        Server::new(|_| Reply::Answer(302, vec![], vec![]).with("location", "https://evil.example/services/data"))
            .await;
    let error = server.client().await.query_page("x").await.unwrap_err();
    assert!(error.to_string().contains("evil.example"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn describe_is_conditional() {
    let server = Server::new(|request| {
        if request.header("if-modified-since").is_some() {
            return Reply::Answer(304, vec![], vec![]);
        }
        json(200, r#"{"name":"Account","fields":[{"name":"Id","type":"id"}]}"#)
            .with("last-modified", "Mon, 23 Nov 2026 15:00:00 GMT")
    })
    .await;
    let org = server.client().await;
    let describe = org.describe("Account").await.unwrap();
    let since = describe.last_modified.unwrap();
    assert_eq!(org.describe_since("Account", since).await.unwrap(), None);
    assert_eq!(server.seen()[1].header("if-modified-since"), Some("Mon, 23 Nov 2026 15:00:00 GMT"));
}

#[tokio::test]
async fn refusals_to_sign_in_are_typed_and_final() {
    let server = Server::bare(|_| {
        json(400, r#"{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}"#)
    })
    .await;
    let error = Client::connect(config(&server.url)).await.unwrap_err();
    let Error::Auth(refusal) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.error, "invalid_grant");
    assert!(refusal.hint.as_deref().unwrap().contains("pre-authorized"));
    assert_eq!(server.all().len(), 1);
    assert!(!format!("{error:?}").contains("hush"));
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_orgs() {
    let count = AtomicUsize::new(0);
    let address = Arc::new(std::sync::OnceLock::<String>::new());
    let base = address.clone();
    let server = Server::bare(move |request| match request.target.as_str() {
        "/services/data/" => json(200, VERSIONS),
        _ => match count.fetch_add(1, Ordering::SeqCst) {
            0 => json(400, r#"{"error":"invalid_grant","error_description":"expired assertion"}"#)
                .with("date", "Wed, 23 Nov 2050 15:00:00 GMT"),
            _ => json(200, &format!(r#"{{"access_token":"t","instance_url":"{}"}}"#, base.get().unwrap())),
        },
    })
    .await;
    address.set(server.url.clone()).unwrap();
    let mut config = config(&server.url);
    config.login = OrgLogin::new(
        &server.url,
        Credentials::JwtBearer {
            client_id: "app".into(),
            username: "u@example.com".into(),
            private_key: include_str!("keys/pkcs8.pem").into(),
            passphrase: None,
            audience: Some("https://login.salesforce.com".into()),
        },
    )
    .unwrap();
    Client::connect(config).await.unwrap();
    let forms: Vec<String> = server
        .all()
        .iter()
        .filter(|request| request.target == "/services/oauth2/token")
        .map(|request| request.text())
        .collect();
    assert_eq!(forms.len(), 2);
    let exp = |form: &str| {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let assertion = form.split("assertion=").nth(1).unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["exp"].as_i64().unwrap()
    };
    // 2050-11-23T15:00:00Z, three minutes less ten seconds on.
    assert!((exp(&forms[1]) - 2_552_828_400 - 170).abs() < 5, "{}", exp(&forms[1]));
    assert!(exp(&forms[0]) < 2_552_828_400);
}

#[tokio::test]
async fn a_busy_token_endpoint_is_tried_again() {
    let count = AtomicUsize::new(0);
    let server = Server::bare(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Drop,
        1 => Reply::Answer(503, vec![], vec![]),
        _ => json(400, r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#),
    })
    .await;
    let error = Client::connect(config(&server.url)).await.unwrap_err();
    assert!(matches!(error, Error::Auth(_)), "{error}");
    assert_eq!(server.all().len(), 3);
}

#[tokio::test]
async fn an_org_that_is_not_there_is_one_clear_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut config = config(&url);
    config.retry = RetryPolicy::none();
    let error = Client::connect(config).await.unwrap_err();
    assert!(matches!(error, Error::Transport { how: LostHow::Unreachable, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("host name"));
}

#[tokio::test]
async fn a_version_that_is_not_offered_is_refused() {
    let server = Server::new(|_| json(200, EMPTY)).await;
    let mut config = server.config();
    config.api_version = Some("64.0".parse().unwrap());
    let error = Client::connect(config).await.unwrap_err();
    assert!(error.to_string().contains("64.0"), "{error}");
}

#[tokio::test]
async fn plain_calls_work_through_send() {
    let server = Server::new(|request| match request.target.as_str() {
        "/services/data/v66.0/limits" => json(200, r#"{"DailyApiRequests":{"Max":15000,"Remaining":14999}}"#),
        "/services/data/v66.0/sobjects/Account/001x" => refused(404, "ENTITY_IS_DELETED", "entity is deleted"),
        _ => json(200, EMPTY),
    })
    .await;
    let org = server.client().await;
    assert_eq!(org.send(&Limits).await.unwrap()["DailyApiRequests"].max, 15_000);
    let error = org.send(&Get { object: "Account".into(), id: "001x".into(), fields: vec![] }).await.unwrap_err();
    assert!(error.has_code("ENTITY_IS_DELETED"));
    assert_eq!(error.to_string(), "reading Account 001x: ENTITY_IS_DELETED: entity is deleted");
    org.send(&Query::new("x")).await.unwrap();
}
