//! From collected events to changes in the destination.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Engine;
use super::batch::{Batch, Task};
use crate::error::{Cause, Phase, SyncError};
use crate::limits::{MISSING_ROUNDS_MAX, SEEN_MAX};
use crate::mapping::Step;
use crate::{Change, ChangeBatch, ChangeKind, DestinationError, FollowCheckpoint, Progress, RecordId, Row, TableId};

type Rows = HashMap<(TableId, RecordId), Row>;

impl Engine {
    /// Applies a batch and moves the position.
    pub(super) async fn apply_batch(&self, checkpoint: &mut FollowCheckpoint, batch: Batch) -> Result<(), SyncError> {
        let Batch { tasks, events, hashes, position, commit_time, .. } = batch;
        let incomplete = tasks.iter().filter(|t| t.step == Step::Reread).map(|t| (t.table, t.record.clone()));
        let rows = self.reread_all(incomplete).await?;
        let changes: Vec<Change> = tasks
            .into_iter()
            .map(|Task { table, record, at, step }| {
                let kind = match step {
                    Step::Upsert(row) => ChangeKind::Upsert(row),
                    Step::Patch(cells) => ChangeKind::Patch(cells),
                    Step::Delete => ChangeKind::Delete,
                    Step::Reread => as_read(&rows, table, &record),
                };
                Change { table, record, at, kind }
            })
            .collect();
        let mut next = checkpoint.clone();
        if let Some(position) = position {
            next.replay_id = position;
            next.commit_time = commit_time;
        }
        next.seen.extend(hashes);
        let too_many = next.seen.len().saturating_sub(SEEN_MAX);
        next.seen.drain(..too_many);
        let count = changes.len();
        self.commit(changes, next.clone()).await?;
        *checkpoint = next;
        let lag = self.client.server_time().map(|now| {
            Duration::from_millis(
                u64::try_from(now.as_millisecond().saturating_sub(checkpoint.commit_time)).unwrap_or(0),
            )
        });
        if events > 0 {
            self.tell(Progress::Applied { events, changes: count, lag });
        }
        Ok(())
    }

    /// Writes changes and a checkpoint; rows that turn out to be missing are read from the org.
    pub(crate) async fn commit(&self, changes: Vec<Change>, checkpoint: FollowCheckpoint) -> Result<(), SyncError> {
        let mut batch = ChangeBatch { changes, checkpoint };
        for _ in 0..MISSING_ROUNDS_MAX {
            let outcome = self
                .retry(
                    || Phase::Apply,
                    || async {
                        match self.destination.apply(&batch).await {
                            Err(DestinationError::RowsMissing(missing)) => Ok(missing),
                            Err(error) => Err(error),
                            Ok(()) => Ok(Vec::new()),
                        }
                    },
                )
                .await?;
            if outcome.is_empty() {
                return Ok(());
            }
            let rows = self.reread_all(outcome.iter().cloned()).await?;
            // The row as it is now holds what all the patches would have done.
            for change in &mut batch.changes {
                if matches!(change.kind, ChangeKind::Patch(_))
                    && outcome.iter().any(|(t, r)| *t == change.table && *r == change.record)
                {
                    change.kind = as_read(&rows, change.table, &change.record);
                }
            }
        }
        let what = "rows to be patched are still missing after they were read from the org".to_owned();
        let hint = "is another program writing to the destination's tables?";
        Err(SyncError::new(Phase::Apply, Cause::Found { what, hint }))
    }

    async fn reread_all(&self, records: impl Iterator<Item = (TableId, RecordId)>) -> Result<Rows, SyncError> {
        let mut by_table: BTreeMap<TableId, Vec<RecordId>> = BTreeMap::new();
        for (table, record) in records {
            by_table.entry(table).or_default().push(record);
        }
        let mut rows = Rows::new();
        for (table, ids) in by_table {
            rows.extend(self.reread(table, &ids).await?.into_iter().map(|(id, row)| ((table, id), row)));
        }
        Ok(rows)
    }
}

fn as_read(rows: &Rows, table: TableId, record: &RecordId) -> ChangeKind {
    rows.get(&(table, record.clone())).map_or(ChangeKind::Delete, |row| ChangeKind::Upsert(row.clone()))
}
