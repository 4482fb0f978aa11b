//! What shall go wrong with coming jobs: planned from outside, taken by a job when it is made, and carried out by the
//! worker and by whoever shows the job.
//!
//! A job of Bulk API 2.0 takes a plan when it is created, a batch of Bulk API 1.0 when it is added. What was taken stays
//! with the job, also when the plan is cleared or the org is kept and opened again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::one::RowError;
use crate::dml::{Input, Write};
use crate::{Millis, RecordId};

/// Most parents that a plan names.
const PARENTS_MAX: usize = 10_000;

/// Which jobs, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobPlan {
    /// Which jobs.
    #[serde(default, rename = "match")]
    pub matching: JobMatch,
    /// What happens.
    pub action: JobFault,
}

/// Which jobs a plan is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobMatch {
    /// API name of the object, in any case; any where it is left out.
    pub object: Option<String>,
    /// `insert`, `update`, `upsert`, `delete`, `hardDelete`, `query` or `queryAll`, in any case.
    pub operation: Option<String>,
    /// Which kind of job.
    pub kind: Option<JobKind>,
    /// So many fitting jobs pass unharmed first.
    pub after: u64,
    /// The `nth` fitting job, from 1: another way to say `after: nth - 1`.
    pub nth: Option<u64>,
    /// How many jobs are harmed; 1 where it is left out, 0 for no end.
    pub times: Option<u64>,
}

/// A kind of job, as plans tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// An ingest job of Bulk API 2.0.
    Ingest,
    /// A query job of Bulk API 2.0.
    Query,
    /// A batch of Bulk API 1.0.
    Batch,
}

/// What happens to a job. Several may be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobFault {
    /// It ends as `Failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<Failure>,
    /// Some of its rows fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<RowFault>,
    /// It waits in `UploadComplete` (a batch in `Queued`) for so long, milliseconds by the emulator's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_complete_ms: Option<Millis>,
    /// It stands in `InProgress` for so long before its first row, milliseconds by the emulator's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress_ms: Option<Millis>,
    /// Added to `numberRecordsProcessed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_off: Option<i64>,
    /// Added to `numberRecordsFailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_off: Option<i64>,
    /// Most rows of a page of a 2.0 query's results, whatever the client asks for: Salesforce may send fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_rows: Option<usize>,
    /// So many rows are missing at the end of each page of a 2.0 query's results; the count header says all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_rows: Option<usize>,
    /// The order of a 2.0 job's results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// `retries`: how often the server is said to have begun anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// `apexProcessingTime`, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apex_processing_ms: Option<u64>,
    /// `apiActiveProcessingTime`, milliseconds, in the place of the time it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_active_processing_ms: Option<u64>,
    /// `totalProcessingTime`, milliseconds, in the place of the time it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_processing_ms: Option<u64>,
}

/// A job that ends as `Failed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Failure {
    /// After so many rows, which stay done; the rest is unprocessed. 0: before the first. A job with fewer rows is
    /// completed. A query has no results whatever the number, which is shown as processed.
    pub after_rows: u64,
    /// `errorMessage` (of a batch: `stateMessage`), of the form `Code : text`. A job may fail without one.
    pub message: Option<String>,
}

/// Rows that fail without being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RowFault {
    /// The code, such as `UNABLE_TO_LOCK_ROW`.
    pub status_code: String,
    /// The text.
    pub message: String,
    /// API names of the fields it concerns.
    pub fields: Vec<String>,
    /// Every so many-th row of the upload: with 3 the third, the sixth and so on.
    pub every: Option<u64>,
    /// Rows that name one of these: in any cell, or as the record that is changed. With `every` both are met by either.
    pub parents: BTreeSet<String>,
    /// So many rows at most; any number where it is left out.
    pub most: Option<u64>,
}

impl Default for RowFault {
    fn default() -> Self {
        Self {
            status_code: "UNABLE_TO_LOCK_ROW".into(),
            message: "unable to obtain exclusive access to this record".into(),
            fields: Vec::new(),
            every: None,
            parents: BTreeSet::new(),
            most: None,
        }
    }
}

/// The order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As uploaded, or as the query found them.
    Kept,
    /// The other way round.
    Reversed,
    /// One that has to do with neither.
    Shuffled,
}

impl JobPlan {
    /// Whether it can be carried out as it stands.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        let action = &self.action;
        if *action == JobFault::default() {
            return Err("the action does nothing".into());
        }
        if action.page_rows == Some(0) {
            return Err("page_rows is 0: a page has at least one row".into());
        }
        if action.upload_complete_ms.or(action.in_progress_ms).is_some_and(|ms| ms < 0) {
            return Err("a job cannot wait for less than no time".into());
        }
        let Some(rows) = &action.rows else { return Ok(()) };
        if rows.every == Some(0) {
            return Err("every is 0: say 1 for all rows".into());
        }
        if rows.status_code.is_empty() {
            return Err("status_code is empty".into());
        }
        if rows.parents.len() > PARENTS_MAX {
            return Err(format!("at most {PARENTS_MAX} parents can be named"));
        }
        Ok(())
    }
}

impl JobFault {
    /// Whether a job fails here, having done so many rows: then with which message.
    pub(super) fn failure(&self, done: u64) -> Option<Option<String>> {
        self.fail.as_ref().filter(|fail| done >= fail.after_rows).map(|fail| fail.message.clone())
    }

    /// Where the rows from `from` to `to` have to stop, so that the job fails at its row.
    pub(super) fn stop(&self, to: usize) -> usize {
        let at = self.fail.as_ref().and_then(|fail| usize::try_from(fail.after_rows).ok());
        at.map_or(to, |at| to.min(at))
    }

    /// The error of a row, by its place in the upload from 0, where it is to fail. `failed`: how many did.
    pub(super) fn row(&self, at: usize, failed: u64, write: &Write) -> Option<RowError> {
        let rows = self.rows.as_ref()?;
        let all = rows.every.is_none() && rows.parents.is_empty();
        let nth = rows.every.is_some_and(|every| (at as u64 + 1).is_multiple_of(every));
        let due = all || nth || !rows.parents.is_empty() && names(write, &rows.parents);
        (due && rows.most.is_none_or(|most| failed < most)).then(|| RowError {
            code: rows.status_code.clone().into(),
            message: rows.message.clone(),
            fields: rows.fields.clone(),
        })
    }
}

/// An id in its long form, other text as it is.
fn long(text: &str) -> String {
    RecordId::parse(text).map_or_else(|| text.to_owned(), |id| id.to_string())
}

/// Whether a write names one of these, as a value or as the record itself.
fn names(write: &Write, wanted: &BTreeSet<String>) -> bool {
    let is = |text: &str| wanted.contains(&long(text));
    let input = |input: &Input| match input {
        Input::Text(text) | Input::Json(serde_json::Value::String(text)) => is(text),
        Input::Reference { value, .. } => is(value),
        Input::Json(serde_json::Value::Object(key)) => key.values().filter_map(|value| value.as_str()).any(is),
        _ => false,
    };
    match write {
        Write::Create { fields, .. } => fields.iter().any(|(_, value)| input(value)),
        Write::Update { id, fields, .. } => is(&id.to_string()) || fields.iter().any(|(_, value)| input(value)),
        Write::Upsert { value, fields, .. } => input(value) || fields.iter().any(|(_, value)| input(value)),
        Write::Delete { id, .. } | Write::HardDelete { id, .. } | Write::Undelete { id, .. } => is(&id.to_string()),
    }
}

/// A plan with its place in the list and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedJob {
    /// Its number, from 1.
    pub id: u64,
    /// The plan.
    #[serde(flatten)]
    pub plan: JobPlan,
    /// Fitting jobs so far.
    pub seen: u64,
    /// Jobs harmed so far.
    pub served: u64,
}

/// The plans of an org.
#[derive(Debug, Default)]
pub struct JobPlans {
    plans: Vec<PlannedJob>,
    count: u64,
}

impl JobPlans {
    /// Adds a plan and gives its number.
    pub fn plan(&mut self, mut plan: JobPlan) -> u64 {
        if let Some(rows) = &mut plan.action.rows {
            rows.parents = rows.parents.iter().map(|parent| long(parent)).collect();
        }
        self.count += 1;
        self.plans.push(PlannedJob { id: self.count, plan, seen: 0, served: 0 });
        self.count
    }

    /// All plans, spent ones too.
    pub fn list(&self) -> &[PlannedJob] {
        &self.plans
    }

    /// Takes a plan away. `false` where there was none.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.plans.len();
        self.plans.retain(|planned| planned.id != id);
        self.plans.len() != before
    }

    /// Takes all plans away.
    pub fn clear(&mut self) {
        self.plans.clear();
    }

    /// What shall happen to a new job. Every fitting plan counts it; the first that is due is served.
    pub(super) fn take(&mut self, kind: JobKind, object: &str, operation: &str) -> Option<Arc<JobFault>> {
        let mut taken = None;
        for planned in &mut self.plans {
            let matching = &planned.plan.matching;
            let fits = matching.kind.is_none_or(|wanted| wanted == kind)
                && matching.object.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(object))
                && matching.operation.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(operation));
            if !fits {
                continue;
            }
            planned.seen += 1;
            let after = matching.nth.map_or(matching.after, |n| n.saturating_sub(1));
            let times = matching.times.unwrap_or(1);
            if taken.is_none() && planned.seen > after && (times == 0 || planned.served < times) {
                planned.served += 1;
                taken = Some(Arc::new(planned.plan.action.clone()));
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> JobPlan {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_nth_fitting_job_is_harmed_and_so_many_times() {
        let mut plans = JobPlans::default();
        let text = r#"{"match":{"object":"account","kind":"ingest","nth":2,"times":2},"action":{"retries":1}}"#;
        plans.plan(plan(text));
        let hits: Vec<bool> = (0..5).map(|_| plans.take(JobKind::Ingest, "Account", "insert").is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(plans.take(JobKind::Query, "Account", "query").is_none());
        assert!(plans.take(JobKind::Ingest, "Contact", "insert").is_none());
        assert_eq!((plans.list()[0].seen, plans.list()[0].served), (5, 2));
    }

    #[test]
    fn rows_are_chosen_by_their_number_and_by_the_parents_they_name() {
        let mut plans = JobPlans::default();
        let parent = RecordId::new(*b"001", *b"TG", 7);
        let short = parent.as_15();
        plans.plan(plan(&format!(r#"{{"action":{{"rows":{{"every":3,"parents":["{short}"],"most":2}}}}}}"#)));
        let fault = plans.take(JobKind::Ingest, "Contact", "insert").unwrap();
        let object = crate::schema::standard().find("Contact").unwrap().0;
        let write =
            |value: &str| Write::Create { object, fields: vec![("AccountId".into(), Input::Text(value.into()))] };
        assert!(fault.row(0, 0, &write("x")).is_none());
        assert_eq!(fault.row(2, 0, &write("x")).unwrap().code, "UNABLE_TO_LOCK_ROW");
        assert!(fault.row(0, 0, &write(&parent.to_string())).is_some());
        assert!(fault.row(2, 2, &write("x")).is_none(), "two have failed already");
        assert!(fault.row(0, 0, &Write::Delete { object, id: parent }).is_some());
    }

    #[test]
    fn a_plan_that_cannot_be_carried_out_is_refused() {
        for text in [
            r#"{"action":{}}"#,
            r#"{"action":{"page_rows":0}}"#,
            r#"{"action":{"rows":{"every":0}}}"#,
            r#"{"action":{"rows":{"status_code":""}}}"#,
            r#"{"action":{"in_progress_ms":-1}}"#,
        ] {
            assert!(plan(text).check().is_err(), "{text}");
        }
        assert!(plan(r#"{"action":{"fail":{}}}"#).check().is_ok());
    }
}
