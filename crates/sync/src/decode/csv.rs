//! Results of Bulk 2.0 query jobs, decoded straight into columns.

use csv_core::{ReadFieldResult, Reader};

use super::{DecodeError, text};
use crate::limits::PART_BYTES_MAX;
use crate::{RowBatch, Table};

/// Reads one page of a result: bytes in, batches out. Holds at most one field and one batch in memory.
#[derive(Debug)]
pub struct CsvDecoder<'t> {
    reader: Reader,
    /// Bytes of the field that is being read, in a buffer that grows to the longest field.
    field: Vec<u8>,
    /// How many of them there are.
    filled: usize,
    /// Whether an odd number of quotes has been read: the bytes end within a quoted value.
    quoted: bool,
    lines: Lines<'t>,
}

/// What the fields become.
#[derive(Debug)]
struct Lines<'t> {
    table: &'t Table,
    /// For each field of a line the column it belongs to; empty until the header has been read.
    columns: Vec<usize>,
    names: Vec<String>,
    /// Place in the line.
    at: usize,
    batch: RowBatch,
    rows: u64,
}

impl<'t> CsvDecoder<'t> {
    /// For a page of this table. The page begins with its header.
    pub fn new(table: &'t Table) -> Self {
        Self {
            reader: Reader::new(),
            field: vec![0; 4096],
            filled: 0,
            quoted: false,
            lines: Lines { table, columns: Vec::new(), names: Vec::new(), at: 0, batch: RowBatch::new(table), rows: 0 },
        }
    }

    /// Takes bytes and gives the batches that they complete.
    ///
    /// # Errors
    /// The header lacks a column or names another, a line has another number of fields, a value is not of its type.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<RowBatch>, DecodeError> {
        self.quoted ^= bytes.iter().filter(|b| **b == b'"').count() % 2 == 1;
        let mut full = Vec::new();
        let mut input = bytes;
        while !input.is_empty() {
            let (read, _) = self.step(input)?;
            input = input.get(read..).unwrap_or_default();
            if self.lines.at == 0 && self.lines.batch.bytes_reached(PART_BYTES_MAX) {
                full.push(std::mem::replace(&mut self.lines.batch, RowBatch::new(self.lines.table)));
            }
        }
        Ok(full)
    }

    /// The rows since the last batch and the number of rows in all, when the bytes are at their end.
    ///
    /// # Errors
    /// As [`CsvDecoder::push`]; and when the bytes end within a line.
    pub fn finish(mut self) -> Result<(RowBatch, u64), DecodeError> {
        let cut = |rows| DecodeError::new(format!("row {}", rows + 1), "a whole line");
        if self.quoted {
            return Err(cut(self.lines.rows));
        }
        // Without input the reader ends the last field, then the last line; a long field may need a larger buffer first.
        while !self.step(&[])?.1 {}
        if self.lines.at != 0 {
            return Err(cut(self.lines.rows));
        }
        Ok((self.lines.batch, self.lines.rows))
    }

    /// Lets the reader take as much as it wants; returns how much that was, and whether it has nothing more to give.
    fn step(&mut self, input: &[u8]) -> Result<(usize, bool), DecodeError> {
        let room = self.field.get_mut(self.filled..).unwrap_or_default();
        let (result, read, written) = self.reader.read_field(input, room);
        self.filled += written;
        match result {
            ReadFieldResult::OutputFull => {
                let longer = self.field.len().saturating_mul(2);
                self.field.resize(longer, 0);
            }
            ReadFieldResult::Field { record_end } => {
                let value = self.field.get(..self.filled).unwrap_or_default();
                self.lines.field(value, record_end)?;
                self.filled = 0;
            }
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::End => return Ok((read, true)),
        }
        Ok((read, false))
    }
}

impl Lines<'_> {
    fn field(&mut self, bytes: &[u8], line_end: bool) -> Result<(), DecodeError> {
        let header = self.columns.is_empty();
        let row = || format!("row {}", self.rows + 1);
        let value = std::str::from_utf8(bytes).map_err(|_| DecodeError::new(row(), "text in UTF-8"))?;
        if header {
            self.names.push(value.to_owned());
        } else {
            let column = *self.columns.get(self.at).ok_or_else(|| self.count_error())?;
            let (Some(facts), Some(data)) = (self.table.columns.get(column), self.batch.columns.get_mut(column)) else {
                return Err(self.count_error());
            };
            let cell = text::read(facts.ty, value).map_err(|expected| {
                DecodeError::new(format!("{}.{}, row {}", self.table.object, facts.field, self.rows + 1), expected)
            })?;
            data.push(cell);
        }
        self.at += 1;
        if line_end {
            if header {
                self.header()?;
            } else {
                if self.at != self.columns.len() {
                    return Err(self.count_error());
                }
                self.batch.rows += 1;
                self.rows += 1;
            }
            self.at = 0;
        }
        Ok(())
    }

    fn count_error(&self) -> DecodeError {
        DecodeError::new(format!("row {}", self.rows + 1), format!("{} fields", self.columns.len()))
    }

    fn header(&mut self) -> Result<(), DecodeError> {
        for name in &self.names {
            let (column, _) = self
                .table
                .column(name)
                .ok_or_else(|| DecodeError::new("the header", format!("no field {name}, which was not asked for")))?;
            self.columns.push(column.0.into());
        }
        for (i, column) in self.table.columns.iter().enumerate() {
            if self.columns.iter().filter(|c| **c == i).count() != 1 {
                return Err(DecodeError::new("the header", format!("field {} once", column.field)));
            }
        }
        Ok(())
    }
}

impl RowBatch {
    /// Whether the batch is this large. Looked at for every 16th row: counting costs a look at each column.
    fn bytes_reached(&self, bytes: usize) -> bool {
        self.rows > 0 && self.rows.is_multiple_of(16) && self.bytes() >= bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::table;
    use crate::{Cell, Row};

    const HEADER: &str = "\"OwnerId\",\"ID\",\"Name\",\"SystemModstamp\",\"Active__c\",\"Employees\",\"Amount__c\",\
                          \"Born__c\",\"Opens__c\",\"Notes__c\"\n";

    fn decode(text: &[u8], chunk: usize) -> Result<Vec<Row>, DecodeError> {
        let table = table(0, "Account");
        let mut decoder = CsvDecoder::new(&table);
        let mut batches = Vec::new();
        for bytes in text.chunks(chunk) {
            batches.extend(decoder.push(bytes)?);
        }
        let (last, rows) = decoder.finish()?;
        batches.push(last);
        let all: Vec<Row> = batches.iter().flat_map(|b| (0..b.rows).map(|r| b.row(r)).collect::<Vec<_>>()).collect();
        assert_eq!(all.len() as u64, rows);
        Ok(all)
    }

    #[test]
    fn a_page_in_pieces_of_any_size() {
        let line = "\"\",\"0015e00000AAAAAAA1\",\"a \"\"quoted\"\", b\r\nc \u{1F600}\",\"2026-01-01T00:00:00.000Z\",\"true\",\"12\",\
                    \"12.50\",\"1700-01-01\",\"08:00:00.000Z\",\"\"\n";
        let text = format!("{HEADER}{line}{line}");
        let row = vec![
            Cell::Text("0015e00000AAAAAAA1".into()),
            Cell::Text("a \"quoted\", b\r\nc \u{1F600}".into()),
            Cell::DateTime(1_767_225_600_000),
            Cell::Boolean(true),
            Cell::Integer(12),
            Cell::Decimal(rust_decimal::Decimal::new(1250, 2)),
            Cell::Date(-98_615),
            Cell::Time(28_800_000),
            Cell::Null,
            Cell::Null,
        ];
        for chunk in [1, 2, 3, 7, 64, 100_000] {
            assert_eq!(decode(text.as_bytes(), chunk), Ok(vec![row.clone(), row.clone()]), "in pieces of {chunk}");
            // The last line may lack its end.
            assert_eq!(decode(text.trim_end().as_bytes(), chunk), Ok(vec![row.clone(), row.clone()]));
        }
        assert_eq!(decode(HEADER.as_bytes(), 5), Ok(vec![]));
        assert_eq!(decode(b"", 5), Ok(vec![]), "some versions answer without a header when there are no rows");
    }

    #[test]
    fn what_is_cut_or_wrong_is_refused() {
        let line = "\"\",\"0015e00000AAAAAAA1\",\"n\",\"\",\"\",\"\",\"\",\"\",\"\",\"some text\"\n";
        assert_eq!(decode(format!("{HEADER}{line}").as_bytes(), 9).map(|r| r.len()), Ok(1));
        for (text, what) in [
            (format!("{HEADER}{}", &line[..line.len() - 4]), "cut within the last value"),
            (format!("{HEADER}{}", &line[..40]), "cut between values"),
            (format!("{HEADER}\"\",\"x\"\n"), "too few values"),
            (format!("{HEADER}{}", line.replace("\"\",\"some", "\"\",\"\",\"some")), "too many values"),
            (format!("{HEADER}{}", line.replacen("\"n\",\"\"", "\"n\",\"soon\"", 1)), "no time stamp"),
            (HEADER.replace("Born__c", "Other__c"), "another column"),
            (HEADER.replace("Born__c", "Name"), "a column twice"),
        ] {
            assert!(decode(text.as_bytes(), 9).is_err(), "{what} was accepted");
        }
    }

    #[test]
    fn parts_are_bounded() {
        let table = table(0, "Account");
        let mut decoder = CsvDecoder::new(&table);
        let long = "x".repeat(100_000);
        let mut sizes: Vec<usize> =
            decoder.push(HEADER.as_bytes()).expect("header").iter().map(RowBatch::bytes).collect();
        for _ in 0..200 {
            let line = format!("\"\",\"0015e00000AAAAAAA1\",\"n\",\"\",\"\",\"\",\"\",\"\",\"\",\"{long}\"\n");
            sizes.extend(decoder.push(line.as_bytes()).expect("line").iter().map(RowBatch::bytes));
        }
        assert!(sizes.len() > 2 && sizes.iter().all(|s| *s < PART_BYTES_MAX + 17 * 100_000), "{sizes:?}");
    }
}
