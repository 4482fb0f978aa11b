//! When the position is lost: read again what may have been missed, and say so.

use futures::StreamExt;
use jiff::Timestamp;
use tidegate_client::events::Replay;

use super::{Engine, Select};
use crate::decode::json;
use crate::error::{Cause, Phase, SyncError};
use crate::limits::REREAD_IDS_MAX;
use crate::mapping::ObjectMap;
use crate::verify::VerifyOptions;
use crate::{Cell, Change, ChangeKind, ColumnType, FollowCheckpoint, Progress, RecordId, TableState};

impl Engine {
    /// Mends all tables. Until the end the stored position stays the lost one, so that a crash repeats the repair.
    ///
    /// The new position is taken first, at the end of the channel: what was committed before it is seen by the reads
    /// below, what comes after it will be followed. Starting from the oldest event that the org still holds would
    /// deliver three days again, and that position would itself fall out of retention while a large org is mended.
    pub(super) async fn repair(&self, checkpoint: &mut FollowCheckpoint) -> Result<(), SyncError> {
        let since = checkpoint.commit_time;
        tracing::warn!(
            since_ms = since,
            "the org does not know the position any more; reading again what changed since"
        );
        self.tell(Progress::ReplayLost { since });
        let started = self.now();
        let replay_id = self.position(Replay::Latest).await?;
        let overlap = i64::try_from(self.options.overlap.as_millis()).unwrap_or(i64::MAX);
        // A time that lies ahead of the org's clock says nothing about what was missed: then everything is read.
        let from = if since > started { 0 } else { since.saturating_sub(overlap) };
        for map in &self.maps {
            let rows = self.repair_table(map, from, checkpoint).await?;
            self.tell(Progress::Repaired { object: map.table.object.clone(), rows });
        }
        let next =
            FollowCheckpoint { replay_id, commit_time: started, seen: Vec::new(), objects: checkpoint.objects.clone() };
        self.commit(Vec::new(), next.clone()).await?;
        *checkpoint = next;
        Ok(())
    }

    async fn repair_table(&self, map: &ObjectMap, since: i64, old: &mut FollowCheckpoint) -> Result<u64, SyncError> {
        let object = || map.table.object.clone();
        let phase = || Phase::Repair { object: object() };
        let (Some(stamp), Ok(since)) = (map.stamp_field(), Timestamp::from_millisecond(since)) else {
            self.tell(Progress::Reloading { object: object(), why: "its records bear no time of change".into() });
            return self.load(map, &TableState::Empty, Some(old)).await;
        };
        let failed = |cause: Cause| SyncError::new(phase(), cause);
        let mut rows = 0;
        let parts = Select::all(map);
        let single = if let [one] = parts.as_slice() { Some(one) } else { None };
        // Changed records: whole rows where one query carries all columns, else their ids.
        let select = single.cloned().unwrap_or_else(|| Select::ids(map));
        let mut records = self.client.query(select.since(stamp, since).map_err(|e| failed(e.into()))?);
        let mut chunk = Vec::new();
        while let Some(record) = self.or_stop(records.next()).await? {
            let record = record.map_err(|e| failed(e.into()))?;
            let row = json::cells(&map.table, &select.columns, &record).map_err(|e| failed(e.into()))?;
            let Some(Cell::Text(id)) = row.first() else { continue };
            let record = RecordId(id.clone());
            chunk.push((record, single.is_some().then_some(row)));
            if chunk.len() == REREAD_IDS_MAX {
                rows += self.repair_chunk(map, std::mem::take(&mut chunk), old).await?;
            }
        }
        rows += self.repair_chunk(map, chunk, old).await?;
        // Records in the recycle bin.
        if map.table.column("IsDeleted").is_some_and(|(_, c)| c.ty == ColumnType::Boolean) {
            let select = Select::ids(map);
            let soql = select.deleted_since(stamp, since).map_err(|e| failed(e.into()))?;
            let mut records = self.client.query_all(soql);
            let mut gone = Vec::new();
            while let Some(record) = self.or_stop(records.next()).await? {
                let record = record.map_err(|e| failed(e.into()))?;
                let row = json::cells(&map.table, &select.columns, &record).map_err(|e| failed(e.into()))?;
                let Some(Cell::Text(id)) = row.first() else { continue };
                let record = RecordId(id.clone());
                gone.push(Change { table: map.table.id, record, at: old.commit_time, kind: ChangeKind::Delete });
                if gone.len() == REREAD_IDS_MAX {
                    rows += gone.len() as u64;
                    self.commit(std::mem::take(&mut gone), old.clone()).await?;
                }
            }
            rows += gone.len() as u64;
            self.commit(gone, old.clone()).await?;
        }
        // Records that were deleted for good leave no trace but their absence.
        let options = VerifyOptions { repair: true, fields: false };
        let report = self.verify_table(map, options, Some(old)).await?;
        if report.left.total() > 0 {
            // The new position is older than all this, so that following mends it.
            tracing::info!(object = %map.table.object, rows = report.left.total(), "edited while it was mended");
        }
        Ok(rows + report.repaired)
    }

    async fn repair_chunk(
        &self,
        map: &ObjectMap,
        chunk: Vec<(RecordId, Option<Vec<Cell>>)>,
        old: &FollowCheckpoint,
    ) -> Result<u64, SyncError> {
        if chunk.is_empty() {
            return Ok(0);
        }
        let unread: Vec<RecordId> = chunk.iter().filter(|(_, row)| row.is_none()).map(|(id, _)| id.clone()).collect();
        let mut read = if unread.is_empty() { Default::default() } else { self.reread(map.table.id, &unread).await? };
        let changes: Vec<Change> = chunk
            .into_iter()
            .map(|(record, row)| {
                let kind = row.or_else(|| read.remove(&record)).map_or(ChangeKind::Delete, ChangeKind::Upsert);
                Change { table: map.table.id, record, at: old.commit_time, kind }
            })
            .collect();
        let rows = changes.len() as u64;
        self.commit(changes, old.clone()).await?;
        Ok(rows)
    }
}
