//! The rules of the books, by examples and by chance: what we hold to be used is never less than what the org counted
//! of ours, and so the share holds whatever comes late, out of order, or not at all.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    Kind, Priority,
    account::{Account, Admission, HOUR, MINUTE},
    ledger::{Ended, Ledger, Rules},
};

const RULES: Rules = Rules { stop: 0.8, ceiling: 0.8, slow_down: 0.8, priority: Priority::Normal };
const DAY: i64 = 1000 * 24 * HOUR;

fn told(used: u64, allowed: u64) -> Ended {
    Ended::Told { used, allowed }
}

/// Requests one after the other until there is no room; how many went.
fn run_until_stopped(ledger: &mut Ledger, used: &mut u64, allowed: u64, now: i64) -> (u64, Admission) {
    for n in 0.. {
        match ledger.begin("me", Kind::Requests, 1, &RULES, now) {
            Ok((began, _)) => {
                *used += 1;
                ledger.settle("me", Kind::Requests, 1, began, told(*used, allowed), now);
            }
            Err(stopped) => return (n, stopped),
        }
    }
    unreachable!()
}

#[test]
fn stops_at_the_share_and_looks_once_a_step() {
    let mut ledger = Ledger::new("");
    let mut used = 0;
    let (went, stopped) = run_until_stopped(&mut ledger, &mut used, 1000, DAY);
    // 800, less the sixteen that are kept back for looking.
    assert_eq!(went, 784);
    assert_eq!(stopped, Admission::Stopped { resume_at: DAY + HOUR });
    // The hour is over: one looks, and there is still no room.
    let (went, stopped) = run_until_stopped(&mut ledger, &mut used, 1000, DAY + HOUR);
    assert_eq!((went, stopped), (1, Admission::Stopped { resume_at: DAY + 2 * HOUR }));
    // Others' calls of yesterday fell out of the window: all of it goes on.
    used = 300;
    let (went, _) = run_until_stopped(&mut ledger, &mut used, 1000, DAY + 2 * HOUR);
    assert_eq!(went, 484);
}

#[test]
fn a_refusal_of_the_org_stops_all_for_a_while_and_then_one_looks() {
    let mut ledger = Ledger::new("");
    let (began, _) = ledger.begin("me", Kind::Requests, 1, &RULES, DAY).unwrap();
    ledger.settle("me", Kind::Requests, 1, began, told(15_000, 15_000), DAY);
    ledger.exhausted(Kind::Requests, DAY);
    let at = |ledger: &mut Ledger, now| ledger.begin("other", Kind::Requests, 1, &RULES, now);
    assert_eq!(at(&mut ledger, DAY + MINUTE), Err(Admission::Stopped { resume_at: DAY + HOUR }));
    let (began, _) = at(&mut ledger, DAY + HOUR).unwrap();
    assert!(matches!(at(&mut ledger, DAY + HOUR), Err(Admission::Stopped { .. })), "one looks, not all");
    ledger.settle("other", Kind::Requests, 1, began, told(15_000, 15_000), DAY + HOUR);
    assert!(matches!(at(&mut ledger, DAY + HOUR), Err(Admission::Stopped { .. })));
}

#[test]
fn the_first_answer_is_waited_for() {
    let mut ledger = Ledger::new("");
    let (began, _) = ledger.begin("a", Kind::Requests, 1, &RULES, DAY).unwrap();
    assert_eq!(ledger.begin("b", Kind::Requests, 1, &RULES, DAY), Err(Admission::Unknown));
    ledger.settle("a", Kind::Requests, 1, began, told(900, 1000), DAY);
    assert!(matches!(ledger.begin("b", Kind::Requests, 1, &RULES, DAY), Err(Admission::Stopped { .. })));
    // A server that names no figures holds nobody up.
    let mut ledger = Ledger::new("");
    let (began, _) = ledger.begin("a", Kind::Requests, 1, &RULES, DAY).unwrap();
    ledger.settle("a", Kind::Requests, 1, began, Ended::Silent, DAY);
    for _ in 0..100 {
        assert!(ledger.begin("b", Kind::Requests, 1, &RULES, DAY).is_ok());
    }
}

#[test]
fn reservations_are_kept_for_their_owner_and_die_with_it() {
    let mut ledger = Ledger::new("");
    let (began, _) = ledger.begin("a", Kind::Requests, 1, &RULES, DAY).unwrap();
    ledger.settle("a", Kind::Requests, 1, began, told(100, 1000), DAY);
    ledger.reserve("a", Kind::Requests, 600, &RULES, DAY).unwrap();
    assert!(ledger.reserve("b", Kind::Requests, 100, &RULES, DAY).is_err());
    assert!(ledger.reserve("b", Kind::Requests, 84, &RULES, DAY).is_ok());
    assert!(ledger.begin("c", Kind::Requests, 1, &RULES, DAY).is_err());
    let began = ledger.begin_reserved("a", Kind::Requests, 1);
    assert_eq!((ledger.reserved(Kind::Requests), ledger.in_flight(Kind::Requests)), (683, 1));
    ledger.settle("a", Kind::Requests, 1, began, told(101, 1000), DAY);
    // `a` dies with one under way, which the org may have counted.
    ledger.begin_reserved("a", Kind::Requests, 1);
    ledger.bury(|name, _| Some(name == "a"), 0);
    assert_eq!(ledger.outstanding(Kind::Requests), 84);
    assert_eq!(ledger.account(Kind::Requests).used(Kind::Requests, DAY), 102);
    ledger.release("b", Kind::Requests, 1000);
    assert_eq!(ledger.outstanding(Kind::Requests), 0);
}

#[test]
fn priorities_stop_one_after_the_other_and_slow_down() {
    let mut ledger = Ledger::new("");
    let rules = |stop: f64, priority| Rules { stop, ceiling: 0.97, slow_down: 0.8, priority };
    let (began, _) = ledger.begin("a", Kind::Requests, 1, &RULES, DAY).unwrap();
    ledger.settle("a", Kind::Requests, 1, began, told(8_700, 10_000), DAY);
    let mut at = |stop, priority| ledger.begin("a", Kind::Requests, 1, &rules(stop, priority), DAY);
    assert!(matches!(at(0.87, Priority::Background), Err(Admission::Stopped { .. })));
    let (_, pause) = at(0.95, Priority::Normal).unwrap();
    assert!((400..=500).contains(&pause), "{pause} ms about half way from 80 to 95 %");
    assert_eq!(at(0.97, Priority::Interactive).unwrap().1, 0);
}

#[test]
fn long_requests_have_places() {
    let mut ledger = Ledger::new("");
    ledger.slots.allowed = Some(5);
    let take = |ledger: &mut Ledger, priority| ledger.take_slot("a", priority, 0, DAY);
    assert_eq!((0..9).filter(|_| take(&mut ledger, Priority::Background)).count(), 4);
    assert!(!take(&mut ledger, Priority::Normal));
    assert!(take(&mut ledger, Priority::Interactive));
    assert!(!take(&mut ledger, Priority::Interactive));
    ledger.too_many_long(DAY);
    assert_eq!(ledger.slots.now(DAY), 2);
    assert_eq!(ledger.slots.now(DAY + 2 * MINUTE), 4);
    assert_eq!(ledger.slots.now(DAY + HOUR), 5);
    for _ in 0..5 {
        ledger.give_slot("a");
    }
    assert!(!ledger.take_slot("a", Priority::Interactive, 2, DAY), "what runs long without a place takes one, too");
    ledger.slots = super::ledger::Slots { allowed: Some(1), lowered: None };
    assert!(ledger.take_slot("a", Priority::Background, 0, DAY), "one is always to be had");
}

#[test]
fn other_allowances_follow_the_limits_resource_and_what_we_spent_since() {
    let mut account = Account::default();
    account.spend(10, DAY);
    assert_eq!(account.used(Kind::QueryJobs, DAY), 10);
    account.learn(1, 500, 10_000, DAY + 2 * HOUR);
    assert_eq!(account.used(Kind::QueryJobs, DAY + 2 * HOUR), 500);
    account.spend(7, DAY + 3 * HOUR);
    assert_eq!(account.used(Kind::QueryJobs, DAY + 3 * HOUR), 507);
    // A day and a bit later only what we know of ourselves counts.
    assert_eq!(account.used(Kind::QueryJobs, DAY + 27 * HOUR + MINUTE), 7);
    assert_eq!(account.used(Kind::QueryJobs, DAY + 40 * HOUR), 0);
}

/// A request of one of several processes against an org that counts.
#[derive(Clone, Debug)]
enum Step {
    /// A process begins one of this cost.
    Begin(usize, u64),
    /// The org counts the oldest that it has not counted.
    Count(usize),
    /// An answer comes for one that was counted, not necessarily the oldest.
    Answer(usize),
    /// The answer is lost.
    Lose(usize),
    /// A process dies.
    Die(usize),
    /// Others spend.
    Others(u64),
    /// Calls of a day ago fall out of the window.
    Drop(u64),
    /// Minutes pass.
    Pass(i64),
    /// A process sets some aside, gives them back, or uses one.
    Reserve(usize, u64),
    Release(usize),
    UseReserved(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4usize, 1..4u64).prop_map(|(p, n)| Step::Begin(p, n)),
        6 => any::<usize>().prop_map(Step::Count),
        6 => any::<usize>().prop_map(Step::Answer),
        1 => any::<usize>().prop_map(Step::Lose),
        1 => (0..4usize).prop_map(Step::Die),
        1 => (1..30u64).prop_map(Step::Others),
        1 => (1..60u64).prop_map(Step::Drop),
        1 => (1..90i64).prop_map(Step::Pass),
        1 => (0..4usize, 1..20u64).prop_map(|(p, n)| Step::Reserve(p, n)),
        1 => (0..4usize).prop_map(Step::Release),
        2 => (0..4usize).prop_map(Step::UseReserved),
    ]
}

struct Sent {
    process: usize,
    n: u64,
    began: u64,
    /// What the org's counter stood at when it counted this.
    counted: Option<u64>,
}

fn simulate(steps: &[Step], with_others: bool) {
    const ALLOWED: u64 = 100;
    const SHARE: u64 = 80;
    let mut ledger = Ledger::new("");
    let mut now = DAY;
    let mut org = 0u64;
    let mut sent: Vec<Sent> = Vec::new();
    let mut reserved: BTreeMap<usize, u64> = BTreeMap::new();
    let names = ["a", "b", "c", "d"];
    // The figures are known before: of what nobody has told there is no share.
    let (began, _) = ledger.begin("a", Kind::Requests, 1, &RULES, now).unwrap();
    org += 1;
    ledger.settle("a", Kind::Requests, 1, began, told(org, ALLOWED), now);
    // What others spent, or a look while others had spent all, is not ours to answer for.
    let mut others = false;
    let pick = |sent: &[Sent], at: usize, counted: bool| {
        let fit: Vec<usize> = (0..sent.len()).filter(|i| sent[*i].counted.is_some() == counted).collect();
        (!fit.is_empty()).then(|| fit[at % fit.len()])
    };
    for step in steps {
        match *step {
            Step::Begin(process, n) => {
                if let Ok((began, _)) = ledger.begin(names[process], Kind::Requests, n, &RULES, now) {
                    sent.push(Sent { process, n, began, counted: None });
                }
            }
            Step::UseReserved(process) => {
                if let Some(left) = reserved.get_mut(&process).filter(|left| **left > 0) {
                    *left -= 1;
                    let began = ledger.begin_reserved(names[process], Kind::Requests, 1);
                    sent.push(Sent { process, n: 1, began, counted: None });
                }
            }
            Step::Reserve(process, n) => {
                if ledger.reserve(names[process], Kind::Requests, n, &RULES, now).is_ok() {
                    *reserved.entry(process).or_default() += n;
                }
            }
            Step::Release(process) => {
                let n = reserved.remove(&process).unwrap_or(0);
                ledger.release(names[process], Kind::Requests, n);
            }
            Step::Count(at) => {
                if let Some(i) = pick(&sent, at, false) {
                    org += sent[i].n;
                    sent[i].counted = Some(org);
                    assert!(others || org <= SHARE, "{org} of {SHARE} after {step:?}");
                }
            }
            Step::Answer(at) => {
                if let Some(i) = pick(&sent, at, true) {
                    let one = sent.remove(i);
                    let used = one.counted.unwrap();
                    let ended = told(used, ALLOWED);
                    ledger.settle(names[one.process], Kind::Requests, one.n, one.began, ended, now);
                }
            }
            Step::Lose(at) => {
                // Lost after it was counted, as far as anybody can tell.
                if let Some(i) = pick(&sent, at, true) {
                    let one = sent.remove(i);
                    ledger.settle(names[one.process], Kind::Requests, one.n, one.began, Ended::Lost, now);
                }
            }
            Step::Die(process) => {
                // What it had sent and the org has not seen yet never arrives: it died with the connection. What was
                // counted stays counted.
                sent.retain(|one| one.process != process);
                reserved.remove(&process);
                ledger.bury(|name, _| Some(name == names[process]), 0);
            }
            Step::Others(n) if with_others => {
                org += n;
                others = true;
            }
            Step::Others(_) => {}
            Step::Drop(n) => org = org.saturating_sub(n),
            Step::Pass(minutes) => now += minutes * MINUTE,
        }
        // What we hold to be used and under way covers what the org has counted, but for what others did unseen.
        if !others {
            let held = ledger.account(Kind::Requests).used(Kind::Requests, now);
            let under_way = ledger.in_flight(Kind::Requests);
            assert!(held + under_way >= org, "{held} and {under_way} for {org} after {step:?}");
        }
        let limit = SHARE;
        let outstanding = ledger.outstanding(Kind::Requests);
        assert!(outstanding <= limit, "{outstanding} under way and reserved");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_share_holds_whatever_comes_late_or_not_at_all(steps in prop::collection::vec(step(), 1..400)) {
        simulate(&steps, false);
    }

    #[test]
    fn others_may_spend_and_nothing_breaks(steps in prop::collection::vec(step(), 1..400)) {
        simulate(&steps, true);
    }

    #[test]
    fn a_file_of_anything_is_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        now in DAY..DAY + 100 * HOUR,
    ) {
        let mut ledger = Ledger::new("00D");
        ledger.reserve("a", Kind::QueryJobs, 3, &RULES, DAY).unwrap();
        let (began, _) = ledger.begin("a", Kind::Requests, 1, &RULES, DAY).unwrap();
        ledger.settle("a", Kind::Requests, 1, began, told(5, 100), DAY);
        let mut mutated = serde_json::to_vec(&ledger).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Ledger>(&mutated).unwrap(), &ledger);
        let at = at.index(mutated.len());
        mutated[at] = with;
        for bytes in [bytes, mutated] {
            if let Ok(mut read) = serde_json::from_slice::<Ledger>(&bytes) && read.is_sound("00D", now) {
                for kind in Kind::ALL {
                    let _ = read.begin("b", kind, 1, &RULES, now);
                    super::forecast::outlook(read.account(kind), kind, 80, now);
                }
            }
        }
    }
}
