//! Cells into statements, and back.

use rusqlite::types::ValueRef;
use rusqlite::{Result, Statement};
use rust_decimal::Decimal;
use tidegate_sync::{CellRef, ColumnData};

use crate::text;

/// Binds a cell at a place (from 1). `scratch` is reused, so that dates and decimals cost no allocation.
pub(super) fn bind(statement: &mut Statement<'_>, at: usize, cell: CellRef<'_>, scratch: &mut String) -> Result<()> {
    scratch.clear();
    match cell {
        CellRef::Null => return statement.raw_bind_parameter(at, rusqlite::types::Null),
        CellRef::Text(text) => return statement.raw_bind_parameter(at, text),
        CellRef::Boolean(value) => return statement.raw_bind_parameter(at, value),
        CellRef::Integer(value) => return statement.raw_bind_parameter(at, value),
        CellRef::Decimal(value) => {
            use std::fmt::Write;
            // Writing to a String cannot fail.
            let _ = write!(scratch, "{}", value.normalize());
        }
        CellRef::Date(days) => text::write_date(days, scratch),
        CellRef::Time(ms) => text::write_time(ms, scratch),
        CellRef::DateTime(ms) => text::write_datetime(ms, scratch),
    }
    statement.raw_bind_parameter(at, scratch.as_str())
}

/// Adds a stored value to a column. `Err` says what is wrong with it: somebody else wrote it.
pub(super) fn push(column: &mut ColumnData, value: ValueRef<'_>) -> std::result::Result<(), &'static str> {
    let text = match value {
        ValueRef::Text(bytes) => Some(std::str::from_utf8(bytes).map_err(|_| "the text is not UTF-8")?),
        ValueRef::Null => None,
        ValueRef::Integer(value) => {
            match column {
                ColumnData::Boolean(values) => values.push(Some(value != 0)),
                ColumnData::Integer(values) => values.push(Some(value)),
                _ => return Err("a number stands where text belongs"),
            }
            return Ok(());
        }
        ValueRef::Real(_) | ValueRef::Blob(_) => return Err("the value has a type that was never written here"),
    };
    match column {
        ColumnData::Text(values) => values.push(text.unwrap_or_default()),
        ColumnData::Boolean(values) if text.is_none() => values.push(None),
        ColumnData::Integer(values) if text.is_none() => values.push(None),
        ColumnData::Boolean(_) | ColumnData::Integer(_) => return Err("text stands where a number belongs"),
        ColumnData::Decimal(values) => {
            values.push(text.map(|t| t.parse::<Decimal>().map_err(|_| "the text is no decimal")).transpose()?);
        }
        ColumnData::Date(values) => {
            values.push(text.map(|t| text::read_date(t).ok_or("the text is no date")).transpose()?);
        }
        ColumnData::Time(values) => {
            values.push(text.map(|t| text::read_time(t).ok_or("the text is no time")).transpose()?);
        }
        ColumnData::DateTime(values) => {
            values.push(text.map(|t| text::read_datetime(t).ok_or("the text is no datetime")).transpose()?);
        }
    }
    Ok(())
}
