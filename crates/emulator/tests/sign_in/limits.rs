//! The limits of an org: counted, reported, enforced, set.

use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::faults::Action;

use crate::common::{Running, answer};
use crate::support::{TestApp, set, start};

async fn report(running: &Running) -> Json {
    answer(running.call(Method::GET, "/services/data/v66.0/limits")).await.1
}

#[tokio::test]
async fn an_edition_brings_its_allowances_and_each_can_be_set() {
    let running = start().await;
    assert_eq!(report(&running).await["DailyApiRequests"], json!({ "Max": 15_000, "Remaining": 14_999 }));
    set(&running, json!({ "edition": "enterprise", "licences": 15 })).await;
    let now = report(&running).await;
    for (name, max, remaining) in [
        ("DailyApiRequests", 115_000, 114_998),
        ("DailyDeliveredPlatformEvents", 25_000, 25_000),
        ("HourlyPublishedPlatformEvents", 250_000, 250_000),
        ("StreamingApiConcurrentClients", 1_000, 1_000),
    ] {
        assert_eq!(now[name], json!({ "Max": max, "Remaining": remaining }), "{name}");
    }
    assert_eq!(now["DataStorageMB"]["Max"], json!(10_540));
    let query = "/services/data/v66.0/query?q=SELECT+OrganizationType+FROM+Organization";
    let (_, found) = answer(running.call(Method::GET, query)).await;
    assert_eq!(found["records"][0]["OrganizationType"], "Enterprise Edition");
    let patch = |body: Json| answer(running.call(Method::PATCH, "/__emulator/settings").json(&body));
    let (status, body) = patch(json!({ "daily_request": 1 })).await;
    let advice = "no setting is named \"daily_request\"; did you mean \"daily_requests\"?";
    assert_eq!((status, body), (400, json!({ "error": advice })));
    let (_, all) = answer(running.call(Method::GET, "/__emulator/settings")).await;
    assert_eq!((&all["daily_requests"], &all["edition"]), (&json!(115_000), &json!("enterprise")));
    set(&running, json!({ "daily_requests": 4 })).await;
    let response = running.call(Method::GET, "/services/data/v66.0/limits").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["sforce-limit-info"]),
        (200, &"api-usage=4/4".parse().unwrap())
    );
    let (status, body) = answer(running.call(Method::GET, "/services/data/v66.0/limits")).await;
    let spent = json!([{ "message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED" }]);
    assert_eq!((status, body), (403, spent));
    assert_eq!(running.jwt(&running.claims()).await.0, 200, "signing in is no API call");
    assert_eq!(answer(running.call(Method::GET, "/services/data")).await.0, 200, "nor is the list of versions");
    running.emulator.clock().advance(25 * 60 * 60 * 1000);
    let token = running.jwt(&running.claims()).await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(crate::support::calls(&running, &token).await, 200);
}

#[tokio::test]
async fn an_app_may_have_an_allowance_of_its_own() {
    let running = start().await;
    let app = TestApp::make(&running, json!({ "daily_requests": 2 })).await;
    let token = app.sign_in(&running, &[("scope", "api")]).await["access_token"].as_str().unwrap().to_owned();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let request = running.http.get(running.url("/services/data/v66.0/limits")).bearer_auth(&token);
        let response = request.send().await.unwrap();
        let info = response.headers()["sforce-limit-info"].to_str().unwrap().to_owned();
        seen.push((response.status().as_u16(), info));
    }
    let expected = [
        (200, "api-usage=1/15000; per-app-api-usage=1/2(appName=Web shop)"),
        (200, "api-usage=2/15000; per-app-api-usage=2/2(appName=Web shop)"),
        (403, "api-usage=2/15000; per-app-api-usage=2/2(appName=Web shop)"),
    ];
    assert_eq!(seen, expected.map(|(status, info)| (status, info.to_owned())));
    assert_eq!(answer(running.call(Method::GET, "/services/data/v66.0/limits")).await.0, 200, "others go on");
}

/// Waits until so many requests are in flight: the plan has been served that often.
async fn in_flight(running: &Running, count: u64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while running.emulator.faults().list()[0].served < count {
        assert!(std::time::Instant::now() < deadline, "the requests do not arrive");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn so_many_long_requests_run_at_once() {
    let running = start().await;
    let path = "/services/data/v66.0/limits";
    running.emulator.faults().plan(
        serde_json::from_value(json!({ "match": { "path": path, "times": 5 }, "action": { "delay_ms": 1_500 } }))
            .unwrap(),
    );
    let long: Vec<_> = (0..5).map(|_| tokio::spawn(running.call(Method::GET, path).send())).collect();
    in_flight(&running, 5).await;
    assert_eq!(answer(running.call(Method::GET, path)).await.0, 200, "short ones are not limited");
    running.emulator.clock().advance(20_000);
    let (status, body) = answer(running.call(Method::GET, path)).await;
    let message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    let refused = json!([{ "message": message, "errorCode": "REQUEST_LIMIT_EXCEEDED" }]);
    assert_eq!((status, body), (403, refused));
    let soap = running.call(Method::POST, "/services/Soap/u/60.0").send().await.unwrap();
    assert_eq!(soap.status(), 500);
    assert!(soap.text().await.unwrap().contains("sf:REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(running.jwt(&running.claims()).await.0, 200, "signing in is no API request");
    set(&running, json!({ "concurrent_long_requests": 6 })).await;
    assert_eq!(answer(running.call(Method::GET, path)).await.0, 200);
    for request in long {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
    set(&running, json!({ "concurrent_long_requests": 1 })).await;
    assert_eq!(answer(running.call(Method::GET, path)).await.0, 200, "they have ended");
}

#[tokio::test]
async fn a_request_that_runs_too_long_is_ended() {
    let running = start().await;
    set(&running, json!({ "request_timeout_ms": 100 })).await;
    let path = "/services/data/v66.0/limits";
    running.emulator.faults().next(path, Action::delay_ms(60_000));
    let (status, body) = answer(running.call(Method::GET, path)).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("REQUEST_RUNNING_TOO_LONG")));
    assert_eq!(running.emulator.org().read().usage.timeouts(running.emulator.clock().now()), 1);
}

#[tokio::test]
async fn records_take_room_and_a_full_org_takes_no_more() {
    let running = start().await;
    let make = |n: usize| {
        let body = json!({ "Name": format!("Account {n}") });
        answer(running.call(Method::POST, "/services/data/v66.0/sobjects/Account").json(&body))
    };
    let mut last = String::new();
    for n in 0..520 {
        last = make(n).await.1["id"].as_str().unwrap().to_owned();
    }
    assert_eq!(report(&running).await["DataStorageMB"], json!({ "Max": 5, "Remaining": 3 }), "520 records of 2 KB");
    set(&running, json!({ "data_storage_mb": 1 })).await;
    assert_eq!(make(520).await.0, 201, "it is not enforced unless that is asked for");
    set(&running, json!({ "enforce_storage": true })).await;
    let (status, body) = make(521).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("STORAGE_LIMIT_EXCEEDED")), "{body}");
    let one = format!("/services/data/v66.0/sobjects/Account/{last}");
    let changed = running.call(Method::PATCH, &one).json(&json!({ "Name": "Changed" }));
    assert_eq!(answer(changed).await.0, 204, "what is there can be changed");
}
