//! CSV rows and the parser that makes them. No I/O: bytes go in, whole rows come out.

use bytes::Bytes;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::ColumnDelimiter;

/// A chunk of rows is handed over when it has this many bytes, so one holds at most this and one row more.
pub const ROWS_BYTES_MAX: usize = 1 << 20;
/// No row of Salesforce is near this size (400,000 characters); one that is means that a quote was lost.
const ROW_BYTES_MAX: usize = 32 << 20;

/// Whole rows of one page, all of the same width. Null and the empty text are the same in Bulk CSV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvRows {
    text: String,
    ends: Vec<u32>,
    width: usize,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    rows: &'a CsvRows,
    index: usize,
}

impl CsvRows {
    /// Rows.
    pub fn len(&self) -> usize {
        self.ends.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Columns of each row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The value at a row and a column, both from 0; `None` outside.
    pub fn get(&self, row: usize, column: usize) -> Option<&str> {
        if column >= self.width {
            return None;
        }
        let index = row.checked_mul(self.width)?.checked_add(column)?;
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.text.get(start..end)
    }

    /// A row, from 0; `None` outside.
    pub fn row(&self, index: usize) -> Option<RowRef<'_>> {
        (index < self.len()).then_some(RowRef { rows: self, index })
    }

    /// The rows behind the first `n`.
    pub(super) fn without_first(self, n: usize) -> CsvRows {
        if n == 0 {
            return self;
        }
        let gone = n.saturating_mul(self.width).min(self.ends.len());
        let start = gone.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        CsvRows {
            text: self.text.get(start as usize..).unwrap_or_default().to_owned(),
            ends: self.ends.iter().skip(gone).map(|end| end - start).collect(),
            width: self.width,
        }
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..self.len()).map(|index| RowRef { rows: self, index })
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<u32>()
    }
}

impl<'a> RowRef<'a> {
    /// The value of a column, from 0; `None` outside.
    pub fn get(&self, column: usize) -> Option<&'a str> {
        self.rows.get(self.index, column)
    }

    /// The values in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.rows.width).map_while(move |column| self.get(column))
    }
}

/// What reading some bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The bytes are used up.
    More,
    /// The header row is here, or enough rows for a chunk.
    Full,
}

/// How the bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// After a row.
    AfterRow,
    /// In the middle of one, which is lost.
    InsideRow,
}

/// Reads CSV piece by piece. The first row names the columns, and every other row must be as wide.
#[derive(Debug)]
pub(super) struct Parser {
    reader: Reader,
    columns: Option<Vec<String>>,
    /// Content of whole rows, then of the row under way, then room.
    text: Vec<u8>,
    used: usize,
    /// Where the fields of whole rows end in `text`.
    ends: Vec<u32>,
    /// Where the row under way begins in `text`.
    row_start: usize,
    /// Where its fields end, from its start; then room.
    row_ends: Vec<usize>,
    row_fields: usize,
    /// Whether the quotes seen so far leave one open.
    open_quote: bool,
    last_byte: u8,
}

impl Parser {
    pub(super) fn new(delimiter: ColumnDelimiter) -> Parser {
        Parser {
            reader: ReaderBuilder::new().delimiter(delimiter.byte()).build(),
            columns: None,
            text: vec![0; 4 << 10],
            used: 0,
            ends: vec![],
            row_start: 0,
            row_ends: vec![0; 64],
            row_fields: 0,
            open_quote: false,
            last_byte: b'\n',
        }
    }

    /// The header row, once it is here.
    pub(super) fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// Whole rows held.
    pub(super) fn whole_rows(&self) -> u64 {
        let width = self.columns.as_ref().map_or(0, Vec::len);
        self.ends.len().checked_div(width).unwrap_or(0) as u64
    }

    /// Reads from `input`, which is advanced past what was read.
    pub(super) fn read(&mut self, input: &mut Bytes) -> Result<Step, String> {
        // An empty input would tell the reader that the end has come.
        while !input.is_empty() {
            let (whole, taken) = self.row(input)?;
            let seen = input.split_to(taken.min(input.len()));
            self.open_quote ^= seen.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            self.last_byte = seen.last().copied().unwrap_or(self.last_byte);
            if whole && (self.keep()? || self.is_full()) {
                return Ok(Step::Full);
            }
        }
        Ok(Step::More)
    }

    /// Says that no more bytes come.
    pub(super) fn finish(&mut self) -> Result<End, String> {
        if self.open_quote {
            return Ok(End::InsideRow);
        }
        let (whole, _) = self.row(&[])?;
        if !whole {
            return Ok(End::AfterRow);
        }
        // A last row without a line end: good only if it is as wide as it should be and its last value is closed.
        let complete = match &self.columns {
            None => true,
            Some(columns) => columns.len() == self.row_fields && self.last_byte == b'"',
        };
        if !complete {
            return Ok(End::InsideRow);
        }
        self.keep()?;
        Ok(End::AfterRow)
    }

    /// The whole rows held. To be called between rows only, which is after `Step::Full` and after the end.
    pub(super) fn take(&mut self) -> Result<CsvRows, String> {
        let room = vec![0; self.text.len().min(ROWS_BYTES_MAX * 2)];
        let mut text = std::mem::replace(&mut self.text, room);
        text.truncate(self.row_start);
        self.used = 0;
        self.row_start = 0;
        self.row_fields = 0;
        let ends = std::mem::take(&mut self.ends);
        let text = String::from_utf8(text).map_err(|_| "a value is not UTF-8".to_owned())?;
        if ends.iter().any(|end| !text.is_char_boundary(*end as usize)) {
            return Err("a value is not UTF-8".to_owned());
        }
        Ok(CsvRows { text, ends, width: self.columns.as_ref().map_or(0, Vec::len) })
    }

    fn is_full(&self) -> bool {
        self.used >= ROWS_BYTES_MAX || self.ends.len() * size_of::<u32>() >= ROWS_BYTES_MAX
    }

    /// Reads up to the end of a row: whether there was one, and how many bytes were read.
    fn row(&mut self, input: &[u8]) -> Result<(bool, usize), String> {
        let mut taken = 0;
        loop {
            if self.used - self.row_start > ROW_BYTES_MAX {
                return Err(format!("a row is larger than {ROW_BYTES_MAX} bytes"));
            }
            if self.used == self.text.len() {
                self.text.resize(self.text.len().max(512) * 2, 0);
            }
            if self.row_fields == self.row_ends.len() {
                self.row_ends.resize(self.row_ends.len() * 2, 0);
            }
            let (result, read, written, fields) = self.reader.read_record(
                input.get(taken..).unwrap_or_default(),
                self.text.get_mut(self.used..).unwrap_or_default(),
                self.row_ends.get_mut(self.row_fields..).unwrap_or_default(),
            );
            taken += read;
            self.used += written;
            self.row_fields += fields;
            match result {
                ReadRecordResult::Record => return Ok((true, taken)),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok((false, taken)),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }

    /// Takes the row under way as whole: whether it was the header row.
    fn keep(&mut self) -> Result<bool, String> {
        let fields = self.row_ends.get(..self.row_fields).unwrap_or_default();
        self.row_fields = 0;
        match &self.columns {
            None => {
                let mut columns = Vec::with_capacity(fields.len());
                let mut start = 0;
                for end in fields {
                    let name = self.text.get(start..*end).unwrap_or_default();
                    columns
                        .push(String::from_utf8(name.to_vec()).map_err(|_| "the header row is not UTF-8".to_owned())?);
                    start = *end;
                }
                self.columns = Some(columns);
                self.used = 0;
                Ok(true)
            }
            Some(columns) if columns.len() == fields.len() => {
                for end in fields {
                    let end = u32::try_from(self.row_start + end).map_err(|_| "the rows are too large".to_owned())?;
                    self.ends.push(end);
                }
                self.row_start = self.used;
                Ok(false)
            }
            Some(columns) => Err(format!("a row has {} values and the header row {}", fields.len(), columns.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Table = (Vec<String>, Vec<Vec<String>>, End);

    /// Reads a text in pieces of a size, with every chunk taken.
    fn parse(text: &[u8], piece: usize) -> Result<Table, String> {
        let mut parser = Parser::new(ColumnDelimiter::Comma);
        let mut rows = vec![];
        let mut collect = |taken: CsvRows| {
            rows.extend(taken.iter().map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>()));
        };
        for piece in text.chunks(piece) {
            let mut piece = Bytes::copy_from_slice(piece);
            while parser.read(&mut piece)? == Step::Full {
                collect(parser.take()?);
            }
        }
        let end = parser.finish()?;
        collect(parser.take()?);
        let columns = parser.columns().unwrap_or_default().to_vec();
        Ok((columns, rows, end))
    }

    #[test]
    fn reads_what_salesforce_writes_in_pieces_of_any_size() {
        let text = "\"Id\",\"Owner.Name\"\n\"1\",\"a \"\"b\"\",\nc\"\n\"2\",\"\"\n\"3\",\"x\0y \u{1F600} \u{FC}\"\n";
        let expected = vec![vec!["1", "a \"b\",\nc"], vec!["2", ""], vec!["3", "x\0y \u{1F600} \u{FC}"]];
        for piece in 1..=text.len() {
            let (columns, rows, end) = parse(text.as_bytes(), piece).unwrap();
            assert_eq!(columns, ["Id", "Owner.Name"]);
            assert_eq!(rows, expected, "pieces of {piece}");
            assert_eq!(end, End::AfterRow);
        }
    }

    #[test]
    fn a_cut_anywhere_is_seen_or_loses_whole_rows_only() {
        let text = "\"Id\",\"N\"\n\"1\",\"a \"\"b\"\" c\"\n\"2\",\"d\"\n";
        let whole = parse(text.as_bytes(), 64).unwrap().1;
        for cut in 0..text.len() {
            let Ok((_, rows, end)) = parse(&text.as_bytes()[..cut], 5) else {
                continue;
            };
            // A cut within a doubled quote looks like the value's end. The connection's own framing tells that one.
            let within_doubled = text[..cut].ends_with("\"a \"") || text[..cut].ends_with("\"\"b\"");
            if end == End::AfterRow && !within_doubled {
                assert!(whole.starts_with(&rows), "cut at {cut}: {rows:?}");
            }
        }
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        assert!(parse(b"\"A\",\"B\"\n\"1\"\n", 9).is_err());
        assert!(parse(b"\"A\"\n\"1\",\"2\"\n", 9).is_err());
        assert!(parse(b"\"A\"\n\"\xff\"\n", 9).is_err());
    }

    #[test]
    fn no_rows_and_no_bytes_are_both_fine() {
        assert_eq!(parse(b"\"A\"\n", 1).unwrap(), (vec!["A".into()], vec![], End::AfterRow));
        assert_eq!(parse(b"\"A\"", 1).unwrap().0, ["A"]);
        assert_eq!(parse(b"", 1).unwrap(), (vec![], vec![], End::AfterRow));
        assert_eq!(parse(b"\"A\n", 1).unwrap().2, End::InsideRow);
    }

    #[test]
    fn chunks_are_bounded() {
        let mut parser = Parser::new(ColumnDelimiter::Comma);
        let row = format!("\"{}\"\n", "x".repeat(1000));
        let mut input = Bytes::from(format!("\"A\"\n{}", row.repeat(5000)));
        let mut rows = 0;
        assert_eq!(parser.read(&mut input).unwrap(), Step::Full);
        while parser.read(&mut input).unwrap() == Step::Full {
            let taken = parser.take().unwrap();
            assert!(taken.text.len() <= ROWS_BYTES_MAX + 1000);
            rows += taken.len();
        }
        assert_eq!(parser.finish().unwrap(), End::AfterRow);
        rows += parser.take().unwrap().len();
        assert_eq!(rows, 5000);
    }

    #[test]
    fn the_first_rows_can_be_left_out() {
        let mut parser = Parser::new(ColumnDelimiter::Comma);
        let mut input = Bytes::from_static(b"A,B\n1,x\n2,\n3,zz\n");
        while parser.read(&mut input).unwrap() == Step::Full {}
        parser.finish().unwrap();
        let rows = parser.take().unwrap();
        for n in 0..5 {
            let left = rows.clone().without_first(n);
            assert_eq!(left.len(), 3usize.saturating_sub(n));
            assert!(
                left.iter()
                    .map(|row| row.iter().collect::<Vec<_>>())
                    .eq(rows.iter().skip(n).map(|row| row.iter().collect::<Vec<_>>()))
            );
        }
    }

    proptest! {
        #[test]
        fn any_table_is_read_as_written(
            table in prop::collection::vec(prop::collection::vec("[a-z\",\\r\\n\u{E9}]{0,6}", 3), 0..6),
            piece in 1..40usize,
        ) {
            let mut text = String::from("\"A\",\"B\",\"C\"\n");
            for row in &table {
                let quoted: Vec<String> = row.iter().map(|v| format!("\"{}\"", v.replace('"', "\"\""))).collect();
                text.push_str(&quoted.join(","));
                text.push('\n');
            }
            let (_, rows, end) = parse(text.as_bytes(), piece).unwrap();
            prop_assert_eq!(end, End::AfterRow);
            prop_assert_eq!(rows, table);
        }
    }
}
