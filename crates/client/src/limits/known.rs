//! What the names of the `limits` resource mean, for those that an integration meets.

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitGroup {
    /// Requests.
    Requests,
    /// Bulk API.
    Bulk,
    /// Events and streaming.
    Events,
    /// Storage.
    Storage,
    /// All else.
    Other,
}

/// A limit's group and a short explanation, for those that matter to an integration.
pub fn about(name: &str) -> (LimitGroup, Option<&'static str>) {
    use LimitGroup::*;
    let (group, words) = match name {
        "DailyApiRequests" => (Requests, "requests of everybody, rolling 24 h"),
        "DailyBulkApiBatches" | "DailyBulkApiRequests" => (Bulk, "ingest batches (10,000 rows each), 24 h"),
        "DailyBulkV2QueryJobs" => (Bulk, "query jobs, 24 h"),
        "DailyBulkV2QueryFileStorageMB" => (Bulk, "MB of query results, 24 h"),
        "DailyDeliveredPlatformEvents" => (Events, "change and platform events delivered, 24 h"),
        "DailyStandardVolumePlatformEvents" => (Events, "standard-volume events delivered, 24 h"),
        "HourlyPublishedPlatformEvents" => (Events, "platform events published, 1 h"),
        "HourlyPublishedStandardVolumePlatformEvents" => (Events, "standard-volume events published, 1 h"),
        "MonthlyPlatformEventsUsageEntitlement" | "MonthlyPlatformEvents" => {
            (Events, "events, with the add-on, a month")
        }
        "DailyDurableStreamingApiEvents" => (Events, "PushTopic notices from API 37.0, 24 h"),
        "DailyStreamingApiEvents" => (Events, "PushTopic notices to API 36.0, 24 h"),
        "DailyDurableGenericStreamingApiEvents" => (Events, "generic notices from API 37.0, 24 h"),
        "DailyGenericStreamingApiEvents" => (Events, "generic notices to API 36.0, 24 h"),
        "DurableStreamingApiConcurrentClients" => (Events, "CometD clients from API 37.0, now"),
        "StreamingApiConcurrentClients" => (Events, "CometD clients to API 36.0, now"),
        "DataStorageMB" => (Storage, "MB of records"),
        "FileStorageMB" => (Storage, "MB of files"),
        _ => return (Other, None),
    };
    (group, Some(words))
}
