//! `tidegate lint`: what is wrong with a query, told from its text alone.

use std::process::ExitCode;

use serde_json::json;
use tidegate_soql::{ParseError, Severity, lint_text};

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
            output::print(finding.render(&text)).map_err(writing)?;
        }
        if findings.is_empty() {
            say("nothing to find fault with");
        }
    }
    Ok(if refused { ExitCode::from(Exit::Failed as u8) } else { ExitCode::SUCCESS })
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
