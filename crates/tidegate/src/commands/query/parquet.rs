//! Rows as a Parquet file, without the columns of a whole file in memory: a row group is written when it has enough
//! bytes.
//!
//! Times are microseconds in UTC, numbers decimals with the digits of their field, ids and other text UTF-8. Every
//! column may be null.

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::Date;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type as Schema, TypePtr};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::types::{Column, Type};
use super::write::look_up;

/// A row group is written when its values take this many bytes of memory.
const GROUP_BYTES: usize = 32 << 20;
/// And when it has this many rows, so that readers can skip.
const GROUP_ROWS: usize = 250_000;

/// Why a row cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParquetFailure {
    #[error("{0}")]
    Value(String),
    #[error(transparent)]
    Write(#[from] ParquetError),
}

/// Writes rows into a file.
pub(super) struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Column>,
    buffers: Vec<Buffer>,
    rows: usize,
    bytes: usize,
}

/// The values of a column that are there, and for each row whether it has one.
struct Buffer {
    there: Vec<i16>,
    values: Values,
}

enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    /// Numbers of more than 18 digits.
    Wide(Vec<i128>),
    Text {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
}

impl Values {
    fn of(ty: Type) -> Values {
        match ty {
            Type::Boolean => Values::Boolean(vec![]),
            Type::Int | Type::Date => Values::Int32(vec![]),
            Type::Decimal { precision: ..=9, .. } => Values::Int32(vec![]),
            Type::Long | Type::DateTime | Type::Time | Type::Decimal { precision: 10..=18, .. } => {
                Values::Int64(vec![])
            }
            Type::Decimal { .. } => Values::Wide(vec![]),
            Type::Double => Values::Double(vec![]),
            Type::Text | Type::Json => Values::Text { bytes: vec![], ends: vec![] },
        }
    }
}

fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let mut fields: Vec<TypePtr> = Vec::new();
    for column in columns {
        let name = column.name();
        let (physical, logical) = match column.ty {
            Type::Boolean => (Physical::BOOLEAN, None),
            Type::Int => (Physical::INT32, None),
            Type::Long => (Physical::INT64, None),
            Type::Double => (Physical::DOUBLE, None),
            Type::Date => (Physical::INT32, Some(LogicalType::Date)),
            Type::DateTime => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            Type::Time => (Physical::INT64, Some(LogicalType::time(true, TimeUnit::MICROS))),
            Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Type::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            Type::Decimal { precision, scale } => {
                let physical = match precision {
                    ..=9 => Physical::INT32,
                    10..=18 => Physical::INT64,
                    _ => Physical::FIXED_LEN_BYTE_ARRAY,
                };
                (physical, Some(LogicalType::decimal(i32::from(scale), i32::from(precision))))
            }
        };
        let mut builder = Schema::primitive_type_builder(&name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        if let Type::Decimal { precision, scale } = column.ty {
            builder = builder.with_precision(i32::from(precision)).with_scale(i32::from(scale));
        }
        if physical == Physical::FIXED_LEN_BYTE_ARRAY {
            builder = builder.with_length(16);
        }
        fields.push(Arc::new(builder.build()?));
    }
    Ok(Arc::new(Schema::group_type_builder("records").with_fields(fields).build()?))
}

impl<W: Write + Send> ParquetWriter<W> {
    pub(super) fn new(out: W, columns: Vec<Column>) -> Result<Self, ParquetFailure> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("tidegate {}", env!("CARGO_PKG_VERSION")))
            .build();
        let file = SerializedFileWriter::new(out, schema(&columns)?, Arc::new(properties))?;
        let buffers = columns.iter().map(|column| Buffer { there: vec![], values: Values::of(column.ty) }).collect();
        Ok(Self { file, columns, buffers, rows: 0, bytes: 0 })
    }

    /// Adds a row. `flat` says that the record's keys are the columns' names.
    pub(super) fn record(&mut self, record: &Map<String, Value>, flat: bool) -> Result<(), ParquetFailure> {
        for (column, buffer) in self.columns.iter().zip(&mut self.buffers) {
            let value = if flat { look_up(record, &[column.name()]) } else { look_up(record, &column.path) };
            match value.filter(|value| !value.is_null()) {
                None => buffer.there.push(0),
                Some(value) => {
                    self.bytes +=
                        push(&mut buffer.values, column.ty, value).ok_or_else(|| misfit(column, value, record))?;
                    buffer.there.push(1);
                }
            }
        }
        self.bytes += 2 * self.columns.len();
        self.rows += 1;
        if self.bytes >= GROUP_BYTES || self.rows >= GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), ParquetFailure> {
        let mut group = self.file.next_row_group()?;
        for (column, buffer) in self.columns.iter().zip(&mut self.buffers) {
            let Some(mut writer) = group.next_column()? else { break };
            let there = std::mem::take(&mut buffer.there);
            let values = std::mem::replace(&mut buffer.values, Values::of(column.ty));
            write(&mut writer, values, &there)?;
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Writes what is left and the footer, without which the file is none.
    pub(super) fn finish(mut self) -> Result<(), ParquetFailure> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.close()?;
        Ok(())
    }
}

fn write(writer: &mut SerializedColumnWriter<'_>, values: Values, there: &[i16]) -> Result<(), ParquetError> {
    match values {
        Values::Boolean(all) => writer.typed::<BoolType>().write_batch(&all, Some(there), None)?,
        Values::Int32(all) => writer.typed::<Int32Type>().write_batch(&all, Some(there), None)?,
        Values::Int64(all) => writer.typed::<Int64Type>().write_batch(&all, Some(there), None)?,
        Values::Double(all) => writer.typed::<DoubleType>().write_batch(&all, Some(there), None)?,
        Values::Wide(all) => {
            let all: Vec<FixedLenByteArray> = all.iter().map(|n| n.to_be_bytes().to_vec().into()).collect();
            writer.typed::<FixedLenByteArrayType>().write_batch(&all, Some(there), None)?
        }
        Values::Text { bytes, ends } => {
            let bytes = Bytes::from(bytes);
            let mut start = 0;
            let all: Vec<ByteArray> = ends
                .into_iter()
                .map(|end| {
                    let text = bytes.slice(start..end);
                    start = end;
                    ByteArray::from(text)
                })
                .collect();
            writer.typed::<ByteArrayType>().write_batch(&all, Some(there), None)?
        }
    };
    Ok(())
}

/// Adds a value and tells the bytes it takes; `None` where it is not of the type.
fn push(values: &mut Values, ty: Type, value: &Value) -> Option<usize> {
    match (values, ty, value) {
        (Values::Boolean(all), _, Value::Bool(value)) => all.push(*value),
        (Values::Int32(all), Type::Date, Value::String(text)) => all.push(days(text)?),
        (Values::Int64(all), Type::DateTime, Value::String(text)) => all.push(micros(text)?),
        (Values::Int64(all), Type::Time, Value::String(text)) => all.push(micros_of_day(text)?),
        (values, Type::Decimal { precision, scale }, Value::Number(number)) => {
            let unscaled = unscaled(&number.to_string(), precision, scale)?;
            match values {
                Values::Int32(all) => all.push(i32::try_from(unscaled).ok()?),
                Values::Int64(all) => all.push(i64::try_from(unscaled).ok()?),
                Values::Wide(all) => all.push(unscaled),
                _ => return None,
            }
        }
        (Values::Double(all), _, Value::Number(number)) => all.push(number.as_f64()?),
        // Whole numbers print with a fraction now and then.
        (Values::Int32(all), Type::Int, Value::Number(number)) => {
            all.push(i32::try_from(unscaled(&number.to_string(), 10, 0)?).ok()?);
        }
        (Values::Int64(all), Type::Long, Value::Number(number)) => {
            all.push(i64::try_from(unscaled(&number.to_string(), 19, 0)?).ok()?);
        }
        (Values::Text { bytes, ends }, _, value) => {
            let before = bytes.len();
            match value {
                Value::String(text) => bytes.extend_from_slice(text.as_bytes()),
                // Children: the records are what was asked for.
                Value::Object(object) => {
                    let records = object.get("records").unwrap_or(value);
                    serde_json::to_writer(&mut *bytes, records).ok()?;
                }
                other => serde_json::to_writer(&mut *bytes, other).ok()?,
            }
            ends.push(bytes.len());
            return Some(bytes.len() - before + 48);
        }
        _ => return None,
    }
    Some(16)
}

fn misfit(column: &Column, value: &Value, record: &Map<String, Value>) -> ParquetFailure {
    let id = record.get("Id").and_then(Value::as_str).map(|id| format!(" of record {id}")).unwrap_or_default();
    // Values of records belong into no message; what kind of value it is does.
    let is = match value {
        Value::Number(_) => "a number with more digits than its field's describe says",
        Value::Bool(_) => "a boolean",
        Value::String(_) => "text",
        _ => "something else",
    };
    let ty = match column.ty {
        Type::Decimal { precision, scale } => format!("a decimal({precision},{scale})"),
        other => format!("{other:?}").to_lowercase(),
    };
    ParquetFailure::Value(format!("{}{id} is {is}, and the column is {ty}", column.name()))
}

/// A number without its point, when it has not more digits than it may have.
fn unscaled(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let number = Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()?.normalize();
    let missing = u32::from(scale).checked_sub(number.scale())?;
    let unscaled = number.mantissa().checked_mul(10i128.checked_pow(missing)?)?;
    (unscaled.unsigned_abs() < 10u128.checked_pow(u32::from(precision))?).then_some(unscaled)
}

fn days(text: &str) -> Option<i32> {
    let date: Date = text.parse().ok()?;
    let days = date.since((jiff::Unit::Day, Date::constant(1970, 1, 1))).ok()?.get_days();
    Some(days)
}

fn micros(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn micros_of_day(text: &str) -> Option<i64> {
    let time: jiff::civil::Time = text.trim_end_matches('Z').parse().ok()?;
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Some(seconds * 1_000_000 + i64::from(time.subsec_nanosecond()) / 1000)
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use serde_json::json;

    use super::*;

    fn column(path: &str, ty: Type) -> Column {
        Column { path: path.split('.').map(str::to_owned).collect(), ty }
    }

    fn written(columns: Vec<Column>, records: &[Value]) -> Result<Bytes, ParquetFailure> {
        let mut out = Vec::new();
        let mut writer = ParquetWriter::new(&mut out, columns)?;
        for record in records {
            writer.record(record.as_object().unwrap(), false)?;
        }
        writer.finish()?;
        Ok(out.into())
    }

    #[test]
    fn every_type_is_read_as_written() {
        let columns = vec![
            column("Id", Type::Text),
            column("Account.Name", Type::Text),
            column("B", Type::Boolean),
            column("I", Type::Int),
            column("L", Type::Long),
            column("Small", Type::Decimal { precision: 8, scale: 2 }),
            column("Mid", Type::Decimal { precision: 18, scale: 2 }),
            column("Wide", Type::Decimal { precision: 38, scale: 4 }),
            column("F", Type::Double),
            column("D", Type::Date),
            column("T", Type::DateTime),
            column("H", Type::Time),
            column("C", Type::Json),
        ];
        let records: Vec<Value> = serde_json::from_str(
            r#"[{"Id":"1","Account":{"Name":"Ä"},"B":true,"I":7.0,"L":8,"Small":-1.5,"Mid":1234567890123456.78,"Wide":-12345678901234567890.25,
                 "F":0.5,"D":"1969-12-31","T":"2026-01-02T03:04:05.006+0000","H":"03:04:05.006Z","C":{"records":[{"x":1}]}},
                {"Id":null,"Account":null,"T":"1969-12-31T23:59:59.999Z"}]"#,
        )
        .unwrap();
        let file = SerializedFileReader::new(written(columns, &records).unwrap()).unwrap();
        let rows: Vec<_> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect();
        let decimal = |text: &str, field: &Field| match field {
            Field::Decimal(decimal) => {
                let bytes = decimal.data();
                let mut wide = if bytes[0] & 0x80 == 0 { [0u8; 16] } else { [0xffu8; 16] };
                wide[16 - bytes.len()..].copy_from_slice(bytes);
                let read = Decimal::from_i128_with_scale(i128::from_be_bytes(wide), decimal.scale() as u32);
                assert_eq!(read, text.parse().unwrap());
            }
            other => panic!("{other:?}"),
        };
        let fields: Vec<&Field> = rows[0].iter().map(|(_, field)| field).collect();
        assert_eq!(rows[0][1].0, "Account.Name");
        assert_eq!(*fields[1], Field::Str("Ä".into()));
        assert_eq!((fields[2], fields[3], fields[4]), (&Field::Bool(true), &Field::Int(7), &Field::Long(8)));
        decimal("-1.5", fields[5]);
        decimal("1234567890123456.78", fields[6]);
        decimal("-12345678901234567890.25", fields[7]);
        assert_eq!((fields[8], fields[9]), (&Field::Double(0.5), &Field::Date(-1)));
        let at = "2026-01-02T03:04:05.006Z".parse::<jiff::Timestamp>().unwrap();
        assert_eq!(*fields[10], Field::TimestampMicros(at.as_microsecond()));
        assert_eq!(*fields[11], Field::TimeMicros(11_045_006_000));
        assert!(rows[1].iter().enumerate().all(|(at, (_, field))| (at == 10) != (*field == Field::Null)));
        assert_eq!(rows[1][10].1, Field::TimestampMicros(-1000));
    }

    #[test]
    fn what_does_not_fit_is_no_rounded_value() {
        for (ty, value) in [
            (Type::Decimal { precision: 18, scale: 2 }, json!(1.005)),
            (Type::Decimal { precision: 3, scale: 2 }, json!(10)),
            (Type::Int, json!(1.5)),
            (Type::Date, json!("today")),
            (Type::Boolean, json!("true")),
        ] {
            let error = written(vec![column("V", ty)], &[json!({"Id": "001", "V": value})]).unwrap_err().to_string();
            assert!(error.starts_with("V of record 001 is "), "{error}");
        }
    }

    #[test]
    fn row_groups_are_bounded_and_no_rows_are_a_file() {
        let text = "x".repeat(1000);
        let records: Vec<Value> = (0..70_000).map(|_| json!({"V": text})).collect();
        let file = SerializedFileReader::new(written(vec![column("V", Type::Text)], &records).unwrap()).unwrap();
        assert!(file.metadata().num_row_groups() > 1);
        assert_eq!(file.metadata().file_metadata().num_rows(), 70_000);
        let none = SerializedFileReader::new(written(vec![column("V", Type::Text)], &[]).unwrap()).unwrap();
        assert_eq!(none.metadata().file_metadata().num_rows(), 0);
    }
}
