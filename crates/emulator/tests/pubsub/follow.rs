//! Following: where a stream starts, how demand steers it, what it carries.

use std::collections::HashSet;
use std::sync::Arc;

use tidegate_emulator::schema::{Field, Schema};
use tidegate_emulator::settings::Settings;

use super::support::*;

fn ids(events: &[ConsumerEvent]) -> Vec<Vec<u8>> {
    events.iter().map(|e| e.replay_id.clone()).collect()
}

#[tokio::test]
async fn from_the_beginning_the_end_and_the_middle() {
    let bench = Bench::start(Settings { keep_alive_ms: 50, ..Settings::default() }).await;
    bench.create(1..=10, "");
    let all = bench.subscribe(earliest(ALL, 10)).await.events(10).await;
    let ids = ids(&all);
    assert!(ids.iter().all(|id| id.len() == 10) && ids.is_sorted_by(|a, b| a < b), "in order, without equals");

    let rest = bench.subscribe(after(ALL, &ids[6], 10)).await.events(3).await;
    assert_eq!(rest, all[7..], "an event is the same whenever it is read");
    let rest = bench.subscribe(after(WIDGETS, &ids[6][..8], 10)).await.events(3).await;
    assert_eq!(rest, all[7..], "eight bytes are enough");

    let mut newest = bench.subscribe(latest(ALL, 10)).await;
    // The empty answer says that the stream is in place.
    assert!(newest.next().await.unwrap().unwrap().events.is_empty());
    bench.create([11], "new");
    let fresh = newest.events(1).await;
    assert!(fresh[0].replay_id > ids[9]);
    let fields = bench.decode(&fresh[0]).await;
    assert_eq!(get(&fields, "Name").cloned(), text("N-11"));
    assert_eq!(get(&fields, "Notes__c").cloned(), text("new"));
}

#[tokio::test]
async fn never_more_than_was_asked_for() {
    let bench = Bench::start(Settings { idle_stream_ms: 300, ..Settings::default() }).await;
    bench.create(1..=250, "");
    let mut stream = bench.subscribe(earliest(ALL, 7)).await;
    let answer = stream.next().await.unwrap().unwrap();
    assert_eq!((answer.events.len(), answer.pending_num_requested), (7, 0));
    assert_eq!(answer.latest_replay_id, answer.events[6].replay_id, "no further than what was delivered");
    stream.ask(100_000).await;
    let answer = stream.next().await.unwrap().unwrap();
    assert_eq!((answer.events.len(), answer.pending_num_requested), (100, 0), "demand is capped");
    stream.ask(3).await;
    stream.ask(4).await;
    stream.events(7).await;
    // Nothing is asked for any more: the stream ends in order.
    assert_eq!(stream.next().await.unwrap(), None);
}

#[tokio::test]
async fn demand_that_is_left_over_is_told() {
    let bench = Bench::start(Settings::default()).await;
    bench.create(1..=3, "");
    let mut stream = bench.subscribe(earliest(ALL, 5)).await;
    let answer = stream.next().await.unwrap().unwrap();
    assert_eq!((answer.events.len(), answer.pending_num_requested), (3, 2));
    bench.create(4..=9, "");
    let answer = stream.next().await.unwrap().unwrap();
    assert_eq!((answer.events.len(), answer.pending_num_requested), (2, 0));
}

#[tokio::test]
async fn silence_is_broken_by_positions_that_run_ahead() {
    let bench = Bench::start(Settings { keep_alive_ms: 50, ..Settings::default() }).await;
    bench.create([1], "");
    let mut stream = bench.subscribe(earliest(ALL, 5)).await;
    let mut last = stream.events(1).await[0].replay_id.clone();
    for _ in 0..3 {
        let answer = stream.next().await.unwrap().unwrap();
        assert_eq!((answer.events.len(), answer.pending_num_requested), (0, 4));
        assert!(answer.latest_replay_id > last);
        last = answer.latest_replay_id;
    }
    bench.create([2], "");
    let resumed = bench.subscribe(after(ALL, &last, 5)).await.events(1).await;
    assert_eq!(get(&bench.decode(&resumed[0]).await, "Name").cloned(), text("N-2"));
}

#[tokio::test]
async fn a_half_closed_stream_ends_in_order() {
    let bench = Bench::start(Settings::default()).await;
    bench.create([1], "");
    let mut stream = bench.subscribe(earliest(ALL, 5)).await;
    stream.events(1).await;
    drop(stream.requests);
    assert_eq!(stream.answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn one_object_or_all() {
    let bench = Bench::start(Settings::default()).await;
    bench.create([1], "");
    bench.create_in("Contact", [2], "Email", "a@b.example");
    bench.create([3], "");
    let all = bench.subscribe(earliest(ALL, 9)).await.events(3).await;
    let widgets = bench.subscribe(earliest(WIDGETS, 9)).await.events(2).await;
    assert_eq!(widgets, [all[0].clone(), all[2].clone()]);
    let contacts = bench.subscribe(earliest("/data/ContactChangeEvent", 9)).await.events(1).await;
    assert_eq!(get(&bench.decode(&contacts[0]).await, "Email").cloned(), text("a@b.example"));
}

#[tokio::test]
async fn an_object_may_change_under_a_stream() {
    let bench = Bench::start(Settings::default()).await;
    let mut stream = bench.subscribe(earliest(WIDGETS, 9)).await;
    bench.create([1], "");
    {
        let mut org = bench.state.org.write();
        let mut schema = Schema::clone(&org.schema);
        assert!(schema.add_fields("Widget__c", [Field::text("Later__c", "Later", 80)]));
        org.schema = Arc::new(schema);
    }
    bench.create_in("Widget__c", [2], "Later__c", "late");
    let events = stream.events(2).await;
    let schemas: HashSet<_> = events.iter().map(|e| e.event.as_ref().unwrap().schema_id.clone()).collect();
    assert_eq!(schemas.len(), 2);
    assert_eq!(get(&bench.decode(&events[0]).await, "Later__c"), None);
    assert_eq!(get(&bench.decode(&events[1]).await, "Later__c").cloned(), text("late"));
}

#[tokio::test]
async fn large_events_are_spread_over_answers() {
    let bench = Bench::start(Settings::default()).await;
    let note = "Ж".repeat(131_072);
    for number in 1..=40 {
        bench.create([number], &note);
    }
    // Ten megabytes, to a client that takes four in one message.
    let events = bench.subscribe(earliest(ALL, 100)).await.events(40).await;
    assert_eq!(get(&bench.decode(&events[39]).await, "Notes__c").cloned(), text(&note));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_writing_goes_on() {
    let bench = Arc::new(Bench::start(Settings::default()).await);
    let mut stream = bench.subscribe(earliest(ALL, 20)).await;
    let (mut seen, total) = (Vec::new(), 2_000);
    let writer = tokio::task::spawn_blocking({
        let bench = bench.clone();
        move || (0..total).for_each(|number| bench.create([number], ""))
    });
    while seen.len() < total as usize {
        let answer = stream.next().await.unwrap().unwrap();
        seen.extend(ids(&answer.events));
        if answer.pending_num_requested < 10 {
            stream.ask(20 - answer.pending_num_requested).await;
        }
    }
    writer.await.unwrap();
    let kept: Vec<_> = bench.state.org.read().events.iter().map(|e| e.replay_id.to_bytes().to_vec()).collect();
    assert_eq!(seen, kept);
}
