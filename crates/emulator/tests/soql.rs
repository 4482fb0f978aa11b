//! Queries and searches over HTTP: shapes, pages, places of faults.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Running, answer};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::server::Config;

const BASE: &str = "/services/data/v66.0";

async fn get(running: &Running, path: &str, query: &[(&str, &str)]) -> (u16, Json) {
    answer(running.call(Method::GET, &format!("{BASE}/{path}")).query(query)).await
}

async fn query(running: &Running, text: &str) -> Json {
    let (status, body) = get(running, "query", &[("q", text)]).await;
    assert_eq!(status, 200, "{text}: {body}");
    body
}

async fn create(running: &Running, object: &str, fields: Json) -> String {
    let (status, body) = answer(running.call(Method::POST, &format!("{BASE}/sobjects/{object}")).json(&fields)).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

fn names(records: &Json) -> Vec<&str> {
    records.as_array().unwrap().iter().map(|record| record["Name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_search_answers_records_by_object_with_their_fields() {
    let running = Running::start(Config { seed: None, ..Config::default() }).await;
    let acme = create(&running, "Account", json!({"Name": "Acme", "Phone": "415-555-0100"})).await;
    create(&running, "Account", json!({"Name": "Zeta", "Description": "Bought by Acme"})).await;
    create(&running, "Contact", json!({"LastName": "Acme", "AccountId": acme})).await;
    let (status, body) =
        get(&running, "search", &[("q", "FIND {acme} RETURNING Account(Id, Name), Contact(Name)")]).await;
    assert_eq!(status, 200);
    assert_eq!(names(&body["searchRecords"]), ["Acme", "Zeta", "Acme"]);
    assert_eq!(
        body["searchRecords"][0],
        json!({
            "attributes": {"type": "Account", "url": format!("{BASE}/sobjects/Account/{acme}")},
            "Id": acme,
            "Name": "Acme",
        })
    );
    // Up to version 36 the bare list.
    let old = running.call(Method::GET, "/services/data/v36.0/search/").query(&[("q", "FIND {zeta}")]);
    let (_, body) = answer(old).await;
    assert_eq!(body.as_array().unwrap().len(), 1);
    // A soft-deleted record is not found.
    let (status, _) = answer(running.call(Method::DELETE, &format!("{BASE}/sobjects/Account/{acme}"))).await;
    assert_eq!(status, 204);
    let (_, body) = get(&running, "search", &[("q", "FIND {415 555} IN PHONE FIELDS")]).await;
    assert_eq!(body, json!({"searchRecords": []}));
}

#[tokio::test]
async fn faults_of_a_search_have_their_codes_and_places() {
    let running = Running::start(Config { seed: None, ..Config::default() }).await;
    for (text, code, message) in [
        ("acme", "MALFORMED_SEARCH", "unexpected token: 'acme'"),
        ("FIND acme", "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces."),
        ("FIND {a}", "MALFORMED_SEARCH", "search term must be longer than one character: a"),
        (
            "FIND {acme} IN NAMES FIELDS",
            "MALFORMED_SEARCH",
            "\nFIND {acme} IN NAMES FIELDS\n               ^\nERROR at Row:1:Column:16\nunexpected token: 'NAMES'",
        ),
    ] {
        let (status, body) = get(&running, "search", &[("q", text)]).await;
        assert_eq!((status, &body), (400, &json!([{"message": message, "errorCode": code}])), "{text}");
    }
    let (status, body) = get(&running, "search", &[]).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("MALFORMED_SEARCH")));
    let (status, body) = answer(running.call(Method::POST, &format!("{BASE}/search")).json(&json!({}))).await;
    assert_eq!((status, &body[0]["errorCode"]), (405, &json!("METHOD_NOT_ALLOWED")));
}

#[tokio::test]
async fn the_parameterized_search_takes_parameters_and_a_body() {
    let running = Running::start(Config { seed: None, ..Config::default() }).await;
    for n in 0..4 {
        create(&running, "Account", json!({"Name": format!("Acme {n}"), "NumberOfEmployees": n})).await;
    }
    create(&running, "Contact", json!({"LastName": "Acme", "FirstName": "Al"})).await;
    let asked = [
        ("q", "acme"),
        ("sobject", "Account"),
        ("sobject", "Contact"),
        ("Account.fields", "id,Name"),
        ("Account.limit", "2"),
        ("Account.where", "NumberOfEmployees > 0"),
        ("Account.orderBy", "Name DESC"),
        ("fields", "Name"),
        ("metadata", "LABELS"),
    ];
    let (status, body) = get(&running, "parameterizedSearch/", &asked).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(names(&body["searchRecords"]), ["Acme 3", "Acme 2", "Al Acme"]);
    assert_eq!(
        body["metadata"]["entityetadata"][0]["fieldMetadata"][1],
        json!({"name": "Name", "label": "Account Name"})
    );
    let posted = json!({
        "q": "acme",
        "fields": ["Name"],
        "sobjects": [{"name": "Account", "where": "NumberOfEmployees = 1"}, {"name": "Contact", "fields": ["FirstName", "Name"]}],
        "in": "NAME",
        "overallLimit": 10,
        "defaultLimit": "10",
    });
    let (status, body) = answer(running.call(Method::POST, &format!("{BASE}/parameterizedSearch")).json(&posted)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(names(&body["searchRecords"]), ["Acme 1", "Al Acme"]);
    assert_eq!(body["searchRecords"][1]["FirstName"], "Al");
    let (status, body) = get(&running, "parameterizedSearch", &[("q", "acme"), ("in", "SHOES")]).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("ILLEGAL_QUERY_PARAMETER_VALUE")));
    let (status, body) = get(&running, "parameterizedSearch", &[("q", "acme"), ("defaultLimit", "5")]).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("MALFORMED_SEARCH")));
}

#[tokio::test]
async fn layouts_suggestions_and_the_scope_order_are_answered() {
    let running = Running::start(Config { seed: None, ..Config::default() }).await;
    create(&running, "Account", json!({"Name": "National Utility"})).await;
    let (status, body) = get(&running, "search/layout", &[("q", "Account,Contact")]).await;
    assert_eq!(status, 200);
    assert_eq!((&body[1]["objectType"], &body[1]["limitRows"]), (&json!("Contact"), &json!(25)));
    let columns: Vec<&str> =
        body[1]["searchColumns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["Name", "Title", "Account.Name", "Phone", "Email", "Owner.Alias"]);
    let (_, body) =
        get(&running, "search/suggestions", &[("q", "nat"), ("sobject", "Account"), ("fields", "Phone")]).await;
    assert_eq!(names(&body["autoSuggestResults"]), ["National Utility"]);
    assert_eq!(body["autoSuggestResults"][0]["Phone"], Json::Null);
    let (_, body) = get(&running, "search/scopeOrder", &[]).await;
    assert_eq!(body[0], json!({"type": "Account", "url": format!("{BASE}/sobjects/Account/describe")}));
    let (status, body) = get(&running, "search/layout", &[("q", "Nothing__c")]).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_TYPE")));
}

#[tokio::test]
async fn a_viewed_record_shows_when_it_was_seen() {
    let running = Running::start(Config { seed: None, ..Config::default() }).await;
    create(&running, "Account", json!({"Name": "Acme"})).await;
    let before = query(&running, "SELECT LastViewedDate, SystemModstamp FROM Account").await["records"][0].clone();
    assert_eq!(before["LastViewedDate"], Json::Null);
    query(&running, "SELECT Id FROM Account LIMIT 1 FOR VIEW FOR REFERENCE UPDATE VIEWSTAT").await;
    let after =
        query(&running, "SELECT LastViewedDate, LastReferencedDate, SystemModstamp FROM Account").await["records"][0]
            .clone();
    assert!(after["LastViewedDate"].is_string());
    assert_eq!(after["LastViewedDate"], after["LastReferencedDate"]);
    assert_eq!(after["SystemModstamp"], before["SystemModstamp"]);
}

#[tokio::test]
async fn faults_of_a_query_quote_it_with_a_caret() {
    let running = Running::start(Config { seed: None, ..Config::default() }).await;
    let (status, body) =
        get(&running, "query", &[("q", "SELECT Id FROM Account\nWHERE Name = 'a' AND Phone = null OR Fax = null")])
            .await;
    assert_eq!(status, 400);
    let message = "\nWHERE Name = 'a' AND Phone = null OR Fax = null\n                                  ^\nERROR at \
                   Row:2:Column:35\nunexpected token: 'OR'";
    assert_eq!(body, json!([{"message": message, "errorCode": "MALFORMED_QUERY"}]));
    let (status, body) = get(&running, "query", &[("explain", "00O000000000001AAA")]).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_ID")));
    let long = format!("SELECT Id FROM Account WHERE Name IN ('{}')", "x".repeat(4_001));
    let (status, body) = get(&running, "query", &[("q", &long)]).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("MALFORMED_QUERY")));
}
