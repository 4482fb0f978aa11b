//! One failure at a time, while a snapshot is taken and while changes are followed: afterwards org and replica are
//! equal, and what has to be said was said.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::collections::BTreeMap;
use std::future::Future;

use futures::StreamExt;
use tidegate_e2e::replica::ReadError;
use tidegate_e2e::{Editor, World, WorldOptions};
use tidegate_emulator::events::StreamFailure;
use tidegate_emulator::faults::Action;
use tidegate_sync::{Outcome, Progress};

const HOUR: i64 = 3_600_000;
const CONCURRENT: &str = r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded."}]"#;

/// Makes something go wrong.
type Harm = Box<dyn Fn(&World) + Send>;

/// How often a fault meets requests of one kind: twice, as what is done about a failure may itself fail. A new token
/// that is refused as well would mean that signing in does not help, so that one comes once.
fn times(action: &Action) -> u64 {
    if action.expire_token { 1 } else { 2 }
}

fn options(seed: u64) -> WorldOptions {
    WorldOptions::new(seed).objects(&["Account", "Contact", "Shipment__c", "Shipment_Line__c"])
}

/// Each fault that can meet a request, by name.
fn faults() -> Vec<(&'static str, Action)> {
    let refusal = |status: u16, code: &str, wait: &str| Action {
        headers: BTreeMap::from([("Retry-After".to_owned(), wait.to_owned())]),
        ..Action::answer(status, format!(r#"[{{"errorCode":"{code}","message":"planned"}}]"#))
    };
    vec![
        ("503 with Retry-After", refusal(503, "SERVER_UNAVAILABLE", "1")),
        ("503 of a proxy", Action::answer(503, "<html>down for maintenance</html>")),
        ("500", refusal(500, "UNKNOWN_EXCEPTION", "0")),
        ("429 with Retry-After", Action { body: None, ..refusal(429, "", "1") }),
        ("too many at once", Action { body: Some(CONCURRENT.to_owned()), ..refusal(403, "", "0") }),
        ("cut before the first byte", Action::cut_after_bytes(0)),
        ("cut after 100 bytes", Action::cut_after_bytes(100)),
        ("cut after 3000 bytes", Action::cut_after_bytes(3000)),
        ("answer lost", Action::lose_answer()),
        ("delayed", Action::delay_ms(300)),
        ("token expired", Action::expire_token()),
    ]
}

/// Runs all of these, some at the same time, and names those that failed.
async fn all<F: Future<Output = Result<(), ReadError>>>(cases: Vec<(String, F)>) {
    let cases = cases.into_iter().map(|(name, case)| async move {
        match tokio::time::timeout(tidegate_e2e::world::DEADLINE * 2, case).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{name}: {error}")),
            Err(_) => Some(format!("{name}: not done in time")),
        }
    });
    let failed: Vec<String> = futures::stream::iter(cases).buffer_unordered(6).filter_map(async |f| f).collect().await;
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn is(condition: bool, what: &str) -> Result<(), ReadError> {
    if condition { Ok(()) } else { Err(format!("this is not so: {what}").into()) }
}

async fn once(world: &World) -> Result<(), ReadError> {
    let outcome = world.once().await.map_err(|error| format!("{error}: {:?}", error.cause))?;
    is(outcome == Outcome::Done, "it was done")
}

async fn synced(seed: u64) -> Result<(World, Editor), ReadError> {
    let world = World::start(options(seed)).await?;
    once(&world).await?;
    world.equal().await?;
    let editor = world.editor(seed).await?;
    Ok((world, editor))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_snapshot() {
    let paths = ["/sobjects/Contact/describe", "*/jobs/query", "*/jobs/query/*/results", "*/jobs/query/*/resultPages"];
    let mut cases = Vec::new();
    for (seed, (path, (name, action))) in
        paths.iter().flat_map(|path| faults().into_iter().map(move |fault| (path, fault))).enumerate()
    {
        cases.push((format!("{name} for {path}"), async move {
            let world = World::start(options(seed as u64)).await?;
            let plan = world.plan(path, 0, times(&action), action);
            once(&world).await?;
            is(world.served(plan) >= 1, "the fault met a request")?;
            world.equal().await
        }));
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_while_following() {
    let paths = ["*/query*", "*PubSub/Subscribe", "*PubSub/GetSchema"];
    let mut cases = Vec::new();
    for (seed, (path, (name, action))) in
        paths.iter().flat_map(|path| faults().into_iter().map(move |fault| (path, fault))).enumerate()
    {
        cases.push((format!("{name} for {path}"), async move {
            let (world, mut editor) = synced(seed as u64).await?;
            let plan = world.plan(path, 0, times(&action), action);
            let follower = world.follow().await?;
            // Events without values are what makes the engine ask.
            world.emulator.org().write().events.gap_next(5);
            editor.sweep(1);
            world.until("the fault met a request", || world.served(plan) >= 1).await?;
            editor.edit_many(5).await;
            world.until_equal().await?;
            is(follower.stop().await? == Outcome::Interrupted, "it followed to the end")
        }));
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_end() {
    let streams: Vec<(&str, Harm)> = vec![
        ("unavailable", Box::new(|w| w.emulator.org().write().events.fail_stream_after(3, StreamFailure::Unavailable))),
        ("refused token", Box::new(|w| w.emulator.org().write().events.fail_stream_after(3, StreamFailure::Auth))),
        ("internal error", Box::new(|w| w.emulator.org().write().events.fail_stream_after(3, StreamFailure::Internal))),
        (
            "revoked tokens",
            Box::new(|w| {
                let mut org = w.emulator.org().write();
                org.access.revoke_all();
                org.events.wake();
            }),
        ),
        (
            "status 14",
            Box::new(|w| {
                w.plan("*PubSub/Subscribe", 0, 3, Action::grpc_status(14));
                w.emulator.org().write().events.fail_stream_after(0, StreamFailure::Unavailable);
            }),
        ),
        (
            "cut between messages",
            Box::new(|w| {
                w.plan("*PubSub/Subscribe", 0, 2, Action::cut_after_messages(1));
                w.emulator.org().write().events.fail_stream_after(0, StreamFailure::Unavailable);
            }),
        ),
        (
            "cut within a message",
            Box::new(|w| {
                w.plan("*PubSub/Subscribe", 0, 2, Action::cut_after_bytes(700));
                w.emulator.org().write().events.fail_stream_after(0, StreamFailure::Unavailable);
            }),
        ),
    ];
    let mut cases = Vec::new();
    for (seed, (name, harm)) in streams.into_iter().enumerate() {
        cases.push((name.to_owned(), async move {
            let (world, mut editor) = synced(seed as u64).await?;
            let follower = world.follow().await?;
            editor.edit_many(3).await;
            world.until_equal().await?;
            let before = world.requests("PubSub/Subscribe").len();
            harm(&world);
            editor.sweep(1);
            editor.edit_many(5).await;
            world.until("it subscribed again", || world.requests("PubSub/Subscribe").len() > before).await?;
            world.until_equal().await?;
            is(follower.stop().await? == Outcome::Interrupted, "it followed to the end")?;
            is(!world.was_told(|p| matches!(p, Progress::ReplayLost { .. })), "the position was good all the time")
        }));
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_repeated_or_say_too_little() {
    fn events(world: &World, harm: impl Fn(&mut tidegate_emulator::Org, i64)) {
        let now = world.emulator.clock().now();
        harm(&mut world.emulator.org().write(), now);
    }
    let before: Vec<(&str, Harm, &str)> = vec![
        ("sent twice", Box::new(|w| events(w, |o, _| o.events.duplicate_next(20))), ""),
        ("gap", Box::new(|w| events(w, |o, _| o.events.gap_next(20))), "Reread"),
    ];
    let after: Vec<(&str, Harm, &str)> = vec![
        ("sent again", Box::new(|w| events(w, |o, _| o.events.duplicate_last(30))), ""),
        (
            "overflow",
            Box::new(|w| {
                events(w, |o, now| {
                    let (schema, settings) = (o.schema.clone(), o.settings.clone());
                    o.events.inject_overflow(&schema, &settings, now, "Contact").unwrap();
                })
            }),
            "Reloading",
        ),
        (
            "wildcard",
            Box::new(|w| {
                events(w, |o, now| {
                    let (schema, settings) = (o.schema.clone(), o.settings.clone());
                    o.events.inject_wildcard(&schema, &settings, now, "Account").unwrap();
                })
            }),
            "Reloading",
        ),
    ];
    let cases = before.into_iter().map(|c| (true, c)).chain(after.into_iter().map(|c| (false, c)));
    let mut all_cases = Vec::new();
    for (seed, (first, (name, harm, told))) in cases.enumerate() {
        all_cases.push((name.to_owned(), async move {
            for following in [true, false] {
                let (world, mut editor) = synced(seed as u64).await?;
                let follower = if following { Some(world.follow().await?) } else { None };
                if first {
                    harm(&world);
                }
                editor.sweep(1);
                editor.edit_many(10).await;
                if !first {
                    harm(&world);
                }
                editor.edit_many(3).await;
                match follower {
                    Some(follower) => {
                        world.until_equal().await?;
                        if !told.is_empty() {
                            world.until_told(told, |p| format!("{p:?}").starts_with(told)).await?;
                        }
                        world.until_equal().await?;
                        is(follower.stop().await? == Outcome::Interrupted, "it followed to the end")?;
                    }
                    None => once(&world).await?,
                }
                world.equal().await?;
                is(told.is_empty() || world.was_told(|p| format!("{p:?}").starts_with(told)), told)?;
            }
            Ok(())
        }));
    }
    all(all_cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_trouble_while_the_snapshot_is_taken() {
    let mut cases = Vec::new();
    for seed in 0..6 {
        cases.push((format!("seed {seed}"), async move {
            let world = World::start(options(seed).contacts(200)).await?;
            let mut editor = world.editor(seed).await?;
            let follower = world.follow().await?;
            world.until_told("pages come", |p| matches!(p, Progress::Page { .. })).await?;
            {
                let mut guard = world.emulator.org().write();
                let (org, now) = (&mut *guard, world.emulator.clock().now());
                org.events.duplicate_next(5);
                org.events.gap_next(5);
                org.events.inject_overflow(&org.schema, &org.settings, now, "Contact")?;
            }
            editor.sweep(1);
            editor.edit_many(20).await;
            if seed % 2 == 0 {
                // The position that the load began with is lost before it was ever followed.
                world.emulator.org().write().events.expire_replay_ids(None);
            }
            editor.edit_many(5).await;
            world.until_equal().await?;
            is(follower.stop().await? == Outcome::Interrupted, "it followed to the end")
        }));
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_page_cut_short_is_noticed_and_fetched_again() {
    for rows in [1, 10, 1000] {
        let world = World::start(options(1).objects(&["Contact"])).await.unwrap();
        let plan = world.plan("*/jobs/query/*/results", 1, 1, Action::truncate_rows(rows));
        once(&world).await.unwrap();
        assert_eq!(world.served(plan), 1);
        let pages = world.requests("/results");
        let short = pages.iter().find(|r| r.fault.is_some()).unwrap();
        assert!(short.status == Some(200) && short.fault.as_ref().unwrap().contains("left off"), "{short:?}");
        let same = pages.iter().filter(|r| r.path == short.path && r.query == short.query).count();
        assert_eq!(same, 2, "{pages:#?}");
        assert!(world.was_told(|p| matches!(p, Progress::Retrying { why, .. } if why.contains("page"))));
        world.equal().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_expire_in_the_middle_of_a_result_download() {
    let world = World::start(options(1).contacts(300)).await.unwrap();
    // Pages of two tables find their token expired, while the first bytes of others are on their way.
    let plans = [
        world.plan("*/jobs/query/*/results?*locator=*", 1, 1, Action::expire_token()),
        world.plan("*/jobs/query/*/results?*locator=*", 10, 1, Action::expire_token()),
    ];
    let sign_ins = world.requests("/services/oauth2/token").len();
    once(&world).await.unwrap();
    assert!(plans.iter().all(|plan| world.served(*plan) == 1));
    let refused = world.requests("/results").iter().filter(|r| r.status == Some(401)).count();
    assert!(refused >= 2, "{refused} pages were refused");
    let more = world.requests("/services/oauth2/token").len() - sign_ins;
    assert!((2..=refused).contains(&more), "{more} sign-ins after {refused} refusals");
    world.equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_replay_id_is_said_and_what_was_missed_is_read() {
    let (world, mut editor) = synced(3).await.unwrap();
    // The hole has everything in it: also what leaves no trace but its absence.
    editor.sweep(1);
    editor.edit_many(40).await;
    for object in ["Contact", "Account", "Shipment__c"] {
        assert!(editor.delete(object) && editor.delete_for_good(object), "{object}");
    }
    world.emulator.org().write().events.expire_replay_ids(None);
    editor.edit_many(5).await;
    assert!(!world.differences().await.unwrap().is_empty());
    once(&world).await.unwrap();
    assert!(world.was_told(|p| matches!(p, Progress::ReplayLost { .. })));
    let repaired = world.told().iter().filter(|p| matches!(p, Progress::Repaired { .. })).count();
    assert_eq!(repaired, world.objects().len());
    world.equal().await.unwrap();
    // From here on it follows as before.
    world.told().clear();
    editor.edit_many(10).await;
    once(&world).await.unwrap();
    assert!(!world.was_told(|p| matches!(p, Progress::ReplayLost { .. })));
    world.equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_ids_expire_while_it_follows_and_edits_go_on() {
    let (world, mut editor) = synced(4).await.unwrap();
    let follower = world.follow().await.unwrap();
    for round in 0..4 {
        editor.edit_many(8).await;
        {
            let events = &mut world.emulator.org().write().events;
            if round % 2 == 0 {
                events.expire_replay_ids(None)
            } else {
                events.reset_positions()
            }
            events.fail_stream_after(0, StreamFailure::Unavailable);
        }
        editor.edit_many(8).await;
        editor.delete_for_good("Contact");
        world.until_equal().await.unwrap();
    }
    assert_eq!(follower.stop().await.unwrap(), Outcome::Interrupted);
    assert!(world.was_told(|p| matches!(p, Progress::ReplayLost { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_jumps() {
    let (world, mut editor) = synced(5).await.unwrap();
    let jump = |hours: i64| {
        let clock = world.emulator.clock();
        clock.advance(hours * HOUR);
        let (mut guard, now) = (world.emulator.org().write(), clock.now());
        let org = &mut *guard;
        org.events.advance(now, &org.settings);
    };
    // While it follows: hours in which tokens expire, then days.
    let follower = world.follow().await.unwrap();
    for hours in [1, 5, 30, 50] {
        editor.edit_many(4).await;
        jump(hours);
        editor.edit_many(4).await;
        world.until_equal().await.unwrap();
    }
    assert_eq!(follower.stop().await.unwrap(), Outcome::Interrupted);
    // While it is stopped, less than events are kept: nothing is lost.
    world.told().clear();
    editor.edit_many(5).await;
    jump(60);
    editor.edit_many(5).await;
    once(&world).await.unwrap();
    assert!(!world.was_told(|p| matches!(p, Progress::ReplayLost { .. })));
    world.equal().await.unwrap();
    // Longer than that: lost, said and mended; also when the recycle bin was emptied meanwhile.
    for hours in [80, 20 * 24] {
        world.told().clear();
        editor.edit_many(10).await;
        assert!(editor.delete("Contact"));
        jump(hours);
        editor.edit_many(5).await;
        once(&world).await.unwrap();
        assert!(world.was_told(|p| matches!(p, Progress::ReplayLost { .. })), "{hours} hours");
        world.equal().await.unwrap();
    }
}
