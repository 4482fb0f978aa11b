//! How this org is set up: what an administrator of a real org would have chosen.

/// Settings of an org. What Salesforce leaves unconfirmed is a setting here, with the likelier answer as default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The id of a new org. One that was kept in a directory has its own.
    pub org_id: crate::RecordId,
    /// The administrator, owner of the seed's records and run-as user of the client-credentials flow.
    pub admin_id: crate::RecordId,
    /// How long an access token lives without use, milliseconds. Salesforce's default is two hours.
    pub session_ms: i64,
    /// How long change events are kept, milliseconds. Documented: 72 hours.
    pub retention_ms: i64,
    /// Longest silence on a subscription with demand, milliseconds, before an empty answer. Documented: 270 s.
    pub keep_alive_ms: u64,
    /// Rows of a Bulk query result page when the client names no `maxRecords`. The real value is unconfirmed.
    pub bulk_page_rows: usize,
    /// Daily API requests allowed. Documented for Developer Edition: 15,000.
    pub daily_requests: u64,
    /// Bulk 2.0 query jobs allowed in 24 hours. Documented: 10,000.
    pub daily_query_jobs: u64,
    /// Internal ingest batches (10,000 rows each) allowed in 24 hours. Documented: 15,000.
    pub daily_bulk_batches: u64,
    /// Ingested records allowed in 24 hours. Documented: 150,000,000.
    pub daily_ingest_records: u64,
    /// Events delivered to subscribers allowed in 24 hours, as `/limits` shows it. Developer Edition: 10,000.
    pub daily_delivered_events: u64,
    /// How long a Bulk job waits in the queue before it starts, milliseconds by the emulator's clock.
    pub bulk_delay_ms: i64,
    /// Whether ingest results come in another order than the upload, as they do at Salesforce.
    pub bulk_shuffle_results: bool,
    /// Sign-ins per user and hour. Documented for SOAP login(): 3,600.
    pub hourly_logins: u64,
    /// Whether the username-password grant is allowed. Blocked in orgs created since Summer '23.
    pub password_grant: bool,
    /// Whether records whose lookup was cleared because the parent was deleted raise change events (unconfirmed).
    pub events_for_cleared_lookups: bool,
    /// Objects that raise change events, by API name; `None`: every object that supports them.
    pub change_event_objects: Option<Vec<String>>,
    /// Most records that one merged change event names; 1 turns merging off. The real bound is unconfirmed.
    pub merged_records: usize,
    /// Changes of one transaction beyond which an overflow event stands for the rest. Documented: 100,000.
    pub overflow_changes: usize,
    /// Bytes of long text beyond which a gap event takes an event's place. Documented: 1 MB for the event.
    pub max_event_bytes: usize,
    /// Whether changes of long text are told as differences where that is shorter. Off: real orgs do both.
    pub long_text_diffs: bool,
    /// Most events kept, so that the emulator's memory stays bounded whatever the retention. Not a bound of Salesforce.
    pub max_stored_events: usize,
    /// The currencies of a new org with several, the corporate one first; with none it has one currency.
    pub currencies: Vec<crate::currency::Currency>,
    /// How long a saved record stays out of the search index, milliseconds. Salesforce: minutes, unconfirmed; here
    /// none, so that a test finds what it wrote.
    pub search_delay_ms: i64,
    /// How long a subscription lives on without demand, milliseconds. Documented: 60 s.
    pub idle_stream_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            org_id: crate::RecordId::new(*b"00D", *b"TG", 1),
            admin_id: crate::RecordId::new(*b"005", *b"TG", 1),
            session_ms: 2 * 60 * 60 * 1000,
            retention_ms: 72 * 60 * 60 * 1000,
            keep_alive_ms: 270_000,
            bulk_page_rows: 50_000,
            daily_requests: 15_000,
            daily_query_jobs: 10_000,
            daily_bulk_batches: 15_000,
            daily_ingest_records: 150_000_000,
            daily_delivered_events: 10_000,
            bulk_delay_ms: 0,
            bulk_shuffle_results: true,
            hourly_logins: 3_600,
            password_grant: false,
            events_for_cleared_lookups: true,
            change_event_objects: None,
            merged_records: 200,
            overflow_changes: 100_000,
            max_event_bytes: 1_000_000,
            long_text_diffs: false,
            max_stored_events: 1_000_000,
            currencies: Vec::new(),
            search_delay_ms: 0,
            idle_stream_ms: 60_000,
        }
    }
}
