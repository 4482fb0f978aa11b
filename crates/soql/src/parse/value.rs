//! Literals.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::{Parser, Result};
use crate::ast::{DateLiteral, Literal, Span, Value};
use crate::error::ParseErrorKind;
use crate::keywords::date_literal;
use crate::lex::{Kind, Token, is_currency};

/// The first and the last date that SOQL takes (documented: 1700-01-01T00:00:00Z to 4000-12-31T00:00:00Z).
pub(crate) const FIRST_DATE: Date = jiff::civil::date(1700, 1, 1);
pub(crate) const LAST_DATE: Date = jiff::civil::date(4000, 12, 31);

/// The range of datetimes moves with the user's time zone (documented), which a text does not know; no zone is further
/// from UTC than this.
const ZONE_SHIFT: SignedDuration = SignedDuration::from_hours(14);

impl Parser<'_> {
    /// One literal. `is_pattern`: it stands after LIKE.
    pub(super) fn value(&mut self, is_pattern: bool) -> Result<Value> {
        let expected = "a value";
        let Some(token) = self.peek() else { return Err(self.unexpected(expected)) };
        let text = self.text(token);
        let literal = match token.kind {
            Kind::String => {
                self.at += 1;
                Literal::String(self.unescape(token, is_pattern)?)
            }
            Kind::Number => {
                self.at += 1;
                Literal::Number(self.decimal(text, false, token.span)?)
            }
            Kind::Plus | Kind::Minus => {
                self.at += 1;
                let Some(number) = self.peek().filter(|next| next.kind == Kind::Number) else {
                    return Err(self.unexpected("a number after the sign"));
                };
                self.at += 1;
                let is_negative = token.kind == Kind::Minus;
                Literal::Number(self.decimal(self.text(number), is_negative, self.since(token.span.start))?)
            }
            Kind::Currency => {
                self.at += 1;
                self.currency(text, token.span)?
            }
            Kind::Temporal => {
                self.at += 1;
                self.temporal(text, token.span)?
            }
            Kind::Colon => Literal::Bind(self.bind_name()?),
            Kind::Word if text.eq_ignore_ascii_case("TRUE") => self.taken(Literal::Boolean(true)),
            Kind::Word if text.eq_ignore_ascii_case("FALSE") => self.taken(Literal::Boolean(false)),
            Kind::Word if text.eq_ignore_ascii_case("NULL") => self.taken(Literal::Null),
            Kind::Word if is_currency(text) => {
                self.at += 1;
                self.currency(text, token.span)?
            }
            Kind::Word => match date_literal(text) {
                Some(takes_number) => self.date_literal(text, takes_number, token.span)?,
                None => return Err(self.unexpected("a value (strings stand in single quotes)")),
            },
            _ => return Err(self.unexpected(expected)),
        };
        Ok(Value { literal, span: self.since(token.span.start) })
    }

    fn taken(&mut self, literal: Literal) -> Literal {
        self.at += 1;
        literal
    }

    /// `:name`, also `:record.Field`.
    pub(super) fn bind_name(&mut self) -> Result<String> {
        self.expect(Kind::Colon, ":")?;
        Ok(self.path("the name of a bind variable")?.dotted())
    }

    /// A value of `RecordVisibilityContext`: whole number, boolean or string.
    pub(super) fn setting(&mut self) -> Result<Value> {
        let is_setting = match self.peek() {
            Some(token) if token.kind == Kind::Number => !self.text(token).contains('.'),
            Some(token) => token.kind == Kind::String || self.is_word(0, "TRUE") || self.is_word(0, "FALSE"),
            None => false,
        };
        if is_setting { self.value(false) } else { Err(self.unexpected("a whole number, TRUE or FALSE")) }
    }

    /// The unit of DISTANCE.
    pub(super) fn unit(&mut self) -> Result<Value> {
        match self.peek() {
            Some(token) if matches!(self.text(token).to_ascii_lowercase().as_str(), "'mi'" | "'km'") => {
                self.value(false)
            }
            _ => Err(self.unexpected("'mi' or 'km'")),
        }
    }

    fn decimal(&self, text: &str, is_negative: bool, span: Span) -> Result<Decimal> {
        // `.5` is a number of SOQL; the digits before the point are spelled out for the decimal's own parser.
        let number = Decimal::from_str_exact(&format!("0{text}")).map_err(|_| {
            let why = "more than 28 digits";
            self.error(ParseErrorKind::BadNumber { text: text.to_owned(), why }, span)
        })?;
        // Zero has one sign.
        Ok(if is_negative && !number.is_zero() { -number } else { number })
    }

    fn currency(&self, text: &str, span: Span) -> Result<Literal> {
        let (code, amount) = text.split_at_checked(3).unwrap_or((text, ""));
        Ok(Literal::Currency(code.to_ascii_uppercase(), self.decimal(amount, false, span)?))
    }

    fn date_literal(&mut self, text: &str, takes_number: bool, span: Span) -> Result<Literal> {
        self.at += 1;
        let name = text.to_ascii_uppercase();
        let bad = |why| ParseErrorKind::BadDate { text: text.to_owned(), why };
        if !takes_number {
            return Ok(Literal::DateLiteral(DateLiteral { name, n: None }));
        }
        if !self.eat(Kind::Colon) {
            return Err(self.error(bad("this date literal needs a colon and a number, such as LAST_N_DAYS:7"), span));
        }
        let number = self.expect(Kind::Number, "a whole number after the colon")?;
        let digits = self.source.get(number.start..number.end).unwrap_or_default();
        match digits.parse() {
            Ok(n) => Ok(Literal::DateLiteral(DateLiteral { name, n: Some(n) })),
            Err(_) => Err(self.error(bad("its number must be whole and below 2^32"), number)),
        }
    }

    fn temporal(&self, text: &str, span: Span) -> Result<Literal> {
        read_temporal(text).map_err(|why| self.error(ParseErrorKind::BadDate { text: text.to_owned(), why }, span))
    }

    fn unescape(&self, token: Token, is_pattern: bool) -> Result<String> {
        let raw = self.text(token);
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        let mut out = String::with_capacity(inner.len());
        let mut rest = inner;
        while let Some(at) = rest.find('\\') {
            let (before, escape) = rest.split_at(at);
            out.push_str(before);
            match unescape_one(escape, is_pattern, &mut out) {
                Some(length) => rest = escape.get(length..).unwrap_or_default(),
                None => {
                    let start = token.span.start + 1 + (inner.len() - escape.len());
                    let shown = if escape.starts_with("\\u") || escape.starts_with("\\U") { 6 } else { 2 };
                    let sequence: String = escape.chars().take(shown).collect();
                    let span = Span { start, end: start + sequence.len() };
                    return Err(self.error(ParseErrorKind::BadEscape { sequence }, span));
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Reads one escape at the start of `text` and says how many bytes it took.
fn unescape_one(text: &str, is_pattern: bool, out: &mut String) -> Option<usize> {
    let letter = text.as_bytes().get(1)?;
    let plain = match letter {
        b'n' | b'N' => '\n',
        b'r' | b'R' => '\r',
        b't' | b'T' => '\t',
        b'b' | b'B' => '\u{8}',
        b'f' | b'F' => '\u{c}',
        b'\'' => '\'',
        b'"' => '"',
        b'\\' | b'_' | b'%' if is_pattern => {
            out.push('\\');
            char::from(*letter)
        }
        b'\\' => '\\',
        b'u' | b'U' => return unescape_unicode(text, out),
        _ => return None,
    };
    out.push(plain);
    Some(2)
}

/// `\uXXXX`, or two of them for a character beyond the basic plane.
fn unescape_unicode(text: &str, out: &mut String) -> Option<usize> {
    let first = utf16_unit(text)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        out.push(c);
        return Some(6);
    }
    let second = utf16_unit(text.get(6..)?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    out.push(c);
    Some(12)
}

fn utf16_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u").or_else(|| text.strip_prefix("\\U"))?.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

/// A date, datetime or time, checked against the calendar and the range of SOQL.
fn read_temporal(text: &str) -> Result<Literal, &'static str> {
    if text.as_bytes().get(2) == Some(&b':') {
        let (time, offset) = read_time(text)?;
        let utc = time.wrapping_sub(offset);
        return Ok(Literal::Time(utc));
    }
    let (date, rest) = text.split_at_checked(10).ok_or("a date is written YYYY-MM-DD")?;
    let date = read_date(date)?;
    if rest.is_empty() {
        check_date(date)?;
        return Ok(Literal::Date(date));
    }
    let rest = rest.strip_prefix(['T', 't']).ok_or("T stands between the date and the time")?;
    let (time, offset) = read_time(rest)?;
    let utc = DateTime::from_parts(date, time).checked_sub(offset).map_err(|_| OUT_OF_RANGE)?;
    let instant = jiff::tz::Offset::UTC.to_timestamp(utc).map_err(|_| OUT_OF_RANGE)?;
    check_instant(instant)?;
    Ok(Literal::DateTime(instant))
}

const OUT_OF_RANGE: &str = "dates go from 1700-01-01 to 4000-12-31";

pub(crate) fn check_date(date: Date) -> Result<(), &'static str> {
    if (FIRST_DATE..=LAST_DATE).contains(&date) { Ok(()) } else { Err(OUT_OF_RANGE) }
}

pub(crate) fn check_instant(instant: Timestamp) -> Result<(), &'static str> {
    let midnight = |date: Date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| OUT_OF_RANGE);
    let earliest = midnight(FIRST_DATE)? - ZONE_SHIFT;
    let latest = midnight(LAST_DATE)? + ZONE_SHIFT;
    if (earliest..=latest).contains(&instant) { Ok(()) } else { Err(OUT_OF_RANGE) }
}

fn read_date(text: &str) -> Result<Date, &'static str> {
    let wrong = "a date is written YYYY-MM-DD";
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return Err(wrong);
    }
    let year = digits(text.get(..4)).ok_or(wrong)?;
    let month = digits(text.get(5..7)).ok_or(wrong)?;
    let day = digits(text.get(8..10)).ok_or(wrong)?;
    Date::new(year, month, day).map_err(|_| "no such day")
}

/// `03:04:05`, an optional fraction, and the offset from UTC, which must be there.
fn read_time(text: &str) -> Result<(Time, SignedDuration), &'static str> {
    let wrong = "a time is written HH:MM:SS, with a fraction or without, then Z or an offset such as +01:00";
    let bytes = text.as_bytes();
    if bytes.get(2) != Some(&b':') || bytes.get(5) != Some(&b':') {
        return Err(wrong);
    }
    let hour = digits(text.get(..2)).ok_or(wrong)?;
    let minute = digits(text.get(3..5)).ok_or(wrong)?;
    let second = digits(text.get(6..8)).ok_or(wrong)?;
    let mut rest = text.get(8..).ok_or(wrong)?;
    let mut nanosecond = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = fraction.split_at(length);
        if length == 0 {
            return Err(wrong);
        }
        if length > 9 {
            return Err("a second has at most nine decimals");
        }
        nanosecond = format!("{digits:0<9}").parse().map_err(|_| wrong)?;
        rest = after;
    }
    let time = Time::new(hour, minute, second, nanosecond).map_err(|_| "no such time of day")?;
    Ok((time, read_offset(rest).ok_or(wrong)?))
}

/// `Z`, `+01:00` or `+0100`.
fn read_offset(text: &str) -> Option<SignedDuration> {
    if matches!(text, "Z" | "z") {
        return Some(SignedDuration::ZERO);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let minutes = match rest.len() {
        5 if rest.as_bytes().get(2) == Some(&b':') => rest.get(3..),
        4 => rest.get(2..),
        _ => None,
    };
    let hours: i64 = digits(rest.get(..2))?;
    let minutes: i64 = digits(minutes)?;
    if hours > 18 || minutes > 59 {
        return None;
    }
    Some(SignedDuration::from_mins(sign * (hours * 60 + minutes)))
}

/// Digits and nothing else, as a small number.
fn digits<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}
