//! The budget in figures, for people and for metrics.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Error;

use super::{
    Budget, Kind, Priority,
    account::{Account, Millis},
    forecast::outlook,
};

/// The budget at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetReport {
    /// The org's time.
    pub at: Timestamp,
    /// The most that the org's use may come to before we stop, percent.
    pub share: f64,
    /// Each allowance that is known or was used.
    pub kinds: Vec<KindReport>,
    /// Requests of 20 seconds or more.
    pub long_requests: LongRequestReport,
    /// Processes that share the budget, this one included.
    pub processes: usize,
}

/// One allowance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindReport {
    /// Which.
    pub kind: Kind,
    /// What the org allows, where we know.
    pub allowed: Option<u64>,
    /// Used by everybody in the org, as far as we know.
    pub used: u64,
    /// Spent by us in the window, all processes that share the budget.
    pub ours: u64,
    /// Under way.
    pub in_flight: u64,
    /// Reserved and not spent.
    pub reserved: u64,
    /// Where work stops, by priority.
    pub stops: BTreeMap<Priority, u64>,
    /// What is left to us for work of the client's priority.
    pub left: Option<u64>,
    /// When the org last said how much is used.
    pub heard_at: Option<Timestamp>,
    /// Nothing is sent before this, because the org refused.
    pub stopped_until: Option<Timestamp>,
    /// Where it is going.
    pub forecast: Forecast,
}

/// Where the use of an allowance is going, at the rate of the last two hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Forecast {
    /// Units an hour of everybody in the org; `None` before there are figures of a minute.
    pub per_hour: Option<f64>,
    /// When our share is reached, if that is within a day.
    pub share_reached_at: Option<Timestamp>,
    /// When slowing down begins, if that is within a day.
    pub slow_at: Option<Timestamp>,
    /// When all of it is used, if that is within a day.
    pub all_used_at: Option<Timestamp>,
}

/// Requests that last 20 seconds or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LongRequestReport {
    /// Places now: what the org allows, fewer for some minutes after it refused.
    pub places: u32,
    /// What the org allows; `None` until it matters and the org was asked.
    pub allowed: Option<u32>,
    /// Taken.
    pub taken: u32,
}

impl Budget {
    /// The budget now. Allowances other than requests are as of the last [`crate::Client::refresh_budget`].
    ///
    /// # Errors
    /// [`Error::Config`] where the shared place cannot be read.
    pub async fn report(&self) -> Result<BudgetReport, Error> {
        let inner = &self.inner;
        let now = inner.now();
        let settings = &inner.settings;
        self.inner
            .book
            .change(|books, _| {
                let kinds = Kind::ALL
                    .into_iter()
                    .filter_map(|kind| {
                        let account = books.accounts.get(&kind)?;
                        let (in_flight, reserved) = (books.in_flight(kind), books.reserved(kind));
                        Some(self.kind_report(kind, account, in_flight, reserved, now))
                    })
                    .collect();
                let allowed = settings.long_requests.or(books.slots.allowed);
                let places = super::ledger::Slots { allowed, ..books.slots.clone() }.now(now);
                let taken = books.members.values().map(|member| member.slots).sum();
                let processes = books.members.len().max(1);
                BudgetReport {
                    at: instant(now).unwrap_or_default(),
                    share: settings.share,
                    kinds,
                    long_requests: LongRequestReport { places, allowed, taken },
                    processes,
                }
            })
            .await
    }

    fn kind_report(&self, kind: Kind, account: &Account, in_flight: u64, reserved: u64, now: Millis) -> KindReport {
        let settings = &self.inner.settings;
        let allowed = account.allowed(kind);
        let used = account.used(kind, now);
        let stop_of = |allowed, priority| Account::limit(kind, allowed, settings.stop(priority), settings.ceiling());
        let mut forecast = Forecast::default();
        let mut stops = BTreeMap::new();
        if let Some(allowed) = allowed {
            for priority in [Priority::Interactive, Priority::Normal, Priority::Background] {
                stops.insert(priority, stop_of(allowed, priority));
            }
            let reached = |limit: u64| outlook(account, kind, limit, now).reached_at.and_then(instant);
            forecast = Forecast {
                per_hour: outlook(account, kind, allowed, now).per_hour,
                share_reached_at: reached((allowed as f64 * settings.ceiling()) as u64),
                slow_at: reached((allowed as f64 * settings.slow_down / 100.0) as u64),
                all_used_at: reached(allowed),
            };
        }
        KindReport {
            kind,
            allowed,
            used,
            ours: account.own_total(kind, now),
            in_flight,
            reserved,
            left: stops.get(&settings.priority).map(|stop| stop.saturating_sub(used + in_flight + reserved)),
            stops,
            heard_at: account.heard_at.and_then(instant),
            stopped_until: account.stopped_until.filter(|until| now < *until).and_then(instant),
            forecast,
        }
    }
}

impl BudgetReport {
    /// One allowance.
    pub fn kind(&self, kind: Kind) -> Option<&KindReport> {
        self.kinds.iter().find(|report| report.kind == kind)
    }
}

fn instant(at: Millis) -> Option<Timestamp> {
    Timestamp::from_millisecond(at).ok()
}
