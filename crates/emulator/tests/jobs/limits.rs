//! Allowances that are spent behind every door.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;

use crate::common::{Running, answer};
use crate::support::{
    CLASSIC, DATA, QUERY, classic, create, get, load, post, query_job, results, soap, soap_create, start,
};

async fn set(running: &Running, settings: Json) {
    let (status, body) = answer(running.call(Method::PATCH, "/__emulator/settings").json(&settings)).await;
    assert_eq!(status, 200, "{body}");
}

async fn used(running: &Running) -> u64 {
    get(running, "/__emulator/org").await["api_requests"].as_u64().unwrap()
}

#[tokio::test]
async fn stored_results_of_queries_are_counted_and_end() {
    let running = start(|_| {}).await;
    let long = "x".repeat(30_000);
    for n in 0..40 {
        create(&running, "Account", json!({ "Name": format!("A{n}"), "Description": long })).await;
    }
    set(&running, json!({ "daily_query_result_mb": 10 })).await;
    let soql = "SELECT Name, Description FROM Account";
    assert_eq!(query_job(&running, soql).await.1["state"], "JobComplete");
    let left = get(&running, &format!("{DATA}/limits")).await["DailyBulkV2QueryFileStorageMB"].clone();
    assert_eq!(left, json!({ "Max": 10, "Remaining": 8 }), "1.2 MB are stored");
    set(&running, json!({ "daily_query_result_mb": 2 })).await;
    assert_eq!(query_job(&running, soql).await.1["state"], "JobComplete", "what has begun is stored");
    let (status, body) = post(&running, QUERY, json!({ "operation": "query", "query": soql })).await;
    let message = "Max bulk v2 query result size stored (2048) kb per 24 hrs has been exceeded";
    assert_eq!((status, body), (400, json!([{ "errorCode": "LIMIT_EXCEEDED", "message": message }])));
    running.emulator.clock().advance(26 * 3_600_000);
    let token = running.jwt(&running.claims()).await.1["access_token"].as_str().unwrap().to_owned();
    let call = running.http.post(running.url(QUERY)).bearer_auth(token);
    assert_eq!(answer(call.json(&json!({ "operation": "query", "query": soql }))).await.0, 200);
}

#[tokio::test]
async fn soap_calls_are_api_requests_and_signing_in_is_none() {
    let running = start(|_| {}).await;
    let token = &running.emulator.credentials().access_token;
    let before = used(&running).await;
    for (address, call) in [
        ("u/62.0", "<p:getUserInfo/>"),
        ("u/62.0", "<p:getServerTimestamp/>"),
        ("u/62.0", "<p:query><p:queryString>SELECT Id FROM Account</p:queryString></p:query>"),
        ("m/62.0", "<p:describeMetadata/>"),
    ] {
        let (status, text) = soap(&running, address, token, call).await;
        assert_eq!(status, 200, "{text}");
    }
    assert_eq!(used(&running).await, before + 4);
    let c = running.emulator.credentials();
    let login = format!(
        "<p:login><p:username>{}</p:username><p:password>{}{}</p:password></p:login>",
        c.username, c.password, c.security_token
    );
    let (status, text) = soap(&running, "u/62.0", "", &login).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(used(&running).await, before + 4);
    set(&running, json!({ "daily_requests": before + 4 })).await;
    for (address, call) in [("u/62.0", "<p:getUserInfo/>"), ("m/62.0", "<p:describeMetadata/>")] {
        let (status, text) = soap(&running, address, token, call).await;
        assert_eq!(status, 500);
        assert!(text.contains("REQUEST_LIMIT_EXCEEDED") && text.contains("TotalRequests Limit exceeded."), "{text}");
    }
}

#[tokio::test]
async fn a_batch_of_composite_costs_what_is_in_it_and_other_composites_one() {
    let running = start(|_| {}).await;
    let part = json!({ "method": "GET", "url": "v66.0/limits" });
    let before = used(&running).await;
    let (status, body) =
        post(&running, &format!("{DATA}/composite/batch"), json!({ "batchRequests": vec![part; 5] })).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(used(&running).await, before + 5);
    let part = |n: usize| json!({ "method": "GET", "url": format!("{DATA}/limits"), "referenceId": format!("r{n}") });
    let parts: Vec<Json> = (0..5).map(part).collect();
    let (status, _) = post(&running, &format!("{DATA}/composite"), json!({ "compositeRequest": parts })).await;
    assert_eq!((status, used(&running).await), (200, before + 6));
}

#[tokio::test]
async fn an_app_s_own_allowance_counts_soap_and_metadata_and_batches() {
    let running = start(|_| {}).await;
    let app = running.emulator.credentials().client_id.clone();
    let path = format!("/__emulator/apps/{app}");
    let (status, body) = answer(running.call(Method::PATCH, &path).json(&json!({ "daily_requests": 6 }))).await;
    assert_eq!(status, 200, "{body}");
    let token = &running.emulator.credentials().access_token;
    for (address, call) in [("u/62.0", "<p:getUserInfo/>"), ("m/62.0", "<p:describeMetadata/>")] {
        assert_eq!(soap(&running, address, token, call).await.0, 200);
    }
    let part = json!({ "method": "GET", "url": "v66.0/limits" });
    let (_, body) = post(&running, &format!("{DATA}/composite/batch"), json!({ "batchRequests": vec![part; 4] })).await;
    assert_eq!(body["hasErrors"], false);
    let (status, text) = soap(&running, "u/62.0", token, "<p:getUserInfo/>").await;
    assert!(status == 500 && text.contains("REQUEST_LIMIT_EXCEEDED"), "{text}");
    assert_eq!(answer(running.call(Method::GET, &format!("{DATA}/limits"))).await.0, 403);
}

#[tokio::test]
async fn events_of_every_door_are_enqueued_and_counted_by_the_hour() {
    let running = start(|s| s.hourly_published_events = 6).await;
    let token = &running.emulator.credentials().access_token;
    let remaining = async || {
        let report = get(&running, &format!("{DATA}/limits")).await;
        report["HourlyPublishedPlatformEvents"]["Remaining"].as_u64().unwrap()
    };
    let event = json!({ "Number__c": "1" });
    let rest = async || post(&running, &format!("{DATA}/sobjects/Order__e"), event.clone()).await;
    let (status, body) = rest().await;
    assert_eq!((status, &body["errors"][0]["statusCode"]), (201, &json!("OPERATION_ENQUEUED")));
    let uuid = body["errors"][0]["message"].as_str().unwrap();
    assert_eq!((uuid.len(), uuid.matches('-').count()), (36, 4));

    let call = soap_create("Order__e", "<o:Number__c>2</o:Number__c>");
    let (status, text) = soap(&running, "u/62.0", token, &call).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("<statusCode>OPERATION_ENQUEUED</statusCode>"), "{text}");
    assert!(text.contains("<success>true</success>"), "{text}");

    let (_, batch, info) = classic(&running, "Order__e", json!([{ "Number__c": "3" }])).await;
    assert_eq!((&info["state"], &info["numberRecordsFailed"]), (&json!("Completed"), &json!(0)));
    let result = running.http.get(running.url(&format!("{batch}/result"))).header("X-SFDC-Session", token);
    let (_, result) = answer(result).await;
    assert_eq!(
        (&result[0]["success"], &result[0]["errors"][0]["statusCode"]),
        (&json!(true), &json!("OPERATION_ENQUEUED"))
    );
    assert!(batch.starts_with(CLASSIC));

    let (id, job) = load(&running, "Order__e", "insert", "Number__c\n4\n").await;
    assert_eq!((&job["state"], &job["numberRecordsFailed"]), (&json!("JobComplete"), &json!(0)));
    assert_eq!(results(&running, &id).await[0].len(), 1);
    assert_eq!(remaining().await, 2);

    assert_eq!((rest().await.0, rest().await.0), (201, 201));
    let (status, body) = rest().await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("LIMIT_EXCEEDED")), "{body}");
    assert!(soap(&running, "u/62.0", token, &call).await.1.contains("<statusCode>LIMIT_EXCEEDED</statusCode>"));
    let (_, _, info) = classic(&running, "Order__e", json!([{ "Number__c": "3" }])).await;
    assert_eq!(info["numberRecordsFailed"], 1);
    let (_, job) = load(&running, "Order__e", "insert", "Number__c\n4\n").await;
    assert_eq!(job["numberRecordsFailed"], 1);
    running.emulator.clock().advance(3_600_000);
    assert_eq!(rest().await.0, 201);
}

#[tokio::test]
async fn a_long_request_whose_client_goes_away_makes_room() {
    let running = start(|s| (s.long_request_ms, s.concurrent_long_requests) = (50, 1)).await;
    let path = format!("{DATA}/limits");
    let faults = running.emulator.faults();
    faults.next(&path, tidegate_emulator::faults::Action::delay_ms(60_000));
    let long = tokio::spawn(running.call(Method::GET, &path).send());
    let deadline = Instant::now() + Duration::from_secs(20);
    while faults.list()[0].served == 0 {
        assert!(Instant::now() < deadline, "the request does not arrive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (status, body) = answer(running.call(Method::GET, &path)).await;
    assert_eq!((status, &body[0]["errorCode"]), (403, &json!("REQUEST_LIMIT_EXCEEDED")));
    long.abort();
    loop {
        if answer(running.call(Method::GET, &path)).await.0 == 200 {
            break;
        }
        assert!(Instant::now() < deadline, "the slot is not given back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn settings_changed_while_it_ran_survive_a_restart_with_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let config = |hourly_logins: u64| Config {
        dir: Some(dir.path().to_owned()),
        settings: Settings { hourly_logins, ..Settings::default() },
        ..Config::default()
    };
    let running = Running::start(config(100)).await;
    set(&running, json!({ "daily_requests": 77, "bulk": { "hard_delete": false } })).await;
    running.emulator.stop().await.unwrap();
    let running = Running::start(config(200)).await;
    let (_, now) = answer(running.http.get(running.url("/__emulator/settings"))).await;
    assert_eq!((&now["daily_requests"], &now["bulk"]["hard_delete"]), (&json!(77), &json!(false)));
    assert_eq!(now["hourly_logins"], 200, "what was not changed is as it is started with");
    set(&running, json!({ "daily_requests": 15_000 })).await;
    running.emulator.stop().await.unwrap();
    let running = Running::start(config(200)).await;
    let (_, now) = answer(running.http.get(running.url("/__emulator/settings"))).await;
    assert_eq!((&now["daily_requests"], &now["bulk"]["hard_delete"]), (&json!(15_000), &json!(false)));
}
