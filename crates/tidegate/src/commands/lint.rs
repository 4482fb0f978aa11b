//! `tidegate lint`: what is wrong with a query, told from its text alone.

use std::process::ExitCode;

use serde_json::json;
use tidegate_soql::{Finding, ParseError, Severity, lint_text};

use super::{print_json, writing};
use crate::args::LintArgs;
use crate::failure::{Exit, Failure};
use crate::output::{self, say};

pub(super) fn run(args: LintArgs) -> Result<ExitCode, Failure> {
    let text = match (&args.file, &args.soql) {
        (Some(path), _) => std::fs::read_to_string(path)
            .map_err(|e| Failure::usage(format!("cannot read {}", path.display())).with_cause(&e))?,
        (None, Some(soql)) => super::query::read_text(soql)?,
        (None, None) => return Err(Failure::usage("no query is given")),
    };
    let findings = lint_text(&text);
    let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    if args.json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| {
                let (row, column) = place(&text, f.span.start);
                json!({
                    "severity": if f.severity == Severity::Error { "error" } else { "warning" },
                    "rule": f.rule,
                    "message": f.message,
                    "row": row,
                    "column": column,
                    "suggestion": f.suggestion,
                })
            })
            .collect();
        print_json(&list)?;
    } else {
        for finding in &findings {
            output::print(render(&text, finding)).map_err(writing)?;
        }
        if findings.is_empty() {
            say("nothing to find fault with");
        }
    }
    Ok(if refused { ExitCode::from(Exit::Failed as u8) } else { ExitCode::SUCCESS })
}

/// The finding, the line it concerns with a caret, and what to write instead.
fn render(text: &str, finding: &Finding) -> String {
    let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
    let (row, column) = place(text, finding.span.start);
    let line: String =
        text.lines().nth(row - 1).unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let marked = text.get(finding.span.start..finding.span.end).unwrap_or_default();
    let width = marked.lines().next().map_or(0, |first| first.chars().count()).max(1);
    let gutter = " ".repeat(row.to_string().len());
    let mut out = format!(
        "{severity}[{}]: {}\n{gutter}--> row {row}, column {column}\n{row} | {line}\n{gutter} | {}{}",
        finding.rule,
        finding.message,
        " ".repeat(column - 1),
        "^".repeat(width)
    );
    if let Some(suggestion) = &finding.suggestion {
        out.push_str(&format!("\n{gutter} = {suggestion}"));
    }
    out.push('\n');
    out
}

/// Row and column, from 1, in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let row = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (row, column)
}

/// A syntax error with its caret.
pub(super) fn syntax(text: &str, error: &ParseError) -> Failure {
    let failure = Failure::usage(format!("the query cannot be read\n{}", error.render(text)));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
