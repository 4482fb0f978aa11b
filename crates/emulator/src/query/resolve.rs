//! Names to columns: field paths looked up in the schema, parents collected as they are met.

use std::sync::Arc;

use tidegate_soql::ast::{FieldPath, Name, Query, Span};

use super::error::{malformed, no_such_children, no_such_column, no_such_object, no_such_parent};
use super::expr::{At, Column, Hop, Source};
use crate::ApiError;
use crate::schema::{ChildRelationship, Field, FieldId, FieldType, ObjectId, ObjectType, Schema};

/// Parent relationships in one path.
const PATH_HOPS_MAX: usize = 5;
/// Distinct parent relationships in one query.
const PARENTS_MAX: usize = 55;

/// The names in reach of one SELECT, and the parents its paths have led to so far.
#[derive(Debug)]
pub(crate) struct Resolver<'q> {
    pub(crate) schema: &'q Schema,
    /// The whole text, for error excerpts.
    pub(crate) text: &'q str,
    pub(crate) source: Source,
    alias: Option<&'q str>,
    also: Vec<(&'q str, Vec<&'q Name>)>,
}

impl<'q> Resolver<'q> {
    /// For the FROM of a main query or semi-join.
    pub(crate) fn for_object(schema: &'q Schema, text: &'q str, query: &'q Query) -> Result<Self, ApiError> {
        let path = &query.from.object;
        let name = match path.segments.as_slice() {
            [one] => one,
            _ => return Err(no_such_object(text, path.span(), &path.dotted())),
        };
        let (object, facts) = schema.find(&name.text).ok_or_else(|| no_such_object(text, name.span, &name.text))?;
        if !facts.flags.queryable {
            let message = format!("entity type {} does not support query", facts.name);
            return Err(super::error::at(text, name.span, "INVALID_TYPE_FOR_OPERATION", message));
        }
        Self::new(schema, text, query, object)
    }

    /// For the FROM of a sub-query: a child relationship of this parent. Gives the child's reference field too.
    pub(crate) fn for_children(
        schema: &'q Schema,
        text: &'q str,
        query: &'q Query,
        parent: ObjectId,
        parent_alias: Option<&str>,
    ) -> Result<(Self, FieldId, String), ApiError> {
        let path = &query.from.object;
        let facts = schema.object(parent);
        let name = match path.segments.as_slice() {
            [one] => one,
            // `FROM Account.Contacts` and `FROM a.Contacts` name the parent first.
            [first, one]
                if first.text.eq_ignore_ascii_case(&facts.name)
                    || parent_alias.is_some_and(|alias| alias.eq_ignore_ascii_case(&first.text)) =>
            {
                one
            }
            _ => return Err(no_such_children(text, path.span(), &path.dotted())),
        };
        let unknown = || no_such_children(text, name.span, &name.text);
        let child: &ChildRelationship = facts
            .children
            .iter()
            .find(|c| c.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(&name.text)))
            .ok_or_else(unknown)?;
        let (object, child_facts) = schema.find(&child.child_object).ok_or_else(unknown)?;
        let (field, _) = child_facts.field(&child.field).ok_or_else(unknown)?;
        let relationship = child.relationship_name.clone().unwrap_or_default();
        Ok((Self::new(schema, text, query, object)?, field, relationship))
    }

    fn new(schema: &'q Schema, text: &'q str, query: &'q Query, object: ObjectId) -> Result<Self, ApiError> {
        let mut resolver = Self {
            schema,
            text,
            source: Source { object, hops: Vec::new() },
            alias: query.from.alias.as_ref().map(|name| name.text.as_str()),
            also: Vec::new(),
        };
        for (path, alias) in &query.from.also {
            let Some(alias) = alias else {
                return Err(malformed(text, path.span(), "a further relationship in FROM needs an alias"));
            };
            let names = resolver.expand(path);
            resolver.hops(&names, path.span())?;
            resolver.also.push((&alias.text, names));
        }
        Ok(resolver)
    }

    /// The object of the FROM.
    pub(crate) fn object(&self) -> &'q Arc<ObjectType> {
        self.schema.object(self.source.object)
    }

    /// The alias of the FROM, as sub-queries may use it.
    pub(crate) fn alias(&self) -> Option<&'q str> {
        self.alias
    }

    /// A field path.
    pub(crate) fn column(&mut self, path: &'q FieldPath) -> Result<Column, ApiError> {
        let names = self.expand(path);
        let Some((field, hops)) = names.split_last() else {
            return Err(malformed(self.text, path.span(), "a field path needs a name"));
        };
        let slot = self.hops(hops, path.span())?;
        self.column_at(slot, field, path.span())
    }

    /// A field path that stands in a text of its own, such as `Account.Name` in FORMULA().
    pub(crate) fn column_named(&mut self, path: &str, span: Span) -> Result<Column, ApiError> {
        let segments: Vec<Name> = path.split('.').map(|text| Name { text: text.trim().to_owned(), span }).collect();
        let names: Vec<&Name> = segments.iter().collect();
        let Some((field, hops)) = names.split_last() else {
            return Err(malformed(self.text, span, "a field path needs a name"));
        };
        let slot = self.hops(hops, span)?;
        self.column_at(slot, field, span)
    }

    /// The place of a parent that a relationship path leads to.
    pub(crate) fn parent(&mut self, path: &'q FieldPath) -> Result<usize, ApiError> {
        let names = self.expand(path);
        self.hops(&names, path.span())
    }

    /// The place of a parent seen as one object of a polymorphic relationship (`TYPEOF … WHEN`).
    pub(crate) fn parent_as(&mut self, slot: usize, object: ObjectId) -> Option<usize> {
        let mut hop = self.source.hops.get(slot.checked_sub(1)?)?.clone();
        hop.target = Some(object);
        Some(match self.source.hops.iter().position(|h| *h == hop) {
            Some(at) => at + 1,
            None => {
                self.source.hops.push(hop);
                self.source.hops.len()
            }
        })
    }

    /// A field path that starts at this place.
    pub(crate) fn column_from(&mut self, slot: usize, path: &FieldPath) -> Result<Column, ApiError> {
        let names: Vec<&Name> = path.segments.iter().collect();
        let Some((field, hops)) = names.split_last() else {
            return Err(malformed(self.text, path.span(), "a field path needs a name"));
        };
        if hops.len() > PATH_HOPS_MAX {
            let message = format!("a relationship path has at most {PATH_HOPS_MAX} levels");
            return Err(malformed(self.text, path.span(), message));
        }
        let mut slot = slot;
        for name in hops {
            slot = self.hop(slot, name)?;
        }
        self.column_at(slot, field, path.span())
    }

    /// Whether several objects may stand at this place.
    pub(crate) fn is_polymorphic(&self, slot: usize) -> bool {
        !self.is_single(slot)
    }

    /// The objects that may stand at this place.
    pub(crate) fn candidates(&self, slot: usize) -> Vec<ObjectId> {
        self.objects_at(slot)
    }

    /// A field of the FROM object itself.
    pub(crate) fn own(&self, id: FieldId) -> Column {
        own_column(self.schema, self.source.object, 0, id)
    }

    /// The path without the alias or object name that it may begin with.
    fn expand(&self, path: &'q FieldPath) -> Vec<&'q Name> {
        let names: Vec<&Name> = path.segments.iter().collect();
        let Some((first, rest)) = names.split_first() else { return names };
        if rest.is_empty() {
            return names;
        }
        if let Some((_, prefix)) = self.also.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&first.text)) {
            return prefix.iter().chain(rest).copied().collect();
        }
        if self.names_itself(&first.text) { rest.to_vec() } else { names }
    }

    /// Whether the first name of a path stands for the object of the FROM.
    pub(crate) fn names_itself(&self, first: &str) -> bool {
        match self.alias {
            Some(alias) if alias.eq_ignore_ascii_case(first) => true,
            _ => first.eq_ignore_ascii_case(&self.object().name),
        }
    }

    fn hops(&mut self, names: &[&Name], span: Span) -> Result<usize, ApiError> {
        if names.len() > PATH_HOPS_MAX {
            let message = format!("a relationship path has at most {PATH_HOPS_MAX} levels");
            return Err(malformed(self.text, span, message));
        }
        let mut slot = 0;
        for name in names {
            slot = self.hop(slot, name)?;
        }
        Ok(slot)
    }

    fn hop(&mut self, from: usize, name: &Name) -> Result<usize, ApiError> {
        let unknown = || no_such_parent(self.text, name.span, &name.text);
        let hop = match self.objects_at(from).as_slice() {
            [] => return Err(unknown()),
            [object] if self.is_single(from) => {
                let facts = self.schema.object(*object);
                let (id, field) = facts.relationship(&name.text).ok_or_else(unknown)?;
                let target = self.target(field).ok_or_else(unknown)?;
                let name = field.relationship_name.clone().unwrap_or_default();
                Hop { from, field: At::Field(id), target, name }
            }
            many => {
                // Through a polymorphic parent: whichever of its objects have this relationship.
                let found: Vec<(ObjectId, FieldId, &Field)> = many
                    .iter()
                    .filter_map(|o| self.schema.object(*o).relationship(&name.text).map(|(id, f)| (*o, id, f)))
                    .collect();
                let (_, _, first) = found.first().ok_or_else(unknown)?;
                let target = self.target(first).ok_or_else(unknown)?;
                let agree = found.iter().all(|(_, _, f)| self.target(f) == Some(target));
                let name = first.relationship_name.clone().unwrap_or_default();
                let fields = found.iter().map(|(object, id, _)| (*object, *id)).collect();
                Hop { from, field: At::ByObject(fields), target: if agree { target } else { None }, name }
            }
        };
        if let Some(at) = self.source.hops.iter().position(|h| *h == hop) {
            return Ok(at + 1);
        }
        if self.source.hops.len() == PARENTS_MAX {
            let message = format!("a query follows at most {PARENTS_MAX} child-to-parent relationships");
            return Err(malformed(self.text, name.span, message));
        }
        self.source.hops.push(hop);
        Ok(self.source.hops.len())
    }

    /// Where a reference field leads: `Some(None)` to several objects, `None` to none that this org has.
    fn target(&self, field: &Field) -> Option<Option<ObjectId>> {
        match field.reference_to.as_slice() {
            [one] if !field.polymorphic_foreign_key => Some(Some(self.schema.find(one)?.0)),
            many => many.iter().any(|name| self.schema.find(name).is_some()).then_some(None),
        }
    }

    fn is_single(&self, slot: usize) -> bool {
        slot == 0 || self.source.hops.get(slot - 1).is_some_and(|hop| hop.target.is_some())
    }

    /// The objects that the record at this place may be of.
    fn objects_at(&self, slot: usize) -> Vec<ObjectId> {
        let Some(hop) = slot.checked_sub(1).and_then(|at| self.source.hops.get(at)) else {
            return vec![self.source.object];
        };
        if let Some(object) = hop.target {
            return vec![object];
        }
        let fields: Vec<&Field> = match &hop.field {
            At::Field(id) => {
                self.objects_at(hop.from).iter().map(|object| self.schema.object(*object).field_at(*id)).collect()
            }
            At::ByObject(fields) => fields.iter().map(|(o, id)| self.schema.object(*o).field_at(*id)).collect(),
            At::Id | At::TypeName | At::Formula(_) => Vec::new(),
        };
        let mut objects: Vec<ObjectId> = Vec::new();
        for name in fields.iter().flat_map(|f| &f.reference_to) {
            if let Some((id, _)) = self.schema.find(name)
                && !objects.contains(&id)
            {
                objects.push(id);
            }
        }
        objects
    }

    fn column_at(&self, slot: usize, name: &Name, span: Span) -> Result<Column, ApiError> {
        let objects = self.objects_at(slot);
        if let ([object], true) = (objects.as_slice(), self.is_single(slot)) {
            let facts = self.schema.object(*object);
            let Some((id, _)) = facts.field(&name.text) else {
                return Err(no_such_column(self.text, span, &name.text, &facts.name));
            };
            return Ok(own_column(self.schema, *object, slot, id));
        }
        if name.text.eq_ignore_ascii_case("Type") {
            let name = "Type".to_owned();
            return Ok(Column { slot, at: At::TypeName, name, ty: FieldType::String, field: None });
        }
        if name.text.eq_ignore_ascii_case("Id") {
            return Ok(Column { slot, at: At::Id, name: "Id".to_owned(), ty: FieldType::Id, field: None });
        }
        // Salesforce reads polymorphic parents through the pseudo object `Name`, which has these fields and no others.
        let known = self.schema.find("Name").and_then(|(_, facts)| Some(facts.field(&name.text)?.1.name.as_str()));
        let Some(known) = known else {
            return Err(no_such_column(self.text, span, &name.text, "Name"));
        };
        let mut fields = Vec::new();
        let mut ty = FieldType::String;
        for object in objects {
            let facts = self.schema.object(object);
            let found = match facts.field(known) {
                // Objects such as Case have no `Name`: their name field stands in.
                None if known == "Name" => facts.enumerate().find(|(_, f)| f.name_field),
                found => found,
            };
            if let Some((id, field)) = found {
                if fields.is_empty() {
                    ty = field.ty;
                }
                fields.push((object, id));
            }
        }
        Ok(Column { slot, at: At::ByObject(fields), name: known.to_owned(), ty, field: None })
    }
}

/// The column of a field of an object at this place.
pub(crate) fn own_column(schema: &Schema, object: ObjectId, slot: usize, id: FieldId) -> Column {
    let field = schema.object(object).field_at(id);
    let at = match crate::formula::column(schema, object, id) {
        Some(formula) => At::Formula(formula),
        None if field.ty == FieldType::Id => At::Id,
        None => At::Field(id),
    };
    Column { slot, at, name: field.name.clone(), ty: field.ty, field: Some((object, id)) }
}
