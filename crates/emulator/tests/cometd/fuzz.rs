//! Whatever comes in: an answer, and a server that still answers.

use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::common::Running;
use super::support::*;

/// JSON with the words of the protocol in it.
fn any_json() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(vec![
        "/meta/handshake",
        "/meta/connect",
        "/meta/subscribe",
        "/meta/unsubscribe",
        "/meta/disconnect",
        "/event/Order__e",
        "/data/ChangeEvents",
        "/topic/x?a='b'&c",
        "/u/x",
        "/**",
        "long-polling",
        "",
        "é",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        word.prop_map(Json::from),
    ];
    let key = prop::sample::select(vec![
        "channel",
        "clientId",
        "id",
        "advice",
        "timeout",
        "ext",
        "replay",
        "subscription",
        "/event/Order__e",
        "connectionType",
        "data",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|m| Json::Object(m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap())
}

fn running() -> &'static Running {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    RUNNING.get_or_init(|| {
        runtime().block_on(start(|s| {
            s.streaming_clients_max = 1_000;
            s.streaming.poll_ms = 1;
        }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_messages_are_answered(mut messages in prop::collection::vec(any_json(), 0..6), known in any::<bool>()) {
        let running = running();
        runtime().block_on(async {
            let mut client = Bayeux::connected(running).await;
            if known {
                for message in messages.iter_mut().filter_map(Json::as_object_mut) {
                    message.insert("clientId".into(), json!(client.id));
                }
            }
            let (status, _) = client.post("", &Json::Array(messages).to_string()).await;
            assert!(matches!(status, 200 | 400 | 413), "{status}");
            let message = client.message("/meta/disconnect", json!({}));
            client.send(json!([message])).await;
        });
    }

    #[test]
    fn any_bytes_are_answered(body in ".{0,200}") {
        let running = running();
        runtime().block_on(async {
            let mut client = Bayeux::new(running);
            let (status, _) = client.post("", &body).await;
            assert!(matches!(status, 200 | 400), "{status}");
        });
    }
}
