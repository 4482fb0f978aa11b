//! The resources over the router, without a socket.

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::clock::Clock;
use crate::http::{AppState, router};
use crate::oauth::{App, PermittedUsers};
use crate::query::tests::{NOW, empty_org};

struct Client {
    state: AppState,
    token: String,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Json,
}

impl Client {
    fn new() -> Self {
        let mut org = empty_org();
        let (org_id, user) = (org.settings.org_id, org.settings.admin_id);
        let app = App {
            client_id: "app".into(),
            client_secret: "secret".into(),
            certificate: None,
            scope: "api".into(),
            jwt_bearer: false,
            permitted_users: PermittedUsers::Everybody,
            client_credentials: true,
            run_as: None,
            blocked: false,
            ..App::default()
        };
        let token = org.access.issue(org_id, user, &app, NOW, 7_200_000);
        Self { state: AppState::new(org, Clock::frozen(NOW)), token }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Json>) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/services/data{path}"));
        if !headers.iter().any(|(name, _)| *name == "Authorization") {
            request = request.header("Authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(json) => {
                request = request.header("Content-Type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        let response = router(self.state.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = if bytes.is_empty() { Json::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }

    async fn create(&self, object: &str, fields: Json) -> String {
        let reply = self.send("POST", &format!("/v66.0/sobjects/{object}"), &[], Some(fields)).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.body[0]["errorCode"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn versions_and_resources() {
    let client = Client::new();
    let versions = client.send("GET", "", &[("Authorization", "Bearer nonsense")], None).await;
    assert_eq!(versions.status, 200);
    assert_eq!(versions.body.as_array().unwrap().len(), 38);
    assert_eq!(versions.body[0], json!({"label":"Summer '14","url":"/services/data/v31.0","version":"31.0"}));
    assert_eq!(versions.body[37]["label"], "Winter '27");
    let map = client.get("/v66.0").await;
    assert_eq!(map.body["sobjects"], "/services/data/v66.0/sobjects");
    assert!(map.body["identity"].as_str().unwrap().starts_with("http"));
    for (method, path, status, error) in [
        ("GET", "/v30.0/query", 410, "GONE"),
        ("GET", "/v69.0/query", 404, "NOT_FOUND"),
        ("GET", "/v66.0/nowhere", 404, "NOT_FOUND"),
        ("GET", "/v66.0/sobjects/Nothing/describe", 404, "NOT_FOUND"),
        ("GET", "/v66.0/search", 400, "MALFORMED_SEARCH"),
        ("POST", "/v66.0/search", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/v66.0/sobjects/Account/001", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/v66.0/query", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v66.0/query", 400, "MALFORMED_QUERY"),
        ("GET", "/v66.0/query/0r8000000000000AAA-2000", 400, "INVALID_QUERY_LOCATOR"),
    ] {
        let reply = client.send(method, path, &[], None).await;
        assert_eq!(code(&reply), (status, error.to_owned()), "{method} {path}");
    }
    let reply = client.send("GET", "/v66.0/limits", &[("Authorization", "Bearer nonsense")], None).await;
    assert_eq!(code(&reply), (401, "INVALID_SESSION_ID".to_owned()));
}

#[tokio::test]
async fn describes_are_conditional() {
    let client = Client::new();
    for path in ["/v66.0/sobjects", "/v66.0/SObjects/account/describe"] {
        let first = client.get(path).await;
        assert_eq!(first.status, 200);
        let modified = first.headers["last-modified"].to_str().unwrap();
        let tag = first.headers["etag"].to_str().unwrap();
        for (headers, status) in [
            ([("If-Modified-Since", modified)], 304),
            (
                [("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
                if modified.contains("1970") { 304 } else { 200 },
            ),
            ([("If-Modified-Since", "soon")], 200),
            ([("If-None-Match", tag)], 304),
            ([("If-None-Match", "\"other\"")], 200),
        ] {
            let reply = client.send("GET", path, &headers, None).await;
            assert_eq!(reply.status, status, "{path} {headers:?}");
            assert_eq!(reply.body.is_null(), status == 304);
        }
        client.state.org.write().schema = {
            let mut schema = (*client.state.org.read().schema).clone();
            schema.touch(NOW);
            std::sync::Arc::new(schema)
        };
        assert_eq!(
            client.send("GET", path, &[("If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT")], None).await.status,
            200
        );
    }
    let basic = client.get("/v66.0/sobjects/Account").await;
    assert_eq!(basic.body["objectDescribe"]["keyPrefix"], "001");
}

#[tokio::test]
async fn a_record_from_birth_to_death() {
    let client = Client::new();
    let made = client
        .send(
            "POST",
            "/v66.0/sobjects/account",
            &[],
            Some(json!({"attributes": {"type": "Account"}, "name": "Acme", "BillingCity": "Berlin"})),
        )
        .await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, &made.body), (201, &json!({"id": id, "success": true, "errors": []})));
    assert_eq!(made.headers["location"], format!("/services/data/v66.0/sobjects/Account/{id}"));
    let url = format!("/v66.0/sobjects/Account/{id}");
    let whole = client.get(&url).await;
    assert_eq!(whole.body["attributes"], json!({"type": "Account", "url": format!("/services/data{url}")}));
    assert_eq!(whole.body["BillingAddress"]["city"], "Berlin");
    assert_eq!(whole.body["IsDeleted"], false);
    let some = client.get(&format!("/v66.0/sobjects/Account/{}?fields=name,Owner.Name,Name", &id[..15])).await;
    assert_eq!(some.body["Name"], "Acme");
    assert_eq!(some.body["Owner"]["Name"], "Ada Admin");
    assert_eq!(some.body["Id"], json!(id));
    assert_eq!(some.body.as_object().unwrap().len(), 4);
    assert_eq!(code(&client.get(&format!("{url}?fields=Nmae")).await), (400, "INVALID_FIELD".into()));
    let patched = client.send("PATCH", &url, &[], Some(json!({"Name": "Beta", "BillingCity": null}))).await;
    assert_eq!((patched.status, patched.body), (204, Json::Null));
    let over = client.send("POST", &format!("{url}?_HttpMethod=PATCH"), &[], Some(json!({"Site": "x"}))).await;
    assert_eq!(over.status, 204);
    assert_eq!(code(&client.send("PATCH", &url, &[], Some(json!({"Id": id}))).await), (400, "INVALID_FIELD".into()));
    let some = client.get(&format!("{url}?fields=Name,Site,BillingAddress")).await;
    assert_eq!(
        (&some.body["Name"], &some.body["Site"], &some.body["BillingAddress"]),
        (&json!("Beta"), &json!("x"), &Json::Null)
    );
    assert_eq!(client.send("HEAD", &url, &[], None).await.status, 200);
    assert_eq!(client.send("DELETE", &url, &[], None).await.status, 204);
    for method in ["GET", "DELETE", "PATCH"] {
        let body = (method == "PATCH").then(|| json!({"Name": "x"}));
        assert_eq!(code(&client.send(method, &url, &[], body).await), (404, "ENTITY_IS_DELETED".into()), "{method}");
    }
    let unknown = client.get("/v66.0/sobjects/Account/001TG0000000zzzAAA").await;
    assert_eq!(code(&unknown), (404, "NOT_FOUND".into()));
    assert_eq!(code(&client.get("/v66.0/sobjects/Account/abc").await), (404, "NOT_FOUND".into()));
    assert_eq!(code(&client.get("/v66.0/sobjects/Account/003TG0000000001AAA").await), (404, "NOT_FOUND".into()));
    for (body, error) in [
        (json!({}), "REQUIRED_FIELD_MISSING"),
        (json!({"Name": "x", "Nmae": 1}), "INVALID_FIELD"),
        (json!([1]), "JSON_PARSER_ERROR"),
        (json!({"Name": "x", "Id": id}), "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ] {
        let reply = client.send("POST", "/v66.0/sobjects/Account", &[], Some(body)).await;
        assert_eq!(code(&reply), (400, error.to_owned()));
    }
}

#[tokio::test]
async fn upsert_by_external_id() {
    let client = Client::new();
    let at = |version: u16, value: &str| format!("/v{version}.0/sobjects/Invoice__c/code__c/{value}");
    let made = client.send("PATCH", &at(66, "a%2Fb%20c"), &[], Some(json!({"Name": "one"}))).await;
    let id = made.body["id"].clone();
    assert_eq!((made.status, made.body), (201, json!({"id": id, "success": true, "errors": [], "created": true})));
    let again = client.send("PATCH", &at(66, "A%2Fb%20C"), &[], Some(json!({"Name": "two"}))).await;
    assert_eq!((again.status, again.body), (200, json!({"id": id, "success": true, "errors": [], "created": false})));
    let old = client.send("PATCH", &at(45, "a%2Fb%20c"), &[], Some(json!({"Name": "three"}))).await;
    assert_eq!((old.status, old.body), (204, Json::Null));
    let old = client.send("PATCH", &at(45, "new"), &[], Some(json!({"Name": "four"}))).await;
    assert_eq!((old.status, old.body.get("created")), (201, None));
    let only =
        client.send("PATCH", &format!("{}?updateOnly=true", at(66, "none")), &[], Some(json!({"Name": "x"}))).await;
    assert_eq!(code(&only), (404, "NOT_FOUND".into()));
    let twice = client.send("PATCH", &at(66, "new"), &[], Some(json!({"Code__c": "new"}))).await;
    assert_eq!(code(&twice), (400, "INVALID_FIELD".into()));
    let no_key = client.send("PATCH", "/v66.0/sobjects/Invoice__c/Total__c/5", &[], Some(json!({"Name": "x"}))).await;
    assert_eq!(code(&no_key), (404, "NOT_FOUND".into()));
    let found = client.get(&format!("{}?fields=Name", at(66, "a%2Fb%20c"))).await;
    assert_eq!(found.body["Name"], "three");
    assert_eq!(client.send("DELETE", &at(66, "new"), &[], None).await.status, 204);
    assert_eq!(code(&client.get(&at(66, "new")).await), (404, "NOT_FOUND".into()));
    // Several matches of an idLookup field that is not unique.
    let one = client.create("Contact", json!({"LastName": "a", "Email": "x@example.com"})).await;
    let two = client.create("Contact", json!({"LastName": "b", "Email": "x@example.com"})).await;
    let urls = json!([one.as_str(), two.as_str()].map(|id| format!("/services/data/v66.0/sobjects/Contact/{id}")));
    for (method, body) in [("PATCH", Some(json!({"LastName": "c"}))), ("GET", None), ("DELETE", None)] {
        let reply = client.send(method, "/v66.0/sobjects/Contact/Email/x@example.com", &[], body).await;
        assert_eq!((reply.status, &reply.body), (300, &urls), "{method}");
    }
    // By its own id, and a plain insert that tells `created`.
    let by_id =
        client.send("PATCH", &format!("/v66.0/sobjects/Contact/Id/{one}"), &[], Some(json!({"LastName": "z"}))).await;
    assert_eq!(by_id.status, 200);
    let made = client.send("POST", "/v66.0/sobjects/Contact/Id", &[], Some(json!({"LastName": "n"}))).await;
    assert_eq!((made.status, &made.body["created"]), (201, &json!(true)));
}

#[tokio::test]
async fn queries_and_pages() {
    let client = Client::new();
    let records: Vec<Json> =
        (0..200).map(|n| json!({"attributes": {"type": "Contact"}, "LastName": format!("n{n:03}")})).collect();
    for _ in 0..2 {
        let reply = client
            .send("POST", "/v66.0/composite/sobjects", &[], Some(json!({"records": records, "allOrNone": null})))
            .await;
        assert!(reply.body.as_array().unwrap().iter().all(|r| r["success"] == true), "{}", reply.body);
    }
    let first = client
        .send("GET", "/v66.0/query?q=SELECT+Id+FROM+Contact", &[("Sforce-Query-Options", "batchSize=250")], None)
        .await;
    assert_eq!((&first.body["totalSize"], &first.body["done"]), (&json!(400), &json!(false)));
    assert_eq!(first.body["records"].as_array().unwrap().len(), 250);
    let next = first.body["nextRecordsUrl"].as_str().unwrap().strip_prefix("/services/data").unwrap();
    // A client may send its query once more.
    let second = client.get(&format!("{next}?q=SELECT%20Id%20FROM%20Contact")).await;
    assert_eq!((second.body["records"].as_array().unwrap().len(), &second.body["done"]), (150, &json!(true)));
    let id = second.body["records"][0]["Id"].as_str().unwrap();
    client.send("DELETE", &format!("/v66.0/sobjects/Contact/{id}"), &[], None).await;
    let count = |all: &str| format!("/v66.0/{all}?q=SELECT%20COUNT()%20FROM%20Contact");
    assert_eq!(client.get(&count("query")).await.body["totalSize"], 399);
    assert_eq!(client.get(&count("queryAll")).await.body["totalSize"], 400);
    let columns =
        client.get("/v66.0/query?q=SELECT+Id,Account.Name,+(SELECT+Id+FROM+Cases)+FROM+Contact&columns=true").await;
    let names: Vec<&str> =
        columns.body["columnMetadata"].as_array().unwrap().iter().map(|c| c["columnName"].as_str().unwrap()).collect();
    assert_eq!(names, ["Id", "Account", "Cases"]);
    assert_eq!(columns.body["columnMetadata"][1]["joinColumns"][0]["columnName"], "Name");
    let plans = client.get(&format!("/v66.0/query?explain=SELECT+Id+FROM+Contact+WHERE+Id='{id}'")).await;
    assert_eq!(plans.body["plans"][0]["leadingOperationType"], "Index");
    let counts = client.get("/v66.0/limits/recordCount?sObjects=Contact,Nothing").await;
    assert_eq!(counts.body, json!({"sObjects": [{"count": 399, "name": "Contact"}]}));
    assert_eq!(client.get("/v66.0/limits").await.body["DailyApiRequests"]["Max"], 15_000);
    let deleted = client
        .get("/v66.0/sobjects/Contact/deleted?start=2026-05-13T09:00:00%2B00:00&end=2026-05-13T11:00:00%2B00:00")
        .await;
    assert_eq!(deleted.body["deletedRecords"][0]["id"], json!(id));
    let updated =
        client.get("/v66.0/sobjects/Contact/updated?start=2026-05-13T09:00:00+00:00&end=2026-05-13T11:00:00Z").await;
    assert_eq!(updated.body["ids"].as_array().unwrap().len(), 399);
    let early = client.get("/v66.0/sobjects/Contact/updated?start=2026-01-01T00:00:00Z&end=2026-05-13T11:00:00Z").await;
    assert_eq!(code(&early), (400, "INVALID_REPLICATION_DATE".into()));
}

#[tokio::test]
async fn collections() {
    let client = Client::new();
    let account = |name: &str| json!({"attributes": {"type": "Account"}, "Name": name});
    let path = "/v66.0/composite/sobjects";
    let made = client
        .send(
            "POST",
            path,
            &[],
            Some(json!({"records": [account("a"), {"attributes": {"type": "Account"}}, account("c")]})),
        )
        .await;
    assert_eq!(made.status, 200);
    assert_eq!(made.body[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(made.body[1].get("id"), None);
    let (a, c) = (made.body[0]["id"].as_str().unwrap(), made.body[2]["id"].as_str().unwrap());
    let all = client
        .send(
            "POST",
            path,
            &[],
            Some(json!({"allOrNone": true, "records": [account("d"), {"attributes": {"type": "Nothing"}}]})),
        )
        .await;
    assert_eq!(all.body[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(all.body[1]["errors"][0]["statusCode"], "INVALID_TYPE");
    let records = json!([{"attributes": {"type": "Account"}, "Id": a, "Site": "s"}, {"attributes": {"type": "Account"}, "Site": "s"}]);
    let changed = client.send("PATCH", path, &[], Some(json!({"records": records}))).await;
    assert_eq!((&changed.body[0]["success"], &changed.body[1]["success"]), (&json!(true), &json!(false)));
    let read = client.get(&format!("{path}/Account?ids={c},001TG0000000zzzAAA,{a}&fields=Name,Site")).await;
    assert_eq!((&read.body[0]["Name"], &read.body[1], &read.body[2]["Site"]), (&json!("c"), &Json::Null, &json!("s")));
    let read =
        client.send("POST", &format!("{path}/Account"), &[], Some(json!({"ids": [a], "fields": ["Name"]}))).await;
    assert_eq!(read.body[0]["Name"], "a");
    let invoice = |code: &str| json!({"attributes": {"type": "Invoice__c"}, "Name": code, "Code__c": code});
    let upserted = client
        .send(
            "PATCH",
            &format!("{path}/Invoice__c/Code__c"),
            &[],
            Some(json!({"records": [invoice("1"), invoice("2")]})),
        )
        .await;
    assert_eq!(upserted.body[0]["created"], true);
    let upserted = client
        .send("PATCH", &format!("{path}/Invoice__c/Code__c"), &[], Some(json!({"records": [invoice("1")]})))
        .await;
    assert_eq!(upserted.body[0]["created"], false);
    let gone = client.send("DELETE", &format!("{path}?ids={a}%2C{c},xyz"), &[], None).await;
    assert_eq!([0, 1, 2].map(|n| gone.body[n]["success"] == true), [true, true, false]);
    let many: Vec<Json> = (0..201).map(|_| account("x")).collect();
    assert_eq!(
        code(&client.send("POST", path, &[], Some(json!({"records": many}))).await),
        (400, "EXCEEDED_ID_LIMIT".into())
    );
}
