//! Single calls, and requests that are refused.

use tidegate_emulator::faults::Action;
use tidegate_emulator::grpc::proto::TopicRequest;
use tidegate_emulator::server::{Config, Emulator};
use tidegate_emulator::settings::Settings;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};

use super::support::*;

#[tokio::test]
async fn every_call_needs_its_metadata() {
    let bench = Bench::start(Settings::default()).await;
    let message = || TopicRequest { topic_name: ALL.into() };
    let without = |key: &str| {
        let mut call = bench.call(message());
        call.metadata_mut().remove(key);
        call
    };
    let with = |key: &'static str, value: &'static str| {
        let mut call = bench.call(message());
        call.metadata_mut().insert(key, value.parse().unwrap());
        call
    };
    for (what, call, expected) in [
        ("nothing", Request::new(message()), "service.auth.headers.invalid"),
        ("no token", without("accesstoken"), "service.auth.headers.invalid"),
        ("no tenant", without("tenantid"), "service.auth.headers.invalid"),
        ("no instance", without("instanceurl"), "service.auth.headers.invalid"),
        ("no URL", with("instanceurl", "acme"), "service.auth.headers.invalid"),
        ("another org", with("tenantid", "00D000000000001EAA"), "service.auth.headers.invalid"),
        ("another token", with("accesstoken", "00D!x"), "service.auth.error"),
    ] {
        let status = bench.client.clone().get_topic(call).await.unwrap_err();
        assert_eq!((status.code(), error_code(&status)), (Code::Unauthenticated, expected), "{what}");
    }
}

#[tokio::test]
async fn a_token_without_the_api_scope_is_refused() {
    let bench = Bench::start(Settings::default()).await;
    for (scope, allowed) in [("id refresh_token", false), ("full", true), ("api", true)] {
        let app = tidegate_emulator::oauth::App { scope: scope.into(), ..app() };
        let (token, org_id) = {
            let mut org = bench.state.org.write();
            let (id, admin, session) = (org.settings.org_id, org.settings.admin_id, org.settings.session_ms);
            (org.access.issue(id, admin, &app, NOW, session), id.to_string())
        };
        let asked = call(TopicRequest { topic_name: ALL.into() }, &token, &org_id);
        let answer = bench.client.clone().get_topic(asked).await;
        assert_eq!(answer.is_ok(), allowed, "{scope}");
        if let Err(status) = answer {
            assert_eq!((status.code(), error_code(&status)), (Code::Unauthenticated, "service.auth.error"));
        }
    }
}

#[tokio::test]
async fn topics_and_schemas() {
    let bench = Bench::start(Settings::default()).await;
    let mut client = bench.client.clone();
    let mut topic = async |name: &str| {
        let request = bench.call(TopicRequest { topic_name: name.into() });
        client.get_topic(request).await.map(tonic::Response::into_inner)
    };
    let all = topic(ALL).await.unwrap();
    assert_eq!((all.schema_id.as_str(), all.can_publish, all.can_subscribe), ("", false, true));
    let account = topic("/data/AccountChangeEvent").await.unwrap();
    assert_eq!(account.schema_id.len(), 22);
    for (name, code) in [("", "topic.validation.empty"), ("/data/Nothing__ChangeEvent", "topic.not.found")] {
        assert_eq!(error_code(&topic(name).await.unwrap_err()), code, "{name}");
    }

    let mut client = bench.client.clone();
    let mut schema = async |id: &str| {
        let request = bench.call(SchemaRequest { schema_id: id.into() });
        client.get_schema(request).await.map(tonic::Response::into_inner)
    };
    let info = schema(&account.schema_id).await.unwrap();
    let parsed = apache_avro::Schema::parse_str(&info.schema_json).unwrap();
    assert_eq!(parsed.name().unwrap().to_string(), "com.sforce.eventbus.AccountChangeEvent");
    for id in ["", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(error_code(&schema(id).await.unwrap_err()), "schema.validation.failed", "{id}");
    }
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let bench = Bench::start(Settings::default()).await;
    bench.create([1], "");
    let refresh = FetchRequest { auth_refresh: "x".into(), ..latest(ALL, 1) };
    let preset = FetchRequest { replay_preset: 7, ..latest(ALL, 1) };
    for (first, code) in [
        (latest("", 1), "topic.validation.empty"),
        (latest("/data/changeevents", 1), "topic.not.found"),
        (latest(ALL, 0), "subscription.fetch.requested.events.invalid"),
        (latest(ALL, -3), "subscription.fetch.requested.events.invalid"),
        (after(ALL, b"", 1), "subscription.fetch.replayid.corrupted"),
        (after(ALL, b"not an id", 1), "subscription.fetch.replayid.corrupted"),
        (after(ALL, &[0; 10], 1), "subscription.fetch.replayid.validation.failed"),
        (after(ALL, &[0x7f, 1, 2, 3, 4, 5, 6, 7], 1), "subscription.fetch.replayid.validation.failed"),
        (refresh, "service.auth.refresh.invalid"),
        (preset, "subscription.fetch.request.invalid"),
    ] {
        let what = format!("{first:?}");
        let status = bench.subscribe(first).await.error().await;
        assert_eq!(error_code(&status), code, "{what}");
    }
    for (later, code) in [
        (latest(WIDGETS, 1), "subscription.fetch.topic.mismatch"),
        (latest(ALL, 0), "subscription.fetch.requested.events.invalid"),
    ] {
        let mut stream = bench.subscribe(latest(ALL, 1)).await;
        stream.requests.send(later).await.unwrap();
        assert_eq!(error_code(&stream.error().await), code);
    }
}

#[tokio::test]
async fn served_over_tls_with_the_faults_of_the_other_doors() {
    let settings = Settings { keep_alive_ms: 20, ..Settings::default() };
    let emulator = Emulator::start(Config { settings, ..Config::default() }).await.unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(emulator.ca_pem())).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", emulator.pubsub())).unwrap().tls_config(tls).unwrap();
    let mut client = PubSubClient::new(endpoint.connect().await.unwrap());
    let credentials = emulator.credentials();
    let topic = || call(TopicRequest { topic_name: ALL.into() }, &credentials.access_token, &credentials.org_id);
    assert!(client.get_topic(topic()).await.unwrap().into_inner().can_subscribe);

    emulator.faults().next("/eventbus.v1.PubSub/GetTopic", Action::grpc_status(14));
    assert_eq!(client.get_topic(topic()).await.unwrap_err().code(), Code::Unavailable);
    assert!(client.get_topic(topic()).await.is_ok());

    // Keep-alives come for ever, unless the stream is cut after two.
    emulator.faults().next("PubSub/Subscribe", Action::cut_after_messages(2));
    let requests = tokio_stream::StreamExt::chain(tokio_stream::once(latest(ALL, 5)), tokio_stream::pending());
    let request = call(requests, &credentials.access_token, &credentials.org_id);
    let mut answers = client.subscribe(request).await.unwrap().into_inner();
    for _ in 0..2 {
        assert!(answers.message().await.unwrap().is_some());
    }
    assert!(answers.message().await.is_err());
    emulator.stop().await.unwrap();
}
