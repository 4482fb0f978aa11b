//! What is planned to happen to Bulk jobs, and that it does.

use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::server::Config;

use crate::common::{Running, answer};
use crate::support::{
    CLASSIC, INGEST, QUERY, classic, count, create, get, has_ended, load, plan, post, query_job, results, start, text,
    until, upload,
};

fn names(from: usize, to: usize) -> String {
    (from..to).fold(String::from("Name\n"), |csv, n| csv + &format!("A{n}\n"))
}

#[tokio::test]
async fn a_job_fails_half_way_and_the_three_result_sets_say_so() {
    let running = start(|_| {}).await;
    let message = "InternalServerError : Batch will not be retried.";
    plan(
        &running,
        "jobs",
        json!({
            "match": { "object": "account", "operation": "insert", "kind": "ingest", "nth": 2 },
            "action": { "fail": { "after_rows": 250, "message": message }, "rows": { "every": 100 } },
        }),
    )
    .await;
    let (_, whole) = load(&running, "Account", "insert", &names(0, 3)).await;
    assert_eq!(whole["state"], "JobComplete", "the first passes");
    let (id, job) = load(&running, "Account", "insert", &names(0, 600)).await;
    assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!(message)));
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(250), &json!(2)));
    let [done, failed, rest] = results(&running, &id).await;
    assert_eq!((done.len(), failed.len(), rest.len()), (248, 2, 350));
    let error = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record: --";
    assert!(failed[0].contains(error) && failed[0].contains("A99"), "{}", failed[0]);
    assert_eq!(rest.first().map(|row| row.trim_matches('"')), Some("A250"));
    assert_eq!(count(&running, "Account").await, 3 + 248);
    let (_, next) = load(&running, "Account", "insert", &names(0, 300)).await;
    assert_eq!(next["state"], "JobComplete", "it was planned for one job");
    let plans = get(&running, "/__emulator/jobs").await;
    assert_eq!((&plans[0]["seen"], &plans[0]["served"]), (&json!(3), &json!(1)));
}

#[tokio::test]
async fn a_job_fails_before_its_first_row() {
    let running = start(|_| {}).await;
    plan(&running, "jobs", json!({ "action": { "fail": {} } })).await;
    let (id, job) = load(&running, "Account", "insert", &names(0, 2)).await;
    assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!("Failed"), &json!(0)));
    assert_eq!(job["errorMessage"], Json::Null);
    let [done, failed, rest] = results(&running, &id).await;
    assert_eq!((done.len(), failed.len(), rest), (0, 0, vec!["A0".to_owned(), "A1".to_owned()]));
    assert_eq!(count(&running, "Account").await, 0);
    plan(&running, "jobs", json!({ "match": { "kind": "query" }, "action": { "fail": { "message": "x : y" } } })).await;
    let (id, job) = query_job(&running, "SELECT Id FROM Account").await;
    assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!("x : y")));
    let (status, body) = answer(running.call(Method::GET, &format!("{QUERY}/{id}/results"))).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALIDJOBSTATE")));
}

#[tokio::test]
async fn rows_of_a_parent_fail_in_both_apis() {
    let running = start(|_| {}).await;
    let parent = create(&running, "Account", json!({ "Name": "Busy" })).await;
    let other = create(&running, "Account", json!({ "Name": "Idle" })).await;
    let rows = json!({ "parents": [&parent[..15]], "status_code": "UNABLE_TO_LOCK_ROW", "message": "busy" });
    plan(&running, "jobs", json!({ "match": { "object": "Contact", "times": 0 }, "action": { "rows": rows } })).await;
    let csv = format!("LastName,AccountId\nA,{parent}\nB,{other}\nC,{}\n", &parent[..15]);
    let (id, job) = load(&running, "Contact", "insert", &csv).await;
    assert_eq!((&job["state"], &job["numberRecordsFailed"]), (&json!("JobComplete"), &json!(2)));
    let [done, failed, _] = results(&running, &id).await;
    assert!(done.len() == 1 && done[0].contains("B"), "{done:?}");
    assert!(failed[1].contains("UNABLE_TO_LOCK_ROW:busy: --"), "{failed:?}");
    let rows = json!([{ "LastName": "D", "AccountId": parent }, { "LastName": "E", "AccountId": other }]);
    let (_, batch, info) = classic(&running, "Contact", rows).await;
    assert_eq!((&info["state"], &info["numberRecordsFailed"]), (&json!("Completed"), &json!(1)));
    let token = &running.emulator.credentials().access_token;
    let result = running.http.get(running.url(&format!("{batch}/result"))).header("X-SFDC-Session", token);
    let (_, result) = answer(result).await;
    assert_eq!(
        (&result[0]["success"], &result[0]["errors"][0]["statusCode"]),
        (&json!(false), &json!("UNABLE_TO_LOCK_ROW"))
    );
    assert_eq!(result[1]["success"], true);
    assert_eq!(count(&running, "Contact").await, 2);
}

#[tokio::test]
async fn a_job_stays_where_it_is_planned_to_by_the_emulator_s_clock() {
    let running = start(|_| {}).await;
    running.emulator.clock().freeze();
    plan(
        &running,
        "jobs",
        json!({ "action": { "upload_complete_ms": 60_000, "in_progress_ms": 30_000, "retries": 3 } }),
    )
    .await;
    let id = upload(&running, "Account", "insert", &names(0, 2)).await;
    let path = format!("{INGEST}/{id}");
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(150));
    pause().await;
    assert_eq!(get(&running, &path).await["state"], "UploadComplete");
    running.emulator.clock().advance(60_000);
    let job = until(&running, &path, |job| job["state"] == "InProgress").await;
    assert_eq!(job["retries"], 3);
    pause().await;
    let job = get(&running, &path).await;
    assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!("InProgress"), &json!(0)));
    running.emulator.clock().advance(30_000);
    assert_eq!(until(&running, &path, has_ended).await["state"], "JobComplete");
    assert_eq!(count(&running, "Account").await, 2);
}

#[tokio::test]
async fn counts_pages_times_and_order_are_off_as_planned() {
    let running = start(|_| {}).await;
    plan(
        &running,
        "jobs",
        json!({ "action": {
        "processed_off": -1, "failed_off": 2, "order": "reversed", "retries": 2, "apex_processing_ms": 11,
        "total_processing_ms": 33, "api_active_processing_ms": 22,
    } }),
    )
    .await;
    let (id, job) = load(&running, "Account", "insert", &names(0, 5)).await;
    let shown = |name: &str| job[name].as_u64().unwrap();
    assert_eq!((shown("numberRecordsProcessed"), shown("numberRecordsFailed"), shown("retries")), (4, 2, 2));
    let times = ["totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime"].map(shown);
    assert_eq!(times, [33, 22, 11]);
    let [done, ..] = results(&running, &id).await;
    assert!(done[0].contains("A4") && done[4].contains("A0"), "{done:?}");

    let soql = "SELECT Name FROM Account ORDER BY Name";
    plan(
        &running,
        "jobs",
        json!({ "match": { "kind": "query" }, "action": {
        "page_rows": 2, "missing_rows": 1, "order": "reversed", "processed_off": 10,
    } }),
    )
    .await;
    let (id, job) = query_job(&running, soql).await;
    assert_eq!(job["numberRecordsProcessed"], 15);
    let page = running.call(Method::GET, &format!("{QUERY}/{id}/results?maxRecords=100")).send().await.unwrap();
    assert_eq!(page.headers()["sforce-numberofrecords"], "2", "what it should have");
    assert_ne!(page.headers()["sforce-locator"], "null");
    assert_eq!(page.text().await.unwrap(), "\"Name\"\n\"A4\"\n", "and what it has");
    let pages = get(&running, &format!("{QUERY}/{id}/resultPages")).await;
    assert_eq!(pages["resultPages"].as_array().map(Vec::len), Some(3));
    let (id, _) = query_job(&running, soql).await;
    let whole = text(&running, &format!("{QUERY}/{id}/results")).await;
    assert_eq!(whole, "\"Name\"\n\"A0\"\n\"A1\"\n\"A2\"\n\"A3\"\n\"A4\"\n", "the next is as it should be");
}

#[tokio::test]
async fn a_batch_fails_half_way_and_others_do_not() {
    let running = start(|_| {}).await;
    plan(
        &running,
        "jobs",
        json!({ "match": { "kind": "batch" }, "action": {
        "fail": { "after_rows": 1, "message": "TooManyLockFailure : too many" }, "retries": 4,
    } }),
    )
    .await;
    let rows = json!([{ "Name": "A" }, { "Name": "B" }]);
    let (job, _, batch) = classic(&running, "Account", rows.clone()).await;
    assert_eq!((&batch["state"], &batch["stateMessage"]), (&json!("Failed"), &json!("TooManyLockFailure : too many")));
    assert_eq!(batch["numberRecordsProcessed"], 1);
    assert!(job.starts_with(CLASSIC));
    assert_eq!(count(&running, "Account").await, 1);
    let (_, _, batch) = classic(&running, "Account", rows).await;
    assert_eq!(batch["state"], "Completed");
    assert_eq!(count(&running, "Account").await, 3);
}

#[tokio::test]
async fn plans_are_checked_listed_and_dropped() {
    let running = start(|_| {}).await;
    for wrong in
        [json!({ "action": {} }), json!({ "action": { "rows": { "every": 0 } } }), json!({ "action": { "x": 1 } })]
    {
        assert_eq!(post(&running, "/__emulator/jobs", wrong).await.0, 400);
    }
    plan(&running, "jobs", json!({ "action": { "fail": {} } })).await;
    plan(&running, "jobs", json!({ "action": { "retries": 1 } })).await;
    assert_eq!(answer(running.call(Method::DELETE, "/__emulator/jobs/1")).await.0, 204);
    assert_eq!(answer(running.call(Method::DELETE, "/__emulator/jobs/1")).await.0, 404);
    assert_eq!(get(&running, "/__emulator/jobs").await.as_array().map(Vec::len), Some(1));
    assert_eq!(answer(running.call(Method::POST, "/__emulator/reset")).await.0, 204);
    assert_eq!(get(&running, "/__emulator/jobs").await, json!([]));
    let (_, job) = load(&running, "Account", "insert", &names(0, 2)).await;
    assert_eq!((&job["state"], &job["retries"]), (&json!("JobComplete"), &json!(0)));
}

#[tokio::test]
async fn a_job_keeps_what_was_planned_for_it_when_the_org_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config { dir: Some(dir.path().to_owned()), ..Config::default() };
    let running = Running::start(config()).await;
    let message = "InternalServerError : later";
    let fail = json!({ "fail": { "after_rows": 1, "message": message }, "upload_complete_ms": 3_600_000 });
    plan(&running, "jobs", json!({ "action": fail })).await;
    let id = upload(&running, "Account", "insert", &names(0, 3)).await;
    running.emulator.stop().await.unwrap();
    let running = Running::start(config()).await;
    let path = format!("{INGEST}/{id}");
    assert_eq!(get(&running, &path).await["state"], "UploadComplete");
    assert_eq!(get(&running, "/__emulator/jobs").await, json!([]), "plans are for this run, but for what was taken");
    let moved = post(&running, "/__emulator/clock", json!({ "advance_ms": 3_600_000 })).await;
    assert_eq!(moved.0, 200);
    let job = until(&running, &path, has_ended).await;
    assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!(message)));
    assert_eq!(count(&running, "Account").await, 1);
}
