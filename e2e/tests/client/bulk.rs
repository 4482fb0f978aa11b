//! Whole Bulk queries, record writers, lists of jobs, and Bulk API 1.0.

use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::json;
use tidegate_client::bulk::{IngestOperation, IngestSpec, JobFilter, JobState, JobType, QueryOperation, Wait};
use tidegate_client::bulk1::{BatchState, Concurrency, JobSpec, Operation, PkChunking};
use tidegate_client::{Client, Error};

use crate::support::world;

async fn count(org: &Client, filter: &str) -> u64 {
    org.query_page(format!("SELECT COUNT() FROM {filter}")).await.unwrap().total_size
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Account.Name")]
    account: Option<String>,
    #[serde(rename = "IsDeleted")]
    is_deleted: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_query_by_one_page_or_several_at_a_time() {
    let world = world(2500).await;
    let org = &world.org;
    let soql = "SELECT Id, Account.Name, IsDeleted FROM Contact ORDER BY Id";
    let mut seen: Option<Vec<String>> = None;
    for parallel in [1, 3] {
        // The answer is cut in its middle, twice: the rows still come once each.
        for _ in 0..2 {
            world.control("faults", json!({"match": {"path": "/results"}, "action": {"cut_after_bytes": 3000}})).await;
        }
        world.control("tokens/expire", json!({})).await;
        let query = org.bulk().query(soql).page_rows(700).parallel(parallel);
        let results = query.start().await.unwrap();
        let job = results.job().id.clone();
        assert_eq!(results.columns(), ["Id", "Account.Name", "IsDeleted"]);
        let rows: Vec<Row> = results.records().try_collect().await.unwrap();
        assert_eq!(rows.len() as u64, count(org, "Contact").await);
        assert!(rows.iter().any(|row| row.account.is_some()) && rows.iter().all(|row| !row.is_deleted));
        let ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
        assert!(ids.is_sorted(), "in order");
        assert_eq!(*seen.get_or_insert(ids.clone()), ids);
        // It is gone when all has been read.
        assert_eq!(org.bulk().query_job(&job).await.unwrap_err().status(), Some(404));
    }
    let kept = org.bulk().query("SELECT Id FROM Account").keep().start().await.unwrap();
    let id = kept.job().id.clone();
    drop(kept);
    let mut again = org.bulk().resume(&id, Wait::default()).await.unwrap();
    while again.next_rows().await.unwrap().is_some() {}
    assert_eq!(again.rows_read(), count(org, "Account").await);
    let jobs: Vec<_> = org.bulk().query_jobs(JobFilter::default()).try_collect().await.unwrap();
    assert!(jobs.iter().any(|job| job.id == id && job.created_date.is_some()));
    let error = org.bulk().query("SELECT Nmae FROM Account").start().await.unwrap_err();
    assert!(error.has_code("INVALID_FIELD"), "{error}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_written_by_as_many_jobs_as_they_need() {
    let world = world(50).await;
    let org = &world.org;
    let before = count(org, "Contact").await;
    let mut writer = org.bulk().writer(IngestSpec::new("Contact", IngestOperation::Insert)).part_bytes(4000);
    for n in 0..500 {
        let record =
            json!({"LastName": format!("Writer \"{n}\",\n"), "FirstName": null, "Email": format!("w{n}@example.com")});
        writer.write(&record).await.unwrap();
    }
    let error = writer.write(&json!({"LastName": "x", "Nonsense": 1})).await.unwrap_err();
    assert!(error.to_string().contains("record 501") && error.to_string().contains("Nonsense"), "{error}");
    assert_eq!(writer.records(), 500);
    let jobs = writer.finish(Wait::default()).await.unwrap();
    assert!(jobs.len() > 3, "{}", jobs.len());
    assert_eq!(jobs.iter().map(|job| job.successful).sum::<u64>(), 500);
    assert_eq!(count(org, "Contact").await, before + 500);
    assert_eq!(count(org, "Contact WHERE LastName LIKE 'Writer %' AND FirstName = null").await, 500);

    // A writer that is given up has written nothing, and its job is aborted.
    let mut writer = org.bulk().writer(IngestSpec::new("Contact", IngestOperation::Insert));
    for _ in 0..3000 {
        writer.write(&json!({"LastName": "Given up", "Description": "x".repeat(100)})).await.unwrap();
    }
    drop(writer);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let filter = JobFilter { job_type: Some(JobType::V2Ingest), pk_chunking: None };
    loop {
        let jobs: Vec<_> = org.bulk().ingest_jobs(filter).try_collect().await.unwrap();
        if jobs.iter().filter(|job| job.state == JobState::Aborted).count() == 1 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{jobs:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(count(org, "Contact WHERE LastName = 'Given up'").await, 0);

    // An upload whose answer is lost is told, and nothing of it was written.
    let mut writer = org.bulk().writer(IngestSpec::new("Contact", IngestOperation::Insert));
    let lose = json!({"match": {"method": "PUT", "path": "/batches"}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    writer.write(&json!({"LastName": "Lost"})).await.unwrap();
    assert!(matches!(writer.finish(Wait::default()).await, Err(Error::UploadUnknown { .. })));
    assert_eq!(count(org, "Contact WHERE LastName = 'Lost'").await, 0);

    let spec = IngestSpec::new("Contact", IngestOperation::Insert);
    let summary = org.bulk().ingest_small(spec, "LastName\nSmall\n\"\"\n", Wait::default()).await.unwrap();
    assert_eq!((summary.successful, summary.failed), (1, 1));
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_1_reads_in_chunks_and_writes_in_order() {
    let world = world(1200).await;
    let org = &world.org;
    let bulk = org.bulk1();
    let total = count(org, "Contact").await;

    for chunking in [None, Some(PkChunking { chunk_size: Some(300), ..PkChunking::default() })] {
        let chunked = chunking.is_some();
        let soql = "SELECT Id, LastName FROM Contact";
        let mut rows = bulk.query("Contact", soql, QueryOperation::Query, chunking, Wait::default()).await.unwrap();
        let mut ids = std::collections::BTreeSet::new();
        while let Some(part) = rows.next_rows().await.unwrap() {
            let id = rows.columns().iter().position(|column| column == "Id").unwrap();
            ids.extend(part.iter().filter_map(|row| row.get(id)).map(str::to_owned));
        }
        assert_eq!((ids.len() as u64, rows.rows_read()), (total, total));
        let batches = bulk.batches(&rows.job().id).await.unwrap();
        assert_eq!(batches.len() > 1, chunked, "{batches:?}");
        assert_eq!(batches[0].state == BatchState::NotProcessed, chunked);
    }

    world.control("tokens/expire", json!({})).await;
    let mut spec = JobSpec::new("Contact", Operation::Ingest(IngestOperation::Insert));
    spec.concurrency = Concurrency::Serial;
    let job = bulk.create_job(spec).await.unwrap();
    let csv = "LastName,FirstName\nOne,x\n,missing\nThree,\"a\nb\"\n";
    let batch = bulk.add_batch(&job, csv).await.unwrap();
    let lose = json!({"match": {"method": "POST", "path": "/batch"}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    let error = bulk.add_batch(&job, "LastName\nPerhaps\n").await.unwrap_err();
    assert!(matches!(error, Error::UploadUnknown { .. }), "{error}");
    bulk.close_job(&job.id).await.unwrap();
    let batches = bulk.wait(&job.id, Wait::default()).await.unwrap();
    assert_eq!(batches.len(), 2, "the lost answer's batch is there");
    let mut results = bulk.results(&job, &batch.id).await.unwrap();
    let results = results.next().await.unwrap().unwrap();
    assert_eq!(results.iter().map(|result| result.success).collect::<Vec<_>>(), [true, false, true]);
    assert!(results[1].error.as_deref().unwrap().starts_with("REQUIRED_FIELD_MISSING"));
    let mut sent = bulk.request(&job.id, &batch.id).await.unwrap();
    let mut bytes = vec![];
    while let Some(chunk) = sent.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes, csv.as_bytes());
    let done = bulk.job(&job.id).await.unwrap();
    assert_eq!((done.state.as_str(), done.batches, done.records_failed), ("Closed", 2, 1));

    let error = bulk.add_batch(&job, "LastName\nLate\n").await.unwrap_err();
    assert!(error.has_code("InvalidJobState"), "{error:?}");
    let error = bulk.job("750000000000001AAA").await.unwrap_err();
    assert!(matches!(error, Error::Api { ref errors, .. } if !errors.is_empty()), "{error:?}");
    world.emulator.stop().await.unwrap();
}
