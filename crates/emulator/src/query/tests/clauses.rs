//! Clauses and functions that depend on the user, the org's settings, or leave something behind.

use serde_json::{Value as Json, json};

use super::{NOW, create, empty_org};
use crate::currency::Currency;
use crate::query::{QueryOptions, explain, run};
use crate::{ApiError, Org, RecordId};

fn options(org: &Org) -> QueryOptions {
    QueryOptions { all: false, now: NOW, user: org.settings.admin_id, version: 66, batch_size: None }
}

fn query(org: &Org, text: &str) -> Result<Json, ApiError> {
    Ok(serde_json::from_str(&run(org, text, &options(org))?.json).unwrap())
}

fn names(org: &Org, text: &str) -> Vec<String> {
    let answer = query(org, text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    answer["records"].as_array().unwrap().iter().map(|r| r["Name"].as_str().unwrap().to_owned()).collect()
}

fn refused(org: &Org, text: &str, code: &str, message: &str) {
    let error = query(org, text).unwrap_err();
    assert_eq!(error.code, code, "{text}: {}", error.message);
    assert!(error.message.contains(message), "{text}: {}", error.message);
}

fn two_currencies() -> Org {
    let mut org = empty_org();
    let currency = |iso: &str, rate: &str, decimal_places| Currency {
        iso_code: iso.to_owned(),
        conversion_rate: rate.parse().unwrap(),
        decimal_places,
    };
    let currencies = [currency("USD", "1", 2), currency("EUR", "0.8", 2), currency("JPY", "150", 0)];
    org.enable_currencies(&currencies, NOW).unwrap();
    for (name, iso, total) in [("A", "USD", 100.0), ("B", "EUR", 100.0), ("C", "JPY", 9000.0)] {
        create(&mut org, "Invoice__c", json!({"Name": name, "CurrencyIsoCode": iso, "Total__c": total}));
    }
    create(&mut org, "Invoice__c", json!({"Name": "D"}));
    org
}

#[test]
fn amounts_are_converted_compared_added_and_ordered_across_currencies() {
    let mut org = two_currencies();
    let answer = query(
        &org,
        "SELECT Name, CurrencyIsoCode, Total__c, convertCurrency(Total__c) own FROM Invoice__c ORDER BY Name",
    )
    .unwrap();
    let own: Vec<&Json> = answer["records"].as_array().unwrap().iter().map(|r| &r["own"]).collect();
    assert_eq!(own, [&json!(100.0), &json!(125.0), &json!(60.0), &Json::Null]);
    assert_eq!(answer["records"][3]["CurrencyIsoCode"], "USD", "a new record gets the corporate currency");
    // 100 EUR are 125 USD, 9,000 JPY are 60 USD.
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE Total__c > USD100 ORDER BY Name"), ["B"]);
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE Total__c >= EUR80 ORDER BY Name"), ["A", "B"]);
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE Total__c IN (JPY9000, EUR80) ORDER BY Name"), ["A", "C"]);
    assert_eq!(
        names(&org, "SELECT Name FROM Invoice__c WHERE Total__c > 100 ORDER BY Name"),
        ["C"],
        "a bare number is the record's own amount"
    );
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE Total__c != null ORDER BY Total__c"), ["C", "A", "B"]);
    let sums = query(&org, "SELECT SUM(Total__c) s, MAX(Total__c) m FROM Invoice__c").unwrap();
    assert_eq!((&sums["records"][0]["s"], &sums["records"][0]["m"]), (&json!(285.0), &json!(125.0)));
    // The user's own currency.
    let (user, facts) = org.schema.find("User").map(|(id, o)| (id, o.clone())).unwrap();
    let admin = org.settings.admin_id;
    let mut values = org.store.get(user, admin).unwrap().to_values();
    values.insert(facts.field("DefaultCurrencyIsoCode").unwrap().0, crate::Value::Text("JPY".into()));
    org.store.table_mut(user).put(admin, crate::store::Row::new(&values));
    let answer = query(&org, "SELECT convertCurrency(Total__c), FORMAT(Total__c) f, FORMAT(convertCurrency(Total__c)) c FROM Invoice__c WHERE Name = 'B'").unwrap();
    let record = &answer["records"][0];
    assert_eq!(record["Total__c"], json!(18750.0));
    // The user is a German.
    assert_eq!((&record["f"], &record["c"]), (&json!("EUR 100,00"), &json!("JPY 18.750")));
}

#[test]
fn currencies_have_their_rules() {
    let org = two_currencies();
    refused(
        &org,
        "SELECT Name FROM Invoice__c WHERE Total__c > GBP5",
        "INVALID_FIELD",
        "the currency GBP is not active",
    );
    refused(&org, "SELECT Name FROM Invoice__c WHERE Total__c IN (USD5, 6)", "MALFORMED_QUERY", "can not be mixed");
    refused(&org, "SELECT Name FROM Invoice__c WHERE Count__c = USD5", "INVALID_FIELD", "can not be compared");
    refused(
        &org,
        "SELECT Name FROM Invoice__c ORDER BY convertCurrency(Total__c)",
        "MALFORMED_QUERY",
        "not allowed in ORDER BY",
    );
    refused(
        &org,
        "SELECT Name FROM Invoice__c WHERE convertCurrency(Total__c) > 5",
        "MALFORMED_QUERY",
        "not allowed in WHERE",
    );
    refused(
        &org,
        "SELECT Name, SUM(Total__c) FROM Invoice__c GROUP BY Name HAVING SUM(Total__c) > USD5",
        "INVALID_FIELD",
        "can not be compared",
    );
    let org = empty_org();
    refused(
        &org,
        "SELECT convertCurrency(Total__c) FROM Invoice__c",
        "INVALID_FIELD",
        "only for orgs with several currencies",
    );
    refused(
        &org,
        "SELECT Name FROM Invoice__c WHERE Total__c > USD5",
        "INVALID_FIELD",
        "only for orgs with several currencies",
    );
    refused(&org, "SELECT Id FROM CurrencyType", "INVALID_TYPE", "CurrencyType");
}

#[test]
fn format_is_for_the_user() {
    let mut org = empty_org();
    create(
        &mut org,
        "Invoice__c",
        json!({"Name": "A", "Total__c": 1234.5, "Due__c": "2026-05-03", "Sent__c": "2026-05-03T22:30:00Z", "At__c": "13:05:00.000Z"}),
    );
    let text = "SELECT FORMAT(Total__c) t, FORMAT(Due__c) d, FORMAT(Sent__c) s, FORMAT(At__c) a FROM Invoice__c";
    let answer = query(&org, text).unwrap();
    let record = &answer["records"][0];
    // Ada lives in Berlin, where it is half past midnight.
    assert_eq!(
        (&record["t"], &record["d"], &record["s"], &record["a"]),
        (&json!("1.234,50\u{a0}$"), &json!("03.05.2026"), &json!("04.05.2026, 00:30"), &json!("13:05"))
    );
    let sum = query(&org, "SELECT FORMAT(SUM(Total__c)) t FROM Invoice__c").unwrap();
    assert_eq!(sum["records"][0]["t"], "1.234,50\u{a0}$");
}

#[test]
fn formulas_compare_two_fields() {
    let mut org = empty_org();
    create(
        &mut org,
        "Invoice__c",
        json!({"Name": "A", "Total__c": 10, "Count__c": 3, "Due__c": "2026-05-03", "Sent__c": "2026-05-03T12:00:00Z"}),
    );
    create(&mut org, "Invoice__c", json!({"Name": "B", "Total__c": 4, "Count__c": 3, "Due__c": "2026-06-01"}));
    create(&mut org, "Invoice__c", json!({"Name": "C", "Total__c": 4}));
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE FORMULA('Total__c - Count__c') > 1"), ["A"]);
    assert_eq!(
        names(&org, "SELECT Name FROM Invoice__c WHERE FORMULA('Total__c + Count__c') <= 13 ORDER BY Name"),
        ["A", "B"]
    );
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE FORMULA('Due__c + Count__c') = 2026-05-06"), ["A"]);
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE FORMULA('Sent__c - CreatedDate') < 0"), ["A"]);
    assert_eq!(names(&org, "SELECT Name FROM Invoice__c WHERE FORMULA('Total__c - Count__c') = null"), ["C"]);
    refused(
        &org,
        "SELECT Name FROM Invoice__c WHERE FORMULA('Total__c * Count__c') > 1",
        "MALFORMED_QUERY",
        "two fields with + or -",
    );
    refused(
        &org,
        "SELECT Name FROM Invoice__c WHERE FORMULA('Total__c - Due__c') > 1",
        "INVALID_FIELD",
        "do not go together",
    );
    refused(
        &org,
        "SELECT Name FROM Invoice__c WHERE FORMULA('Total__c - Nothing__c') > 1",
        "INVALID_FIELD",
        "Nothing__c",
    );
    refused(&org, "SELECT FORMULA('Total__c - Count__c') FROM Invoice__c", "MALFORMED_QUERY", "WHERE only");
}

#[test]
fn scopes_choose_rows_by_their_people() {
    let mut org = empty_org();
    let (user, facts) = org.schema.find("User").map(|(id, o)| (id, o.clone())).unwrap();
    let other = RecordId::new(*b"005", *b"TG", 77);
    let mut values = org.store.get(user, org.settings.admin_id).unwrap().to_values();
    values.insert(facts.field("Name").unwrap().0, crate::Value::Text("Bob".into()));
    org.store.table_mut(user).put(other, crate::store::Row::new(&values));
    create(&mut org, "Task", json!({"Subject": "mine"}));
    create(&mut org, "Task", json!({"Subject": "given away", "OwnerId": other.to_string()}));
    create(&mut org, "Lead", json!({"LastName": "L", "Company": "x"}));
    let subjects = |text: &str| {
        let answer = query(&org, text).unwrap();
        answer["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["Subject"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(subjects("SELECT Subject FROM Task USING SCOPE everything ORDER BY Subject"), ["given away", "mine"]);
    assert_eq!(subjects("SELECT Subject FROM Task USING SCOPE Mine"), ["mine"]);
    assert_eq!(subjects("SELECT Subject FROM Task USING SCOPE delegated"), ["given away"]);
    assert_eq!(subjects("SELECT Subject FROM Task USING SCOPE team"), Vec::<String>::new());
    assert_eq!(names(&org, "SELECT Name FROM Lead USING SCOPE user_owned"), ["L"]);
    assert_eq!(names(&org, "SELECT Name FROM Lead USING SCOPE queue_owned"), Vec::<String>::new());
    assert_eq!(names(&org, "SELECT Name FROM Lead USING SCOPE scopingRule WHERE LastName = 'L'"), ["L"]);
    refused(&org, "SELECT Id FROM Lead USING SCOPE delegated", "INVALID_QUERY_SCOPE", "not supported for Lead");
    refused(&org, "SELECT Id FROM Lead USING SCOPE nonsense", "INVALID_QUERY_SCOPE", "'nonsense'");
    refused(
        &org,
        "SELECT Id, (SELECT Id FROM Contacts USING SCOPE mine) FROM Account",
        "MALFORMED_QUERY",
        "not allowed in a sub-query",
    );
}

#[test]
fn a_lookup_names_a_field_that_points_here() {
    let mut org = empty_org();
    create(&mut org, "Account", json!({"Name": "Acme"}));
    assert_eq!(names(&org, "SELECT Name FROM Account USING LOOKUP Invoice__c.Account__c BIND Total__c = 5"), ["Acme"]);
    refused(
        &org,
        "SELECT Name FROM Contact USING LOOKUP Invoice__c.Account__c",
        "MALFORMED_QUERY",
        "is not a lookup to Contact",
    );
    refused(&org, "SELECT Name FROM Account USING LOOKUP Invoice__c.Nothing__c", "INVALID_FIELD", "Nothing__c");
    refused(
        &org,
        "SELECT Name FROM Account USING LOOKUP Invoice__c.Account__c BIND Nope__c = 5",
        "INVALID_FIELD",
        "Nope__c",
    );
}

#[test]
fn for_view_moves_the_dates_of_what_it_answers() {
    let mut org = empty_org();
    for name in ["A", "B"] {
        create(&mut org, "Account", json!({"Name": name}));
    }
    let viewed = |org: &Org| {
        let answer = query(
            org,
            "SELECT LastViewedDate v, LastReferencedDate r, Name FROM Account GROUP BY Name, LastViewedDate, LastReferencedDate",
        );
        drop(answer);
        let answer =
            query(org, "SELECT LastViewedDate, LastReferencedDate, SystemModstamp FROM Account ORDER BY Name").unwrap();
        let at = |n: usize, name: &str| answer["records"][n][name].as_str().map(str::to_owned);
        (at(0, "LastViewedDate"), at(0, "LastReferencedDate"), at(1, "LastViewedDate"), at(0, "SystemModstamp"))
    };
    let stamp = viewed(&org).3;
    let page = run(&org, "SELECT Id FROM Account WHERE Name = 'A' FOR REFERENCE", &options(&org)).unwrap();
    let admin = org.settings.admin_id;
    page.views.unwrap().note(&mut org, admin, NOW + 60_000);
    assert_eq!(viewed(&org), (None, Some("2026-05-13T10:01:00.000+0000".into()), None, stamp.clone()));
    let page = run(&org, "SELECT Id FROM Account WHERE Name = 'A' FOR VIEW UPDATE TRACKING", &options(&org)).unwrap();
    page.views.unwrap().note(&mut org, admin, NOW + 120_000);
    let later = Some("2026-05-13T10:02:00.000+0000".to_owned());
    assert_eq!(viewed(&org), (later.clone(), later, None, stamp));
    assert_eq!(run(&org, "SELECT Id FROM Account", &options(&org)).unwrap().views, None);
}

#[test]
fn plans_are_made_of_the_stores_own_counts() {
    let mut org = empty_org();
    let accounts = ["A", "B", "C", "D"].map(|name| create(&mut org, "Account", json!({"Name": name})));
    for n in 0..40 {
        let fields = json!({"Name": format!("I{n}"), "Code__c": format!("c{n}"), "State__c": "New", "Account__c": accounts[n % 4]});
        create(&mut org, "Invoice__c", fields);
    }
    let plans = |text: &str| explain(&org, text, &options(&org)).unwrap()["plans"].as_array().unwrap().clone();
    // Ten of forty rows: close to the threshold of three in ten, so a scan of so small a table comes first.
    let by_account = format!("SELECT Id FROM Invoice__c WHERE Account__c = '{}'", accounts[1]);
    let found = plans(&by_account);
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["leadingOperationType"], &found[0]["cardinality"]), (&json!("TableScan"), &json!(40)));
    assert_eq!((&found[1]["leadingOperationType"], &found[1]["fields"]), (&json!("Index"), &json!(["Account__c"])));
    assert_eq!((&found[1]["cardinality"], &found[1]["relativeCost"]), (&json!(10), &json!(10.0 / 12.0)));
    // An external id has a custom index: one row of four that may match.
    let found = plans("SELECT Id FROM Invoice__c WHERE Code__c = 'c1'");
    assert_eq!((&found[0]["cardinality"], &found[0]["relativeCost"]), (&json!(1), &json!(0.25)));
    let found = plans("SELECT Id FROM Invoice__c WHERE CreatedDate = YESTERDAY AND State__c = 'New'");
    assert_eq!((&found[0]["fields"], &found[0]["cardinality"]), (&json!(["CreatedDate"]), &json!(0)));
    let notes: Vec<&Json> = found[0]["notes"].as_array().unwrap().iter().map(|n| &n["fields"]).collect();
    assert_eq!(notes, [&json!(["State__c"]), &json!(["IsDeleted"])]);
    for text in ["Code__c != 'c1'", "Code__c LIKE '%1'", "Code__c = null", "NOT Code__c = 'c1'", "Code__c > 'c1'"] {
        assert_eq!(plans(&format!("SELECT Id FROM Invoice__c WHERE {text}")).len(), 1, "{text}");
    }
    let found = plans("SELECT Id FROM Invoice__c WHERE Code__c = 'c1' OR OwnerId = null");
    let index = found.iter().find(|p| p["leadingOperationType"] == "Index").unwrap();
    assert_eq!((&index["fields"], &index["cardinality"]), (&json!(["Code__c", "OwnerId"]), &json!(1)));
    let error = explain(&org, "00O000000000001AAA", &options(&org)).unwrap_err();
    assert_eq!(error.code, "INVALID_ID");
}
