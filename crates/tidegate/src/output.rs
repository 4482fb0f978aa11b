//! Where words and data go: words to stderr, data to stdout.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

/// The progress bars on the terminal, which have to step aside for every line of words.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Makes the lines that are said step around these bars.
pub(crate) fn step_around(bars: &MultiProgress) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = Some(bars.clone());
}

/// Writes to stderr, with the bars out of the way.
fn aside<T>(write: impl FnOnce() -> T) -> T {
    let bars = BARS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bars {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// A line of words on stderr. That stderr is closed is nobody's business.
pub(crate) fn say(text: impl AsRef<str>) {
    aside(|| {
        let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
    });
}

/// Where logs go: stderr, as words do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        aside(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Whether a person is watching the progress.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Data on stdout. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: impl AsRef<str>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref().as_bytes()).and_then(|()| stdout.write_all(b"\n")) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// How this program was called, for commands that are shown to be copied: `tidegate`, or the path that was typed (or
/// that cargo ran).
pub(crate) fn program() -> String {
    match std::env::args().next() {
        Some(path) if path.contains(std::path::MAIN_SEPARATOR) => quoted(&path),
        _ => "tidegate".to_owned(),
    }
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:=@,~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A table for reading: no borders but a line under the header.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> comfy_table::Table {
    let mut table = plain_table();
    table.set_header(header);
    table
}

pub(crate) fn plain_table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table
}

/// The table's text without blanks at line ends.
pub(crate) fn table_text(table: &comfy_table::Table) -> String {
    let lines: Vec<String> =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A cell's text for one line of a table.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '⏎',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(n)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(
            ["/tmp/a-b.db", "two words", "o'clock", ""].map(quoted),
            ["/tmp/a-b.db", "'two words'", r"'o'\''clock'", "''"]
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "row"), counted(2000, "row")), ("1 row".to_owned(), "2,000 rows".to_owned()));
    }
}
