//! How often and how fast to try again: exponential back-off with full jitter, capped, honouring `Retry-After`.

use std::time::Duration;

use jiff::Timestamp;

/// When to try again. The defaults follow Salesforce's advice for integrations.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How often a request is sent at most, the first time included.
    pub attempts: u32,
    /// The longest first wait; each further wait may be twice as long.
    pub base: Duration,
    /// The longest wait of all, also where a `Retry-After` header asks for more.
    pub cap: Duration,
    /// The least wait after the org said that too many long requests run at once.
    pub concurrency_floor: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: 6,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            concurrency_floor: Duration::from_secs(5),
        }
    }
}

impl RetryPolicy {
    /// Never tries again.
    pub fn none() -> RetryPolicy {
        RetryPolicy { attempts: 1, ..RetryPolicy::default() }
    }

    /// The longest wait after the `failures`-th failure (from 1).
    pub(crate) fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// The wait after the `failures`-th failure: anywhere up to the ceiling, so that clients that failed together do
    /// not come back together.
    pub(crate) fn wait(&self, failures: u32, retry_after: Option<Duration>) -> Duration {
        if let Some(asked) = retry_after {
            return asked.min(self.cap);
        }
        self.ceiling(failures).mul_f64(rand::random::<f64>())
    }
}

/// Understands `Retry-After`: seconds, or a date compared with the server's own `Date`.
pub(crate) fn retry_after(value: &str, server_now: Option<Timestamp>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = http_date(value)?;
    let now = server_now.unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Understands an HTTP date such as `Mon, 23 Nov 2026 15:00:00 GMT`.
pub(crate) fn http_date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(value.trim()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_capped() {
        let policy = RetryPolicy::default();
        let ceilings: Vec<u64> = (1..=9).map(|n| policy.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(policy.ceiling(u32::MAX), policy.cap);
        for failures in 1..200 {
            assert!(policy.wait(failures, None) <= policy.ceiling(failures));
        }
    }

    #[test]
    fn jitter_spreads() {
        let policy = RetryPolicy::default();
        let waits: Vec<Duration> = (0..64).map(|_| policy.wait(6, None)).collect();
        let low = waits.iter().filter(|w| w.as_secs() < 16).count();
        assert!(low > 5 && low < 59, "{low} of 64 in the lower half");
    }

    #[test]
    fn retry_after_is_honoured_and_capped() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(policy.wait(1, Some(Duration::from_secs(7200))), policy.cap);
    }

    #[test]
    fn retry_after_has_two_forms() {
        let now = http_date("Mon, 23 Nov 2026 15:00:00 GMT");
        assert!(now.is_some());
        let cases = [
            ("120", Some(120)),
            (" 3 ", Some(3)),
            ("Mon, 23 Nov 2026 15:00:30 GMT", Some(30)),
            ("Mon, 23 Nov 2026 14:00:30 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }
}
