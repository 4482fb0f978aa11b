//! What each API refuses of what the others accept.

use super::Checker;
use super::columns::{Column, Scope};
use super::objects::can_be_watched;
use super::query::{is_compound, parts};
use super::schema::FieldKind;
use crate::ast::{Argument, Comparison, Condition, Count, FieldSet, Function, Operand, Query, Right, SelectItem, Span};
use crate::clause::{clause, removal};
use crate::finding::{Fix, Severity};
use crate::lint::{is_aggregate, is_aggregate_function};

/// Longest query of a PushTopic, in characters (documented).
const PUSH_TOPIC_LENGTH_MAX: usize = 1_300;

/// By which API a query is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// `GET /query`, `/queryAll`.
    #[default]
    Rest,
    /// `query` and `queryAll` of SOAP.
    Soap,
    /// A query job of Bulk API 2.0.
    BulkQuery,
    /// A query batch of Bulk API 1.0 whose job asks for PK chunking.
    BulkQuery1PkChunking,
    /// The `Query` of a PushTopic.
    PushTopic,
    /// `GET /tooling/query`.
    Tooling,
}

impl Api {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Api::Rest => "the REST API",
            Api::Soap => "the SOAP API",
            Api::BulkQuery => "a Bulk API 2.0 query",
            Api::BulkQuery1PkChunking => "a Bulk API 1.0 query",
            Api::PushTopic => "a PushTopic",
            Api::Tooling => "the Tooling API",
        }
    }

    fn is_bulk(self) -> bool {
        matches!(self, Api::BulkQuery | Api::BulkQuery1PkChunking)
    }
}

impl<'a> Checker<'a> {
    pub(super) fn api_rules(&mut self, query: &'a Query) {
        let api = self.options.api;
        if api != Api::Rest && api != Api::Tooling {
            self.findings.retain(|finding| finding.rule != "long-uri");
        }
        if api.is_bulk() {
            // A whole copy is what a query job is for.
            self.findings.retain(|finding| finding.rule != "unbounded");
            self.bulk(query);
        }
        if api == Api::PushTopic {
            // Events are told as they happen: nothing is searched for.
            let of_speed = ["unbounded", "negative-filter", "leading-wildcard"];
            self.findings.retain(|finding| !of_speed.contains(&finding.rule));
            self.push_topic(query);
        }
    }

    fn refuse(&mut self, rule: &'static str, span: Span, what: &str, advice: &str) {
        let message = format!("{} takes no {what}", self.options.api.name());
        self.error(rule, span, message, advice);
    }

    /// The fix of what was found last: the query without a clause.
    fn without_clause(&mut self, query: &Query, words: &[&str], is_safe: bool) {
        let fix = clause(self.source, query.span, words).map(|span| removal(self.source, span, is_safe));
        if let Some(last) = self.findings.last_mut() {
            last.fix = fix;
        }
    }

    fn bulk(&mut self, query: &'a Query) {
        const BY_REST: &str = "send it by REST";
        if let Some(group_by) = &query.group_by {
            let span = super::group::keys(group_by).first().map_or(query.span, Operand::span);
            self.refuse("bulk-group-by", span, "GROUP BY", BY_REST);
        }
        if let Some(offset) = &query.offset {
            self.refuse("bulk-offset", count_span(offset), "OFFSET", "leave it out; a job gives every row");
            self.without_clause(query, &["OFFSET"], false);
        }
        for item in &query.select {
            match item {
                SelectItem::Count(span) => self.refuse("bulk-aggregate", *span, "COUNT()", BY_REST),
                SelectItem::Function(function, _) if holds_aggregate(function) => {
                    self.refuse("bulk-aggregate", function.span, "aggregates", BY_REST);
                }
                SelectItem::Function(function, _)
                    if ["DISTANCE", "convertCurrency"].iter().any(|f| f.eq_ignore_ascii_case(&function.name.text)) =>
                {
                    let message =
                        format!("{} is not documented to take {}", self.options.api.name(), function.name.text);
                    self.push(Severity::Warning, "bulk-function", function.span, message, BY_REST, None);
                }
                SelectItem::Subquery(inner) => {
                    let advice = "query the children on their own, with the parent's id";
                    self.refuse("bulk-subquery", inner.span, "sub-queries in SELECT", advice);
                }
                SelectItem::TypeOf(type_of) => {
                    self.refuse(
                        "bulk-typeof",
                        type_of.span,
                        "TYPEOF",
                        "one query for each type, WHERE What.Type = '…'",
                    );
                }
                SelectItem::Fields(FieldSet::All | FieldSet::Custom, span) => {
                    let advice = "name the fields; FIELDS(STANDARD) is fine";
                    self.refuse("bulk-fields", *span, "FIELDS(ALL) or FIELDS(CUSTOM)", advice);
                    self.findings
                        .retain(|finding| finding.rule != "fields-without-limit" || finding.span.start != span.start);
                }
                SelectItem::Field(..) | SelectItem::Function(..) | SelectItem::Fields(FieldSet::Standard, _) => {}
            }
        }
        if !is_aggregate(query) {
            let scope = self.main_scope(query);
            self.bulk_fields(&scope);
        }
        let chunked = "the job is not cut by primary key, which makes a large one slow";
        let last_key = query.order_by.last().map(|item| item.key.span());
        if let Some(span) = last_key {
            let message = format!("with ORDER BY {chunked}");
            self.push(Severity::Warning, "bulk-order-by", span, message, "sort the rows after reading them", None);
        }
        if let Some(limit) = &query.limit {
            let message = format!("with LIMIT {chunked}");
            self.push(
                Severity::Warning,
                "bulk-limit",
                count_span(limit),
                message,
                "for few rows REST is quicker",
                None,
            );
        }
    }

    /// Compound and binary fields.
    fn bulk_fields(&mut self, scope: &Scope<'a>) {
        for (column, span) in self.selected(scope) {
            let Column::Field { field, object, .. } = column else { continue };
            if is_compound(field.kind) {
                let written = self.text(span);
                let prefix = written.rfind('.').map_or("", |dot| written.get(..=dot).unwrap_or_default());
                let selected: Vec<String> = self.selected_names(scope);
                let parts: Vec<String> = parts(object, &field.name)
                    .into_iter()
                    .map(|part| format!("{prefix}{part}"))
                    .filter(|part| !selected.iter().any(|known| known.eq_ignore_ascii_case(part)))
                    .collect();
                let message = format!("{} takes no compound field; {written} is one", self.options.api.name());
                let fix = (!parts.is_empty()).then(|| Fix::one(span, parts.join(", "), true));
                self.push(Severity::Error, "bulk-compound", span, message, "select its parts", fix);
            } else if field.kind == FieldKind::Base64 {
                let message = format!("{} does not give the bytes of {}", self.options.api.name(), field.name);
                self.error("bulk-base64", span, message, "read them by REST, record by record");
            }
        }
    }

    fn selected_names(&self, scope: &Scope<'a>) -> Vec<String> {
        let fields = scope.query.select.iter().filter_map(|item| match item {
            SelectItem::Field(path, _) => Some(path.dotted()),
            _ => None,
        });
        fields.collect()
    }

    fn push_topic(&mut self, query: &'a Query) {
        let length = self.source.chars().count();
        if length > PUSH_TOPIC_LENGTH_MAX {
            let message =
                format!("a PushTopic's query has at most {PUSH_TOPIC_LENGTH_MAX} characters; this has {length}");
            self.error("pushtopic-length", query.span, message, "name fewer fields");
        }
        let object = query.from.object.span();
        if let Some(name) = query.from.object.segments.last()
            && !can_be_watched(&name.text)
        {
            let message = format!("a PushTopic cannot watch {}", name.text);
            self.error("pushtopic-object", object, message, "follow change events, which know more objects");
        }
        if let Some((path, _)) = query.from.also.first() {
            self.refuse("pushtopic-clause", path.span(), "second relationship in FROM", "");
        }
        let key = |items: &'a [Operand]| items.first().map_or(query.span, Operand::span);
        let clauses = [
            (query.limit.as_ref().map(count_span), "LIMIT"),
            (query.offset.as_ref().map(count_span), "OFFSET"),
            (query.order_by.first().map(|item| item.key.span()), "ORDER BY"),
            (query.group_by.as_ref().map(|group_by| key(super::group::keys(group_by))), "GROUP BY"),
            (query.scope.as_ref().map(|scope| scope.span), "USING SCOPE"),
            (query.with.is_some().then_some(query.span), "WITH"),
            ((!query.for_clauses.is_empty()).then_some(query.span), "FOR"),
            (query.all_rows.then_some(query.span), "ALL ROWS"),
        ];
        for (span, name) in clauses {
            if let Some(span) = span {
                self.refuse("pushtopic-clause", span, name, "leave it out");
                if matches!(name, "LIMIT" | "OFFSET" | "ORDER BY") {
                    self.without_clause(query, &name.split(' ').collect::<Vec<_>>(), true);
                }
            }
        }
        self.push_topic_select(query);
        if let Some(condition) = &query.condition {
            let scope = self.main_scope(query);
            self.push_topic_condition(&scope, condition);
        }
    }

    fn push_topic_select(&mut self, query: &'a Query) {
        let scope = self.main_scope(query);
        let mut has_id = false;
        for item in &query.select {
            match item {
                SelectItem::Field(path, alias) => {
                    let names = scope.names(path);
                    if names.len() > 1 {
                        self.refuse(
                            "pushtopic-relationship",
                            path.span(),
                            "fields of parents",
                            "read them when the event comes",
                        );
                    }
                    if let Some(alias) = alias {
                        self.refuse("pushtopic-clause", alias.span, "aliases", "leave it out");
                    }
                    has_id |= matches!(names.as_slice(), [name] if name.text.eq_ignore_ascii_case("Id"));
                }
                SelectItem::Count(span) => self.refuse("pushtopic-aggregate", *span, "aggregates", "select Id"),
                SelectItem::Function(function, _) if holds_aggregate(function) => {
                    self.refuse("pushtopic-aggregate", function.span, "aggregates", "select the field itself");
                }
                SelectItem::Function(function, _) => {
                    self.refuse("pushtopic-function", function.span, "functions", "select the field itself");
                }
                SelectItem::TypeOf(type_of) => self.refuse("pushtopic-clause", type_of.span, "TYPEOF", "leave it out"),
                SelectItem::Subquery(inner) => {
                    self.refuse("pushtopic-relationship", inner.span, "sub-queries in SELECT", "leave it out");
                }
                SelectItem::Fields(_, span) => self.refuse("pushtopic-function", *span, "FIELDS()", "name the fields"),
            }
        }
        let is_counted = matches!(query.select.as_slice(), [SelectItem::Count(_)]);
        if !has_id && !is_counted {
            let start = query.span.start + "SELECT".len();
            let fix = Fix::one(Span { start, end: start }, " Id,", true);
            let message = "a PushTopic must select Id";
            self.push(Severity::Error, "pushtopic-id", query.span, message, "add Id", Some(fix));
        }
        // Without the parts a change of an address is not noticed.
        for (column, span) in self.selected(&scope) {
            if let Column::Field { field, object, .. } = column
                && is_compound(field.kind)
            {
                let parts = parts(object, &field.name).join(", ");
                let message = format!("a change of {} is told only where its parts are selected", field.name);
                self.push(Severity::Warning, "pushtopic-compound", span, message, &format!("add {parts}"), None);
            }
        }
    }

    fn push_topic_condition(&mut self, scope: &Scope<'a>, condition: &'a Condition) {
        match condition {
            Condition::And(all) | Condition::Or(all) => {
                all.iter().for_each(|one| self.push_topic_condition(scope, one));
            }
            Condition::Not(inner) => {
                if let Some(span) = first_span(inner) {
                    self.refuse("pushtopic-not", span, "NOT", "write != or NOT IN");
                }
                self.push_topic_condition(scope, inner);
            }
            Condition::Compare(comparison) => self.push_topic_comparison(scope, comparison),
        }
    }

    fn push_topic_comparison(&mut self, scope: &Scope<'a>, comparison: &'a Comparison) {
        if let Right::Subquery(_) = &comparison.right {
            return self.refuse("pushtopic-semi-join", comparison.span, "semi-joins in WHERE", "");
        }
        let path = match &comparison.left {
            Operand::Field(path) => path,
            Operand::Function(function) => {
                return self.refuse("pushtopic-function", function.span, "functions", "compare the field itself");
            }
        };
        if scope.names(path).len() > 1 {
            return self.refuse("pushtopic-relationship", path.span(), "fields of parents", "");
        }
        let told = std::mem::take(&mut self.findings);
        let column = self.column(scope, path);
        self.findings = told;
        if let Column::Field { field, .. } = column {
            if field.calculated {
                self.refuse("pushtopic-formula", path.span(), "formula fields in WHERE", "");
            } else if field.kind == FieldKind::TextArea {
                self.refuse("pushtopic-text", path.span(), "text areas in WHERE", "");
            }
        }
    }
}

fn first_span(condition: &Condition) -> Option<Span> {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().find_map(first_span),
        Condition::Not(inner) => first_span(inner),
        Condition::Compare(comparison) => Some(comparison.span),
    }
}

fn count_span(count: &Count) -> Span {
    match count {
        Count::Number(_, span) => *span,
        Count::Bind(name) => name.span,
    }
}

fn holds_aggregate(function: &Function) -> bool {
    is_aggregate_function(function)
        || function
            .arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Function(inner) if holds_aggregate(inner)))
}
