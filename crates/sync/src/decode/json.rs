//! Records of the REST API.

use serde_json::{Map, Value};

use super::{DecodeError, text};
use crate::{Cell, ColumnIndex, ColumnType, Row, Table};

/// The row of a record as REST query answers give it. Every column has to be there.
///
/// # Errors
/// Names the column that is missing or holds something else than its type.
pub fn row(table: &Table, record: &Map<String, Value>) -> Result<Row, DecodeError> {
    (0..table.columns.len()).map(|i| column(table, i, record)).collect()
}

/// Some columns of a record, in the order given.
///
/// # Errors
/// As [`row`].
pub fn cells(table: &Table, columns: &[ColumnIndex], record: &Map<String, Value>) -> Result<Vec<Cell>, DecodeError> {
    columns.iter().map(|i| column(table, usize::from(i.0), record)).collect()
}

fn column(table: &Table, index: usize, record: &Map<String, Value>) -> Result<Cell, DecodeError> {
    let column = table.columns.get(index).ok_or_else(|| DecodeError::new(&table.object, "a known column"))?;
    let place = || format!("{}.{}", table.object, column.field);
    let value = record
        .get(&column.field)
        .or_else(|| record.iter().find(|(k, _)| k.eq_ignore_ascii_case(&column.field)).map(|(_, v)| v))
        .ok_or_else(|| DecodeError::new(place(), "a value for this field"))?;
    cell(column.ty, value).map_err(|expected| DecodeError::new(place(), expected))
}

/// One value. Numbers keep every digit that was written.
///
/// # Errors
/// What was expected.
pub fn cell(ty: ColumnType, value: &Value) -> Result<Cell, &'static str> {
    match (value, ty) {
        (Value::Null, _) => Ok(Cell::Null),
        (Value::Bool(b), ColumnType::Boolean) => Ok(Cell::Boolean(*b)),
        (Value::Bool(b), ColumnType::Text { .. }) => Ok(Cell::Text(b.to_string())),
        (Value::Number(n), ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Text { .. }) => {
            text::read(ty, &n.to_string()).map(crate::CellRef::to_cell)
        }
        (Value::String(s), _) => text::read(ty, s).map(crate::CellRef::to_cell),
        _ => Err("a value of the field's type"),
    }
}
