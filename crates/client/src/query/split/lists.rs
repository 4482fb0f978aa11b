//! Long IN lists cut into several queries over disjoint parts of the list. No I/O.
//!
//! A row has one value in the field, and equal values (text without regard to case, ids of 15 and 18 characters, the
//! members of a multi-select in any order) are kept in one part. So each row is found by one of the queries only.

use std::collections::HashMap;

use tidegate_soql::ast::{self, Condition, Literal, Operand, Operator, Right, Value};

use crate::query::call::dense;

/// Queries that together find what the one finds, each row once. `bytes` tells how long the URL of a query is.
///
/// The error says why it cannot be done.
pub(crate) fn cut(
    query: &ast::Query,
    bytes: &dyn Fn(&ast::Query) -> usize,
    max: usize,
) -> Result<Vec<ast::Query>, String> {
    let mut query = query.clone();
    if let Some(condition) = query.condition.take() {
        query.condition = Some(chains_as_lists(condition));
    }
    let mut parts = Vec::new();
    cut_into(&query, bytes, max, &mut parts)?;
    Ok(parts)
}

fn cut_into(
    query: &ast::Query,
    bytes: &dyn Fn(&ast::Query) -> usize,
    max: usize,
    parts: &mut Vec<ast::Query>,
) -> Result<(), String> {
    if bytes(query) <= max {
        parts.push(query.clone());
        return Ok(());
    }
    let mut places = Vec::new();
    if let Some(condition) = &query.condition {
        find(condition, &mut vec![], &mut places);
    }
    let longest = places
        .into_iter()
        .filter_map(|place| {
            let groups = groups(list_at(query, &place)?);
            (groups.len() > 1).then(|| (groups.iter().map(|group| group.bytes).sum::<usize>(), place, groups))
        })
        .max_by_key(|(bytes, ..)| *bytes);
    let Some((_, place, groups)) = longest else { return Err(why_not(query)) };
    let base = bytes(&with_list(query, &place, vec![]));
    let largest = groups.iter().map(|group| group.bytes).max().unwrap_or(0);
    if base + largest <= max {
        let mut part = Vec::new();
        let mut used = base;
        for group in groups {
            if used + group.bytes > max && !part.is_empty() {
                parts.push(with_list(query, &place, std::mem::take(&mut part)));
                used = base;
            }
            used += group.bytes;
            part.extend(group.values);
        }
        parts.push(with_list(query, &place, part));
        return Ok(());
    }
    // What else is in the query leaves no room: another list has to be cut too.
    let half = groups.len() / 2;
    let mut groups = groups.into_iter();
    let first: Vec<Value> = groups.by_ref().take(half).flat_map(|group| group.values).collect();
    let second: Vec<Value> = groups.flat_map(|group| group.values).collect();
    cut_into(&with_list(query, &place, first), bytes, max, parts)?;
    cut_into(&with_list(query, &place, second), bytes, max, parts)
}

/// Values that are equal to the org.
struct Group {
    values: Vec<Value>,
    bytes: usize,
}

fn groups(values: &[Value]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for value in values {
        let bytes = dense(&value.to_string()).len() + 1;
        let place = *places.entry(key(&value.literal)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => {
                group.values.push(value.clone());
                group.bytes += bytes;
            }
            None => groups.push(Group { values: vec![value.clone()], bytes }),
        }
    }
    groups
}

/// The same for values that the org takes for equal. It may be the same for others too: that costs room only.
fn key(literal: &Literal) -> String {
    match literal {
        Literal::String(text) => {
            let mut members: Vec<String> = text.split(';').map(|member| member.trim().to_uppercase()).collect();
            members.sort_unstable();
            let text = members.join(";");
            let is_id = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match text.get(..15).filter(|_| is_id) {
                Some(id) => id.to_owned(),
                None => text,
            }
        }
        Literal::Null => String::new(),
        Literal::Number(number) => number.normalize().to_string(),
        Literal::Currency(code, amount) => format!("{code}{}", amount.normalize()),
        other => format!("{other:?}"),
    }
}

/// The lists that can be cut: those that hold for every row that is found.
fn find(condition: &Condition, here: &mut Vec<usize>, places: &mut Vec<Vec<usize>>) {
    match condition {
        Condition::And(all) => {
            for (at, one) in all.iter().enumerate() {
                here.push(at);
                find(one, here, places);
                here.pop();
            }
        }
        Condition::Compare(comparison) => {
            if let (Operator::In, Right::List(values)) = (comparison.operator, &comparison.right)
                && values.iter().all(is_single)
            {
                places.push(here.clone());
            }
        }
        Condition::Or(_) | Condition::Not(_) => {}
    }
}

/// Ranges such as THIS_MONTH may overlap, so that a row could be found twice.
fn is_single(value: &Value) -> bool {
    !matches!(value.literal, Literal::DateLiteral(_) | Literal::Bind(_))
}

fn condition_at<'a>(condition: &'a mut Condition, place: &[usize]) -> Option<&'a mut Condition> {
    match (place, condition) {
        ([], condition) => Some(condition),
        ([at, rest @ ..], Condition::And(all)) => condition_at(all.get_mut(*at)?, rest),
        _ => None,
    }
}

fn list_at<'a>(query: &'a ast::Query, place: &[usize]) -> Option<&'a [Value]> {
    let mut condition = query.condition.as_ref()?;
    for at in place {
        let Condition::And(all) = condition else { return None };
        condition = all.get(*at)?;
    }
    match condition {
        Condition::Compare(ast::Comparison { right: Right::List(values), .. }) => Some(values),
        _ => None,
    }
}

fn with_list(query: &ast::Query, place: &[usize], values: Vec<Value>) -> ast::Query {
    let mut query = query.clone();
    if let Some(condition) = &mut query.condition
        && let Some(Condition::Compare(comparison)) = condition_at(condition, place)
    {
        comparison.right = Right::List(values);
    }
    query
}

/// `a = 1 OR a = 2 OR a IN (3)` as `a IN (1, 2, 3)`.
fn chains_as_lists(condition: Condition) -> Condition {
    match condition {
        Condition::And(all) => Condition::And(all.into_iter().map(chains_as_lists).collect()),
        Condition::Or(all) => match one_list(&all) {
            Some(list) => Condition::Compare(list),
            None => Condition::Or(all),
        },
        other => other,
    }
}

fn one_list(all: &[Condition]) -> Option<ast::Comparison> {
    let mut field = None;
    let mut values = Vec::new();
    let mut made = None;
    for condition in all {
        let Condition::Compare(comparison) = condition else { return None };
        let Operand::Field(path) = &comparison.left else { return None };
        let name = path.dotted().to_ascii_lowercase();
        if field.get_or_insert_with(|| name.clone()) != &name {
            return None;
        }
        match (comparison.operator, &comparison.right) {
            (Operator::Eq, Right::Value(value)) => values.push(value.clone()),
            (Operator::In, Right::List(more)) => values.extend(more.iter().cloned()),
            _ => return None,
        }
        made.get_or_insert_with(|| comparison.clone());
    }
    if !values.iter().all(|value| is_single(value) && value.literal != Literal::Null) {
        return None;
    }
    made.map(|comparison| ast::Comparison { operator: Operator::In, right: Right::List(values), ..comparison })
}

/// The reason, found at the longest list.
fn why_not(query: &ast::Query) -> String {
    let mut longest = (0, "it has no IN list that could be cut");
    if let Some(condition) = &query.condition {
        blame(condition, None, &mut longest);
    }
    longest.1.to_owned()
}

fn blame(condition: &Condition, within: Option<&'static str>, longest: &mut (usize, &'static str)) {
    match condition {
        Condition::And(all) => all.iter().for_each(|one| blame(one, within, longest)),
        Condition::Or(all) => {
            let within = within.or(Some("its long list stands within OR, where a row may be found by several parts"));
            all.iter().for_each(|one| blame(one, within, longest));
        }
        Condition::Not(inner) => {
            blame(inner, Some("its long list stands within NOT, which has to hold for all values at once"), longest);
        }
        Condition::Compare(comparison) => {
            let (length, why) = match &comparison.right {
                Right::List(values) => (
                    values.len(),
                    match comparison.operator {
                        Operator::NotIn => "NOT IN has to hold for all values of its list at once",
                        Operator::Includes | Operator::Excludes => {
                            "a row may have several of the values after INCLUDES or EXCLUDES"
                        }
                        _ if !values.iter().all(is_single) => "the ranges of date literals in its list may overlap",
                        _ => "what stands besides its lists is too long already",
                    },
                ),
                Right::Subquery(inner) => (
                    inner.to_string().len() / 20,
                    "its long part stands within a semi-join, where a row may be found by several parts",
                ),
                Right::Value(_) => (0, ""),
            };
            if length > longest.0 {
                *longest = (length, within.unwrap_or(why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut_text(soql: &str, max: usize) -> Result<Vec<String>, String> {
        let query = tidegate_soql::parse(soql).unwrap();
        let bytes = |query: &ast::Query| dense(&query.to_string()).len();
        let parts = cut(&query, &bytes, max)?;
        for part in &parts {
            assert!(bytes(part) <= max, "{part}");
        }
        Ok(parts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_list_is_cut_where_it_is_full() {
        assert_eq!(
            cut_text("SELECT Id FROM A WHERE b = 1 AND c IN (11, 12, 13, 14, 15)", 47).unwrap(),
            [
                "SELECT Id FROM A WHERE b = 1 AND c IN (11, 12)",
                "SELECT Id FROM A WHERE b = 1 AND c IN (13, 14)",
                "SELECT Id FROM A WHERE b = 1 AND c IN (15)"
            ]
        );
    }

    #[test]
    fn equal_values_stay_together() {
        let parts = cut_text(
            "SELECT Id FROM A WHERE c IN ('abc', 'x', 'ABC', '001xx000003DGb2', 'y', '001xx000003DGb2AAG', 'p;q', 'z', 'q;p')",
            80,
        )
        .unwrap();
        assert!(parts.len() > 2);
        for pair in [("'abc'", "'ABC'"), ("'001xx000003DGb2'", "'001xx000003DGb2AAG'"), ("'p;q'", "'q;p'")] {
            assert!(parts.iter().any(|part| part.contains(pair.0) && part.contains(pair.1)), "{pair:?}: {parts:?}");
        }
    }

    #[test]
    fn two_long_lists_make_a_product_and_a_chain_is_a_list() {
        let list = |from: u32| (from..from + 40).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let parts =
            cut_text(&format!("SELECT Id FROM A WHERE c IN ({}) AND d IN ({})", list(100), list(200)), 150).unwrap();
        for c in 100..140 {
            for d in 200..240 {
                let both = parts.iter().filter(|part| {
                    let (left, right) = part.split_once(" AND ").unwrap();
                    left.contains(&c.to_string()) && right.contains(&d.to_string())
                });
                assert_eq!(both.count(), 1, "{c} {d}");
            }
        }
        let chain = (100..140).map(|n| format!("c = {n}")).collect::<Vec<_>>().join(" OR ");
        assert!(cut_text(&format!("SELECT Id FROM A WHERE ({chain}) AND d = 1"), 100).unwrap().len() > 2);
    }

    #[test]
    fn what_cannot_be_cut_says_why() {
        let list = (100..140).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        for (condition, words) in [
            (format!("c NOT IN ({list})"), "NOT IN has to hold"),
            (format!("(c IN ({list}) OR d = 1)"), "within OR"),
            (format!("(NOT c IN ({list}))"), "within NOT"),
            (format!("c INCLUDES ('{}')", list.replace(", ", "','")), "several of the values"),
            (format!("Id IN (SELECT AId FROM B WHERE c IN ({list}))"), "semi-join"),
            (format!("c IN ({list}, TODAY, YESTERDAY)"), "overlap"),
            (format!("c LIKE '{}'", "x".repeat(100)), "no IN list"),
        ] {
            let why = cut_text(&format!("SELECT Id FROM A WHERE {condition}"), 100).unwrap_err();
            assert!(why.contains(words), "{condition}: {why}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_lose_nothing(values in prop::collection::vec("[a-zA-Z' ;\\\\é]{0,9}", 1..60), max in 70usize..300) {
            let list: Vec<String> = values.iter().map(|value| tidegate_soql::quote_string(value)).collect();
            let soql = format!("SELECT Id FROM A WHERE b = 1 AND c IN ({})", list.join(", "));
            let Ok(parts) = cut_text(&soql, max) else { return Ok(()) };
            let mut found: Vec<(usize, Value)> = vec![];
            for (number, part) in parts.iter().enumerate() {
                let part = tidegate_soql::parse(part).unwrap();
                found.extend(list_at(&part, &[1]).unwrap().iter().cloned().map(|value| (number, value)));
            }
            prop_assert_eq!(found.len(), values.len());
            for value in &values {
                prop_assert!(found.iter().any(|(_, found)| found.literal == Literal::String(value.clone())));
            }
            for (number, value) in &found {
                for (other, same) in &found {
                    prop_assert!(number == other || key(&value.literal) != key(&same.literal));
                }
            }
        }
    }
}
