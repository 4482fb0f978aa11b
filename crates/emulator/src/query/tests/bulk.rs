//! Bulk selections and their CSV.

use super::{delete, options, org};
use crate::query::{QueryOptions, select_bulk};

#[test]
fn csv() {
    let (mut org, ids) = org();
    let text = "SELECT name, Total__c, Count__c, Due__c, Sent__c, At__c, Paid__c, Account__r.Name, Account__r.Owner.name FROM Invoice__c";
    let selection = select_bulk(&org, text, &options(&org)).unwrap();
    // The selection stays as it was.
    delete(&mut org, &ids.one);
    assert_eq!(selection.object(), "Invoice__c");
    assert_eq!(selection.len(), 5);
    let header = [
        "Name",
        "Total__c",
        "Count__c",
        "Due__c",
        "Sent__c",
        "At__c",
        "Paid__c",
        "Account__r.Name",
        "Account__r.Owner.Name",
    ];
    assert_eq!(selection.header(), header);
    let mut out = Vec::new();
    selection.write_rows(0..3, b',', "\n", &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\"I1\",\"100.5\",\"3.0\",\"2026-05-13\",\"2026-05-12T23:30:00.000Z\",\"03:04:05.000Z\",\"true\",\"Acme\",\"Ada Admin\"\n\
         \"i2\",\"20.0\",\"\",\"2026-04-01\",\"2026-05-12T21:30:00.000Z\",\"\",\"false\",\"Acme\",\"Ada Admin\"\n\
         \"I3\",\"20.0\",\"5.0\",\"\",\"\",\"\",\"false\",\"zeta \"\"Z\"\"\",\"Ada Admin\"\n"
    );
    let mut out = Vec::new();
    selection.write_header(b'|', "\r\n", &mut out);
    selection.write_rows(4..99, b'|', "\r\n", &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("\"Name\"|\"Total__c\"|") && text.ends_with("\"zeta \"\"Z\"\"\"|\"Ada Admin\"\r\n"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 2);
    assert_eq!(select_bulk(&org, "SELECT Id FROM Invoice__c", &options(&org)).unwrap().len(), 4);
    let all = QueryOptions { all: true, ..options(&org) };
    assert_eq!(select_bulk(&org, "SELECT Id FROM Invoice__c", &all).unwrap().len(), 5);
    let some = select_bulk(
        &org,
        "SELECT FIELDS(STANDARD) FROM Account WHERE Name LIKE 'a%' ORDER BY Name LIMIT 1",
        &options(&org),
    )
    .unwrap();
    assert_eq!(some.len(), 1);
    assert!(some.header().iter().any(|h| h == "BillingCity") && !some.header().iter().any(|h| h == "BillingAddress"));
}

#[test]
fn what_bulk_cannot_do() {
    let (org, _) = org();
    for (text, code) in [
        ("SELECT COUNT() FROM Account", "FEATURENOTENABLED"),
        ("SELECT COUNT(Id) FROM Account", "FEATURENOTENABLED"),
        ("SELECT Name FROM Account GROUP BY Name", "FEATURENOTENABLED"),
        ("SELECT Name FROM Account OFFSET 1", "FEATURENOTENABLED"),
        ("SELECT (SELECT Id FROM Contacts) FROM Account", "FEATURENOTENABLED"),
        ("SELECT TYPEOF What WHEN Account THEN Name END FROM Task", "FEATURENOTENABLED"),
        ("SELECT BillingAddress FROM Account", "FEATURENOTENABLED"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 1", "MALFORMED_QUERY"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Acount", "INVALID_TYPE"),
        ("SELECT FROM Account", "MALFORMED_QUERY"),
    ] {
        assert_eq!(select_bulk(&org, text, &options(&org)).unwrap_err().code, code, "{text}");
    }
}
