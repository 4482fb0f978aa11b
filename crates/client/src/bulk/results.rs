//! A whole Bulk query in one piece: the job is made, waited for, read page by page (several at a time), and deleted.
//! A page that is cut is asked for again by its locator, and goes on behind the rows that have come.

use std::{collections::VecDeque, marker::PhantomData};

use futures::Stream;
use serde::de::DeserializeOwned;
use tokio::{sync::mpsc, task::JoinSet};

use crate::error::Error;

use super::{Bulk, CreateQueryJob, CsvPage, CsvRows, Locator, QueryJob, QueryOperation, job::Wait};

/// Chunks of rows (of about 1 MB) held ready for each page that is read ahead.
const CHUNKS_AHEAD: usize = 2;

/// A Bulk query that is still to be started. See [`Bulk::query`].
#[must_use = "nothing happens before it is started"]
#[derive(Clone, Debug)]
pub struct BulkQuery {
    bulk: Bulk,
    call: CreateQueryJob,
    page_rows: Option<u64>,
    parallel: usize,
    wait: Wait,
    keep: bool,
}

impl BulkQuery {
    /// Also records in the recycle bin, and archived activities.
    pub fn with_deleted(mut self) -> BulkQuery {
        self.call.operation = QueryOperation::QueryAll;
        self
    }

    /// The most rows of a page, for pages that are read one after the other. The org chooses unless this is given.
    pub fn page_rows(mut self, rows: u64) -> BulkQuery {
        self.page_rows = Some(rows.max(1));
        self
    }

    /// How many pages are read at a time, 1 unless given. More than one asks for the list of pages first; rows still
    /// come in the pages' order, and about 2 MB are held for each page.
    pub fn parallel(mut self, pages: usize) -> BulkQuery {
        self.parallel = pages.clamp(1, 16);
        self
    }

    /// How long to wait for the job.
    pub fn wait(mut self, wait: Wait) -> BulkQuery {
        self.wait = wait;
        self
    }

    /// Leaves the job in the org when all is read, for seven days. Otherwise it is deleted.
    pub fn keep(mut self) -> BulkQuery {
        self.keep = true;
        self
    }

    /// Makes the job and waits until it is complete.
    ///
    /// # Errors
    /// [`Error::Api`] where the org refuses the query, [`Error::Job`] when the job fails, [`Error::JobDeadline`] when it
    /// takes longer than allowed; it goes on in the org then, and [`Bulk::resume`] reads it later.
    pub async fn start(self) -> Result<BulkResults, Error> {
        let job = self.bulk.client.send(&self.call).await?;
        let job = self.bulk.wait(&job.id, self.wait).await?;
        BulkResults::open(self, job).await
    }
}

impl Bulk {
    /// A query by a Bulk query job, for many rows. Sub-selects, aggregates and OFFSET are refused by the org.
    ///
    /// ```no_run
    /// # async fn example(org: tidegate_client::Client) -> Result<(), tidegate_client::Error> {
    /// let mut results = org.bulk().query("SELECT Id, Name FROM Account").parallel(3).start().await?;
    /// while let Some(rows) = results.next_rows().await? {
    ///     for row in rows.iter() {
    ///         println!("{:?}", row.get(1));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&self, soql: impl Into<String>) -> BulkQuery {
        BulkQuery {
            bulk: self.clone(),
            call: CreateQueryJob::new(soql, QueryOperation::Query),
            page_rows: None,
            parallel: 1,
            wait: Wait::default(),
            keep: false,
        }
    }

    /// The results of a query job that was made earlier, perhaps by another process. The job is kept.
    pub async fn resume(&self, id: &str, wait: Wait) -> Result<BulkResults, Error> {
        let job = self.wait(id, wait).await?;
        BulkResults::open(self.query("").keep(), job).await
    }
}

/// The rows of a Bulk query, in the pages' order. All of them have come when [`BulkResults::next_rows`] says `None`.
#[derive(Debug)]
pub struct BulkResults {
    query: BulkQuery,
    job: QueryJob,
    columns: Vec<String>,
    rows: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// One page after the other, each leading to the next.
    Chain(Box<PageReader>),
    /// Several of a list, each read ahead by a task of its own.
    Ahead {
        waiting: VecDeque<Locator>,
        reading: VecDeque<mpsc::Receiver<Result<CsvRows, Error>>>,
        tasks: JoinSet<()>,
    },
    Done,
}

impl BulkResults {
    async fn open(query: BulkQuery, job: QueryJob) -> Result<BulkResults, Error> {
        let locators = if query.parallel > 1 { query.bulk.result_pages(&job).await? } else { vec![] };
        // The first page is opened here for its header row; it is read like any other.
        let first = locators.first().cloned().unwrap_or_else(Locator::first);
        let mut reader = PageReader::new(&query, &job, first);
        let columns = reader.columns().await?;
        let source = if locators.len() > 1 {
            let mut source = Source::Ahead {
                waiting: locators.into_iter().skip(1).collect(),
                reading: VecDeque::new(),
                tasks: JoinSet::new(),
            };
            source.read_ahead(reader);
            source
        } else {
            Source::Chain(Box::new(reader))
        };
        Ok(BulkResults { query, job, columns, rows: 0, source })
    }

    /// The job that the rows come from.
    pub fn job(&self) -> &QueryJob {
        &self.job
    }

    /// The header row: paths such as `Owner.Name`, in the case that the org chose.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Rows given so far.
    pub fn rows_read(&self) -> u64 {
        self.rows
    }

    /// The next rows, or `None` when all have come; the job is then deleted unless it is to be kept.
    ///
    /// # Errors
    /// [`Error::PageCut`] when a page was cut as often as the retry policy allows attempts.
    pub async fn next_rows(&mut self) -> Result<Option<CsvRows>, Error> {
        loop {
            let rows = match &mut self.source {
                Source::Done => return Ok(None),
                Source::Chain(reader) => match reader.next_rows().await? {
                    Some(rows) => rows,
                    None => match reader.page.as_ref().and_then(|page| page.next_page().cloned()) {
                        Some(next) => {
                            let columns = reader.columns.take();
                            **reader = PageReader::new(&self.query, &self.job, next);
                            reader.columns = columns;
                            continue;
                        }
                        None => {
                            self.done().await;
                            return Ok(None);
                        }
                    },
                },
                Source::Ahead { waiting, reading, tasks } => {
                    while reading.len() < self.query.parallel
                        && let Some(locator) = waiting.pop_front()
                    {
                        let mut reader = PageReader::new(&self.query, &self.job, locator);
                        reader.columns = Some(self.columns.clone());
                        reading.push_back(read_in(tasks, reader));
                    }
                    match reading.front_mut() {
                        None => {
                            self.done().await;
                            return Ok(None);
                        }
                        Some(page) => match page.recv().await {
                            Some(rows) => rows?,
                            None => {
                                reading.pop_front();
                                continue;
                            }
                        },
                    }
                }
            };
            self.rows += rows.len() as u64;
            return Ok(Some(rows));
        }
    }

    /// The rows as values of a type, by column name. An empty value is `None`; null and the empty text are the same in
    /// Bulk CSV.
    pub fn records<T: DeserializeOwned + Send + 'static>(self) -> impl Stream<Item = Result<T, Error>> + Send {
        let header = csv::StringRecord::from(self.columns.clone());
        let state = Typed { results: self, header, rows: CsvRows::default(), at: 0, kind: PhantomData };
        futures::stream::try_unfold(
            state,
            |mut state| async move { Ok(state.next().await?.map(|value| (value, state))) },
        )
    }

    async fn done(&mut self) {
        self.source = Source::Done;
        if !self.query.keep
            && let Err(error) = self.query.bulk.delete_query_job(&self.job.id).await
        {
            // Everything has been read; the org forgets the job by itself.
            tracing::info!(%error, job = self.job.id, "the query job could not be deleted");
        }
    }
}

struct Typed<T> {
    results: BulkResults,
    header: csv::StringRecord,
    rows: CsvRows,
    at: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Typed<T> {
    async fn next(&mut self) -> Result<Option<T>, Error> {
        while self.at == self.rows.len() {
            match self.results.next_rows().await? {
                Some(rows) => (self.rows, self.at) = (rows, 0),
                None => return Ok(None),
            }
        }
        let number = self.results.rows_read() - self.rows.len() as u64 + self.at as u64 + 1;
        let row: csv::StringRecord = self.rows.row(self.at).map(|row| row.iter().collect()).unwrap_or_default();
        self.at += 1;
        row.deserialize(Some(&self.header))
            .map(Some)
            .map_err(|source| Error::decode(format!("reading row {number} of job {}", self.results.job.id), source))
    }
}

impl Source {
    fn read_ahead(&mut self, reader: PageReader) {
        if let Source::Ahead { reading, tasks, .. } = self {
            reading.push_back(read_in(tasks, reader));
        }
    }
}

/// Reads a page in a task, which waits when nobody takes its rows, and ends when nobody will.
fn read_in(tasks: &mut JoinSet<()>, mut reader: PageReader) -> mpsc::Receiver<Result<CsvRows, Error>> {
    let (rows, taken) = mpsc::channel(CHUNKS_AHEAD);
    tasks.spawn(async move {
        while let Some(part) = reader.next_rows().await.transpose() {
            let failed = part.is_err();
            if rows.send(part).await.is_err() || failed {
                return;
            }
        }
    });
    taken
}

/// One page, asked for again where it was cut.
#[derive(Debug)]
struct PageReader {
    bulk: Bulk,
    job: QueryJob,
    locator: Locator,
    page_rows: Option<u64>,
    page: Option<CsvPage>,
    columns: Option<Vec<String>>,
    /// Rows handed over.
    given: u64,
    /// Rows of the page under way that were handed over before it was cut.
    skip: u64,
    failures: u32,
}

impl PageReader {
    fn new(query: &BulkQuery, job: &QueryJob, locator: Locator) -> PageReader {
        PageReader {
            bulk: query.bulk.clone(),
            job: job.clone(),
            locator,
            page_rows: query.page_rows.filter(|_| query.parallel == 1),
            page: None,
            columns: None,
            given: 0,
            skip: 0,
            failures: 0,
        }
    }

    async fn columns(&mut self) -> Result<Vec<String>, Error> {
        loop {
            match self.opened().await {
                Ok(_) => return Ok(self.columns.clone().unwrap_or_default()),
                Err(error) => self.again(error).await?,
            }
        }
    }

    async fn opened(&mut self) -> Result<&mut CsvPage, Error> {
        let page = match self.page.take() {
            Some(page) => page,
            None => {
                let page = self.bulk.download(&self.job, &self.locator, self.page_rows).await?;
                self.skip = self.given;
                // A page of another shape than the first one would put values into the wrong columns. A page without
                // rows may have no header row either.
                match &self.columns {
                    Some(columns) if page.columns() != columns && page.rows_expected() != Some(0) => {
                        return Err(Error::unexpected(
                            format!("reading results of job {}", self.job.id),
                            "a page has other columns than the first one",
                        ));
                    }
                    Some(_) => {}
                    None => self.columns = Some(page.columns().to_vec()),
                }
                page
            }
        };
        Ok(self.page.insert(page))
    }

    async fn next_rows(&mut self) -> Result<Option<CsvRows>, Error> {
        loop {
            let outcome = match self.opened().await {
                Ok(page) => page.next_rows().await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(None) => return Ok(None),
                Ok(Some(rows)) => {
                    let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rows.len());
                    self.skip -= known as u64;
                    let rows = rows.without_first(known);
                    if rows.is_empty() {
                        continue;
                    }
                    self.given += rows.len() as u64;
                    self.failures = 0;
                    return Ok(Some(rows));
                }
                Err(error) => self.again(error).await?,
            }
        }
    }

    /// Waits before the page is asked for again, or gives the error back. Only a page that was cut is: other failures
    /// have had their attempts.
    async fn again(&mut self, error: Error) -> Result<(), Error> {
        let retry = *self.bulk.client.inner.transport.retry();
        self.failures += 1;
        if !matches!(error, Error::PageCut { .. }) || self.failures >= retry.attempts {
            return Err(error);
        }
        self.page = None;
        let wait = retry.wait(self.failures, None);
        tracing::warn!(%error, failures = self.failures, given = self.given, "asking for the page again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
