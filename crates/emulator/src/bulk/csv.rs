//! CSV as Bulk 2.0 reads and writes it: strict about line endings and about blanks around quotes, at peace with
//! newlines, control characters and doubled quotes inside quotes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::LineEnding;

/// `columnDelimiter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub enum Delimiter {
    Comma,
    Backquote,
    Caret,
    Pipe,
    Semicolon,
    Tab,
}

const DELIMITERS: [(Delimiter, &str, u8); 6] = [
    (Delimiter::Comma, "COMMA", b','),
    (Delimiter::Backquote, "BACKQUOTE", b'`'),
    (Delimiter::Caret, "CARET", b'^'),
    (Delimiter::Pipe, "PIPE", b'|'),
    (Delimiter::Semicolon, "SEMICOLON", b';'),
    (Delimiter::Tab, "TAB", b'\t'),
];

impl Delimiter {
    /// From the API's word.
    pub fn named(name: &str) -> Option<Self> {
        DELIMITERS.iter().find(|(_, n, _)| *n == name).map(|(d, _, _)| *d)
    }

    /// The API's word.
    pub fn name(self) -> &'static str {
        DELIMITERS.iter().find(|(d, _, _)| *d == self).map_or("COMMA", |(_, name, _)| name)
    }

    /// The character.
    pub fn byte(self) -> u8 {
        DELIMITERS.iter().find(|(d, _, _)| *d == self).map_or(b',', |(_, _, byte)| *byte)
    }
}

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Lf,
    Crlf,
    /// With the text.
    Text,
}

impl Ended {
    /// Whether this is the ending that the job declares. The last record may go without.
    pub(super) fn fits(self, declared: LineEnding) -> bool {
        match self {
            Ended::Lf => declared == LineEnding::Lf,
            Ended::Crlf => declared == LineEnding::Crlf,
            Ended::Text => true,
        }
    }
}

/// Where the record that begins at `from` ends, without its line ending; and how. `None` at the end of the text.
///
/// A newline inside a quoted value is part of it. A value is quoted when it begins with a quote: one further in is a
/// character like any other here, so that a damaged row does not swallow its neighbours. [`fields`] judges the rest.
pub(super) fn record(text: &[u8], from: usize, delimiter: u8) -> Option<(Range<usize>, Ended, usize)> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
    let mut place = Place::Start;
    for (at, byte) in rest.iter().enumerate() {
        place = match (place, *byte) {
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) => Place::Quoted,
            (Place::Start | Place::Quote, b'"') => Place::Quoted,
            (_, b'\n') => {
                let crlf = at > 0 && rest[at - 1] == b'\r';
                let (end, ended) = if crlf { (at - 1, Ended::Crlf) } else { (at, Ended::Lf) };
                return Some((from..from + end, ended, from + at + 1));
            }
            (_, byte) if byte == delimiter => Place::Start,
            _ => Place::Plain,
        };
    }
    Some((from..text.len(), Ended::Text, text.len()))
}

/// Where in a record [`record`] stands.
#[derive(Clone, Copy)]
enum Place {
    /// Where a value begins.
    Start,
    /// In a value without quotes, or behind the quotes of one that goes on.
    Plain,
    Quoted,
    /// Behind a quote inside quotes: the last one, or the first of two.
    Quote,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a quoted value must begin right after the delimiter and end right before the next")]
    Quote,
    #[error("a quoted value does not end")]
    Unterminated,
    #[error("the row is not UTF-8")]
    Encoding,
}

/// The fields of one record.
pub(super) fn fields(record: &[u8], delimiter: u8) -> Result<Vec<String>, Malformed> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let mut field = Vec::new();
        if record.get(at) == Some(&b'"') {
            at += 1;
            loop {
                match (record.get(at), record.get(at + 1)) {
                    (None, _) => return Err(Malformed::Unterminated),
                    (Some(b'"'), Some(b'"')) => {
                        field.push(b'"');
                        at += 2;
                    }
                    (Some(b'"'), after) => {
                        if after.is_some_and(|b| *b != delimiter) {
                            return Err(Malformed::Quote);
                        }
                        at += 1;
                        break;
                    }
                    (Some(byte), _) => {
                        field.push(*byte);
                        at += 1;
                    }
                }
            }
        } else {
            while let Some(byte) = record.get(at).filter(|b| **b != delimiter) {
                if *byte == b'"' {
                    return Err(Malformed::Quote);
                }
                field.push(*byte);
                at += 1;
            }
        }
        fields.push(String::from_utf8(field).map_err(|_| Malformed::Encoding)?);
        if at >= record.len() {
            return Ok(fields);
        }
        // On a delimiter: another field follows, be it empty.
        at += 1;
        if at == record.len() {
            fields.push(String::new());
            return Ok(fields);
        }
    }
}

/// Writes one value in quotes.
pub(super) fn quote(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in value.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_record() {
        for (text, expected) in [
            ("a,b", Ok(vec!["a", "b"])),
            ("", Ok(vec![""])),
            (",", Ok(vec!["", ""])),
            ("a,", Ok(vec!["a", ""])),
            ("\"a,b\",\"say \"\"hi\"\"\"", Ok(vec!["a,b", "say \"hi\""])),
            ("\"line\nbreak\",\"\"", Ok(vec!["line\nbreak", ""])),
            ("a, b ,c", Ok(vec!["a", " b ", "c"])),
            ("\"a\",", Ok(vec!["a", ""])),
            ("\"a\", \"b\"", Err(Malformed::Quote)),
            ("\"a\" ,b", Err(Malformed::Quote)),
            ("a\"b", Err(Malformed::Quote)),
            ("\"a", Err(Malformed::Unterminated)),
        ] {
            let expected = expected.map(|v| v.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(fields(text.as_bytes(), b','), expected, "{text}");
        }
        assert_eq!(fields(b"\xff", b','), Err(Malformed::Encoding));
    }

    #[test]
    fn records_of_a_text() {
        let text = b"h\r\n\"a\nb\"\nlast";
        let mut at = 0;
        let mut found = Vec::new();
        while let Some((range, ended, next)) = record(text, at, b',') {
            found.push((std::str::from_utf8(&text[range]).unwrap(), ended));
            at = next;
        }
        assert_eq!(found, [("h", Ended::Crlf), ("\"a\nb\"", Ended::Lf), ("last", Ended::Text)]);
    }

    #[test]
    fn a_stray_quote_harms_its_own_row_only() {
        let text = b"Name\n5\" pipe\n\"closed\" late\nnext\n";
        let mut at = 0;
        let mut rows = Vec::new();
        while let Some((range, _, next)) = record(text, at, b',') {
            rows.push(fields(&text[range], b','));
            at = next;
        }
        let name = |text: &str| Ok(vec![text.to_owned()]);
        assert_eq!(rows, [name("Name"), Err(Malformed::Quote), Err(Malformed::Quote), name("next")]);
    }

    fn any_delimiter() -> impl proptest::strategy::Strategy<Value = u8> {
        proptest::sample::select(DELIMITERS.map(|(_, _, byte)| byte).to_vec())
    }

    /// Bytes that are mostly those that matter to the reader.
    fn any_text() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
        let telling = proptest::sample::select(b"\"\"\n\r,`^|;\t a\xc3\xa9\xff\0".to_vec());
        proptest::collection::vec(prop_oneof![4 => telling, 1 => any::<u8>()], 0..200)
    }

    proptest::proptest! {
        /// Whatever the bytes: every one of them is in one record or one line ending, and what is read as a row comes
        /// back when it is written and read again.
        #[test]
        fn any_bytes_are_read_to_the_end(text in any_text(), delimiter in any_delimiter()) {
            let (mut at, mut seen) = (0, 0);
            while let Some((range, ended, next)) = record(&text, at, delimiter) {
                proptest::prop_assert!(range.start == at && range.end <= next && next > at && next <= text.len());
                let ending = match ended { Ended::Lf => 1, Ended::Crlf => 2, Ended::Text => 0 };
                seen += range.len() + ending;
                proptest::prop_assert_eq!(range.end + ending, next);
                if let Ok(values) = fields(&text[range.clone()], delimiter) {
                    let mut written = Vec::new();
                    for (n, value) in values.iter().enumerate() {
                        if n > 0 {
                            written.push(delimiter);
                        }
                        quote(value, &mut written);
                    }
                    proptest::prop_assert_eq!(fields(&written, delimiter), Ok(values));
                    written.push(b'\n');
                    let end = written.len() - 1;
                    proptest::prop_assert_eq!(record(&written, 0, delimiter), Some((0..end, Ended::Lf, end + 1)));
                }
                at = next;
            }
            proptest::prop_assert_eq!((at, seen), (text.len(), text.len()));
        }

        #[test]
        fn a_table_comes_back_whatever_its_delimiter_and_line_ending(
            rows in proptest::collection::vec(proptest::collection::vec(".{0,12}", 1..4), 1..6),
            delimiter in any_delimiter(),
            crlf in proptest::bool::ANY,
        ) {
            let (ending, expected) = if crlf { (&b"\r\n"[..], Ended::Crlf) } else { (&b"\n"[..], Ended::Lf) };
            let mut text = Vec::new();
            for row in &rows {
                for (n, value) in row.iter().enumerate() {
                    if n > 0 {
                        text.push(delimiter);
                    }
                    quote(value, &mut text);
                }
                text.extend_from_slice(ending);
            }
            let (mut at, mut back) = (0, Vec::new());
            while let Some((range, ended, next)) = record(&text, at, delimiter) {
                proptest::prop_assert_eq!(ended, expected);
                back.push(fields(&text[range], delimiter).unwrap());
                at = next;
            }
            proptest::prop_assert_eq!(back, rows);
        }

        #[test]
        fn quoted_values_come_back(values in proptest::collection::vec(".*", 1..5)) {
            let mut line = Vec::new();
            for (n, value) in values.iter().enumerate() {
                if n > 0 {
                    line.push(b',');
                }
                quote(value, &mut line);
            }
            proptest::prop_assert_eq!(fields(&line, b','), Ok(values));
        }
    }
}
