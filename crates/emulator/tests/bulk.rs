//! Bulk 2.0 over HTTP: jobs from the first request to the last, and every way they are refused.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Running, answer};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::faults::Action;
use tidegate_emulator::schema::Field;
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;

const INGEST: &str = "/services/data/v66.0/jobs/ingest";
const QUERY: &str = "/services/data/v66.0/jobs/query";

async fn start(settings: Settings) -> Running {
    let running = Running::start(Config { settings, ..Config::default() }).await;
    {
        let mut org = running.emulator.org().write();
        let mut schema = (*org.schema).clone();
        for object in ["Account", "Contact"] {
            assert!(schema.add_fields(object, [Field::external_id("Ext__c", "External", 40, false)]));
        }
        org.schema = Arc::new(schema);
    }
    running
}

async fn create(running: &Running, path: &str, body: Json) -> String {
    let (status, job) = answer(running.call(Method::POST, path).json(&body)).await;
    assert_eq!(status, 200, "{job}");
    job["id"].as_str().unwrap().to_owned()
}

async fn put(running: &Running, id: &str, csv: impl Into<String>) -> (u16, Json) {
    let path = format!("{INGEST}/{id}/batches");
    answer(running.call(Method::PUT, &path).header("content-type", "text/csv").body(csv.into())).await
}

async fn set_state(running: &Running, path: &str, id: &str, state: &str) -> (u16, Json) {
    answer(running.call(Method::PATCH, &format!("{path}/{id}")).json(&json!({ "state": state }))).await
}

/// Waits for a job to end.
async fn ended(running: &Running, path: &str, id: &str) -> Json {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (status, job) = answer(running.call(Method::GET, &format!("{path}/{id}"))).await;
        assert_eq!(status, 200, "{job}");
        if ["JobComplete", "Failed", "Aborted"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn load(running: &Running, job: Json, csv: impl Into<String>) -> (String, Json) {
    let id = create(running, INGEST, job).await;
    assert_eq!(put(running, &id, csv).await.0, 201);
    assert_eq!(set_state(running, INGEST, &id, "UploadComplete").await.0, 200);
    let job = ended(running, INGEST, &id).await;
    (id, job)
}

async fn text(running: &Running, path: &str) -> String {
    let response = running.call(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "text/csv");
    response.text().await.unwrap()
}

/// Rows of a CSV whose values have no quotes, delimiters or newlines in them.
fn rows(csv: &str) -> Vec<Vec<String>> {
    csv.lines().map(|line| line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect()).collect()
}

async fn result(running: &Running, id: &str, set: &str) -> Vec<Vec<String>> {
    rows(&text(running, &format!("{INGEST}/{id}/{set}")).await)
}

#[tokio::test]
async fn an_ingest_job_from_open_to_deleted() {
    let running = start(Settings::default()).await;
    let body = json!({ "object": "contact", "operation": "insert", "externalIdFieldName": "", "concurrencyMode": 0 });
    let (status, job) = answer(running.call(Method::POST, &format!("{INGEST}/")).json(&body)).await;
    assert_eq!(status, 200, "{job}");
    let id = job["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("750") && id.len() == 18);
    assert_eq!(job["object"], "Contact");
    assert_eq!(job["state"], "Open");
    assert_eq!(job["apiVersion"].to_string(), "66.0", "a number");
    assert_eq!(job["contentUrl"], format!("services/data/v66.0/jobs/ingest/{id}/batches"));
    assert!(job.get("jobType").is_none());

    let mut csv = String::from("LastName,Ext__c,Email\n");
    for n in 0..450 {
        let email = if n % 100 == 7 { "not an email" } else { "a@example.com" };
        csv += &format!("Name {n},X-{n},{email}\n");
    }
    assert_eq!(put(&running, &id, csv.clone()).await, (201, Json::Null));
    let (status, error) = put(&running, &id, csv).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("INVALIDJOB")));
    assert!(error[0]["message"].as_str().unwrap().starts_with("Found multiple contents for job"), "{error}");

    let (status, job) = set_state(&running, INGEST, &id, "UploadComplete").await;
    assert_eq!((status, &job["jobType"]), (200, &json!("V2Ingest")));
    assert!(job.get("contentUrl").is_none());
    let job = ended(&running, INGEST, &id[..15]).await;
    assert_eq!(job["state"], "JobComplete", "{job}");
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(450), &json!(5)));

    let good = result(&running, &id, "successfulResults").await;
    assert_eq!(good[0], ["sf__Id", "sf__Created", "LastName", "Ext__c", "Email"]);
    assert_eq!(good.len(), 446);
    assert!(good[1..].iter().all(|row| row[0].starts_with("003") && row[1] == "true"));
    let order: Vec<_> = good[1..].iter().map(|row| row[3].clone()).collect();
    let mut sorted = order.clone();
    sorted.sort_by_key(|ext| ext[2..].parse::<u32>().unwrap());
    assert_ne!(order, sorted, "results come in another order than the upload");
    let bad = result(&running, &id, "FAILEDRESULTS/").await;
    assert_eq!(bad[0], ["sf__Id", "sf__Error", "LastName", "Ext__c", "Email"]);
    assert_eq!(bad.len(), 6);
    assert!(bad[1][1].starts_with("INVALID_EMAIL_ADDRESS:") && bad[1][1].ends_with(":Email --"), "{:?}", bad[1]);
    assert_eq!(result(&running, &id, "unprocessedRecords").await.len(), 1, "only the header");

    let (status, error) = set_state(&running, INGEST, &id, "Aborted").await;
    let expected = json!([{ "message": "Aborting already Completed Job not allowed", "errorCode": "INVALIDJOBSTATE" }]);
    assert_eq!((status, error), (400, expected));
    let events = running.emulator.org().read().events.len();
    assert!(events >= 445, "every created contact is told: {events}");

    assert_eq!(answer(running.call(Method::DELETE, &format!("{INGEST}/{id}"))).await.0, 204);
    let (status, error) = answer(running.call(Method::GET, &format!("{INGEST}/{id}"))).await;
    let expected = json!([{ "message": "The requested resource does not exist", "errorCode": "NOT_FOUND" }]);
    assert_eq!((status, error), (404, expected));
}

#[tokio::test]
async fn cells_mean_what_they_say() {
    let running = start(Settings::default()).await;
    let insert = json!({ "object": "Account", "operation": "insert" });
    let csv = "Name,Ext__c,Description\n\"Acme, \"\"the\"\" one\",A-1,\"two\nlines\"\nOther,A-2,\n";
    let (_, job) = load(&running, insert, csv).await;
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(2), &json!(0)), "{job}");

    let upsert = json!({ "object": "Contact", "operation": "upsert", "externalIdFieldName": "Ext__c",
        "columnDelimiter": "SEMICOLON", "lineEnding": "CRLF" });
    let csv = "Id;Ext__c;LastName;Title;Account.Ext__c\r\n;C-1;One;Boss;A-1\r\n;C-2;Two;Clerk;nobody\r\n";
    let (id, job) = load(&running, upsert.clone(), csv).await;
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(2), &json!(1)), "{job}");
    assert_eq!(job["externalIdFieldName"], "Ext__c");
    let failed = text(&running, &format!("{INGEST}/{id}/failedResults")).await;
    assert!(failed.starts_with("\"sf__Id\";\"sf__Error\";\"Id\";\"Ext__c\""), "{failed}");
    assert!(
        failed.contains("INVALID_FIELD:Foreign key external ID: nobody not found for field Ext__c in entity Account"),
        "{failed}"
    );
    assert!(failed.ends_with("\r\n"));

    // An empty cell leaves the field alone, #N/A clears it.
    let csv = "Ext__c;LastName;Title;Account.Ext__c\r\nC-1;;#N/A;#N/A\r\n";
    let (id, job) = load(&running, upsert, csv).await;
    assert_eq!(job["numberRecordsFailed"], 0, "{job}");
    let done = text(&running, &format!("{INGEST}/{id}/successfulResults")).await;
    assert!(done.contains(";\"false\";"), "matched, not created: {done}");
    let contacts = query(&running, "SELECT Ext__c, LastName, Title, Account.Name FROM Contact").await;
    assert_eq!(contacts[1], ["C-1", "One", "", ""]);
    let accounts = query_text(&running, "SELECT Name, Description FROM Account ORDER BY Name").await;
    assert_eq!(accounts, "\"Name\",\"Description\"\n\"Acme, \"\"the\"\" one\",\"two\nlines\"\n\"Other\",\"\"\n");
}

async fn query_text(running: &Running, soql: &str) -> String {
    let id = create(running, QUERY, json!({ "operation": "query", "query": soql })).await;
    let job = ended(running, QUERY, &id).await;
    assert_eq!(job["state"], "JobComplete", "{job}");
    text(running, &format!("{QUERY}/{id}/results")).await
}

async fn query(running: &Running, soql: &str) -> Vec<Vec<String>> {
    rows(&query_text(running, soql).await)
}

#[tokio::test]
async fn updates_deletes_and_hard_deletes() {
    let running = start(Settings::default()).await;
    let (id, _) = load(&running, json!({ "object": "Account", "operation": "insert" }), "Name\nA\nB\nC\n").await;
    let made: BTreeMap<String, String> =
        result(&running, &id, "successfulResults").await[1..].iter().map(|r| (r[2].clone(), r[0].clone())).collect();
    let csv = format!("Id,Name\n{},A2\n,none\nrubbish,x\n{},C2\n", made["A"], made["C"]);
    let (id, job) = load(&running, json!({ "object": "Account", "operation": "update" }), csv).await;
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(4), &json!(2)), "{job}");
    let failed = result(&running, &id, "failedResults").await;
    let codes: Vec<_> = failed[1..].iter().map(|r| r[1].split(':').next().unwrap().to_owned()).collect();
    assert!(codes.contains(&"MISSING_ARGUMENT".into()) && codes.contains(&"MALFORMED_ID".into()), "{codes:?}");

    let delete = |id: &str| format!("Id\n{id}\n");
    load(&running, json!({ "object": "Account", "operation": "delete" }), delete(&made["A"])).await;
    load(&running, json!({ "object": "Account", "operation": "hardDelete" }), delete(&made["B"])).await;
    let (id, job) = load(&running, json!({ "object": "Account", "operation": "delete" }), delete(&made["A"])).await;
    assert_eq!(job["numberRecordsFailed"], 1);
    assert_eq!(result(&running, &id, "failedResults").await[1][0], made["A"], "the id that was named");
    assert_eq!(query(&running, "SELECT Name FROM Account").await[1..], [["C2"]]);
    let all = json!({ "operation": "queryAll", "query": "SELECT Name, IsDeleted FROM Account ORDER BY Name" });
    let id = create(&running, QUERY, all).await;
    ended(&running, QUERY, &id).await;
    assert_eq!(result_of(&running, &id).await[1..], [["A2", "true"], ["C2", "false"]]);
}

async fn result_of(running: &Running, id: &str) -> Vec<Vec<String>> {
    rows(&text(running, &format!("{QUERY}/{id}/results")).await)
}

#[tokio::test]
async fn jobs_that_cannot_be_read_fail_and_say_why() {
    let running = start(Settings::default()).await;
    let lf = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF";
    let crlf = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF";
    for (line_ending, csv, message) in [
        ("LF", "Name\r\nA\r\n", lf),
        ("CRLF", "Name\nA\n", crlf),
        ("LF", "Nmae\nA\n", "InvalidBatch : Field name not found : Nmae"),
        ("LF", "\u{feff}Name\nA\n", "InvalidBatch : Field name not found : \u{feff}Name"),
        ("LF", "Name,Nobody.Name\nA,b\n", "InvalidBatch : Field name not found : Nobody.Name"),
        ("LF", "Name,User:Parent.Name\nA,b\n", "InvalidBatch : Field name not found : User:Parent.Name"),
        ("LF", "Name,NAME\nA,b\n", "InvalidBatch : Duplicate field name found : NAME"),
        ("LF", "", "InvalidBatch : Field name not found : "),
    ] {
        let job = json!({ "object": "Account", "operation": "insert", "lineEnding": line_ending });
        let (id, job) = load(&running, job, csv).await;
        assert_eq!((&job["state"], &job["errorMessage"]), (&json!("Failed"), &json!(message)));
        assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(0), &json!(0)));
        assert_eq!(text(&running, &format!("{INGEST}/{id}/unprocessedrecords")).await, csv);
    }
    assert_eq!(query(&running, "SELECT Name FROM Account").await.len(), 1, "nothing was written");
    // A newline of the other kind inside quotes is content; a blank before a quote spoils its row alone.
    let csv = "Name,Description\nA,\"x\r\ny\"\nB, \"z\"\nC,w";
    let (id, job) = load(&running, json!({ "object": "Account", "operation": "insert" }), csv).await;
    assert_eq!((&job["state"], &job["numberRecordsFailed"]), (&json!("JobComplete"), &json!(1)), "{job}");
    assert!(text(&running, &format!("{INGEST}/{id}/failedResults")).await.contains("CLIENTINPUTERROR:"));
}

#[tokio::test]
async fn illegal_requests_are_refused() {
    let running = start(Settings::default()).await;
    for (body, code) in [
        (json!({ "object": "Nothing", "operation": "insert" }), "INVALIDENTITY"),
        (json!({ "object": "Account", "operation": "merge" }), "INVALIDOPERATION"),
        (json!({ "object": "Account", "operation": "Insert" }), "INVALIDOPERATION"),
        (json!({ "object": "Account", "operation": "upsert" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "upsert", "externalIdFieldName": "Name" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "insert", "externalIdFieldName": "Ext__c" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "insert", "lineEnding": "CR" }), "JSON_PARSER_ERROR"),
        (json!({ "object": "Account", "operation": "insert", "colour": "red" }), "JSON_PARSER_ERROR"),
        (json!({ "operation": "insert" }), "INVALIDJOB"),
    ] {
        let (status, error) = answer(running.call(Method::POST, INGEST).json(&body)).await;
        assert_eq!((status, &error[0]["errorCode"]), (400, &json!(code)), "{body}");
    }
    let (status, error) = answer(running.call(Method::POST, INGEST).body("{")).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("JSON_PARSER_ERROR")));
    for (query, code) in [
        ("SELECT Id FRM Account", "MALFORMED_QUERY"),
        ("SELECT Nothing FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT COUNT() FROM Account", "FEATURENOTENABLED"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "FEATURENOTENABLED"),
    ] {
        let body = json!({ "operation": "query", "query": query });
        let (status, error) = answer(running.call(Method::POST, QUERY).json(&body)).await;
        assert_eq!((status, &error[0]["errorCode"]), (400, &json!(code)), "{query}: {error}");
    }
    let id = create(&running, INGEST, json!({ "object": "Account", "operation": "insert" })).await;
    assert_eq!(set_state(&running, INGEST, &id, "UploadComplete").await.1[0]["errorCode"], "INVALIDJOB");
    assert_eq!(set_state(&running, INGEST, &id, "JobComplete").await.1[0]["errorCode"], "INVALIDJOBSTATE");
    let deleted = answer(running.call(Method::DELETE, &format!("{INGEST}/{id}"))).await;
    assert_eq!((deleted.0, &deleted.1[0]["errorCode"]), (400, &json!("API_ERROR")));
    let early = answer(running.call(Method::GET, &format!("{INGEST}/{id}/successfulResults"))).await;
    assert_eq!((early.0, &early.1[0]["errorCode"]), (400, &json!("INVALIDJOBSTATE")));
    assert_eq!(set_state(&running, INGEST, &id, "Aborted").await.1["state"], "Aborted");
    assert_eq!(put(&running, &id, "Name\nA\n").await.0, 400);
    let (status, error) = set_state(&running, INGEST, &id, "UploadComplete").await;
    assert_eq!((status, &error[0]["message"]), (400, &json!("Closing already Aborted Job not allowed")));
    let unknown = answer(running.call(Method::GET, &format!("{QUERY}/{id}"))).await;
    assert_eq!(unknown.0, 404, "an ingest job is no query job");
    let anonymous = answer(running.http.get(running.url(INGEST))).await;
    assert_eq!(
        anonymous,
        (401, json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]))
    );
}

#[tokio::test]
async fn a_multipart_request_is_a_closed_job() {
    let running = start(Settings::default()).await;
    let body = |csv: &str| {
        format!(
            "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
             {{\"object\":\"Account\",\"operation\":\"insert\"}}\r\n--B\r\nContent-Type: text/csv\r\n\
             Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n{csv}\r\n--B--\r\n"
        )
    };
    let post = |csv: &str| {
        let request = running.call(Method::POST, INGEST).header("content-type", "multipart/form-data; boundary=B");
        answer(request.body(body(csv)))
    };
    let (status, job) = post("Name\nParted\n").await;
    assert_eq!((status, &job["state"]), (200, &json!("UploadComplete")), "{job}");
    assert!(job.get("contentUrl").is_none());
    assert_eq!(ended(&running, INGEST, job["id"].as_str().unwrap()).await["numberRecordsProcessed"], 1);
    assert_eq!(post(&format!("Name\n{}\n", "x".repeat(100_000))).await.0, 400);
}

#[tokio::test]
async fn query_results_come_in_pages_by_locator() {
    let running = start(Settings { bulk_page_rows: 3, ..Settings::default() }).await;
    let csv = (0..20).fold(String::from("Name\n"), |csv, n| csv + &format!("A{n:02}\n"));
    load(&running, json!({ "object": "Account", "operation": "insert" }), csv).await;
    let body = json!({ "operation": "query", "query": "SELECT Name FROM Account ORDER BY Name" });
    let (_, job) = answer(running.call(Method::POST, QUERY).json(&body)).await;
    assert_eq!((&job["state"], &job["object"]), (&json!("UploadComplete"), &json!("Account")));
    let id = job["id"].as_str().unwrap().to_owned();
    let job = ended(&running, QUERY, &id).await;
    assert_eq!((&job["jobType"], &job["numberRecordsProcessed"]), (&json!("V2Query"), &json!(20)));

    let mut names = Vec::new();
    let mut locator = String::new();
    let mut sizes = Vec::new();
    while locator != "null" {
        let path = format!("{QUERY}/{id}/results?maxRecords=8&locator={locator}");
        let page = running.call(Method::GET, &path).header("accept", "text/csv").send().await.unwrap();
        locator = page.headers()["sforce-locator"].to_str().unwrap().to_owned();
        sizes.push(page.headers()["sforce-numberofrecords"].to_str().unwrap().to_owned());
        assert!(page.headers().contains_key("sforce-limit-info"));
        let page = rows(&page.text().await.unwrap());
        assert_eq!(page[0], ["Name"], "every page has the header");
        names.extend(page[1..].iter().map(|row| row[0].clone()));
    }
    assert_eq!(sizes, ["8", "8", "4"]);
    let expected: Vec<_> = (0..20).map(|n| format!("A{n:02}")).collect();
    assert_eq!(names, expected);

    let mut url = format!("{QUERY}/{id}/resultPages");
    let (mut names, mut answers) = (Vec::new(), Vec::new());
    loop {
        let (status, pages) = answer(running.call(Method::GET, &url)).await;
        assert_eq!(status, 200);
        let urls = pages["resultPages"].as_array().unwrap();
        answers.push(urls.len());
        for page in urls {
            let page = rows(&text(&running, page["resultUrl"].as_str().unwrap()).await);
            names.extend(page[1..].iter().map(|row| row[0].clone()));
        }
        if pages["done"] == true {
            break;
        }
        url = pages["nextRecordsUrl"].as_str().unwrap().to_owned();
        assert!(url.contains("/resultpages?locator="), "{url}");
    }
    assert_eq!(answers, [5, 2]);
    assert_eq!(names, expected);

    let other_version = format!("{QUERY}/{id}/results").replace("v66.0", "v65.0");
    assert_eq!(answer(running.call(Method::GET, &other_version)).await.0, 409);
    for wrong in ["locator=%21", "locator=OTk5", "maxRecords=0", "maxRecords=x"] {
        assert_eq!(answer(running.call(Method::GET, &format!("{QUERY}/{id}/results?{wrong}"))).await.0, 400, "{wrong}");
    }
    let empty = query_text(&running, "SELECT Name FROM Account WHERE Name = 'nobody'").await;
    assert_eq!(empty, "\"Name\"\n");
}

#[tokio::test]
async fn a_page_can_be_delivered_short_cut_or_not_at_all() {
    let running = start(Settings::default()).await;
    let csv = (0..50).fold(String::from("Name\n"), |csv, n| csv + &format!("A{n:02}\n"));
    load(&running, json!({ "object": "Account", "operation": "insert" }), csv).await;
    let id = create(&running, QUERY, json!({ "operation": "query", "query": "SELECT Id, Name FROM Account" })).await;
    ended(&running, QUERY, &id).await;
    let url = format!("{QUERY}/{id}/results");
    let faults = running.emulator.faults();
    faults.next("/results", Action::truncate_rows(7));
    let page = running.call(Method::GET, &url).send().await.unwrap();
    assert_eq!(page.headers()["sforce-numberofrecords"], "50");
    assert_eq!(rows(&page.text().await.unwrap()).len(), 1 + 43);
    faults.next("/results", Action::cut_after_bytes(100));
    let page = running.call(Method::GET, &url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.is_err(), "the body breaks off");
    faults.next("/results", Action::lose_answer());
    assert!(running.call(Method::GET, &url).send().await.is_err());
    faults.next("/results", Action::answer(503, "busy"));
    assert_eq!(running.call(Method::GET, &url).send().await.unwrap().status(), 503);
    faults.next("/results", Action::expire_token());
    assert_eq!(running.call(Method::GET, &url).send().await.unwrap().status(), 401);
    let log = running.emulator.state().log.filtered(|r| r.fault.is_some());
    let words: Vec<_> = log.iter().filter_map(|r| r.fault.as_deref()).collect();
    assert_eq!(words, ["7 rows left off", "cut after 100 bytes", "answer lost", "answered 503", "token expired"]);
}

#[tokio::test]
async fn jobs_wait_are_aborted_listed_and_forgotten_by_the_clock() {
    let settings = Settings { bulk_delay_ms: 60_000, ..Settings::default() };
    let running = start(settings).await;
    let body = json!({ "operation": "query", "query": "SELECT Id FROM Account" });
    let id = create(&running, QUERY, body.clone()).await;
    let get = |id: String| answer(running.call(Method::GET, &format!("{QUERY}/{id}")));
    assert_eq!(get(id.clone()).await.1["state"], "UploadComplete");
    let early = answer(running.call(Method::GET, &format!("{QUERY}/{id}/results"))).await;
    assert_eq!((early.0, &early.1[0]["errorCode"]), (400, &json!("INVALIDJOBSTATE")));
    let other = create(&running, QUERY, body).await;
    let (status, job) = set_state(&running, QUERY, &other, "Aborted").await;
    assert_eq!((status, &job["state"]), (200, &json!("Aborted")));
    assert_eq!(set_state(&running, QUERY, &other, "Aborted").await.0, 400);

    let moved = running.http.post(running.url("/__emulator/clock")).json(&json!({ "advance_ms": 60_000 }));
    assert_eq!(answer(moved).await.0, 200);
    assert_eq!(ended(&running, QUERY, &id).await["state"], "JobComplete");
    let open = create(&running, INGEST, json!({ "object": "Account", "operation": "insert" })).await;
    let (_, list) = answer(running.call(Method::GET, &format!("{QUERY}?jobType=V2Query"))).await;
    assert_eq!((list["records"].as_array().unwrap().len(), &list["done"]), (2, &json!(true)));
    assert_eq!(list["nextRecordsUrl"], Json::Null);
    assert!(list["records"][0].get("numberRecordsProcessed").is_none());
    let (_, list) = answer(running.call(Method::GET, &format!("{INGEST}?jobType=Classic"))).await;
    assert_eq!(list["records"], json!([]));

    let day = 24 * 3_600_000;
    running.emulator.org().write().jobs.expire(running.emulator.clock().now() + day);
    let (_, aborted) = answer(running.call(Method::GET, &format!("{INGEST}/{open}"))).await;
    assert_eq!(aborted["state"], "Aborted", "an open job ends after a day");
    running.emulator.clock().advance(8 * day);
    let (_, fresh) = running.jwt(&running.claims()).await;
    let token = fresh["access_token"].as_str().unwrap();
    let (status, _) = answer(running.http.get(running.url(&format!("{QUERY}/{id}"))).bearer_auth(token)).await;
    assert_eq!(status, 404, "results are kept for seven days");
}

#[tokio::test]
async fn allowances_are_kept() {
    let settings = Settings { daily_query_jobs: 1, daily_ingest_records: 3, ..Settings::default() };
    let running = start(settings).await;
    let body = json!({ "operation": "query", "query": "SELECT Id FROM Account" });
    create(&running, QUERY, body.clone()).await;
    let (status, error) = answer(running.call(Method::POST, QUERY).json(&body)).await;
    let message = "Max bulk v2 query jobs (1) per 24 hrs has been reached";
    assert_eq!((status, error), (400, json!([{ "message": message, "errorCode": "LIMIT_EXCEEDED" }])));
    let insert = json!({ "object": "Account", "operation": "insert" });
    assert_eq!(load(&running, insert.clone(), "Name\nA\nB\n").await.1["state"], "JobComplete");
    let (id, job) = load(&running, insert, "Name\nC\nD\n").await;
    assert_eq!(job["state"], "Failed");
    assert!(job["errorMessage"].as_str().unwrap().starts_with("ExceededQuota : "));
    assert_eq!(result(&running, &id, "unprocessedrecords").await.len(), 3);
}

#[tokio::test]
async fn api_calls_are_counted_and_refused_when_used_up() {
    let running = start(Settings { daily_requests: 3, ..Settings::default() }).await;
    for used in 1..=3 {
        let answer = running.call(Method::GET, INGEST).send().await.unwrap();
        assert_eq!(answer.headers()["sforce-limit-info"], format!("api-usage={used}/3"));
    }
    let refused = running.call(Method::GET, INGEST).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let body = r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;
    assert_eq!(refused.text().await.unwrap(), body);
    running.emulator.clock().advance(26 * 3_600_000);
    let (_, fresh) = running.jwt(&running.claims()).await;
    let again = running.http.get(running.url(INGEST)).bearer_auth(fresh["access_token"].as_str().unwrap());
    assert_eq!(again.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_are_compressed_both_ways_when_asked() {
    let running = start(Settings::default()).await;
    let id = create(&running, INGEST, json!({ "object": "Account", "operation": "insert" })).await;
    let csv = (0..300).fold(String::from("Name\n"), |csv, n| csv + &format!("Account number {n}\n"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, csv.as_bytes()).unwrap();
    let upload = running.call(Method::PUT, &format!("{INGEST}/{id}/batches")).header("content-type", "text/csv");
    let upload = upload.header("content-encoding", "gzip").body(packed.finish().unwrap());
    assert_eq!(answer(upload).await.0, 201);
    set_state(&running, INGEST, &id, "UploadComplete").await;
    assert_eq!(ended(&running, INGEST, &id).await["numberRecordsProcessed"], 300);
    let plain = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let url = running.url(&format!("{INGEST}/{id}/successfulResults"));
    let request = plain.get(url).bearer_auth(&running.emulator.credentials().access_token);
    let packed = request.header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    let bytes = packed.bytes().await.unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).unwrap();
    assert_eq!(text.lines().count(), 301);
}
