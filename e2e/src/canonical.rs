//! One way to write a value down, so that an org's and a database's can be compared as text.

use jiff::civil::{Date, Time};
use jiff::{Timestamp, tz::TimeZone};
use tidegate_emulator::schema::FieldType;
use tidegate_emulator::value::ValueRef;

/// What the org holds. Null is `None`.
pub fn of_org(value: ValueRef<'_>) -> Option<String> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Text(text) => text.to_owned(),
        ValueRef::Bool(value) => value.to_string(),
        ValueRef::Int(number) => number.to_string(),
        ValueRef::Decimal(number) => decimal(&number.to_string()),
        ValueRef::Date(date) => date.to_string(),
        ValueRef::DateTime(ms) => ms.to_string(),
        ValueRef::Time(ms) => ms.to_string(),
        ValueRef::Id(id) => id.to_string(),
    })
}

/// What a SQLite column holds for a field of this type. Anything in a form that it should not have comes back marked,
/// so that it equals nothing.
pub fn of_sqlite(ty: FieldType, value: rusqlite::types::ValueRef<'_>) -> Option<String> {
    use rusqlite::types::ValueRef::{Blob, Integer, Null, Real, Text};
    let kind = Kind::of(ty);
    Some(match (value, kind) {
        (Null, _) => return None,
        (Integer(0), Kind::Boolean) => "false".to_owned(),
        (Integer(1), Kind::Boolean) => "true".to_owned(),
        (Integer(number), Kind::Integer) => number.to_string(),
        (Text(bytes), kind) => match std::str::from_utf8(bytes) {
            Ok(text) => of_text(kind, text, ""),
            Err(_) => format!("not UTF-8: {bytes:?}"),
        },
        (Integer(number), _) => format!("an integer: {number}"),
        (Real(number), _) => format!("a double: {number}"),
        (Blob(bytes), _) => format!("bytes: {bytes:?}"),
    })
}

/// What a Postgres column holds, cast to text in a session whose zone is UTC.
pub fn of_postgres(ty: FieldType, text: Option<&str>) -> Option<String> {
    Some(of_text(Kind::of(ty), text?, "+00"))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Boolean,
    Integer,
    Decimal,
    Date,
    DateTime,
    Time,
}

impl Kind {
    fn of(ty: FieldType) -> Self {
        match ty {
            FieldType::Boolean => Self::Boolean,
            FieldType::Int | FieldType::Long => Self::Integer,
            FieldType::Double | FieldType::Currency | FieldType::Percent => Self::Decimal,
            FieldType::Date => Self::Date,
            FieldType::Datetime => Self::DateTime,
            FieldType::Time => Self::Time,
            _ => Self::Text,
        }
    }
}

fn of_text(kind: Kind, text: &str, zone: &str) -> String {
    let marked = || format!("unreadable: {text}");
    match kind {
        Kind::Text => text.to_owned(),
        // Only Postgres writes these as text; SQLite's are integers.
        Kind::Boolean if zone.is_empty() => marked(),
        Kind::Integer if zone.is_empty() => marked(),
        Kind::Boolean | Kind::Integer => text.to_owned(),
        Kind::Decimal => decimal(text),
        Kind::Date => text.parse::<Date>().map_or_else(|_| marked(), |date| date.to_string()),
        Kind::DateTime => instant(text).map_or_else(marked, |at| at.as_millisecond().to_string()),
        Kind::Time => text.parse::<Time>().map_or_else(|_| marked(), |time| milliseconds(time).to_string()),
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    match text.strip_suffix("+00") {
        Some(utc) => {
            let civil: jiff::civil::DateTime = utc.replace(' ', "T").parse().ok()?;
            civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        }
        None => text.parse().ok(),
    }
}

fn milliseconds(time: Time) -> i64 {
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * 1000 + i64::from(time.millisecond())
}

/// Digits without what does not count: `-0.00` is `0`, `12.50` is `12.5`.
fn decimal(text: &str) -> String {
    let whole = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => text,
    };
    if matches!(whole, "-0" | "" | "-") { "0".to_owned() } else { whole.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_written_one_way() {
        for (ty, sqlite, postgres, written) in [
            (FieldType::Double, "12.5", "12.500000", "12.5"),
            (FieldType::Currency, "-0.0", "0.00", "0"),
            (FieldType::Currency, "1200", "1200.00", "1200"),
            (FieldType::Date, "1700-01-01", "1700-01-01", "1700-01-01"),
            (FieldType::Datetime, "4000-12-31T23:59:59.000Z", "4000-12-31 23:59:59+00", "64092211199000"),
            (FieldType::Datetime, "1969-12-31T23:59:59.000Z", "1969-12-31 23:59:59+00", "-1000"),
            (FieldType::Time, "08:15:42.123", "08:15:42.123", "29742123"),
            (FieldType::String, " a'\"\n", " a'\"\n", " a'\"\n"),
        ] {
            let cell = rusqlite::types::ValueRef::Text(sqlite.as_bytes());
            assert_eq!(of_sqlite(ty, cell).as_deref(), Some(written));
            assert_eq!(of_postgres(ty, Some(postgres)).as_deref(), Some(written));
        }
    }

    #[test]
    fn a_wrong_form_equals_nothing() {
        use rusqlite::types::ValueRef::{Integer, Real, Text};
        for (ty, cell) in [
            (FieldType::Double, Real(12.5)),
            (FieldType::Boolean, Integer(2)),
            (FieldType::Boolean, Text(b"true")),
            (FieldType::Datetime, Text(b"yesterday")),
            (FieldType::String, Integer(1)),
        ] {
            let written = of_sqlite(ty, cell).unwrap();
            assert!(written.contains(": "), "{written}");
        }
    }
}
