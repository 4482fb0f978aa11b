//! Custom channels: members, filters, enrichment; which objects raise change events.

use serde_json::{Value as Json, json};
use tidegate_emulator::events::channels;

use super::support::*;

fn ids(event: &Json) -> &Json {
    &event["data"]["payload"]["ChangeEventHeader"]["recordIds"]
}

#[tokio::test]
async fn a_custom_channel_carries_its_members_filtered_and_enriched() {
    let running = start(|_| {}).await;
    let made = control(&running, json!({ "channel": { "full_name": "Sales__chn", "channel_type": "data" } })).await;
    assert!(made["id"].as_str().unwrap().starts_with("0YL"), "{made}");
    let made = control(
        &running,
        json!({ "member": { "channel": "Sales__chn", "entity": "AccountChangeEvent",
            "enriched_fields": ["AccountNumber"], "filter": "Industry = 'ENERGY'" } }),
    )
    .await;
    assert!(made["id"].as_str().unwrap().starts_with("0v8"), "{made}");
    let name = channels::list(&running.emulator.org().read())[0].full_name.clone();
    assert_eq!(name, "Sales_chn_AccountChangeEvent");
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/data/Sales__chn", None).await;
    create(&running, "Contact", json!({ "LastName": "Not a member" })).await;
    create(&running, "Account", json!({ "Name": "Filtered out", "Industry": "Media" })).await;
    let fields = json!({ "Name": "In", "Industry": "Energy", "AccountNumber": "A-1" });
    let id = create(&running, "Account", fields).await;
    assert_eq!(ids(&client.event().await), &json!([id]));
    patch(&running, "Account", &id, json!({ "Phone": "1" })).await;
    let update = client.event().await;
    let payload = &update["data"]["payload"];
    assert_eq!(update["channel"], "/data/Sales__chn");
    assert_eq!(payload["ChangeEventHeader"]["changedFields"], json!(["Phone", "LastModifiedDate"]));
    assert_eq!((&payload["Phone"], &payload["AccountNumber"]), (&json!("1"), &json!("A-1")), "enriched");
    assert_eq!(payload["Industry"], "Energy", "the filter's fields come along");
    delete(&running, "Account", &id).await;
    let gone = client.event().await;
    assert_eq!(gone["data"]["payload"]["AccountNumber"], "A-1", "of a delete, too");
    // The object's own channel has none of this.
    client.subscribe("/data/AccountChangeEvent", Some(-2)).await;
    let all = client.events().await;
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(all[2]["data"]["payload"].get("AccountNumber"), None);
}

#[tokio::test]
async fn merged_events_are_split_where_they_are_enriched() {
    let running = start(|_| {}).await;
    control(
        &running,
        json!({ "member": { "channel": "ChangeEvents", "entity": "AccountChangeEvent",
        "enriched_fields": ["Name"] } }),
    )
    .await;
    let a = create(&running, "Account", json!({ "Name": "A", "Phone": "1" })).await;
    let b = create(&running, "Account", json!({ "Name": "B", "Phone": "1" })).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/data/ChangeEvents", None).await;
    control(&running, json!({ "merged": { "object": "Account", "ids": [a, b], "fields": ["Phone"] } })).await;
    let events = client.events().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((ids(&events[0]), ids(&events[1])), (&json!([a]), &json!([b])));
    assert_eq!(events[0]["data"]["event"], events[1]["data"]["event"], "one replay id");
    assert_eq!(events[1]["data"]["payload"]["Name"], "B");
}

#[tokio::test]
async fn an_entity_is_on_the_standard_channel_or_not() {
    let running = start(|s| s.change_event_objects = Some(vec!["Contact".into()])).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/data/ChangeEvents", None).await;
    create(&running, "Account", json!({ "Name": "Nobody hears" })).await;
    assert!(client.events().await.is_empty());
    // On a custom channel only: not on the standard one.
    control(&running, json!({ "channel": { "full_name": "Own__chn", "channel_type": "data" } })).await;
    control(&running, json!({ "member": { "channel": "Own__chn", "entity": "AccountChangeEvent" } })).await;
    client.subscribe("/data/Own__chn", None).await;
    create(&running, "Account", json!({ "Name": "Heard on one" })).await;
    assert_eq!(client.event().await["channel"], "/data/Own__chn");
    control(&running, json!({ "member": { "channel": "ChangeEvents", "entity": "AccountChangeEvent" } })).await;
    create(&running, "Account", json!({ "Name": "Heard on both" })).await;
    assert_eq!(client.events().await.len(), 2);
    channels::remove(&mut running.emulator.org().write(), "ChangeEvents_AccountChangeEvent").unwrap();
    create(&running, "Account", json!({ "Name": "Heard on one again" })).await;
    assert_eq!(client.event().await["channel"], "/data/Own__chn");
}

#[tokio::test]
async fn platform_events_on_a_custom_channel() {
    let running = start(|_| {}).await;
    control(&running, json!({ "channel": { "full_name": "Orders__chn", "channel_type": "event" } })).await;
    control(
        &running,
        json!({ "member": { "channel": "Orders__chn", "entity": "Order__e", "filter": "Total__c > 10" } }),
    )
    .await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/event/Orders__chn", None).await;
    for total in [5, 15] {
        create(&running, "Order__e", json!({ "Number__c": "1", "Total__c": total })).await;
    }
    let event = client.event().await;
    assert_eq!(
        (&event["channel"], &event["data"]["payload"]["Total__c"]),
        (&json!("/event/Orders__chn"), &json!(15.0))
    );
    let mut org = running.emulator.org().write();
    for (channel, entity, code) in [
        ("Orders__chn", "AccountChangeEvent", "INVALID_CROSS_REFERENCE_KEY"),
        ("Orders__chn", "Order__e", "DUPLICATE_VALUE"),
        ("Nope__chn", "Order__e", "NOT_FOUND"),
        ("ChangeEvents", "Order__e", "INVALID_CROSS_REFERENCE_KEY"),
        ("ChangeEvents", "ProfileChangeEvent", "INVALID_CROSS_REFERENCE_KEY"),
    ] {
        let refused = channels::add(&mut org, channels::NewMember::new(channel, entity)).unwrap_err();
        assert_eq!(refused.code, code, "{channel} {entity}");
    }
    for name in ["Orders", "Orders__chn", "__chn", "9__chn", "a b__chn"] {
        let made = channels::add_channel(&mut org, name, channels::ChannelType::Event, "x");
        assert!(made.is_err(), "{name}");
    }
}
