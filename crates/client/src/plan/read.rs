//! The ways to read.

use super::{Api, Assumptions, Candidate, Facts, ObjectFacts, PlanCost, Range, Step, Task, Urgency};

/// Bytes of a URL that carry a query.
const URL_BYTES_MAX: usize = crate::query::QUERY_URL_BYTES_MAX;
/// Characters of a query that Bulk takes.
const SOQL_MAX: usize = 100_000;
/// Ids of one request.
const RETRIEVE_IDS: f64 = 2_000.0;
/// JSON says each field's name again in each row.
const JSON_FACTOR: f64 = 2.2;

pub(super) fn candidates(object: &ObjectFacts, facts: &Facts) -> Vec<Candidate> {
    debug_assert!(matches!(facts.task, Task::Read));
    let assumed = &facts.assumptions;
    let mut all = vec![rest(object, assumed)];
    if object.ids_known {
        all.push(retrieve(object, assumed));
    }
    all.push(bulk(object, assumed, facts.urgency));
    all.push(bulk1(object, assumed));
    all
}

fn step(what: impl Into<String>, cost: PlanCost) -> Step {
    Step { what: what.into(), cost }
}

/// How many pages: fewer rows in each where rows are wide.
fn pages(object: &ObjectFacts, assumed: &Assumptions) -> Range {
    let wide = object.row_bytes.high * JSON_FACTOR;
    let rows_wide = (assumed.rest_page_bytes / wide.max(1.0)).clamp(200.0, assumed.rest_page_rows);
    let (few, many) = (object.rows.pieces(assumed.rest_page_rows), object.rows.pieces(rows_wide));
    Range::new(few.low, many.high)
}

fn rest(object: &ObjectFacts, assumed: &Assumptions) -> Candidate {
    let mut warnings = Vec::new();
    let mut pages = pages(object, assumed);
    // A query that is too long for a URL is asked in parts, each with some of the fields.
    let parts = object.query_bytes.div_ceil(URL_BYTES_MAX).max(1) as f64;
    if parts > 1.0 {
        pages = pages.times(parts);
        warnings.push(format!(
            "the query needs {} bytes of URL and {URL_BYTES_MAX} fit: it is asked in {parts} parts that are joined by Id",
            object.query_bytes
        ));
    }
    let bytes = object.bytes().times(JSON_FACTOR);
    let seconds = pages.by(assumed.rest_page_seconds).plus(bytes.per(assumed.bytes_per_second));
    let cost = PlanCost { calls: pages, bytes, seconds, ..PlanCost::default() };
    let what = format!("read pages of up to {} rows", super::grouped(&assumed.rest_page_rows.to_string()));
    Candidate { api: Api::Rest, steps: vec![step(what, cost)], impossible: None, warnings }
}

fn retrieve(object: &ObjectFacts, assumed: &Assumptions) -> Candidate {
    let calls = object.rows.pieces(RETRIEVE_IDS);
    let bytes = object.bytes().times(JSON_FACTOR);
    let seconds = calls.by(assumed.rest_page_seconds).plus(bytes.per(assumed.bytes_per_second));
    let cost = PlanCost { calls, bytes, seconds, ..PlanCost::default() };
    let steps = vec![step("read up to 2,000 ids in a request", cost)];
    Candidate { api: Api::Retrieve, steps, impossible: None, warnings: vec![] }
}

/// Why Bulk cannot do it, whichever version.
fn no_bulk(object: &ObjectFacts) -> Option<String> {
    if !object.only_rest.is_empty() {
        return Some(format!("Bulk takes no {}", object.only_rest.join(", no ")));
    }
    (object.query_bytes > SOQL_MAX).then(|| format!("the query is longer than {SOQL_MAX} characters"))
}

fn bulk_warnings(object: &ObjectFacts) -> Vec<String> {
    let mut warnings = object.bulk_doubts.clone();
    for (field, why) in &object.not_in_bulk {
        warnings.push(format!("{field} is left out: {why}"));
    }
    warnings
}

fn bulk(object: &ObjectFacts, assumed: &Assumptions, urgency: Urgency) -> Candidate {
    let mut warnings = bulk_warnings(object);
    if object.in_one_piece {
        warnings.push("ORDER BY and LIMIT make the org run the query in one piece, which is slower".to_owned());
    }
    let bytes = object.bytes();
    let mut work = object.rows.per(assumed.bulk_query_rows_per_second);
    if object.in_one_piece {
        work = Range::new(work.low, work.high * 3.0);
    }
    let work = work.plus(assumed.bulk_queue_seconds);
    let polls = Range::new(Assumptions::polls(work.low), Assumptions::polls(work.high));
    let pages = Range::new(
        object.rows.pieces(assumed.bulk_page_rows.high).low,
        object.rows.pieces(assumed.bulk_page_rows.low).high,
    );
    let created = PlanCost {
        calls: Range::exactly(1.0),
        query_jobs: Range::exactly(1.0),
        seconds: assumed.rest_call_seconds,
        result_bytes: bytes,
        ..PlanCost::default()
    };
    let waited = PlanCost { calls: polls, seconds: work, ..PlanCost::default() };
    let read = PlanCost {
        calls: pages,
        bytes,
        seconds: bytes.per(assumed.bytes_per_second).plus(pages.by(assumed.rest_call_seconds)),
        ..PlanCost::default()
    };
    let deleted = PlanCost { calls: Range::exactly(1.0), seconds: assumed.rest_call_seconds, ..PlanCost::default() };
    let pause = if urgency == Urgency::Now { "wait for it, soon at first" } else { "wait for it" };
    let steps = vec![
        step("create a query job", created),
        step(pause, waited),
        step("read the result pages as CSV", read),
        step("delete the job", deleted),
    ];
    Candidate { api: Api::Bulk, steps, impossible: no_bulk(object), warnings }
}

fn bulk1(object: &ObjectFacts, assumed: &Assumptions) -> Candidate {
    let chunks = object.rows.pieces(assumed.pk_chunk_rows);
    let bytes = object.bytes();
    let work = object.rows.per(assumed.bulk_query_rows_per_second).plus(assumed.bulk_queue_seconds.times(1.5));
    let polls = Range::new(Assumptions::polls(work.low), Assumptions::polls(work.high));
    // One more batch stands for the query itself.
    let batches = chunks.plus(Range::exactly(1.0));
    let created = PlanCost {
        calls: Range::exactly(3.0),
        batches,
        seconds: assumed.rest_call_seconds.times(3.0),
        ..PlanCost::default()
    };
    let waited = PlanCost { calls: polls, seconds: work, ..PlanCost::default() };
    let read = PlanCost {
        // For each chunk the list of its results, and at least one result.
        calls: chunks.times(2.0),
        bytes,
        seconds: bytes.per(assumed.bytes_per_second).plus(chunks.times(2.0).by(assumed.rest_call_seconds)),
        ..PlanCost::default()
    };
    let steps = vec![
        step("create a job with PK chunking, add the query, close", created),
        step("wait for the batches", waited),
        step("read the results of each chunk", read),
    ];
    let impossible = no_bulk(object)
        .or_else(|| object.in_one_piece.then(|| "PK chunking takes neither ORDER BY nor LIMIT".to_owned()));
    Candidate { api: Api::Bulk1, steps, impossible, warnings: bulk_warnings(object) }
}
