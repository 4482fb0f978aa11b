//! The clauses of a query: FROM, SELECT, ORDER BY, scope, and queries within it.

use std::collections::BTreeMap;

use super::Checker;
use super::calls::{Stands, Use};
use super::columns::{At, Column, Scope};
use super::schema::{FieldKind, Lookup, ObjectFacts};
use crate::ast::{Count, FieldPath, FieldSet, Lookup as UsingLookup, Operand, Query, SelectItem, Span, TypeOf, With};
use crate::clause::{clause, item_removal, removal};
use crate::finding::{Fix, Severity};
use crate::lint::is_aggregate;

/// Since this version sub-queries nest (documented).
const NESTED_SINCE: u16 = 58;
/// Since this version there is TYPEOF (documented).
const TYPEOF_SINCE: u16 = 46;
/// The first with FIELDS() (documented).
const FIELDS_SINCE: u16 = 51;

impl<'a> Checker<'a> {
    /// The statement itself. `true` where its object is known.
    pub(super) fn main(&mut self, query: &'a Query) -> bool {
        let at = match query.from.object.segments.as_slice() {
            [name] => match self.object(&name.text) {
                Lookup::Known(facts) => At::Object(facts),
                Lookup::Missing => {
                    self.unknown_object(name);
                    At::Unknown
                }
                Lookup::NotLoaded => At::Unknown,
            },
            _ => {
                let path = query.from.object.dotted();
                let message = format!("`{path}` is no object; a path stands in FROM only within a sub-query");
                self.error("unknown-object", query.from.object.span(), message, "");
                At::Unknown
            }
        };
        self.mandatory_filter(query);
        if let At::Object(facts) = at {
            self.queryable(facts, query);
        }
        let scope = Scope { query, at, depth: 1 };
        self.clauses(&scope);
        matches!(at, At::Object(_))
    }

    pub(super) fn clauses(&mut self, scope: &Scope<'a>) {
        let query = scope.query;
        self.aliased_parents(scope);
        self.using(scope);
        self.with(scope);
        if let Some(condition) = &query.condition {
            self.condition(scope, condition);
        }
        let is_count = matches!(query.select.as_slice(), [SelectItem::Count(_)]);
        if is_count {
            if let Some(group_by) = &query.group_by {
                let span = super::group::keys(group_by).first().map_or(query.span, Operand::span);
                let advice = "write COUNT(Id) to count each group";
                let select = query.select.first();
                let fix = match select {
                    Some(SelectItem::Count(span)) => Some(Fix::one(*span, "COUNT(Id)", true)),
                    _ => None,
                };
                self.push(Severity::Error, "count-group-by", span, "COUNT() does not go with GROUP BY", advice, fix);
            }
        } else if is_aggregate(query) {
            self.groups(scope);
        } else {
            self.select(scope);
            for item in &query.order_by {
                match &item.key {
                    Operand::Field(path) => {
                        let column = self.column(scope, path);
                        self.usable(column, path.span(), Use::Sort);
                    }
                    Operand::Function(function) => {
                        self.call(scope, function, Stands::OrderBy);
                    }
                }
            }
        }
        if scope.depth > 1 && (is_count || is_aggregate(query)) {
            let message = "aggregates and GROUP BY are not allowed in a sub-query";
            self.error(
                "aggregate-in-subquery",
                query.span,
                message,
                "query the children on their own, grouped by parent",
            );
        }
    }

    /// Further aliased paths in FROM.
    pub(super) fn aliased_parents(&mut self, scope: &Scope<'a>) {
        for (path, alias) in &scope.query.from.also {
            if alias.is_none() {
                self.error("from-without-alias", path.span(), "a further relationship in FROM needs an alias", "");
            }
            let names = scope.names(path);
            self.follow(scope.at, &names);
        }
    }

    fn using(&mut self, scope: &Scope<'a>) {
        let query = scope.query;
        if let (Some(name), Some(facts)) = (&query.scope, scope.object())
            && let Some(scopes) = &facts.scopes
        {
            let is = |known: &String| known.eq_ignore_ascii_case(&name.text);
            let always = name.text.eq_ignore_ascii_case("everything")
                || name.text.eq_ignore_ascii_case("mine") && facts.field("OwnerId").is_some();
            if !always && !scopes.iter().any(is) {
                let message = format!("{} has no scope `{}`", facts.name, name.text);
                self.error("unknown-scope", name.span, message, &format!("one of {}", scopes.join(", ")));
            }
        }
        if let Some(lookup) = &query.lookup {
            self.lookup(scope, lookup);
        }
    }

    fn lookup(&mut self, scope: &Scope<'a>, lookup: &'a UsingLookup) {
        let [object, field] = lookup.field.segments.as_slice() else {
            return self.error("lookup-field", lookup.field.span(), "USING LOOKUP takes Object.Field", "");
        };
        let facts = match self.object(&object.text) {
            Lookup::Known(facts) => facts,
            Lookup::Missing => return self.unknown_object(object),
            Lookup::NotLoaded => return,
        };
        let Some(found) = facts.field(&field.text) else { return self.unknown_field(facts, field) };
        if let Some(own) = scope.object()
            && !found.reference_to.iter().any(|to| to.eq_ignore_ascii_case(&own.name))
        {
            let message = format!("{}.{} is no lookup to {}", facts.name, found.name, own.name);
            self.error("lookup-field", lookup.field.span(), message, "");
        }
        for bind in &lookup.binds {
            if let [name] = bind.field.segments.as_slice()
                && facts.field(&name.text).is_none()
            {
                self.unknown_field(facts, name);
            }
        }
    }

    fn with(&mut self, scope: &Scope<'a>) {
        let Some(facts) = scope.object() else { return };
        let is_article = facts.name == "KnowledgeArticleVersion" || facts.name.ends_with("__kav");
        match &scope.query.with {
            Some(With::DataCategory(categories)) if !is_article && facts.name != "Question" => {
                let message = format!("{} has no data categories", facts.name);
                let span = categories.first().map_or(scope.query.span, |(group, ..)| group.span);
                self.error("data-category-object", span, message, "leave WITH DATA CATEGORY out");
            }
            Some(With::Condition(condition)) if facts.name != "UserProfileFeed" => {
                let span = match condition {
                    crate::ast::Condition::Compare(comparison) => comparison.span,
                    _ => scope.query.span,
                };
                let message = format!("WITH and a field is for UserProfileFeed, not for {}", facts.name);
                self.error("with-condition", span, message, "write it in WHERE");
            }
            _ => {}
        }
    }

    /// The SELECT list of a query over records.
    fn select(&mut self, scope: &Scope<'a>) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for item in &scope.query.select {
            match item {
                SelectItem::Field(path, _) => {
                    self.column(scope, path);
                    self.once(&mut seen, scope.key(path), path.span());
                }
                SelectItem::Function(function, alias) => {
                    self.call(scope, function, Stands::Select);
                    // Without an alias the answer names it by its field.
                    if let (Some(path), None) = (super::calls::only_field(function), alias) {
                        self.once(&mut seen, scope.key(path), function.span);
                    }
                }
                SelectItem::Fields(set, span) => self.field_set(scope, *set, *span, &mut seen),
                SelectItem::TypeOf(type_of) => self.type_of(scope, type_of),
                SelectItem::Subquery(inner) => {
                    self.subquery(scope, inner);
                    if let Some(name) = inner.from.object.segments.last() {
                        self.once(&mut seen, name.text.to_ascii_lowercase(), inner.from.object.span());
                    }
                }
                SelectItem::Count(_) => {}
            }
        }
    }

    fn once(&mut self, seen: &mut BTreeMap<String, Span>, key: String, span: Span) {
        if let Some(first) = seen.insert(key, span) {
            let message = format!("{} is selected already", self.text(first));
            let fix = item_removal(self.source, span, true);
            self.push(Severity::Error, "duplicate-field", span, message, "select it once", fix);
        }
    }

    fn field_set(&mut self, scope: &Scope<'a>, set: FieldSet, span: Span, seen: &mut BTreeMap<String, Span>) {
        if self.options.version.is_some_and(|version| version < FIELDS_SINCE) {
            self.error(
                "version",
                span,
                format!("FIELDS() needs API version {FIELDS_SINCE}.0 or later"),
                "name the fields",
            );
        }
        let Some(facts) = scope.object() else { return };
        let fields: Vec<_> = facts
            .fields
            .iter()
            .filter(|field| match set {
                FieldSet::All => true,
                FieldSet::Custom => field.custom,
                FieldSet::Standard => !field.custom,
            })
            .collect();
        if fields.is_empty() && scope.query.select.len() == 1 {
            let message = format!("{} has no {} fields", facts.name, set.to_string().to_ascii_lowercase());
            self.error("no-fields", span, message, "name the fields");
        }
        for field in fields {
            let key = field.name.to_ascii_lowercase();
            if let Some(first) = seen.get(&key).copied() {
                let message = format!("{} is selected beside FIELDS({set}), which brings it already", field.name);
                let fix = item_removal(self.source, first, true);
                self.push(Severity::Error, "duplicate-field", first, message, "leave it out", fix);
            }
            seen.insert(key, span);
        }
    }

    fn type_of(&mut self, scope: &Scope<'a>, type_of: &'a TypeOf) {
        if self.options.version.is_some_and(|version| version < TYPEOF_SINCE) {
            self.error("version", type_of.span, format!("TYPEOF needs API version {TYPEOF_SINCE}.0 or later"), "");
        }
        let names = scope.names(&type_of.relationship);
        let at = self.follow(scope.at, &names);
        let by = match at {
            At::Object(facts) => {
                let path = type_of.relationship.dotted();
                let message = format!("{path} is always of {}, so that TYPEOF has nothing to choose", facts.name);
                let fields = type_of.when.first().map(|(_, fields)| fields.as_slice()).unwrap_or_default();
                let plain: Vec<String> = fields.iter().map(|field| format!("{path}.{}", field.dotted())).collect();
                let fix = Fix::one(type_of.span, plain.join(", "), true);
                let advice = "name the parent's fields";
                return self.push(Severity::Error, "typeof-one-object", type_of.span, message, advice, Some(fix));
            }
            At::Several(by) => by,
            At::Unknown => return,
        };
        for (name, paths) in &type_of.when {
            let facts = match self.object(&name.text) {
                Lookup::Known(facts) => facts,
                Lookup::Missing => {
                    self.unknown_object(name);
                    continue;
                }
                Lookup::NotLoaded => continue,
            };
            if !by.reference_to.iter().any(|to| to.eq_ignore_ascii_case(&facts.name)) {
                let message = format!("{} is never of {}", type_of.relationship.dotted(), facts.name);
                let advice = if by.reference_to.len() <= 12 {
                    format!("one of {}", by.reference_to.join(", "))
                } else {
                    String::new()
                };
                self.error("typeof-object", name.span, message, &advice);
                continue;
            }
            self.type_of_fields(At::Object(facts), paths);
        }
        self.type_of_fields(at, &type_of.otherwise);
    }

    fn type_of_fields(&mut self, at: At<'a>, paths: &'a [FieldPath]) {
        for path in paths {
            self.column_from(at, path);
        }
    }

    fn subquery(&mut self, outer: &Scope<'a>, inner: &'a Query) {
        let depth = outer.depth + 1;
        if depth > 2 && self.options.version.is_some_and(|version| version < NESTED_SINCE) {
            let message = format!("a sub-query within a sub-query needs API version {NESTED_SINCE}.0 or later");
            self.error("version", inner.span, message, "query the lower level on its own");
        }
        if let Some(offset) = &inner.offset
            && !matches!(outer.query.limit, Some(Count::Number(1, _)))
        {
            let span = match offset {
                Count::Number(_, span) => *span,
                Count::Bind(name) => name.span,
            };
            let message = "OFFSET in a sub-query needs LIMIT 1 in the query around it";
            let fix = clause(self.source, inner.span, &["OFFSET"]).map(|span| removal(self.source, span, false));
            self.push(Severity::Error, "offset-in-subquery", span, message, "leave OFFSET out", fix);
        }
        let at = self.children(outer, inner);
        self.clauses(&Scope { query: inner, at, depth });
    }

    /// The child object of a sub-query.
    fn children(&mut self, outer: &Scope<'a>, inner: &'a Query) -> At<'a> {
        let Some(parent) = outer.object() else { return At::Unknown };
        let is_parent = |name: &str| {
            let alias = outer.query.from.alias.as_ref().is_some_and(|alias| alias.text.eq_ignore_ascii_case(name));
            alias || parent.name.eq_ignore_ascii_case(name)
        };
        let name = match inner.from.object.segments.as_slice() {
            [one] => one,
            [first, one] if is_parent(&first.text) => one,
            _ => {
                let message = format!("`{}` is no child relationship of {}", inner.from.object.dotted(), parent.name);
                self.error("unknown-child-relationship", inner.from.object.span(), message, "");
                return At::Unknown;
            }
        };
        let Some(child) = parent.child(&name.text) else {
            self.unknown_children(parent, name);
            return At::Unknown;
        };
        match self.object(&child.object) {
            Lookup::Known(facts) => At::Object(facts),
            Lookup::Missing | Lookup::NotLoaded => At::Unknown,
        }
    }

    /// Every selected column of records, parents' fields among them, and where it stands.
    pub(super) fn selected(&mut self, scope: &Scope<'a>) -> Vec<(Column<'a>, Span)> {
        let mut found = Vec::new();
        // What is wrong with a path was told when it was first followed.
        let told = std::mem::take(&mut self.findings);
        for item in &scope.query.select {
            if let SelectItem::Field(path, _) = item {
                found.push((self.column(scope, path), path.span()));
            }
        }
        self.findings = told;
        found
    }

    /// The object of the statement, if it is known.
    pub(super) fn main_scope(&mut self, query: &'a Query) -> Scope<'a> {
        let at = match query.from.object.segments.as_slice() {
            [name] => match self.schema.object(&name.text) {
                Lookup::Known(facts) => At::Object(facts),
                _ => At::Unknown,
            },
            _ => At::Unknown,
        };
        Scope { query, at, depth: 1 }
    }
}

/// Whether a value is made of several fields.
pub(super) fn is_compound(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Address | FieldKind::Location)
}

/// The names of the fields that a compound one is made of.
pub(super) fn parts<'f>(object: &'f ObjectFacts, compound: &str) -> Vec<&'f str> {
    let is_part = |field: &&super::FieldFacts| field.compound.as_deref() == Some(compound) && field.name != compound;
    object.fields.iter().filter(is_part).map(|field| field.name.as_str()).collect()
}
