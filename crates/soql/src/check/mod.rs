//! A query checked against an org: its objects and fields, the rules of the API it is sent by, and what it will cost.
//!
//! The checker does no I/O. It looks names up in a [`Schema`], and says in [`Report::needs`] what it would have looked
//! up: fetch that, put it in, and check again until nothing more is needed. What is not known is never found fault with.
//!
//! ```
//! use tidegate_soql::check::{Api, FieldFacts, FieldKind, KnownSchema, Need, ObjectFacts, Options, check};
//!
//! let query = "SELECT Id, Nmae FROM Account WHERE Id = '001000000000001'";
//! let mut schema = KnownSchema::new();
//! let report = check(query, &schema, &Options::default());
//! assert_eq!(report.needs, [Need::Object("Account".into())]);
//!
//! let field = |name: &str, kind| FieldFacts { name: name.into(), kind, filterable: true, ..FieldFacts::default() };
//! schema.insert(ObjectFacts {
//!     name: "Account".into(),
//!     queryable: true,
//!     fields: vec![field("Id", FieldKind::Id), field("Name", FieldKind::String)],
//!     ..ObjectFacts::default()
//! });
//! let report = check(query, &schema, &Options::default());
//! assert_eq!(report.findings[0].rule, "unknown-field");
//! assert_eq!(report.fixed(query).as_deref(), Some("SELECT Id, Name FROM Account WHERE Id = '001000000000001'"));
//! ```
//!
//! The rules are those of the SOQL and SOSL reference, the guides of the APIs and the query optimiser's cheat sheet.

mod api;
mod calls;
mod columns;
mod filter;
mod group;
mod literal;
mod names;
mod objects;
mod query;
mod schema;
mod search;
mod selectivity;
mod threshold;

use std::collections::BTreeSet;

use crate::ast::{Query, Span};
use crate::finding::{Finding, Fix, Severity};
use crate::lint::lint_query;
use crate::parse;

pub use api::Api;
pub(crate) use names::closest;
pub use schema::{ChildFacts, FieldFacts, FieldKind, KnownSchema, Lookup, ObjectFacts, Schema};
pub use threshold::{IndexKind, index_of, rows_served};

/// How a query is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// By which API.
    pub api: Api,
    /// In which version, by its whole number; without it the newest.
    pub version: Option<u16>,
}

impl Options {
    /// For an API, in its newest version.
    pub fn for_api(api: Api) -> Options {
        Options { api, version: None }
    }
}

/// What was found, and what more there is to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of the text.
    pub findings: Vec<Finding>,
    /// What the checker would have looked up, the most important first.
    pub needs: Vec<Need>,
}

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// An object's describe. Without it nothing is said about its fields.
    Object(String),
    /// The names of all objects, for "did you mean".
    ObjectNames,
    /// How many records an object has. Without it the warnings about selectivity have no figures.
    Rows(String),
    /// The answer to a `SELECT COUNT()` query over indexed fields only, which settles whether a filter is selective.
    Count(String),
}

impl Report {
    /// Whether the org will refuse the query, as far as is known.
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The query with all safe fixes, as far as they do not overlap; `None` where there is none. Another check may find
    /// more.
    pub fn fixed(&self, source: &str) -> Option<String> {
        let is_readable = parse(source).is_ok();
        let mut edits: Vec<crate::Edit> = Vec::new();
        let overlaps = |a: Span, b: Span| a.start < b.end && b.start < a.end || a.start == b.start;
        for fix in self.findings.iter().filter_map(|finding| finding.fix.as_ref()).filter(|fix| fix.is_safe) {
            if fix.edits.iter().any(|new| edits.iter().any(|old| overlaps(new.span, old.span))) {
                continue;
            }
            let together = Fix { edits: edits.iter().chain(&fix.edits).cloned().collect(), is_safe: true };
            // Fixes that are right one by one may not be so together.
            if !is_readable || together.apply(source).is_some_and(|text| parse(&text).is_ok()) {
                edits = together.edits;
            }
        }
        if edits.is_empty() { None } else { Fix { edits, is_safe: true }.apply(source) }
    }
}

/// Checks a query, or a search (`FIND …`). A text that does not parse has one finding, of the rule `syntax`.
pub fn check(source: &str, schema: &dyn Schema, options: &Options) -> Report {
    if search::is_search(source) {
        return search::check_search(source, schema, options);
    }
    let query = match parse(source) {
        Ok(query) => query,
        Err(error) => return Report { findings: vec![error.finding(source)], needs: Vec::new() },
    };
    let mut checker = Checker::new(source, schema, options);
    checker.findings = lint_query(source, &query);
    checker.statement(&query);
    let mut report = finished(checker);
    for finding in &mut report.findings {
        // No advice is better than a query that cannot be read.
        finding.fix = finding.fix.take().filter(|fix| fix.apply(source).is_some_and(|text| parse(&text).is_ok()));
    }
    report
}

/// The findings in the order of the text, each told once.
fn finished(checker: Checker<'_>) -> Report {
    let mut findings = checker.findings;
    findings.sort_by(|a, b| {
        // Of two that say the same the one that knows what to write stays.
        (a.span.start, a.span.end)
            .cmp(&(b.span.start, b.span.end))
            .then_with(|| b.severity.cmp(&a.severity))
            .then_with(|| b.fix.is_some().cmp(&a.fix.is_some()))
    });
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert((finding.rule, finding.span.start, finding.span.end)));
    Report { findings, needs: checker.needs.into_iter().collect() }
}

/// One check under way.
pub(crate) struct Checker<'a> {
    source: &'a str,
    schema: &'a dyn Schema,
    options: &'a Options,
    findings: Vec<Finding>,
    needs: BTreeSet<Need>,
}

impl<'a> Checker<'a> {
    fn new(source: &'a str, schema: &'a dyn Schema, options: &'a Options) -> Self {
        Checker { source, schema, options, findings: Vec::new(), needs: BTreeSet::new() }
    }

    fn statement(&mut self, query: &'a Query) {
        let is_known = self.main(query);
        if self.findings.iter().any(|finding| finding.rule == "unknown-object") {
            self.findings.retain(|finding| finding.rule != "unbounded");
        }
        self.api_rules(query);
        if is_known && self.options.api != Api::PushTopic {
            self.selectivity(query);
        }
    }

    /// An object's facts; what is not loaded is noted as needed.
    fn object(&mut self, name: &str) -> Lookup<'a> {
        let found = self.schema.object(name);
        if matches!(found, Lookup::NotLoaded) {
            self.needs.insert(Need::Object(name.to_owned()));
        }
        found
    }

    fn push(
        &mut self,
        severity: Severity,
        rule: &'static str,
        span: Span,
        message: impl Into<String>,
        suggestion: &str,
        fix: Option<Fix>,
    ) {
        let suggestion = (!suggestion.is_empty()).then(|| suggestion.to_owned());
        self.findings.push(Finding { severity, rule, message: message.into(), span, suggestion, fix });
    }

    fn error(&mut self, rule: &'static str, span: Span, message: impl Into<String>, suggestion: &str) {
        self.push(Severity::Error, rule, span, message, suggestion, None);
    }

    fn text(&self, span: Span) -> &'a str {
        self.source.get(span.start..span.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
