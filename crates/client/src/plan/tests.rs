//! Plans as a table: what is given, and what is chosen.

use super::*;

fn read(rows: u64) -> Facts {
    Facts::new(Task::Read, vec![ObjectFacts::new("Account", rows, 400)])
}

fn write(rows: u64) -> Facts {
    let task = Task::Write { operation: WriteOperation::Insert, all_or_none: false, related: false };
    Facts::new(task, vec![ObjectFacts::new("Account", rows, 400)])
}

fn chosen(facts: &Facts) -> Option<Api> {
    Plan::of(facts).parts[0].api
}

#[test]
fn the_way_follows_the_size_and_the_hurry() {
    use Urgency::*;
    let cases = [
        (read(0), Minutes, Api::Rest),
        (read(1_500), Now, Api::Rest),
        (read(1_500), Overnight, Api::Rest),
        (read(10_000), Minutes, Api::Rest),
        (read(3_000_000), Now, Api::Bulk),
        (read(3_000_000), Minutes, Api::Bulk),
        (read(3_000_000), Overnight, Api::Bulk),
        (write(1), Now, Api::Single),
        (write(1), Overnight, Api::Single),
        (write(150), Minutes, Api::Collections),
        (write(500), Now, Api::Collections),
        (write(100_000), Minutes, Api::Ingest),
        (write(1_000_000), Overnight, Api::Ingest),
    ];
    for (facts, urgency, api) in cases {
        let rows = facts.objects[0].rows.high;
        let facts = Facts { urgency, ..facts };
        assert_eq!(chosen(&facts), Some(api), "{:?} {rows} rows, {urgency:?}", facts.task);
    }
    // Salesforce's rule of thumb for writing is 2,000 rows; ours changes over in its neighbourhood.
    let turn = (100..20_000).step_by(100).find(|rows| chosen(&write(*rows)) == Some(Api::Ingest)).unwrap();
    assert!((1_000..8_000).contains(&turn), "{turn}");
}

#[test]
fn a_larger_job_never_goes_back_to_a_smaller_way() {
    for make in [read, write] {
        for urgency in [Urgency::Now, Urgency::Minutes, Urgency::Overnight] {
            let ways: Vec<Api> = (0..=24)
                .map(|n| 10_u64.pow(n / 4) * [1, 2, 3, 6][n as usize % 4])
                .filter_map(|rows| chosen(&Facts { urgency, ..make(rows) }))
                .collect();
            let mut distinct = ways.clone();
            distinct.dedup();
            let mut sorted = distinct.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(distinct.len(), sorted.len(), "{urgency:?}: {distinct:?}");
        }
    }
}

#[test]
fn what_bulk_does_not_do_goes_by_rest() {
    let mut facts = read(3_000_000);
    facts.objects[0].only_rest = vec!["subqueries".into()];
    let plan = Plan::of(&facts);
    assert_eq!(plan.parts[0].api, Some(Api::Rest));
    assert_eq!(plan.parts[0].why, "the only way that does this");
    let bulk = plan.parts[0].alternatives.iter().find(|other| other.api == Api::Bulk).unwrap();
    assert_eq!((bulk.why_not.as_str(), bulk.cost), ("Bulk takes no subqueries", None));
}

#[test]
fn a_spent_allowance_leads_to_another_way_and_says_so() {
    let mut facts = read(3_000_000);
    facts.allowances.insert(Kind::QueryJobs, Allowance { allowed: 10_000, used: 9_600, stop: 9_500 });
    let plan = Plan::of(&facts);
    assert_eq!(plan.parts[0].api, Some(Api::Bulk1), "{plan:#?}");
    assert_eq!(plan.parts[0].why, "the only way that fits into what is left");
    assert!(plan.fits);
    let bulk = plan.parts[0].alternatives.iter().find(|other| other.api == Api::Bulk).unwrap();
    assert_eq!(bulk.why_not, "does not fit into what is left of the Bulk query jobs");
    // And if nothing fits, that is said, not hidden.
    facts.allowances.insert(Kind::Requests, Allowance { allowed: 15_000, used: 14_250, stop: 14_250 });
    let plan = Plan::of(&facts);
    assert!(!plan.fits);
    assert!(plan.parts[0].why.starts_with("no way fits"), "{}", plan.parts[0].why);
}

#[test]
fn the_first_limit_is_the_fullest() {
    let mut facts = Facts { overrule: Some(Api::Ingest), ..write(5_000_000) };
    facts.allowances.insert(Kind::Requests, Allowance { allowed: 100_000, used: 10_000, stop: 95_000 });
    facts.allowances.insert(Kind::IngestBatches, Allowance { allowed: 15_000, used: 14_000, stop: 14_250 });
    let plan = Plan::of(&facts);
    assert_eq!(plan.first_limit, Some(Kind::IngestBatches));
    let batches = plan.shares.iter().find(|share| share.kind == Kind::IngestBatches).unwrap();
    assert!(batches.needed.low >= 500.0 && !batches.fits, "{batches:?}");
}

#[test]
fn the_user_may_overrule_and_is_told_what_it_costs() {
    let facts = Facts { overrule: Some(Api::Rest), ..read(3_000_000) };
    let plan = Plan::of(&facts);
    assert_eq!(plan.parts[0].api, Some(Api::Rest));
    assert_eq!(plan.parts[0].why, "you chose it; beside Bulk 2.0 query: 1,400 calls more, 5 times the time");
    let same = Plan::of(&Facts { overrule: Some(Api::Bulk), ..read(3_000_000) });
    assert_eq!(same.parts[0].why, "you chose it, and so would we");
    let wrong = Plan::of(&Facts { overrule: Some(Api::Collections), ..read(10) });
    assert!(!wrong.fits && wrong.parts[0].api.is_none());
    assert_eq!(wrong.parts[0].why, "sObject Collections does not do this");
}

#[test]
fn all_or_none_and_files_rule_ways_out() {
    let task = Task::Write { operation: WriteOperation::Insert, all_or_none: true, related: true };
    let facts = Facts::new(task, vec![ObjectFacts::new("Account", 300, 400)]);
    assert_eq!(chosen(&facts), Some(Api::Graph));
    let many = Facts { objects: vec![ObjectFacts::new("Account", 501, 400)], ..facts };
    assert_eq!(chosen(&many), None);
    let mut files = write(50_000);
    files.objects[0].not_in_bulk = vec![("Body".into(), "files are not carried by Bulk 2.0".into())];
    let plan = Plan::of(&files);
    assert_eq!(plan.parts[0].api, Some(Api::Collections));
    let ingest = plan.parts[0].alternatives.iter().find(|other| other.api == Api::Ingest).unwrap();
    assert_eq!(ingest.why_not, "Body: files are not carried by Bulk 2.0");
}

#[test]
fn following_prefers_events_until_deliveries_run_out() {
    let mut facts = Facts::new(Task::Follow, vec![ObjectFacts::new("Contact", 5_000, 400)]);
    facts.allowances.insert(Kind::EventDeliveries, Allowance { allowed: 10_000, used: 0, stop: 9_500 });
    let plan = Plan::of(&facts);
    assert_eq!(plan.parts[0].api, Some(Api::PubSub));
    assert!(plan.endless && plan.fits);
    facts.objects[0].rows = Range::exactly(2_000_000.0);
    let plan = Plan::of(&facts);
    assert_eq!(plan.parts[0].api, Some(Api::Polling));
    facts.objects = (0..7).map(|n| ObjectFacts::new(format!("O{n}__c"), 100, 400)).collect();
    let plan = Plan::of(&facts);
    assert!(plan.parts[6].warnings.iter().any(|warning| warning.starts_with("7 objects by events")));
    assert!(plan.total.seconds.high < 60.0, "the lag of several objects is not their sum");
}

#[test]
fn several_objects_share_the_limits() {
    let mut facts = read(1_000);
    facts.objects = vec![ObjectFacts::new("A", 1_000, 400), ObjectFacts::new("B", 1_000, 400)];
    facts.allowances.insert(Kind::Requests, Allowance { allowed: 100, used: 93, stop: 94 });
    let plan = Plan::of(&facts);
    assert!(!plan.fits, "each of them alone would fit, both do not");
    assert_eq!(plan.total.calls, Range::exactly(2.0));
}

#[test]
fn a_query_too_long_for_a_url_is_counted_in_parts() {
    let mut facts = read(1_000);
    facts.objects[0].query_bytes = 40_000;
    facts.overrule = Some(Api::Rest);
    let plan = Plan::of(&facts);
    assert_eq!(plan.total.calls, Range::exactly(3.0));
    assert!(plan.parts[0].warnings[0].contains("3 parts"));
}

#[test]
fn figures_in_words() {
    assert_eq!([0.25, 1.0, 9.96, 12.3, 1_499.0, 123_456.0].map(spelled), ["0.2", "1", "10", "12", "1,500", "120,000"]);
}
