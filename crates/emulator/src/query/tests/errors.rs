//! What queries are refused, and how.

use super::{org, run};

#[test]
fn refusals() {
    let (org, _) = org();
    for (text, code, part) in [
        (
            "SELECT Id, Nmae FROM Account",
            "INVALID_FIELD",
            "\nSELECT Id, Nmae FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Nmae' on entity 'Account'.",
        ),
        (
            "SELECT Id FROM Acount",
            "INVALID_TYPE",
            "^\nERROR at Row:1:Column:16\nsObject type 'Acount' is not supported.",
        ),
        (
            "SELECT Id, Acount.Name FROM Contact",
            "INVALID_FIELD",
            "Didn't understand relationship 'Acount' in field path.",
        ),
        (
            "SELECT Id, (SELECT Id FROM Contcts) FROM Account",
            "INVALID_FIELD",
            "Didn't understand relationship 'Contcts' in FROM part of query call.",
        ),
        ("SELECT Account FROM Contact", "INVALID_FIELD", "No such column 'Account'"),
        ("FRM x", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FRM Account", "MALFORMED_QUERY", "ERROR at Row:1:Column:"),
        ("", "MALFORMED_QUERY", "SOQL statement cannot be empty."),
        ("SELECT Id, Id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id, FIELDS(STANDARD) FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Name n FROM Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        (
            "SELECT FIELDS(ALL) FROM Account",
            "MALFORMED_QUERY",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        ),
        (
            "SELECT FIELDS(ALL) FROM Account LIMIT 201",
            "MALFORMED_QUERY",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        ),
        (
            "SELECT FIELDS(CUSTOM) FROM Account LIMIT 1",
            "MALFORMED_QUERY",
            "must result in at least one field being selected",
        ),
        (
            "SELECT Id FROM Account WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        ("SELECT Id FROM Account WHERE BillingAddress = 'x'", "INVALID_FIELD", "can not be filtered"),
        (
            "SELECT Id FROM Account ORDER BY Description",
            "INVALID_FIELD",
            "field 'Description' can not be sorted in a query call",
        ),
        ("SELECT Id FROM Invoice__c ORDER BY Tags__c", "INVALID_FIELD", "can not be sorted"),
        (
            "SELECT COUNT(Id) FROM Account GROUP BY Description",
            "INVALID_FIELD",
            "field 'Description' can not be grouped in a query call",
        ),
        (
            "SELECT Name, COUNT(Id) FROM Account GROUP BY Industry",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT COUNT(Id) FROM Account ORDER BY Name", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        (
            "SELECT Name, Account__r.Name, COUNT(Id) FROM Invoice__c GROUP BY Name, Account__r.Name",
            "MALFORMED_QUERY",
            "duplicate alias: Name",
        ),
        ("SELECT MAX(Name) FROM Account LIMIT 1", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT SUM(Name) FROM Account", "INVALID_FIELD", "does not support aggregate operator SUM"),
        ("SELECT MAX(IsDeleted) FROM Account", "INVALID_FIELD", "does not support aggregate operator MAX"),
        ("SELECT COUNT() FROM Account ORDER BY Name", "MALFORMED_QUERY", "COUNT()"),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "INVALID_FIELD",
            "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Invoice__c WHERE Total__c = '5'",
            "INVALID_FIELD",
            "value of filter criterion for field 'Total__c' must be of type currency and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Invoice__c WHERE Due__c > 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date "),
        ("SELECT Id FROM Account WHERE IsDeleted = 'true'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        (
            "SELECT Id FROM Account WHERE Id LIKE '001%'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator on id field",
        ),
        (
            "SELECT Id FROM Account WHERE IsDeleted > true",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator on boolean field",
        ),
        (
            "SELECT Id FROM Account WHERE Name > null",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator on string field",
        ),
        (
            "SELECT Id FROM Account WHERE Name INCLUDES ('x')",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator on string field",
        ),
        ("SELECT Id FROM Account WHERE Name = TODAY", "INVALID_FIELD", "must be of type string"),
        ("SELECT Id FROM Account WHERE DAY_ONLY(CreatedDate) = TODAY", "INVALID_FIELD", "must be of type date"),
        ("SELECT Id FROM Account WHERE CALENDAR_YEAR(Name) = 1", "INVALID_FIELD", "does not support function"),
        ("SELECT CALENDAR_YEAR(CreatedDate) FROM Account", "MALFORMED_QUERY", "must be grouped"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT Id FROM Account WITH SECURITY_ENFORCED", "MALFORMED_QUERY", "not allowed in this context"),
        ("SELECT Id FROM Account WITH DATA CATEGORY Geo__c AT usa__c", "MALFORMED_QUERY", "data categories"),
        ("SELECT Id FROM Account FOR UPDATE", "MALFORMED_QUERY", "Apex only"),
        ("SELECT Id FROM User USING SCOPE team", "INVALID_QUERY_SCOPE", "scope 'team'"),
        ("SELECT convertCurrency(AnnualRevenue) FROM Account", "INVALID_FIELD", "several currencies"),
        ("SELECT Id FROM Account WHERE AnnualRevenue > USD5000", "INVALID_FIELD", "several currencies"),
        ("SELECT A.B.C.D.E.F.Name FROM Contact", "MALFORMED_QUERY", "at most 5 levels"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) OR Name = 'x'",
            "MALFORMED_QUERY",
            "'OR' operator",
        ),
        ("SELECT Id FROM Account WHERE NOT Id IN (SELECT AccountId FROM Contact)", "MALFORMED_QUERY", "'NOT' operator"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND Id IN (SELECT AccountId FROM Opportunity) AND Id IN (SELECT AccountId FROM Case)",
            "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS",
            "Maximum 2",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT ReportsToId FROM Contact)",
            "MALFORMED_QUERY",
            "The selected field 'ReportsToId' in the subquery and the left operand field in the where expression in the outer query 'Id' should point to the same object type",
        ),
        ("SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)", "MALFORMED_QUERY", "same object type"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Task)",
            "MALFORMED_QUERY",
            "not supported for semi join",
        ),
        (
            "SELECT Id FROM Contact WHERE Account.Id IN (SELECT AccountId FROM Case)",
            "MALFORMED_QUERY",
            "left operand of a semi join",
        ),
        ("SELECT TYPEOF Account WHEN Account THEN Name END FROM Contact", "MALFORMED_QUERY", "polymorphic"),
        ("SELECT Id FROM Name", "INVALID_TYPE_FOR_OPERATION", "does not support query"),
        ("SELECT Owner.Nmae FROM Case", "INVALID_FIELD", "on entity 'Name'"),
        ("SELECT Id FROM Account WHERE Name = :x", "MALFORMED_QUERY", "unexpected token: ':x'"),
    ] {
        let error = run(&org, text).expect_err(text);
        assert_eq!(error.code, code, "{text}: {}", error.message);
        assert!(error.message.contains(part), "{text}: {}", error.message);
        assert_eq!(error.status, 400);
    }
}

#[test]
fn sub_queries_nest_as_deep_as_the_version_allows() {
    let (org, _) = org();
    let text = "SELECT (SELECT (SELECT Id FROM Lines__r) FROM Invoices__r) FROM Account";
    assert!(run(&org, text).is_ok());
    let old = super::QueryOptions { version: 57, ..super::options(&org) };
    assert_eq!(crate::query::run(&org, text, &old).unwrap_err().code, "MALFORMED_QUERY");
}

#[test]
fn links_to_documents_are_asked_for_by_what_they_link() {
    let (org, _) = org();
    let error = run(&org, "SELECT Id FROM ContentDocumentLink WHERE ShareType = 'V'").unwrap_err();
    assert_eq!(error.code, "MALFORMED_QUERY");
    assert!(error.message.contains("Implementation restriction: ContentDocumentLink requires a filter"));
    for filter in
        ["ContentDocumentId = '069000000000001AAA'", "LinkedEntityId IN ('001000000000001AAA', '001000000000002AAA')"]
    {
        let text = format!("SELECT Id FROM ContentDocumentLink WHERE {filter} AND ShareType = 'V'");
        assert_eq!(run(&org, &text).unwrap()["totalSize"], 0);
    }
}
