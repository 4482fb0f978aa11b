//! Defaults, automatic numbers, record types, truncation, audit fields and planned locks.

use super::*;

/// The bench's widgets with further fields.
fn with(fields: Vec<Field>) -> Bench {
    let mut bench = Bench::new();
    Arc::make_mut(&mut bench.org.schema).add_fields("Widget__c", fields);
    bench
}

fn defaulted(mut field: Field, formula: &str) -> Field {
    field.default_value_formula = Some(formula.to_owned());
    field.defaulted_on_create = true;
    field
}

#[test]
fn defaults_are_computed_for_who_makes_the_record() {
    let mut bench = with(vec![
        defaulted(Field::date("Next__c", "Next"), "TODAY() + 7"),
        defaulted(Field::text("Greeting__c", "Greeting", 20), "\"Hi \" & UPPER(\"x\")"),
        defaulted(Field::number("Rate__c", "Rate", 5, 2), "10 / 3"),
        defaulted(Field::picklist("Size__c", "Size", &["S", "L"], true), "IF(1 = 2, \"S\", \"L\")"),
        defaulted(Field::picklist("Odd__c", "Odd", &["S", "L"], true).with_default("S"), "\"XXL\""),
        defaulted(Field::text("Broken__c", "Broken", 20), "Nope__c"),
        defaulted(Field::text("Short__c", "Short", 3), "\"too long\""),
    ]);
    let id = bench.made("Widget__c", json!({}));
    let day = jiff::Timestamp::from_millisecond(NOW).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
    let next = day.checked_add(jiff::Span::new().days(7)).unwrap();
    assert_eq!(bench.get("Widget__c", id, "Next__c"), Value::Date(next));
    assert_eq!(bench.text("Widget__c", id, "Greeting__c"), "Hi X");
    assert_eq!(bench.get("Widget__c", id, "Rate__c"), Value::Decimal("3.33".parse().unwrap()));
    assert_eq!(bench.text("Widget__c", id, "Size__c"), "L");
    assert_eq!(bench.text("Widget__c", id, "Odd__c"), "S");
    assert_eq!(bench.get("Widget__c", id, "Broken__c"), Value::Null);
    assert_eq!(bench.get("Widget__c", id, "Short__c"), Value::Text("too".into()));
    let given = bench.made("Widget__c", json!({"Next__c": null, "Greeting__c": "mine"}));
    assert_eq!(bench.get("Widget__c", given, "Next__c"), Value::Null);
    assert_eq!(bench.text("Widget__c", given, "Greeting__c"), "mine");
}

#[test]
fn an_automatic_number_may_hold_the_day() {
    let mut bench = with(vec![Field::auto_number("Dated__c", "Dated", "{YYYY}/{MM}-{DD}-{YY}-{000}")]);
    let id = bench.made("Widget__c", json!({}));
    let day = jiff::Timestamp::from_millisecond(NOW).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
    let expected = day.strftime("%Y/%m-%d-%y-001").to_string();
    assert_eq!(bench.text("Widget__c", id, "Dated__c"), expected);
}

#[test]
fn text_is_cut_only_where_that_is_asked_for() {
    let mut bench = Bench::new();
    let object = bench.object("Widget__c");
    let long = "é".repeat(25);
    let write = || Write::Create { object, fields: inputs(json!({"Ext__c": long})) };
    let context = bench.context(false);
    let refused = bench.org.write(&context, vec![write()]).remove(0).unwrap_err();
    assert_eq!(refused[0].code, "STRING_TOO_LONG");
    let options = WriteOptions { truncate: true, ..WriteOptions::default() };
    let saved = bench.org.write_with(&context, options, vec![write()]).remove(0).unwrap();
    assert_eq!(bench.text("Widget__c", saved.id, "Ext__c"), "é".repeat(20));
}

#[test]
fn a_record_type_is_the_objects_own_or_its_default() {
    let mut bench = Bench::new();
    let types = bench.object("RecordType");
    let facts = Arc::clone(bench.org.schema.object(types));
    let mut ids = Vec::new();
    for of in ["Account", "Contact"] {
        let id = bench.org.store.table_mut(types).next_id(*b"012");
        let field = |name: &str| facts.field(name).unwrap().0;
        let values = [(field("SobjectType"), Value::Text(of.into())), (field("Name"), Value::Text(of.into()))];
        bench.org.store.table_mut(types).put(id, crate::store::Row::new(&values.into_iter().collect()));
        ids.push(id);
    }
    let mut account = ObjectType::clone(bench.org.schema.find("Account").unwrap().1);
    account.record_types.push(crate::schema::RecordType {
        id: ids[0],
        developer_name: "Business".into(),
        name: "Business".into(),
        active: true,
        default: true,
    });
    if account.field("RecordTypeId").is_none() {
        let mut field = Field::new("RecordTypeId", "Record Type ID", crate::schema::FieldType::Reference, 18);
        field.reference_to = vec!["RecordType".into()];
        account.fields.push(field);
    }
    Arc::make_mut(&mut bench.org.schema).put(account);
    let id = bench.made("Account", json!({"Name": "Acme"}));
    assert_eq!(bench.get("Account", id, "RecordTypeId"), Value::Id(ids[0]));
    let wrong = bench.create("Account", json!({"Name": "Acme", "RecordTypeId": ids[1].to_string()}));
    let expected =
        format!("INVALID_CROSS_REFERENCE_KEY: Record Type ID: this ID value isn't valid for the user: {}", ids[1]);
    assert_eq!(error(wrong), expected);
}

#[test]
fn audit_fields_can_be_set_on_create_where_the_org_allows_it() {
    let mut bench = Bench::new();
    let fields =
        json!({"Name": "Old", "CreatedDate": "2001-02-03T04:05:06Z", "LastModifiedDate": "2002-02-03T04:05:06Z"});
    assert!(error(bench.create("Account", fields.clone())).starts_with("INVALID_FIELD_FOR_INSERT_UPDATE"));
    bench.org.allow_audit_fields();
    let id = bench.made("Account", fields);
    assert_eq!(bench.get("Account", id, "CreatedDate"), Value::DateTime(981_173_106_000));
    assert_eq!(bench.get("Account", id, "LastModifiedDate"), Value::DateTime(1_012_709_106_000));
    assert_eq!(bench.get("Account", id, "SystemModstamp"), Value::DateTime(NOW - NOW % 1000));
    let update = bench.update("Account", id, json!({"CreatedDate": "2003-02-03T04:05:06Z"}));
    assert!(error(update).starts_with("INVALID_FIELD_FOR_INSERT_UPDATE"));
}

#[test]
fn a_planned_lock_refuses_writes_on_the_record_and_its_details_for_a_while() {
    let mut bench = Bench::new();
    let widget = bench.made("Widget__c", json!({}));
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let (widgets, accounts) = (bench.object("Widget__c"), bench.object("Account"));
    bench.org.locks.lock(widgets, widget, NOW + 10_000);
    bench.org.locks.lock(accounts, account, NOW + 10_000);
    let expected =
        |id| format!("UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record or 1 records: {id}");
    assert_eq!(error(bench.update("Widget__c", widget, json!({"Flag__c": false}))), expected(widget));
    assert_eq!(error(bench.delete("Widget__c", widget)), expected(widget));
    let part = json!({"Widget__c": widget.to_string(), "Label__c": "x"});
    assert_eq!(error(bench.create("Part__c", part.clone())), expected(widget));
    assert_eq!(
        error(bench.create("Contact", json!({"LastName": "A", "AccountId": account.to_string()}))),
        expected(account)
    );
    // A mere lookup locks nothing.
    bench.made("Widget__c", json!({"Account__c": account.to_string()}));
    assert_eq!(bench.org.locks.held(NOW).count(), 2);
    bench.now += 10_000;
    bench.made("Part__c", part);
    assert_eq!(bench.org.locks.held(bench.now).count(), 0);
    bench.org.locks.lock(widgets, widget, i64::MAX);
    assert!(bench.org.locks.unlock(widgets, widget));
    bench.update("Widget__c", widget, json!({"Flag__c": false})).unwrap();
}
