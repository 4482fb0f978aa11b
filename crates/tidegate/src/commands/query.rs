//! `tidegate query`: SOQL to a table, CSV or JSON, a page at a time.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use futures::StreamExt;
use serde_json::{Map, Value};
use tidegate_client::Client;
use tidegate_client::bulk::{QueryOperation, Wait};

use super::writing;
use crate::args::{Format, QueryArgs};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, counted, say};

/// Rows that a table waits for before it settles its column widths. More rows than this print in further blocks.
const TABLE_ROWS: usize = 1000;

pub(super) async fn run(config: &Config, args: QueryArgs) -> Result<ExitCode, Failure> {
    let text = read_text(&args.soql)?;
    let soql = bound(&text, &args.binds)?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let mut out = sink(args.out.as_deref())?;
    let rows = if args.bulk {
        if !matches!(args.format, Format::Table | Format::Csv) || args.json {
            return Err(Failure::usage("--bulk writes CSV").hint("leave --format out, or give --format csv"));
        }
        bulk(&client, soql, args.all, &mut out).await?
    } else {
        let format = if args.json { Format::Json } else { args.format };
        rest(&client, soql, args.all, format, &mut out).await?
    };
    out.flush().or_else(ignore_closed).map_err(writing)?;
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

/// Parses the query here first, so that a slip costs no call and shows its caret, and puts the values in.
fn bound(text: &str, binds: &[String]) -> Result<String, Failure> {
    let query = tidegate_soql::parse(text).map_err(|error| super::lint::syntax(text, &error))?;
    if binds.is_empty() && query.unbound().is_empty() {
        // As it was written: the org's own errors then point at the user's columns.
        return Ok(text.trim().to_owned());
    }
    let mut values = Vec::new();
    for bind in binds {
        let Some((name, value)) = bind.split_once('=') else {
            return Err(Failure::usage(format!("`{bind}` is no NAME=VALUE")));
        };
        values.push((name.trim_start_matches(':').to_owned(), typed(value)));
    }
    let values: Vec<(&str, tidegate_soql::BindValue)> =
        values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    tidegate_soql::bind(text, values).map(|query| query.to_string()).map_err(|error| {
        Failure::usage(error.to_string()).hint("give each :name of the query a value by --bind NAME=VALUE")
    })
}

/// The value that a person means by this text.
fn typed(text: &str) -> tidegate_soql::BindValue {
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return at.into();
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return date.into();
    }
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => None::<i64>.into(),
        _ => text.into(),
    }
}

fn sink(path: Option<&Path>) -> Result<Box<dyn Write + Send>, Failure> {
    Ok(match path {
        Some(path) => Box::new(BufWriter::new(
            File::create(path)
                .map_err(|e| Failure::failed(format!("cannot write {}", path.display())).with_cause(&e))?,
        )),
        None => Box::new(BufWriter::new(io::stdout())),
    })
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
    let mut records = if all { client.query_all(soql) } else { client.query(soql) };
    let mut writer = Writer { format, out, columns: None, block: Vec::new(), rows: 0 };
    while let Some(record) = records.next().await {
        match writer.record(record?) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(writer.rows),
            other => other.map_err(writing)?,
        }
    }
    // SELECT COUNT() has no records; its answer is the total.
    let counted = if writer.rows == 0 { records.total_size().filter(|n| *n > 0) } else { None };
    writer.finish(counted).or_else(ignore_closed).map_err(writing)?;
    Ok(writer.rows)
}

/// Writes records as they come.
struct Writer<'a> {
    format: Format,
    out: &'a mut (dyn Write + Send),
    columns: Option<Vec<String>>,
    block: Vec<Vec<String>>,
    rows: u64,
}

impl Writer<'_> {
    fn record(&mut self, mut record: Map<String, Value>) -> io::Result<()> {
        strip_attributes(&mut record);
        self.rows += 1;
        match self.format {
            Format::Json => {
                self.out.write_all(if self.rows == 1 { b"[\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *self.out, &record).map_err(io::Error::from)
            }
            Format::Jsonl => {
                serde_json::to_writer(&mut *self.out, &record).map_err(io::Error::from)?;
                self.out.write_all(b"\n")
            }
            Format::Csv | Format::Table => {
                let mut flat = Vec::new();
                flatten("", &record, &mut flat);
                let first = self.columns.is_none();
                let columns = self.columns.get_or_insert_with(|| flat.iter().map(|(name, _)| name.clone()).collect());
                // A null parent hides the columns behind it; a later row may show them.
                for (name, _) in &flat {
                    if !columns.contains(name)
                        && self.format == Format::Table
                        && self.block.len() == self.rows as usize - 1
                    {
                        columns.push(name.clone());
                    }
                }
                let row: Vec<String> = columns
                    .iter()
                    .map(|name| flat.iter().find(|(n, _)| n == name).map_or_else(String::new, |(_, v)| v.clone()))
                    .collect();
                if self.format == Format::Csv {
                    if first {
                        let header = columns.clone();
                        csv_line(self.out, &header)?;
                    }
                    return csv_line(self.out, &row);
                }
                self.block.push(row);
                if self.block.len() >= TABLE_ROWS { self.flush_block() } else { Ok(()) }
            }
        }
    }

    fn flush_block(&mut self) -> io::Result<()> {
        let Some(columns) = &self.columns else { return Ok(()) };
        let mut table = output::plain_table();
        table.set_header(columns);
        for row in self.block.drain(..) {
            let mut row: Vec<String> = row.into_iter().map(|cell| one_line(&cell)).collect();
            row.resize(columns.len(), String::new());
            table.add_row(row);
        }
        writeln!(self.out, "{}", output::table_text(&table))
    }

    fn finish(&mut self, counted: Option<u64>) -> io::Result<()> {
        match (self.format, counted) {
            (Format::Json, None) => self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" }),
            (Format::Json, Some(n)) => writeln!(self.out, "[{{\"count\":{n}}}]"),
            (Format::Jsonl, Some(n)) => writeln!(self.out, "{{\"count\":{n}}}"),
            (Format::Csv, Some(n)) => writeln!(self.out, "count\n{n}"),
            (Format::Table, Some(n)) => writeln!(self.out, "{n}"),
            (Format::Table, None) if !self.block.is_empty() => self.flush_block(),
            _ => Ok(()),
        }
    }
}

/// `attributes` says what the query already said.
fn strip_attributes(record: &mut Map<String, Value>) {
    record.shift_remove("attributes");
    for value in record.values_mut() {
        match value {
            Value::Object(nested) => strip_attributes(nested),
            Value::Array(items) => {
                for item in items {
                    if let Value::Object(nested) = item {
                        strip_attributes(nested);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Parents become dotted columns; children of a sub-query stay JSON.
fn flatten(prefix: &str, record: &Map<String, Value>, out: &mut Vec<(String, String)>) {
    for (name, value) in record {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(nested) if !nested.contains_key("records") => flatten(&path, nested, out),
            Value::Null => out.push((path, String::new())),
            Value::String(text) => out.push((path, text.clone())),
            other => out.push((path, other.to_string())),
        }
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '⏎',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

fn csv_line(out: &mut (dyn Write + Send), cells: &[String]) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

async fn bulk(client: &Client, soql: String, all: bool, out: &mut (dyn Write + Send)) -> Result<u64, Failure> {
    let bulk = client.bulk();
    let operation = if all { QueryOperation::QueryAll } else { QueryOperation::Query };
    let job = bulk.create_query_job(&soql, operation).await?;
    let job = bulk.wait(&job.id, Wait::default()).await?;
    let mut locator = Some(tidegate_client::bulk::Locator::first());
    let mut rows = 0;
    let mut header_written = false;
    while let Some(at) = locator {
        let mut page = bulk.download(&job, &at, None).await?;
        if !header_written {
            csv_line(out, page.columns()).map_err(writing)?;
            header_written = true;
        }
        while let Some(part) = page.next_rows().await? {
            for row in part.iter() {
                let cells: Vec<String> = row.iter().map(str::to_owned).collect();
                match csv_line(out, &cells) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(rows),
                    other => other.map_err(writing)?,
                }
                rows += 1;
            }
        }
        locator = page.next_page().cloned();
    }
    // Its results would lie about for seven days. That they could not be deleted spoils nothing.
    if let Err(error) = bulk.delete_query_job(&job.id).await {
        tracing::info!(job = job.id, %error, "the query job could not be deleted");
    }
    Ok(rows)
}
