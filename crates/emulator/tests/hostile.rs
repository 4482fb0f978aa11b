//! Requests that no honest client sends: each has its own answer, and the emulator goes on.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Running, answer};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::server::Config;

const DATA: &str = "/services/data/v66.0";

/// Status and code of a refusal, which must have the form that all of REST's have.
async fn refusal(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let errors: Json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{status} {text:?}: {e}"));
    assert!(errors[0]["message"].is_string(), "{text}");
    (status, errors[0]["errorCode"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn refusals_have_the_form_of_rest_errors() {
    let running = Running::start(Config::default()).await;
    let post =
        |path: &str| running.call(Method::POST, &format!("{DATA}{path}")).header("content-type", "application/json");
    let get = |path: &str| running.call(Method::GET, &format!("{DATA}{path}"));
    let deep = format!("{{\"Name\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (request, status, code) in [
        (post("/sobjects/Account").header("content-encoding", "gzip").body("no gzip"), 400, "POST_BODY_PARSE_ERROR"),
        (post("/sobjects/Account").header("content-encoding", "br").body("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (post("/sobjects/Account").body(deep), 400, "JSON_PARSER_ERROR"),
        (post("/sobjects/Account").body(&b"{\"Name\":\"\xff\"}"[..]), 400, "JSON_PARSER_ERROR"),
        (post("/sobjects/Account").body("{\"Name\":\"\\ud800\"}"), 400, "JSON_PARSER_ERROR"),
        (
            post("/sobjects/Account").body("{\"Name\":\"a\",\"AnnualRevenue\":1e999999}"),
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
        ),
        (post("/jobs/query").body("[".repeat(100_000)), 400, "JSON_PARSER_ERROR"),
        (get("/jobs/ingest/%ff"), 404, "NOT_FOUND"),
        (get("/jobs/query/%ff/results"), 404, "NOT_FOUND"),
        (get("/sobjects/%ff"), 404, "NOT_FOUND"),
        (get("/query/%ff"), 404, "NOT_FOUND"),
        (running.call(Method::TRACE, &format!("{DATA}/limits")), 405, "METHOD_NOT_ALLOWED"),
    ] {
        let asked = format!("{request:?}");
        assert_eq!(refusal(request).await, (status, code.to_owned()), "{asked}");
    }
}

#[tokio::test]
async fn heads_have_a_longest_length() {
    let running = Running::start(Config::default()).await;
    let limits = || running.call(Method::GET, &format!("{DATA}/limits"));
    let long = running.call(Method::GET, &format!("{DATA}/query?q={}", "a".repeat(16_400)));
    assert_eq!(answer(long).await.0, 414);
    assert_eq!(answer(limits().header("x-filler", "a".repeat(16_400))).await.0, 431);
    assert_eq!(answer(limits().header("x-filler", "a".repeat(15_000))).await.0, 200);
}

#[tokio::test]
async fn time_that_is_moved_empties_the_recycle_bin() {
    let running = Running::start(Config::default()).await;
    let sobject = |id: &str| format!("{DATA}/sobjects/Account{id}");
    let (_, made) = answer(running.call(Method::POST, &sobject("")).json(&json!({ "Name": "brief" }))).await;
    let id = format!("/{}", made["id"].as_str().unwrap());
    assert_eq!(answer(running.call(Method::DELETE, &sobject(&id))).await.0, 204);
    assert_eq!(refusal(running.call(Method::GET, &sobject(&id))).await.1, "ENTITY_IS_DELETED");
    let clock =
        running.http.post(running.url("/__emulator/clock")).json(&json!({ "advance_ms": 15 * 86_400_000_i64 + 1 }));
    assert_eq!(answer(clock).await.0, 200);
    let (_, token) = running.jwt(&running.claims()).await;
    let get = running.http.get(running.url(&sobject(&id))).bearer_auth(token["access_token"].as_str().unwrap());
    assert_eq!(refusal(get).await, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn controls_refuse_what_cannot_be() {
    let running = Running::start(Config::default()).await;
    let control =
        |path: &str, body: Json| answer(running.http.post(running.url(&format!("/__emulator/{path}"))).json(&body));
    for body in [
        json!({ "advance_ms": i64::MAX }),
        json!({ "advance_ms": i64::MIN }),
        json!({ "set": i64::MAX }),
        json!({ "set": -1 }),
        json!({ "set": 1, "advance_ms": -2 }),
        json!({ "set": "now" }),
    ] {
        let (status, answer) = control("clock", body.clone()).await;
        assert_eq!((status, answer["error"].is_string()), (400, true), "{body}");
        assert_eq!(running.emulator.clock().offset_ms(), 0, "{body} moved it");
    }
    for action in [
        json!({}),
        json!({ "status": 5 }),
        json!({ "grpc_status": 99 }),
        json!({ "status": 503, "headers": { "a b": "c" } }),
    ] {
        let (status, answer) = control("faults", json!({ "action": action })).await;
        assert_eq!((status, answer["error"].is_string()), (400, true), "{action}");
    }
    assert_eq!(control("clock", json!({ "set": 64_092_211_199_000_i64, "freeze": true })).await.0, 200);
    assert_eq!(control("reset", json!({})).await.0, 204);
    assert_eq!((running.emulator.clock().is_frozen(), running.emulator.clock().offset_ms()), (false, 0));
}
