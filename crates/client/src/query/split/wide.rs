//! A query of more fields than a URL holds: the rows are found by one query, and further queries read the other fields
//! of these rows. A row whose parts are of different states (by its `SystemModstamp`) is read again as a whole.
//!
//! What no stamp tells is not seen: a formula or a parent's field that changes between two parts.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_soql::ast::{self, Condition, Direction, Literal, Operator, Right, SelectItem};

use super::{Cut, fields, join, lists};
use crate::{
    client::Client,
    error::Error,
    query::{
        Query, Record,
        keyset::{and, by_id, compare, is_by_id, own, path, value},
        pages::{self, Row, Rows},
        stream::Total,
    },
};

/// Values of a batch of rows that are held at a time, about.
const VALUES_AT_A_TIME: usize = 200_000;
/// Rows of a batch.
const ROWS_MAX: usize = 2000;
/// Ids that a further query should have room for.
const IDS: usize = 200;
/// An id in a list, in bytes of a URL.
const ID_BYTES: usize = 26;
/// How often a row that changes while it is read is read again.
const ROUNDS: usize = 8;
/// Between two of these.
const PAUSE: Duration = Duration::from_secs(1);
/// Stamps and the org's clock are told in whole seconds: a row that was changed this long ago will not be changed once
/// more under the same stamp.
const SETTLED: SignedDuration = SignedDuration::from_secs(2);

/// A part of the SELECT list.
#[derive(Clone, Debug)]
struct Set {
    items: Vec<SelectItem>,
    /// Fields that were added to it, which do not come out.
    hides: Vec<String>,
}

/// What is needed to read the fields of rows.
struct Reader {
    client: Client,
    query: Query,
    max: usize,
    /// The query without its fields, order and bounds.
    base: ast::Query,
    /// The base without its condition, where the condition leaves no room.
    bare: ast::Query,
    sets: Vec<Set>,
    /// Whether the first set comes with the rows.
    leads: bool,
    stamp: Option<String>,
    /// The org's time before the first row was read.
    since: Option<Timestamp>,
    /// Rows come in the order of their ids, so that a batch is a range of them.
    in_id_order: bool,
}

pub(super) async fn rows(cut: &Cut<'_>, query: &ast::Query, total: &Total) -> Result<Result<Rows, String>, Error> {
    if query.select.iter().any(|item| matches!(item, SelectItem::Fields(..))) {
        return Ok(Err("FIELDS() has to be written out first".into()));
    }
    let described = fields::describe(cut.client, &query.from.object.dotted(), cut.query.tooling).await?;
    if described.field("Id").is_none() {
        return Ok(Err(format!("{} has no Id to join its parts by", described.name)));
    }
    let stamp = ["SystemModstamp", "LastModifiedDate"]
        .into_iter()
        .find(|name| described.field(name).is_some())
        .map(str::to_owned);

    let mut lead = query.clone();
    let mut in_id_order = is_by_id(query);
    if query.order_by.is_empty() {
        // Any order will do, so take the one in which batches are ranges.
        lead.order_by = vec![by_id()];
        in_id_order = true;
    }
    let mut base = query.clone();
    base.order_by.clear();
    (base.limit, base.offset) = (None, None);
    base.for_clauses.clear();
    base.update.clear();
    base.select.clear();
    let mut bare = base.clone();
    bare.condition = None;

    // How much of the SELECT list each query has room for.
    let empty = Set { items: vec![], hides: vec![] };
    let lead_room = cut.max.saturating_sub(cut.bytes(&with_set(&lead, query, &empty, stamp.as_deref())));
    let frame = cut.bytes(&with_set(&bare, query, &empty, stamp.as_deref())) + ID_BYTES + " WHERE Id IN ()".len();
    let Some(room) = cut.max.checked_sub(frame) else {
        return Ok(Err("a URL has no room for fields at all".into()));
    };
    let room = room - (IDS * ID_BYTES).min(room / 2);
    let mut sets = Vec::new();
    let leads = fill(&mut sets, query, stamp.as_deref(), lead_room, room)?;
    let sets = match sets {
        sets if sets.is_empty() => return Ok(Err("it has no fields that could be cut".into())),
        sets => sets,
    };
    let select = if leads { sets.first() } else { None };
    let lead = with_set(&lead, query, select.unwrap_or(&empty), stamp.as_deref());
    let lead_total = total.clone();
    let found = if cut.bytes(&lead) <= cut.max {
        pages::rows(cut.client.clone(), cut.piece(&lead).page_rows(2000), Some(lead_total))
    } else {
        match join::rows(cut, &lead, total).await? {
            Ok(rows) => rows,
            Err(why) => return Ok(Err(why)),
        }
    };
    let in_id_order = in_id_order && lead.order_by.first().is_none_or(|item| item.direction != Some(Direction::Desc));
    let fields = query.select.len().max(1);
    let batch = (VALUES_AT_A_TIME / fields).clamp(100, ROWS_MAX);
    let reader = Reader {
        client: cut.client.clone(),
        query: cut.query.clone(),
        max: cut.max,
        base,
        bare,
        sets,
        leads,
        stamp,
        since: cut.client.server_time(),
        in_id_order,
    };
    let rows = stream::try_unfold((found, reader), move |(mut found, reader)| async move {
        let mut leading = Vec::new();
        while leading.len() < batch {
            match found.try_next().await? {
                Some(row) => leading.push(row.into_record()?),
                None => break,
            }
        }
        if leading.is_empty() {
            return Ok::<_, Error>(None);
        }
        let made = reader.complete(leading).await?;
        Ok(Some((stream::iter(made.into_iter().map(|record| Ok(Row::Made(record)))), (found, reader))))
    });
    Ok(Ok(rows.try_flatten().boxed()))
}

/// Cuts the SELECT list; tells whether the first set comes with the query that finds the rows.
fn fill(
    sets: &mut Vec<Set>,
    query: &ast::Query,
    stamp: Option<&str>,
    lead_room: usize,
    room: usize,
) -> Result<bool, Error> {
    let mut left = lead_room;
    let mut items = Vec::new();
    let mut is_first = true;
    let mut leads = false;
    for item in &query.select {
        let bytes = super::super::call::dense(&item.to_string()).len() + 1;
        if bytes > left {
            if !items.is_empty() {
                leads |= is_first;
                sets.push(set(query, std::mem::take(&mut items), stamp));
            }
            is_first = false;
            left = room;
            if bytes > left {
                return Err(Error::QueryTooLong {
                    bytes,
                    max: left,
                    why: Some("one entry of its SELECT list alone is too long".into()),
                });
            }
        }
        left -= bytes;
        items.push(item.clone());
    }
    if !items.is_empty() {
        leads |= is_first;
        sets.push(set(query, items, stamp));
    }
    Ok(leads)
}

fn set(query: &ast::Query, items: Vec<SelectItem>, stamp: Option<&str>) -> Set {
    let has = |name: &str| {
        items.iter().any(|item| {
            matches!(item, SelectItem::Field(path, _) if own(query, path).is_some_and(|own| own.eq_ignore_ascii_case(name)))
        })
    };
    let hides = ["Id"].into_iter().chain(stamp).filter(|name| !has(name)).map(str::to_owned).collect();
    Set { items, hides }
}

/// A query of one set, with id and stamp.
fn with_set(base: &ast::Query, query: &ast::Query, part: &Set, stamp: Option<&str>) -> ast::Query {
    let hides = if part.items.is_empty() { set(query, vec![], stamp).hides } else { part.hides.clone() };
    let mut made = base.clone();
    made.select = hides.iter().map(|name| SelectItem::Field(path(&[name]), None)).collect();
    made.select.extend(part.items.iter().cloned());
    made
}

impl Reader {
    /// Reads the other fields of rows, until each row is of one state.
    async fn complete(&self, leading: Vec<Record>) -> Result<Vec<Record>, Error> {
        let ids = leading.iter().map(id_of).collect::<Result<Vec<String>, Error>>()?;
        let mut parts: HashMap<String, Vec<Option<Record>>> = HashMap::new();
        let mut stamps: HashMap<String, Option<String>> = HashMap::new();
        for (id, record) in ids.iter().zip(leading) {
            stamps.insert(id.clone(), self.stamp_of(&record));
            let mut sets = vec![None; self.sets.len()];
            if let Some(first) = sets.first_mut().filter(|_| self.leads) {
                *first = Some(record);
            }
            parts.insert(id.clone(), sets);
        }
        for at in usize::from(self.leads)..self.sets.len() {
            for record in self.read(at, &ids, self.in_id_order).await? {
                self.take(at, record, &mut parts, &stamps)?;
            }
        }
        let is_settled = |id: &str, stamps: &HashMap<String, Option<String>>, read: Option<Timestamp>| {
            let changed = stamps.get(id).and_then(Option::as_ref).and_then(|stamp| stamp.parse::<Timestamp>().ok());
            changed.zip(read).is_none_or(|(changed, read)| read.duration_since(changed) >= SETTLED)
        };
        let mut again: Vec<String> =
            ids.iter().filter(|id| !is_whole(&parts, id) || !is_settled(id, &stamps, self.since)).cloned().collect();
        let mut rounds = 0;
        while !again.is_empty() {
            if rounds == ROUNDS {
                return Err(Error::Unsettled { what: self.query.what_is_done(), rows: again.len() });
            }
            if rounds > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            rounds += 1;
            let read = self.client.server_time();
            tracing::debug!(rows = again.len(), "rows changed between the parts of a query; they are read again");
            for id in &again {
                parts.insert(id.clone(), vec![None; self.sets.len()]);
                stamps.remove(id);
            }
            // What is not found any more is gone, or no longer what is asked for.
            let found = self.probe(&again).await?;
            again.retain(|id| {
                let still = found.contains_key(id);
                if !still {
                    parts.remove(id);
                }
                still
            });
            stamps.extend(found);
            for at in 0..self.sets.len() {
                for record in self.read(at, &again, false).await? {
                    self.take(at, record, &mut parts, &stamps)?;
                }
            }
            again.retain(|id| !is_whole(&parts, id) || !is_settled(id, &stamps, read));
        }
        ids.iter().filter_map(|id| parts.remove(id)).map(|sets| self.join(sets)).collect()
    }

    /// Keeps a part of a row that is of the same state as its first part.
    fn take(
        &self,
        at: usize,
        record: Record,
        parts: &mut HashMap<String, Vec<Option<Record>>>,
        stamps: &HashMap<String, Option<String>>,
    ) -> Result<(), Error> {
        let id = id_of(&record)?;
        let Some(place) = parts.get_mut(&id).and_then(|sets| sets.get_mut(at)) else {
            // A row that came into the range since.
            return Ok(());
        };
        if stamps.get(&id) == Some(&self.stamp_of(&record)) {
            *place = Some(record);
        }
        Ok(())
    }

    fn stamp_of(&self, record: &Record) -> Option<String> {
        let stamp = self.stamp.as_deref()?;
        record.get(stamp).and_then(Value::as_str).map(str::to_owned)
    }

    /// One set of fields of these rows: as the range of their ids, or by a list of them.
    async fn read(&self, at: usize, ids: &[String], as_range: bool) -> Result<Vec<Record>, Error> {
        let Some(part) = self.sets.get(at) else { return Ok(vec![]) };
        if ids.is_empty() {
            return Ok(vec![]);
        }
        let full = with_set(&self.base, &self.base, part, self.stamp.as_deref());
        let mut queries = Vec::new();
        if let (true, Some(first), Some(last)) = (as_range, ids.first(), ids.last()) {
            let mut range = full.clone();
            and(&mut range, compare(path(&["Id"]), Operator::Ge, value(Literal::String(first.clone()))));
            and(&mut range, compare(path(&["Id"]), Operator::Le, value(Literal::String(last.clone()))));
            range.order_by = vec![by_id()];
            queries.push(range);
        }
        if queries.first().is_none_or(|range| self.bytes(range) > self.max) {
            // These rows were found by the condition just now; their stamps tell when it may not hold any more.
            queries = self.by_ids(with_set(&self.bare, &self.bare, part, self.stamp.as_deref()), ids)?;
        }
        self.fetch(queries).await
    }

    /// Which of these rows still are what is asked for, and of which state.
    async fn probe(&self, ids: &[String]) -> Result<HashMap<String, Option<String>>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let none = Set { items: vec![], hides: vec![] };
        let base = with_set(&self.base, &self.base, &none, self.stamp.as_deref());
        // A condition that is as long as a URL may be leaves no room for an id; then only what is gone is found out.
        let bare = with_set(&self.bare, &self.bare, &none, self.stamp.as_deref());
        let queries = self.by_ids(base, ids).or_else(|_| self.by_ids(bare, ids))?;
        self.fetch(queries).await?.iter().map(|record| Ok((id_of(record)?, self.stamp_of(record)))).collect()
    }

    fn by_ids(&self, base: ast::Query, ids: &[String]) -> Result<Vec<ast::Query>, Error> {
        let bytes = |query: &ast::Query| self.bytes(query);
        lists::cut(&listed(&base, ids), &bytes, self.max).map_err(|why| Error::QueryTooLong {
            bytes: bytes(&base),
            max: self.max,
            why: Some(why),
        })
    }

    fn bytes(&self, query: &ast::Query) -> usize {
        self.query.with_soql(query.to_string()).url_bytes(self.client.api_version())
    }

    async fn fetch(&self, queries: Vec<ast::Query>) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        for query in queries {
            let query = self.query.with_soql(query.to_string()).page_rows(2000);
            let mut rows = pages::rows(self.client.clone(), query, None);
            while let Some(row) = rows.try_next().await? {
                records.push(row.into_record()?);
            }
        }
        Ok(records)
    }

    /// The parts of a row as one record, its fields in the order of the SELECT list.
    fn join(&self, sets: Vec<Option<Record>>) -> Result<Record, Error> {
        let mut made = Record::new();
        for (part, record) in self.sets.iter().zip(sets) {
            let Some(mut record) = record else {
                return Err(Error::unexpected("joining the parts of a query", "a part of a row is missing"));
            };
            for name in &part.hides {
                record.shift_remove(name);
            }
            merge(&mut made, record);
        }
        Ok(made)
    }
}

impl Query {
    fn what_is_done(&self) -> String {
        crate::call::Call::what(self)
    }
}

fn is_whole(parts: &HashMap<String, Vec<Option<Record>>>, id: &str) -> bool {
    parts.get(id).is_none_or(|sets| sets.iter().all(Option::is_some))
}

/// Puts the fields of a part in; parents may have fields in several parts.
fn merge(into: &mut Record, from: Record) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) if !theirs.contains_key("records") => {
                merge(ours, theirs)
            }
            (Some(_), _) => {}
            (None, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn listed(query: &ast::Query, ids: &[String]) -> ast::Query {
    let mut query = query.clone();
    let values =
        ids.iter().map(|id| ast::Value { literal: Literal::String(id.clone()), span: ast::Span::default() }).collect();
    let list: Condition = compare(path(&["Id"]), Operator::In, Right::List(values));
    and(&mut query, list);
    query
}

fn id_of(record: &Record) -> Result<String, Error> {
    record
        .get("Id")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Error::unexpected("joining the parts of a query", "a row has no Id"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_select_list_is_cut_where_it_is_full() {
        let query = tidegate_soql::parse("SELECT aaaa, Id, bbbb, cccc, dddd FROM A").unwrap();
        let mut sets = vec![];
        let leads = fill(&mut sets, &query, Some("SystemModstamp"), 9, 10).unwrap();
        let told: Vec<String> =
            sets.iter().map(|s| with_set(&query, &query, s, Some("SystemModstamp")).to_string()).collect();
        assert!(leads);
        assert_eq!(
            told,
            [
                "SELECT SystemModstamp, aaaa, Id FROM A",
                "SELECT Id, SystemModstamp, bbbb, cccc FROM A",
                "SELECT Id, SystemModstamp, dddd FROM A"
            ]
        );
        sets.clear();
        assert!(!fill(&mut sets, &query, None, 0, 100).unwrap());
        assert!(fill(&mut vec![], &query, None, 3, 4).is_err());
    }

    #[test]
    fn parents_in_several_parts_are_one() {
        let mut made = Record::new();
        for part in [
            json!({"attributes": {"type": "A"}, "x": 1, "P": {"attributes": {"type": "P"}, "a": 1}}),
            json!({"attributes": {"type": "A"}, "P": {"attributes": {"type": "P"}, "b": 2}, "y": null}),
        ] {
            merge(&mut made, part.as_object().unwrap().clone());
        }
        assert_eq!(
            serde_json::to_string(&made).unwrap(),
            r#"{"attributes":{"type":"A"},"x":1,"P":{"attributes":{"type":"P"},"a":1,"b":2},"y":null}"#
        );
    }
}
