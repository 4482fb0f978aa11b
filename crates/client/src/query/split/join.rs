//! The rows of several queries as those of one: below each other, or merged in the order of the one.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde_json::Value;
use tidegate_soql::ast::{self, Count, FieldPath, Operand, SelectItem, Span};

use super::{
    Cut,
    order::{self, Resolver, SortKey},
};
use crate::{
    error::Error,
    query::{
        Query, Record,
        keyset::{number, relative},
        pages::{self, Row, Rows},
        stream::Total,
    },
};

/// Parts that are asked for at a time when all of them have to begin.
const PARTS_AT_A_TIME: usize = 6;
/// As many parts give pages of the usual size; with more of them pages are small, so that memory stays bounded.
const PARTS_WITH_LARGE_PAGES: usize = 6;
/// The org gives no more rows when OFFSET is used, and takes no larger one.
const OFFSET_MAX: u64 = 2000;

/// The sum of several `COUNT()`.
pub(super) fn count(cut: &Cut<'_>, query: &ast::Query, parts: Vec<ast::Query>, total: &Total) -> Rows {
    let limit = number(query.limit.as_ref()).unwrap_or(u64::MAX);
    let (client, total) = (cut.client.clone(), total.clone());
    let pieces: Vec<Query> = parts.iter().map(|part| cut.piece(part)).collect();
    stream::once(async move {
        let mut counts = stream::iter(pieces)
            .map(|piece| {
                let client = client.clone();
                async move { pages::first(&client, &piece).await.map(|page| page.total_size) }
            })
            .buffered(PARTS_AT_A_TIME);
        let mut sum = 0;
        while let Some(count) = counts.try_next().await? {
            sum += count;
        }
        total.set(sum.min(limit));
        Ok::<_, Error>(stream::empty())
    })
    .try_flatten()
    .boxed()
}

/// The rows of plain queries.
pub(super) async fn rows(cut: &Cut<'_>, query: &ast::Query, total: &Total) -> Result<Result<Rows, String>, Error> {
    let offset = number(query.offset.as_ref());
    if offset.is_some_and(|offset| offset > OFFSET_MAX) {
        return Ok(Err(format!("OFFSET may be {OFFSET_MAX} at most")));
    }
    let mut limit = number(query.limit.as_ref());
    if offset.is_some() {
        limit = Some(limit.unwrap_or(u64::MAX).min(OFFSET_MAX));
    }
    let skip = offset.unwrap_or(0);
    // Each part may have to give all the rows that are wanted.
    let wanted = limit.map(|limit| limit.saturating_add(skip));
    let keys = if query.order_by.is_empty() {
        vec![]
    } else {
        match Resolver::new(cut.client, cut.query.tooling).order(query).await? {
            Ok(keys) => keys,
            Err(why) => return Ok(Err(why)),
        }
    };
    let mut part = query.clone();
    part.offset = None;
    part.limit = wanted.map(|wanted| Count::Number(wanted, Span::default()));
    let hidden = Hidden::add(&mut part);
    let parts = match cut.by_lists(&part) {
        Ok(parts) => parts,
        Err(why) => return Ok(Err(why)),
    };
    let mut pieces: Vec<Query> = parts.iter().map(|part| cut.piece(part)).collect();
    let merged = if keys.is_empty() {
        below_each_other(cut, pieces, total, limit, skip)
    } else {
        if pieces.len() > PARTS_WITH_LARGE_PAGES {
            pieces = pieces.into_iter().map(|piece| piece.page_rows(200)).collect();
        }
        merge(cut, pieces, keys, total.clone(), limit, skip)
    };
    // Rows are skipped, errors are not.
    let mut to_skip = skip;
    let merged = merged.try_filter(move |_| {
        let is_wanted = to_skip == 0;
        to_skip = to_skip.saturating_sub(1);
        std::future::ready(is_wanted)
    });
    let merged = match limit {
        Some(limit) => merged.take(usize::try_from(limit).unwrap_or(usize::MAX)).boxed(),
        None => merged.boxed(),
    };
    Ok(Ok(if hidden.paths.is_empty() { merged } else { hidden.strip(merged) }))
}

/// What the whole would count, from what the parts count.
fn whole(sum: u64, limit: Option<u64>, skip: u64) -> u64 {
    sum.saturating_sub(skip).min(limit.unwrap_or(u64::MAX))
}

fn below_each_other(cut: &Cut<'_>, pieces: Vec<Query>, total: &Total, limit: Option<u64>, skip: u64) -> Rows {
    let (client, total) = (cut.client.clone(), total.clone());
    let last = pieces.len().saturating_sub(1);
    let sum = Arc::new(AtomicU64::new(0));
    stream::iter(pieces.into_iter().enumerate())
        .map(move |(at, piece)| {
            let here = Total::unknown();
            let rows = pages::rows(client.clone(), piece, Some(here.clone()));
            let (sum, total) = (sum.clone(), total.clone());
            // The part's own count is known once its first page is here, which is when its first row, or its end, is.
            let mut is_told = false;
            let end = stream::once(async { None });
            rows.map(Some).chain(end).filter_map(move |row| {
                if !is_told && let Some(count) = here.get() {
                    is_told = true;
                    let sum = sum.fetch_add(count, Relaxed) + count;
                    if at == last {
                        total.set(whole(sum, limit, skip));
                    }
                }
                std::future::ready(row)
            })
        })
        .flatten()
        .boxed()
}

/// One part of a merge, and its next row.
struct Head {
    rows: BoxStream<'static, Result<Row, Error>>,
    next: Option<Record>,
}

impl Head {
    /// Goes to the next row. The org's order has to be the one that we merge by: where it is not, rows would come out
    /// of order, so this says so.
    async fn advance(&mut self, keys: &[SortKey]) -> Result<Option<Record>, Error> {
        let next = match self.rows.try_next().await? {
            Some(row) => Some(row.into_record()?),
            None => None,
        };
        let taken = std::mem::replace(&mut self.next, next);
        if let (Some(before), Some(after)) = (&taken, &self.next)
            && order::compare(keys, before, after)? == Ordering::Greater
        {
            return Err(Error::unexpected(
                "joining the parts of a query",
                "the org sorts by other rules than those documented, so the parts cannot be merged; leave ORDER BY out, or order by Id",
            ));
        }
        Ok(taken)
    }
}

fn merge(cut: &Cut<'_>, pieces: Vec<Query>, keys: Vec<SortKey>, total: Total, limit: Option<u64>, skip: u64) -> Rows {
    let client = cut.client.clone();
    stream::once(async move {
        let begun: Vec<(Head, u64)> = stream::iter(pieces)
            .map(|piece| {
                let client = client.clone();
                async move {
                    let here = Total::unknown();
                    let mut rows = pages::rows(client, piece, Some(here.clone()));
                    let next = match rows.try_next().await? {
                        Some(row) => Some(row.into_record()?),
                        None => None,
                    };
                    Ok::<_, Error>((Head { rows, next }, here.get().unwrap_or(0)))
                }
            })
            .buffered(PARTS_AT_A_TIME)
            .try_collect()
            .await?;
        total.set(whole(begun.iter().map(|(_, count)| count).sum(), limit, skip));
        let heads: Vec<Head> = begun.into_iter().map(|(head, _)| head).collect();
        Ok::<_, Error>(stream::try_unfold((heads, keys), |(mut heads, keys)| async move {
            let mut least: Option<usize> = None;
            for (at, head) in heads.iter().enumerate() {
                let Some(record) = &head.next else { continue };
                let is_less = match least.and_then(|least| heads.get(least)?.next.as_ref()) {
                    Some(other) => order::compare(&keys, record, other)? == Ordering::Less,
                    None => true,
                };
                if is_less {
                    least = Some(at);
                }
            }
            let Some(head) = least.and_then(|least| heads.get_mut(least)) else { return Ok(None) };
            let taken = head.advance(&keys).await?;
            Ok(taken.map(|record| (Row::Made(record), (heads, keys))))
        }))
    })
    .try_flatten()
    .boxed()
}

/// Fields that were selected for our own use, and do not come out.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    paths: Vec<Vec<String>>,
    /// Parents of which the query selects something itself.
    shown_parents: Vec<String>,
}

impl Hidden {
    /// Adds the fields of ORDER BY to a SELECT list that does not have them.
    fn add(query: &mut ast::Query) -> Hidden {
        let selected: Vec<Vec<String>> = query
            .select
            .iter()
            .filter_map(|item| match item {
                SelectItem::Field(path, _) => Some(lower(query, path)),
                _ => None,
            })
            .collect();
        let mut hidden = Hidden {
            paths: vec![],
            shown_parents: selected
                .iter()
                .filter(|path| path.len() > 1)
                .filter_map(|path| path.first().cloned())
                .collect(),
        };
        let mut added = Vec::new();
        for item in &query.order_by {
            let Operand::Field(path) = &item.key else { continue };
            let names = lower(query, path);
            if !selected.contains(&names) && !hidden.paths.contains(&names) {
                hidden.paths.push(names);
                added.push(SelectItem::Field(path.clone(), None));
            }
        }
        query.select.extend(added);
        hidden
    }

    fn strip(self, rows: Rows) -> Rows {
        let hidden = Arc::new(self);
        rows.and_then(move |row| {
            let hidden = hidden.clone();
            async move {
                let mut record = row.into_record()?;
                for path in &hidden.paths {
                    hidden.remove(&mut record, path, true);
                }
                Ok(Row::Made(record))
            }
        })
        .boxed()
    }

    fn remove(&self, record: &mut Record, path: &[String], is_root: bool) {
        let Some((first, rest)) = path.split_first() else { return };
        let Some(key) = record.keys().find(|key| key.eq_ignore_ascii_case(first)).cloned() else { return };
        if rest.is_empty() {
            record.shift_remove(&key);
            return;
        }
        let is_empty = match record.get_mut(&key) {
            Some(Value::Object(parent)) => {
                self.remove(parent, rest, false);
                parent.keys().all(|key| key == "attributes")
            }
            Some(Value::Null) => true,
            _ => false,
        };
        // Deeper parents are looked at by what is left in them only: a null one that is shown is rare and stays away.
        if is_empty && !(is_root && self.shown_parents.contains(first)) {
            record.shift_remove(&key);
        }
    }
}

fn lower(query: &ast::Query, path: &FieldPath) -> Vec<String> {
    relative(query, path).iter().map(|name| name.text.to_ascii_lowercase()).collect()
}
