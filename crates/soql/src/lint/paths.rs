//! How far paths reach.

use std::collections::BTreeSet;

use super::{Level, Lint};
use crate::ast::{Argument, Condition, FieldPath, Function, GroupBy, Name, Operand, Query, SelectItem, Span};

/// Levels in one path from child to parent (documented).
const PARENT_LEVELS_MAX: usize = 5;

/// Different relationships from child to parent in a statement (documented).
const PARENTS_MAX: usize = 55;

pub(super) fn check(lint: &mut Lint<'_>, query: &Query, level: Level<'_>) {
    let mut parents = BTreeSet::new();
    let mut far: Vec<(usize, Span, String)> = Vec::new();
    for (path, is_relationship) in paths(query) {
        let relationships = relationships(path, is_relationship, query);
        if relationships.len() > PARENT_LEVELS_MAX {
            far.push((relationships.len(), path.span(), path.dotted()));
        }
        let mut so_far = String::new();
        // Longer ones have their own finding; a path of thousands of names must not cost their square.
        for relationship in relationships.into_iter().take(PARENT_LEVELS_MAX + 1) {
            so_far.push_str(&relationship.to_ascii_lowercase());
            so_far.push('.');
            parents.insert(so_far.clone());
        }
    }
    for (levels, span, path) in far {
        let message = format!("{path} climbs {levels} levels; the maximum is {PARENT_LEVELS_MAX}");
        lint.error("parent-levels", span, message, "query the upper levels on their own");
    }
    if parents.len() > PARENTS_MAX && level.parent.is_none() {
        let message = format!("{} parent relationships; the maximum is {PARENTS_MAX}", parents.len());
        lint.error("too-many-parents", query.span, message, "split the query");
    }
}

/// The relationships of a path: without the field at its end, and without the object or alias at its start.
pub(super) fn relationships<'a>(path: &'a FieldPath, is_relationship: bool, query: &'a Query) -> Vec<&'a str> {
    let mut names: Vec<&str> = expand(path, query).into_iter().map(|name| name.text.as_str()).collect();
    if !is_relationship {
        names.pop();
    }
    names
}

/// The names of a path without the object or alias at its start, and with what an alias of FROM stands for.
pub(crate) fn expand<'a>(path: &'a FieldPath, query: &'a Query) -> Vec<&'a Name> {
    let own = |names: &mut Vec<&'a Name>| {
        let object = query.from.object.segments.last();
        let is_own = |first: &Name| {
            [object, query.from.alias.as_ref()]
                .into_iter()
                .flatten()
                .any(|own| own.text.eq_ignore_ascii_case(&first.text))
        };
        if names.len() > 1 && names.first().is_some_and(|first| is_own(first)) {
            names.remove(0);
        }
    };
    let mut names: Vec<&Name> = path.segments.iter().collect();
    if let (true, Some(first)) = (names.len() > 1, path.segments.first()) {
        let is =
            |alias: &Option<Name>| alias.as_ref().is_some_and(|alias| alias.text.eq_ignore_ascii_case(&first.text));
        if let Some((parent, _)) = query.from.also.iter().find(|(_, alias)| is(alias)) {
            let mut expanded: Vec<&Name> = parent.segments.iter().collect();
            own(&mut expanded);
            expanded.extend(names.into_iter().skip(1));
            return expanded;
        }
    }
    own(&mut names);
    names
}

/// A path in one spelling, whatever its case and alias. `object` is the name of the FROM's object, where that is
/// another than the name written there (in a sub-query).
pub(crate) fn path_key(path: &FieldPath, query: &Query, object: Option<&str>) -> String {
    let mut names = expand(path, query);
    let is_own = |first: &&Name| object.is_some_and(|object| object.eq_ignore_ascii_case(&first.text));
    if names.len() > 1 && names.len() == path.segments.len() && names.first().is_some_and(is_own) {
        names.remove(0);
    }
    let names: Vec<String> = names.into_iter().map(|name| name.text.to_ascii_lowercase()).collect();
    names.join(".")
}

/// Every path of a query but those of its sub-queries; `true` where the whole path is a relationship.
fn paths(query: &Query) -> Vec<(&FieldPath, bool)> {
    let mut found = Vec::new();
    for item in &query.select {
        match item {
            SelectItem::Field(path, _) => found.push((path, false)),
            SelectItem::Function(function, _) => in_function(function, &mut found),
            SelectItem::TypeOf(type_of) => found.push((&type_of.relationship, true)),
            SelectItem::Count(_) | SelectItem::Fields(..) | SelectItem::Subquery(_) => {}
        }
    }
    found.extend(query.from.also.iter().map(|(path, _)| (path, true)));
    for condition in [&query.condition, &query.having].into_iter().flatten() {
        in_condition(condition, &mut found);
    }
    if let Some(GroupBy::Keys(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) = &query.group_by {
        keys.iter().for_each(|key| in_operand(key, &mut found));
    }
    query.order_by.iter().for_each(|item| in_operand(&item.key, &mut found));
    found
}

fn in_condition<'a>(condition: &'a Condition, found: &mut Vec<(&'a FieldPath, bool)>) {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().for_each(|one| in_condition(one, found)),
        Condition::Not(inner) => in_condition(inner, found),
        Condition::Compare(comparison) => in_operand(&comparison.left, found),
    }
}

fn in_operand<'a>(operand: &'a Operand, found: &mut Vec<(&'a FieldPath, bool)>) {
    match operand {
        Operand::Field(path) => found.push((path, false)),
        Operand::Function(function) => in_function(function, found),
    }
}

fn in_function<'a>(function: &'a Function, found: &mut Vec<(&'a FieldPath, bool)>) {
    for argument in &function.arguments {
        match argument {
            Argument::Field(path) => found.push((path, false)),
            Argument::Function(inner) => in_function(inner, found),
            Argument::Value(_) => {}
        }
    }
}
