//! What goes wrong with subscriptions, and that nothing is lost or handed over twice by it.

use std::time::Duration;

use serde_json::json;
use tidegate_client::events::{Delivery, EventTransport, Position, Replay};
use tidegate_client::{Error, RetryPolicy, SubscriptionErrorKind};
use tidegate_emulator::server::{Config, SeedConfig};

use super::{BOTH, account, accounts, next, order};
use crate::support::{World, world_of};

/// A client that does not wait long before it tries again.
pub(super) async fn hasty() -> World {
    let seed = Some(SeedConfig { number: 1, contacts: 5 });
    world_of(Config { seed, ..Config::default() }, |config| {
        let quick = Duration::from_millis(20);
        config.retry = RetryPolicy { base: quick, cap: quick * 5, concurrency_floor: quick, ..RetryPolicy::default() };
    })
    .await
}

fn kind(error: &Error) -> SubscriptionErrorKind {
    match error {
        Error::Subscription(error) => error.kind,
        other => panic!("{other:?}"),
    }
}

/// Every fault between two events: all events come, each once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cometd_survives() {
    let world = hasty().await;
    let org = &world.org;
    let mut events = accounts(org, EventTransport::CometD).open().await.unwrap();
    for (n, fault) in [
        "unknown_client",
        "disconnect",
        "auth",
        "busy",
        "handshake_busy",
        "handshake_limit",
        "handshake_advice",
        "forget",
    ]
    .iter()
    .enumerate()
    {
        let disturbance = match *fault {
            "forget" => json!({ "forget_clients": {} }),
            fault if fault.starts_with("handshake") => {
                world.control("events", json!({ "cometd": { "with": fault } })).await;
                json!({ "forget_clients": {} })
            }
            fault => json!({ "cometd": { "with": fault } }),
        };
        let before = events.reconnects();
        account(org, &format!("before {n}")).await;
        assert_eq!(next(&mut events).await.field("Name").unwrap(), &format!("before {n}"), "{fault}");
        world.control("events", disturbance).await;
        account(org, &format!("after {n}")).await;
        assert_eq!(next(&mut events).await.field("Name").unwrap(), &format!("after {n}"), "{fault}");
        assert!(events.reconnects() > before, "{fault}");
    }
    assert_eq!(events.repeated(), 0);
    world.emulator.stop().await.unwrap();
}

/// An ended token, in the middle of a session, over both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_in_the_middle() {
    let world = hasty().await;
    let org = &world.org;
    for transport in BOTH {
        let mut events = accounts(org, transport).open().await.unwrap();
        account(org, "one").await;
        while next(&mut events).await.field("Name").unwrap() != "one" {}
        let ends = match transport {
            EventTransport::CometD => {
                ("faults", json!({ "match": { "path": "/cometd/*" }, "action": { "expire_token": true } }))
            }
            _ => ("events", json!({ "fail_stream": { "with": "auth" } })),
        };
        world.control(ends.0, ends.1).await;
        account(org, "two").await;
        assert_eq!(next(&mut events).await.field("Name").unwrap(), "two", "{transport}");
        account(org, "three").await;
        assert_eq!(next(&mut events).await.field("Name").unwrap(), "three", "{transport}");
    }
    world.emulator.stop().await.unwrap();
}

/// A connect whose answer is lost had events in it: the server does not send them again to that session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_loses_no_event() {
    let world = hasty().await;
    let org = &world.org;
    let mut events = accounts(org, EventTransport::CometD).open().await.unwrap();
    account(org, "first").await;
    next(&mut events).await;
    for action in [json!({ "lose_answer": true }), json!({ "cut_after_bytes": 40 }), json!({ "status": 503 })] {
        let fault = json!({ "match": { "path": "/cometd/*" }, "action": action });
        world.control("faults", fault).await;
        for name in ["a", "b"] {
            account(org, name).await;
        }
        assert_eq!(next(&mut events).await.field("Name").unwrap(), "a", "{action}");
        assert_eq!(next(&mut events).await.field("Name").unwrap(), "b", "{action}");
    }
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repetitions_are_left_out() {
    let world = hasty().await;
    let org = &world.org;
    for transport in BOTH {
        let mut events = accounts(org, transport).open().await.unwrap();
        account(org, "x").await;
        while next(&mut events).await.field("Name").unwrap() != "x" {}
        world.control("events", json!({ "duplicate": 3 })).await;
        account(org, "y").await;
        world.control("events", json!({ "duplicate_last": 2 })).await;
        account(org, "z").await;
        for name in ["y", "z"] {
            assert_eq!(next(&mut events).await.field("Name").unwrap(), name, "{transport}");
        }
        assert!(events.repeated() >= 2, "{transport}: {}", events.repeated());
    }
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions() {
    let world = hasty().await;
    let org = &world.org;
    let channel = "/data/AccountChangeEvent";
    for name in ["a", "b", "c"] {
        account(org, name).await;
    }
    for transport in BOTH {
        let mut events = accounts(org, transport).open().await.unwrap();
        assert_eq!(events.position(channel), None);
        next(&mut events).await;
        let stored = events.position(channel).unwrap().to_string();
        drop(events);
        let position: Position = stored.parse().unwrap();
        // The transport follows from the position.
        let listen = org.events().listen(channel).from(Replay::After(position.clone()));
        assert_eq!(listen.transport(), transport);
        let mut events = listen.open().await.unwrap();
        assert_eq!(events.position(channel), Some(&position));
        assert_eq!(next(&mut events).await.field("Name").unwrap(), "b");
        let other = BOTH.into_iter().find(|other| *other != transport).unwrap();
        let mixed = org.events().listen(channel).from(Replay::After(position)).by(other).open().await.unwrap_err();
        assert!(mixed.to_string().contains("cannot be used with"), "{mixed}");
    }
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_the_same_kinds() {
    let world = hasty().await;
    let org = &world.org;
    account(org, "old").await;
    let mut stored = Vec::new();
    for transport in BOTH {
        let error = org.events().listen("/data/NopeChangeEvent").by(transport).open().await.unwrap_err();
        assert_eq!(kind(&error), SubscriptionErrorKind::ChannelNotFound, "{error}");
        match &error {
            Error::Subscription(error) => assert_eq!(error.channel.as_deref(), Some("/data/NopeChangeEvent")),
            other => panic!("{other:?}"),
        }
        let mut events = accounts(org, transport).open().await.unwrap();
        stored.push(next(&mut events).await.position.unwrap());
    }
    world.control("events", json!({ "reset": {} })).await;
    account(org, "new").await;
    for position in stored {
        let transport = position.transport();
        let listen = org.events().listen("/data/AccountChangeEvent").from(Replay::After(position));
        // CometD tells it at once, Pub/Sub with the first answer.
        let error = match listen.open().await {
            Ok(mut events) => events.next().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(kind(&error), SubscriptionErrorKind::ReplayIdExpired, "{transport} {error}");
    }
    let error = org.events().listen("/topic/X").by(EventTransport::PubSub).open().await.unwrap_err();
    assert!(error.to_string().contains("does not exist in Pub/Sub"), "{error}");
    let mut events = accounts(org, EventTransport::CometD).open().await.unwrap();
    world.control("events", json!({ "cometd": { "with": "delivery_limit" } })).await;
    account(org, "more").await;
    let error = loop {
        match events.next().await {
            Ok(event) => assert!(event.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(kind(&error), SubscriptionErrorKind::DeliveryLimit);
    // Told once; asked again later, it goes on.
    while next(&mut events).await.field("Name").unwrap() != "more" {}
    world.emulator.stop().await.unwrap();
}

/// A position is lost while a subscription runs: told as an error with the channel, and gone on from elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_is_lost_in_the_middle() {
    let world = hasty().await;
    let org = &world.org;
    for transport in BOTH {
        let mut events = accounts(org, transport).and("/event/Order_Event__e").open().await.unwrap();
        account(org, "first").await;
        while next(&mut events).await.field("Name").unwrap() != "first" {}
        world.control("events", json!({ "reset": {} })).await;
        world.control("events", json!({ "forget_clients": {} })).await;
        world.control("events", json!({ "fail_stream": { "with": "unavailable" } })).await;
        account(org, "second").await;
        let error = events.next().await.unwrap_err();
        assert_eq!(kind(&error), SubscriptionErrorKind::ReplayIdExpired, "{transport}: {error}");
        events.begin_again("/data/AccountChangeEvent", Replay::Earliest).await.unwrap();
        while next(&mut events).await.field("Name").is_none_or(|name| name != "second") {}
        order(org, "after").await;
        while next(&mut events).await.field("Order_Number__c").is_none_or(|number| number != "after") {}
    }
    world.emulator.stop().await.unwrap();
}

/// Several channels share one session; one is added and one taken away while a connect is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_come_and_go() {
    let world = hasty().await;
    let org = &world.org;
    for transport in BOTH {
        let mut events = accounts(org, transport).from(Replay::Latest).open().await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(300), events.next()).await.is_err(), "nothing happened");
        events.add("/event/Order_Event__e", Replay::Latest).await.unwrap();
        order(org, "1").await;
        assert_eq!(next(&mut events).await.channel, "/event/Order_Event__e");
        let error = events.add("/event/Nope__e", Replay::Latest).await.unwrap_err();
        assert_eq!(kind(&error), SubscriptionErrorKind::ChannelNotFound);
        events.remove("/data/AccountChangeEvent").await.unwrap();
        account(org, "unheard").await;
        order(org, "2").await;
        assert_eq!(next(&mut events).await.field("Order_Number__c").unwrap(), "2", "{transport}");
        assert_eq!(events.channels().collect::<Vec<_>>(), ["/event/Order_Event__e"]);
    }
    world.emulator.stop().await.unwrap();
}

/// From the tip there is no position before the first event: a lost session may have lost events, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tip_that_was_lost_is_told() {
    let world = hasty().await;
    let mut events = accounts(&world.org, EventTransport::CometD).from(Replay::Latest).open().await.unwrap();
    world.control("events", json!({ "forget_clients": {} })).await;
    loop {
        match tokio::time::timeout(Duration::from_secs(10), events.next_delivery()).await.unwrap().unwrap().unwrap() {
            Delivery::MaybeMissed { channel } => break assert_eq!(channel, "/data/AccountChangeEvent"),
            Delivery::KeepAlive => {}
            other => panic!("{other:?}"),
        }
    }
    world.emulator.stop().await.unwrap();
}
