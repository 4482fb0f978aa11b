//! What the network, the org and the process may do in the middle of a load.

use serde_json::json;
use tidegate_emulator::faults::{Action, Refusal};
use tidegate_sync::load::{Earlier, Halt, Known, LoadOperation, LoadProgress, Source, Transport, prepare};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, contacts, read_results};

const INGEST: &str = "/jobs/ingest";
const COLLECTIONS: &str = "/composite/sobjects";

fn insert() -> LoadOperation {
    LoadOperation::Insert
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_answer_is_lost_is_made_again_with_another_job() {
    let bench = Bench::start().await;
    bench.world.plan("/batches", 0, 2, Action::lose_answer());
    let loaded = bench.load(contacts("R", 300), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.jobs.len()), (300, 3));
    let states: Vec<_> = loaded.report.jobs.iter().map(|job| job.state.as_deref().unwrap()).collect();
    assert_eq!(states, ["Aborted", "Aborted", "JobComplete"]);
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_never_gets_through_writes_nothing() {
    let bench = Bench::start().await;
    bench.world.plan("/batches", 0, 0, Action::lose_answer());
    let loaded = bench.load(contacts("R", 50), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!(loaded.report.tally.unprocessed, 50);
    assert!(matches!(loaded.report.halt, Some(Halt::Org(_))));
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_in_the_middle_leaves_the_rest() {
    let bench = Bench::start().await;
    bench.plan_job(json!({"match": {"nth": 2}, "action": {"fail": {"after_rows": 70, "message": "InternalServerError : no luck"}}}));
    let mut options = bench.options(insert(), Transport::Bulk);
    (options.part_rows, options.parallel_jobs) = (100, 1);
    let loaded = bench.load(contacts("R", 450), options).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.tally.unprocessed), (170, 280));
    assert!(matches!(&loaded.report.halt, Some(Halt::Job { message: Some(m), .. }) if m.contains("no luck")));
    bench.audit_insert(&loaded);
    // What was not processed is a file that can be loaded as it is.
    let unprocessed = std::fs::read_to_string(&loaded.names.results()[2]).unwrap();
    let rest = bench.load(unprocessed, bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!(rest.report.tally.succeeded, 280);
    let all = bench.stored("Contact", "LastName");
    let loaded: Vec<_> =
        all.values().flatten().filter(|name| name.starts_with('R') && name[1..].parse::<u32>().is_ok()).collect();
    assert_eq!(loaded.len(), 450);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_the_org_refuses_after_all_is_told_and_nothing_is_written() {
    let bench = Bench::start().await;
    bench.plan_job(json!({"action": {"fail": {"message": "InvalidBatch : Field name not found : X"}}}));
    let loaded = bench.load(contacts("R", 20), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!(loaded.report.tally.unprocessed, 20);
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_job_is_aborted_on_request_and_accounted_for() {
    let bench = Bench::start().await;
    bench.plan_job(json!({"match": {"nth": 2}, "action": {"in_progress_ms": 3_600_000}}));
    let mut options = bench.options(insert(), Transport::Bulk);
    (options.part_rows, options.parallel_jobs) = (100, 2);
    let stop = CancellationToken::new();
    let stopper = async {
        let closed = || bench.world.requests(INGEST).iter().filter(|r| r.method == "PATCH").count() >= 2;
        bench.world.until("two jobs", closed).await.unwrap();
        stop.cancel();
    };
    // The stuck one holds the window: of five parts the last ones are never begun.
    let (loaded, ()) = tokio::join!(bench.load_until(contacts("R", 500), options, stop.clone()), stopper);
    let loaded = loaded.unwrap();
    assert!(matches!(loaded.report.halt, Some(Halt::Interrupted)));
    assert!(loaded.report.tally.unprocessed >= 200, "{:?}", loaded.report.tally);
    assert_eq!(loaded.report.tally.unknown, 0);
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_may_end_at_every_step() {
    let bench = Bench::start().await;
    for (n, (path, transport)) in [
        ("/jobs/ingest", Transport::Bulk),
        ("/batches", Transport::Bulk),
        ("/successfulResults", Transport::Bulk),
        ("/failedResults", Transport::Bulk),
        (COLLECTIONS, Transport::Collections),
    ]
    .into_iter()
    .enumerate()
    {
        for after in 0..4 {
            let plan = bench.world.plan(path, after, 1, Action::expire_token());
            // Rows that only the org refuses, so that there are failed results to read.
            let csv = contacts(&format!("T{n}x{after}x"), 410).replace("F,\"some, text\nof 7\"", "F,#N/A");
            let mut options = bench.options(insert(), transport);
            options.part_rows = 200;
            bench.plan_job(json!({
                "match": {"times": 0},
                "action": {"rows": {"every": 50, "status_code": "ENTITY_IS_LOCKED", "most": 1}}
            }));
            // Of the three parts the last one is too short.
            let refused = if transport == Transport::Bulk { 2 } else { 0 };
            let loaded = bench.load(csv, options).await.unwrap();
            assert!(loaded.report.halt.is_none(), "{path} {after}: {:?}", loaded.report.halt);
            assert_eq!(
                (loaded.report.tally.succeeded, loaded.report.tally.failed),
                (410 - refused, refused),
                "{path} {after}"
            );
            bench.world.emulator.org().write().jobs.plans.clear();
            bench.audit_insert(&loaded);
            bench.world.emulator.faults().remove(plan);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_close_is_cleared_up_by_the_job_itself() {
    let bench = Bench::start().await;
    for (times, lost) in [(1, 0), (3, 0), (0, 0)] {
        bench.world.emulator.faults().clear();
        let matching = tidegate_emulator::faults::Match {
            method: Some("PATCH".into()),
            path: Some(INGEST.into()),
            times: Some(times),
            ..Default::default()
        };
        bench.world.emulator.faults().plan(tidegate_emulator::faults::Plan { matching, action: Action::lose_answer() });
        let loaded =
            bench.load(contacts(&format!("P{times}x"), 60), bench.options(insert(), Transport::Bulk)).await.unwrap();
        assert_eq!((loaded.report.tally.succeeded, loaded.report.tally.unknown), (60, lost), "{times}");
        bench.audit_insert(&loaded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_that_falls_silent_behind_a_close_leaves_rows_unknown() {
    let bench = Bench::start().await;
    // Everything after the upload is refused; the close before it gets through, and its answer is lost.
    let plan = |method: &str, after, action| {
        let matching = tidegate_emulator::faults::Match {
            method: Some(method.into()),
            path: Some(INGEST.into()),
            after,
            times: Some(0),
            ..Default::default()
        };
        bench.world.emulator.faults().plan(tidegate_emulator::faults::Plan { matching, action });
    };
    plan("PATCH", 0, Action::lose_answer());
    // The look before the upload.
    plan("GET", 1, Action::refuse(Refusal::DailyLimit));
    let loaded = bench.load(contacts("R", 40), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!(loaded.report.tally.unknown, 40);
    assert_eq!(loaded.report.unknown[0].job.as_deref(), Some(loaded.report.jobs[0].id.as_str()));
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_insert_by_collections_is_never_sent_again() {
    let bench = Bench::start().await;
    bench.world.plan(COLLECTIONS, 1, 1, Action::lose_answer());
    let loaded = bench.load(contacts("R", 700), bench.options(insert(), Transport::Collections)).await.unwrap();
    let tally = loaded.report.tally;
    assert_eq!((tally.succeeded, tally.unknown, tally.unprocessed), (200, 200, 300));
    assert!(matches!(loaded.report.halt, Some(Halt::Unknown(_))));
    assert_eq!(bench.world.requests(COLLECTIONS).len(), 2);
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_sent_twice_is() {
    let bench = Bench::start().await;
    let upsert = LoadOperation::Upsert { external_id: "Ext_Id__c".into() };
    let csv =
        |name: &str| (0..250).fold("LastName,Ext_Id__c\n".to_owned(), |csv, n| csv + &format!("{name}{n},E-{n}\n"));
    bench.world.plan(COLLECTIONS, 0, 2, Action::lose_answer());
    let made = bench.load(csv("A"), bench.options(upsert, Transport::Collections)).await.unwrap();
    assert_eq!(made.report.tally.succeeded, 250);
    assert!(made.report.created <= 50, "whether the lost ones were made, nobody can say");
    bench.audit_insert(&made);

    let ids: Vec<String> = made.told.values().map(|told| told.id.clone()).collect();
    let csv = ids.iter().enumerate().fold("LastName,Id\n".to_owned(), |csv, (n, id)| csv + &format!("B{n},{id}\n"));
    bench.world.plan(COLLECTIONS, 0, 1, Action::lose_answer());
    let changed = bench.load(csv, bench.options(LoadOperation::Update, Transport::Collections)).await.unwrap();
    assert_eq!(changed.report.tally.succeeded, 250);
    let names = bench.stored("Contact", "LastName");
    assert!(ids.iter().enumerate().all(|(n, id)| names[id] == Some(format!("B{n}"))));

    let csv = ids.iter().fold("Id\n".to_owned(), |csv, id| csv + id + "\n");
    bench.world.plan(COLLECTIONS, 0, 1, Action::lose_answer());
    let gone = bench.load(csv, bench.options(LoadOperation::Delete, Transport::Collections)).await.unwrap();
    assert_eq!(gone.report.tally.succeeded, 250, "{:?}", gone.report.failures);
    let names = bench.stored("Contact", "LastName");
    assert!(ids.iter().all(|id| !names.contains_key(id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_could_not_be_locked_go_again_and_no_others() {
    let bench = Bench::start().await;
    // By Bulk: every seventh row in the first job, every third of those in the second.
    bench.plan_job(json!({"action": {"rows": {"every": 7}}}));
    bench.plan_job(json!({"match": {"after": 1}, "action": {"rows": {"every": 3}}}));
    let loaded = bench.load(contacts("R", 700), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.lock_retries), (700, 100 + 33));
    assert_eq!(loaded.report.jobs.iter().map(|job| job.rows).collect::<Vec<_>>(), [700, 100, 33]);
    bench.audit_insert(&loaded);
    // Not for ever.
    bench.plan_job(json!({"match": {"times": 0}, "action": {"rows": {"every": 1, "most": 5}}}));
    let loaded = bench.load(contacts("S", 20), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.tally.failed), (15, 5));
    assert_eq!(loaded.report.failures[0].code, "UNABLE_TO_LOCK_ROW");
    bench.audit_insert(&loaded);
    // By collections: for each record, and for the call as a whole.
    for (tag, action) in
        [("U", Action { lock_rows: true, ..Action::default() }), ("V", Action::refuse(Refusal::RowLock))]
    {
        bench.world.plan(COLLECTIONS, 0, 1, action);
        let loaded = bench.load(contacts(tag, 30), bench.options(insert(), Transport::Collections)).await.unwrap();
        assert_eq!((loaded.report.tally.succeeded, loaded.report.lock_retries), (30, 30), "{tag}");
        bench.audit_insert(&loaded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_reached_ends_the_load_and_says_what_is_left() {
    let bench = Bench::start().await;
    bench.world.plan(COLLECTIONS, 2, 0, Action::refuse(Refusal::DailyLimit));
    let loaded = bench.load(contacts("R", 900), bench.options(insert(), Transport::Collections)).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.tally.unprocessed), (400, 500));
    assert!(matches!(&loaded.report.halt, Some(Halt::Org(error)) if error.has_code("REQUEST_LIMIT_EXCEEDED")));
    bench.audit_insert(&loaded);

    let bench = Bench::with(|settings| settings.daily_ingest_records = 150).await;
    let mut options = bench.options(insert(), Transport::Bulk);
    (options.part_rows, options.parallel_jobs) = (100, 1);
    let loaded = bench.load(contacts("R", 300), options).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.tally.unprocessed), (100, 200));
    assert!(matches!(&loaded.report.halt, Some(Halt::Job { message: Some(m), .. }) if m.starts_with("ExceededQuota")));
    bench.audit_insert(&loaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_come_short_or_are_miscounted_are_read_again() {
    let bench = Bench::start().await;
    let cut = Action::cut_after_bytes(900);
    bench.world.plan("/successfulResults", 0, 2, cut);
    let loaded = bench.load(contacts("R", 300), bench.options(insert(), Transport::Bulk)).await.unwrap();
    assert_eq!(loaded.report.tally.succeeded, 300);
    bench.audit_insert(&loaded);
    for off in [-3, 3] {
        bench.plan_job(json!({"action": {"processed_off": off}}));
        let tag = if off < 0 { "M" } else { "N" };
        let loaded = bench.load(contacts(tag, 30), bench.options(insert(), Transport::Bulk)).await.unwrap();
        assert_eq!(loaded.report.tally.succeeded, 30, "{off}");
        bench.audit_insert(&loaded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_between_check_and_load_writes_nothing() {
    let bench = Bench::start().await;
    for transport in [Transport::Bulk, Transport::Collections] {
        let options = bench.options(insert(), transport);
        let names = options.names.clone();
        let path = bench.file(contacts("R", 30));
        let told = std::sync::Arc::new(|_: LoadProgress| {});
        let prepared = prepare(bench.world.client.clone(), Source::File(path.clone()), options, told).await.unwrap();
        std::fs::write(&path, contacts("Q", 30)).unwrap();
        let report = prepared.run(CancellationToken::new()).await.unwrap();
        assert!(matches!(report.halt, Some(Halt::FileChanged)), "{:?}", report.halt);
        assert_eq!((report.tally.unprocessed, read_results(&names).len()), (30, 30));
        assert!(!bench.stored("Contact", "LastName").values().flatten().any(|name| name == "Q0" || name == "R0"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_of_a_load_that_did_not_end_says_what_is_known() {
    let bench = Bench::start().await;
    let options = bench.options(insert(), Transport::Collections);
    let ledger = options.names.ledger();
    bench.load(contacts("R", 500), options).await.unwrap();
    let whole = std::fs::read_to_string(&ledger).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    // A crash after any line, and one in the middle of it.
    let mut seen = vec![];
    for cut in 0..=lines.len() {
        let half = lines.get(cut).map_or("", |line| &line[..line.len() / 2]);
        std::fs::write(&ledger, lines[..cut].join("\n") + "\n" + half).unwrap();
        let earlier = Earlier::read(&ledger, vec![]).unwrap();
        if cut >= 2 {
            assert_eq!(earlier.stretches.iter().map(|s| s.rows).sum::<u64>(), 500, "{cut}: {earlier:?}");
        }
        assert_eq!(earlier.ended.is_some(), cut == lines.len());
        let rows =
            |is: fn(&Known) -> bool| earlier.stretches.iter().filter(|s| is(&s.known)).map(|s| s.rows).sum::<u64>();
        seen.push((
            rows(|k| matches!(k, Known::Accounted(_))),
            rows(|k| *k == Known::Sent),
            rows(|k| *k == Known::NotBegun),
        ));
    }
    assert!(seen.windows(2).all(|two| two[0].0 <= two[1].0), "{seen:?}");
    assert!(seen.contains(&(200, 200, 100)) && seen.contains(&(0, 200, 300)), "{seen:?}");
    assert_eq!(seen.last(), Some(&(500, 0, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_refused_for_one_record_is_halved_until_the_others_are_through() {
    let bench = Bench::start().await;
    let refusal = || {
        Action::answer(400, r#"[{"errorCode":"JSON_PARSER_ERROR","message":"Cannot deserialize instance of date"}]"#)
    };
    // The whole call, its first half, and so on down to one record.
    bench.world.plan(COLLECTIONS, 0, 8, refusal());
    let loaded = bench.load(contacts("R", 128), bench.options(insert(), Transport::Collections)).await.unwrap();
    assert_eq!((loaded.report.tally.succeeded, loaded.report.tally.failed), (127, 1));
    assert!(loaded.report.halt.is_none());
    bench.audit_insert(&loaded);
    // When every record is refused so, it is not the records.
    bench.world.plan(COLLECTIONS, 0, 0, refusal());
    let loaded = bench.load(contacts("S", 400), bench.options(insert(), Transport::Collections)).await.unwrap();
    assert_eq!(loaded.report.tally.succeeded, 0);
    assert!(loaded.report.tally.failed <= 10 && loaded.report.halt.is_some(), "{:?}", loaded.report.tally);
    assert!(bench.world.requests(COLLECTIONS).len() < 60);
    bench.audit_insert(&loaded);
}
