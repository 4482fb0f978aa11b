//! Date literals: the span of days that `LAST_N_DAYS:30` or `THIS_FISCAL_QUARTER` means for a user.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tidegate_soql::ast::DateLiteral;

use super::currency::Currencies;
use super::format::People;
use super::locale::Locale;
use crate::Millis;

/// What a query depends on of its time and user: today, time zone, locale, currency, and the org's fiscal year.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    today: Date,
    /// The user's time zone and locale, by which dates are reckoned and written.
    pub(crate) people: People,
    /// The currencies of an org with several.
    pub(crate) currencies: Option<Currencies>,
    /// First month of the fiscal year, 1 to 12.
    pub(crate) fiscal_month: i8,
    /// A fiscal year is named by the calendar year in which it starts, rather than the one in which it ends.
    pub(crate) fiscal_named_by_start: bool,
    /// What formula fields are computed for.
    pub(crate) formulas: crate::formula::Session,
}

impl Calendar {
    /// At this time, in this zone (UTC when unknown), for a user of this locale.
    pub(crate) fn new(now: Millis, zone: Option<&str>, locale: Option<&str>) -> Self {
        let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let instant = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let locale = Locale::named(locale);
        Self {
            today: instant.to_zoned(zone.clone()).date(),
            formulas: crate::formula::Session::new(crate::RecordId::from_bytes([b'0'; 15]), now, zone.clone()),
            people: People { locale, zone, currency: "USD".to_owned() },
            currencies: None,
            fiscal_month: 1,
            fiscal_named_by_start: false,
        }
    }

    /// The user's time zone.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.people.zone
    }

    /// The instant at which this day begins for the user.
    pub(crate) fn start_of(&self, day: Date) -> Option<Millis> {
        Some(day.to_zoned(self.people.zone.clone()).ok()?.timestamp().as_millisecond())
    }

    /// First day and the day after the last. `None` where the dates leave the calendar or the literal is unknown.
    pub(crate) fn span(&self, literal: &DateLiteral) -> Option<(Date, Date)> {
        let name = literal.name.to_ascii_uppercase();
        let n = i64::from(literal.n.unwrap_or(1));
        let (today, tomorrow) = (self.today, self.today.tomorrow().ok()?);
        match name.as_str() {
            "TODAY" => return Some((today, tomorrow)),
            "YESTERDAY" => return Some((today.yesterday().ok()?, today)),
            "TOMORROW" => return Some((tomorrow, tomorrow.tomorrow().ok()?)),
            // The only forms that include the current period.
            "LAST_90_DAYS" => return Some((days(today, -90)?, tomorrow)),
            "LAST_N_DAYS" => return Some((days(today, n.checked_neg()?)?, tomorrow)),
            "NEXT_90_DAYS" => return Some((tomorrow, days(tomorrow, 90)?)),
            "NEXT_N_DAYS" => return Some((tomorrow, days(tomorrow, n)?)),
            "N_DAYS_AGO" => {
                let day = days(today, n.checked_neg()?)?;
                return Some((day, day.tomorrow().ok()?));
            }
            _ => {}
        }
        // All others count whole units from the one that holds today.
        let (from, to, unit) = if let Some(unit) = name.strip_prefix("LAST_N_") {
            (-n, 0, unit)
        } else if let Some(unit) = name.strip_prefix("NEXT_N_") {
            (1, n.checked_add(1)?, unit)
        } else if let Some(unit) = name.strip_prefix("N_").and_then(|rest| rest.strip_suffix("_AGO")) {
            (-n, 1 - n, unit)
        } else if let Some(unit) = name.strip_prefix("THIS_") {
            (0, 1, unit)
        } else if let Some(unit) = name.strip_prefix("LAST_") {
            (-1, 0, unit)
        } else {
            (1, 2, name.strip_prefix("NEXT_")?)
        };
        let fiscal = i64::from(self.fiscal_month) - 1;
        let (start, months) = match unit.trim_end_matches('S') {
            "WEEK" => {
                let start = today.nth_weekday(-1, self.people.locale.week_start).ok()?;
                // On the first day of a week the one before it is a week too early.
                let start = if today.weekday() == self.people.locale.week_start { today } else { start };
                return Some((days(start, from.checked_mul(7)?)?, days(start, to.checked_mul(7)?)?));
            }
            "MONTH" => (first_of_period(today, 1, 0)?, 1),
            "QUARTER" => (first_of_period(today, 3, 0)?, 3),
            "YEAR" => (first_of_period(today, 12, 0)?, 12),
            "FISCAL_QUARTER" => (first_of_period(today, 3, fiscal)?, 3),
            "FISCAL_YEAR" => (first_of_period(today, 12, fiscal)?, 12),
            _ => return None,
        };
        Some((add_months(start, from.checked_mul(months)?)?, add_months(start, to.checked_mul(months)?)?))
    }
}

fn days(day: Date, n: i64) -> Option<Date> {
    day.checked_add(Span::new().try_days(n).ok()?).ok()
}

fn add_months(day: Date, n: i64) -> Option<Date> {
    day.checked_add(Span::new().try_months(n).ok()?).ok()
}

/// The first day of the period of so many months that holds this day, where periods begin `shift` months into a year.
fn first_of_period(day: Date, months: i64, shift: i64) -> Option<Date> {
    let back = (i64::from(day.month()) - 1 - shift).rem_euclid(months);
    add_months(day.first_of_month(), -back)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span_at(now: &str, zone: &str, fiscal_month: i8, text: &str) -> Option<String> {
        let now: Timestamp = now.parse().unwrap();
        let mut calendar = Calendar::new(now.as_millisecond(), Some(zone), None);
        calendar.fiscal_month = fiscal_month;
        let (name, n) = match text.split_once(':') {
            Some((name, n)) => (name, Some(n.parse().unwrap())),
            None => (text, None),
        };
        let (start, end) = calendar.span(&DateLiteral { name: name.into(), n })?;
        Some(format!("{start} {end}"))
    }

    #[test]
    fn every_literal() {
        // A Wednesday.
        for (text, expected) in [
            ("TODAY", "2026-05-13 2026-05-14"),
            ("YESTERDAY", "2026-05-12 2026-05-13"),
            ("TOMORROW", "2026-05-14 2026-05-15"),
            ("LAST_WEEK", "2026-05-03 2026-05-10"),
            ("THIS_WEEK", "2026-05-10 2026-05-17"),
            ("NEXT_WEEK", "2026-05-17 2026-05-24"),
            ("LAST_MONTH", "2026-04-01 2026-05-01"),
            ("THIS_MONTH", "2026-05-01 2026-06-01"),
            ("NEXT_MONTH", "2026-06-01 2026-07-01"),
            ("LAST_90_DAYS", "2026-02-12 2026-05-14"),
            ("NEXT_90_DAYS", "2026-05-14 2026-08-12"),
            ("LAST_N_DAYS:7", "2026-05-06 2026-05-14"),
            ("NEXT_N_DAYS:7", "2026-05-14 2026-05-21"),
            ("N_DAYS_AGO:1", "2026-05-12 2026-05-13"),
            ("LAST_N_WEEKS:2", "2026-04-26 2026-05-10"),
            ("NEXT_N_WEEKS:2", "2026-05-17 2026-05-31"),
            ("N_WEEKS_AGO:2", "2026-04-26 2026-05-03"),
            ("LAST_N_MONTHS:2", "2026-03-01 2026-05-01"),
            ("NEXT_N_MONTHS:2", "2026-06-01 2026-08-01"),
            ("N_MONTHS_AGO:2", "2026-03-01 2026-04-01"),
            ("THIS_QUARTER", "2026-04-01 2026-07-01"),
            ("LAST_QUARTER", "2026-01-01 2026-04-01"),
            ("NEXT_QUARTER", "2026-07-01 2026-10-01"),
            ("LAST_N_QUARTERS:2", "2025-10-01 2026-04-01"),
            ("NEXT_N_QUARTERS:2", "2026-07-01 2027-01-01"),
            ("N_QUARTERS_AGO:2", "2025-10-01 2026-01-01"),
            ("THIS_YEAR", "2026-01-01 2027-01-01"),
            ("LAST_YEAR", "2025-01-01 2026-01-01"),
            ("NEXT_YEAR", "2027-01-01 2028-01-01"),
            ("LAST_N_YEARS:2", "2024-01-01 2026-01-01"),
            ("NEXT_N_YEARS:2", "2027-01-01 2029-01-01"),
            ("N_YEARS_AGO:2", "2024-01-01 2025-01-01"),
            ("THIS_FISCAL_QUARTER", "2026-05-01 2026-08-01"),
            ("LAST_FISCAL_QUARTER", "2026-02-01 2026-05-01"),
            ("NEXT_FISCAL_QUARTER", "2026-08-01 2026-11-01"),
            ("N_FISCAL_QUARTERS_AGO:1", "2026-02-01 2026-05-01"),
            ("THIS_FISCAL_YEAR", "2026-02-01 2027-02-01"),
            ("LAST_FISCAL_YEAR", "2025-02-01 2026-02-01"),
            ("NEXT_N_FISCAL_YEARS:1", "2027-02-01 2028-02-01"),
        ] {
            assert_eq!(span_at("2026-05-13T10:00:00Z", "UTC", 2, text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_users_day_counts() {
        let at = |zone| span_at("2026-01-01T02:00:00Z", zone, 1, "TODAY").unwrap();
        assert_eq!(at("UTC"), "2026-01-01 2026-01-02");
        assert_eq!(at("America/New_York"), "2025-12-31 2026-01-01");
        assert_eq!(at("No/Where"), "2026-01-01 2026-01-02");
        // Sunday itself begins its week.
        assert_eq!(span_at("2026-05-10T10:00:00Z", "UTC", 1, "THIS_WEEK").unwrap(), "2026-05-10 2026-05-17");
    }

    #[test]
    fn out_of_the_calendar() {
        for text in ["LAST_N_YEARS:4294967295", "LAST_N_DAYS:4294967295", "NEXT_N_WEEKS:4294967295", "LAST_FORTNIGHT"] {
            assert_eq!(span_at("2026-05-13T10:00:00Z", "UTC", 1, text), None, "{text}");
        }
    }
}
