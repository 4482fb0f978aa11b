//! Why a text is no SOQL: a kind to match on, a place to point at, a sentence and a hint.

use crate::ast::Span;
use crate::draw::{Look, Source};
use crate::finding::Place;

/// A text that could not be parsed.
///
/// `Display` is one sentence; [`ParseError::render`] adds the line and a caret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (row {row}, column {column})")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The bytes at fault; empty at the end of the text.
    pub span: Span,
    row: usize,
    column: usize,
}

/// What is wrong with the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A token that the grammar does not allow here.
    #[error("unexpected token: '{found}', expected {expected}")]
    UnexpectedToken {
        /// The token as written.
        found: String,
        /// What may stand here.
        expected: String,
    },
    /// The text stops too early.
    #[error("the query ends too early, expected {expected}")]
    UnexpectedEnd {
        /// What may stand here.
        expected: String,
    },
    /// A character that begins no token.
    #[error("unexpected character: {found:?}")]
    UnexpectedCharacter {
        /// The character.
        found: char,
    },
    /// A string without its closing quote, or with a line break inside.
    #[error("this string has no closing quote on its line")]
    UnterminatedString,
    /// A backslash sequence that SOQL does not know.
    #[error("invalid escape in a string: {sequence}")]
    BadEscape {
        /// The sequence as written, with its backslash.
        sequence: String,
    },
    /// A number that is malformed, too long or of the wrong sort.
    #[error("invalid number '{text}': {why}")]
    BadNumber {
        /// As written.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A date, datetime, time or date literal that does not exist or is out of range.
    #[error("invalid date '{text}': {why}")]
    BadDate {
        /// As written.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than [`MAX_LENGTH`](crate::MAX_LENGTH) characters.
    #[error("the query has {characters} characters, the maximum is {}", crate::MAX_LENGTH)]
    TooLong {
        /// How many there are.
        characters: usize,
    },
    /// Parentheses, functions or sub-queries nested deeper than the parser follows.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The bound that was met.
        limit: usize,
    },
    /// `a AND b OR c` without parentheses.
    #[error("AND and OR are mixed without parentheses")]
    MixedAndOr,
    /// `NOT a AND b`, `a AND NOT b` without parentheses.
    #[error("NOT is combined with another condition without parentheses")]
    BareNot,
    /// The text between the braces of a search.
    #[error("{why}")]
    BadSearch {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something that is known to the grammar, but is not allowed in this place.
    #[error("{what} is not allowed {place}")]
    NotAllowed {
        /// What was written.
        what: &'static str,
        /// Where it may not stand.
        place: &'static str,
    },
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, span: Span, source: &str) -> ParseError {
        let Place { row, column } = Place::of(source, span.start);
        ParseError { kind, span, row, column }
    }

    /// The line, from 1.
    pub fn row(&self) -> usize {
        self.row
    }

    /// The character in the line, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What to do about it, where there is something better to say than the sentence.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.kind {
            ParseErrorKind::MixedAndOr => {
                "put parentheses around one side, such as `a AND (b OR c)`; SOQL has no precedence between them".into()
            }
            ParseErrorKind::BareNot => "put parentheses around NOT and its condition, such as `a AND (NOT b)`".into(),
            ParseErrorKind::BadEscape { .. } => {
                r#"the escapes are \' \" \\ \n \r \t \b \f \uXXXX, and after LIKE also \_ \%; write a backslash as \\"#
                    .into()
            }
            ParseErrorKind::UnterminatedString => {
                r"strings stand in single quotes; write ' inside as \' and a line break as \n".into()
            }
            ParseErrorKind::UnexpectedCharacter { found: '"' } => "strings stand in single quotes: 'text'".into(),
            ParseErrorKind::UnexpectedCharacter { found: ';' } => "a query has no semicolon at its end".into(),
            ParseErrorKind::UnexpectedCharacter { found: '*' } => {
                "name the fields, or write FIELDS(ALL) with a LIMIT of at most 200; SOQL has no SELECT *".into()
            }
            ParseErrorKind::UnexpectedCharacter { found: '/' } => "SOQL has no comments".into(),
            ParseErrorKind::BadDate { .. } => {
                "dates are 2026-01-02, datetimes 2026-01-02T03:04:05Z (in a URL a + must be sent as %2B), times \
                 03:04:05.000Z; all from the years 1700 to 4000, without quotes"
                    .into()
            }
            ParseErrorKind::TooLong { .. } => {
                "split long IN lists over several queries, or use a semi-join: IN (SELECT …)".into()
            }
            ParseErrorKind::UnexpectedToken { found, .. } if crate::is_reserved(found) => {
                format!("{} is a word of the grammar and cannot be a name here", found.to_ascii_uppercase())
            }
            _ => return None,
        })
    }

    /// The sentence, the line at fault with a caret under its column, and the hint, as [`Source::draw`] shows them.
    ///
    /// `source` is the text that was parsed.
    pub fn render(&self, source: &str) -> String {
        Source::new(source).draw(&self.finding(source), Look::default())
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;

    #[test]
    fn an_error_points_at_its_place_and_says_what_to_do() {
        let source = "SELECT Id\nFROM Account\nWHERE Näme = 1";
        let error = parse(source).unwrap_err();
        assert_eq!((error.row(), error.column()), (3, 8));

        let source = "SELECT Id FROM Account\r\n\tWHERE a = 1 AND b = 2 OR c = 3";
        let error = parse(source).unwrap_err();
        let drawn = error.render(source);
        assert!(
            drawn.starts_with("error[syntax]: AND and OR are mixed without parentheses\n --> query:2:24\n"),
            "{drawn}"
        );
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[3].find("OR"), lines[4].find("^^"), "{drawn}");
        assert!(drawn.ends_with("SOQL has no precedence between them"), "{drawn}");
    }

    #[test]
    fn a_fault_at_the_very_end_and_in_an_empty_text_has_a_caret_too() {
        let error = parse("SELECT Id").unwrap_err();
        assert_eq!(
            error.render("SELECT Id"),
            "error[syntax]: the query ends too early, expected FROM\n --> query:1:10\n  |\n1 | SELECT Id\n  |          ^"
        );
        assert!(parse("").unwrap_err().render("").contains("expected SELECT"));
    }
}
