//! A planned `expire_token` reaches a token whichever way it travels. The Pub/Sub API's is in `grpc_faults.rs`.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::common::{Running, answer};
use crate::support::{CLASSIC, DATA, plan, soap, start};

async fn expire(running: &Running, path: &str) {
    plan(running, "faults", json!({ "match": { "path": path }, "action": { "expire_token": true } })).await;
}

async fn is_good(running: &Running, token: &str) -> bool {
    running.http.get(running.url(&format!("{DATA}/limits"))).bearer_auth(token).send().await.unwrap().status() == 200
}

async fn new_token(running: &Running) -> String {
    let (status, body) = running.jwt(&running.claims()).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn in_the_authorization_header_of_either_scheme() {
    let running = start(|_| {}).await;
    for scheme in ["Bearer", "OAuth"] {
        let token = new_token(&running).await;
        expire(&running, "/sobjects").await;
        let call = running.http.get(running.url(&format!("{DATA}/sobjects")));
        let (status, body) = answer(call.header("authorization", format!("{scheme} {token}"))).await;
        assert_eq!((status, &body[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")), "{scheme}");
        assert!(!is_good(&running, &token).await);
    }
    assert!(is_good(&running, &running.emulator.credentials().access_token).await, "another token lives on");
}

#[tokio::test]
async fn in_the_header_of_bulk_1() {
    let running = start(|_| {}).await;
    let token = new_token(&running).await;
    expire(&running, "/services/async/").await;
    let asked = json!({ "object": "Account", "operation": "insert", "contentType": "JSON" });
    let call = running.http.post(running.url(CLASSIC)).header("X-SFDC-Session", &token).json(&asked);
    let (status, body) = answer(call).await;
    assert_eq!((status, &body["exceptionCode"]), (400, &json!("InvalidSessionId")));
    assert!(!is_good(&running, &token).await);
}

#[tokio::test]
async fn in_the_envelope_of_either_soap_api() {
    let running = start(|_| {}).await;
    for (address, call) in [("u/62.0", "<p:getUserInfo/>"), ("m/62.0", "<p:describeMetadata/>")] {
        let token = new_token(&running).await;
        let (status, text) = soap(&running, address, &token, call).await;
        assert_eq!(status, 200, "{text}");
        expire(&running, "/services/Soap/").await;
        let (status, text) = soap(&running, address, &token, call).await;
        assert_eq!(status, 500, "{address}: {text}");
        assert!(text.contains("INVALID_SESSION_ID"), "{address}: {text}");
        assert!(!is_good(&running, &token).await, "{address}");
    }
}

#[tokio::test]
async fn in_the_query_of_a_page() {
    let running = start(|_| {}).await;
    let token = new_token(&running).await;
    expire(&running, "/userinfo").await;
    let path = format!("/services/oauth2/userinfo?access_token={token}");
    assert_ne!(running.http.get(running.url(&path)).send().await.unwrap().status(), 200);
    assert!(!is_good(&running, &token).await);
}

#[tokio::test]
async fn of_a_cometd_session_that_is_open() {
    let running = start(|_| {}).await;
    let token = new_token(&running).await;
    let url = running.url("/cometd/62.0");
    let send = async |cookie: &str, message: Json| {
        let request = running.http.post(&url).bearer_auth(&token).header("cookie", cookie).json(&json!([message]));
        let response = request.send().await.unwrap();
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        let cookies = cookies.iter().filter_map(|c| c.to_str().ok()?.split(';').next());
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        (cookies, response.json::<Json>().await.unwrap())
    };
    let handshake =
        json!({ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"] });
    let (cookie, shaken) = send("", handshake).await;
    let client = &shaken[0]["clientId"];
    let connect = json!({ "channel": "/meta/connect", "clientId": client, "connectionType": "long-polling" });
    assert_eq!(send(&cookie, connect.clone()).await.1[0]["successful"], true);
    // One connect is held while another request of the same token loses it.
    expire(&running, "/sobjects").await;
    let (held, ()) = tokio::join!(send(&cookie, connect.clone()), async {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        let call = running.http.request(Method::GET, running.url(&format!("{DATA}/sobjects"))).bearer_auth(&token);
        assert_eq!(call.send().await.unwrap().status(), 401);
    });
    assert_eq!(held.1[0]["error"], "401::Authentication invalid");
    let (_, next) = send(&cookie, connect).await;
    assert_eq!((&next[0]["error"], &next[0]["successful"]), (&json!("401::Authentication invalid"), &json!(false)));
}

#[tokio::test]
async fn by_the_connect_itself() {
    let running = start(|_| {}).await;
    let token = new_token(&running).await;
    expire(&running, "/cometd/").await;
    let message =
        json!([{ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"] }]);
    let (_, body) = answer(running.http.post(running.url("/cometd/62.0")).bearer_auth(&token).json(&message)).await;
    assert_eq!(body[0]["ext"]["sfdc"]["failureReason"], "401::Authentication invalid", "{body}");
    assert!(!is_good(&running, &token).await);
}
