//! What a plan takes for granted. Sizes are Salesforce's own; rates are guesses that the caller may replace by what was
//! measured in the org.

use serde::{Deserialize, Serialize};

use super::{Api, Range};

/// The figures behind a plan. Rates are ranges, and wide ones: orgs differ by their triggers more than by anything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assumptions {
    /// Rows of a REST page. Salesforce's default and most is 2,000.
    pub rest_page_rows: f64,
    /// Bytes of JSON beyond which the org makes pages smaller. Observed, not documented.
    pub rest_page_bytes: f64,
    /// Seconds for one REST page of a query.
    pub rest_page_seconds: Range,
    /// Seconds for one REST request that reads or writes one record.
    pub rest_call_seconds: Range,
    /// Bytes a second over the network.
    pub bytes_per_second: Range,
    /// Seconds that a Bulk job waits in the org's queue.
    pub bulk_queue_seconds: Range,
    /// Rows a second that the org reads for a Bulk query.
    pub bulk_query_rows_per_second: Range,
    /// Rows of one page of a Bulk query's results.
    pub bulk_page_rows: Range,
    /// Rows of one chunk where Bulk 1.0 splits a query by primary key. Salesforce's default; 250,000 at most.
    pub pk_chunk_rows: f64,
    /// Seconds for one request of 200 records (sObject Collections), triggers included.
    pub collection_seconds: Range,
    /// Such requests at the same time.
    pub parallel_writes: f64,
    /// Rows a second that the org saves from a Bulk job, triggers included.
    pub bulk_ingest_rows_per_second: Range,
    /// Bytes of one upload. Salesforce advises 100 MB at most, as 150 MB of base64 is the bound.
    pub upload_bytes: f64,
    /// Changes in 24 hours, as a part of an object's rows.
    pub changes_per_row: Range,
    /// Seconds between two rounds of polling.
    pub poll_seconds: f64,
}

impl Default for Assumptions {
    fn default() -> Assumptions {
        Assumptions {
            rest_page_rows: 2_000.0,
            rest_page_bytes: 4e6,
            rest_page_seconds: Range::new(0.5, 4.0),
            rest_call_seconds: Range::new(0.1, 0.6),
            bytes_per_second: Range::new(1e6, 1e7),
            bulk_queue_seconds: Range::new(3.0, 60.0),
            bulk_query_rows_per_second: Range::new(5_000.0, 50_000.0),
            bulk_page_rows: Range::new(50_000.0, 250_000.0),
            pk_chunk_rows: 100_000.0,
            collection_seconds: Range::new(0.8, 6.0),
            parallel_writes: 3.0,
            bulk_ingest_rows_per_second: Range::new(150.0, 2_000.0),
            upload_bytes: 1e8,
            changes_per_row: Range::new(0.005, 0.05),
            poll_seconds: 300.0,
        }
    }
}

impl Assumptions {
    /// Requests to wait for a job of so many seconds: soon at first, then less and less often, at most every 30 s.
    pub(super) fn polls(seconds: f64) -> f64 {
        let (mut pause, mut waited, mut polls) = (0.2_f64, 0.0, 1.0_f64);
        while waited < seconds && pause < 30.0 {
            waited += pause * 0.9;
            pause = (pause * 1.5).min(30.0);
            polls += 1.0;
        }
        polls + ((seconds - waited).max(0.0) / 27.0).ceil()
    }

    /// The figures in words, for a reader: those that plans with these ways rest on.
    pub fn spelled(&self, ways: &[Api]) -> Vec<(&'static str, String)> {
        let range = |range: Range, unit: &str| format!("{} to {}{unit}", short(range.low), short(range.high));
        let any = |some: &[Api]| some.iter().any(|api| ways.contains(api));
        let mut figures = vec![("network", range(self.bytes_per_second.times(1e-6), " MB/s"))];
        if any(&[Api::Rest, Api::Retrieve]) {
            let page = format!("{} rows, {}", short(self.rest_page_rows), range(self.rest_page_seconds, " s"));
            figures.push(("REST page", page));
        }
        if any(&[Api::Bulk, Api::Bulk1, Api::Ingest]) {
            figures.push(("Bulk queue", range(self.bulk_queue_seconds, " s")));
        }
        if any(&[Api::Bulk, Api::Bulk1]) {
            figures.push(("Bulk query", range(self.bulk_query_rows_per_second, " rows/s")));
        }
        if any(&[Api::Ingest]) {
            let rate = range(self.bulk_ingest_rows_per_second, " rows/s");
            figures.push(("Bulk ingest, triggers included", rate));
        }
        if any(&[Api::Collections, Api::Graph]) {
            let each = range(self.collection_seconds, " s");
            let at_once = short(self.parallel_writes);
            figures.push(("200 records by collections, triggers included", format!("{each}, {at_once} at once")));
        }
        if any(&[Api::PubSub, Api::Cometd, Api::Polling]) {
            figures.push(("changes in 24 h", range(self.changes_per_row.times(100.0), " % of the rows")));
            figures.push(("polling", format!("every {} s", short(self.poll_seconds))));
        }
        figures
    }
}

/// With commas between thousands where it is whole.
fn short(value: f64) -> String {
    if value < 1_000.0 || value.fract() != 0.0 {
        return value.to_string();
    }
    super::grouped(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_little() {
        assert_eq!(Assumptions::polls(0.0), 1.0);
        let minute = Assumptions::polls(60.0);
        assert!((12.0..17.0).contains(&minute), "{minute}");
        let hour = Assumptions::polls(3600.0);
        assert!((130.0..155.0).contains(&hour), "{hour}");
    }

    #[test]
    fn every_figure_can_be_replaced() {
        let json = r#"{"poll_seconds":60,"bulk_queue_seconds":{"low":1,"high":2}}"#;
        let changed: Assumptions = serde_json::from_str(json).unwrap();
        assert_eq!((changed.poll_seconds, changed.bulk_queue_seconds), (60.0, Range::new(1.0, 2.0)));
        assert_eq!(changed.upload_bytes, Assumptions::default().upload_bytes);
    }
}
