//! `tidegate query`: SOQL to a table, CSV or JSON, a page at a time.

mod advice;
mod binds;
mod sink;
mod write;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use futures::StreamExt;
use tidegate_client::Client;
use tidegate_client::bulk::{Locator, QueryOperation, Wait};
use tidegate_soql::ast::SelectItem;
use tidegate_soql::check::Api;

use super::writing;
use crate::args::{Format, QueryArgs};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, counted, say};

use sink::Sink;
use write::{Writer, csv_line};

pub(super) async fn run(config: &Config, args: QueryArgs) -> Result<ExitCode, Failure> {
    if args.bulk && (args.json || !matches!(args.format, Format::Table | Format::Csv)) {
        return Err(Failure::usage("--bulk writes CSV").hint("leave --format out, or give --format csv"));
    }
    let text = read_text(&args.soql)?;
    let soql = binds::bound(&text, &args.binds)?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let mut out = Sink::open(args.out.as_deref())?;
    let rows = if args.bulk {
        bulk(&client, soql, args.all, &mut out).await?
    } else {
        let format = if args.json { Format::Json } else { args.format };
        rest(&client, soql, args.all, format, &mut out).await?
    };
    out.finish().or_else(ignore_closed).map_err(writing)?;
    if args.out.is_some() || output::is_watched() {
        say(counted(rows, "row"));
    }
    Ok(ExitCode::SUCCESS)
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

async fn rest(
    client: &Client,
    soql: String,
    all: bool,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<u64, Failure> {
    let query = binds::parse(&soql)?;
    let mut records = if all { client.query_all(soql.clone()) } else { client.query(soql.clone()) };
    let mut writer = Writer::new(format, &query, out);
    while let Some(record) = records.next().await {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Err(advice::failure(client, &soql, Api::Rest, error).await),
        };
        match writer.record(record) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(writer.rows),
            other => other.map_err(writing)?,
        }
    }
    // SELECT COUNT() has no records; its answer is the total.
    let count = match query.select.as_slice() {
        [SelectItem::Count(_)] => records.total_size(),
        _ => None,
    };
    writer.finish(count).or_else(ignore_closed).map_err(writing)?;
    Ok(count.map_or(writer.rows, |_| 1))
}

async fn bulk(client: &Client, soql: String, all: bool, out: &mut (dyn Write + Send)) -> Result<u64, Failure> {
    let bulk = client.bulk();
    let operation = if all { QueryOperation::QueryAll } else { QueryOperation::Query };
    let job = match bulk.create_query_job(&soql, operation).await {
        Ok(job) => job,
        Err(error) => return Err(advice::failure(client, &soql, Api::BulkQuery, error).await),
    };
    let done = download(client, &job.id, out).await;
    // Its results would lie about for seven days. That they could not be deleted spoils nothing.
    if let Err(error) = bulk.delete_query_job(&job.id).await {
        tracing::info!(%error, "the query job could not be deleted");
    }
    done
}

async fn download(client: &Client, id: &str, out: &mut (dyn Write + Send)) -> Result<u64, Failure> {
    let bulk = client.bulk();
    let job = bulk.wait(id, Wait::default()).await?;
    let mut locator = Some(Locator::first());
    let mut rows = 0;
    let mut header_written = false;
    while let Some(at) = locator {
        let mut page = bulk.download(&job, &at, None).await?;
        if !header_written {
            if let Err(error) = csv_line(out, page.columns()) {
                return ignore_closed(error).map(|()| rows).map_err(writing);
            }
            header_written = true;
        }
        while let Some(part) = page.next_rows().await? {
            for row in part.iter() {
                let cells: Vec<String> = row.iter().map(str::to_owned).collect();
                if let Err(error) = csv_line(out, &cells) {
                    return ignore_closed(error).map(|()| rows).map_err(writing);
                }
                rows += 1;
            }
        }
        locator = page.next_page().cloned();
    }
    Ok(rows)
}
