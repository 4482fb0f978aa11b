//! What work costs: figures as ranges, since none of them is known before.

use serde::{Deserialize, Serialize};

/// From the least to the most that is to be expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Range {
    /// Both ends.
    pub fn new(low: f64, high: f64) -> Range {
        Range { low: low.min(high), high: high.max(low) }
    }

    /// A figure that is known.
    pub fn exactly(value: f64) -> Range {
        Range { low: value, high: value }
    }

    /// Between the ends: where both orders of magnitude are equally far.
    pub fn middle(self) -> f64 {
        if self.low <= 0.0 { self.high / 2.0 } else { (self.low * self.high).sqrt() }
    }

    /// Another figure added.
    pub fn plus(self, other: Range) -> Range {
        Range { low: self.low + other.low, high: self.high + other.high }
    }

    /// Both ends multiplied by one figure.
    pub fn times(self, factor: f64) -> Range {
        Range::new(self.low * factor, self.high * factor)
    }

    /// Multiplied by another figure that is not known either.
    pub fn by(self, other: Range) -> Range {
        Range { low: self.low * other.low, high: self.high * other.high }
    }

    /// Divided by a rate: the least by the highest.
    pub fn per(self, rate: Range) -> Range {
        Range { low: self.low / rate.high.max(1e-9), high: self.high / rate.low.max(1e-9) }
    }

    /// Whole pieces of this size, at least one.
    pub fn pieces(self, size: f64) -> Range {
        let of = |value: f64| (value / size.max(1e-9)).ceil().max(1.0);
        Range { low: of(self.low), high: of(self.high) }
    }
}

/// What a piece of work takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PlanCost {
    /// API requests.
    pub calls: Range,
    /// Bulk 2.0 query jobs.
    pub query_jobs: Range,
    /// Bulk ingest jobs. They are not limited, but each has its steps.
    pub ingest_jobs: Range,
    /// Bulk batches, of 10,000 rows each.
    pub batches: Range,
    /// Rows ingested by Bulk.
    pub ingest_rows: Range,
    /// Bytes over the network, uncompressed.
    pub bytes: Range,
    /// Bytes of Bulk query results that the org stores.
    pub result_bytes: Range,
    /// Events delivered in 24 hours.
    pub deliveries: Range,
    /// Seconds until it is done; for work that never ends, seconds of lag.
    pub seconds: Range,
}

impl PlanCost {
    /// One after the other.
    pub fn then(self, next: PlanCost) -> PlanCost {
        PlanCost {
            calls: self.calls.plus(next.calls),
            query_jobs: self.query_jobs.plus(next.query_jobs),
            ingest_jobs: self.ingest_jobs.plus(next.ingest_jobs),
            batches: self.batches.plus(next.batches),
            ingest_rows: self.ingest_rows.plus(next.ingest_rows),
            bytes: self.bytes.plus(next.bytes),
            result_bytes: self.result_bytes.plus(next.result_bytes),
            deliveries: self.deliveries.plus(next.deliveries),
            seconds: self.seconds.plus(next.seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(Range::new(5.0, 1.0), Range { low: 1.0, high: 5.0 });
        assert_eq!(Range::new(1.0, 4001.0).pieces(2000.0), Range::new(1.0, 3.0));
        assert_eq!(Range::exactly(0.0).pieces(2000.0), Range::exactly(1.0));
        assert_eq!(Range::new(100.0, 200.0).per(Range::new(10.0, 50.0)), Range::new(2.0, 20.0));
        assert_eq!(Range::new(1.0, 100.0).middle(), 10.0);
        assert_eq!(Range::new(0.0, 100.0).middle(), 50.0);
    }
}
