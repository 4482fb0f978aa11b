//! Handshake, connect, the life of a session, and what goes wrong with it.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::common::{Running, answer};
use super::support::*;

#[tokio::test]
async fn a_handshake_and_the_first_connect_are_answered_word_for_word() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::new(&running);
    let handshake = client.handshake().await;
    assert!((25..=30).contains(&client.id.len()), "{}", client.id);
    assert_eq!(
        handshake,
        json!({ "ext": { "replay": true, "payload.format": true }, "minimumVersion": "1.0", "clientId": client.id,
            "supportedConnectionTypes": ["long-polling"], "channel": "/meta/handshake", "id": "1", "version": "1.0",
            "successful": true })
    );
    assert!(client.cookie.as_deref().unwrap().contains("BAYEUX_BROWSER="));
    let [connect] = &client.connect(None).await[..] else { panic!("the first connect is not held") };
    assert_eq!(
        connect,
        &json!({ "clientId": client.id, "channel": "/meta/connect", "id": "1", "successful": true,
            "advice": { "interval": 0, "timeout": 110_000, "reconnect": "retry" } })
    );
    let [connect] = &client.connect(Some(0)).await[..] else { panic!("one answer") };
    assert_eq!(connect, &json!({ "clientId": client.id, "channel": "/meta/connect", "id": "2", "successful": true }));
    let message = client.message("/meta/disconnect", json!({}));
    let [bye] = &client.send(json!([message])).await[..] else { panic!("one answer") };
    assert_eq!((&bye["channel"], &bye["successful"]), (&json!("/meta/disconnect"), &json!(true)));
    let [after] = &client.connect(Some(0)).await[..] else { panic!("one answer") };
    assert_eq!(after["error"], "403::Unknown client");
    assert_eq!(after["advice"], json!({ "interval": 0, "reconnect": "handshake" }));
}

#[tokio::test]
async fn ids_come_back_as_they_came_and_every_path_is_the_same_door() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    for path in ["/", "/connect", "/subscribe", "/whatever/else"] {
        let body = json!([{ "channel": "/meta/connect", "id": 7, "clientId": client.id,
            "connectionType": "long-polling", "advice": { "timeout": 0 } }]);
        let (status, answers) = client.post(path, &body.to_string()).await;
        assert_eq!((status, &answers[0]["id"], &answers[0]["successful"]), (200, &json!(7), &json!(true)), "{path}");
    }
    // One message without a list around it is read, too.
    let one = json!({ "channel": "/meta/subscribe", "clientId": client.id, "subscription": "/event/Order__e" });
    let (_, answers) = client.post("", &one.to_string()).await;
    assert_eq!(answers[0]["successful"], true, "{answers}");
    assert_eq!(answers[0].get("id"), None);
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why() {
    let running = start(|_| {}).await;
    for (token, reason) in [("", "401::Request requires authentication"), ("nonsense", "401::Authentication invalid")] {
        let mut client = Bayeux::new(&running);
        client.token = token.to_owned();
        let denied = client.handshake().await;
        assert_eq!(
            denied,
            json!({ "channel": "/meta/handshake", "id": "1", "successful": false, "error": "403::Handshake denied",
                "advice": { "reconnect": "none" },
                "ext": { "sfdc": { "failureReason": reason }, "replay": true, "payload.format": true } })
        );
    }
    let mut older = Bayeux::new(&running);
    let token = std::mem::take(&mut older.token);
    let response = older.http.post(&older.url).header("authorization", format!("OAuth {token}"));
    let body =
        json!([{ "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"] }]);
    let (_, answers) = answer(response.json(&body)).await;
    assert_eq!(answers[0]["successful"], true, "the older scheme");
}

#[tokio::test]
async fn what_http_refuses() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    let probe = running.http.get(running.url("/cometd/66.0")).header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(probe.status(), 400, "the probe for WebSocket does not hang");
    for (path, error) in [
        ("/cometd", "400::API version in the URI is mandatory. URI format: '/cometd/68.0'"),
        ("/cometd/", "400::API version in the URI is mandatory. URI format: '/cometd/68.0'"),
        ("/cometd/x", "400::API version in the URI is mandatory. URI format: '/cometd/68.0'"),
        (
            "/cometd/36.0",
            "400::Unsupported API version. Only API versions '37.0' and later are supported. URI format: '/cometd/68.0'",
        ),
    ] {
        let (status, body) = answer(running.http.post(running.url(path)).body("[]")).await;
        assert_eq!((status, &body[0]["error"]), (400, &json!(error)), "{path}");
    }
    for body in ["", "x", "7", "[7]", "{", "null"] {
        assert_eq!(client.post("", body).await.0, 400, "{body}");
    }
    let long = json!([{ "channel": "/meta/connect", "clientId": client.id, "x": "y".repeat(32_768) }]).to_string();
    assert_eq!(client.post("", &long).await.0, 413);
    assert_eq!(client.post("", "[]").await, (200, json!([])));
}

#[tokio::test]
async fn messages_without_a_session() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::new(&running);
    for channel in ["/meta/connect", "/meta/subscribe", "/meta/unsubscribe", "/meta/disconnect"] {
        let answers = client.send(json!([{ "channel": channel, "id": "5", "subscription": "/event/Order__e" }])).await;
        assert_eq!(answers[0]["error"], "403::Client has not completed handshake", "{channel}");
    }
    client.handshake().await;
    let cookie = client.cookie.take();
    let [answer] = &client.connect(Some(0)).await[..] else { panic!("one answer") };
    let expected = format!("400::Client {} has established a session, but no BAYEUX_BROWSER cookie present", client.id);
    assert_eq!(answer["error"], expected);
    client.cookie = cookie;
    // Another session in the same jar: the first is not known any more.
    let first = std::mem::take(&mut client.id);
    client.handshake().await;
    client.id = first;
    assert_eq!(client.connect(Some(0)).await[0]["error"], "403::Unknown client");
    let mut client = Bayeux::connected(&running).await;
    let message = client.message("/meta/connect", json!({ "connectionType": "websocket" }));
    assert_eq!(client.send(json!([message])).await[0]["error"], "400::Invalid connection type websocket");
    let message = client.message("/event/Order__e", json!({ "data": {} }));
    assert_eq!(client.send(json!([message])).await[0]["error"], "403:denied_by_security_policy:publish_denied");
    let message = client.message("", json!({}));
    assert_eq!(client.send(json!([message])).await[0]["error"], "400::Channel name not specified");
}

#[tokio::test]
async fn a_session_ends_after_forty_seconds_of_silence() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    running.emulator.clock().advance(40_000);
    assert_eq!(client.connect(Some(0)).await[0]["successful"], true, "just in time");
    running.emulator.clock().advance(40_001);
    let answer = &client.connect(Some(0)).await[0];
    assert_eq!(answer["error"], "403::Unknown client");
    assert_eq!(answer["advice"], json!({ "interval": 0, "reconnect": "handshake" }));
    client.handshake().await;
    assert_eq!(client.connect(Some(0)).await[0]["successful"], true);
    assert_eq!(running.emulator.state().cometd.len(), 1, "the first is forgotten");
}

#[tokio::test]
async fn a_connect_is_held_for_110_seconds_or_until_there_is_an_event() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/event/Order__e", None).await;
    let (answers, ()) = tokio::join!(client.connect(None), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        create(&running, "Order__e", json!({ "Number__c": "1" })).await;
    });
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0]["data"]["payload"]["Number__c"], "1");
    assert_eq!(answers[1]["channel"], "/meta/connect");
    let began = Instant::now();
    let (answers, ()) = tokio::join!(client.connect(None), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        running.emulator.clock().advance(109_000);
        tokio::time::sleep(Duration::from_millis(600)).await;
        running.emulator.clock().advance(1_000);
    });
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(began.elapsed() >= Duration::from_millis(900), "held to the end, though 40 s passed meanwhile");
    assert_eq!(client.connect(Some(0)).await[0]["successful"], true, "a session that is held does not run out");
}

#[tokio::test]
async fn a_held_connect_gives_way() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    let mut other = Bayeux {
        http: client.http.clone(),
        url: client.url.clone(),
        token: client.token.clone(),
        cookie: client.cookie.clone(),
        id: client.id.clone(),
        ..Bayeux::new(&running)
    };
    // To a disconnect.
    let (answers, ()) = tokio::join!(client.connect(None), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let message = other.message("/meta/disconnect", json!({}));
        other.send(json!([message])).await;
    });
    assert_eq!(answers[0]["successful"], true);
    assert_eq!(answers[0]["advice"], json!({ "reconnect": "none" }), "nobody calls a client back that took its leave");
    // To a newer connect of the same session.
    let mut client = Bayeux::connected(&running).await;
    (other.cookie, other.id) = (client.cookie.clone(), client.id.clone());
    let (older, newer) = tokio::join!(client.connect(None), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        other.connect(Some(0)).await
    });
    assert_eq!((&older[0]["successful"], &newer[0]["successful"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn a_batch_is_answered_at_once_in_either_order() {
    let running = start(|_| {}).await;
    for connect_first in [true, false] {
        let mut client = Bayeux::new(&running);
        client.handshake().await;
        create(&running, "Order__e", json!({ "Number__c": "9" })).await;
        let connect = client.message("/meta/connect", json!({ "connectionType": "long-polling" }));
        let subscribe = client.message(
            "/meta/subscribe",
            json!({ "subscription": "/event/Order__e", "ext": { "replay": { "/event/Order__e": -2 } } }),
        );
        let batch = if connect_first { json!([connect, subscribe]) } else { json!([subscribe, connect]) };
        let answers = client.send(batch).await;
        let metas: Vec<&Json> = answers.iter().filter(|a| a.get("data").is_none()).collect();
        assert_eq!(metas.len(), 2, "{answers:?}");
        assert!(metas.iter().all(|a| a["successful"] == true), "{answers:?}");
        let rest = client.events().await;
        assert!(!rest.is_empty() || answers.len() > 2, "the stored event comes with the one or the other");
    }
}

#[tokio::test]
async fn tokens_that_end_end_the_session_and_being_connected_extends_them() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    // Three hours of polling, while a token lives for two without use.
    for _ in 0..(3 * 60) {
        running.emulator.clock().advance(30_000);
        assert_eq!(client.connect(Some(0)).await[0]["successful"], true);
        running.emulator.clock().advance(30_000);
        assert_eq!(client.connect(Some(0)).await[0]["successful"], true);
    }
    let (answers, ()) = tokio::join!(client.connect(None), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _ = answer(running.http.post(running.url("/__emulator/tokens/expire"))).await;
    });
    assert_eq!(answers[0]["error"], "401::Authentication invalid");
    assert_eq!(answers[0]["advice"], json!({ "reconnect": "none" }));
    let later = client.connect(Some(0)).await;
    assert_eq!(later[0]["error"], "401::Authentication invalid");
}

#[tokio::test]
async fn an_org_has_so_many_clients() {
    let running = start(|s| s.streaming_clients_max = 2).await;
    let _two = (Bayeux::connected(&running).await, Bayeux::connected(&running).await);
    let denied = Bayeux::new(&running).handshake().await;
    assert_eq!(denied["ext"]["sfdc"]["failureReason"], "403::Organization concurrent user limit exceeded");
    running.emulator.clock().advance(41_000);
    assert_eq!(Bayeux::new(&running).handshake().await["successful"], true, "who is silent makes room");
}

#[tokio::test]
async fn faults_show_as_salesforce_words_them() {
    let running = start(|_| {}).await;
    let plan = |with: &str| json!({ "cometd": { "with": with } });
    for (with, error, reason, advice) in [
        (
            "unknown_client",
            json!("403::Unknown client"),
            Json::Null,
            json!({ "interval": 0, "reconnect": "handshake" }),
        ),
        ("auth", json!("401::Authentication invalid"), Json::Null, json!({ "reconnect": "none" })),
        (
            "busy",
            json!("401::Authentication invalid"),
            json!("503::Server is too busy. Please try your request again later."),
            json!({ "reconnect": "none" }),
        ),
        (
            "delivery_limit",
            json!("403::Organization total events daily limit exceeded"),
            Json::Null,
            json!({ "reconnect": "none" }),
        ),
    ] {
        let mut client = Bayeux::connected(&running).await;
        control(&running, plan(with)).await;
        let answer = &client.connect(None).await[0];
        assert_eq!((&answer["error"], &answer["advice"]), (&error, &advice), "{with}");
        assert_eq!(answer["ext"]["sfdc"]["failureReason"], reason, "{with}");
    }
    let mut client = Bayeux::connected(&running).await;
    control(&running, plan("disconnect")).await;
    assert_eq!(client.connect(None).await[0]["channel"], "/meta/disconnect");
    assert_eq!(client.connect(None).await[0]["error"], "403::Unknown client");
    control(&running, plan("handshake_busy")).await;
    let denied = client.handshake().await;
    assert_eq!(denied["ext"]["sfdc"]["failureReason"], "503::Server is too busy. Please try your request again later.");
    control(&running, plan("handshake_advice")).await;
    let odd = client.handshake().await;
    assert_eq!((&odd["successful"], &odd["advice"]["reconnect"]), (&json!(true), &json!("handshake")));
    assert_eq!(client.connect(None).await[0]["successful"], true);
}

#[tokio::test]
async fn the_cookie_can_be_done_without_where_the_org_is_set_up_so() {
    let running: Running = start(|s| s.streaming.cookie_required = false).await;
    let mut client = Bayeux::new(&running);
    client.handshake().await;
    client.cookie = None;
    assert_eq!(client.connect(Some(0)).await[0]["successful"], true);
}
