//! A query cut by primary key: the way to read hundreds of millions of rows of an object that Bulk API 2.0 does not cut
//! well, with chunks of a size of the caller's choice.

use std::collections::VecDeque;

use crate::{
    bulk::{CsvPage, CsvRows, QueryOperation, Wait},
    error::Error,
};

use super::{Batch, BatchState, Bulk1, Job, JobSpec, Operation, PkChunking};

/// The rows of a query by Bulk API 1.0, chunk after chunk. See [`Bulk1::query`].
#[derive(Debug)]
pub struct ChunkedQuery {
    bulk: Bulk1,
    job: Job,
    batches: VecDeque<Batch>,
    results: VecDeque<(String, String)>,
    page: Option<CsvPage>,
    /// Rows that the batch under way has, and has given.
    expected: u64,
    given: u64,
    rows: u64,
}

impl Bulk1 {
    /// Runs a query and waits for it. With `chunking` the org cuts it by primary key.
    ///
    /// # Errors
    /// [`Error::Job`] when a batch fails, with the org's reason; [`Error::JobDeadline`] when it takes longer than
    /// allowed.
    pub async fn query(
        &self,
        object: &str,
        soql: &str,
        operation: QueryOperation,
        chunking: Option<PkChunking>,
        wait: Wait,
    ) -> Result<ChunkedQuery, Error> {
        let mut spec = JobSpec::new(object, Operation::Query(operation));
        spec.pk_chunking = chunking;
        let job = self.create_job(spec).await?;
        let added = match self.add_batch(&job, soql.to_owned()).await {
            // Reading twice harms nobody, but the rows would come twice: the job is given up.
            Err(error) => Err(error),
            Ok(_) => self.close_job(&job.id).await.map(drop),
        };
        if let Err(error) = added {
            if let Err(second) = self.abort_job(&job.id).await {
                tracing::warn!(job = job.id, error = %second, "the job could not be aborted");
            }
            return Err(error);
        }
        let batches = self.wait(&job.id, wait).await?;
        if let Some(failed) = batches.iter().find(|batch| batch.state == BatchState::Failed) {
            return Err(Error::Job { id: job.id, state: "Failed".into(), message: failed.message.clone() });
        }
        let batches = batches.into_iter().filter(|batch| batch.state == BatchState::Completed).collect();
        Ok(ChunkedQuery {
            bulk: self.clone(),
            job,
            batches,
            results: VecDeque::new(),
            page: None,
            expected: 0,
            given: 0,
            rows: 0,
        })
    }
}

impl ChunkedQuery {
    /// The job that the rows come from.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Rows given so far.
    pub fn rows_read(&self) -> u64 {
        self.rows
    }

    /// The header row of the chunk under way; empty before the first rows and for chunks without any.
    pub fn columns(&self) -> &[String] {
        self.page.as_ref().map_or(&[], CsvPage::columns)
    }

    /// The next rows, or `None` when all have come, which is checked for each batch against its count.
    ///
    /// # Errors
    /// [`Error::PageCut`] when rows of a batch are missing.
    pub async fn next_rows(&mut self) -> Result<Option<CsvRows>, Error> {
        loop {
            if let Some(page) = &mut self.page {
                if let Some(rows) = page.next_rows().await? {
                    self.given += rows.len() as u64;
                    self.rows += rows.len() as u64;
                    return Ok(Some(rows));
                }
                if self.results.is_empty() {
                    self.verify()?;
                    self.page = None;
                }
            }
            if let Some((batch, result)) = self.results.pop_front() {
                self.page = Some(self.bulk.query_result(&self.job.id, &batch, &result, None).await?);
                continue;
            }
            let Some(batch) = self.batches.pop_front() else { return Ok(None) };
            (self.expected, self.given) = (batch.records_processed, 0);
            let results = self.bulk.query_results(&self.job.id, &batch.id).await?;
            self.results = results.into_iter().map(|result| (batch.id.clone(), result)).collect();
        }
    }

    fn verify(&self) -> Result<(), Error> {
        if self.given == self.expected {
            return Ok(());
        }
        Err(Error::PageCut {
            job: self.job.id.clone(),
            locator: None,
            expected: self.expected,
            got: self.given,
            source: None,
        })
    }
}
