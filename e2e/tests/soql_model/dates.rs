//! Date literals by counting days and months one at a time: slow, plain, and not the evaluator's way.

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;

use crate::world::{FISCAL_MONTH, NOW, ZONE};

fn plus(day: Date, days: i64) -> Date {
    day + SignedDuration::from_hours(24 * days)
}

fn today() -> Date {
    let zone = TimeZone::get(ZONE).expect("a time zone");
    jiff::Timestamp::from_millisecond(NOW).expect("an instant").to_zoned(zone).date()
}

/// When a day begins for the user, in milliseconds.
pub(crate) fn midnight(day: Date) -> i64 {
    let zone = TimeZone::get(ZONE).expect("a time zone");
    day.to_zoned(zone).expect("a day").timestamp().as_millisecond()
}

/// The first of a month that lies so many months after (or before) another.
fn month(first: Date, n: i64) -> Date {
    let months = i64::from(first.year()) * 12 + i64::from(first.month()) - 1 + n;
    date(months.div_euclid(12) as i16, (months.rem_euclid(12) + 1) as i8, 1)
}

/// The first day of the period that holds today, and how to get from one period to the n-th after it.
fn period(unit: &str) -> (Date, fn(Date, i64) -> Date) {
    let today = today();
    // Backwards, month by month, until a period begins.
    let back = |is_first: &dyn Fn(i64) -> bool| {
        let mut at = date(today.year(), today.month(), 1);
        while !is_first(i64::from(at.month())) {
            at = month(at, -1);
        }
        at
    };
    let fiscal = i64::from(FISCAL_MONTH);
    match unit {
        "WEEK" => {
            let mut first = today;
            while first.weekday() != Weekday::Sunday {
                first = plus(first, -1);
            }
            (first, |day, n| plus(day, 7 * n))
        }
        "MONTH" => (back(&|_| true), month),
        "QUARTER" => (back(&|m| m % 3 == 1), |day, n| month(day, 3 * n)),
        "YEAR" => (back(&|m| m == 1), |day, n| month(day, 12 * n)),
        "FISCAL_QUARTER" => (back(&move |m| (m - fiscal).rem_euclid(3) == 0), |day, n| month(day, 3 * n)),
        "FISCAL_YEAR" => (back(&move |m| m == fiscal), |day, n| month(day, 12 * n)),
        other => panic!("no period: {other}"),
    }
}

/// From the first day to the day after the last.
pub(crate) fn span(name: &str, n: Option<u32>) -> (Date, Date) {
    let today = today();
    let n = i64::from(n.unwrap_or(1));
    let days = |from: i64, to: i64| (plus(today, from), plus(today, to));
    match name {
        "TODAY" => return days(0, 1),
        "YESTERDAY" => return days(-1, 0),
        "TOMORROW" => return days(1, 2),
        // Today belongs to the last days, and not to the next.
        "LAST_90_DAYS" => return days(-90, 1),
        "NEXT_90_DAYS" => return days(1, 91),
        "LAST_N_DAYS" => return days(-n, 1),
        "NEXT_N_DAYS" => return days(1, 1 + n),
        "N_DAYS_AGO" => return days(-n, 1 - n),
        _ => {}
    }
    let whole = |unit: &str, from: i64, to: i64| {
        let (first, step) = period(unit);
        (step(first, from), step(first, to))
    };
    let plural = |text: &str| text.trim_end_matches('S').to_owned();
    if let Some(unit) = name.strip_prefix("THIS_") {
        whole(unit, 0, 1)
    } else if let Some(unit) = name.strip_prefix("LAST_N_") {
        whole(&plural(unit), -n, 0)
    } else if let Some(unit) = name.strip_prefix("NEXT_N_") {
        whole(&plural(unit), 1, n + 1)
    } else if let Some(unit) = name.strip_prefix("LAST_") {
        whole(unit, -1, 0)
    } else if let Some(unit) = name.strip_prefix("NEXT_") {
        whole(unit, 1, 2)
    } else {
        let unit = name.strip_prefix("N_").and_then(|rest| rest.strip_suffix("_AGO")).expect("a literal");
        whole(&plural(unit), -n, 1 - n)
    }
}
