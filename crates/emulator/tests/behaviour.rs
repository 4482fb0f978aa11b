//! What the org does by itself, as a client sees it over REST: formulas, roll-ups, person accounts, locks, time zones.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod common;

use std::sync::Arc;

use common::{Running, answer};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::schema::{
    Blanks, Field, FieldType, FilterOperation, NameField, ObjectType, RollUp, RollUpFilter, RollUpOperation,
};
use tidegate_emulator::server::Config;

const DATA: &str = "/services/data/v66.0";

async fn org() -> Running {
    let running = Running::start(Config::default()).await;
    let shared = running.emulator.org();
    let mut org = shared.write();
    let schema = Arc::make_mut(&mut org.schema);
    let paid = RollUpFilter { field: "Paid__c".into(), operation: FilterOperation::Equals, value: "True".into() };
    let sum = |filters| RollUp {
        operation: RollUpOperation::Sum,
        child: "Fee__c".into(),
        foreign_key: "Bill__c".into(),
        field: Some("Gross__c".into()),
        filters,
    };
    let mut account = ObjectType::clone(schema.find("Account").unwrap().1);
    account = account.with(Field::formula(
        "Greeting__c",
        "Greeting",
        FieldType::String,
        0,
        r#"IF(ISBLANK(Industry_Code__c), "Dear " & Name, Industry_Code__c & ": " & Name)"#,
        Blanks::Zero,
    ));
    account = account.with(Field::text("Industry_Code__c", "Code", 10));
    schema.put(account);
    schema.put(
        ObjectType::custom("Bill__c", "Bill", "Bills", *b"a80", NameField::auto_number("B-{0000}"))
            .with(Field::lookup("Account__c", "Account", "Account", "Bills"))
            .with(Field::date("Due__c", "Due"))
            .with(Field::roll_up("Total__c", "Total", FieldType::Currency, 18, 2, sum(vec![])))
            .with(Field::roll_up("Paid__c", "Paid", FieldType::Currency, 18, 2, sum(vec![paid])))
            .with(Field::formula("Open__c", "Open", FieldType::Currency, 2, "Total__c - Paid__c", Blanks::Zero))
            .with(Field::formula(
                "Whose__c",
                "Whose",
                FieldType::String,
                0,
                "Account__r.Greeting__c & \" / \" & $User.LastName",
                Blanks::Zero,
            ))
            .with(Field::formula(
                "Late__c",
                "Late",
                FieldType::Boolean,
                0,
                "AND(Due__c < TODAY(), Open__c > 0)",
                Blanks::Zero,
            ))
            .with(Field::formula(
                "Broken__c",
                "Broken",
                FieldType::Double,
                2,
                "1 / (Total__c - Total__c)",
                Blanks::Zero,
            )),
    );
    schema.put(
        ObjectType::custom("Fee__c", "Fee", "Fees", *b"a81", NameField::Text)
            .with(Field::master_detail("Bill__c", "Bill", "Bill__c", "Fees", 0))
            .with(Field::currency("Net__c", "Net", 18, 2))
            .with(Field::checkbox("Paid__c", "Paid", false))
            .with(Field::formula("Gross__c", "Gross", FieldType::Currency, 2, "ROUND(Net__c * 1.2, 2)", Blanks::Zero)),
    );
    drop(org);
    running
}

async fn create(running: &Running, object: &str, fields: Json) -> (u16, Json) {
    answer(running.call(Method::POST, &format!("{DATA}/sobjects/{object}")).json(&fields)).await
}

async fn made(running: &Running, object: &str, fields: Json) -> String {
    let (status, body) = create(running, object, fields).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

async fn update(running: &Running, object: &str, id: &str, fields: Json) -> (u16, Json) {
    answer(running.call(Method::PATCH, &format!("{DATA}/sobjects/{object}/{id}")).json(&fields)).await
}

async fn get(running: &Running, object: &str, id: &str) -> Json {
    let (status, body) = answer(running.call(Method::GET, &format!("{DATA}/sobjects/{object}/{id}"))).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn query(running: &Running, text: &str) -> Json {
    let call = running.call(Method::GET, &format!("{DATA}/query")).query(&[("q", text)]);
    let (status, body) = answer(call).await;
    assert_eq!(status, 200, "{body}");
    body["records"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn formulas_and_roll_ups_follow_what_they_are_made_of() {
    let running = org().await;
    let account = made(&running, "Account", json!({"Name": "Acme"})).await;
    let bill = made(&running, "Bill__c", json!({"Account__c": account, "Due__c": "2001-01-01"})).await;
    let seen = get(&running, "Bill__c", &bill).await;
    assert_eq!((&seen["Total__c"], &seen["Open__c"], &seen["Late__c"]), (&json!(0.0), &json!(0.0), &json!(false)));
    let fee = made(&running, "Fee__c", json!({"Bill__c": bill, "Net__c": 10.01, "Paid__c": false})).await;
    made(&running, "Fee__c", json!({"Bill__c": bill, "Net__c": "5", "Paid__c": true})).await;
    let seen = get(&running, "Bill__c", &bill).await;
    for (field, value) in [
        ("Name", json!("B-0001")),
        ("Total__c", json!(18.01)),
        ("Paid__c", json!(6.0)),
        ("Open__c", json!(12.01)),
        ("Late__c", json!(true)),
        ("Broken__c", Json::Null),
    ] {
        assert_eq!(seen[field], value, "{field}");
    }
    assert!(seen["Whose__c"].as_str().unwrap().starts_with("Dear Acme / "), "{seen}");
    // Another record's change shows at once, and leaves this one's stamps as they were.
    assert_eq!(update(&running, "Account", &account, json!({"Industry_Code__c": "X1"})).await.0, 204);
    let later = get(&running, "Bill__c", &bill).await;
    assert!(later["Whose__c"].as_str().unwrap().starts_with("X1: Acme / "), "{later}");
    assert_eq!(later["SystemModstamp"], seen["SystemModstamp"]);
    let found =
        query(&running, "SELECT Name FROM Bill__c WHERE Late__c = true AND Open__c > 12 ORDER BY Whose__c").await;
    assert_eq!(found[0]["Name"], "B-0001");
    let sums = query(&running, "SELECT SUM(Gross__c) s, MAX(Bill__r.Open__c) m FROM Fee__c").await;
    assert_eq!((&sums[0]["s"], &sums[0]["m"]), (&json!(18.01), &json!(12.01)));
    assert_eq!(answer(running.call(Method::DELETE, &format!("{DATA}/sobjects/Fee__c/{fee}"))).await.0, 204);
    assert_eq!(get(&running, "Bill__c", &bill).await["Open__c"], json!(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn calculated_fields_are_described_and_refuse_to_be_written() {
    let running = org().await;
    let (_, describe) = answer(running.call(Method::GET, &format!("{DATA}/sobjects/Bill__c/describe"))).await;
    let field =
        |name: &str| describe["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).cloned().unwrap();
    let open = field("Open__c");
    assert_eq!(open["calculatedFormula"], "Total__c - Paid__c");
    for (member, value) in [("calculated", true), ("createable", false), ("updateable", false), ("groupable", false)] {
        assert_eq!(open[member], value, "{member}");
    }
    assert_eq!(open["formulaTreatNullNumberAsZero"], true);
    let total = field("Total__c");
    assert_eq!((&total["calculated"], &total["calculatedFormula"]), (&json!(true), &Json::Null));
    for name in ["Open__c", "Total__c"] {
        let (status, body) = create(&running, "Bill__c", json!({ name: 1 })).await;
        assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_FIELD_FOR_INSERT_UPDATE")));
    }
    let call = running
        .call(Method::GET, &format!("{DATA}/query"))
        .query(&[("q", "SELECT Open__c FROM Bill__c GROUP BY Open__c")]);
    assert_eq!(answer(call).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_zone_decides_what_today_is() {
    let running = org().await;
    // 2026-03-10 02:00 UTC is still the ninth in New York.
    let clock = json!({"set": 1_773_108_000_000_i64, "freeze": true});
    assert_eq!(answer(running.http.post(running.url("/__emulator/clock")).json(&clock)).await.0, 200);
    let account = made(&running, "Account", json!({"Name": "Acme"})).await;
    let bill = made(&running, "Bill__c", json!({"Account__c": account, "Due__c": "2026-03-09"})).await;
    made(&running, "Fee__c", json!({"Bill__c": bill, "Net__c": 1})).await;
    let user = running.emulator.credentials().user_id.clone();
    for (zone, late) in [("America/New_York", false), ("Europe/Paris", true)] {
        let answer = update(&running, "User", &user, json!({"TimeZoneSidKey": zone})).await;
        assert_eq!(answer.0, 204, "{}", answer.1);
        assert_eq!(get(&running, "Bill__c", &bill).await["Late__c"], late, "{zone}");
        let today = query(&running, "SELECT Id FROM Bill__c WHERE Due__c = TODAY").await;
        assert_eq!(today.as_array().unwrap().len(), usize::from(!late), "{zone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn person_accounts_are_turned_on_from_outside() {
    let running = org().await;
    let features = running.url("/__emulator/features");
    assert_eq!(answer(running.http.get(&features)).await.1["person_accounts"], false);
    let (status, _) = create(&running, "Account", json!({"LastName": "Grigoryan"})).await;
    assert_eq!(status, 400);
    let (status, body) =
        answer(running.http.post(&features).json(&json!({"person_accounts": true, "audit_fields": true}))).await;
    assert_eq!((status, &body["person_accounts"], &body["audit_fields"]), (200, &json!(true), &json!(true)));
    let fields = json!({"LastName": "Grigoryan", "FirstName": "Anahit", "PersonEmail": "a@example.com", "CreatedDate": "2001-01-01T00:00:00Z"});
    let id = made(&running, "Account", fields).await;
    let found = query(
        &running,
        "SELECT Name, PersonContactId, PersonEmail, CreatedDate, PersonContact.Email FROM Account WHERE IsPersonAccount = true",
    )
    .await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["Name"], "Anahit Grigoryan");
    assert_eq!(found[0]["CreatedDate"], "2001-01-01T00:00:00.000+0000");
    assert_eq!(found[0]["PersonContact"]["Email"], "a@example.com");
    let contact = found[0]["PersonContactId"].as_str().unwrap();
    assert_eq!(update(&running, "Contact", contact, json!({"Email": "b@example.com"})).await.0, 204);
    assert_eq!(get(&running, "Account", &id).await["PersonEmail"], "b@example.com");
    let (_, body) = update(&running, "Account", &id, json!({"Name": "X"})).await;
    assert_eq!(body[0]["message"], "Account: bad field names on insert/update call: Name");
    let (_, describe) = answer(running.call(Method::GET, &format!("{DATA}/sobjects/Account/describe"))).await;
    let types = describe["recordTypeInfos"].as_array().unwrap();
    assert!(types.iter().any(|t| t["developerName"] == "PersonAccount" && t["active"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_rows_refuse_writes_until_they_are_let_go() {
    let running = org().await;
    let bill = made(&running, "Bill__c", json!({})).await;
    let locks = running.url("/__emulator/locks");
    let (status, body) = answer(running.http.post(&locks).json(&json!({"ids": [bill], "for_ms": 3_600_000}))).await;
    assert_eq!((status, body["locks"].as_array().unwrap().len()), (200, 1));
    let (status, body) = create(&running, "Fee__c", json!({"Bill__c": bill, "Net__c": 1})).await;
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("UNABLE_TO_LOCK_ROW")));
    let expected = format!("unable to obtain exclusive access to this record or 1 records: {bill}");
    assert_eq!(body[0]["message"], expected);
    assert_eq!(answer(running.http.post(&locks).json(&json!({"ids": ["001000000000000AAA"]}))).await.0, 404);
    assert_eq!(answer(running.http.delete(&locks)).await.1["locks"], json!([]));
    made(&running, "Fee__c", json!({"Bill__c": bill, "Net__c": 1})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_activities_move_the_stamp_only() {
    let running = org().await;
    let contact = made(&running, "Contact", json!({"LastName": "A"})).await;
    let before = get(&running, "Contact", &contact).await;
    assert_eq!(
        answer(running.http.post(running.url("/__emulator/clock")).json(&json!({"advance_ms": 5_000}))).await.0,
        200
    );
    let task = json!({"WhoId": contact, "Subject": "Call", "Status": "Completed", "ActivityDate": "2026-02-03"});
    made(&running, "Task", task).await;
    let after = get(&running, "Contact", &contact).await;
    assert_eq!(after["LastActivityDate"], "2026-02-03");
    assert_eq!(after["LastModifiedDate"], before["LastModifiedDate"]);
    assert_ne!(after["SystemModstamp"], before["SystemModstamp"]);
}
