//! Reading records again, where an event did not say enough.

use std::collections::HashMap;

use futures::StreamExt;

use super::{Engine, Select};
use crate::decode::json;
use crate::error::{Cause, Phase, SyncError};
use crate::limits::REREAD_IDS_MAX;
use crate::mapping::ObjectMap;
use crate::{Cell, Progress, RecordId, Row, TableId};

impl Engine {
    /// The rows of these records as they are now. One that is not in the answer is deleted, or this user may not see it.
    pub(crate) async fn reread(&self, table: TableId, ids: &[RecordId]) -> Result<HashMap<RecordId, Row>, SyncError> {
        let map = self.map(table)?;
        let phase = || Phase::Reread { object: map.table.object.clone() };
        let mut ids = ids.to_vec();
        ids.sort();
        ids.dedup();
        let mut rows = HashMap::new();
        for chunk in ids.chunks(REREAD_IDS_MAX) {
            rows.extend(self.retry(phase, || self.read_chunk(map, chunk)).await?);
        }
        self.tell(Progress::Reread { object: map.table.object.clone(), records: ids.len() });
        Ok(rows)
    }

    async fn read_chunk(&self, map: &ObjectMap, ids: &[RecordId]) -> Result<HashMap<RecordId, Row>, Cause> {
        let parts = Select::all(map);
        let mut found: HashMap<RecordId, (usize, Row)> = HashMap::new();
        for part in &parts {
            let mut records = self.client.query(part.of(ids)?);
            while let Some(record) = records.next().await {
                let cells = json::cells(&map.table, &part.columns, &record?)?;
                let Some(Cell::Text(id)) = cells.first() else { continue };
                let (parts_seen, row) =
                    found.entry(RecordId(id.clone())).or_insert_with(|| (0, vec![Cell::Null; map.table.columns.len()]));
                *parts_seen += 1;
                for (column, cell) in part.columns.iter().zip(cells) {
                    if let Some(place) = row.get_mut(usize::from(column.0)) {
                        *place = cell;
                    }
                }
            }
        }
        // One that was deleted between two parts counts as deleted.
        Ok(found.into_iter().filter(|(_, (seen, _))| *seen == parts.len()).map(|(id, (_, row))| (id, row)).collect())
    }
}
