//! Values of change events.

use apache_avro::types::Value;
use rust_decimal::Decimal;

use crate::{Cell, ColumnType};

/// A value of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum EventValue {
    /// The cell that a read of the record would have given.
    Exact(Cell),
    /// The event carries less than the record holds: more decimal digits than a double keeps. Read the record.
    Inexact,
}

/// Digits that every double keeps.
const DOUBLE_DIGITS: u32 = 15;
const DAY_MS: i64 = 86_400_000;

/// One value, its union unwrapped.
///
/// # Errors
/// What was expected.
pub fn value(ty: ColumnType, value: &Value) -> Result<EventValue, &'static str> {
    let cell = match (value, ty) {
        (Value::Union(_, inner), _) => return self::value(ty, inner),
        (Value::Null, _) => Cell::Null,
        (Value::String(s), ColumnType::Id | ColumnType::Text { .. }) if s.is_empty() => Cell::Null,
        (Value::String(s), ColumnType::Id | ColumnType::Text { .. }) => Cell::Text(s.clone()),
        (Value::Boolean(b), ColumnType::Boolean) => Cell::Boolean(*b),
        (Value::Int(n), ColumnType::Integer) => Cell::Integer(i64::from(*n)),
        (Value::Long(n), ColumnType::Integer) => Cell::Integer(*n),
        (Value::Double(n), ColumnType::Integer) => {
            if n.fract() != 0.0 || n.abs() >= 1e15 {
                return Err("a whole number");
            }
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 10^15")]
            Cell::Integer(*n as i64)
        }
        (Value::Int(n), ColumnType::Decimal { .. }) => Cell::Decimal(Decimal::from(*n)),
        (Value::Long(n), ColumnType::Decimal { .. }) => Cell::Decimal(Decimal::from(*n)),
        (Value::Double(n), ColumnType::Decimal { scale, .. }) => return double(*n, scale),
        (Value::Int(n), ColumnType::Date | ColumnType::Time | ColumnType::DateTime) => {
            return self::value(ty, &Value::Long(i64::from(*n)));
        }
        (Value::Long(ms), ColumnType::Date) => {
            Cell::Date(i32::try_from(ms.div_euclid(DAY_MS)).map_err(|_| "a day of the calendar")?)
        }
        (Value::Long(ms), ColumnType::Time) => {
            if !(0..DAY_MS).contains(ms) {
                return Err("a time of day");
            }
            Cell::Time(i32::try_from(*ms).map_err(|_| "a time of day")?)
        }
        (Value::Long(ms), ColumnType::DateTime) => Cell::DateTime(*ms),
        _ => return Err("a value of the field's type"),
    };
    Ok(EventValue::Exact(cell))
}

/// A double stands for one decimal only while its digits, those of the column's scale counted in, are at most 15.
fn double(n: f64, scale: u8) -> Result<EventValue, &'static str> {
    if !n.is_finite() {
        return Err("a finite number");
    }
    if n == 0.0 {
        return Ok(EventValue::Exact(Cell::Decimal(Decimal::ZERO)));
    }
    // The shortest text that reads back as this double: without an exponent in Rust.
    let text = n.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole_digits = whole.trim_start_matches('0').len();
    // Places after the point: those of the column, or more where the double has more.
    let places = fraction.len().max(usize::from(scale));
    let wanted = if whole_digits > 0 {
        whole_digits + places
    } else {
        fraction.trim_start_matches('0').len().max(places.min(DOUBLE_DIGITS as usize))
    };
    if wanted > DOUBLE_DIGITS as usize {
        return Ok(EventValue::Inexact);
    }
    match Decimal::from_str_exact(&text) {
        Ok(mut decimal) => {
            decimal.set_sign_negative(n < 0.0);
            Ok(EventValue::Exact(Cell::Decimal(decimal)))
        }
        Err(_) => Ok(EventValue::Inexact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CellRef;
    use crate::decode::{json, text};
    use proptest::prelude::*;

    fn exact(ty: ColumnType, v: &Value) -> Option<Cell> {
        match value(ty, &Value::Union(1, Box::new(v.clone()))) {
            Ok(EventValue::Exact(cell)) => Some(cell),
            _ => None,
        }
    }

    #[test]
    fn doubles_that_stand_for_one_decimal() {
        let money = ColumnType::Decimal { precision: 18, scale: 2 };
        let whole = ColumnType::Decimal { precision: 18, scale: 0 };
        let place = ColumnType::Decimal { precision: 18, scale: 15 };
        for (ty, n, expected) in [
            (money, 12.5, Some("12.5")),
            (money, -0.01, Some("-0.01")),
            (money, 0.0, Some("0")),
            (money, 1_234_567_890_123.25, Some("1234567890123.25")),
            (money, 12_345_678_901_234.25, None),
            (money, 1e14, None),
            (money, 0.1 + 0.2, None),
            (whole, 123_456_789_012_345.0, Some("123456789012345")),
            (whole, 1_234_567_890_123_456.0, None),
            (whole, 1e18, None),
            (whole, 999_999_999_999_999_999.0, None),
            (place, -122.396, None),
            (place, 0.5, Some("0.5")),
            (money, 1e300, None),
            (money, 5e-324, None),
            (money, f64::NAN, None),
        ] {
            let expected = expected.map(|t| Cell::Decimal(t.parse().expect("a decimal")));
            assert_eq!(exact(ty, &Value::Double(n)), expected, "{n:?}");
        }
    }

    /// The same value by each transport.
    fn agree(ty: ColumnType, json_text: &str, csv: &str, avro: &Value) -> Result<(), TestCaseError> {
        let parsed: serde_json::Value = serde_json::from_str(json_text).expect("valid JSON");
        let by_json = json::cell(ty, &parsed).expect("JSON");
        let by_csv = text::read(ty, csv).map(CellRef::to_cell).expect("CSV");
        prop_assert_eq!(&by_json, &by_csv);
        prop_assert_eq!(Some(by_json), exact(ty, avro));
        Ok(())
    }

    /// Milliseconds of 1700-01-01 and of the last instant of 4000.
    const CALENDAR: std::ops::Range<i64> = -8_520_336_000_000..64_092_211_200_000;

    proptest! {
        #[test]
        fn texts(s in "\\PC*|[\\x01-\\x1f]{0,5}") {
            let json = serde_json::to_string(&s).expect("text");
            agree(ColumnType::Text { length: 255 }, &json, &s, &Value::String(s.clone()))?;
        }

        #[test]
        fn booleans(b: bool) {
            agree(ColumnType::Boolean, &b.to_string(), &b.to_string(), &Value::Boolean(b))?;
        }

        #[test]
        fn integers(n: i32) {
            agree(ColumnType::Integer, &n.to_string(), &n.to_string(), &Value::Int(n))?;
        }

        #[test]
        fn decimals(n in -999_999_999_999_999i64..=999_999_999_999_999, scale in 0u8..6) {
            let decimal = Decimal::new(n, scale.into());
            let double: f64 = decimal.to_string().parse().expect("a number");
            let ty = ColumnType::Decimal { precision: 18, scale };
            agree(ty, &decimal.to_string(), &decimal.to_string(), &Value::Double(double))?;
            // The forms in which doubles are written.
            for written in [format!("{double:?}"), format!("{double:E}")] {
                prop_assert_eq!(text::read(ty, &written), Ok(CellRef::Decimal(decimal)), "{}", written);
            }
        }

        #[test]
        fn instants(ms in CALENDAR) {
            let stamp = jiff::Timestamp::from_millisecond(ms).expect("in range").to_zoned(jiff::tz::TimeZone::UTC);
            let (date, time) = (stamp.strftime("%Y-%m-%d").to_string(), stamp.strftime("%H:%M:%S.%3f").to_string());
            let avro = Value::Long(ms);
            agree(ColumnType::DateTime, &format!("\"{date}T{time}+0000\""), &format!("{date}T{time}Z"), &avro)?;
            let midnight = Value::Long(ms - ms.rem_euclid(DAY_MS));
            agree(ColumnType::Date, &format!("\"{date}\""), &date, &midnight)?;
            let of_day = Value::Long(ms.rem_euclid(DAY_MS));
            agree(ColumnType::Time, &format!("\"{time}Z\""), &format!("{time}Z"), &of_day)?;
        }
    }
}
