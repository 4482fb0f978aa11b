//! Random edits, faults, stops and clock jumps, and then the replica is equal. The seed is told when it is not;
//! `TIDEGATE_SEEDS=17..18 cargo test -p tidegate-e2e --test sync_engine random` replays one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tidegate_emulator::events::{ChangeType, StreamFailure};
use tidegate_emulator::faults::{Action, Match, Plan};
use tidegate_emulator::settings::Settings;
use tidegate_sync::{Mode, VerifyOptions};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, settings, within};

const OBJECTS: &[&str] = &["Account", "Contact", "Opportunity"];

fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("TIDEGATE_SEEDS").unwrap_or_else(|_| "0..4".into());
    let (from, to) = given.split_once("..").expect("TIDEGATE_SEEDS is written like 0..200");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_it_ends_equal() {
    for seed in seeds() {
        let told = std::panic::AssertUnwindSafe(one(seed));
        if let Err(panic) = futures::FutureExt::catch_unwind(told).await {
            let command =
                format!("TIDEGATE_SEEDS={seed}..{} cargo test -p tidegate-e2e --test sync_engine random", seed + 1);
            let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            panic!("seed {seed} did not end equal; replay it with: {command}\n{why}");
        }
    }
}

async fn one(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let page_rows = random.random_range(10..80);
    let bench = Bench::start(Settings { bulk_page_rows: page_rows, ..settings() }, 120, OBJECTS).await;
    for _ in 0..random.random_range(2..5) {
        for _ in 0..random.random_range(0..4) {
            disturb(&bench, &mut random);
        }
        let edits = random.random_range(0..25);
        let stop = CancellationToken::new();
        // Some runs are stopped at the n-th thing they tell.
        let left =
            Arc::new(AtomicU32::new(if random.random_bool(0.6) { random.random_range(1..25) } else { u32::MAX }));
        let stopper = stop.clone();
        let run = bench.pipeline().on_progress(move |_| {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                stopper.cancel();
            }
        });
        let (outcome, ()) = within(async {
            tokio::join!(run.run(Mode::Once, &stop), async {
                for _ in 0..edits {
                    edit(&bench, &mut random).await;
                }
            })
        })
        .await;
        outcome.unwrap();
    }
    bench.emulator.faults().clear();
    bench.sync().await;
    bench.assert_equal().await;
    let report = bench.verify(VerifyOptions { repair: false, fields: true }).await;
    assert!(report.is_equal(), "{report:#?}");
}

async fn edit(bench: &Bench, random: &mut StdRng) {
    let object = OBJECTS[random.random_range(0..2)];
    let ids = bench.ids(object);
    let id = ids[random.random_range(0..ids.len())].clone();
    let text = format!("Text {}", random.random::<u32>());
    match (random.random_range(0..12), object) {
        (0..2, "Contact") => drop(bench.contact(&text).await),
        (0..2, _) => drop(bench.create("Account", json!({ "Name": text })).await),
        (2..4, _) => drop(bench.try_delete(object, &id).await),
        (4..6, "Contact") => bench.update(object, &id, json!({ "LastName": text, "MailingCity": text })).await,
        (4..6, _) => {
            bench.update(object, &id, json!({ "AnnualRevenue": random.random_range(0..i64::MAX / 100) })).await
        }
        (6, "Account") => bench.update(object, &id, json!({ "NumberOfEmployees": null, "BillingCity": text })).await,
        (7, "Contact") => bench.update(object, &id, json!({ "Title": null, "Birthdate": "1700-01-01" })).await,
        (8..10, _) => drop(bench.undelete_any(object)),
        _ => bench.update(object, &id, json!({ "Description": format!("{text}\n\"{text}\"") })).await,
    }
}

fn disturb(bench: &Bench, random: &mut StdRng) {
    let times = random.random_range(1..4);
    let fault = |path: &str, action: Action, after: u64| {
        let matching = Match { path: Some(path.into()), after, times: Some(times), ..Match::default() };
        bench.emulator.faults().plan(Plan { matching, action });
    };
    let after = random.random_range(0..5);
    match random.random_range(0..16) {
        0 => bench.events(|bus| bus.duplicate_next(3)),
        1 => bench.events(|bus| bus.duplicate_last(3)),
        2 => bench.events(|bus| bus.gap_next(4)),
        3 => bench.events(|bus| bus.expire_replay_ids(None)),
        4 => bench.events(|bus| bus.fail_stream_after(3, StreamFailure::Unavailable)),
        5 => bench.inject(|org, now| org.events.inject_overflow(&org.schema, &org.settings, now, "Contact")),
        6 => bench.inject(|org, now| org.events.inject_wildcard(&org.schema, &org.settings, now, "Account")),
        7 => {
            let ids = bench.ids("Contact");
            let record = tidegate_emulator::RecordId::parse(&ids[0]).unwrap();
            bench.inject(|org, now| {
                org.events.inject_gap(&org.schema, &org.settings, now, "Contact", &[record], ChangeType::Update)
            });
        }
        8 => fault("/results", Action::truncate_rows(2), after),
        9 => fault("/results", Action::cut_after_bytes(1_500), after),
        10 => fault("/query", Action::answer(503, ""), after),
        11 => fault("/jobs/query", Action::lose_answer(), after),
        // Once: a token that is refused right after it was renewed is an org that does not want us.
        12 => {
            let matching = Match { path: Some("/".into()), after, ..Match::default() };
            bench.emulator.faults().plan(Plan { matching, action: Action::expire_token() });
        }
        13 => fault("Subscribe", Action::cut_after_messages(2), 0),
        // A clock that was wrong for a while, but never by more than the overlap of an hour.
        14 => bench.emulator.clock().advance(random.random_range(0..1_800_000)),
        _ => bench.emulator.clock().advance(-random.random_range(0..1_800_000)),
    }
}
