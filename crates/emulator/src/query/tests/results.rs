//! What queries answer.

use serde_json::json;

use super::{column, create, delete, empty_org, options, org, records, run};

#[test]
fn filters() {
    let (org, ids) = org();
    let all = "I1,i2,I3,I4_100%,Ünter";
    for (condition, expected) in [
        ("Name = 'i1'", "I1"),
        ("Name != 'I1'", "i2,I3,I4_100%,Ünter"),
        ("Name <> 'I1'", "i2,I3,I4_100%,Ünter"),
        ("Name < 'i3'", "I1,i2"),
        ("Name >= 'I3'", "I3,I4_100%,Ünter"),
        ("Name LIKE 'i_'", "I1,i2,I3"),
        ("Name LIKE '%100\\%'", "I4_100%"),
        ("Name LIKE 'üN%'", "Ünter"),
        ("Name IN ('i1', 'I2', 'nobody')", "I1,i2"),
        ("Name NOT IN ('i1', 'I2')", "I3,I4_100%,Ünter"),
        ("Total__c = 20", "i2,I3"),
        ("Total__c = 20.00", "i2,I3"),
        ("Total__c != 20", "I1,I4_100%,Ünter"),
        ("Total__c > 20", "I1"),
        ("Total__c <= 20", "i2,I3,I4_100%"),
        ("Total__c = null", "Ünter"),
        ("Total__c != null", "I1,i2,I3,I4_100%"),
        ("Total__c IN (20, null)", "i2,I3,Ünter"),
        ("Total__c NOT IN (20)", "I1,I4_100%,Ünter"),
        ("Count__c > 3", "I3"),
        ("Paid__c = TRUE", "I1"),
        ("Paid__c = false", "i2,I3,I4_100%,Ünter"),
        ("Paid__c = null", "i2,I3,I4_100%,Ünter"),
        ("Paid__c != null", "I1"),
        ("Paid__c != true", "i2,I3,I4_100%,Ünter"),
        ("Due__c = 2026-05-13", "I1"),
        ("Due__c < 2026-05-13", "i2"),
        ("Due__c = TODAY", "I1"),
        ("Due__c < THIS_MONTH", "i2"),
        ("Due__c = LAST_N_DAYS:60", "I1,i2"),
        // In Berlin 21:30 of the 12th is 23:30 and 23:30 is 01:30 of the 13th.
        ("Sent__c = TODAY", "I1"),
        ("Sent__c = YESTERDAY", "i2"),
        ("Sent__c IN (YESTERDAY, TODAY)", "I1,i2"),
        ("Sent__c = 2026-05-13T01:30:00+02:00", "I1"),
        ("Sent__c >= 2026-05-12T23:30:00.000Z", "I1"),
        ("DAY_ONLY(Sent__c) = 2026-05-12", "I1,i2"),
        ("DAY_ONLY(convertTimezone(Sent__c)) = 2026-05-13", "I1"),
        ("HOUR_IN_DAY(Sent__c) = 23", "I1"),
        ("CALENDAR_MONTH(Due__c) = 4", "i2"),
        ("At__c = 03:04:05.000Z", "I1"),
        ("At__c > 03:04:05.000Z", ""),
        ("State__c = 'open'", "I1"),
        ("toLabel(State__c) = 'Open'", "I1"),
        ("Tags__c = 'B;A'", "I1"),
        ("Tags__c != 'A;B'", "i2,I3,I4_100%,Ünter"),
        ("Tags__c INCLUDES ('A;B', 'C')", "I1,I3"),
        ("Tags__c EXCLUDES ('B')", "I3,I4_100%,Ünter"),
        ("Tags__c IN ('A;B', 'B')", "I1,i2"),
        ("Code__c = 'X-1'", "I1"),
        // Key__c is case-sensitive.
        ("Key__c = 'k'", "I1"),
        ("Key__c = 'K'", "i2"),
        ("Key__c IN ('K', 'x')", "i2"),
        ("Name = ''", ""),
        ("Code__c = ''", "I3,I4_100%,Ünter"),
        ("Account__c = null", "I4_100%"),
        ("Account__r.Name = 'ACME'", "I1,i2"),
        ("Account__r.Name = null", "I4_100%"),
        ("Account__r.Parent.Name = 'Acme'", "I3,Ünter"),
        ("Account__r.Owner.Name = 'ada admin'", "I1,i2,I3,Ünter"),
        ("Owner.Name = 'ada admin'", all),
        ("Owner.Type = 'User'", all),
        ("NOT Name = 'I1'", "i2,I3,I4_100%,Ünter"),
        ("NOT (Name = 'I1' OR Total__c = 20)", "I4_100%,Ünter"),
        ("(Name = 'I1' OR Name = 'I3') AND Count__c > 3", "I3"),
        ("Total__c = 20 AND (NOT Name = 'I3')", "i2"),
        ("DISTANCE(Place__c, GEOLOCATION(52.5, 13.4), 'km') < 100", "I1"),
        ("DISTANCE(Place__c, GEOLOCATION(52.5, 13.4), 'mi') > 100", "I3"),
        ("Id IN (SELECT Invoice__c FROM Line__c WHERE Amount__c > 1)", "I1,i2"),
        ("Id NOT IN (SELECT Invoice__c FROM Line__c)", "I3,I4_100%,Ünter"),
        ("Account__c IN (SELECT Id FROM Account WHERE Name LIKE 'z%')", "I3,Ünter"),
        ("Account__c IN (SELECT AccountId FROM Contact WHERE FirstName = 'Lin')", "I1,i2"),
        ("Account__c NOT IN (SELECT Id FROM Account WHERE Name LIKE 'z%')", "I1,i2,I4_100%"),
    ] {
        let text = format!("SELECT Name FROM Invoice__c WHERE {condition}");
        assert_eq!(column(&org, &text), expected, "{text}");
    }
    let short = &ids.one[..15];
    for condition in [
        format!("Id = '{}'", ids.one),
        format!("Id = '{short}'"),
        format!("Id IN ('{short}', '{}')", ids.acme),
        format!("Id >= '{}' AND Id <= '{}'", ids.one, ids.one),
        format!("Account__c = '{}' AND Paid__c = true", ids.acme),
        format!("Account__c IN ('{}') AND Paid__c = true", ids.acme),
        format!("Account__r.Id = '{}' AND Paid__c = true", ids.acme),
    ] {
        let text = format!("SELECT Name FROM Invoice__c WHERE {condition}");
        assert_eq!(column(&org, &text), "I1", "{text}");
    }
    assert_eq!(column(&org, &format!("SELECT Name FROM Invoice__c WHERE Id > '{}'", ids.one)), "i2,I3,I4_100%,Ünter");
    assert_eq!(column(&org, "SELECT Name FROM Invoice__c USING SCOPE mine"), all);
}

#[test]
fn order_and_bounds() {
    let (org, _) = org();
    for (tail, expected) in [
        ("ORDER BY Name", "I1,i2,I3,I4_100%,Ünter"),
        ("ORDER BY Name DESC", "Ünter,I4_100%,I3,i2,I1"),
        ("ORDER BY Total__c, Name DESC", "Ünter,I4_100%,I3,i2,I1"),
        ("ORDER BY Total__c NULLS LAST, Name", "I4_100%,i2,I3,I1,Ünter"),
        ("ORDER BY Total__c DESC NULLS LAST, Name", "I1,i2,I3,I4_100%,Ünter"),
        ("ORDER BY Total__c DESC, Name", "Ünter,I1,i2,I3,I4_100%"),
        // By the order of the values, an undefined one after them.
        ("ORDER BY State__c NULLS LAST", "i2,I1,I3,I4_100%,Ünter"),
        // Nulls stay first on relationship fields.
        ("ORDER BY Account__r.Name DESC NULLS LAST, Name", "I4_100%,I3,Ünter,I1,i2"),
        ("ORDER BY DISTANCE(Place__c, GEOLOCATION(48, 11), 'km') NULLS LAST, Name", "I3,I1,i2,I4_100%,Ünter"),
        ("ORDER BY Name LIMIT 2", "I1,i2"),
        ("ORDER BY Name LIMIT 2 OFFSET 1", "i2,I3"),
        ("ORDER BY Name OFFSET 4", "Ünter"),
        ("OFFSET 9", ""),
        ("LIMIT 0", ""),
        ("LIMIT 1", "I1"),
    ] {
        let text = format!("SELECT Name FROM Invoice__c {tail}");
        assert_eq!(column(&org, &text), expected, "{text}");
    }
}

#[test]
fn shapes() {
    let (org, ids) = org();
    let answer = run(
        &org,
        "select id, lastname, account.name, Account.Parent.Name, firstname from contact c where c.lastname = 'ng'",
    )
    .unwrap();
    assert_eq!(
        answer.to_string(),
        json!({"totalSize":1,"done":true,"records":[{
            "attributes":{"type":"Contact","url":format!("/services/data/v66.0/sobjects/Contact/{}", ids.ng)},
            "Id":ids.ng,"LastName":"Ng",
            "Account":{"attributes":{"type":"Account","url":format!("/services/data/v66.0/sobjects/Account/{}", ids.acme)},
                "Name":"Acme","Parent":null},
            "FirstName":"Lin"}]})
        .to_string()
    );
    for (text, expected) in [
        (
            "SELECT Contact.Id, Contact.Account.Id FROM Contact WHERE LastName = 'Orphan'",
            json!([{"Id": ids.orphan, "Account": null}]),
        ),
        ("SELECT a.Name FROM Contact c, c.Account a WHERE a.Name = 'acme'", json!([{"Account": {"Name": "Acme"}}])),
        (
            "SELECT BillingAddress FROM Account WHERE Name = 'Acme'",
            json!([{"BillingAddress":
            {"city":"Berlin","country":"DE","geocodeAccuracy":null,"latitude":null,"longitude":null,"postalCode":null,"state":null,"street":null}}]),
        ),
        ("SELECT BillingAddress FROM Account WHERE Name LIKE 'zeta%'", json!([{"BillingAddress": null}])),
        (
            "SELECT Place__c FROM Invoice__c WHERE Name = 'I1'",
            json!([{"Place__c": {"latitude": 52.5, "longitude": 13.4}}]),
        ),
        ("SELECT Place__c FROM Invoice__c WHERE Name = 'I2'", json!([{"Place__c": null}])),
        (
            "SELECT Total__c, Count__c, Due__c, Sent__c, At__c, Paid__c, Tags__c FROM Invoice__c WHERE Name = 'I1'",
            json!([{
            "Total__c": 100.5, "Count__c": 3.0, "Due__c": "2026-05-13", "Sent__c": "2026-05-12T23:30:00.000+0000",
            "At__c": "03:04:05.000Z", "Paid__c": true, "Tags__c": "A;B"}]),
        ),
        (
            "SELECT Total__c, Paid__c, Notes__c FROM Invoice__c WHERE Name = 'Ünter'",
            json!([{"Total__c": null, "Paid__c": false, "Notes__c": null}]),
        ),
        (
            "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Acme'",
            json!([{"Name": "Acme", "Contacts": {"totalSize": 1, "done": true, "records": [{"LastName": "Ng"}]}}]),
        ),
        (
            "SELECT Name, (SELECT Name FROM Invoices__r ORDER BY Total__c DESC LIMIT 1) FROM Account WHERE Name = 'Acme'",
            json!([{"Name": "Acme", "Invoices__r": {"totalSize": 1, "done": true, "records": [{"Name": "I1"}]}}]),
        ),
        (
            "SELECT Name, (SELECT Name FROM Invoices__r WHERE Total__c > 1000) FROM Account WHERE Name = 'Acme'",
            json!([{"Name": "Acme", "Invoices__r": null}]),
        ),
        (
            "SELECT (SELECT Name, (SELECT Name, Invoice__r.Name FROM Lines__r ORDER BY Name) FROM Invoices__r WHERE Name = 'I1') FROM Account WHERE Name = 'Acme'",
            json!([{"Invoices__r": {"totalSize": 1, "done": true, "records": [{"Name": "I1", "Lines__r": {"totalSize": 2, "done": true,
                "records": [{"Name": "L1", "Invoice__r": {"Name": "I1"}}, {"Name": "L2", "Invoice__r": {"Name": "I1"}}]}}]}}]),
        ),
        (
            "SELECT TYPEOF What WHEN Account THEN Name, BillingCity ELSE Name END FROM Task ORDER BY Subject",
            json!([{"What": {"Name": "Acme", "BillingCity": "Berlin"}}, {"What": null}]),
        ),
        (
            "SELECT TYPEOF Who WHEN Lead THEN Company ELSE Name, Type END FROM Task WHERE Subject = 'Mail'",
            json!([{"Who": {"Name": "Roe", "Type": "Contact"}}]),
        ),
        (
            "SELECT TYPEOF Who WHEN Contact THEN Account.Name END FROM Task WHERE Subject = 'Call'",
            json!([{"Who": {"Account": {"Name": "Acme"}}}]),
        ),
        (
            "SELECT Who.Name, Who.Type, What.Type FROM Task WHERE Who.Type = 'Contact' ORDER BY Subject",
            json!([{"Who": {"Name": "Lin Ng", "Type": "Contact"}, "What": {"Type": "Account"}}, {"Who": {"Name": "Roe", "Type": "Contact"}, "What": null}]),
        ),
        (
            "SELECT toLabel(State__c), FORMAT(Total__c) t FROM Invoice__c WHERE Name = 'I1'",
            json!([{"State__c": "Open", "t": "100,50\u{a0}$"}]),
        ),
        ("SELECT Name FROM Contact WHERE ReportsTo.Account.Name = 'Acme'", json!([{"Name": "Roe"}])),
    ] {
        assert_eq!(records(&org, text).to_string(), expected.to_string(), "{text}");
    }
    // A polymorphic parent is of the pseudo object Name; its URL tells the real one.
    let answer = run(&org, "SELECT Who.Name FROM Task WHERE Subject = 'Mail'").unwrap();
    let attributes = &answer["records"][0]["Who"]["attributes"];
    assert_eq!(*attributes, json!({"type":"Name","url":format!("/services/data/v66.0/sobjects/Contact/{}", ids.roe)}));
}

#[test]
fn aggregates() {
    let (org, ids) = org();
    assert_eq!(
        run(&org, "SELECT COUNT() FROM Invoice__c WHERE Total__c = 20").unwrap(),
        json!({"totalSize":2,"done":true,"records":[]})
    );
    assert_eq!(run(&org, "SELECT COUNT() FROM Invoice__c LIMIT 3").unwrap()["totalSize"], json!(3));
    assert_eq!(
        run(&org, "SELECT COUNT(Id), MAX(Total__c) FROM Invoice__c").unwrap().to_string(),
        r#"{"totalSize":1,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"expr0":5,"expr1":100.5}]}"#
    );
    for (text, expected) in [
        (
            "SELECT COUNT(Total__c) c, COUNT_DISTINCT(Total__c) d, SUM(Total__c) s, AVG(Total__c), MIN(Name), MAX(Name) FROM Invoice__c",
            json!([{"c":4,"d":3,"s":135.25,"expr0":33.8125,"expr1":"I1","expr2":"Ünter"}]),
        ),
        (
            "SELECT COUNT(Id), SUM(Total__c), MIN(Name) FROM Invoice__c WHERE Name = 'nobody'",
            json!([{"expr0":0,"expr1":null,"expr2":null}]),
        ),
        (
            "SELECT MIN(State__c), MAX(State__c) FROM Invoice__c WHERE State__c IN ('New','Open','Closed')",
            json!([{"expr0":"New","expr1":"Closed"}]),
        ),
        (
            "SELECT Account__c, COUNT(Id) FROM Invoice__c GROUP BY Account__c ORDER BY COUNT(Id) DESC, Account__c DESC LIMIT 2",
            json!([{"Account__c":ids.zeta,"expr0":2},{"Account__c":ids.acme,"expr0":2}]),
        ),
        (
            "SELECT Account__r.Name, SUM(Total__c) total FROM Invoice__c GROUP BY Account__r.Name ORDER BY Account__r.Name",
            json!([{"Name":null,"total":-5.25},{"Name":"Acme","total":120.5},{"Name":"zeta \"Z\"","total":20.0}]),
        ),
        (
            "SELECT Account__r.Name n FROM Invoice__c GROUP BY Account__r.Name HAVING COUNT(Id) > 1 AND Account__r.Name != 'Acme'",
            json!([{"n":"zeta \"Z\""}]),
        ),
        (
            "SELECT CALENDAR_YEAR(Due__c), COUNT(Id) FROM Invoice__c WHERE Due__c != null GROUP BY CALENDAR_YEAR(Due__c)",
            json!([{"expr0":2026,"expr1":2}]),
        ),
        (
            "SELECT DAY_ONLY(convertTimezone(Sent__c)) d, COUNT(Id) FROM Invoice__c WHERE Sent__c != null GROUP BY DAY_ONLY(convertTimezone(Sent__c)) ORDER BY DAY_ONLY(convertTimezone(Sent__c)) DESC",
            json!([{"d":"2026-05-13","expr0":1},{"d":"2026-05-12","expr0":1}]),
        ),
        ("SELECT COUNT(Id) FROM Invoice__c GROUP BY State__c HAVING SUM(Total__c) > 100", json!([{"expr0":1}])),
        (
            "SELECT Industry, toLabel(Type) FROM Account WHERE Name = 'Acme' GROUP BY Industry, Type",
            json!([{"Industry":"Energy","Type":null}]),
        ),
    ] {
        assert_eq!(records(&org, text).to_string(), expected.to_string(), "{text}");
    }
    assert_eq!(
        records(
            &org,
            "SELECT State__c s, Code__c c, COUNT(Id) n, GROUPING(State__c) gs, GROUPING(Code__c) gc FROM Invoice__c \
            WHERE State__c IN ('New', 'Open') GROUP BY ROLLUP(State__c, Code__c)"
        ),
        json!([
            {"s":"New","c":"X-2","n":1,"gs":0,"gc":0},
            {"s":"New","c":null,"n":1,"gs":0,"gc":1},
            {"s":"Open","c":"x-1","n":1,"gs":0,"gc":0},
            {"s":"Open","c":null,"n":1,"gs":0,"gc":1},
            {"s":null,"c":null,"n":2,"gs":1,"gc":1},
        ])
    );
    let cube = records(
        &org,
        "SELECT State__c, Code__c, COUNT(Id) FROM Invoice__c WHERE State__c IN ('New', 'Open') GROUP BY CUBE(State__c, Code__c)",
    );
    assert_eq!(cube.as_array().unwrap().len(), 2 + 2 + 2 + 1);
    let range = format!(
        "SELECT COUNT(Id), MAX(SystemModstamp) FROM Invoice__c WHERE Id >= '{}' AND Id < '{}'",
        ids.one, ids.one
    );
    assert_eq!(records(&org, &range), json!([{"expr0":0,"expr1":null}]));
}

#[test]
fn field_sets() {
    let (org, _) = org();
    let found = records(&org, "SELECT FIELDS(ALL) FROM Invoice__c ORDER BY Name LIMIT 1");
    let object = &org.schema.find("Invoice__c").unwrap().1;
    assert_eq!(found[0].as_object().unwrap().len(), object.fields.len());
    let found = records(&org, "SELECT FIELDS(CUSTOM), Name FROM Invoice__c WHERE Name = 'I1' LIMIT 200");
    assert!(
        found[0].get("Total__c").is_some() && found[0].get("Name").is_some() && found[0].get("CreatedDate").is_none()
    );
    let found = records(&org, "SELECT FIELDS(STANDARD), Account.Name FROM Contact");
    assert_eq!(found.as_array().unwrap().len(), 3);
}

/// Every field of every object can be selected, and filtered, sorted and grouped by where its describe says so.
#[test]
fn describes_keep_their_word() {
    let org = empty_org();
    // Links are asked for by what they link ("Implementation restriction").
    let is_free = |name: &str| name != "ContentDocumentLink";
    for object in org.schema.objects().iter().filter(|o| o.flags.queryable && is_free(&o.name)) {
        let text = format!("SELECT FIELDS(ALL) FROM {} LIMIT 1", object.name);
        run(&org, &text).unwrap_or_else(|e| panic!("{text}: {e}"));
        for field in &object.fields {
            let name = &field.name;
            let compound = field.ty.is_compound();
            let mut texts = Vec::new();
            if field.filterable && !compound {
                texts.push(format!("SELECT Id FROM {} WHERE {name} = null", object.name));
            }
            if field.sortable && !compound {
                texts.push(format!("SELECT Id FROM {} ORDER BY {name}", object.name));
            }
            if field.groupable {
                texts.push(format!("SELECT {name}, COUNT(Id) FROM {} GROUP BY {name}", object.name));
            }
            // Times have no MIN and MAX, whatever the describe says.
            if field.aggregatable && field.ty != crate::schema::FieldType::Time {
                texts.push(format!("SELECT MAX({name}) FROM {}", object.name));
            }
            for text in texts {
                run(&org, &text).unwrap_or_else(|e| panic!("{text}: {e}"));
            }
        }
        for child in object.children.iter().filter(|c| org.schema.find(&c.child_object).is_some()) {
            let Some(name) = &child.relationship_name else { continue };
            let text = format!("SELECT Id, (SELECT Id FROM {name}) FROM {}", object.name);
            run(&org, &text).unwrap_or_else(|e| panic!("{text}: {e}"));
        }
    }
}

#[test]
fn deleted_records_show_only_in_query_all() {
    let mut org = empty_org();
    let keep = create(&mut org, "Account", json!({"Name": "keep"}));
    let gone = create(&mut org, "Account", json!({"Name": "gone"}));
    let child = create(&mut org, "Contact", json!({"LastName": "child", "AccountId": keep}));
    delete(&mut org, &gone);
    delete(&mut org, &child);
    assert_eq!(column(&org, "SELECT Name FROM Account"), "keep");
    assert_eq!(column(&org, &format!("SELECT Name FROM Account WHERE Id = '{gone}'")), "");
    let all = super::QueryOptions { all: true, ..options(&org) };
    let page = crate::query::run(
        &org,
        "SELECT Name, IsDeleted, (SELECT LastName FROM Contacts) FROM Account ORDER BY Name",
        &all,
    )
    .unwrap();
    let mut answer: serde_json::Value = serde_json::from_str(&page.json).unwrap();
    super::strip(&mut answer);
    assert_eq!(
        answer["records"],
        json!([{"Name":"gone","IsDeleted":true,"Contacts":null},
            {"Name":"keep","IsDeleted":false,"Contacts":{"totalSize":1,"done":true,"records":[{"LastName":"child"}]}}])
    );
}
