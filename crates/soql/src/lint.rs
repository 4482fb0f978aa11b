//! What the text alone tells about a query: what an API will refuse, and what will be slow or surprising.
//!
//! No describe is asked, so a finding is about shape: that a field is missing or cannot be filtered is not seen here.
//! The rules are those of the SOQL and SOSL reference and the REST API guide.

mod clauses;
mod filters;
mod paths;

use crate::ast::{Query, SelectItem, Span};
use crate::finding::{Finding, Fix, Severity};
use crate::parse;

pub(crate) use clauses::{is_aggregate, is_aggregate_function, is_date_function};
pub(crate) use paths::{expand, path_key};

/// Looks at one query's text and says what is wrong or unwise, in the order of the text.
///
/// A text that does not parse has one finding, of the rule `syntax`.
///
/// ```
/// let findings = tidegate_soql::lint_text("SELECT Id FROM Account WHERE Name LIKE '%corp'");
/// assert_eq!(findings[0].rule, "leading-wildcard");
/// ```
pub fn lint_text(source: &str) -> Vec<Finding> {
    match parse(source) {
        Ok(query) => lint_query(source, &query),
        Err(error) => vec![error.finding(source)],
    }
}

/// As [`lint_text`], of a text that was parsed.
pub(crate) fn lint_query(source: &str, query: &Query) -> Vec<Finding> {
    let mut lint = Lint { source, findings: Vec::new() };
    lint.text(source, query);
    lint.query(query, Level { depth: 1, parent: None });
    clauses::totals(&mut lint, query);
    lint.findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
    lint.findings
}

/// Where in the tree a query stands.
#[derive(Clone, Copy)]
struct Level<'a> {
    /// 1 for the statement itself.
    depth: usize,
    /// The query around this one.
    parent: Option<&'a Query>,
}

struct Lint<'s> {
    source: &'s str,
    findings: Vec<Finding>,
}

/// A URI of more than 16,384 bytes is answered with 414 (documented); host, path and headers take their part.
const URI_LENGTH_MAX: usize = 15_000;

impl Lint<'_> {
    fn error(&mut self, rule: &'static str, span: Span, message: impl Into<String>, suggestion: &str) {
        self.push(Severity::Error, rule, span, message.into(), suggestion);
    }

    fn warn(&mut self, rule: &'static str, span: Span, message: impl Into<String>, suggestion: &str) {
        self.push(Severity::Warning, rule, span, message.into(), suggestion);
    }

    /// What to write instead of what was found last.
    fn fix(&mut self, fix: impl Into<Option<Fix>>) {
        if let (Some(last), Some(fix)) = (self.findings.last_mut(), fix.into()) {
            last.fix = Some(fix);
        }
    }

    fn push(&mut self, severity: Severity, rule: &'static str, span: Span, message: String, suggestion: &str) {
        let suggestion = (!suggestion.is_empty()).then(|| suggestion.to_owned());
        self.findings.push(Finding { severity, rule, message, span, suggestion, fix: None });
    }

    /// What concerns the text as a whole.
    fn text(&mut self, source: &str, query: &Query) {
        let encoded: usize = source.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
        if encoded > URI_LENGTH_MAX {
            let message = format!("about {encoded} bytes in a URL; a URI over 16,384 bytes is answered with 414");
            self.warn("long-uri", query.span, message, "send it as a composite sub-request, by Bulk or by SOAP");
        }
        for name in query.unbound() {
            let message = format!(":{name} is a bind variable, which the API does not know");
            self.error("unbound-variable", query.span, message, "bind a value before sending the query");
        }
    }

    /// A query in the SELECT list or the statement itself.
    fn query(&mut self, query: &Query, level: Level<'_>) {
        clauses::check(self, query, level);
        paths::check(self, query, level);
        filters::check(self, query);
        for item in &query.select {
            if let SelectItem::Subquery(inner) = item {
                self.query(inner, Level { depth: level.depth + 1, parent: Some(query) });
            }
        }
    }
}

#[cfg(test)]
mod tests;
