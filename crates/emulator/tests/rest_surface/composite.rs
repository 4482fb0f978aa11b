//! Composite, batch, graph and tree requests, and collections.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::support::{DATA, Org};

fn part(method: &str, path: &str, reference: &str, body: Json) -> Json {
    json!({ "method": method, "url": format!("{DATA}{path}"), "referenceId": reference, "body": body })
}

#[tokio::test]
async fn a_composite_request_refers_to_what_it_made_and_counts_as_one_call() {
    let org = Org::start().await;
    let before = org.calls();
    let reply = org
        .post(
            "/composite",
            json!({ "allOrNone": true, "compositeRequest": [
                part("POST", "/sobjects/Account", "acc", json!({"Name": "Acme", "BillingCity": "Bonn"})),
                part("POST", "/sobjects/Contact", "con", json!({"LastName": "L", "AccountId": "@{acc.id}", "Description": "of @{acc.id}!"})),
                part("GET", "/sobjects/Account/@{acc.id}?fields=Name,BillingAddress", "read", Json::Null),
                part("GET", "/query/?q=SELECT+Id,LastName+FROM+Contact+WHERE+AccountId='@{acc.id}'", "q", Json::Null),
                part("PATCH", "/sobjects/Contact/@{q.records[0].Id}", "upd", json!({"MailingCity": "@{read.BillingAddress.city}"})),
                part("PATCH", "/composite/sobjects", "many", json!({"records": [{"attributes": {"type": "Contact"}, "id": "@{con.id}", "Title": "T"}]})),
            ]}),
        )
        .await;
    assert_eq!(reply.status, 200);
    let parts = reply.body["compositeResponse"].as_array().unwrap();
    let statuses: Vec<&Json> = parts.iter().map(|p| &p["httpStatusCode"]).collect();
    assert_eq!(statuses, [201, 201, 200, 200, 204, 200], "{}", reply.body);
    let (account, contact) = (parts[0]["body"]["id"].as_str().unwrap(), parts[1]["body"]["id"].as_str().unwrap());
    assert_eq!(parts[0]["httpHeaders"], json!({"Location": format!("{DATA}/sobjects/Account/{account}")}));
    assert_eq!(parts[3]["body"]["records"][0]["Id"], contact);
    assert_eq!((&parts[4]["body"], &parts[4]["referenceId"]), (&Json::Null, &json!("upd")));
    let row = org.get(&format!("/sobjects/Contact/{contact}")).await.body;
    assert_eq!(
        (&row["AccountId"], &row["Description"], &row["MailingCity"], &row["Title"]),
        (&json!(account), &json!(format!("of {account}!")), &json!("Bonn"), &json!("T"))
    );
    assert_eq!(org.calls() - before, 2, "the composite is one call, the read another");
}

#[tokio::test]
async fn all_or_none_takes_back_every_part_and_tells_no_event() {
    let org = Org::start().await;
    let (accounts, events) = (org.count("Account").await, org.events());
    let account = org.create("Account", json!({"Name": "stays"})).await;
    let events_then = org.events();
    assert_eq!(events_then, events + 1);
    let request = |all: bool| {
        json!({ "allOrNone": all, "compositeRequest": [
            part("POST", "/sobjects/Account", "a", json!({"Name": "one"})),
            part("PATCH", &format!("/sobjects/Account/{account}"), "b", json!({"Name": "changed"})),
            part("DELETE", &format!("/sobjects/Account/{account}"), "c", Json::Null),
            part("POST", "/sobjects/Contact", "d", json!({"FirstName": "no last name"})),
            part("POST", "/sobjects/Account", "e", json!({"Name": "two"})),
        ]})
    };
    let reply = org.post("/composite", request(true)).await;
    let parts = reply.body["compositeResponse"].as_array().unwrap();
    assert_eq!(parts.len(), 5);
    for (at, part) in parts.iter().enumerate() {
        let code = if at == 3 { "REQUIRED_FIELD_MISSING" } else { "PROCESSING_HALTED" };
        assert_eq!((&part["httpStatusCode"], &part["body"][0]["errorCode"]), (&json!(400), &json!(code)), "{part}");
    }
    assert_eq!(
        parts[0]["body"][0]["message"],
        "The transaction was rolled back since another operation in the same transaction failed."
    );
    assert_eq!(org.count("Account").await, accounts + 1);
    let row = org.get(&format!("/sobjects/Account/{account}")).await;
    assert_eq!((row.status, &row.body["Name"], &row.body["IsDeleted"]), (200, &json!("stays"), &json!(false)));
    assert_eq!(org.events(), events_then, "no event of what was taken back");

    let reply = org.post("/composite", request(false)).await;
    let statuses: Vec<u64> = reply.body["compositeResponse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["httpStatusCode"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 204, 204, 400, 201]);
    assert_eq!(org.count("Account").await, accounts + 2);
}

#[tokio::test]
async fn a_part_whose_reference_leads_nowhere_is_halted_alone() {
    let org = Org::start().await;
    let request = |version: &str| {
        json!({ "compositeRequest": [
            {"method": "POST", "url": format!("/services/data/{version}/sobjects/Account"), "referenceId": "acc", "body": {}},
            {"method": "POST", "url": format!("/services/data/{version}/sobjects/Contact"), "referenceId": "con", "body": {"LastName": "x", "AccountId": "@{acc.id}"}},
            {"method": "POST", "url": format!("/services/data/{version}/sobjects/Account"), "referenceId": "other", "body": {"Name": "goes on"}},
            {"method": "GET", "url": format!("/services/data/{version}/sobjects/Account/@{{other.id}}?fields=Name,Site"), "referenceId": "read"},
            {"method": "POST", "url": format!("/services/data/{version}/sobjects/Contact"), "referenceId": "null", "body": {"LastName": "y", "Title": "@{read.Site}"}},
        ]})
    };
    for (version, of_null) in [("v66.0", 201), ("v51.0", 400)] {
        let reply = org.post(&format!("/services/data/{version}/composite"), request(version)).await;
        let parts = reply.body["compositeResponse"].as_array().unwrap();
        let statuses: Vec<&Json> = parts.iter().map(|p| &p["httpStatusCode"]).collect();
        assert_eq!(statuses, [400, 400, 201, 200, of_null], "{version}: {}", reply.body);
        assert_eq!(
            parts[1]["body"],
            json!([{"message": "Invalid reference specified. No value for acc.id found in acc. Provided referenceId ('acc.id') must start with a letter or a number, and it can contain only letters, numbers and underscores ('_').", "errorCode": "PROCESSING_HALTED"}])
        );
    }
}

#[tokio::test]
async fn composite_requests_that_cannot_be_are_refused_whole() {
    let org = Org::start().await;
    let get = |n: usize| part("GET", "/sobjects/Account", &format!("r{n}"), Json::Null);
    let query = |n: usize| part("GET", "/query?q=SELECT+Id+FROM+Account", &format!("r{n}"), Json::Null);
    let list = |items: Vec<Json>| json!({ "compositeRequest": items });
    let mut headed = get(0);
    headed["httpHeaders"] = json!({"Authorization": "Bearer x"});
    for (body, code) in [
        (list((0..26).map(get).collect()), "LIMIT_EXCEEDED"),
        (list((0..6).map(query).collect()), "LIMIT_EXCEEDED"),
        (list(vec![get(0), get(0)]), "JSON_PARSER_ERROR"),
        (list(vec![part("GET", "/sobjects", "a[1]", Json::Null)]), "JSON_PARSER_ERROR"),
        (list(vec![part("get", "/sobjects", "a", Json::Null)]), "JSON_PARSER_ERROR"),
        (list(vec![json!({"method": "GET", "referenceId": "a"})]), "JSON_PARSER_ERROR"),
        (list(vec![headed]), "INVALID_HTTP_HEADER"),
        (json!({"compositeRequest": 5}), "JSON_PARSER_ERROR"),
        (json!({"allOrNone": 5, "compositeRequest": []}), "JSON_PARSER_ERROR"),
        (json!([]), "JSON_PARSER_ERROR"),
    ] {
        let reply = org.post("/composite", body.clone()).await;
        assert_eq!(reply.refusal(), (400, code), "{body}");
    }
    assert_eq!(org.post("/composite", list((0..25).map(get).collect())).await.status, 200);
    assert_eq!(org.post("/composite", list((0..5).map(query).collect())).await.status, 200);
    assert_eq!(org.post("/composite", json!({"allOrNone": null, "compositeRequest": []})).await.status, 200);
    let names = org.get("/composite").await.body;
    assert_eq!(names["graph"], format!("{DATA}/composite/graph"));
    assert_eq!(names.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn batches_count_every_request_and_stop_where_that_is_asked() {
    let org = Org::start().await;
    let id = org.create("Account", json!({"Name": "a"})).await;
    let before = org.calls();
    let requests = |halt: Json| {
        json!({ "haltOnError": halt, "batchRequests": [
            {"method": "PATCH", "url": format!("v59.0/sobjects/account/{id}"), "richInput": {"Name": "b"}},
            {"method": "GET", "url": format!("v66.0/sobjects/account/{id}?fields=Name")},
            {"method": "GET", "url": "v66.0/sobjects/Account/001000000000000AAA"},
            {"method": "GET", "url": "/services/data/v66.0/query/?q=SELECT+COUNT()+FROM+Account"},
        ]})
    };
    let reply = org.post("/composite/batch", requests(Json::Null)).await;
    assert_eq!((reply.status, &reply.body["hasErrors"]), (200, &json!(true)));
    let results = reply.body["results"].as_array().unwrap();
    assert_eq!(results[0], json!({"statusCode": 204, "result": null}));
    assert_eq!(results[1]["result"]["Name"], "b");
    assert_eq!((&results[2]["statusCode"], &results[2]["result"][0]["errorCode"]), (&json!(404), &json!("NOT_FOUND")));
    assert_eq!(results[3]["statusCode"], 200);
    assert_eq!(org.calls() - before, 4);
    let reply = org.post("/composite/batch", requests(json!(true))).await;
    assert_eq!(
        reply.body["results"][3],
        json!({"statusCode": 412, "result": [{"message": "Batch processing halted per request", "errorCode": "BATCH_PROCESSING_HALTED"}]})
    );
    let newer =
        json!({"batchRequests": [{"method": "GET", "url": "v67.0/limits"}, {"method": "GET", "url": "v33.0/limits"}]});
    let reply = org.post("/composite/batch", newer).await;
    assert_eq!(
        (&reply.body["results"][0]["statusCode"], &reply.body["results"][1]["statusCode"]),
        (&json!(400), &json!(400))
    );
    let many: Vec<Json> = (0..26).map(|_| json!({"method": "GET", "url": "v66.0/limits"})).collect();
    assert_eq!(org.post("/composite/batch", json!({"batchRequests": many})).await.refusal().0, 400);
    assert_eq!(org.get("/composite/batch").await.refusal(), (405, "METHOD_NOT_ALLOWED"));
}

#[tokio::test]
async fn each_graph_is_all_or_none() {
    let org = Org::start().await;
    let before = org.count("Account").await;
    let good = json!({"graphId": "g1", "compositeRequest": [
        part("POST", "/sobjects/Account", "a", json!({"Name": "good"})),
        part("POST", "/sobjects/Contact", "c", json!({"LastName": "c", "AccountId": "@{a.id}"})),
        part("PATCH", "/sobjects/Account/Ext__c/G-1", "u", json!({"Name": "keyed"})),
    ]});
    let bad = json!({"graphId": "g2", "compositeRequest": [
        part("POST", "/sobjects/Account", "a", json!({"Name": "bad"})),
        part("POST", "/sobjects/Contact", "c", json!({"AccountId": "@{a.id}"})),
        part("POST", "/sobjects/Account", "late", json!({"Name": "late"})),
    ]});
    let events = org.events();
    let reply = org.post("/composite/graph", json!({"graphs": [good, bad]})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let graphs = reply.body["graphs"].as_array().unwrap();
    assert_eq!((&graphs[0]["graphId"], &graphs[0]["isSuccessful"]), (&json!("g1"), &json!(true)));
    assert_eq!(graphs[1]["isSuccessful"], false);
    let parts = graphs[1]["graphResponse"]["compositeResponse"].as_array().unwrap();
    let codes: Vec<&Json> = parts.iter().map(|p| &p["body"][0]["errorCode"]).collect();
    assert_eq!(codes, ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]);
    assert_eq!(org.count("Account").await, before + 2);
    assert_eq!(org.events() - events, 3, "one event for each record of the good graph");
    {
        let held = org.running.emulator.org().read();
        let keys: std::collections::BTreeSet<_> = held.events.iter().rev().take(3).map(|e| e.transaction.key).collect();
        assert_eq!(keys.len(), 1, "they are of one transaction");
    }
    // After 14 failures the rest is not tried.
    let failing = |n: usize| json!({"graphId": format!("f{n}"), "compositeRequest": [part("POST", "/sobjects/Contact", "x", json!({}))]});
    let mut graphs: Vec<Json> = (0..14).map(failing).collect();
    graphs.push(
        json!({"graphId": "last", "compositeRequest": [part("POST", "/sobjects/Account", "x", json!({"Name": "n"}))]}),
    );
    let reply = org.post("/composite/graph", json!({"graphs": graphs})).await;
    let last = &reply.body["graphs"][14]["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"];
    assert_eq!(last, "PROCESSING_HALTED");
    assert_eq!(org.count("Account").await, before + 2);
    for (graph, why) in [
        (json!({"graphId": "a.b", "compositeRequest": []}), "a period"),
        (json!({"graphId": "x".repeat(40), "compositeRequest": []}), "40 characters"),
        (json!({"graphId": "q", "compositeRequest": [part("GET", "/query?q=x", "a", Json::Null)]}), "a query"),
        (
            json!({"graphId": "deep", "compositeRequest": (0..16).map(|n| part("POST", "/sobjects/Account", &format!("d{n}"),
                json!({"Name": "x", "ParentId": if n == 0 { json!(null) } else { json!(format!("@{{d{}.id}}", n - 1)) }}))).collect::<Vec<_>>()}),
            "16 levels",
        ),
    ] {
        assert_eq!(org.post("/composite/graph", json!({"graphs": [graph]})).await.refusal().0, 400, "{why}");
    }
}

#[tokio::test]
async fn a_tree_is_made_level_by_level_or_not_at_all() {
    let org = Org::start().await;
    let before = (org.count("Account").await, org.count("Contact").await);
    let tree = |name: Json| {
        json!({"records": [
            {"attributes": {"type": "Account", "referenceId": "r1"}, "name": "Tree", "Contacts": {"records": [
                {"attributes": {"type": "Contact", "referenceId": "r3"}, "lastname": "Leaf", "Cases": {"records": [
                    {"attributes": {"type": "Case", "referenceId": "r5"}, "Subject": "deep"}]}},
                {"attributes": {"type": "Contact", "referenceId": "r4"}, "lastname": name}]}},
            {"attributes": {"type": "Account", "referenceId": "r2"}, "name": "Other"}]})
    };
    let reply = org.post("/composite/tree/Account", tree(json!(null))).await;
    assert_eq!(
        (reply.status, reply.body),
        (
            400,
            json!({"hasErrors": true, "results": [{"referenceId": "r4", "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"]}]}]})
        )
    );
    assert_eq!((org.count("Account").await, org.count("Contact").await), before);
    let reply = org.post("/composite/tree/account", tree(json!("Second"))).await;
    assert_eq!((reply.status, &reply.body["hasErrors"]), (201, &json!(false)));
    let results = reply.body["results"].as_array().unwrap();
    let references: Vec<&Json> = results.iter().map(|r| &r["referenceId"]).collect();
    assert_eq!(references, ["r1", "r2", "r3", "r4", "r5"], "level by level");
    let case = results[4]["id"].as_str().unwrap();
    let row = org.get(&format!("/sobjects/Case/{case}?fields=ContactId,Contact.Account.Name")).await.body;
    assert_eq!((&row["ContactId"], &row["Contact"]["Account"]["Name"]), (&results[2]["id"], &json!("Tree")));
    let record = |reference: &str| json!({"attributes": {"type": "Account", "referenceId": reference}, "Name": "x"});
    for (records, why) in [
        ((0..201).map(|n| record(&format!("r{n}"))).collect::<Vec<_>>(), "201 records"),
        (vec![record("a"), record("a")], "a reference twice"),
        (vec![json!({"attributes": {"type": "Account"}, "Name": "x"})], "no reference"),
        (vec![json!({"attributes": {"type": "Contact", "referenceId": "a"}, "LastName": "x"})], "another type"),
    ] {
        let reply = org.post("/composite/tree/Account", json!({"records": records})).await;
        assert_eq!((reply.status, &reply.body["hasErrors"]), (400, &json!(true)), "{why}");
        assert_eq!(reply.body["results"][0]["errors"][0]["statusCode"], "INVALID_INPUT", "{why}");
    }
}

#[tokio::test]
async fn collections_tell_of_each_record() {
    let org = Org::start().await;
    let account = |name: &str| json!({"attributes": {"type": "Account"}, "Name": name});
    let reply = org
        .post(
            "/composite/sobjects",
            json!({"allOrNone": true, "records": [account("a"), json!({"attributes": {"type": "Account"}})]}),
        )
        .await;
    let first = &reply.body[0];
    assert_eq!(
        (&first["success"], &first["errors"][0]["statusCode"]),
        (&json!(false), &json!("ALL_OR_NONE_OPERATION_ROLLED_BACK"))
    );
    assert_eq!(first["id"].as_str().unwrap().len(), 18);
    assert_eq!(reply.body[1].get("id"), None);
    // Ten runs of one object are allowed, eleven are not.
    let runs = |n: usize| {
        let record = |at: usize| {
            if at.is_multiple_of(2) {
                account("x")
            } else {
                json!({"attributes": {"type": "Contact"}, "LastName": "x"})
            }
        };
        json!({"records": (0..n).map(record).collect::<Vec<_>>()})
    };
    assert_eq!(org.post("/composite/sobjects", runs(10)).await.status, 200);
    assert_eq!(org.post("/composite/sobjects", runs(11)).await.refusal().0, 400);
    let keyed = |key: &str| json!({"attributes": {"type": "Account"}, "Name": key, "Ext__c": key});
    let reply =
        org.patch("/composite/sobjects/Account/Ext__c", json!({"records": [keyed("K"), keyed("K"), keyed("L")]})).await;
    assert_eq!(reply.body[0]["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    assert_eq!((&reply.body[2]["success"], &reply.body[2]["created"]), (&json!(true), &json!(true)));
    let id = reply.body[2]["id"].as_str().unwrap().to_owned();
    let ids = vec![id.clone(); 2_000];
    let reply = org.post("/composite/sobjects/Account", json!({"ids": ids, "fields": ["name"]})).await;
    assert_eq!(reply.body.as_array().unwrap().len(), 2_000);
    let ids = vec![id.clone(); 2_001];
    assert_eq!(org.post("/composite/sobjects/Account", json!({"ids": ids, "fields": ["name"]})).await.refusal().0, 400);
    let reply = org
        .send(Method::DELETE, &format!("/composite/sobjects?ids={id}%2C{}&allOrNone=false", "0".repeat(15)), &[], None)
        .await;
    assert_eq!(reply.body[0], json!({"id": id, "success": true, "errors": []}));
    assert_eq!(reply.body[1]["success"], false);
}
