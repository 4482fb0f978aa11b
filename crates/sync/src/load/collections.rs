//! By sObject Collections: up to 200 records a call, one call after the other, so that rows that concern the same record
//! are written in the order of the file.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use serde::Deserialize;
use serde_json::json;
use tidegate_client::{ApiError, ApiVersion, Call, Error, LostHow};

use super::LoadOperation;
use super::bulk::pause;
use super::check::Part;
use super::columns::Target;
use super::input::Row;
use super::ledger::Step;
use super::limits::{CALL_BYTES, CALL_ROWS, LOCK_ROUNDS, RESEND_WAIT, RESENDS_MAX};
use super::outcome::{Outcome, Tally, is_lock};
use super::run::{Books, Halt, PartRows, Work};
use super::wire::record;
use super::{LoadError, LoadProgress};

/// `/composite/sobjects`: writes records, each with a result of its own. Never sent again by the transport when the
/// answer was lost: whether that does harm depends on what is written, and what a second answer means, too.
#[derive(Debug, Clone)]
pub(crate) struct WriteRecords<'a> {
    object: &'a str,
    operation: &'a LoadOperation,
    records: &'a [Bytes],
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    id: Option<String>,
    success: bool,
    #[serde(default)]
    created: Option<bool>,
    #[serde(default)]
    errors: Vec<ApiError>,
}

impl Call for WriteRecords<'_> {
    type Reply = Vec<Written>;

    fn what(&self) -> String {
        format!("writing {} records of {}", self.records.len(), self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let base = format!("{}/composite/sobjects", api.base_path());
        let (method, path) = match self.operation {
            LoadOperation::Insert => (Method::POST, base),
            LoadOperation::Update => (Method::PATCH, base),
            LoadOperation::Upsert { external_id } => (Method::PATCH, format!("{base}/{}/{external_id}", self.object)),
            LoadOperation::Delete | LoadOperation::HardDelete => {
                let ids: Vec<&str> = self.records.iter().filter_map(|id| std::str::from_utf8(id).ok()).collect();
                (Method::DELETE, format!("{base}?ids={}&allOrNone=false", ids.join(",")))
            }
        };
        let mut builder = Request::builder().method(&method).uri(path).header(header::ACCEPT, "application/json");
        let mut body = Vec::new();
        if method != Method::DELETE {
            builder = builder.header(header::CONTENT_TYPE, "application/json; charset=UTF-8");
            body.extend_from_slice(br#"{"allOrNone":false,"records":["#);
            for (n, record) in self.records.iter().enumerate() {
                if n > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(record);
            }
            body.extend_from_slice(b"]}");
        }
        builder
            .body(body.into())
            .map_err(|source| Error::Config { message: format!("the request cannot be written: {source}"), hint: None })
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<Written>, Error> {
        let decode = |source: Box<dyn std::error::Error + Send + Sync>| Error::Decode {
            what: self.what(),
            source: Arc::from(source),
        };
        let written: Vec<Written> = serde_json::from_slice(response.body()).map_err(|e| decode(e.into()))?;
        // Results are in the order of the records; with another number of them nobody can say which is whose.
        if written.len() != self.records.len() {
            let words = format!("{} results came for {} records", written.len(), self.records.len());
            return Err(decode(words.into()));
        }
        Ok(written)
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        false
    }
}

/// How a call failed as a whole.
enum Failed {
    /// Nothing was written, as a record that all of them need was held by another transaction.
    Locked(Error),
    /// Nothing was written, and the request itself is at fault.
    Refused(Error),
    /// Nothing was written; no further call will do better.
    NotDone(Error),
    /// It may have been done.
    Lost(Error),
}

fn failed(error: Error) -> Failed {
    match &error {
        Error::Transport { how: LostHow::Unreachable | LostHow::Untrusted, .. } => Failed::NotDone(error),
        Error::Transport { .. } | Error::Decode { .. } => Failed::Lost(error),
        Error::Api { status: 408 | 500 | 502 | 504, .. } => Failed::Lost(error),
        Error::Api { errors, .. } if errors.iter().any(|e| is_lock(&e.code)) => Failed::Locked(error),
        Error::Api { status: 400, errors, .. } if errors.iter().any(is_about_a_record) => Failed::Refused(error),
        _ => Failed::NotDone(error),
    }
}

/// Codes with which a whole call is refused because of one of its records. A job would refuse that row only.
fn is_about_a_record(error: &ApiError) -> bool {
    matches!(
        error.code.as_str(),
        "JSON_PARSER_ERROR"
            | "INVALID_FIELD"
            | "INVALID_TYPE_ON_FIELD_IN_RECORD"
            | "MALFORMED_ID"
            | "INVALID_ID_FIELD"
            | "POST_BODY_PARSE_ERROR"
    )
}

/// Loads all parts.
pub(crate) async fn run(work: &Arc<Work>, parts: &[Part], books: &mut Books) -> Result<(), LoadError> {
    for part in parts {
        if work.halted().is_some() {
            books.part(work, part, &Outcome::Unprocessed)?;
            continue;
        }
        let mut rows = PartRows::open(work, part)?;
        let mut tally = Tally::default();
        let mut chunk = Chunk::default();
        let mut row = Row::default();
        while rows.next(&mut row)? {
            if work.halted().is_some() {
                chunk.unsent(books, &mut tally)?;
                books.row(&row, &Outcome::Unprocessed, None, &mut tally)?;
                continue;
            }
            let body = body(work, &row);
            if chunk.is_full(body.len()) {
                chunk.send(work, part, books, &mut tally).await?;
            }
            chunk.bytes += body.len();
            chunk.bodies.push(body);
            chunk.rows.push(row.clone());
        }
        chunk.send(work, part, books, &mut tally).await?;
        books.close(work, part, tally)?;
    }
    Ok(())
}

/// A record as it goes into a call: JSON, or the bare id of one to be deleted.
fn body(work: &Work, row: &Row) -> Bytes {
    if work.operation.is_delete() {
        let id = work.columns.sent.iter().find(|column| column.target == Target::Id);
        let id = id.and_then(|column| row.get(column.at)).unwrap_or_default().trim();
        return Bytes::copy_from_slice(id.as_bytes());
    }
    let record = record(&work.object, &work.columns, row, &work.prefixes);
    // A map of text, numbers and maps is always JSON.
    serde_json::to_vec(&json!(record)).unwrap_or_default().into()
}

/// Rows of one call.
#[derive(Default)]
struct Chunk {
    rows: Vec<Row>,
    bodies: Vec<Bytes>,
    bytes: usize,
}

impl Chunk {
    fn is_full(&self, more: usize) -> bool {
        !self.rows.is_empty() && (self.rows.len() >= CALL_ROWS || self.bytes + more > CALL_BYTES)
    }

    /// Accounts for rows that are not begun any more.
    fn unsent(&mut self, books: &mut Books, tally: &mut Tally) -> Result<(), LoadError> {
        for row in std::mem::take(self).rows {
            books.row(&row, &Outcome::Unprocessed, None, tally)?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        work: &Arc<Work>,
        part: &Part,
        books: &mut Books,
        tally: &mut Tally,
    ) -> Result<(), LoadError> {
        let chunk = std::mem::take(self);
        let (Some(first), Some(last)) = (chunk.rows.first(), chunk.rows.last()) else { return Ok(()) };
        let (first_line, last_line) = (first.line, last.line);
        if !work.input.is_unchanged() {
            work.halt(Halt::FileChanged);
        }
        let rows = chunk.rows.len() as u64;
        let mut outcomes: Vec<Option<Outcome>> = vec![None; chunk.rows.len()];
        if work.halted().is_none() {
            work.note(Step::Sending { part: part.number, first_line, last_line, rows })?;
            let all: Vec<usize> = (0..chunk.rows.len()).collect();
            let why = call(work, &chunk.bodies, &all, &mut outcomes).await;
            books.lock_retries += locked_again(work, &chunk.bodies, &mut outcomes).await;
            if let Some(why) = why {
                work.note(Step::NotAnswered { part: part.number, first_line, last_line, why: why.to_string() })?;
            }
        }
        let mut of_chunk = Tally::default();
        for (row, outcome) in chunk.rows.iter().zip(&outcomes) {
            books.row(row, outcome.as_ref().unwrap_or(&Outcome::Unprocessed), None, &mut of_chunk)?;
        }
        *tally += of_chunk;
        // The rows first, the ledger then: it never says more than is on the disk.
        books.sync()?;
        work.note(Step::Answered { part: part.number, first_line, last_line, tally: of_chunk })?;
        work.tell(LoadProgress::Processed { part: part.number, rows });
        Ok(())
    }
}

/// Sends some records, and halves a call that is refused as a whole because of one of them. What stays `None` was not
/// done. The error is the last of a call that had no results.
async fn call(work: &Work, bodies: &[Bytes], which: &[usize], outcomes: &mut [Option<Outcome>]) -> Option<Error> {
    let mut last = None;
    let mut waiting = vec![which.to_vec()];
    let mut single = 0;
    while let Some(which) = waiting.pop() {
        if work.halted().is_some() {
            return last;
        }
        let records: Vec<Bytes> = which.iter().filter_map(|at| bodies.get(*at).cloned()).collect();
        let (answer, resent) = send(work, &records).await;
        match answer {
            Ok(written) => {
                for (at, written) in which.iter().zip(written) {
                    if let Some(slot) = outcomes.get_mut(*at) {
                        *slot = Some(outcome(work, written, resent, bodies.get(*at)));
                    }
                }
            }
            Err(Failed::Refused(error)) => {
                if let [at] = which.as_slice() {
                    single += 1;
                    if let Some(slot) = outcomes.get_mut(*at) {
                        *slot = Some(Outcome::Failed { id: None, error: words(&error).into() });
                    }
                    // Not one record that is refused, but all of them: the load itself is at fault.
                    if single >= 10 && !outcomes.iter().any(|o| matches!(o, Some(Outcome::Succeeded { .. }))) {
                        work.halt(Halt::Org(error.clone()));
                    }
                } else {
                    let (first, second) = which.split_at(which.len() / 2);
                    // The first half comes first, so that the order of the file is kept.
                    waiting.push(second.to_vec());
                    waiting.push(first.to_vec());
                }
                last = Some(error);
            }
            Err(Failed::Locked(error)) => {
                for at in &which {
                    if let Some(slot) = outcomes.get_mut(*at) {
                        *slot = Some(Outcome::Failed { id: None, error: words(&error).into() });
                    }
                }
                last = Some(error);
            }
            Err(Failed::NotDone(error)) => {
                work.halt(Halt::Org(error.clone()));
                last = Some(error);
            }
            Err(Failed::Lost(error)) => {
                for at in &which {
                    if let Some(slot) = outcomes.get_mut(*at) {
                        *slot = Some(Outcome::Unknown);
                    }
                }
                let halt = if work.operation.may_resend() { Halt::Org } else { Halt::Unknown };
                work.halt(halt(error.clone()));
                last = Some(error);
            }
        }
    }
    last
}

/// One call; sent again after a lost answer where that does no harm. Says whether it was.
async fn send(work: &Work, records: &[Bytes]) -> (Result<Vec<Written>, Failed>, bool) {
    let write = WriteRecords { object: &work.object, operation: &work.operation, records };
    let mut lost = 0;
    loop {
        let error = match work.client.send(&write).await {
            Ok(written) => return (Ok(written), lost > 0),
            Err(error) => failed(error),
        };
        match error {
            Failed::Lost(error) if work.operation.may_resend() && lost < RESENDS_MAX && !work.stop.is_cancelled() => {
                let after = RESEND_WAIT.min(work.lock_wait) * 2u32.pow(lost);
                lost += 1;
                work.tell(LoadProgress::Again { why: error.to_string(), rows: records.len() as u64, after });
                pause(work, after).await;
            }
            // What was lost before may have been done, whatever this answer says.
            Failed::NotDone(error) | Failed::Refused(error) | Failed::Locked(error) if lost > 0 => {
                return (Err(Failed::Lost(error)), true);
            }
            other => return (Err(other), lost > 0),
        }
    }
}

fn outcome(work: &Work, written: Written, resent: bool, body: Option<&Bytes>) -> Outcome {
    let id = written.id.filter(|id| !id.is_empty());
    if written.success {
        let created = match &work.operation {
            LoadOperation::Insert => Some(true),
            LoadOperation::Upsert { .. } => written.created.filter(|created| *created || !resent),
            _ => Some(false),
        };
        return Outcome::Succeeded { id: id.unwrap_or_default().into(), created };
    }
    // The first of two calls has deleted it.
    if resent && work.operation.is_delete() && written.errors.iter().any(|e| e.code == "ENTITY_IS_DELETED") {
        let id = id.or_else(|| body.and_then(|body| String::from_utf8(body.to_vec()).ok())).unwrap_or_default();
        return Outcome::Succeeded { id: id.into(), created: Some(false) };
    }
    Outcome::Failed { id: id.map(Into::into), error: all_words(&written.errors).into() }
}

/// Sends rows again that could not be locked; they were not written. Says how many were sent again.
async fn locked_again(work: &Work, bodies: &[Bytes], outcomes: &mut [Option<Outcome>]) -> u64 {
    let mut sent = 0;
    for round in 0..LOCK_ROUNDS {
        let is_locked = |o: &Option<Outcome>| matches!(o, Some(Outcome::Failed { error, .. }) if is_lock(error));
        let which: Vec<usize> = outcomes.iter().enumerate().filter(|(_, o)| is_locked(o)).map(|(at, _)| at).collect();
        if which.is_empty() || work.halted().is_some() {
            break;
        }
        let after = work.lock_wait * 2u32.pow(round);
        work.tell(LoadProgress::Again { why: "UNABLE_TO_LOCK_ROW".to_owned(), rows: which.len() as u64, after });
        pause(work, after).await;
        sent += which.len() as u64;
        call(work, bodies, &which, outcomes).await;
    }
    sent
}

/// As Bulk results say it: `CODE:message:fields --`.
fn all_words(errors: &[ApiError]) -> String {
    let one = |e: &ApiError| format!("{}:{}:{} --", e.code, e.message, e.fields.join(","));
    errors.iter().map(one).collect::<Vec<_>>().join(";")
}

fn words(error: &Error) -> String {
    match error {
        Error::Api { errors, .. } if !errors.is_empty() => all_words(errors),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V66: ApiVersion = ApiVersion::new(66);

    fn request(operation: LoadOperation, records: &[&'static str]) -> (String, String) {
        let records: Vec<Bytes> = records.iter().map(|r| Bytes::from_static(r.as_bytes())).collect();
        let call = WriteRecords { object: "Contact", operation: &operation, records: &records };
        let request = call.request(V66).unwrap();
        assert!(!call.is_idempotent(request.method()), "a lost answer is for the load to judge");
        (format!("{} {}", request.method(), request.uri()), String::from_utf8(request.body().to_vec()).unwrap())
    }

    #[test]
    fn calls_are_as_documented() {
        let body = r#"{"allOrNone":false,"records":[{"a":1},{"b":2}]}"#;
        let records = [r#"{"a":1}"#, r#"{"b":2}"#];
        let path = "/services/data/v66.0/composite/sobjects";
        assert_eq!(request(LoadOperation::Insert, &records), (format!("POST {path}"), body.into()));
        assert_eq!(request(LoadOperation::Update, &records), (format!("PATCH {path}"), body.into()));
        let upsert = LoadOperation::Upsert { external_id: "Ext__c".into() };
        assert_eq!(request(upsert, &records), (format!("PATCH {path}/Contact/Ext__c"), body.into()));
        let deleted = request(LoadOperation::Delete, &["003A", "003B"]);
        assert_eq!(deleted, (format!("DELETE {path}?ids=003A,003B&allOrNone=false"), String::new()));
    }

    #[test]
    fn answers_fit_their_records_or_are_not_believed() {
        let records = [Bytes::new(), Bytes::new()];
        let call = WriteRecords { object: "Contact", operation: &LoadOperation::Insert, records: &records };
        let reply = |body: &'static str| call.reply(http::Response::new(Bytes::from_static(body.as_bytes())));
        let good = r#"[{"id":"003","success":true,"errors":[]},{"success":false,"errors":[{"statusCode":"X","message":"m","fields":["F"]}]}]"#;
        let written = reply(good).unwrap();
        assert_eq!(all_words(&written[1].errors), "X:m:F --");
        assert!(matches!(reply(r#"[{"success":true}]"#), Err(Error::Decode { .. })));
        assert!(matches!(reply("<html>"), Err(Error::Decode { .. })));
    }
}
