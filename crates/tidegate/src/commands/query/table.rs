//! Rows as a table that fits the terminal.
//!
//! On a terminal, text columns are narrowed until the table fits, and cut values end in `…`; numbers are never cut, as
//! a part of a number is another number. A table that would be all cuts is written one record below the other. Where
//! the output is no terminal nothing is cut: what reads it may be a program.

use std::io::{self, IsTerminal, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output::one_line;

/// What stands for null: visible, and no word that a value could be.
const NULL: &str = "·";
/// Blanks between columns.
const GAP: usize = 2;
/// Text columns are not narrowed below this.
const NARROWEST: usize = 8;

/// A cell's text, `None` for null.
pub(super) struct Cell {
    pub(super) text: Option<String>,
    pub(super) number: bool,
}

/// Where the table goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paper {
    /// Columns of the terminal; `None` where it is none.
    pub(super) width: Option<usize>,
    /// Whether null may be dimmed.
    pub(super) dims: bool,
}

impl Paper {
    /// Standard output, or a file, which is none.
    pub(super) fn of(to_file: bool) -> Paper {
        if to_file || !io::stdout().is_terminal() {
            return Paper { width: None, dims: false };
        }
        let told = || std::env::var("COLUMNS").ok()?.parse().ok();
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0)).or_else(told);
        let dims = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Paper { width, dims }
    }
}

/// Writes rows with their header; `first` is the number of the first.
pub(super) fn write(
    out: &mut (dyn Write + Send),
    names: &[String],
    rows: Vec<Vec<Cell>>,
    first: u64,
    paper: Paper,
) -> io::Result<()> {
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| Cell { text: cell.text.map(|text| one_line(&text)), ..cell }).collect())
        .collect();
    let numbers: Vec<bool> = (0..names.len())
        .map(|at| {
            let mut cells = rows.iter().filter_map(|row| row.get(at)).filter(|cell| cell.text.is_some()).peekable();
            cells.peek().is_some() && cells.all(|cell| cell.number)
        })
        .collect();
    let full: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells
                .map(|cell| cell.text.as_deref().map_or(1, UnicodeWidthStr::width))
                .chain([name.width()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let Some(widths) = fitting(&full, &numbers, paper.width) else {
        return write_blocks(out, names, &rows, first, paper);
    };
    let header: Vec<(String, bool)> = names.iter().map(|name| (name.clone(), false)).collect();
    write_line(out, &header, &widths, &numbers, false)?;
    for row in rows {
        let cells: Vec<(String, bool)> = row
            .into_iter()
            .map(|cell| match cell.text {
                Some(text) => (text, false),
                None => (NULL.to_owned(), true),
            })
            .collect();
        write_line(out, &cells, &widths, &numbers, paper.dims)?;
    }
    Ok(())
}

/// The widths that fit; `None` where there would be little to read.
fn fitting(full: &[usize], numbers: &[bool], width: Option<usize>) -> Option<Vec<usize>> {
    let gaps = full.len().saturating_sub(1) * GAP;
    let total = |cap: usize| -> usize {
        full.iter().zip(numbers).map(|(width, number)| if *number { *width } else { (*width).min(cap) }).sum::<usize>()
            + gaps
    };
    let widest = full.iter().copied().max().unwrap_or(0);
    let width = width.filter(|width| total(widest) > *width);
    let Some(width) = width else { return Some(full.to_vec()) };
    let cap = (NARROWEST..widest).rev().find(|cap| total(*cap) <= width)?;
    Some(full.iter().zip(numbers).map(|(width, number)| if *number { *width } else { (*width).min(cap) }).collect())
}

fn write_line(
    out: &mut (dyn Write + Send),
    cells: &[(String, bool)],
    widths: &[usize],
    numbers: &[bool],
    dims: bool,
) -> io::Result<()> {
    let mut line = String::new();
    let mut blanks = 0;
    for (at, width) in widths.iter().enumerate() {
        let (text, is_null) = cells.get(at).map_or(("", false), |(text, is_null)| (text.as_str(), *is_null));
        let text = cut(text, *width);
        let missing = width.saturating_sub(text.width());
        let before = if numbers.get(at) == Some(&true) { missing } else { 0 };
        // Blanks are written before what follows them, so that no line ends in some.
        if !text.is_empty() {
            line.push_str(&" ".repeat(blanks + before));
            if is_null && dims {
                line.push_str(&format!("\x1b[2m{text}\x1b[0m"));
            } else {
                line.push_str(&text);
            }
            blanks = missing - before + GAP;
        } else {
            blanks += width + GAP;
        }
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next > width {
            break;
        }
        used += next;
        out.push(c);
    }
    out.push('…');
    out
}

fn write_blocks(
    out: &mut (dyn Write + Send),
    names: &[String],
    rows: &[Vec<Cell>],
    first: u64,
    paper: Paper,
) -> io::Result<()> {
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let room = paper.width.map(|width| width.saturating_sub(widest + GAP).max(20));
    for (number, row) in rows.iter().enumerate() {
        writeln!(out, "── {} ──", first + number as u64)?;
        for (name, cell) in names.iter().zip(row) {
            let text = match (&cell.text, paper.dims) {
                (Some(text), _) if cell.number => text.clone(),
                (Some(text), _) => room.map_or_else(|| text.clone(), |room| cut(text, room)),
                (None, true) => format!("\x1b[2m{NULL}\x1b[0m"),
                (None, false) => NULL.to_owned(),
            };
            writeln!(out, "{name}{}{text}", " ".repeat(widest - name.width() + GAP))?;
        }
    }
    if rows.is_empty() {
        writeln!(out, "{}", names.join("  "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: Option<usize>, names: &[&str], rows: &[&[&str]]) -> String {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let cell = |text: &&str| Cell {
            text: Some(text.to_string()).filter(|text| !text.is_empty()),
            number: text.parse::<f64>().is_ok(),
        };
        let rows = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let mut out = Vec::new();
        write(&mut out, &names, rows, 1, Paper { width, dims: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    const NAMES: [&str; 3] = ["Name", "Amount", "Description"];
    const ROWS: [&[&str]; 2] = [&["Acme and Sons", "1234567.5", "A long tale\nof two lines"], &["子涵", "", ""]];

    #[test]
    fn nothing_is_cut_where_no_terminal_is() {
        assert_eq!(
            written(None, &NAMES, &ROWS),
            "Name              Amount  Description\nAcme and Sons  1234567.5  A long tale⏎of two lines\n子涵                   ·  ·\n"
        );
    }

    #[test]
    fn text_is_cut_to_fit_and_numbers_are_not() {
        let text = written(Some(36), &NAMES, &ROWS);
        assert_eq!(
            text,
            "Name            Amount  Description\nAcme and S…  1234567.5  A long tal…\n子涵                 ·  ·\n"
        );
        assert!(text.lines().all(|line| line.width() <= 36), "{text}");
    }

    #[test]
    fn a_hopeless_table_is_written_record_by_record() {
        assert_eq!(
            written(Some(22), &NAMES, &ROWS),
            "── 1 ──\nName         Acme and Sons\nAmount       1234567.5\nDescription  A long tale⏎of two …\n── 2 ──\nName         子涵\nAmount       ·\nDescription  ·\n"
        );
    }
}
