//! A query with a caret under what is wrong with it, as a compiler shows it.

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use crate::ast::Span;
use crate::finding::{Finding, Place, Severity};

/// Lines longer than this are cut around the fault, and changes of them are told in words.
const LONG_LINE: usize = 200;

/// A text to draw findings into.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The whole text.
    pub text: &'a str,
    /// The file that it comes from, if it does.
    pub file: Option<&'a str>,
}

/// How to draw.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// With the terminal's colours.
    pub colour: bool,
    /// Columns of the terminal; without it, as many as usual.
    pub width: Option<usize>,
}

impl Look {
    fn renderer(self) -> Renderer {
        let renderer = if self.colour { Renderer::styled() } else { Renderer::plain() };
        renderer.term_width(self.width.unwrap_or(DEFAULT_TERM_WIDTH))
    }
}

impl<'a> Source<'a> {
    /// A text that is in no file.
    pub fn new(text: &'a str) -> Self {
        Self { text, file: None }
    }

    /// The text of a file.
    pub fn of_file(text: &'a str, file: &'a str) -> Self {
        Self { text, file: Some(file) }
    }

    /// The finding: its severity and rule, the line with a caret, and what to do.
    ///
    /// ```
    /// use tidegate_soql::{Look, Source, lint_text};
    ///
    /// let query = "SELECT Id FROM Account WHERE Name LIKE '%corp'";
    /// let drawn = Source::new(query).draw(&lint_text(query)[0], Look::default());
    /// assert!(drawn.starts_with("warning[leading-wildcard]: "));
    /// assert!(drawn.contains("^^^^^^^"));
    /// ```
    pub fn draw(&self, finding: &Finding, look: Look) -> String {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Hint => Level::INFO.with_name("hint"),
        };
        let text = self.visible();
        let mut main =
            level.primary_title(finding.message.as_str()).id(finding.rule).element(self.snippet(&text, finding.span));
        let patched = self.patch(&text, finding);
        let suggestion = finding.suggestion.as_deref();
        if let (Some(suggestion), None) = (suggestion, &patched) {
            main = main.element(Level::HELP.message(suggestion));
        }
        let mut report = vec![main];
        if let Some(patched) = patched {
            let title = suggestion.unwrap_or("write");
            let is_safe = finding.fix.as_ref().is_some_and(|fix| fix.is_safe);
            let title = if is_safe { title.to_owned() } else { format!("{title} (this changes the result)") };
            report.push(Level::HELP.secondary_title(title).element(patched));
        }
        let drawn = look.renderer().render(&report);
        // A diff ends with an empty gutter.
        drawn.strip_suffix("|").map_or(drawn.as_str(), str::trim_end).to_owned()
    }

    /// The line with a caret, without a sentence over it.
    pub fn excerpt(&self, span: Span, look: Look) -> String {
        let text = self.visible();
        look.renderer().render(&[Group::with_level(Level::ERROR).element(self.snippet(&text, span))])
    }

    /// A control character would move the caret away from its place. Line breaks stay, and so does the count of bytes.
    fn visible(&self) -> String {
        self.text.chars().map(|c| if c.is_ascii_control() && c != '\n' { ' ' } else { c }).collect()
    }

    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let floor = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        let end = floor(span.end).max(start);
        // What reaches over several lines is pointed at where it begins.
        let first_line = self.text.get(start..end).and_then(|marked| marked.find('\n')).map_or(end, |at| start + at);
        start..first_line
    }

    fn snippet<'t>(&'t self, text: &'t str, span: Span) -> Snippet<'t, annotate_snippets::Annotation<'t>> {
        Snippet::source(text)
            .path(self.file.unwrap_or("query"))
            .annotation(AnnotationKind::Primary.span(self.range(span)))
    }

    /// The change as a diff, where it is short enough to be read.
    fn patch<'t>(&'t self, text: &'t str, finding: &'t Finding) -> Option<Snippet<'t, Patch<'t>>> {
        let fix = finding.fix.as_ref()?;
        let fits = |span: Span| {
            let row = Place::of(text, span.start).row;
            let line = text.lines().nth(row - 1).unwrap_or_default();
            line.chars().count() <= LONG_LINE && text.get(span.start..span.end).is_some_and(|cut| !cut.contains('\n'))
        };
        if fix.apply(text).is_none() || !fix.edits.iter().all(|edit| fits(edit.span) && edit.text.len() <= LONG_LINE) {
            return None;
        }
        let patches = fix.edits.iter().map(|edit| Patch::new(edit.span.start..edit.span.end, edit.text.as_str()));
        Some(Snippet::source(text).patches(patches))
    }
}

/// What an org said about a query, with the place that it named.
///
/// The messages of `MALFORMED_QUERY`, `INVALID_FIELD` and their kin begin with an excerpt of the query, a caret and
/// `ERROR at Row:1:Column:8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where, if it was said.
    pub place: Option<Place>,
    /// The sentence without the excerpt.
    pub message: String,
}

impl Refusal {
    /// Reads an org's message.
    ///
    /// ```
    /// use tidegate_soql::{Place, Refusal};
    ///
    /// let refusal = Refusal::read("\nSELECT Nmae FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nmae'");
    /// assert_eq!(refusal.place, Some(Place { row: 1, column: 8 }));
    /// assert_eq!(refusal.message, "No such column 'Nmae'");
    /// ```
    pub fn read(message: &str) -> Refusal {
        const MARK: &str = "ERROR at Row:";
        let found = message.find(MARK).and_then(|at| {
            let rest = message.get(at + MARK.len()..)?;
            let (head, said) = rest.split_once('\n').unwrap_or((rest, ""));
            let (row, column) = head.split_once(":Column:")?;
            let place = Place { row: row.trim().parse().ok()?, column: column.trim().parse().ok()? };
            Some(Refusal { place: Some(place), message: said.trim().to_owned() })
        });
        found.unwrap_or_else(|| Refusal { place: None, message: message.trim().to_owned() })
    }

    /// The word of the query at the place, or `None` where none was named or the query has no such place.
    pub fn span(&self, source: &str) -> Option<Span> {
        let start = self.place?.byte(source)?;
        let rest = source.get(start..)?;
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let length = match rest.chars().next() {
            Some(c) if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            Some('\'') => rest.get(1..)?.find('\'').map_or(1, |at| at + 2),
            Some(c) => c.len_utf8(),
            None => 0,
        };
        Some(Span { start, end: start + length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Fix;

    #[test]
    fn an_orgs_place_becomes_a_span() {
        let query = "SELECT Id,\n  Nmae FROM Account WHERE x = 'y z'";
        let refusal = |row, column| Refusal { place: Some(Place { row, column }), message: String::new() };
        let word = |row, column| refusal(row, column).span(query).map(|span| &query[span.start..span.end]);
        assert_eq!(word(2, 3), Some("Nmae"));
        assert_eq!(word(2, 31), Some("'y z'"));
        assert_eq!(word(9, 1), None);
        assert_eq!(
            Refusal::read("unexpected token: 'x'"),
            Refusal { place: None, message: "unexpected token: 'x'".into() }
        );
        assert_eq!(Refusal::read("ERROR at Row:x:Column:y\nz").place, None);
    }

    #[test]
    fn tabs_wide_letters_and_long_lines_keep_the_caret_in_place() {
        let finding = |start: usize, end: usize| Finding {
            severity: Severity::Error,
            rule: "rule",
            message: "wrong".into(),
            span: Span { start, end },
            suggestion: Some("do".into()),
            fix: None,
        };
        let source = "SELECT Id\r\nFROM\tA WHERE b = '日本' AND c = 1";
        let at = source.find("c = 1").unwrap();
        let drawn = Source::of_file(source, "q.soql").draw(&finding(at, at + 1), Look::default());
        assert_eq!(
            drawn,
            "error[rule]: wrong\n --> q.soql:2:27\n  |\n2 | FROM A WHERE b = '日本' AND c = 1\n  |                             ^\n  |\n  = help: do"
        );
        let long = format!("SELECT {} FROM A", "a, ".repeat(5000));
        let drawn = Source::new(&long).draw(&finding(9000, 9001), Look::default());
        assert!(drawn.len() < 1000, "{drawn}");
        let everything = Source::new(source).draw(&finding(0, 999), Look::default());
        assert!(everything.contains('^'), "{everything}");
    }

    #[test]
    fn a_fix_is_shown_as_a_diff() {
        let source = "SELECT Nmae FROM Account";
        let finding = Finding {
            severity: Severity::Error,
            rule: "unknown-field",
            message: "Account has no field `Nmae`".into(),
            span: Span { start: 7, end: 11 },
            suggestion: Some("did you mean `Name`?".into()),
            fix: Some(Fix::one(Span { start: 7, end: 11 }, "Name", true)),
        };
        let drawn = Source::new(source).draw(&finding, Look::default());
        assert_eq!(
            drawn,
            "error[unknown-field]: Account has no field `Nmae`\n --> query:1:8\n  |\n1 | SELECT Nmae FROM Account\n  |        ^^^^\n  \
             |\nhelp: did you mean `Name`?\n  |\n1 - SELECT Nmae FROM Account\n1 + SELECT Name FROM Account"
        );
    }
}
