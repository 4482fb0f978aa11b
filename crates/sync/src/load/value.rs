//! One cell against the field that it is for: what is sent for it, or why it would be refused. What can mean only one
//! thing is put into Salesforce's form; what could mean two is not guessed.

use std::borrow::Cow;
use std::collections::HashMap;

use rust_decimal::Decimal;
use tidegate_client::DescribeField;

/// A cell that says null, as in Bulk API 2.0. There is no way to write this text itself.
pub const NULL: &str = "#N/A";

/// What a field takes, as far as a cell can be checked before the org sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    /// Digits before and after the point, where describe says so.
    Number {
        whole: u32,
        scale: u32,
    },
    Date,
    DateTime,
    Time,
    /// An id; of one of these objects, where any are named.
    Id(Vec<String>),
    Text {
        length: u32,
    },
    /// Listed values; others are warned of.
    Picklist {
        values: Vec<String>,
        several: bool,
        length: u32,
    },
}

impl Kind {
    /// From describe. Types that no cell can hold are refused with the header.
    pub(crate) fn of(field: &DescribeField) -> Self {
        let listed = |several| Self::Picklist {
            values: field.picklist_values.iter().filter(|v| v.active).map(|v| v.value.clone()).collect(),
            several,
            length: if several { 0 } else { field.length },
        };
        match field.kind.as_str() {
            "boolean" => Self::Boolean,
            "int" | "long" => Self::Integer,
            "double" | "currency" | "percent" => Self::Number {
                whole: if field.precision == 0 { 0 } else { field.precision.saturating_sub(field.scale) },
                scale: field.scale,
            },
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "time" => Self::Time,
            "id" | "reference" => Self::Id(field.reference_to.clone()),
            "picklist" if field.restricted_picklist => listed(false),
            "multipicklist" if field.restricted_picklist => listed(true),
            // Ids of values that describe does not list have a length in describe, too.
            _ => Self::Text { length: field.length },
        }
    }

    /// Whether JSON writes it without quotes.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self, Self::Boolean | Self::Integer | Self::Number { .. })
    }
}

/// Why a cell would be refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// Not one of the usual words for true and false.
    #[error("is neither true nor false")]
    Boolean,
    /// Not a whole number.
    #[error("is not a whole number")]
    Integer,
    /// Beyond what the field holds.
    #[error("is larger than this field holds")]
    TooManyDigits {
        /// Digits before the point.
        whole: u32,
    },
    /// Not a number, but it might be one in another form.
    #[error("is not a number")]
    Number {
        /// What it seems to have.
        has: Odd,
    },
    /// Not a date.
    #[error("is not a date")]
    Date {
        /// What it seems to be.
        has: Odd,
    },
    /// Not a date and time.
    #[error("is not a date and time")]
    DateTime {
        /// What it seems to be.
        has: Odd,
    },
    /// Not a time of day.
    #[error("is not a time of day")]
    Time,
    /// No id at all.
    #[error("is not a record id")]
    Id {
        /// Whether only the last three characters, which check the others, are wrong.
        checksum: bool,
    },
    /// An id of another object.
    #[error("is the id of another object{}", .found.as_deref().map(|f| format!(" ({f})")).unwrap_or_default())]
    OtherObject {
        /// Whose id it is, where its prefix is known.
        found: Option<String>,
        /// Whose ids the field takes.
        wanted: Vec<String>,
    },
    /// More characters than the field takes.
    #[error("has {characters} characters")]
    TooLong {
        /// What it has.
        characters: usize,
        /// What the field takes.
        length: u32,
    },
    /// Nothing, where something is needed.
    #[error("is empty")]
    Missing,
    /// Null, where null cannot be.
    #[error("says null")]
    Null,
    /// A character that no field takes.
    #[error("holds a NUL character")]
    Nul,
}

/// What a value in another form seems to have or to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// Nothing that we know.
    Unknown,
    /// A comma that may stand for a point, or separate thousands.
    Comma,
    /// A sign such as % or €.
    Sign,
    /// Day and month in an order that can only be guessed.
    DayAndMonth,
    /// A date and time, where a date is wanted.
    HasTime,
    /// A date, where a date and time is wanted.
    NoTime,
    /// A date and time without a time zone.
    NoZone,
    /// A day that the calendar does not have, or that Salesforce does not keep.
    NoSuchDay,
}

/// What a cell is worth a word about although it may be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueWarning {
    /// Not among the values of a restricted picklist.
    NotListed,
    /// More digits behind the point than the field keeps: the org rounds.
    Rounded,
}

/// Whose ids begin with what.
pub(crate) type Prefixes = HashMap<String, String>;

/// What is sent for a cell that is neither empty nor null.
pub(crate) fn check<'a>(
    kind: &Kind,
    cell: &'a str,
    prefixes: &Prefixes,
) -> Result<(Cow<'a, str>, Option<ValueWarning>), ValueFault> {
    if cell.contains('\0') {
        return Err(ValueFault::Nul);
    }
    let plain = cell.trim();
    let text = |text: Cow<'a, str>| Ok((text, None));
    match kind {
        Kind::Boolean => boolean(plain).map(|b| (Cow::Borrowed(b), None)).ok_or(ValueFault::Boolean),
        Kind::Integer => {
            let number = number(plain).ok_or_else(|| match odd_number(plain) {
                Odd::Unknown => ValueFault::Integer,
                has => ValueFault::Number { has },
            })?;
            let exact: Decimal = parse(&number).ok_or(ValueFault::TooManyDigits { whole: 10 })?;
            if !exact.fract().is_zero() {
                return Err(ValueFault::Integer);
            }
            let whole = exact.trunc().normalize();
            match i32::try_from(whole.mantissa()) {
                Ok(n) => text(Cow::Owned(n.to_string())),
                Err(_) => Err(ValueFault::TooManyDigits { whole: 10 }),
            }
        }
        Kind::Number { whole, scale } => {
            let number = number(plain).ok_or_else(|| ValueFault::Number { has: odd_number(plain) })?;
            let mut warning = None;
            if let Some(exact) = parse(&number) {
                let digits = exact.trunc().mantissa().unsigned_abs().checked_ilog10().map_or(0, |n| n + 1);
                if *whole > 0 && digits > *whole {
                    return Err(ValueFault::TooManyDigits { whole: *whole });
                }
                if exact.normalize().scale() > *scale && *whole > 0 {
                    warning = Some(ValueWarning::Rounded);
                }
            }
            Ok((number, warning))
        }
        Kind::Date => date(plain).map(Cow::Borrowed).and_then(text_of).map_err(|has| ValueFault::Date { has }),
        Kind::DateTime => datetime(plain).and_then(text_of).map_err(|has| ValueFault::DateTime { has }),
        Kind::Time => time(plain).map(|t| (t, None)).ok_or(ValueFault::Time),
        Kind::Id(objects) => {
            id(plain)?;
            let wanted = |object: &String| objects.iter().any(|o| o.eq_ignore_ascii_case(object));
            match prefixes.get(plain.get(..3).unwrap_or_default()) {
                _ if objects.is_empty() => {}
                Some(object) if wanted(object) => {}
                // A prefix that the org lists for nothing, of an object that we may not see: the org will tell.
                None if objects.iter().any(|o| !prefixes.values().any(|known| known.eq_ignore_ascii_case(o))) => {}
                found => {
                    return Err(ValueFault::OtherObject { found: found.cloned(), wanted: objects.clone() });
                }
            }
            text(Cow::Borrowed(plain))
        }
        Kind::Text { length } => {
            long(cell, *length)?;
            text(one_kind_of_newline(cell))
        }
        Kind::Picklist { values, several, length } => {
            long(cell, *length)?;
            let listed = |value: &str| values.iter().any(|v| v.eq_ignore_ascii_case(value.trim()));
            let all = if *several { cell.split(';').filter(|v| !v.is_empty()).all(listed) } else { listed(cell) };
            Ok((Cow::Borrowed(cell), (!all).then_some(ValueWarning::NotListed)))
        }
    }
}

/// A job declares one kind of line end, and a file may have several. What the org keeps is the same by both ways in.
fn one_kind_of_newline(cell: &str) -> Cow<'_, str> {
    if cell.contains('\r') { Cow::Owned(cell.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(cell) }
}

fn text_of(text: Cow<'_, str>) -> Result<(Cow<'_, str>, Option<ValueWarning>), Odd> {
    Ok((text, None))
}

fn long(cell: &str, length: u32) -> Result<(), ValueFault> {
    // Bytes are never fewer than characters.
    if length == 0 || cell.len() <= length as usize {
        return Ok(());
    }
    match cell.chars().count() {
        characters if characters > length as usize => Err(ValueFault::TooLong { characters, length }),
        _ => Ok(()),
    }
}

fn boolean(text: &str) -> Option<&'static str> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match () {
        () if is(["true", "yes", "1", "y"]) => Some("true"),
        () if is(["false", "no", "0", "n"]) => Some("false"),
        () => None,
    }
}

/// A number as JSON and Bulk both write it: `.5`, `+5` and `5.` get the digits that are missing.
fn number(text: &str) -> Option<Cow<'_, str>> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, Some(rest.get(at + 1..)?)),
        None => (rest, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if let Some(exponent) = exponent {
        let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if bare.is_empty() || bare.len() > 4 || !digits(bare) {
            return None;
        }
    }
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, ""), |(whole, fraction)| (whole, fraction));
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let bare = whole.trim_start_matches('0');
    let whole = if bare.is_empty() { "0" } else { bare };
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent = exponent.map(|e| format!("E{}", e.strip_prefix('+').unwrap_or(e))).unwrap_or_default();
    let written = format!("{sign}{whole}{point}{fraction}{exponent}");
    Some(if written == text { Cow::Borrowed(text) } else { Cow::Owned(written) })
}

/// The exact value, where 28 digits hold it.
fn parse(number: &str) -> Option<Decimal> {
    if number.contains('E') { Decimal::from_scientific(number).ok() } else { Decimal::from_str_exact(number).ok() }
}

fn odd_number(text: &str) -> Odd {
    let ends = |c: char| !c.is_ascii_digit() && !"+-.,".contains(c) && !c.is_alphabetic();
    match () {
        () if !text.contains(|c: char| c.is_ascii_digit()) => Odd::Unknown,
        () if text.starts_with(ends) || text.ends_with(ends) => Odd::Sign,
        () if text.contains(',') => Odd::Comma,
        () => Odd::Unknown,
    }
}

/// Two digits at a place.
fn two(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 2)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn is_day(text: &str) -> Result<(), Odd> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() });
    if !shaped {
        return Err(Odd::Unknown);
    }
    let year: u32 = text.get(..4).and_then(|y| y.parse().ok()).unwrap_or(0);
    match text.parse::<jiff::civil::Date>() {
        // Salesforce keeps these years and no others.
        Ok(_) if (1700..=4000).contains(&year) => Ok(()),
        _ => Err(Odd::NoSuchDay),
    }
}

fn date(text: &str) -> Result<&str, Odd> {
    match is_day(text) {
        Ok(()) => Ok(text),
        Err(Odd::Unknown) if text.len() > 10 && text.get(..10).is_some_and(|day| is_day(day).is_ok()) => {
            Err(Odd::HasTime)
        }
        Err(Odd::Unknown) if looks_like_a_day(text) => Err(Odd::DayAndMonth),
        Err(odd) => Err(odd),
    }
}

/// `31.1.2026`, `1/31/26` and their like.
fn looks_like_a_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['.', '/', '-', ' ']).take(3).collect();
    parts.len() == 3
        && parts.iter().take(2).all(|p| (1..=4).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
}

/// `08:15`, `08:15:42` or `08:15:42.123`; `Err` where it is none of them.
fn clock(text: &str) -> Option<(String, &str)> {
    let (hour, minute) = (two(text, 0)?, two(text, 3)?);
    if text.as_bytes().get(2) != Some(&b':') || hour > 23 || minute > 59 {
        return None;
    }
    let (second, mut rest) = match text.as_bytes().get(5) {
        Some(b':') => (two(text, 6)?, text.get(8..)?),
        _ => (0, text.get(5..)?),
    };
    if second > 59 {
        return None;
    }
    let mut fraction = String::new();
    if let Some(after) = rest.strip_prefix('.') {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if end == 0 || end > 9 {
            return None;
        }
        // Salesforce keeps milliseconds.
        fraction = format!(".{:0<3}", after.get(..end.min(3))?);
        rest = after.get(end..)?;
    }
    Some((format!("{hour:02}:{minute:02}:{second:02}{fraction}"), rest))
}

fn datetime(text: &str) -> Result<Cow<'_, str>, Odd> {
    let Some(day) = text.get(..10) else {
        return Err(if looks_like_a_day(text) { Odd::DayAndMonth } else { Odd::Unknown });
    };
    match is_day(day) {
        Ok(()) => {}
        Err(Odd::Unknown) if looks_like_a_day(text) => return Err(Odd::DayAndMonth),
        Err(odd) => return Err(odd),
    }
    let Some(rest) = text.get(11..) else { return Err(Odd::NoTime) };
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
        return Err(Odd::Unknown);
    }
    let (clock, zone) = clock(rest).ok_or(Odd::Unknown)?;
    let zone = zone.trim_start();
    let zone = match zone.as_bytes() {
        [] => return Err(Odd::NoZone),
        [b'Z' | b'z'] => "Z".to_owned(),
        // Salesforce itself writes `+0000` in JSON and takes `+00:00` in CSV.
        [sign @ (b'+' | b'-'), ..] => {
            let digits: String = zone.get(1..).unwrap_or_default().chars().filter(|c| *c != ':').collect();
            let minutes = if digits.len() == 2 { Some(0) } else { two(&digits, 2) };
            match (two(&digits, 0), minutes) {
                (Some(hours), Some(minutes)) if hours <= 14 && minutes <= 59 && digits.len() <= 4 => {
                    format!("{}{hours:02}:{minutes:02}", char::from(*sign))
                }
                _ => return Err(Odd::Unknown),
            }
        }
        _ => return Err(Odd::Unknown),
    };
    let written = format!("{day}T{clock}{zone}");
    Ok(if written == text { Cow::Borrowed(text) } else { Cow::Owned(written) })
}

fn time(text: &str) -> Option<Cow<'_, str>> {
    let (clock, rest) = clock(text)?;
    if !matches!(rest, "" | "Z" | "z") {
        return None;
    }
    let written = if clock.contains('.') { format!("{clock}Z") } else { format!("{clock}.000Z") };
    Some(if written == text { Cow::Borrowed(text) } else { Cow::Owned(written) })
}

/// 15 or 18 letters and digits; the last three of 18 tell which of the others are upper-case letters.
fn id(text: &str) -> Result<(), ValueFault> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let bytes = text.as_bytes();
    if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return Err(ValueFault::Id { checksum: false });
    }
    let (body, check) = bytes.split_at(15);
    let wanted = body.chunks(5).map(|five| {
        let bits = five.iter().enumerate().fold(0, |bits, (at, b)| bits | usize::from(b.is_ascii_uppercase()) << at);
        DIGITS.get(bits).copied().unwrap_or_default()
    });
    if check.is_empty() || wanted.eq(check.iter().map(u8::to_ascii_uppercase)) {
        Ok(())
    } else {
        Err(ValueFault::Id { checksum: true })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(kind: Kind, cell: &str) -> Result<String, ValueFault> {
        let prefixes = [("001", "Account"), ("003", "Contact"), ("005", "User")];
        let prefixes = prefixes.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        check(&kind, cell, &prefixes).map(|(text, _)| text.into_owned())
    }

    #[test]
    fn what_can_mean_one_thing_is_put_into_form() {
        let money = Kind::Number { whole: 16, scale: 2 };
        for (kind, cell, expected) in [
            (Kind::Boolean, "TRUE", "true"),
            (Kind::Boolean, " no ", "false"),
            (Kind::Boolean, "1", "true"),
            (Kind::Integer, "+007", "7"),
            (Kind::Integer, "12.0", "12"),
            (money.clone(), ".5", "0.5"),
            (money.clone(), "-5.", "-5"),
            (money.clone(), "1.2e+3", "1.2E3"),
            (money, "1234567890123456.78", "1234567890123456.78"),
            (Kind::Date, "2026-01-31", "2026-01-31"),
            (Kind::DateTime, "2026-01-31T08:15:42.000+0000", "2026-01-31T08:15:42.000+00:00"),
            (Kind::DateTime, "2026-01-31 08:15:42Z", "2026-01-31T08:15:42Z"),
            (Kind::DateTime, "2026-01-31T08:15-08", "2026-01-31T08:15:00-08:00"),
            (Kind::DateTime, "2026-01-31T08:15:42.123456Z", "2026-01-31T08:15:42.123Z"),
            (Kind::Time, "08:15", "08:15:00.000Z"),
            (Kind::Id(vec!["Account".into()]), "001TG0000000001YAA", "001TG0000000001YAA"),
            (Kind::Id(vec![]), "001TG0000000001", "001TG0000000001"),
            // Another object than those that we know of: the org will tell.
            (Kind::Id(vec!["Secret__c".into()]), "a00TG0000000001", "a00TG0000000001"),
            (Kind::Text { length: 2 }, "éü", "éü"),
            (Kind::Text { length: 0 }, " x ", " x "),
        ] {
            assert_eq!(sent(kind, cell).as_deref(), Ok(expected), "{cell}");
        }
    }

    #[test]
    fn what_could_mean_two_is_not_guessed() {
        let number = Kind::Number { whole: 16, scale: 2 };
        let account = || Kind::Id(vec!["Account".into()]);
        for (kind, cell, fault) in [
            (Kind::Boolean, "maybe", ValueFault::Boolean),
            (Kind::Integer, "1.5", ValueFault::Integer),
            (Kind::Integer, "3000000000", ValueFault::TooManyDigits { whole: 10 }),
            (number.clone(), "1,5", ValueFault::Number { has: Odd::Comma }),
            (number.clone(), "5 %", ValueFault::Number { has: Odd::Sign }),
            (number.clone(), "€5", ValueFault::Number { has: Odd::Sign }),
            (number.clone(), "abc", ValueFault::Number { has: Odd::Unknown }),
            (number, "12345678901234567", ValueFault::TooManyDigits { whole: 16 }),
            (Kind::Date, "31.01.2026", ValueFault::Date { has: Odd::DayAndMonth }),
            (Kind::Date, "1/2/26", ValueFault::Date { has: Odd::DayAndMonth }),
            (Kind::Date, "2026-02-30", ValueFault::Date { has: Odd::NoSuchDay }),
            (Kind::Date, "1492-10-12", ValueFault::Date { has: Odd::NoSuchDay }),
            (Kind::Date, "2026-01-31T00:00:00Z", ValueFault::Date { has: Odd::HasTime }),
            (Kind::DateTime, "2026-01-31", ValueFault::DateTime { has: Odd::NoTime }),
            (Kind::DateTime, "2026-01-31T08:15:42", ValueFault::DateTime { has: Odd::NoZone }),
            (Kind::DateTime, "1/31/2026 08:15", ValueFault::DateTime { has: Odd::DayAndMonth }),
            (Kind::DateTime, "2026-01-31T25:00:00Z", ValueFault::DateTime { has: Odd::Unknown }),
            (Kind::Time, "8 o'clock", ValueFault::Time),
            (account(), "001TG0000000001YAB", ValueFault::Id { checksum: true }),
            (account(), "12", ValueFault::Id { checksum: false }),
            (
                account(),
                "003TG0000000001YAA",
                ValueFault::OtherObject { found: Some("Contact".into()), wanted: vec!["Account".into()] },
            ),
            (Kind::Text { length: 2 }, "éüö", ValueFault::TooLong { characters: 3, length: 2 }),
            (Kind::Text { length: 2 }, "\0", ValueFault::Nul),
        ] {
            assert_eq!(sent(kind, cell), Err(fault), "{cell}");
        }
    }

    #[test]
    fn some_are_worth_a_word() {
        let prefixes = Prefixes::new();
        let warned = |kind: &Kind, cell: &str| check(kind, cell, &prefixes).unwrap().1;
        let list = |several| Kind::Picklist { values: vec!["A".into(), "B".into()], several, length: 0 };
        assert_eq!(warned(&list(false), "a"), None);
        assert_eq!(warned(&list(false), "C"), Some(ValueWarning::NotListed));
        assert_eq!(warned(&list(true), "A;B"), None);
        assert_eq!(warned(&list(true), "A;C"), Some(ValueWarning::NotListed));
        assert_eq!(warned(&Kind::Number { whole: 3, scale: 1 }, "1.25"), Some(ValueWarning::Rounded));
        assert_eq!(warned(&Kind::Number { whole: 3, scale: 1 }, "1.50"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_sent_is_sent_again_as_it_is(cell in "\\PC{0,24}|[0-9+.,eE: TZ/-]{0,26}") {
            let kinds = [
                Kind::Boolean, Kind::Integer, Kind::Number { whole: 5, scale: 2 }, Kind::Date, Kind::DateTime,
                Kind::Time, Kind::Id(vec!["Account".into()]), Kind::Text { length: 5 },
                Kind::Picklist { values: vec!["x".into()], several: true, length: 0 },
            ];
            for kind in kinds {
                if let Ok(once) = sent(kind.clone(), &cell) {
                    prop_assert_eq!(sent(kind.clone(), &once), Ok(once.clone()), "{:?}", kind);
                    if kind.is_bare() {
                        prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{}", once);
                    }
                }
            }
        }
    }
}
