//! The proof: a table compared with the org, range by range, and mended where it differs.
//!
//! Cheap first: count and newest stamp of a range, on both sides. Only a range that differs is halved, and a small one
//! compared row by row. That costs a call for 50,000 rows, and sees every difference in number and every difference that
//! is the newest of its range; it cannot see an older row that went stale beside a newer one, nor a missing row that an
//! extra one makes up for. With [`VerifyOptions::fields`] every value of every row is compared instead: that is the
//! proof. Nothing is held in memory but a page from each side.

mod merge;

use crate::engine::{Engine, Select, digest_query};
use crate::error::{Cause, Phase, SyncError};
use crate::limits::{RANGE_ROWS, RANGE_ROWS_MIN, REPORT_IDS_MAX, REREAD_IDS_MAX, VERIFY_ROUNDS_MAX};
use crate::mapping::ObjectMap;
use crate::{Change, ChangeKind, FollowCheckpoint, IdRange, Progress, RangeDigest, RecordId, TableId};

pub(crate) use merge::Differing;

/// How a table is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Read what differs from the org again, and compare once more.
    pub repair: bool,
    /// Compare every value, not only counts and time stamps: formulas, for one, change without a stamp.
    pub fields: bool,
}

/// How rows differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Differences {
    /// In the org only.
    pub missing: u64,
    /// In the destination only.
    pub extra: u64,
    /// On both sides with different time stamps.
    pub stale: u64,
    /// On both sides with the same stamp and different values; looked for with [`VerifyOptions::fields`] only.
    pub different: u64,
}

impl Differences {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.missing + self.extra + self.stale + self.different
    }
}

/// What came of comparing one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableReport {
    /// The object.
    pub object: String,
    /// Rows in the destination.
    pub rows: u64,
    /// Ranges compared.
    pub ranges: u64,
    /// Rows compared one by one.
    pub rows_compared: u64,
    /// Requests made to the org.
    pub calls: u64,
    /// Differences found at first.
    pub found: Differences,
    /// Some of the records that differed.
    pub examples: Vec<RecordId>,
    /// Rows mended.
    pub repaired: u64,
    /// Differences left at the end; equal to `found` where nothing was to be repaired.
    pub left: Differences,
}

/// What came of comparing all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// One for each table.
    pub tables: Vec<TableReport>,
}

impl VerifyReport {
    /// Whether every table equals the org.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|t| t.left.total() == 0)
    }
}

/// What one pass over a table found.
#[derive(Debug, Default)]
struct Pass {
    rows: u64,
    ranges: u64,
    rows_compared: u64,
    differences: Differences,
    examples: Vec<RecordId>,
    repaired: u64,
}

impl Engine {
    /// Compares a table. Repairs are applied with the checkpoint as it is, so that the position stays.
    pub(crate) async fn verify_table(
        &self,
        map: &ObjectMap,
        options: VerifyOptions,
        checkpoint: Option<&FollowCheckpoint>,
    ) -> Result<TableReport, SyncError> {
        let before = self.client.requests_made();
        let mut report = TableReport { object: map.table.object.clone(), ..TableReport::default() };
        for round in 0..=VERIFY_ROUNDS_MAX {
            // The last round only looks.
            let repair = checkpoint.filter(|_| options.repair && round < VERIFY_ROUNDS_MAX);
            let pass = self.pass(map, options.fields, repair).await?;
            report.rows = pass.rows;
            report.ranges += pass.ranges;
            report.rows_compared += pass.rows_compared;
            report.repaired += pass.repaired;
            if round == 0 {
                report.found = pass.differences;
                report.examples = pass.examples;
            }
            report.left = pass.differences;
            if repair.is_none() || pass.differences.total() == 0 {
                break;
            }
        }
        report.calls = self.client.requests_made().saturating_sub(before);
        Ok(report)
    }

    async fn pass(&self, map: &ObjectMap, fields: bool, repair: Option<&FollowCheckpoint>) -> Result<Pass, SyncError> {
        let mut pass = Pass::default();
        let table = map.table.id;
        let whole = IdRange::default();
        pass.rows = self.digest_here(map, &whole).await?.count;
        let parts = usize::try_from(pass.rows.div_ceil(RANGE_ROWS)).unwrap_or(usize::MAX);
        let mut ranges = self.cut(table, &whole, parts).await?;
        // Taken from the end.
        ranges.reverse();
        let mut compared = 0;
        while let Some(range) = ranges.pop() {
            self.check_stop()?;
            pass.ranges += 1;
            if fields {
                for select in Select::all(map) {
                    self.compare(map, &range, &select, true, repair, &mut pass).await?;
                }
                continue;
            }
            let (there, here) = (self.digest_there(map, &range).await?, self.digest_here(map, &range).await?);
            if there == here {
                compared += here.count;
                self.tell(Progress::Compared { object: map.table.object.clone(), rows: compared });
                continue;
            }
            let larger = there.count.max(here.count);
            if larger > RANGE_ROWS_MIN {
                let halves = self.cut(table, &range, 2).await?;
                if halves.len() > 1 {
                    ranges.extend(halves.into_iter().rev());
                    continue;
                }
            }
            let select = Select::stamps(map);
            self.compare(map, &range, &select, false, repair, &mut pass).await?;
        }
        Ok(pass)
    }

    /// Compares row by row, and mends as it goes.
    async fn compare(
        &self,
        map: &ObjectMap,
        range: &IdRange,
        select: &Select<'_>,
        values: bool,
        repair: Option<&FollowCheckpoint>,
        pass: &mut Pass,
    ) -> Result<(), SyncError> {
        let mut rows = self.differing(map, range, select, values)?;
        let mut records = Vec::new();
        while let Some((record, how)) = self.next_differing(&mut rows).await? {
            let count = match how {
                Differing::Missing => &mut pass.differences.missing,
                Differing::Extra => &mut pass.differences.extra,
                Differing::Stale => &mut pass.differences.stale,
                Differing::Value => &mut pass.differences.different,
            };
            *count += 1;
            if pass.examples.len() < REPORT_IDS_MAX {
                pass.examples.push(record.clone());
            }
            if let Some(checkpoint) = repair {
                records.push(record);
                if records.len() == REREAD_IDS_MAX {
                    pass.repaired += self.mend(map, std::mem::take(&mut records), checkpoint).await?;
                }
            }
        }
        pass.rows_compared += rows.compared;
        if values {
            self.tell(Progress::Compared { object: map.table.object.clone(), rows: pass.rows_compared });
        }
        if let Some(checkpoint) = repair
            && !records.is_empty()
        {
            pass.repaired += self.mend(map, records, checkpoint).await?;
        }
        Ok(())
    }

    async fn mend(&self, map: &ObjectMap, ids: Vec<RecordId>, at: &FollowCheckpoint) -> Result<u64, SyncError> {
        let table = map.table.id;
        let mut rows = self.reread(table, &ids).await?;
        let changes: Vec<Change> = ids
            .into_iter()
            .map(|record| {
                let kind = rows.remove(&record).map_or(ChangeKind::Delete, ChangeKind::Upsert);
                Change { table, record, at: at.commit_time, kind }
            })
            .collect();
        let count = changes.len() as u64;
        self.commit(changes, at.clone()).await?;
        Ok(count)
    }

    pub(crate) async fn digest_here(&self, map: &ObjectMap, range: &IdRange) -> Result<RangeDigest, SyncError> {
        let phase = || Phase::Verify { object: map.table.object.clone() };
        let mut digest = self.retry(phase, || self.destination.digest(map.table.id, range)).await?;
        if map.stamp_field() != Some("SystemModstamp") {
            // The destination knows that one stamp only.
            digest.newest = None;
        }
        Ok(digest)
    }

    pub(crate) async fn digest_there(&self, map: &ObjectMap, range: &IdRange) -> Result<RangeDigest, SyncError> {
        let phase = || Phase::Verify { object: map.table.object.clone() };
        let failed = |cause: Cause| SyncError::new(phase(), cause);
        let soql = digest_query(map, range).map_err(|e| failed(e.into()))?;
        let page = self.retry(phase, || self.client.query_page(soql.clone())).await?;
        let wrong = |what: &str| {
            let hint = "this is a bug in Tidegate or the org's answer is not what the documentation says";
            failed(Cause::Found { what: format!("the org's answer has no {what}"), hint })
        };
        let record = page.records.first().ok_or_else(|| wrong("row"))?;
        let count = record.get("expr0").and_then(serde_json::Value::as_u64).ok_or_else(|| wrong("count"))?;
        let newest = match (map.stamp_field() == Some("SystemModstamp"), record.get("expr1")) {
            (false, _) | (true, None | Some(serde_json::Value::Null)) => None,
            (true, Some(serde_json::Value::String(text))) => {
                Some(crate::decode::text::datetime(text).ok_or_else(|| wrong("time stamp"))?)
            }
            _ => return Err(wrong("time stamp")),
        };
        Ok(RangeDigest { count, newest })
    }

    /// Cuts a range at ids of the destination; one range where it cannot be cut.
    async fn cut(&self, table: TableId, range: &IdRange, parts: usize) -> Result<Vec<IdRange>, SyncError> {
        let map = self.map(table)?;
        let phase = || Phase::Verify { object: map.table.object.clone() };
        let cuts = match parts {
            0 | 1 => Vec::new(),
            parts => self.retry(phase, || self.destination.boundaries(table, range, parts)).await?,
        };
        let mut from = range.from.clone();
        let mut ranges = Vec::with_capacity(cuts.len() + 1);
        for to in cuts.into_iter().map(Some).chain([range.to.clone()]) {
            ranges.push(IdRange { from, to: to.clone() });
            from = to;
        }
        Ok(ranges)
    }
}
