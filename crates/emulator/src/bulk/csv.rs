//! CSV as Bulk 2.0 reads and writes it: strict about line endings and about blanks around quotes, at peace with
//! newlines, control characters and doubled quotes inside quotes.

use std::ops::Range;

use super::LineEnding;

/// `columnDelimiter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
/// Only quotes and newlines matter here; [`fields`] judges the rest.
pub(super) fn record(text: &[u8], from: usize) -> Option<(Range<usize>, Ended, usize)> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
    let mut quoted = false;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                let crlf = at > 0 && rest[at - 1] == b'\r';
                let (end, ended) = if crlf { (at - 1, Ended::Crlf) } else { (at, Ended::Lf) };
                return Some((from..from + end, ended, from + at + 1));
            }
            _ => {}
        }
    }
    Some((from..text.len(), Ended::Text, text.len()))
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
        while let Some((range, ended, next)) = record(text, at) {
            found.push((std::str::from_utf8(&text[range]).unwrap(), ended));
            at = next;
        }
        assert_eq!(found, [("h", Ended::Crlf), ("\"a\nb\"", Ended::Lf), ("last", Ended::Text)]);
    }

    proptest::proptest! {
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
