//! Locked rows: by the control, for every door alike, and by a plan for one request.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::common::{Running, answer};
use crate::support::{DATA, classic, create, load, plan, post, results, soap, soap_create, start};

const LOCKED: &str = "UNABLE_TO_LOCK_ROW";

async fn composite(running: &Running, url: &str, body: Json) -> Json {
    let part = json!({ "method": "POST", "url": format!("{DATA}/{url}"), "referenceId": "one", "body": body });
    let (status, answer) = post(running, &format!("{DATA}/composite"), json!({ "compositeRequest": [part] })).await;
    assert_eq!(status, 200, "{answer}");
    answer["compositeResponse"][0]["body"].clone()
}

#[tokio::test]
async fn a_locked_parent_holds_behind_every_door() {
    let running = start(|_| {}).await;
    let parent = create(&running, "Account", json!({ "Name": "Busy" })).await;
    let gone = create(&running, "Contact", json!({ "LastName": "Gone", "AccountId": parent })).await;
    let remove = running.call(Method::DELETE, &format!("{DATA}/sobjects/Contact/{gone}"));
    assert_eq!(answer(remove).await.0, 204);
    plan(&running, "locks", json!({ "ids": [parent] })).await;
    let contact = json!({ "LastName": "A", "AccountId": parent });
    let (status, body) = post(&running, &format!("{DATA}/sobjects/Contact"), contact.clone()).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!(LOCKED)));
    let change =
        running.call(Method::PATCH, &format!("{DATA}/sobjects/Account/{parent}")).json(&json!({ "Site": "x" }));
    assert_eq!(answer(change).await.1[0]["errorCode"], LOCKED);
    let remove = running.call(Method::DELETE, &format!("{DATA}/sobjects/Account/{parent}"));
    assert_eq!(answer(remove).await.1[0]["errorCode"], LOCKED);

    assert_eq!(composite(&running, "sobjects/Contact", contact.clone()).await[0]["errorCode"], LOCKED);
    let graph = json!({ "graphs": [{ "graphId": "1", "compositeRequest": [
        { "method": "POST", "url": format!("{DATA}/sobjects/Contact"), "referenceId": "one", "body": contact },
    ] }] });
    let (_, body) = post(&running, &format!("{DATA}/composite/graph"), graph).await;
    assert_eq!(body["graphs"][0]["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"], LOCKED);
    let record = json!({ "attributes": { "type": "Contact" }, "LastName": "A", "AccountId": parent });
    let (_, body) = post(&running, &format!("{DATA}/composite/sobjects"), json!({ "records": [record] })).await;
    assert_eq!(body[0]["errors"][0]["statusCode"], LOCKED);

    let fields = format!("<o:LastName>A</o:LastName><o:AccountId>{parent}</o:AccountId>");
    let token = &running.emulator.credentials().access_token;
    let (status, text) = soap(&running, "u/62.0", token, &soap_create("Contact", &fields)).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains(&format!("<statusCode>{LOCKED}</statusCode>")), "{text}");

    let back = format!("<p:undelete><p:ids>{gone}</p:ids></p:undelete>");
    assert!(soap(&running, "u/62.0", token, &back).await.1.contains(LOCKED), "it would come back under its parent");

    let (id, job) = load(&running, "Contact", "insert", &format!("LastName,AccountId\nA,{parent}\nB,\n")).await;
    assert_eq!((&job["state"], &job["numberRecordsFailed"]), (&json!("JobComplete"), &json!(1)));
    let [done, failed, _] = results(&running, &id).await;
    assert!(done.len() == 1 && failed[0].contains(LOCKED), "{failed:?}");
    let (_, _, batch) = classic(&running, "Contact", json!([contact, { "LastName": "B" }])).await;
    assert_eq!((&batch["state"], &batch["numberRecordsFailed"]), (&json!("Completed"), &json!(1)));
}

#[tokio::test]
async fn one_request_finds_its_rows_locked() {
    let running = start(|_| {}).await;
    let lock = json!({ "match": { "path": "/composite/sobjects" }, "action": { "lock_rows": true } });
    plan(&running, "faults", lock).await;
    let record = |name: &str| json!({ "attributes": { "type": "Account" }, "Name": name });
    let records = json!({ "records": [record("A"), record("B")] });
    let path = format!("{DATA}/composite/sobjects");
    let (status, body) = post(&running, &path, records.clone()).await;
    assert_eq!(status, 200, "not the request fails but its records: {body}");
    for result in body.as_array().unwrap() {
        assert_eq!((&result["success"], &result["errors"][0]["statusCode"]), (&json!(false), &json!(LOCKED)));
    }
    assert_eq!(post(&running, &path, records).await.1[0]["success"], true);
    plan(&running, "faults", json!({ "match": { "path": "/composite" }, "action": { "lock_rows": true } })).await;
    assert_eq!(composite(&running, "sobjects/Account", json!({ "Name": "C" })).await[0]["errorCode"], LOCKED);
    plan(&running, "faults", json!({ "match": { "path": "/Soap/u/" }, "action": { "lock_rows": true } })).await;
    let token = &running.emulator.credentials().access_token;
    let call = soap_create("Account", "<o:Name>D</o:Name>");
    assert!(soap(&running, "u/62.0", token, &call).await.1.contains(LOCKED));
    assert!(soap(&running, "u/62.0", token, &call).await.1.contains("<success>true</success>"));
}
