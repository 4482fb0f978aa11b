//! What goes wrong on a bus, on demand.

use apache_avro::types::Value as Avro;
use tidegate_emulator::RecordId;
use tidegate_emulator::events::{ChangeType, StreamFailure};
use tidegate_emulator::settings::Settings;
use tonic::Code;
use tower::ServiceExt;

use super::support::*;

fn header(fields: &[(String, Avro)]) -> (String, Vec<String>) {
    let Some(Avro::Record(header)) = get(fields, "ChangeEventHeader") else { panic!("a header") };
    let Some(Avro::Enum(_, change)) = get(header, "changeType") else { panic!("a change type") };
    let Some(Avro::Array(ids)) = get(header, "recordIds") else { panic!("record ids") };
    let text = |id: &Avro| if let Avro::String(id) = id { id.clone() } else { panic!("text") };
    (change.clone(), ids.iter().map(text).collect())
}

#[tokio::test]
async fn expired_positions_are_refused_and_the_earliest_is_what_is_left() {
    let bench = Bench::start(Settings::default()).await;
    bench.create(1..=3, "");
    let events = bench.subscribe(earliest(ALL, 3)).await.events(3).await;
    bench.state.org.write().events.expire_replay_ids(None);
    let status = bench.subscribe(after(ALL, &events[2].replay_id, 3)).await.error().await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(error_code(&status), "subscription.fetch.replayid.validation.failed");
    bench.create([4], "");
    let rest = bench.subscribe(earliest(ALL, 3)).await.events(1).await;
    assert!(rest[0].replay_id > events[2].replay_id);
}

#[tokio::test]
async fn retention_goes_by_the_clock() {
    let bench = Bench::start(Settings { session_ms: i64::MAX / 4, ..Settings::default() }).await;
    bench.create([1], "");
    let old = bench.subscribe(earliest(ALL, 1)).await.events(1).await.remove(0);
    bench.state.clock.advance(71 * 3_600_000);
    bench.create([2], "");
    assert_eq!(bench.subscribe(after(ALL, &old.replay_id, 9)).await.events(1).await.len(), 1);
    bench.state.clock.advance(2 * 3_600_000);
    let status = bench.subscribe(after(ALL, &old.replay_id, 9)).await.error().await;
    assert_eq!(error_code(&status), "subscription.fetch.replayid.validation.failed");
    bench.subscribe(earliest(ALL, 1)).await.events(1).await;
}

#[tokio::test]
async fn events_come_twice() {
    let bench = Bench::start(Settings::default()).await;
    let mut stream = bench.subscribe(earliest(ALL, 9)).await;
    bench.state.org.write().events.duplicate_next(1);
    bench.create([1], "");
    bench.create([2], "");
    let events = stream.events(3).await;
    assert_eq!(events[0], events[1]);
    bench.state.org.write().events.duplicate_last(1);
    let again = stream.events(1).await;
    assert_eq!(again[0].event, events[2].event);
    assert_ne!(again[0].replay_id, events[2].replay_id);
}

#[tokio::test]
async fn gaps_overflows_wildcards() {
    let bench = Bench::start(Settings::default()).await;
    let mut stream = bench.subscribe(earliest(WIDGETS, 9)).await;
    let id = RecordId::new(*b"a0X", *b"00", 7);
    {
        let mut org = bench.state.org.write();
        let org = &mut *org;
        let (events, schema, settings) = (&mut org.events, &org.schema, &org.settings);
        events.inject_gap(schema, settings, NOW, "Widget__c", &[id], ChangeType::Update).unwrap();
        events.inject_overflow(schema, settings, NOW, "Widget__c").unwrap();
        events.inject_wildcard(schema, settings, NOW, "Widget__c").unwrap();
    }
    let events = stream.events(3).await;
    for (event, kind, record) in [
        (&events[0], "GAP_UPDATE", id.to_string()),
        (&events[1], "GAP_OVERFLOW", "000000000000000AAA".to_owned()),
        (&events[2], "UPDATE", "a0X*".to_owned()),
    ] {
        assert_eq!(header(&bench.decode(event).await), (kind.to_owned(), vec![record]));
    }
}

#[tokio::test]
async fn streams_fail_where_they_are_told_to() {
    let bench = Bench::start(Settings::default()).await;
    bench.create(1..=5, "");
    for (failure, code, text) in [
        (StreamFailure::Unavailable, Code::Unavailable, "service.unavailable"),
        (StreamFailure::Auth, Code::Unauthenticated, "service.auth.error"),
        (StreamFailure::DeliveryLimit, Code::ResourceExhausted, "subscription.limit.exceeded"),
        (StreamFailure::Internal, Code::Internal, "subscription.internal.error"),
    ] {
        bench.state.org.write().events.fail_stream_after(2, failure);
        let mut stream = bench.subscribe(earliest(ALL, 9)).await;
        stream.events(2).await;
        let status = stream.error().await;
        assert_eq!((status.code(), error_code(&status)), (code, text));
    }
    // A quiet stream as well.
    let mut stream = bench.subscribe(earliest(ALL, 9)).await;
    stream.events(5).await;
    bench.state.org.write().events.fail_stream_after(0, StreamFailure::Unavailable);
    assert_eq!(stream.error().await.code(), Code::Unavailable);
}

#[tokio::test]
async fn maintenance_ends_streams_and_positions() {
    let bench = Bench::start(Settings::default()).await;
    bench.create([1], "");
    let mut stream = bench.subscribe(earliest(ALL, 9)).await;
    let old = stream.events(1).await.remove(0);
    bench.state.org.write().events.reset_positions();
    assert_eq!(error_code(&stream.error().await), "service.unavailable");
    let status = bench.subscribe(after(ALL, &old.replay_id, 9)).await.error().await;
    assert_eq!(error_code(&status), "subscription.fetch.replayid.validation.failed");
}

#[tokio::test]
async fn a_stream_outlives_its_token_but_not_a_revocation() {
    let bench = Bench::start(Settings { retention_ms: i64::MAX / 4, ..Settings::default() }).await;
    let mut stream = bench.subscribe(earliest(ALL, 9)).await;
    bench.create([1], "");
    stream.events(1).await;
    bench.state.clock.advance(3 * 3_600_000);
    let request = bench.call(SchemaRequest { schema_id: "x".into() });
    assert_eq!(error_code(&bench.client.clone().get_schema(request).await.unwrap_err()), "service.auth.error");
    bench.create([2], "");
    stream.events(1).await;

    let bench = Bench::start(Settings::default()).await;
    let mut stream = bench.subscribe(earliest(ALL, 9)).await;
    bench.create([1], "");
    stream.events(1).await;
    bench.state.org.write().access.revoke(&bench.token);
    let status = stream.error().await;
    assert_eq!((status.code(), error_code(&status)), (Code::Unauthenticated, "service.auth.error"));
}

#[tokio::test]
async fn the_emulators_controls_reach_the_bus() {
    let bench = Bench::start(Settings::default()).await;
    let control = async |path: &str, body: &'static str| {
        let request = http::Request::post(format!("/__emulator/{path}")).body(axum::body::Body::from(body)).unwrap();
        let answer = tidegate_emulator::http::router(bench.state.clone()).oneshot(request).await.unwrap();
        assert!(answer.status().is_success(), "{path} {body}: {}", answer.status());
    };
    control("events", r#"{"duplicate":1}"#).await;
    bench.create([1], "");
    control("events", r#"{"overflow":{"object":"Widget__c"}}"#).await;
    control("events", r#"{"fail_stream":{"after":3,"with":"delivery_limit"}}"#).await;
    let mut stream = bench.subscribe(earliest(ALL, 9)).await;
    let events = stream.events(3).await;
    assert_eq!(events[0], events[1]);
    assert_eq!(error_code(&stream.error().await), "subscription.limit.exceeded");
    control("replay/expire", "").await;
    let status = bench.subscribe(after(ALL, &events[2].replay_id, 9)).await.error().await;
    assert_eq!(error_code(&status), "subscription.fetch.replayid.validation.failed");
}
