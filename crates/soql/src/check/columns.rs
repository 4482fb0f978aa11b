//! Paths to fields: aliases taken away, parents followed.

use super::Checker;
use super::schema::{FieldFacts, Lookup, ObjectFacts, Values};
use crate::ast::{FieldPath, Name, Query, Span};
use crate::finding::Severity;
use crate::lint::{expand, path_key};

/// Relationships from child to parent in one path (documented).
const PATH_LEVELS_MAX: usize = 5;

/// The record at one place of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    /// Of this object.
    Object(&'a ObjectFacts),
    /// Of one of several objects, to which this field points.
    Several(&'a FieldFacts),
    /// Nothing is known of it.
    Unknown,
}

/// One SELECT and the object it is of.
#[derive(Debug, Clone)]
pub(super) struct Scope<'a> {
    pub(super) query: &'a Query,
    pub(super) at: At<'a>,
    /// 1 for the statement itself.
    pub(super) depth: usize,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column<'a> {
    /// A field, and the object that has it.
    Field { field: &'a FieldFacts, object: &'a ObjectFacts, is_own: bool },
    /// A field that stands for those of several objects.
    Several,
    /// `Who.Type`.
    TypeName,
    /// `Who.Id`.
    SeveralId,
    /// Not known, or already found fault with.
    Unknown,
}

impl<'a> Column<'a> {
    pub(super) fn values(&self) -> Values {
        match self {
            Column::Field { field, .. } => field.kind.values(),
            Column::TypeName => Values::Text,
            Column::SeveralId => Values::Id,
            Column::Several | Column::Unknown => Values::Unknown,
        }
    }

    pub(super) fn field(&self) -> Option<&'a FieldFacts> {
        match self {
            Column::Field { field, .. } => Some(field),
            _ => None,
        }
    }
}

impl<'a> Scope<'a> {
    pub(super) fn object(&self) -> Option<&'a ObjectFacts> {
        match self.at {
            At::Object(facts) => Some(facts),
            _ => None,
        }
    }

    /// The names of a path without the alias or the object's name at its start. In a sub-query both the relationship
    /// and the object may stand there.
    pub(super) fn names(&self, path: &'a FieldPath) -> Vec<&'a Name> {
        let names = expand(path, self.query);
        let is_own = |first: &Name| self.object().is_some_and(|facts| facts.name.eq_ignore_ascii_case(&first.text));
        match names.split_first() {
            Some((first, rest)) if names.len() == path.segments.len() && !rest.is_empty() && is_own(first) => {
                rest.to_vec()
            }
            _ => names,
        }
    }

    /// A path in one spelling, whatever its case and alias.
    pub(super) fn key(&self, path: &FieldPath) -> String {
        path_key(path, self.query, self.object().map(|facts| facts.name.as_str()))
    }
}

impl<'a> Checker<'a> {
    /// Follows a path to its field. What is not there is found fault with.
    pub(super) fn column(&mut self, scope: &Scope<'a>, path: &'a FieldPath) -> Column<'a> {
        let names = scope.names(path);
        self.column_of(scope.at, &names, path.span())
    }

    /// As [`Checker::column`], from another place and without an alias.
    pub(super) fn column_from(&mut self, at: At<'a>, path: &'a FieldPath) -> Column<'a> {
        let names: Vec<&'a Name> = path.segments.iter().collect();
        match self.column_of(at, &names, path.span()) {
            Column::Field { field, object, .. } => Column::Field { field, object, is_own: false },
            other => other,
        }
    }

    fn column_of(&mut self, at: At<'a>, names: &[&'a Name], span: Span) -> Column<'a> {
        let Some((last, hops)) = names.split_last() else { return Column::Unknown };
        if hops.len() > PATH_LEVELS_MAX {
            let message = format!("the path climbs {} levels; the maximum is {PATH_LEVELS_MAX}", hops.len());
            self.error("parent-levels", span, message, "query the upper levels on their own");
            return Column::Unknown;
        }
        match self.follow(at, hops) {
            At::Object(object) => match object.field(&last.text) {
                Some(field) => Column::Field { field, object, is_own: hops.is_empty() },
                None => {
                    self.unknown_field(object, last);
                    Column::Unknown
                }
            },
            At::Several(_) if last.text.eq_ignore_ascii_case("Type") => Column::TypeName,
            At::Several(_) if last.text.eq_ignore_ascii_case("Id") => Column::SeveralId,
            At::Several(by) => match self.name_object() {
                Some(facts) if facts.field(&last.text).is_none() => {
                    self.unknown_polymorphic_field(by, facts, last);
                    Column::Unknown
                }
                _ => Column::Several,
            },
            At::Unknown => Column::Unknown,
        }
    }

    /// Follows relationships.
    pub(super) fn follow(&mut self, mut at: At<'a>, hops: &[&'a Name]) -> At<'a> {
        for name in hops {
            at = match at {
                At::Object(facts) => match facts.relationship(&name.text) {
                    Some(field) => {
                        if let [one] = field.reference_to.as_slice()
                            && matches!(self.schema.object(one), Lookup::Missing)
                        {
                            let message =
                                format!("{} leads to {one}, which the org does not show to this user", name.text);
                            self.push(
                                Severity::Warning,
                                "hidden-parent",
                                name.span,
                                message,
                                "the org may refuse this",
                                None,
                            );
                        }
                        self.parent(field)
                    }
                    None => {
                        self.unknown_relationship(facts, name);
                        At::Unknown
                    }
                },
                // Further on from a parent of several kinds only what the pseudo object knows is certain.
                At::Several(_) => match self.name_object().and_then(|facts| facts.relationship(&name.text)) {
                    Some(field) => self.parent(field),
                    None => At::Unknown,
                },
                At::Unknown => At::Unknown,
            };
        }
        at
    }

    /// The record that a reference field points to.
    fn parent(&mut self, field: &'a FieldFacts) -> At<'a> {
        match field.reference_to.as_slice() {
            [one] if !field.polymorphic => match self.object(one) {
                Lookup::Known(facts) => At::Object(facts),
                Lookup::Missing | Lookup::NotLoaded => At::Unknown,
            },
            [] => At::Unknown,
            _ => At::Several(field),
        }
    }
}
