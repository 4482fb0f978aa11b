//! `tidegate query`: SOQL to a table, CSV, JSON or Parquet, row by row as they come.

mod advice;
mod binds;
mod explain;
mod parquet;
mod sink;
mod table;
mod types;
mod write;

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use futures::{Stream, StreamExt};
use tidegate_client::bulk::{QueryOperation, Wait};
use tidegate_client::{Client, Flatten, Query, Record};
use tidegate_soql::ast::{self, SelectItem};
use tidegate_soql::check::Api;

use super::{interrupted, interruption, writing};
use crate::args::{Format, QueryArgs};
use crate::config::Config;
use crate::failure::Failure;
use crate::meter::Meter;
use crate::output::{self, counted, grouped, say};

use sink::Sink;
use table::Paper;
use types::{Column, Types};
use write::{Broken, Writer, csv_line};

/// A result of so many rows is worth a Bulk job.
const WORTH_BULK: u64 = 200_000;
/// Rows of a REST page.
const PAGE_ROWS: u64 = 2000;

/// What is to be done, once all that was typed is understood.
struct Work<'a> {
    client: &'a Client,
    query: Query,
    parsed: ast::Query,
    format: Format,
    flat: bool,
    /// Advice for large results is welcome.
    advises: bool,
    paper: Paper,
}

pub(super) async fn run(config: &Config, args: QueryArgs) -> Result<ExitCode, Failure> {
    let format = format_of(&args)?;
    let text = read_text(&args.soql)?;
    let soql = binds::bound(&text, &args.binds)?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let mut query = Query::new(soql);
    if args.tooling {
        query = query.tooling();
    }
    if args.explain {
        return explain::run(&client, query, args.json || args.format == Some(Format::Json)).await;
    }
    if args.all {
        query = query.with_deleted();
    }
    if args.by_id {
        query = query.by_id();
    }
    if args.expand_fields {
        query = client.expand_fields(query).await?;
    }
    let parsed = binds::parse(query.soql())?;
    let mut out = Sink::open(args.out.as_deref())?;
    let token = interruption();
    let job = OnceLock::new();
    let work = Work {
        client: &client,
        query,
        parsed,
        format,
        flat: args.flatten,
        advises: !args.rest,
        paper: Paper::of(args.out.is_some()),
    };
    // Rows that scroll by on the terminal show progress enough.
    let mut meter = Meter::new("waiting for the org", args.out.is_some() || !io::stdout().is_terminal());
    let working = async {
        if args.bulk {
            work.bulk(&job, args.all, &mut out, &mut meter).await
        } else {
            work.rest(&mut out, &mut meter).await
        }
    };
    let done = tokio::select! {
        done = working => Some(done),
        () = token.cancelled() => None,
    };
    meter.finish();
    if let Some(id) = job.get() {
        leave(&client, id, matches!(done, Some(Ok(_)))).await;
    }
    let Some(done) = done else {
        // The sink takes the unfinished file away.
        return Ok(interrupted());
    };
    let rows = done?;
    out.finish().or_else(ignore_closed).map_err(writing)?;
    if args.out.is_some() || output::is_watched() {
        say(counted(rows, "row"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The org's refusal, with advice.
async fn refused(client: &Client, soql: &str, api: Api, error: tidegate_client::Error) -> Failure {
    let is_unbounded = error.to_string().contains("FIELDS function must have a LIMIT");
    let failure = advice::failure(client, soql, api, error).await;
    if is_unbounded { failure.hint("--expand-fields writes the fields out, which has no such limit") } else { failure }
}

/// The results of a Bulk job would lie about for seven days, and one that is not done would go on.
async fn leave(client: &Client, id: &str, is_done: bool) {
    let bulk = client.bulk();
    if !is_done && let Err(error) = bulk.abort_query_job(id).await {
        tracing::debug!(%error, "the query job was not aborted");
    }
    // That they could not be deleted spoils nothing.
    if let Err(error) = bulk.delete_query_job(id).await {
        tracing::info!(%error, "the query job could not be deleted");
    }
}

fn format_of(args: &QueryArgs) -> Result<Format, Failure> {
    let by_name = args.out.as_deref().and_then(Path::extension).and_then(|ending| {
        let ending = ending.to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    });
    let given = if args.json { Some(Format::Json) } else { args.format };
    let format = given.or(by_name).unwrap_or(if args.bulk { Format::Csv } else { Format::Table });
    if format == Format::Parquet && args.out.is_none() && io::stdout().is_terminal() {
        return Err(
            Failure::usage("a Parquet file is nothing to read on a terminal").hint("name a file: --out rows.parquet")
        );
    }
    Ok(format)
}

/// The argument, or standard input for `-`.
pub(super) fn read_text(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|e| Failure::usage("cannot read the query from standard input").with_cause(&e))?;
    Ok(text)
}

/// `| head` closes the pipe when it has seen enough; that is no failure.
fn ignore_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// Whether to stop in silence, or why not.
fn stopped(broken: Broken) -> Result<(), Failure> {
    match broken {
        Broken::Io(error) => ignore_closed(error).map_err(writing),
        Broken::Value(words) => Err(Failure::failed("a value does not fit the Parquet file")
            .with_cause(&io::Error::other(words))
            .hint("--format csv and --format jsonl take every value as it is")),
    }
}

impl Work<'_> {
    async fn writer<'o>(
        &self,
        out: &'o mut (dyn Write + Send),
        columns: Option<Vec<Column>>,
    ) -> Result<Writer<'o>, Failure> {
        if self.format != Format::Parquet {
            return Ok(Writer::new(self.format, &self.parsed, self.flat, self.paper, out));
        }
        let columns = match columns {
            Some(columns) => Some(columns),
            None => Types::new(self.client).columns(&self.parsed, self.flat).await?,
        };
        let Some(columns) = columns else {
            return Err(Failure::usage("the columns of a Parquet file have to be known before its rows")
                .hint("name the fields, or give --expand-fields"));
        };
        Writer::parquet(columns, self.flat, out).map_err(|broken| match stopped(broken) {
            Err(failure) => failure,
            Ok(()) => Failure::failed("the output is closed"),
        })
    }

    async fn rest(&self, out: &mut (dyn Write + Send), meter: &mut Meter) -> Result<u64, Failure> {
        // SELECT COUNT() has no records; its answer is the total.
        if matches!(self.parsed.select.as_slice(), [SelectItem::Count(_)]) {
            let count = match self.client.count(self.query.clone()).await {
                Ok(count) => count,
                Err(error) => return Err(refused(self.client, self.query.soql(), Api::Rest, error).await),
            };
            self.writer(out, None).await?.finish(Some(count)).or_else(stopped)?;
            return Ok(1);
        }
        let records = self.client.query(self.query.clone());
        if self.flat {
            let records = records.flat(Flatten::default());
            self.pour(records, |records| records.total_size(), out, meter).await
        } else {
            self.pour(records, |records| records.total_size(), out, meter).await
        }
    }

    async fn pour<S>(
        &self,
        mut records: S,
        total: impl Fn(&S) -> Option<u64>,
        out: &mut (dyn Write + Send),
        meter: &mut Meter,
    ) -> Result<u64, Failure>
    where
        S: Stream<Item = Result<Record, tidegate_client::Error>> + Unpin,
    {
        // A query that the org refuses is to say that, and not what a describe lacks.
        let mut next = match records.next().await.transpose() {
            Ok(first) => first,
            Err(error) => return Err(refused(self.client, self.query.soql(), Api::Rest, error).await),
        };
        let mut writer = self.writer(out, None).await?;
        let known = total(&records);
        meter.total(known);
        if let Some(known) = known.filter(|known| self.advises && *known >= WORTH_BULK && output::is_watched()) {
            say(format!(
                "{} rows are {} calls by REST; --bulk takes a few (--rest leaves this advice out)",
                grouped(known),
                grouped(known.div_ceil(PAGE_ROWS))
            ));
        }
        while let Some(record) = next {
            if let Err(broken) = writer.record(record) {
                return stopped(broken).map(|()| writer.rows);
            }
            meter.row();
            next = match records.next().await.transpose() {
                Ok(record) => record,
                Err(error) => return Err(refused(self.client, self.query.soql(), Api::Rest, error).await),
            };
        }
        let rows = writer.rows;
        writer.finish(None).or_else(stopped)?;
        Ok(rows)
    }

    async fn bulk(
        &self,
        job: &OnceLock<String>,
        all: bool,
        out: &mut (dyn Write + Send),
        meter: &mut Meter,
    ) -> Result<u64, Failure> {
        let bulk = self.client.bulk();
        let operation = if all { QueryOperation::QueryAll } else { QueryOperation::Query };
        let created = match bulk.create_query_job(self.query.soql(), operation).await {
            Ok(created) => created,
            Err(error) => return Err(refused(self.client, self.query.soql(), Api::BulkQuery, error).await),
        };
        let _ = job.set(created.id.clone());
        meter.waiting("waiting for the org's query job");
        // A page that is cut on the way is asked for again.
        let mut results = bulk.resume(&created.id, Wait::default()).await?;
        meter.total(results.job().number_records_processed);
        let header = results.columns().to_vec();
        let mut pen = if self.format == Format::Csv {
            if let Err(error) = csv_line(out, &header) {
                return ignore_closed(error).map(|()| 0).map_err(writing);
            }
            Pen::Csv(out, 0)
        } else {
            let columns = self.columns(&header).await?;
            let writer = self.writer(out, Some(columns.clone())).await?;
            Pen::Records(Box::new(writer), columns)
        };
        while let Some(part) = results.next_rows().await? {
            for row in part.iter() {
                if let Err(broken) = pen.row(row.iter()) {
                    return stopped(broken).map(|()| pen.rows());
                }
                meter.row();
            }
        }
        let rows = pen.rows();
        pen.finish().or_else(stopped)?;
        Ok(rows)
    }

    /// What the columns of a CSV header are.
    async fn columns(&self, header: &[String]) -> Result<Vec<Column>, Failure> {
        let mut types = Types::new(self.client);
        let object = self.parsed.from.object.dotted();
        let mut columns = Vec::new();
        for name in header {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            let ty = types.of_path(&object, &path).await?;
            columns.push(Column { path, ty });
        }
        Ok(columns)
    }
}

/// Writes the rows of a Bulk job.
enum Pen<'a> {
    /// As they come.
    Csv(&'a mut (dyn Write + Send), u64),
    /// As records.
    Records(Box<Writer<'a>>, Vec<Column>),
}

impl Pen<'_> {
    fn row<'r>(&mut self, cells: impl Iterator<Item = &'r str>) -> Result<(), Broken> {
        match self {
            Pen::Csv(out, rows) => {
                *rows += 1;
                Ok(csv_line(*out, cells)?)
            }
            Pen::Records(writer, columns) => writer.record(types::record(columns, cells)),
        }
    }

    fn rows(&self) -> u64 {
        match self {
            Pen::Csv(_, rows) => *rows,
            Pen::Records(writer, _) => writer.rows,
        }
    }

    fn finish(self) -> Result<(), Broken> {
        match self {
            Pen::Csv(..) => Ok(()),
            Pen::Records(writer, _) => writer.finish(None),
        }
    }
}
