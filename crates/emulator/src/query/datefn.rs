//! Date functions: `CALENDAR_YEAR(CreatedDate)` and its kin.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::value::{Cell, Kind};

/// A date function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateFn {
    CalendarMonth,
    CalendarQuarter,
    CalendarYear,
    DayInMonth,
    DayInWeek,
    DayInYear,
    DayOnly,
    FiscalMonth,
    FiscalQuarter,
    FiscalYear,
    HourInDay,
    WeekInMonth,
    WeekInYear,
}

/// The fiscal year as functions need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fiscal {
    /// First month, 1 to 12.
    pub(crate) month: i8,
    /// Named by the calendar year in which it starts.
    pub(crate) named_by_start: bool,
}

impl DateFn {
    /// By name, whatever the case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "CALENDAR_MONTH" => Self::CalendarMonth,
            "CALENDAR_QUARTER" => Self::CalendarQuarter,
            "CALENDAR_YEAR" => Self::CalendarYear,
            "DAY_IN_MONTH" => Self::DayInMonth,
            "DAY_IN_WEEK" => Self::DayInWeek,
            "DAY_IN_YEAR" => Self::DayInYear,
            "DAY_ONLY" => Self::DayOnly,
            "FISCAL_MONTH" => Self::FiscalMonth,
            "FISCAL_QUARTER" => Self::FiscalQuarter,
            "FISCAL_YEAR" => Self::FiscalYear,
            "HOUR_IN_DAY" => Self::HourInDay,
            "WEEK_IN_MONTH" => Self::WeekInMonth,
            "WEEK_IN_YEAR" => Self::WeekInYear,
            _ => return None,
        })
    }

    /// Whether it takes only date-times.
    pub(crate) fn needs_time(self) -> bool {
        matches!(self, Self::DayOnly | Self::HourInDay)
    }

    /// The kind of its result.
    pub(crate) fn kind(self) -> Kind {
        if self == Self::DayOnly { Kind::Date } else { Kind::Number }
    }

    /// Its value for a date or an instant; a `zone` only where `convertTimezone` was written, else UTC.
    pub(crate) fn apply(self, cell: Cell<'_>, zone: Option<&TimeZone>, fiscal: Fiscal) -> Cell<'static> {
        let at: DateTime = match cell {
            Cell::Date(date) => date.at(0, 0, 0, 0),
            Cell::DateTime(ms) => match Timestamp::from_millisecond(ms) {
                Ok(instant) => Zoned::new(instant, zone.cloned().unwrap_or(TimeZone::UTC)).datetime(),
                Err(_) => return Cell::Null,
            },
            _ => return Cell::Null,
        };
        let date = at.date();
        let month = i64::from(date.month());
        let year = i64::from(date.year());
        // Months since the fiscal year began, 0 to 11.
        let fiscal_month = (month - i64::from(fiscal.month)).rem_euclid(12);
        Cell::Int(match self {
            Self::CalendarMonth => month,
            Self::CalendarQuarter => (month - 1) / 3 + 1,
            Self::CalendarYear => year,
            Self::DayInMonth => i64::from(date.day()),
            Self::DayInWeek => i64::from(date.weekday().to_sunday_one_offset()),
            Self::DayInYear => i64::from(date.day_of_year()),
            Self::DayOnly => return Cell::Date(date),
            Self::FiscalMonth => fiscal_month + 1,
            Self::FiscalQuarter => fiscal_month / 3 + 1,
            Self::FiscalYear => fiscal_year(date, fiscal),
            Self::HourInDay => i64::from(at.hour()),
            Self::WeekInMonth => (i64::from(date.day()) - 1) / 7 + 1,
            Self::WeekInYear => (i64::from(date.day_of_year()) - 1) / 7 + 1,
        })
    }
}

fn fiscal_year(date: Date, fiscal: Fiscal) -> i64 {
    let started = i64::from(date.year()) - i64::from(date.month() < fiscal.month);
    if fiscal.named_by_start || fiscal.month == 1 { started } else { started + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions() {
        let ms = "2026-05-13T23:30:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let fiscal = Fiscal { month: 2, named_by_start: false };
        for (name, utc, there) in [
            ("calendar_month", 5, 5),
            ("CALENDAR_QUARTER", 2, 2),
            ("CALENDAR_YEAR", 2026, 2026),
            ("DAY_IN_MONTH", 13, 14),
            ("DAY_IN_WEEK", 4, 5),
            ("DAY_IN_YEAR", 133, 134),
            ("FISCAL_MONTH", 4, 4),
            ("FISCAL_QUARTER", 2, 2),
            ("FISCAL_YEAR", 2027, 2027),
            ("HOUR_IN_DAY", 23, 8),
            ("WEEK_IN_MONTH", 2, 2),
            ("WEEK_IN_YEAR", 19, 20),
        ] {
            let function = DateFn::named(name).unwrap();
            assert_eq!(function.apply(Cell::DateTime(ms), None, fiscal), Cell::Int(utc), "{name}");
            assert_eq!(function.apply(Cell::DateTime(ms), Some(&tokyo), fiscal), Cell::Int(there), "{name}");
        }
        let day = DateFn::DayOnly.apply(Cell::DateTime(ms), Some(&tokyo), fiscal);
        assert_eq!(day, Cell::Date(Date::constant(2026, 5, 14)));
        assert_eq!(DateFn::CalendarYear.apply(Cell::Null, None, fiscal), Cell::Null);
    }
}
