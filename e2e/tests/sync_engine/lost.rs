//! The position is lost; and what verify finds and mends.

use serde_json::json;
use tidegate_sync::{Progress, VerifyOptions};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, settings, within};

async fn synced() -> Bench {
    let bench = Bench::start(settings(), 150, &["Account", "Contact", "Case"]).await;
    bench.sync().await;
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_replay_id_is_told_and_repaired() {
    let bench = synced().await;
    let ids = bench.ids("Contact");
    bench.update("Contact", &ids[0], json!({ "Title": "Missed" })).await;
    bench.delete("Contact", &ids[1]).await;
    let made = bench.contact("Missed as well").await;
    bench.events(|bus| bus.expire_replay_ids(None));
    let before = bench.store.follow().unwrap();
    let told = bench.sync().await;
    let lost = told.iter().position(|p| matches!(p, Progress::ReplayLost { since } if *since == before.commit_time));
    let repaired = told.iter().filter(|p| matches!(p, Progress::Repaired { .. })).count();
    assert!(lost.is_some() && repaired == 3, "{told:?}");
    assert_ne!(bench.store.follow().unwrap().replay_id, before.replay_id);
    bench.assert_equal().await;
    // And it goes on from there.
    bench.update("Contact", &made, json!({ "Title": "Followed again" })).await;
    let told = bench.sync().await;
    assert!(!told.iter().any(|p| matches!(p, Progress::ReplayLost { .. })), "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_within_the_repair_it_repairs_again() {
    let bench = synced().await;
    let id = bench.ids("Contact")[0].clone();
    bench.update("Contact", &id, json!({ "Title": "Missed" })).await;
    bench.events(|bus| bus.expire_replay_ids(None));
    let before = bench.store.follow().unwrap();
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let run = bench.pipeline().on_progress(move |p| {
        if matches!(p, Progress::Repaired { .. }) {
            stopper.cancel();
        }
    });
    within(run.run(tidegate_sync::Mode::Once, &stop)).await.unwrap();
    drop(run);
    assert_eq!(bench.store.follow().unwrap().replay_id, before.replay_id);
    let told = bench.sync().await;
    assert!(told.iter().any(|p| matches!(p, Progress::ReplayLost { .. })), "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_and_mends() {
    let bench = synced().await;
    bench.store.tamper("Contact", |rows| {
        let ids: Vec<_> = rows.keys().cloned().collect();
        rows.remove(&ids[3]);
        rows.remove(&ids[4]);
        let mut extra = rows[&ids[5]].clone();
        let unknown = format!("{}zzzAAA", &ids[5].0[..12]);
        extra[0] = tidegate_sync::Cell::Text(unknown.clone());
        rows.insert(tidegate_sync::RecordId(unknown), extra);
    });
    let look = VerifyOptions::default();
    let report = bench.verify(look).await;
    assert!(!report.is_equal());
    let contact = report.tables.iter().find(|t| t.object == "Contact").unwrap();
    assert_eq!((contact.found.missing, contact.found.extra, contact.examples.len()), (2, 1, 3), "{contact:?}");
    assert_eq!(contact.left, contact.found);
    let report = bench.verify(VerifyOptions { repair: true, ..look }).await;
    assert!(report.is_equal() && report.tables.iter().any(|t| t.repaired == 3), "{report:#?}");
    bench.assert_equal().await;
    // A value that changed under an unchanged time stamp is seen by comparing values only.
    bench.store.tamper("Contact", |rows| {
        let row = rows.values_mut().next().unwrap();
        let text = row.iter().rposition(|c| matches!(c, tidegate_sync::Cell::Text(_))).unwrap();
        row[text] = tidegate_sync::Cell::Text("0055e000001mKpcAAE".into());
    });
    assert!(bench.verify(look).await.is_equal());
    let report = bench.verify(VerifyOptions { repair: true, fields: true }).await;
    let contact = report.tables.iter().find(|t| t.object == "Contact").unwrap();
    assert_eq!((contact.found.different, contact.left.total()), (1, 0), "{contact:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_was_wrong_when_the_position_was_lost() {
    let bench = synced().await;
    let ids = bench.ids("Contact");
    let two_days = 2 * 24 * 3_600_000;
    bench.emulator.clock().advance(two_days);
    bench.update("Contact", &ids[0], json!({ "Title": "From the future" })).await;
    bench.sync().await;
    bench.assert_equal().await;
    bench.emulator.clock().advance(-two_days);
    bench.update("Contact", &ids[1], json!({ "Title": "Missed, and older than what was seen" })).await;
    bench.events(|bus| bus.expire_replay_ids(None));
    let told = bench.sync().await;
    assert!(told.iter().any(|p| matches!(p, Progress::ReplayLost { .. })), "{told:?}");
    bench.assert_equal().await;
}
