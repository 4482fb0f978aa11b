//! Events of every kind, with the values that they carry and where a subscription starts.

use serde_json::{Value as Json, json};
use tidegate_emulator::events::event_uuid;
use tidegate_emulator::schema::{Blanks, Field, FieldType};
use tidegate_emulator::{RecordId, events};

use super::common::answer;
use super::support::*;

#[tokio::test]
async fn a_platform_event_is_published_by_writing_a_record() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/event/Order__e", None).await;
    let fields = json!({ "Number__c": "10001", "Total__c": 12.5, "Due__c": "2026-02-28" });
    let (status, body) = post(&running, "/sobjects/Order__e/", fields).await;
    let id = body["id"].as_str().unwrap();
    let uuid = event_uuid(RecordId::parse(id).unwrap());
    assert_eq!(
        (status, &body),
        (
            201,
            &json!({ "id": id, "success": true,
            "errors": [{ "statusCode": "OPERATION_ENQUEUED", "message": uuid, "fields": [] }] })
        )
    );
    assert!(id.starts_with("e00"), "{id}");
    let event = client.event().await;
    assert_eq!(event["channel"], "/event/Order__e");
    let replay_id = event["data"]["event"]["replayId"].as_u64().unwrap();
    let schema = event["data"]["schema"].as_str().unwrap();
    assert_eq!(schema.len(), 22);
    assert_eq!(
        event["data"],
        json!({ "schema": schema, "payload": {
                "CreatedById": admin(&running).to_string(), "CreatedDate": "2026-01-31T08:15:42.123Z",
                "Number__c": "10001", "Total__c": 12.5, "Paid__c": false, "Due__c": "2026-02-28" },
            "event": { "EventUuid": uuid, "replayId": replay_id } })
    );
    // Before 52.0 an event did not tell its uuid.
    client.url = client.url.replace("66.0", "51.0");
    client.subscribe("/event/Order__e", Some(-2)).await;
    assert_eq!(client.event().await["data"]["event"], json!({ "replayId": replay_id }));
    // The schema is there to be read, as it is and as part of the whole message.
    for (format, has) in [("COMPACT", "Order__e"), ("EXPANDED", "Order__e")] {
        let path = format!("/services/data/v66.0/event/eventSchema/{schema}?payloadFormat={format}");
        let (status, body) = answer(running.call(reqwest::Method::GET, &path)).await;
        assert_eq!((status, &body["uuid"], &body["name"]), (200, &json!(schema), &json!(has)));
        apache_avro::Schema::parse_str(&body.to_string()).unwrap();
    }
    let path = "/services/data/v66.0/sobjects/Order__e/eventSchema?payloadFormat=COMPACT";
    let (_, body) = answer(running.call(reqwest::Method::GET, path)).await;
    assert_eq!(body["uuid"], schema);
    assert_eq!(body["fields"][2]["name"], "Number__c");
}

#[tokio::test]
async fn writing_an_event_is_checked_and_nothing_else_can_be_done_with_it() {
    let running = start(|s| s.hourly_published_events = 3).await;
    for (fields, code) in [
        (json!({}), "REQUIRED_FIELD_MISSING"),
        (json!({ "Number__c": "x".repeat(81) }), "STRING_TOO_LONG"),
        (json!({ "Number__c": "1", "Nope__c": 1 }), "INVALID_FIELD"),
        (json!({ "Number__c": "1", "EventUuid": "x" }), "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ] {
        let (status, body) = post(&running, "/sobjects/Order__e", fields).await;
        assert_eq!((status, &body[0]["errorCode"]), (400, &json!(code)), "{body}");
    }
    let id = create(&running, "Order__e", json!({ "Number__c": "1" })).await;
    let path = format!("/services/data/v66.0/sobjects/Order__e/{id}");
    assert_eq!(answer(running.call(reqwest::Method::DELETE, &path)).await.0, 400);
    let (_, limits) = answer(running.call(reqwest::Method::GET, "/services/data/v66.0/limits")).await;
    assert_eq!(limits["HourlyPublishedPlatformEvents"], json!({ "Max": 3, "Remaining": 2 }));
    let records: Vec<Json> =
        (0..3).map(|n| json!({ "attributes": { "type": "Order__e" }, "Number__c": n.to_string() })).collect();
    let (_, results) = post(&running, "/composite/sobjects", json!({ "allOrNone": false, "records": records })).await;
    let codes: Vec<&Json> = results.as_array().unwrap().iter().map(|r| &r["errors"][0]["statusCode"]).collect();
    assert_eq!(codes, ["OPERATION_ENQUEUED", "OPERATION_ENQUEUED", "LIMIT_EXCEEDED"], "{results}");
    assert_eq!(running.emulator.org().read().events.len(), 3);
    running.emulator.clock().advance(60 * 60 * 1000);
    create(&running, "Order__e", json!({ "Number__c": "1" })).await;
}

#[tokio::test]
async fn an_event_leaves_at_once_or_with_the_commit() {
    let running = start(|_| {}).await;
    let records = json!([
        { "attributes": { "type": "Order__e" }, "Number__c": "1" },
        { "attributes": { "type": "Account" } },
    ]);
    let body = json!({ "allOrNone": true, "records": records });
    let (_, results) = post(&running, "/composite/sobjects", body.clone()).await;
    assert_eq!(results[0]["success"], false, "{results}");
    assert_eq!(running.emulator.org().read().events.len(), 1, "published immediately, whatever becomes of the rest");
    let behaviour = events::channels::Definition { immediately: Some(false), ..Default::default() };
    events::channels::define(&mut running.emulator.org().write(), "Order__e", behaviour);
    post(&running, "/composite/sobjects", body).await;
    assert_eq!(running.emulator.org().read().events.len(), 1, "after commit, and there was none");
}

#[tokio::test]
async fn change_events_have_names_and_iso_texts() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/data/ChangeEvents", None).await;
    let id =
        create(&running, "Account", json!({ "Name": "Acme", "BillingCity": "Oslo", "NumberOfEmployees": 7 })).await;
    let created = client.event().await;
    assert_eq!(created["channel"], "/data/ChangeEvents");
    let payload = &created["data"]["payload"];
    let header = &payload["ChangeEventHeader"];
    let user = admin(&running).to_string();
    assert_eq!(
        header,
        &json!({ "entityName": "Account", "recordIds": [id], "changeType": "CREATE",
            "changeOrigin": "com/salesforce/api/rest/66.0", "transactionKey": header["transactionKey"],
            "sequenceNumber": 1, "commitTimestamp": 1_769_847_342_000_i64, "commitUser": user,
            "commitNumber": header["commitNumber"], "changedFields": [] })
    );
    assert!(header["commitNumber"].as_i64().unwrap() > 1 << 53);
    assert_eq!((&payload["Name"], &payload["NumberOfEmployees"]), (&json!("Acme"), &json!(7)));
    assert_eq!(payload["BillingAddress"], json!({ "City": "Oslo" }));
    assert_eq!(payload["CreatedDate"], "2026-01-31T08:15:42.000Z");
    assert_eq!(payload.get("Industry"), None, "nulls are left out");
    patch(&running, "Account", &id, json!({ "BillingCity": "Bergen", "NumberOfEmployees": null })).await;
    let payload = &client.event().await["data"]["payload"];
    assert_eq!(payload["ChangeEventHeader"]["changeType"], "UPDATE");
    assert_eq!(
        payload["ChangeEventHeader"]["changedFields"],
        json!(["BillingAddress.City", "NumberOfEmployees", "LastModifiedDate"])
    );
    let mut fields: Vec<&String> = payload.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["BillingAddress", "ChangeEventHeader", "LastModifiedDate", "NumberOfEmployees"]);
    assert_eq!(
        (&payload["BillingAddress"], &payload["NumberOfEmployees"]),
        (&json!({ "City": "Bergen" }), &Json::Null)
    );
    delete(&running, "Account", &id).await;
    let payload = &client.event().await["data"]["payload"];
    assert_eq!(payload["ChangeEventHeader"]["changeType"], "DELETE");
    assert_eq!(payload.as_object().unwrap().len(), 1, "a delete carries nothing");
}

#[tokio::test]
async fn replay_starts_where_it_is_told() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    for number in ["1", "2", "3"] {
        create(&running, "Order__e", json!({ "Number__c": number })).await;
    }
    create(&running, "Account", json!({ "Name": "Not of this channel" })).await;
    let numbers = |events: &[Json]| -> Vec<String> {
        events.iter().map(|e| e["data"]["payload"]["Number__c"].as_str().unwrap().to_owned()).collect()
    };
    let channel = "/event/Order__e";
    client.subscribe(channel, Some(-2)).await;
    let all = client.events().await;
    assert_eq!(numbers(&all), ["1", "2", "3"]);
    let ids: Vec<i64> = all.iter().map(|e| e["data"]["event"]["replayId"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|w| w[0] < w[1]) && ids[2] - ids[0] > 2, "rising, with gaps: {ids:?}");
    client.subscribe(channel, Some(ids[0])).await;
    assert_eq!(numbers(&client.events().await), ["2", "3"]);
    client.subscribe(channel, None).await;
    assert!(client.events().await.is_empty(), "subscribed again without a position, it goes on");
    let mut other = Bayeux::connected(&running).await;
    other.subscribe(channel, Some(-1)).await;
    assert!(other.events().await.is_empty());
    create(&running, "Order__e", json!({ "Number__c": "4" })).await;
    assert_eq!(numbers(&other.events().await), ["4"]);
    assert_eq!(numbers(&client.events().await), ["4"]);
    let message = client.message("/meta/unsubscribe", json!({ "subscription": channel }));
    assert_eq!(client.send(json!([message])).await[0]["successful"], true);
    create(&running, "Order__e", json!({ "Number__c": "5" })).await;
    assert!(client.events().await.is_empty());
    // Texts are read as numbers; what is no position is refused by name.
    assert_eq!(client.try_subscribe(channel, Some(json!("-2"))).await["successful"], true);
    for (replay, shown) in [(json!(5), "5"), (json!(-3), "-3"), (json!("x"), "x"), (json!(1e300), "1e+300")] {
        let error = client.try_subscribe(channel, Some(replay)).await["error"].as_str().unwrap().to_owned();
        let expected = format!(
            "400::The replayId {shown} you provided was invalid. Please provide a valid ID, -2 to replay all events, \
             or -1 to replay only new events."
        );
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn kinds_of_events_are_kept_for_their_time() {
    const HOUR: i64 = 60 * 60 * 1000;
    let running = start(|s| s.session_ms = 1_000 * HOUR).await;
    let channel = create(&running, "StreamingChannel", json!({ "Name": "/u/news" })).await;
    let push = format!("/sobjects/StreamingChannel/{channel}/push");
    let event = json!({ "pushEvents": [{ "payload": "old", "userIds": [] }] });
    assert_eq!(post(&running, &push, event).await, (200, json!([{ "fanoutCount": -1, "userOnlineStatus": {} }])));
    create(&running, "Order__e", json!({ "Number__c": "old" })).await;
    let id = running.emulator.org().read().events.latest().0;
    running.emulator.clock().advance(25 * HOUR);
    let mut client = Bayeux::connected(&running).await;
    for channel in ["/u/news", "/event/Order__e"] {
        client.subscribe(channel, Some(-2)).await;
    }
    let left = client.events().await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["channel"], "/event/Order__e", "72 hours, not 24");
    client.subscribe("/event/Order__e", Some(id.try_into().unwrap())).await;
    let refused = client.try_subscribe("/u/news", Some(json!(id))).await;
    assert!(refused["error"].as_str().unwrap().starts_with("400::The replayId "), "{refused}");
    running.emulator.clock().advance(48 * HOUR);
    let mut client = Bayeux::connected(&running).await;
    let refused = client.try_subscribe("/event/Order__e", Some(json!(id))).await;
    assert!(refused["error"].as_str().unwrap().starts_with("400::The replayId "), "{refused}");
}

#[tokio::test]
async fn a_push_topic_tells_what_it_was_asked_to() {
    let running = start(|_| {}).await;
    let topic = |name: &str, query: &str, more: Json| {
        let mut fields = json!({ "Name": name, "Query": query, "ApiVersion": 66.0 });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let query = "SELECT Id, Name, CreatedDate FROM Account WHERE Industry = 'Energy'";
    create(&running, "PushTopic", topic("Energy", query, json!({}))).await;
    let select = topic("Selected", query, json!({ "NotifyForFields": "Select", "NotifyForOperationCreate": false }));
    create(&running, "PushTopic", select).await;
    create(&running, "PushTopic", topic("Everything", query, json!({ "NotifyForFields": "All" }))).await;
    create(&running, "PushTopic", topic("Asleep", query, json!({ "IsActive": false }))).await;
    let mut client = Bayeux::connected(&running).await;
    for name in ["Energy", "Selected", "Everything"] {
        client.subscribe(&format!("/topic/{name}"), None).await;
    }
    let refused = client.try_subscribe("/topic/Asleep", None).await;
    assert_eq!(refused["error"], "400::The channel you requested to subscribe to doesn't exist /topic/Asleep");
    let told = |events: Vec<Json>| -> Vec<(String, String)> {
        let text = |v: &Json| v.as_str().unwrap().to_owned();
        events.iter().map(|e| (text(&e["channel"]), text(&e["data"]["event"]["type"]))).collect()
    };
    let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(name, kind)| (format!("/topic/{name}"), (*kind).to_owned())).collect()
    };
    let id = create(&running, "Account", json!({ "Name": "Acme", "Industry": "Energy" })).await;
    create(&running, "Account", json!({ "Name": "Other", "Industry": "Media" })).await;
    let events = client.events().await;
    let first = events[0].clone();
    assert_eq!(told(events), pairs(&[("Energy", "created"), ("Everything", "created")]));
    let replay_id = first["data"]["event"]["replayId"].as_u64().unwrap();
    assert_eq!(
        first["data"],
        json!({ "event": { "createdDate": "2026-01-31T08:15:42.123Z", "replayId": replay_id, "type": "created" },
            "sobject": { "Id": id, "Name": "Acme", "CreatedDate": "2026-01-31T08:15:42.000Z" } })
    );
    patch(&running, "Account", &id, json!({ "Phone": "1" })).await;
    assert_eq!(told(client.events().await), pairs(&[("Everything", "updated")]));
    patch(&running, "Account", &id, json!({ "Name": "Acme 2" })).await;
    assert_eq!(
        told(client.events().await),
        pairs(&[("Energy", "updated"), ("Selected", "updated"), ("Everything", "updated")])
    );
    patch(&running, "Account", &id, json!({ "Industry": "Media" })).await;
    assert!(client.events().await.is_empty(), "nobody is told that a record left");
    patch(&running, "Account", &id, json!({ "Industry": "Energy" })).await;
    assert_eq!(told(client.events().await), pairs(&[("Energy", "updated"), ("Everything", "updated")]));
    delete(&running, "Account", &id).await;
    let events = client.events().await;
    assert_eq!(events[0]["data"]["sobject"], json!({ "Id": id }));
    assert_eq!(told(events), pairs(&[("Energy", "deleted"), ("Selected", "deleted"), ("Everything", "deleted")]));
    // A filter within the subscription.
    client.subscribe("/topic/Energy?Name='B'&Name='C'", None).await;
    for name in ["A", "B", "C"] {
        create(&running, "Account", json!({ "Name": name, "Industry": "Energy" })).await;
    }
    let all = client.events().await;
    let filtered: Vec<&Json> = all.iter().filter(|e| e["channel"] == "/topic/Energy?Name='B'&Name='C'").collect();
    assert_eq!(filtered.len(), 2, "{all:?}");
    let refused = client.try_subscribe("/topic/Energy?Phone='1'", None).await;
    assert_eq!(refused["error"], "400::Query fields Phone do not exist on the topic entity");
}

#[tokio::test]
async fn push_topics_refuse_what_cannot_be_watched() {
    let running = start(|_| {}).await;
    for (query, part) in [
        ("SELECT Name FROM Account", "must select Id"),
        ("SELECT Id FROM Account LIMIT 1", "'LIMIT' is not allowed"),
        ("SELECT Id FROM Account ORDER BY Name", "'ORDER BY' is not allowed"),
        ("SELECT COUNT() FROM Account", "Aggregate queries are not supported"),
        ("SELECT Id, Owner.Name FROM Account", "relationships are not supported"),
        ("SELECT Id FROM Account WHERE NOT (Name = 'x')", "'NOT' is not supported"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)",
            "semi/anti join sub-selects are not supported",
        ),
        ("SELECT Id, Nope FROM Account", "No such column 'Nope'"),
        ("SELECT Id FROM User", "User is not supported"),
    ] {
        let fields = json!({ "Name": "T", "Query": query, "ApiVersion": 66.0 });
        let (status, body) = post(&running, "/sobjects/PushTopic", fields).await;
        assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_FIELD")), "{query}: {body}");
        assert!(body[0]["message"].as_str().unwrap().contains(part), "{query}: {body}");
    }
    let fields = json!({ "Name": "T", "Query": "SELECT Id FROM Account WHERE Name NOT IN ('x')", "ApiVersion": 66.0 });
    let id = create(&running, "PushTopic", fields.clone()).await;
    assert_eq!(post(&running, "/sobjects/PushTopic", fields).await.1[0]["errorCode"], "DUPLICATE_VALUE");
    let path = format!("/services/data/v66.0/sobjects/PushTopic/{id}");
    let spoiled = running.call(reqwest::Method::PATCH, &path).json(&json!({ "Query": "SELECT Name FROM Account" }));
    assert_eq!(answer(spoiled).await.1[0]["errorCode"], "INVALID_FIELD", "an update is checked, too");
    running.emulator.org().write().settings.streaming.push_topics = 1;
    let fields = json!({ "Name": "T2", "Query": "SELECT Id FROM Account", "ApiVersion": 66.0 });
    assert_eq!(post(&running, "/sobjects/PushTopic", fields).await.1[0]["errorCode"], "LIMIT_EXCEEDED");
    let (_, body) = post(&running, "/sobjects/StreamingChannel", json!({ "Name": "news" })).await;
    assert_eq!((&body[0]["errorCode"], &body[0]["fields"]), (&json!("INVALID_FIELD"), &json!(["Name"])));
}

#[tokio::test]
async fn bulk_and_cascades_are_not_told_by_push_topics_but_by_change_events() {
    let running = start(|_| {}).await;
    for (name, query) in [("A", "SELECT Id FROM Account"), ("C", "SELECT Id FROM Contact")] {
        create(&running, "PushTopic", json!({ "Name": name, "Query": query, "ApiVersion": 66.0 })).await;
    }
    let account = create(&running, "Account", json!({ "Name": "Parent" })).await;
    create(&running, "Contact", json!({ "LastName": "Child", "AccountId": account })).await;
    let mut client = Bayeux::connected(&running).await;
    for channel in ["/topic/A", "/topic/C", "/data/AccountChangeEvent", "/data/ContactChangeEvent"] {
        client.subscribe(channel, None).await;
    }
    delete(&running, "Account", &account).await;
    let channels = |events: &[Json]| -> Vec<String> {
        let mut all: Vec<_> = events.iter().map(|e| e["channel"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let events = client.events().await;
    assert_eq!(channels(&events), ["/data/AccountChangeEvent", "/data/ContactChangeEvent", "/topic/A"]);
    {
        let mut org = running.emulator.org().write();
        let object = org.schema.find("Account").unwrap().0;
        let context = tidegate_emulator::dml::WriteContext {
            now: T0,
            user: org.settings.admin_id,
            origin: "com/salesforce/api/bulkapi/66.0".into(),
            all_or_none: false,
        };
        let fields = vec![("Name".to_owned(), tidegate_emulator::dml::Input::Text("Bulk".into()))];
        org.write(&context, vec![tidegate_emulator::dml::Write::Create { object, fields }]);
    }
    assert_eq!(channels(&client.events().await), ["/data/AccountChangeEvent"]);
}

#[tokio::test]
async fn a_generic_event_reaches_everybody_or_somebody() {
    let running = start(|_| {}).await;
    let id = create(&running, "StreamingChannel", json!({ "Name": "/u/notifications/Demo" })).await;
    let path = format!("/sobjects/StreamingChannel/{id}/push");
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/u/notifications/Demo", None).await;
    let me = admin(&running).to_string();
    let get = running.call(reqwest::Method::GET, &format!("/services/data/v66.0{path}"));
    assert_eq!(answer(get).await, (200, json!({ "OnlineUserIds": [me], "ChannelName": "/u/notifications/Demo" })));
    let other = RecordId::new(*b"005", *b"TG", 99).to_string();
    let events = json!({ "pushEvents": [
        { "payload": "hello", "userIds": [] },
        { "payload": "not for us", "userIds": [other] },
        { "payload": "for us", "userIds": [me] },
    ] });
    let (status, body) = post(&running, &path, events).await;
    assert_eq!(
        (status, body),
        (
            200,
            json!([
                { "fanoutCount": -1, "userOnlineStatus": {} },
                { "fanoutCount": 0, "userOnlineStatus": { other: false } },
                { "fanoutCount": 1, "userOnlineStatus": { me: true } },
            ])
        )
    );
    let got = client.events().await;
    let payloads: Vec<&Json> = got.iter().map(|e| &e["data"]["payload"]).collect();
    assert_eq!(payloads, ["hello", "for us"]);
    assert_eq!(got[0]["channel"], "/u/notifications/Demo");
    assert_eq!(got[0]["data"]["event"]["createdDate"], "2026-01-31T08:15:42.123Z");
    assert_eq!(client.try_subscribe("/u/nowhere", None).await["error"], "404::Unknown channel");
}

#[tokio::test]
async fn channels_that_are_not_there_are_named() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    let missing = "400::The channel you requested to subscribe to doesn't exist ";
    for (channel, error) in [
        ("/data/NopeChangeEvent", format!("{missing}/data/NopeChangeEvent")),
        ("/data/accountchangeevent", format!("{missing}/data/accountchangeevent")),
        ("/data/**", format!("{missing}/data/**")),
        ("/event/Nope__e", format!("{missing}/event/Nope__e")),
        ("/topic/Nope", format!("{missing}/topic/Nope")),
        ("/foo/bar", "403::Cannot create channel /foo/bar".to_owned()),
        ("event/Order__e", "400::Channel subscriptions must start with a leading '/'".to_owned()),
        ("", "400::Channel name not specified".to_owned()),
    ] {
        let answer = client.try_subscribe(channel, None).await;
        assert_eq!((&answer["error"], &answer["successful"]), (&json!(error), &json!(false)), "{channel}");
    }
    let message =
        client.message("/meta/subscribe", json!({ "subscription": ["/event/Order__e", "/data/ChangeEvents"] }));
    assert_eq!(client.send(json!([message])).await[0]["successful"], true, "several at once");
}

#[tokio::test]
async fn the_daily_allowance_ends_the_subscription_and_loses_nothing() {
    let running = start(|s| s.daily_delivered_events = 2).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/event/Order__e", None).await;
    for number in ["1", "2"] {
        create(&running, "Order__e", json!({ "Number__c": number })).await;
        client.event().await;
    }
    let last = running.emulator.org().read().events.latest().0;
    create(&running, "Order__e", json!({ "Number__c": "3" })).await;
    let answer = client.connect(None).await;
    assert_eq!(answer[0]["error"], "403::Organization total events daily limit exceeded");
    running.emulator.clock().advance(26 * 60 * 60 * 1000);
    client.token = {
        let (_, body) = running.jwt(&running.claims()).await;
        body["access_token"].as_str().unwrap().to_owned()
    };
    client.handshake().await;
    client.subscribe("/event/Order__e", Some(last.try_into().unwrap())).await;
    assert_eq!(client.event().await["data"]["payload"]["Number__c"], "3");
}

#[tokio::test]
async fn disturbed_events() {
    let running = start(|_| {}).await;
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/event/Order__e", None).await;
    let numbers = |events: Vec<Json>| -> Vec<String> {
        events.iter().map(|e| e["data"]["payload"]["Number__c"].as_str().unwrap().to_owned()).collect()
    };
    let publish = async |number: &str| drop(create(&running, "Order__e", json!({ "Number__c": number })).await);
    control(&running, json!({ "duplicate": 1 })).await;
    publish("1").await;
    assert_eq!(numbers(client.events().await), ["1", "1"]);
    control(&running, json!({ "lose": 1 })).await;
    publish("2").await;
    publish("3").await;
    assert_eq!(numbers(client.events().await), ["3"]);
    control(&running, json!({ "late": { "count": 1, "ms": 5_000 } })).await;
    publish("4").await;
    publish("5").await;
    assert_eq!(numbers(client.events().await), ["5"]);
    running.emulator.clock().advance(5_000);
    assert_eq!(numbers(client.events().await), ["4"], "it comes after a later one");
    let before = running.emulator.org().read().events.latest().0;
    control(&running, json!({ "renumber": {} })).await;
    assert_eq!(client.connect(None).await[0]["error"], "403::Unknown client", "open sessions end");
    client.handshake().await;
    let refused = client.try_subscribe("/event/Order__e", Some(json!(before))).await;
    assert!(refused["error"].as_str().unwrap().starts_with("400::The replayId "), "{refused}");
    client.subscribe("/event/Order__e", Some(-2)).await;
    assert_eq!(numbers(client.events().await), ["1", "1", "3", "5", "4"], "the events are still there");
    client.subscribe("/data/AccountChangeEvent", None).await;
    let a = create(&running, "Account", json!({ "Name": "Same", "Phone": "1" })).await;
    let b = create(&running, "Account", json!({ "Name": "Same", "Phone": "2" })).await;
    client.events().await;
    control(&running, json!({ "merged": { "object": "Account", "ids": [a, b], "fields": ["Name"] } })).await;
    let merged = client.event().await;
    assert_eq!(merged["data"]["payload"]["ChangeEventHeader"]["recordIds"], json!([a, b]));
    assert_eq!(merged["data"]["payload"]["Name"], "Same");
}

#[tokio::test]
async fn formulas_are_part_of_the_event_and_move_with_their_own_record() {
    let running = start(|_| {}).await;
    {
        let mut org = running.emulator.org().write();
        let mut schema = (*org.schema).clone();
        let twice = Field::formula("Twice__c", "Twice", FieldType::Double, 0, "NumberOfEmployees * 2", Blanks::Zero);
        assert!(schema.add_fields("Account", [twice]));
        org.schema = std::sync::Arc::new(schema);
    }
    let mut client = Bayeux::connected(&running).await;
    client.subscribe("/data/AccountChangeEvent", None).await;
    let id = create(&running, "Account", json!({ "Name": "Acme", "NumberOfEmployees": 7 })).await;
    assert_eq!(client.event().await["data"]["payload"]["Twice__c"], json!(14.0));
    patch(&running, "Account", &id, json!({ "NumberOfEmployees": 8 })).await;
    let payload = client.event().await["data"]["payload"].clone();
    let changed = &payload["ChangeEventHeader"]["changedFields"];
    assert_eq!(changed, &json!(["NumberOfEmployees", "LastModifiedDate", "Twice__c"]));
    assert_eq!(payload["Twice__c"], json!(16.0));
    patch(&running, "Account", &id, json!({ "Phone": "1" })).await;
    let payload = client.event().await["data"]["payload"].clone();
    assert_eq!(payload["ChangeEventHeader"]["changedFields"], json!(["Phone", "LastModifiedDate"]));
    assert_eq!(payload.get("Twice__c"), None);
}
