//! Records as a table, CSV, JSON or Parquet, written as they come.

use std::io::{self, Write};

use serde_json::{Map, Value};

use tidegate_soql::ast::{Query, SelectItem};

use super::parquet::{ParquetFailure, ParquetWriter};
use super::table::{self, Paper};
use super::types::{Column, without_alias};
use crate::args::Format;

/// Rows that a table waits for before it settles its column widths. More rows than this print in further blocks.
const TABLE_ROWS: usize = 1000;

/// Where rows go.
type Out<'a> = &'a mut (dyn Write + Send);

/// Writes records as they come.
pub(super) struct Writer<'a> {
    how: How<'a>,
    columns: Columns,
    flat: bool,
    pub(super) rows: u64,
}

enum How<'a> {
    Json(Out<'a>),
    Jsonl(Out<'a>),
    Csv(Out<'a>),
    Table { out: Out<'a>, block: Vec<Vec<Cell>>, paper: Paper },
    Parquet(Box<ParquetWriter<Out<'a>>>),
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(super) enum Broken {
    Io(io::Error),
    /// A value does not fit its column.
    Value(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken::Io(error)
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Broken::Io(error.into())
    }
}

impl From<ParquetFailure> for Broken {
    fn from(failure: ParquetFailure) -> Self {
        match failure {
            ParquetFailure::Value(words) => Broken::Value(words),
            ParquetFailure::Write(error) => Broken::Io(io::Error::other(error)),
        }
    }
}

/// The columns of a table or CSV.
enum Columns {
    /// As the query names them, so that a null parent hides nothing and no rows still have a header.
    Selected { paths: Vec<Vec<String>>, settled: bool },
    /// As the first record has them; for queries whose text does not tell, such as `FIELDS(ALL)`.
    Found(Option<Vec<String>>),
}

#[derive(Default)]
struct Cell {
    text: Option<String>,
    number: bool,
}

impl<'a> Writer<'a> {
    /// `flat` says that the records are flat rows already.
    pub(super) fn new(format: Format, query: &Query, flat: bool, paper: Paper, out: Out<'a>) -> Self {
        let columns = match selected(query, flat) {
            Some(paths) => Columns::Selected { paths, settled: flat },
            None => Columns::Found(None),
        };
        let how = match format {
            Format::Json => How::Json(out),
            Format::Jsonl => How::Jsonl(out),
            Format::Csv => How::Csv(out),
            Format::Table | Format::Parquet => How::Table { out, block: Vec::new(), paper },
        };
        Self { how, columns, flat, rows: 0 }
    }

    /// A Parquet file, whose columns have to be known before its first row.
    pub(super) fn parquet(columns: Vec<Column>, flat: bool, out: Out<'a>) -> Result<Self, Broken> {
        let writer = ParquetWriter::new(out, columns)?;
        Ok(Self { how: How::Parquet(Box::new(writer)), columns: Columns::Found(None), flat, rows: 0 })
    }

    pub(super) fn record(&mut self, mut record: Map<String, Value>) -> Result<(), Broken> {
        strip_attributes(&mut record);
        self.rows += 1;
        match &mut self.how {
            How::Json(out) => {
                out.write_all(if self.rows == 1 { b"[\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, &record)?;
            }
            How::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &record)?;
                out.write_all(b"\n")?;
            }
            How::Csv(out) => {
                let row: Vec<String> = self
                    .columns
                    .row(&record, self.flat)
                    .into_iter()
                    .map(|cell| cell.text.unwrap_or_default())
                    .collect();
                if self.rows == 1 {
                    csv_line(*out, self.columns.names())?;
                }
                csv_line(*out, &row)?;
            }
            How::Table { block, .. } => {
                block.push(self.columns.row(&record, self.flat));
                if block.len() >= TABLE_ROWS {
                    self.flush_block()?;
                }
            }
            How::Parquet(writer) => writer.record(&record, self.flat)?,
        }
        Ok(())
    }

    /// Ends the output. `count` is the answer of `SELECT COUNT()`, which has no records.
    pub(super) fn finish(mut self, count: Option<u64>) -> Result<(), Broken> {
        if matches!(&self.how, How::Table { block, .. } if count.is_none() && (!block.is_empty() || self.rows == 0)) {
            return self.flush_block();
        }
        match (self.how, count) {
            (How::Json(out), None) => out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?,
            (How::Json(out), Some(n)) => writeln!(out, "[\n{{\"count\":{n}}}\n]")?,
            (How::Jsonl(out), Some(n)) => writeln!(out, "{{\"count\":{n}}}")?,
            (How::Csv(out), Some(n)) => writeln!(out, "count\n{n}")?,
            (How::Table { out, .. }, Some(n)) => writeln!(out, "{n}")?,
            (How::Csv(out), None) if self.rows == 0 && !self.columns.names().is_empty() => {
                csv_line(out, self.columns.names())?;
            }
            (How::Parquet(mut writer), count) => {
                if let Some(n) = count {
                    writer.record(&Map::from_iter([("count".to_owned(), n.into())]), false)?;
                }
                writer.finish()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn flush_block(&mut self) -> Result<(), Broken> {
        let names = self.columns.names();
        let How::Table { out, block, paper } = &mut self.how else { return Ok(()) };
        if names.is_empty() {
            return Ok(());
        }
        let rows: Vec<Vec<table::Cell>> = std::mem::take(block)
            .into_iter()
            .map(|row| row.into_iter().map(|cell| table::Cell { text: cell.text, number: cell.number }).collect())
            .collect();
        let first = self.rows - rows.len() as u64 + 1;
        table::write(&mut **out, &names, rows, first, *paper)?;
        Ok(())
    }
}

impl Columns {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Selected { paths, .. } => paths.iter().map(|path| path.join(".")).collect(),
            Self::Found(names) => names.clone().unwrap_or_default(),
        }
    }

    fn row(&mut self, record: &Map<String, Value>, flat: bool) -> Vec<Cell> {
        match self {
            Self::Selected { paths, .. } if flat => {
                paths.iter().map(|path| cell(look_up(record, &[path.join(".")]))).collect()
            }
            Self::Selected { paths, settled } => {
                if !*settled {
                    // The org's own spelling is nicer than what was typed.
                    paths.iter_mut().for_each(|path| respell(path, record));
                    *settled = true;
                }
                paths.iter().map(|path| cell(look_up(record, path))).collect()
            }
            Self::Found(names) => {
                let mut found = Vec::new();
                flatten("", record, &mut found);
                let names = names.get_or_insert_with(|| found.iter().map(|(name, _)| name.clone()).collect());
                names
                    .iter()
                    .map(|name| {
                        found.iter().find(|(n, _)| n == name).map_or_else(Cell::default, |(_, v)| cell(Some(v)))
                    })
                    .collect()
            }
        }
    }
}

/// The columns that the SELECT list names, when it names them all.
fn selected(query: &Query, flat: bool) -> Option<Vec<Vec<String>>> {
    if query.group_by.is_some() {
        return None;
    }
    let mut paths = Vec::new();
    for item in &query.select {
        match item {
            SelectItem::Field(path, None) => paths.push(without_alias(path, query)),
            SelectItem::Subquery(inner) => {
                let name = inner.from.object.segments.last()?.text.clone();
                if flat {
                    paths.extend(selected(inner, flat)?.into_iter().map(|path| [vec![name.clone()], path].concat()));
                } else {
                    paths.push(vec![name]);
                }
            }
            _ => return None,
        }
    }
    Some(paths)
}

fn entry<'a>(record: &'a Map<String, Value>, name: &str) -> Option<(&'a String, &'a Value)> {
    record.get_key_value(name).or_else(|| record.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
}

pub(super) fn look_up<'a>(record: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let (_, value) = entry(record, first)?;
    if rest.is_empty() { Some(value) } else { look_up(value.as_object()?, rest) }
}

fn respell(path: &mut [String], record: &Map<String, Value>) {
    let Some((first, rest)) = path.split_first_mut() else { return };
    if let Some((name, value)) = entry(record, first) {
        first.clone_from(name);
        if let Value::Object(parent) = value {
            respell(rest, parent);
        }
    }
}

fn cell(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::default(),
        Some(Value::String(text)) => Cell { text: Some(text.clone()), number: false },
        // Children of a sub-query: the records are what was asked for.
        Some(Value::Object(object)) => {
            let text = object.get("records").map_or_else(|| value.map(Value::to_string), |r| Some(r.to_string()));
            Cell { text, number: false }
        }
        Some(other) => Cell { text: Some(other.to_string()), number: other.is_number() },
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
fn flatten<'a>(prefix: &str, record: &'a Map<String, Value>, out: &mut Vec<(String, &'a Value)>) {
    for (name, value) in record {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(nested) if !nested.contains_key("records") => flatten(&path, nested, out),
            other => out.push((path, other)),
        }
    }
}

/// One line of CSV (RFC 4180, but with LF).
pub(super) fn csv_line(
    out: &mut (dyn Write + Send),
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    let mut count = 0;
    let mut is_empty = true;
    for cell in cells {
        let cell = cell.as_ref();
        if count > 0 {
            out.write_all(b",")?;
        }
        count += 1;
        is_empty &= cell.is_empty();
        if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    // An only cell that is empty would be an empty line, which readers pass over.
    out.write_all(if count == 1 && is_empty { b"\"\"\n" } else { b"\n" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: Format, soql: &str, records: &[Value], count: Option<u64>) -> String {
        let query = tidegate_soql::parse(soql).unwrap();
        let mut out = Vec::new();
        let mut writer = Writer::new(format, &query, false, Paper { width: None, dims: false }, &mut out);
        for record in records {
            writer.record(record.as_object().unwrap().clone()).unwrap();
        }
        writer.finish(count).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn contacts() -> Vec<Value> {
        vec![
            json!({ "attributes": { "type": "Contact" }, "Name": "Ann, \"A\"", "Account": null, "Score__c": 2.5 }),
            json!({ "Name": "子涵\n李", "Account": { "attributes": {}, "Name": "Acme" }, "Score__c": 10 }),
        ]
    }

    #[test]
    fn a_null_parent_hides_no_column() {
        let soql = "SELECT name, Account.Name, Score__c FROM Contact";
        assert_eq!(
            written(Format::Csv, soql, &contacts(), None),
            "Name,Account.Name,Score__c\n\"Ann, \"\"A\"\"\",,2.5\n\"子涵\n李\",Acme,10\n"
        );
        assert_eq!(
            written(Format::Table, soql, &contacts(), None),
            "Name      Account.Name  Score__c\nAnn, \"A\"  ·                  2.5\n子涵⏎李   Acme                10\n"
        );
    }

    #[test]
    fn json_is_json() {
        for (format, soql) in [(Format::Json, "SELECT Name FROM Contact"), (Format::Json, "SELECT FIELDS(ALL) FROM A")]
        {
            let text = written(format, soql, &contacts(), None);
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value[1], json!({ "Name": "子涵\n李", "Account": { "Name": "Acme" }, "Score__c": 10 }));
        }
        let lines = written(Format::Jsonl, "SELECT Name FROM Contact", &contacts(), None);
        let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn no_rows_are_said_by_a_header() {
        for (format, soql, count, expected) in [
            (Format::Csv, "SELECT Id, c.Account.Name FROM Contact c", None, "Id,Account.Name\n"),
            (Format::Table, "SELECT Id, Contact.Name, (SELECT Id FROM Tasks) FROM Contact", None, "Id  Name  Tasks\n"),
            (Format::Csv, "SELECT FIELDS(ALL) FROM Contact LIMIT 1", None, ""),
            (Format::Json, "SELECT Id FROM Contact", None, "[]\n"),
            (Format::Jsonl, "SELECT Id FROM Contact", None, ""),
            (Format::Table, "SELECT COUNT() FROM Contact", Some(0), "0\n"),
            (Format::Csv, "SELECT COUNT() FROM Contact", Some(0), "count\n0\n"),
            (Format::Json, "SELECT COUNT() FROM Contact", Some(3), "[\n{\"count\":3}\n]\n"),
        ] {
            assert_eq!(written(format, soql, &[], count), expected, "{soql}");
        }
    }

    #[test]
    fn what_the_text_does_not_tell_is_found() {
        let rows = [json!({ "StageName": "Won", "expr0": 12 }), json!({ "StageName": null, "expr0": 3 })];
        let soql = "SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName";
        assert_eq!(written(Format::Csv, soql, &rows, None), "StageName,expr0\nWon,12\n,3\n");
    }

    #[test]
    fn an_empty_cell_alone_is_no_empty_line() {
        let mut out = Vec::new();
        csv_line(&mut out, [""]).unwrap();
        assert_eq!(out, b"\"\"\n");
    }
}
