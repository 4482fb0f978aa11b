//! Publishing by both doors, managed subscriptions, PushTopics and generic channels.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tidegate_client::events::{
    EventKind, EventTransport, ManagedDelivery, ManagedSetup, ManagedSubscription, NewEvent, NotifyFor, OnlineUsers,
    PublishOutcome, Push, PushTopic, Recovery, Replay,
};
use tidegate_client::{Delete, Error, SubscriptionErrorKind, Update};
use tokio::time::timeout;

use super::trouble::hasty;
use super::{account, next, order};
use crate::support::world;

fn event(number: &str) -> NewEvent {
    NewEvent::new(Map::from_iter([("Order_Number__c".to_owned(), json!(number))]))
}

fn uuid(outcome: &PublishOutcome) -> &str {
    match outcome {
        PublishOutcome::Published { uuid: Some(uuid), .. } => uuid,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_doors() {
    let world = world(5).await;
    let bus = world.org.events();
    let mut heard = bus.listen("/event/Order_Event__e").open().await.unwrap();
    let by_rest = bus.publish("Order_Event__e", (0..201).map(|n| event(&n.to_string())).collect()).await.unwrap();
    assert_eq!(by_rest.len(), 201);
    for (n, outcome) in by_rest.iter().enumerate() {
        let came = next(&mut heard).await;
        assert_eq!(came.field("Order_Number__c").unwrap(), &n.to_string());
        assert_eq!(came.uuid.as_deref(), Some(uuid(outcome)));
    }
    let publisher = bus.publisher("Order_Event__e").await.unwrap();
    let mine = NewEvent { uuid: Some("00000000-1111-4222-8333-444455556666".into()), ..event("mine") };
    let outcomes = publisher.publish(&[mine, event("other")]).await.unwrap();
    assert_eq!(uuid(&outcomes[0]), "00000000-1111-4222-8333-444455556666");
    for outcome in &outcomes {
        let came = next(&mut heard).await;
        assert_eq!(came.uuid.as_deref(), Some(uuid(outcome)));
        assert!(matches!(outcome, PublishOutcome::Published { position, .. } if *position == came.position));
        assert!(came.field("CreatedById").unwrap().as_str().unwrap().starts_with("005"));
    }
    // Before anything is sent.
    for (field, value, words) in [
        ("Order_Numbr__c", json!("x"), "event 2: the event has no field `Order_Numbr__c`"),
        ("Order_Number__c", json!(7), "event 2: field `Order_Number__c` takes a text"),
    ] {
        let wrong = NewEvent::new(Map::from_iter([(field.to_owned(), value)]));
        let error = publisher.publish(&[event("never"), wrong]).await.unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    let mut stream = publisher.stream();
    for batch in 0..30 {
        let events: Vec<NewEvent> = (0..10).map(|n| event(&format!("{batch}-{n}"))).collect();
        stream.send(&events).await.unwrap();
    }
    for n in 0..300 {
        let outcome = timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap();
        let came = next(&mut heard).await;
        assert_eq!(came.uuid.as_deref(), Some(uuid(&outcome)), "{n}");
        assert_eq!(came.field("Order_Number__c").unwrap(), &format!("{}-{}", n / 10, n % 10));
    }
    assert!(stream.next().await.is_none());
    let error = bus.publisher("Nope__e").await.unwrap_err();
    assert!(matches!(&error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::ChannelNotFound), "{error}");
    let error = bus.publisher("/data/AccountChangeEvent").await.unwrap_err();
    assert!(matches!(&error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::NoPermission), "{error}");
    world.emulator.stop().await.unwrap();
}

/// A lost answer is told as one, and the event is not sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_unknown() {
    let world = hasty().await;
    let bus = world.org.events();
    let mut heard = bus.listen("/event/Order_Event__e").open().await.unwrap();
    let publisher = bus.publisher("Order_Event__e").await.unwrap();
    let lose = |path: &str| json!({ "match": { "path": path }, "action": { "lose_answer": true } });
    world.control("faults", lose("*/composite/sobjects")).await;
    let outcomes = bus.publish("Order_Event__e", vec![event("rest")]).await.unwrap();
    assert!(matches!(outcomes[..], [PublishOutcome::Unknown { uuid: None, .. }]), "{outcomes:?}");
    world.control("faults", lose("*/Publish")).await;
    let outcomes = publisher.publish(&[event("bus")]).await.unwrap();
    assert!(matches!(&outcomes[..], [PublishOutcome::Unknown { uuid: Some(_), .. }]), "{outcomes:?}");
    // A token that ended is no lost answer: nothing was done, and it is sent again.
    world.control("faults", json!({ "match": { "path": "*/Publish" }, "action": { "expire_token": true } })).await;
    assert!(publisher.publish(&[event("renewed")]).await.unwrap()[0].is_published());
    order(&world.org, "last").await;
    let mut numbers = Vec::new();
    while numbers.last().is_none_or(|last| last != "last") {
        numbers.push(next(&mut heard).await.field("Order_Number__c").unwrap().as_str().unwrap().to_owned());
    }
    assert_eq!(numbers, ["rest", "bus", "renewed", "last"]);
    world.emulator.stop().await.unwrap();
}

/// Bytes that are no event: told as such, and what follows comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_holds_up_nothing() {
    let world = world(5).await;
    let bus = world.org.events();
    let mut heard = bus.listen("/data/AccountChangeEvent").open().await.unwrap();
    account(&world.org, "a").await;
    assert!(matches!(next(&mut heard).await.kind, EventKind::Change(_)));
    world.control("events", json!({ "gap_next": 1 })).await;
    account(&world.org, "b").await;
    account(&world.org, "c").await;
    let gap = next(&mut heard).await;
    assert!(matches!(&gap.kind, EventKind::Gap(header) if header.record_ids.len() == 1), "{gap:?}");
    assert_eq!(next(&mut heard).await.field("Name").unwrap(), "c");
    world.emulator.stop().await.unwrap();
}

async fn managed(subscription: &mut ManagedSubscription) -> ManagedDelivery {
    timeout(Duration::from_secs(20), subscription.next()).await.expect("something comes").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_org_keeps_the_position() {
    let world = hasty().await;
    let bus = world.org.events();
    let setup = ManagedSetup {
        name: "Orders".into(),
        label: "Orders".into(),
        channel: "/event/Order_Event__e".into(),
        start: Recovery::Earliest,
        recovery: Recovery::Earliest,
    };
    let id = world.org.send(&setup).await.unwrap();
    for number in ["1", "2", "3"] {
        order(&world.org, number).await;
    }
    let mut orders = bus.managed("Orders", 100);
    let ManagedDelivery::Event(first) = managed(&mut orders).await else { panic!("an event") };
    assert_eq!(first.field("Order_Number__c").unwrap(), "1");
    orders.commit(first.position.as_ref().unwrap()).unwrap();
    let mut seen = Vec::new();
    loop {
        match managed(&mut orders).await {
            ManagedDelivery::Event(event) => seen.push(event.field("Order_Number__c").unwrap().clone()),
            ManagedDelivery::Committed(position) => {
                assert_eq!(Some(position), first.position);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["2", "3"]);
    // A broken stream begins after what was committed; what came again is left out.
    world.control("events", json!({ "fail_stream": { "with": "unavailable" } })).await;
    order(&world.org, "4").await;
    let ManagedDelivery::Event(event) = managed(&mut orders).await else { panic!("an event") };
    assert_eq!(event.field("Order_Number__c").unwrap(), "4");
    // One client at a time.
    let mut second = bus.managed(&id, 10);
    let error = timeout(Duration::from_secs(20), second.next()).await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Subscription(e) if e.code.ends_with("already.active")), "{error:?}");
    orders.close();
    assert!(orders.next().await.unwrap().is_none());
    // Another program goes on after what was committed.
    let again = async {
        loop {
            match second.next().await {
                Ok(Some(ManagedDelivery::Event(event))) => break event,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let event = timeout(Duration::from_secs(20), again).await.unwrap();
    assert_eq!(event.field("Order_Number__c").unwrap(), "2");
    let mut none = bus.managed("Nope", 10);
    let error = none.next().await.unwrap_err();
    assert!(matches!(&error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::ChannelNotFound), "{error:?}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_topics_and_generic_channels() {
    let world = world(5).await;
    let org = &world.org;
    let topics = org.events().push_topics();
    let mut topic = PushTopic::new("BigAccounts", "SELECT Id, Name FROM Account", org.api_version());
    let id = topics.create(&topic).await.unwrap();
    let mut heard = org.events().listen(topic.channel()).open().await.unwrap();
    assert_eq!(heard.transport(), EventTransport::CometD);
    let account_id = account(org, "Æ").await;
    let event = next(&mut heard).await;
    assert!(matches!(&event.kind, EventKind::PushTopic { change, .. } if change == "created"), "{event:?}");
    assert_eq!(event.payload, json!({ "Id": account_id, "Name": "Æ" }));
    topic.query = "SELECT Id, Name, Industry FROM Account".into();
    topic.notify_for_fields = NotifyFor::Select;
    topics.update(&id, &topic).await.unwrap();
    let fields = json!({ "Industry": "Energy" });
    org.send(&Update { object: "Account".into(), id: account_id.clone(), fields }).await.unwrap();
    assert_eq!(next(&mut heard).await.field("Industry").unwrap(), "Energy");
    let listed = topics.list().await.unwrap();
    let found = listed.iter().find(|found| found.name == "BigAccounts").unwrap();
    assert_eq!(
        (&found.query, found.notify_for_fields, found.id.as_deref()),
        (&topic.query, NotifyFor::Select, Some(&*id))
    );
    let refused = PushTopic::new("Bad", "SELECT Id FROM Account LIMIT 5", org.api_version());
    let error = topics.create(&refused).await.unwrap_err();
    assert!(error.has_code("INVALID_FIELD"), "{error}");
    topics.delete(&id).await.unwrap();
    assert!(topics.list().await.unwrap().iter().all(|found| found.name != "BigAccounts"));

    let id = org.events().create_generic_channel("/u/notifications/Demo").await.unwrap();
    let mut heard = org.events().listen("/u/notifications/Demo").from(Replay::Latest).open().await.unwrap();
    let push = Push { channel_id: id.clone(), payload: "hello".into(), users: vec![] };
    assert_eq!(org.send(&push).await.unwrap(), -1);
    let event = next(&mut heard).await;
    assert_eq!((&event.payload, event.position.is_some()), (&Json::from("hello"), true));
    assert!(matches!(event.kind, EventKind::Generic { .. }));
    let users = org.send(&OnlineUsers { channel_id: id.clone() }).await.unwrap();
    assert_eq!(users, [org.user_id().await.unwrap()]);
    org.send(&Delete { object: "StreamingChannel".into(), id }).await.unwrap();
    world.emulator.stop().await.unwrap();
}
