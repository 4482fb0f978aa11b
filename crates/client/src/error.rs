//! What can go wrong, in a few kinds that callers can act on. No error carries a token, a key or a password.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use serde::Deserialize;

use crate::budget::{BudgetStop, Kind};

pub use crate::auth::AuthError;
pub use crate::events::{SubscriptionError, SubscriptionErrorKind};

/// The cause of an error, shared so that one failure can be told to all who waited for it.
pub type Cause = Arc<dyn StdError + Send + Sync>;

/// One entry of the list with which Salesforce refuses a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WireError")]
pub struct ApiError {
    /// The code to decide on, such as `INVALID_FIELD`.
    pub code: String,
    /// Salesforce's words; where a duplicate rule refused, with the ids of the records that it found.
    pub message: String,
    /// The fields concerned, where Salesforce names them.
    pub fields: Vec<String>,
}

/// An entry as it comes. Anything may be missing, or null.
#[derive(Deserialize)]
struct WireError {
    #[serde(rename = "errorCode", alias = "statusCode", alias = "exceptionCode", default)]
    code: Option<String>,
    #[serde(alias = "exceptionMessage", default)]
    message: Option<String>,
    #[serde(default)]
    fields: Option<Vec<String>>,
    /// Salesforce spelt it `duplicateResut` for many versions.
    #[serde(rename = "duplicateResut", alias = "duplicateResult", default)]
    duplicates: Option<serde_json::Value>,
}

impl From<WireError> for ApiError {
    fn from(wire: WireError) -> ApiError {
        let mut message = wire.message.unwrap_or_default();
        let found = wire.duplicates.map(|found| duplicates(&found)).unwrap_or_default();
        if !found.is_empty() {
            message = format!("{message} ({})", found.join(", "));
        }
        ApiError { code: wire.code.unwrap_or_default(), message, fields: wire.fields.unwrap_or_default() }
    }
}

/// The ids of the records that a duplicate rule found.
fn duplicates(found: &serde_json::Value) -> Vec<String> {
    let list =
        |value: &serde_json::Value, name: &str| value.get(name).and_then(|v| v.as_array()).cloned().unwrap_or_default();
    let mut ids: Vec<String> = list(found, "matchResults")
        .iter()
        .flat_map(|result| list(result, "matchRecords"))
        .filter_map(|matched| Some(matched.get("record")?.get("Id")?.as_str()?.to_owned()))
        .collect();
    ids.dedup();
    ids.truncate(10);
    ids
}

/// A record of several that the org refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The record's reference id.
    pub reference: String,
    /// The org's reasons.
    pub errors: Vec<ApiError>,
}

/// How a request or its answer was lost on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostHow {
    /// No connection was made, so the org never saw the request.
    Unreachable,
    /// The server's certificate is not trusted, so nothing was sent.
    Untrusted,
    /// No answer came in time.
    Timeout,
    /// The answer stopped coming: no byte for the idle time.
    Stalled,
    /// The connection broke before the answer was complete.
    Broken,
}

/// Any failure of this library.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something given to us cannot be used: a URL, a key, a file.
    #[error("{message}")]
    Config {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A plain `http` address of another machine: a token would travel readable by others.
    #[error("{url} is not encrypted: http is accepted for this machine only")]
    InsecureUrl {
        /// The address, without any credentials that it contained.
        url: String,
    },
    /// The org refused to sign us in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The org replaced the refresh token, and the new one could not be stored. It is kept in memory, and the next call
    /// tries to store it again: mend what is wrong before this process ends.
    #[error("the org gave a new refresh token, and it could not be stored")]
    TokenNotSaved {
        /// Why.
        source: Cause,
    },
    /// The org refused a request.
    #[error("{what}: {}", refusal(*status, errors))]
    Api {
        /// What was being done.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The org's reasons; empty where the answer was not in Salesforce's form.
        errors: Vec<ApiError>,
        /// How long a `Retry-After` header asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The org refused some of the records that were to be written together, so none was.
    #[error("{what}: {}", rejections(records))]
    Rejected {
        /// What was being done.
        what: String,
        /// The refused records.
        records: Vec<Rejection>,
    },
    /// The request or its answer was lost on the way.
    #[error("{what}: {}", lost(*how))]
    Transport {
        /// What was being done.
        what: String,
        /// How it was lost.
        how: LostHow,
        /// The cause.
        source: Cause,
    },
    /// An answer was not in the form that it should have.
    #[error("{what}: the answer cannot be understood")]
    Decode {
        /// What was being done.
        what: String,
        /// The cause, with the position.
        source: Cause,
    },
    /// A Bulk job ended without success.
    #[error("job {id} ended as {state}{}", because(message))]
    Job {
        /// The job's id.
        id: String,
        /// The state in which it ended.
        state: String,
        /// The job's `errorMessage`, where it has one.
        message: Option<String>,
    },
    /// A Bulk job did not end in the time the caller gave it. It is still running in the org.
    #[error("job {id} is still {state} after {} s", waited.as_secs())]
    JobDeadline {
        /// The job's id.
        id: String,
        /// Its state when last seen.
        state: String,
        /// How long we waited.
        waited: Duration,
    },
    /// A page of a job's results ended before all its rows had come. Ask for the same page again.
    #[error("a result page of job {job} was cut: {got} of {expected} rows came")]
    PageCut {
        /// The job's id.
        job: String,
        /// The page's locator, `None` for the first page.
        locator: Option<String>,
        /// Rows that the count header promised.
        expected: u64,
        /// Complete rows that came.
        got: u64,
        /// How the connection ended, where it broke.
        source: Option<Cause>,
    },
    /// The answer to an upload was lost. Whether the org has the data is unknown, and a second upload to the same job
    /// must not be made: abort the job and start a new one.
    #[error("the answer to the upload to job {job} was lost, so whether it has the data is unknown")]
    UploadUnknown {
        /// The job's id.
        job: String,
        /// How the answer was lost.
        source: Cause,
    },
    /// An upload is larger than one ingest job may be.
    #[error("an upload of {bytes} bytes is more than one ingest job takes ({max} bytes)")]
    UploadTooLarge {
        /// Bytes known or counted until we stopped.
        bytes: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// The query does not fit into a URL.
    #[error("the query needs a URL of {bytes} bytes, and one may have {max}{}", why_whole(why))]
    QueryTooLong {
        /// Bytes needed.
        bytes: usize,
        /// The most that is allowed.
        max: usize,
        /// Why it cannot be cut into several queries, where that was tried.
        why: Option<String>,
    },
    /// A query and the values for it do not fit.
    #[error(transparent)]
    Soql(crate::query::SoqlError),
    /// Rows kept changing while the parts of a query that was cut by its fields were read.
    #[error("{what}: {rows} rows changed again each time their parts were read")]
    Unsettled {
        /// What was being done.
        what: String,
        /// How many rows.
        rows: usize,
    },
    /// Not sent: the org's limits, or the share of them that is ours, leave no room now.
    #[error(transparent)]
    Budget(Box<BudgetStop>),
    /// A subscription ended for a reason that connecting again cannot cure, or could not be kept up.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
}

impl Error {
    /// A decode error from its cause.
    pub(crate) fn decode(what: impl Into<String>, source: impl StdError + Send + Sync + 'static) -> Error {
        Error::Decode { what: what.into(), source: Arc::new(source) }
    }

    /// A decode error in words.
    pub(crate) fn unexpected(what: impl Into<String>, found: impl Into<String>) -> Error {
        Error::decode(what, Text(found.into()))
    }

    /// Something given to us that cannot be used.
    pub(crate) fn config(message: impl Into<String>) -> Error {
        Error::Config { message: message.into(), hint: None }
    }

    /// Whether the same request may succeed later without any change. The library has already tried again as often as
    /// its [`crate::RetryPolicy`] allows when it returns such an error.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Transport { how, .. } => *how != LostHow::Untrusted,
            Error::PageCut { .. }
            | Error::JobDeadline { .. }
            | Error::Unsettled { .. }
            | Error::TokenNotSaved { .. }
            | Error::Budget(_) => true,
            Error::Api { status, errors, .. } => {
                matches!(Refusal::of(*status, errors), Refusal::Transient | Refusal::Concurrency | Refusal::Maintenance)
            }
            Error::Auth(auth) => auth.is_retryable(),
            Error::Subscription(error) => error.kind.is_retryable(),
            _ => false,
        }
    }

    /// How long the org asked us to wait, where it did; for [`Error::Budget`] the time until there may be room.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Api { retry_after, .. } => *retry_after,
            Error::Budget(stop) => stop.wait,
            _ => None,
        }
    }

    /// Whether the org's reasons contain this code, such as `ENTITY_IS_DELETED`.
    pub fn has_code(&self, code: &str) -> bool {
        match self {
            Error::Api { errors, .. } => errors.iter().any(|e| e.code == code),
            Error::Rejected { records, .. } => records.iter().flat_map(|r| &r.errors).any(|e| e.code == code),
            _ => false,
        }
    }

    /// Whether it is unknown if the org did what was asked: the request may have arrived, and its answer was lost. A
    /// write is not to be repeated then before somebody has looked, unless it is one that may be sent twice.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Error::Transport { how, .. } => !matches!(how, LostHow::Unreachable | LostHow::Untrusted),
            Error::UploadUnknown { .. } => true,
            // A server between us and the org gave up waiting, or the org itself failed somewhere.
            Error::Api { status, errors, .. } => {
                matches!(status, 408 | 502 | 504)
                    || (*status == 500 && (errors.is_empty() || self.has_code("UNKNOWN_EXCEPTION")))
            }
            _ => false,
        }
    }

    /// Whether it was not done, or undone, only because another part of the same request failed.
    pub fn is_rolled_back(&self) -> bool {
        ["PROCESSING_HALTED", "BATCH_PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]
            .iter()
            .any(|code| self.has_code(code))
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What the reader can do about it, where we know.
    pub fn hint(&self) -> Option<String> {
        let words = match self {
            Error::Config { hint, .. } => return hint.clone(),
            Error::InsecureUrl { .. } => "use the https address of the org",
            Error::Auth(auth) => return auth.hint.clone(),
            Error::TokenNotSaved { .. } => {
                "make the file writable before this program ends: the old token is spent, and the new one is in its memory only"
            }
            Error::Api { status, errors, .. } => return api_hint(*status, errors),
            Error::Transport { how, .. } => match how {
                LostHow::Unreachable => "check the host name, the network, and a proxy (HTTPS_PROXY)",
                LostHow::Untrusted => {
                    "for a server with a private certificate give its CA file; otherwise something between you and Salesforce intercepts the connection"
                }
                LostHow::Timeout => "the org may be busy; try again, or ask for less at a time",
                LostHow::Stalled | LostHow::Broken => "try again",
            },
            Error::PageCut { .. } => "ask for the same page again by its locator",
            Error::UploadUnknown { .. } => {
                "abort this job and upload to a new one; uploading twice to one job is refused"
            }
            Error::UploadTooLarge { .. } => "split the data over several ingest jobs",
            Error::QueryTooLong { .. } => {
                "select fewer fields, split a long IN list, or use a Bulk query job, which takes 100,000 characters"
            }
            Error::Unsettled { .. } => "try again when fewer rows change, or select fewer fields",
            Error::JobDeadline { .. } => "the job goes on in the org; wait again with its id",
            Error::Budget(stop) if stop.kind == Kind::LongRequests => {
                "fewer requests at once, or shorter ones: filter by indexed fields, ask for less, use Bulk jobs"
            }
            Error::Budget(stop) if stop.by_org => {
                "what was used a day ago frees up hour by hour; see `limits` for the figures"
            }
            Error::Budget(_) => "see `limits` for the figures; more urgent work, or a greater share, may still go on",
            Error::Subscription(error) => return error.kind.hint().map(str::to_owned),
            Error::Rejected { .. } => "none of the records was written; put the ones named right and send all again",
            Error::Decode { .. } | Error::Job { .. } | Error::Soql(_) => return None,
        };
        Some(words.to_owned())
    }
}

/// Words as a cause.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Text(pub(crate) String);

/// What kind of refusal a status and its codes are, which decides whether and how to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The session is not known any more: sign in again, once.
    Session,
    /// The session is known but may not use this API: signing in again does not help.
    SessionUnfit,
    /// Passing trouble: again soon.
    Transient,
    /// Too many long requests at once: again, later, and with less at a time.
    Concurrency,
    /// The day's allowance is spent: not again before it has moved.
    DailyLimit,
    /// The org is being maintained: again after minutes.
    Maintenance,
    /// Anything else: the request itself is at fault, or the user may not.
    Final,
}

impl Refusal {
    pub(crate) fn of(status: u16, errors: &[ApiError]) -> Refusal {
        let any = |code: &str| errors.iter().any(|e| e.code == code);
        let says = |words: &str| errors.iter().any(|e| e.message.contains(words));
        if status == 401 {
            // Two answers look like an expired session and are not: the session may not use this API at all.
            let unfit = says("not valid for use with the REST API")
                || says("not attached to Agent")
                || any("INVALID_AUTH_HEADER");
            return if unfit { Refusal::SessionUnfit } else { Refusal::Session };
        }
        // SOAP answers every refusal with 500, and Bulk API 1.0 says this one with 400.
        if status == 500 && any("INVALID_SESSION_ID") || any("InvalidSessionId") {
            return Refusal::Session;
        }
        // The identity endpoints answer in plain text.
        if status == 403 && says("Bad_OAuth_Token") {
            return Refusal::Session;
        }
        if any("REQUEST_LIMIT_EXCEEDED") {
            return if says("ConcurrentRequests") || says("ConcurrentPerOrgLongTxn") {
                Refusal::Concurrency
            } else {
                Refusal::DailyLimit
            };
        }
        if any("EXCEEDEDQUOTA") || (any("LIMIT_EXCEEDED") && says("per 24 hrs")) {
            return Refusal::DailyLimit;
        }
        if any("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE") || any("ORG_IN_MAINTENANCE") {
            return Refusal::Maintenance;
        }
        let transient_codes =
            ["SERVER_UNAVAILABLE", "TOO_MANY_APEX_REQUESTS", "TEMPORARY_QUERY_MORE_FAILURE", "UNKNOWN_EXCEPTION"];
        if transient_codes.iter().any(|code| any(code)) {
            return Refusal::Transient;
        }
        match status {
            408 | 420 | 429 | 502 | 503 | 504 => Refusal::Transient,
            // A 500 with a reason of its own (such as APEX_ERROR) would only fail again.
            500 if errors.is_empty() => Refusal::Transient,
            _ => Refusal::Final,
        }
    }
}

fn refusal(status: u16, errors: &[ApiError]) -> String {
    if errors.is_empty() {
        return format!("the org answered with HTTP status {status}");
    }
    errors
        .iter()
        .map(|e| if e.code.is_empty() { e.message.clone() } else { format!("{}: {}", e.code, e.message) })
        .collect::<Vec<_>>()
        .join("; ")
}

fn rejections(records: &[Rejection]) -> String {
    let one = |r: &Rejection| format!("{}: {}", r.reference, refusal(400, &r.errors));
    records.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn lost(how: LostHow) -> &'static str {
    match how {
        LostHow::Unreachable => "no connection could be made",
        LostHow::Untrusted => "the server's certificate is not trusted",
        LostHow::Timeout => "no answer came in time",
        LostHow::Stalled => "the answer stopped coming",
        LostHow::Broken => "the connection broke",
    }
}

fn why_whole(why: &Option<String>) -> String {
    match why {
        Some(why) => format!("; it cannot be cut into several: {why}"),
        None => String::new(),
    }
}

fn because(message: &Option<String>) -> String {
    match message {
        Some(message) => format!(": {message}"),
        None => String::new(),
    }
}

fn api_hint(status: u16, errors: &[ApiError]) -> Option<String> {
    let code = |code: &str| errors.iter().any(|e| e.code == code);
    let words = match Refusal::of(status, errors) {
        Refusal::DailyLimit => {
            "the org's allowance for 24 hours is spent; it frees up hour by hour, so wait 15 to 60 minutes, or buy more calls, and see `limits` for the figures"
        }
        Refusal::Concurrency => {
            "too many requests of more than 20 s run at once in this org; lower the parallelism or ask for smaller pieces"
        }
        Refusal::SessionUnfit => {
            "the session may not use the REST API: check the app's scopes (api), its IP restrictions and the session security level"
        }
        Refusal::Session => {
            "the session ended right after signing in; check that the login URL and the org belong together"
        }
        Refusal::Maintenance => "the org is under maintenance; try again in some minutes",
        Refusal::Transient => "the org is busy; try again in some minutes",
        Refusal::Final if errors.iter().any(|e| e.message.starts_with("Foreign key external ID")) => {
            "no parent has this key: make the parent first, or check the key's value"
        }
        Refusal::Final if code("DUPLICATE_EXTERNAL_ID") => {
            "several records have this key: make it unique, or name the record by its id"
        }
        Refusal::Final if code("DUPLICATES_DETECTED") => {
            "a duplicate rule found a record like this; the header Sforce-Duplicate-Rule-Header: allowSave=true saves it all the same, where the rule only alerts"
        }
        Refusal::Final if code("INVALID_FIELD") => {
            "check the name, and that field-level security lets this user see the field"
        }
        Refusal::Final if code("INVALID_TYPE") || code("INVALIDENTITY") => {
            "check the object's name, that this user may read it, and for Bulk that it is supported there"
        }
        Refusal::Final if code("QUERY_TIMEOUT") || code("QUERY_TOO_COMPLICATED") || code("OPERATION_TOO_LARGE") => {
            "ask for less: filter by an indexed field, select fewer formula fields, or use a Bulk query job"
        }
        Refusal::Final if code("INVALID_QUERY_LOCATOR") => {
            "the cursor is gone (it lives two days); start the query again from the last Id read"
        }
        Refusal::Final if code("API_DISABLED_FOR_ORG") || code("API_CURRENTLY_DISABLED") => {
            "switch on API Enabled in the user's profile or permission set"
        }
        Refusal::Final if code("INSUFFICIENT_ACCESS") && errors.iter().any(|e| e.message.contains("Metadata API")) => {
            "grant the user \"Modify Metadata Through Metadata API Functions\" in a permission set"
        }
        Refusal::Final if code("UNSUPPORTED_API_VERSION") => {
            "the org does not offer this API version; leave the version out, so that one is chosen that both sides know"
        }
        Refusal::Final if code("STORAGE_LIMIT_EXCEEDED") => "the org's storage is full",
        Refusal::Final if status == 414 || status == 431 => "the request's URL or headers are too long",
        Refusal::Final if status == 409 => "a job must be read with the API version it was created with",
        Refusal::Final => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(code: &str, message: &str) -> Vec<ApiError> {
        vec![ApiError { code: code.into(), message: message.into(), fields: vec![] }]
    }

    #[test]
    fn refusals_are_told_apart() {
        use Refusal::*;
        let cases = [
            (401, "INVALID_SESSION_ID", "Session expired or invalid", Session),
            (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", SessionUnfit),
            (500, "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader", Session),
            (401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", SessionUnfit),
            (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", DailyLimit),
            (
                403,
                "REQUEST_LIMIT_EXCEEDED",
                "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
                Concurrency,
            ),
            (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", Concurrency),
            (400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached", DailyLimit),
            (503, "SERVER_UNAVAILABLE", "Server is too busy", Transient),
            (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.", Transient),
            (500, "APEX_ERROR", "System.NullPointerException", Final),
            (429, "", "", Transient),
            (400, "MALFORMED_QUERY", "unexpected token: 'FRM'", Final),
            (400, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "", Maintenance),
            (404, "NOT_FOUND", "The requested resource does not exist", Final),
        ];
        for (status, code, message, expected) in cases {
            assert_eq!(Refusal::of(status, &errors(code, message)), expected, "{status} {code} {message}");
        }
        for status in [408, 420, 429, 500, 502, 503, 504] {
            assert_eq!(Refusal::of(status, &[]), Transient, "{status}");
        }
        assert_eq!(Refusal::of(400, &[]), Final);
    }

    #[test]
    fn entries_are_read_in_every_state() {
        let read = |text: &str| serde_json::from_str::<ApiError>(text).unwrap();
        let duplicate = read(
            r#"{"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?","fields":null,
                "duplicateResut":{"allowSave":true,"matchResults":[{"matchRecords":[{"matchConfidence":100,"record":{"attributes":{"type":"Lead"},"Id":"00Q1"}},{"record":{"Id":"00Q2"}},{"record":null}]}]}}"#,
        );
        assert_eq!(duplicate.message, "Use one of these records? (00Q1, 00Q2)");
        assert_eq!(read(r#"{"statusCode":"X","message":null}"#).code, "X");
        assert_eq!(read("{}"), ApiError { code: String::new(), message: String::new(), fields: vec![] });
    }

    #[test]
    fn says_what_was_being_done_and_what_to_do() {
        let error = Error::Api {
            what: "running a query".into(),
            status: 403,
            errors: errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            retry_after: None,
        };
        assert_eq!(error.to_string(), "running a query: REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.");
        assert!(!error.is_retryable());
        assert!(error.hint().unwrap().contains("24 hours"));
        assert!(error.has_code("REQUEST_LIMIT_EXCEEDED"));
    }
}
