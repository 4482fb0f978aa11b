//! Bulk 2.0's rules one by one: the CSV dialect, columns, states and what an administrator or Salesforce may decide.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Running, answer};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::bulk::{Choices, Delimiter, IngestRequest, LineEnding};
use tidegate_emulator::schema::Field;
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;

const INGEST: &str = "/services/data/v66.0/jobs/ingest";
const QUERY: &str = "/services/data/v66.0/jobs/query";

async fn start(bulk: Choices) -> Running {
    let settings = Settings { bulk, bulk_shuffle_results: false, ..Settings::default() };
    let running = Running::start(Config { settings, ..Config::default() }).await;
    {
        let mut org = running.emulator.org().write();
        let mut schema = (*org.schema).clone();
        for object in ["Account", "Contact", "Task"] {
            assert!(schema.add_fields(object, [Field::external_id("Ext__c", "External", 40, false)]));
        }
        org.schema = Arc::new(schema);
    }
    running
}

async fn create(running: &Running, job: Json) -> String {
    let (status, made) = answer(running.call(Method::POST, INGEST).json(&job)).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn put(running: &Running, id: &str, csv: impl Into<reqwest::Body>) -> (u16, Json) {
    let path = format!("{INGEST}/{id}/batches");
    answer(running.call(Method::PUT, &path).header("content-type", "text/csv; charset=UTF-8").body(csv)).await
}

async fn set(running: &Running, id: &str, body: Json) -> (u16, Json) {
    answer(running.call(Method::PATCH, &format!("{INGEST}/{id}")).json(&body)).await
}

async fn ended(running: &Running, path: &str, id: &str) -> Json {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, job) = answer(running.call(Method::GET, &format!("{path}/{id}"))).await;
        if ["JobComplete", "Failed", "Aborted"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn load(running: &Running, job: Json, csv: impl Into<reqwest::Body>) -> (String, Json) {
    let id = create(running, job).await;
    assert_eq!(put(running, &id, csv).await, (201, Json::Null));
    let (status, closed) = set(running, &id, json!({ "state": "UploadComplete", "object": "ignored" })).await;
    assert_eq!(status, 200, "{closed}");
    (id.clone(), ended(running, INGEST, &id).await)
}

async fn text(running: &Running, path: &str) -> String {
    let response = running.call(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

async fn result(running: &Running, id: &str, set: &str) -> String {
    text(running, &format!("{INGEST}/{id}/{set}")).await
}

async fn query(running: &Running, job: Json) -> String {
    let (status, made) = answer(running.call(Method::POST, QUERY).json(&job)).await;
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().unwrap();
    assert_eq!(ended(running, QUERY, id).await["state"], "JobComplete");
    text(running, &format!("{QUERY}/{id}/results")).await
}

#[tokio::test]
async fn every_delimiter_and_line_ending_goes_in_and_comes_out() {
    let running = start(Choices::default()).await;
    for (n, (name, c)) in
        [("BACKQUOTE", '`'), ("CARET", '^'), ("COMMA", ','), ("PIPE", '|'), ("SEMICOLON", ';'), ("TAB", '\t')]
            .into_iter()
            .enumerate()
    {
        for (ending, end, other) in [("LF", "\n", "\r\n"), ("CRLF", "\r\n", "\n")] {
            let key = format!("D{n}{ending}");
            let job =
                json!({ "object": "Account", "operation": "insert", "columnDelimiter": name, "lineEnding": ending });
            let value = format!("a{c}b, \"\"c\"\"{end}two{other}three");
            let csv = format!("Ext__c{c}Name{c}Description{end}{key}{c}x y{c}\"{value}\"{end}");
            let (id, done) = load(&running, job, csv).await;
            assert_eq!((&done["state"], &done["numberRecordsFailed"]), (&json!("JobComplete"), &json!(0)), "{done}");
            assert_eq!((&done["columnDelimiter"], &done["lineEnding"]), (&json!(name), &json!(ending)));
            let good = result(&running, &id, "successfulResults").await;
            let rest = format!("\"true\"{c}\"{key}\"{c}\"x y\"{c}\"{value}\"{end}");
            assert!(good.ends_with(&rest), "{good:?} does not end with {rest:?}");
            let soql = format!("SELECT Name, Description FROM Account WHERE Ext__c = '{key}'");
            let asked = json!({ "operation": "query", "query": soql, "columnDelimiter": name, "lineEnding": ending });
            let expected = format!("\"Name\"{c}\"Description\"{end}\"x y\"{c}\"{value}\"{end}");
            assert_eq!(query(&running, asked).await, expected);
        }
    }
}

#[tokio::test]
async fn headers_that_cannot_be_fail_the_job() {
    let running = start(Choices::default()).await;
    for (job, csv, message) in [
        (json!({ "operation": "insert" }), "Name,Nmae\nA,B\n", "InvalidBatch : Field name not found : Nmae"),
        (json!({ "operation": "insert" }), "Name,name\nA,B\n", "InvalidBatch : Duplicate field name found : name"),
        (json!({ "operation": "insert" }), "\u{feff}Name\nA\n", "InvalidBatch : Field name not found : \u{feff}Name"),
        (json!({ "operation": "update" }), "Name\nA\n", "InvalidBatch : Field name not found : Id"),
        (
            json!({ "operation": "upsert", "externalIdFieldName": "Ext__c" }),
            "Name\nA\n",
            "InvalidBatch : Field name not found : Ext__c",
        ),
        (
            json!({ "operation": "insert" }),
            "Name,Parent:Account.Ext__c\nA,B\n",
            "InvalidBatch : Field name not found : Parent:Account.Ext__c",
        ),
        (
            json!({ "operation": "insert" }),
            "Name,Parent.Owner.Name\nA,B\n",
            "InvalidBatch : Field name not found : Parent.Owner.Name",
        ),
        (
            json!({ "operation": "insert" }),
            "Name\r\nA\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            json!({ "operation": "insert", "lineEnding": "CRLF" }),
            "Name\nA\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF",
        ),
    ] {
        let mut job = job;
        job["object"] = json!("Account");
        let (id, done) = load(&running, job, csv).await;
        assert_eq!((&done["state"], &done["errorMessage"]), (&json!("Failed"), &json!(message)), "{csv}");
        assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(0), &json!(0)));
        assert_eq!(result(&running, &id, "unprocessedrecords").await, csv, "as it was sent");
    }
    let asked = json!({ "operation": "query", "query": "SELECT Id FROM Account" });
    assert_eq!(query(&running, asked).await, "\"Id\"\n", "nothing was written");
}

#[tokio::test]
async fn a_damaged_row_fails_alone() {
    let running = start(Choices::default()).await;
    let csv = b"Name,Ext__c\nA,1\nB\nC,3,x\n\"D\", \"4\"\nE\xff,5\n5\" pipe,6\n\n\"G\",\"7\"\n".to_vec();
    let (id, done) = load(&running, json!({ "object": "Account", "operation": "insert" }), csv).await;
    let counts = (&done["state"], &done["numberRecordsProcessed"], &done["numberRecordsFailed"]);
    assert_eq!(counts, (&json!("JobComplete"), &json!(7), &json!(5)), "{done}");
    let good = result(&running, &id, "successfulResults").await;
    assert!(good.contains("\"A\",\"1\"\n") && good.ends_with("\"G\",\"7\"\n") && good.lines().count() == 3, "{good}");
    let bad = result(&running, &id, "failedResults").await;
    assert_eq!(bad.lines().filter(|line| line.starts_with("\"\",\"CLIENTINPUTERROR:")).count(), 5, "{bad}");
}

#[tokio::test]
async fn parents_are_named_by_their_keys() {
    let running = start(Choices::default()).await;
    load(&running, json!({ "object": "Account", "operation": "insert" }), "Name,Ext__c\nAcme,ACC\n").await;
    load(&running, json!({ "object": "Contact", "operation": "insert" }), "LastName,Ext__c\nOne,CON\n").await;
    let user = running.emulator.credentials().username.clone();
    let task = json!({ "object": "Task", "operation": "insert" });
    for (key, header) in [
        ("T", "Contact:Who.Ext__c,Account:What.Ext__c,User:Owner.Username"),
        ("V", "who:contact.ext__c,Account:What.Ext__c,Owner.Username"),
    ] {
        let csv = format!("Subject,Ext__c,{header}\nCall,{key},CON,ACC,{user}\nCall,U,nobody,#N/A,{user}\n");
        let (id, done) = load(&running, task.clone(), csv).await;
        let bad = result(&running, &id, "failedResults").await;
        assert_eq!((&done["state"], &done["numberRecordsFailed"]), (&json!("JobComplete"), &json!(1)), "{bad}");
        assert!(
            bad.contains("INVALID_FIELD:Foreign key external ID: nobody not found for field Ext__c in entity Contact"),
            "{bad}"
        );
    }
    let asked = json!({ "operation": "query", "query": "SELECT Who.Name, What.Name, Owner.Username FROM Task" });
    let line = format!("\"One\",\"Acme\",\"{user}\"\n");
    assert_eq!(query(&running, asked).await, format!("\"Who.Name\",\"What.Name\",\"Owner.Username\"\n{line}{line}"));
    // Without its type a polymorphic parent is not known.
    let (_, done) = load(&running, task, "Subject,Who.Ext__c\nCall,CON\n").await;
    assert_eq!(done["errorMessage"], "InvalidBatch : Field name not found : Who.Ext__c");
}

#[tokio::test]
async fn the_same_key_twice_fails_within_a_transaction_only() {
    let running = start(Choices::default()).await;
    let mut csv = String::from("Ext__c,Name\nK,first\n");
    for n in 1..199 {
        csv += &format!("N{n},x\n");
    }
    csv += "k,second\nK,third\n";
    let job = json!({ "object": "Account", "operation": "upsert", "externalIdFieldName": "Ext__c" });
    let (id, done) = load(&running, job, csv).await;
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(201), &json!(2)));
    let bad = result(&running, &id, "failedResults").await;
    assert!(bad.contains("\"DUPLICATE_VALUE:Duplicate external id specified: k:Ext__c --\",\"k\",\"second\""), "{bad}");
    assert!(result(&running, &id, "successfulResults").await.contains("\"true\",\"K\",\"third\""));
}

#[tokio::test]
async fn states_change_only_as_they_may() {
    let running = start(Choices::default()).await;
    let job = json!({ "object": "Account", "operation": "insert" });
    let refused = |(status, body): (u16, Json)| {
        assert_eq!(status, 400, "{body}");
        (body[0]["errorCode"].as_str().unwrap().to_owned(), body[0]["message"].as_str().unwrap().to_owned())
    };
    let open = create(&running, job.clone()).await;
    let not_terminated = "Error encountered when deleting the job because the job is not terminated";
    let delete = |id: String| answer(running.call(Method::DELETE, &format!("{INGEST}/{id}")));
    assert_eq!(refused(delete(open.clone()).await), ("API_ERROR".into(), not_terminated.into()));
    assert_eq!(refused(set(&running, &open, json!({ "state": "UploadComplete" })).await).0, "INVALIDJOB", "no data");
    for state in ["Open", "JobComplete", "InProgress", "Failed", "nonsense"] {
        assert_eq!(refused(set(&running, &open, json!({ "state": state })).await).0, "INVALIDJOBSTATE", "{state}");
    }
    assert_eq!(refused(set(&running, &open, json!({ "operation": "insert" })).await).0, "INVALIDJOB");
    for set in ["successfulResults", "failedResults/", "UNPROCESSEDRECORDS"] {
        let early = answer(running.call(Method::GET, &format!("{INGEST}/{open}/{set}"))).await;
        assert_eq!(refused(early).0, "INVALIDJOBSTATE");
    }
    assert_eq!(put(&running, &open, "Name\nA\n").await.0, 201);
    let (status, aborted) = set(&running, &open, json!({ "state": "Aborted", "id": open, "junk": 1 })).await;
    assert_eq!((status, &aborted["state"]), (200, &json!("Aborted")));
    let (code, message) = refused(set(&running, &open, json!({ "state": "UploadComplete" })).await);
    assert_eq!((code.as_str(), message.as_str()), ("INVALIDJOBSTATE", "Closing already Aborted Job not allowed"));
    assert_eq!(refused(set(&running, &open, json!({ "state": "Aborted" })).await).0, "INVALIDJOBSTATE");
    assert_eq!(refused(put(&running, &open, "Name\nA\n").await).0, "INVALIDJOBSTATE");
    assert_eq!(result(&running, &open, "unprocessedrecords").await, "Name\nA\n");
    assert_eq!(delete(open).await.0, 204);
    let (id, _) = load(&running, job, "Name\nA\n").await;
    for state in ["UploadComplete", "Aborted"] {
        assert_eq!(refused(set(&running, &id, json!({ "state": state })).await).0, "INVALIDJOBSTATE");
    }
    let (status, error) = answer(running.call(Method::POST, &format!("{INGEST}/{id}"))).await;
    assert_eq!((status, &error[0]["errorCode"]), (405, &json!("METHOD_NOT_ALLOWED")));
}

#[tokio::test]
async fn what_is_a_choice_can_be_chosen_otherwise() {
    let running = start(Choices {
        hard_delete: false,
        second_upload_refused: false,
        empty_close_refused: false,
        byte_order_mark_skipped: true,
    })
    .await;
    let job = json!({ "object": "Account", "operation": "insert" });
    let (id, done) = load(&running, job.clone(), "\u{feff}Name\nA\n").await;
    assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(1)));
    assert!(result(&running, &id, "successfulResults").await.ends_with("\"true\",\"A\"\n"));
    let twice = create(&running, job.clone()).await;
    assert_eq!(put(&running, &twice, "Name\nA\n").await.0, 201);
    assert_eq!(put(&running, &twice, "Name\nB\n").await.0, 201);
    let (status, error) = set(&running, &twice, json!({ "state": "UploadComplete" })).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("INVALIDJOB")));
    assert!(error[0]["message"].as_str().unwrap().starts_with(&format!("Found multipe contents for job: <{twice}>, ")));
    let empty = create(&running, job).await;
    assert_eq!(set(&running, &empty, json!({ "state": "UploadComplete" })).await.0, 200);
    let done = ended(&running, INGEST, &empty).await;
    assert_eq!((&done["state"], &done["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(0)), "{done}");
    let hard = json!({ "object": "Account", "operation": "hardDelete" });
    let (status, error) = answer(running.call(Method::POST, INGEST).json(&hard)).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("FEATURENOTENABLED")));
}

#[tokio::test]
async fn assignment_rules_are_for_cases_and_leads() {
    let running = start(Choices::default()).await;
    let post = |version: u16, object: &str, rule: &str| {
        let body = json!({ "object": object, "operation": "insert", "assignmentRuleId": rule });
        answer(running.call(Method::POST, &INGEST.replace("66", &version.to_string())).json(&body))
    };
    let (status, job) = post(66, "Lead", "01Q000000000001").await;
    assert_eq!((status, &job["assignmentRuleId"]), (200, &json!("01Q000000000001")));
    for (version, object, rule) in
        [(66, "Account", "01Q000000000001"), (48, "Case", "01Q000000000001"), (66, "Case", "x")]
    {
        let (status, error) = post(version, object, rule).await;
        assert_eq!((status, &error[0]["errorCode"]), (400, &json!("INVALIDJOB")), "{version} {object} {rule}");
    }
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let running = start(Choices::default()).await;
    {
        let mut org = running.emulator.org().write();
        let (schema, user) = (Arc::clone(&org.schema), org.settings.admin_id);
        for _ in 0..1_001 {
            let asked = IngestRequest {
                object: "Account".into(),
                operation: "insert".into(),
                external_id_field_name: None,
                assignment_rule_id: None,
                delimiter: Delimiter::Comma,
                line_ending: LineEnding::Lf,
            };
            org.jobs
                .create_ingest(&schema, &Choices::default(), asked, user, 66, running.emulator.clock().now())
                .unwrap();
        }
    }
    let list = async |path: String| {
        let (status, list) = answer(running.call(Method::GET, &path)).await;
        assert_eq!(status, 200, "{list}");
        (list["records"].as_array().unwrap().len(), list["done"] == true, list["nextRecordsUrl"].clone())
    };
    let (count, done, next) = list(format!("{INGEST}/")).await;
    assert_eq!((count, done), (1_000, false));
    assert_eq!(list(next.as_str().unwrap().to_owned()).await, (1, true, Json::Null));
    assert_eq!(list(format!("{INGEST}?isPkChunkingEnabled=true")).await.0, 0);
    assert_eq!(list(format!("{INGEST}?concurrencyMode=serial&jobType=V2Ingest")).await.0, 0);
    assert_eq!(list(QUERY.to_owned()).await.0, 0);
    assert_eq!(list(format!("{QUERY}?jobType=V2Ingest&unknown=1")).await.0, 1_000);
    assert_eq!(answer(running.call(Method::GET, &format!("{INGEST}?jobType=V3"))).await.0, 400);
}

#[tokio::test]
async fn queries_that_bulk_cannot_run_are_refused_at_once() {
    let running = start(Choices::default()).await;
    for (soql, code) in [
        ("SELECT Id FRM Account", "MALFORMED_QUERY"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT COUNT() FROM Account", "FEATURENOTENABLED"),
        ("SELECT COUNT(Id) FROM Account", "FEATURENOTENABLED"),
        ("SELECT Name FROM Account GROUP BY Name", "FEATURENOTENABLED"),
        ("SELECT Id FROM Account OFFSET 10", "FEATURENOTENABLED"),
        ("SELECT BillingAddress FROM Account", "FEATURENOTENABLED"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "FEATURENOTENABLED"),
        ("SELECT TYPEOF What WHEN Account THEN Phone END FROM Task", "FEATURENOTENABLED"),
    ] {
        let (status, error) =
            answer(running.call(Method::POST, QUERY).json(&json!({ "operation": "query", "query": soql }))).await;
        assert_eq!((status, &error[0]["errorCode"]), (400, &json!(code)), "{soql}");
    }
    for body in [
        json!({ "operation": "query" }),
        json!({ "query": "SELECT Id FROM Account" }),
        json!({ "operation": "insert", "query": "SELECT Id FROM Account" }),
    ] {
        assert_eq!(answer(running.call(Method::POST, QUERY).json(&body)).await.0, 400, "{body}");
    }
    let header = query(
        &running,
        json!({ "operation": "queryAll", "query": "SELECT FIELDS(STANDARD) FROM Account", "contentType": "CSV" }),
    )
    .await;
    assert!(header.starts_with("\"Id\",\"IsDeleted\",") && !header.contains("BillingAddress"), "{header}");
    let (_, job) = answer(
        running.call(Method::POST, QUERY).json(&json!({ "operation": "query", "query": "SELECT Id FROM Profile" })),
    )
    .await;
    let job = ended(&running, QUERY, job["id"].as_str().unwrap()).await;
    assert_eq!(job["isPkChunkingSupported"], false, "{job}");
}

#[tokio::test]
async fn an_upload_may_come_in_pieces_of_unknown_number() {
    let running = start(Choices::default()).await;
    let pieces = ["Name\nA", "1\nA2\n", "A3", "\n"].map(|piece| Ok::<_, std::io::Error>(piece.to_owned()));
    let (_, done) = load(
        &running,
        json!({ "object": "Account", "operation": "insert" }),
        reqwest::Body::wrap_stream(futures::stream::iter(pieces)),
    )
    .await;
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn a_record_named_twice_or_missing_fails_by_its_row() {
    let running = start(Choices::default()).await;
    let insert = json!({ "object": "Account", "operation": "insert" });
    let (id, _) = load(&running, insert, "Name\nA\nB\n").await;
    let made = result(&running, &id, "successfulResults").await;
    let ids: Vec<&str> = made.lines().skip(1).map(|line| line.split('"').nth(1).unwrap()).collect();
    let [a, b] = ids[..] else { panic!("{made}") };
    let csv = format!("Id,Phone\n{a},1\n{b},2\n{a},3\n001000000000000AAA,4\n");
    let (id, done) = load(&running, json!({ "object": "Account", "operation": "update" }), csv).await;
    assert_eq!((&done["numberRecordsProcessed"], &done["numberRecordsFailed"]), (&json!(4), &json!(3)));
    let failed = result(&running, &id, "failedResults").await;
    let twice = format!("DUPLICATE_VALUE:Duplicate id specified: {a}:Id --");
    assert_eq!(failed.matches(&twice).count(), 2, "{failed}");
    assert!(
        failed.contains("\"001000000000000AAA\",\"INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --\""),
        "{failed}"
    );
    assert_eq!(
        query(&running, json!({ "operation": "query", "query": "SELECT Phone FROM Account WHERE Phone != null" }))
            .await,
        "\"Phone\"\n\"2\"\n"
    );
}

#[tokio::test]
async fn setup_objects_are_refused_by_name() {
    let running = start(Choices::default()).await;
    let asked = json!({ "operation": "query", "query": "SELECT QualifiedApiName FROM EntityDefinition" });
    let (status, error) = answer(running.call(Method::POST, QUERY).json(&asked)).await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("INVALIDENTITY")));
    assert_eq!(error[0]["message"], "Entity 'EntityDefinition' is not supported by the Bulk API.");
}
