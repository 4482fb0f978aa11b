//! The SELECT list of a query over records: what each record of the answer is made of, in the order written.

use std::sync::Arc;

use tidegate_soql::ast::{
    Comparison, Condition, FieldPath, FieldSet, Literal, Name, Operand, Operator, Query, Right, SelectItem, Span,
    TypeOf,
};

use super::error::{at, malformed, no_such_object};
use super::expr::{Column, Expr, Source};
use super::functions::scalar;
use super::plan::{Env, Plan, plan_with};
use super::resolve::{Resolver, own_column};
use crate::ApiError;
use crate::schema::{Field, FieldId, FieldType, ObjectId};

/// Rows to which `FIELDS(ALL)` and `FIELDS(CUSTOM)` must be bounded.
const UNBOUNDED_ROWS_MAX: usize = 200;
/// Objects from the root to the deepest sub-query, since version 58.0.
const DEPTH_MAX: usize = 5;

/// A member of a record in the answer.
#[derive(Debug)]
pub(crate) enum Out {
    /// A value.
    Value { key: String, expr: Expr, show: Show },
    /// An address or location: its parts as an object.
    Compound { key: String, parts: Vec<(String, Column)>, location: bool },
    /// A parent as a nested record.
    Parent { key: String, slot: usize, polymorphic: bool, fields: Vec<Out> },
    /// `TYPEOF`: the first of these that the record is, else the last.
    TypeOf { key: String, when: Vec<(usize, Vec<Out>)>, otherwise: Option<(usize, Vec<Out>)> },
    /// A sub-query.
    Children(Box<Children>),
}

/// A sub-query: the children of each record.
#[derive(Debug)]
pub(crate) struct Children {
    pub(crate) key: String,
    /// The child's field that points at the parent.
    pub(crate) field: FieldId,
    pub(crate) plan: Arc<Plan>,
}

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    Plain(FieldType),
    /// As text for people (`FORMAT`).
    Formatted(FieldType),
    /// The label of a grouped picklist value.
    Label,
    /// A base64 field: the URL from which its bytes are read.
    Blob,
}

/// Plans the SELECT list.
pub(crate) fn select<'q>(
    env: &Env<'_>,
    resolver: &mut Resolver<'q>,
    query: &'q Query,
    limit: Option<u64>,
    depth: usize,
) -> Result<Vec<Out>, ApiError> {
    let mut out = Vec::new();
    let mut expressions = 0;
    for item in &query.select {
        match item {
            SelectItem::Field(path, None) => {
                let column = resolver.column(path)?;
                add_column(env, resolver, &mut out, column, path.span())?;
            }
            SelectItem::Field(path, Some(_)) => {
                let message = "only aggregate expressions use field aliasing";
                return Err(malformed(resolver.text, path.span(), message));
            }
            SelectItem::Count(span) => {
                return Err(malformed(resolver.text, *span, "COUNT() must be the only element in the SELECT list"));
            }
            SelectItem::Function(function, alias) => {
                let scalar = scalar(resolver, env.calendar, function)?;
                if matches!(scalar.expr, Expr::Arithmetic(_)) {
                    return Err(malformed(resolver.text, function.span, "FORMULA() is allowed in WHERE only"));
                }
                if matches!(scalar.expr, Expr::DateFn { .. }) {
                    let message = format!("{} must be grouped to be selected", function.name.text);
                    return Err(malformed(resolver.text, function.span, message));
                }
                let show = if scalar.formatted { Show::Formatted(scalar.ty) } else { Show::Plain(scalar.ty) };
                let (slot, key) = match (alias, &scalar.expr) {
                    (Some(alias), _) => (0, alias.text.clone()),
                    (None, Expr::Distance(_)) => {
                        expressions += 1;
                        (0, format!("expr{}", expressions - 1))
                    }
                    (None, _) => (scalar.column.slot, scalar.column.name.clone()),
                };
                place(&resolver.source, &mut out, 0, slot, Out::Value { key, expr: scalar.expr, show })?;
            }
            SelectItem::Fields(set, span) => add_field_set(env, resolver, &mut out, *set, *span, query, limit)?,
            SelectItem::Subquery(inner) => {
                let children = plan_children(env, resolver, inner, limit, depth)?;
                if out.iter().any(|o| o.key() == children.key) {
                    return Err(duplicate(&children.key));
                }
                out.push(Out::Children(Box::new(children)));
            }
            SelectItem::TypeOf(type_of) => add_type_of(env, resolver, &mut out, query, type_of)?,
        }
    }
    Ok(out)
}

impl Out {
    /// Its name in the JSON object.
    pub(crate) fn key(&self) -> &str {
        match self {
            Out::Value { key, .. } | Out::Compound { key, .. } | Out::Parent { key, .. } | Out::TypeOf { key, .. } => {
                key
            }
            Out::Children(children) => &children.key,
        }
    }
}

fn duplicate(key: &str) -> ApiError {
    ApiError::new("INVALID_FIELD", format!("duplicate field selected: {key}"))
}

fn add_column(
    env: &Env<'_>,
    resolver: &Resolver<'_>,
    out: &mut Vec<Out>,
    column: Column,
    span: Span,
) -> Result<(), ApiError> {
    let slot = column.slot;
    let item = column_out(env, column)
        .ok_or_else(|| at(resolver.text, span, "INVALID_FIELD", "this compound field can not be selected"))?;
    place(&resolver.source, out, 0, slot, item)
}

/// A column as a member of its record. `None` for a compound whose parts the org does not know.
pub(crate) fn column_out(env: &Env<'_>, column: Column) -> Option<Out> {
    let schema = env.world.schema;
    let key = column.name.clone();
    match (column.ty, column.field) {
        (FieldType::Address | FieldType::Location, Some((object, id))) => {
            let facts = schema.object(object);
            let mut parts: Vec<(String, Column)> = facts
                .enumerate()
                .filter(|(_, part)| part.compound_field_name.as_deref() == Some(column.name.as_str()))
                .map(|(part_id, part)| {
                    (part_key(&facts.field_at(id).name, part), own_column(schema, object, column.slot, part_id))
                })
                .collect();
            parts.sort_by(|a, b| a.0.cmp(&b.0));
            let location = column.ty == FieldType::Location;
            (!parts.is_empty()).then_some(Out::Compound { key, parts, location })
        }
        (FieldType::Base64, _) => Some(Out::Value { key, expr: Expr::Column(column), show: Show::Blob }),
        (ty, _) => Some(Out::Value { key, expr: Expr::Column(column), show: Show::Plain(ty) }),
    }
}

/// `BillingPostalCode` of `BillingAddress` is `postalCode`; `Place__Latitude__s` of `Place__c` is `latitude`.
fn part_key(compound: &str, part: &Field) -> String {
    let name = match part.name.strip_suffix("__s") {
        Some(name) => name.rsplit("__").next().unwrap_or(name),
        None => part.name.strip_prefix(compound.trim_end_matches("Address")).unwrap_or(&part.name),
    };
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Puts a member at its place: into the record itself, or into the parent that its slot names.
///
/// `root` is the slot at which `out` stands.
fn place(source: &Source, out: &mut Vec<Out>, root: usize, slot: usize, item: Out) -> Result<(), ApiError> {
    if slot == root {
        if out.iter().any(|o| o.key() == item.key()) {
            return Err(duplicate(item.key()));
        }
        out.push(item);
        return Ok(());
    }
    // The parents from the root down to the member.
    let mut chain = vec![slot];
    let mut from = slot;
    while let Some(hop) = from.checked_sub(1).and_then(|i| source.hops.get(i)) {
        if hop.from == root {
            break;
        }
        from = hop.from;
        chain.push(from);
    }
    let mut level = out;
    for slot in chain.into_iter().rev() {
        let Some(hop) = slot.checked_sub(1).and_then(|i| source.hops.get(i)) else { continue };
        let found = level.iter().position(|o| matches!(o, Out::Parent { slot: s, .. } if *s == slot));
        let index = match found {
            Some(index) => index,
            None => {
                if level.iter().any(|o| o.key() == hop.name) {
                    return Err(duplicate(&hop.name));
                }
                let polymorphic = hop.target.is_none();
                level.push(Out::Parent { key: hop.name.clone(), slot, polymorphic, fields: Vec::new() });
                level.len() - 1
            }
        };
        match level.get_mut(index) {
            Some(Out::Parent { fields, .. }) => level = fields,
            _ => return Err(duplicate(item.key())),
        }
    }
    if level.iter().any(|o| o.key() == item.key()) {
        return Err(duplicate(item.key()));
    }
    level.push(item);
    Ok(())
}

fn add_field_set<'q>(
    env: &Env<'_>,
    resolver: &mut Resolver<'q>,
    out: &mut Vec<Out>,
    set: FieldSet,
    span: Span,
    query: &Query,
    limit: Option<u64>,
) -> Result<(), ApiError> {
    if set != FieldSet::Standard {
        let few = limit.is_some_and(|limit| limit <= UNBOUNDED_ROWS_MAX as u64);
        let ids = query
            .condition
            .as_ref()
            .and_then(|condition| named_ids(resolver, condition))
            .is_some_and(|ids| ids <= UNBOUNDED_ROWS_MAX);
        if !few && !ids {
            let message = format!("The SOQL FIELDS function must have a LIMIT of at most {UNBOUNDED_ROWS_MAX}");
            return Err(ApiError::new("MALFORMED_QUERY", message));
        }
    }
    let columns = field_set(resolver, set);
    // Beside other fields a set may be empty (documented for FIELDS(CUSTOM) alone).
    if columns.is_empty() && query.select.len() == 1 {
        let message = "'FIELDS(...)' expansion function must result in at least one field being selected.";
        return Err(ApiError::new("MALFORMED_QUERY", message));
    }
    for column in columns {
        add_column(env, resolver, out, column, span)?;
    }
    Ok(())
}

/// The fields that `FIELDS()` stands for.
pub(crate) fn field_set(resolver: &Resolver<'_>, set: FieldSet) -> Vec<Column> {
    let ids: Vec<FieldId> = resolver
        .object()
        .enumerate()
        .filter(|(_, field)| match set {
            FieldSet::All => true,
            FieldSet::Custom => field.custom,
            FieldSet::Standard => !field.custom,
        })
        .map(|(id, _)| id)
        .collect();
    ids.into_iter().map(|id| resolver.own(id)).collect()
}

/// How many ids a condition names with `Id = ` and `Id IN`, where it names all that can match.
fn named_ids(resolver: &Resolver<'_>, condition: &Condition) -> Option<usize> {
    match condition {
        Condition::And(all) => all.iter().filter_map(|one| named_ids(resolver, one)).min(),
        Condition::Or(any) => any.iter().map(|one| named_ids(resolver, one)).sum(),
        Condition::Not(_) => None,
        Condition::Compare(Comparison { left: Operand::Field(path), operator, right, .. }) => {
            let last: &Name = path.segments.last()?;
            // The object's own name or alias may stand before it; with a parent's it would be another record's id.
            let is_own = match path.segments.as_slice() {
                [_] => true,
                [first, _] => resolver.names_itself(&first.text),
                _ => false,
            };
            if !is_own || !last.text.eq_ignore_ascii_case("Id") {
                return None;
            }
            match (operator, right) {
                (Operator::Eq, Right::Value(value)) => matches!(value.literal, Literal::String(_)).then_some(1),
                (Operator::In, Right::List(values)) => Some(values.len()),
                _ => None,
            }
        }
        Condition::Compare(_) => None,
    }
}

fn plan_children<'q>(
    env: &Env<'_>,
    resolver: &Resolver<'q>,
    query: &'q Query,
    limit: Option<u64>,
    depth: usize,
) -> Result<Children, ApiError> {
    let text = resolver.text;
    let allowed = if env.version >= 58 { DEPTH_MAX } else { 2 };
    if depth + 1 > allowed {
        let message = format!("sub-queries reach {allowed} objects deep at most, counted from the first");
        return Err(malformed(text, query.span, message));
    }
    if query.offset.is_some() && limit != Some(1) {
        let message = "OFFSET in a sub-query needs LIMIT 1 in its parent query";
        return Err(malformed(text, query.span, message));
    }
    let (child, field, key) =
        Resolver::for_children(resolver.schema, text, query, resolver.source.object, resolver.alias())?;
    let plan = plan_with(env, child, query, depth + 1)?;
    if !matches!(plan.shape, super::plan::Shape::Rows(_)) {
        return Err(malformed(text, query.span, "aggregates and GROUP BY are not allowed in a sub-query"));
    }
    Ok(Children { key, field, plan: Arc::new(plan) })
}

fn add_type_of<'q>(
    env: &Env<'_>,
    resolver: &mut Resolver<'q>,
    out: &mut Vec<Out>,
    query: &Query,
    type_of: &'q TypeOf,
) -> Result<(), ApiError> {
    let text = resolver.text;
    if env.version < 46 {
        return Err(malformed(text, type_of.span, "TYPEOF needs API version 46.0 or later"));
    }
    // Documented: not with functions in the SELECT list.
    if query.select.iter().any(|item| matches!(item, SelectItem::Function(..))) {
        return Err(malformed(text, type_of.span, "TYPEOF can not be used with functions in the SELECT list"));
    }
    let slot = resolver.parent(&type_of.relationship)?;
    if !resolver.is_polymorphic(slot) {
        let message = "TYPEOF needs a polymorphic relationship";
        return Err(malformed(text, type_of.relationship.span(), message));
    }
    let candidates: Vec<ObjectId> = resolver.candidates(slot);
    let mut when = Vec::new();
    for (name, paths) in &type_of.when {
        let (object, facts) =
            resolver.schema.find(&name.text).ok_or_else(|| no_such_object(text, name.span, &name.text))?;
        if !candidates.contains(&object) {
            let message = format!("{} is not a type of {}", facts.name, type_of.relationship.dotted());
            return Err(malformed(text, name.span, message));
        }
        let Some(typed) = resolver.parent_as(slot, object) else {
            return Err(malformed(text, type_of.span, "TYPEOF needs a relationship"));
        };
        when.push((typed, type_of_fields(env, resolver, typed, paths)?));
    }
    let otherwise = match type_of.otherwise.as_slice() {
        [] => None,
        paths => Some((slot, type_of_fields(env, resolver, slot, paths)?)),
    };
    let Some(hop) = slot.checked_sub(1).and_then(|i| resolver.source.hops.get(i)) else {
        return Err(malformed(text, type_of.span, "TYPEOF needs a relationship"));
    };
    let (key, from) = (hop.name.clone(), hop.from);
    place(&resolver.source, out, 0, from, Out::TypeOf { key, when, otherwise })
}

fn type_of_fields(
    env: &Env<'_>,
    resolver: &mut Resolver<'_>,
    slot: usize,
    paths: &[FieldPath],
) -> Result<Vec<Out>, ApiError> {
    let mut fields = Vec::new();
    for path in paths {
        let column = resolver.column_from(slot, path)?;
        let at_slot = column.slot;
        let item = column_out(env, column).ok_or_else(|| {
            at(resolver.text, path.span(), "INVALID_FIELD", "this compound field can not be selected")
        })?;
        place(&resolver.source, &mut fields, slot, at_slot, item)?;
    }
    Ok(fields)
}
