//! The file that is loaded: opened, its encoding and dialect found out, and read row by row as often as needed.
//!
//! What can be read again where it lies is (a regular file in UTF-8). Anything else, such as standard input, is kept in
//! a file beside the results until the load has ended, so that what was checked is what is sent.

pub(crate) mod dialect;
pub(crate) mod encoding;
pub(crate) mod rows;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use encoding_rs::{Encoding, UTF_8};
use tidegate_client::bulk::ColumnDelimiter;

pub use dialect::{Dialect, Lines};
pub use encoding::encoding as encoding_named;
pub(crate) use rows::Row;
pub use rows::RowFault;
use rows::Rows;

/// Bytes looked at to find out what a file is like.
const SAMPLE_BYTES: usize = 256 << 10;
const BUFFER_BYTES: usize = 256 << 10;

/// Where the rows come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, and the file in which it is kept meanwhile.
    Stdin {
        /// Written anew.
        keep: PathBuf,
    },
}

/// A file that can be read again and again, in UTF-8.
#[derive(Debug, Clone)]
pub struct Input {
    path: PathBuf,
    /// Whether it is a copy that we made.
    pub(crate) copied: bool,
    dialect: Dialect,
    /// Bytes before the first row: a byte order mark.
    skip: u64,
    bytes: u64,
    modified: Option<SystemTime>,
    /// The encoding that it was converted from.
    pub(crate) converted_from: Option<&'static str>,
}

/// Why a file cannot be read as text.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It cannot be read or written at all.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It has no header row.
    #[error("{path} is empty")]
    Empty {
        /// The file.
        path: String,
    },
    /// It has bytes that are not UTF-8, and no encoding was named.
    #[error("{path}, line {line}: byte {byte} of the file (0x{value:02X}) is not UTF-8")]
    Encoding {
        /// The file.
        path: String,
        /// From 1.
        line: u64,
        /// From 1.
        byte: u64,
        /// The byte.
        value: u8,
        /// The words around it, read as Windows-1252; empty where that cannot be.
        reads: String,
        /// An encoding to name.
        looks_like: &'static str,
    },
    /// It has bytes that mean nothing in the encoding that was named.
    #[error("{path}: byte {byte} of the file means nothing in {encoding}")]
    NotIn {
        /// The file.
        path: String,
        /// The encoding.
        encoding: &'static str,
        /// From 1.
        byte: u64,
    },
}

impl Input {
    /// Opens a source. `keep` is where a copy goes when one is needed.
    pub(crate) fn open(
        source: &Source,
        encoding: Option<&'static Encoding>,
        delimiter: Option<ColumnDelimiter>,
        keep: &Path,
    ) -> Result<Self, InputError> {
        let shown = match source {
            Source::File(path) => path.display().to_string(),
            Source::Stdin { .. } => "standard input".to_owned(),
        };
        let failed = |source: io::Error| InputError::Io { path: shown.clone(), source };
        let mut reader: Box<dyn Read> = match source {
            Source::File(path) => Box::new(File::open(path).map_err(failed)?),
            Source::Stdin { .. } => Box::new(io::stdin().lock()),
        };
        let mut sample = Vec::new();
        reader.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut sample).map_err(failed)?;
        let beginning = encoding::Beginning::of(&sample);
        let from = encoding.unwrap_or(beginning.encoding);
        if let (None, Some(looks_like)) = (encoding, beginning.looks_like) {
            let byte = sample.iter().position(|byte| *byte == 0).unwrap_or(0) as u64 + 1;
            return Err(InputError::Encoding {
                path: shown,
                line: 1,
                byte,
                value: 0,
                reads: String::new(),
                looks_like: looks_like.name(),
            });
        }
        let regular = match source {
            Source::File(path) => std::fs::metadata(path).map_err(failed)?.is_file(),
            Source::Stdin { .. } => false,
        };
        let mark = if from == beginning.encoding { beginning.mark } else { 0 };
        let (path, copied) = match source {
            Source::File(path) if regular && from == UTF_8 => (path.clone(), false),
            _ => {
                let kept = match source {
                    Source::Stdin { keep } => keep.as_path(),
                    Source::File(_) => keep,
                };
                let cannot = |source: io::Error| InputError::Io { path: kept.display().to_string(), source };
                let mut out = OpenOptions::new().write(true).create_new(true).open(kept).map_err(cannot)?;
                let rest = sample.get(mark..).unwrap_or_default().to_vec();
                let mut whole = io::Cursor::new(rest).chain(reader);
                let copied = if from == UTF_8 {
                    io::copy(&mut whole, &mut out).map(|_| Ok(0))
                } else {
                    encoding::transcode(from, &mut whole, &mut out)
                };
                let outcome = copied.and_then(|copied| out.flush().map(|()| copied)).map_err(cannot);
                match outcome {
                    Ok(Ok(_)) => {}
                    Ok(Err(at)) => {
                        // Half a copy serves nobody.
                        let _ = std::fs::remove_file(kept);
                        return Err(InputError::NotIn { path: shown, encoding: from.name(), byte: at + mark as u64 });
                    }
                    Err(error) => {
                        let _ = std::fs::remove_file(kept);
                        return Err(error);
                    }
                }
                (kept.to_owned(), true)
            }
        };
        let metadata = std::fs::metadata(&path).map_err(failed)?;
        let skip = if copied { 0 } else { mark as u64 };
        let mut beginning = Vec::new();
        let mut file = File::open(&path).map_err(failed)?;
        file.seek(SeekFrom::Start(skip)).map_err(failed)?;
        file.take(SAMPLE_BYTES as u64).read_to_end(&mut beginning).map_err(failed)?;
        if !beginning.iter().any(|byte| !byte.is_ascii_whitespace()) {
            if copied {
                let _ = std::fs::remove_file(&path);
            }
            return Err(InputError::Empty { path: shown });
        }
        Ok(Self {
            path,
            copied,
            dialect: Dialect::of(&beginning, delimiter),
            skip,
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            converted_from: (from != UTF_8).then(|| from.name()),
        })
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads from the header row on.
    pub(crate) fn rows(&self) -> io::Result<Rows<BufReader<File>>> {
        self.rows_from(self.skip, 1)
    }

    /// Reads from a row on, of which the place is known.
    pub(crate) fn rows_from(&self, offset: u64, line: u64) -> io::Result<Rows<BufReader<File>>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Rows::new(BufReader::with_capacity(BUFFER_BYTES, file), self.dialect, offset, line))
    }

    /// Whether the file looks as it did when it was opened.
    pub(crate) fn is_unchanged(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| now.len() == self.bytes && now.modified().ok() == self.modified)
    }

    /// Removes the copy, if this is one.
    pub(crate) fn forget(&self) {
        if self.copied {
            // It is ours, and of no use any more; a file that stays only takes room.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Says exactly where a row is not UTF-8.
    pub(crate) fn bad_byte(&self, row: &Row) -> InputError {
        let path = self.path.display().to_string();
        let (mut line, mut byte, mut value, mut reads) = (row.line, row.offset + 1, 0, String::new());
        let mut raw = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(row.offset))?;
            file.take(rows::ROW_BYTES_MAX as u64).read_to_end(&mut raw)
        });
        if read.is_ok()
            && let Err(error) = std::str::from_utf8(&raw)
        {
            let at = error.valid_up_to();
            line += raw.iter().take(at).filter(|b| **b == b'\n').count() as u64;
            byte = row.offset + at as u64 + 1;
            value = raw.get(at).copied().unwrap_or(0);
            let start = at - raw.iter().take(at).rev().take(12).take_while(|b| b.is_ascii_alphanumeric()).count();
            let end = at + 1 + raw.iter().skip(at + 1).take(12).take_while(|b| b.is_ascii_alphanumeric()).count();
            reads = encoding::as_windows_1252(raw.get(start..end).unwrap_or_default());
        }
        InputError::Encoding { path, line, byte, value, reads, looks_like: "windows-1252" }
    }
}
