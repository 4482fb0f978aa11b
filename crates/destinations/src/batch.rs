//! Batches that are filled from a database.

use tidegate_sync::{ColumnData, ColumnType, RowBatch, Table, TextColumn};

/// An empty batch with the table's columns.
pub(crate) fn empty_batch(table: &Table) -> RowBatch {
    let columns = table
        .columns
        .iter()
        .map(|column| match column.ty {
            ColumnType::Id | ColumnType::Text { .. } => ColumnData::Text(TextColumn::with_capacity(0, 0)),
            ColumnType::Boolean => ColumnData::Boolean(Vec::new()),
            ColumnType::Integer => ColumnData::Integer(Vec::new()),
            ColumnType::Decimal { .. } => ColumnData::Decimal(Vec::new()),
            ColumnType::Date => ColumnData::Date(Vec::new()),
            ColumnType::Time => ColumnData::Time(Vec::new()),
            ColumnType::DateTime => ColumnData::DateTime(Vec::new()),
        })
        .collect();
    RowBatch { rows: 0, columns }
}
