//! Rows in Postgres's binary `COPY` format.
//!
//! Source of the layout: Postgres documentation, `COPY`, "Binary Format", and the binary representations of the types
//! (dates count from 2000-01-01, times in microseconds).

use bytes::{BufMut, BytesMut};
use rust_decimal::Decimal;
use tidegate_sync::{CellRef, RowBatch};
use tokio_postgres::types::{IsNull, ToSql, Type};

pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
pub(super) const TRAILER: &[u8] = &[0xff, 0xff];

/// Days from 1970-01-01 to 2000-01-01.
pub(super) const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MS: i64 = EPOCH_DAYS as i64 * 86_400_000;

/// Appends the rows of a part. `Err` names the place and the fault of a value that cannot be stored.
pub(super) fn write_rows(part: &RowBatch, out: &mut BytesMut) -> Result<(), (usize, usize, &'static str)> {
    for row in 0..part.rows {
        out.put_i16(part.columns.len() as i16);
        for column in 0..part.columns.len() {
            write_cell(part.cell(row, column), out).map_err(|what| (row, column, what))?;
        }
    }
    Ok(())
}

fn write_cell(cell: CellRef<'_>, out: &mut BytesMut) -> Result<(), &'static str> {
    if matches!(cell, CellRef::Null) {
        out.put_i32(-1);
        return Ok(());
    }
    let start = out.len();
    out.put_i32(0);
    write_value(cell, out)?;
    let length = (out.len() - start - 4) as i32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The binary form of a value that is not null.
pub(super) fn write_value(cell: CellRef<'_>, out: &mut BytesMut) -> Result<(), &'static str> {
    match cell {
        CellRef::Null => {}
        CellRef::Text(text) => {
            if text.as_bytes().contains(&0) {
                return Err("the text holds a NUL character, which Postgres cannot store");
            }
            out.put_slice(text.as_bytes());
        }
        CellRef::Boolean(value) => out.put_u8(u8::from(value)),
        CellRef::Integer(value) => out.put_i64(value),
        CellRef::Decimal(value) => match <Decimal as ToSql>::to_sql(&value, &Type::NUMERIC, out) {
            Ok(IsNull::No) => {}
            _ => return Err("the decimal cannot be written"),
        },
        CellRef::Date(days) => out.put_i32(days - EPOCH_DAYS),
        CellRef::Time(ms) => out.put_i64(i64::from(ms) * 1000),
        CellRef::DateTime(ms) => out.put_i64((ms - EPOCH_MS) * 1000),
    }
    Ok(())
}

/// Microseconds since 2000 as milliseconds since 1970.
pub(super) fn datetime_from_wire(micros: i64) -> i64 {
    micros.div_euclid(1000) + EPOCH_MS
}
