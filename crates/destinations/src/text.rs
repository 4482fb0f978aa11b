//! Dates and times as text, for databases without types for them.
//!
//! Written by hand for speed: a snapshot formats several per row. Tests hold it against `jiff`.

use std::fmt::Write;

const DAY_MS: i64 = 86_400_000;

/// `2026-01-31`.
pub(crate) fn write_date(days: i32, out: &mut String) {
    let (year, month, day) = civil(i64::from(days));
    // Writing to a String cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// `08:15:42.000`.
pub(crate) fn write_time(ms: i32, out: &mut String) {
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    let _ = write!(out, "{h:02}:{m:02}:{s:02}.{ms:03}");
}

/// `2026-01-31T08:15:42.000Z`: sorts as time does, and every SQLite date function reads it.
pub(crate) fn write_datetime(ms: i64, out: &mut String) {
    write_date(ms.div_euclid(DAY_MS) as i32, out);
    out.push('T');
    write_time(ms.rem_euclid(DAY_MS) as i32, out);
    out.push('Z');
}

/// Reads what [`write_date`] wrote.
pub(crate) fn read_date(text: &str) -> Option<i32> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let epoch = jiff::civil::date(1970, 1, 1);
    Some((date - epoch).get_days())
}

/// Reads what [`write_time`] wrote.
pub(crate) fn read_time(text: &str) -> Option<i32> {
    let time: jiff::civil::Time = text.parse().ok()?;
    let (h, m, s) = (i32::from(time.hour()), i32::from(time.minute()), i32::from(time.second()));
    Some(((h * 60 + m) * 60 + s) * 1000 + i32::from(time.millisecond()))
}

/// Reads what [`write_datetime`] wrote.
pub(crate) fn read_datetime(text: &str) -> Option<i64> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(at.as_millisecond())
}

/// Year, month and day of a day number in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level
/// date algorithms").
fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_from_1700_to_4000_agrees_with_the_library() {
        let epoch = jiff::civil::date(1970, 1, 1);
        let mut date = jiff::civil::date(1700, 1, 1);
        let mut days = (date - epoch).get_days();
        while date.year() <= 4000 {
            let mut text = String::new();
            write_date(days, &mut text);
            assert_eq!(text, date.to_string());
            assert_eq!(read_date(&text), Some(days));
            date = date.tomorrow().unwrap();
            days += 1;
        }
    }

    #[test]
    fn instants_before_and_after_the_epoch() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_769_847_342_123, "2026-01-31T08:15:42.123Z"),
            (-8_520_336_000_000, "1700-01-01T00:00:00.000Z"),
        ] {
            let mut out = String::new();
            write_datetime(ms, &mut out);
            assert_eq!(out, text);
            assert_eq!(read_datetime(&out), Some(ms));
        }
        let mut out = String::new();
        write_time(86_399_999, &mut out);
        assert_eq!((out.as_str(), read_time(&out)), ("23:59:59.999", Some(86_399_999)));
    }
}
