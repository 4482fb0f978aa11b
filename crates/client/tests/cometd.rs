//! CometD over a real socket, against a server of a few lines: one that hangs, forgets, answers nonsense, refuses by
//! status, and one whose slow reader must not be sent more.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value as Json, json};
use tidegate_client::{
    Error, RetryPolicy, SubscriptionErrorKind, Timeouts,
    events::{Delivery, Event, Subscription},
};

/// What a connect is answered with.
enum Reply {
    Events(Vec<u64>),
    Hang,
    Status(u16),
    Text(&'static str),
    Refused(&'static str, Json),
}

type Heard = (String, Option<String>);

#[derive(Clone, Default)]
struct Server {
    /// For the connects, but the first of each session.
    script: Arc<Mutex<VecDeque<Reply>>>,
    /// Channels of the messages that came, with the cookie.
    heard: Arc<Mutex<Vec<Heard>>>,
    sessions: Arc<Mutex<u32>>,
    firsts: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: Vec<Reply>) -> (Server, String) {
        let server = Server { script: Arc::new(Mutex::new(script.into())), ..Server::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cometd", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }

    fn count(&self, channel: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|(heard, _)| heard == channel).count()
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let messages: Vec<Json> = serde_json::from_slice(&body).unwrap();
    let message = messages[0].clone();
    let channel = message["channel"].as_str().unwrap().to_owned();
    let cookie = headers.get("cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
    server.heard.lock().unwrap().push((channel.clone(), cookie));
    let reply = |extra: Json| {
        let mut told = json!({ "channel": channel, "id": message["id"], "successful": true });
        told.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        told
    };
    match channel.as_str() {
        "/meta/handshake" => {
            *server.sessions.lock().unwrap() += 1;
            let id = format!("client-{}", server.sessions.lock().unwrap());
            // Advice that would lead in a circle.
            let told = reply(json!({ "clientId": id, "advice": { "reconnect": "handshake" } }));
            return ([("set-cookie", format!("BAYEUX_BROWSER={id}; Path=/"))], json!([told]).to_string())
                .into_response();
        }
        "/meta/subscribe" => {
            let all: Vec<Json> = messages
                .iter()
                .map(|one| json!({ "channel": "/meta/subscribe", "subscription": one["subscription"], "successful": true }))
                .collect();
            return Json::Array(all).to_string().into_response();
        }
        "/meta/connect" => {}
        _ => return json!([reply(json!({}))]).to_string().into_response(),
    }
    let client = message["clientId"].as_str().unwrap().to_owned();
    let first = {
        let mut firsts = server.firsts.lock().unwrap();
        let first = !firsts.contains(&client);
        firsts.push(client);
        first
    };
    if first {
        return json!([reply(json!({ "advice": { "reconnect": "retry", "timeout": 500 } }))])
            .to_string()
            .into_response();
    }
    let next = server.script.lock().unwrap().pop_front();
    match next {
        Some(Reply::Events(ids)) => {
            let mut all: Vec<Json> = ids
                .iter()
                .map(|id| json!({ "channel": "/event/X", "data": { "schema": "s", "payload": { "N": id }, "event": { "replayId": id } } }))
                .collect();
            all.push(reply(json!({})));
            Json::Array(all).to_string().into_response()
        }
        Some(Reply::Status(status)) => {
            (StatusCode::from_u16(status).unwrap(), "Maximum Request Size Exceeded").into_response()
        }
        Some(Reply::Text(text)) => text.into_response(),
        Some(Reply::Refused(error, advice)) => {
            json!([{ "channel": channel, "successful": false, "error": error, "advice": advice }])
                .to_string()
                .into_response()
        }
        Some(Reply::Hang) | None => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            "[]".into_response()
        }
    }
}

async fn open(url: &str) -> Subscription {
    let quick = Duration::from_millis(10);
    let retry = RetryPolicy { attempts: 4, base: quick, cap: quick, concurrency_floor: quick };
    let timeouts = Timeouts { event_silence: Duration::from_millis(400), ..Timeouts::default() };
    Subscription::open_foreign(url, &["/event/X"], retry, timeouts).await.unwrap()
}

async fn next(events: &mut Subscription) -> Event {
    tokio::time::timeout(Duration::from_secs(20), events.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn whatever_a_server_does_the_events_come() {
    let refused = |error| Reply::Refused(error, json!({ "reconnect": "handshake", "interval": 0 }));
    for trouble in [
        Reply::Hang,
        Reply::Status(500),
        Reply::Status(503),
        Reply::Text("<html>"),
        Reply::Text("[]"),
        Reply::Text("[{\"channel\":\"/meta/disconnect\",\"successful\":true}]"),
        refused("403::Unknown client"),
        refused("what?"),
    ] {
        let (server, url) = Server::start(vec![Reply::Events(vec![1]), trouble, Reply::Events(vec![2])]).await;
        let mut events = open(&url).await;
        for n in [1, 2] {
            assert_eq!(next(&mut events).await.payload, json!({ "N": n }));
        }
        assert_eq!((events.reconnects(), server.count("/meta/handshake"), server.count("/meta/subscribe")), (1, 2, 2));
        // Each session has its own cookie, and the handshake none.
        let heard = server.heard.lock().unwrap().clone();
        let cookies: Vec<_> =
            heard.iter().filter(|(c, _)| c == "/meta/subscribe").map(|(_, cookie)| cookie.clone()).collect();
        assert_eq!(cookies, [Some("BAYEUX_BROWSER=client-1".to_owned()), Some("BAYEUX_BROWSER=client-2".into())]);
        assert!(heard.iter().all(|(channel, cookie)| cookie.is_some() || channel == "/meta/handshake"));
    }
}

#[tokio::test]
async fn what_cannot_be_mended_is_told() {
    for (trouble, kind) in [
        (Reply::Status(413), SubscriptionErrorKind::Request),
        (
            Reply::Refused("403::Restricted channel", json!({ "reconnect": "none" })),
            SubscriptionErrorKind::NoPermission,
        ),
        (Reply::Refused("500::x", json!({ "reconnect": "none", "interval": -1 })), SubscriptionErrorKind::Unavailable),
    ] {
        let (_, url) = Server::start(vec![trouble, Reply::Events(vec![5])]).await;
        let mut events = open(&url).await;
        match events.next().await.unwrap_err() {
            Error::Subscription(error) => assert_eq!(error.kind, kind, "{error}"),
            other => panic!("{other:?}"),
        }
        // Asked again, it tries again.
        assert_eq!(next(&mut events).await.payload, json!({ "N": 5 }));
    }
}

/// A server that forgets every session at once is not asked for ever.
#[tokio::test]
async fn a_server_that_always_forgets_is_given_up() {
    let forget = || Reply::Refused("402::Unknown client", json!({ "reconnect": "handshake" }));
    let (server, url) = Server::start((0..50).map(|_| forget()).collect()).await;
    let mut events = open(&url).await;
    assert!(events.next().await.is_err());
    assert!(server.count("/meta/handshake") < 10, "{}", server.count("/meta/handshake"));
}

/// The next connect goes out only when the events of the last were taken; and a wait that was given up loses nothing.
#[tokio::test]
async fn nothing_is_asked_for_ahead() {
    let (server, url) = Server::start(vec![Reply::Events(vec![1, 2, 3]), Reply::Events(vec![4])]).await;
    let mut events = open(&url).await;
    assert_eq!(next(&mut events).await.payload, json!({ "N": 1 }));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.count("/meta/connect"), 2);
    for n in [2, 3] {
        assert_eq!(next(&mut events).await.payload, json!({ "N": n }));
    }
    assert_eq!(server.count("/meta/connect"), 2);
    for _ in 0..200 {
        match tokio::time::timeout(Duration::from_micros(50), events.next_delivery()).await {
            Ok(Ok(Some(Delivery::Event(event)))) => {
                assert_eq!(event.payload, json!({ "N": 4 }));
                return;
            }
            Ok(other) => drop(other.unwrap()),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    panic!("the event was lost with a wait");
}

/// Dropped without a word, the session is ended all the same.
#[tokio::test]
async fn dropping_takes_leave() {
    let (server, url) = Server::start(vec![]).await;
    drop(open(&url).await);
    for _ in 0..500 {
        if server.count("/meta/disconnect") == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no leave was taken");
}

#[tokio::test]
async fn nobody_is_there() {
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/cometd", listener.local_addr().unwrap())
    };
    let quick = Duration::from_millis(5);
    let retry = RetryPolicy { attempts: 3, base: quick, cap: quick, concurrency_floor: quick };
    let error = Subscription::open_foreign(&url, &["/x"], retry, Timeouts::default()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    let elsewhere = Subscription::open_foreign("http://10.0.0.1/x", &["/x"], retry, Timeouts::default()).await;
    assert!(matches!(elsewhere.unwrap_err(), Error::InsecureUrl { .. }));
}
