//! The result files: the rows of the input by what became of them, each with its line number. They are CSV with the
//! input's delimiter, so that a corrected file can be loaded as it is: columns that begin with `sf__` are left out then.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::input::Row;
use super::outcome::Outcome;

/// The files of one load. Each is made when it gets its first row.
#[derive(Debug)]
pub(crate) struct ResultFiles {
    names: Names,
    delimiter: u8,
    header: Vec<String>,
    open: [Option<BufWriter<File>>; 4],
}

/// Where the files of a load are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    dir: PathBuf,
    name: String,
}

/// The kinds of file, in the order of their places.
const KINDS: [(&str, &[&str]); 4] = [
    ("success", &["sf__Line", "sf__Id", "sf__Created"]),
    ("failed", &["sf__Line", "sf__Id", "sf__Error"]),
    ("unprocessed", &["sf__Line"]),
    ("unknown", &["sf__Line"]),
];

impl Names {
    /// Files for an input of this name, in a folder.
    pub fn new(dir: impl Into<PathBuf>, input: &str) -> Self {
        let name = [".csv", ".tsv", ".txt"].iter().find_map(|end| {
            let at = input.len().checked_sub(end.len()).filter(|at| *at > 0)?;
            input.get(at..)?.eq_ignore_ascii_case(end).then(|| input.get(..at))?
        });
        Self { dir: dir.into(), name: name.unwrap_or(input).to_owned() }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{kind}", self.name))
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.file("load.jsonl")
    }

    /// The copy of an input that cannot be read twice.
    pub fn copy(&self) -> PathBuf {
        self.file("input.csv")
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The result files, whether they are there or not.
    pub fn results(&self) -> [PathBuf; 4] {
        KINDS.map(|(kind, _)| self.file(&format!("{kind}.csv")))
    }

    /// Files of an earlier load that are there.
    pub fn existing(&self) -> Vec<PathBuf> {
        std::iter::once(self.ledger()).chain(self.results()).chain([self.copy()]).filter(|file| file.exists()).collect()
    }
}

impl ResultFiles {
    pub(crate) fn new(names: Names, delimiter: u8, header: Vec<String>) -> Self {
        Self { names, delimiter, header, open: [const { None }; 4] }
    }

    /// Writes a row with what became of it.
    pub(crate) fn write(&mut self, row: &Row, outcome: &Outcome) -> io::Result<()> {
        let line = row.line.to_string();
        match outcome {
            Outcome::Succeeded { id, created } => {
                let created = created.map_or("", |created| if created { "true" } else { "false" });
                self.line(0, &[&line, id, created], row)
            }
            Outcome::Failed { id, error } => self.line(1, &[&line, id.as_deref().unwrap_or_default(), error], row),
            Outcome::Unprocessed => self.line(2, &[&line], row),
            Outcome::Unknown => self.line(3, &[&line], row),
        }
    }

    fn line(&mut self, kind: usize, first: &[&str], row: &Row) -> io::Result<()> {
        let delimiter = self.delimiter;
        let Some(slot) = self.open.get_mut(kind) else { return Ok(()) };
        if slot.is_none() {
            let (name, columns) = KINDS.get(kind).copied().unwrap_or_default();
            let path = self.names.file(&format!("{name}.csv"));
            // What an earlier load left is never written over.
            let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(path)?);
            let header: Vec<&str> = columns.iter().copied().chain(self.header.iter().map(String::as_str)).collect();
            write_line(&mut file, header.into_iter(), delimiter)?;
            *slot = Some(file);
        }
        match slot {
            Some(file) => write_line(file, first.iter().copied().chain(row.iter()), delimiter),
            None => Ok(()),
        }
    }

    /// Makes what was written so far durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        for file in self.open.iter_mut().flatten() {
            file.flush()?;
            file.get_ref().sync_data()?;
        }
        Ok(())
    }

    /// The files that have rows.
    pub(crate) fn written(&self) -> Vec<PathBuf> {
        let files = self.names.results();
        files.into_iter().zip(&self.open).filter(|(_, open)| open.is_some()).map(|(file, _)| file).collect()
    }
}

fn write_line<'a>(out: &mut impl Write, values: impl Iterator<Item = &'a str>, delimiter: u8) -> io::Result<()> {
    for (n, value) in values.enumerate() {
        if n > 0 {
            out.write_all(&[delimiter])?;
        }
        let quoted = value.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r'))
            || value.starts_with(' ')
            || value.ends_with(' ');
        if quoted {
            write!(out, "\"{}\"", value.replace('"', "\"\""))?;
        } else {
            out.write_all(value.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_the_input() {
        let names = |input: &str| Names::new("r", input).results()[0].display().to_string();
        assert_eq!(names("contacts.csv"), "r/contacts.success.csv");
        assert_eq!(names("contacts.CSV"), "r/contacts.success.csv");
        assert_eq!(names("contacts"), "r/contacts.success.csv");
        assert_eq!(names("a.b"), "r/a.b.success.csv");
        assert_eq!(names(".csv"), "r/.csv.success.csv");
    }
}
