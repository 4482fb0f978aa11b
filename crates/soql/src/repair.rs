//! Texts that are no SOQL, and what they would be with a small change: habits of other languages, mostly.

use crate::ast::Span;
use crate::error::{ParseError, ParseErrorKind};
use crate::finding::{Edit, Finding, Fix, Severity};
use crate::parse;
use crate::print::quote_string;

impl ParseError {
    /// The error as a finding, with a better text where a small change makes one that parses, or that fails later.
    ///
    /// ```
    /// let source = "SELECT Id FROM Account WHERE Name == \"Acme\";";
    /// let mut text = source.to_owned();
    /// while let Err(error) = tidegate_soql::parse(&text) {
    ///     text = error.finding(&text).fix.unwrap().apply(&text).unwrap();
    /// }
    /// assert_eq!(text, "SELECT Id FROM Account WHERE Name = 'Acme'");
    /// ```
    pub fn finding(&self, source: &str) -> Finding {
        let fix = repair(self, source).filter(|fix| {
            // It must get further than the text did. All characters are looked at before the first clause is read.
            fix.apply(source).is_some_and(|better| match parse(&better) {
                Ok(_) => true,
                Err(next) => next.span.start > self.span.start || is_of_character(self) && !is_of_character(&next),
            })
        });
        Finding {
            severity: Severity::Error,
            rule: "syntax",
            message: self.kind.to_string(),
            span: self.span,
            suggestion: self.hint().or_else(|| fix.as_ref().and_then(|fix| fix.edits.first()).map(in_words)),
            fix,
        }
    }
}

fn in_words(edit: &Edit) -> String {
    if edit.text.is_empty() { "leave it out".to_owned() } else { format!("write {}", edit.text) }
}

fn is_of_character(error: &ParseError) -> bool {
    matches!(error.kind, ParseErrorKind::UnexpectedCharacter { .. } | ParseErrorKind::UnterminatedString)
}

fn repair(error: &ParseError, source: &str) -> Option<Fix> {
    let at = error.span.start;
    let rest = source.get(at..)?;
    let replace = |length: usize, text: String| Some(Fix::one(Span { start: at, end: at + length }, text, true));
    match &error.kind {
        ParseErrorKind::UnexpectedCharacter { found: '"' } => {
            let inside = rest.get(1..)?;
            let end = inside.find('"')?;
            replace(end + 2, quote_string(inside.get(..end)?))
        }
        ParseErrorKind::UnexpectedCharacter { found: ';' } if rest.get(1..)?.trim().is_empty() => {
            replace(rest.len(), String::new())
        }
        ParseErrorKind::UnexpectedCharacter { found: '&' } if rest.starts_with("&&") => replace(2, "AND".to_owned()),
        ParseErrorKind::UnexpectedCharacter { found: '|' } if rest.starts_with("||") => replace(2, "OR".to_owned()),
        ParseErrorKind::UnexpectedCharacter { found: '*' } => {
            let mut edits = vec![Edit { span: Span { start: at, end: at + 1 }, text: "FIELDS(ALL)".to_owned() }];
            if !source.to_ascii_uppercase().contains(" LIMIT ") {
                let end = source.trim_end().len();
                edits.push(Edit { span: Span { start: end, end }, text: " LIMIT 200".to_owned() });
            }
            Some(Fix { edits, is_safe: false })
        }
        ParseErrorKind::UnexpectedToken { found, .. } if found == "=" && source.get(..at)?.ends_with('=') => {
            replace(1, String::new())
        }
        // `SELECT a, b, FROM A`: a comma too many.
        ParseErrorKind::UnexpectedToken { found, .. } if found.eq_ignore_ascii_case("FROM") => {
            let before = source.get(..at)?.trim_end().strip_suffix(',')?;
            Some(Fix::one(Span { start: before.len(), end: before.len() + 1 }, "", true))
        }
        // `SELECT Id FORM A`: what was read as an alias.
        ParseErrorKind::UnexpectedToken { expected, .. } if expected.contains("FROM") => {
            let before = source.get(..at)?.trim_end();
            let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |blank| blank + 1);
            let word = before.get(start..)?;
            let span = Span { start, end: before.len() };
            crate::check::closest(word, ["FROM"]).map(|from| Fix::one(span, from, true))
        }
        // `Name = Acme`: a text without its quotes.
        ParseErrorKind::UnexpectedToken { found, expected } if expected.contains("value") && is_word(found) => {
            replace(found.len(), quote_string(found))
        }
        _ => None,
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !crate::is_reserved(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(source: &str) -> Option<String> {
        parse(source).unwrap_err().finding(source).fix?.apply(source)
    }

    #[test]
    fn habits_of_other_languages_are_put_right() {
        for (source, better) in [
            ("SELECT Id FROM A WHERE b = \"x'y\"", r"SELECT Id FROM A WHERE b = 'x\'y'"),
            ("SELECT Id FROM A WHERE b = 1 && c = 2", "SELECT Id FROM A WHERE b = 1 AND c = 2"),
            ("SELECT Id FROM A WHERE b == 1", "SELECT Id FROM A WHERE b = 1"),
            ("SELECT Id FROM A; ", "SELECT Id FROM A"),
            ("SELECT Id, FROM A", "SELECT Id FROM A"),
            ("SELECT Id FORM A", "SELECT Id FROM A"),
            ("SELECT Id FROMM A WHERE b = 1", "SELECT Id FROM A WHERE b = 1"),
            ("SELECT * FROM A", "SELECT FIELDS(ALL) FROM A LIMIT 200"),
            ("SELECT Id FROM A WHERE b = Acme", "SELECT Id FROM A WHERE b = 'Acme'"),
        ] {
            assert_eq!(repaired(source).as_deref(), Some(better), "{source}");
        }
        for source in
            ["SELECT", "SELECT Id XX A", "SELECT Id FROM A; SELECT Id FROM B", "\"", "=", "SELECT Id FROM A WHERE b ="]
        {
            assert_eq!(repaired(source), None, "{source}");
        }
    }
}
