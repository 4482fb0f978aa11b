//! The last requests, for tests and for whoever wonders what a client really did.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;

use crate::Millis;

/// How many requests are kept.
pub const REQUEST_LOG_MAX: usize = 10_000;

/// One request as it came and went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// Its number since the start, from 1.
    pub number: u64,
    /// When, by the emulator's clock.
    pub at: Millis,
    /// HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query text; left out for sign-in paths, where it may carry secrets.
    pub query: Option<String>,
    /// `Sforce-Call-Options`, or else `User-Agent`.
    pub client: Option<String>,
    /// The status of the answer; `None` where the answer was thrown away.
    pub status: Option<u16>,
    /// Until the answer's head was ready, milliseconds of real time.
    pub took_ms: u64,
    /// The fault that was served, in words.
    pub fault: Option<String>,
}

/// The last [`REQUEST_LOG_MAX`] requests.
#[derive(Debug, Default)]
pub struct RequestLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<LoggedRequest>,
    count: u64,
}

impl RequestLog {
    /// Adds one; its number is given here.
    pub fn push(&self, mut entry: LoggedRequest) {
        let mut inner = self.inner.lock();
        inner.count += 1;
        entry.number = inner.count;
        if inner.entries.len() == REQUEST_LOG_MAX {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry);
    }

    /// The kept requests for which `keep` says yes, oldest first.
    pub fn filtered(&self, keep: impl Fn(&LoggedRequest) -> bool) -> Vec<LoggedRequest> {
        self.inner.lock().entries.iter().filter(|e| keep(e)).cloned().collect()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.inner.lock().entries.clear();
    }
}
