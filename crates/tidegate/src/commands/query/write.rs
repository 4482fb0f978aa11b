//! Records as a table, CSV or JSON, written as they come.

use std::io::{self, Write};

use comfy_table::CellAlignment;
use serde_json::{Map, Value};

use tidegate_soql::ast::{FieldPath, Query, SelectItem};

use crate::args::Format;
use crate::output;

/// Rows that a table waits for before it settles its column widths. More rows than this print in further blocks.
const TABLE_ROWS: usize = 1000;

/// Writes records as they come.
pub(super) struct Writer<'a> {
    format: Format,
    out: &'a mut (dyn Write + Send),
    columns: Columns,
    block: Vec<Vec<Cell>>,
    pub(super) rows: u64,
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
    text: String,
    number: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(format: Format, query: &Query, out: &'a mut (dyn Write + Send)) -> Self {
        let columns = match selected(query) {
            Some(paths) => Columns::Selected { paths, settled: false },
            None => Columns::Found(None),
        };
        Self { format, out, columns, block: Vec::new(), rows: 0 }
    }

    pub(super) fn record(&mut self, mut record: Map<String, Value>) -> io::Result<()> {
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
            Format::Csv => {
                let row: Vec<String> = self.columns.row(&record).into_iter().map(|cell| cell.text).collect();
                if self.rows == 1 {
                    csv_line(self.out, &self.columns.names())?;
                }
                csv_line(self.out, &row)
            }
            Format::Table => {
                let row = self.columns.row(&record);
                self.block.push(row);
                if self.block.len() >= TABLE_ROWS { self.flush_block() } else { Ok(()) }
            }
        }
    }

    /// Ends the output. `count` is the answer of `SELECT COUNT()`, which has no records.
    pub(super) fn finish(&mut self, count: Option<u64>) -> io::Result<()> {
        match (self.format, count) {
            (Format::Json, None) => self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" }),
            (Format::Json, Some(n)) => writeln!(self.out, "[\n{{\"count\":{n}}}\n]"),
            (Format::Jsonl, Some(n)) => writeln!(self.out, "{{\"count\":{n}}}"),
            (Format::Csv, Some(n)) => writeln!(self.out, "count\n{n}"),
            (Format::Table, Some(n)) => writeln!(self.out, "{n}"),
            (Format::Table, None) if !self.block.is_empty() || self.rows == 0 => self.flush_block(),
            (Format::Csv, None) if self.rows == 0 && !self.columns.names().is_empty() => {
                csv_line(self.out, &self.columns.names())
            }
            _ => Ok(()),
        }
    }

    fn flush_block(&mut self) -> io::Result<()> {
        let names = self.columns.names();
        if names.is_empty() {
            return Ok(());
        }
        let mut table = output::plain_table();
        table.set_header(&names);
        for (at, _) in names.iter().enumerate() {
            let mut cells = self.block.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.text.is_empty());
            let numbers = cells.next().is_some_and(|cell| cell.number) && cells.all(|cell| cell.number);
            if let Some(column) = table.column_mut(at).filter(|_| numbers) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for row in self.block.drain(..) {
            let mut row: Vec<String> = row.into_iter().map(|cell| output::one_line(&cell.text)).collect();
            row.resize(names.len(), String::new());
            table.add_row(row);
        }
        writeln!(self.out, "{}", output::table_text(&table))
    }
}

impl Columns {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Selected { paths, .. } => paths.iter().map(|path| path.join(".")).collect(),
            Self::Found(names) => names.clone().unwrap_or_default(),
        }
    }

    fn row(&mut self, record: &Map<String, Value>) -> Vec<Cell> {
        match self {
            Self::Selected { paths, settled } => {
                if !*settled {
                    // The org's own spelling is nicer than what was typed.
                    paths.iter_mut().for_each(|path| respell(path, record));
                    *settled = true;
                }
                paths.iter().map(|path| cell(look_up(record, path))).collect()
            }
            Self::Found(names) => {
                let mut flat = Vec::new();
                flatten("", record, &mut flat);
                let names = names.get_or_insert_with(|| flat.iter().map(|(name, _)| name.clone()).collect());
                names
                    .iter()
                    .map(|name| flat.iter().find(|(n, _)| n == name).map_or_else(Cell::default, |(_, v)| cell(Some(v))))
                    .collect()
            }
        }
    }
}

/// The columns that the SELECT list names, when it names them all.
fn selected(query: &Query) -> Option<Vec<Vec<String>>> {
    if query.group_by.is_some() {
        return None;
    }
    query
        .select
        .iter()
        .map(|item| match item {
            SelectItem::Field(path, None) => Some(without_alias(path, query)),
            SelectItem::Subquery(query) => query.from.object.segments.last().map(|name| vec![name.text.clone()]),
            _ => None,
        })
        .collect()
}

/// `c.Account.Name` of `FROM Contact c` is `Account.Name` in the answer.
fn without_alias(path: &FieldPath, query: &Query) -> Vec<String> {
    let names: Vec<String> = path.segments.iter().map(|name| name.text.clone()).collect();
    let own = query.from.alias.iter().chain(query.from.object.segments.last());
    match names.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && own.into_iter().any(|name| name.text.eq_ignore_ascii_case(first)) => {
            rest.to_vec()
        }
        _ => names,
    }
}

fn entry<'a>(record: &'a Map<String, Value>, name: &str) -> Option<(&'a String, &'a Value)> {
    record.get_key_value(name).or_else(|| record.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
}

fn look_up<'a>(record: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
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
        Some(Value::String(text)) => Cell { text: text.clone(), number: false },
        // Children of a sub-query: the records are what was asked for.
        Some(Value::Object(object)) => {
            let text = object.get("records").map_or_else(|| value.map(Value::to_string), |r| Some(r.to_string()));
            Cell { text: text.unwrap_or_default(), number: false }
        }
        Some(other) => Cell { text: other.to_string(), number: other.is_number() },
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
pub(super) fn csv_line(out: &mut (dyn Write + Send), cells: &[String]) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        // An only cell that is empty would be an empty line, which readers pass over.
        let alone = cells.len() == 1 && cell.is_empty();
        if alone || cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: Format, soql: &str, records: &[Value], count: Option<u64>) -> String {
        let query = tidegate_soql::parse(soql).unwrap();
        let mut out = Vec::new();
        let mut writer = Writer::new(format, &query, &mut out);
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
            "Name      Account.Name  Score__c\nAnn, \"A\"                     2.5\n子涵⏎李   Acme                10\n"
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
        csv_line(&mut out, &[String::new()]).unwrap();
        assert_eq!(out, b"\"\"\n");
    }
}
