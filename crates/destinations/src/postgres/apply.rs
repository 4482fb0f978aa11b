//! Changes and their checkpoint, in one transaction.

use bytes::BytesMut;
use tidegate_sync::{Cell, ChangeBatch, ChangeKind, ColumnIndex, ColumnType, DestinationError, RecordId, TableId};
use tokio_postgres::Transaction;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::sql::SqlTable;
use super::{Postgres, copy, open};
use crate::meta;
use crate::names::quote;

/// A cell as a parameter.
#[derive(Debug)]
struct Parameter<'a>(&'a Cell);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        if *self.0 == Cell::Null {
            return Ok(IsNull::Yes);
        }
        copy::write_value(self.0.as_ref(), out)?;
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::TEXT, Type::VARCHAR, Type::BOOL, Type::INT8, Type::NUMERIC, Type::DATE, Type::TIME, Type::TIMESTAMPTZ]
            .contains(ty)
    }

    to_sql_checked!();
}

pub(super) async fn apply(
    destination: &Postgres,
    tables: &[SqlTable],
    batch: &ChangeBatch,
) -> Result<(), DestinationError> {
    let checkpoint = meta::to_json(&batch.checkpoint)?;
    let mut connection = destination.writer().await?;
    let tx = connection.transaction().await.map_err(destination.fail("begin"))?;
    let mut missing: Vec<(TableId, RecordId)> = Vec::new();
    for change in &batch.changes {
        let Some(table) = tables.get(usize::from(change.table.0)) else {
            return Err(meta::database("apply a change of a table that was not opened", false, std::fmt::Error));
        };
        let hit = match &change.kind {
            ChangeKind::Upsert(row) => {
                check(table, &change.record, row.iter().enumerate())?;
                let cells: Vec<Parameter<'_>> = row.iter().map(Parameter).collect();
                execute(destination, &tx, table, &table.upsert, &cells, &change.record).await?;
                true
            }
            ChangeKind::Patch(cells) => patch(destination, &tx, table, &change.record, cells).await?,
            ChangeKind::Delete => {
                let id = Cell::Text(change.record.0.clone());
                let sql = format!("DELETE FROM {} WHERE {} = $1", table.live, table.id_column());
                execute(destination, &tx, table, &sql, &[Parameter(&id)], &change.record).await?;
                true
            }
        };
        let key = (change.table, change.record.clone());
        if !hit && !missing.contains(&key) {
            missing.push(key);
        }
    }
    if !missing.is_empty() {
        return Err(DestinationError::RowsMissing(missing));
    }
    open::write_key(destination, &tx, meta::KEY_FOLLOW, &checkpoint).await?;
    tx.commit().await.map_err(destination.fail("apply changes"))
}

async fn patch(
    destination: &Postgres,
    tx: &Transaction<'_>,
    table: &SqlTable,
    record: &RecordId,
    cells: &[(ColumnIndex, Cell)],
) -> Result<bool, DestinationError> {
    check(table, record, cells.iter().map(|(column, cell)| (usize::from(column.0), cell)))?;
    let id = table.id_column();
    // An empty patch still has to find its row.
    let sets: Vec<String> = if cells.is_empty() {
        vec![format!("{id} = {id}")]
    } else {
        cells
            .iter()
            .enumerate()
            .map(|(at, (column, _))| {
                let name = table.columns.get(usize::from(column.0)).map_or_else(String::new, |c| quote(c));
                format!("{name} = ${}", at + 1)
            })
            .collect()
    };
    let sql = format!("UPDATE {} SET {} WHERE {id} = ${}", table.live, sets.join(", "), cells.len() + 1);
    let key = Cell::Text(record.0.clone());
    let mut parameters: Vec<Parameter<'_>> = cells.iter().map(|(_, cell)| Parameter(cell)).collect();
    parameters.push(Parameter(&key));
    Ok(execute(destination, tx, table, &sql, &parameters, record).await? > 0)
}

async fn execute(
    destination: &Postgres,
    tx: &Transaction<'_>,
    table: &SqlTable,
    sql: &str,
    parameters: &[Parameter<'_>],
    record: &RecordId,
) -> Result<u64, DestinationError> {
    let fail = || destination.fail(format!("apply a change of {} {record}", table.name));
    let statement = tx.prepare(sql).await.map_err(fail())?;
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
    tx.execute(&statement, &parameters).await.map_err(fail())
}

/// Refuses values that the driver would send and the server would misread or refuse without naming the column.
fn check<'a>(
    table: &SqlTable,
    record: &RecordId,
    cells: impl Iterator<Item = (usize, &'a Cell)>,
) -> Result<(), DestinationError> {
    for (at, cell) in cells {
        let Some(column) = table.table.columns.get(at) else {
            return Err(meta::database(format!("{} has no column number {at}", table.name), false, std::fmt::Error));
        };
        let fits = matches!(
            (cell, column.ty),
            (Cell::Null, _)
                | (Cell::Text(_), ColumnType::Id | ColumnType::Text { .. })
                | (Cell::Boolean(_), ColumnType::Boolean)
                | (Cell::Integer(_), ColumnType::Integer)
                | (Cell::Decimal(_), ColumnType::Decimal { .. })
                | (Cell::Date(_), ColumnType::Date)
                | (Cell::Time(_), ColumnType::Time)
                | (Cell::DateTime(_), ColumnType::DateTime)
        );
        let nul = matches!(cell, Cell::Text(text) if text.as_bytes().contains(&0));
        if !fits || nul {
            return Err(DestinationError::Value {
                table: table.name.clone(),
                column: table.columns[at].clone(),
                record: record.0.clone(),
                what: if nul {
                    "the text holds a NUL character, which Postgres cannot store".to_owned()
                } else {
                    format!("the value does not have the column's type ({:?})", column.ty)
                },
            });
        }
    }
    Ok(())
}
