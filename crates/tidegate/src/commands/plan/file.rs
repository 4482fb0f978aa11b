//! How large a CSV file is: rows, columns, bytes. Read as a stream.

use std::path::Path;

use crate::failure::Failure;

#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) columns: Vec<String>,
    pub(super) rows: u64,
    /// Bytes of the rows, without the header.
    pub(super) bytes: u64,
}

pub(super) fn measure(path: &Path) -> Result<Measured, Failure> {
    let unreadable = |error: csv::Error| {
        let failure = Failure::usage(format!("cannot read {}", path.display()));
        // The reader's own words, which say the line.
        failure.with_cause(&error)
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(unreadable)?;
    let header = reader.byte_headers().map_err(unreadable)?.clone();
    let columns: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if columns.is_empty() {
        return Err(Failure::usage(format!("{} has no header", path.display()))
            .hint("its first line names the fields, separated by commas"));
    }
    let begin = reader.position().byte();
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).map_err(unreadable)? {
        rows += 1;
    }
    if rows == 0 {
        return Err(Failure::usage(format!("{} has no rows", path.display())));
    }
    Ok(Measured { columns, rows, bytes: reader.position().byte().saturating_sub(begin) })
}
