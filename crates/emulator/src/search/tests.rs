//! Searches over a small org.

use serde_json::{Value as Json, json};

use super::{ParameterizedSearch, SearchedObject, suggestions};
use crate::query::QueryOptions;
use crate::query::tests::{NOW, create, delete, empty_org};
use crate::{ApiError, Org};

fn options(org: &Org) -> QueryOptions {
    QueryOptions { all: false, now: NOW, user: org.settings.admin_id, version: 66, batch_size: None }
}

fn org() -> Org {
    let mut org = empty_org();
    let acme = create(
        &mut org,
        "Account",
        json!({"Name": "Acme Corp.", "Phone": "(415) 555-1212", "Description": "Makes everything"}),
    );
    create(&mut org, "Account", json!({"Name": "Zeta", "Description": "Once part of ACME", "Website": "zeta.example"}));
    create(
        &mut org,
        "Contact",
        json!({"LastName": "Acmeson", "FirstName": "Ann", "Email": "ann@acme.example", "AccountId": acme}),
    );
    create(&mut org, "Contact", json!({"LastName": "Lee", "FirstName": "Bo", "Email": "bo@zeta.example"}));
    create(
        &mut org,
        "Case",
        json!({"Subject": "Broken anvil", "Description": "The anvil from Acme fell on me. Again an anvil."}),
    );
    let gone = create(&mut org, "Account", json!({"Name": "Acme Gone"}));
    delete(&mut org, &gone);
    org
}

fn search(org: &Org, text: &str) -> Result<Json, ApiError> {
    super::run(org, text, &options(org))
}

/// The values of a member of each record.
fn values(answer: &Json, member: &str) -> Vec<String> {
    let records = answer["searchRecords"].as_array().unwrap();
    records.iter().map(|r| r[member].as_str().map_or_else(|| r[member].to_string(), str::to_owned)).collect()
}

#[test]
fn records_come_by_object_with_names_before_other_fields() {
    let org = org();
    let found = search(&org, "FIND {acme} RETURNING Account(Name), Contact(Name, Account.Name)").unwrap();
    assert_eq!(values(&found, "Name"), ["Acme Corp.", "Zeta", "Ann Acmeson"]);
    assert_eq!(found["searchRecords"][2]["Account"]["Name"], "Acme Corp.");
    assert_eq!(found["searchRecords"][0]["attributes"]["type"], "Account");
    let ids = search(&org, "FIND {acme}").unwrap();
    let first = ids["searchRecords"][0].as_object().unwrap();
    assert_eq!(first.keys().map(String::as_str).collect::<Vec<_>>(), ["attributes", "Id"]);
    let types: Vec<&str> =
        ids["searchRecords"].as_array().unwrap().iter().map(|r| r["attributes"]["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["Account", "Account", "Contact", "Case"]);
}

#[test]
fn groups_of_fields_are_searched_alone() {
    let org = org();
    let names = |group: &str, text: &str| {
        values(
            &search(&org, &format!("FIND {{{text}}} IN {group} FIELDS RETURNING Account(Name), Contact(Name)"))
                .unwrap(),
            "Name",
        )
    };
    assert_eq!(names("NAME", "acme"), ["Acme Corp."]);
    assert_eq!(names("NAME", "acme*"), ["Acme Corp.", "Ann Acmeson"]);
    assert_eq!(names("EMAIL", "acme"), ["Ann Acmeson"]);
    assert_eq!(names("PHONE", "555 1212"), ["Acme Corp."]);
    assert_eq!(names("PHONE", "acme"), Vec::<String>::new());
    assert_eq!(names("SIDEBAR", "everything"), Vec::<String>::new());
    assert_eq!(names("ALL", "everything"), ["Acme Corp."]);
    assert_eq!(names("ALL", "ann@acme.example"), ["Ann Acmeson"]);
}

#[test]
fn clauses_of_an_object_are_those_of_a_query() {
    let org = org();
    let found = search(&org, "FIND {acme OR zeta} RETURNING Account(Name WHERE Phone = null)").unwrap();
    assert_eq!(values(&found, "Name"), ["Zeta"]);
    let found = search(&org, "FIND {acme OR zeta} RETURNING Account(Name ORDER BY Name DESC)").unwrap();
    assert_eq!(values(&found, "Name"), ["Zeta", "Acme Corp."]);
    let found = search(&org, "FIND {acme OR zeta} RETURNING Account(Name ORDER BY Name LIMIT 1 OFFSET 1)").unwrap();
    assert_eq!(values(&found, "Name"), ["Zeta"]);
    let found = search(&org, "FIND {acme OR zeta} RETURNING Account(Name), Contact(Name) LIMIT 3").unwrap();
    assert_eq!(values(&found, "Name"), ["Acme Corp.", "Zeta", "Ann Acmeson"], "taken evenly, in turn");
    for (text, code, message) in [
        ("FIND acme", "MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces."),
        ("FIND {a}", "MALFORMED_SEARCH", "search term must be longer than one character: a"),
        ("FIND {acme} RETURNING Nothing__c", "INVALID_TYPE", "sObject type 'Nothing__c' is not supported"),
        ("FIND {acme} RETURNING Account(Nmae)", "INVALID_FIELD", "ERROR at Row:1:Column:31\nNo such column 'Nmae'"),
        ("FIND {acme} RETURNING Account(COUNT(Id))", "MALFORMED_QUERY", "aggregate functions are not allowed"),
        ("FIND {acme} RETURNING RecordType(Name)", "INVALID_TYPE_FOR_OPERATION", "does not support search"),
        (
            "FIND {acme} RETURNING Account(Id OFFSET 1), Contact",
            "MALFORMED_SEARCH",
            "OFFSET is allowed with one object",
        ),
        (
            "FIND {acme} RETURNING Account(Id USING ListView=Mine)",
            "MALFORMED_SEARCH",
            "List view 'Mine' does not exist",
        ),
        ("FIND {acme} RETURNING Account(Id WHERE)", "MALFORMED_SEARCH", "unexpected token: ')'"),
        ("FIND {acme} WITH DIVISION = 'North'", "MALFORMED_SEARCH", "Division 'North' does not exist"),
        ("FIND {acme} RETURNING Account LIMIT :n", "MALFORMED_SEARCH", "unexpected token"),
    ] {
        let error = search(&org, text).unwrap_err();
        assert_eq!(error.code, code, "{text}: {}", error.message);
        assert!(error.message.contains(message), "{text}: {}", error.message);
    }
}

#[test]
fn list_views_narrow_a_search() {
    let mut org = org();
    let admin = org.settings.admin_id;
    let names = |org: &Org, view: &str| {
        values(
            &search(org, &format!("FIND {{acme OR zeta}} RETURNING Account(Name USING ListView={view})")).unwrap(),
            "Name",
        )
    };
    assert_eq!(names(&org, "AllAccounts"), ["Acme Corp.", "Zeta"]);
    assert_eq!(names(&org, "MyAccounts"), ["Acme Corp.", "Zeta"]);
    assert_eq!(names(&org, "Recent"), Vec::<String>::new());
    let (object, _) = org.schema.find("Account").unwrap();
    let zeta = org.store.table(object).unwrap().live_rows().nth(1).unwrap().0;
    org.note_view(admin, object, zeta, NOW);
    assert_eq!(names(&org, "Recent"), ["Zeta"]);
}

#[test]
fn with_clauses_add_to_the_answer() {
    let org = org();
    let found =
        search(&org, "FIND {acme} RETURNING Account(Name, Description) WITH HIGHLIGHT WITH METADATA='LABELS'").unwrap();
    assert_eq!(found["searchRecords"][0]["highlight.Name"], "<mark>Acme</mark> Corp.");
    assert_eq!(found["searchRecords"][1]["highlight.Description"], "Once part of <mark>ACME</mark>");
    assert_eq!(found["searchRecords"][1].get("highlight.Name"), None);
    assert_eq!(
        found["metadata"],
        json!({"entityetadata": [{"entityName": "Account", "fieldMetadata": [
            {"name": "Name", "label": "Account Name"}, {"name": "Description", "label": "Account Description"}]}]})
    );
    let found = search(&org, "FIND {anvil} RETURNING Case(Subject) WITH SNIPPET (target_length=60)").unwrap();
    let snippet = found["searchRecords"][0]["snippet.text"].as_str().unwrap();
    assert!(snippet.contains("<mark>anvil</mark> from Acme"), "{snippet}");
    assert_eq!(values(&search(&org, "FIND {acme} WITH NETWORK = '0DB000000000001'").unwrap(), "Id").len(), 0);
}

#[test]
fn many_rows_are_bounded_as_documented() {
    let mut org = empty_org();
    for n in 0..260 {
        create(&mut org, "Account", json!({"Name": format!("Acme {n}")}));
        create(&mut org, "Lead", json!({"LastName": format!("Acme {n}"), "Company": "x"}));
    }
    let count = |text: &str| search(&org, text).unwrap()["searchRecords"].as_array().unwrap().len();
    assert_eq!(count("FIND {acme} RETURNING Account"), 250);
    assert_eq!(count("FIND {acme} RETURNING Account(Id WHERE Name LIKE 'A%')"), 260);
    assert_eq!(count("FIND {acme} RETURNING Account(Id LIMIT 255)"), 255);
    assert_eq!(count("FIND {acme} RETURNING Account, Lead"), 500);
    assert_eq!(count("FIND {acme} RETURNING Account LIMIT 20"), 20);
    assert_eq!(count(&format!("FIND {{{}}} RETURNING Account", "acme ".repeat(2_100))), 0, "too long to be searched");
}

#[test]
fn what_was_saved_just_now_may_not_be_indexed_yet() {
    let mut org = org();
    org.settings.search_delay_ms = 60_000;
    assert_eq!(values(&search(&org, "FIND {acme}").unwrap(), "Id").len(), 0);
    let later = QueryOptions { now: NOW + 60_000, ..options(&org) };
    assert_eq!(values(&super::run(&org, "FIND {acme}", &later).unwrap(), "Id").len(), 4);
}

#[test]
fn a_search_by_parameters_is_the_same_search() {
    let org = org();
    let object = |name: &str| SearchedObject { name: name.to_owned(), ..SearchedObject::default() };
    let asked = ParameterizedSearch {
        q: "acme".to_owned(),
        fields: vec!["Id".to_owned(), "Name".to_owned()],
        objects: vec![
            SearchedObject { condition: Some("Phone != null".to_owned()), ..object("Account") },
            object("Contact"),
        ],
        ..ParameterizedSearch::default()
    };
    assert_eq!(values(&asked.run(&org, &options(&org)).unwrap(), "Name"), ["Acme Corp.", "Ann Acmeson"]);
    // Text that is no search by SOSL's rules is still text.
    for (q, found) in [("acme (corp", 1), ("\"acme", 2), ("acme {corp}", 1), ("acme & corp", 1)] {
        let asked =
            ParameterizedSearch { q: q.to_owned(), objects: vec![object("Account")], ..ParameterizedSearch::default() };
        assert_eq!(values(&asked.run(&org, &options(&org)).unwrap(), "Id").len(), found, "{q}");
    }
    let asked = ParameterizedSearch { q: "acme".into(), fields: vec!["Id".into()], ..ParameterizedSearch::default() };
    assert_eq!(asked.run(&org, &options(&org)).unwrap_err().message, "fields needs at least one sobject");
}

#[test]
fn suggestions_complete_the_last_word_of_a_name() {
    let mut org = empty_org();
    for name in ["National Utility", "National Urban Company", "First National University", "International Union"] {
        create(&mut org, "Account", json!({"Name": name}));
    }
    let ask = |limit| suggestions(&org, "national u", &["Account".to_owned()], &[], limit, &options(&org)).unwrap();
    let found = ask(None);
    let names: Vec<&str> =
        found["autoSuggestResults"].as_array().unwrap().iter().map(|r| r["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["National Utility", "National Urban Company", "First National University"]);
    assert_eq!(found["hasMoreResults"], false);
    assert_eq!(ask(Some(2))["hasMoreResults"], true);
}
