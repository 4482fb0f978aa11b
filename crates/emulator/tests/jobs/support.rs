//! An emulator with accounts and a platform event, and what tests ask of it again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::schema::{Field, ObjectType, Schema};
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;

use crate::common::{Running, answer};

pub(crate) const DATA: &str = "/services/data/v66.0";
pub(crate) const INGEST: &str = "/services/data/v66.0/jobs/ingest";
pub(crate) const QUERY: &str = "/services/data/v66.0/jobs/query";
pub(crate) const CLASSIC: &str = "/services/async/62.0/job";
const PATIENCE: Duration = Duration::from_secs(30);

/// An emulator whose Bulk results come in the order of the upload, with `Order__e`.
pub(crate) async fn start(set: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings { bulk_shuffle_results: false, ..Settings::default() };
    set(&mut settings);
    let running = Running::start(Config { settings, ..Config::default() }).await;
    {
        let mut org = running.emulator.org().write();
        let mut schema = Schema::clone(&org.schema);
        let event = ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00");
        schema.put(event.with(Field::text("Number__c", "Number", 80)));
        org.schema = Arc::new(schema);
    }
    running
}

pub(crate) async fn get(running: &Running, path: &str) -> Json {
    let (status, body) = answer(running.call(Method::GET, path)).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

pub(crate) async fn post(running: &Running, path: &str, body: Json) -> (u16, Json) {
    answer(running.call(Method::POST, path).json(&body)).await
}

/// Plans something by a control.
pub(crate) async fn plan(running: &Running, control: &str, plan: Json) {
    let (status, body) = post(running, &format!("/__emulator/{control}"), plan).await;
    assert!((200..300).contains(&status), "{body}");
}

/// Makes a record.
pub(crate) async fn create(running: &Running, object: &str, fields: Json) -> String {
    let (status, body) = post(running, &format!("{DATA}/sobjects/{object}"), fields).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn count(running: &Running, object: &str) -> i64 {
    get(running, &format!("{DATA}/query?q=SELECT+COUNT()+FROM+{object}")).await["totalSize"].as_i64().unwrap()
}

pub(crate) async fn text(running: &Running, path: &str) -> String {
    let response = running.call(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// Waits until a job is what it should be.
pub(crate) async fn until(running: &Running, path: &str, good: impl Fn(&Json) -> bool) -> Json {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let job = get(running, path).await;
        if good(&job) {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn has_ended(job: &Json) -> bool {
    ["JobComplete", "Failed", "Aborted"].contains(&job["state"].as_str().unwrap())
}

/// An ingest job, closed with this upload.
pub(crate) async fn upload(running: &Running, object: &str, operation: &str, csv: &str) -> String {
    let (status, job) = post(running, INGEST, json!({ "object": object, "operation": operation })).await;
    assert_eq!(status, 200, "{job}");
    let id = job["id"].as_str().unwrap().to_owned();
    let data = running.call(Method::PUT, &format!("{INGEST}/{id}/batches")).header("content-type", "text/csv");
    assert_eq!(answer(data.body(csv.to_owned())).await.0, 201);
    let close = running.call(Method::PATCH, &format!("{INGEST}/{id}")).json(&json!({ "state": "UploadComplete" }));
    assert_eq!(answer(close).await.0, 200);
    id
}

/// An ingest job that has ended.
pub(crate) async fn load(running: &Running, object: &str, operation: &str, csv: &str) -> (String, Json) {
    let id = upload(running, object, operation, csv).await;
    let job = until(running, &format!("{INGEST}/{id}"), has_ended).await;
    (id, job)
}

/// The three result sets of an ingest job, without their headers.
pub(crate) async fn results(running: &Running, id: &str) -> [Vec<String>; 3] {
    let mut sets = [const { Vec::new() }; 3];
    for (set, name) in sets.iter_mut().zip(["successfulResults", "failedResults", "unprocessedrecords"]) {
        let csv = text(running, &format!("{INGEST}/{id}/{name}")).await;
        *set = csv.lines().skip(1).map(str::to_owned).collect();
    }
    sets
}

/// A query job that has ended.
pub(crate) async fn query_job(running: &Running, soql: &str) -> (String, Json) {
    let (status, job) = post(running, QUERY, json!({ "operation": "query", "query": soql })).await;
    assert_eq!(status, 200, "{job}");
    let id = job["id"].as_str().unwrap().to_owned();
    let job = until(running, &format!("{QUERY}/{id}"), has_ended).await;
    (id, job)
}

/// A job of Bulk API 1.0 in JSON with one batch, which has ended: the paths of both, and the batch.
pub(crate) async fn classic(running: &Running, object: &str, rows: Json) -> (String, String, Json) {
    let call = |method: Method, path: &str| {
        let token = &running.emulator.credentials().access_token;
        running.http.request(method, running.url(path)).header("X-SFDC-Session", token)
    };
    let asked = json!({ "object": object, "operation": "insert", "contentType": "JSON" });
    let (status, job) = answer(call(Method::POST, CLASSIC).json(&asked)).await;
    assert_eq!(status, 201, "{job}");
    let path = format!("{CLASSIC}/{}", job["id"].as_str().unwrap());
    let (status, batch) = answer(call(Method::POST, &format!("{path}/batch")).json(&rows)).await;
    assert_eq!(status, 201, "{batch}");
    let batch_path = format!("{path}/batch/{}", batch["id"].as_str().unwrap());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, batch) = answer(call(Method::GET, &batch_path).header("accept", "application/json")).await;
        if ["Completed", "Failed"].contains(&batch["state"].as_str().unwrap()) {
            return (path, batch_path, batch);
        }
        assert!(Instant::now() < deadline, "{batch}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A SOAP call: the status and the text of its answer.
pub(crate) async fn soap(running: &Running, address: &str, token: &str, call: &str) -> (u16, String) {
    let (namespace, mark) = match address.starts_with('m') {
        true => ("http://soap.sforce.com/2006/04/metadata", "metadata"),
        false => ("urn:partner.soap.sforce.com", "partner"),
    };
    let envelope = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:p=\"{namespace}\" \
         xmlns:o=\"urn:sobject.partner.soap.sforce.com\"><e:Header><p:SessionHeader><p:sessionId>{token}\
         </p:sessionId></p:SessionHeader></e:Header><e:Body>{call}</e:Body></e:Envelope>"
    );
    let url = running.url(&format!("/services/Soap/{address}"));
    let request = running.http.post(url).header("content-type", "text/xml").header("soapaction", mark).body(envelope);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The partner call that makes records.
pub(crate) fn soap_create(object: &str, fields: &str) -> String {
    format!("<p:create><p:sObjects><o:type>{object}</o:type>{fields}</p:sObjects></p:create>")
}
