//! Salesforce's written forms of values, as found in JSON and in CSV.

use rust_decimal::Decimal;

use crate::{CellRef, ColumnType};

/// Reads a value of this type. Empty text is null. `Err` names what was expected.
pub fn read(ty: ColumnType, text: &str) -> Result<CellRef<'_>, &'static str> {
    if text.is_empty() {
        return Ok(CellRef::Null);
    }
    match ty {
        ColumnType::Id | ColumnType::Text { .. } => Ok(CellRef::Text(text)),
        ColumnType::Boolean => boolean(text).map(CellRef::Boolean).ok_or("true or false"),
        ColumnType::Integer => integer(text).map(CellRef::Integer).ok_or("a whole number"),
        ColumnType::Decimal { .. } => decimal(text).map(CellRef::Decimal).ok_or("a decimal of at most 28 digits"),
        ColumnType::Date => date(text).map(CellRef::Date).ok_or("a date as 2026-01-31"),
        ColumnType::Time => time(text).map(CellRef::Time).ok_or("a time as 08:15:42.000Z"),
        ColumnType::DateTime => datetime(text).map(CellRef::DateTime).ok_or("a time stamp as 2026-01-31T08:15:42.000Z"),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whole numbers are sometimes written `12.0`.
fn integer(text: &str) -> Option<i64> {
    if let Ok(n) = text.parse() {
        return Some(n);
    }
    let decimal = decimal(text)?;
    if !decimal.fract().is_zero() {
        return None;
    }
    i64::try_from(decimal.trunc().mantissa()).ok()
}

/// Exact: digits that do not fit are an error, not a rounding.
fn decimal(text: &str) -> Option<Decimal> {
    let exponent = text.find(['e', 'E']);
    match exponent {
        None => Decimal::from_str_exact(text).ok(),
        Some(at) => {
            // `from_scientific` would round what does not fit, so the exponent is worked in by hand.
            let digits = Decimal::from_str_exact(text.get(..at)?).ok()?;
            let exponent: i32 = text.get(at + 1..)?.parse().ok()?;
            let scale = i32::try_from(digits.scale()).ok()?.checked_sub(exponent)?;
            let mut mantissa = digits.mantissa();
            let mut scale = scale;
            while scale > 0 && mantissa % 10 == 0 && mantissa != 0 {
                mantissa /= 10;
                scale -= 1;
            }
            if mantissa == 0 {
                return Some(Decimal::ZERO);
            }
            while scale < 0 {
                mantissa = mantissa.checked_mul(10)?;
                scale += 1;
            }
            Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok()
        }
    }
}

/// Digits, all of them.
fn number(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 9 {
        return None;
    }
    bytes.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (number(bytes.get(0..4)?)?, number(bytes.get(5..7)?)?, number(bytes.get(8..10)?)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    i32::try_from(days(year, month, day)).ok()
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `08:15:42`, with or without a fraction; without a zone.
fn clock(bytes: &[u8]) -> Option<i64> {
    if bytes.len() < 8 || bytes.get(2) != Some(&b':') || bytes.get(5) != Some(&b':') {
        return None;
    }
    let (hour, minute, second) = (number(bytes.get(0..2)?)?, number(bytes.get(3..5)?)?, number(bytes.get(6..8)?)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let milliseconds = match bytes.get(8..)? {
        [] => 0,
        [b'.', fraction @ ..] if !fraction.is_empty() && fraction.len() <= 9 => {
            let n = number(fraction)?;
            let digits = u32::try_from(fraction.len()).ok()?;
            if digits <= 3 { n * 10i64.pow(3 - digits) } else { n / 10i64.pow(digits - 3) }
        }
        _ => return None,
    };
    Some(((hour * 60 + minute) * 60 + second) * 1000 + milliseconds)
}

fn time(text: &str) -> Option<i32> {
    i32::try_from(clock(text.strip_suffix('Z').unwrap_or(text).as_bytes())?).ok()
}

/// Reads `2026-01-31T08:15:42.000Z`, `…+0000` and `…+01:00` as milliseconds since the epoch.
pub fn datetime(text: &str) -> Option<i64> {
    let day = i64::from(date(text.get(..10)?)?);
    let rest = text.get(10..)?.strip_prefix('T')?;
    let (clock_text, offset) = if let Some(utc) = rest.strip_suffix('Z') {
        (utc, 0)
    } else {
        let sign = rest.rfind(['+', '-'])?;
        let zone = rest.get(sign + 1..)?.as_bytes();
        let (hours, minutes) = match zone.len() {
            4 => (number(zone.get(..2)?)?, number(zone.get(2..)?)?),
            5 if zone.get(2) == Some(&b':') => (number(zone.get(..2)?)?, number(zone.get(3..)?)?),
            _ => return None,
        };
        let minutes = hours * 60 + minutes;
        (rest.get(..sign)?, if rest.get(sign..)?.starts_with('-') { -minutes } else { minutes })
    };
    Some(day * 86_400_000 + clock(clock_text.as_bytes())? - offset * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECIMAL: ColumnType = ColumnType::Decimal { precision: 18, scale: 2 };

    #[test]
    fn values() {
        let decimal = |n, scale| CellRef::Decimal(Decimal::from_i128_with_scale(n, scale));
        for (ty, text, expected) in [
            (ColumnType::Text { length: 0 }, "", Some(CellRef::Null)),
            (ColumnType::Text { length: 0 }, " ", Some(CellRef::Text(" "))),
            (ColumnType::Boolean, "true", Some(CellRef::Boolean(true))),
            (ColumnType::Boolean, "FALSE", Some(CellRef::Boolean(false))),
            (ColumnType::Boolean, "1", None),
            (ColumnType::Integer, "-5", Some(CellRef::Integer(-5))),
            (ColumnType::Integer, "12.0", Some(CellRef::Integer(12))),
            (ColumnType::Integer, "12.5", None),
            (DECIMAL, "1234567890123456.78", Some(decimal(123_456_789_012_345_678, 2))),
            (DECIMAL, "12.0", Some(decimal(12, 0))),
            (DECIMAL, "-0.0", Some(decimal(0, 0))),
            (DECIMAL, "1.0E10", Some(decimal(10_000_000_000, 0))),
            (DECIMAL, "1.25E-7", Some(decimal(125, 9))),
            (DECIMAL, "1e99", None),
            (DECIMAL, "1e-99", None),
            (DECIMAL, "0e-99", Some(decimal(0, 0))),
            (DECIMAL, "0.12345678901234567890123456789", None),
            (DECIMAL, "e5", None),
            (DECIMAL, "", Some(CellRef::Null)),
            (ColumnType::Date, "1970-01-01", Some(CellRef::Date(0))),
            (ColumnType::Date, "1700-01-01", Some(CellRef::Date(-98_615))),
            (ColumnType::Date, "4000-12-31", Some(CellRef::Date(741_807))),
            (ColumnType::Date, "2000-02-29", Some(CellRef::Date(11_016))),
            (ColumnType::Date, "2023-02-29", None),
            (ColumnType::Date, "2023-13-01", None),
            (ColumnType::Date, "2023-1-01", None),
            (ColumnType::Time, "08:15:42.001Z", Some(CellRef::Time(29_742_001))),
            (ColumnType::Time, "24:00:00.000Z", None),
            (ColumnType::DateTime, "1970-01-01T00:00:00.000Z", Some(CellRef::DateTime(0))),
            (ColumnType::DateTime, "2026-01-01T00:00:00.000+0000", Some(CellRef::DateTime(1_767_225_600_000))),
            (ColumnType::DateTime, "2026-01-01T01:30:00+01:30", Some(CellRef::DateTime(1_767_225_600_000))),
            (ColumnType::DateTime, "2025-12-31T23:00:00.5-0100", Some(CellRef::DateTime(1_767_225_600_500))),
            (ColumnType::DateTime, "1969-12-31T23:59:59.999Z", Some(CellRef::DateTime(-1))),
            (ColumnType::DateTime, "2026-01-01", None),
            (ColumnType::DateTime, "2026-01-01T00:00:00", None),
            (ColumnType::DateTime, "2026-01-01Té", None),
        ] {
            assert_eq!(read(ty, text).ok(), expected, "{ty:?} {text:?}");
        }
    }

    #[test]
    fn days_agree_with_a_calendar_library() {
        for (year, month, day) in (1600..4001).flat_map(|y| [(y, 1, 1), (y, 2, 28), (y, 3, 1), (y, 12, 31)]) {
            let expected = jiff::civil::date(year, month, day)
                .since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1)))
                .expect("in range")
                .get_days();
            assert_eq!(date(&format!("{year:04}-{month:02}-{day:02}")), Some(expected), "{year}-{month}-{day}");
        }
    }
}
