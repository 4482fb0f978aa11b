//! Roll-up summaries, last activities and amounts of line items: always what a recomputation from scratch gives.

use rust_decimal::Decimal;

use super::*;
use crate::schema::{Blanks, FieldType, FilterOperation, RollUp, RollUpFilter, RollUpOperation};

fn summary(operation: RollUpOperation, field: Option<&str>, filters: Vec<RollUpFilter>) -> RollUp {
    RollUp {
        operation,
        child: "Item__c".into(),
        foreign_key: "Order__c".into(),
        field: field.map(str::to_owned),
        filters,
    }
}

fn filter(field: &str, operation: FilterOperation, value: &str) -> RollUpFilter {
    RollUpFilter { field: field.into(), operation, value: value.into() }
}

/// A customer with orders with items, and summaries of each kind; the customer's sums up the orders'.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let number = |name: &str, rule: RollUp| Field::roll_up(name, name, FieldType::Double, 18, 2, rule);
    let customer =
        ObjectType::custom("Customer__c", "Customer", "Customers", *b"a02", NameField::Text).with(Field::roll_up(
            "All__c",
            "All",
            FieldType::Currency,
            18,
            2,
            RollUp {
                operation: RollUpOperation::Sum,
                child: "Order__c".into(),
                foreign_key: "Customer__c".into(),
                field: Some("Sum__c".into()),
                filters: Vec::new(),
            },
        ));
    let order = ObjectType::custom("Order__c", "Order", "Orders", *b"a03", NameField::Text)
        .with(Field::master_detail("Customer__c", "Customer", "Customer__c", "Orders", 0))
        .with(Field::roll_up(
            "Count__c",
            "Count",
            FieldType::Double,
            18,
            0,
            summary(RollUpOperation::Count, None, vec![]),
        ))
        .with(number("Sum__c", summary(RollUpOperation::Sum, Some("Price__c"), vec![])))
        .with(number("Min__c", summary(RollUpOperation::Min, Some("Price__c"), vec![])))
        .with(Field::roll_up(
            "Last__c",
            "Last",
            FieldType::Date,
            0,
            0,
            summary(RollUpOperation::Max, Some("Day__c"), vec![]),
        ))
        .with(number(
            "Red__c",
            summary(
                RollUpOperation::Sum,
                Some("Gross__c"),
                vec![
                    filter("Colour__c", FilterOperation::Equals, "Red, Blue"),
                    filter("Price__c", FilterOperation::GreaterThan, "1"),
                ],
            ),
        ));
    let mut parent = Field::master_detail("Order__c", "Order", "Order__c", "Items", 0);
    parent.updateable = true;
    let item = ObjectType::custom("Item__c", "Item", "Items", *b"a04", NameField::Text)
        .with(parent)
        .with(Field::number("Price__c", "Price", 18, 2))
        .with(Field::date("Day__c", "Day"))
        .with(Field::picklist("Colour__c", "Colour", &["Red", "Green", "Blue"], false))
        .with(Field::formula("Gross__c", "Gross", FieldType::Double, 2, "Price__c * 2", Blanks::Zero));
    let schema = Arc::make_mut(&mut bench.org.schema);
    for object in [customer, order, item] {
        schema.put(object);
    }
    bench
}

fn numbers(bench: &Bench, order: RecordId) -> Vec<String> {
    ["Count__c", "Sum__c", "Min__c", "Red__c"]
        .iter()
        .map(|name| match bench.get("Order__c", order, name) {
            Value::Decimal(d) => d.to_string(),
            Value::Null => "-".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_master_sums_up_its_details_as_they_come_change_move_and_go() {
    let mut bench = bench();
    let customer = bench.made("Customer__c", json!({"Name": "C"}));
    let first = bench.made("Order__c", json!({"Name": "1", "Customer__c": customer.to_string()}));
    let second = bench.made("Order__c", json!({"Name": "2", "Customer__c": customer.to_string()}));
    assert_eq!(numbers(&bench, first), ["0", "0.00", "-", "0.00"]);
    let item = |order: RecordId, price: f64, colour: &str, day: &str| json!({"Order__c": order.to_string(), "Price__c": price, "Colour__c": colour, "Day__c": day});
    let a = bench.made("Item__c", item(first, 10.5, "Red", "2026-01-01"));
    let b = bench.made("Item__c", item(first, 1.0, "Blue", "2026-02-01"));
    bench.made("Item__c", item(first, 4.0, "Green", "2025-02-01"));
    assert_eq!(numbers(&bench, first), ["3", "15.50", "1.00", "21.00"]);
    assert_eq!(bench.get("Order__c", first, "Last__c"), Value::Date(jiff::civil::date(2026, 2, 1)));
    assert_eq!(bench.get("Customer__c", customer, "All__c"), Value::Decimal(Decimal::new(1550, 2)));
    bench.update("Item__c", b, json!({"Price__c": 2.0})).unwrap();
    assert_eq!(numbers(&bench, first), ["3", "16.50", "2.00", "25.00"]);
    bench.update("Item__c", b, json!({"Order__c": second.to_string()})).unwrap();
    assert_eq!(numbers(&bench, first), ["2", "14.50", "4.00", "21.00"]);
    assert_eq!(numbers(&bench, second), ["1", "2.00", "2.00", "4.00"]);
    assert_eq!(bench.get("Order__c", first, "Last__c"), Value::Date(jiff::civil::date(2026, 1, 1)));
    bench.delete("Item__c", a).unwrap();
    assert_eq!(numbers(&bench, first), ["1", "4.00", "4.00", "0.00"]);
    bench.undelete("Item__c", a).unwrap();
    assert_eq!(numbers(&bench, first), ["2", "14.50", "4.00", "21.00"]);
    bench.delete("Order__c", first).unwrap();
    assert_eq!(bench.get("Customer__c", customer, "All__c"), Value::Decimal(Decimal::new(200, 2)));
    bench.undelete("Order__c", first).unwrap();
    assert_eq!(numbers(&bench, first), ["2", "14.50", "4.00", "21.00"]);
    assert_eq!(bench.get("Customer__c", customer, "All__c"), Value::Decimal(Decimal::new(1650, 2)));
    let write = Write::HardDelete { object: bench.object("Item__c"), id: a };
    bench.write(write).unwrap();
    assert_eq!(numbers(&bench, first), ["1", "4.00", "4.00", "0.00"]);
}

#[test]
fn a_summary_that_changes_saves_its_master_or_moves_its_stamp_only() {
    for saves in [true, false] {
        let mut bench = bench();
        bench.org.settings.roll_ups_modify_masters = saves;
        let customer = bench.made("Customer__c", json!({"Name": "C"}));
        let order = bench.made("Order__c", json!({"Name": "1", "Customer__c": customer.to_string()}));
        bench.now += 60_000;
        let object = bench.object("Item__c");
        let fields = inputs(json!({"Order__c": order.to_string(), "Price__c": 3}));
        let told = changes(&mut bench, true, vec![Write::Create { object, fields }]);
        let kinds: Vec<(ChangeKind, [u8; 3])> = told.iter().map(|(kind, id, _)| (*kind, id.prefix())).collect();
        let masters: &[(ChangeKind, [u8; 3])] =
            if saves { &[(ChangeKind::Update, *b"a03"), (ChangeKind::Update, *b"a02")] } else { &[] };
        assert_eq!(kinds, [&[(ChangeKind::Create, *b"a04")], masters].concat());
        let stamp = |name: &str| bench.get("Order__c", order, name).as_millis().unwrap();
        assert_eq!(stamp("SystemModstamp"), bench.now - bench.now % 1000);
        assert_eq!(stamp("LastModifiedDate") == stamp("SystemModstamp"), saves);
        // A detail that changes nothing of the summary leaves the master alone.
        let colour = inputs(json!({"Colour__c": "Green"}));
        let item = told[0].1;
        let told = changes(&mut bench, true, vec![Write::Update { object, id: item, fields: colour }]);
        assert_eq!(told.len(), 1);
    }
}

#[test]
fn a_new_summary_is_worked_out_for_all_masters_and_only_their_stamps_move() {
    let mut bench = bench();
    let customer = bench.made("Customer__c", json!({"Name": "C"}));
    let order = bench.made("Order__c", json!({"Name": "1", "Customer__c": customer.to_string()}));
    bench.made("Item__c", json!({"Order__c": order.to_string(), "Price__c": 3}));
    let rule = summary(RollUpOperation::Max, Some("Price__c"), vec![]);
    let field = Field::roll_up("Max__c", "Max", FieldType::Double, 18, 1, rule);
    let before = Arc::clone(&bench.org.schema);
    Arc::make_mut(&mut bench.org.schema).add_fields("Order__c", [field]);
    let (object, facts) = bench.org.schema.find("Order__c").unwrap();
    let (field, _) = facts.field("Max__c").unwrap();
    let events = bench.org.events.len();
    bench.now += 60_000;
    assert_eq!(bench.org.schema_changed(&before, bench.now), 1);
    assert_eq!(bench.get("Order__c", order, "Max__c"), Value::Decimal(Decimal::new(30, 1)));
    let stamp = |name: &str| bench.get("Order__c", order, name).as_millis().unwrap();
    assert!(stamp("SystemModstamp") > stamp("LastModifiedDate"));
    assert_eq!(bench.org.events.len(), events);
    assert_eq!(bench.org.recalculate(object, field, bench.now), 0);
}

#[test]
fn a_write_that_is_taken_back_leaves_the_summaries() {
    let mut bench = bench();
    let customer = bench.made("Customer__c", json!({"Name": "C"}));
    let order = bench.made("Order__c", json!({"Name": "1", "Customer__c": customer.to_string()}));
    let object = bench.object("Item__c");
    let good = Write::Create { object, fields: inputs(json!({"Order__c": order.to_string(), "Price__c": 3})) };
    let bad = Write::Create { object, fields: inputs(json!({"Price__c": 3})) };
    let context = bench.context(true);
    let results = bench.org.write(&context, vec![good, bad]);
    assert!(results.iter().all(Result::is_err));
    assert_eq!(numbers(&bench, order), ["0", "0.00", "-", "0.00"]);
}

#[test]
fn the_last_activity_is_the_latest_event_or_closed_task() {
    let mut bench = Bench::new();
    let account = bench.made("Account", json!({"Name": "Acme"}));
    let contact = bench.made("Contact", json!({"LastName": "A", "AccountId": account.to_string()}));
    bench.now += 60_000;
    let last = |bench: &Bench, object: &str, id| bench.get(object, id, "LastActivityDate");
    let day = |d| Value::Date(jiff::civil::date(2026, 5, d));
    let task =
        json!({"WhoId": contact.to_string(), "Subject": "Call", "ActivityDate": "2026-05-03", "Status": "Not Started"});
    let task = bench.made("Task", task);
    assert_eq!(last(&bench, "Contact", contact), Value::Null);
    let modified = bench.get("Contact", contact, "LastModifiedDate");
    bench.update("Task", task, json!({"Status": "Completed"})).unwrap();
    assert_eq!((last(&bench, "Contact", contact), last(&bench, "Account", account)), (day(3), day(3)));
    assert_eq!(bench.get("Contact", contact, "LastModifiedDate"), modified);
    assert_ne!(bench.get("Contact", contact, "SystemModstamp"), modified);
    let event =
        json!({"WhatId": account.to_string(), "StartDateTime": "2026-05-04T08:00:00Z", "DurationInMinutes": 30});
    let event = bench.made("Event", event);
    assert_eq!((last(&bench, "Contact", contact), last(&bench, "Account", account)), (day(3), day(4)));
    bench.delete("Event", event).unwrap();
    bench.delete("Task", task).unwrap();
    assert_eq!((last(&bench, "Contact", contact), last(&bench, "Account", account)), (Value::Null, Value::Null));
}

#[derive(Debug, Clone)]
enum Edit {
    Add(usize, i64, usize),
    Price(usize, Option<i64>),
    Colour(usize, usize),
    Move(usize, usize),
    Delete(usize),
    Undelete(usize),
    DropOrder(usize),
    RestoreOrder(usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        4 => (0..3_usize, -500..500_i64, 0..4_usize).prop_map(|(o, p, c)| Edit::Add(o, p, c)),
        2 => (0..40_usize, proptest::option::of(-500..500_i64)).prop_map(|(i, p)| Edit::Price(i, p)),
        1 => (0..40_usize, 0..4_usize).prop_map(|(i, c)| Edit::Colour(i, c)),
        2 => (0..40_usize, 0..3_usize).prop_map(|(i, o)| Edit::Move(i, o)),
        2 => (0..40_usize).prop_map(Edit::Delete),
        1 => (0..40_usize).prop_map(Edit::Undelete),
        1 => (0..3_usize).prop_map(Edit::DropOrder),
        1 => (0..3_usize).prop_map(Edit::RestoreOrder),
    ];
    proptest::collection::vec(edit, 1..40)
}

const COLOURS: [&str; 4] = ["Red", "Green", "Blue", ""];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn after_any_edits_every_summary_is_what_its_details_say(edits in edits()) {
        let mut bench = bench();
        let customer = bench.made("Customer__c", json!({"Name": "C"}));
        let orders: Vec<RecordId> = (0..3)
            .map(|n| bench.made("Order__c", json!({"Name": n.to_string(), "Customer__c": customer.to_string()})))
            .collect();
        let mut items: Vec<RecordId> = Vec::new();
        let price = |cents: i64| Decimal::new(cents, 2).to_string();
        for edit in edits {
            let item = |n: &usize| items.get(*n % items.len().max(1)).copied();
            match &edit {
                Edit::Add(order, cents, colour) => {
                    let fields = json!({
                        "Order__c": orders[*order].to_string(), "Price__c": price(*cents), "Colour__c": COLOURS[*colour],
                    });
                    items.extend(bench.create("Item__c", fields).ok().map(|saved| saved.id));
                }
                Edit::Price(n, cents) => {
                    let Some(id) = item(n) else { continue };
                    let _ = bench.update("Item__c", id, json!({"Price__c": cents.map(price)}));
                }
                Edit::Colour(n, colour) => {
                    let Some(id) = item(n) else { continue };
                    let _ = bench.update("Item__c", id, json!({"Colour__c": COLOURS[*colour]}));
                }
                Edit::Move(n, order) => {
                    let Some(id) = item(n) else { continue };
                    let _ = bench.update("Item__c", id, json!({"Order__c": orders[*order].to_string()}));
                }
                Edit::Delete(n) => {
                    let Some(id) = item(n) else { continue };
                    let _ = bench.delete("Item__c", id);
                }
                Edit::Undelete(n) => {
                    let Some(id) = item(n) else { continue };
                    let _ = bench.undelete("Item__c", id);
                }
                Edit::DropOrder(n) => {
                    let _ = bench.delete("Order__c", orders[*n]);
                }
                Edit::RestoreOrder(n) => {
                    let _ = bench.undelete("Order__c", orders[*n]);
                }
            }
        }
        let mut all = Decimal::ZERO;
        for order in orders.iter().filter(|order| bench.is_live("Order__c", **order)) {
            let (mut count, mut sum, mut least, mut red) = (0_i64, Decimal::ZERO, None::<Decimal>, Decimal::ZERO);
            for item in items.iter().filter(|item| bench.is_live("Item__c", **item)) {
                if bench.get("Item__c", *item, "Order__c").as_id() != Some(*order) {
                    continue;
                }
                count += 1;
                let Value::Decimal(price) = bench.get("Item__c", *item, "Price__c") else { continue };
                sum += price;
                least = Some(least.map_or(price, |least| least.min(price)));
                let colour = bench.get("Item__c", *item, "Colour__c");
                if price > Decimal::ONE && ["Red", "Blue"].contains(&colour.as_text().unwrap_or_default()) {
                    red += price * Decimal::TWO;
                }
            }
            all += sum;
            let shown = |d: Decimal| { let mut d = d; d.rescale(2); d.to_string() };
            let expected = [count.to_string(), shown(sum), least.map_or("-".into(), shown), shown(red)];
            prop_assert_eq!(numbers(&bench, *order), expected);
        }
        all.rescale(2);
        prop_assert_eq!(bench.get("Customer__c", customer, "All__c"), Value::Decimal(all));
    }
}
