//! Random writes keep what must always hold.

use std::collections::BTreeMap;

use super::*;
use crate::schema::FieldType;
use crate::store::{RecordChange, Store};

/// One random write; numbers choose among the records made so far.
#[derive(Debug, Clone)]
enum Step {
    Account { parent: Option<usize> },
    Contact { account: Option<usize> },
    Widget { ext: Option<u8>, account: Option<usize>, other: Option<usize> },
    Part { widget: usize },
    Change { record: usize, ext: Option<u8>, account: Option<usize> },
    Upsert { ext: u8, other: Option<usize> },
    Delete { record: usize, hard: bool },
    Undelete { record: usize },
    Purge,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Vec<Step>)>> {
    let some = || prop::option::of(0..16usize);
    let step = prop_oneof![
        2 => some().prop_map(|parent| Step::Account { parent }),
        3 => some().prop_map(|account| Step::Contact { account }),
        4 => (prop::option::of(0..6u8), some(), some()).prop_map(|(ext, account, other)| Step::Widget { ext, account, other }),
        2 => (0..16usize).prop_map(|widget| Step::Part { widget }),
        4 => (0..16usize, prop::option::of(0..6u8), some()).prop_map(|(record, ext, account)| Step::Change { record, ext, account }),
        2 => (0..6u8, some()).prop_map(|(ext, other)| Step::Upsert { ext, other }),
        4 => (0..16usize, any::<bool>()).prop_map(|(record, hard)| Step::Delete { record, hard: hard && record % 3 == 0 }),
        6 => (0..16usize).prop_map(|record| Step::Undelete { record }),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec((any::<bool>(), prop::collection::vec(step, 1..5)), 1..40)
}

fn write(bench: &Bench, made: &[(ObjectId, RecordId)], step: &Step) -> Option<Write> {
    let pick = |at: usize| made.get(at % made.len().max(1)).copied();
    // Of any object: wrong ones are refused, which is part of what is tested.
    let id = |at: Option<usize>| at.and_then(pick).map_or(Json::Null, |(_, id)| json!(id.to_string()));
    // Case differs, the key does not.
    let key =
        |ext: u8| json!(if ext.is_multiple_of(2) { format!("key{}", ext / 2) } else { format!("KEY{}", ext / 2) });
    let ext = |ext: Option<u8>| ext.map_or(Json::Null, key);
    Some(match step {
        Step::Account { parent } => Write::Create {
            object: bench.object("Account"),
            fields: inputs(json!({"Name": "a", "ParentId": id(*parent)})),
        },
        Step::Contact { account } => Write::Create {
            object: bench.object("Contact"),
            fields: inputs(json!({"LastName": "c", "AccountId": id(*account)})),
        },
        Step::Widget { ext: e, account, other } => Write::Create {
            object: bench.object("Widget__c"),
            fields: inputs(json!({"Ext__c": ext(*e), "Account__c": id(*account), "Other__c": id(*other)})),
        },
        Step::Part { widget } => Write::Create {
            object: bench.object("Part__c"),
            fields: inputs(json!({"Widget__c": id(Some(*widget)), "Label__c": "x"})),
        },
        Step::Change { record, ext: e, account } => {
            let (object, record) = pick(*record)?;
            let fields = match bench.org.schema.object(object).name.as_str() {
                "Account" => json!({"ParentId": id(*account)}),
                "Contact" => json!({"AccountId": id(*account)}),
                "Widget__c" => json!({"Ext__c": ext(*e), "Account__c": id(*account)}),
                _ => json!({"Label__c": "y"}),
            };
            Write::Update { object, id: record, fields: inputs(fields) }
        }
        Step::Upsert { ext, other } => Write::Upsert {
            object: bench.object("Widget__c"),
            key: "Ext__c".into(),
            value: Input::Json(key(*ext)),
            fields: inputs(json!({"Other__c": id(*other)})),
            update_only: false,
        },
        Step::Delete { record, hard } => match (pick(*record)?, hard) {
            ((object, id), false) => Write::Delete { object, id },
            ((object, id), true) => Write::HardDelete { object, id },
        },
        Step::Undelete { record } => pick(*record).map(|(object, id)| Write::Undelete { object, id })?,
        Step::Purge => return None,
    })
}

/// Every record, its values and whether it is live.
fn image(store: &Store) -> BTreeMap<(ObjectId, RecordId), (String, bool)> {
    let rows = |(object, table): (ObjectId, &crate::store::Table)| {
        let rows: Vec<_> =
            table.rows().map(|(id, row)| ((object, id), (format!("{row:?}"), !table.is_deleted(id)))).collect();
        rows
    };
    store.tables().flat_map(rows).collect()
}

fn check(bench: &Bench) -> Result<(), TestCaseError> {
    let (schema, store) = (&bench.org.schema, &bench.org.store);
    for (object, table) in store.tables() {
        let facts = schema.object(object);
        let deleted = facts.field("IsDeleted").map(|(field, _)| field);
        for (id, row) in table.rows() {
            if let Some(field) = deleted {
                prop_assert_eq!(row.get(field), Value::Bool(table.is_deleted(id)), "{} {}", facts.name, id);
            }
        }
        for (field_id, field) in facts.enumerate() {
            let is_reference = field.ty == FieldType::Reference;
            if !is_reference && !field.unique {
                continue;
            }
            let mut by_value: BTreeMap<String, (Value, Vec<RecordId>)> = BTreeMap::new();
            for (id, row) in table.live_rows() {
                let value = row.get(field_id);
                if value.is_null() {
                    continue;
                }
                if let Value::Id(parent) = value {
                    let target = schema.by_prefix(parent.prefix()).expect("a known object");
                    let keeps = schema.object(target).flags.deletable;
                    prop_assert!(!keeps || store.live(target, parent).is_some(), "{} of {id} dangles", field.name);
                }
                let key = format!("{value:?}").to_lowercase() + if is_reference { id.as_15() } else { "" };
                let key = if is_reference { format!("{value:?}") } else { key };
                by_value.entry(key).or_insert_with(|| (value, vec![])).1.push(id);
            }
            for (value, ids) in by_value.values() {
                if field.unique && !field.case_sensitive {
                    prop_assert_eq!(ids.len(), 1, "{} {:?} is unique", &field.name, value);
                }
                prop_assert_eq!(&store.find_by(object, field_id, value), ids, "{}.{}", &facts.name, &field.name);
            }
        }
        // A record in the bin is found by no index.
        for (id, _) in table.bin() {
            let ext = facts.field("Ext__c").and_then(|(field, _)| Some((field, table.get(id)?.get(field))));
            if let Some((field, value)) = ext {
                prop_assert!(!store.find_by(object, field, &value).contains(&id));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn writes_keep_the_store_whole(transactions in steps()) {
        let mut bench = Bench::new();
        let mut made: Vec<(ObjectId, RecordId)> = Vec::new();
        let mut replica = BTreeMap::new();
        // Indexes exist from the start, so that every write has to keep them.
        check(&bench)?;
        for (all_or_none, steps) in transactions {
            bench.now += 1_000_000;
            if steps.iter().any(|step| matches!(step, Step::Purge)) {
                bench.now += 20 * 24 * 3_600_000;
                let now = bench.now;
                bench.org.purge(now);
            }
            let writes: Vec<_> = steps.iter().filter_map(|step| write(&bench, &made, step)).collect();
            let objects: Vec<_> = writes.iter().map(object_of).collect();
            let before = image(&bench.org.store);
            let context = bench.context(all_or_none);
            let (results, changes, _) = bench.org.transact(&context, WriteOptions::default(), writes);
            follow(&mut replica, &changes)?;
            if results.iter().all(Result::is_err) {
                prop_assert_eq!(image(&bench.org.store), before, "failed writes changed something");
            }
            prop_assert!(!all_or_none || results.iter().all(Result::is_ok) || results.iter().all(Result::is_err));
            made.extend(objects.into_iter().zip(&results).filter_map(|(object, result)| match result {
                Ok(saved) if saved.created => Some((object, saved.id)),
                _ => None,
            }));
            check(&bench)?;
            let live: BTreeMap<_, _> = image(&bench.org.store)
                .into_iter()
                .filter_map(|(key, (row, live))| live.then_some((key, row)))
                .collect();
            prop_assert_eq!(&replica, &live, "what was told is not what happened");
        }
    }
}

/// Does to a replica what a transaction says it did.
fn follow(replica: &mut BTreeMap<(ObjectId, RecordId), String>, changes: &[RecordChange]) -> Result<(), TestCaseError> {
    for change in changes {
        let key = (change.object, change.id);
        let before = replica.remove(&key);
        let was_live = matches!(change.kind, ChangeKind::Update | ChangeKind::Delete);
        prop_assert_eq!(before.is_some(), was_live, "{:?}", change);
        if was_live {
            prop_assert_eq!(before, change.before.as_ref().map(|row| format!("{row:?}")));
        }
        if let (ChangeKind::Create | ChangeKind::Update | ChangeKind::Undelete, Some(after)) =
            (change.kind, &change.after)
        {
            replica.insert(key, format!("{after:?}"));
        }
        if let (ChangeKind::Update, Some(before), Some(after)) = (change.kind, &change.before, &change.after) {
            for field in (0..200).map(crate::schema::FieldId) {
                let told = before.get(field) == after.get(field) || change.changed.contains(&field);
                prop_assert!(told, "{:?} changed untold", field);
            }
        }
    }
    Ok(())
}

fn object_of(write: &Write) -> ObjectId {
    match write {
        Write::Create { object, .. }
        | Write::Update { object, .. }
        | Write::Upsert { object, .. }
        | Write::Delete { object, .. }
        | Write::HardDelete { object, .. }
        | Write::Undelete { object, .. } => *object,
    }
}
