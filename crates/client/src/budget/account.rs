//! One allowance as we know it: what the org said, what we added since, and what a request may therefore do.
//!
//! The org's figure is the truth, but it comes late and out of order. The rule that keeps the share all the same: what
//! was heard counts until an answer comes to a request that was sent *after* it was heard; what is under way or lost
//! counts on top. So what we hold to be used is never less than what the org has counted of ours.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Kind;

pub(crate) type Millis = i64;

pub(crate) const MINUTE: Millis = 60_000;
pub(crate) const HOUR: Millis = 60 * MINUTE;
/// The least wait before a look whether there is room again ("sleep 15 to 60 minutes and poll once").
const LOOK_MIN: Millis = 15 * MINUTE;
/// Requests that are kept back for such looks.
const LOOKS: u64 = 24;
/// `limits` may lag so far behind.
const LAG: Millis = 5 * MINUTE;
/// Answers that may overtake each other and are told apart.
const HEARD_MAX: usize = 64;
/// The least time between two samples of the use.
const SAMPLE: Millis = 5 * MINUTE;

/// A figure that the org told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    seq: u64,
    used: u64,
}

/// One allowance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    /// What the org allows, once it said so.
    pub(crate) allowed: Option<u64>,
    /// What it said lately: the answers that may still be newer than each other.
    heard: VecDeque<Heard>,
    pub(crate) heard_at: Option<Millis>,
    /// An answer came without figures, so that waiting for one is of no use.
    silent: bool,
    /// Spent by requests whose answer was lost, until a request that was sent later has been answered.
    lost: u64,
    lost_seq: u64,
    /// What we spent ourselves: hour since the epoch, amount. Oldest first.
    own: Vec<(i64, u64)>,
    /// What the org said over time, oldest first.
    pub(crate) samples: Vec<(Millis, u64)>,
    /// The org refused: nothing before this.
    pub(crate) stopped_until: Option<Millis>,
    /// The org refused, and has not said since that there is room.
    refused: bool,
    /// There was no room: one request may look again then.
    look_at: Option<Millis>,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Go, after a pause of so many milliseconds.
    Go { pause_ms: u64 },
    /// Nobody knows the figures yet, and somebody is asking: wait for that answer.
    Unknown,
    /// No room.
    Stopped { resume_at: Millis },
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) n: u64,
    /// Under way or reserved by anybody.
    pub(crate) outstanding: u64,
    /// Under way.
    pub(crate) in_flight: u64,
    /// Where this work stops, 0 to 1.
    pub(crate) stop: f64,
    /// What nobody passes, 0 to 1.
    pub(crate) ceiling: f64,
    /// From where this work slows down, 0 to 1, and by how many milliseconds at most.
    pub(crate) slow_down: f64,
    pub(crate) pause_max: u64,
    /// Whether one request may look when there seems to be no room.
    pub(crate) may_look: bool,
}

impl Account {
    /// What we hold to be used, without what is under way.
    pub(crate) fn used(&self, kind: Kind, now: Millis) -> u64 {
        let own = self.own_total(kind, now);
        let Some(heard_at) = self.heard_at else { return own };
        // What was heard before the window began says nothing any more.
        if now - heard_at > (i64::from(kind.window_hours()) + 1) * HOUR {
            return own + self.lost;
        }
        let heard = self.heard.iter().map(|heard| heard.used).max().unwrap_or(0);
        if kind == Kind::Requests {
            return heard + self.lost;
        }
        own.max(heard + self.own_since(heard_at - LAG))
    }

    /// Whether the org has said how much is used.
    pub(crate) fn is_known(&self) -> bool {
        self.heard_at.is_some() && self.allowed.is_some()
    }

    pub(crate) fn allowed(&self, kind: Kind) -> Option<u64> {
        self.allowed.or_else(|| kind.documented())
    }

    /// The most that may be used by what stops at `stop`. A few requests are kept back for looking again.
    pub(crate) fn limit(kind: Kind, allowed: u64, stop: f64, ceiling: f64) -> u64 {
        let part = |share: f64| (allowed as f64 * share + 1e-9) as u64;
        let most = part(ceiling);
        let keep = if kind == Kind::Requests { LOOKS.min(most / 50) } else { 0 };
        part(stop).min(most - keep)
    }

    /// Whether `n` more fit.
    pub(crate) fn admit(&mut self, kind: Kind, now: Millis, asked: &Asked) -> Admission {
        if let Some(until) = self.stopped_until {
            if now < until {
                return Admission::Stopped { resume_at: until };
            }
            self.stopped_until = None;
            // The org's refusal is over: one looks, whatever the last figure was.
            if asked.may_look && self.look_at.is_none() {
                self.look_at = Some(now);
            }
        }
        let Some(allowed) = self.allowed(kind) else {
            // Until the first answer, one asks and the others wait for it.
            let asking = kind == Kind::Requests && !self.silent && asked.in_flight > 0;
            return if asking { Admission::Unknown } else { Admission::Go { pause_ms: 0 } };
        };
        let used = self.used(kind, now);
        let with_it = used + asked.outstanding + asked.n;
        let limit = Self::limit(kind, allowed, asked.stop, asked.ceiling);
        if with_it <= limit {
            self.look_at = None;
            return Admission::Go { pause_ms: pause(used + asked.outstanding, allowed, limit, asked) };
        }
        let look_at = *self.look_at.get_or_insert_with(|| Self::next_look(now));
        if asked.may_look && asked.outstanding == 0 && now >= look_at {
            let most = (allowed as f64 * asked.ceiling + 1e-9) as u64;
            // Others have gone beyond what we keep: our look is not what passes it.
            if with_it <= most || used > most || self.refused {
                self.look_at = Some(Self::next_look(now));
                return Admission::Go { pause_ms: 0 };
            }
        }
        Admission::Stopped { resume_at: self.resume_at(kind, now, limit.saturating_sub(asked.n + asked.outstanding)) }
    }

    fn next_look(now: Millis) -> Millis {
        // The org's counter drops in steps of about an hour.
        let step = (now.div_euclid(HOUR) + 1) * HOUR;
        step.max(now + LOOK_MIN)
    }

    /// When the use may have come down to `target`: from what we saw a day ago, or else the next step of the counter.
    fn resume_at(&self, kind: Kind, now: Millis, target: u64) -> Millis {
        let next = self.look_at.unwrap_or_else(|| Self::next_look(now)).max(now);
        let mut used = self.used(kind, now);
        let mut at = next;
        let window = (i64::from(kind.window_hours()) + 1) * HOUR;
        let drops = self.drops(window);
        // Without a day of history nobody knows what falls out of the window, so one looks step by step.
        if self.samples.first().is_none_or(|(first, _)| now - first < window - HOUR) {
            return next;
        }
        for (when, amount) in drops {
            if when <= now {
                continue;
            }
            used = used.saturating_sub(amount);
            at = at.max(when);
            if used <= target {
                return at;
            }
        }
        at
    }

    /// What falls out of the window and when: every rise that we saw, in hourly steps.
    pub(crate) fn drops(&self, window: Millis) -> Vec<(Millis, u64)> {
        let mut drops: Vec<(Millis, u64)> = Vec::new();
        for pair in self.samples.windows(2) {
            let rise = pair[1].1.saturating_sub(pair[0].1);
            if rise == 0 {
                continue;
            }
            let at = pair[1].0.div_euclid(HOUR) * HOUR + window;
            match drops.last_mut() {
                Some((last, amount)) if *last == at => *amount += rise,
                _ => drops.push((at, rise)),
            }
        }
        drops
    }

    /// The org said how much is used, in an answer to a request that was sent when `began` was the last thing known.
    pub(crate) fn hear(&mut self, began: u64, seq: u64, used: u64, allowed: u64, now: Millis) {
        self.heard.retain(|heard| heard.seq > began);
        self.heard.push_back(Heard { seq, used });
        while self.heard.len() > HEARD_MAX {
            let oldest = self.heard.pop_front().map_or(0, |heard| heard.used);
            if let Some(next) = self.heard.front_mut() {
                next.used = next.used.max(oldest);
            }
        }
        if began >= self.lost_seq {
            self.lost = 0;
        }
        if used < allowed {
            self.refused = false;
        }
        self.allowed = Some(allowed);
        self.heard_at = Some(now);
        self.sample(now);
    }

    fn sample(&mut self, now: Millis) {
        let used = self.heard.iter().map(|heard| heard.used).max().unwrap_or(0);
        self.samples.retain(|(at, _)| now - at <= 26 * HOUR);
        // The last one moves with the time until it is old enough to stay.
        let n = self.samples.len();
        if n >= 2 && now - self.samples[n - 2].0 < SAMPLE {
            self.samples.pop();
        }
        self.samples.push((now, used));
    }

    /// The `limits` resource said it.
    pub(crate) fn learn(&mut self, seq: u64, used: u64, allowed: u64, now: Millis) {
        self.hear(seq, seq, used, allowed, now);
    }

    /// An answer came without figures, or none came: what the request cost counts on top.
    pub(crate) fn lose(&mut self, n: u64, seq: u64) {
        self.lost += n;
        self.lost_seq = seq;
    }

    /// An answer came, and named no figures.
    pub(crate) fn was_silent(&mut self) {
        self.silent = true;
    }

    /// We spent it.
    pub(crate) fn spend(&mut self, n: u64, now: Millis) {
        let hour = now.div_euclid(HOUR);
        self.own.retain(|(at, _)| hour - at <= 25);
        match self.own.last_mut() {
            Some((at, amount)) if *at == hour => *amount += n,
            _ => self.own.push((hour, n)),
        }
    }

    /// The org refuses for want of allowance.
    pub(crate) fn exhausted(&mut self, now: Millis) {
        self.stopped_until = Some(Self::next_look(now));
        self.refused = true;
    }

    pub(crate) fn own_total(&self, kind: Kind, now: Millis) -> u64 {
        let hour = now.div_euclid(HOUR);
        let window = i64::from(kind.window_hours());
        // The running hour counts as one, so a day is the 24 hours before it too.
        let first = if window == 1 { hour } else { hour - window };
        self.own.iter().filter(|(at, _)| *at >= first).map(|(_, n)| n).sum()
    }

    /// Whether figures from a file are such that nothing overflows. Files are outside data.
    pub(crate) fn is_sound(&self) -> bool {
        const MOST: u64 = 1 << 52;
        let times =
            self.samples.iter().map(|(at, _)| *at).chain(self.heard_at).chain(self.stopped_until).chain(self.look_at);
        self.heard.len() <= HEARD_MAX
            && self.samples.len() <= 1000
            && self.own.len() <= 1000
            && self.lost < MOST
            && self.allowed.is_none_or(|allowed| allowed < MOST)
            && self.heard.iter().all(|heard| heard.used < MOST)
            && self.own.iter().all(|(hour, n)| hour.unsigned_abs() < MOST / 4_000_000 && *n < MOST)
            && self.samples.iter().all(|(_, used)| *used < MOST)
            && times.into_iter().all(|at| at.unsigned_abs() < MOST)
    }

    fn own_since(&self, since: Millis) -> u64 {
        let hour = since.div_euclid(HOUR);
        self.own.iter().filter(|(at, _)| *at > hour || (*at == hour && since < (hour + 1) * HOUR)).map(|(_, n)| n).sum()
    }
}

/// The further in the slow part, the longer.
fn pause(used: u64, allowed: u64, limit: u64, asked: &Asked) -> u64 {
    let slow = allowed as f64 * asked.slow_down;
    let over = used as f64 - slow;
    let width = limit as f64 - slow;
    if asked.pause_max == 0 || over <= 0.0 || width <= 0.0 {
        return 0;
    }
    (asked.pause_max as f64 * (over / width).min(1.0)) as u64
}
