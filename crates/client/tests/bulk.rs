//! Bulk 2.0 over a real socket: pages that are whole, cut and short; uploads whose answer is lost.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::TryStreamExt;
use support::{Reply, Request, Server, json, refused};
use tidegate_client::{
    Error,
    bulk::{CsvPage, IngestOperation, IngestResults, IngestSpec, Locator, QueryOperation, UPLOAD_BYTES_MAX, Wait},
};

const JOB: &str = r#"{"id":"750x","operation":"query","object":"Account","state":"JobComplete","apiVersion":66.0,"lineEnding":"LF","columnDelimiter":"COMMA","numberRecordsProcessed":3,"numberRecordsFailed":1}"#;
const CSV: &str = "\"Id\",\"Name\"\n\"1\",\"a \"\"b\"\"\n,c\"\n\"2\",\"\"\n\"3\",\"\u{1F600}\"\n";

fn job(state: &str) -> Reply {
    json(200, &JOB.replace("JobComplete", state))
}

fn csv(body: &str, rows: u64, next: &str) -> Reply {
    Reply::Answer(200, vec![("content-type".into(), "text/csv".into())], body.as_bytes().to_vec())
        .with("sforce-numberofrecords", &rows.to_string())
        .with("sforce-locator", next)
}

fn wait() -> Wait {
    Wait { first: Duration::from_millis(1), cap: Duration::from_millis(5), deadline: Duration::from_secs(5) }
}

async fn read(mut page: CsvPage) -> Result<Vec<Vec<String>>, Error> {
    let mut all = vec![];
    while let Some(rows) = page.next_rows().await? {
        all.extend(rows.iter().map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>()));
    }
    Ok(all)
}

/// Answers the job's own resources and leaves the results to the script.
async fn with_results(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::new(move |request| if request.target.contains("/results") { script(request) } else { job("JobComplete") })
        .await
}

#[tokio::test]
async fn a_job_is_created_waited_for_and_read() {
    let polls = AtomicUsize::new(0);
    let server = Server::new(move |request| match (request.method.as_str(), request.target.as_str()) {
        ("POST", "/services/data/v66.0/jobs/query") => job("UploadComplete"),
        ("GET", "/services/data/v66.0/jobs/query/750x") => {
            job(if polls.fetch_add(1, Ordering::SeqCst) < 3 { "InProgress" } else { "JobComplete" })
        }
        ("GET", "/services/data/v66.0/jobs/query/750x/resultPages") => json(200, r#"{"resultPages":[{"resultUrl":"/services/data/v66.0/jobs/query/750x/results?locator=A"},{"resultUrl":"/services/data/v66.0/jobs/query/750x/results?locator=B"}],"nextRecordsUrl":"/services/data/v66.0/jobs/query/750x/resultpages?locator=C","done":false}"#),
        ("GET", "/services/data/v66.0/jobs/query/750x/resultpages?locator=C") => json(200, r#"{"resultPages":[{"resultUrl":"/services/data/v66.0/jobs/query/750x/results?locator=C"}],"done":true}"#),
        ("GET", "/services/data/v66.0/jobs/query/750x/results?maxRecords=2") => csv(CSV, 3, "B"),
        ("GET", "/services/data/v66.0/jobs/query/750x/results?locator=B&maxRecords=2") => csv("\"Id\",\"Name\"\n", 0, "null"),
        _ => refused(404, "NOT_FOUND", "The requested resource does not exist"),
    })
    .await;
    let bulk = server.client().await.bulk();
    let created = bulk.create_query_job("SELECT Id, Name FROM Account", QueryOperation::Query).await.unwrap();
    let job = bulk.wait(&created.id, wait()).await.unwrap();
    let pages = bulk.result_pages(&job).await.unwrap();
    assert_eq!(pages, ["A", "B", "C"].map(Locator::new));

    let page = bulk.download(&job, &Locator::first(), Some(2)).await.unwrap();
    assert_eq!(page.columns(), ["Id", "Name"]);
    assert_eq!(page.rows_expected(), Some(3));
    let next = page.next_page().cloned().unwrap();
    let rows = read(page).await.unwrap();
    assert_eq!(rows, [["1", "a \"b\"\n,c"], ["2", ""], ["3", "\u{1F600}"]]);
    let page = bulk.download(&job, &next, Some(2)).await.unwrap();
    assert_eq!(page.next_page(), None);
    assert!(read(page).await.unwrap().is_empty());
    // A job that is gone counts as deleted.
    bulk.delete_query_job("750gone").await.unwrap();
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let server = Server::new(|_| {
        json(
            200,
            &JOB.replace("JobComplete", "Failed").replace("\"numberRecordsFailed\":1", "\"errorMessage\":\"too much\""),
        )
    })
    .await;
    let error = server.client().await.bulk().wait("750x", wait()).await.unwrap_err();
    assert_eq!(error.to_string(), "job 750x ended as Failed: too much");
}

#[tokio::test]
async fn waiting_has_an_end() {
    let server = Server::new(|_| job("InProgress")).await;
    let short = Wait { deadline: Duration::from_millis(20), ..wait() };
    let error = server.client().await.bulk().wait("750x", short).await.unwrap_err();
    assert!(matches!(error, Error::JobDeadline { .. }), "{error}");
}

#[tokio::test]
async fn a_page_cut_anywhere_is_never_taken_for_whole() {
    let length = CSV.len();
    let cuts = AtomicUsize::new(0);
    let server = with_results(move |_| {
        let cut = cuts.fetch_add(1, Ordering::SeqCst);
        Reply::Cut(200, vec![], length, CSV.as_bytes()[..cut].to_vec())
            .with("sforce-numberofrecords", "3")
            .with("sforce-locator", "null")
    })
    .await;
    let bulk = server.client().await.bulk();
    let job = bulk.query_job("750x").await.unwrap();
    for cut in 0..length {
        let outcome = match bulk.download(&job, &Locator::first(), None).await {
            Ok(page) => read(page).await,
            Err(error) => Err(error),
        };
        let Err(Error::PageCut { expected: 3, got, source: Some(_), .. }) = outcome else {
            panic!("cut at {cut}: {outcome:?}");
        };
        assert!(got <= 3);
    }
}

#[tokio::test]
async fn a_page_with_rows_missing_or_too_many_is_not_taken_for_whole() {
    for (rows, expected_got) in [(4, 3), (2, 3)] {
        let server = with_results(move |_| csv(CSV, rows, "null")).await;
        let bulk = server.client().await.bulk();
        let job = bulk.query_job("750x").await.unwrap();
        let error = read(bulk.download(&job, &Locator::new("L"), None).await.unwrap()).await.unwrap_err();
        let Error::PageCut { expected, got, locator, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*expected, *got, locator.as_deref()), (rows, expected_got, Some("L")));
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_page_that_stops_coming_is_noticed() {
    let server = with_results(|_| {
        Reply::Hang(200, vec![], CSV.len(), CSV.as_bytes()[..20].to_vec()).with("sforce-numberofrecords", "3")
    })
    .await;
    let bulk = server.client().await.bulk();
    let job = bulk.query_job("750x").await.unwrap();
    let page = bulk.download(&job, &Locator::first(), None).await.unwrap();
    let error = read(page).await.unwrap_err();
    assert!(matches!(error, Error::PageCut { .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_without_a_count_is_refused() {
    let server = with_results(|_| Reply::Answer(200, vec![], CSV.as_bytes().to_vec())).await;
    let bulk = server.client().await.bulk();
    let job = bulk.query_job("750x").await.unwrap();
    let error = bulk.result_page(&job, &Locator::first(), None).await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error}");
}

#[tokio::test]
async fn a_compressed_page_is_read_and_a_cut_one_noticed() {
    let big: String = "\"Id\"\n".to_owned() + &(0..5000).map(|n| format!("\"{n}\"\n")).collect::<String>();
    let packed = support::gzip(big.as_bytes());
    for keep in [packed.len(), packed.len() / 2] {
        let packed = packed.clone();
        let server = with_results(move |_| {
            Reply::Answer(200, vec![], packed[..keep].to_vec())
                .with("content-encoding", "gzip")
                .with("sforce-numberofrecords", "5000")
        })
        .await;
        let bulk = server.client().await.bulk();
        let job = bulk.query_job("750x").await.unwrap();
        let outcome = match bulk.download(&job, &Locator::first(), None).await {
            Ok(page) => read(page).await,
            Err(error) => Err(error),
        };
        if keep == big.len().min(packed_len(&big)) {
            assert_eq!(outcome.unwrap().len(), 5000);
        } else {
            assert!(matches!(outcome, Err(Error::PageCut { .. })), "{outcome:?}");
        }
    }
}

fn packed_len(text: &str) -> usize {
    support::gzip(text.as_bytes()).len()
}

#[tokio::test]
async fn a_dead_token_before_a_page_is_renewed() {
    let first = AtomicUsize::new(0);
    let server = with_results(move |_| match first.fetch_add(1, Ordering::SeqCst) {
        0 => refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        _ => csv(CSV, 3, "null"),
    })
    .await;
    let bulk = server.client().await.bulk();
    let job = bulk.query_job("750x").await.unwrap();
    let page = bulk.result_page(&job, &Locator::first(), None).await.unwrap();
    let bytes: Vec<Bytes> = Box::pin(page.csv()).try_collect().await.unwrap();
    assert_eq!(bytes.concat(), CSV.as_bytes());
    assert_eq!(server.sign_ins.load(Ordering::SeqCst), 2);
}

fn stream(
    parts: &[&'static str],
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + Unpin + 'static {
    let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect();
    futures::stream::iter(parts)
}

/// An org with one ingest job whose upload is answered by the script.
async fn with_upload(upload: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    let state = std::sync::Mutex::new("Open");
    Server::new(move |request| match request.method.as_str() {
        "PUT" => upload(request),
        "PATCH" => {
            *state.lock().unwrap() = if request.text().contains("Aborted") { "Aborted" } else { "JobComplete" };
            job("UploadComplete")
        }
        "POST" => {
            *state.lock().unwrap() = "Open";
            job("Open")
        }
        "GET" if request.target.ends_with("successfulResults") => Reply::Answer(
            200,
            vec![],
            b"\"sf__Id\",\"sf__Created\",LastName\n\"003a\",\"true\",\"A\"\n\"003b\",\"true\",\"B\"\n".to_vec(),
        ),
        "GET" if request.target.ends_with("failedResults") => {
            Reply::Answer(200, vec![], b"\"sf__Id\",\"sf__Error\",LastName\n".to_vec())
        }
        _ => job(*state.lock().unwrap()),
    })
    .await
}

#[tokio::test]
async fn a_stream_is_loaded_by_one_job() {
    for length in [None, Some(15)] {
        let server = with_upload(|_| Reply::Answer(201, vec![], vec![])).await;
        let bulk = server.client().await.bulk();
        let summary = bulk
            .ingest(
                IngestSpec::new("Contact", IngestOperation::Insert),
                stream(&["LastName\n", "A\nB\nC\n"]),
                length,
                wait(),
            )
            .await
            .unwrap();
        assert_eq!((summary.successful, summary.failed), (2, 1));
        let seen = server.seen();
        let put: Vec<_> = seen.iter().filter(|request| request.method == "PUT").collect();
        assert_eq!(put.len(), 1);
        assert_eq!(put[0].text(), "LastName\nA\nB\nC\n");
        assert_eq!(put[0].target, "/services/data/v66.0/jobs/ingest/750x/batches");
        assert!(put[0].header("content-type").unwrap().starts_with("text/csv"));
        let closed = seen.iter().find(|request| request.method == "PATCH").unwrap();
        assert_eq!(closed.text(), r#"{"state":"UploadComplete"}"#);

        let page = bulk.results(&summary.job, IngestResults::Successful).await.unwrap();
        assert_eq!(page.columns(), ["sf__Id", "sf__Created", "LastName"]);
        assert_eq!(read(page).await.unwrap().len(), 2);
        // The job says that one row failed, and the results hold none.
        let page = bulk.results(&summary.job, IngestResults::Failed).await.unwrap();
        assert!(matches!(read(page).await, Err(Error::PageCut { expected: 1, got: 0, .. })));
    }
}

#[tokio::test]
async fn an_upload_whose_answer_is_lost_is_never_made_twice() {
    for lost in [Reply::Drop, Reply::Answer(502, vec![], vec![])] {
        let server = with_upload(move |_| lost.clone()).await;
        let bulk = server.client().await.bulk();
        let error = bulk
            .ingest(IngestSpec::new("Contact", IngestOperation::Insert), stream(&["LastName\nA\n"]), None, wait())
            .await
            .unwrap_err();
        assert!(matches!(&error, Error::UploadUnknown { job, .. } if job == "750x"), "{error:?}");
        let seen = server.seen();
        assert_eq!(seen.iter().filter(|request| request.method == "PUT").count(), 1);
        let last = seen.iter().rfind(|request| request.method == "PATCH").unwrap();
        assert_eq!(last.text(), r#"{"state":"Aborted"}"#);
    }
}

#[tokio::test]
async fn an_upload_that_is_too_large_or_cannot_be_read_is_not_closed() {
    let server = with_upload(|_| Reply::Answer(201, vec![], vec![])).await;
    let bulk = server.client().await.bulk();
    let spec = IngestSpec::new("Contact", IngestOperation::Insert);
    let error = bulk.ingest(spec.clone(), stream(&[]), Some(UPLOAD_BYTES_MAX + 1), wait()).await.unwrap_err();
    assert!(matches!(error, Error::UploadTooLarge { .. }), "{error}");

    let broken =
        futures::stream::iter([Ok(Bytes::from_static(b"LastName\n")), Err(std::io::Error::other("the disk is gone"))]);
    let error = bulk.ingest(spec, broken, None, wait()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the disk is gone");
    assert!(server.seen().iter().all(|request| !request.text().contains("UploadComplete")));
}

#[tokio::test]
async fn closing_twice_is_closing() {
    let server = Server::new(|request| match request.method.as_str() {
        "PATCH" => refused(400, "INVALIDJOBSTATE", "Job is not open"),
        _ => job("InProgress"),
    })
    .await;
    let bulk = server.client().await.bulk();
    bulk.close_ingest_job("750x").await.unwrap();
    let error = bulk.abort_ingest_job("750x").await.unwrap_err();
    assert!(error.has_code("INVALIDJOBSTATE"));
}
