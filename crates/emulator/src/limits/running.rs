//! Requests that run now, of which only so many may be long.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Millis;

/// The requests that run now, by when they came.
#[derive(Debug, Default)]
pub struct Running(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: u64,
    since: HashMap<u64, Millis>,
}

/// A request that runs. Dropping it says that it has ended.
#[derive(Debug)]
pub struct LongRequest {
    all: Arc<Running>,
    number: u64,
}

impl Running {
    /// Notes that a request begins, unless `max` have run for `long_ms` already.
    pub fn begin(self: &Arc<Self>, now: Millis, long_ms: i64, max: u64) -> Option<LongRequest> {
        let mut inner = self.0.lock();
        let long = inner.since.values().filter(|since| now.saturating_sub(**since) >= long_ms).count();
        if u64::try_from(long).unwrap_or(u64::MAX) >= max {
            return None;
        }
        inner.count += 1;
        let number = inner.count;
        inner.since.insert(number, now);
        Some(LongRequest { all: Arc::clone(self), number })
    }
}

impl Drop for LongRequest {
    fn drop(&mut self) {
        self.all.0.lock().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_requests_are_not_limited_and_long_ones_are() {
        let running = Arc::new(Running::default());
        let mut open: Vec<_> = (0..100).map(|_| running.begin(0, 20_000, 5).unwrap()).collect();
        open.truncate(5);
        assert!(running.begin(19_999, 20_000, 5).is_some(), "none is long yet");
        assert!(running.begin(20_000, 20_000, 5).is_none());
        open.pop();
        assert!(running.begin(20_000, 20_000, 5).is_some());
    }
}
