//! Values as text, for JSON and CSV.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::select::Show;
use super::value::Cell;
use crate::Millis;
use crate::schema::FieldType;

/// `2026-01-02T03:04:05.000`, without a zone.
pub(crate) fn push_instant(out: &mut String, ms: Millis) {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    push_padded(out, year, 4);
    out.push('-');
    push_padded(out, month, 2);
    out.push('-');
    push_padded(out, day, 2);
    out.push('T');
    push_time(out, of_day);
}

/// `03:04:05.000` of milliseconds since midnight.
pub(crate) fn push_time(out: &mut String, ms: i64) {
    push_padded(out, ms / 3_600_000, 2);
    out.push(':');
    push_padded(out, ms / 60_000 % 60, 2);
    out.push(':');
    push_padded(out, ms / 1_000 % 60, 2);
    out.push('.');
    push_padded(out, ms % 1_000, 3);
}

/// A number: with at least one decimal where its type has decimals, and no zeros after that.
fn push_decimal(out: &mut String, number: Decimal) {
    let number = number.normalize();
    // Writing to a string cannot fail.
    let _ = write!(out, "{number}");
    if number.scale() == 0 {
        out.push_str(".0");
    }
}

/// A checkbox or a number, which JSON and CSV write alike. Nothing for other values.
pub(crate) fn push_bare(out: &mut String, cell: Cell<'_>, show: Show) {
    match cell {
        Cell::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        Cell::Int(n) => {
            let _ = write!(out, "{n}");
            if matches!(show, Show::Plain(FieldType::Double | FieldType::Currency | FieldType::Percent)) {
                out.push_str(".0");
            }
        }
        Cell::Decimal(number) if matches!(show, Show::Plain(FieldType::Int | FieldType::Long)) => {
            let _ = write!(out, "{}", number.normalize());
        }
        Cell::Decimal(number) => push_decimal(out, number),
        Cell::Float(number) => {
            let _ = write!(out, "{number:?}");
        }
        _ => {}
    }
}

fn push_padded(out: &mut String, n: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = n.unsigned_abs();
    let mut at = digits.len();
    while rest > 0 || digits.len() - at < width {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
    }
    if n < 0 {
        out.push('-');
    }
    out.extend(digits.iter().skip(at).map(|d| char::from(*d)));
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March here, so that the leap day comes last: months then have lengths that a line
/// through them gives.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let from_march = days + 719_468;
    let (era, of_era) = (from_march.div_euclid(ERA), from_march.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_agree_with_the_calendar() {
        for text in [
            "1700-01-01T00:00:00.000Z",
            "1970-01-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2000-02-29T12:30:45.678Z",
            "2024-12-31T23:59:59.001Z",
            "2100-03-01T00:00:00.000Z",
            "4000-12-31T23:59:59.000Z",
        ] {
            let ms = text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            let mut out = String::new();
            push_instant(&mut out, ms);
            assert_eq!(format!("{out}Z"), text);
        }
        for day in (-100_000..800_000).step_by(97) {
            let expected = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let (year, month, day) = civil(day);
            assert_eq!(format!("{year:04}-{month:02}-{day:02}"), expected.to_string());
        }
    }

    #[test]
    fn decimals_have_at_least_one_place() {
        for (number, expected) in [
            ("12", "12.0"),
            ("12.50", "12.5"),
            ("-0.001", "-0.001"),
            ("0", "0.0"),
            ("0.00", "0.0"),
            ("123456789012345678.99", "123456789012345678.99"),
        ] {
            let mut out = String::new();
            push_decimal(&mut out, number.parse().unwrap());
            assert_eq!(out, expected);
        }
    }
}
