//! Pages, cursors and their life.

use serde_json::{Value as Json, json};

use super::{NOW, create, delete, empty_org, options};
use crate::dml::{Input, Write};
use crate::query::{QueryOptions, more, run};
use crate::{Org, RecordId};

fn many(n: usize) -> (Org, String) {
    let mut org = empty_org();
    let parent = create(&mut org, "Account", json!({"Name": "Acme"}));
    let (contact, _) = org.schema.find("Contact").unwrap();
    for chunk in (0..n).collect::<Vec<_>>().chunks(200) {
        let writes = chunk
            .iter()
            .map(|i| Write::Create {
                object: contact,
                fields: vec![
                    ("LastName".into(), Input::Json(json!(format!("n{i:05}")))),
                    ("AccountId".into(), Input::Json(json!(parent))),
                ],
            })
            .collect();
        assert!(org.write(&super::context(&org), writes).iter().all(Result::is_ok));
    }
    (org, parent)
}

fn names(page: &Json) -> Vec<String> {
    page["records"].as_array().unwrap().iter().map(|r| r["LastName"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_fit_together_whatever_is_written_between_them() {
    let (mut org, _) = many(450);
    let small = QueryOptions { batch_size: Some(200), ..options(&org) };
    let text = "SELECT LastName FROM Contact ORDER BY LastName DESC";
    let first = run(&org, text, &small).unwrap();
    let json: Json = serde_json::from_str(&first.json).unwrap();
    assert_eq!((json["totalSize"].clone(), json["done"].clone()), (json!(450), json!(false)));
    let locator = first.next.clone().unwrap();
    assert_eq!(json["nextRecordsUrl"], json!(format!("/services/data/v66.0/query/{locator}")));
    assert!(locator.starts_with("0r8") && locator.ends_with("-200") && locator.len() == 22);
    let mut seen = names(&json);
    // A record of the second page is changed, one of the third deleted.
    let victims =
        super::column(&org, "SELECT Id FROM Contact WHERE LastName IN ('n00240', 'n00010') ORDER BY LastName");
    let (gone, changed) = victims.split_once(',').unwrap();
    delete(&mut org, gone);
    let id = RecordId::parse(changed).unwrap();
    let (object, _) = org.schema.find("Contact").unwrap();
    let fields = vec![("LastName".to_owned(), Input::Json(json!("changed")))];
    org.write(&super::context(&org), vec![Write::Update { object, id, fields }]).remove(0).unwrap();
    let mut next = Some(locator.clone());
    while let Some(locator) = next {
        let page = more(&org, &locator, &options(&org)).unwrap();
        let json: Json = serde_json::from_str(&page.json).unwrap();
        assert_eq!(json["totalSize"], json!(450));
        assert_eq!(json["done"], json!(page.next.is_none()));
        seen.extend(names(&json));
        next = page.next;
    }
    let expected: Vec<String> = (0..450).rev().map(|i| format!("n{i:05}")).collect();
    assert_eq!(seen, expected);
    // A page can be read again.
    assert_eq!(more(&org, &locator, &options(&org)).unwrap(), more(&org, &locator, &options(&org)).unwrap());
    let two_days = QueryOptions { now: NOW + 2 * 24 * 3600 * 1000, ..options(&org) };
    let bad = [
        (locator.as_str(), &two_days),
        ("0r8000000000000AAA-200", &options(&org)),
        ("x", &options(&org)),
        ("0r8-1-2", &options(&org)),
    ]
    .map(|(locator, options)| more(&org, locator, options).unwrap_err());
    assert!(bad.iter().all(|e| e.code == "INVALID_QUERY_LOCATOR" && e.message == "invalid query locator"));
}

#[test]
fn sizes_of_pages() {
    let (org, parent) = many(2_100);
    let page = |batch_size, text: &str| {
        let page = run(&org, text, &QueryOptions { batch_size, ..options(&org) }).unwrap();
        let json: Json = serde_json::from_str(&page.json).unwrap();
        (page.total_size, json["records"].as_array().unwrap().len(), page.next.is_some())
    };
    let text = "SELECT LastName FROM Contact";
    assert_eq!(page(None, text), (2_100, 2_000, true));
    assert_eq!(page(Some(1), text), (2_100, 200, true));
    assert_eq!(page(Some(9_999), text), (2_100, 2_000, true));
    assert_eq!(page(None, "SELECT LastName FROM Contact LIMIT 2000"), (2_000, 2_000, false));
    // Even OFFSET 0 caps the result and gives no locator.
    assert_eq!(page(None, "SELECT LastName FROM Contact OFFSET 0"), (2_000, 2_000, false));
    assert_eq!(page(None, "SELECT LastName FROM Contact OFFSET 2000"), (100, 100, false));
    // Whatever the size of a page is: only the first one is given.
    assert_eq!(page(Some(200), "SELECT LastName FROM Contact LIMIT 500 OFFSET 10"), (200, 200, false));
    // A long set of children has a locator of its own.
    let text = format!("SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Id = '{parent}'");
    let answer: Json = serde_json::from_str(&run(&org, &text, &options(&org)).unwrap().json).unwrap();
    let children = &answer["records"][0]["Contacts"];
    assert_eq!((children["totalSize"].clone(), children["done"].clone()), (json!(2_100), json!(false)));
    let url = children["nextRecordsUrl"].as_str().unwrap();
    let rest = more(&org, url.rsplit('/').next().unwrap(), &options(&org)).unwrap();
    assert_eq!(names(&serde_json::from_str(&rest.json).unwrap()).len(), 100);
    // Groups cannot be paged.
    let error = run(&org, "SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName", &options(&org)).unwrap_err();
    assert_eq!(error.code, "EXCEEDED_ID_LIMIT");
    assert_eq!(
        page(None, "SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName LIMIT 2000"),
        (2_000, 2_000, false)
    );
}
