//! The books of one org: its allowances, who of ours holds what, and the places for long requests. No I/O and no
//! clock: the same rules hold in one process and for many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Kind, Priority,
    account::{Account, Admission, Asked, HOUR, MINUTE, Millis},
};

/// The form of the file.
pub(crate) const FORM: u32 = 1;
/// After a refusal for too many long requests, one place comes back in this time.
const SLOT_BACK: Millis = MINUTE;
/// A member that was not heard of for so long is given up where its life cannot be checked otherwise.
const LEASE: Millis = 10 * MINUTE;
/// Places for long requests until the org has said what it is: those of Developer Edition, the fewest there are.
pub(crate) const SLOTS_UNKNOWN: u32 = 5;

/// One process of ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Member {
    pub(crate) pid: u32,
    /// When it last wrote here, by the machine's clock.
    pub(crate) seen: Millis,
    /// Spent by requests that have no answer yet.
    pub(crate) in_flight: BTreeMap<Kind, u64>,
    /// Reserved and not spent.
    pub(crate) reserved: BTreeMap<Kind, u64>,
    /// Places for long requests that it holds.
    pub(crate) slots: u32,
}

/// What an org allows at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Slots {
    /// What the org's kind allows.
    pub(crate) allowed: Option<u32>,
    /// After a refusal: so many, at this time.
    pub(crate) lowered: Option<(u32, Millis)>,
}

impl Slots {
    pub(crate) fn now(&self, now: Millis) -> u32 {
        let allowed = self.allowed.unwrap_or(SLOTS_UNKNOWN);
        match self.lowered {
            Some((to, at)) => {
                let back = u32::try_from(((now - at) / SLOT_BACK).max(0)).unwrap_or(u32::MAX);
                to.saturating_add(back).min(allowed)
            }
            None => allowed,
        }
    }
}

/// The books.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    pub(crate) form: u32,
    pub(crate) org: String,
    /// Counts what was heard, so that later can be told from earlier.
    pub(crate) seq: u64,
    pub(crate) accounts: BTreeMap<Kind, Account>,
    pub(crate) slots: Slots,
    pub(crate) members: BTreeMap<String, Member>,
}

/// Who asks, and what rules it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) stop: f64,
    pub(crate) ceiling: f64,
    pub(crate) slow_down: f64,
    pub(crate) priority: Priority,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Answered, with the org's figures.
    Told { used: u64, allowed: u64 },
    /// Answered without figures.
    Silent,
    /// Perhaps counted by the org, perhaps not.
    Lost,
    /// Never reached the org.
    NotSent,
}

impl Ledger {
    pub(crate) fn new(org: &str) -> Ledger {
        Ledger { form: FORM, org: org.to_owned(), ..Ledger::default() }
    }

    pub(crate) fn account(&mut self, kind: Kind) -> &mut Account {
        self.accounts.entry(kind).or_default()
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.members.entry(name.to_owned()).or_default()
    }

    pub(crate) fn in_flight(&self, kind: Kind) -> u64 {
        self.members.values().filter_map(|member| member.in_flight.get(&kind)).sum()
    }

    pub(crate) fn reserved(&self, kind: Kind) -> u64 {
        self.members.values().filter_map(|member| member.reserved.get(&kind)).sum()
    }

    pub(crate) fn outstanding(&self, kind: Kind) -> u64 {
        self.in_flight(kind) + self.reserved(kind)
    }

    fn asked(&self, kind: Kind, n: u64, rules: &Rules, may_look: bool) -> Asked {
        let pause_max = match rules.priority {
            Priority::Interactive => 0,
            Priority::Normal => 1_000,
            Priority::Background => 5_000,
        };
        Asked {
            n,
            outstanding: self.outstanding(kind),
            in_flight: self.in_flight(kind),
            stop: rules.stop,
            ceiling: rules.ceiling,
            slow_down: rules.slow_down,
            pause_max,
            may_look,
        }
    }

    /// Begins a request of `n`: on `Go` it is under way, and the number says what was known then.
    pub(crate) fn begin(
        &mut self,
        member: &str,
        kind: Kind,
        n: u64,
        rules: &Rules,
        now: Millis,
    ) -> Result<(u64, u64), Admission> {
        // Other allowances than requests are no news by themselves: nothing is looked up by spending them.
        let asked = self.asked(kind, n, rules, kind == Kind::Requests);
        match self.account(kind).admit(kind, now, &asked) {
            Admission::Go { pause_ms } => {
                *self.member(member).in_flight.entry(kind).or_default() += n;
                Ok((self.seq, pause_ms))
            }
            other => Err(other),
        }
    }

    /// Begins a request that was paid for by a reservation.
    pub(crate) fn begin_reserved(&mut self, member: &str, kind: Kind, n: u64) -> u64 {
        let member = self.member(member);
        take(&mut member.reserved, kind, n);
        *member.in_flight.entry(kind).or_default() += n;
        self.seq
    }

    /// Ends a request.
    pub(crate) fn settle(&mut self, member: &str, kind: Kind, n: u64, began: u64, ended: Ended, now: Millis) {
        take(&mut self.member(member).in_flight, kind, n);
        if ended == Ended::NotSent {
            return;
        }
        self.seq += 1;
        let seq = self.seq;
        let account = self.account(kind);
        account.spend(n, now);
        match ended {
            Ended::Told { used, allowed } => account.hear(began, seq, used, allowed, now),
            Ended::Silent => {
                account.was_silent();
                account.lose(n, seq);
            }
            Ended::Lost => account.lose(n, seq),
            Ended::NotSent => {}
        }
    }

    /// The org refused for want of allowance.
    pub(crate) fn exhausted(&mut self, kind: Kind, now: Millis) {
        self.account(kind).exhausted(now);
    }

    /// Sets `n` aside.
    pub(crate) fn reserve(
        &mut self,
        member: &str,
        kind: Kind,
        n: u64,
        rules: &Rules,
        now: Millis,
    ) -> Result<(), Admission> {
        let asked = self.asked(kind, n, rules, false);
        match self.account(kind).admit(kind, now, &asked) {
            Admission::Go { .. } => {
                *self.member(member).reserved.entry(kind).or_default() += n;
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Sets `n` aside although nobody knows whether there is room.
    pub(crate) fn set_aside(&mut self, member: &str, kind: Kind, n: u64) {
        *self.member(member).reserved.entry(kind).or_default() += n;
    }

    /// Gives back what was not used.
    pub(crate) fn release(&mut self, member: &str, kind: Kind, n: u64) {
        take(&mut self.member(member).reserved, kind, n);
    }

    /// Takes a place for a long request. `overlong` requests of this process run long without having one.
    pub(crate) fn take_slot(&mut self, member: &str, priority: Priority, overlong: u32, now: Millis) -> bool {
        let all = self.slots.now(now);
        // The last places are for what is more urgent.
        let left_free = match priority {
            Priority::Interactive => 0,
            Priority::Normal => u32::from(all > 2),
            Priority::Background => (all / 4).max(u32::from(all > 1)),
        };
        let held: u32 = self.members.values().map(|member| member.slots).sum();
        let fits = held + overlong < all - left_free.min(all.saturating_sub(1));
        if fits {
            self.member(member).slots += 1;
        }
        fits
    }

    pub(crate) fn give_slot(&mut self, member: &str) {
        let member = self.member(member);
        member.slots = member.slots.saturating_sub(1);
    }

    /// The org refused: half as many from now on, and one more each minute.
    pub(crate) fn too_many_long(&mut self, now: Millis) {
        let held: u32 = self.members.values().map(|member| member.slots).sum();
        let half = (self.slots.now(now).min(held.max(2)) / 2).max(1);
        self.slots.lowered = Some((half, now));
    }

    /// Members that have ended hold nothing; what they had under way may have been counted by the org.
    pub(crate) fn bury(&mut self, dead: impl Fn(&str, &Member) -> Option<bool>, machine_now: Millis) {
        let gone: Vec<String> = self
            .members
            .iter()
            .filter(|(name, member)| {
                dead(name, member).unwrap_or_else(|| machine_now.saturating_sub(member.seen).abs() > LEASE)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            let Some(member) = self.members.remove(&name) else { continue };
            for (kind, n) in member.in_flight.into_iter().filter(|(_, n)| *n > 0) {
                self.seq += 1;
                let seq = self.seq;
                self.account(kind).lose(n, seq);
            }
        }
    }

    /// Whether the file can be believed.
    pub(crate) fn is_sound(&self, org: &str, machine_now: Millis) -> bool {
        self.form == FORM
            && self.org == org
            && self.seq < u64::MAX / 2
            && self.members.len() < 10_000
            && self.members.values().all(|member| {
                let held = member.in_flight.values().chain(member.reserved.values());
                member.seen.saturating_sub(machine_now) < HOUR
                    && member.slots < 1000
                    && held.into_iter().all(|n| *n < 1 << 48)
            })
            && self.accounts.values().all(Account::is_sound)
    }
}

fn take(of: &mut BTreeMap<Kind, u64>, kind: Kind, n: u64) {
    if let Some(held) = of.get_mut(&kind) {
        *held = held.saturating_sub(n);
        if *held == 0 {
            of.remove(&kind);
        }
    }
}
