//! Which rows to look at: a lookup by id, a range of ids, an index, or the whole table.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::expr::{At, Expr, Record, Source, World};
use super::filter::{Check, Filter, Relation};
use super::value::Const;
use crate::schema::FieldType;
use crate::{RecordId, Value};

/// Where the candidates come from. Each is still tested against the whole filter.
#[derive(Debug, PartialEq)]
pub(crate) enum Access {
    /// These records, in id order.
    Ids(Vec<RecordId>),
    /// These live records, found by an index on the named field.
    Index(String, Vec<RecordId>),
    /// Ids from the first (inclusive) to the second (inclusive); the whole table where both are open.
    Range(Option<RecordId>, Option<RecordId>),
}

/// Calls `found` with every record that the filter keeps, in id order, until it breaks.
pub(crate) fn scan<'a>(
    world: World<'a>,
    source: &Source,
    filter: &Filter,
    all: bool,
    mut found: impl FnMut(Record<'a>) -> ControlFlow<()>,
) {
    let Some(table) = world.store.table(source.object) else { return };
    let object = source.object;
    let mut offer = |id: RecordId, row: &'a std::sync::Arc<crate::store::Row>| {
        let test = |row: &std::sync::Arc<crate::store::Row>| {
            let (world, record): (World<'_>, _) = (world, Record { object, id, row });
            filter.matches(&|expr| world.eval(source, record, expr))
        };
        // A row that is made when it is looked at is made for the test alone: most are looked at no more.
        let keep = match filter {
            Filter::All => true,
            _ => match row.here() {
                Cow::Borrowed(_) => test(row),
                Cow::Owned(made) => test(&std::sync::Arc::new(made)),
            },
        };
        if keep { found(Record { object, id, row }) } else { ControlFlow::Continue(()) }
    };
    match access(world, source, filter, all) {
        Access::Ids(ids) | Access::Index(_, ids) => {
            for id in ids {
                if let Some(row) = table.get(id)
                    && (all || !table.is_deleted(id))
                    && offer(id, row).is_break()
                {
                    return;
                }
            }
        }
        Access::Range(from, to) => {
            let from = from.unwrap_or(RecordId::from_bytes([0; 15]));
            for (id, row) in table.rows_from(from) {
                if to.is_some_and(|to| id > to) {
                    return;
                }
                if (all || !table.is_deleted(id)) && offer(id, row).is_break() {
                    return;
                }
            }
        }
    }
}

/// The cheapest way to every record that the filter may keep.
pub(crate) fn access(world: World<'_>, source: &Source, filter: &Filter, all: bool) -> Access {
    let tests = filter.required();
    let (mut from, mut to): (Option<RecordId>, Option<RecordId>) = (None, None);
    for (expr, check) in &tests {
        let Expr::Column(column) = expr else { continue };
        if column.slot != 0 || column.at != At::Id {
            continue;
        }
        match check {
            Check::Compare { op, value: Const::Id(id), .. } => match op {
                Relation::Eq => return Access::Ids(vec![*id]),
                Relation::Gt | Relation::Ge => from = from.max(Some(*id)),
                Relation::Lt | Relation::Le => to = Some(to.map_or(*id, |to| to.min(*id))),
                Relation::Ne => {}
            },
            Check::InIds { ids, negate: false, .. } => return Access::Ids(ids.clone()),
            _ => {}
        }
    }
    let rows = world.store.table(source.object).map_or(0, |table| table.len());
    // An index knows live records only. Ids narrow more surely than a field, so a range is taken as it is.
    if all || from.is_some() || to.is_some() {
        return Access::Range(from, to);
    }
    let facts = world.schema.object(source.object);
    for (expr, check) in &tests {
        let Expr::Column(column) = expr else { continue };
        let (0, At::Field(field)) = (column.slot, &column.at) else { continue };
        let known = facts.field_at(*field);
        let indexed = known.ty == FieldType::Reference || known.external_id || known.unique || known.id_lookup;
        if !indexed || known.ty == FieldType::Id {
            continue;
        }
        let wanted: Vec<Value> = match check {
            Check::Compare { op: Relation::Eq, value, .. } => vec![stored(known.ty, value)],
            Check::In { values, null: false, negate: false, .. } => {
                values.iter().map(|value| stored(known.ty, value)).collect()
            }
            Check::InIds { ids, null: false, negate: false } => ids.iter().map(|id| Value::Id(*id)).collect(),
            _ => continue,
        };
        // Where much of the table is wanted, reading through it is quicker.
        if wanted.len() > 16 && wanted.len() > rows / 8 {
            continue;
        }
        let mut ids: Vec<RecordId> =
            wanted.iter().flat_map(|value| world.store.find_by(source.object, *field, value)).collect();
        ids.sort_unstable();
        ids.dedup();
        return Access::Index(known.name.clone(), ids);
    }
    Access::Range(None, None)
}

/// The literal as a row of this field type would hold it.
fn stored(ty: FieldType, value: &Const) -> Value {
    use rust_decimal::prelude::ToPrimitive;
    match value {
        Const::Text(text) => Value::Text(text.clone()),
        Const::Number(number) => match (ty, number.is_integer(), number.to_i64()) {
            (FieldType::Int | FieldType::Long, true, Some(n)) => Value::Int(n),
            (FieldType::Int | FieldType::Long, ..) => Value::Null,
            _ => Value::Decimal(*number),
        },
        Const::Date(date) => Value::Date(*date),
        Const::DateTime(ms) => Value::DateTime(*ms),
        Const::Time(ms) => Value::Time(*ms),
        Const::Id(id) => Value::Id(*id),
    }
}
