//! Rows of a CSV file with the places where they stand. Stricter than a reader that takes everything: a lost quote
//! shifts columns, and what is shifted would be written into the org.

use std::io::{self, BufRead};

use tidegate_client::bulk::ColumnDelimiter;

use super::dialect::{Dialect, Lines};

/// No row that Salesforce takes is near this (400,000 characters); one that is means that a quote was never closed.
pub(crate) const ROW_BYTES_MAX: usize = 16 << 20;

/// Why a row cannot be taken as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// A quoted value goes on behind its closing quote.
    #[error("text stands behind the closing quote of value {value}")]
    BehindQuote {
        /// Its number, from 1.
        value: usize,
    },
    /// A quote was opened and never closed.
    #[error("the quote that opens in line {line} is never closed")]
    Open {
        /// Where it opens.
        line: u64,
    },
    /// A blank between delimiter and quote.
    #[error("a blank stands before the opening quote of value {value}")]
    BeforeQuote {
        /// Its number, from 1.
        value: usize,
    },
    /// A carriage return alone.
    #[error("value {value} holds a carriage return without quotes")]
    CarriageReturn {
        /// Its number, from 1.
        value: usize,
    },
    /// Larger than a row can be.
    #[error("the row is larger than {ROW_BYTES_MAX} bytes; probably a quote was never closed")]
    TooLarge,
    /// Not UTF-8. Where exactly is found by reading again.
    #[error("a value is not UTF-8")]
    Encoding,
}

/// One row. Reused from row to row.
#[derive(Debug, Default, Clone)]
pub(crate) struct Row {
    text: String,
    ends: Vec<usize>,
    /// The line in which it begins, from 1.
    pub(crate) line: u64,
    /// The byte at which it begins.
    pub(crate) offset: u64,
    /// Why it cannot be taken.
    pub(crate) fault: Option<RowFault>,
}

impl Row {
    /// Values in it.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A value by its place, from 0.
    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }

    /// The values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// Bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Where in a row the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before anything of the row.
    Begin,
    /// At the beginning of a further value.
    Start,
    /// In blanks at the beginning of a value.
    Blank,
    Plain,
    Quoted,
    /// Behind a quote inside quotes: the closing one, or the first of two.
    Quote,
    /// Behind a carriage return outside of quotes.
    Return,
}

/// Reads rows one after the other.
#[derive(Debug)]
pub(crate) struct Rows<R> {
    source: R,
    delimiter: u8,
    lines: Lines,
    /// Of the next byte.
    offset: u64,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Rows<R> {
    /// Rows from a source that stands at this byte and line.
    pub(crate) fn new(source: R, dialect: Dialect, offset: u64, line: u64) -> Self {
        Self {
            source,
            delimiter: ColumnDelimiter::byte(dialect.delimiter),
            lines: dialect.lines,
            offset,
            line,
            buffer: vec![],
        }
    }

    /// The byte that comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next row that is not empty; `false` at the end. What is wrong with a row is noted in it, and the row
    /// after it is read all the same.
    pub(crate) fn read(&mut self, row: &mut Row) -> io::Result<bool> {
        loop {
            if !self.record(row)? {
                return Ok(false);
            }
            if !(row.ends.len() == 1 && row.text.is_empty() && row.fault.is_none()) {
                return Ok(true);
            }
            // An empty line. A row whose only value is "" looks the same and would say nothing either.
        }
    }

    fn record(&mut self, row: &mut Row) -> io::Result<bool> {
        self.buffer = std::mem::take(&mut row.text).into_bytes();
        self.buffer.clear();
        row.ends.clear();
        row.fault = None;
        row.line = self.line;
        row.offset = self.offset;
        let mut place = Place::Begin;
        let mut value_start = 0;
        let mut quote_line = self.line;
        'read: loop {
            let piece = self.source.fill_buf()?;
            if piece.is_empty() {
                match place {
                    Place::Begin => return Ok(false),
                    Place::Quoted => note(row, RowFault::Open { line: quote_line }),
                    _ => {}
                }
                row.ends.push(self.buffer.len());
                break;
            }
            let mut used = 0;
            for byte in piece.iter().copied() {
                // A carriage return is judged when the byte behind it is known.
                if place == Place::Return {
                    if byte == b'\n' {
                        used += 1;
                        self.line += 1;
                        row.ends.push(self.buffer.len());
                        self.offset += used as u64;
                        self.source.consume(used);
                        break 'read;
                    }
                    note(row, RowFault::CarriageReturn { value: row.ends.len() + 1 });
                    self.buffer.push(b'\r');
                    place = Place::Plain;
                }
                used += 1;
                place = match (place, byte) {
                    (Place::Quoted, b'"') => Place::Quote,
                    (Place::Quoted, _) => {
                        self.line += u64::from(byte == b'\n');
                        self.buffer.push(byte);
                        Place::Quoted
                    }
                    (Place::Quote, b'"') => {
                        self.buffer.push(b'"');
                        Place::Quoted
                    }
                    (Place::Begin | Place::Start, b'"') => {
                        quote_line = self.line;
                        Place::Quoted
                    }
                    (_, byte) if byte == self.delimiter => {
                        row.ends.push(self.buffer.len());
                        value_start = self.buffer.len();
                        Place::Start
                    }
                    (_, b'\n') => {
                        self.line += 1;
                        row.ends.push(self.buffer.len());
                        self.offset += used as u64;
                        self.source.consume(used);
                        break 'read;
                    }
                    (_, b'\r') if self.lines == Lines::Cr => {
                        self.line += 1;
                        row.ends.push(self.buffer.len());
                        self.offset += used as u64;
                        self.source.consume(used);
                        break 'read;
                    }
                    (_, b'\r') => Place::Return,
                    (Place::Blank, b'"') => {
                        note(row, RowFault::BeforeQuote { value: row.ends.len() + 1 });
                        // Read as what was meant, so that the rest of the file can be judged.
                        self.buffer.truncate(value_start);
                        quote_line = self.line;
                        Place::Quoted
                    }
                    (Place::Quote, _) => {
                        note(row, RowFault::BehindQuote { value: row.ends.len() + 1 });
                        self.buffer.push(byte);
                        Place::Plain
                    }
                    (Place::Begin | Place::Start | Place::Blank, b' ') => {
                        self.buffer.push(byte);
                        Place::Blank
                    }
                    _ => {
                        self.buffer.push(byte);
                        Place::Plain
                    }
                };
            }
            self.offset += used as u64;
            self.source.consume(used);
            if self.buffer.len() > ROW_BYTES_MAX {
                self.buffer.clear();
                row.ends.clear();
                row.fault = Some(RowFault::TooLarge);
                return Ok(true);
            }
        }
        let bytes = std::mem::take(&mut self.buffer);
        match String::from_utf8(bytes) {
            Ok(text) if row.ends.iter().all(|end| text.is_char_boundary(*end)) => row.text = text,
            Ok(_) | Err(_) => {
                row.ends.clear();
                row.fault = Some(RowFault::Encoding);
            }
        }
        Ok(true)
    }
}

/// The first fault of a row is the one to tell.
fn note(row: &mut Row, fault: RowFault) {
    row.fault.get_or_insert(fault);
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    const COMMA: Dialect = Dialect { delimiter: ColumnDelimiter::Comma, lines: Lines::Lf };

    type Read = (u64, u64, Vec<String>, Option<RowFault>);

    fn read(text: &[u8], piece: usize) -> Vec<Read> {
        let mut rows = Rows::new(BufReader::with_capacity(piece, text), COMMA, 0, 1);
        let mut row = Row::default();
        let mut all = vec![];
        while rows.read(&mut row).unwrap() {
            all.push((row.line, row.offset, row.iter().map(str::to_owned).collect(), row.fault.clone()));
        }
        all
    }

    fn values(text: &str) -> Vec<Vec<String>> {
        read(text.as_bytes(), 7)
            .into_iter()
            .map(|(_, _, values, fault)| {
                assert_eq!(fault, None);
                values
            })
            .collect()
    }

    #[test]
    fn rows_know_where_they_stand() {
        let text = "A,B\r\n1,\"x\ny\"\n\n\n2,\"say \"\"no\"\"\"\n3,";
        for piece in 1..text.len() {
            let all = read(text.as_bytes(), piece);
            let places: Vec<_> = all.iter().map(|(line, offset, ..)| (*line, *offset)).collect();
            assert_eq!(places, [(1, 0), (2, 5), (6, 15), (7, 30)], "pieces of {piece}");
            assert_eq!(all[1].2, ["1", "x\ny"]);
            assert_eq!(all[2].2, ["2", "say \"no\""]);
            assert_eq!(all[3].2, ["3", ""]);
        }
    }

    #[test]
    fn quotes_and_returns_that_mean_trouble() {
        let fault = |text: &str| read(text.as_bytes(), 64).into_iter().find_map(|row| row.3);
        assert_eq!(fault("a,\"b\"c\n"), Some(RowFault::BehindQuote { value: 2 }));
        assert_eq!(fault("a, \"b,c\"\n"), Some(RowFault::BeforeQuote { value: 2 }));
        assert_eq!(fault("a,b\nc,\"d\ne\n"), Some(RowFault::Open { line: 2 }));
        assert_eq!(fault("a\rb,c\n"), Some(RowFault::CarriageReturn { value: 1 }));
        // A quote further in is a character like any other.
        assert_eq!(values("5\" pipe,x\n"), [["5\" pipe", "x"]]);
        assert_eq!(values(" a,b \n"), [[" a", "b "]]);
        // The row behind a bad one is read.
        assert_eq!(read(b"\"a\"b\nc\n", 3)[1].2, ["c"]);
        let bad = read(b"a,\xff\nb\n", 3);
        assert_eq!((bad[0].3.clone(), bad[1].2.clone()), (Some(RowFault::Encoding), vec!["b".to_owned()]));
    }

    #[test]
    fn carriage_returns_alone_can_end_lines() {
        let dialect = Dialect { lines: Lines::Cr, ..COMMA };
        let mut rows = Rows::new(&b"a,b\rc,d"[..], dialect, 0, 1);
        let mut row = Row::default();
        assert!(rows.read(&mut row).unwrap());
        assert!(rows.read(&mut row).unwrap());
        assert_eq!((row.line, row.get(1)), (2, Some("d")));
        assert!(!rows.read(&mut row).unwrap());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            table in prop::collection::vec(prop::collection::vec("[a-z\",; \\r\\n\u{E9}]{0,6}", 3), 0..6),
            piece in 1..40usize,
            crlf: bool,
        ) {
            let mut text = String::new();
            for row in &table {
                let quoted: Vec<String> = row.iter().map(|v| format!("\"{}\"", v.replace('"', "\"\""))).collect();
                text.push_str(&quoted.join(","));
                text.push_str(if crlf { "\r\n" } else { "\n" });
            }
            let read: Vec<Vec<String>> = read(text.as_bytes(), piece).into_iter().map(|row| row.2).collect();
            prop_assert_eq!(read, table);
        }

        #[test]
        fn no_bytes_panic_and_every_row_begins_where_it_says(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1..9usize) {
            for (_, offset, values, fault) in read(&bytes, piece) {
                if fault.is_some() {
                    continue;
                }
                let mut again = Rows::new(&bytes[offset as usize..], COMMA, offset, 1);
                let mut row = Row::default();
                prop_assert!(again.read(&mut row).unwrap());
                prop_assert_eq!(row.iter().map(str::to_owned).collect::<Vec<_>>(), values);
            }
        }
    }
}
