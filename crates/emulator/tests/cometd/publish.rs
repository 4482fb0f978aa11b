//! The same bus by Pub/Sub: publishing, managed subscriptions, custom channels; and what outlives a restart.

use proptest::prelude::*;
use serde_json::json;
use tidegate_emulator::events::managed::{self, NewSubscription, Preset};
use tidegate_emulator::events::{ClientEvent, PublishError, Topic};
use tidegate_emulator::server::Config;

use super::common::Running;
use super::support::*;

/// A datum of `Order__e`, by somebody else's encoder.
pub(crate) fn datum(schema: &str, number: &str) -> Vec<u8> {
    use apache_avro::types::Value as Avro;
    let schema = apache_avro::Schema::parse_str(schema).unwrap();
    let some = |value: Avro| Avro::Union(1, Box::new(value));
    let none = || Avro::Union(0, Box::new(Avro::Null));
    let value = Avro::Record(vec![
        ("CreatedDate".into(), Avro::Long(T0)),
        ("CreatedById".into(), Avro::String("0050000000W7EAAQ00".into())),
        ("Number__c".into(), some(Avro::String(number.into()))),
        ("Total__c".into(), some(Avro::Double(0.5))),
        ("Paid__c".into(), none()),
        ("Due__c".into(), some(Avro::Long(86_400_000))),
    ]);
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
    writer.write_value_to_vec(value).unwrap()
}

fn schema(running: &Running) -> (String, String) {
    let mut org = running.emulator.org().write();
    let (_, object) = org.schema.find("Order__e").map(|(id, o)| (id, o.clone())).unwrap();
    let schema = org.events.current_schema(&object);
    (schema.id.clone(), schema.json.clone())
}

#[tokio::test]
async fn what_a_client_publishes_reaches_cometd() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/event/Order__e", None).await;
    let (schema_id, json) = schema(&running);
    let event = |id: &str, payload: Vec<u8>| ClientEvent { id: id.into(), schema_id: schema_id.clone(), payload };
    let uuid = "0f3c7a52-1111-4222-8333-444455556666";
    let broken = vec![1, 2, 3];
    let results = running.emulator.org().write().publish_events(
        T0,
        "Order__e",
        vec![
            event(uuid, datum(&json, "7")),
            event("", broken),
            ClientEvent { schema_id: "nonsense".into(), ..event("x", Vec::new()) },
            ClientEvent { schema_id: String::new(), ..event("y", Vec::new()) },
            event("z", vec![0; 1_000_001]),
        ],
    );
    assert_eq!(results[0].as_ref().unwrap().0, uuid, "the correlation key");
    assert!(results[1].is_ok(), "payloads are not looked at");
    assert_eq!(results[2], Err(("x".into(), PublishError::SchemaUnknown)));
    assert_eq!(results[3], Err(("y".into(), PublishError::SchemaBlank)));
    assert_eq!(results[4], Err(("z".into(), PublishError::TooLarge(1_000_000))));
    let got = client.event().await;
    assert_eq!(got["data"]["event"]["EventUuid"], uuid, "the broken one cannot be shown here");
    assert_eq!(
        got["data"]["payload"],
        json!({ "CreatedById": "0050000000W7EAAQ00", "CreatedDate": "2026-01-31T08:15:42.123Z", "Number__c": "7",
            "Total__c": 0.5, "Paid__c": null, "Due__c": "1970-01-02" })
    );
}

#[tokio::test]
async fn payloads_are_looked_at_where_the_org_is_set_up_so() {
    let running = start(|s| s.streaming.check_payloads = true).await;
    let (schema_id, json) = schema(&running);
    let whole = datum(&json, "7");
    let mut org = running.emulator.org().write();
    let mut publish = |payload: &[u8]| {
        let event = ClientEvent { id: "a".into(), schema_id: schema_id.clone(), payload: payload.to_vec() };
        org.publish_events(T0, "Order__e", vec![event]).remove(0)
    };
    assert!(publish(&whole).is_ok());
    for cut in 0..whole.len() {
        assert_eq!(publish(&whole[..cut]), Err(("a".into(), PublishError::Payload)));
    }
    assert_eq!(publish(&[&whole[..], &[0]].concat()), Err(("a".into(), PublishError::Payload)));
}

proptest! {
    #[test]
    fn any_payload_can_be_published_and_read(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut org = tidegate_emulator::Org::default();
        let mut schema = tidegate_emulator::schema::standard();
        let order = tidegate_emulator::schema::ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00")
            .with(tidegate_emulator::schema::Field::text("Number__c", "Number", 80));
        schema.put(order);
        org.schema = std::sync::Arc::new(schema);
        let object = org.schema.find("Order__e").unwrap().1.clone();
        let schema_id = org.events.current_schema(&object).id.clone();
        let event = ClientEvent { id: String::new(), schema_id, payload: payload.clone() };
        prop_assert!(org.publish_events(T0, "Order__e", vec![event])[0].is_ok());
        let cursor = org.events.start(tidegate_emulator::events::Start::Earliest).unwrap();
        let topic = Topic::of(&org, "/event/Order__e").unwrap();
        let batch = org.read_events(cursor, &topic, 10, org.settings.admin_id).unwrap();
        let (entry, _) = &batch.events[0];
        prop_assert_eq!(entry.datum().unwrap().1, payload);
        let form = tidegate_emulator::events::JsonForm { version: 66, cleared_as_null: true };
        let _ = entry.to_json(form);
    }
}

#[tokio::test]
async fn events_channels_and_subscriptions_outlive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config {
        dir: Some(dir.path().to_owned()),
        frozen_at: Some(T0),
        seed: Some(tidegate_emulator::server::SeedConfig { number: 1, contacts: 20 }),
        ..Config::default()
    };
    let first = Running::start(config()).await;
    let account = create(&first, "Account", json!({ "Name": "Acme", "Industry": "Energy" })).await;
    create(&first, "PushTopic", json!({ "Name": "T", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 66.0 }))
        .await;
    let start = first.emulator.org().read().events.latest().0;
    patch(&first, "Account", &account, json!({ "BillingCity": "Oslo" })).await;
    patch(&first, "Account", &account, json!({ "Name": "Acme 2" })).await;
    create(&first, "Order_Event__e", json!({ "Order_Number__c": "5" })).await;
    let channel = create(&first, "StreamingChannel", json!({ "Name": "/u/x" })).await;
    let push = format!("/sobjects/StreamingChannel/{channel}/push");
    post(&first, &push, json!({ "pushEvents": [{ "payload": "hi", "userIds": [] }] })).await;
    control(&first, json!({ "channel": { "full_name": "Sales__chn", "channel_type": "data" } })).await;
    control(
        &first,
        json!({ "member": { "channel": "Sales__chn", "entity": "AccountChangeEvent",
        "filter": "Industry = 'Energy'" } }),
    )
    .await;
    control(&first, json!({ "managed_subscription": { "developer_name": "Sub", "topic": "/data/Sales__chn" } })).await;
    let channels = ["/data/Sales__chn", "/topic/T", "/event/Order_Event__e", "/u/x"];
    let read = async |running: &Running| {
        let mut client = Bayeux::connected(running).await;
        for channel in channels {
            client.subscribe(channel, Some(start.try_into().unwrap())).await;
        }
        client.events().await
    };
    let before = read(&first).await;
    assert_eq!(before.len(), 5, "{before:?}");
    first.emulator.stop().await.unwrap();
    let second = Running::start(config()).await;
    let after = read(&second).await;
    assert_eq!(after, before, "byte for byte the same events");
    let org = second.emulator.org().read();
    assert_eq!(org.events.managed.find("Sub").unwrap().topic_name, "/data/Sales__chn");
}

#[tokio::test]
async fn managed_subscriptions_are_checked() {
    let running = start(|_| {}).await;
    let mut org = running.emulator.org().write();
    let new = |name: &str, topic: &str| NewSubscription {
        developer_name: name.into(),
        topic_name: topic.into(),
        ..NewSubscription::default()
    };
    let id = managed::create(&mut org, new("Orders", "/event/Order__e")).unwrap();
    assert!(id.to_string().starts_with("18x"));
    for (name, topic, code) in [
        ("Orders", "/event/Order__e", "DUPLICATE_DEVELOPER_NAME"),
        ("9", "/event/Order__e", "INVALID_INPUT"),
        ("Other", "/event/Nope__e", "INVALID_CROSS_REFERENCE_KEY"),
        ("Other", "/u/x", "INVALID_CROSS_REFERENCE_KEY"),
    ] {
        assert_eq!(managed::create(&mut org, new(name, topic)).unwrap_err().code, code, "{name} {topic}");
    }
    managed::update(&mut org, "Orders", false, Preset::Earliest, Preset::Latest).unwrap();
    assert!(!org.events.managed.find(&id.to_string()).unwrap().runs);
    managed::remove(&mut org, &id.to_string()).unwrap();
    assert!(managed::remove(&mut org, "Orders").is_err());
}
