//! The soft stop: why nothing is sent, and when it makes sense to come back.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use super::{Kind, Priority};

/// Something was not sent because the org's limits, or the share of them that is ours, leave no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetStop {
    /// What was to be done.
    pub what: String,
    /// Which allowance has no room.
    pub kind: Kind,
    /// How urgent the work was; more urgent work may still have room.
    pub priority: Priority,
    /// How much was wanted.
    pub wanted: u64,
    /// Used by everybody in the org, as far as we know.
    pub used: u64,
    /// Under way or reserved by us.
    pub held: u64,
    /// What the org allows, where we know.
    pub allowed: Option<u64>,
    /// Where this work stops.
    pub stop: u64,
    /// When there may be room again, by the org's clock. It is the time to try once, not a promise.
    pub resume_at: Option<Timestamp>,
    /// The same as a wait from the moment of the error.
    pub wait: Option<Duration>,
    /// Whether the org itself refused, rather than our share being reached.
    pub by_org: bool,
}

impl fmt::Display for BudgetStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, used) = (self.kind, grouped(self.used));
        write!(f, "{}: ", self.what)?;
        match self.allowed {
            _ if kind == Kind::LongRequests => {
                write!(f, "all {} places for long requests stayed taken", self.stop)?;
            }
            Some(allowed) if self.by_org => {
                write!(f, "the org takes no more {kind} for now ({used} of {} are used)", grouped(allowed))?;
            }
            None if self.by_org => write!(f, "the org takes no more {kind} for now")?,
            allowed => {
                write!(f, "no room for {}: {used}", several(self.wanted, kind))?;
                if let Some(allowed) = allowed {
                    write!(f, " of {}", grouped(allowed))?;
                }
                write!(f, " {kind} are used")?;
                if self.held > 0 {
                    write!(f, ", {} more are under way or reserved", grouped(self.held))?;
                }
                write!(f, ", and {} work stops at {}", self.priority, grouped(self.stop))?;
            }
        }
        if let Some(at) = self.resume_at {
            // Seconds would promise more than anybody knows.
            let at = at.strftime("%Y-%m-%d %H:%M UTC");
            write!(f, "; try again at {at}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BudgetStop {}

fn several(n: u64, kind: Kind) -> String {
    if n == 1 { "one more".to_owned() } else { format!("{} more {kind}", grouped(n)) }
}

/// `1234567` as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_when() {
        let stop = BudgetStop {
            what: "running a query".into(),
            kind: Kind::Requests,
            priority: Priority::Normal,
            wanted: 1,
            used: 14_250,
            held: 3,
            allowed: Some(15_000),
            stop: 14_250,
            resume_at: Some("2026-11-25T17:00:12Z".parse().unwrap()),
            wait: None,
            by_org: false,
        };
        assert_eq!(
            stop.to_string(),
            "running a query: no room for one more: 14,250 of 15,000 API requests are used, 3 more are under way or \
             reserved, and normal work stops at 14,250; try again at 2026-11-25 17:00 UTC"
        );
        let by_org = BudgetStop { by_org: true, resume_at: None, ..stop };
        assert_eq!(
            by_org.to_string(),
            "running a query: the org takes no more API requests for now (14,250 of 15,000 are used)"
        );
    }
}
