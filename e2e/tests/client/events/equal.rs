//! The same change gives the same event by both transports.

use serde_json::json;
use tidegate_client::events::{Event, EventKind, Replay, Subscription};
use tidegate_client::{Delete, Update};
use tidegate_e2e::edits::Editor;

use super::{BOTH, account, accounts, next, order};
use crate::support::world;

/// What may not differ.
fn comparable(event: &Event) -> Event {
    Event { position: None, raw: Default::default(), ..event.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_event_says() {
    let world = world(20).await;
    let org = &world.org;
    let id = account(org, "Ætna").await;
    let fields = json!({ "Industry": "Energy", "BillingCity": "Oslo", "AnnualRevenue": 13, "NumberOfEmployees": 7 });
    org.send(&Update { object: "Account".into(), id: id.clone(), fields }).await.unwrap();
    let fields = json!({ "Industry": null, "BillingCity": null });
    org.send(&Update { object: "Account".into(), id: id.clone(), fields }).await.unwrap();
    org.send(&Delete { object: "Account".into(), id: id.clone() }).await.unwrap();
    for transport in BOTH {
        let mut events = accounts(org, transport).open().await.unwrap();
        assert_eq!(events.transport(), transport);
        let created = next(&mut events).await;
        assert_eq!(created.field("Name").unwrap(), "Ætna");
        assert!(created.field("CreatedDate").unwrap().as_str().unwrap().ends_with('Z'), "{:?}", created.payload);
        assert!(created.group_ends && created.position == events.position("/data/AccountChangeEvent").cloned());
        let changed = next(&mut events).await;
        let header = changed.change().unwrap();
        assert_eq!((header.entity.as_str(), &header.record_ids), ("Account", &vec![id.clone()]));
        assert!(header.commit_number > 1 << 53, "{header:?}");
        assert!(header.changed_fields.contains(&"BillingAddress.City".to_owned()), "{header:?}");
        assert_eq!(changed.field("BillingAddress.City").unwrap(), "Oslo");
        assert_eq!(changed.field("AnnualRevenue").unwrap().to_string(), "13.0");
        assert_eq!(changed.field("NumberOfEmployees").unwrap().to_string(), "7");
        assert!(changed.field("Name").is_none());
        let cleared = next(&mut events).await;
        assert_eq!(cleared.change().unwrap().nulled_fields, ["BillingAddress.City", "Industry"], "{cleared:?}");
        assert!(
            cleared.field("Industry").unwrap().is_null() && cleared.field("BillingAddress.City").unwrap().is_null()
        );
        let deleted = next(&mut events).await;
        assert!(matches!(deleted.kind, EventKind::Change(_)));
        assert_eq!(deleted.payload, json!({}));
        events.close().await;
        assert_eq!(events.next().await.unwrap(), None);
    }
    order(org, "7").await;
    let mut seen = Vec::new();
    for transport in BOTH {
        let listen = org.events().listen("/event/Order_Event__e").from(Replay::Earliest).by(transport);
        let event = next(&mut listen.open().await.unwrap()).await;
        assert_eq!(event.kind, EventKind::Platform);
        assert_eq!(event.field("Order_Number__c").unwrap(), "7");
        assert!(event.uuid.is_some());
        seen.push(comparable(&event));
    }
    assert_eq!(seen[0], seen[1]);
    world.emulator.stop().await.unwrap();
}

/// Events up to the account of this name.
async fn until(subscription: &mut Subscription, name: &str) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = next(subscription).await;
        let last = event.field("Name").is_some_and(|value| value == name);
        events.push(comparable(&event));
        if last {
            return events;
        }
    }
}

/// Random edits of many objects through every door, with all their field types.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_edits_give_equal_events() {
    let seed = std::env::var("TIDEGATE_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!("TIDEGATE_SEED={seed}");
    let world = world(40).await;
    let objects = ["Account", "Contact", "Opportunity", "Shipment__c"].map(str::to_owned).to_vec();
    let mut open = Vec::new();
    for transport in BOTH {
        let listen = world.org.events().listen("/data/ChangeEvents").from(Replay::Earliest).by(transport);
        open.push(listen.open().await.unwrap());
    }
    let mut editor = Editor::new(world.emulator.state().clone(), world.org.clone(), objects, seed);
    editor.sweep(2);
    editor.mass_update();
    editor.edit_many(60).await;
    for disturbance in [
        json!({ "gap_next": 2 }),
        json!({ "overflow": { "object": "Contact" } }),
        json!({ "wildcard": { "object": "Account" } }),
    ] {
        world.control("events", disturbance).await;
        editor.edit_many(5).await;
    }
    let id = account(&world.org, "The End").await;
    assert!(!id.is_empty());
    let [cometd, pubsub] = &mut open[..] else { panic!() };
    let (mut by_cometd, mut by_pubsub) = (until(cometd, "The End").await, until(pubsub, "The End").await);
    assert!(by_cometd.len() > 100, "{}", by_cometd.len());
    // CometD sends the fields that both have in an order of its own, and the names in the header too.
    for event in by_cometd.iter_mut().chain(&mut by_pubsub) {
        if let EventKind::Change(header) = &mut event.kind {
            header.changed_fields.sort();
            header.nulled_fields.sort();
            header.diff_fields.sort();
        }
    }
    for (one, other) in by_cometd.iter().zip(&by_pubsub) {
        assert_eq!(one, other);
    }
    assert_eq!(by_cometd.len(), by_pubsub.len());
    for kind in ["Gap", "Overflow", "EveryRecord"] {
        assert!(by_cometd.iter().any(|event| format!("{:?}", event.kind).starts_with(kind)), "no {kind}");
    }
    world.emulator.stop().await.unwrap();
}
