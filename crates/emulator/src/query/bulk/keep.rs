//! A Bulk query's result as bytes: ids, and the rows that the store does not hold as they were.
//!
//! ```text
//! rows · parents · row* · (parent of each row)*     row: 0 none · 1 object id, as in the store · 2 object id length row
//! ```

use std::io;
use std::sync::Arc;

use super::{BulkSelection, Parent, select};
use crate::query::QueryOptions;
use crate::schema::ObjectId;
use crate::store::{Row, Store};
use crate::{Org, RecordId};

impl BulkSelection {
    /// Writes it for [`BulkSelection::restore`]. Rows that the store holds are told by their ids alone.
    pub(crate) fn keep(&self, store: &Store, out: &mut Vec<u8>) {
        out.extend((self.records.len() as u64).to_le_bytes());
        out.extend((self.parents.len() as u64).to_le_bytes());
        for (id, row) in &self.records {
            put(store, Some((self.object, *id, row)), out);
        }
        for parents in &self.parents {
            for parent in parents {
                put(store, parent.as_ref().map(|p| (p.object, p.id, &p.row)), out);
            }
        }
    }

    /// The result of this query as it was kept.
    ///
    /// # Errors
    /// `InvalidData` where the query does not fit the schema any more, or the bytes are damaged.
    pub(crate) fn restore(org: &Org, text: &str, options: &QueryOptions, kept: &[u8]) -> io::Result<Self> {
        let mut selection = select(org, text, options, false).map_err(|e| invalid(e.to_string()))?;
        let mut from = kept;
        let (rows, slots) = (number(&mut from)?, number(&mut from)?);
        if slots != selection.parents.len() as u64 {
            return Err(invalid("the parents do not fit the query"));
        }
        for _ in 0..rows {
            let (_, id, row) = take(&org.store, &mut from)?.ok_or_else(|| invalid("a row is missing"))?;
            selection.records.push((id, row));
        }
        for parents in &mut selection.parents {
            for _ in 0..rows {
                let parent = take(&org.store, &mut from)?;
                parents.push(parent.map(|(object, id, row)| Parent { object, id, row }));
            }
        }
        Ok(selection)
    }
}

fn put(store: &Store, record: Option<(ObjectId, RecordId, &Arc<Row>)>, out: &mut Vec<u8>) {
    let Some((object, id, row)) = record else { return out.push(0) };
    let stored = store.get(object, id).is_some_and(|held| Arc::ptr_eq(held, row));
    out.push(if stored { 1 } else { 2 });
    out.extend(object.0.to_le_bytes());
    out.extend(id.as_bytes());
    if !stored {
        let packed = row.packed();
        out.extend((packed.len() as u64).to_le_bytes());
        out.extend(&*packed);
    }
}

type Taken = Option<(ObjectId, RecordId, Arc<Row>)>;

fn take(store: &Store, from: &mut &[u8]) -> io::Result<Taken> {
    let [mark] = array(from)?;
    if mark == 0 {
        return Ok(None);
    }
    let object = ObjectId(u16::from_le_bytes(array(from)?));
    let id = RecordId::from_bytes(array(from)?);
    let row = match mark {
        1 => store.get(object, id).cloned().ok_or_else(|| invalid("a row is not in the store"))?,
        _ => {
            let len = usize::try_from(number(from)?).unwrap_or(usize::MAX);
            let (packed, rest) = from.split_at_checked(len).ok_or_else(|| invalid("a row is cut off"))?;
            *from = rest;
            Arc::new(Row::from_packed(packed.to_vec()))
        }
    };
    Ok(Some((object, id, row)))
}

fn number(from: &mut &[u8]) -> io::Result<u64> {
    Ok(u64::from_le_bytes(array(from)?))
}

fn array<const N: usize>(from: &mut &[u8]) -> io::Result<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk().ok_or_else(|| invalid("the end is missing"))?;
    *from = rest;
    Ok(*bytes)
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
