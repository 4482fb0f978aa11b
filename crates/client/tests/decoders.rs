//! No answer of the network makes a decoder panic: each call is given what it expects, changed at random, and noise.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_client::bulk::{CreateIngestJob, CreateQueryJob, IngestOperation, IngestSpec, QueryOperation};
use tidegate_client::{
    Call, Create, DescribeObject, DescribeObjects, Explain, Get, Limits, Query, QueryMore, RecordCounts, UserInfo,
    Versions,
};

const QUERY: &str = r#"{"totalSize":2,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/0r8xx-2000","records":[{"attributes":{"type":"Contact","url":"/x"},"Id":"003000000000001AAA","Score__c":1.10,"Account":{"attributes":{"type":"Account"},"Name":null},"Cases":{"totalSize":1,"done":true,"records":[{"Id":"500000000000001AAA"}]}}]}"#;
const DESCRIBE: &str = r#"{"name":"Account","label":"Account","queryable":true,"fields":[{"name":"Id","type":"id","length":18,"nillable":false,"picklistValues":[{"value":"a","active":true,"label":"A","defaultValue":false}],"referenceTo":["Account"],"precision":0,"scale":0}],"childRelationships":[{"childSObject":"Contact","field":"AccountId","relationshipName":"Contacts"}],"recordTypeInfos":[],"urls":{"sobject":"/x"}}"#;
const JOB: &str = r#"{"id":"750000000000001AAA","operation":"query","object":"Account","createdDate":"2026-01-31T08:15:42.000+0000","state":"InProgress","apiVersion":66.0,"lineEnding":"LF","columnDelimiter":"COMMA","numberRecordsProcessed":3}"#;

type Reader = Box<dyn Fn(http::Response<Bytes>) -> bool>;

fn reader<C: Call + 'static>(call: C) -> Reader {
    Box::new(move |answer| call.reply(answer).is_ok())
}

/// Each call with an answer that it understands.
fn calls() -> Vec<(&'static str, Reader)> {
    let saved = r#"{"id":"001000000000001AAA","success":true,"errors":[],"created":true}"#;
    let create = Create { object: "Account".into(), fields: json!({}) };
    let get = Get { object: "Account".into(), id: "001000000000001AAA".into(), fields: vec![] };
    vec![
        (QUERY, reader(Query::new("SELECT Id FROM Contact"))),
        (QUERY, reader(QueryMore::new("/services/data/v66.0/query/0r8xx-2000"))),
        (
            r#"{"plans":[{"cardinality":1,"fields":["Id"],"leadingOperationType":"Index","notes":[],"relativeCost":0.1,"sobjectCardinality":3,"sobjectType":"A"}],"sourceQuery":"x"}"#,
            reader(Explain::new("SELECT Id FROM A")),
        ),
        (DESCRIBE, reader(DescribeObject::new("Account"))),
        (
            r#"{"encoding":"UTF-8","maxBatchSize":200,"sobjects":[{"name":"Account","label":"Account","keyPrefix":"001","queryable":true,"urls":{}}]}"#,
            reader(DescribeObjects),
        ),
        (saved, reader(create)),
        (r#"{"attributes":{"type":"Account"},"Id":"001000000000001AAA","Name":"A"}"#, reader(get)),
        (r#"[{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"}]"#, reader(Versions)),
        (
            r#"{"user_id":"005000000000001AAA","organization_id":"00D000000000001AAA","preferred_username":"u"}"#,
            reader(UserInfo),
        ),
        (r#"{"DailyApiRequests":{"Max":15000,"Remaining":14999,"X":{"Max":1,"Remaining":1}}}"#, reader(Limits)),
        (r#"{"sObjects":[{"count":12,"name":"Account"}]}"#, reader(RecordCounts::new(["Account"]))),
        (JOB, reader(CreateQueryJob::new("SELECT Id FROM Account", QueryOperation::Query))),
        (JOB, reader(CreateIngestJob(IngestSpec::new("Account", IngestOperation::Insert)))),
    ]
}

fn answer(body: Vec<u8>) -> http::Response<Bytes> {
    http::Response::new(body.into())
}

#[test]
fn what_is_expected_is_understood() {
    for (number, (body, read)) in calls().into_iter().enumerate() {
        assert!(read(answer(body.into())), "call {number}");
    }
}

/// A value put in the place of another, somewhere in the tree.
fn change(value: &mut Value, mut place: usize, with: &Value) -> usize {
    if place == 0 {
        *value = with.clone();
        return usize::MAX;
    }
    place -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return place,
    };
    for child in children {
        place = change(child, place, with);
        if place == usize::MAX {
            break;
        }
    }
    place
}

fn odd() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615u64),
        json!(""),
        json!("\u{0}é"),
        json!("9999-99-99T99:99:99.999+9999"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"": null}),
    ])
}

proptest! {
    #[test]
    fn no_change_panics(at in 0..13usize, place in 0..40usize, with in odd(), cut in 0..400usize, flip in any::<(usize, u8)>()) {
        let (body, read) = calls().swap_remove(at);
        let mut tree: Value = serde_json::from_str(body).unwrap();
        change(&mut tree, place, &with);
        let mut bytes = serde_json::to_vec(&tree).unwrap();
        read(answer(bytes.clone()));
        let length = bytes.len();
        if length > 0 {
            bytes[flip.0 % length] ^= flip.1;
            read(answer(bytes.clone()));
        }
        bytes.truncate(cut);
        read(answer(bytes));
    }

    #[test]
    fn no_noise_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (_, read) in calls() {
            read(answer(bytes.clone()));
        }
    }
}
