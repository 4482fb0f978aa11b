//! How this org is set up: what an administrator of a real org would have chosen.

use serde::{Deserialize, Serialize};

use crate::limits::{Allowances, Edition};

/// Settings of an org. What Salesforce leaves unconfirmed is a setting here, with the likelier answer as default.
///
/// As JSON every setting but the two ids has its name here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The id of a new org. One that was kept in a directory has its own.
    #[serde(skip)]
    pub org_id: crate::RecordId,
    /// The administrator, owner of the seed's records and run-as user of the client-credentials flow.
    #[serde(skip)]
    pub admin_id: crate::RecordId,
    /// The edition. [`Settings::set_edition`] sets the allowances that depend on it.
    pub edition: Edition,
    /// Salesforce licences, on which daily requests and storage depend.
    pub licences: u64,
    /// How long an access token lives without use, milliseconds. Salesforce's default is two hours.
    pub session_ms: i64,
    /// How long change events are kept, milliseconds. Documented: 72 hours.
    pub retention_ms: i64,
    /// Longest silence on a subscription with demand, milliseconds, before an empty answer. Documented: 270 s.
    pub keep_alive_ms: u64,
    /// Rows of a Bulk query result page when the client names no `maxRecords`. The real value is unconfirmed.
    pub bulk_page_rows: usize,
    /// Requests of at least [`Settings::long_request_ms`] that may run at once. Documented: 25, and 5 in Developer
    /// Edition and trial orgs.
    pub concurrent_long_requests: u64,
    /// From how long on a request is a long one, milliseconds. Documented: 20 seconds.
    pub long_request_ms: i64,
    /// Longest that a request may run, milliseconds of real time. Documented: 10 minutes.
    pub request_timeout_ms: u64,
    /// Megabytes of Bulk 2.0 query results allowed in 24 hours. Documented: 1 TB.
    pub daily_query_result_mb: u64,
    /// Platform events that may be published in an hour. Documented: 250,000, and 50,000 in Developer Edition.
    pub hourly_published_events: u64,
    /// CometD clients at once. Documented: 2,000, 1,000, and 20 in Developer Edition.
    pub streaming_clients_max: u64,
    /// Megabytes of records.
    pub data_storage_mb: u64,
    /// Megabytes of files.
    pub file_storage_mb: u64,
    /// Whether creating records is refused once they take more than that. Off: a Developer Edition org would hold
    /// about 2,500.
    pub enforce_storage: bool,
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
    /// What is unconfirmed or an administrator's choice about Bulk.
    pub bulk: crate::bulk::Choices,
    /// Sign-ins per user and hour. Documented for SOAP login(): 3,600.
    pub hourly_logins: u64,
    /// Whether the username-password grant is allowed. Blocked in orgs created since Summer '23.
    pub password_grant: bool,
    /// Whether SOAP `login()` works (below API version 65.0). Off in newly created orgs until an administrator switches
    /// it on; on in all others until Summer '27.
    pub soap_login: bool,
    /// Wrong passwords that lock a user out. Salesforce's default is 10.
    pub login_attempts_max: u32,
    /// How long a user stays locked out, milliseconds; `None`: until an administrator unlocks. Default: 15 minutes.
    pub lockout_ms: Option<i64>,
    /// Trusted networks, from where a password needs no security token (Setup > Network Access).
    pub trusted_ip_ranges: Vec<crate::oauth::IpRange>,
    /// Whether the org is a sandbox: assertions are then for `test.salesforce.com` instead of `login.salesforce.com`.
    pub sandbox: bool,
    /// Whether assertions for the other of the two login hosts are refused.
    pub strict_audience: bool,
    /// Whether JWT bearer gives the same access token again while it lives. Observed at times; unconfirmed as a rule.
    pub jwt_reuses_session: bool,
    /// How long an authorization code is good, milliseconds. Unconfirmed: 15 minutes in older documentation, 2 in
    /// secondary sources.
    pub authorization_code_ms: i64,
    /// How long an app is unknown after it was made or changed, milliseconds. Up to ten minutes in a real org.
    pub app_propagation_ms: i64,
    /// Whether a wrong secret is answered with the older `invalid_client_credentials`.
    pub legacy_client_errors: bool,
    /// Whether the org is locked: nobody signs in.
    pub org_locked: bool,
    /// When the org's trial ends.
    pub trial_expires_at: Option<crate::Millis>,
    /// Whether the org has the API.
    pub api_enabled: bool,
    /// Whether records whose lookup was cleared because the parent was deleted raise change events (unconfirmed).
    pub events_for_cleared_lookups: bool,
    /// Whether a roll-up summary that changes saves its master as a user does: `LastModifiedDate` moves and a change event
    /// tells of it. Otherwise only `SystemModstamp` moves (unconfirmed for every case).
    pub roll_ups_modify_masters: bool,
    /// Whether activities move the `LastActivityDate` of what they are about, and with it `SystemModstamp`. No event tells of
    /// it, so that a replica that only follows events falls behind.
    pub activities_move_dates: bool,
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
    /// The streaming doors: CometD, and publishing.
    pub streaming: Streaming,
}

/// Settings of CometD and of publishing events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Streaming {
    /// How long PushTopic, generic and standard-volume platform events are kept, milliseconds. Documented: 24 hours.
    pub short_retention_ms: i64,
    /// How long a `/meta/connect` is held, milliseconds. Documented: 110 s.
    pub poll_ms: i64,
    /// How long after an answer the client must be back, milliseconds. Documented: 40 s.
    pub reconnect_ms: i64,
    /// Whether a request of a session must bring the cookie that its handshake set.
    pub cookie_required: bool,
    /// Whether a field that an update cleared is in the event as `null` over CometD (documents disagree; unconfirmed).
    pub cleared_fields_as_null: bool,
    /// Whether a generic channel that is not there is made when somebody subscribes to it.
    pub dynamic_channels: bool,
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
            cookie_required: true,
            cleared_fields_as_null: true,
            dynamic_channels: false,
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
            edition: Edition::Developer,
            licences: 1,
            concurrent_long_requests: 5,
            long_request_ms: 20_000,
            request_timeout_ms: 10 * 60 * 1000,
            daily_query_result_mb: 976_562,
            hourly_published_events: 50_000,
            streaming_clients_max: 20,
            data_storage_mb: 5,
            file_storage_mb: 20,
            enforce_storage: false,
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
            bulk: crate::bulk::Choices::default(),
            hourly_logins: 3_600,
            password_grant: false,
            soap_login: true,
            login_attempts_max: 10,
            lockout_ms: Some(15 * 60 * 1000),
            trusted_ip_ranges: Vec::new(),
            sandbox: false,
            strict_audience: true,
            jwt_reuses_session: false,
            authorization_code_ms: 15 * 60 * 1000,
            app_propagation_ms: 0,
            legacy_client_errors: false,
            org_locked: false,
            trial_expires_at: None,
            api_enabled: true,
            events_for_cleared_lookups: true,
            roll_ups_modify_masters: true,
            activities_move_dates: true,
            change_event_objects: None,
            merged_records: 200,
            overflow_changes: 100_000,
            max_event_bytes: 1_000_000,
            long_text_diffs: false,
            max_stored_events: 1_000_000,
            currencies: Vec::new(),
            search_delay_ms: 0,
            idle_stream_ms: 60_000,
            streaming: Streaming::default(),
        }
    }
}

impl Settings {
    /// These settings with one of them changed, by its name; of a group the named members.
    ///
    /// # Errors
    /// In words: no setting has the name, or the value is none for it.
    pub fn with(&self, name: &str, value: serde_json::Value) -> Result<Self, String> {
        fn merge(whole: &mut serde_json::Value, name: &str, value: serde_json::Value) -> Result<(), String> {
            let place = whole.get_mut(name).ok_or_else(|| format!("no setting is named {name:?}"))?;
            match (place, value) {
                (group @ serde_json::Value::Object(_), serde_json::Value::Object(inner)) => {
                    inner.into_iter().try_for_each(|(name, value)| merge(group, &name, value))
                }
                (place, value) => {
                    *place = value;
                    Ok(())
                }
            }
        }
        let mut whole = serde_json::to_value(self).map_err(|e| e.to_string())?;
        merge(&mut whole, name, value)?;
        let changed: Self = serde_json::from_value(whole).map_err(|e| format!("{name}: {e}"))?;
        Ok(Self { org_id: self.org_id, admin_id: self.admin_id, ..changed })
    }

    /// Makes it an org of this edition, with so many Salesforce licences, or a sandbox of one: the allowances that
    /// depend on that are set anew.
    pub fn set_edition(&mut self, edition: Edition, licences: u64, sandbox: bool) {
        (self.edition, self.licences, self.sandbox) = (edition, licences, sandbox);
        let allowed = Allowances::of(edition, licences, sandbox);
        self.daily_requests = allowed.daily_requests;
        self.concurrent_long_requests = allowed.concurrent_long_requests;
        self.daily_delivered_events = allowed.daily_delivered_events;
        self.hourly_published_events = allowed.hourly_published_events;
        self.streaming_clients_max = allowed.streaming_clients_max;
        self.data_storage_mb = allowed.data_storage_mb;
        self.file_storage_mb = allowed.file_storage_mb;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_developer_edition_org() {
        let mut again = Settings::default();
        again.set_edition(Edition::Developer, 1, false);
        let text = |settings: &Settings| serde_json::to_string(settings).unwrap_or_default();
        assert_eq!(text(&again), text(&Settings::default()));
    }
}
