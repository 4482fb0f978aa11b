//! One line a rule at least: a query, the rules that must be found in it, and the better query.

use super::*;
use crate::finding::Severity;

/// `Name:type flags` lines into fields. Flags: `-f` not filterable, `-s` not sortable, `-g` not groupable, `-a` not
/// aggregatable, `x` external id, `c` custom, `n` the record's name, `=Formula` calculated, `>A|B:Way` reference,
/// `{a;b}` restricted picklist, `.Compound` part of a compound.
fn object(name: &str, prefix: &str, lines: &[&str], children: &[(&str, &str, &str)]) -> ObjectFacts {
    let fields = lines.iter().map(|line| {
        let mut words = line.split(' ');
        let (field, kind) = words.next().and_then(|word| word.split_once(':')).unwrap();
        let mut facts = FieldFacts {
            name: field.into(),
            kind: FieldKind::named(kind),
            length: if kind == "string" { 80 } else { 0 },
            nillable: true,
            filterable: true,
            sortable: true,
            groupable: true,
            aggregatable: true,
            ..FieldFacts::default()
        };
        for word in words {
            match (word, word.split_at(1)) {
                ("-f", _) => facts.filterable = false,
                ("-s", _) => facts.sortable = false,
                ("-g", _) => facts.groupable = false,
                ("-a", _) => facts.aggregatable = false,
                ("x", _) => facts.external_id = true,
                ("c", _) => facts.custom = true,
                ("n", _) => facts.name_field = true,
                (_, ("=", formula)) => {
                    facts.calculated = true;
                    facts.formula = Some(formula.into());
                }
                (_, (">", target)) => {
                    let (to, way) = target.split_once(':').unwrap();
                    facts.reference_to = to.split('|').map(str::to_owned).collect();
                    facts.polymorphic = facts.reference_to.len() > 1;
                    facts.relationship_name = Some(way.into());
                }
                (_, ("{", values)) => {
                    facts.restricted_picklist = true;
                    facts.picklist = values.trim_end_matches('}').split(';').map(str::to_owned).collect();
                }
                (_, (".", compound)) => facts.compound = Some(compound.into()),
                other => panic!("{other:?}"),
            }
        }
        facts
    });
    let children = children.iter().map(|(object, field, way)| ChildFacts {
        object: (*object).into(),
        field: (*field).into(),
        relationship_name: (!way.is_empty()).then(|| (*way).into()),
    });
    ObjectFacts {
        name: name.into(),
        custom: name.ends_with("__c"),
        queryable: name != "Name",
        key_prefix: (!prefix.is_empty()).then(|| prefix.into()),
        fields: fields.collect(),
        children: children.collect(),
        scopes: Some(vec!["mine".into()]),
        rows: None,
    }
}

fn schema() -> KnownSchema {
    let mut schema = KnownSchema::new().whole();
    let audit = ["Id:id", "CreatedDate:datetime", "SystemModstamp:datetime"];
    let with = |lines: &[&'static str]| [&audit[..], lines].concat();
    schema.insert(object(
        "Account",
        "001",
        &with(&[
            "Name:string n",
            "Industry:picklist {Energy;Banking;Retail}",
            "Tags__c:multipicklist c -s -g -a {a;b;c}",
            "Revenue:currency -g",
            "Employees:int",
            "Description:textarea -f -s -g -a",
            "Founded:date",
            "IsActive:boolean -a",
            "Address:address -f -s -g -a",
            "City:string .Address",
            "Street:textarea .Address",
            "Key__c:string c x",
            "OwnerId:reference >User:Owner",
            "ParentId:reference >Account:Parent",
            "Region__c:string c =Parent.Name",
            "Age__c:double c =TODAY()-Founded",
            "Picture:base64 -f -s -g -a",
        ]),
        &[("Contact", "AccountId", "Contacts"), ("Case", "AccountId", "Cases"), ("Audit__c", "AccountId", "")],
    ));
    schema.insert(object(
        "Contact",
        "003",
        &with(&[
            "Name:string n",
            "LastName:string",
            "Email:email",
            "AccountId:reference >Account:Account",
            "ReportsToId:reference >Contact:ReportsTo",
        ]),
        &[],
    ));
    schema.insert(object(
        "Case",
        "500",
        &with(&[
            "Status:picklist {New;Closed}",
            "AccountId:reference >Account:Account",
            "OwnerId:reference >Group|User:Owner",
        ]),
        &[],
    ));
    schema.insert(object("User", "005", &with(&["Name:string n", "Email:email", "Alias:string"]), &[]));
    schema.insert(object("Group", "00G", &with(&["Name:string n"]), &[]));
    schema.insert(object("Task", "00T", &with(&["WhatId:reference >Account|Case:What"]), &[]));
    schema.insert(object("Name", "", &["Id:id", "Name:string", "Email:email", "Type:string"], &[]));
    schema.insert(object(
        "ContentDocumentLink",
        "06A",
        &with(&["LinkedEntityId:reference >Account|Case:LinkedEntity"]),
        &[],
    ));
    schema.set_object_names(["Account", "Contact", "Case", "User", "Task"].map(str::to_owned).to_vec());
    schema
}

fn report(source: &str, api: Api) -> Report {
    check(source, &schema(), &Options::for_api(api))
}

/// Errors and warnings, without those about speed.
fn rules(source: &str, api: Api) -> Vec<&'static str> {
    let of_speed =
        ["unindexed-filter", "negative-filter", "leading-wildcard", "unbounded", "formula-filter", "parent-filter"];
    let mut rules: Vec<&'static str> = report(source, api)
        .findings
        .into_iter()
        .map(|finding| finding.rule)
        .filter(|rule| !of_speed.contains(rule))
        .collect();
    rules.dedup();
    rules
}

/// Query, rules, and the query with all safe fixes where there are any.
const BY_DESCRIBE: &[(&str, &[&str], &str)] = &[
    ("SELECT Id, a.Parent.Owner.Name, (SELECT Id FROM Contacts) FROM Account a WHERE a.Name = 'x'", &[], ""),
    ("SELECT Id FROM Acount", &["unknown-object"], "SELECT Id FROM Account"),
    ("SELECT Nmae FROM Account", &["unknown-field"], "SELECT Name FROM Account"),
    ("SELECT Tags FROM Account", &["unknown-field"], "SELECT Tags__c FROM Account"),
    ("SELECT Parent FROM Account", &["unknown-field"], ""),
    ("SELECT Contacts FROM Account", &["unknown-field"], ""),
    ("SELECT OwnerId.Name FROM Account", &["unknown-relationship"], "SELECT Owner.Name FROM Account"),
    ("SELECT Paren.Name FROM Account", &["unknown-relationship"], "SELECT Parent.Name FROM Account"),
    (
        "SELECT (SELECT Id FROM Contact) FROM Account",
        &["unknown-child-relationship"],
        "SELECT (SELECT Id FROM Contacts) FROM Account",
    ),
    ("SELECT (SELECT Id FROM Audit__c) FROM Account", &["unknown-child-relationship"], ""),
    (
        "SELECT (SELECT Nmae FROM Contacts) FROM Account",
        &["unknown-field"],
        "SELECT (SELECT Name FROM Contacts) FROM Account",
    ),
    ("SELECT Owner.Name, Owner.Type FROM Case", &[], ""),
    ("SELECT Owner.Alias FROM Case", &["unknown-field"], ""),
    ("SELECT TYPEOF What WHEN Account THEN Industry WHEN Case THEN Status ELSE Name END FROM Task", &[], ""),
    ("SELECT TYPEOF What WHEN User THEN Name END FROM Task", &["typeof-object"], ""),
    (
        "SELECT TYPEOF Owner WHEN User THEN Name, Alias END FROM Account",
        &["typeof-one-object"],
        "SELECT Owner.Name, Owner.Alias FROM Account",
    ),
    ("SELECT Id FROM Account WHERE Description = 'x'", &["not-filterable"], ""),
    ("SELECT Id FROM Account WHERE Address = 'x'", &["not-filterable"], ""),
    ("SELECT Id FROM Account ORDER BY Tags__c", &["not-sortable"], ""),
    ("SELECT Revenue, COUNT(Id) FROM Account GROUP BY Revenue", &["not-groupable"], ""),
    (
        "SELECT toLabel(Industry), COUNT(Id) FROM Account GROUP BY toLabel(Industry)",
        &["ungrouped-field", "not-groupable"],
        "SELECT toLabel(Industry), COUNT(Id) FROM Account GROUP BY Industry",
    ),
    ("SELECT SUM(Name) FROM Account", &["not-aggregatable"], ""),
    ("SELECT MAX(IsActive) FROM Account", &["not-aggregatable"], ""),
    ("SELECT Id FROM Account WHERE Employees = '5'", &["literal-type"], "SELECT Id FROM Account WHERE Employees = 5"),
    ("SELECT Id FROM Account WHERE Name = 5", &["literal-type"], "SELECT Id FROM Account WHERE Name = '5'"),
    (
        "SELECT Id FROM Account WHERE IsActive = 'true'",
        &["literal-type"],
        "SELECT Id FROM Account WHERE IsActive = true",
    ),
    ("SELECT Id FROM Account WHERE IsActive = 1", &["literal-type"], "SELECT Id FROM Account WHERE IsActive = TRUE"),
    (
        "SELECT Id FROM Account WHERE Founded > '2026-01-02'",
        &["literal-type"],
        "SELECT Id FROM Account WHERE Founded > 2026-01-02",
    ),
    (
        "SELECT Id FROM Account WHERE Founded > 2026-01-02T10:00:00Z",
        &["literal-type"],
        "SELECT Id FROM Account WHERE Founded > 2026-01-02",
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate >= 2026-01-02",
        &["literal-type"],
        "SELECT Id FROM Account WHERE CreatedDate >= 2026-01-02T00:00:00Z",
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate <= '2026-01-02'",
        &["literal-type"],
        "SELECT Id FROM Account WHERE CreatedDate < 2026-01-03T00:00:00Z",
    ),
    (
        "SELECT Id FROM Account WHERE NOT CreatedDate = 2026-12-31",
        &["literal-type"],
        "SELECT Id FROM Account WHERE NOT (CreatedDate >= 2026-12-31T00:00:00Z AND CreatedDate < 2027-01-01T00:00:00Z)",
    ),
    ("SELECT Id FROM Account WHERE Id = 'x'", &["id-shape"], ""),
    ("SELECT Id FROM Account WHERE Id = '003000000000001'", &["id-of-another-object"], ""),
    ("SELECT Id FROM Account WHERE Industry = 'Enrgy'", &["picklist-value"], ""),
    ("SELECT Id FROM Account WHERE Industry IN ('energy', 'Retail')", &[], ""),
    ("SELECT Id FROM Account WHERE Tags__c = 'a'", &["multipicklist-equality"], ""),
    ("SELECT Id FROM Account WHERE Tags__c INCLUDES ('a;b', 'd')", &["picklist-value"], ""),
    ("SELECT Id FROM Account WHERE Tags__c LIKE 'a%'", &["operator-type"], ""),
    (
        "SELECT Id FROM Account WHERE Name INCLUDES ('a')",
        &["operator-type"],
        "SELECT Id FROM Account WHERE Name IN ('a')",
    ),
    (
        "SELECT Id FROM Account WHERE Name EXCLUDES ('a')",
        &["operator-type"],
        "SELECT Id FROM Account WHERE Name NOT IN ('a')",
    ),
    ("SELECT Id FROM Account WHERE Employees LIKE '5%'", &["operator-type"], ""),
    ("SELECT Id FROM Account WHERE IsActive > FALSE", &["operator-type"], ""),
    ("SELECT Id FROM Account WHERE OwnerId LIKE '005%'", &["operator-type"], ""),
    ("SELECT Id FROM Account WHERE Revenue > USD5", &["currency-literal"], "SELECT Id FROM Account WHERE Revenue > 5"),
    ("SELECT convertCurrency(Revenue) FROM Account", &["one-currency"], "SELECT Revenue FROM Account"),
    ("SELECT convertCurrency(Name) FROM Account", &["function-argument"], ""),
    (
        "SELECT Id FROM Account WHERE FORMAT(Revenue) = '5'",
        &["misplaced-function"],
        "SELECT Id FROM Account WHERE Revenue = '5'",
    ),
    ("SELECT Id FROM Account WHERE MAX(Revenue) > 5", &["misplaced-function"], ""),
    ("SELECT Id FROM Account WHERE CALENDAR_YEAR(Name) = 2025", &["function-argument"], ""),
    (
        "SELECT Id FROM Account WHERE DAY_ONLY(Founded) = 2025-01-01",
        &["function-argument"],
        "SELECT Id FROM Account WHERE Founded = 2025-01-01",
    ),
    ("SELECT CALENDAR_YEAR(CreatedDate) FROM Account", &["ungrouped-function"], ""),
    ("SELECT DISTANCE(Name, GEOLOCATION(1, 2), 'km') FROM Account", &["function-argument"], ""),
    ("SELECT DISTANCE(Address, GEOLOCATION(1, 2), 'km') FROM Account", &[], ""),
    ("SELECT Id FROM Account WHERE FORMULA('Revenue - Employees') > 5", &["function-filter"], ""),
    ("SELECT Id FROM Account WHERE FORMULA('Revenue - Name') > 5", &["function-argument"], ""),
    ("SELECT c.Name n, COUNT(Id) FROM Contact c GROUP BY Name", &[], ""),
    ("SELECT Name, Account.Name, COUNT(Id) FROM Contact GROUP BY Name, Account.Name", &["duplicate-alias"], ""),
    ("SELECT Industry, Name, COUNT(Id) FROM Account GROUP BY Industry", &["ungrouped-field"], ""),
    ("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry HAVING Name = 'x'", &["ungrouped-field"], ""),
    ("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry ORDER BY Name", &["ungrouped-field"], ""),
    ("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry HAVING COUNT(Id) > 'x'", &["literal-type"], ""),
    (
        "SELECT Industry, SUM(Revenue) FROM Account GROUP BY Industry HAVING SUM(Revenue) > USD5",
        &["currency-literal"],
        "SELECT Industry, SUM(Revenue) FROM Account GROUP BY Industry HAVING SUM(Revenue) > 5",
    ),
    (
        "SELECT COUNT() FROM Account GROUP BY Industry",
        &["count-group-by"],
        "SELECT COUNT(Id) FROM Account GROUP BY Industry",
    ),
    ("SELECT (SELECT COUNT(Id) FROM Contacts) FROM Account", &["aggregate-in-subquery"], ""),
    ("SELECT COUNT(Id), (SELECT Id FROM Contacts) FROM Account", &["subquery-with-aggregate"], ""),
    (
        "SELECT Id, FIELDS(STANDARD) FROM Contact LIMIT 5",
        &["duplicate-field"],
        "SELECT FIELDS(STANDARD) FROM Contact LIMIT 5",
    ),
    ("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 5", &["no-fields"], ""),
    ("SELECT Name, toLabel(name) FROM Account", &["duplicate-field"], "SELECT Name FROM Account"),
    ("SELECT (SELECT Id FROM Contacts), (SELECT Name FROM Contacts) FROM Account", &["duplicate-field"], ""),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", &[], ""),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT Id FROM Contact)",
        &["semi-join-target"],
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)",
    ),
    ("SELECT Id FROM Account WHERE Id IN (SELECT LastName FROM Contact)", &["semi-join-path"], ""),
    ("SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Contact)", &["semi-join-path"], ""),
    ("SELECT Id FROM Account WHERE Id IN (SELECT WhatId FROM Task)", &["semi-join-object"], ""),
    ("SELECT Id FROM ContentDocumentLink", &["mandatory-filter"], ""),
    ("SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId = '001000000000001' AND Id != NULL", &[], ""),
    ("SELECT Id FROM Name", &["not-queryable"], ""),
    ("SELECT Id FROM Account USING SCOPE delegated", &["unknown-scope"], ""),
    ("SELECT Id FROM Account USING SCOPE mine", &[], ""),
    ("SELECT Id FROM Account WITH DATA CATEGORY a AT b", &["data-category-object"], ""),
    ("SELECT Id FROM Account WITH UserId = 'x'", &["with-condition"], ""),
    ("SELECT Id FROM Contact c, c.Account", &["from-without-alias"], ""),
    ("SELECT a.Nmae FROM Contact c, c.Account a", &["unknown-field"], "SELECT a.Name FROM Contact c, c.Account a"),
];

#[test]
fn each_rule_of_a_describe_finds_its_fault_and_nothing_else() {
    for (source, expected, better) in BY_DESCRIBE {
        assert_eq!(&rules(source, Api::Rest), expected, "{source}");
        if !better.is_empty() && better != source {
            assert_eq!(report(source, Api::Rest).fixed(source).as_deref(), Some(*better), "{source}");
        }
    }
}

#[test]
fn each_api_has_its_rules() {
    use Api::{BulkQuery, BulkQuery1PkChunking, PushTopic, Soap, Tooling};
    for (api, source, expected) in [
        (
            BulkQuery,
            "SELECT Account.Name, FIELDS(STANDARD) FROM Case WHERE CALENDAR_YEAR(CreatedDate) = 2025",
            &["function-filter"][..],
        ),
        (BulkQuery, "SELECT Id FROM Account", &[]),
        (BulkQuery, "SELECT Industry FROM Account GROUP BY Industry", &["bulk-group-by"]),
        (BulkQuery, "SELECT COUNT() FROM Account", &["bulk-aggregate"]),
        (BulkQuery, "SELECT FORMAT(MAX(Revenue)) FROM Account", &["bulk-aggregate"]),
        (BulkQuery, "SELECT Id FROM Account ORDER BY Id OFFSET 5", &["bulk-order-by", "bulk-offset"]),
        (BulkQuery, "SELECT Id FROM Account LIMIT 5", &["bulk-limit"]),
        (BulkQuery, "SELECT (SELECT Id FROM Contacts) FROM Account", &["bulk-subquery"]),
        (BulkQuery, "SELECT TYPEOF What WHEN Account THEN Id END FROM Task", &["bulk-typeof"]),
        (BulkQuery, "SELECT FIELDS(ALL) FROM Account", &["bulk-fields"]),
        (BulkQuery, "SELECT Account.Address FROM Contact", &["bulk-compound"]),
        (BulkQuery, "SELECT Picture FROM Account", &["bulk-base64"]),
        (BulkQuery1PkChunking, "SELECT (SELECT Id FROM Contacts) FROM Account", &["bulk-subquery"]),
        (PushTopic, "SELECT Id, Name FROM Account WHERE Industry != 'Energy'", &[]),
        (PushTopic, "SELECT Name FROM Account", &["pushtopic-id"]),
        (PushTopic, "SELECT Id, Owner.Name FROM Account", &["pushtopic-relationship"]),
        (PushTopic, "SELECT Id FROM User", &["pushtopic-object"]),
        (PushTopic, "SELECT Id FROM Account LIMIT 5", &["pushtopic-clause"]),
        (PushTopic, "SELECT Id, MAX(Name) FROM Account GROUP BY Id", &["pushtopic-aggregate", "pushtopic-clause"]),
        (PushTopic, "SELECT Id FROM Account WHERE (NOT Name = 'x') AND Name != NULL", &["pushtopic-not"]),
        (PushTopic, "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", &["pushtopic-semi-join"]),
        (PushTopic, "SELECT Id FROM Account WHERE Region__c = 'x'", &["pushtopic-formula"]),
        (PushTopic, "SELECT Id FROM Account WHERE Street = 'x'", &["pushtopic-text"]),
        (PushTopic, "SELECT Id, toLabel(Industry) FROM Account", &["pushtopic-function"]),
        (PushTopic, "SELECT Id, Address FROM Account", &["pushtopic-compound"]),
        (Soap, "SELECT Id FROM Account LIMIT 5", &[]),
        (Tooling, "SELECT Id FROM Account LIMIT 5", &[]),
    ] {
        assert_eq!(rules(source, api), expected, "{api:?} {source}");
    }
    let long = format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(1300));
    assert!(rules(&long, PushTopic).contains(&"pushtopic-length"));
    let source = "SELECT Account.Address, Account.City FROM Contact";
    assert_eq!(
        report(source, BulkQuery).fixed(source).as_deref(),
        Some("SELECT Account.Street, Account.City FROM Contact")
    );
}

/// Severity, rule and unsafe fix of what is said about speed.
fn speed(source: &str, schema: &KnownSchema) -> Vec<(Severity, &'static str, Option<String>)> {
    let report = check(source, schema, &Options::default());
    report
        .findings
        .into_iter()
        .map(|finding| {
            let better = finding.fix.as_ref().and_then(|fix| fix.apply(source));
            (finding.severity, finding.rule, better)
        })
        .collect()
}

#[test]
fn what_no_index_serves_is_told_with_a_better_query() {
    let mut schema = schema();
    schema.set_rows("Account", 5_000_000);
    for (filter, rule, better) in [
        ("Name LIKE '%x'", "leading-wildcard", "Name LIKE 'x%'"),
        ("Industry != 'Energy'", "negative-filter", "(Industry IN ('Banking', 'Retail') OR Industry = NULL)"),
        ("Key__c = NULL", "null-filter", "Key__c = NULL AND CreatedDate = LAST_N_DAYS:30"),
        ("Name > 'M'", "text-comparison", "Name > 'M' AND CreatedDate = LAST_N_DAYS:30"),
        ("Employees > 5", "unindexed-filter", "Employees > 5 AND CreatedDate = LAST_N_DAYS:30"),
        ("Region__c = 'x'", "formula-filter", "Parent.Name = 'x'"),
        ("Age__c > 5", "formula-filter", "Age__c > 5 AND CreatedDate = LAST_N_DAYS:30"),
        ("Owner.Name = 'x'", "parent-filter", "Owner.Name = 'x' AND CreatedDate = LAST_N_DAYS:30"),
        (
            "CALENDAR_YEAR(CreatedDate) = 2025",
            "function-filter",
            "(CreatedDate >= 2025-01-01T00:00:00Z AND CreatedDate < 2026-01-01T00:00:00Z)",
        ),
        (
            "Name = 'x' OR Employees > 5",
            "or-unindexed",
            "(Name = 'x' OR Employees > 5) AND CreatedDate = LAST_N_DAYS:30",
        ),
        ("NOT Name = 'x'", "negative-filter", "(NOT Name = 'x') AND CreatedDate = LAST_N_DAYS:30"),
    ] {
        let found = speed(&format!("SELECT Id FROM Account WHERE {filter}"), &schema);
        let better = Some(format!("SELECT Id FROM Account WHERE {better}"));
        assert_eq!(found, [(Severity::Warning, rule, better)], "{filter}");
    }
    // An indexed filter beside them, and what finds one record for certain.
    for filter in
        ["Id = '001000000000001' AND Name LIKE '%x'", "Id IN (SELECT AccountId FROM Contact) AND Employees > 5"]
    {
        assert_eq!(speed(&format!("SELECT Id FROM Account WHERE {filter}"), &schema), [], "{filter}");
    }
    // In a small object it is only a remark.
    schema.set_rows("Account", 5_000);
    let found = speed("SELECT Id FROM Account WHERE Employees > 5", &schema);
    assert_eq!((found[0].0, found[0].1), (Severity::Hint, "unindexed-filter"));
}

#[test]
fn counts_settle_whether_an_index_is_used() {
    let mut schema = schema();
    schema.set_rows("Account", 1_000_000);
    let query = "SELECT Id FROM Account WHERE CreatedDate = THIS_YEAR";
    let count = "SELECT COUNT() FROM Account WHERE CreatedDate = THIS_YEAR";
    assert_eq!(check(query, &schema, &Options::default()).needs, [Need::Count(count.into())]);
    schema.set_count(count, 300_000);
    assert_eq!(speed(query, &schema), []);
    schema.set_count(count, 300_001);
    let found = check(query, &schema, &Options::default()).findings;
    assert_eq!(found[0].rule, "not-selective");
    assert_eq!(
        found[0].message,
        "this finds 300,001 of 1,000,000 records of Account; a standard index serves up to 300,000, so all are read"
    );

    // Two that are too much alone may do together.
    let two = format!("{query} AND Name LIKE 'A%'");
    schema.set_count("SELECT COUNT() FROM Account WHERE Name LIKE 'A%'", 500_000);
    let both = "SELECT COUNT() FROM Account WHERE CreatedDate = THIS_YEAR AND Name LIKE 'A%'";
    assert_eq!(check(&two, &schema, &Options::default()).needs, [Need::Count(both.into())]);
    schema.set_count(both, 1_000);
    assert_eq!(speed(&two, &schema), []);
    schema.set_count(both, 400_000);
    assert_eq!(speed(&two, &schema).len(), 2);

    // The branches of an OR add up, and the smaller threshold counts.
    let either = "SELECT Id FROM Account WHERE Key__c = 'x' OR Name = 'y'";
    schema.set_count("SELECT COUNT() FROM Account WHERE Key__c = 'x'", 60_000);
    schema.set_count("SELECT COUNT() FROM Account WHERE Name = 'y'", 60_000);
    assert_eq!(speed(either, &schema)[0].1, "not-selective");
    schema.set_count("SELECT COUNT() FROM Account WHERE Name = 'y'", 40_000);
    assert_eq!(speed(either, &schema), []);
}

#[test]
fn what_is_not_known_is_asked_for_and_never_found_fault_with() {
    let mut schema = KnownSchema::new();
    let query = "SELECT Owner.Nmae, (SELECT Nope FROM Contacts), Parent.Owner.Name FROM Account \
                 WHERE Id IN (SELECT AccountId FROM Case)";
    let whole = super::tests::schema();
    let mut asked = Vec::new();
    loop {
        let report = check(query, &schema, &Options::default());
        let new: Vec<Need> = report.needs.into_iter().filter(|need| !asked.contains(need)).collect();
        if new.is_empty() {
            break;
        }
        assert!(!report.findings.iter().any(|f| f.severity == Severity::Error) || !asked.is_empty());
        for need in &new {
            if let Need::Object(name) = need {
                match whole.object(name) {
                    Lookup::Known(facts) => schema.insert(facts.clone()),
                    _ => schema.insert_missing(name),
                }
            }
        }
        asked.extend(new);
    }
    let objects: Vec<&str> =
        asked.iter().filter_map(|n| if let Need::Object(name) = n { Some(name.as_str()) } else { None }).collect();
    assert_eq!(objects, ["Account", "Case", "Contact", "User"]);
    let errors: Vec<_> = check(query, &schema, &Options::default()).findings.into_iter().map(|f| f.rule).collect();
    assert_eq!(errors, ["unknown-field", "unknown-field", "unbounded"][..2]);
}

#[test]
fn versions_have_their_rules() {
    let source = "SELECT TYPEOF What WHEN Account THEN Id END, (SELECT Id, (SELECT Id FROM Contacts) FROM Contacts), \
                  FIELDS(STANDARD) FROM Task";
    let report = check(source, &schema(), &Options { api: Api::Rest, version: Some(40) });
    assert_eq!(report.findings.iter().filter(|finding| finding.rule == "version").count(), 3);
    let report = check(source, &schema(), &Options { api: Api::Rest, version: Some(60) });
    assert!(!report.findings.iter().any(|finding| finding.rule == "version"));
}

#[test]
fn searches_are_checked_too() {
    let rules = |source: &str| -> Vec<&'static str> {
        report(source, Api::Rest).findings.into_iter().map(|finding| finding.rule).collect()
    };
    for (source, expected) in [
        ("FIND {acme} RETURNING Account(Id, Name WHERE Industry = 'Energy' ORDER BY Name LIMIT 5), Contact", &[][..]),
        ("find {acme} RETURNING Acount(Id)", &["unknown-object"]),
        (
            "FIND {acme} RETURNING Account(Nmae WHERE Employees = 'x' ORDER BY Tags__c)",
            &["unknown-field", "literal-type", "not-sortable"],
        ),
        ("FIND {acme", &["syntax"]),
    ] {
        assert_eq!(rules(source), expected, "{source}");
    }
    assert_eq!(rules(&format!("FIND {{{}}}", "acme ".repeat(900))), ["search-length"]);
}
