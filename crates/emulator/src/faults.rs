//! Failures on demand: which requests shall fail, and how.
//!
//! A plan matches requests (REST, Bulk, OAuth and gRPC alike, by method and path) and says what happens to them. The
//! HTTP layer takes the action for each request from [`Faults::take`] and carries it out, so that handlers know
//! nothing of faults.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

mod refusal;

pub use refusal::Refusal;
pub(crate) use refusal::Refused;

/// Which requests, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Which requests.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// What happens.
    pub action: Action,
}

/// Which requests a plan is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// HTTP method; any where it is left out.
    pub method: Option<String>,
    /// With `*`: the whole path must fit, each `*` standing for any text. Without: the path must contain it. A
    /// pattern with `?` is held against path and query.
    pub path: Option<String>,
    /// So many fitting requests pass unharmed first.
    pub after: u64,
    /// The `nth` fitting request, from 1: another way to say `after: nth - 1`.
    pub nth: Option<u64>,
    /// How many requests are harmed; 1 where it is left out (any number with `for_ms`), 0 for no end.
    pub times: Option<u64>,
    /// A storm: requests are harmed until so many milliseconds of real time after the first one that was.
    pub for_ms: Option<u64>,
    /// Harms only so many of a hundred fitting requests, chosen evenly: with 25 every fourth.
    pub percent: Option<u8>,
    /// Only requests of a client whose `Sforce-Call-Options` (or else `User-Agent`) contains this.
    pub client: Option<String>,
}

/// What happens to a request. Several may be set: a delay and an answer, for instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Action {
    /// Waits so long before anything else, milliseconds of real time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Revokes the request's token before it is handled, wherever it travels: in `Authorization`, `X-SFDC-Session`, the
    /// metadata of gRPC, a cookie, the query, or the header of a SOAP envelope.
    #[serde(skip_serializing_if = "is_false")]
    pub expire_token: bool,
    /// Answers `UNABLE_TO_LOCK_ROW` for each record that the request writes, by REST or SOAP, not for the whole of it.
    #[serde(skip_serializing_if = "is_false")]
    pub lock_rows: bool,
    /// Answers as Salesforce refuses, in the shape of the door; nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<Refusal>,
    /// Answers with this HTTP status; nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body of that answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Headers of that answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Answers a gRPC call with this status code (14 is UNAVAILABLE); nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u8>,
    /// Does the work, then drops the connection instead of answering.
    #[serde(skip_serializing_if = "is_false")]
    pub lose_answer: bool,
    /// Sends so many bytes of the answer's body, then drops the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_bytes: Option<u64>,
    /// Sends so many messages of a gRPC answer, then resets the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_messages: Option<u64>,
    /// Does the work, then waits so long before the answer, milliseconds of real time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_answer_ms: Option<u64>,
    /// Sends the answer's body no faster than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Sends so many bytes of the answer's body and ends it there as if it were whole: nothing on the wire shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_after_bytes: Option<u64>,
    /// Adds this to the counts that an answer tells: `Sforce-NumberOfRecords`, `totalSize`, `numberRecordsProcessed`
    /// and `numberRecordsFailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miscount: Option<i64>,
    /// Leaves so many rows off a Bulk result page, whose count header still says all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate_rows: Option<u64>,
}

fn is_false(b: &bool) -> bool {
    !*b
}

impl Action {
    /// Answer with this status and a body; nothing is done.
    pub fn answer(status: u16, body: impl Into<String>) -> Self {
        Self { status: Some(status), body: Some(body.into()), ..Self::default() }
    }

    /// Answer a gRPC call with this status code.
    pub fn grpc_status(code: u8) -> Self {
        Self { grpc_status: Some(code), ..Self::default() }
    }

    /// Refuse as Salesforce does.
    pub fn refuse(refusal: Refusal) -> Self {
        Self { refuse: Some(refusal), ..Self::default() }
    }

    /// Wait first.
    pub fn delay_ms(ms: u64) -> Self {
        Self { delay_ms: Some(ms), ..Self::default() }
    }

    /// Do the work, lose the answer.
    pub fn lose_answer() -> Self {
        Self { lose_answer: true, ..Self::default() }
    }

    /// Cut the answer's body.
    pub fn cut_after_bytes(bytes: u64) -> Self {
        Self { cut_after_bytes: Some(bytes), ..Self::default() }
    }

    /// Cut a gRPC stream.
    pub fn cut_after_messages(messages: u64) -> Self {
        Self { cut_after_messages: Some(messages), ..Self::default() }
    }

    /// Deliver a Bulk result page short.
    pub fn truncate_rows(rows: u64) -> Self {
        Self { truncate_rows: Some(rows), ..Self::default() }
    }

    /// Revoke the token.
    pub fn expire_token() -> Self {
        Self { expire_token: true, ..Self::default() }
    }

    /// Whether it does nothing at all: most likely a mistyped plan.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can be carried out as it stands.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.is_empty() {
            return Err("the action does nothing".into());
        }
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return Err(format!("{status} is no HTTP status from 200 to 599"));
        }
        if let Some(code) = self.grpc_status.filter(|code| *code > 16) {
            return Err(format!("{code} is no gRPC status from 0 to 16"));
        }
        if self.bytes_per_second == Some(0) {
            return Err("bytes_per_second is 0: nothing would ever come; take delay_answer_ms for that".into());
        }
        for (name, value) in &self.headers {
            if http::HeaderName::try_from(name.as_str()).is_err() || http::HeaderValue::from_str(value).is_err() {
                return Err(format!("{name:?}: {value:?} is no HTTP header"));
            }
        }
        Ok(())
    }

    /// In words, for the request log.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(ms) = self.delay_ms {
            parts.push(format!("delayed {ms} ms"));
        }
        if self.expire_token {
            parts.push("token expired".into());
        }
        if self.lock_rows {
            parts.push("rows locked".into());
        }
        if let Some(refusal) = self.refuse {
            parts.push(format!("refused: {refusal:?}"));
        }
        if let Some(status) = self.status {
            parts.push(format!("answered {status}"));
        }
        if let Some(code) = self.grpc_status {
            parts.push(format!("answered gRPC status {code}"));
        }
        if self.lose_answer {
            parts.push("answer lost".into());
        }
        if let Some(ms) = self.delay_answer_ms {
            parts.push(format!("answered after {ms} ms"));
        }
        if let Some(rate) = self.bytes_per_second {
            parts.push(format!("slowed to {rate} bytes/s"));
        }
        if let Some(bytes) = self.end_after_bytes {
            parts.push(format!("ended after {bytes} bytes"));
        }
        if let Some(off) = self.miscount {
            parts.push(format!("counts off by {off}"));
        }
        if let Some(bytes) = self.cut_after_bytes {
            parts.push(format!("cut after {bytes} bytes"));
        }
        if let Some(messages) = self.cut_after_messages {
            parts.push(format!("cut after {messages} messages"));
        }
        if let Some(rows) = self.truncate_rows {
            parts.push(format!("{rows} rows left off"));
        }
        parts.join(", ")
    }
}

/// A plan with its place in the list and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Its number, from 1.
    pub id: u64,
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// Fitting requests so far.
    pub seen: u64,
    /// Requests harmed so far.
    pub served: u64,
    /// When the first request was harmed.
    #[serde(skip)]
    first: Option<Instant>,
}

impl Planned {
    /// Whether the fitting request just counted is to be harmed.
    fn is_due(&self, now: Instant) -> bool {
        let matching = &self.plan.matching;
        let after = matching.nth.map_or(matching.after, |n| n.saturating_sub(1));
        let times = matching.times.unwrap_or(if matching.for_ms.is_some() { 0 } else { 1 });
        let over = match (matching.for_ms, self.first) {
            (Some(ms), Some(first)) => now.duration_since(first) > Duration::from_millis(ms),
            _ => false,
        };
        let counted = self.seen.saturating_sub(after);
        let chosen = matching.percent.is_none_or(|percent| {
            // Evenly: whenever the whole part of the share grows.
            let share = |n: u64| n.saturating_mul(u64::from(percent)) / 100;
            share(counted) > share(counted.saturating_sub(1))
        });
        self.seen > after && !over && chosen && (times == 0 || self.served < times)
    }
}

/// The plans of one emulator.
#[derive(Debug, Default)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    plans: Vec<Planned>,
    count: u64,
}

impl Faults {
    /// Adds a plan and gives its number.
    pub fn plan(&self, plan: Plan) -> u64 {
        let mut inner = self.inner.lock();
        inner.count += 1;
        let id = inner.count;
        inner.plans.push(Planned { id, plan, seen: 0, served: 0, first: None });
        id
    }

    /// Adds a plan for the next request whose path fits.
    pub fn next(&self, path: &str, action: Action) -> u64 {
        self.plan(Plan { matching: Match { path: Some(path.into()), ..Match::default() }, action })
    }

    /// All plans, spent ones too.
    pub fn list(&self) -> Vec<Planned> {
        self.inner.lock().plans.clone()
    }

    /// Takes a plan away. `false` where there was none.
    pub fn remove(&self, id: u64) -> bool {
        let mut inner = self.inner.lock();
        let before = inner.plans.len();
        inner.plans.retain(|p| p.id != id);
        inner.plans.len() != before
    }

    /// Takes all plans away.
    pub fn clear(&self) {
        self.inner.lock().plans.clear();
    }

    /// What shall happen to this request. Every fitting plan counts it; the first that is due is served.
    pub fn take(&self, method: &str, path: &str, query: Option<&str>) -> Option<Action> {
        self.take_from(method, path, query, None)
    }

    /// As [`Faults::take`], of a client that gave itself a name.
    pub fn take_from(&self, method: &str, path: &str, query: Option<&str>, client: Option<&str>) -> Option<Action> {
        let mut inner = self.inner.lock();
        let now = Instant::now();
        let mut action = None;
        for planned in &mut inner.plans {
            if !planned.plan.matching.fits(method, path, query, client) {
                continue;
            }
            planned.seen += 1;
            if action.is_none() && planned.is_due(now) {
                planned.served += 1;
                planned.first.get_or_insert(now);
                action = Some(planned.plan.action.clone());
            }
        }
        action
    }
}

impl Match {
    fn fits(&self, method: &str, path: &str, query: Option<&str>, client: Option<&str>) -> bool {
        if self.client.as_ref().is_some_and(|name| !client.unwrap_or_default().contains(name.as_str())) {
            return false;
        }
        if self.method.as_ref().is_some_and(|m| !m.eq_ignore_ascii_case(method)) {
            return false;
        }
        let Some(pattern) = &self.path else { return true };
        let whole;
        let text = match query {
            Some(query) if pattern.contains('?') => {
                whole = format!("{path}?{query}");
                whole.as_str()
            }
            _ => path,
        };
        if pattern.contains('*') { glob(pattern, text) } else { text.contains(pattern.as_str()) }
    }
}

/// Whether `text` fits a pattern in which each `*` stands for any text.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/cd", false),
            ("*results", "/jobs/query/1/results", true),
            ("/jobs/*", "/jobs/", true),
            ("/jobs/*", "/job", false),
            ("a*b*c", "a1b2b3c", true),
            ("ab*bc", "abc", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_nth_request_is_harmed_and_so_many_times() {
        let faults = Faults::default();
        let matching = Match {
            method: Some("GET".into()),
            path: Some("/results".into()),
            nth: Some(2),
            times: Some(2),
            ..Match::default()
        };
        faults.plan(Plan { matching, action: Action::answer(503, "") });
        let hits: Vec<bool> = (0..5).map(|_| faults.take("GET", "/x/results", None).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.take("POST", "/x/results", None).is_none());
        assert_eq!((faults.list()[0].seen, faults.list()[0].served), (5, 2));
    }

    #[test]
    fn a_storm_ends_and_a_share_is_even() {
        let faults = Faults::default();
        let storm = Match { for_ms: Some(0), ..Match::default() };
        faults.plan(Plan { matching: storm, action: Action::refuse(Refusal::ServerUnavailable) });
        assert!(faults.take("GET", "/a", None).is_some());
        std::thread::sleep(Duration::from_millis(2));
        assert!(faults.take("GET", "/a", None).is_none(), "the storm is over");
        faults.clear();
        let share = Match { percent: Some(25), times: Some(0), client: Some("etl".into()), ..Match::default() };
        faults.plan(Plan { matching: share, action: Action::answer(503, "") });
        assert!((0..8).all(|_| faults.take("GET", "/a", None).is_none()), "another client");
        let hits: Vec<bool> =
            (0..8).map(|_| faults.take_from("GET", "/a", None, Some("client=etl/1")).is_some()).collect();
        assert_eq!(hits, [false, false, false, true, false, false, false, true]);
    }

    #[test]
    fn actions_that_cannot_be_carried_out_are_found() {
        let with_header = |name: &str, value: &str| Action {
            headers: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..Action::answer(503, "")
        };
        for (action, fits) in [
            (Action::default(), false),
            (Action::answer(5, ""), false),
            (Action::answer(199, ""), false),
            (Action::answer(600, ""), false),
            (Action::answer(503, ""), true),
            (Action::grpc_status(14), true),
            (Action::grpc_status(17), false),
            (with_header("Retry-After", "1"), true),
            (with_header("a\nb", "1"), false),
            (with_header("a", "1\n2"), false),
        ] {
            assert_eq!(action.check().is_ok(), fits, "{action:?}");
        }
    }

    #[test]
    fn plans_are_read_from_json() {
        let plan: Plan = serde_json::from_str(
            r#"{"match":{"path":"/services/data/*/query*","after":1,"times":0},"action":{"status":503,"body":"busy","headers":{"Retry-After":"1"}}}"#,
        )
        .unwrap();
        assert_eq!(plan.action.status, Some(503));
        assert_eq!(plan.matching.times, Some(0));
        assert!(serde_json::from_str::<Plan>(r#"{"action":{"statsu":503}}"#).is_err());
    }
}
