//! Publishing platform events, alone and in streams.

use tidegate_emulator::grpc::proto::{ProducerEvent, PublishRequest, TopicRequest};
use tidegate_emulator::settings::{Settings, Streaming};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::support::*;

#[tokio::test]
async fn what_is_published_is_delivered_as_it_was_written() {
    let bench = Bench::start(Settings::default()).await;
    let topic = bench.call(TopicRequest { topic_name: ORDERS.into() });
    let topic = bench.client.clone().get_topic(topic).await.unwrap().into_inner();
    assert_eq!((topic.can_publish, topic.can_subscribe), (true, true));
    assert_eq!(topic.schema_id, bench.order_schema());
    let mut stream = bench.subscribe(earliest(ORDERS, 10)).await;
    let named = ProducerEvent { id: "mine".into(), ..bench.order("1") };
    let unknown = ProducerEvent { schema_id: "nonsense".into(), ..bench.order("2") };
    let broken = ProducerEvent { payload: vec![0xff; 3].into(), ..bench.order("3") };
    let answer = bench.publish(vec![named.clone(), unknown, broken, bench.order("4")]).await.unwrap();
    assert_eq!(answer.schema_id, topic.schema_id);
    let failed: Vec<bool> = answer.results.iter().map(|r| r.error.is_some()).collect();
    assert_eq!(failed, [false, true, false, false], "{answer:?}");
    assert_eq!(answer.results[0].correlation_key, "mine");
    assert_eq!(answer.results[3].correlation_key.len(), 36, "an id is made where none was given");
    assert_eq!(answer.results[1].error.as_ref().unwrap().code, 1);
    let events = stream.events(3).await;
    assert_eq!(events[0].event.as_ref().unwrap().payload, named.payload);
    assert_eq!(events[0].event.as_ref().unwrap().id, "mine");
    assert_eq!(events[0].replay_id, answer.results[0].replay_id);
    assert_eq!(&events[1].event.as_ref().unwrap().payload[..], [0xff; 3], "nobody looked at it");
    let fields = bench.decode(&events[2]).await;
    assert_eq!(get(&fields, "Number__c"), text("4").as_ref());
}

#[tokio::test]
async fn requests_that_cannot_be_published() {
    let bench = Bench::start(Settings { hourly_published_events: 1, ..Settings::default() }).await;
    let request = |topic: &str, count: usize| PublishRequest {
        topic_name: topic.into(),
        events: vec![bench.order("1"); count],
        auth_refresh: String::new(),
    };
    for (request, code) in [
        (request("", 1), "publish.topic.validation.empty"),
        (request(ORDERS, 0), "publish.event.count.invalid"),
        (request(ORDERS, 201), "publish.event.count.invalid"),
        (request("/event/Nope__e", 1), "topic.not.found"),
        (request(WIDGETS, 1), "topic.meta.permission"),
        (PublishRequest { auth_refresh: "x".into(), ..request(ORDERS, 1) }, "publish.auth.refresh.invalid"),
    ] {
        let status = bench.client.clone().publish(bench.call(request)).await.unwrap_err();
        assert_eq!(error_code(&status), code);
    }
    let answer = bench.publish(vec![bench.order("1"), bench.order("2")]).await.unwrap();
    assert!(answer.results[0].error.is_none());
    assert!(answer.results[1].error.as_ref().unwrap().msg.contains("hourly"), "{answer:?}");
}

#[tokio::test]
async fn a_publishing_stream_keeps_to_its_topic_and_ends_when_it_is_silent() {
    let streaming = Streaming { publish_idle_ms: 300, ..Streaming::default() };
    let bench = Bench::start(Settings { streaming, ..Settings::default() }).await;
    let open = async || {
        let (requests, receiver) = mpsc::channel(8);
        let call = bench.call(ReceiverStream::new(receiver));
        let first = PublishRequest { topic_name: ORDERS.into(), events: vec![bench.order("1")], ..Default::default() };
        requests.send(first).await.unwrap();
        let answers = bench.client.clone().publish_stream(call).await.unwrap().into_inner();
        (requests, answers)
    };
    let (requests, mut answers) = open().await;
    assert_eq!(answers.message().await.unwrap().unwrap().results.len(), 1);
    let later = PublishRequest { events: vec![bench.order("2"), bench.order("3")], ..Default::default() };
    requests.send(later).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().results.len(), 2);
    let status = answers.message().await.unwrap_err();
    assert_eq!(error_code(&status), "publish.stream.sweeper.timeout");
    let (requests, mut answers) = open().await;
    answers.message().await.unwrap();
    requests.send(PublishRequest { topic_name: "/event/Other__e".into(), ..Default::default() }).await.unwrap();
    assert_eq!(error_code(&answers.message().await.unwrap_err()), "publish.topic.mismatch");
    let (requests, mut answers) = open().await;
    answers.message().await.unwrap();
    drop(requests);
    assert!(answers.message().await.unwrap().is_none(), "an orderly end");
}

#[tokio::test]
async fn the_delivery_allowance_ends_a_subscription() {
    let bench = Bench::start(Settings { daily_delivered_events: 2, ..Settings::default() }).await;
    let mut stream = bench.subscribe(earliest(ORDERS, 10)).await;
    bench.publish(vec![bench.order("1"), bench.order("2")]).await.unwrap();
    stream.events(2).await;
    bench.publish(vec![bench.order("3")]).await.unwrap();
    let status = stream.error().await;
    assert_eq!(error_code(&status), "subscription.limit.exceeded");
    assert_eq!(status.code(), Code::ResourceExhausted);
}
