//! Habits of real clients that a server must bear.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::support::{DATA, Org};

#[tokio::test]
async fn every_version_that_clients_name_answers() {
    let org = Org::start().await;
    let user = org.running.emulator.credentials().user_id.to_string();
    for version in [31, 36, 40, 42, 50, 58, 62, 66, 68] {
        let row = org.get(&format!("/services/data/v{version}.0/sobjects/User/{user}")).await;
        assert_eq!((row.status, &row.body["Id"]), (200, &json!(user)), "v{version}.0");
        assert_eq!(row.body["attributes"]["url"], format!("/services/data/v{version}.0/sobjects/User/{user}"));
        assert_eq!(org.get(&format!("/services/data/v{version}.0/")).await.status, 200);
    }
    for version in ["v20.0", "v30.0"] {
        assert_eq!(org.get(&format!("/services/data/{version}/limits")).await.refusal(), (410, "GONE"));
    }
    assert_eq!(org.get("/services/data/v99.0/limits").await.refusal(), (404, "NOT_FOUND"));
    let free = org.calls();
    for path in ["/services/data", "/services/data/"] {
        let versions = org.running.http.get(org.running.url(path)).send().await.unwrap();
        assert_eq!(versions.status().as_u16(), 200, "{path} needs no token");
        assert!(!versions.headers().contains_key("sforce-limit-info"));
    }
    assert_eq!(org.calls(), free);
}

#[tokio::test]
async fn bodies_come_in_chunks_and_answers_packed() {
    let org = Org::start().await;
    let pieces = ["{\"Name\":", "\"in ", "chunks\"}"].map(|piece| Ok::<_, std::io::Error>(piece.to_owned()));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let request = org
        .running
        .call(Method::POST, &format!("{DATA}/sobjects/Account"))
        .header("content-type", "application/json")
        .body(body);
    let (status, made) = crate::common::answer(request).await;
    assert_eq!(status, 201, "{made}");
    let raw = reqwest::Client::builder().no_gzip().no_proxy().build().unwrap();
    let request = raw
        .get(org.running.url(&format!("{DATA}/sobjects/Account/describe")))
        .bearer_auth(&org.running.emulator.credentials().access_token)
        .header("accept-encoding", "gzip, deflate");
    let packed = request.send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn bodies_come_packed() {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    let org = Org::start().await;
    let json = br#"{"Name": "packed"}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(json).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(json).unwrap();
    for (encoding, body) in [("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap())] {
        let request = org
            .running
            .call(Method::POST, &format!("{DATA}/sobjects/Account"))
            .header("content-type", "application/json")
            .header("content-encoding", encoding)
            .body(body);
        let (status, made) = crate::common::answer(request).await;
        assert_eq!(status, 201, "{encoding}: {made}");
        let id = made["id"].as_str().unwrap();
        assert_eq!(org.get(&format!("/sobjects/Account/{id}")).await.body["Name"], "packed");
    }
}

#[tokio::test]
async fn accept_is_weighed() {
    let org = Org::start().await;
    for (accept, kind) in [
        ("application/xml;q=0.5, application/json", "application/json;charset=UTF-8"),
        ("application/json;q=0.2, text/xml;q=0.4", "application/xml;charset=UTF-8"),
        ("application/xml;q=0, */*;q=0.1", "application/json;charset=UTF-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml;charset=UTF-8"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json;charset=UTF-8"),
        ("application/json, text/plain, */*", "application/json;charset=UTF-8"),
    ] {
        let reply = org.send(Method::HEAD, "/sobjects/Account", &[("accept", accept)], None).await;
        assert_eq!(reply.headers["content-type"], kind, "{accept}");
    }
}

#[tokio::test]
async fn resources_begin_with_their_version() {
    let org = Org::start().await;
    let id = org.create("Account", json!({"Name": "x"})).await;
    let (delete, none) = (Method::DELETE, json!({"records": []}));
    let path = |version: u16, rest: &str| format!("/services/data/v{version}.0/composite/{rest}");
    let many = format!("sobjects?ids={id}");
    assert_eq!(org.send(delete.clone(), &path(41, &many), &[], None).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(org.send(delete, &path(42, &many), &[], None).await.body[0]["success"], true);
    for (version, status) in [(45, 404), (46, 200)] {
        let reply = org.send(Method::PATCH, &path(version, "sobjects/Account/Ext__c"), &[], Some(&none)).await;
        assert_eq!(reply.status, status, "{version}");
    }
    for (version, status) in [(33, 404), (34, 200)] {
        let batch = json!({"batchRequests": []});
        let reply = org.send(Method::POST, &path(version, "batch"), &[], Some(&batch)).await;
        assert_eq!(reply.status, status, "{version}");
    }
}

#[tokio::test]
async fn odd_members_of_records_do_no_harm() {
    let org = Org::start().await;
    for empty in [Json::Null, json!("")] {
        assert_eq!(org.post("/sobjects/Account", json!({"Id": empty, "Name": "new"})).await.status, 201);
    }
    let id = org.create("Account", json!({"attributes": {"type": "Account"}, "name": "a"})).await;
    assert_eq!(
        org.patch(
            &format!("/sobjects/Account/{id}"),
            json!({"attributes": {"type": "Account", "url": "x"}, "NAME": "b"})
        )
        .await
        .status,
        204
    );
    for key in ["id", "Id", "ID"] {
        let reply = org
            .patch(
                "/composite/sobjects",
                json!({"allOrNone": null, "records": [{"attributes": {"type": "account"}, key: id, "Name": key}]}),
            )
            .await;
        assert_eq!(reply.body, json!([{"id": id, "success": true, "errors": []}]), "{key}");
    }
    assert_eq!(org.get(&format!("/sobjects/Account/{id}?fields=Name,&unknown=parameter")).await.body["Name"], "ID");
}

#[tokio::test]
async fn queries_are_asked_and_answered_in_every_way() {
    let org = Org::start().await;
    let account = org.create("Account", json!({"Name": "a"})).await;
    org.create("Contact", json!({"LastName": "c", "AccountId": account})).await;
    for text in ["SELECT%20Id%20FROM%20Account", "SELECT+Id+FROM+Account", "SELECT+Account.Id+FROM+Account"] {
        for path in ["/query", "/query/", "/queryAll/"] {
            let page = org.get(&format!("{path}?q={text}")).await;
            assert_eq!((page.status, &page.body["totalSize"]), (200, &json!(1)), "{path}?q={text}");
        }
    }
    let row = &org
        .query("SELECT Account.Name, (SELECT Id FROM Cases), (SELECT Contact.LastName FROM Contacts) FROM Account")
        .await[0];
    assert_eq!(
        (&row["Name"], &row["Cases"], &row["Contacts"]["records"][0]["LastName"]),
        (&json!("a"), &Json::Null, &json!("c"))
    );
    let group = &org.query("SELECT Name, COUNT(Id), MAX(CreatedDate) latest FROM Account GROUP BY Name").await[0];
    assert_eq!((&group["attributes"], &group["expr0"]), (&json!({"type": "AggregateResult"}), &json!(1)));
    let columns = org.get("/query?q=SELECT+Id,Name+FROM+Account&columns=true").await.body;
    assert_eq!(
        (&columns["entityName"], &columns["columnMetadata"][1]["displayName"]),
        (&json!("Account"), &json!("Name"))
    );
    let limits = org.get("/limits").await.body;
    assert!(limits["DailyApiRequests"]["Max"].is_u64() && limits["DailyBulkApiBatches"]["Max"].is_u64());
    let counts = org.get("/limits/recordCount?sObjects=Account,Contact,Nothing").await.body;
    assert_eq!(counts, json!({"sObjects": [{"count": 1, "name": "Account"}, {"count": 1, "name": "Contact"}]}));
    let wrong = org.get("/query?q=SELECT+Id,+Nmae+FROM+Account").await;
    let message = wrong.body[0]["message"].as_str().unwrap();
    assert!(
        message.contains("ERROR at Row:1:Column:12") && message.contains("No such column 'Nmae' on entity 'Account'"),
        "{message}"
    );
}

#[tokio::test]
async fn batches_name_versions_composites_hold_collections_and_ids_are_escaped() {
    let org = Org::start().await;
    let records = json!({"records": [{"attributes": {"type": "Account"}, "Name": "a"}, {"attributes": {"type": "Account"}, "Name": "b"}]});
    let reply = org
        .post(
            "/composite",
            json!({"compositeRequest": [
                {"method": "POST", "url": format!("{DATA}/composite/sobjects"), "referenceId": "made", "body": records},
                {"method": "DELETE", "url": format!("{DATA}/composite/sobjects?ids=@{{made[0].id}}%2C@{{made[1].id}}"), "referenceId": "gone"},
            ]}),
        )
        .await;
    let parts = &reply.body["compositeResponse"];
    assert_eq!(
        (&parts[0]["body"][1]["success"], &parts[1]["body"][1]["success"]),
        (&json!(true), &json!(true)),
        "{}",
        reply.body
    );
    assert_eq!(parts[1]["body"][0]["id"], parts[0]["body"][0]["id"]);
    assert_eq!(org.count("Account").await, 0);
    let batch = json!({"batchRequests": [{"method": "GET", "url": "v59.0/sobjects/Account"}]});
    let reply = org.post("/composite/batch", batch).await;
    assert_eq!(
        reply.body["results"][0]["result"]["objectDescribe"]["urls"]["sobject"],
        "/services/data/v59.0/sobjects/Account"
    );
}
