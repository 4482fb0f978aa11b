//! One budget for an org: every request of a client passes here, and so do those of all processes that share a place.
//!
//! The org's figure on each answer is the truth, as others spend too; what is under way or reserved by us counts on
//! top. Work stops softly when its share is reached: with an [`crate::Error::Budget`] that says when to come back.
//!
//! ```no_run
//! # async fn example(org: tidegate_client::Client) -> Result<(), tidegate_client::Error> {
//! use tidegate_client::budget::{Kind, Priority};
//!
//! // Forty calls are needed: either all of them are there, or nothing begins.
//! let calls = org.budget().reserve(Kind::Requests, 40, "the nightly copy").await?;
//! let copy = calls.run(async { org.query_page("SELECT Id FROM Account").await });
//! Priority::Background.run(copy).await?;
//! # Ok(())
//! # }
//! ```

mod account;
mod book;
mod cost;
mod forecast;
mod kind;
mod ledger;
mod pass;
mod report;
mod reservation;
mod scope;
mod settings;
mod stop;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::{
    error::Error,
    limits::{ApiUsage, Limit},
};

pub use cost::Cost;
pub use kind::Kind;
pub use report::{BudgetReport, Forecast, KindReport, LongRequestReport};
pub use reservation::Reservation;
pub use settings::{BudgetSettings, Priority};
pub use stop::BudgetStop;

use account::{Account, Admission, Millis};
use ledger::Rules;

/// How long a request waits for the answer that tells the org's figures.
const UNKNOWN_WAIT: Duration = Duration::from_secs(5);
/// Pause between two looks at books that others change.
const LOOK: Duration = Duration::from_millis(20);

/// The budget of an org. Cloning is cheap; all clones are the same budget.
#[derive(Clone, Debug)]
pub struct Budget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    settings: BudgetSettings,
    book: book::Book,
    /// The org's clock less the machine's, milliseconds.
    offset: AtomicI64,
    /// How long requests of a kind last; see [`pass`].
    classes: Mutex<HashMap<String, pass::Seen>>,
    /// Requests that run now without a place for long ones, and since when.
    running: Mutex<BTreeMap<u64, Instant>>,
    /// Whether somebody asks, or has asked, what kind of org this is.
    asked_kind: AtomicBool,
    /// Places for long requests that this client holds.
    slots_in_use: AtomicU32,
}

impl Inner {
    /// The org's time.
    fn now(&self) -> Millis {
        book::machine_now() + self.offset.load(Ordering::Relaxed)
    }

    fn priority(&self) -> Priority {
        scope::current().priority.unwrap_or(self.settings.priority)
    }

    fn rules(&self, priority: Priority) -> Rules {
        Rules {
            stop: self.settings.stop(priority),
            ceiling: self.settings.ceiling(),
            slow_down: self.settings.slow_down / 100.0,
            priority,
        }
    }

    async fn stopped(&self, what: &str, kind: Kind, wanted: u64, resume_at: Millis, priority: Priority) -> Error {
        let now = self.now();
        let rules = self.rules(priority);
        let figures = self
            .book
            .change(move |books, _| {
                let held = books.outstanding(kind);
                let account = books.account(kind);
                let allowed = account.allowed(kind);
                (account.used(kind, now), held, allowed, account.stopped_until.is_some_and(|until| now < until))
            })
            .await;
        let (used, held, allowed, by_org) = match figures {
            Ok(figures) => figures,
            Err(error) => return error,
        };
        let stop = allowed.map_or(0, |allowed| Account::limit(kind, allowed, rules.stop, rules.ceiling));
        Error::Budget(Box::new(BudgetStop {
            what: what.to_owned(),
            kind,
            priority,
            wanted,
            used,
            held,
            allowed,
            stop,
            resume_at: Timestamp::from_millisecond(resume_at).ok(),
            wait: u64::try_from(resume_at - now).ok().map(Duration::from_millis),
            by_org,
        }))
    }
}

impl Budget {
    /// An org's budget.
    ///
    /// # Errors
    /// As [`BudgetSettings::check`].
    pub(crate) fn new(settings: BudgetSettings) -> Result<Budget, Error> {
        settings.check()?;
        let inner = Inner {
            settings,
            book: book::Book::new(),
            offset: AtomicI64::new(0),
            classes: Mutex::default(),
            running: Mutex::default(),
            asked_kind: AtomicBool::new(false),
            slots_in_use: AtomicU32::new(0),
        };
        Ok(Budget { inner: Arc::new(inner) })
    }

    /// Shares the budget with the other processes that named the same place, now that the org is known.
    pub(crate) fn share(&self, org: &str) -> Result<(), Error> {
        match &self.inner.settings.place {
            Some(place) => self.inner.book.move_to(place, org),
            None => Ok(()),
        }
    }

    /// Whether a place is named where processes share.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.settings.place.is_some()
    }

    /// What was decided about limits.
    pub fn settings(&self) -> &BudgetSettings {
        &self.inner.settings
    }

    /// The org's time is this.
    pub(crate) fn hear_clock(&self, theirs: Timestamp) {
        self.inner.offset.store(theirs.as_millisecond() - book::machine_now(), Ordering::Relaxed);
    }

    /// Sets `n` units of an allowance aside for `what`, at the priority of the running task.
    ///
    /// # Errors
    /// [`Error::Budget`] where there is no room for all of them.
    pub async fn reserve(&self, kind: Kind, n: u64, what: &str) -> Result<Reservation, Error> {
        let inner = &self.inner;
        let priority = inner.priority();
        let (rules, now) = (inner.rules(priority), inner.now());
        let outcome = inner.book.change(|books, me| books.reserve(me, kind, n, &rules, now)).await?;
        match outcome {
            // What nobody knows the bounds of cannot be refused.
            Ok(()) => {}
            Err(Admission::Stopped { resume_at }) => {
                return Err(inner.stopped(what, kind, n, resume_at, priority).await);
            }
            Err(_) => {
                inner.book.change(|books, me| books.set_aside(me, kind, n)).await?;
            }
        }
        Ok(Reservation::new(inner.clone(), kind, n))
    }

    /// Counts `n` units as spent, after the fact: events that were delivered, batches that the org made.
    pub fn note(&self, kind: Kind, n: u64) {
        let now = self.inner.now();
        self.inner.book.change_soon(move |books, _| books.account(kind).spend(n, now));
    }

    /// Takes `n` units of an allowance that no request names, such as events to publish over Pub/Sub.
    ///
    /// # Errors
    /// [`Error::Budget`] where there is no room.
    pub async fn spend(&self, kind: Kind, n: u64, what: &str) -> Result<(), Error> {
        self.reserve(kind, n, what).await?.spend(n);
        Ok(())
    }

    /// Takes the figures of the `limits` resource.
    pub fn learn(&self, limits: &BTreeMap<String, Limit>) {
        let now = self.inner.now();
        let mut figures = Vec::new();
        for kind in Kind::ALL {
            let Some(limit) = kind.limit_name().and_then(|name| limits.get(name)) else { continue };
            let Ok(max) = u64::try_from(limit.max) else { continue };
            let used = u64::try_from(limit.max.saturating_sub(limit.remaining)).unwrap_or(0);
            figures.push((kind, used.saturating_mul(kind.unit()), max.saturating_mul(kind.unit())));
        }
        self.inner.book.change_soon(move |books, _| {
            for (kind, used, allowed) in figures {
                // The header on the same answer is newer than what the resource says of requests.
                if kind == Kind::Requests && books.account(kind).is_known() {
                    continue;
                }
                books.seq += 1;
                let seq = books.seq;
                books.account(kind).learn(seq, used, allowed, now);
            }
        });
    }

    /// The org said in another way than by the header how many requests are used, such as in a SOAP header.
    pub fn hear(&self, usage: ApiUsage) {
        let now = self.inner.now();
        self.inner.book.change_soon(move |books, _| {
            let began = books.seq;
            books.seq += 1;
            books.account(Kind::Requests).hear(began, began + 1, usage.used, usage.allowed, now);
        });
    }
}
