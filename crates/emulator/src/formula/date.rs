//! Dates, instants and times of day.
//!
//! `TODAY()` and the day of an instant are the user's; what is made of text or of a date, and the time of an instant, are
//! UTC (documented under "date/time and time zones").

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::eval::{Computed, Failure};
use super::function::Function;
use super::types::Val;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// The day on which an instant falls in a zone.
pub(super) fn day_of(ms: i64, zone: &TimeZone) -> Computed {
    let at = Timestamp::from_millisecond(ms).map_err(|_| Failure)?;
    Ok(Val::Date(at.to_zoned(zone.clone()).date()))
}

fn days(date: Date, days: i64) -> Result<Date, Failure> {
    let span = Span::new().try_days(days).map_err(|_| Failure)?;
    let moved = date.checked_add(span).map_err(|_| Failure)?;
    in_range(moved)
}

/// Years that Salesforce can hold.
fn in_range(date: Date) -> Result<Date, Failure> {
    if (1700..=4000).contains(&date.year()) { Ok(date) } else { Err(Failure) }
}

fn midnight(date: Date) -> Result<i64, Failure> {
    Ok(date.to_zoned(TimeZone::UTC).map_err(|_| Failure)?.timestamp().as_millisecond())
}

/// A date or instant so many days later, a time so many milliseconds later. A date moves by whole days.
pub(super) fn shift(when: Val, by: Decimal) -> Computed {
    let ms = |unit: i64| -> Result<i64, Failure> {
        by.checked_mul(Decimal::from(unit)).and_then(|n| super::math::round(n, 0).to_i64()).ok_or(Failure)
    };
    match when {
        Val::Date(date) => Ok(Val::Date(days(date, by.trunc().to_i64().ok_or(Failure)?)?)),
        Val::DateTime(at) => {
            let at = at.checked_add(ms(DAY_MS)?).ok_or(Failure)?;
            match day_of(at, &TimeZone::UTC)? {
                Val::Date(date) => in_range(date).map(|_| Val::DateTime(at)),
                _ => Err(Failure),
            }
        }
        Val::Time(at) => Ok(Val::Time(at.saturating_add(ms(1)?).rem_euclid(DAY_MS))),
        _ => Err(Failure),
    }
}

/// Days between two dates or instants, milliseconds between two times.
pub(super) fn between(a: &Val, b: &Val) -> Computed {
    Ok(match (a, b) {
        (Val::Date(a), Val::Date(b)) => Val::Number(Decimal::from((midnight(*a)? - midnight(*b)?) / DAY_MS)),
        (Val::DateTime(a), Val::DateTime(b)) => {
            let ms = Decimal::from(a.saturating_sub(*b));
            Val::Number(ms.checked_div(Decimal::from(DAY_MS)).ok_or(Failure)?)
        }
        // A time before the other is one of the next day.
        (Val::Time(a), Val::Time(b)) => Val::Number(Decimal::from((a - b).rem_euclid(DAY_MS))),
        _ => Val::Null,
    })
}

/// The functions of dates and times; `None` for any other.
pub(super) fn call(function: Function, values: &[Val], zone: &TimeZone) -> Option<Computed> {
    use Function as F;
    let number = |n: i64| Ok(Val::Number(Decimal::from(n)));
    Some(match (function, values) {
        (F::Date, [Val::Number(y), Val::Number(m), Val::Number(d)]) => make(*y, *m, *d),
        (F::Year, [Val::Date(date)]) => number(date.year().into()),
        (F::Month, [Val::Date(date)]) => number(date.month().into()),
        (F::Day, [Val::Date(date)]) => number(date.day().into()),
        (F::DayOfYear, [Val::Date(date)]) => number(date.day_of_year().into()),
        // Sunday is 1.
        (F::Weekday, [Val::Date(date)]) => number(date.weekday().to_sunday_one_offset().into()),
        (F::IsoWeek, [Val::Date(date)]) => number(iso(*date).1),
        (F::IsoYear, [Val::Date(date)]) => number(iso(*date).0),
        (F::Hour, [Val::Time(ms)]) => number(ms / 3_600_000),
        (F::Minute, [Val::Time(ms)]) => number(ms / 60_000 % 60),
        (F::Second, [Val::Time(ms)]) => number(ms / 1_000 % 60),
        (F::Millisecond, [Val::Time(ms)]) => number(ms % 1_000),
        (F::DateValue, [Val::Date(date)]) => Ok(Val::Date(*date)),
        (F::DateValue, [Val::DateTime(ms)]) => day_of(*ms, zone),
        (F::DateValue, [Val::Text(text)]) if !text.is_empty() => parse_date(text).map(Val::Date),
        (F::DateTimeValue, [Val::DateTime(ms)]) => Ok(Val::DateTime(*ms)),
        (F::DateTimeValue, [Val::Date(date)]) => midnight(*date).map(Val::DateTime),
        (F::DateTimeValue, [Val::Text(text)]) if !text.is_empty() => parse_datetime(text),
        (F::TimeValue, [Val::Time(ms)]) => Ok(Val::Time(*ms)),
        (F::TimeValue, [Val::DateTime(ms)]) => Ok(Val::Time(ms.rem_euclid(DAY_MS))),
        (F::TimeValue, [Val::Text(text)]) if !text.is_empty() => parse_time(text).map(Val::Time),
        (F::AddMonths, [Val::Date(date), Val::Number(n)]) => add_months(*date, *n).map(Val::Date),
        (F::AddMonths, [Val::DateTime(ms), Val::Number(n)]) => (|| match day_of(*ms, &TimeZone::UTC)? {
            Val::Date(date) => Ok(Val::DateTime(midnight(add_months(date, *n)?)? + ms.rem_euclid(DAY_MS))),
            _ => Err(Failure),
        })(),
        (F::UnixTimestamp, [Val::Date(date)]) => midnight(*date).and_then(|ms| number(ms / 1_000)),
        (F::UnixTimestamp, [Val::DateTime(ms)]) => number(ms.div_euclid(1_000)),
        (F::UnixTimestamp, [Val::Time(ms)]) => number(ms / 1_000),
        (F::FromUnixTime, [Val::Number(seconds)]) => {
            let ms = seconds.checked_mul(Decimal::ONE_THOUSAND).and_then(|n| n.trunc().to_i64());
            ms.ok_or(Failure).and_then(|ms| shift(Val::DateTime(ms), Decimal::ZERO))
        }
        (F::FormatDuration, values) => return Some(duration(values)),
        (
            F::Date
            | F::Year
            | F::Month
            | F::Day
            | F::DayOfYear
            | F::Weekday
            | F::IsoWeek
            | F::IsoYear
            | F::Hour
            | F::Minute
            | F::Second
            | F::Millisecond
            | F::DateValue
            | F::DateTimeValue
            | F::TimeValue
            | F::AddMonths
            | F::UnixTimestamp
            | F::FromUnixTime,
            _,
        ) => Ok(Val::Null),
        _ => return None,
    })
}

fn make(year: Decimal, month: Decimal, day: Decimal) -> Computed {
    let part = |n: Decimal| n.trunc().to_i16().ok_or(Failure);
    let small = |n: Decimal| n.trunc().to_i8().ok_or(Failure);
    let date = Date::new(part(year)?, small(month)?, small(day)?).map_err(|_| Failure)?;
    in_range(date).map(Val::Date)
}

/// Year and week as ISO 8601 counts them: a week belongs to the year of its Thursday.
fn iso(date: Date) -> (i64, i64) {
    let week = date.iso_week_date();
    (week.year().into(), week.week().into())
}

/// So many months later. The last day of a month leads to the last day of a month.
fn add_months(date: Date, months: Decimal) -> Result<Date, Failure> {
    let months = months.trunc().to_i64().ok_or(Failure)?;
    let span = Span::new().try_months(months).map_err(|_| Failure)?;
    let moved = date.checked_add(span).map_err(|_| Failure)?;
    in_range(if date == date.last_of_month() { moved.last_of_month() } else { moved })
}

fn digits(text: &str) -> Result<i64, Failure> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Failure);
    }
    text.parse().map_err(|_| Failure)
}

/// `2026-01-31`; months and days may have one digit.
fn parse_date(text: &str) -> Result<Date, Failure> {
    let mut parts = text.trim().split('-').map(digits);
    let (Some(y), Some(m), Some(d), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Failure);
    };
    match make(Decimal::from(y?), Decimal::from(m?), Decimal::from(d?))? {
        Val::Date(date) => Ok(date),
        _ => Err(Failure),
    }
}

/// `2026-01-31 13:14:15`, UTC.
fn parse_datetime(text: &str) -> Computed {
    let (date, time) = text.trim().trim_end_matches('Z').split_once(' ').ok_or(Failure)?;
    Ok(Val::DateTime(midnight(parse_date(date)?)? + parse_time(time)?))
}

/// `13:14:15` or `13:14:15.123`.
fn parse_time(text: &str) -> Result<i64, Failure> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let mut parts = clock.split(':').map(digits);
    let (Some(h), Some(m), Some(s), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Failure);
    };
    let (h, m, s, ms) = (h?, m?, s?, digits(fraction)?);
    if h > 23 || m > 59 || s > 59 || ms > 999 {
        return Err(Failure);
    }
    Ok(((h * 60 + m) * 60 + s) * 1_000 + ms)
}

/// `HH:MM:SS`, with days before it where they are asked for.
fn duration(values: &[Val]) -> Computed {
    let (seconds, with_days) = match values {
        [Val::Number(n)] => (n.trunc().to_i64().ok_or(Failure)?, false),
        [Val::Number(n), Val::Bool(days)] => (n.trunc().to_i64().ok_or(Failure)?, *days),
        [Val::Time(a), Val::Time(b)] => ((b - a) / 1_000, false),
        [Val::DateTime(a), Val::DateTime(b)] => (b.saturating_sub(*a) / 1_000, true),
        _ => return Ok(Val::Null),
    };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Ok(Val::Text(if with_days {
        format!("{}:{:02}:{minutes:02}:{rest:02}", hours / 24, hours % 24)
    } else {
        format!("{hours:02}:{minutes:02}:{rest:02}")
    }))
}
