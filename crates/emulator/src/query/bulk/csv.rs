//! A Bulk query's rows as CSV: packed rows straight into bytes, since a snapshot of a large org is made of little else.

use std::ops::Range;

use super::super::expr::At;
use super::super::format::{People, formatted};
use super::super::select::Show;
use super::super::value::Cell;
use super::{BulkColumn, BulkSelection};
use crate::schema::{FieldId, FieldType};
use crate::store::{Places, RawValue};
use crate::value::ValueRef;
use crate::{Millis, RecordId};

impl BulkSelection {
    /// Writes the header line, every name in quotes.
    pub fn write_header(&self, delimiter: u8, line_ending: &str, out: &mut Vec<u8>) {
        for (n, name) in self.header.iter().enumerate() {
            if n > 0 {
                out.push(delimiter);
            }
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(line_ending.as_bytes());
    }

    /// Writes these rows as CSV lines: every value in quotes, quotes doubled, no value as `""`. Rows beyond the end
    /// are left out.
    pub fn write_rows(&self, range: Range<usize>, delimiter: u8, line_ending: &str, out: &mut Vec<u8>) {
        let end = range.end.min(self.len());
        let plain: Vec<Option<Plain>> = self.columns.iter().map(Plain::of).collect();
        let mut places = Places::new(self.schema.object(self.object).fields.len());
        let mut days = Days::default();
        for n in range.start.min(end)..end {
            let Some((id, row)) = self.records.get(n) else { return };
            let row = row.here();
            places.find(&row);
            for (at, (column, plain)) in self.columns.iter().zip(&plain).enumerate() {
                if at > 0 {
                    out.push(delimiter);
                }
                out.push(b'"');
                match plain {
                    Some(Plain::Id) => push_id(*id, out),
                    Some(Plain::Field(field, ty)) => push_raw(row.raw(&places, *field), *ty, &mut days, out),
                    None => push_cell(self.cell(n, column), column.show, &self.people, &mut days, out),
                }
                out.push(b'"');
            }
            out.extend_from_slice(line_ending.as_bytes());
        }
    }

    /// Where to stop so that the rows from `start` on are about so many bytes as CSV: at least one row further.
    pub fn piece_end(&self, start: usize, bytes: usize) -> usize {
        // Besides its value, a cell has its quotes and a delimiter. Ids and times are packed in a third.
        let frame = self.columns.len() * 4;
        let mut left = bytes;
        let rows = self.records.get(start..).unwrap_or_default();
        let fitting = rows.iter().take_while(|(_, row)| {
            let size = frame + row.len_hint() * 3 / 2;
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        (start + fitting.count().max(1)).min(self.len())
    }
}

/// A column that is read from the record itself and shown as it is.
#[derive(Clone, Copy)]
enum Plain {
    Id,
    Field(FieldId, FieldType),
}

impl Plain {
    fn of(column: &BulkColumn) -> Option<Self> {
        match (&column.column.at, column.show) {
            _ if column.parent.is_some() || column.label => None,
            (At::Id, Show::Plain(_)) => Some(Plain::Id),
            (At::Field(field), Show::Plain(ty)) => Some(Plain::Field(*field, ty)),
            _ => None,
        }
    }
}

fn push_raw(value: RawValue<'_>, ty: FieldType, days: &mut Days, out: &mut Vec<u8>) {
    match value {
        RawValue::Text(text) => push_text(text, out),
        RawValue::Value(value) => push_value(value, ty, days, out),
    }
}

fn push_cell(cell: Cell<'_>, show: Show, people: &People, days: &mut Days, out: &mut Vec<u8>) {
    let ty = match show {
        Show::Formatted(ty) => return push_text(formatted(cell, ty, people, None).as_bytes(), out),
        Show::Plain(ty) => ty,
        Show::Label | Show::Blob => FieldType::String,
    };
    let value = match cell {
        Cell::Text(text) => return push_text(text.as_bytes(), out),
        Cell::Float(number) => {
            let mut text = String::new();
            super::super::text::push_bare(&mut text, Cell::Float(number), show);
            return out.extend_from_slice(text.as_bytes());
        }
        Cell::Null => ValueRef::Null,
        Cell::Bool(b) => ValueRef::Bool(b),
        Cell::Int(n) => ValueRef::Int(n),
        Cell::Decimal(d) => ValueRef::Decimal(d),
        Cell::Date(d) => ValueRef::Date(d),
        Cell::DateTime(ms) => ValueRef::DateTime(ms),
        Cell::Time(ms) => ValueRef::Time(ms),
        Cell::Id(id) => ValueRef::Id(id),
    };
    push_value(value, ty, days, out);
}

fn push_value(value: ValueRef<'_>, ty: FieldType, days: &mut Days, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null if ty == FieldType::Boolean => out.extend_from_slice(b"false"),
        ValueRef::Null => {}
        ValueRef::Text(text) => push_text(text.as_bytes(), out),
        ValueRef::Bool(b) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        ValueRef::Int(n) => {
            push_integer(i128::from(n), out);
            if matches!(ty, FieldType::Double | FieldType::Currency | FieldType::Percent) {
                out.extend_from_slice(b".0");
            }
        }
        ValueRef::Decimal(number) => {
            let whole = matches!(ty, FieldType::Int | FieldType::Long);
            push_decimal(number.mantissa(), number.scale(), whole, out);
        }
        ValueRef::Date(date) => {
            push_digits(date.year().unsigned_abs().into(), 4, out);
            out.push(b'-');
            push_digits(date.month().unsigned_abs().into(), 2, out);
            out.push(b'-');
            push_digits(date.day().unsigned_abs().into(), 2, out);
        }
        ValueRef::DateTime(ms) => {
            out.extend_from_slice(days.of(ms));
            out.push(b'T');
            push_time(ms.rem_euclid(DAY_MS).unsigned_abs(), out);
        }
        ValueRef::Time(ms) => push_time(ms.into(), out),
        ValueRef::Id(id) => push_id(id, out),
    }
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    if !text.contains(&b'"') {
        return out.extend_from_slice(text);
    }
    for (n, part) in text.split(|byte| *byte == b'"').enumerate() {
        if n > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part);
    }
}

fn push_id(id: RecordId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.to_18());
}

/// `03:04:05.000Z` of milliseconds since midnight.
fn push_time(ms: u64, out: &mut Vec<u8>) {
    push_digits(ms / 3_600_000, 2, out);
    out.push(b':');
    push_digits(ms / 60_000 % 60, 2, out);
    out.push(b':');
    push_digits(ms / 1_000 % 60, 2, out);
    out.push(b'.');
    push_digits(ms % 1_000, 3, out);
    out.push(b'Z');
}

/// At least so many digits.
fn push_digits(n: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = n;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

fn push_integer(n: i128, out: &mut Vec<u8>) {
    if n < 0 {
        out.push(b'-');
    }
    match u64::try_from(n.unsigned_abs()) {
        Ok(small) => push_digits(small, 1, out),
        Err(_) => out.extend_from_slice(n.unsigned_abs().to_string().as_bytes()),
    }
}

/// Without zeros at the end, but with one decimal, unless the field is whole.
fn push_decimal(mut mantissa: i128, mut scale: u32, whole: bool, out: &mut Vec<u8>) {
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    if scale == 0 {
        push_integer(mantissa, out);
        if !whole {
            out.extend_from_slice(b".0");
        }
        return;
    }
    if mantissa < 0 {
        out.push(b'-');
    }
    let unit = 10_u128.pow(scale);
    let number = mantissa.unsigned_abs();
    let (integer, fraction) = (number / unit, number % unit);
    match u64::try_from(integer) {
        Ok(small) => push_digits(small, 1, out),
        Err(_) => out.extend_from_slice(integer.to_string().as_bytes()),
    }
    out.push(b'.');
    let width = scale as usize;
    match u64::try_from(fraction) {
        Ok(small) if width <= 20 => push_digits(small, width, out),
        _ => out.extend_from_slice(format!("{fraction:0width$}").as_bytes()),
    }
}

const DAY_MS: Millis = 24 * 60 * 60 * 1000;
/// How many days are remembered as text. A power of two.
const DAYS: usize = 1024;

/// Dates of days as text: the stamps of an org fall on few days.
struct Days {
    known: Vec<(i64, [u8; 16], u8)>,
}

impl Default for Days {
    fn default() -> Self {
        Self { known: vec![(i64::MIN, [0; 16], 0); DAYS] }
    }
}

impl Days {
    /// `2026-01-02` of an instant.
    fn of(&mut self, ms: Millis) -> &[u8] {
        let day = ms.div_euclid(DAY_MS);
        let at = day.rem_euclid(DAYS as i64) as usize;
        let entry = &mut self.known[at];
        if entry.0 != day {
            let mut text = String::with_capacity(32);
            super::super::text::push_instant(&mut text, day.saturating_mul(DAY_MS));
            let date = text.split('T').next().unwrap_or_default().as_bytes();
            let len = date.len().min(entry.1.len());
            entry.1[..len].copy_from_slice(&date[..len]);
            (entry.0, entry.2) = (day, len as u8);
        }
        &entry.1[..usize::from(entry.2)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::super::super::text;
    use super::*;

    fn written(value: ValueRef<'_>, ty: FieldType) -> String {
        let mut out = Vec::new();
        push_value(value, ty, &mut Days::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        /// What is written here is what the REST resources write.
        #[test]
        fn numbers_are_those_of_json(mantissa in any::<i64>(), scale in 0..=28_u32, double in any::<bool>()) {
            let ty = if double { FieldType::Double } else { FieldType::Int };
            for cell in [Cell::Int(mantissa), Cell::Decimal(Decimal::new(mantissa, scale))] {
                let mut expected = String::new();
                text::push_bare(&mut expected, cell, Show::Plain(ty));
                let value = match cell {
                    Cell::Int(n) => ValueRef::Int(n),
                    Cell::Decimal(d) => ValueRef::Decimal(d),
                    _ => ValueRef::Null,
                };
                prop_assert_eq!(written(value, ty), expected);
            }
        }

        #[test]
        fn stamps_are_those_of_json(ms in -9_000_000_000_000..70_000_000_000_000_i64) {
            let mut expected = String::new();
            text::push_instant(&mut expected, ms);
            expected.push('Z');
            prop_assert_eq!(written(ValueRef::DateTime(ms), FieldType::Datetime), expected);
            let time = ms.rem_euclid(DAY_MS);
            let mut expected = String::new();
            text::push_time(&mut expected, time);
            expected.push('Z');
            prop_assert_eq!(written(ValueRef::Time(time as u32), FieldType::Time), expected);
        }

        #[test]
        fn dates_are_those_of_the_calendar(year in 1700..=4000_i16, month in 1..=12_i8, day in 1..=28_i8) {
            let date = jiff::civil::date(year, month, day);
            prop_assert_eq!(written(ValueRef::Date(date), FieldType::Date), date.to_string());
        }
    }

    #[test]
    fn extremes() {
        assert_eq!(written(ValueRef::Decimal(Decimal::MIN), FieldType::Double), "-79228162514264337593543950335.0");
        assert_eq!(
            written(ValueRef::Decimal(Decimal::new(-1, 28)), FieldType::Double),
            "-0.0000000000000000000000000001"
        );
        assert_eq!(written(ValueRef::Null, FieldType::Boolean), "false");
        assert_eq!(written(ValueRef::Text("say \"hi\""), FieldType::String), "say \"\"hi\"\"");
        let mut days = Days::default();
        assert_eq!((days.of(0), ()), (&b"1970-01-01"[..], ()));
        assert_eq!(days.of(DAY_MS * DAYS as i64), b"1972-10-21", "another day in the same place");
        assert_eq!(days.of(-1), b"1969-12-31");
    }
}
