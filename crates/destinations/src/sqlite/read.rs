//! What reconciliation asks.

use rusqlite::{Connection, params_from_iter};
use tidegate_sync::{DestinationError, IdRange, RangeDigest, RecordId, RowBatch};

use super::SqlTable;
use super::bind::push;
use super::error::sqlite;
use crate::batch::empty_batch;
use crate::names::{column_name, quote};
use crate::text;

/// `WHERE` for a range, and its parameters.
fn within(table: &SqlTable, range: &IdRange) -> (String, Vec<String>) {
    let id = table.id_column();
    let mut parts = Vec::new();
    let mut values = Vec::new();
    for (bound, operator) in [(&range.from, ">="), (&range.to, "<")] {
        if let Some(bound) = bound {
            parts.push(format!("{id} {operator} ?"));
            values.push(bound.0.clone());
        }
    }
    let clause = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
    (clause, values)
}

pub(super) fn digest(
    connection: &Connection,
    label: &str,
    table: &SqlTable,
    range: &IdRange,
) -> Result<RangeDigest, DestinationError> {
    let (clause, values) = within(table, range);
    let newest = match table.table.column("SystemModstamp") {
        Some((_, column)) => format!("MAX({})", quote(&column_name(&column.field, false))),
        None => "NULL".to_owned(),
    };
    let (count, newest): (i64, Option<String>) = connection
        .prepare_cached(&format!("SELECT COUNT(*), {newest} FROM {}{clause}", table.live))
        .and_then(|mut s| s.query_row(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(|e| sqlite(label, format!("count rows of {}", table.name), e))?;
    Ok(RangeDigest { count: count.unsigned_abs(), newest: newest.as_deref().and_then(text::read_datetime) })
}

pub(super) fn boundaries(
    connection: &Connection,
    label: &str,
    table: &SqlTable,
    range: &IdRange,
    parts: usize,
) -> Result<Vec<RecordId>, DestinationError> {
    let rows = digest(connection, label, table, range)?.count;
    if parts < 2 || rows < 2 {
        return Ok(Vec::new());
    }
    let step = rows.div_ceil(parts as u64).max(1);
    let (clause, values) = within(table, range);
    let id = table.id_column();
    let sql = format!(
        "SELECT id FROM (SELECT {id} AS id, ROW_NUMBER() OVER (ORDER BY {id}) - 1 AS place FROM {}{clause}) \
         WHERE place > 0 AND place % {step} = 0 ORDER BY id",
        table.live
    );
    connection
        .prepare(&sql)
        .and_then(|mut s| s.query_map(params_from_iter(values), |row| Ok(RecordId(row.get(0)?)))?.collect())
        .map_err(|e| sqlite(label, format!("divide the rows of {}", table.name), e))
}

pub(super) fn rows(
    connection: &Connection,
    label: &str,
    table: &SqlTable,
    range: &IdRange,
    limit: usize,
) -> Result<RowBatch, DestinationError> {
    let fail = |e| sqlite(label, format!("read rows of {}", table.name), e);
    let (clause, values) = within(table, range);
    let sql = format!("SELECT {} FROM {}{clause} ORDER BY {} LIMIT {limit}", table.list, table.live, table.id_column());
    let mut statement = connection.prepare_cached(&sql).map_err(fail)?;
    let mut found = statement.query(params_from_iter(values)).map_err(fail)?;
    let mut batch = empty_batch(&table.table);
    while let Some(row) = found.next().map_err(fail)? {
        for (at, column) in batch.columns.iter_mut().enumerate() {
            push(column, row.get_ref(at).map_err(fail)?).map_err(|what| DestinationError::Value {
                table: table.name.clone(),
                column: table.columns[at].clone(),
                record: row.get::<_, String>(0).unwrap_or_default(),
                what: what.to_owned(),
            })?;
        }
        batch.rows += 1;
    }
    Ok(batch)
}
