//! The ways to write.

use super::{Api, Assumptions, Candidate, Facts, ObjectFacts, PlanCost, Range, Step, WriteOperation};

/// Records of one collections request.
const COLLECTION: f64 = 200.0;
/// Nodes of one graph request.
const GRAPH: f64 = 500.0;
/// Graphs of one request.
const GRAPHS: f64 = 75.0;
/// How much longer a row takes in a transaction of its own. A guess, like every rate here.
const GRAPH_TRANSACTION: f64 = 4.0;
/// Rows of a batch that the org makes of an upload.
const BATCH: f64 = 10_000.0;
/// JSON says each field's name again in each row.
const JSON_FACTOR: f64 = 2.2;

pub(super) fn candidates(
    object: &ObjectFacts,
    operation: WriteOperation,
    all_or_none: bool,
    related: bool,
    facts: &Facts,
) -> Vec<Candidate> {
    let assumed = &facts.assumptions;
    vec![
        single(object, all_or_none, related, assumed),
        collections(object, all_or_none, related, assumed),
        graph(object, operation, all_or_none, related, assumed),
        ingest(object, all_or_none, related, assumed),
    ]
}

fn step(what: impl Into<String>, cost: PlanCost) -> Step {
    Step { what: what.into(), cost }
}

fn by_json(calls: Range, each: Range, at_once: f64, object: &ObjectFacts, assumed: &Assumptions) -> PlanCost {
    let bytes = object.bytes().times(JSON_FACTOR);
    let seconds = calls.by(each).times(1.0 / at_once.max(1.0)).plus(bytes.per(assumed.bytes_per_second));
    PlanCost { calls, bytes, seconds, ..PlanCost::default() }
}

fn single(object: &ObjectFacts, all_or_none: bool, related: bool, assumed: &Assumptions) -> Candidate {
    let cost = by_json(object.rows, assumed.rest_call_seconds, assumed.parallel_writes, object, assumed);
    let impossible = if all_or_none && object.rows.high > 1.0 {
        Some("each record is saved on its own, so all or none is not to be had".to_owned())
    } else if related {
        Some("a record that refers to another of the input has to wait for its id".to_owned())
    } else {
        None
    };
    Candidate { api: Api::Single, steps: vec![step("write one record a request", cost)], impossible, warnings: vec![] }
}

fn collections(object: &ObjectFacts, all_or_none: bool, related: bool, assumed: &Assumptions) -> Candidate {
    let calls = object.rows.pieces(COLLECTION);
    let cost = by_json(calls, assumed.collection_seconds, assumed.parallel_writes, object, assumed);
    let impossible = if all_or_none && object.rows.high > COLLECTION {
        Some("all or none holds within 200 records only".to_owned())
    } else if related {
        Some("records of one request cannot refer to each other".to_owned())
    } else {
        None
    };
    let steps = vec![step("write 200 records a request", cost)];
    Candidate { api: Api::Collections, steps, impossible, warnings: vec![] }
}

fn graph(
    object: &ObjectFacts,
    operation: WriteOperation,
    all_or_none: bool,
    related: bool,
    assumed: &Assumptions,
) -> Candidate {
    // A graph is saved as a whole, so rows that have nothing to do with each other need one each.
    let (size, slower) = if related || all_or_none { (GRAPH, 1.0) } else { (GRAPHS, GRAPH_TRANSACTION) };
    let calls = object.rows.pieces(size);
    let each = assumed.collection_seconds.times(slower * size / COLLECTION);
    let cost = by_json(calls, each, assumed.parallel_writes, object, assumed);
    let mut warnings = Vec::new();
    if related && object.rows.high > GRAPH {
        warnings
            .push("records that belong together must be in one request of 500, which is saved as a whole".to_owned());
    }
    let impossible = if all_or_none && object.rows.high > GRAPH {
        Some("all or none holds within 500 records only".to_owned())
    } else if operation == WriteOperation::Delete && object.rows.high > GRAPH * 75.0 {
        Some("made for records that refer to each other, not for so many deletions".to_owned())
    } else {
        None
    };
    Candidate {
        api: Api::Graph,
        steps: vec![step(format!("write graphs of up to {size} records in all"), cost)],
        impossible,
        warnings,
    }
}

fn ingest(object: &ObjectFacts, all_or_none: bool, related: bool, assumed: &Assumptions) -> Candidate {
    let bytes = object.bytes();
    let jobs = bytes.pieces(assumed.upload_bytes);
    let each = |range: Range, n: f64| Range { low: range.low / n.max(1.0), high: range.high / n.max(1.0) };
    let work = object.rows.per(assumed.bulk_ingest_rows_per_second).plus(assumed.bulk_queue_seconds);
    // The org works at several jobs at once, but they share its threads: the rows count.
    let polls = Range::new(
        jobs.low * Assumptions::polls(each(work, jobs.low).low),
        jobs.high * Assumptions::polls(each(work, jobs.high).high),
    );
    let uploaded = PlanCost {
        // Create, look before the upload, upload, close.
        calls: jobs.times(4.0),
        ingest_jobs: jobs,
        bytes,
        seconds: bytes.per(assumed.bytes_per_second).plus(jobs.times(4.0).by(assumed.rest_call_seconds)),
        ..PlanCost::default()
    };
    let waited = PlanCost {
        calls: polls,
        batches: Range::new(
            object.rows.pieces(BATCH).low.max(jobs.low),
            // Each job begins a batch of its own.
            object.rows.pieces(BATCH).high + jobs.high - 1.0,
        ),
        ingest_rows: object.rows,
        seconds: work,
        ..PlanCost::default()
    };
    let results = PlanCost {
        // Successful, failed, unprocessed; each holds the uploaded columns again.
        calls: jobs.times(3.0),
        bytes: bytes.times(1.1),
        seconds: bytes.times(1.1).per(assumed.bytes_per_second).plus(jobs.times(3.0).by(assumed.rest_call_seconds)),
        ..PlanCost::default()
    };
    let mut warnings = object.bulk_doubts.clone();
    let impossible = if all_or_none && object.rows.high > 1.0 {
        Some("a job saves its rows in chunks of 200, so all or none is not to be had".to_owned())
    } else if let Some((field, why)) = object.not_in_bulk.first() {
        Some(format!("{field}: {why}"))
    } else {
        None
    };
    if related {
        warnings.push(
            "rows that refer to each other are chunked apart: load parents first and refer by an external id"
                .to_owned(),
        );
    }
    let how_many =
        if jobs.high > 1.0 { "create jobs, upload one part to each, close" } else { "create a job, upload, close" };
    let steps =
        vec![step(how_many, uploaded), step("wait for it", waited), step("read the three result sets", results)];
    Candidate { api: Api::Ingest, steps, impossible, warnings }
}
