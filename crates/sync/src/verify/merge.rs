//! Two tables in id order, side by side.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures::StreamExt;
use tidegate_client::RecordStream;

use crate::decode::json;
use crate::engine::{Engine, Select};
use crate::error::{Cause, Phase, SyncError};
use crate::limits::{COMPARE_PAGE_CHARACTERS, COMPARE_PAGE_ROWS};
use crate::mapping::ObjectMap;
use crate::{Cell, Column, ColumnIndex, ColumnType, IdRange, RecordId};

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Differing {
    Missing,
    Extra,
    Stale,
    Value,
}

/// Rows of both sides on their way.
pub(crate) struct Rows<'m> {
    map: &'m ObjectMap,
    columns: Vec<ColumnIndex>,
    values: bool,
    there: RecordStream,
    there_next: Option<Vec<Cell>>,
    there_done: bool,
    here: VecDeque<Vec<Cell>>,
    /// What of the destination was not read yet.
    left: Option<IdRange>,
    pub(crate) compared: u64,
}

impl Engine {
    /// Begins to compare a range.
    pub(crate) fn differing<'m>(
        &self,
        map: &'m ObjectMap,
        range: &IdRange,
        select: &Select<'_>,
        values: bool,
    ) -> Result<Rows<'m>, SyncError> {
        let soql = select.within(range).map_err(|e| failed(map, e.into()))?;
        Ok(Rows {
            map,
            columns: select.columns.clone(),
            values,
            there: self.client.query(soql),
            there_next: None,
            there_done: false,
            here: VecDeque::new(),
            left: Some(range.clone()),
            compared: 0,
        })
    }

    /// The next row that is not the same on both sides.
    pub(crate) async fn next_differing(&self, rows: &mut Rows<'_>) -> Result<Option<(RecordId, Differing)>, SyncError> {
        loop {
            self.fill(rows).await?;
            let (there, here) = (rows.there_next.as_deref().and_then(key), rows.here.front().and_then(|row| key(row)));
            let (id, how) = match (there, here) {
                (None, None) => return Ok(None),
                (Some(id), None) => (id, Some(Differing::Missing)),
                (None, Some(id)) => (id, Some(Differing::Extra)),
                (Some(a), Some(b)) => match a.cmp(&b) {
                    Ordering::Less => (a, Some(Differing::Missing)),
                    Ordering::Greater => (b, Some(Differing::Extra)),
                    Ordering::Equal => (a, rows.compare()),
                },
            };
            rows.compared += 1;
            if how != Some(Differing::Extra) {
                rows.there_next = None;
            }
            if how != Some(Differing::Missing) {
                rows.here.pop_front();
            }
            if let Some(how) = how {
                return Ok(Some((id, how)));
            }
        }
    }

    /// Sees to it that both sides have their next row, where there is one.
    async fn fill(&self, rows: &mut Rows<'_>) -> Result<(), SyncError> {
        let map = rows.map;
        if rows.there_next.is_none() && !rows.there_done {
            match self.or_stop(rows.there.next()).await? {
                None => rows.there_done = true,
                Some(record) => {
                    let record = record.map_err(|e| failed(map, e.into()))?;
                    let cells = json::cells(&map.table, &rows.columns, &record);
                    rows.there_next = Some(cells.map_err(|e| failed(map, e.into()))?);
                }
            }
        }
        if rows.here.is_empty()
            && let Some(range) = rows.left.take()
        {
            let phase = || Phase::Verify { object: map.table.object.clone() };
            let page = page_rows(map);
            let batch = self.retry(phase, || self.destination.rows(map.table.id, &range, page)).await?;
            for row in 0..batch.rows {
                let cell = |c: &ColumnIndex| batch.cell(row, usize::from(c.0)).to_cell();
                rows.here.push_back(rows.columns.iter().map(cell).collect());
            }
            if batch.rows == page
                && let Some(last) = rows.here.back().and_then(|row| key(row))
            {
                // The smallest id behind the last one: no id holds a character below a digit.
                rows.left = Some(IdRange { from: Some(RecordId(format!("{}0", last.0))), to: range.to });
            }
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// How the two next rows, of one record, differ.
    fn compare(&self) -> Option<Differing> {
        let (there, here) = (self.there_next.as_ref()?, self.here.front()?);
        let unequal = |i: usize| there.get(i) != here.get(i);
        let stamp = self.columns.iter().position(|c| Some(*c) == self.map.stamp);
        if stamp.is_some_and(unequal) {
            return Some(Differing::Stale);
        }
        (self.values && (0..self.columns.len()).any(unequal)).then_some(Differing::Value)
    }
}

/// Rows of the destination to hold at once: fewer where the table has long texts.
fn page_rows(map: &ObjectMap) -> usize {
    let length = |column: &Column| match column.ty {
        ColumnType::Text { length } => length as usize,
        _ => 0,
    };
    let longest = map.table.columns.iter().map(length).sum::<usize>().max(1);
    (COMPARE_PAGE_CHARACTERS / longest).clamp(1, COMPARE_PAGE_ROWS)
}

fn key(row: &[Cell]) -> Option<RecordId> {
    match row.first() {
        Some(Cell::Text(id)) => Some(RecordId(id.clone())),
        _ => None,
    }
}

fn failed(map: &ObjectMap, cause: Cause) -> SyncError {
    SyncError::new(Phase::Verify { object: map.table.object.clone() }, cause)
}
