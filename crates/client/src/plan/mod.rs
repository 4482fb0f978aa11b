//! Choosing the API before the run: what it would cost, how long it would take, and which limit it would meet first.
//!
//! [`Plan::of`] is a function of [`Facts`] and of nothing else, so that a plan can be tested, explained and repeated.
//! The facts of an org are asked for by [`Facts::of_objects`], [`Facts::of_query`] and [`Facts::of_rows`].
//!
//! ```
//! use tidegate_client::plan::{Api, Facts, ObjectFacts, Plan, Task};
//!
//! let few = Facts::new(Task::Read, vec![ObjectFacts::new("Account", 1_500, 400)]);
//! assert_eq!(Plan::of(&few).parts[0].api, Some(Api::Rest));
//! let many = Facts::new(Task::Read, vec![ObjectFacts::new("Account", 3_000_000, 400)]);
//! assert_eq!(Plan::of(&many).parts[0].api, Some(Api::Bulk));
//! ```

mod assumptions;
mod collect;
mod cost;
mod facts;
mod follow;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod width;
mod write;

use serde::Serialize;

use crate::budget::Kind;

pub use assumptions::Assumptions;
pub use cost::{PlanCost, Range};
pub use facts::{Allowance, Api, Facts, ObjectFacts, RowsKnown, Task, Urgency, WriteOperation};

/// What would be done, and what it would cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// One for each object.
    pub parts: Vec<Part>,
    /// All parts, one after the other.
    pub total: PlanCost,
    /// Each allowance that it takes from.
    pub shares: Vec<Share>,
    /// The allowance that would be met first.
    pub first_limit: Option<Kind>,
    /// Whether it can be done, and fits into what is left to us.
    pub fits: bool,
    /// Whether the work goes on without end: calls and events are then those of 24 hours.
    pub endless: bool,
    /// What it rests on.
    pub assumptions: Assumptions,
}

/// The plan for one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// API name.
    pub object: String,
    /// Rows expected.
    pub rows: Range,
    /// How we know.
    pub rows_known: RowsKnown,
    /// The way chosen; `None` where there is none.
    pub api: Option<Api>,
    /// Why.
    pub why: String,
    /// What is sent, step by step.
    pub steps: Vec<Step>,
    /// What the steps come to.
    pub cost: PlanCost,
    /// The other ways, and why each is not the one.
    pub alternatives: Vec<Alternative>,
    /// What the user should know before.
    pub warnings: Vec<String>,
}

/// One step of a part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What is done.
    pub what: String,
    /// What it takes.
    pub cost: PlanCost,
}

/// A way that was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alternative {
    /// Which.
    pub api: Api,
    /// Why not.
    pub why_not: String,
    /// What it would have cost; `None` where it cannot be done so.
    pub cost: Option<PlanCost>,
}

/// What a plan takes of one allowance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Which.
    pub kind: Kind,
    /// How much.
    pub needed: Range,
    /// The allowance, where it is known.
    pub allowance: Option<Allowance>,
    /// Whether all of it is left to us.
    pub fits: bool,
}

/// A way that could be gone.
struct Candidate {
    api: Api,
    steps: Vec<Step>,
    /// Why it cannot be done so at all.
    impossible: Option<String>,
    warnings: Vec<String>,
}

impl Candidate {
    fn cost(&self) -> PlanCost {
        self.steps.iter().fold(PlanCost::default(), |sum, step| sum.then(step.cost))
    }
}

impl Plan {
    /// The best way to do it. A way that does not fit into the limits is only chosen where none does, or the user
    /// insists.
    pub fn of(facts: &Facts) -> Plan {
        let mut total = PlanCost::default();
        let mut parts = Vec::new();
        for object in &facts.objects {
            let candidates = match &facts.task {
                Task::Read => read::candidates(object, facts),
                Task::Write { operation, all_or_none, related } => {
                    write::candidates(object, *operation, *all_or_none, *related, facts)
                }
                Task::Follow => follow::candidates(object, facts),
            };
            let part = choose(object, candidates, total, facts);
            total = if facts.task == Task::Follow {
                // Followed side by side: the lag is that of the slowest.
                let seconds = Range {
                    low: total.seconds.low.max(part.cost.seconds.low),
                    high: total.seconds.high.max(part.cost.seconds.high),
                };
                PlanCost { seconds, ..total.then(part.cost) }
            } else {
                total.then(part.cost)
            };
            parts.push(part);
        }
        if facts.task == Task::Follow {
            follow::warn_of_many(&mut parts);
        }
        let shares = shares(&total, facts);
        let first_limit = shares
            .iter()
            .filter_map(|share| {
                let allowance = share.allowance.filter(|allowance| allowance.allowed > 0)?;
                let after = allowance.used as f64 + share.needed.high;
                Some((after / allowance.allowed as f64, share.kind))
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, kind)| kind);
        let fits = shares.iter().all(|share| share.fits) && parts.iter().all(|part| part.api.is_some());
        Plan {
            parts,
            total,
            shares,
            first_limit,
            fits,
            endless: facts.task == Task::Follow,
            assumptions: facts.assumptions.clone(),
        }
    }
}

/// What of the allowances work takes.
fn shares(cost: &PlanCost, facts: &Facts) -> Vec<Share> {
    let needs = [
        (Kind::Requests, cost.calls),
        (Kind::QueryJobs, cost.query_jobs),
        (Kind::QueryResultBytes, cost.result_bytes),
        (Kind::IngestBatches, cost.batches),
        (Kind::IngestRecords, cost.ingest_rows),
        (Kind::EventDeliveries, cost.deliveries),
    ];
    needs
        .into_iter()
        .filter(|(_, needed)| needed.high > 0.0)
        .map(|(kind, needed)| {
            let allowance = facts.allowances.get(&kind).copied();
            let fits = allowance.is_none_or(|allowance| allowance.used as f64 + needed.high <= allowance.stop as f64);
            Share { kind, needed, allowance, fits }
        })
        .collect()
}

/// How much a way costs at this urgency. Only good for comparing.
fn weight(cost: &PlanCost, urgency: Urgency) -> f64 {
    // How many calls a second of waiting is worth.
    let second = match urgency {
        Urgency::Now => 10.0,
        Urgency::Minutes => 0.1,
        Urgency::Overnight => 0.001,
    };
    // An event that is delivered costs a part of an allowance that is smaller than that of calls.
    cost.calls.middle() + cost.deliveries.middle() + second * cost.seconds.middle()
}

fn choose(object: &ObjectFacts, candidates: Vec<Candidate>, before: PlanCost, facts: &Facts) -> Part {
    let fits = |candidate: &Candidate| {
        let after = before.then(candidate.cost());
        shares(&after, facts).into_iter().find(|share| !share.fits).map(|share| share.kind)
    };
    let best = candidates
        .iter()
        .filter(|candidate| candidate.impossible.is_none())
        .min_by(|a, b| {
            let rank = |c: &Candidate| (fits(c).is_some(), weight(&c.cost(), facts.urgency));
            let (a, b) = (rank(a), rank(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })
        .map(|candidate| candidate.api);
    let chosen = match facts.overrule {
        Some(api) => candidates.iter().find(|candidate| candidate.api == api && candidate.impossible.is_none()),
        None => candidates.iter().find(|candidate| Some(candidate.api) == best),
    };
    let mut part = Part {
        object: object.object.clone(),
        rows: object.rows,
        rows_known: object.rows_known,
        api: None,
        why: String::new(),
        steps: vec![],
        cost: PlanCost::default(),
        alternatives: vec![],
        warnings: vec![],
    };
    let Some(chosen) = chosen else {
        part.why = match facts.overrule {
            Some(api) => match candidates.iter().find(|candidate| candidate.api == api) {
                Some(candidate) => candidate.impossible.clone().unwrap_or_default(),
                None => format!("{api} does not do this"),
            },
            None => "no API does this".to_owned(),
        };
        part.alternatives = alternatives(&candidates, None, &fits);
        return part;
    };
    part.cost = chosen.cost();
    part.why = why(chosen, best, &candidates, facts, &fits);
    part.api = Some(chosen.api);
    part.steps = chosen.steps.clone();
    part.warnings = chosen.warnings.clone();
    if object.rows_known == RowsKnown::Unknown {
        part.warnings.push("how many rows there are is not known; the plan assumes it".to_owned());
    }
    part.alternatives = alternatives(&candidates, Some(chosen), &fits);
    part
}

fn why(
    chosen: &Candidate,
    best: Option<Api>,
    candidates: &[Candidate],
    facts: &Facts,
    fits: &impl Fn(&Candidate) -> Option<Kind>,
) -> String {
    let cost = chosen.cost();
    if facts.overrule.is_some() {
        let Some(best) = candidates.iter().find(|candidate| Some(candidate.api) == best && candidate.api != chosen.api)
        else {
            return "you chose it, and so would we".to_owned();
        };
        return format!("you chose it; {}", compared(&cost, &best.cost(), best.api));
    }
    let possible: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.impossible.is_none()).collect();
    if possible.len() == 1 {
        return "the only way that does this".to_owned();
    }
    if let Some(kind) = fits(chosen) {
        return format!("no way fits into what is left of the {kind}; this one takes least");
    }
    let cheaper = possible.iter().any(|other| weight(&other.cost(), facts.urgency) < weight(&cost, facts.urgency));
    if cheaper {
        return "the only way that fits into what is left".to_owned();
    }
    let least = |of: fn(&PlanCost) -> f64| possible.iter().all(|other| of(&cost) <= of(&other.cost()));
    let (calls, seconds) = (least(|cost| cost.calls.middle()), least(|cost| cost.seconds.middle()));
    match (calls, seconds) {
        (true, true) => "fewest calls and soonest done",
        (true, false) => "fewest calls",
        (false, true) => "soonest done",
        (false, false) => "the best balance of calls and time",
    }
    .to_owned()
}

fn alternatives(
    candidates: &[Candidate],
    chosen: Option<&Candidate>,
    fits: &impl Fn(&Candidate) -> Option<Kind>,
) -> Vec<Alternative> {
    candidates
        .iter()
        .filter(|candidate| chosen.is_none_or(|chosen| chosen.api != candidate.api))
        .map(|candidate| {
            if let Some(reason) = &candidate.impossible {
                return Alternative { api: candidate.api, why_not: reason.clone(), cost: None };
            }
            let cost = candidate.cost();
            let why_not = match (fits(candidate), chosen) {
                (Some(kind), _) => format!("does not fit into what is left of the {kind}"),
                (None, Some(chosen)) => compared(&cost, &chosen.cost(), chosen.api),
                (None, None) => "could be done so".to_owned(),
            };
            Alternative { api: candidate.api, why_not, cost: Some(cost) }
        })
        .collect()
}

/// How one way's cost stands beside another's: "beside REST query: 12 calls more, 2 times the time".
fn compared(cost: &PlanCost, other: &PlanCost, than: Api) -> String {
    let mut words = Vec::new();
    let calls = cost.calls.middle() - other.calls.middle();
    if calls.abs() >= 1.0 {
        let n = spelled(calls.abs().round());
        let of = if n == "1" { "call" } else { "calls" };
        words.push(format!("{n} {of} {}", if calls > 0.0 { "more" } else { "fewer" }));
    }
    let deliveries = cost.deliveries.middle() - other.deliveries.middle();
    if deliveries.abs() >= 1.0 {
        let more = if deliveries > 0.0 { "more" } else { "fewer" };
        words.push(format!("{} deliveries {more}", spelled(deliveries.abs())));
    }
    let (mine, theirs) = (cost.seconds.middle().max(0.1), other.seconds.middle().max(0.1));
    if mine / theirs >= 1.5 {
        words.push(format!("{} times the time", spelled(mine / theirs)));
    } else if theirs / mine >= 1.5 {
        words.push(format!("{} times as fast", spelled(theirs / mine)));
    }
    if words.is_empty() { format!("no better than {than}") } else { format!("beside {than}: {}", words.join(", ")) }
}

/// Two digits are all that an estimate has.
fn spelled(value: f64) -> String {
    if value < 10.0 {
        let text = format!("{value:.1}");
        return text.trim_end_matches(".0").to_owned();
    }
    let scale = 10_f64.powf(value.log10().floor() - 1.0);
    grouped(&format!("{:.0}", (value / scale).round() * scale))
}

/// `1234567` as `1,234,567`.
fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
