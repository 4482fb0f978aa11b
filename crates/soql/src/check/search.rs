//! SOSL: the objects and fields of RETURNING, and how long the words may be.

use super::columns::{At, Scope};
use super::schema::{Lookup, Schema};
use super::{Checker, Options, Report, finished};
use crate::ast::{FieldPath, From, Name, Query, SelectItem};
use crate::finding::Severity;
use crate::parse_sosl;
use crate::sosl::{Returning, Search};

/// Characters of the search text from which on operators are ignored, and nothing is found (documented).
const OPERATORS_MAX: usize = 4_000;
const WORDS_MAX: usize = 10_000;

/// Whether a text is a search rather than a query.
pub(super) fn is_search(source: &str) -> bool {
    source.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("FIND"))
}

pub(super) fn check_search(source: &str, schema: &dyn Schema, options: &Options) -> Report {
    let search = match parse_sosl(source) {
        Ok(search) => search,
        Err(error) => return Report { findings: vec![error.finding(source)], needs: Vec::new() },
    };
    let queries: Vec<Query> = search.returning.iter().map(as_query).collect();
    let mut checker = Checker::new(source, schema, options);
    checker.search_text(&search);
    for query in &queries {
        checker.returning(query);
    }
    finished(checker)
}

/// What stands in the parentheses of RETURNING, as the query that it resembles.
fn as_query(returning: &Returning) -> Query {
    let id = Name { text: "Id".to_owned(), span: returning.object.span };
    let select = if returning.select.is_empty() {
        vec![SelectItem::Field(FieldPath { segments: vec![id] }, None)]
    } else {
        returning.select.clone()
    };
    let object = FieldPath { segments: vec![returning.object.clone()] };
    Query {
        select,
        from: From { object, alias: None, also: Vec::new() },
        scope: None,
        lookup: returning.lookup.clone(),
        condition: returning.condition.clone(),
        with: None,
        group_by: None,
        having: None,
        order_by: returning.order_by.clone(),
        limit: returning.limit.clone(),
        offset: returning.offset.clone(),
        for_clauses: Vec::new(),
        update: Vec::new(),
        all_rows: false,
        span: returning.span,
    }
}

impl<'a> Checker<'a> {
    fn search_text(&mut self, search: &Search) {
        let length = self.text(search.find_span).chars().count();
        let message = if length > WORDS_MAX {
            format!("of {length} characters nothing is found; the maximum is {WORDS_MAX}")
        } else if length > OPERATORS_MAX {
            format!("beyond {OPERATORS_MAX} characters AND, OR and AND NOT are ignored; this has {length}")
        } else {
            return;
        };
        self.push(Severity::Warning, "search-length", search.find_span, message, "search for fewer words", None);
    }

    fn returning(&mut self, query: &'a Query) {
        let Some(name) = query.from.object.segments.first() else { return };
        let at = match self.object(&name.text) {
            Lookup::Known(facts) => At::Object(facts),
            Lookup::Missing => return self.unknown_object(name),
            Lookup::NotLoaded => return,
        };
        self.clauses(&Scope { query, at, depth: 1 });
    }
}
