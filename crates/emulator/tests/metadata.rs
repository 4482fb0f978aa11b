//! The Metadata API, deployments and the Tooling API over the wire, as clients meet them.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::metadata::{FileSet, pack, unpack};
use tidegate_emulator::server::{Config, SeedConfig};
use tidegate_emulator::xml::{self, Element};

mod common;
use common::{Running, answer};

const NS: &str = "http://soap.sforce.com/2006/04/metadata";

async fn start() -> Running {
    Running::start(Config { seed: Some(SeedConfig { number: 1, contacts: 20 }), ..Config::default() }).await
}

/// A call with this body, in this version, by this session. Gives the status and the answer's envelope.
async fn call_as(running: &Running, session: &str, version: &str, header: &str, body: &str) -> (u16, Element) {
    let envelope = format!(
        "<?xml version=\"1.0\"?><se:Envelope xmlns:se=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:m=\"{NS}\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><se:Header><m:SessionHeader><m:sessionId>{session}</m:sessionId>\
         </m:SessionHeader>{header}</se:Header><se:Body>{body}</se:Body></se:Envelope>"
    );
    let request = running.http.post(running.url(&format!("/services/Soap/m/{version}")));
    let response =
        request.header("Content-Type", "text/xml").header("SOAPAction", "\"\"").body(envelope).send().await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/xml"));
    (status, xml::parse(&response.bytes().await.unwrap()).unwrap())
}

/// The results of a call that works.
async fn call(running: &Running, body: &str) -> Vec<Element> {
    let session = running.emulator.credentials().access_token.clone();
    let (status, envelope) = call_as(running, &session, "66.0/00DTG0000000001", "", body).await;
    assert_eq!(status, 200, "{envelope:?}");
    let response = envelope.child("Body").unwrap().children[0].clone();
    assert_eq!(&*response.namespace, NS);
    response.children
}

/// Code and text of the fault of a call that does not.
async fn fault(running: &Running, version: &str, body: &str) -> (String, String) {
    let session = running.emulator.credentials().access_token.clone();
    let (status, envelope) = call_as(running, &session, version, "", body).await;
    assert_eq!(status, 500);
    let fault = envelope.child("Body").unwrap().child("Fault").unwrap();
    assert!(fault.child("detail").is_none());
    (fault.text_of("faultcode").unwrap().to_owned(), fault.text_of("faultstring").unwrap().to_owned())
}

fn field(name: &str, members: &str) -> String {
    format!("<m:metadata xsi:type=\"m:CustomField\"><m:fullName>{name}</m:fullName>{members}</m:metadata>")
}

fn files(list: &[(&str, &str)]) -> Vec<u8> {
    let files: FileSet = list.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().into())).collect();
    pack(&files).unwrap()
}

fn package(types: &[(&str, &str)]) -> String {
    let types: String =
        types.iter().map(|(n, m)| format!("<types><members>{m}</members><name>{n}</name></types>")).collect();
    format!("<Package xmlns=\"{NS}\">{types}<version>66.0</version></Package>")
}

const TEXT: &str = "<m:label>L</m:label><m:length>9</m:length><m:type>Text</m:type>";

#[tokio::test]
async fn faults_are_500_without_detail_and_name_their_code() {
    let running = start().await;
    for (session, code) in [("nonsense", "sf:INVALID_SESSION_ID"), ("", "sf:INVALID_SESSION_ID")] {
        let (status, envelope) = call_as(&running, session, "66.0", "", "<m:describeMetadata/>").await;
        let fault = envelope.child("Body").unwrap().child("Fault").unwrap();
        assert_eq!((status, fault.text_of("faultcode")), (500, Some(code)));
    }
    for (version, body, code, part) in [
        ("30.0", "<m:describeMetadata/>", "sf:UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"),
        ("99.0", "<m:describeMetadata/>", "sf:UNSUPPORTED_API_VERSION", "Invalid Api version"),
        (
            "66.0",
            "<m:nonsense/>",
            "soapenv:Client",
            "No operation available for request {http://soap.sforce.com/2006/04/metadata}nonsense",
        ),
        ("66.0", "", "soapenv:Client", "Must have a request"),
        ("66.0", "<m:x>&nbsp;</m:x>", "soapenv:Client", "not declared"),
        ("66.0", "<m:readMetadata><m:type>Nonsense</m:type></m:readMetadata>", "sf:INVALID_TYPE", "Nonsense"),
        (
            "66.0",
            "<m:checkDeployStatus><m:asyncProcessId>0Af000000000001</m:asyncProcessId></m:checkDeployStatus>",
            "sf:INVALID_CROSS_REFERENCE_KEY",
            "0Af",
        ),
    ] {
        let (found, text) = fault(&running, version, body).await;
        assert_eq!(found, code, "{body}");
        assert!(text.contains(part), "{text}");
    }
    let eleven: String = (0..11).map(|n| field(&format!("Account.F{n}__c"), TEXT)).collect();
    let (code, text) = fault(&running, "66.0", &format!("<m:createMetadata>{eleven}</m:createMetadata>")).await;
    assert_eq!(code, "sf:EXCEEDED_ID_LIMIT");
    assert!(text.contains("cannot submit more than 10 records in this operation"));
}

#[tokio::test]
async fn components_stand_for_themselves_unless_all_or_none_is_asked_for() {
    let running = start().await;
    let session = running.emulator.credentials().access_token.clone();
    let two = |n: u8| {
        let bad = "<m:label>L</m:label><m:type>Text</m:type>";
        let both = field(&format!("Account.Good{n}__c"), TEXT) + &field(&format!("Account.Bad{n}__c"), bad);
        format!("<m:createMetadata>{both}</m:createMetadata>")
    };
    let header = "<m:AllOrNoneHeader><m:allOrNone>true</m:allOrNone></m:AllOrNoneHeader>";
    for (n, version, header, kept) in [(1, "66.0", "", true), (2, "66.0", header, false), (3, "33.0", "", false)] {
        let (status, envelope) = call_as(&running, &session, version, header, &two(n)).await;
        assert_eq!(status, 200);
        let results = &envelope.child("Body").unwrap().children[0].children;
        assert_eq!(results[0].text_of("success"), Some(if kept { "true" } else { "false" }), "{n}");
        assert_eq!(results[1].child("errors").unwrap().text_of("statusCode"), Some("FIELD_INTEGRITY_EXCEPTION"));
        let (_, described) = answer(running.call(Method::GET, "/services/data/v66.0/sobjects/Account/describe")).await;
        let there = described["fields"].as_array().unwrap().iter().any(|f| f["name"] == format!("Good{n}__c"));
        assert_eq!(there, kept, "{n}");
    }
    let upsert = format!("<m:upsertMetadata>{}</m:upsertMetadata>", field("Account.Up__c", TEXT));
    assert_eq!(call(&running, &upsert).await[0].text_of("created"), Some("true"));
    assert_eq!(call(&running, &upsert).await[0].text_of("created"), Some("false"));
    let read = "<m:readMetadata><m:type>CustomField</m:type><m:fullNames>Account.Up__c</m:fullNames><m:fullNames>Account.No__c</m:fullNames></m:readMetadata>";
    let records = call(&running, read).await[0].children.clone();
    assert_eq!((records[0].xsi_type(), records[0].text_of("length")), (Some("CustomField"), Some("9")));
    assert!(records[1].is_nil());
    let names: Vec<_> = records[0].children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names[0], "fullName");
    assert!(names[1..].is_sorted(), "{names:?}");
}

#[tokio::test]
async fn what_is_seeded_is_listed_read_and_retrieved_like_what_was_deployed() {
    let running = start().await;
    let listed =
        call(&running, "<m:listMetadata><m:queries><m:type>CustomField</m:type></m:queries></m:listMetadata>").await;
    let names: Vec<_> = listed.iter().filter_map(|p| p.text_of("fullName")).collect();
    assert!(names.contains(&"Shipment__c.Status__c"), "{names:?}");
    let wanted = "<m:types><m:members>Shipment__c</m:members><m:name>CustomObject</m:name></m:types>\
                  <m:types><m:members>Account.Ext_Id__c</m:members><m:name>CustomField</m:name></m:types>";
    let body = format!(
        "<m:retrieve><m:retrieveRequest><m:apiVersion>66.0</m:apiVersion><m:singlePackage>true</m:singlePackage>\
                        <m:unpackaged>{wanted}<m:version>66.0</m:version></m:unpackaged></m:retrieveRequest></m:retrieve>"
    );
    let id = call(&running, &body).await[0].text_of("id").unwrap().to_owned();
    assert!(id.starts_with("09S"));
    let status = |zip: bool| {
        format!(
            "<m:checkRetrieveStatus><m:asyncProcessId>{id}</m:asyncProcessId><m:includeZip>{zip}</m:includeZip></m:checkRetrieveStatus>"
        )
    };
    let without = call(&running, &status(false)).await;
    assert_eq!((without[0].text_of("status"), without[0].text_of("zipFile")), (Some("Succeeded"), None));
    let result = call(&running, &status(true)).await.remove(0);
    let zip = STANDARD.decode(result.text_of("zipFile").unwrap()).unwrap();
    let found = unpack(&zip).unwrap();
    let account = xml::parse(&found["objects/Account.object"]).unwrap();
    assert_eq!(account.children.len(), 1);
    assert_eq!(account.child("fields").unwrap().text_of("fullName"), Some("Ext_Id__c"));
    // The zip file is given once.
    assert_eq!(fault(&running, "66.0", &status(true)).await.0, "sf:INVALID_CROSS_REFERENCE_KEY");
    // A retrieved file says what the org has: deploying it changes nothing.
    let before = answer(running.call(Method::GET, "/services/data/v66.0/sobjects/Shipment__c/describe")).await.1;
    let deployed = format!(
        "<m:deploy><m:ZipFile>{}</m:ZipFile><m:DeployOptions><m:singlePackage>true</m:singlePackage></m:DeployOptions></m:deploy>",
        STANDARD.encode(&zip)
    );
    let id = call(&running, &deployed).await[0].text_of("id").unwrap().to_owned();
    let status = format!(
        "<m:checkDeployStatus><m:asyncProcessId>{id}</m:asyncProcessId><m:includeDetails>true</m:includeDetails></m:checkDeployStatus>"
    );
    let result = call(&running, &status).await.remove(0);
    assert_eq!(result.text_of("status"), Some("Succeeded"), "{result:?}");
    let after = answer(running.call(Method::GET, "/services/data/v66.0/sobjects/Shipment__c/describe")).await.1;
    for (before, after) in before["fields"].as_array().unwrap().iter().zip(after["fields"].as_array().unwrap()) {
        assert_eq!(before, after);
    }
    assert!(before == after, "something besides the fields changed");
}

/// Deploys over REST; gives the status, the first answer and the result.
async fn deploy(running: &Running, zip: Vec<u8>, options: Json) -> (u16, Json, Json) {
    let mut body = Vec::new();
    body.extend_from_slice(b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"package.xml\"\r\nContent-Type: application/zip\r\n\r\n");
    body.extend_from_slice(&zip);
    let json = json!({ "deployOptions": options });
    body.extend_from_slice(format!("\r\n--XX\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n{json}\r\n--XX--\r\n").as_bytes());
    let path = "/services/data/v66.0/metadata/deployRequest";
    let request =
        running.call(Method::POST, path).header("Content-Type", "multipart/form-data; boundary=XX").body(body);
    let (status, first) = answer(request).await;
    let id = first["id"].as_str().unwrap_or_default().to_owned();
    let (_, result) = answer(running.call(Method::GET, &format!("{path}/{id}?includeDetails=true"))).await;
    (status, first, result["deployResult"].clone())
}

#[tokio::test]
async fn deployments_over_rest_give_lists_where_there_are_lists() {
    let running = start().await;
    let object =
        "<CustomObject><fields><fullName>Rest__c</fullName><label>R</label><type>Date</type></fields></CustomObject>";
    let package = package(&[("CustomField", "Account.Rest__c")]);
    let zip = files(&[("package.xml", &package), ("objects/Account.object", object)]);
    let (status, first, result) =
        deploy(&running, zip.clone(), json!({ "singlePackage": true, "checkOnly": true, "rollbackOnError": true }))
            .await;
    assert_eq!((status, &first["deployResult"]["status"]), (201, &json!("Pending")));
    assert!(
        first["url"].as_str().unwrap().starts_with(&running.url("/services/data/v66.0/metadata/deployRequest/0Af"))
    );
    assert_eq!(first["deployOptions"]["checkOnly"], true);
    assert_eq!(result["status"], "Succeeded");
    assert_eq!(result["details"]["componentFailures"], json!([]));
    assert_eq!(result["details"]["runTestResult"]["numTestsRun"], 0);
    let validated = first["id"].as_str().unwrap().to_owned();
    let quick = |id: &str| {
        running
            .call(Method::POST, "/services/data/v66.0/metadata/deployRequest")
            .json(&json!({ "validatedDeployRequestId": id }))
    };
    let (status, body) = answer(quick(&validated)).await;
    assert_eq!((status, &body["validatedDeployRequestId"]), (201, &json!(validated)));
    assert_ne!(body["id"], json!(validated));
    assert_eq!(answer(quick(&validated)).await.0, 404);
    let (_, described) = answer(running.call(Method::GET, "/services/data/v66.0/sobjects/Account/describe")).await;
    assert!(described["fields"].as_array().unwrap().iter().any(|f| f["name"] == "Rest__c"));
    let cancel = running.call(Method::PATCH, &format!("/services/data/v66.0/metadata/deployRequest/{validated}"));
    let (status, body) = answer(cancel.json(&json!({ "deployResult": { "status": "Canceling" } }))).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_ID_FIELD")));
    let (status, body, _) = deploy(&running, zip, json!({ "testLevel": "Nonsense" })).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_OPERATION")));
}

#[tokio::test]
async fn definitions_are_tables_that_queries_can_join_count_and_order() {
    let running = start().await;
    let ask = async |path: &str, query: &str| {
        let request = running.call(Method::GET, &format!("/services/data/v66.0/{path}")).query(&[("q", query)]);
        answer(request).await
    };
    let (_, found) = ask("tooling/query", "SELECT EntityDefinition.QualifiedApiName q, COUNT(Id) n FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName IN ('Account','Contact') GROUP BY EntityDefinition.QualifiedApiName ORDER BY EntityDefinition.QualifiedApiName").await;
    for (row, name) in found["records"].as_array().unwrap().iter().zip(["Account", "Contact"]) {
        let (_, described) =
            answer(running.call(Method::GET, &format!("/services/data/v66.0/sobjects/{name}/describe"))).await;
        assert_eq!(
            (&row["q"], row["n"].as_u64()),
            (&json!(name), Some(described["fields"].as_array().unwrap().len() as u64))
        );
    }
    let (_, found) = ask("query", "SELECT QualifiedApiName, (SELECT QualifiedApiName FROM Fields WHERE QualifiedApiName = 'Email') FROM EntityDefinition WHERE KeyPrefix = '003'").await;
    assert_eq!(found["records"][0]["Fields"]["records"][0]["QualifiedApiName"], "Email");
    let (_, found) = ask("tooling/query", "SELECT Id FROM FieldDefinition").await;
    assert_eq!(found["size"], found["totalSize"]);
    assert_eq!(found["done"], true);
    let (_, found) = ask("tooling/query", "SELECT DurableId, DataType, ReferenceTo FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Shipment__c' AND QualifiedApiName = 'Account__c'").await;
    assert_eq!(found["records"][0]["DataType"], "Lookup(Account)");
    assert_eq!(found["records"][0]["ReferenceTo"], json!({ "referenceTo": ["Account"] }));
    assert!(
        found["records"][0]["attributes"]["url"]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v66.0/tooling/sobjects/FieldDefinition/")
    );
    let (status, found) = ask("tooling/query", "SELECT Nmae FROM EntityDefinition").await;
    assert_eq!((status, &found[0]["errorCode"]), (400, &json!("INVALID_FIELD")));
    let (status, _) = ask("query", "SELECT Id FROM CustomField").await;
    assert_eq!(status, 400, "objects of the Tooling API are not asked for elsewhere");
    let (_, found) = ask("tooling/query", "SELECT Username FROM User LIMIT 1").await;
    assert_eq!(found["entityTypeName"], "User");
    let (_, columns) =
        answer(running.call(Method::GET, "/services/data/v66.0/tooling/query?q=SELECT+Id+FROM+ApexClass&columns=true"))
            .await;
    assert_eq!(columns["columnMetadata"][0]["columnName"], "Id");
    let (status, body) =
        answer(running.call(Method::GET, "/services/data/v66.0/tooling/executeAnonymous?anonymousBody=x")).await;
    assert_eq!((status, &body[0]["errorCode"]), (501, &json!("NOT_IMPLEMENTED")));
}

#[tokio::test]
async fn a_changed_schema_is_there_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config {
        seed: Some(SeedConfig { number: 1, contacts: 20 }),
        dir: Some(dir.path().to_owned()),
        ..Config::default()
    };
    let describe = async |running: &Running, name: &str| {
        answer(running.call(Method::GET, &format!("/services/data/v66.0/sobjects/{name}/describe"))).await
    };
    let query = async |running: &Running, text: &str| {
        answer(running.call(Method::GET, "/services/data/v66.0/query").query(&[("q", text)])).await.1
    };
    let running = Running::start(config()).await;
    let tool = |running: &Running, name: &str, metadata: Json| {
        let body = json!({ "FullName": name, "Metadata": metadata });
        answer(running.call(Method::POST, "/services/data/v66.0/tooling/sobjects/CustomField").json(&body))
    };
    let text = |label: &str| json!({ "label": label, "type": "Text", "length": 20, "inlineHelpText": "a | b\nc" });
    let (_, first) = tool(&running, "Account.Gone__c", text("Gone")).await;
    let (status, kept) = tool(&running, "Account.Kept__c", text("Kept | so")).await;
    assert_eq!(status, 201, "{kept}");
    let create = running.call(Method::POST, "/services/data/v66.0/sobjects/Account");
    let (_, account) = answer(create.json(&json!({ "Name": "A", "Gone__c": "g", "Kept__c": "k" }))).await;
    let gone = format!("/services/data/v66.0/tooling/sobjects/CustomField/{}", first["id"].as_str().unwrap());
    assert_eq!(answer(running.call(Method::DELETE, &gone)).await.0, 204);
    call(
        &running,
        "<m:deleteMetadata><m:type>CustomObject</m:type><m:fullNames>Shipment_Line__c</m:fullNames></m:deleteMetadata>",
    )
    .await;
    let before = describe(&running, "Account").await;
    running.emulator.stop().await.unwrap();

    let running = Running::start(config()).await;
    assert_eq!(describe(&running, "Account").await.1["fields"], before.1["fields"]);
    assert_eq!(describe(&running, "Shipment_Line__c").await.0, 404);
    let id = account["id"].as_str().unwrap();
    let found = query(&running, &format!("SELECT Kept__c FROM Account WHERE Id = '{id}'")).await;
    assert_eq!(found["records"][0]["Kept__c"], "k");
    let shown = answer(running.call(
        Method::GET,
        &format!("/services/data/v66.0/tooling/sobjects/CustomField/{}", kept["id"].as_str().unwrap()),
    ))
    .await
    .1;
    assert_eq!(
        (&shown["FullName"], &shown["Metadata"]["inlineHelpText"]),
        (&json!("Account.Kept__c"), &json!("a | b\nc"))
    );
    // A field made anew gets a place of its own, not the deleted one's.
    let (_, again) = tool(&running, "Account.Gone__c", text("Gone")).await;
    assert_ne!(again["id"], first["id"]);
    assert_eq!(
        query(&running, &format!("SELECT Gone__c FROM Account WHERE Id = '{id}'")).await["records"][0]["Gone__c"],
        Json::Null
    );
}
