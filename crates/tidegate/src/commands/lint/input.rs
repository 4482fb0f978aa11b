//! Texts with queries: an argument, or files with several and their comments.

use std::ops::Range;
use std::path::Path;

use tidegate_soql::ast::Span;
use tidegate_soql::{Finding, Source};

use super::show::look;
use crate::failure::Failure;

/// A text, as it was read.
pub(super) struct Text {
    /// Where it comes from.
    file: Option<String>,
    pub(super) source: String,
    /// The same, with blanks in the place of comments.
    code: String,
}

/// Where a query stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement {
    start: usize,
    end: usize,
}

impl Statement {
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// A place in the query as one in its text.
    pub(super) fn shifted(self, span: Span) -> Span {
        Span { start: span.start + self.start, end: span.end + self.start }
    }
}

impl Text {
    /// One query, whatever is in it.
    pub(super) fn argument(source: String) -> Self {
        Self { file: None, code: source.clone(), source }
    }

    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let source = std::fs::read_to_string(file)
            .map_err(|e| Failure::usage(format!("cannot read {}", file.display())).with_cause(&e))?;
        Ok(Self { file: Some(file.display().to_string()), code: without_comments(&source), source })
    }

    /// The same place with another text.
    pub(super) fn with(&self, source: String) -> Self {
        let code = if self.file.is_some() { without_comments(&source) } else { source.clone() };
        Self { file: self.file.clone(), code, source }
    }

    pub(super) fn name(&self) -> &str {
        self.file.as_deref().unwrap_or("the query")
    }

    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The query, with blanks in the place of comments.
    pub(super) fn of(&self, statement: Statement) -> &str {
        self.code.get(statement.range()).unwrap_or_default()
    }

    /// The queries. An argument is one, so that what is wrong with a semicolon is told.
    pub(super) fn statements(&self) -> Vec<Statement> {
        match self.file {
            Some(_) => split(&self.code),
            None if self.code.trim().is_empty() => Vec::new(),
            None => vec![Statement { start: 0, end: self.code.len() }],
        }
    }

    pub(super) fn draw(&self, statement: Statement, mut finding: Finding) -> String {
        finding.span = statement.shifted(finding.span);
        for edit in finding.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
            edit.span = statement.shifted(edit.span);
        }
        Source { text: &self.source, file: self.file() }.draw(&finding, look(&std::io::stdout()))
    }
}

/// Lines that begin with `//` or `--` become blanks, so that every place stays where it is.
fn without_comments(source: &str) -> String {
    let lines = source.split_inclusive('\n').map(|line| {
        let text = line.trim_start();
        if text.starts_with("//") || text.starts_with("--") {
            line.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }).collect()
        } else {
            line.to_owned()
        }
    });
    lines.collect()
}

/// Cuts at semicolons outside strings; blank pieces are left out.
fn split(code: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    // Double quotes are no SOQL, but what stands in them is a string to whoever wrote it.
    let (mut start, mut quote, mut is_escaped) = (0, None, false);
    let mut piece = |from: usize, to: usize| {
        let text = code.get(from..to).unwrap_or_default();
        let lead = text.len() - text.trim_start().len();
        let length = text.trim().len();
        if length > 0 {
            found.push(Statement { start: from + lead, end: from + lead + length });
        }
    };
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if quote.is_some() => is_escaped = true,
            b'\'' | b'"' if quote.is_none() => quote = Some(byte),
            byte if quote == Some(byte) => quote = None,
            // A string ends with its line at the latest: one that is not closed must not swallow the file.
            b'\n' => quote = None,
            b';' if quote.is_none() => {
                piece(start, at);
                start = at + 1;
            }
            _ => {}
        }
    }
    piece(start, code.len());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_cut_at_semicolons_outside_strings() {
        let source = "// all; of them\nSELECT Id FROM A WHERE b = 'x;\\';y';\n\n -- é\n;SELECT Id\nFROM B ; ";
        let code = without_comments(source);
        assert_eq!(code.len(), source.len());
        let queries: Vec<&str> = split(&code).into_iter().map(|statement| &code[statement.range()]).collect();
        assert_eq!(queries, ["SELECT Id FROM A WHERE b = 'x;\\';y'", "SELECT Id\nFROM B"]);
        assert!(split(" ;; \n").is_empty());
        assert_eq!(split("a 'b\n;c").len(), 2);
    }
}
