//! One thing to know about a query: which rule, how bad, where, what to do, and a better query where there is one.

use crate::ast::Span;

/// One thing to know about a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the query will be refused.
    pub severity: Severity,
    /// The rule's name, fit for a list of exceptions. It stays the same from version to version.
    pub rule: &'static str,
    /// What is the matter, in a sentence.
    pub message: String,
    /// The bytes concerned.
    pub span: Span,
    /// What to do, in words.
    pub suggestion: Option<String>,
    /// What to write instead.
    pub fix: Option<Fix>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; nothing is wrong.
    Hint,
    /// It works, but slower or otherwise than it looks.
    Warning,
    /// The API refuses it.
    Error,
}

impl Severity {
    /// `hint`, `warning` or `error`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Changes of the text that make a better query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What to replace; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether a program may apply it: it means the same, or it is what was most probably meant by a text that is
    /// refused. Others change the result, and are for a person to choose.
    pub is_safe: bool,
}

/// Bytes and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What goes; empty to insert.
    pub span: Span,
    /// What comes.
    pub text: String,
}

impl Fix {
    /// One change.
    pub fn one(span: Span, text: impl Into<String>, is_safe: bool) -> Fix {
        Fix { edits: vec![Edit { span, text: text.into() }], is_safe }
    }

    /// The better query; `None` where the edits do not fit the text.
    ///
    /// ```
    /// use tidegate_soql::{Fix, ast::Span};
    ///
    /// let fix = Fix::one(Span { start: 7, end: 11 }, "Name", true);
    /// assert_eq!(fix.apply("SELECT Nmae FROM Account").as_deref(), Some("SELECT Name FROM Account"));
    /// ```
    pub fn apply(&self, source: &str) -> Option<String> {
        let mut edits: Vec<&Edit> = self.edits.iter().collect();
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut out = String::with_capacity(source.len());
        let mut at = 0;
        for edit in edits {
            out.push_str(source.get(at..edit.span.start)?);
            out.push_str(&edit.text);
            source.get(edit.span.start..edit.span.end)?;
            at = edit.span.end;
        }
        out.push_str(source.get(at..)?);
        Some(out)
    }
}

impl Finding {
    /// Where it is in the text.
    pub fn place(&self, source: &str) -> Place {
        Place::of(source, self.span.start)
    }
}

/// A place in a text, as people count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub row: usize,
    /// The character in it.
    pub column: usize,
}

impl Place {
    /// The place of a byte.
    ///
    /// ```
    /// let place = tidegate_soql::Place::of("SELECT Id\nFROM Ä", 15);
    /// assert_eq!((place.row, place.column), (2, 6));
    /// ```
    pub fn of(source: &str, byte: usize) -> Place {
        let before = source.get(..byte).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            row: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    /// The byte at this place; the end of the line where it is shorter, `None` where there is no such line.
    pub fn byte(self, source: &str) -> Option<usize> {
        let mut start = 0;
        for _ in 1..self.row {
            start += source.get(start..)?.find('\n')? + 1;
        }
        let line = source.get(start..)?.split('\n').next()?;
        let within = line.char_indices().nth(self.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
        Some(start + within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_undo_each_other() {
        let source = "SELECT Id\nFROM Ünter\r\nWHERE x = 'ä'";
        for (byte, _) in source.char_indices() {
            assert_eq!(Place::of(source, byte).byte(source), Some(byte));
        }
        assert_eq!(Place { row: 4, column: 1 }.byte(source), None);
        assert_eq!(Place { row: 1, column: 99 }.byte(source), Some(9));
    }

    #[test]
    fn several_edits_and_those_that_do_not_fit() {
        let edit = |start, end, text: &str| Edit { span: Span { start, end }, text: text.into() };
        let fix = Fix { edits: vec![edit(7, 9, "Name"), edit(0, 0, "x ")], is_safe: true };
        assert_eq!(fix.apply("SELECT Id").as_deref(), Some("x SELECT Name"));
        for edits in [vec![edit(3, 99, "")], vec![edit(0, 5, ""), edit(2, 3, "")], vec![edit(5, 2, "")]] {
            assert_eq!(Fix { edits, is_safe: true }.apply("SELECT Id"), None);
        }
    }
}
