//! Text into a tree: recursive descent with a bound on depth.
//!
//! The parser judges syntax. What needs a describe (do the field and the relationship exist, is the function known to
//! the type) is its reader's work, and what is syntax but unwise or refused by an API is [`lint_text`](crate::lint_text)'s.

mod condition;
mod query;
mod select;
mod sosl;
mod value;

pub use sosl::parse_sosl;
pub(crate) use value::{check_date, check_instant};

use crate::ast::{Name, Query, Span};
use crate::error::{ParseError, ParseErrorKind};
use crate::keywords::is_reserved;
use crate::lex::{Kind, Token, tokens};

/// The longest statement, in characters (documented limit).
pub const MAX_LENGTH: usize = 100_000;

/// How deep parentheses and functions may nest.
pub(crate) const MAX_NESTING: usize = 64;

/// How deep queries may nest. Salesforce allows 5 levels; the bound here only protects the stack.
pub(crate) const MAX_QUERY_NESTING: usize = 16;

/// Parses one statement.
///
/// # Errors
///
/// A [`ParseError`] with the place of the first fault.
///
/// ```
/// let query = tidegate_soql::parse("select Id from Account where Name like 'A%' limit 10")?;
/// assert_eq!(query.to_string(), "SELECT Id FROM Account WHERE Name LIKE 'A%' LIMIT 10");
///
/// let error = tidegate_soql::parse("SELECT Id FRM Account").unwrap_err();
/// assert_eq!((error.row(), error.column()), (1, 15));
/// # Ok::<(), tidegate_soql::ParseError>(())
/// ```
pub fn parse(source: &str) -> Result<Query, ParseError> {
    checked_length(source)?;
    let mut parser = Parser { source, tokens: tokens(source)?, at: 0, nesting: 0, queries: 0, in_having: false };
    let query = parser.query()?;
    if parser.peek().is_some() {
        return Err(parser.unexpected("the end of the query"));
    }
    Ok(query)
}

/// Refuses a text that is too long.
fn checked_length(source: &str) -> Result<()> {
    // A character has at least one byte, so short texts need no counting.
    if source.len() > MAX_LENGTH {
        let characters = source.chars().count();
        if characters > MAX_LENGTH {
            let kind = ParseErrorKind::TooLong { characters };
            return Err(ParseError::new(kind, Span::default(), source));
        }
    }
    Ok(())
}

pub(crate) struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    queries: usize,
    in_having: bool,
}

type Result<T, E = ParseError> = std::result::Result<T, E>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<Token> {
        self.tokens.get(self.at + ahead).copied()
    }

    fn text(&self, token: Token) -> &'a str {
        self.source.get(token.span.start..token.span.end).unwrap_or_default()
    }

    fn is_kind(&self, ahead: usize, kind: Kind) -> bool {
        self.peek_at(ahead).is_some_and(|token| token.kind == kind)
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        self.peek_at(ahead).is_some_and(|token| token.kind == Kind::Word && self.text(token).eq_ignore_ascii_case(word))
    }

    fn advance(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    fn eat(&mut self, kind: Kind) -> bool {
        let is = self.is_kind(0, kind);
        if is {
            self.at += 1;
        }
        is
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is = self.is_word(0, word);
        if is {
            self.at += 1;
        }
        is
    }

    /// Two keywords together, or neither.
    fn eat_words(&mut self, first: &str, second: &str) -> bool {
        let are = self.is_word(0, first) && self.is_word(1, second);
        if are {
            self.at += 2;
        }
        are
    }

    fn expect(&mut self, kind: Kind, expected: &str) -> Result<Span> {
        match self.peek() {
            Some(token) if token.kind == kind => {
                self.at += 1;
                Ok(token.span)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<Span> {
        match self.peek() {
            Some(token) if self.is_word(0, word) => {
                self.at += 1;
                Ok(token.span)
            }
            _ => Err(self.unexpected(word)),
        }
    }

    /// The error for the token at hand.
    fn unexpected(&self, expected: &str) -> ParseError {
        let expected = expected.to_owned();
        match self.peek() {
            Some(token) => {
                let found = self.text(token).to_owned();
                self.error(ParseErrorKind::UnexpectedToken { found, expected }, token.span)
            }
            None => {
                let end = Span { start: self.source.len(), end: self.source.len() };
                self.error(ParseErrorKind::UnexpectedEnd { expected }, end)
            }
        }
    }

    fn error(&self, kind: ParseErrorKind, span: Span) -> ParseError {
        ParseError::new(kind, span, self.source)
    }

    fn not_allowed<T>(&self, what: &'static str, place: &'static str, span: Span) -> Result<T> {
        Err(self.error(ParseErrorKind::NotAllowed { what, place }, span))
    }

    /// The bytes from a start to the end of the last token read.
    fn since(&self, start: usize) -> Span {
        let end = self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.span.end);
        Span { start, end: end.max(start) }
    }

    /// Where the next token starts.
    fn here(&self) -> usize {
        self.peek().map_or(self.source.len(), |token| token.span.start)
    }

    /// Runs `inner` one level of parentheses deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting == MAX_NESTING {
            let span = self.peek().map_or_else(Span::default, |token| token.span);
            return Err(self.error(ParseErrorKind::TooDeep { limit: MAX_NESTING }, span));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Whether the word at hand can be a name.
    fn is_name(&self, ahead: usize) -> bool {
        self.peek_at(ahead).is_some_and(|token| token.kind == Kind::Word && !is_reserved(self.text(token)))
    }

    fn name(&mut self, expected: &str) -> Result<Name> {
        match self.peek() {
            Some(token) if self.is_name(0) => {
                self.at += 1;
                Ok(Name { text: self.text(token).to_owned(), span: token.span })
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// `item {, item}`
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(Kind::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod sosl_tests;
#[cfg(test)]
mod tests;
