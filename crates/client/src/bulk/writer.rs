//! Records into ingest jobs, however many they are: written as CSV, cut between records, one upload for each job.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, ready};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::error::Error;

use super::{Bulk, IngestJob, IngestSpec, IngestSummary, job::Wait, upload::UPLOAD_BYTES_MAX};

/// The most bytes of CSV in one job unless the caller says otherwise: Salesforce's advice.
pub const PART_BYTES_MAX: u64 = 100_000_000;
/// Bytes gathered before they are sent on.
const CHUNK_BYTES: usize = 64 << 10;
/// How null is written.
const NULL: &str = "#N/A";

/// Writes records into as many ingest jobs as they need, in flat memory. See [`Bulk::writer`].
#[derive(Debug)]
pub struct IngestWriter {
    bulk: Bulk,
    spec: IngestSpec,
    part_bytes: u64,
    columns: Vec<String>,
    places: HashMap<String, usize>,
    records: u64,
    chunk: Vec<u8>,
    part: Option<Part>,
    jobs: Vec<IngestJob>,
}

/// A job that is being uploaded.
#[derive(Debug)]
struct Part {
    bytes: u64,
    chunks: mpsc::Sender<Bytes>,
    upload: JoinHandle<Result<IngestJob, Error>>,
}

impl Bulk {
    /// A writer of records. They are values that serialise to an object: field names to texts, numbers, booleans and
    /// nulls; a nested object names a related record by an external id (`"Account": {"Ext__c": "A1"}`). The first record
    /// decides the columns. A field that a later record lacks is left alone; null clears.
    ///
    /// ```no_run
    /// # use tidegate_client::bulk::{IngestOperation, IngestSpec, Wait};
    /// # async fn example(org: tidegate_client::Client) -> Result<(), tidegate_client::Error> {
    /// let spec = IngestSpec::new("Account", IngestOperation::Upsert { external_id: "Ext__c".into() });
    /// let mut writer = org.bulk().writer(spec);
    /// for n in 0..1_000_000 {
    ///     writer.write(&serde_json::json!({"Ext__c": format!("A{n}"), "Name": format!("Account {n}")})).await?;
    /// }
    /// for job in writer.finish(Wait::default()).await? {
    ///     println!("{}: {} saved, {} refused", job.job.id, job.successful, job.failed);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn writer(&self, spec: IngestSpec) -> IngestWriter {
        IngestWriter {
            bulk: self.clone(),
            spec,
            part_bytes: PART_BYTES_MAX,
            columns: vec![],
            places: HashMap::new(),
            records: 0,
            chunk: Vec::with_capacity(CHUNK_BYTES),
            part: None,
            jobs: vec![],
        }
    }
}

impl IngestWriter {
    /// The most bytes of CSV in one job; what Salesforce takes is the ceiling.
    pub fn part_bytes(mut self, bytes: u64) -> IngestWriter {
        self.part_bytes = bytes.clamp(1, UPLOAD_BYTES_MAX);
        self
    }

    /// Jobs that have all their data and are being processed, or were. After an error these are the ones that went
    /// well; the one under way was aborted and wrote nothing.
    pub fn jobs(&self) -> &[IngestJob] {
        &self.jobs
    }

    /// Records written so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Adds a record. Waits when the org takes data slower than it is given.
    ///
    /// # Errors
    /// [`Error::Config`] for a record that has no place in the CSV, with its number; the writer can go on without it. Any
    /// other error comes from the upload and ends it: see [`IngestWriter::jobs`].
    pub async fn write<T: Serialize + ?Sized>(&mut self, record: &T) -> Result<(), Error> {
        let number = self.records + 1;
        let refuse = |why: String| Error::config(format!("record {number}: {why}"));
        let value = serde_json::to_value(record).map_err(|source| refuse(source.to_string()))?;
        let Value::Object(fields) = value else { return Err(refuse("it is no object".into())) };
        let mut cells = Vec::new();
        flatten(&fields, &mut cells).map_err(refuse)?;
        if self.columns.is_empty() {
            if cells.is_empty() {
                return Err(refuse("it has no fields".into()));
            }
            self.columns = cells.iter().map(|(name, _)| name.clone()).collect();
            self.places = self.columns.iter().cloned().zip(0..).collect();
        }
        let mut row = vec![String::new(); self.columns.len()];
        for (name, cell) in cells {
            match self.places.get(&name).and_then(|place| row.get_mut(*place)) {
                Some(place) => *place = cell,
                None => return Err(refuse(format!("`{name}` is not a field of the first record"))),
            }
        }
        let line = self.line(&row)?;
        let full = self.part.as_ref().is_some_and(|part| part.bytes + line.len() as u64 > self.part_bytes);
        if full {
            self.close_part().await?;
        }
        if self.part.is_none() {
            let header = self.line(&self.columns)?;
            self.open_part();
            self.put(&header).await?;
        }
        self.put(&line).await?;
        self.records += 1;
        Ok(())
    }

    /// Sends what is left and waits for all jobs, which come back in the order of the records.
    ///
    /// # Errors
    /// [`Error::Job`] for the first job that failed as a whole; [`Error::JobDeadline`] when one takes longer than allowed.
    pub async fn finish(mut self, wait: Wait) -> Result<Vec<IngestSummary>, Error> {
        self.close_part().await?;
        let mut summaries = Vec::with_capacity(self.jobs.len());
        for job in std::mem::take(&mut self.jobs) {
            let job = self.bulk.wait_ingest(&job.id, wait).await?;
            if job.state != super::JobState::JobComplete {
                return Err(Error::Job { id: job.id, state: job.state.to_string(), message: job.error_message });
            }
            summaries.push(IngestSummary::of(job));
        }
        Ok(summaries)
    }

    /// A row in the job's dialect.
    fn line(&self, cells: &[String]) -> Result<Vec<u8>, Error> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.spec.column_delimiter.byte())
            .terminator(match self.spec.line_ending {
                super::LineEnding::Lf => csv::Terminator::Any(b'\n'),
                super::LineEnding::Crlf => csv::Terminator::CRLF,
            })
            .from_writer(vec![]);
        writer.write_record(cells).map_err(|source| Error::decode("writing CSV", source))?;
        writer.into_inner().map_err(|source| Error::unexpected("writing CSV", source.to_string()))
    }

    fn open_part(&mut self) {
        let (chunks, taken) = mpsc::channel::<Bytes>(4);
        let (bulk, spec) = (self.bulk.clone(), self.spec.clone());
        let upload = tokio::spawn(async move {
            let job = bulk.create_ingest_job(spec).await?;
            let uploaded = match bulk.upload(&job, Pieces(Some(taken)), None).await {
                Ok(()) => bulk.close_ingest_job(&job.id).await,
                Err(error) => Err(error),
            };
            if let Err(error) = uploaded {
                if let Err(second) = bulk.abort_ingest_job(&job.id).await {
                    tracing::warn!(job = job.id, error = %second, "the job could not be aborted; the org ends it after 24 hours");
                }
                return Err(error);
            }
            Ok(job)
        });
        self.part = Some(Part { bytes: 0, chunks, upload });
    }

    async fn put(&mut self, line: &[u8]) -> Result<(), Error> {
        self.chunk.extend_from_slice(line);
        if let Some(part) = &mut self.part {
            part.bytes += line.len() as u64;
        }
        if self.chunk.len() >= CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        if chunk.is_empty() {
            return Ok(());
        }
        let refused = match &self.part {
            Some(part) => part.chunks.send(chunk.into()).await.is_err(),
            None => false,
        };
        // Nobody takes data any more: the upload has failed and says why.
        if refused { self.close_part().await } else { Ok(()) }
    }

    /// Ends the upload under way, if there is one.
    async fn close_part(&mut self) -> Result<(), Error> {
        let Some(part) = self.part.take() else {
            self.chunk.clear();
            return Ok(());
        };
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        if !chunk.is_empty() {
            // A refusal is told by the upload itself.
            let _ = part.chunks.send(chunk.into()).await;
        }
        // An empty piece says that the data is whole. A writer that is dropped says nothing, and its job is aborted.
        let _ = part.chunks.send(Bytes::new()).await;
        drop(part.chunks);
        let job = part.upload.await.map_err(|source| Error::decode("uploading records", source))??;
        self.jobs.push(job);
        Ok(())
    }
}

/// The pieces of an upload. Their end without an empty one is an upload that was given up.
struct Pieces(Option<mpsc::Receiver<Bytes>>);

impl Stream for Pieces {
    type Item = Result<Bytes, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(pieces) = &mut self.0 else { return Poll::Ready(None) };
        let piece = ready!(pieces.poll_recv(cx));
        Poll::Ready(match piece {
            Some(piece) if !piece.is_empty() => Some(Ok(piece)),
            Some(_) => {
                self.0 = None;
                None
            }
            None => {
                self.0 = None;
                Some(Err("the writer was given up"))
            }
        })
    }
}

/// The fields of a record as columns and cells. A related record becomes `Account.Ext__c`, or `Lead:Who.Email` where its
/// `attributes` name the type, as polymorphic fields need it.
fn flatten(fields: &Map<String, Value>, cells: &mut Vec<(String, String)>) -> Result<(), String> {
    for (name, value) in fields {
        if name == "attributes" {
            continue;
        }
        let cell = match value {
            Value::Object(related) => {
                let kind =
                    related.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
                let mut keys = related.iter().filter(|(key, _)| key.as_str() != "attributes");
                let (Some((key, value)), None) = (keys.next(), keys.next()) else {
                    return Err(format!("`{name}` must name a related record by one external id field"));
                };
                let prefix = kind.map(|kind| format!("{kind}:")).unwrap_or_default();
                cells.push((format!("{prefix}{name}.{key}"), text(&format!("{name}.{key}"), value)?));
                continue;
            }
            value => text(name, value)?,
        };
        cells.push((name.clone(), cell));
    }
    Ok(())
}

fn text(name: &str, value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Null => NULL.to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) if value == NULL => {
            return Err(format!("`{name}` is the text {NULL}, which Bulk API takes for null"));
        }
        Value::String(value) => value.clone(),
        Value::Array(values) => {
            // A multi-select picklist.
            let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| format!("`{name}` is a list, and not one of texts"))?.join(";")
        }
        Value::Object(_) => return Err(format!("`{name}` is an object in an object")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cells(record: Value) -> Result<Vec<(String, String)>, String> {
        let mut cells = vec![];
        flatten(record.as_object().unwrap(), &mut cells)?;
        Ok(cells)
    }

    #[test]
    fn records_become_cells() {
        let record = json!({"attributes": {"type": "Task"}, "A": null, "B": true, "C": 1.50, "D": "x", "E": ["p", "q"],
            "Account": {"Ext__c": "A1"}, "Who": {"attributes": {"type": "Lead"}, "Email": "a@b.example"}});
        let expected = [
            ("A", "#N/A"),
            ("B", "true"),
            ("C", "1.5"),
            ("D", "x"),
            ("E", "p;q"),
            ("Account.Ext__c", "A1"),
            ("Lead:Who.Email", "a@b.example"),
        ];
        assert_eq!(cells(record).unwrap(), expected.map(|(name, cell)| (name.to_owned(), cell.to_owned())));
    }

    #[test]
    fn what_has_no_place_in_csv_is_refused() {
        for bad in [
            json!({"A": "#N/A"}),
            json!({"A": [1]}),
            json!({"A": {"B": {"C": 1}}}),
            json!({"A": {"B": 1, "C": 2}}),
            json!({"A": {}}),
        ] {
            assert!(cells(bad.clone()).is_err(), "{bad}");
        }
    }
}
