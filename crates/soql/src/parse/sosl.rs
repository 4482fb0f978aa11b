//! SOSL: the text between the braces by an eye of its own, the rest with the parser of SOQL.

use super::{MAX_LENGTH, MAX_NESTING, Parser, Result, checked_length};
use crate::ast::{Lookup, Span};
use crate::error::{ParseError, ParseErrorKind};
use crate::lex::{Kind, tokens_from};
use crate::sosl::{FieldGroup, Returning, Search, SearchExpr, SearchWith};

/// Characters between the braces beyond which operators mean nothing any more (documented).
const OPERATORS_LENGTH_MAX: usize = 4_000;
/// Characters that separate words unless a backslash stands before them; the others of SOSL's reserved characters
/// have a meaning.
const SEPARATORS: &[char] = &['&', '|', '!', '[', ']', '^', '~', ':', '+', '-', '\''];

/// Parses one `FIND` statement.
///
/// # Errors
///
/// A [`ParseError`] with the place of the first fault.
///
/// ```
/// let search = tidegate_soql::parse_sosl("FIND {joe AND NOT jim} IN NAME FIELDS RETURNING Lead(Name)")?;
/// assert_eq!(search.returning[0].object.text, "Lead");
///
/// let error = tidegate_soql::parse_sosl("FIND joe").unwrap_err();
/// assert_eq!(error.column(), 6);
/// # Ok::<(), tidegate_soql::ParseError>(())
/// ```
pub fn parse_sosl(source: &str) -> Result<Search, ParseError> {
    checked_length(source)?;
    let at = |text: &str| source.len() - text.len();
    let rest = source.trim_start();
    let start = at(rest);
    let fail = |kind, start: usize, end: usize| Err(ParseError::new(kind, Span { start, end }, source));
    let word_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(word_end);
    if !word.eq_ignore_ascii_case("FIND") {
        let expected = "FIND".to_owned();
        return match source.get(start..).and_then(|text| text.split_whitespace().next()) {
            None => fail(ParseErrorKind::UnexpectedEnd { expected }, source.len(), source.len()),
            Some(found) => {
                let kind = ParseErrorKind::UnexpectedToken { found: found.to_owned(), expected };
                fail(kind, start, start + found.len())
            }
        };
    }
    let rest = rest.trim_start();
    let open = at(rest);
    let Some(inner) = rest.strip_prefix('{') else {
        let why = "the search text stands in braces: FIND {text}";
        let length = rest.chars().next().map_or(0, char::len_utf8);
        return fail(ParseErrorKind::BadSearch { why }, open, open + length);
    };
    let Some(length) = closing_brace(inner) else {
        return fail(ParseErrorKind::BadSearch { why: "the closing brace is missing" }, open, open + 1);
    };
    let find_span = Span { start: open + 1, end: open + 1 + length };
    let find = SearchText::new(source, find_span).parse()?;
    let tokens = tokens_from(source, find_span.end + 1)?;
    let mut parser = Parser { source, tokens, at: 0, nesting: 0, queries: 0, in_having: false };
    let mut search = parser.search_clauses(find, find_span)?;
    search.span.start = start;
    if parser.peek().is_some() {
        return Err(parser.unexpected("the end of the search"));
    }
    Ok(search)
}

/// Where the brace is that ends the search text: the first without a backslash before it.
fn closing_brace(inner: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '}' => return Some(at),
            _ => {}
        }
    }
    None
}

impl Parser<'_> {
    fn search_clauses(&mut self, find: SearchExpr, find_span: Span) -> Result<Search> {
        let group = if self.eat_word("IN") { Some(self.field_group()?) } else { None };
        let returning = if self.eat_word("RETURNING") { self.list(Self::returning)? } else { Vec::new() };
        let mut with = Vec::new();
        while self.eat_word("WITH") {
            with.push(self.search_with()?);
        }
        let using = if self.eat_word("USING") {
            let name = self.name("PHRASE or ADVANCED")?;
            self.expect_word("SEARCH")?;
            Some(name)
        } else {
            None
        };
        let limit = if self.eat_word("LIMIT") { Some(self.count("a number after LIMIT")?) } else { None };
        let update = if self.eat_word("UPDATE") { self.list(Self::update_clause)? } else { Vec::new() };
        Ok(Search { find, find_span, group, returning, with, using, limit, update, span: self.since(find_span.start) })
    }

    fn field_group(&mut self) -> Result<FieldGroup> {
        let groups = [
            ("ALL", FieldGroup::All),
            ("NAME", FieldGroup::Name),
            ("EMAIL", FieldGroup::Email),
            ("PHONE", FieldGroup::Phone),
            ("SIDEBAR", FieldGroup::Sidebar),
        ];
        for (word, group) in groups {
            if self.eat_words(word, "FIELDS") {
                return Ok(group);
            }
        }
        Err(self.unexpected("ALL FIELDS, NAME FIELDS, EMAIL FIELDS, PHONE FIELDS or SIDEBAR FIELDS"))
    }

    fn returning(&mut self) -> Result<Returning> {
        let start = self.here();
        let object = self.name("an object name")?;
        let mut returning = Returning {
            object,
            select: Vec::new(),
            list_view: None,
            lookup: None,
            condition: None,
            order_by: Vec::new(),
            limit: None,
            offset: None,
            span: Span::default(),
        };
        if self.eat(Kind::LeftParen) {
            returning.select = self.list(Self::search_item)?;
            if self.eat_word("USING") {
                if self.eat_word("LOOKUP") {
                    let field = self.lookup_field()?;
                    returning.lookup = Some(Lookup { field, binds: self.binds()? });
                } else {
                    self.expect_word("ListView")?;
                    self.expect(Kind::Eq, "=")?;
                    returning.list_view = Some(self.name("the name of a list view")?);
                }
            }
            if self.eat_word("WHERE") {
                returning.condition = Some(self.condition()?);
            }
            if self.eat_words("ORDER", "BY") {
                returning.order_by = self.list(Self::order_item)?;
            }
            if self.eat_word("LIMIT") {
                returning.limit = Some(self.count("a number after LIMIT")?);
            }
            if self.eat_word("OFFSET") {
                returning.offset = Some(self.count("a number after OFFSET")?);
            }
            self.expect(Kind::RightParen, ", or )")?;
        }
        returning.span = self.since(start);
        Ok(returning)
    }

    fn search_with(&mut self) -> Result<SearchWith> {
        if self.eat_words("DATA", "CATEGORY") {
            return self.data_categories().map(SearchWith::DataCategory);
        }
        if self.eat_word("HIGHLIGHT") {
            return Ok(SearchWith::Highlight);
        }
        if self.eat_word("SNIPPET") {
            if !self.eat(Kind::LeftParen) {
                return Ok(SearchWith::Snippet(None));
            }
            self.expect_word("target_length")?;
            self.expect(Kind::Eq, "=")?;
            let length = match self.count("a number of characters")? {
                crate::ast::Count::Number(length, _) => length,
                crate::ast::Count::Bind(_) => return Err(self.unexpected("a number of characters")),
            };
            self.expect(Kind::RightParen, ")")?;
            return Ok(SearchWith::Snippet(Some(length)));
        }
        if self.eat_word("NETWORK") {
            if self.eat_word("IN") {
                self.expect(Kind::LeftParen, "(")?;
                let ids = self.list(Self::quoted)?;
                self.expect(Kind::RightParen, ", or )")?;
                return Ok(SearchWith::Network(ids, true));
            }
            self.expect(Kind::Eq, "= or IN")?;
            return Ok(SearchWith::Network(vec![self.quoted()?], false));
        }
        for (word, wrap) in [
            ("DIVISION", SearchWith::Division as fn(_) -> _),
            ("METADATA", SearchWith::Metadata),
            ("PricebookId", SearchWith::PricebookId),
        ] {
            if self.eat_word(word) {
                self.expect(Kind::Eq, "=")?;
                return self.quoted().map(wrap);
            }
        }
        if self.eat_word("SPELL_CORRECTION") {
            self.expect(Kind::Eq, "=")?;
            let on = self.is_word(0, "TRUE");
            if !on && !self.is_word(0, "FALSE") {
                return Err(self.unexpected("true or false"));
            }
            self.at += 1;
            return Ok(SearchWith::SpellCorrection(on));
        }
        let expected =
            "DATA CATEGORY, DIVISION, HIGHLIGHT, METADATA, NETWORK, PricebookId, SNIPPET or SPELL_CORRECTION";
        Err(self.unexpected(expected))
    }

    fn quoted(&mut self) -> Result<String> {
        match self.peek() {
            Some(token) if token.kind == Kind::String => match self.value(false)?.literal {
                crate::ast::Literal::String(text) => Ok(text),
                _ => Err(self.unexpected("a string")),
            },
            _ => Err(self.unexpected("a string")),
        }
    }
}

/// The text between the braces.
struct SearchText<'a> {
    source: &'a str,
    at: usize,
    end: usize,
    nesting: usize,
}

/// A piece of the search text.
enum Piece {
    Word(String),
    Phrase(String),
    Open,
    Close,
    End,
}

impl<'a> SearchText<'a> {
    fn new(source: &'a str, span: Span) -> Self {
        Self { source, at: span.start, end: span.end, nesting: 0 }
    }

    fn parse(mut self) -> Result<SearchExpr> {
        let text = self.rest();
        if text.len() > OPERATORS_LENGTH_MAX && text.chars().count() > OPERATORS_LENGTH_MAX {
            return self.without_operators();
        }
        let expr = self.either()?;
        match self.peek()? {
            Piece::End => Ok(expr),
            _ => self.fail("an opening parenthesis is missing"),
        }
    }

    /// A long text is a heap of words.
    fn without_operators(mut self) -> Result<SearchExpr> {
        let mut words = Vec::new();
        loop {
            match self.next()? {
                Piece::End => break,
                Piece::Word(word) if is_operator(&word) => {}
                Piece::Word(word) => words.push(SearchExpr::Word(word)),
                Piece::Phrase(text) => words.push(SearchExpr::Phrase(text)),
                Piece::Open | Piece::Close => {}
            }
        }
        self.joined(words, SearchExpr::And)
    }

    fn joined(&self, mut all: Vec<SearchExpr>, wrap: fn(Vec<SearchExpr>) -> SearchExpr) -> Result<SearchExpr> {
        match all.len() {
            0 => self.fail("nothing is searched for"),
            1 => all.pop().map_or_else(|| self.fail("nothing is searched for"), Ok),
            _ => Ok(wrap(all)),
        }
    }

    /// OR binds least.
    fn either(&mut self) -> Result<SearchExpr> {
        let mut all = vec![self.together()?];
        while self.eat_operator("OR")? {
            all.push(self.together()?);
        }
        self.joined(all, SearchExpr::Or)
    }

    /// AND, AND NOT, and words side by side.
    fn together(&mut self) -> Result<SearchExpr> {
        let mut all = vec![self.term()?];
        loop {
            if self.eat_operator("AND")? {
                let before = self.at;
                if self.eat_operator("NOT")? && !matches!(self.peek()?, Piece::End | Piece::Close) {
                    all.push(SearchExpr::Not(Box::new(self.term()?)));
                } else {
                    self.at = before;
                    all.push(self.term()?);
                }
                continue;
            }
            match self.peek()? {
                Piece::Word(word) if word.eq_ignore_ascii_case("OR") => break,
                Piece::Word(_) | Piece::Phrase(_) | Piece::Open => all.push(self.term()?),
                Piece::Close | Piece::End => break,
            }
        }
        self.joined(all, SearchExpr::And)
    }

    fn term(&mut self) -> Result<SearchExpr> {
        match self.next()? {
            // Where a term must stand, a word of the grammar is a word: printed in quotes, so that it stays one.
            Piece::Word(word) if is_operator(&word) => Ok(SearchExpr::Phrase(word)),
            Piece::Word(word) => Ok(SearchExpr::Word(word)),
            Piece::Phrase(text) => Ok(SearchExpr::Phrase(text)),
            Piece::Open => {
                if self.nesting == MAX_NESTING {
                    let kind = ParseErrorKind::TooDeep { limit: MAX_NESTING };
                    return Err(ParseError::new(kind, Span { start: self.at, end: self.at }, self.source));
                }
                self.nesting += 1;
                let inner = self.either()?;
                self.nesting -= 1;
                match self.next()? {
                    Piece::Close => Ok(inner),
                    _ => self.fail("a closing parenthesis is missing"),
                }
            }
            Piece::Close => self.fail("a word is expected before this parenthesis"),
            Piece::End => self.fail("a word is expected here"),
        }
    }

    fn eat_operator(&mut self, operator: &str) -> Result<bool> {
        let before = self.at;
        match self.next()? {
            Piece::Word(word) if word.eq_ignore_ascii_case(operator) => Ok(true),
            _ => {
                self.at = before;
                Ok(false)
            }
        }
    }

    fn peek(&mut self) -> Result<Piece> {
        let before = self.at;
        let piece = self.next();
        self.at = before;
        piece
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..self.end).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Piece> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || SEPARATORS.contains(&c)).len();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Piece::End) };
        match first {
            '(' | ')' => {
                self.at += 1;
                Ok(if first == '(' { Piece::Open } else { Piece::Close })
            }
            '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let Some(length) = run(inner, |c| c == '"') else {
                    return self.fail("a phrase has no closing quote");
                };
                let text = inner.get(..length).unwrap_or_default().to_owned();
                self.at += length + 2;
                Ok(Piece::Phrase(text))
            }
            '{' => self.fail(r"a brace in the search text needs a backslash: \{"),
            _ => {
                let ends = |c: char| c.is_whitespace() || SEPARATORS.contains(&c) || matches!(c, '(' | ')' | '"' | '{');
                let length = run(rest, ends).unwrap_or(rest.len());
                let text = rest.get(..length).unwrap_or_default().to_owned();
                self.at += length;
                Ok(Piece::Word(text))
            }
        }
    }

    fn fail<T>(&self, why: &'static str) -> Result<T> {
        let span = Span { start: self.at, end: self.at };
        Err(ParseError::new(ParseErrorKind::BadSearch { why }, span, self.source))
    }
}

/// Bytes before the first character that ends the run and has no backslash before it.
fn run(text: &str, ends: impl Fn(char) -> bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if ends(c) => return Some(at),
            _ => {}
        }
    }
    None
}

fn is_operator(word: &str) -> bool {
    ["AND", "OR", "NOT"].iter().any(|operator| operator.eq_ignore_ascii_case(word))
}

const _: () = assert!(OPERATORS_LENGTH_MAX < MAX_LENGTH);
