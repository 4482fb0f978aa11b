//! Sign-in, REST, Bulk API 2.0 and Pub/Sub: the shortest way through each.

use std::time::Duration;

use futures::TryStreamExt;
use serde_json::json;
use tidegate_client::bulk::{IngestOperation, IngestResults, IngestSpec, Locator, QueryOperation, Wait};
use tidegate_client::events::{Position, Replay};
use tidegate_client::{Create, Delete, Error, Get, Limits, SubscriptionErrorKind, Update, Upsert};

use crate::support::world;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest() {
    let world = world(3000).await;
    let org = &world.org;
    assert!(org.instance_url().await.unwrap().starts_with("https://"));
    let describe = org.describe("contact").await.unwrap();
    assert_eq!(describe.name, "Contact");
    assert!(describe.field("LastName").unwrap().is_required());
    let since = describe.last_modified.unwrap();
    assert!(org.describe_since("Contact", since).await.unwrap().is_none());
    assert!(org.describe_global().await.unwrap().sobjects.iter().any(|o| o.name == "Account"));

    let mut stream = org.query("SELECT Id, Name, Account.Name FROM Contact");
    let mut n = 0;
    while stream.try_next().await.unwrap().is_some() {
        n += 1;
    }
    assert_eq!(Some(n), stream.total_size());
    assert!(n > 2000, "{n}: some of the seed are in the recycle bin");

    let saved = org.send(&Create { object: "Account".into(), fields: json!({"Name": "A/b"}) }).await.unwrap();
    let get = Get { object: "Account".into(), id: saved.id.clone(), fields: vec!["Name".into()] };
    assert_eq!(org.send(&get).await.unwrap()["Name"], "A/b");
    let update = Update { object: "Account".into(), id: saved.id.clone(), fields: json!({"Name": "C"}) };
    org.send(&update).await.unwrap();
    assert_eq!(org.send(&get).await.unwrap()["Name"], "C");
    org.send(&Delete { object: "Account".into(), id: saved.id.clone() }).await.unwrap();
    assert!(org.send(&get).await.unwrap_err().has_code("ENTITY_IS_DELETED"));
    let upsert = Upsert {
        object: "Account".into(),
        key: "Id".into(),
        value: saved.id.clone(),
        fields: json!({}),
        update_only: false,
    };
    assert!(org.send(&upsert).await.is_err());
    assert!(org.send(&Limits).await.unwrap()["DailyApiRequests"].max > 0);
    assert!(org.api_usage().unwrap().used > 5);
    let error = org.query_page("SELECT Nmae FROM Account").await.unwrap_err();
    assert!(error.has_code("INVALID_FIELD"), "{error}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk() {
    let world = world(2500).await;
    let bulk = world.org.bulk();
    let job = bulk.create_query_job("SELECT Id, Name, Account.Name FROM Contact", QueryOperation::Query).await.unwrap();
    let job = bulk.wait(&job.id, Wait::default()).await.unwrap();
    let total = job.number_records_processed.unwrap();
    let mut by_locator = 0;
    let mut locator = Some(Locator::first());
    let mut pages = 0;
    while let Some(place) = locator {
        let mut page = bulk.download(&job, &place, Some(1000)).await.unwrap();
        assert_eq!(page.columns().len(), 3);
        while let Some(rows) = page.next_rows().await.unwrap() {
            by_locator += rows.len() as u64;
        }
        locator = page.next_page().cloned();
        pages += 1;
    }
    assert_eq!(by_locator, total);
    assert!(pages >= 3);
    let mut by_list = 0;
    for place in bulk.result_pages(&job).await.unwrap() {
        let mut page = bulk.download(&job, &place, None).await.unwrap();
        while let Some(rows) = page.next_rows().await.unwrap() {
            by_list += rows.len() as u64;
        }
    }
    assert_eq!(by_list, total);
    bulk.delete_query_job(&job.id).await.unwrap();

    let csv = futures::stream::iter([Ok::<_, std::io::Error>("LastName,FirstName\nA,\"x\ny\"\n,B\n".into())]);
    let spec = IngestSpec::new("Contact", IngestOperation::Insert);
    let summary = bulk.ingest(spec, csv, None, Wait::default()).await.unwrap();
    assert_eq!((summary.successful, summary.failed), (1, 1));
    for (which, columns) in [(IngestResults::Successful, 4), (IngestResults::Failed, 4)] {
        let mut page = bulk.results(&summary.job, which).await.unwrap();
        assert_eq!(page.columns().len(), columns, "{which:?}");
        let rows = page.next_rows().await.unwrap().unwrap();
        assert_eq!(rows.len(), 1);
        assert!(page.next_rows().await.unwrap().is_none());
    }
    let mut page = bulk.results(&summary.job, IngestResults::Unprocessed).await.unwrap();
    assert!(page.next_rows().await.unwrap().is_none());
    let error = bulk.create_query_job("SELECT COUNT(Id) FROM Contact", QueryOperation::Query).await.unwrap_err();
    assert_eq!(error.status(), Some(400), "{error}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events() {
    let world = world(10).await;
    let org = &world.org;
    let bus = org.events();
    let topic = bus.topic("/data/ChangeEvents").await.unwrap();
    assert_eq!(topic.schema_id, None);
    let mut subscription = bus.subscribe("/data/ChangeEvents", Replay::Latest, 10).await.unwrap();
    let saved = org.send(&Create { object: "Account".into(), fields: json!({"Name": "A"}) }).await.unwrap();
    let fetched = loop {
        let next = tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.unwrap();
        let fetched = next.unwrap().unwrap();
        if !fetched.events.is_empty() {
            break fetched;
        }
    };
    let event = &fetched.events[0];
    assert!(event.payload.windows(18).any(|w| w == saved.id.as_bytes()));
    let schema = bus.schema(&event.schema_id).await.unwrap();
    assert!(schema.contains("AccountChangeEvent"));
    let error = match bus.subscribe("/data/Nonsense", Replay::Latest, 10).await {
        Ok(mut subscription) => subscription.next().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(&error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::ChannelNotFound), "{error:?}");
    let error = match bus.subscribe("/data/ChangeEvents", Replay::After(Position::pubsub([0; 3])), 10).await {
        Ok(mut subscription) => subscription.next().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(&error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::ReplayIdInvalid), "{error:?}");
    subscription.close();
    drop(subscription);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults() {
    let world = world(500).await;
    let org = &world.org;
    let count = || async { org.query_page("SELECT COUNT() FROM Account").await.unwrap().total_size };

    // A create whose answer is lost is done once, and said to be unknown.
    let before = count().await;
    let lose = json!({"match": {"method": "POST", "path": "sobjects/Account"}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    let create = Create { object: "Account".into(), fields: json!({"Name": "Once"}) };
    assert!(matches!(org.send(&create).await, Err(Error::Transport { .. })));
    assert_eq!(count().await, before + 1);

    // A dead token is renewed within the request; a day later, too, by the org's clock.
    world.control("tokens/expire", json!({})).await;
    count().await;
    world.control("clock", json!({"advance_ms": 86_400_000})).await;
    count().await;
    world.control("tokens/expire", json!({})).await;
    count().await;

    // Short and cut pages are told, and whole ones come when they are asked for again.
    let bulk = org.bulk();
    let job = bulk.create_query_job("SELECT Id, Name FROM Contact", QueryOperation::Query).await.unwrap();
    let job = bulk.wait(&job.id, Wait::default()).await.unwrap();
    let read = || async {
        let mut page = bulk.download(&job, &Locator::first(), None).await?;
        let mut rows_read = 0;
        while let Some(rows) = page.next_rows().await? {
            rows_read += rows.len();
        }
        Ok::<_, Error>(rows_read)
    };
    let whole = read().await.unwrap();
    for action in [json!({"truncate_rows": 3}), json!({"cut_after_bytes": 900})] {
        world.control("faults", json!({"match": {"path": "/results"}, "action": action})).await;
        let error = read().await.unwrap_err();
        assert!(matches!(error, Error::PageCut { .. }), "{action}: {error:?}");
        assert_eq!(read().await.unwrap(), whole);
    }
    let expire = json!({"match": {"path": "/results"}, "action": {"expire_token": true}});
    world.control("faults", expire).await;
    assert_eq!(read().await.unwrap(), whole);

    // A subscription outlives a stream that breaks, and says when its position is gone.
    let bus = org.events();
    let mut subscription = bus.subscribe("/data/ChangeEvents", Replay::Earliest, 100).await.unwrap();
    let first = subscription.next().await.unwrap().unwrap();
    assert!(!first.events.is_empty());
    let position = first.events[0].replay_id.clone();
    let cut = json!({"match": {"path": "Subscribe"}, "action": {"cut_after_messages": 1}});
    world.control("faults", cut).await;
    let mut subscription =
        bus.subscribe("/data/ChangeEvents", Replay::After(Position::pubsub(position.clone())), 100).await.unwrap();
    for n in 0..3 {
        let fields = json!({"Name": format!("Event {n}")});
        org.send(&Create { object: "Account".into(), fields }).await.unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let next = tokio::time::timeout_at(deadline, subscription.next()).await.unwrap();
            if !next.unwrap().unwrap().events.is_empty() {
                break;
            }
        }
    }
    assert!(subscription.reconnects() > 0);
    world.control("replay/expire", json!({})).await;
    let error = match bus.subscribe("/data/ChangeEvents", Replay::After(Position::pubsub(position)), 100).await {
        Ok(mut subscription) => subscription.next().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(&error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::ReplayIdExpired), "{error:?}");
    drop(subscription);
    world.emulator.stop().await.unwrap();
}
