//! Bulk API 1.0 over HTTP: jobs in XML and JSON, batches of every kind, their states, results and refusals.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::{Running, answer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};
use tidegate_emulator::server::{Config, SeedConfig};
use tidegate_emulator::settings::Settings;

const JOB: &str = "/services/async/62.0/job";

async fn start(settings: Settings) -> Running {
    let seed = Some(SeedConfig { number: 3, contacts: 60 });
    Running::start(Config { settings, seed, ..Config::default() }).await
}

/// A request as clients of 1.0 send it.
fn call(running: &Running, method: Method, path: &str, media_type: &str) -> RequestBuilder {
    let token = &running.emulator.credentials().access_token;
    running.http.request(method, running.url(path)).header("X-SFDC-Session", token).header("content-type", media_type)
}

fn job_xml(members: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">{members}</jobInfo>"
    )
}

async fn text(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The text of the first element with this name.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let rest = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}")).1;
    rest.split_once("</").unwrap().0
}

async fn json_job(running: &Running, body: Json) -> String {
    let (status, job) = answer(call(running, Method::POST, JOB, "application/json").body(body.to_string())).await;
    assert_eq!(status, 201, "{job}");
    assert_eq!(job["state"], "Open");
    job["id"].as_str().unwrap().to_owned()
}

async fn json_batch(running: &Running, job: &str, body: String) -> String {
    let path = format!("{JOB}/{job}/batch");
    let (status, batch) = answer(call(running, Method::POST, &path, "application/json").body(body)).await;
    assert_eq!((status, &batch["state"], &batch["jobId"]), (201, &json!("Queued"), &json!(job)), "{batch}");
    let id = batch["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("751") && id.len() == 18);
    id
}

/// Waits for a batch to end.
async fn ended(running: &Running, job: &str, batch: &str) -> Json {
    let deadline = Instant::now() + Duration::from_secs(30);
    let path = format!("{JOB}/{job}/batch/{batch}");
    loop {
        let request = call(running, Method::GET, &path, "application/json").header("accept", "application/json");
        let (status, info) = answer(request).await;
        assert_eq!(status, 200, "{info}");
        if ["Completed", "Failed", "NotProcessed"].contains(&info["state"].as_str().unwrap()) {
            return info;
        }
        assert!(Instant::now() < deadline, "{info}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn get_json(running: &Running, path: &str) -> Json {
    let (status, body) = answer(call(running, Method::GET, path, "application/json")).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

#[tokio::test]
async fn a_csv_job_in_xml_from_open_to_closed() {
    let running = start(Settings::default()).await;
    let members = "<operation>insert</operation><object>Account</object>\n<contentType>CSV</contentType>";
    let (status, job) =
        text(call(&running, Method::POST, JOB, "application/xml; charset=utf-8").body(job_xml(members))).await;
    assert_eq!(status, 201, "{job}");
    assert!(job.contains("<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">"), "{job}");
    let id = element(&job, "id").to_owned();
    assert!(id.starts_with("750") && id.len() == 18);
    for (name, value) in [
        ("operation", "insert"),
        ("object", "Account"),
        ("state", "Open"),
        ("concurrencyMode", "Parallel"),
        ("contentType", "CSV"),
        ("apiVersion", "62.0"),
        ("numberBatchesTotal", "0"),
        ("numberRetries", "0"),
        ("apexProcessingTime", "0"),
    ] {
        assert_eq!(element(&job, name), value);
    }
    assert!(element(&job, "createdDate").ends_with("000Z"));

    let csv = "Name,Ext_Id__c,NumberOfEmployees\n\"One, \"\"the\"\" first\",B1-1,7\n,B1-2,1\nThree,B1-3,many\n\"Four\nlines\",B1-4,\n";
    let path = format!("{JOB}/{id}/batch");
    let (status, batch) = text(call(&running, Method::POST, &path, "text/csv").body(csv)).await;
    assert_eq!((status, element(&batch, "state")), (201, "Queued"), "{batch}");
    let batch = element(&batch, "id").to_owned();
    let info = ended(&running, &id, &batch).await;
    assert_eq!(info["state"], "Completed", "{info}");
    assert_eq!((&info["numberRecordsProcessed"], &info["numberRecordsFailed"]), (&json!(4), &json!(2)));

    let response = call(&running, Method::GET, &format!("{path}/{batch}/result"), "text/csv").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv");
    let results = response.text().await.unwrap();
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines[0], "\"Id\",\"Success\",\"Created\",\"Error\"");
    assert!(lines[1].starts_with("\"001") && lines[1].ends_with("\",\"true\",\"true\",\"\""), "in order: {results}");
    assert_eq!(
        lines[2],
        "\"\",\"false\",\"false\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\""
    );
    assert!(
        lines[3].starts_with("\"\",\"false\",\"false\",\"") && lines[3].contains("NumberOfEmployees --"),
        "{results}"
    );
    assert!(lines[4].ends_with("\"true\",\"true\",\"\""));

    let (_, sent) = text(call(&running, Method::GET, &format!("{path}/{batch}/request"), "text/csv")).await;
    assert_eq!(sent, csv);
    let (_, list) = text(call(&running, Method::GET, &path, "text/csv")).await;
    assert!(
        list.contains("<batchInfoList") && list.contains(&format!("<batchInfo><id>{batch}</id><jobId>{id}</jobId>"))
    );

    let closed =
        call(&running, Method::POST, &format!("{JOB}/{id}"), "application/xml").body(job_xml("<state>Closed</state>"));
    let (status, job) = text(closed).await;
    assert_eq!((status, element(&job, "state")), (200, "Closed"));
    for (name, value) in
        [("numberBatchesCompleted", "1"), ("numberRecordsProcessed", "4"), ("numberRecordsFailed", "2")]
    {
        assert_eq!(element(&job, name), value);
    }
    let (status, error) = text(call(&running, Method::POST, &path, "text/csv").body(csv)).await;
    assert_eq!((status, element(&error, "exceptionCode")), (400, "InvalidJobState"));
    let again =
        call(&running, Method::POST, &format!("{JOB}/{id}"), "application/xml").body(job_xml("<state>Aborted</state>"));
    let (status, error) = text(again).await;
    assert_eq!((status, element(&error, "exceptionMessage")), (400, "Aborting already Completed Job not allowed"));

    let (_, list) = answer(running.call(Method::GET, "/services/data/v62.0/jobs/ingest?jobType=Classic")).await;
    assert_eq!((&list["records"][0]["id"], &list["records"][0]["jobType"]), (&json!(id), &json!("Classic")));
    let (_, list) = answer(running.call(Method::GET, "/services/data/v62.0/jobs/ingest?jobType=V2Ingest")).await;
    assert_eq!(list["records"], json!([]));
}

#[tokio::test]
async fn a_json_job_as_python_sends_it() {
    let running = start(Settings::default()).await;
    let body = json!({ "operation": "insert", "object": "Contact", "concurrencyMode": 1, "contentType": "JSON" });
    let job = json_job(&running, body).await;
    let rows = json!([
        { "LastName": "Jay", "Birthdate": "1980-02-29", "Ext_Id__c": "J-1", "Newsletter__c": true },
        { "FirstName": "none" },
        { "LastName": "Kay", "Ext_Id__c": "J-2", "Account": { "Name": "no key" } },
    ]);
    let batch = json_batch(&running, &job, rows.to_string()).await;
    let second = json_batch(&running, &job, json!([{ "LastName": "Elle", "Ext_Id__c": "J-3" }]).to_string()).await;
    for path in [format!("{JOB}/{job}"), format!("{JOB}/{job}/batch"), format!("{JOB}/{job}/batch/{batch}")] {
        let told = call(&running, Method::GET, &path, "application/json").send().await.unwrap();
        assert_eq!(told.headers()["content-type"], "application/json", "{path}");
    }
    let info = get_json(&running, &format!("{JOB}/{job}")).await;
    assert_eq!((&info["concurrencyMode"], &info["numberBatchesTotal"]), (&json!("Serial"), &json!(2)));
    assert_eq!(info["apiVersion"].to_string(), "62.0");
    assert_eq!(info["externalIdFieldName"], Json::Null);
    assert_eq!(ended(&running, &job, &batch).await["numberRecordsFailed"], 2);
    assert_eq!(ended(&running, &job, &second).await["numberRecordsFailed"], 0);
    let results = get_json(&running, &format!("{JOB}/{job}/batch/{batch}/result")).await;
    let id = results[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(results[0], json!({ "success": true, "created": true, "id": id, "errors": [] }));
    assert_eq!(
        results[1],
        json!({ "success": false, "created": false, "id": null, "errors": [{
            "message": "Required fields are missing: [LastName]", "fields": ["LastName"],
            "statusCode": "REQUIRED_FIELD_MISSING", "extendedErrorDetails": null }] })
    );
    assert_eq!(results[2]["success"], false);
    assert_eq!(get_json(&running, &format!("{JOB}/{job}/batch/{batch}/request")).await, rows);
    let list = get_json(&running, &format!("{JOB}/{job}/batch")).await;
    assert_eq!(list["batchInfo"].as_array().unwrap().len(), 2);

    let body = json!({ "operation": "upsert", "object": "Contact", "contentType": "JSON", "externalIdFieldName": "Ext_Id__c" });
    let job = json_job(&running, body).await;
    let rows = json!([{ "Id": "", "Ext_Id__c": "J-1", "Birthdate": null }, { "Ext_Id__c": "J-4", "LastName": "New" }]);
    let batch = json_batch(&running, &job, rows.to_string()).await;
    ended(&running, &job, &batch).await;
    let results = get_json(&running, &format!("{JOB}/{job}/batch/{batch}/result")).await;
    assert_eq!((&results[0]["created"], &results[0]["id"]), (&json!(false), &json!(id)));
    assert_eq!(results[1]["created"], true);

    let body = json!({ "operation": "query", "object": "Contact", "contentType": "JSON", "concurrencyMode": 0 });
    let job = json_job(&running, body).await;
    let soql = "SELECT Id, LastName, Birthdate, CreatedDate, Newsletter__c, Score__c, Owner.Name, Account.Owner.Name \
                FROM Contact WHERE Ext_Id__c LIKE 'J-%' ORDER BY Ext_Id__c";
    let batch = json_batch(&running, &job, soql.into()).await;
    assert_eq!(ended(&running, &job, &batch).await["numberRecordsProcessed"], 3);
    let path = format!("{JOB}/{job}/batch/{batch}/result");
    let ids = get_json(&running, &path).await;
    let result = ids[0].as_str().unwrap();
    assert!(result.starts_with("752"));
    let rows = get_json(&running, &format!("{path}/{result}")).await;
    let created = rows[0]["CreatedDate"].as_i64().unwrap();
    assert!((running.emulator.clock().now() - created).abs() < 60_000 && created % 1000 == 0);
    let attributes =
        |kind: &str, id: &str| json!({ "type": kind, "url": format!("/services/data/v62.0/sobjects/{kind}/{id}") });
    let owner = running.emulator.credentials().user_id.clone();
    assert_eq!(
        rows[0],
        json!({ "attributes": attributes("Contact", &id), "Id": id, "LastName": "Jay", "Birthdate": null,
            "CreatedDate": created, "Newsletter__c": true, "Score__c": null,
            "Owner": { "attributes": attributes("User", &owner), "Name": "Ada Admin" }, "Account": null })
    );
    assert_eq!(rows.as_array().unwrap().len(), 3);

    // A date is the millisecond of its midnight.
    let job = json_job(&running, json!({ "operation": "query", "object": "Contact", "contentType": "JSON" })).await;
    let soql = "SELECT Birthdate FROM Contact WHERE Birthdate = 1970-01-02 OR Birthdate = 2000-02-29 LIMIT 1";
    let batch = json_batch(&running, &job, soql.into()).await;
    ended(&running, &job, &batch).await;
    let path = format!("{JOB}/{job}/batch/{batch}/result");
    let result = get_json(&running, &path).await;
    let rows = get_json(&running, &format!("{path}/{}", result[0].as_str().unwrap())).await;
    assert_eq!(rows[0]["Birthdate"], 951_782_400_000_i64);
}

#[tokio::test]
async fn xml_batches_and_their_results() {
    let running = start(Settings::default()).await;
    let members = "<operation>upsert</operation><object>Contact</object><externalIdFieldName>Ext_Id__c</externalIdFieldName>\
                   <contentType>XML</contentType>";
    let (_, job) = text(call(&running, Method::POST, JOB, "application/xml").body(job_xml(members))).await;
    let id = element(&job, "id").to_owned();
    assert_eq!(element(&job, "externalIdFieldName"), "Ext_Id__c");
    let account = "SELECT Ext_Id__c FROM Account WHERE Ext_Id__c != null LIMIT 1";
    let query = format!("/services/data/v62.0/query?q={}", account.replace(' ', "+").replace('=', "%3D"));
    let (_, found) = answer(running.call(Method::GET, &query)).await;
    let account = found["records"][0]["Ext_Id__c"].as_str().unwrap();
    let owner = &running.emulator.credentials().username;
    let xml = format!(
        "<sObjects xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <sObject><Ext_Id__c>X-1</Ext_Id__c><LastName>&lt;Tag&gt; &amp; co</LastName><Title>Boss</Title>\
         <Account><sObject><Ext_Id__c>{account}</Ext_Id__c></sObject></Account>\
         <Owner><sObject><type>User</type><Username>{owner}</Username></sObject></Owner></sObject>\
         <sObject><Ext_Id__c>X-2</Ext_Id__c></sObject></sObjects>"
    );
    let path = format!("{JOB}/{id}/batch");
    let (status, batch) = text(call(&running, Method::POST, &path, "application/xml; charset=UTF-8").body(xml)).await;
    assert_eq!(status, 201, "{batch}");
    let batch = element(&batch, "id").to_owned();
    assert_eq!(ended(&running, &id, &batch).await["numberRecordsFailed"], 1);
    let (_, results) = text(call(&running, Method::GET, &format!("{path}/{batch}/result"), "application/xml")).await;
    assert!(
        results.contains("<result><id>003") && results.contains("<success>true</success><created>true</created>"),
        "{results}"
    );
    assert!(
        results.contains(
            "<errors><fields>LastName</fields><message>Required fields are missing: [LastName]</message>\
             <statusCode>REQUIRED_FIELD_MISSING</statusCode></errors><success>false</success><created>false</created>"
        ),
        "{results}"
    );
    // Cleared by nil, left alone when empty.
    let xml = "<a:sObjects xmlns:a=\"x\" xmlns:xsi=\"y\"><a:sObject><a:Ext_Id__c>X-1</a:Ext_Id__c><a:Title xsi:nil=\"true\"/>\
               <a:LastName></a:LastName></a:sObject></a:sObjects>";
    let (_, batch) = text(call(&running, Method::POST, &path, "text/xml").body(xml)).await;
    let batch = element(&batch, "id").to_owned();
    assert_eq!(ended(&running, &id, &batch).await["numberRecordsFailed"], 0);

    let members = "<operation>query</operation><object>Contact</object><contentType>XML</contentType>";
    let (_, job) = text(call(&running, Method::POST, JOB, "application/xml").body(job_xml(members))).await;
    let id = element(&job, "id").to_owned();
    let path = format!("{JOB}/{id}/batch");
    let soql = "SELECT LastName, Title, Account.Ext_Id__c, Owner.Username FROM Contact WHERE Ext_Id__c = 'X-1'";
    let (_, batch) = text(call(&running, Method::POST, &path, "application/xml").body(soql)).await;
    let batch = element(&batch, "id").to_owned();
    ended(&running, &id, &batch).await;
    let (_, list) = text(call(&running, Method::GET, &format!("{path}/{batch}/result"), "application/xml")).await;
    let result = element(&list, "result");
    let (_, rows) =
        text(call(&running, Method::GET, &format!("{path}/{batch}/result/{result}"), "application/xml")).await;
    let expected = format!(
        "<records xsi:type=\"sObject\"><type>Contact</type><Id xsi:nil=\"true\"/><LastName>&lt;Tag&gt; &amp; co</LastName>\
         <Title xsi:nil=\"true\"/><Account xsi:type=\"sObject\"><type>Account</type><Id xsi:nil=\"true\"/>\
         <Ext_Id__c>{account}</Ext_Id__c></Account><Owner xsi:type=\"sObject\"><type>User</type><Id xsi:nil=\"true\"/>\
         <Username>{owner}</Username></Owner></records></queryResult>"
    );
    assert!(rows.ends_with(&expected), "{rows}\n{expected}");
}

#[tokio::test]
async fn a_query_by_chunks_of_primary_keys_finds_every_row_once() {
    let running = start(Settings::default()).await;
    let members = "<operation>queryAll</operation><object>Contact</object><contentType>CSV</contentType>";
    let request =
        call(&running, Method::POST, JOB, "application/xml").header("Sforce-Enable-PKChunking", "chunkSize=25");
    let (status, job) = text(request.body(job_xml(members))).await;
    assert_eq!(status, 201, "{job}");
    let id = element(&job, "id").to_owned();
    let path = format!("{JOB}/{id}/batch");
    let (_, batch) =
        text(call(&running, Method::POST, &path, "text/csv").body("SELECT Id FROM Contact WHERE LastName != 'nobody'"))
            .await;
    let first = element(&batch, "id").to_owned();
    assert_eq!(ended(&running, &id, &first).await["state"], "NotProcessed");
    let request = call(&running, Method::GET, &path, "text/csv").header("accept", "application/json");
    let (_, list) = answer(request).await;
    let batches = list["batchInfo"].as_array().unwrap();
    assert_eq!(batches.len(), 4, "61 contacts, one of them deleted, in chunks of 25: {list}");
    let mut seen = Vec::new();
    for batch in &batches[1..] {
        let batch = batch["id"].as_str().unwrap();
        assert_eq!(ended(&running, &id, batch).await["state"], "Completed");
        let (_, list) = text(call(&running, Method::GET, &format!("{path}/{batch}/result"), "text/csv")).await;
        let result = element(&list, "result").to_owned();
        let (_, csv) = text(call(&running, Method::GET, &format!("{path}/{batch}/result/{result}"), "text/csv")).await;
        seen.extend(csv.lines().skip(1).map(str::to_owned));
        let (_, soql) = text(call(&running, Method::GET, &format!("{path}/{batch}/request"), "text/csv")).await;
        assert!(soql.starts_with("SELECT Id FROM Contact WHERE LastName != 'nobody' AND Id >= '003"), "{soql}");
    }
    assert_eq!(seen.len(), 61);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 61);
}

#[tokio::test]
async fn batches_wait_fail_and_are_given_up() {
    let running = start(Settings { bulk_delay_ms: 60_000, ..Settings::default() }).await;
    let insert = json!({ "operation": "insert", "object": "Account", "contentType": "JSON" });
    let job = json_job(&running, insert.clone()).await;
    let waiting = json_batch(&running, &job, json!([{ "Name": "never" }]).to_string()).await;
    let path = format!("{JOB}/{job}/batch/{waiting}");
    let (status, error) = answer(call(&running, Method::GET, &format!("{path}/result"), "application/json")).await;
    assert_eq!(
        (status, error),
        (400, json!({ "exceptionCode": "InvalidBatch", "exceptionMessage": "Batch not completed" }))
    );
    let abort = call(&running, Method::POST, &format!("{JOB}/{job}"), "application/json");
    let (status, info) = answer(abort.body(json!({ "state": "Aborted", "id": job }).to_string())).await;
    assert_eq!((status, &info["state"]), (200, &json!("Aborted")));
    assert_eq!(ended(&running, &job, &waiting).await["state"], "NotProcessed");

    let job = json_job(&running, insert).await;
    let broken = json_batch(&running, &job, "[{]".into()).await;
    let query = json_job(&running, json!({ "operation": "query", "object": "Account", "contentType": "CSV" })).await;
    let bad = {
        let path = format!("{JOB}/{query}/batch");
        let (_, xml) =
            text(call(&running, Method::POST, &path, "text/csv").body("SELECT BillingAddress FROM Account")).await;
        element(&xml, "id").to_owned()
    };
    let none = {
        let path = format!("{JOB}/{query}/batch");
        let (_, xml) =
            text(call(&running, Method::POST, &path, "text/csv").body("SELECT Id FROM Account WHERE Name = 'no'"))
                .await;
        element(&xml, "id").to_owned()
    };
    running.emulator.clock().advance(60_000);
    running.emulator.state().bulk_wake.notify_one();
    let info = ended(&running, &job, &broken).await;
    assert_eq!(info["state"], "Failed");
    assert!(info["stateMessage"].as_str().unwrap().starts_with("InvalidBatch : Failed to parse the JSON"), "{info}");
    let info = ended(&running, &query, &bad).await;
    let message = "InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported in Bulk Query";
    assert_eq!((&info["state"], &info["stateMessage"]), (&json!("Failed"), &json!(message)));
    assert_eq!(ended(&running, &query, &none).await["state"], "Completed");
    let path = format!("{JOB}/{query}/batch/{none}/result");
    let (_, list) = text(call(&running, Method::GET, &path, "text/csv")).await;
    let (_, csv) = text(call(&running, Method::GET, &format!("{path}/{}", element(&list, "result")), "text/csv")).await;
    assert_eq!(csv, "Records not found for this query");
}

#[tokio::test]
async fn what_is_refused_is_refused_in_the_form_of_the_request() {
    let running = start(Settings { daily_bulk_batches: 1, ..Settings::default() }).await;
    let post = |body: Json| answer(call(&running, Method::POST, JOB, "application/json").body(body.to_string()));
    for (body, code) in [
        (json!({ "operation": "insert" }), "InvalidJob"),
        (json!({ "operation": "insert", "object": "Nothing__c" }), "InvalidEntity"),
        (json!({ "operation": "merge", "object": "Account" }), "InvalidOperation"),
        (json!({ "operation": "upsert", "object": "Account" }), "InvalidJob"),
        (json!({ "operation": "upsert", "object": "Account", "externalIdFieldName": "Phone" }), "InvalidJob"),
        (json!({ "operation": "insert", "object": "Account", "contentType": "YAML" }), "InvalidJob"),
    ] {
        let (status, error) = post(body.clone()).await;
        assert_eq!((status, &error["exceptionCode"]), (400, &json!(code)), "{body}");
        assert!(error["exceptionMessage"].as_str().is_some_and(|text| !text.is_empty()));
    }
    let (status, error) = post(json!({ "operation": "insert", "object": "Account", "contentType": "ZIP_CSV" })).await;
    assert_eq!((status, &error["exceptionCode"]), (501, &json!("FeatureNotEnabled")));
    let (status, error) = text(call(&running, Method::POST, JOB, "application/xml").body("<jobInfo")).await;
    assert_eq!((status, element(&error, "exceptionCode")), (400, "InvalidJob"));
    assert!(error.contains("<error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">"));

    let none = running.http.get(running.url(&format!("{JOB}/750000000000001"))).header("X-SFDC-Session", "00D!no");
    let (status, error) = text(none).await;
    assert_eq!((status, element(&error, "exceptionCode")), (400, "InvalidSessionId"));
    let (status, error) = text(call(&running, Method::GET, &format!("{JOB}/750000000000001"), "text/csv")).await;
    assert_eq!((status, element(&error, "exceptionCode")), (400, "InvalidJob"));
    let (status, error) = text(call(&running, Method::GET, "/services/async/30.0/job/x", "text/csv")).await;
    assert_eq!((status, element(&error, "exceptionCode")), (400, "InvalidVersion"));
    let (status, error) = text(call(&running, Method::GET, "/services/async/62.0/nothing", "text/csv")).await;
    assert_eq!((status, element(&error, "exceptionCode")), (400, "InvalidUrl"));
    assert_eq!(text(call(&running, Method::DELETE, JOB, "text/csv")).await.0, 405);

    let job = json_job(&running, json!({ "operation": "insert", "object": "Account", "contentType": "JSON" })).await;
    let path = format!("{JOB}/{job}/batch");
    let (status, error) = answer(call(&running, Method::POST, &path, "text/csv").body("Name\nA\n")).await;
    assert_eq!((status, &error["exceptionCode"]), (400, &json!("InvalidBatch")), "of another content type");
    let (status, error) =
        answer(call(&running, Method::POST, &path, "application/json").body("x".repeat(10_485_761))).await;
    assert_eq!((status, &error["exceptionCode"]), (400, &json!("ClientInputError")));
    let many = format!("[{}]", vec![r#"{"Name":"A"}"#; 10_001].join(","));
    let batch = json_batch(&running, &job, many).await;
    let info = ended(&running, &job, &batch).await;
    assert_eq!(info["stateMessage"], "InvalidBatch : Exceeded max limit of 10000 records");
    let (status, error) = answer(call(&running, Method::POST, &path, "application/json").body("[]")).await;
    assert_eq!((status, &error["exceptionCode"]), (400, &json!("ExceededQuota")));
    assert_eq!(get_json(&running, &path).await["batchInfo"].as_array().unwrap().len(), 1);
}
