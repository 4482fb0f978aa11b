//! The values of custom formulas in change events: computed when the transaction is told, for no row holds them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Commit;
use crate::formula::{FormulaColumn, Session, column, fill};
use crate::schema::{FieldId, ObjectId, ObjectType, Schema};
use crate::store::{ChangeKind, Store};

/// Whether this field is a formula whose value change events carry: one that somebody made.
pub(super) fn is_told(object: &ObjectType, field: FieldId) -> bool {
    let field = object.field_at(field);
    field.custom && field.formula.is_some()
}

/// Puts the values of custom formulas into the rows of a transaction, and those that moved into what it changed.
///
/// Both rows are computed from the org as it is now, so that a formula over another record moves with its own record
/// only: a change of the other record raises no event here (documented).
pub(super) fn compute(schema: &Schema, store: &Store, commit: &mut Commit) {
    let mut known = HashMap::<ObjectId, Vec<FormulaColumn>>::new();
    let mut session = None;
    for change in &mut commit.changes {
        let columns = known.entry(change.object).or_insert_with(|| columns(schema, change.object));
        if columns.is_empty() {
            continue;
        }
        let session = session.get_or_insert_with(|| Session::of(schema, store, commit.user, commit.now));
        let context = session.context(schema, store);
        for row in [&mut change.before, &mut change.after].into_iter().flatten() {
            *row = fill(&context, columns, change.id, row);
        }
        if let (ChangeKind::Update, Some(before), Some(after)) = (change.kind, &change.before, &change.after) {
            let moved = columns.iter().map(|c| c.field).filter(|f| before.get_ref(*f) != after.get_ref(*f));
            change.changed.extend(moved);
            change.changed.sort_unstable();
            change.changed.dedup();
        }
    }
}

fn columns(schema: &Schema, object: ObjectId) -> Vec<FormulaColumn> {
    let facts: Arc<ObjectType> = Arc::clone(schema.object(object));
    facts.enumerate().filter(|(id, _)| is_told(&facts, *id)).filter_map(|(id, _)| column(schema, object, id)).collect()
}
