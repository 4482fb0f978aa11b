//! Groups and aggregates of disjoint parts, put together: counts and sums add up, least and greatest are those of all.
//! An average or a number of distinct values cannot be had from those of the parts.

use std::cmp::Ordering;
use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tidegate_soql::ast::{self, Argument, Direction, Function, GroupBy, Nulls, Operand, SelectItem};

use super::{
    Cut,
    order::{self, Kind, Resolver, SortKey},
};
use crate::{
    error::Error,
    query::{
        Record,
        keyset::{number, relative},
        pages::{self, Row, Rows},
        stream::Total,
    },
};

/// More groups than this are not held in memory. The org itself gives 2,000 at most for each part.
const GROUPS_MAX: usize = 200_000;
const WHAT: &str = "joining the parts of a query";

/// What a member of the result is.
#[derive(Clone, Debug)]
enum Member {
    Key {
        fold: bool,
    },
    /// COUNT or SUM.
    Sum,
    Least(Kind),
    Greatest(Kind),
}

/// One entry of the SELECT list.
struct Entry {
    member: Member,
    kind: Kind,
    /// A reference or a parent's field, whose nulls are first whatever is asked for.
    nulls_stay_first: bool,
    /// As written, to be found from ORDER BY.
    written: String,
    alias: Option<String>,
}

pub(super) async fn rows(cut: &Cut<'_>, query: &ast::Query, total: &Total) -> Result<Result<Rows, String>, Error> {
    let mut resolver = Resolver::new(cut.client, cut.query.tooling);
    let mut entries = Vec::new();
    for item in &query.select {
        match entry(&mut resolver, query, item).await? {
            Ok(entry) => entries.push(entry),
            Err(why) => return Ok(Err(why)),
        }
    }
    match &query.group_by {
        Some(GroupBy::Rollup(_) | GroupBy::Cube(_)) => {
            return Ok(Err("subtotals of ROLLUP and CUBE are not put together from parts".into()));
        }
        Some(GroupBy::Keys(keys)) => {
            // A key that is not selected would leave groups that cannot be told apart.
            if let Some(key) = keys.iter().find(|key| !entries.iter().any(|entry| entry.written == written(query, key)))
            {
                return Ok(Err(format!("its groups cannot be told apart: select {} too", key)));
            }
        }
        None => {}
    }
    if query.having.is_some() {
        return Ok(Err("HAVING judges whole groups, and each part has pieces of them".into()));
    }
    let mut keys = Vec::new();
    for item in &query.order_by {
        let text = written(query, &item.key);
        let found = entries.iter().position(|entry| {
            entry.written == text || entry.alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(&text))
        });
        let Some(place) = found else {
            return Ok(Err(format!("it is ordered by {}, which it does not select", item.key)));
        };
        let Some(entry) = entries.get(place) else { continue };
        keys.push((
            place,
            SortKey {
                path: vec![],
                kind: entry.kind.clone(),
                descending: item.direction == Some(Direction::Desc),
                nulls_last: item.nulls == Some(Nulls::Last) && !entry.nulls_stay_first,
            },
        ));
    }
    let mut whole = query.clone();
    (whole.limit, whole.offset) = (None, None);
    whole.order_by.clear();
    let pieces: Vec<_> = match cut.by_lists(&whole) {
        Ok(parts) => parts.iter().map(|part| cut.piece(part)).collect(),
        Err(why) => return Ok(Err(why)),
    };
    let skip = number(query.offset.as_ref()).unwrap_or(0);
    let limit = number(query.limit.as_ref()).unwrap_or(u64::MAX);
    let (client, total) = (cut.client.clone(), total.clone());
    let rows = stream::once(async move {
        let mut groups: Vec<Record> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for piece in pieces {
            let mut rows = pages::rows(client.clone(), piece, None);
            while let Some(row) = rows.try_next().await? {
                let record = row.into_record()?;
                let key = key(&entries, &record);
                let count = groups.len();
                match places.get(&key).and_then(|place| groups.get_mut(*place)) {
                    Some(group) => add(&entries, group, record)?,
                    None if count >= GROUPS_MAX => {
                        return Err(Error::unexpected(WHAT, format!("there are more than {GROUPS_MAX} groups")));
                    }
                    None => {
                        places.insert(key, count);
                        groups.push(record);
                    }
                }
            }
        }
        sort(&mut groups, &keys)?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let groups: Vec<Record> = groups.into_iter().skip(skip).take(take).collect();
        total.set(groups.len() as u64);
        Ok(stream::iter(groups.into_iter().map(|group| Ok(Row::Made(group)))))
    });
    Ok(Ok(rows.try_flatten().boxed()))
}

async fn entry(
    resolver: &mut Resolver<'_>,
    query: &ast::Query,
    item: &SelectItem,
) -> Result<Result<Entry, String>, Error> {
    let (operand, alias) = match item {
        SelectItem::Field(path, alias) => (Operand::Field(path.clone()), alias),
        SelectItem::Function(function, alias) => (Operand::Function(function.clone()), alias),
        _ => return Ok(Err("it selects what cannot be put together from parts".into())),
    };
    let written = written(query, &operand);
    let alias = alias.as_ref().map(|alias| alias.text.clone());
    let mut nulls_stay_first = false;
    let made = match &operand {
        Operand::Field(path) => match resolver.field(query, path).await? {
            Ok(field) => {
                nulls_stay_first = field.is_reference || relative(query, path).len() > 1;
                let fold = matches!(field.kind, Kind::Text | Kind::Listed(_)) && !field.case_sensitive;
                (Member::Key { fold }, field.kind)
            }
            Err(why) => return Ok(Err(why)),
        },
        Operand::Function(function) => {
            let name = function.name.text.to_ascii_uppercase();
            match name.as_str() {
                "COUNT" | "SUM" => (Member::Sum, Kind::Number),
                "MIN" | "MAX" => {
                    let Some(path) = argument(function) else {
                        return Ok(Err(format!("{name} of a function is not put together from parts")));
                    };
                    match resolver.field(query, path).await? {
                        Ok(field) if name == "MIN" => (Member::Least(field.kind.clone()), field.kind),
                        Ok(field) => (Member::Greatest(field.kind.clone()), field.kind),
                        Err(why) => return Ok(Err(why)),
                    }
                }
                "AVG" => {
                    return Ok(Err("an average cannot be had from those of the parts: select SUM and COUNT".into()));
                }
                "COUNT_DISTINCT" => {
                    return Ok(Err("a value may be in several parts, so COUNT_DISTINCT cannot be added up".into()));
                }
                // Date functions in GROUP BY: whole numbers, but for DAY_ONLY.
                "DAY_ONLY" => (Member::Key { fold: false }, Kind::Written),
                name if name.starts_with("CALENDAR_")
                    || name.starts_with("FISCAL_")
                    || name.starts_with("DAY_IN_")
                    || name.starts_with("WEEK_IN_")
                    || name == "HOUR_IN_DAY" =>
                {
                    (Member::Key { fold: false }, Kind::Number)
                }
                _ => return Ok(Err(format!("{name} is not put together from parts"))),
            }
        }
    };
    Ok(Ok(Entry { member: made.0, kind: made.1, nulls_stay_first, written, alias }))
}

fn argument(function: &Function) -> Option<&ast::FieldPath> {
    match function.arguments.as_slice() {
        [Argument::Field(path)] => Some(path),
        _ => None,
    }
}

/// An operand as text that is the same wherever it stands.
fn written(query: &ast::Query, operand: &Operand) -> String {
    match operand {
        Operand::Field(path) => {
            let names: Vec<&str> = relative(query, path).iter().map(|name| name.text.as_str()).collect();
            names.join(".").to_ascii_lowercase()
        }
        Operand::Function(function) => function.to_string().to_ascii_lowercase(),
    }
}

/// The members in the order of the SELECT list.
fn members(record: &Record) -> impl Iterator<Item = (&String, &Value)> {
    record.iter().filter(|(name, _)| *name != "attributes")
}

fn key(entries: &[Entry], record: &Record) -> String {
    let mut key = String::new();
    for (entry, (_, value)) in entries.iter().zip(members(record)) {
        if let Member::Key { fold } = entry.member {
            match value {
                Value::String(text) if fold => key.push_str(&order::folded(text)),
                Value::String(text) => key.push_str(text),
                other => key.push_str(&format!("\u{1}{other}")),
            }
            key.push('\u{0}');
        }
    }
    key
}

fn add(entries: &[Entry], group: &mut Record, other: Record) -> Result<(), Error> {
    let short = || Error::unexpected(WHAT, "a group has not the members that were selected");
    let names: Vec<String> = members(group).map(|(name, _)| name.clone()).collect();
    for (entry, name) in entries.iter().zip(names) {
        let theirs = other.get(&name).ok_or_else(short)?;
        let ours = group.get_mut(&name).ok_or_else(short)?;
        let take = match (&entry.member, &*ours, theirs) {
            (Member::Key { .. }, ..) | (_, _, Value::Null) => continue,
            (_, Value::Null, _) => true,
            (Member::Sum, Value::Number(a), Value::Number(b)) => {
                let sum = match (order::decimal(a), order::decimal(b)) {
                    (Some(a), Some(b)) => a.checked_add(b),
                    _ => None,
                };
                let sum = sum.ok_or_else(|| Error::unexpected(WHAT, "a sum has more than 28 digits"))?;
                *ours = serde_json::from_str(&sum.to_string()).map_err(|source| Error::decode(WHAT, source))?;
                continue;
            }
            (Member::Sum, ..) => return Err(Error::unexpected(WHAT, "a count or sum is no number")),
            (Member::Least(kind), ours, theirs) => order::compare_values(kind, theirs, ours)? == Ordering::Less,
            (Member::Greatest(kind), ours, theirs) => order::compare_values(kind, theirs, ours)? == Ordering::Greater,
        };
        if take {
            *ours = theirs.clone();
        }
    }
    Ok(())
}

fn sort(groups: &mut [Record], keys: &[(usize, SortKey)]) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut failure = None;
    groups.sort_by(|a, b| {
        for (place, key) in keys {
            let value = |record| members(record).nth(*place).map(|(_, value)| value).filter(|value| !value.is_null());
            match order::compare_at(key, value(a), value(b)) {
                Ok(Ordering::Equal) => {}
                Ok(unequal) => return unequal,
                Err(error) => {
                    failure.get_or_insert(error);
                    return Ordering::Equal;
                }
            }
        }
        Ordering::Equal
    });
    failure.map_or(Ok(()), Err)
}
