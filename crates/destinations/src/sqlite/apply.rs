//! Changes and their checkpoint, in one transaction.

use rusqlite::{Connection, Transaction, params};
use tidegate_sync::{Cell, Change, ChangeBatch, ChangeKind, ColumnIndex, DestinationError, RecordId, TableId};

use super::SqlTable;
use super::bind::bind;
use super::error::sqlite;
use super::open::write_key;
use crate::meta;
use crate::names::quote;

pub(super) fn apply(
    connection: &mut Connection,
    label: &str,
    tables: &[SqlTable],
    batch: &ChangeBatch,
) -> Result<(), DestinationError> {
    let fail = |e| sqlite(label, "apply changes", e);
    let checkpoint = meta::to_json(&batch.checkpoint)?;
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(fail)?;
    let mut missing: Vec<(TableId, RecordId)> = Vec::new();
    let mut scratch = String::new();
    for change in &batch.changes {
        let Some(table) = tables.get(usize::from(change.table.0)) else {
            return Err(meta::database("apply a change of a table that was not opened", false, std::fmt::Error));
        };
        let hit = one(&tx, table, change, &mut scratch)
            .map_err(|e| sqlite(label, format!("apply a change of {} {}", table.name, change.record), e))?;
        let key = (change.table, change.record.clone());
        if !hit && !missing.contains(&key) {
            missing.push(key);
        }
    }
    if !missing.is_empty() {
        return Err(DestinationError::RowsMissing(missing));
    }
    write_key(&tx, meta::KEY_FOLLOW, &checkpoint).map_err(fail)?;
    tx.commit().map_err(fail)
}

/// False when a patch found no row.
fn one(tx: &Transaction<'_>, table: &SqlTable, change: &Change, scratch: &mut String) -> rusqlite::Result<bool> {
    match &change.kind {
        ChangeKind::Upsert(row) => {
            let mut statement = tx.prepare_cached(&table.upsert)?;
            for (at, cell) in row.iter().enumerate() {
                bind(&mut statement, at + 1, cell.as_ref(), scratch)?;
            }
            statement.raw_execute()?;
            Ok(true)
        }
        ChangeKind::Patch(cells) => patch(tx, table, &change.record, cells, scratch),
        ChangeKind::Delete => {
            tx.prepare_cached(&format!("DELETE FROM {} WHERE {} = ?1", table.live, table.id_column()))?
                .execute(params![change.record.0])?;
            Ok(true)
        }
    }
}

fn patch(
    tx: &Transaction<'_>,
    table: &SqlTable,
    record: &RecordId,
    cells: &[(ColumnIndex, Cell)],
    scratch: &mut String,
) -> rusqlite::Result<bool> {
    let columns: Vec<usize> = cells.iter().map(|(column, _)| usize::from(column.0)).collect();
    let id = table.id_column();
    // An empty patch still has to find its row.
    let sets: Vec<String> = if columns.is_empty() {
        vec![format!("{id} = {id}")]
    } else {
        columns
            .iter()
            .map(|at| format!("{} = ?", table.columns.get(*at).map_or_else(String::new, |c| quote(c))))
            .collect()
    };
    let mut statement = tx.prepare_cached(&format!("UPDATE {} SET {} WHERE {id} = ?", table.live, sets.join(", ")))?;
    for (at, (_, cell)) in cells.iter().enumerate() {
        bind(&mut statement, at + 1, cell.as_ref(), scratch)?;
    }
    statement.raw_bind_parameter(cells.len() + 1, &record.0)?;
    Ok(statement.raw_execute()? > 0)
}
