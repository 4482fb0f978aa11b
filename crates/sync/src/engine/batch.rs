//! Collecting events into whole transactions. Knows nothing of streams and destinations.

use crate::event::Header;
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
        self.hashes.extend(later.hashes);
        self.position = later.position;
        self.commit_time = later.commit_time;
    }
}

impl Batcher {
    /// Adds an event that stands at this position.
    pub(crate) fn add(&mut self, header: &Header, tasks: Vec<Task>, position: ReplayId) {
        if self.key.as_deref() != Some(&header.transaction_key) {
            self.whole.append(std::mem::take(&mut self.open));
            self.key = Some(header.transaction_key.clone());
        }
        self.open.append(Batch {
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

    /// Tasks waiting.
    pub(crate) fn len(&self) -> usize {
        self.whole.tasks.len() + self.open.tasks.len()
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
            transaction_key: key.into(),
            sequence_number,
            commit_timestamp,
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
        batcher.add(&header("a", 1, 20), vec![task(1)], at(1));
        batcher.add(&header("a", 3, 20), vec![task(2)], at(2));
        assert_eq!(batcher.take_whole(), None);
        batcher.add(&header("b", 1, 10), vec![], at(3));
        batcher.add(&header("c", 1, 15), vec![task(3)], at(4));
        assert_eq!(batcher.len(), 3);
        assert_eq!(tasks(batcher.take_whole()), Some((vec!["1".into(), "2".into()], Some(at(3)), 10)));
        assert!(batcher.holds(header("c", 1, 15).hash()) && !batcher.holds(header("a", 1, 20).hash()));
        assert_eq!(tasks(batcher.take_all()), Some((vec!["3".into()], Some(at(4)), 15)));
        assert!(batcher.is_empty() && batcher.take_all().is_none());
        // More of a transaction that was cut by a pause.
        batcher.add(&header("c", 2, 15), vec![task(4)], at(5));
        assert_eq!(batcher.take_whole(), None);
        assert_eq!(tasks(batcher.take_all()), Some((vec!["4".into()], Some(at(5)), 15)));
    }
}
