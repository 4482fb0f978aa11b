//! Text. Characters are counted as Unicode's, not as bytes.

use std::borrow::Cow;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::eval::{Computed, Failure};
use super::function::Function;
use super::types::Val;
use crate::RecordId;

/// Longest text that a part of a formula may become, characters; a bound of this org's memory, not of Salesforce.
const TEXT_MAX: usize = 32_768;
/// Largest compiled regular expression, bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A value as text where text is wanted; no value is empty text.
pub(super) fn of(value: &Val) -> Cow<'_, str> {
    match value {
        Val::Text(text) => Cow::Borrowed(text),
        Val::Number(number) => Cow::Owned(number.normalize().to_string()),
        Val::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
        Val::Date(date) => Cow::Owned(date.to_string()),
        Val::DateTime(ms) => Cow::Owned(instant(*ms)),
        Val::Time(ms) => Cow::Owned(time(*ms)),
        Val::Null | Val::Geo(..) => Cow::Borrowed(""),
    }
}

/// `2026-01-31 13:14:15Z`, as `TEXT` writes an instant.
fn instant(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `13:14:15.123`, as `TEXT` writes a time.
fn time(ms: i64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

/// A pattern that has to match the whole text, as Java's `matches`; patterns that only Java knows are refused.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => "The regular expression is too big.".to_owned(),
            _ => {
                "The regular expression cannot be used: look-around, back references and possessive quantifiers are not \
                 emulated, and anything else must be valid."
                    .to_owned()
            }
        })
}

/// The functions of text; `None` for any other.
pub(super) fn call(function: Function, values: &[Val]) -> Option<Computed> {
    use Function as F;
    let arg = |at: usize| values.get(at).map_or(Cow::Borrowed(""), of);
    let text = |text: String| Ok(Val::Text(text));
    let number = |n: usize| Ok(Val::Number(Decimal::from(n)));
    // How many characters; no value means no result.
    let count = |at: usize| match values.get(at) {
        Some(Val::Number(n)) => Some(n.trunc().to_i64().map_or(0, |n| n.max(0)) as usize),
        _ => None,
    };
    Some(match function {
        F::Ascii => match arg(0).chars().next() {
            Some(c) => number(c as usize),
            None => Ok(Val::Null),
        },
        F::Chr => match values.first() {
            Some(Val::Number(n)) => {
                let found = n.trunc().to_u32().filter(|n| *n > 0).and_then(char::from_u32);
                Ok(found.map_or(Val::Null, |c| Val::Text(c.to_string())))
            }
            _ => Ok(Val::Null),
        },
        F::Begins => Ok(Val::Bool(arg(0).starts_with(arg(1).as_ref()))),
        F::Contains => Ok(Val::Bool(arg(0).contains(arg(1).as_ref()))),
        F::Br => text("<br>".to_owned()),
        F::CaseSafeId => match RecordId::parse(arg(0).trim()) {
            Some(id) => text(id.to_string()),
            None if arg(0).is_empty() => Ok(Val::Null),
            None => Err(Failure),
        },
        F::Find => match values.get(2) {
            Some(Val::Null) => Ok(Val::Null),
            _ => number(find(&arg(0), &arg(1), count(2).unwrap_or(1))),
        },
        F::HtmlEncode => text(html(&arg(0))),
        F::JsEncode => text(js(&arg(0))),
        F::JsInHtmlEncode => text(js(&html(&arg(0)))),
        F::UrlEncode => text(url(&arg(0))),
        F::Hyperlink => {
            let target = if values.len() > 2 { arg(2) } else { Cow::Borrowed("_blank") };
            text(format!(r#"<a href="{}" target="{}">{}</a>"#, html(&arg(0)), html(&target), html(&arg(1))))
        }
        F::Image => {
            let style = match (count(2), count(3)) {
                (Some(height), Some(width)) => format!(r#" style="height:{height}px; width:{width}px;""#),
                _ => String::new(),
            };
            text(format!(r#"<img src="{}" alt="{}"{style} border="0"/>"#, html(&arg(0)), html(&arg(1))))
        }
        F::Includes => Ok(Val::Bool(arg(0).split(';').any(|part| part == arg(1)))),
        F::PicklistCount => number(arg(0).split(';').filter(|part| !part.is_empty()).count()),
        F::IsPickVal => Ok(Val::Bool(arg(0) == arg(1))),
        F::IsBlank => Ok(Val::Bool(values.first().is_none_or(Val::is_blank))),
        F::IsNumber => Ok(Val::Bool(parse_number(&arg(0)).is_some())),
        F::InitCap => text(init_cap(&arg(0))),
        F::Left => match count(1) {
            Some(n) => text(arg(0).chars().take(n).collect()),
            None => Ok(Val::Null),
        },
        F::Right => match count(1) {
            Some(n) => {
                let all = arg(0);
                let skip = all.chars().count().saturating_sub(n);
                text(all.chars().skip(skip).collect())
            }
            None => Ok(Val::Null),
        },
        F::Mid => match (count(1), count(2)) {
            (Some(start), Some(n)) => text(arg(0).chars().skip(start.max(1) - 1).take(n).collect()),
            _ => Ok(Val::Null),
        },
        F::Len => number(arg(0).chars().count()),
        F::Lower => text(arg(0).to_lowercase()),
        F::Upper => text(arg(0).to_uppercase()),
        F::Lpad | F::Rpad => match count(1) {
            Some(n) if n > TEXT_MAX => Err(Failure),
            Some(n) => {
                let padding = if values.len() > 2 { arg(2) } else { Cow::Borrowed(" ") };
                text(pad(&arg(0), n, &padding, function == F::Lpad))
            }
            None => Ok(Val::Null),
        },
        F::Regex => match regex(&arg(1)) {
            Ok(pattern) => Ok(Val::Bool(pattern.is_match(&arg(0)))),
            Err(_) => Err(Failure),
        },
        F::Reverse => text(arg(0).chars().rev().collect()),
        F::Substitute => {
            let (all, old, new) = (arg(0), arg(1), arg(2));
            if old.is_empty() {
                return Some(text(all.into_owned()));
            }
            let grown = all.matches(old.as_ref()).count().saturating_mul(new.len());
            if grown > TEXT_MAX * 4 { Err(Failure) } else { text(all.replace(old.as_ref(), &new)) }
        }
        F::Text => match values.first() {
            Some(Val::Null) | None => Ok(Val::Null),
            Some(value) => text(of(value).into_owned()),
        },
        F::Trim => text(arg(0).trim_matches(|c: char| c.is_ascii_whitespace()).to_owned()),
        F::Value => match arg(0).trim() {
            "" => Ok(Val::Null),
            number => parse_number(number).map(Val::Number).ok_or(Failure),
        },
        _ => return None,
    })
}

fn parse_number(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let plain = text.strip_prefix('+').unwrap_or(text);
    if plain.starts_with(['+', '_']) || plain.contains('_') {
        return None;
    }
    if plain.contains(['e', 'E']) { Decimal::from_scientific(plain).ok() } else { plain.parse().ok() }
}

/// The place of the first from this place on, from 1; 0 where there is none.
fn find(wanted: &str, text: &str, start: usize) -> usize {
    if wanted.is_empty() || start == 0 {
        return 0;
    }
    let Some((from, _)) = text.char_indices().nth(start - 1) else { return 0 };
    let rest = text.get(from..).unwrap_or_default();
    rest.find(wanted).map_or(0, |at| start + rest.get(..at).unwrap_or_default().chars().count())
}

fn init_cap(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (c.is_alphanumeric(), inside) {
            (true, false) => out.extend(c.to_uppercase()),
            (true, true) => out.extend(c.to_lowercase()),
            _ => out.push(c),
        }
        inside = c.is_alphanumeric();
    }
    out
}

/// Exactly so many characters: longer text is cut.
fn pad(text: &str, length: usize, padding: &str, left: bool) -> String {
    let has = text.chars().count();
    if has >= length || padding.is_empty() {
        return text.chars().take(length).collect();
    }
    let filling: String = padding.chars().cycle().take(length - has).collect();
    if left { filling + text } else { text.to_owned() + &filling }
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' | '/' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            c => out.push(c),
        }
    }
    out
}

/// As a form encodes it: blanks become `+`.
fn url(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
