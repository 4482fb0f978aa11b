//! The `/limits` report.

use serde_json::{Map, Value as Json, json};

use super::{MB, storage};
use crate::{Millis, Org};

/// Limits whose use is not followed here: name, maximum. The values are those of a Developer Edition org.
const UNFOLLOWED: [(&str, u64); 40] = [
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
];

/// The answer of `GET /limits`: one object per limit, in alphabetical order.
pub fn report(org: &Org, now: Millis) -> Json {
    let limit = |max: u64, used: u64| {
        let (max, used) = (i64::try_from(max).unwrap_or(i64::MAX), i64::try_from(used).unwrap_or(i64::MAX));
        // What is spent is spent: less than nothing is never left.
        json!({ "Max": max, "Remaining": max.saturating_sub(used).max(0) })
    };
    let stored = storage(&org.schema, &org.store);
    let counters = org.usage.0.lock();
    let settings = &org.settings;
    let result_mb = counters.query_result_bytes.total(now).div_ceil(MB);
    let published = counters.published_events.this_hour(now);
    let mut all: Vec<(&str, Json)> = UNFOLLOWED.iter().map(|(name, max)| (*name, limit(*max, 0))).collect();
    all.extend([
        ("DailyApiRequests", limit(settings.daily_requests, counters.requests.total(now))),
        ("DailyBulkApiBatches", limit(settings.daily_bulk_batches, counters.ingest_batches.total(now))),
        ("DailyBulkV2QueryFileStorageMB", limit(settings.daily_query_result_mb, result_mb)),
        ("DailyBulkV2QueryJobs", limit(settings.daily_query_jobs, counters.query_jobs.total(now))),
        ("DailyDeliveredPlatformEvents", limit(settings.daily_delivered_events, counters.delivered_events.total(now))),
        (
            "DailyDurableStreamingApiEvents",
            limit(settings.streaming.daily_notices, counters.delivered_notices.total(now)),
        ),
        ("DataStorageMB", limit(settings.data_storage_mb, stored.data_mb)),
        ("DurableStreamingApiConcurrentClients", limit(settings.streaming_clients_max, counters.streaming_clients)),
        ("FileStorageMB", limit(settings.file_storage_mb, stored.file_mb)),
        ("HourlyPublishedPlatformEvents", limit(settings.hourly_published_events, published)),
        ("StreamingApiConcurrentClients", limit(settings.streaming_clients_max, counters.streaming_clients)),
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
    fn report_has_every_name_and_counts_what_was_used() {
        let org = Org::default();
        org.usage.spend_request(0, 100);
        org.usage.add_query_results(0, 1);
        org.usage.spend_published(0, 100);
        org.usage.add_delivered_events(0, 11_000);
        org.usage.enter_streaming_client(20);
        let report = report(&org, 0);
        for (name, max, remaining) in [
            ("DailyApiRequests", 15_000, 14_999),
            ("DailyBulkV2QueryFileStorageMB", 976_562, 976_561),
            ("HourlyPublishedPlatformEvents", 50_000, 49_999),
            ("DailyDeliveredPlatformEvents", 10_000, 0),
            ("StreamingApiConcurrentClients", 20, 19),
            ("DataStorageMB", 5, 5),
        ] {
            assert_eq!(report[name], json!({ "Max": max, "Remaining": remaining }), "{name}");
        }
        let names: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names.len(), UNFOLLOWED.len() + 12);
        assert!(names.is_sorted());
    }
}
