//! What standard objects compute.

use super::*;

fn check(object: &str, steps: &[(Json, Json)]) {
    let mut bench = Bench::new();
    let mut id = None;
    for (given, expected) in steps {
        match id {
            None => id = Some(bench.made(object, given.clone())),
            Some(id) => drop(bench.update(object, id, given.clone()).unwrap()),
        }
        for (field, value) in expected.as_object().unwrap() {
            let stored = match bench.get(object, id.unwrap(), field) {
                Value::Null => Json::Null,
                Value::Bool(b) => json!(b),
                Value::Int(n) => json!(n),
                Value::Text(text) => json!(text),
                Value::Decimal(decimal) => json!(decimal.to_string()),
                Value::Date(date) => json!(date.to_string()),
                Value::DateTime(ms) => json!(ms),
                other => panic!("{other:?}"),
            };
            assert_eq!(stored, *value, "{object}.{field} after {given}");
        }
        bench.now += 60_000;
    }
}

#[test]
fn names_of_persons() {
    for object in ["Contact", "Lead"] {
        let company = json!({"LastName": "Ng", "FirstName": "Ana", "Salutation": "Dr."});
        let mut first = company.clone();
        if object == "Lead" {
            first["Company"] = json!("Acme");
        }
        check(object, &[(first, json!({"Name": "Ana Ng"})), (json!({"FirstName": null}), json!({"Name": "Ng"}))]);
    }
}

#[test]
fn photos() {
    let mut bench = Bench::new();
    let id = bench.made("Contact", json!({"LastName": "x"}));
    assert_eq!(bench.text("Contact", id, "PhotoUrl"), format!("/services/images/photo/{id}"));
    assert_eq!(bench.get("Contact", id, "IsEmailBounced"), Value::Bool(false));
}

#[test]
fn opportunities_follow_their_stage() {
    check(
        "Opportunity",
        &[
            (
                json!({"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-05-06", "Amount": 1000}),
                json!({
                    "IsClosed": false, "IsWon": false, "Probability": "10", "ForecastCategory": "Pipeline",
                    "ForecastCategoryName": "Pipeline", "ExpectedRevenue": "100.00", "FiscalYear": 2026,
                    "FiscalQuarter": 2, "Fiscal": "2026 2", "LastStageChangeDate": null,
                }),
            ),
            (json!({"Probability": 55}), json!({"ExpectedRevenue": "550.00"})),
            (json!({"Amount": 10}), json!({"ExpectedRevenue": "5.50"})),
            (
                json!({"StageName": "Closed Won"}),
                json!({
                    "IsClosed": true, "IsWon": true, "Probability": "100", "ForecastCategory": "Closed",
                    "LastStageChangeDate": (NOW + 180_000) / 1000 * 1000,
                }),
            ),
            (
                json!({"StageName": "Negotiation/Review", "ForecastCategoryName": "Best Case", "Amount": null}),
                json!({"IsClosed": false, "Probability": "90", "ForecastCategory": "BestCase", "ExpectedRevenue": null}),
            ),
        ],
    );
}

#[test]
fn cases_and_tasks_are_closed_by_their_status() {
    let second = |minutes: i64| (NOW + minutes * 60_000) / 1000 * 1000;
    check(
        "Case",
        &[
            (json!({}), json!({"CaseNumber": "00000001", "Status": "New", "IsClosed": false, "Priority": "Medium"})),
            (json!({"Status": "Closed"}), json!({"IsClosed": true, "ClosedDate": second(1)})),
            (json!({"Subject": "x"}), json!({"IsClosed": true, "ClosedDate": second(1)})),
            (json!({"Status": "Working"}), json!({"IsClosed": false, "ClosedDate": null})),
        ],
    );
    check(
        "Task",
        &[
            (json!({"Priority": "High"}), json!({"Status": "Not Started", "IsClosed": false, "IsHighPriority": true})),
            (json!({"Status": "Completed"}), json!({"IsClosed": true})),
        ],
    );
}

#[test]
fn events_have_a_start_an_end_and_a_length() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    check(
        "Event",
        &[
            (
                json!({"ActivityDateTime": "2026-01-02T10:00:00Z", "DurationInMinutes": 90}),
                json!({
                    "StartDateTime": at("2026-01-02T10:00:00Z"), "EndDateTime": at("2026-01-02T11:30:00Z"),
                    "ActivityDate": "2026-01-02", "EndDate": "2026-01-02",
                }),
            ),
            (
                json!({"StartDateTime": "2026-01-03T10:00:00Z"}),
                json!({"ActivityDateTime": at("2026-01-03T10:00:00Z"), "EndDateTime": at("2026-01-03T11:30:00Z")}),
            ),
            (json!({"EndDateTime": "2026-01-03T12:00:00Z"}), json!({"DurationInMinutes": 120})),
        ],
    );
}

#[test]
fn an_event_does_not_last_for_millennia() {
    let mut bench = Bench::new();
    for minutes in [-1_000_000_000_i64, 2_000_000_000] {
        let fields = json!({"ActivityDateTime": "2026-01-02T10:00:00Z", "DurationInMinutes": minutes});
        let refused = bench.create("Event", fields).unwrap_err();
        assert!(refused.iter().all(|e| e.code == "NUMBER_OUTSIDE_VALID_RANGE"), "{refused:?}");
    }
}

#[test]
fn activities_and_cases_find_their_account() {
    let mut bench = Bench::new();
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let contact = bench.made("Contact", json!({"LastName": "x", "AccountId": account.to_string()}));
    let at = "2026-01-02T10:00:00Z";
    for (object, fields) in [
        ("Task", json!({"WhoId": contact.to_string()})),
        ("Task", json!({"WhatId": account.to_string()})),
        ("Event", json!({"WhoId": contact.to_string(), "ActivityDateTime": at, "DurationInMinutes": 5})),
        ("Case", json!({"ContactId": contact.to_string()})),
    ] {
        let id = bench.made(object, fields.clone());
        assert_eq!(bench.get(object, id, "AccountId"), Value::Id(account), "{object} {fields}");
    }
}
