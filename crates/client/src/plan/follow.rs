//! The ways to know of changes.

use super::{Api, Candidate, Facts, ObjectFacts, Part, PlanCost, Range, Step};

const DAY_SECONDS: f64 = 86_400.0;
/// Objects that may be selected for change events without the add-on.
const SELECTED_MAX: usize = 5;
/// Formulas that are named in a warning.
const NAMED_MAX: usize = 3;

pub(super) fn candidates(object: &ObjectFacts, facts: &Facts) -> Vec<Candidate> {
    let assumed = &facts.assumptions;
    let changes = object.rows.by(assumed.changes_per_row);
    let bytes = changes.by(object.row_bytes);
    let no_events = (object.has_events == Some(false)).then(|| "the object raises no change events".to_owned());
    let mut warnings = Vec::new();
    if !object.silent_fields.is_empty() {
        let mut names: Vec<&str> = object.silent_fields.iter().take(NAMED_MAX).map(String::as_str).collect();
        if object.silent_fields.len() > NAMED_MAX {
            names.push("…");
        }
        warnings.push(format!(
            "formulas and roll-ups raise no event: {} ({}) have to be read again on a schedule",
            object.silent_fields.len(),
            names.join(", ")
        ));
    }
    let delivered = |lag: Range| PlanCost { deliveries: changes, bytes, seconds: lag, ..PlanCost::default() };
    let polled = polled(object, facts, changes);
    vec![
        Candidate {
            api: Api::PubSub,
            steps: vec![Step {
                what: "take change events from one stream (figures for 24 hours)".into(),
                cost: delivered(Range::new(0.5, 5.0)),
            }],
            impossible: no_events.clone(),
            warnings: warnings.clone(),
        },
        Candidate {
            api: Api::Cometd,
            steps: vec![Step {
                what: "take change events by long polling (figures for 24 hours)".into(),
                // The same deliveries; without flow control a burst waits in the client.
                cost: delivered(Range::new(0.5, 10.0)),
            }],
            impossible: no_events,
            warnings,
        },
        polled,
    ]
}

fn polled(object: &ObjectFacts, facts: &Facts, changes: Range) -> Candidate {
    let assumed = &facts.assumptions;
    let rounds = (DAY_SECONDS / assumed.poll_seconds.max(1.0)).ceil();
    // One query for what changed and one for what was deleted; a page for each further 2,000 changes.
    let more = Range { low: 0.0, high: (changes.high / assumed.rest_page_rows).ceil() };
    let calls = Range::exactly(rounds * 2.0).plus(more);
    let cost = PlanCost {
        calls,
        // What changed in the overlap is read twice.
        bytes: changes.by(object.row_bytes).times(2.2 * 1.5),
        seconds: Range::new(assumed.poll_seconds / 2.0, assumed.poll_seconds * 1.5),
        ..PlanCost::default()
    };
    Candidate {
        api: Api::Polling,
        steps: vec![Step {
            what: format!(
                "ask every {} s for what changed and what was deleted (figures for 24 hours)",
                assumed.poll_seconds
            ),
            cost,
        }],
        impossible: None,
        warnings: vec!["formulas and records deleted for good are only found by comparing now and then".to_owned()],
    }
}

/// More objects than may be selected is a matter of all of them.
pub(super) fn warn_of_many(parts: &mut [Part]) {
    let by_events = |part: &Part| matches!(part.api, Some(Api::PubSub | Api::Cometd));
    let many = parts.iter().filter(|part| by_events(part)).count();
    if many > SELECTED_MAX
        && let Some(last) = parts.iter_mut().rfind(|part| by_events(part))
    {
        last.warnings.push(format!(
            "{many} objects by events: without the add-on {SELECTED_MAX} can be selected in Setup > Change Data Capture; poll the others"
        ));
    }
}
