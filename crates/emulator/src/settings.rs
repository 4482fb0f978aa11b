//! How this org is set up: what an administrator of a real org would have chosen.

/// Settings of an org. What Salesforce leaves unconfirmed is a setting here, with the likelier answer as default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The org's id.
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
    /// Whether records whose lookup was cleared because the parent was deleted raise change events (unconfirmed).
    pub events_for_cleared_lookups: bool,
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
            events_for_cleared_lookups: true,
        }
    }
}
