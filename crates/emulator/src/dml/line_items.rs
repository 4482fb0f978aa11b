//! An opportunity with products: its amount and quantity are the sums of its line items.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunity.htm>

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::settle::Touched;
use super::transaction::{Cause, Transaction};
use super::{derived, number};
use crate::store::Values;
use crate::{RecordId, Value};

/// Adds the opportunities that a touched line item belongs, or belonged, to.
pub(super) fn opportunities(tx: &Transaction<'_>, step: &Touched, found: &mut BTreeSet<RecordId>) {
    let facts = tx.schema.object(step.object);
    if facts.name != "OpportunityLineItem" {
        return;
    }
    let Some((field, _)) = facts.field("OpportunityId") else { return };
    let rows = [&step.before, &step.after].into_iter().flatten();
    found.extend(rows.filter_map(|row| row.get(field).as_id()));
}

/// Works out what line items say of an opportunity. Without any, the amount stays as it is.
pub(super) fn add_up(tx: &mut Transaction<'_>, id: RecordId, cause: Cause) {
    let (Some((object, _)), Some((item, item_facts))) =
        (tx.schema.find("Opportunity"), tx.schema.find("OpportunityLineItem"))
    else {
        return;
    };
    let field = |name: &str| item_facts.field(name).map(|(field, _)| field);
    let (Some(parent), price, quantity) = (field("OpportunityId"), field("TotalPrice"), field("Quantity")) else {
        return;
    };
    let (mut amount, mut pieces, mut any) = (Decimal::ZERO, Decimal::ZERO, false);
    for child in tx.store.children(item, parent, id) {
        let Some(row) = tx.store.live(item, child) else { continue };
        let decimal = |field: Option<crate::schema::FieldId>| match field.map(|field| row.get(field)) {
            Some(Value::Decimal(d)) => d,
            _ => Decimal::ZERO,
        };
        any = true;
        amount = amount.checked_add(decimal(price)).unwrap_or(amount);
        pieces = pieces.checked_add(decimal(quantity)).unwrap_or(pieces);
    }
    let facts = tx.object(object);
    let Some(before) = tx.store.live(object, id).cloned() else { return };
    let mut given = Values::new();
    let mut set = |name: &str, value: Value| {
        if let Some((field, _)) = facts.field(name)
            && before.get(field) != value
        {
            given.insert(field, value);
        }
    };
    set("HasOpportunityLineItem", Value::Bool(any));
    if any {
        set("Amount", number::at_scale(amount, 2));
        set("TotalOpportunityQuantity", number::at_scale(pieces, 2));
    }
    if given.is_empty() {
        return;
    }
    let mut values = before.to_values();
    values.extend(given.clone());
    tx.touch(&facts, &mut values, cause == Cause::User);
    derived::apply(&mut derived::Draft {
        object: &facts,
        values: &mut values,
        given: &given,
        before: Some(&before),
        id,
        now: tx.stamp(None),
        schema: &tx.schema,
        store: tx.store,
    });
    tx.put(object, id, &values, cause);
}
