//! `FORMAT()`: values as people of the user's locale read them, in the user's time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::locale::{Locale, currency_sign};
use super::value::Cell;
use crate::schema::FieldType;

/// What the text for a user depends on.
#[derive(Debug, Clone)]
pub(crate) struct People {
    pub(crate) locale: &'static Locale,
    pub(crate) zone: TimeZone,
    /// ISO code of the org's currency.
    pub(crate) currency: String,
}

/// The text that `FORMAT` gives for a value. `iso` is the currency of the record in an org with several.
pub(crate) fn formatted(cell: Cell<'_>, ty: FieldType, people: &People, iso: Option<&str>) -> String {
    let locale = people.locale;
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.to_owned(),
        Cell::Bool(b) => b.to_string(),
        Cell::Id(id) => id.to_string(),
        Cell::Int(_) | Cell::Float(_) | Cell::Decimal(_) => {
            let number = match cell {
                Cell::Int(n) => n.to_string(),
                Cell::Float(f) => f.to_string(),
                Cell::Decimal(d) => d.to_string(),
                _ => String::new(),
            };
            match (ty, iso) {
                // An org with several currencies writes their codes.
                (FieldType::Currency, Some(iso)) => format!("{iso} {}", locale.number(&number)),
                (FieldType::Currency, None) => locale.amount(&number, currency_sign(&people.currency)),
                (FieldType::Percent, _) => format!("{}%", locale.number(&number)),
                _ => locale.number(&number),
            }
        }
        Cell::Date(date) => date.strftime(locale.date).to_string(),
        Cell::DateTime(ms) => match Timestamp::from_millisecond(ms) {
            Ok(instant) => {
                let there = instant.to_zoned(people.zone.clone());
                format!("{}{}{}", there.strftime(locale.date), locale.between, there.strftime(locale.time))
            }
            Err(_) => String::new(),
        },
        Cell::Time(ms) => {
            let (minute, hour) = (ms / 60_000 % 60, ms / 3_600_000 % 24);
            match jiff::civil::Time::new(hour as i8, minute as i8, 0, 0) {
                Ok(time) => time.strftime(locale.time).to_string(),
                Err(_) => String::new(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        let decimal = |text: &str| Cell::Decimal(text.parse().unwrap());
        let at = |zone, locale: &str| People {
            locale: Locale::named(Some(locale)),
            zone: TimeZone::get(zone).unwrap(),
            currency: if locale.starts_with("de") { "EUR".into() } else { "USD".into() },
        };
        for (cell, ty, american, german) in [
            (decimal("1234567.50"), FieldType::Currency, "$1,234,567.50", "1.234.567,50\u{a0}€"),
            (decimal("-999"), FieldType::Currency, "-$999", "-999\u{a0}€"),
            (decimal("12.5"), FieldType::Percent, "12.5%", "12,5%"),
            (Cell::Int(1000), FieldType::Int, "1,000", "1.000"),
            (Cell::Date(jiff::civil::date(2026, 1, 2)), FieldType::Date, "1/2/2026", "02.01.2026"),
            (Cell::DateTime(0), FieldType::Datetime, "1/1/1970, 12:00 AM", "01.01.1970, 01:00"),
            (Cell::Time(13 * 3_600_000), FieldType::Time, "1:00 PM", "13:00"),
        ] {
            assert_eq!(formatted(cell, ty, &at("UTC", "en_US"), None), american);
            assert_eq!(formatted(cell, ty, &at("Europe/Berlin", "de_DE_EURO"), None), german);
        }
        let text = formatted(decimal("1234.50"), FieldType::Currency, &at("UTC", "en_US"), Some("GBP"));
        assert_eq!(text, "GBP 1,234.50");
        assert_eq!(
            formatted(Cell::Date(jiff::civil::date(2026, 1, 2)), FieldType::Date, &at("UTC", "xx"), None),
            "1/2/2026"
        );
    }
}
