//! Events from a file or standard input, one at a time: JSON lines, or one JSON list.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// Bytes of one line, and of a list, which has to be held whole.
const LINE_MAX: u64 = 4 << 20;
const LIST_MAX: u64 = 64 << 20;

pub(super) struct Input {
    name: String,
    from: Source,
    line: u64,
    repeatable: bool,
}

enum Source {
    Lines(Box<dyn BufRead + Send>),
    List(std::vec::IntoIter<Json>),
}

/// An event, and the line that it stands on; in a list its number.
pub(super) struct Given {
    pub(super) line: Option<u64>,
    pub(super) fields: Map<String, Json>,
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let standard = path == Path::new("-");
        let name = if standard { "standard input".to_owned() } else { path.display().to_string() };
        let reading = |error: io::Error| Failure::usage(format!("cannot read {name}")).with_cause(&error);
        let mut reader: Box<dyn BufRead + Send> = if standard {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(File::open(path).map_err(reading)?))
        };
        let first = loop {
            let bytes = reader.fill_buf().map_err(reading)?;
            match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(byte) => break Some(*byte),
                None if bytes.is_empty() => break None,
                // Leading blank lines; their number is kept below only for JSON lines.
                None if bytes.len() < 4096 => break None,
                None => {
                    let blank = bytes.len();
                    reader.consume(blank);
                }
            }
        };
        let from = if first == Some(b'[') {
            let mut text = String::new();
            reader.take(LIST_MAX + 1).read_to_string(&mut text).map_err(reading)?;
            if u64::try_from(text.len()).unwrap_or(u64::MAX) > LIST_MAX {
                return Err(Failure::usage(format!("{name} holds a list of more than {} MB", LIST_MAX >> 20))
                    .hint("write one object a line: such a file may have any size"));
            }
            let list: Vec<Json> = serde_json::from_str(&text)
                .map_err(|error| Failure::usage(format!("{name} is no JSON")).with_cause(&error))?;
            Source::List(list.into_iter())
        } else {
            Source::Lines(reader)
        };
        let repeatable = !standard && path.is_file();
        Ok(Self { name, from, line: 0, repeatable })
    }

    /// Whether it can be read twice.
    pub(super) fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    pub(super) fn next(&mut self) -> Result<Option<Given>, Failure> {
        let value = match &mut self.from {
            Source::List(list) => match list.next() {
                Some(value) => {
                    self.line += 1;
                    value
                }
                None => return Ok(None),
            },
            Source::Lines(reader) => loop {
                let mut text = String::new();
                let reading =
                    |error: io::Error| Failure::usage(format!("cannot read {}", self.name)).with_cause(&error);
                if reader.take(LINE_MAX + 1).read_line(&mut text).map_err(reading)? == 0 {
                    return Ok(None);
                }
                self.line += 1;
                let place = format!("{}, line {}", self.name, self.line);
                if u64::try_from(text.len()).unwrap_or(u64::MAX) > LINE_MAX {
                    return Err(Failure::usage(format!("{place}: the line is too long")));
                }
                if !text.trim().is_empty() {
                    break serde_json::from_str(&text)
                        .map_err(|error| Failure::usage(format!("{place} is no JSON")).with_cause(&error))?;
                }
            },
        };
        match value {
            Json::Object(fields) => Ok(Some(Given { line: Some(self.line), fields })),
            _ => Err(Failure::usage(format!("{}, line {}: not a JSON object", self.name, self.line))
                .hint("write one object a line, such as {\"Order_Number__c\":\"7\"}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(Option<u64>, String)>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        std::fs::write(&path, text).unwrap();
        let mut input = Input::open(&path).map_err(|failure| format!("{failure:?}"))?;
        assert!(input.is_repeatable());
        let mut all = Vec::new();
        while let Some(given) = input.next().map_err(|failure| format!("{failure:?}"))? {
            all.push((given.line, Json::Object(given.fields).to_string()));
        }
        Ok(all)
    }

    #[test]
    fn lines_and_lists() {
        let two = [(Some(1), r#"{"A":1}"#.to_owned()), (Some(2), "{}".to_owned())];
        assert_eq!(read("{\"A\":1}\n{}").unwrap(), two);
        assert_eq!(read("[{\"A\":1},\n{}]").unwrap(), two);
        assert_eq!(read("\n\n{\"A\":1}\n").unwrap(), [(Some(3), r#"{"A":1}"#.to_owned())]);
        assert_eq!(read("").unwrap(), []);
        for (text, words) in
            [("{}\n{", "line 2 is no JSON"), ("{}\n7", "line 2: not a JSON object"), ("[{}", "is no JSON")]
        {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
