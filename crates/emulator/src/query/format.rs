//! `FORMAT()`: values as people of an English locale read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::value::Cell;
use crate::schema::FieldType;

/// The text that `FORMAT` gives for a value.
pub(crate) fn formatted(cell: Cell<'_>, ty: FieldType) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.to_owned(),
        Cell::Bool(b) => b.to_string(),
        Cell::Id(id) => id.to_string(),
        Cell::Int(n) => grouped(&n.to_string()),
        Cell::Float(f) => grouped(&f.to_string()),
        Cell::Decimal(d) => {
            let number = grouped(&d.to_string());
            match ty {
                FieldType::Currency => match number.strip_prefix('-') {
                    Some(positive) => format!("-${positive}"),
                    None => format!("${number}"),
                },
                FieldType::Percent => format!("{number}%"),
                _ => number,
            }
        }
        Cell::Date(date) => format!("{}/{}/{}", date.month(), date.day(), date.year()),
        Cell::DateTime(ms) => match Timestamp::from_millisecond(ms) {
            Ok(instant) => instant.to_zoned(TimeZone::UTC).strftime("%-m/%-d/%Y, %-I:%M %p").to_string(),
            Err(_) => String::new(),
        },
        Cell::Time(ms) => {
            let minutes = ms / 60_000;
            let (hour, minute) = (minutes / 60, minutes % 60);
            let half = if hour < 12 { "AM" } else { "PM" };
            format!("{}:{minute:02} {half}", (hour + 11) % 12 + 1)
        }
    }
}

/// Thousands apart.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = sign.to_owned();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        let decimal = |text: &str| Cell::Decimal(text.parse().unwrap());
        for (cell, ty, expected) in [
            (decimal("1234567.50"), FieldType::Currency, "$1,234,567.50"),
            (decimal("-999"), FieldType::Currency, "-$999"),
            (decimal("12.5"), FieldType::Percent, "12.5%"),
            (Cell::Int(1000), FieldType::Int, "1,000"),
            (Cell::Date(jiff::civil::date(2026, 1, 2)), FieldType::Date, "1/2/2026"),
            (Cell::DateTime(0), FieldType::Datetime, "1/1/1970, 12:00 AM"),
            (Cell::Time(13 * 3_600_000), FieldType::Time, "1:00 PM"),
        ] {
            assert_eq!(formatted(cell, ty), expected);
        }
    }
}
