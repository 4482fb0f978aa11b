//! The first pass: every row of the file is read and checked, and the parts are cut. Nothing is sent.

use std::collections::{BTreeMap, HashSet};
use std::io;

use super::columns::{Columns, Target};
use super::input::{Input, InputError, Row, RowFault};
use super::limits::{KEYS_REMEMBERED, PROBLEMS_KEPT, ROW_CHARACTERS_MAX, SHOWN_CHARACTERS};
use super::value::{Prefixes, ValueFault, ValueWarning};
use super::wire::{Fingerprints, csv_line};

/// Rows that go to the org together: one upload of one ingest job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: usize,
    /// Where its first row begins in the file, in bytes.
    pub(crate) offset: u64,
    /// The line of its first row.
    pub first_line: u64,
    /// The line of its last row.
    pub last_line: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of its upload, header included.
    pub bytes: u64,
    /// Of the rows of its upload: what is sent has to be what was checked.
    pub(crate) fingerprint: u64,
}

/// Something in the file that would be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line in which the row begins, from 1; the header is usually 1.
    pub line: u64,
    /// The column as the file names it.
    pub column: Option<String>,
    /// The field as Salesforce names it.
    pub field: Option<String>,
    /// The value, cut to a readable length.
    pub value: Option<String>,
    /// What is wrong.
    pub fault: ProblemFault,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemFault {
    /// With one of its values.
    #[error(transparent)]
    Value(#[from] ValueFault),
    /// With its shape.
    #[error(transparent)]
    Row(#[from] RowFault),
    /// More or fewer values than the header has.
    #[error("the row has {found} values, and the header has {expected}")]
    Width {
        /// Of the row.
        found: usize,
        /// Of the header.
        expected: usize,
    },
    /// More characters than a row may have.
    #[error("the row has more than {ROW_CHARACTERS_MAX} characters")]
    RowTooLong,
}

/// What is wrong with a file: the first of it, and how much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// In the order of the file.
    pub first: Vec<Problem>,
    /// All of them.
    pub total: u64,
    /// Rows with a problem.
    pub rows: u64,
}

/// A warning about the values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The column as the file names it.
    pub column: String,
    /// What it is about.
    pub warning: ValueWarning,
    /// How many values.
    pub count: u64,
    /// The line of the first.
    pub line: u64,
    /// The first.
    pub value: String,
}

/// What the first pass came to.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Rows of the file.
    pub rows: u64,
    /// Bytes of all uploads.
    pub bytes: u64,
    /// In the order of the file.
    pub parts: Vec<Part>,
    /// Worth a word, but no reason to stop.
    pub warnings: Vec<Warning>,
    /// Rows whose key another row has before them, and the line of the first: of two in the same 200 rows the org
    /// refuses both, and of two others nobody knows which comes last.
    pub same_key: Option<(u64, u64)>,
    pub(crate) problems: Problems,
}

/// How parts are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

impl Problems {
    fn add(&mut self, problem: Problem) {
        self.total += 1;
        if self.first.len() < PROBLEMS_KEPT {
            self.first.push(problem);
        }
    }
}

/// A value for showing: one line, not too long.
pub(crate) fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(SHOWN_CHARACTERS).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}

/// Reads the whole file.
pub(crate) fn check(
    input: &Input,
    columns: &Columns,
    prefixes: &Prefixes,
    prints: &Fingerprints,
    cut: Cut,
    mut told: impl FnMut(u64),
) -> Result<Checked, InputError> {
    let failed = |source: io::Error| InputError::Io { path: input.path().display().to_string(), source };
    let mut rows = input.rows().map_err(failed)?;
    let mut row = Row::default();
    // The header was understood before.
    rows.read(&mut row).map_err(failed)?;
    let mut header = Vec::new();
    csv_line(columns.wire_header().map(Into::into), &mut header);
    let mut checked = Checked::default();
    let mut warnings: BTreeMap<(usize, ValueWarning), Warning> = BTreeMap::new();
    let mut line = Vec::new();
    let mut part: Option<(Part, super::wire::Running)> = None;
    let key = columns.sent.iter().find(|column| matches!(column.target, Target::Id | Target::Key));
    let mut keys: HashSet<u64> = HashSet::new();
    while rows.read(&mut row).map_err(failed)? {
        checked.rows += 1;
        if checked.rows.is_multiple_of(10_000) {
            told(rows.offset());
        }
        let before = checked.problems.total;
        match &row.fault {
            Some(RowFault::Encoding) => return Err(input.bad_byte(&row)),
            Some(RowFault::TooLarge) => {
                checked.problems.add(of_row(&row, RowFault::TooLarge.into()));
                checked.problems.rows += 1;
                break;
            }
            Some(fault) => checked.problems.add(of_row(&row, fault.clone().into())),
            None => {}
        }
        if row.len() != columns.width() {
            // A fault of quoting has shifted the columns: that it did need not be told, too.
            if row.fault.is_none() {
                let fault = ProblemFault::Width { found: row.len(), expected: columns.width() };
                checked.problems.add(of_row(&row, fault));
            }
        } else {
            if row.bytes() > ROW_CHARACTERS_MAX
                && row.iter().map(|v| v.chars().count()).sum::<usize>() > ROW_CHARACTERS_MAX
            {
                checked.problems.add(of_row(&row, ProblemFault::RowTooLong));
            }
            for (n, column) in columns.sent.iter().enumerate() {
                let cell = row.get(column.at).unwrap_or_default();
                match columns.cell(column, cell, prefixes) {
                    Ok((_, None)) => {}
                    Ok((_, Some(warning))) => {
                        let entry = warnings.entry((n, warning)).or_insert_with(|| Warning {
                            column: column.header.clone(),
                            warning,
                            count: 0,
                            line: row.line,
                            value: shown(cell),
                        });
                        entry.count += 1;
                    }
                    Err(fault) => checked.problems.add(Problem {
                        line: row.line,
                        column: Some(column.header.clone()),
                        field: Some(column.wire.clone()),
                        value: Some(shown(cell)),
                        fault: fault.into(),
                    }),
                }
            }
        }
        if checked.problems.total > before {
            checked.problems.rows += 1;
        }
        // What is not sent needs no parts.
        if checked.problems.total > 0 {
            continue;
        }
        let cell = key.and_then(|column| row.get(column.at)).map(str::trim).filter(|cell| !cell.is_empty());
        if let Some(cell) = cell.filter(|_| keys.len() < KEYS_REMEMBERED) {
            // Keys of two spellings may be the same for the org; that is for it to say.
            if !keys.insert(prints.of(std::iter::once(cell.into()))) {
                let (count, _) = checked.same_key.get_or_insert((0, row.line));
                *count += 1;
            }
        }
        line.clear();
        csv_line(columns.cells(&row, prefixes), &mut line);
        let length = line.len() as u64;
        if part.as_ref().is_some_and(|(part, _)| part.bytes + length > cut.bytes || part.rows >= cut.rows) {
            close(&mut checked, part.take());
        }
        let (part, running) = part.get_or_insert_with(|| {
            let part = Part {
                number: checked.parts.len() + 1,
                offset: row.offset,
                first_line: row.line,
                last_line: row.line,
                rows: 0,
                bytes: header.len() as u64,
                fingerprint: 0,
            };
            (part, prints.running())
        });
        part.rows += 1;
        part.bytes += length;
        part.last_line = row.line;
        running.add(&line);
    }
    close(&mut checked, part);
    checked.warnings = warnings.into_values().collect();
    Ok(checked)
}

fn close(checked: &mut Checked, part: Option<(Part, super::wire::Running)>) {
    if let Some((mut part, running)) = part {
        part.fingerprint = running.finish();
        checked.bytes += part.bytes;
        checked.parts.push(part);
    }
}

fn of_row(row: &Row, fault: ProblemFault) -> Problem {
    Problem { line: row.line, column: None, field: None, value: None, fault }
}

impl Problem {
    /// What to do about it, where we know.
    pub fn advice(&self) -> Option<String> {
        use super::value::Odd;
        Some(match &self.fault {
            ProblemFault::Value(fault) => match fault {
                ValueFault::Boolean => "write true or false".into(),
                ValueFault::Integer => "write digits only".into(),
                ValueFault::Number { has: Odd::Comma } => {
                    "write a point before decimals, and nothing between thousands".into()
                }
                ValueFault::Number { has: Odd::Sign } => "write the bare number, without a sign or unit".into(),
                ValueFault::Number { .. } => "write it as 1234.5".into(),
                ValueFault::TooManyDigits { whole } => format!("the field takes {whole} digits before the point"),
                ValueFault::Date { has } => match has {
                    Odd::HasTime => "the field takes a day only: write it as 2026-01-31".into(),
                    Odd::NoSuchDay => {
                        "the calendar has no such day, or Salesforce does not keep it (1700 to 4000)".into()
                    }
                    _ => "write it as 2026-01-31".into(),
                },
                ValueFault::DateTime { has } => match has {
                    Odd::NoTime => "the field takes a day and a time: write it as 2026-01-31T00:00:00Z".into(),
                    Odd::NoZone => "say in which time zone: end it with Z for UTC, or with an offset as +01:00".into(),
                    Odd::NoSuchDay => {
                        "the calendar has no such day, or Salesforce does not keep it (1700 to 4000)".into()
                    }
                    _ => "write it as 2026-01-31T08:15:42Z, or with an offset as +01:00".into(),
                },
                ValueFault::Time => "write it as 08:15:42.000Z".into(),
                ValueFault::Id { checksum: true } => {
                    "its last three characters do not fit the others: was its case changed?".into()
                }
                ValueFault::Id { checksum: false } => "an id has 15 or 18 letters and digits".into(),
                ValueFault::OtherObject { wanted, .. } => match wanted.as_slice() {
                    [] => return None,
                    few if few.len() <= 4 => format!("the field takes ids of {}", few.join(", ")),
                    many => format!("the field takes ids of {} objects, not of this one", many.len()),
                },
                ValueFault::TooLong { length, .. } => format!("the field takes {length}; the org would not cut it"),
                ValueFault::Missing => "give it a value".into(),
                ValueFault::Null => format!("{} marks null, and the field must have a value", super::value::NULL),
                ValueFault::Nul => "take it out".into(),
            },
            ProblemFault::Row(RowFault::BehindQuote { .. }) => "a quote inside a quoted value is written twice".into(),
            ProblemFault::Row(RowFault::BeforeQuote { .. }) => "take the blank out".into(),
            ProblemFault::Row(RowFault::Open { .. } | RowFault::TooLarge) => {
                "close it, or write a quote that belongs to the value twice, inside quotes".into()
            }
            ProblemFault::Row(RowFault::CarriageReturn { .. }) => "put the value into quotes".into(),
            ProblemFault::Width { found, expected } if found > expected => {
                "is a value with a delimiter not in quotes?".into()
            }
            ProblemFault::Width { .. } => "is a line cut, or a line break not in quotes?".into(),
            ProblemFault::Row(RowFault::Encoding) | ProblemFault::RowTooLong => return None,
        })
    }
}
