//! Damaged bodies and paths at every resource: each has an answer, none of them is the emulator's own failure.

use std::time::Duration;

use proptest::prelude::*;
use reqwest::Method;
use serde_json::json;

use crate::support::{DATA, Org};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests of one run.
const REQUESTS: u32 = 600;

fn whole(account: &str) -> Vec<(&'static str, String, String)> {
    let attributes = json!({"type": "Account", "referenceId": "r1"});
    let record = json!({"attributes": attributes, "Name": "n", "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "r2"}, "LastName": "l"}]}});
    let part =
        json!({"method": "POST", "url": format!("{DATA}/sobjects/Account"), "referenceId": "a", "body": {"Name": "x"}});
    let next = json!({"method": "GET", "url": format!("{DATA}/sobjects/Account/@{{a.id}}"), "referenceId": "b"});
    let of = |json: serde_json::Value| json.to_string();
    vec![
        ("POST", "/composite".into(), of(json!({"allOrNone": true, "compositeRequest": [part, next]}))),
        (
            "POST",
            "/composite/graph".into(),
            of(json!({"graphs": [{"graphId": "g", "compositeRequest": [part, next]}]})),
        ),
        (
            "POST",
            "/composite/batch".into(),
            of(
                json!({"haltOnError": true, "batchRequests": [{"method": "PATCH", "url": format!("v66.0/sobjects/Account/{account}"), "richInput": {"Name": "x"}}]}),
            ),
        ),
        ("POST", "/composite/tree/Account".into(), of(json!({"records": [record]}))),
        (
            "POST",
            "/composite/sobjects".into(),
            of(json!({"allOrNone": false, "records": [{"attributes": {"type": "Account"}, "Name": "x"}]})),
        ),
        (
            "PATCH",
            "/composite/sobjects/Account/Ext__c".into(),
            of(json!({"records": [{"attributes": {"type": "Account"}, "Ext__c": "x"}]})),
        ),
        (
            "POST",
            "/composite/sobjects/Account".into(),
            of(json!({"ids": [account], "fields": ["Name", "BillingAddress"]})),
        ),
        (
            "POST",
            "/sobjects/Account".into(),
            of(json!({"Name": "x", "AnnualRevenue": 1.5, "Parent": {"Ext__c": "y"}, "BillingLatitude": 10})),
        ),
        ("PATCH", format!("/sobjects/Account/{account}"), of(json!({"Name": "x", "NumberOfEmployees": 7}))),
        ("PATCH", "/sobjects/Account/Ext__c/k%2F1".into(), of(json!({"Name": "x"}))),
        ("POST", "/sobjects/Attachment".into(), of(json!({"ParentId": account, "Name": "x", "Body": "aGVsbG8="}))),
        (
            "POST",
            "/sobjects/ContentVersion".into(),
            of(json!({"PathOnClient": "x.txt", "VersionData": "aGVsbG8=", "FirstPublishLocationId": account})),
        ),
        ("GET", format!("/sobjects/Account/{account}/Owner?fields=Name"), String::new()),
        ("GET", format!("/sobjects/Account/{account}/Contacts?fields=Name"), String::new()),
        (
            "GET",
            "/query?q=SELECT+Id,(SELECT+Id+FROM+Contacts)+FROM+Account+WHERE+Name+LIKE+'a%25'+LIMIT+3&columns=true"
                .into(),
            String::new(),
        ),
        ("GET", "/sobjects/Account/updated?start=2026-05-06T00:00:00Z&end=2026-05-07T00:00:00Z".into(), String::new()),
        ("GET", "/sobjects/Account/listviews/00B000000000000AAA/results?limit=5&offset=1".into(), String::new()),
        ("GET", "/sobjects/Account/describe/layouts/012000000000000AAA".into(), String::new()),
        ("GET", "/recent?limit=3".into(), String::new()),
        ("GET", "/compactLayouts?q=Account".into(), String::new()),
        ("GET", "/limits/recordCount?sObjects=Account".into(), String::new()),
        ("DELETE", format!("/composite/sobjects?ids={account}x&allOrNone=true"), String::new()),
    ]
}

/// One way to damage text: cut it, double a piece, put something in, change a byte.
#[derive(Debug, Clone)]
enum Damage {
    Cut(usize),
    Double(usize, usize),
    Put(usize, String),
    Drop(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let pieces = prop::sample::select(vec![
        "null",
        "[]",
        "{}",
        "\"",
        "@{",
        "}",
        "@{a.records[9999999999].Id}",
        "1e999",
        "-0",
        "\\u0000",
        "\u{feff}",
        "é",
        ",",
        ":",
        "/",
        "//",
        "..",
        "%00",
        "%ff",
        "?",
        "&",
        "'",
        "true",
        "[[[[",
        "<a>",
        "999999999999999999999",
        "Id",
        "attributes",
        "001",
    ]);
    prop_oneof![
        any::<usize>().prop_map(Damage::Cut),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Damage::Double(a, b)),
        (any::<usize>(), pieces).prop_map(|(at, text)| Damage::Put(at, text.to_owned())),
        any::<usize>().prop_map(Damage::Drop),
    ]
}

fn damaged(text: &str, damage: &Damage) -> String {
    let chars: Vec<char> = text.chars().collect();
    let place = |at: usize| if chars.is_empty() { 0 } else { at % chars.len() };
    match damage {
        Damage::Cut(at) => chars[..place(*at)].iter().collect(),
        Damage::Double(a, b) => {
            let (a, b) = (place(*a).min(place(*b)), place(*a).max(place(*b)));
            chars[..b].iter().chain(&chars[a..]).collect()
        }
        Damage::Put(at, piece) => {
            let at = place(*at);
            chars[..at].iter().collect::<String>() + piece + &chars[at..].iter().collect::<String>()
        }
        Damage::Drop(at) => {
            let at = place(*at);
            chars.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, c)| *c).collect()
        }
    }
}

#[test]
fn nothing_damaged_breaks_the_emulator() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (org, account) = runtime.block_on(async {
        let org = Org::start().await;
        org.running.emulator.org().write().settings.daily_requests = u64::MAX;
        let account = org.create("Account", json!({"Name": "Acme", "Ext__c": "k"})).await;
        (org, account)
    });
    let whole = whole(&account);
    let config = ProptestConfig { cases: REQUESTS, failure_persistence: None, ..ProptestConfig::default() };
    let strategy =
        (0..whole.len(), prop::collection::vec(damage(), 0..4), prop::collection::vec(damage(), 0..2), 0..6_usize);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&strategy, |(at, of_body, of_path, form)| {
        let (method, path, body) = &whole[at];
        let body = of_body.iter().fold(body.clone(), |text, d| damaged(&text, d));
        let path = of_path.iter().fold(path.clone(), |text, d| damaged(&text, d));
        let path: String = path.chars().filter(|c| !c.is_control() && !c.is_whitespace() && *c != '#').collect();
        let kind = [
            "application/json",
            "application/json",
            "application/json",
            "application/xml",
            "multipart/form-data; boundary=x",
            "text/plain",
        ][form];
        let answer = runtime.block_on(async {
            let url = format!("{}{DATA}/{}", org.running.emulator.url(), path.trim_start_matches('/'));
            let request = org
                .running
                .http
                .request(method.parse::<Method>().unwrap(), url)
                .bearer_auth(&org.running.emulator.credentials().access_token)
                .header("content-type", kind)
                .body(body.clone());
            tokio::time::timeout(PATIENCE, request.send()).await.map(|sent| sent.map(|r| r.status().as_u16()))
        });
        let status = match answer {
            Err(_) => return Err(TestCaseError::fail("no answer")),
            // The client itself refuses some paths.
            Ok(Err(error)) if error.is_builder() => return Ok(()),
            Ok(Err(error)) => return Err(TestCaseError::fail(format!("no answer: {error}"))),
            Ok(Ok(status)) => status,
        };
        prop_assert!(status < 500 || status == 501, "{status} for {method} {path} {kind}\n{body}");
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    let held = org.running.emulator.org().read();
    assert!(held.schema.find("Account").is_some(), "the org is in its place");
}
