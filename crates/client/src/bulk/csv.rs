//! Reads a job's CSV as it comes, in chunks of whole rows, and proves at the end that every row has come. Quoted
//! newlines, doubled quotes and NUL characters are ordinary content.

use bytes::Bytes;

use crate::error::{Cause, Error};

use super::{
    ColumnDelimiter, Locator,
    query::Body,
    rows::{CsvRows, End, Parser, Step},
};

/// A page of results as rows.
#[derive(Debug)]
pub struct CsvPage {
    job: String,
    locator: Option<Locator>,
    rows_expected: Option<u64>,
    next: Option<Locator>,
    columns: Vec<String>,
    body: Body,
    parser: Parser,
    input: Bytes,
    rows_read: u64,
    ended: bool,
}

impl CsvPage {
    /// Reads the header row.
    pub(crate) async fn open(
        job: String,
        locator: Option<Locator>,
        rows_expected: Option<u64>,
        next: Option<Locator>,
        body: Body,
        delimiter: ColumnDelimiter,
    ) -> Result<CsvPage, Error> {
        let mut page = CsvPage {
            job,
            locator,
            rows_expected,
            next,
            columns: vec![],
            body,
            parser: Parser::new(delimiter),
            input: Bytes::new(),
            rows_read: 0,
            ended: false,
        };
        while page.parser.columns().is_none() && !page.ended {
            if page.step()? == Step::More {
                page.fill().await?;
            }
        }
        page.columns = page.parser.columns().unwrap_or_default().to_vec();
        Ok(page)
    }

    /// The header row: paths such as `Owner.Name`, in the case that the org chose.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Rows that the count header promised; `None` for results that have no such header or figure.
    pub fn rows_expected(&self) -> Option<u64> {
        self.rows_expected
    }

    /// Rows given so far.
    pub fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// The page after this one; `None` for the last.
    pub fn next_page(&self) -> Option<&Locator> {
        self.next.as_ref()
    }

    /// The next rows; `None` at the end, and only when all rows that were promised have come.
    ///
    /// # Errors
    /// [`Error::PageCut`] when the connection broke or rows are missing; rows given before are good, but the page is to
    /// be asked for again. [`Error::Decode`] when what came is not the CSV of the header row.
    pub async fn next_rows(&mut self) -> Result<Option<CsvRows>, Error> {
        while !self.ended && self.step()? == Step::More {
            self.fill().await?;
        }
        let rows = self.parser.take().map_err(|why| self.malformed(why))?;
        self.rows_read += rows.len() as u64;
        if rows.is_empty() {
            self.verify()?;
            return Ok(None);
        }
        Ok(Some(rows))
    }

    fn step(&mut self) -> Result<Step, Error> {
        self.parser.read(&mut self.input).map_err(|why| self.malformed(why))
    }

    /// More bytes, or the end.
    async fn fill(&mut self) -> Result<(), Error> {
        match self.body.chunk().await {
            Ok(Some(chunk)) => self.input = chunk,
            Ok(None) => {
                self.ended = true;
                if self.parser.finish().map_err(|why| self.malformed(why))? == End::InsideRow {
                    return Err(self.cut(None));
                }
            }
            Err(error @ Error::Transport { .. }) => {
                self.ended = true;
                return Err(self.cut(Some(error)));
            }
            Err(error) => {
                self.ended = true;
                return Err(error);
            }
        }
        Ok(())
    }

    fn verify(&self) -> Result<(), Error> {
        match self.rows_expected {
            Some(expected) if expected != self.rows_read => Err(self.cut(None)),
            _ => Ok(()),
        }
    }

    fn cut(&self, source: Option<Error>) -> Error {
        Error::PageCut {
            job: self.job.clone(),
            locator: self
                .locator
                .as_ref()
                .map(|locator| locator.as_str().to_owned())
                .filter(|locator| !locator.is_empty()),
            expected: self.rows_expected.unwrap_or(0),
            got: self.rows_read + self.parser.whole_rows(),
            source: source.map(|error| std::sync::Arc::new(error) as Cause),
        }
    }

    fn malformed(&self, why: String) -> Error {
        Error::unexpected(
            format!("reading results of job {} after row {}", self.job, self.rows_read + self.parser.whole_rows()),
            why,
        )
    }
}
