//! The gate that each request passes: a place if it may be long, room in the allowances, and afterwards what the answer
//! told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, Method};

use crate::{
    error::{ApiError, Error},
    limits::ApiUsage,
};

use super::{
    Budget, BudgetStop, Cost, Inner, Kind, LOOK, Priority, UNKNOWN_WAIT,
    account::Admission,
    ledger::{Ended, Rules},
    scope,
};

/// From how long on the org counts a request as a long one.
const LONG: Duration = Duration::from_secs(20);
/// A kind of request that once was long is held to be so for this time.
const LONG_AGAIN: Duration = Duration::from_secs(3600);
/// Kinds of request that are remembered.
const CLASSES_MAX: usize = 1000;

/// When a kind of request was last seen to be long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    long_at: Instant,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A request that is under way. Dropped without an end, it counts as lost: the org may have seen it.
#[must_use]
#[derive(Debug)]
pub(crate) struct Pass {
    budget: Arc<Inner>,
    /// Allowance, amount, and what was known when it was sent.
    parts: Vec<(Kind, u64, u64)>,
    slot: bool,
    number: u64,
    class: Option<String>,
    since: Instant,
    ended: bool,
}

impl Budget {
    /// Lets a request pass once there is room, or says when there will be.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub(crate) async fn admit(&self, method: &Method, target: &str, body: &[u8], what: &str) -> Result<Pass, Error> {
        let inner = &self.inner;
        let cost = Cost::of(method, target, body);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut pass = Pass {
            budget: inner.clone(),
            parts: Vec::new(),
            slot: false,
            number,
            class: None,
            since: Instant::now(),
            ended: false,
        };
        if cost == Cost::default() {
            pass.ended = true;
            return Ok(pass);
        }
        let scope = scope::current();
        let priority = scope.priority.unwrap_or(inner.settings.priority);
        let class = Cost::class(method, target);
        if cost.may_be_long || inner.was_long(&class) {
            inner.wait_for_slot(priority, what).await?;
            pass.slot = true;
        }
        pass.class = Some(class);
        let rules = inner.rules(priority);
        let mut pause = Duration::ZERO;
        let wanted = [
            (Kind::Requests, cost.requests),
            (Kind::QueryJobs, cost.query_jobs),
            (Kind::IngestBatches, cost.ingest_batches),
        ];
        for (kind, n) in wanted.into_iter().filter(|(_, n)| *n > 0) {
            if scope.held.as_ref().is_some_and(|held| held.take(inner, kind, n)) {
                let began = inner.book.change(|books, me| books.begin_reserved(me, kind, n)).await?;
                pass.parts.push((kind, n, began));
                continue;
            }
            match inner.begin(kind, n, &rules, what).await {
                Ok((began, pause_ms)) => {
                    pass.parts.push((kind, n, began));
                    pause = pause.max(Duration::from_millis(pause_ms));
                }
                Err(error) => {
                    pass.end(|_| Ended::NotSent);
                    return Err(error);
                }
            }
        }
        if !pause.is_zero() {
            // Less of a queue: the rest of the allowance lasts longer, and others come to their turn.
            tokio::time::sleep(pause).await;
        }
        pass.since = Instant::now();
        if !pass.slot {
            inner.running.lock().insert(number, pass.since);
        }
        Ok(pass)
    }

    /// Whether it is time to ask what kind of org this is, which decides how many long requests it takes. Says so once.
    pub(crate) fn should_ask_kind(&self, method: &Method, target: &str) -> bool {
        let inner = &self.inner;
        if inner.settings.long_requests.is_some()
            || inner.asked_kind.load(Ordering::Relaxed)
            || !Cost::of(method, target, b"{}").may_be_long
        {
            return false;
        }
        // One request at a time never needs to know.
        inner.slots_in_use.load(Ordering::Relaxed) >= 2 && !inner.asked_kind.swap(true, Ordering::Relaxed)
    }

    /// The org takes so many long requests at once.
    pub(crate) fn learn_long_requests(&self, n: u32) {
        self.inner.book.change_soon(move |books, _| books.slots.allowed = Some(n));
    }

    /// The org refused a request; limits are told from its reasons.
    pub(crate) fn refused(&self, errors: &[ApiError], concurrency: bool) {
        let inner = &self.inner;
        let now = inner.now();
        if concurrency {
            inner.book.change_soon(move |books, _| books.too_many_long(now));
            return;
        }
        let says = |words: &str| errors.iter().any(|error| error.message.contains(words));
        let kind = if says("query jobs") {
            Kind::QueryJobs
        } else if says("query result size") {
            Kind::QueryResultBytes
        } else if errors.iter().any(|error| error.code == "REQUEST_LIMIT_EXCEEDED") {
            Kind::Requests
        } else {
            // A quota of Bulk without a name of its own.
            Kind::IngestBatches
        };
        inner.book.change_soon(move |books, _| books.exhausted(kind, now));
    }
}

impl Inner {
    async fn begin(&self, kind: Kind, n: u64, rules: &Rules, what: &str) -> Result<(u64, u64), Error> {
        let since = Instant::now();
        loop {
            let now = self.now();
            match self.book.change(|books, me| books.begin(me, kind, n, rules, now)).await? {
                Ok(begun) => return Ok(begun),
                Err(Admission::Stopped { resume_at }) => {
                    return Err(self.stopped(what, kind, n, resume_at, rules.priority).await);
                }
                Err(_) if since.elapsed() >= UNKNOWN_WAIT => {
                    // The first answer takes long. From now on nobody waits for it.
                    self.book.change(|books, _| books.account(kind).was_silent()).await?;
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn was_long(&self, class: &str) -> bool {
        self.classes.lock().get(class).is_some_and(|seen| seen.long_at.elapsed() < LONG_AGAIN)
    }

    /// Requests that were not held to be long and are.
    fn overlong(&self) -> u32 {
        let running = self.running.lock();
        u32::try_from(running.values().filter(|since| since.elapsed() >= LONG).count()).unwrap_or(u32::MAX)
    }

    async fn wait_for_slot(&self, priority: Priority, what: &str) -> Result<(), Error> {
        let since = Instant::now();
        loop {
            let (now, overlong, allowed) = (self.now(), self.overlong(), self.settings.long_requests);
            let (taken, all) = self
                .book
                .change(move |books, me| {
                    if allowed.is_some() {
                        books.slots.allowed = allowed;
                    }
                    (books.take_slot(me, priority, overlong, now), books.slots.now(now))
                })
                .await?;
            if taken {
                self.slots_in_use.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            if since.elapsed() >= self.settings.long_request_wait {
                return Err(Error::Budget(Box::new(BudgetStop {
                    what: what.to_owned(),
                    kind: Kind::LongRequests,
                    priority,
                    wanted: 1,
                    used: u64::from(all),
                    held: 0,
                    allowed: None,
                    stop: u64::from(all),
                    resume_at: None,
                    wait: None,
                    by_org: false,
                })));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Pass {
    /// The head of the answer is here.
    pub(crate) fn answered(mut self, headers: &HeaderMap) {
        let usage = headers.get("sforce-limit-info").and_then(|value| value.to_str().ok()).and_then(ApiUsage::parse);
        self.end(|kind| match (kind, usage) {
            (Kind::Requests, Some(usage)) => Ended::Told { used: usage.used, allowed: usage.allowed },
            _ => Ended::Silent,
        });
    }

    /// There was no answer.
    pub(crate) fn unanswered(mut self, was_sent: bool) {
        self.end(|_| if was_sent { Ended::Lost } else { Ended::NotSent });
    }

    fn end(&mut self, how: impl Fn(Kind) -> Ended) {
        if self.ended {
            return;
        }
        self.ended = true;
        let lasted = self.since.elapsed();
        self.budget.running.lock().remove(&self.number);
        if lasted >= LONG
            && let Some(class) = self.class.take()
        {
            let mut classes = self.budget.classes.lock();
            if classes.len() >= CLASSES_MAX {
                classes.clear();
            }
            classes.insert(class, Seen { long_at: Instant::now() });
        }
        let now = self.budget.now();
        let slot = std::mem::take(&mut self.slot);
        if slot {
            self.budget.slots_in_use.fetch_sub(1, Ordering::Relaxed);
        }
        let ended: Vec<_> = self.parts.drain(..).map(|(kind, n, began)| (kind, n, began, how(kind))).collect();
        if ended.is_empty() && !slot {
            return;
        }
        self.budget.book.change_soon(move |books, me| {
            for (kind, n, began, how) in ended {
                books.settle(me, kind, n, began, how, now);
            }
            if slot {
                books.give_slot(me);
            }
        });
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.end(|_| Ended::Lost);
    }
}
