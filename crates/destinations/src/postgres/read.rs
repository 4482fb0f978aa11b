//! What reconciliation asks.

use rust_decimal::Decimal;
use tidegate_sync::{ColumnData, DestinationError, IdRange, RangeDigest, RecordId, RowBatch};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::sql::SqlTable;
use super::{Postgres, copy};
use crate::batch::empty_batch;
use crate::names::{column_name, quote};

/// `WHERE` for a range, and its parameters.
fn within<'a>(table: &SqlTable, range: &'a IdRange) -> (String, Vec<&'a (dyn ToSql + Sync)>) {
    let id = table.id_column();
    let mut parts = Vec::new();
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
    for (bound, operator) in [(&range.from, ">="), (&range.to, "<")] {
        if let Some(bound) = bound {
            values.push(&bound.0);
            parts.push(format!("{id} {operator} ${}", values.len()));
        }
    }
    let clause = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
    (clause, values)
}

/// A date, time or timestamp as it travels.
struct Wire<const N: usize>([u8; N]);

impl<'a, const N: usize> FromSql<'a> for Wire<N> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }
    fn accepts(ty: &Type) -> bool {
        [Type::DATE, Type::TIME, Type::TIMESTAMPTZ].contains(ty)
    }
}

pub(super) async fn digest(
    destination: &Postgres,
    table: &SqlTable,
    range: &IdRange,
) -> Result<RangeDigest, DestinationError> {
    let (clause, values) = within(table, range);
    let newest = match table.table.column("SystemModstamp") {
        Some((_, column)) => format!("MAX({})", quote(&column_name(&column.field, true))),
        None => "NULL::timestamptz".to_owned(),
    };
    let row = destination
        .connection()
        .await?
        .query_one(&format!("SELECT COUNT(*), {newest} FROM {}{clause}", table.live), &values)
        .await
        .map_err(destination.fail(format!("count rows of {}", table.name)))?;
    let newest: Option<Wire<8>> = row.get(1);
    Ok(RangeDigest {
        count: row.get::<_, i64>(0).unsigned_abs(),
        newest: newest.map(|w| copy::datetime_from_wire(i64::from_be_bytes(w.0))),
    })
}

pub(super) async fn boundaries(
    destination: &Postgres,
    table: &SqlTable,
    range: &IdRange,
    parts: usize,
) -> Result<Vec<RecordId>, DestinationError> {
    let rows = digest(destination, table, range).await?.count;
    if parts < 2 || rows < 2 {
        return Ok(Vec::new());
    }
    let step = rows.div_ceil(parts as u64).max(1);
    let (clause, values) = within(table, range);
    let id = table.id_column();
    let sql = format!(
        "SELECT id FROM (SELECT {id} AS id, ROW_NUMBER() OVER (ORDER BY {id}) - 1 AS place FROM {}{clause}) numbered \
         WHERE place > 0 AND place % {step} = 0 ORDER BY id",
        table.live
    );
    let rows = destination
        .connection()
        .await?
        .query(&sql, &values)
        .await
        .map_err(destination.fail(format!("divide the rows of {}", table.name)))?;
    Ok(rows.iter().map(|row| RecordId(row.get(0))).collect())
}

pub(super) async fn rows(
    destination: &Postgres,
    table: &SqlTable,
    range: &IdRange,
    limit: usize,
) -> Result<RowBatch, DestinationError> {
    let (clause, values) = within(table, range);
    let sql = format!("SELECT {} FROM {}{clause} ORDER BY {} LIMIT {limit}", table.list, table.live, table.id_column());
    let found = destination
        .connection()
        .await?
        .query(&sql, &values)
        .await
        .map_err(destination.fail(format!("read rows of {}", table.name)))?;
    let mut batch = empty_batch(&table.table);
    for row in &found {
        for (at, column) in batch.columns.iter_mut().enumerate() {
            push(column, row, at)
                .map_err(destination.fail(format!("read column {} of {}", table.columns[at], table.name)))?;
        }
        batch.rows += 1;
    }
    Ok(batch)
}

fn push(column: &mut ColumnData, row: &Row, at: usize) -> Result<(), tokio_postgres::Error> {
    match column {
        ColumnData::Text(values) => values.push(row.try_get::<_, Option<&str>>(at)?.unwrap_or_default()),
        ColumnData::Boolean(values) => values.push(row.try_get(at)?),
        ColumnData::Integer(values) => values.push(row.try_get(at)?),
        ColumnData::Decimal(values) => values.push(row.try_get::<_, Option<Decimal>>(at)?),
        ColumnData::Date(values) => {
            let value: Option<Wire<4>> = row.try_get(at)?;
            values.push(value.map(|w| i32::from_be_bytes(w.0) + copy::EPOCH_DAYS));
        }
        ColumnData::Time(values) => {
            let value: Option<Wire<8>> = row.try_get(at)?;
            values.push(value.map(|w| (i64::from_be_bytes(w.0) / 1000) as i32));
        }
        ColumnData::DateTime(values) => {
            let value: Option<Wire<8>> = row.try_get(at)?;
            values.push(value.map(|w| copy::datetime_from_wire(i64::from_be_bytes(w.0))));
        }
    }
    Ok(())
}
