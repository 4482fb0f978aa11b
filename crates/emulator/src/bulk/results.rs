//! The three result sets of an ingest job, as CSV, rendered piece by piece from the upload.

use std::sync::Arc;

use bytes::Bytes;

use super::ingest::{Outcome, Plan};
use super::worker::row_cells;
use super::{Job, State, Work, csv, illegal};
use crate::{ApiError, RecordId};

/// How many outcomes are looked at for one piece.
const PIECE_ROWS: usize = 500;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say it")]
pub enum ResultSet {
    Successful,
    Failed,
    Unprocessed,
}

impl ResultSet {
    /// By the last part of the path, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        [
            ("successfulresults", ResultSet::Successful),
            ("failedresults", ResultSet::Failed),
            ("unprocessedrecords", ResultSet::Unprocessed),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, set)| set)
    }
}

/// Puts the outcomes in an order that has nothing to do with the upload's, the same each time for the same job.
pub(super) fn shuffle(job: &mut Job) {
    let place = shuffled(job.id);
    if let Work::Ingest(ingest) = &mut job.work {
        Arc::make_mut(&mut ingest.outcomes).sort_by_key(|outcome| place(outcome.row));
    }
}

/// Where a row comes in an order that is a job's own.
pub(super) fn shuffled(job: RecordId) -> impl Fn(usize) -> u64 {
    let seed = job.as_bytes().iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    move |row| mix(seed ^ row as u64)
}

/// Spreads bits (the finaliser of SplitMix64).
fn mix(mut n: u64) -> u64 {
    n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// A result set of a job that has ended, in pieces. The org is not held while they are taken.
///
/// # Errors
/// 400 `INVALIDJOBSTATE` for a job that has not ended.
pub fn result_pieces(job: &Job, set: ResultSet) -> Result<impl Iterator<Item = Bytes> + Send + 'static, ApiError> {
    if !job.state.is_terminal() {
        return Err(illegal(format!("Results of a job that is {} are not available", job.state)));
    }
    let Work::Ingest(ingest) = &job.work else { return Err(super::missing()) };
    let upload = ingest.upload.clone().unwrap_or_default();
    let (delimiter, ending) = (job.delimiter.byte(), job.line_ending.text());
    let renderer = Renderer {
        with_id: set == ResultSet::Successful || set == ResultSet::Failed && job.version >= 53,
        set,
        upload,
        plan: ingest.plan.clone(),
        outcomes: Arc::clone(&ingest.outcomes),
        processed: ingest.next_row,
        // Without a plan (a header that could not be read, or an abort before the start) the rows are the upload's own.
        raw: ingest.plan.is_none() && job.state != State::JobComplete,
        delimiter,
        ending,
    };
    Ok(renderer.pieces())
}

struct Renderer {
    set: ResultSet,
    with_id: bool,
    upload: Bytes,
    plan: Option<Arc<Plan>>,
    outcomes: Arc<Vec<Outcome>>,
    processed: usize,
    raw: bool,
    delimiter: u8,
    ending: &'static str,
}

impl Renderer {
    fn pieces(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        let total = match (self.set, &self.plan) {
            (ResultSet::Unprocessed, Some(plan)) => plan.rows.len().saturating_sub(self.processed),
            (ResultSet::Unprocessed, None) => 0,
            _ => self.outcomes.len(),
        };
        let starts = (0..total).step_by(PIECE_ROWS);
        let first =
            if self.raw && self.set == ResultSet::Unprocessed { self.upload.clone() } else { self.header().into() };
        std::iter::once(first).chain(starts.map(move |from| self.piece(from..(from + PIECE_ROWS).min(total)).into()))
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut names = Vec::new();
        if self.with_id {
            names.push("sf__Id");
        }
        match self.set {
            ResultSet::Successful => names.push("sf__Created"),
            ResultSet::Failed => names.push("sf__Error"),
            ResultSet::Unprocessed => {}
        }
        let uploaded = self.plan.iter().flat_map(|plan| plan.columns.names.iter().map(String::as_str));
        names.extend(uploaded);
        self.line(names, &mut out);
        out
    }

    fn line<'a>(&self, values: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                out.push(self.delimiter);
            }
            csv::quote(value, out);
        }
        out.extend_from_slice(self.ending.as_bytes());
    }

    fn piece(&self, range: std::ops::Range<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        let Some(plan) = &self.plan else { return out };
        if self.set == ResultSet::Unprocessed {
            let rows = plan.rows.get(self.processed + range.start..self.processed + range.end);
            for row in rows.unwrap_or_default() {
                self.cells(*row, None, &mut out);
            }
            return out;
        }
        for outcome in self.outcomes.get(range).unwrap_or_default() {
            let Some(row) = plan.rows.get(outcome.row) else { continue };
            let (id, what) = match (&outcome.result, self.set) {
                (Ok((id, created)), ResultSet::Successful) => (Some(*id), created.to_string()),
                (Err((id, error)), ResultSet::Failed) => (*id, error.to_string()),
                _ => continue,
            };
            self.cells(*row, Some((id, what)), &mut out);
        }
        out
    }

    /// A row as it was sent. One that could not be read shows its text in the first column.
    fn cells(&self, row: (u32, u32), result: Option<(Option<RecordId>, String)>, out: &mut Vec<u8>) {
        let sent = row_cells(&self.upload, row, self.delimiter).unwrap_or_else(|_| {
            let text = self.upload.get(row.0 as usize..row.1 as usize).unwrap_or_default();
            vec![String::from_utf8_lossy(text).into_owned()]
        });
        let mut values = Vec::with_capacity(sent.len() + 2);
        if let Some((id, what)) = result {
            if self.with_id {
                values.push(id.map(|id| id.to_string()).unwrap_or_default());
            }
            values.push(what);
        }
        values.extend(sent);
        self.line(values.iter().map(String::as_str), out);
    }
}
