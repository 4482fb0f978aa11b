//! Findings for people and for programs.

use std::io::IsTerminal;

use serde_json::{Value, json};
use tidegate_client::Explanation;
use tidegate_soql::{Finding, Look, Place};

use super::input::{Statement, Text};

/// With colours on a terminal, unless NO_COLOR asks for none.
pub(super) fn look(stream: &impl IsTerminal) -> Look {
    let colour = stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Look { colour, width }
}

/// One query and what was found in it. Rows and columns count from 1 and in characters, `start` and `end` in bytes of
/// the whole text.
pub(super) fn json(
    text: &Text,
    at: usize,
    statement: Statement,
    findings: &[Finding],
    explanation: Option<&Explanation>,
) -> Value {
    let soql = text.of(statement);
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let span = statement.shifted(finding.span);
            let place = Place::of(&text.source, span.start);
            let end = Place::of(&text.source, span.end);
            let fix = finding.fix.as_ref().and_then(|fix| Some((fix, fix.apply(soql)?))).map(|(fix, better)| {
                let edits: Vec<Value> = fix
                    .edits
                    .iter()
                    .map(|edit| {
                        let span = statement.shifted(edit.span);
                        json!({ "start": span.start, "end": span.end, "text": edit.text })
                    })
                    .collect();
                json!({ "query": better, "safe": fix.is_safe, "edits": edits })
            });
            json!({
                "severity": finding.severity.name(),
                "rule": finding.rule,
                "message": finding.message,
                "row": place.row,
                "column": place.column,
                "endRow": end.row,
                "endColumn": end.column,
                "start": span.start,
                "end": span.end,
                "suggestion": finding.suggestion,
                "fix": fix,
            })
        })
        .collect();
    let mut entry = json!({ "file": text.file(), "number": at + 1, "query": soql, "findings": findings });
    if let (Some(explanation), Some(entry)) = (explanation, entry.as_object_mut()) {
        entry.insert("plans".to_owned(), json!(explanation.plans));
    }
    entry
}
