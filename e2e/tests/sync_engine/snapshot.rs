//! Loading.

use serde_json::json;
use tidegate_emulator::faults::{Action, Match, Plan};
use tidegate_emulator::settings::Settings;
use tidegate_sync::{Mode, Outcome, Pipeline, Progress, VerifyOptions};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, settings, within};

const ALL: &[&str] = &["Account", "Contact", "Lead", "Opportunity", "Case", "Task", "Event", "User"];

fn every(path: &str, action: Action, times: u64) -> Plan {
    Plan { matching: Match { path: Some(path.into()), times: Some(times), ..Match::default() }, action }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_org_arrives_equal() {
    let bench = Bench::start(settings(), 300, ALL).await;
    let told = bench.sync().await;
    bench.assert_equal().await;
    let published: Vec<&str> = told
        .iter()
        .filter_map(|p| match p {
            Progress::Published { object, .. } => Some(object.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(published.len(), ALL.len());
    assert_eq!(told.first(), Some(&Progress::Marking { channel: "/data/ChangeEvents".into() }));
    // Told by our own comparison as well, cheaply and value by value.
    for fields in [false, true] {
        let report = bench.verify(VerifyOptions { repair: false, fields }).await;
        assert!(report.is_equal(), "{report:#?}");
        assert!(report.tables.iter().all(|t| t.calls > 0 && t.ranges > 0));
    }
    // A second run has nothing to load.
    let told = bench.sync().await;
    assert!(!told.iter().any(|p| matches!(p, Progress::JobCreated { .. })), "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_many_and_read_at_the_same_time() {
    let bench = Bench::start(Settings { bulk_page_rows: 17, ..settings() }, 500, &["Contact", "Account"]).await;
    let told = bench.sync().await;
    let pages = told.iter().filter(|p| matches!(p, Progress::Page { object, .. } if object == "Contact")).count();
    assert!(pages > 25, "{pages} pages");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_page_is_counted_and_read_again() {
    let bench = Bench::start(Settings { bulk_page_rows: 100, ..settings() }, 500, &["Contact"]).await;
    bench.emulator.faults().plan(every("/results", Action::truncate_rows(3), 2));
    bench.emulator.faults().plan(every("/results", Action::cut_after_bytes(2_000), 2));
    let told = bench.sync().await;
    let retries = told.iter().filter(|p| matches!(p, Progress::Retrying { .. })).count();
    assert!(retries >= 2, "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_org_is_busy_and_the_token_ends() {
    let bench = Bench::start(Settings { bulk_page_rows: 50, ..settings() }, 300, &["Contact", "Account"]).await;
    let faults = bench.emulator.faults();
    faults.plan(every("/describe", Action::answer(503, ""), 1));
    faults.plan(every("/jobs/query", Action::lose_answer(), 1));
    faults.plan(every("/resultPages", Action::answer(503, ""), 1));
    faults.plan(Plan {
        matching: Match { path: Some("/results".into()), after: 2, times: Some(2), ..Match::default() },
        action: Action::expire_token(),
    });
    bench.sync().await;
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_while_the_table_is_loaded() {
    let bench = Bench::start(Settings { bulk_page_rows: 20, ..settings() }, 300, &["Contact", "Account"]).await;
    // Each page takes a while, so that the edits fall into the load.
    bench.emulator.faults().plan(every("/results", Action::delay_ms(40), 0));
    let ids = bench.ids("Contact");
    let edits = async {
        for n in 0..30 {
            bench.update("Contact", &ids[n], json!({ "Title": format!("Edit {n}") })).await;
            bench.try_delete("Contact", &ids[100 + n]).await;
            let made = bench.contact(&format!("Made {n}")).await;
            bench.update("Contact", &made, json!({ "LastName": format!("Changed {n}") })).await;
        }
    };
    tokio::join!(bench.sync(), edits);
    bench.emulator.faults().clear();
    bench.sync().await;
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_in_the_middle_it_goes_on_with_the_same_job() {
    let bench = Bench::start(Settings { bulk_page_rows: 10, ..settings() }, 400, &["Contact"]).await;
    bench.emulator.faults().plan(every("/results", Action::delay_ms(30), 0));
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let run = bench.pipeline().on_progress(move |p| {
        if matches!(p, Progress::Page { rows, .. } if rows >= 50) {
            stopper.cancel();
        }
    });
    assert_eq!(within(run.run(Mode::Once, &stop)).await.unwrap(), Outcome::Interrupted);
    drop(run);
    bench.emulator.faults().clear();
    let told = bench.sync().await;
    assert!(told.iter().any(|p| matches!(p, Progress::JobCreated { resumed: true, .. })), "{told:?}");
    let pages = told.iter().filter(|p| matches!(p, Progress::Page { .. })).count();
    assert!(pages < 40, "all {pages} pages were read again");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_gone_is_made_anew() {
    let bench = Bench::start(Settings { bulk_page_rows: 10, ..settings() }, 200, &["Contact"]).await;
    bench.emulator.faults().plan(every("/results", Action::delay_ms(30), 0));
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let job = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let made = job.clone();
    let run = bench.pipeline().on_progress(move |p| match p {
        Progress::JobCreated { job, .. } => *made.lock().unwrap() = job,
        Progress::Page { .. } => stopper.cancel(),
        _ => {}
    });
    within(run.run(Mode::Once, &stop)).await.unwrap();
    drop(run);
    bench.emulator.faults().clear();
    let job = job.lock().unwrap().clone();
    bench.client.bulk().delete_query_job(&job).await.unwrap();
    let told = bench.sync().await;
    assert!(told.iter().any(|p| matches!(p, Progress::JobCreated { resumed: false, .. })), "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_left_out_for_a_while_is_loaded_again() {
    let mut bench = Bench::start(settings(), 100, &["Contact", "Account"]).await;
    bench.sync().await;
    bench.objects = vec!["Account"];
    let contact = bench.ids("Contact")[0].clone();
    bench.update("Contact", &contact, json!({ "Title": "Nobody followed this" })).await;
    bench.sync().await;
    bench.objects = vec!["Contact", "Account"];
    let told = bench.sync().await;
    let reloaded: Vec<_> = told.iter().filter(|p| matches!(p, Progress::Reloading { .. })).collect();
    assert_eq!(reloaded.len(), 1, "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loaded_without_following() {
    let bench = Bench::start(settings(), 100, &["Contact", "Account"]).await;
    let run = bench.pipeline();
    assert_eq!(within(run.run(Mode::Load, &CancellationToken::new())).await.unwrap(), Outcome::Done);
    drop(run);
    assert_eq!(bench.store.follow(), None);
    bench.assert_equal().await;
    // Nobody knows what happened since, so that following begins with a load.
    bench.contact("Later").await;
    bench.sync().await;
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table() {
    let bench = Bench::start(settings(), 0, &["Lead", "User"]).await;
    bench.sync().await;
    assert!(bench.store.rows("Lead").is_empty());
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn into_a_file_and_on_from_there() {
    let bench = Bench::start(Settings { bulk_page_rows: 60, ..settings() }, 300, ALL).await;
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("replica.db").display());
    for round in 0..3 {
        let destination = tidegate_destinations::open(&url.parse().unwrap()).await.unwrap();
        let run = Pipeline::new(bench.client.clone(), destination, bench.options());
        let stop = CancellationToken::new();
        assert_eq!(within(run.run(Mode::Once, &stop)).await.unwrap(), Outcome::Done);
        let report = within(run.verify(VerifyOptions { repair: false, fields: true }, &stop)).await.unwrap();
        assert!(report.is_equal(), "{report:#?}");
        let contacts = report.tables.iter().find(|t| t.object == "Contact").unwrap();
        assert_eq!(contacts.rows, bench.ids("Contact").len() as u64);
        drop(run);
        for id in bench.ids("Contact").iter().skip(round).step_by(9) {
            bench.update("Contact", id, json!({ "LastName": format!("Round {round}"), "Title": null })).await;
        }
        bench.contact("New").await;
    }
}
