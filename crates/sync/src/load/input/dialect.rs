//! How a file separates its columns and ends its lines, found out from its beginning.

use tidegate_client::bulk::ColumnDelimiter;

/// Delimiters that are looked for, the usual ones first: of two that occur equally often, the earlier one wins.
const CANDIDATES: [ColumnDelimiter; 6] = [
    ColumnDelimiter::Comma,
    ColumnDelimiter::Semicolon,
    ColumnDelimiter::Tab,
    ColumnDelimiter::Pipe,
    ColumnDelimiter::Caret,
    ColumnDelimiter::Backquote,
];

/// How lines end. Both usual ways are read wherever they occur; a bare carriage return ends a line only where the whole
/// file is written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// A line feed.
    Lf,
    /// Carriage return and line feed.
    CrLf,
    /// A carriage return alone, as old programs for the Macintosh write.
    Cr,
}

/// The shape of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between columns.
    pub delimiter: ColumnDelimiter,
    /// How lines end.
    pub lines: Lines,
}

impl Dialect {
    /// From the beginning of a file, which should contain its header row. API names contain none of the delimiters, so
    /// the header tells.
    pub(crate) fn of(sample: &[u8], delimiter: Option<ColumnDelimiter>) -> Self {
        let header = header(sample);
        let lines = match sample.get(header..) {
            Some([b'\r', b'\n', ..]) => Lines::CrLf,
            Some([b'\r', _, ..]) => Lines::Cr,
            _ => Lines::Lf,
        };
        let header = sample.get(..header).unwrap_or_default();
        let delimiter = delimiter.unwrap_or_else(|| {
            let mut best = (0, ColumnDelimiter::Comma);
            for candidate in CANDIDATES {
                let found = outside_quotes(header).filter(|(_, byte)| *byte == candidate.byte()).count();
                if found > best.0 {
                    best = (found, candidate);
                }
            }
            best.1
        });
        Self { delimiter, lines }
    }
}

/// Bytes that are not within quotes, with their places.
fn outside_quotes(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut quoted = false;
    text.iter().copied().enumerate().filter(move |(_, byte)| {
        quoted ^= *byte == b'"';
        !quoted
    })
}

/// Where the first line that is not empty ends.
fn header(sample: &[u8]) -> usize {
    let from = sample.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
    let rest = sample.get(from..).unwrap_or_default();
    let end = outside_quotes(rest).find(|(_, byte)| matches!(byte, b'\r' | b'\n')).map(|(at, _)| from + at);
    end.unwrap_or(sample.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_and_line_ends_are_found() {
        use ColumnDelimiter::*;
        for (sample, delimiter, lines) in [
            ("A,B\n1,2\n", Comma, Lines::Lf),
            ("A;B;C\r\n1,5;2;3\r\n", Semicolon, Lines::CrLf),
            ("A\tB\r1\t2\r", Tab, Lines::Cr),
            ("\n\nA|B\n", Pipe, Lines::Lf),
            ("A^B", Caret, Lines::Lf),
            ("A`B\n", Backquote, Lines::Lf),
            ("\"a,b,c\";\"d\n,\"\r\n", Semicolon, Lines::CrLf),
            ("Id\n1;2\n", Comma, Lines::Lf),
            ("", Comma, Lines::Lf),
        ] {
            assert_eq!(Dialect::of(sample.as_bytes(), None), Dialect { delimiter, lines }, "{sample:?}");
        }
        assert_eq!(Dialect::of(b"A,B\n", Some(Pipe)).delimiter, Pipe);
    }
}
