//! ORDER BY.

use std::cmp::Ordering;

use super::expr::Expr;
use super::plan::SortKey;
use super::value::{Cell, same_text};
use crate::schema::Schema;

/// Sorts items by keys that `read` takes from them. Equal items keep their order.
pub(crate) fn sort<'a, T>(
    schema: &Schema,
    items: Vec<T>,
    keys: &[SortKey],
    read: impl Fn(&T, &Expr) -> Cell<'a>,
) -> Vec<T> {
    if keys.is_empty() {
        return items;
    }
    let width = keys.len();
    let mut cells: Vec<Cell<'a>> = Vec::with_capacity(items.len() * width);
    for item in &items {
        for key in keys {
            cells.push(sortable(schema, key, read(item, &key.expr)));
        }
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|a, b| {
        for (n, key) in keys.iter().enumerate() {
            let (Some(x), Some(y)) = (cells.get(a * width + n), cells.get(b * width + n)) else { continue };
            match compare(key, x, y) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        Ordering::Equal
    });
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| items.get_mut(at).and_then(Option::take)).collect()
}

fn compare(key: &SortKey, a: &Cell<'_>, b: &Cell<'_>) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if key.nulls_last => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) if key.nulls_last => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) if key.descending => b.order(a),
        (false, false) => a.order(b),
    }
}

/// A picklist value as its place among the defined ones; one that is no longer defined comes after them.
fn sortable<'a>(schema: &Schema, key: &SortKey, cell: Cell<'a>) -> Cell<'a> {
    let (Some((object, field)), Cell::Text(text)) = (key.picklist, cell) else { return cell };
    let entries = &schema.object(object).field_at(field).picklist;
    match entries.iter().position(|entry| same_text(&entry.value, text)) {
        Some(place) => Cell::Int(place as i64),
        None => cell,
    }
}
