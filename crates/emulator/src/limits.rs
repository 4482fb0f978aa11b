//! What the org has used up: rolling 24-hour counters in hourly buckets, and the `/limits` report.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::Millis;

mod edition;
mod report;
mod running;
mod storage;

pub use edition::{Allowances, Edition};
pub use report::report;
pub use running::{LongRequest, Running};
pub(crate) use storage::storage_exceeded;
pub use storage::{Storage, storage};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_HOURS: i64 = 24;
const MB: u64 = 1024 * 1024;

/// A count over the last 24 hours. It forgets in hourly steps, so what it says may include events of up to 25 hours
/// ago, as Salesforce's own counter does.
#[derive(Debug, Clone, Default)]
pub struct Rolling {
    /// `(hour since the epoch, count)`, oldest first.
    hours: Vec<(i64, u64)>,
}

impl Rolling {
    /// Counts `n` more.
    pub fn add(&mut self, now: Millis, n: u64) {
        let hour = now.div_euclid(HOUR_MS);
        self.hours.retain(|(at, _)| hour - at <= DAY_HOURS);
        match self.hours.iter_mut().find(|(at, _)| *at == hour) {
            Some((_, count)) => *count = count.saturating_add(n),
            None => self.hours.push((hour, n)),
        }
    }

    /// The count of the running hour.
    pub fn this_hour(&self, now: Millis) -> u64 {
        let hour = now.div_euclid(HOUR_MS);
        self.hours.iter().filter(|(at, _)| *at == hour).map(|(_, n)| n).sum()
    }

    /// Counts `n` more, unless that would pass `max` in 24 hours: then `false`, and nothing is counted.
    fn spend(&mut self, now: Millis, n: u64, max: u64) -> bool {
        let fits = self.total(now).saturating_add(n) <= max;
        if fits {
            self.add(now, n);
        }
        fits
    }

    /// The count now.
    pub fn total(&self, now: Millis) -> u64 {
        let hour = now.div_euclid(HOUR_MS);
        self.hours.iter().filter(|(at, _)| hour - at <= DAY_HOURS).map(|(_, n)| n).sum()
    }
}

/// Everything that is counted. Each `spend` counts what fits into the allowance it is given, and answers `false` where
/// something does not: then nothing is counted.
#[derive(Debug, Default)]
pub struct Usage(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: Rolling,
    app_requests: HashMap<String, Rolling>,
    query_jobs: Rolling,
    query_result_bytes: Rolling,
    ingest_batches: Rolling,
    ingest_records: Rolling,
    delivered_events: Rolling,
    published_events: Rolling,
    delivered_notices: Rolling,
    timeouts: Rolling,
    streaming_clients: u64,
}

impl Usage {
    /// Counts one API call, unless `max` calls were already made: then `false`, and nothing is counted.
    pub fn spend_request(&self, now: Millis, max: u64) -> bool {
        self.0.lock().requests.spend(now, 1, max)
    }

    /// Counts `n` more API calls, for a request that stands for several (composite batch).
    pub fn add_requests(&self, now: Millis, n: u64) {
        self.0.lock().requests.add(now, n);
    }

    /// Counts `n` more API calls of an app that has an allowance of its own.
    pub fn add_app_requests(&self, client_id: &str, now: Millis, n: u64) {
        self.0.lock().app_requests.entry(client_id.to_owned()).or_default().add(now, n);
    }

    /// API calls of the last 24 hours.
    pub fn requests(&self, now: Millis) -> u64 {
        self.0.lock().requests.total(now)
    }

    /// Counts one API call of an app that has an allowance of its own.
    pub fn spend_app_request(&self, client_id: &str, now: Millis, max: u64) -> bool {
        self.0.lock().app_requests.entry(client_id.to_owned()).or_default().spend(now, 1, max)
    }

    /// API calls of such an app in the last 24 hours.
    pub fn app_requests(&self, client_id: &str, now: Millis) -> u64 {
        self.0.lock().app_requests.get(client_id).map_or(0, |calls| calls.total(now))
    }

    /// Counts a Bulk 2.0 query job, unless `max` were already made.
    pub fn spend_query_job(&self, now: Millis, max: u64) -> bool {
        self.0.lock().query_jobs.spend(now, 1, max)
    }

    /// Counts the bytes of a Bulk 2.0 query job's results: what a job has found is stored, whatever was allowed.
    pub fn add_query_results(&self, now: Millis, bytes: u64) {
        self.0.lock().query_result_bytes.add(now, bytes);
    }

    /// Whether the results of the last 24 hours have come to `max_mb` megabytes: then no further job is taken.
    pub fn query_results_are_full(&self, now: Millis, max_mb: u64) -> bool {
        self.0.lock().query_result_bytes.total(now) >= max_mb.saturating_mul(MB)
    }

    /// Counts rows that an ingest job is about to process, and the internal batches that hold them. `false`, and
    /// nothing counted, where either allowance would be passed.
    pub fn spend_ingest(&self, now: Millis, batches: u64, records: u64, batches_max: u64, records_max: u64) -> bool {
        let mut counters = self.0.lock();
        if counters.ingest_batches.total(now).saturating_add(batches) > batches_max
            || counters.ingest_records.total(now).saturating_add(records) > records_max
        {
            return false;
        }
        counters.ingest_batches.add(now, batches);
        counters.ingest_records.add(now, records);
        true
    }

    /// Counts platform and change events handed to subscribers.
    pub fn add_delivered_events(&self, now: Millis, n: u64) {
        self.0.lock().delivered_events.add(now, n);
    }

    /// Counts events that are about to be handed to subscribers, unless the day's `max` would be passed.
    pub fn spend_delivered_events(&self, now: Millis, n: u64, max: u64) -> bool {
        self.0.lock().delivered_events.spend(now, n, max)
    }

    /// Events handed to subscribers in the last 24 hours.
    pub fn delivered_events(&self, now: Millis) -> u64 {
        self.0.lock().delivered_events.total(now)
    }

    /// Counts one published platform event, unless `max` were already published in this hour: then `false`.
    pub fn spend_published(&self, now: Millis, max: u64) -> bool {
        let mut counters = self.0.lock();
        if counters.published_events.this_hour(now) >= max {
            return false;
        }
        counters.published_events.add(now, 1);
        true
    }

    /// Counts PushTopic and generic notices handed to subscribers.
    pub fn add_delivered_notices(&self, now: Millis, n: u64) {
        self.0.lock().delivered_notices.add(now, n);
    }

    /// PushTopic and generic notices handed to subscribers in the last 24 hours.
    pub fn delivered_notices(&self, now: Millis) -> u64 {
        self.0.lock().delivered_notices.total(now)
    }

    /// Counts a CometD client that connects, unless there are `max` already.
    pub fn enter_streaming_client(&self, max: u64) -> bool {
        let mut counters = self.0.lock();
        let fits = counters.streaming_clients < max;
        counters.streaming_clients += u64::from(fits);
        fits
    }

    /// A CometD client is gone.
    pub fn leave_streaming_client(&self) {
        let mut counters = self.0.lock();
        counters.streaming_clients = counters.streaming_clients.saturating_sub(1);
    }

    /// Counts a request that ran too long and was ended.
    pub fn add_timeout(&self, now: Millis) {
        self.0.lock().timeouts.add(now, 1);
    }

    /// Requests that ran too long in the last 24 hours.
    pub fn timeouts(&self, now: Millis) -> u64 {
        self.0.lock().timeouts.total(now)
    }

    /// Forgets what was counted over time. CometD clients that are there stay counted.
    pub fn clear(&self) {
        let mut counters = self.0.lock();
        *counters = Counters { streaming_clients: counters.streaming_clients, ..Counters::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_forgotten_after_a_day_in_hourly_steps() {
        let mut calls = Rolling::default();
        calls.add(0, 10);
        calls.add(HOUR_MS, 5);
        assert_eq!(calls.total(HOUR_MS), 15);
        assert_eq!(calls.total(24 * HOUR_MS), 15);
        assert_eq!(calls.total(25 * HOUR_MS), 5);
        assert_eq!(calls.total(26 * HOUR_MS), 0);
    }

    #[test]
    fn the_last_allowed_call_is_allowed() {
        let usage = Usage::default();
        assert!(usage.spend_request(0, 2));
        assert!(usage.spend_request(0, 2));
        assert!(!usage.spend_request(0, 2));
        assert_eq!(usage.requests(0), 2);
        assert!(usage.spend_request(26 * HOUR_MS, 2));
    }

    #[test]
    fn published_events_are_counted_by_the_hour() {
        let usage = Usage::default();
        assert!(usage.spend_published(0, 2) && usage.spend_published(1, 2));
        assert!(!usage.spend_published(2, 2));
        assert!(usage.spend_published(HOUR_MS, 2));
    }

    #[test]
    fn nothing_is_counted_of_what_does_not_fit() {
        let usage = Usage::default();
        assert!(!usage.spend_delivered_events(0, 3, 2));
        assert_eq!(usage.delivered_events(0), 0);
        usage.add_query_results(0, MB - 1);
        assert!(!usage.query_results_are_full(0, 1));
        usage.add_query_results(0, 1);
        assert!(usage.query_results_are_full(0, 1));
        assert!(!usage.spend_ingest(0, 1, 11, 5, 10));
        assert!(usage.spend_ingest(0, 5, 10, 5, 10));
        assert!(usage.spend_app_request("a", 0, 1) && !usage.spend_app_request("a", 0, 1));
        assert!(usage.spend_app_request("b", 0, 1), "each app has its own");
    }

    #[test]
    fn clients_that_stay_are_not_forgotten() {
        let usage = Usage::default();
        assert!(usage.enter_streaming_client(1));
        usage.clear();
        assert!(!usage.enter_streaming_client(1));
        usage.leave_streaming_client();
        usage.leave_streaming_client();
        assert!(usage.enter_streaming_client(1));
    }
}
