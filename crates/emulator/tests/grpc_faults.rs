//! The Pub/Sub port of a running emulator: TLS, and faults planned for its calls.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::Running;
use tidegate_emulator::dml::{Input, Write, WriteContext};
use tidegate_emulator::faults::{Action, Match, Plan};
use tidegate_emulator::grpc::proto::pub_sub_client::PubSubClient;
use tidegate_emulator::grpc::proto::{FetchRequest, FetchResponse, ReplayPreset, TopicRequest};
use tidegate_emulator::server::Config;
use tokio_stream::StreamExt;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status, Streaming};

const TOPIC: &str = "/data/ContactChangeEvent";

async fn connect(running: &Running) -> PubSubClient<Channel> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(running.emulator.ca_pem()));
    let endpoint = Endpoint::from_shared(format!("https://{}", running.emulator.pubsub())).unwrap();
    PubSubClient::new(endpoint.tls_config(tls).unwrap().connect().await.unwrap())
}

fn call<T>(running: &Running, message: T) -> Request<T> {
    let credentials = running.emulator.credentials();
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("accesstoken", credentials.access_token.parse().unwrap());
    metadata.insert("instanceurl", running.emulator.url().parse().unwrap());
    metadata.insert("tenantid", credentials.org_id.parse().unwrap());
    request
}

async fn topic(running: &Running, client: &mut PubSubClient<Channel>) -> Result<bool, Code> {
    let asked = TopicRequest { topic_name: TOPIC.into() };
    client.get_topic(call(running, asked)).await.map(|t| t.into_inner().can_subscribe).map_err(|s| s.code())
}

fn create_contact(running: &Running) {
    let mut org = running.emulator.org().write();
    let now = running.emulator.clock().now();
    let context = WriteContext { now, user: org.settings.admin_id, origin: String::new(), all_or_none: true };
    let (object, _) = org.schema.find("Contact").unwrap();
    let fields = vec![("LastName".to_owned(), Input::Text("Told".into()))];
    assert!(org.write(&context, vec![Write::Create { object, fields }])[0].is_ok());
}

async fn subscribe(running: &Running, client: &mut PubSubClient<Channel>) -> Result<Streaming<FetchResponse>, Status> {
    let fetch = FetchRequest {
        topic_name: TOPIC.into(),
        replay_preset: ReplayPreset::Earliest as i32,
        num_requested: 10,
        ..FetchRequest::default()
    };
    let asking = tokio_stream::once(fetch).chain(tokio_stream::pending());
    Ok(client.subscribe(call(running, asking)).await?.into_inner())
}

async fn next(stream: &mut Streaming<FetchResponse>) -> Option<Result<FetchResponse, Status>> {
    tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap()
}

#[tokio::test]
async fn calls_fail_as_planned() {
    let running = Running::start(Config::default()).await;
    let mut client = connect(&running).await;
    assert_eq!(topic(&running, &mut client).await, Ok(true));
    let faults = running.emulator.faults();
    faults.next("/eventbus.v1.PubSub/GetTopic", Action::grpc_status(14));
    assert_eq!(topic(&running, &mut client).await, Err(Code::Unavailable));
    faults.next("/GetTopic", Action::lose_answer());
    assert!(topic(&running, &mut client).await.is_err());
    assert_eq!(topic(&running, &mut client).await, Ok(true), "the connection lives on");
    faults.next("/GetTopic", Action::expire_token());
    assert_eq!(topic(&running, &mut client).await, Err(Code::Unauthenticated));
    let log = running.emulator.state().log.filtered(|r| r.fault.is_some());
    assert_eq!(log.len(), 3);
    assert!(log.iter().all(|r| r.path == "/eventbus.v1.PubSub/GetTopic"));
}

#[tokio::test]
async fn a_stream_is_cut_after_so_many_messages() {
    let running = Running::start(Config::default()).await;
    let mut client = connect(&running).await;
    create_contact(&running);
    let matching = Match { path: Some("*/Subscribe".into()), ..Match::default() };
    running.emulator.faults().plan(Plan { matching, action: Action::cut_after_messages(1) });
    let mut stream = subscribe(&running, &mut client).await.unwrap();
    let first = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(first.events.len(), 1);
    assert!(next(&mut stream).await.unwrap().is_err(), "then it breaks off");
    let mut again = subscribe(&running, &mut client).await.unwrap();
    assert_eq!(next(&mut again).await.unwrap().unwrap().events.len(), 1);
    let limits = tidegate_emulator::limits::report(&running.emulator.org().read(), running.emulator.clock().now());
    let delivered = &limits["DailyDeliveredPlatformEvents"];
    assert_eq!(
        delivered["Max"].as_i64().unwrap() - delivered["Remaining"].as_i64().unwrap(),
        2,
        "both deliveries count"
    );
}
