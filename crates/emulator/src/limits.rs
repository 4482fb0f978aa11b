//! What the org has used up: rolling 24-hour counters in hourly buckets, and the `/limits` report.

use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};

use crate::{Millis, Org};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_HOURS: i64 = 24;

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

    /// The count of the hour that `now` is in.
    pub fn this_hour(&self, now: Millis) -> u64 {
        let hour = now.div_euclid(HOUR_MS);
        self.hours.iter().filter(|(at, _)| *at == hour).map(|(_, n)| n).sum()
    }

    /// The count now.
    pub fn total(&self, now: Millis) -> u64 {
        let hour = now.div_euclid(HOUR_MS);
        self.hours.iter().filter(|(at, _)| hour - at <= DAY_HOURS).map(|(_, n)| n).sum()
    }
}

/// Everything that is counted over 24 hours.
#[derive(Debug, Default)]
pub struct Usage(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: Rolling,
    query_jobs: Rolling,
    ingest_batches: Rolling,
    ingest_records: Rolling,
    delivered_events: Rolling,
    published_events: Rolling,
    delivered_notices: Rolling,
}

impl Usage {
    /// Counts one API call, unless `max` calls were already made: then `false`, and nothing is counted.
    pub fn spend_request(&self, now: Millis, max: u64) -> bool {
        let mut counters = self.0.lock();
        if counters.requests.total(now) >= max {
            return false;
        }
        counters.requests.add(now, 1);
        true
    }

    /// Counts `n` more API calls, for a request that stands for several (composite batch).
    pub fn add_requests(&self, now: Millis, n: u64) {
        self.0.lock().requests.add(now, n);
    }

    /// API calls of the last 24 hours.
    pub fn requests(&self, now: Millis) -> u64 {
        self.0.lock().requests.total(now)
    }

    /// Counts a Bulk 2.0 query job, unless `max` were already made.
    pub fn spend_query_job(&self, now: Millis, max: u64) -> bool {
        let mut counters = self.0.lock();
        if counters.query_jobs.total(now) >= max {
            return false;
        }
        counters.query_jobs.add(now, 1);
        true
    }

    /// Counts rows that an ingest job is about to process, and the internal batches that hold them. `false`, and
    /// nothing counted, where either allowance would be passed.
    pub fn spend_ingest(&self, now: Millis, batches: u64, records: u64, batches_max: u64, records_max: u64) -> bool {
        let mut counters = self.0.lock();
        if counters.ingest_batches.total(now) + batches > batches_max
            || counters.ingest_records.total(now) + records > records_max
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

    /// Platform and change events handed to subscribers in the last 24 hours.
    pub fn delivered_events(&self, now: Millis) -> u64 {
        self.0.lock().delivered_events.total(now)
    }

    /// Counts PushTopic and generic notices handed to subscribers.
    pub fn add_delivered_notices(&self, now: Millis, n: u64) {
        self.0.lock().delivered_notices.add(now, n);
    }

    /// PushTopic and generic notices handed to subscribers in the last 24 hours.
    pub fn delivered_notices(&self, now: Millis) -> u64 {
        self.0.lock().delivered_notices.total(now)
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

    /// Forgets everything.
    pub fn clear(&self) {
        *self.0.lock() = Counters::default();
    }
}

/// Limits whose use is not followed here: name, maximum. The values are those of a Developer Edition org.
const UNFOLLOWED: [(&str, u64); 45] = [
    ("ActiveScratchOrgs", 3),
    ("AnalyticsExternalDataSizeMB", 40_960),
    ("ConcurrentAsyncGetReportInstances", 200),
    ("ConcurrentEinsteinDataInsightsStoryCreation", 5),
    ("ConcurrentEinsteinDiscoveryStoryCreation", 2),
    ("ConcurrentSyncReportRuns", 20),
    ("DailyAnalyticsDataflowJobExecutions", 60),
    ("DailyAnalyticsUploadedFilesSizeMB", 51_200),
    ("DailyAsyncApexExecutions", 250_000),
    ("DailyAsyncApexTests", 500),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyDurableGenericStreamingApiEvents", 10_000),
    ("DailyEinsteinDataInsightsStoryCreation", 1_000),
    ("DailyEinsteinDiscoveryOptimizationJobRuns", 25),
    ("DailyEinsteinDiscoveryPredictAPICalls", 50_000),
    ("DailyEinsteinDiscoveryPredictionsByCDC", 500_000),
    ("DailyEinsteinDiscoveryStoryCreation", 100),
    ("DailyFunctionsApiCallLimit", 235_000),
    ("DailyGenericStreamingApiEvents", 10_000),
    ("DailyScratchOrgs", 6),
    ("DailyStandardVolumePlatformEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DailyWorkflowEmails", 100_000),
    ("DurableStreamingApiConcurrentClients", 20),
    ("FileStorageMB", 20),
    ("HourlyAsyncReportRuns", 1_200),
    ("HourlyDashboardRefreshes", 200),
    ("HourlyDashboardResults", 5_000),
    ("HourlyDashboardStatuses", 999_999_999),
    ("HourlyLongTermIdMapping", 100_000),
    ("HourlyManagedContentPublicRequests", 50_000),
    ("HourlyODataCallout", 1_000),
    ("HourlyPublishedStandardVolumePlatformEvents", 1_000),
    ("HourlyShortTermIdMapping", 100_000),
    ("HourlySyncReportRuns", 500),
    ("HourlyTimeBasedWorkflow", 1_000),
    ("MassEmail", 10),
    ("MonthlyEinsteinDiscoveryStoryCreation", 500),
    ("Package2VersionCreates", 6),
    ("Package2VersionCreatesWithoutValidation", 500),
    ("PrivateConnectOutboundCalloutHourlyLimitMB", 0),
    ("PublishCallbackUsageInApex", 5_242_880),
    ("SingleEmail", 15),
    ("StreamingApiConcurrentClients", 20),
    ("DataStorageMB", 5),
];

/// The answer of `GET /limits`: one object per limit, in alphabetical order.
pub fn report(org: &Org, now: Millis) -> Json {
    let limit = |max: u64, used: u64| {
        let (max, used) = (i64::try_from(max).unwrap_or(i64::MAX), i64::try_from(used).unwrap_or(i64::MAX));
        json!({ "Max": max, "Remaining": max.saturating_sub(used) })
    };
    let counters = org.usage.0.lock();
    let settings = &org.settings;
    let mut all: Vec<(&str, Json)> = UNFOLLOWED.iter().map(|(name, max)| (*name, limit(*max, 0))).collect();
    all.extend([
        ("DailyApiRequests", limit(settings.daily_requests, counters.requests.total(now))),
        ("DailyBulkApiBatches", limit(settings.daily_bulk_batches, counters.ingest_batches.total(now))),
        ("DailyBulkV2QueryJobs", limit(settings.daily_query_jobs, counters.query_jobs.total(now))),
        ("DailyDeliveredPlatformEvents", limit(settings.daily_delivered_events, counters.delivered_events.total(now))),
        (
            "DailyDurableStreamingApiEvents",
            limit(settings.streaming.daily_notices, counters.delivered_notices.total(now)),
        ),
        (
            "HourlyPublishedPlatformEvents",
            limit(settings.streaming.hourly_published, counters.published_events.this_hour(now)),
        ),
        (
            "PermissionSets",
            json!({ "Max": 1500, "Remaining": 1500, "CreateCustom": { "Max": 1000, "Remaining": 1000 } }),
        ),
    ]);
    all.sort_by_key(|(name, _)| *name);
    Json::Object(all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
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
    fn report_has_every_name_and_counts_calls() {
        let org = Org::default();
        org.usage.spend_request(0, 100);
        let report = report(&org, 0);
        assert_eq!(report["DailyApiRequests"], json!({ "Max": 15_000, "Remaining": 14_999 }));
        assert_eq!(report.as_object().unwrap().len(), UNFOLLOWED.len() + 7);
        let names: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
        assert!(names.is_sorted());
    }
}
