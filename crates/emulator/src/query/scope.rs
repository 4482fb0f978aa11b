//! `USING SCOPE` and `USING LOOKUP`.

use tidegate_soql::ast::{Lookup, Name};

use super::error::{at, malformed, no_such_column, no_such_object};
use super::expr::{Expr, cell};
use super::filter::{Check, Filter, Relation};
use super::plan::Env;
use super::resolve::Resolver;
use super::value::{Cell, Const};
use crate::schema::FieldId;
use crate::{ApiError, RecordId};

/// Objects whose rows say who else works on a record, by the object that they are of: object, its field that points
/// at the record, its field that points at the user.
const TEAMS: &[(&str, &str, &str, &str)] = &[
    ("Account", "AccountTeamMember", "AccountId", "UserId"),
    ("Opportunity", "OpportunityTeamMember", "OpportunityId", "UserId"),
    ("Case", "CaseTeamMember", "ParentId", "MemberId"),
];

/// The rows of a scope. The scopes of an object are those of its describe's `supportedScopes`.
pub(super) fn scope_filter(env: &Env<'_>, resolver: &Resolver<'_>, scope: &Name) -> Result<Filter, ApiError> {
    let object = resolver.object();
    let asked = scope.text.to_ascii_lowercase();
    let known = object.scopes.iter().any(|s| s.name.eq_ignore_ascii_case(&asked));
    let unsupported = || {
        let message = format!("scope '{}' is not supported for {}", scope.text, object.name);
        Err(at(resolver.text, scope.span, "INVALID_QUERY_SCOPE", message))
    };
    let owner = object.field("OwnerId").map(|(id, _)| id);
    match (asked.as_str(), owner) {
        ("everything", _) => return Ok(Filter::All),
        // Objects without facts of their scopes have the scope of their owner.
        ("mine", Some(owner)) => return Ok(is_one_of(resolver, owner, vec![env.user])),
        _ if !known => return unsupported(),
        _ => {}
    }
    Ok(match (asked.as_str(), owner) {
        // Rows that others own and this user has created: work given away.
        ("delegated", Some(owner)) => {
            let Some((creator, _)) = object.field("CreatedById") else { return unsupported() };
            is_one_of(resolver, creator, vec![env.user]).and(Filter::Not(Box::new(is_one_of(
                resolver,
                owner,
                vec![env.user],
            ))))
        }
        ("mine_and_my_groups", Some(owner)) => is_one_of(resolver, owner, groups_of(env, true)),
        ("queue_owned", Some(owner)) => owned_by(resolver, owner, *b"00G"),
        ("user_owned", Some(owner)) => owned_by(resolver, owner, *b"005"),
        ("team" | "genericteam" | "team_by_role", _) => team(env, resolver),
        // Without scoping rules there is nothing to leave out.
        ("scopingrule", _) => Filter::All,
        // This org has no territories.
        ("my_territory" | "my_team_territory", _) => nothing(),
        _ => return unsupported(),
    })
}

fn is_one_of(resolver: &Resolver<'_>, field: FieldId, mut ids: Vec<RecordId>) -> Filter {
    ids.sort_unstable();
    ids.dedup();
    Filter::Test(Expr::Column(resolver.own(field)), Check::InIds { ids, null: false, negate: false })
}

/// Owners are users (`005`) or queues (`00G`): ids of one prefix lie between two bounds.
fn owned_by(resolver: &Resolver<'_>, owner: FieldId, prefix: [u8; 3]) -> Filter {
    let bound = |op, fill: u8| {
        let mut bytes = [fill; 15];
        bytes[..3].copy_from_slice(&prefix);
        let value = Const::Id(RecordId::from_bytes(bytes));
        Filter::Test(Expr::Column(resolver.own(owner)), Check::Compare { op, value, case_sensitive: true })
    };
    bound(Relation::Ge, b'0').and(bound(Relation::Le, b'z'))
}

fn nothing() -> Filter {
    Filter::Or(Vec::new())
}

/// The groups that the user is in, and perhaps the user.
fn groups_of(env: &Env<'_>, and_user: bool) -> Vec<RecordId> {
    let mut ids = if and_user { vec![env.user] } else { Vec::new() };
    let world = env.world;
    if let Some((object, facts)) = world.schema.find("GroupMember")
        && let (Some((group, _)), Some((member, _))) = (facts.field("GroupId"), facts.field("UserOrGroupId"))
    {
        for id in world.store.children(object, member, env.user) {
            if let Some(Cell::Id(group)) = world.store.get(object, id).map(|row| cell(row, group)) {
                ids.push(group);
            }
        }
    }
    ids
}

/// Rows on whose team the user is. The owner is on the team of an account, opportunity or case (the docs speak of
/// records assigned to a team); an object without teams has none.
fn team(env: &Env<'_>, resolver: &Resolver<'_>) -> Filter {
    let world = env.world;
    let name = &resolver.object().name;
    let mut ids = Vec::new();
    for (_, object, record, user) in TEAMS.iter().filter(|(of, ..)| of == name) {
        let Some((object, facts)) = world.schema.find(object) else { continue };
        let (Some((record, _)), Some((user, _))) = (facts.field(record), facts.field(user)) else { continue };
        for id in world.store.children(object, user, env.user) {
            if let Some(Cell::Id(of)) = world.store.get(object, id).map(|row| cell(row, record)) {
                ids.push(of);
            }
        }
    }
    match resolver.object().field("Id") {
        Some((id, _)) if !ids.is_empty() => is_one_of(resolver, id, ids),
        _ => nothing(),
    }
}

/// `USING LOOKUP Object.Field BIND …`: the rows that a lookup field's filter would offer. Fields of this org have no
/// lookup filters, so every row is; the names must still fit.
pub(super) fn check_lookup(env: &Env<'_>, resolver: &Resolver<'_>, lookup: &Lookup) -> Result<(), ApiError> {
    let text = resolver.text;
    let [object, field] = lookup.field.segments.as_slice() else {
        return Err(malformed(text, lookup.field.span(), "USING LOOKUP takes Object.Field"));
    };
    let (_, facts) =
        env.world.schema.find(&object.text).ok_or_else(|| no_such_object(text, object.span, &object.text))?;
    let (_, found) =
        facts.field(&field.text).ok_or_else(|| no_such_column(text, field.span, &field.text, &facts.name))?;
    let name = &resolver.object().name;
    if !found.reference_to.iter().any(|to| to == name) {
        let message = format!("{}.{} is not a lookup to {name}", facts.name, found.name);
        return Err(malformed(text, lookup.field.span(), message));
    }
    for bind in &lookup.binds {
        let Some(bound) = bind.field.segments.first() else { continue };
        if bind.field.segments.len() == 1 && facts.field(&bound.text).is_none() {
            return Err(no_such_column(text, bound.span, &bound.text, &facts.name));
        }
    }
    Ok(())
}
