//! One budget for an org: the share holds while others spend, reservations are kept, work stops softly and goes on when
//! there is room, and long requests keep to their places.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tidegate_client::budget::Kind;
use tidegate_client::plan::{Api, Facts, Plan, RowsKnown, Task};
use tidegate_client::{BudgetSettings, Client, Error, Limits, Priority, RecordCounts, Versions};
use tidegate_emulator::server::{Config, SeedConfig};
use tidegate_emulator::settings::Settings;

use crate::support::{World, client_config, world, world_of};

const ALLOWED: u64 = 200;

/// An org that allows few requests, of which our share is this many percent.
async fn small(share: f64) -> World {
    let settings = Settings { daily_requests: ALLOWED, ..Settings::default() };
    let seed = Some(SeedConfig { number: 1, contacts: 20 });
    let budget = BudgetSettings { share, normal_stop: 100.0, slow_down: 100.0, ..BudgetSettings::default() };
    world_of(Config { seed, settings, ..Config::default() }, |config| config.budget = budget).await
}

/// What the org itself has counted.
async fn counted(world: &World) -> u64 {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("{}/__emulator/org", world.emulator.url());
    let org: serde_json::Value = http.get(url).send().await.unwrap().json().await.unwrap();
    org["api_requests"].as_u64().unwrap()
}

fn stopped(error: Error) -> tidegate_client::BudgetStop {
    match error {
        Error::Budget(stop) => *stop,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_holds_and_work_goes_on_when_there_is_room() {
    let world = small(50.0).await;
    let org = &world.org;
    // Many at once, more than there is room for.
    let calls = (0..150).map(|_| {
        let org = org.clone();
        tokio::spawn(async move { org.send(&Limits).await.map(drop) })
    });
    let mut went = 0;
    let mut stop = None;
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => went += 1,
            Err(error) => stop = Some(stopped(error)),
        }
    }
    let used = counted(&world).await;
    assert!((90..=100).contains(&used) && went >= 90, "{went} went, {used} counted");
    let stop = stop.unwrap();
    assert_eq!((stop.kind, stop.allowed, stop.by_org), (Kind::Requests, Some(ALLOWED), false));
    let resume_at = stop.resume_at.unwrap();
    let now = org.server_time().unwrap();
    assert!(resume_at > now && resume_at.duration_since(now).as_hours() < 2, "{resume_at} at {now}");
    // The error is typed, says when, and is no storm: the org sees nothing of it.
    for _ in 0..20 {
        stopped(org.query_page("SELECT Id FROM Account").await.unwrap_err());
    }
    assert_eq!(counted(&world).await, used);
    // What costs nothing still goes.
    org.send(&Versions).await.unwrap();
    // A day later there is room; the list of versions tells the time and costs nothing.
    world.control("clock", json!({"advance_ms": 26 * 3_600_000})).await;
    org.send(&Versions).await.unwrap();
    for _ in 0..20 {
        org.send(&Limits).await.unwrap();
    }
    let report = org.budget().report().await.unwrap();
    assert_eq!(report.kind(Kind::Requests).unwrap().used, counted(&world).await);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_spend_and_ours_stops_at_what_the_org_says() {
    let world = small(60.0).await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = client_config(&world.emulator, dir.path());
    config.budget.share = 100.0;
    config.budget.normal_stop = 100.0;
    let other = Client::connect(config).await.unwrap();
    let ours = &world.org;
    let mut mine = 0;
    let error = loop {
        // The other spends twice as much, and we learn of it from each of our own answers.
        for _ in 0..2 {
            other.send(&Limits).await.unwrap();
        }
        match ours.send(&Limits).await {
            Ok(_) => mine += 1,
            Err(error) => break error,
        }
        let used = counted(&world).await;
        assert!(used <= 120, "{used} used, by us too");
    };
    assert!((30..=41).contains(&mine), "{mine}");
    let stop = stopped(error);
    assert!(stop.to_string().contains("normal work stops at"), "{stop}");
    // Somebody else spends all of it. We do not add to that.
    while other.send(&Limits).await.is_ok() {}
    let before = counted(&world).await;
    stopped(ours.send(&Limits).await.unwrap_err());
    assert_eq!(counted(&world).await, before);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_org_stops_the_next_ones_before_they_are_sent() {
    let world = small(100.0).await;
    let org = &world.org;
    org.send(&Limits).await.unwrap();
    let refuse = json!({"match": {"path": "/limits"}, "action": {"refuse": "daily_limit"}});
    world.control("faults", refuse).await;
    let error = org.send(&Limits).await.unwrap_err();
    assert!(error.has_code("REQUEST_LIMIT_EXCEEDED"), "{error:?}");
    let before = org.requests_made();
    let stop = stopped(org.query_page("SELECT Id FROM Account").await.unwrap_err());
    assert!(stop.by_org && stop.wait.unwrap() >= Duration::from_secs(14 * 60), "{stop:?}");
    assert_eq!(org.requests_made(), before);
    // Two hours later one looks, finds room, and all of it goes on.
    world.control("clock", json!({"advance_ms": 2 * 3_600_000})).await;
    org.send(&Versions).await.unwrap();
    org.query_page("SELECT Id FROM Account").await.unwrap();
    org.query_page("SELECT Id FROM Account").await.unwrap();
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_keep_room_for_their_job_and_priorities_stop_in_order() {
    let settings = Settings { daily_requests: ALLOWED, ..Settings::default() };
    let seed = Some(SeedConfig { number: 1, contacts: 20 });
    let budget = BudgetSettings {
        share: 90.0,
        normal_stop: 60.0,
        background_stop: 30.0,
        slow_down: 100.0,
        ..Default::default()
    };
    let world = world_of(Config { seed, settings, ..Config::default() }, |config| config.budget = budget).await;
    let org = &world.org;
    org.send(&Limits).await.unwrap();
    let job = org.budget().reserve(Kind::Requests, 60, "a job").await.unwrap();
    // 180 is our share, so normal work stops at 108, with 60 of it set aside; background work has no room any more.
    let error = Priority::Background.run(org.send(&Limits)).await.unwrap_err();
    assert_eq!(stopped(error).priority, Priority::Background);
    while org.send(&Limits).await.is_ok() {}
    let used = counted(&world).await;
    assert!((41..=48).contains(&used), "{used}");
    let left = job.left();
    job.run(async {
        for _ in 0..10 {
            org.send(&Limits).await.unwrap();
        }
    })
    .await;
    assert_eq!(job.left(), left - 10);
    Priority::Interactive.run(org.send(&Limits)).await.unwrap();
    stopped(org.send(&Limits).await.unwrap_err());
    drop(job);
    org.send(&Limits).await.unwrap();
    let none = org.budget().reserve(Kind::Requests, 500, "too large a job").await.unwrap_err();
    assert!(none.to_string().starts_with("too large a job: no room for 500 more API requests"), "{none}");
    // Lost answers count, as the org may have counted them.
    let before = org.budget().report().await.unwrap().kind(Kind::Requests).unwrap().used;
    let lose = json!({"match": {"path": "recordCount"}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    let counts = org.send(&RecordCounts::new(["Account"])).await.unwrap();
    assert!(counts["Account"] > 0);
    let report = org.budget().report().await.unwrap();
    let requests = report.kind(Kind::Requests).unwrap();
    assert_eq!((requests.used, requests.in_flight, requests.reserved), (before + 2, 0, 0), "both attempts are spent");
    assert_eq!(requests.used, counted(&world).await);
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_requests_keep_to_their_places() {
    // By the emulator's settings a request is long after 50 ms, and two may be.
    let settings = Settings { long_request_ms: 50, concurrent_long_requests: 2, ..Settings::default() };
    let seed = Some(SeedConfig { number: 1, contacts: 20 });
    let config = Config { seed, settings, ..Config::default() };
    let world = world_of(config, |config| config.budget.long_requests = Some(2)).await;
    let slow = json!({"match": {"path": "query", "times": 1000}, "action": {"delay_ms": 150}});
    world.control("faults", slow).await;
    let most = Arc::new(AtomicU32::new(0));
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (org, most) = (world.org.clone(), most.clone());
            tokio::spawn(async move {
                let query = Priority::Interactive.run(org.query_page("SELECT Id FROM Account LIMIT 1"));
                let answer = query.await;
                let taken = org.budget().report().await.unwrap().long_requests.taken;
                most.fetch_max(taken, Ordering::Relaxed);
                answer.map(drop)
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(most.load(Ordering::Relaxed) <= 2);
    // Refused all the same, because somebody else holds places: fewer from then on.
    let before = world.org.budget().report().await.unwrap().long_requests;
    world.control("faults", json!({"match": {"path": "limits"}, "action": {"refuse": "concurrent_limit"}})).await;
    world.org.send(&Limits).await.unwrap();
    let after = world.org.budget().report().await.unwrap().long_requests;
    assert!(after.places < before.places && after.taken == 0, "{before:?} {after:?}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kind_of_org_is_asked_when_it_matters() {
    let world = world(20).await;
    let org = &world.org;
    org.query_page("SELECT Id FROM Account").await.unwrap();
    assert_eq!(org.budget().report().await.unwrap().long_requests.allowed, None, "one at a time need not know");
    let slow = json!({"match": {"path": "query", "times": 6}, "action": {"delay_ms": 300}});
    world.control("faults", slow).await;
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let org = org.clone();
            tokio::spawn(async move { org.query_page("SELECT Id FROM Account LIMIT 1").await.map(drop) })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(org.budget().report().await.unwrap().long_requests.allowed, Some(5), "a Developer Edition");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_are_made_of_what_the_org_says() {
    let world = world(300).await;
    let org = &world.org;
    let facts = Facts::of_objects(org, Task::Read, &["contact".into()], &[]).await.unwrap();
    let contact = &facts.objects[0];
    assert_eq!((contact.object.as_str(), contact.rows_known), ("Contact", RowsKnown::RecordCount));
    assert!(contact.rows.low <= 300.0 && contact.rows.high >= 290.0, "{:?}", contact.rows);
    assert!(contact.not_in_bulk.iter().any(|(field, _)| field == "MailingAddress"));
    assert_eq!(facts.allowances[&Kind::QueryJobs].allowed, 10_000);
    let plan = Plan::of(&facts);
    assert_eq!(plan.parts[0].api, Some(Api::Rest));
    // What the plan says, the work costs.
    let before = counted(&world).await;
    org.query_page("SELECT Id FROM Contact").await.unwrap();
    assert_eq!((counted(&world).await - before) as f64, plan.total.calls.high);
    let soql = "SELECT Id FROM Contact WHERE LastName != 'x'";
    let counted = Facts::of_query(org, soql, true).await.unwrap().objects[0].rows;
    assert_eq!(counted.low as u64, org.query_page(soql).await.unwrap().total_size);
    let estimated = Facts::of_query(org, soql, false).await.unwrap();
    assert_eq!(estimated.objects[0].rows_known, RowsKnown::Explained);
    assert!(matches!(Facts::of_query(org, "SELECT Nmae FROM Contact", false).await, Err(Error::Config { .. })));
    world.emulator.stop().await.unwrap();
}
