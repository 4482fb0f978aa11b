//! Collecting events into whole transactions. Knows nothing of streams and destinations.

use crate::event::Header;
use crate::limits::{BATCH_BYTES_MAX, BATCH_CHANGES_MAX, REREAD_ROW_BYTES};
use crate::mapping::Step;
use crate::{RecordId, ReplayId, TableId};

/// What one event asks of one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) table: TableId,
    pub(crate) record: RecordId,
    pub(crate) at: i64,
    pub(crate) step: Step,
}

/// Tasks that are applied together, and where the stream stands after them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Batch {
    pub(crate) tasks: Vec<Task>,
    /// Events, those included that asked for nothing.
    pub(crate) events: usize,
    pub(crate) hashes: Vec<u64>,
    pub(crate) position: Option<ReplayId>,
    pub(crate) commit_time: i64,
    /// What the tasks take in memory, about.
    bytes: usize,
}

/// Events that have come and were not applied yet.
///
/// The stream does not say where a transaction ends: that is known when the next one begins, when there is nothing
/// more, or after a pause.
#[derive(Debug, Default)]
pub(crate) struct Batcher {
    whole: Batch,
    open: Batch,
    key: Option<String>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.events == 0
    }

    fn append(&mut self, later: Batch) {
        if later.is_empty() {
            return;
        }
        self.tasks.extend(later.tasks);
        self.events += later.events;
        self.bytes += later.bytes;
        self.hashes.extend(later.hashes);
        self.position = later.position;
        self.commit_time = later.commit_time;
    }
}

impl Batcher {
    /// Adds an event of so many bytes that stands at this position.
    pub(crate) fn add(&mut self, header: &Header, tasks: Vec<Task>, bytes: usize, position: ReplayId) {
        if self.key.as_deref() != Some(&header.transaction_key) {
            self.whole.append(std::mem::take(&mut self.open));
            self.key = Some(header.transaction_key.clone());
        }
        // An event that names many records becomes as many rows.
        let size = |task: &Task| if task.step == Step::Reread { REREAD_ROW_BYTES } else { bytes };
        self.open.append(Batch {
            bytes: tasks.iter().map(size).sum(),
            tasks,
            events: 1,
            hashes: vec![header.hash()],
            position: Some(position),
            commit_time: header.commit_timestamp,
        });
    }

    /// Whether this event is waiting already.
    pub(crate) fn holds(&self, hash: u64) -> bool {
        self.open.hashes.contains(&hash) || self.whole.hashes.contains(&hash)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.open.is_empty()
    }

    /// Whether as much is waiting as may be held. Events that ask for nothing count too: their hashes are kept.
    pub(crate) fn is_full(&self) -> bool {
        let sum = |of: fn(&Batch) -> usize| of(&self.whole) + of(&self.open);
        sum(|b| b.tasks.len().max(b.events)) >= BATCH_CHANGES_MAX || sum(|b| b.bytes) >= BATCH_BYTES_MAX
    }

    /// What is known to be whole.
    pub(crate) fn take_whole(&mut self) -> Option<Batch> {
        let batch = std::mem::take(&mut self.whole);
        (!batch.is_empty()).then_some(batch)
    }

    /// Everything.
    pub(crate) fn take_all(&mut self) -> Option<Batch> {
        self.whole.append(std::mem::take(&mut self.open));
        self.take_whole()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ChangeType;

    fn header(key: &str, sequence_number: i32, commit_timestamp: i64) -> Header {
        Header {
            entity: "Account".into(),
            record_ids: vec!["0015e00000AAAAAAA1".into()],
            change_type: ChangeType::Delete,
            change_origin: String::new(),
            transaction_key: key.into(),
            sequence_number,
            commit_timestamp,
            commit_number: 0,
            commit_user: String::new(),
            nulled: vec![],
            diff: vec![],
            changed: vec![],
        }
    }

    fn task(n: u8) -> Task {
        Task { table: TableId(0), record: RecordId(n.to_string()), at: 0, step: Step::Delete }
    }

    fn tasks(batch: Option<Batch>) -> Option<(Vec<String>, Option<ReplayId>, i64)> {
        batch.map(|b| (b.tasks.iter().map(|t| t.record.0.clone()).collect(), b.position, b.commit_time))
    }

    #[test]
    fn a_transaction_is_whole_when_the_next_begins() {
        let mut batcher = Batcher::default();
        let at = |n: u8| ReplayId(vec![n]);
        batcher.add(&header("a", 1, 20), vec![task(1)], 1, at(1));
        batcher.add(&header("a", 3, 20), vec![task(2)], 1, at(2));
        assert_eq!(batcher.take_whole(), None);
        batcher.add(&header("b", 1, 10), vec![], 1, at(3));
        batcher.add(&header("c", 1, 15), vec![task(3)], 1, at(4));
        assert!(!batcher.is_full());
        assert_eq!(tasks(batcher.take_whole()), Some((vec!["1".into(), "2".into()], Some(at(3)), 10)));
        assert!(batcher.holds(header("c", 1, 15).hash()) && !batcher.holds(header("a", 1, 20).hash()));
        assert_eq!(tasks(batcher.take_all()), Some((vec!["3".into()], Some(at(4)), 15)));
        assert!(batcher.is_empty() && batcher.take_all().is_none());
        // More of a transaction that was cut by a pause.
        batcher.add(&header("c", 2, 15), vec![task(4)], 1, at(5));
        assert_eq!(batcher.take_whole(), None);
        assert_eq!(tasks(batcher.take_all()), Some((vec!["4".into()], Some(at(5)), 15)));
    }

    #[test]
    fn a_large_transaction_is_cut_by_number_and_by_size() {
        // Adds events until there is enough.
        let events = |tasks: &[Task], bytes: usize| {
            let mut batcher = Batcher::default();
            (1..)
                .find(|n| {
                    batcher.add(&header("a", *n, 1), tasks.to_vec(), bytes, ReplayId(vec![]));
                    batcher.is_full()
                })
                .unwrap_or_default() as usize
        };
        let reread = Task { step: Step::Reread, ..task(1) };
        assert_eq!(events(&[task(1)], 100), BATCH_CHANGES_MAX);
        assert_eq!(events(&[], 100), BATCH_CHANGES_MAX, "events of objects that nobody wants");
        assert_eq!(events(&[task(1)], 1 << 20), BATCH_BYTES_MAX >> 20);
        assert_eq!(events(&[task(1), task(2)], 1 << 20), BATCH_BYTES_MAX >> 21, "one text for two records");
        assert_eq!(events(&[reread], 1), BATCH_BYTES_MAX / REREAD_ROW_BYTES);
    }
}
