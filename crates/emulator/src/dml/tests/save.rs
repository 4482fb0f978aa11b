//! Creating and updating.

use super::*;

#[test]
fn a_new_record_has_its_defaults_and_stamps() {
    let mut bench = Bench::new();
    let id = bench.made("Widget__c", json!({}));
    let admin = Value::Id(bench.org.settings.admin_id);
    let second = Value::DateTime(NOW - NOW % 1000);
    for (field, value) in [
        ("Id", Value::Id(id)),
        ("Name", Value::Text(id.as_15().to_owned())),
        ("Free__c", Value::Text("Green".into())),
        ("Flag__c", Value::Bool(true)),
        ("Serial__c", Value::Text("W-0001".into())),
        ("OwnerId", admin.clone()),
        ("IsDeleted", Value::Bool(false)),
        ("CreatedDate", second.clone()),
        ("CreatedById", admin.clone()),
        ("LastModifiedDate", second.clone()),
        ("LastModifiedById", admin),
        ("SystemModstamp", second),
        ("Amount__c", Value::Null),
    ] {
        assert_eq!(bench.get("Widget__c", id, field), value, "{field}");
    }
    assert!(id.as_15().starts_with("a00TG"), "{id}");
}

#[test]
fn facts_decide_what_may_be_written() {
    let mut bench = Bench::new();
    assert_eq!(
        error(bench.create("Opportunity", json!({"Name": "x"}))),
        "REQUIRED_FIELD_MISSING: Required fields are missing: [StageName, CloseDate]"
    );
    assert_eq!(
        error(bench.create("Contact", json!({"LastName": " "}))),
        "REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]"
    );
    assert_eq!(
        error(bench.create("Account", json!({"Nmae": "x"}))),
        "INVALID_FIELD: No such column 'Nmae' on sobject of type Account"
    );
    assert_eq!(
        error(bench.create("Account", json!({"Name": "x", "CreatedDate": null, "PhotoUrl": "y"}))),
        "INVALID_FIELD_FOR_INSERT_UPDATE: Unable to create/update fields: CreatedDate, PhotoUrl. Please check the \
         security settings of this field and verify that it is read/write for your profile or permission set."
    );
    let account = bench.made("Account", json!({"attributes": {"type": "Account"}, "name": "Acme"}));
    assert_eq!(
        error(bench.update("Account", account, json!({"Name": null}))),
        "REQUIRED_FIELD_MISSING: Required fields are missing: [Name]"
    );
    assert_eq!(
        error(bench.update("Account", account, json!({"Id": account.to_string()}))),
        "INVALID_FIELD: The Id field should not be specified in the sobject data."
    );
    let contact = bench.made("Contact", json!({"LastName": "x"}));
    assert_eq!(
        error(bench.update("Account", contact, json!({}))),
        format!("MALFORMED_ID: Account ID: id value of incorrect type: {contact}")
    );
    let unknown = RecordId::new(*b"001", *b"TG", 999);
    let missing = bench.update("Account", unknown, json!({})).unwrap_err();
    assert_eq!((missing[0].status, missing[0].code), (404, "NOT_FOUND"));
    assert_eq!(bench.org.store.table(bench.object("Account")).map(|t| t.len()), Some(1));
}

#[test]
fn a_clock_set_back_does_not_take_the_stamp_back() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({"Name": "Acme"}));
    let first = bench.get("Account", id, "SystemModstamp");
    bench.now -= 3_600_000;
    bench.update("Account", id, json!({"Name": "Acme 2"})).unwrap();
    assert_eq!(bench.get("Account", id, "SystemModstamp"), first);
}

#[test]
fn an_update_names_what_changed() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({"Name": "Acme", "Phone": "1"}));
    let object = bench.object("Account");
    let update = |fields| vec![Write::Update { object, id, fields: inputs(fields) }];
    bench.now += 5_000;
    let told = changes(&mut bench, false, update(json!({"Phone": "2", "Name": "Acme"})));
    let stamps = ["LastModifiedDate", "SystemModstamp"];
    assert_eq!(told, [(ChangeKind::Update, id, ["Phone"].iter().chain(&stamps).map(|s| s.to_string()).collect())]);
    let told = changes(&mut bench, false, update(json!({"Phone": "3"})));
    assert_eq!(told, [(ChangeKind::Update, id, vec!["Phone".to_owned(), "LastModifiedDate".to_owned()])]);
    let told = changes(&mut bench, false, update(json!({})));
    assert_eq!(told, [(ChangeKind::Update, id, vec!["LastModifiedDate".to_owned()])]);
}

#[test]
fn one_change_per_record_and_transaction() {
    let mut bench = Bench::new();
    let object = bench.object("Account");
    let next = RecordId::new(*b"001", *b"TG", 1);
    let writes = vec![
        Write::Create { object, fields: inputs(json!({"Name": "a"})) },
        Write::Update { object, id: next, fields: inputs(json!({"Name": "b"})) },
        Write::Create { object, fields: inputs(json!({"Name": "c"})) },
        Write::Delete { object, id: RecordId::new(*b"001", *b"TG", 2) },
    ];
    assert_eq!(changes(&mut bench, false, writes), [(ChangeKind::Create, next, vec![])]);
    assert_eq!(bench.text("Account", next, "Name"), "b");
}

#[test]
fn unique_values_are_unique_within_a_transaction_too() {
    let mut bench = Bench::new();
    let object = bench.object("Widget__c");
    let create =
        |ext: &str, exact: &str| Write::Create { object, fields: inputs(json!({"Ext__c": ext, "Exact__c": exact})) };
    let context = bench.context(false);
    let results =
        bench.org.write(&context, vec![create("k1", "e"), create("K1", "x"), create("k2", "E"), create("k3", "e")]);
    let first = results[0].as_ref().unwrap().id;
    let messages: Vec<_> = results.into_iter().map(|r| r.map_err(|e| e[0].to_string()).map(|_| ())).collect();
    let duplicate = |field: &str| {
        Err(format!(
            "DUPLICATE_VALUE: duplicate value found: {field} duplicates value on record with id: {}",
            first.as_15()
        ))
    };
    assert_eq!(messages, [Ok(()), duplicate("Ext__c"), Ok(()), duplicate("Exact__c")]);
}

#[test]
fn all_or_none_undoes_everything() {
    let mut bench = Bench::new();
    let object = bench.object("Widget__c");
    let kept = bench.made("Widget__c", json!({"Ext__c": "kept"}));
    let context = bench.context(true);
    let results = bench.org.write(
        &context,
        vec![
            Write::Create { object, fields: inputs(json!({"Ext__c": "new"})) },
            Write::Update { object, id: kept, fields: inputs(json!({"Ext__c": "moved"})) },
            Write::Create { object, fields: inputs(json!({"Ext__c": "moved"})) },
        ],
    );
    let codes: Vec<_> = results.into_iter().map(|r| r.unwrap_err()[0].code).collect();
    let rolled_back = "ALL_OR_NONE_OPERATION_ROLLED_BACK";
    assert_eq!(codes, [rolled_back, rolled_back, "DUPLICATE_VALUE"]);
    assert_eq!(bench.text("Widget__c", kept, "Ext__c"), "kept");
    assert_eq!(bench.org.store.table(object).map(|t| t.len()), Some(1));
    bench.made("Widget__c", json!({"Ext__c": "new"}));
    bench.made("Widget__c", json!({"Ext__c": "moved"}));
}

#[test]
fn hierarchies_have_no_circle() {
    let mut bench = Bench::new();
    let a = bench.made("Account", json!({"Name": "a"}));
    let b = bench.made("Account", json!({"Name": "b", "ParentId": a.to_string()}));
    let c = bench.made("Account", json!({"Name": "c", "ParentId": b.as_15()}));
    for parent in [a, c] {
        assert_eq!(
            error(bench.update("Account", a, json!({"ParentId": parent.to_string()}))),
            "CIRCULAR_DEPENDENCY: attempt to violate hierarchy constraints"
        );
    }
    let w = bench.made("Widget__c", json!({}));
    bench.update("Widget__c", w, json!({"Other__c": w.to_string()})).unwrap();
}

#[test]
fn parents_can_be_named_by_external_id() {
    let mut bench = Bench::new();
    let parent = bench.made("Widget__c", json!({"Ext__c": "P"}));
    let child = bench.made("Widget__c", json!({"Other__r": {"ext__C": "p"}}));
    assert_eq!(bench.get("Widget__c", child, "Other__c"), Value::Id(parent));
    bench.update("Widget__c", child, json!({"Other__r": null})).unwrap();
    assert_eq!(bench.get("Widget__c", child, "Other__c"), Value::Null);
    assert_eq!(
        error(bench.update("Widget__c", child, json!({"Other__r": {"Ext__c": "none"}}))),
        "INVALID_FIELD: Foreign key external ID: none not found for field Ext__c in entity Widget__c"
    );
    let contact = bench.made("Contact", json!({"LastName": "x", "Email": "x@example.com"}));
    let task = |object: Option<&str>| {
        let who =
            Input::Reference { object: object.map(str::to_owned), key: "Email".into(), value: "x@example.com".into() };
        vec![("Who".to_owned(), who)]
    };
    let object = bench.object("Task");
    let saved = bench.write(Write::Create { object, fields: task(Some("contact")) }).unwrap();
    assert_eq!(bench.get("Task", saved.id, "WhoId"), Value::Id(contact));
    for wrong in [None, Some("Account")] {
        let errors = bench.write(Write::Create { object, fields: task(wrong) }).unwrap_err();
        assert_eq!(errors[0].code, "INVALID_FIELD", "{errors:?}");
    }
    bench.made("Contact", json!({"LastName": "y", "Email": "X@example.com"}));
    let errors = bench.write(Write::Create { object, fields: task(Some("Contact")) }).unwrap_err();
    assert_eq!(errors[0].code, "DUPLICATE_EXTERNAL_ID");
}

#[test]
fn owners_are_active_users() {
    let mut bench = Bench::new();
    let user = bench.object("User");
    let facts = bench.org.schema.object(user).clone();
    let field = |name: &str| facts.field(name).unwrap().0;
    let ids = [true, false].map(|active| {
        let table = bench.org.store.table_mut(user);
        let id = table.next_id(*b"005");
        let values = [(field("Id"), Value::Id(id)), (field("IsActive"), Value::Bool(active))];
        table.put(id, crate::store::Row::new(&values.into_iter().collect()));
        id
    });
    let owned = bench.made("Account", json!({"Name": "x", "OwnerId": ids[0].to_string()}));
    assert_eq!(bench.get("Account", owned, "OwnerId"), Value::Id(ids[0]));
    assert_eq!(
        error(bench.update("Account", owned, json!({"OwnerId": ids[1].to_string()}))),
        format!("INACTIVE_OWNER_OR_USER: operation performed with inactive user [{}] as owner of account", ids[1])
    );
}
