//! Upserting.

use super::*;

fn upsert(bench: &mut Bench, key: &str, value: Json, fields: Json, update_only: bool) -> WriteResult {
    let object = bench.object("Widget__c");
    let write =
        Write::Upsert { object, key: key.into(), value: Input::Json(value), fields: inputs(fields), update_only };
    bench.write(write)
}

#[test]
fn the_key_decides() {
    let mut bench = Bench::new();
    let made = upsert(&mut bench, "ext__c", json!("k"), json!({"Name": "one"}), false).unwrap();
    assert!(made.created);
    assert_eq!(bench.text("Widget__c", made.id, "Ext__c"), "k");
    let again = upsert(&mut bench, "Ext__c", json!("K"), json!({"Name": "two"}), true).unwrap();
    assert_eq!(again, Saved { id: made.id, created: false });
    assert_eq!(bench.text("Widget__c", made.id, "Name"), "two");
    let by_number = upsert(&mut bench, "Number__c", json!("7"), json!({}), false).unwrap();
    assert_eq!(upsert(&mut bench, "Number__c", json!(7.0), json!({}), false).unwrap().id, by_number.id);
    let by_id = upsert(&mut bench, "Id", json!(made.id.as_15()), json!({"Name": "three"}), false).unwrap();
    assert_eq!(by_id, again);
    assert!(upsert(&mut bench, "Id", json!(null), json!({}), false).unwrap().created);
}

#[test]
fn errors() {
    let mut bench = Bench::new();
    let none = upsert(&mut bench, "Ext__c", json!("k"), json!({}), true).unwrap_err();
    assert_eq!((none[0].status, none[0].code), (404, "NOT_FOUND"));
    assert_eq!(
        error(upsert(&mut bench, "Amount__c", json!("1"), json!({}), false)),
        "NOT_FOUND: Provided external ID field does not exist or is not accessible: Amount__c"
    );
    let twice = upsert(&mut bench, "Ext__c", json!("k"), json!({"EXT__C": "k"}), false).unwrap_err();
    assert_eq!(twice[0].code, "INVALID_FIELD");
    let empty = upsert(&mut bench, "Ext__c", json!(""), json!({}), false).unwrap_err();
    assert_eq!(empty[0].code, "MISSING_ARGUMENT");
}

#[test]
fn several_matches_are_listed() {
    let mut bench = Bench::new();
    let name = json!({"Name": "same"});
    let ids = [bench.made("Widget__c", name.clone()), bench.made("Widget__c", name)];
    let errors = upsert(&mut bench, "Name", json!("same"), json!({}), false).unwrap_err();
    let expected = ApiError::new(
        "DUPLICATE_EXTERNAL_ID",
        format!("More than one record found for external id field: [{}, {}]", ids[0], ids[1]),
    );
    assert_eq!(errors, [ApiError { ids: ids.to_vec(), ..expected.status(300).field("Name") }]);
}

#[test]
fn a_key_twice_in_one_request_is_refused() {
    let mut bench = Bench::new();
    let object = bench.object("Widget__c");
    let upsert = |value: &str| Write::Upsert {
        object,
        key: "Ext__c".into(),
        value: Input::Text(value.into()),
        fields: vec![],
        update_only: false,
    };
    let context = bench.context(false);
    let results = bench.org.write(&context, vec![upsert("a"), upsert("b"), upsert("A ")]);
    let outcome: Vec<_> = results.into_iter().map(|r| r.map(|s| s.created).map_err(|e| e[0].to_string())).collect();
    let refused = |value: &str| Err(format!("DUPLICATE_VALUE: Duplicate external id specified: {value}"));
    assert_eq!(outcome, [refused("a"), Ok(true), refused("A")]);
}
