//! Text into tokens. A token knows its bytes; what it means is the parser's work.

use crate::ast::Span;
use crate::error::{ParseError, ParseErrorKind};

/// What a token is; its text is the source under its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name.
    Word,
    /// `12`, `1.5`, `.5`; unsigned.
    Number,
    /// `USD5.25`: a currency amount that cannot be a name. (`USD5` is a [`Kind::Word`], since it can.)
    Currency,
    /// Digits with dashes or colons: a date, datetime or time, not yet judged.
    Temporal,
    /// A quoted string, quotes included, escapes not yet judged.
    String,
    LeftParen,
    RightParen,
    Comma,
    Dot,
    Colon,
    Plus,
    Minus,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// A piece of the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// Cuts the whole text into tokens.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, ParseError> {
    tokens_from(source, 0)
}

/// Cuts the text from this byte on into tokens.
pub(crate) fn tokens_from(source: &str, at: usize) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { source, at };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        // No token holds a NUL outside a string, so it can stand for the end.
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// How many bytes from `ahead` on satisfy `is`.
    fn run(&self, ahead: usize, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.source.as_bytes().get(self.at + ahead..).unwrap_or_default();
        rest.iter().take_while(|byte| is(**byte)).count()
    }

    fn error(&self, kind: ParseErrorKind, length: usize) -> ParseError {
        let span = Span { start: self.at, end: self.at + length };
        ParseError::new(kind, span, self.source)
    }

    fn next(&mut self) -> Result<Option<Token>, ParseError> {
        self.at += self.run(0, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c));
        let Some(first) = self.source.as_bytes().get(self.at).copied() else { return Ok(None) };
        let (kind, length) = match first {
            b'(' => (Kind::LeftParen, 1),
            b')' => (Kind::RightParen, 1),
            b',' => (Kind::Comma, 1),
            b':' => (Kind::Colon, 1),
            b'+' => (Kind::Plus, 1),
            b'-' => (Kind::Minus, 1),
            b'=' => (Kind::Eq, 1),
            b'!' if self.byte(1) == b'=' => (Kind::Ne, 2),
            b'<' => match self.byte(1) {
                b'=' => (Kind::Le, 2),
                b'>' => (Kind::Ne, 2),
                _ => (Kind::Lt, 1),
            },
            b'>' if self.byte(1) == b'=' => (Kind::Ge, 2),
            b'>' => (Kind::Gt, 1),
            b'\'' => (Kind::String, self.string()?),
            b'0'..=b'9' => self.number()?,
            b'.' if self.byte(1).is_ascii_digit() => self.number()?,
            b'.' => (Kind::Dot, 1),
            b'A'..=b'Z' | b'a'..=b'z' => self.word(),
            _ => {
                let found = self.source.get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
                return Err(self.error(ParseErrorKind::UnexpectedCharacter { found }, found.len_utf8()));
            }
        };
        let span = Span { start: self.at, end: self.at + length };
        self.at += length;
        Ok(Some(Token { kind, span }))
    }

    fn string(&self) -> Result<usize, ParseError> {
        let mut length = 1;
        loop {
            match self.source.as_bytes().get(self.at + length) {
                Some(b'\'') => return Ok(length + 1),
                // The character after a backslash is judged later; here it only must not end the string. A first byte
                // of a longer character is enough to skip: its other bytes are no quote.
                Some(b'\\') => length += 2,
                None | Some(b'\n' | b'\r') => {
                    let length = length.min(self.source.len() - self.at);
                    return Err(self.error(ParseErrorKind::UnterminatedString, length));
                }
                Some(_) => length += 1,
            }
        }
    }

    fn number(&self) -> Result<(Kind, usize), ParseError> {
        let digits = self.run(0, |byte| byte.is_ascii_digit());
        let next = self.byte(digits);
        let is_date = digits == 4 && next == b'-' && self.byte(digits + 1).is_ascii_digit();
        let is_time = digits == 2 && next == b':' && self.byte(digits + 1).is_ascii_digit();
        if is_date || is_time {
            return Ok((Kind::Temporal, self.temporal()));
        }
        let mut length = digits;
        if next == b'.' && self.byte(digits + 1).is_ascii_digit() {
            length += 1 + self.run(digits + 1, |byte| byte.is_ascii_digit());
        }
        let tail = self.run(length, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if tail > 0 {
            let text = self.source.get(self.at..self.at + length + tail).unwrap_or_default().to_owned();
            let why = if matches!(self.byte(length), b'e' | b'E') {
                "SOQL numbers have no exponent"
            } else {
                "a letter follows the digits"
            };
            return Err(self.error(ParseErrorKind::BadNumber { text, why }, length + tail));
        }
        Ok((Kind::Number, length))
    }

    /// A date or time goes on while its characters do; a sign belongs to it only in a date or before an offset.
    fn temporal(&self) -> usize {
        self.run(0, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'+'))
    }

    fn word(&self) -> (Kind, usize) {
        let length = self.run(0, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let text = self.source.get(self.at..self.at + length).unwrap_or_default();
        let fraction = self.run(length + 1, |byte| byte.is_ascii_digit());
        if self.byte(length) == b'.' && fraction > 0 && is_currency(text) {
            return (Kind::Currency, length + 1 + fraction);
        }
        (Kind::Word, length)
    }
}

/// Three letters, then digits only: `USD5000`.
pub(crate) fn is_currency(text: &str) -> bool {
    let (Some(code), Some(amount)) = (text.get(..3), text.get(3..)) else { return false };
    code.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !amount.is_empty()
        && amount.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<Kind> {
        tokens(source).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn tokens_are_cut_where_they_end() {
        assert_eq!(kinds("a.b>=-1.5"), [Kind::Word, Kind::Dot, Kind::Word, Kind::Ge, Kind::Minus, Kind::Number]);
        assert_eq!(kinds("2026-01-02 03:04:05Z"), [Kind::Temporal, Kind::Temporal]);
        assert_eq!(kinds("USD5.25 USD5 ABCD5"), [Kind::Currency, Kind::Word, Kind::Word]);
        assert_eq!(kinds(r"'it\'s' ''"), [Kind::String, Kind::String]);
        assert_eq!(kinds("<><=<>"), [Kind::Ne, Kind::Le, Kind::Ne]);
        assert_eq!(kinds(" \t\r\n"), []);
    }

    #[test]
    fn what_begins_no_token_is_refused() {
        for source in ["é", "a ; b", "\"x\"", "!", "'x", "'x\n'", "'x\\", "'\\é", "12ab", "1e3", "\0", "a\u{a0}b"] {
            assert!(tokens(source).is_err(), "{source:?}");
        }
    }
}
