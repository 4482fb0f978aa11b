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
    /// How long a deployment of metadata waits before it runs, milliseconds by the emulator's clock.
    pub deploy_delay_ms: i64,
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
    /// How long a subscription lives on without demand, milliseconds. Documented: 60 s.
    pub idle_stream_ms: u64,
    /// The streaming doors: CometD, and publishing.
    pub streaming: Streaming,
}

/// Settings of CometD and of publishing events.
#[derive(Debug, Clone)]
pub struct Streaming {
    /// How long PushTopic, generic and standard-volume platform events are kept, milliseconds. Documented: 24 hours.
    pub short_retention_ms: i64,
    /// How long a `/meta/connect` is held, milliseconds. Documented: 110 s.
    pub poll_ms: i64,
    /// How long after an answer the client must be back, milliseconds. Documented: 40 s.
    pub reconnect_ms: i64,
    /// CometD clients at a time. Documented for Developer Edition: 20.
    pub clients: usize,
    /// Whether a request of a session must bring the cookie that its handshake set.
    pub cookie_required: bool,
    /// Whether a field that an update cleared is in the event as `null` over CometD (documents disagree; unconfirmed).
    pub cleared_fields_as_null: bool,
    /// Whether a generic channel that is not there is made when somebody subscribes to it.
    pub dynamic_channels: bool,
    /// Platform events published in an hour. Documented for Developer Edition: 50,000.
    pub hourly_published: u64,
    /// PushTopic and generic notices delivered in 24 hours. Documented for free orgs: 10,000.
    pub daily_notices: u64,
    /// PushTopics of the org. Documented for other than Enterprise editions: 40.
    pub push_topics: usize,
    /// Whether what Pub/Sub clients publish must be readable with the schema that they name. Salesforce does not look
    /// (documented): broken payloads reach subscribers.
    pub check_payloads: bool,
    /// How long a publishing stream may be silent, milliseconds. From the contract: 70 s.
    pub publish_idle_ms: u64,
    /// What becomes of an event definition that does not say: whether its events leave at once, even where the
    /// transaction that published them is undone (unconfirmed default).
    pub publish_immediately: bool,
    /// Newest events that outlive a restart of an org that is kept. Not a bound of Salesforce.
    pub kept_events: usize,
}

impl Default for Streaming {
    fn default() -> Self {
        Self {
            short_retention_ms: 24 * 60 * 60 * 1000,
            poll_ms: 110_000,
            reconnect_ms: 40_000,
            clients: 20,
            cookie_required: true,
            cleared_fields_as_null: true,
            dynamic_channels: false,
            hourly_published: 50_000,
            daily_notices: 10_000,
            push_topics: 40,
            check_payloads: false,
            publish_idle_ms: 70_000,
            publish_immediately: true,
            kept_events: 5_000,
        }
    }
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
            deploy_delay_ms: 0,
            hourly_logins: 3_600,
            password_grant: false,
            events_for_cleared_lookups: true,
            change_event_objects: None,
            merged_records: 200,
            overflow_changes: 100_000,
            max_event_bytes: 1_000_000,
            long_text_diffs: false,
            max_stored_events: 1_000_000,
            idle_stream_ms: 60_000,
            streaming: Streaming::default(),
        }
    }
}
