//! Pub/Sub over a real HTTP/2 socket, against a bus of a few lines that writes the wire format by hand: streams that
//! end, hang, refuse tokens and forget replay ids.

#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use tidegate_client::{
    Client, ClientConfig, Credentials, Error, OrgLogin, RetryPolicy, SubscriptionErrorKind,
    events::{Position, RawSubscription, Replay},
};

const PREFIX: &str = "sfdc.platform.eventbus.grpc.";

/// The messages as documented, written here again so that the client's own contract is checked.
#[derive(Clone, PartialEq, Message)]
struct FetchRequest {
    #[prost(string, tag = "1")]
    topic_name: String,
    #[prost(int32, tag = "2")]
    replay_preset: i32,
    #[prost(bytes = "vec", tag = "3")]
    replay_id: Vec<u8>,
    #[prost(int32, tag = "4")]
    num_requested: i32,
}

#[derive(Clone, PartialEq, Message)]
struct FetchResponse {
    #[prost(message, repeated, tag = "1")]
    events: Vec<ConsumerEvent>,
    #[prost(bytes = "vec", tag = "2")]
    latest_replay_id: Vec<u8>,
    #[prost(string, tag = "3")]
    rpc_id: String,
    #[prost(int32, tag = "4")]
    pending_num_requested: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ConsumerEvent {
    #[prost(message, optional, tag = "1")]
    event: Option<ProducerEvent>,
    #[prost(bytes = "vec", tag = "2")]
    replay_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ProducerEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    schema_id: String,
    #[prost(bytes = "vec", tag = "3")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct SchemaInfo {
    #[prost(string, tag = "1")]
    schema_json: String,
    #[prost(string, tag = "2")]
    schema_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct TopicInfo {
    #[prost(string, tag = "1")]
    topic_name: String,
    #[prost(bool, tag = "4")]
    can_subscribe: bool,
    #[prost(string, tag = "5")]
    schema_id: String,
}

/// What a stream does after its first request.
#[derive(Clone)]
enum Act {
    Send(FetchResponse),
    /// Ends with a gRPC status and an error code.
    End(u32, &'static str),
    /// Says nothing more.
    Hang,
}

#[derive(Clone, Default)]
struct Bus {
    url: Arc<Mutex<String>>,
    /// One script for each stream in turn.
    streams: Arc<Mutex<VecDeque<Vec<Act>>>>,
    /// First requests, and the metadata they came with.
    opened: Arc<Mutex<Vec<(FetchRequest, HeaderMap)>>>,
    /// Later requests' demand.
    demands: Arc<Mutex<Vec<i32>>>,
    sign_ins: Arc<AtomicUsize>,
    schemas: Arc<AtomicUsize>,
}

fn event(n: u8) -> ConsumerEvent {
    ConsumerEvent {
        event: Some(ProducerEvent { id: format!("event-{n}"), schema_id: "schema".into(), payload: vec![n] }),
        replay_id: vec![0, n],
    }
}

fn events(ns: &[u8], latest: u8, pending: i32) -> Act {
    Act::Send(FetchResponse {
        events: ns.iter().map(|n| event(*n)).collect(),
        latest_replay_id: vec![0, latest],
        rpc_id: String::new(),
        pending_num_requested: pending,
    })
}

fn framed(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap_or(0));
    frame.extend_from_slice(&message.encode_to_vec());
    frame.freeze()
}

fn trailers(status: u32, code: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    trailers.insert("grpc-message", HeaderValue::from_static("told by the test"));
    if !code.is_empty() {
        let code = HeaderValue::from_str(&format!("{PREFIX}{code}"));
        trailers.insert("error-code", code.unwrap_or(HeaderValue::from_static("")));
    }
    trailers
}

fn grpc(body: Body) -> Response {
    ([("content-type", "application/grpc")], body).into_response()
}

fn unary(message: &impl Message) -> Response {
    let frames: Vec<Result<_, std::io::Error>> =
        vec![Ok(Frame::data(framed(message))), Ok(Frame::trailers(trailers(0, "")))];
    grpc(Body::new(StreamBody::new(futures::stream::iter(frames))))
}

async fn answer(State(bus): State<Bus>, request: Request) -> Response {
    match request.uri().path() {
        "/services/oauth2/token" => {
            let n = bus.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
            let url = bus.url.lock().map(|url| url.clone()).unwrap_or_default();
            format!(r#"{{"access_token":"token-{n}","instance_url":"{url}","id":"{url}/id/00Dxx0000001gPFEAY/005xx000001SwiUAAS"}}"#).into_response()
        }
        "/services/data/" => r#"[{"version":"66.0"}]"#.into_response(),
        "/eventbus.v1.PubSub/GetSchema" => {
            bus.schemas.fetch_add(1, Ordering::SeqCst);
            unary(&SchemaInfo { schema_json: "{}".into(), schema_id: "schema".into() })
        }
        "/eventbus.v1.PubSub/GetTopic" => {
            unary(&TopicInfo { topic_name: "/data/ChangeEvents".into(), can_subscribe: true, schema_id: String::new() })
        }
        "/eventbus.v1.PubSub/Subscribe" => subscribe(bus, request).await,
        _ => http::StatusCode::NOT_FOUND.into_response(),
    }
}

async fn subscribe(bus: Bus, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let Some(first) = next_request(&mut body, &mut BytesMut::new()).await else {
        return grpc(Body::empty());
    };
    if let Ok(mut opened) = bus.opened.lock() {
        opened.push((first, head.headers));
    }
    let demands = bus.demands.clone();
    tokio::spawn(async move {
        let mut held = BytesMut::new();
        while let Some(request) = next_request(&mut body, &mut held).await {
            if let Ok(mut demands) = demands.lock() {
                demands.push(request.num_requested);
            }
        }
    });
    let script = bus.streams.lock().ok().and_then(|mut streams| streams.pop_front()).unwrap_or(vec![Act::Hang]);
    let frames = futures::stream::iter(script).then(|act| async move {
        Ok::<_, std::io::Error>(match act {
            Act::Send(response) => Frame::data(framed(&response)),
            Act::End(status, code) => Frame::trailers(trailers(status, code)),
            Act::Hang => std::future::pending().await,
        })
    });
    grpc(Body::new(StreamBody::new(frames)))
}

async fn next_request(body: &mut Body, held: &mut BytesMut) -> Option<FetchRequest> {
    loop {
        if held.len() >= 5 {
            let length = held.get(1..5).map(|mut bytes| bytes.get_u32() as usize)?;
            if held.len() >= 5 + length {
                held.advance(5);
                return FetchRequest::decode(held.split_to(length)).ok();
            }
        }
        let data = body.frame().await?.ok()?.into_data().ok()?;
        held.extend_from_slice(&data);
    }
}

impl Bus {
    async fn start(streams: Vec<Vec<Act>>) -> Result<(Bus, Client), Box<dyn std::error::Error>> {
        let bus = Bus::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        bus.url.lock().map_err(|_| "poisoned")?.clone_from(&url);
        *bus.streams.lock().map_err(|_| "poisoned")? = streams.into();
        let router = Router::new().fallback(answer).with_state(bus.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let login = OrgLogin::new(
            &url,
            Credentials::ClientCredentials { client_id: "app".into(), client_secret: "hush".into() },
        )?;
        let mut config = ClientConfig::new(login);
        config.pubsub_endpoint = url;
        config.retry = RetryPolicy { attempts: 3, base: Duration::from_millis(2), ..RetryPolicy::default() };
        config.timeouts.event_silence = Duration::from_millis(300);
        Ok((bus, Client::connect(config).await?))
    }

    /// Preset and replay id of each stream that was opened.
    fn opened(&self) -> Vec<(i32, Vec<u8>, i32)> {
        self.opened
            .lock()
            .map(|opened| {
                opened
                    .iter()
                    .map(|(first, _)| (first.replay_preset, first.replay_id.clone(), first.num_requested))
                    .collect()
            })
            .unwrap_or_default()
    }
}

async fn next(subscription: &mut RawSubscription) -> Vec<u8> {
    let fetched = subscription.next().await.unwrap().unwrap();
    fetched.events.iter().map(|event| event.payload[0]).collect()
}

#[tokio::test]
async fn events_come_with_all_that_belongs_to_them() {
    let (bus, org) = Bus::start(vec![vec![events(&[1, 2], 9, 48), Act::Hang]]).await.unwrap();
    let mut subscription = org.events().subscribe("/data/ChangeEvents", Replay::Earliest, 50).await.unwrap();
    assert_eq!(subscription.position(), None);
    let fetched = subscription.next().await.unwrap().unwrap();
    assert_eq!(fetched.events[0].id, "event-1");
    assert_eq!(fetched.events[1].schema_id, "schema");
    assert_eq!(fetched.events[1].replay_id, [0, 2]);
    assert_eq!(fetched.latest_replay_id, [0, 9]);
    assert_eq!((fetched.pending, subscription.pending()), (48, 48));
    assert_eq!(subscription.position(), Some([0, 2].as_slice()));
    let opened = bus.opened.lock().unwrap().clone();
    let (first, headers) = &opened[0];
    assert_eq!((first.topic_name.as_str(), first.replay_preset, first.num_requested), ("/data/ChangeEvents", 1, 50));
    assert_eq!(headers["accesstoken"], "token-1");
    assert_eq!(headers["instanceurl"], bus.url.lock().unwrap().as_str());
    assert_eq!(headers["tenantid"], "00Dxx0000001gPFEAY");
    subscription.close();
    assert_eq!(subscription.next().await.unwrap(), None);
    assert!(!format!("{subscription:?}").contains("token-1"));
}

#[tokio::test]
async fn a_stream_that_breaks_is_opened_again_after_the_last_event() {
    for broken in [Act::End(14, "service.unavailable"), Act::End(0, ""), Act::End(13, ""), Act::Hang] {
        let (bus, org) =
            Bus::start(vec![vec![events(&[1, 2], 7, 98), broken], vec![events(&[3], 3, 97), Act::Hang]]).await.unwrap();
        let mut subscription = org.events().subscribe("/data/ChangeEvents", Replay::Latest, 100).await.unwrap();
        assert_eq!(next(&mut subscription).await, [1, 2]);
        assert_eq!(next(&mut subscription).await, [3]);
        // The demand that was outstanding is asked for again.
        assert_eq!(bus.opened(), [(0, vec![], 100), (2, vec![0, 2], 98)]);
        assert_eq!(subscription.reconnects(), 1);
    }
}

#[tokio::test]
async fn a_keep_alive_moves_the_position() {
    let (bus, org) =
        Bus::start(vec![vec![events(&[], 5, 100), Act::End(14, "")], vec![events(&[6], 6, 99), Act::Hang]])
            .await
            .unwrap();
    let mut subscription = org.events().subscribe("/data/X", Replay::Latest, 100).await.unwrap();
    assert!(next(&mut subscription).await.is_empty());
    assert_eq!(next(&mut subscription).await, [6]);
    assert_eq!(bus.opened()[1], (2, vec![0, 5], 100));
}

#[tokio::test]
async fn before_the_first_answer_the_start_is_kept() {
    let (bus, org) = Bus::start(vec![vec![Act::End(14, "service.unavailable")], vec![events(&[6], 6, 99), Act::Hang]])
        .await
        .unwrap();
    let mut subscription =
        org.events().subscribe("/data/X", Replay::After(Position::pubsub(vec![0, 5])), 100).await.unwrap();
    assert_eq!(subscription.position(), Some([0, 5].as_slice()));
    assert_eq!(next(&mut subscription).await, [6]);
    assert_eq!(bus.opened(), [(2, vec![0, 5], 100), (2, vec![0, 5], 100)]);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let (bus, org) =
        Bus::start(vec![vec![Act::End(16, "service.auth.error")], vec![events(&[1], 1, 99), Act::Hang]]).await.unwrap();
    let mut subscription = org.events().subscribe("/data/X", Replay::Earliest, 100).await.unwrap();
    assert_eq!(next(&mut subscription).await, [1]);
    assert_eq!(bus.sign_ins.load(Ordering::SeqCst), 2);
    assert_eq!(bus.opened.lock().unwrap()[1].1["accesstoken"], "token-2");

    let refusal = || vec![Act::End(16, "service.auth.error")];
    let (bus, org) = Bus::start(vec![refusal(), refusal(), refusal()]).await.unwrap();
    let mut subscription = org.events().subscribe("/data/X", Replay::Earliest, 100).await.unwrap();
    let error = subscription.next().await.unwrap_err();
    assert!(matches!(error, Error::Subscription(e) if e.kind == SubscriptionErrorKind::Unauthenticated));
    assert_eq!(bus.sign_ins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_connecting_again_cannot_cure_is_an_error_at_once() {
    let cases = [
        ("subscription.fetch.replayid.validation.failed", SubscriptionErrorKind::ReplayIdExpired),
        ("subscription.fetch.replayid.corrupted", SubscriptionErrorKind::ReplayIdInvalid),
        ("topic.not.found", SubscriptionErrorKind::ChannelNotFound),
        ("subscription.limit.exceeded", SubscriptionErrorKind::DeliveryLimit),
    ];
    for (code, kind) in cases {
        let (bus, org) = Bus::start(vec![vec![Act::End(3, code)]]).await.unwrap();
        let mut subscription =
            org.events().subscribe("/data/X", Replay::After(Position::pubsub(vec![9])), 100).await.unwrap();
        let error = subscription.next().await.unwrap_err();
        assert!(matches!(&error, Error::Subscription(e) if e.kind == kind && e.code.ends_with(code)), "{error:?}");
        assert_eq!(bus.opened().len(), 1);
    }
}

#[tokio::test]
async fn trying_again_has_an_end_and_can_be_begun_anew() {
    let down = || vec![Act::End(14, "service.unavailable")];
    let (bus, org) = Bus::start(vec![down(), down(), down(), vec![events(&[1], 1, 9), Act::Hang]]).await.unwrap();
    let mut subscription = org.events().subscribe("/data/X", Replay::Earliest, 10).await.unwrap();
    let error = subscription.next().await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(bus.opened().len(), 3);
    assert_eq!(next(&mut subscription).await, [1]);
}

#[tokio::test]
async fn demand_is_what_was_asked_for() {
    let (bus, org) = Bus::start(vec![vec![events(&[1, 2], 2, 0), Act::Hang]]).await.unwrap();
    let mut subscription = org.events().subscribe("/data/X", Replay::Earliest, 2).await.unwrap();
    assert_eq!(next(&mut subscription).await, [1, 2]);
    subscription.request(7).await.unwrap();
    assert_eq!(subscription.pending(), 7);
    subscription.request(500).await.unwrap();
    assert_eq!(subscription.pending(), 100);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while bus.demands.lock().unwrap().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "the demand did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(*bus.demands.lock().unwrap(), [7, 93]);
}

#[tokio::test]
async fn schemas_are_asked_for_once_and_a_mixed_channel_has_none() {
    let (bus, org) = Bus::start(vec![]).await.unwrap();
    let bus_events = org.events();
    assert_eq!(&*bus_events.schema("schema").await.unwrap(), "{}");
    assert_eq!(&*org.events().schema("schema").await.unwrap(), "{}");
    assert_eq!(bus.schemas.load(Ordering::SeqCst), 1);
    let topic = bus_events.topic("/data/ChangeEvents").await.unwrap();
    assert_eq!((topic.can_subscribe, topic.schema_id), (true, None));
}
