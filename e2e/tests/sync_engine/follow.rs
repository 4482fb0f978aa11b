//! Following.

use serde_json::json;
use tidegate_emulator::events::{ChangeType, StreamFailure};
use tidegate_emulator::settings::Settings;
use tidegate_sync::{Mode, Outcome, Progress, VerifyOptions};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, settings, within};

const OBJECTS: &[&str] = &["Account", "Contact", "Opportunity", "Case"];

async fn synced() -> Bench {
    let bench = Bench::start(settings(), 100, OBJECTS).await;
    bench.sync().await;
    bench
}

/// Deletes one of these contacts.
async fn try_any(bench: &Bench, ids: &[String]) -> bool {
    for id in ids {
        if bench.try_delete("Contact", id).await {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change() {
    let bench = synced().await;
    let ids = bench.ids("Contact");
    let accounts = bench.ids("Account");
    bench.update("Contact", &ids[0], json!({ "Title": "Captain", "Description": "a\nb 'c' \u{1F600}" })).await;
    bench.update("Contact", &ids[0], json!({ "Title": null })).await;
    bench.update("Contact", &ids[1], json!({ "FirstName": "Grace", "LastName": "Hopper" })).await;
    bench.update("Contact", &ids[2], json!({ "MailingStreet": "1 Main\nSt", "MailingCity": "Zürich" })).await;
    bench.update("Contact", &ids[3], json!({ "Birthdate": "1906-12-09", "AccountId": accounts[0] })).await;
    assert!(try_any(&bench, &ids[4..20]).await);
    let made = bench.contact("New").await;
    bench.update("Contact", &made, json!({ "Email": "new@example.com" })).await;
    let short_lived = bench.contact("Short").await;
    bench.delete("Contact", &short_lived).await;
    bench.update("Account", &accounts[1], json!({ "AnnualRevenue": 123_456_789_012_345_678_i64 })).await;
    bench.update("Account", &accounts[2], json!({ "NumberOfEmployees": 7, "AnnualRevenue": 1 })).await;
    let deals = bench.ids("Opportunity");
    bench.update("Opportunity", &deals[0], json!({ "StageName": "Closed Won", "Amount": 12.34 })).await;
    let told = bench.sync().await;
    bench.assert_equal().await;
    assert!(told.iter().any(|p| matches!(p, Progress::Applied { events, .. } if *events > 0)), "{told:?}");
    assert!(!told.iter().any(|p| matches!(p, Progress::JobCreated { .. } | Progress::ReplayLost { .. })));
    let report = bench.verify(VerifyOptions { repair: false, fields: true }).await;
    assert!(report.is_equal(), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_runs_and_until_it_is_stopped() {
    let bench = synced().await;
    let stop = CancellationToken::new();
    let run = bench.pipeline();
    let edits = async {
        for n in 0..40 {
            let id = bench.contact(&format!("Live {n}")).await;
            bench.update("Contact", &id, json!({ "Title": format!("T{n}") })).await;
            if n % 4 == 0 {
                bench.delete("Contact", &id).await;
            }
        }
        // Stopped when the last of them is there.
        let last = bench.contact("The last one").await;
        while !bench.store.rows("Contact").iter().any(|row| row[0] == tidegate_sync::Cell::Text(last.clone())) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        stop.cancel();
    };
    let (outcome, ()) = within(async { tokio::join!(run.run(Mode::Forever, &stop), edits) }).await;
    assert_eq!(outcome.unwrap(), Outcome::Interrupted);
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_delivered_twice() {
    let bench = synced().await;
    let id = bench.ids("Contact")[0].clone();
    bench.events(|bus| bus.duplicate_next(5));
    for n in 0..5 {
        bench.update("Contact", &id, json!({ "Title": format!("Version {n}") })).await;
    }
    bench.sync().await;
    bench.assert_equal().await;
    bench.update("Contact", &id, json!({ "Title": "The end" })).await;
    bench.sync().await;
    // Old ones again, behind the newer ones.
    bench.events(|bus| bus.duplicate_last(4));
    bench.sync().await;
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gap_events() {
    let bench = synced().await;
    let ids = bench.ids("Contact");
    bench.events(|bus| bus.gap_next(4));
    bench.update("Contact", &ids[0], json!({ "Title": "Nobody tells" })).await;
    bench.contact("Untold").await;
    assert!(try_any(&bench, &ids[10..30]).await);
    bench.update("Contact", &ids[2], json!({ "LastName": "Untold too" })).await;
    // And gaps about a record that is there, one that is not, and a deletion that did not happen.
    for (id, change) in [(&ids[3], ChangeType::Update), (&ids[1], ChangeType::Undelete), (&ids[4], ChangeType::Delete)]
    {
        let record = tidegate_emulator::RecordId::parse(id).unwrap();
        bench.inject(|org, now| org.events.inject_gap(&org.schema, &org.settings, now, "Contact", &[record], change));
    }
    let told = bench.sync().await;
    assert!(told.iter().any(|p| matches!(p, Progress::Reread { .. })), "{told:?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undeleted_records_come_back() {
    let bench = synced().await;
    let ids = bench.ids("Contact");
    assert!(try_any(&bench, &ids).await);
    bench.sync().await;
    bench.assert_equal().await;
    let back = bench.undelete_any("Contact").expect("one was deleted");
    assert!(ids.contains(&back));
    bench.sync().await;
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overflow_and_wildcard_load_the_table_again() {
    let bench = synced().await;
    let tamper = |bench: &Bench| bench.store.tamper("Contact", |rows| drop(rows.pop_first()));
    tamper(&bench);
    bench.inject(|org, now| org.events.inject_overflow(&org.schema, &org.settings, now, "Contact"));
    let told = bench.sync().await;
    assert!(told.iter().any(|p| matches!(p, Progress::Reloading { object, .. } if object == "Contact")), "{told:?}");
    bench.assert_equal().await;
    tamper(&bench);
    bench.inject(|org, now| org.events.inject_wildcard(&org.schema, &org.settings, now, "Contact"));
    bench.contact("After it").await;
    bench.sync().await;
    bench.assert_equal().await;
    let told = bench.sync().await;
    assert!(!told.iter().any(|p| matches!(p, Progress::Reloading { .. })), "the event was passed: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_to_be_patched_is_missing() {
    let bench = synced().await;
    let ids = bench.ids("Case");
    bench.store.tamper("Case", |rows| rows.clear());
    bench.update("Case", &ids[0], json!({ "Subject": "Only this is told" })).await;
    bench.sync().await;
    let report = bench.verify(VerifyOptions { repair: true, fields: false }).await;
    assert!(report.is_equal(), "{report:#?}");
    bench.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_breaks() {
    let bench = synced().await;
    for failure in [StreamFailure::Unavailable, StreamFailure::Internal] {
        bench.events(|bus| bus.fail_stream_after(3, failure));
        for n in 0..8 {
            bench.contact(&format!("Through {n}")).await;
        }
        bench.sync().await;
        bench.assert_equal().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_merged_transactions() {
    let bench = Bench::start(Settings { merged_records: 50, ..settings() }, 400, &["Account", "Contact"]).await;
    bench.sync().await;
    // A parent takes its children along: one transaction, many events.
    let mut deleted = 0;
    for account in bench.ids("Account").iter().take(40) {
        deleted += usize::from(bench.try_delete("Account", account).await);
    }
    assert!(deleted > 5, "{deleted} accounts could be deleted");
    bench.sync().await;
    bench.assert_equal().await;
}
