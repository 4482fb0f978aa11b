//! Dates and times as the APIs write them.

use jiff::civil::Date;

use super::convert::Scalar;
use super::errors;
use crate::schema::{Field, ObjectType};
use crate::store::Values;
use crate::{ApiError, Millis, Value};

/// Documented range of years.
const YEARS: std::ops::RangeInclusive<i16> = 1700..=4000;

/// Refuses what a rule computed beyond the documented years, such as the end of an event that is to last for millennia.
pub(super) fn check_years(facts: &ObjectType, values: &Values) -> Result<(), Vec<ApiError>> {
    let wrong = |(id, value): (&crate::schema::FieldId, &Value)| {
        let (date, text) = match value {
            Value::Date(date) => (Some(*date), date.to_string()),
            Value::DateTime(ms) => {
                let at = jiff::Timestamp::from_millisecond(*ms).ok();
                let date = at.map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date());
                (date, at.map_or_else(|| ms.to_string(), |t| t.to_string()))
            }
            _ => return None,
        };
        let is_right = date.is_some_and(|date| YEARS.contains(&date.year()));
        (!is_right).then(|| errors::date_out_of_range(facts.field_at(*id), &text))
    };
    let wrong: Vec<ApiError> = values.iter().filter_map(wrong).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// `yyyy-MM-dd`; an offset is not supported.
pub(super) fn date(field: &Field, scalar: &Scalar<'_>) -> Result<Value, ApiError> {
    let date = parse_date(&scalar.text).ok_or_else(|| scalar.wrong_type(field))?;
    if !YEARS.contains(&date.year()) {
        return Err(errors::date_out_of_range(field, &scalar.text));
    }
    Ok(Value::Date(date))
}

/// `yyyy-MM-ddTHH:mm:ss[.SSS](Z|±HH:mm|±HHmm)`, or a date alone for its midnight in UTC. Kept to the second.
pub(super) fn datetime(field: &Field, scalar: &Scalar<'_>) -> Result<Value, ApiError> {
    let (date, ms) = parse_datetime(&scalar.text).ok_or_else(|| scalar.wrong_type(field))?;
    if !YEARS.contains(&date.year()) {
        return Err(errors::date_out_of_range(field, &scalar.text));
    }
    Ok(Value::DateTime(ms - ms.rem_euclid(1000)))
}

/// `HH:mm:ss[.SSS][Z]`.
pub(super) fn time(field: &Field, scalar: &Scalar<'_>) -> Result<Value, ApiError> {
    let (ms, rest) = parse_time(&scalar.text).ok_or_else(|| scalar.wrong_type(field))?;
    if !matches!(rest, "" | "Z") {
        return Err(scalar.wrong_type(field));
    }
    Ok(Value::Time(ms))
}

fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let year = digits(text.get(..4)?)?;
    Date::new(year as i16, digits(text.get(5..7)?)? as i8, digits(text.get(8..10)?)? as i8).ok()
}

fn parse_datetime(text: &str) -> Option<(Date, Millis)> {
    let date = parse_date(text.get(..10)?)?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else { return Some((date, midnight)) };
    let (time, zone) = parse_time(rest.strip_prefix('T')?)?;
    Some((date, midnight + Millis::from(time) - offset(zone)?))
}

/// Milliseconds since midnight, and what follows.
fn parse_time(text: &str) -> Option<(u32, &str)> {
    let bytes = text.as_bytes();
    if bytes.get(2) != Some(&b':') || bytes.get(5) != Some(&b':') {
        return None;
    }
    let (hour, minute, second) = (digits(text.get(..2)?)?, digits(text.get(3..5)?)?, digits(text.get(6..8)?)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let whole = ((hour * 60 + minute) * 60 + second) * 1000;
    let rest = text.get(8..)?;
    let Some(fraction) = rest.strip_prefix('.') else { return Some((whole, rest)) };
    let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    let ms = digits(&format!("{:0<3.3}", fraction.get(..len)?))?;
    Some((whole + ms, fraction.get(len..)?))
}

/// An offset in milliseconds east of UTC.
fn offset(text: &str) -> Option<Millis> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        4 => (rest.get(..2)?, rest.get(2..)?),
        5 if rest.get(2..3) == Some(":") => (rest.get(..2)?, rest.get(3..)?),
        _ => return None,
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if hours > 15 || minutes > 59 {
        return None;
    }
    Some(sign * Millis::from(hours * 60 + minutes) * 60_000)
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}
