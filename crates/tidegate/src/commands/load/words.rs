//! What a load has to say: what is wrong with a file, the plan, and what was done.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_client::bulk::ColumnDelimiter;
use tidegate_sync::load::{
    Halt, HeaderFault, InputError, LoadError, LoadOperation, LoadReport, Plan, Prepared, Problem, Transport,
    ValueWarning,
};

use crate::commands::interrupted;
use crate::failure::{Exit, Failure};
use crate::output::{counted, grouped, one_line};

/// Problems that are listed; all are counted.
const LISTED: usize = 20;

/// A load that did not begin, or could not be brought to its end.
pub(super) fn failure(error: LoadError) -> Failure {
    match error {
        LoadError::Org(error) => Failure::from(*error),
        LoadError::Header { object, faults, dialect, columns } => {
            let mut text = format!(
                "{} with the header for {object}; nothing was written",
                counted(faults.len() as u64, "problem")
            );
            for fault in faults.iter().take(LISTED) {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n  {fault}");
                if let Some(advice) = fault.advice() {
                    let _ = write!(text, " → {advice}");
                }
            }
            if faults.len() > LISTED {
                let _ = write!(text, "\n  … and {} more", faults.len() - LISTED);
            }
            let failure = Failure::usage(text);
            if columns == 1 && faults.iter().any(|f| matches!(f, HeaderFault::Unknown { .. })) {
                return failure.hint(format!(
                    "one column was found, with {} between columns; --delimiter says otherwise",
                    delimiter(dialect.delimiter)
                ));
            }
            failure
        }
        LoadError::Rows { problems, rows } => {
            let of = if problems.rows == rows { String::new() } else { format!(" of {}", grouped(rows)) };
            let would = if problems.rows == 1 { "row" } else { "rows" };
            let mut text = format!("{}{of} {would} would be refused; nothing was written", grouped(problems.rows));
            for problem in problems.first.iter().take(LISTED) {
                let _ = write!(text, "\n  {}", one_problem(problem));
            }
            let listed = problems.first.len().min(LISTED) as u64;
            if problems.total > listed {
                let _ = write!(text, "\n  … and {} more", grouped(problems.total - listed));
            }
            let more = problems.total > listed;
            let failure = Failure::usage(text);
            if more { failure.hint("--json lists the first 1,000") } else { failure }
        }
        LoadError::NoRows => Failure::usage("the file has a header and no rows"),
        LoadError::Options(words) => Failure::usage(words),
        LoadError::Input(error) => input(error),
        error @ (LoadError::Write { .. } | LoadError::Changed { .. }) => {
            let mut failure = Failure::new(Exit::Environment, error.to_string());
            if let Some(source) = std::error::Error::source(&error) {
                failure = failure.with_cause(source);
            }
            failure
        }
        error => Failure::failed(error.to_string()),
    }
}

fn input(error: InputError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match &error {
        InputError::Io { source, .. } => Failure::usage(error.to_string()).with_cause(source),
        InputError::Encoding { reads, looks_like, .. } if !reads.is_empty() => {
            failure.hint(format!("read as {looks_like} it would be part of `{reads}`: --encoding {looks_like}"))
        }
        InputError::Encoding { looks_like, .. } => {
            failure.hint(format!("the file looks like {0}: --encoding {0}", looks_like.to_lowercase()))
        }
        InputError::NotIn { .. } => failure.hint("name another encoding, or save the file as UTF-8"),
        InputError::Empty { .. } => failure.hint("the first row names the columns"),
    }
}

fn one_problem(problem: &Problem) -> String {
    let mut text = format!("line {}", grouped(problem.line));
    if let Some(column) = &problem.column {
        let _ = write!(text, ", {}", one_line(column));
    }
    text.push_str(": ");
    if let Some(value) = problem.value.as_deref().filter(|value| !value.is_empty()) {
        let _ = write!(text, "`{}` ", one_line(value));
    }
    let _ = write!(text, "{}", problem.fault);
    if let Some(advice) = problem.advice() {
        let _ = write!(text, " → {advice}");
    }
    text
}

/// The problems as data.
pub(super) fn problems_json(error: &LoadError) -> Option<Value> {
    match error {
        LoadError::Header { faults, .. } => {
            let faults: Vec<Value> = faults
                .iter()
                .map(|fault| json!({ "line": 1, "problem": fault.to_string(), "advice": fault.advice() }))
                .collect();
            Some(json!({ "problems": faults, "problems_total": faults.len(), "written": 0 }))
        }
        LoadError::Rows { problems, rows } => {
            let first: Vec<Value> = problems
                .first
                .iter()
                .map(|problem| {
                    json!({
                        "line": problem.line,
                        "column": problem.column,
                        "field": problem.field,
                        "value": problem.value,
                        "problem": problem.fault.to_string(),
                        "advice": problem.advice(),
                    })
                })
                .collect();
            Some(json!({
                "problems": first,
                "problems_total": problems.total,
                "rows": rows,
                "rows_with_problems": problems.rows,
                "written": 0,
            }))
        }
        _ => None,
    }
}

fn delimiter(delimiter: ColumnDelimiter) -> &'static str {
    match delimiter {
        ColumnDelimiter::Comma => "a comma",
        ColumnDelimiter::Semicolon => "a semicolon",
        ColumnDelimiter::Tab => "a tab",
        ColumnDelimiter::Pipe => "a pipe",
        ColumnDelimiter::Caret => "a caret",
        ColumnDelimiter::Backquote => "a backquote",
    }
}

/// What is worth a word about a file that is in order.
pub(super) fn warnings(prepared: &Prepared) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(encoding) = prepared.converted_from() {
        words.push(format!("read as {encoding}"));
    }
    words.extend(prepared.header_warnings().iter().map(|warning| format!("warning: {warning}")));
    for warning in &prepared.checked().warnings {
        let what = match warning.warning {
            ValueWarning::NotListed => "not among the values of a restricted picklist",
            ValueWarning::Rounded => "with more decimals than the field keeps: the org rounds",
        };
        words.push(format!(
            "warning: {}: {} {what}, the first in line {}: `{}`",
            one_line(&warning.column),
            counted(warning.count, "value"),
            grouped(warning.line),
            one_line(&warning.value)
        ));
    }
    if let Some((rows, line)) = prepared.checked().same_key {
        let (what, have) = (counted(rows, "row"), if rows == 1 { "has" } else { "have" });
        words.push(format!(
            "warning: {what} {have} the key of an earlier row, the first in line {}: the org refuses rows with the same \
             key that it gets together",
            grouped(line)
        ));
    }
    let left_out: Vec<&str> = prepared.left_out().iter().map(String::as_str).filter(|n| !n.is_empty()).collect();
    if !left_out.is_empty() {
        words.push(format!("not sent: {}", one_line(&left_out.join(", "))));
    }
    words
}

/// The plan in a sentence.
pub(super) fn plan(prepared: &Prepared) -> String {
    let plan = prepared.plan();
    let how = match plan.transport {
        Transport::Collections => {
            format!("by {} of up to 200 records", counted(plan.calls, "collections call"))
        }
        Transport::Bulk => format!(
            "by Bulk API 2.0: {}, {} MB, about {} and a look at each job now and then",
            counted(plan.jobs, "job"),
            megabytes(plan.bytes),
            counted(plan.calls, "API call")
        ),
    };
    let (rows, object) = (counted(plan.rows, "row"), prepared.object());
    match prepared.operation() {
        LoadOperation::Insert => format!("insert {rows} into {object} {how}"),
        LoadOperation::Update => format!("update {rows} of {object} {how}"),
        LoadOperation::Upsert { external_id } => format!("upsert {rows} into {object} by {external_id}, {how}"),
        LoadOperation::Delete => format!("delete {rows} of {object} {how}"),
        LoadOperation::HardDelete => format!("delete {rows} of {object} for good {how}"),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// Which column goes where.
pub(super) fn columns(prepared: &Prepared) -> Vec<String> {
    let width = prepared.sent().map(|(header, _)| header.chars().count()).max().unwrap_or(0);
    prepared
        .sent()
        .map(|(header, wire)| {
            let pad = width - header.chars().count();
            format!("  {}{} → {wire}", one_line(header), " ".repeat(pad))
        })
        .collect()
}

/// The plan as data.
pub(super) fn plan_json(prepared: &Prepared) -> Value {
    let plan = prepared.plan();
    let columns: serde_json::Map<String, Value> =
        prepared.sent().map(|(header, wire)| (header.to_owned(), json!(wire))).collect();
    json!({
        "object": prepared.object(),
        "operation": prepared.operation().name(),
        "transport": transport(plan.transport),
        "rows": plan.rows,
        "jobs": plan.jobs,
        "bytes": if plan.transport == Transport::Bulk { json!(plan.bytes) } else { Value::Null },
        "api_calls": plan.calls,
        "bulk_batches": plan.batches,
        "columns": columns,
        "columns_left_out": prepared.left_out(),
        "warnings": warnings(prepared),
    })
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Collections => "collections",
        Transport::Bulk => "bulk",
    }
}

/// The message alone, of `CODE:message:fields --`.
fn message<'a>(error: &'a str, code: &str) -> &'a str {
    let error = error.strip_prefix(code).map_or(error, |rest| rest.trim_start_matches(':'));
    let bare = error.trim_end().strip_suffix("--").unwrap_or(error);
    bare.rfind(':').and_then(|at| bare.get(..at)).filter(|message| !message.is_empty()).unwrap_or(bare).trim()
}

/// A load that has ended, and what it took.
pub(super) struct Done<'a> {
    pub(super) seconds: f64,
    pub(super) calls: u64,
    pub(super) object: &'a str,
    pub(super) operation: &'a LoadOperation,
    pub(super) plan: Plan,
    pub(super) report: &'a LoadReport,
}

impl Done<'_> {
    /// As data.
    pub(super) fn json(&self) -> Value {
        let report = self.report;
        let jobs: Vec<Value> =
            report.jobs.iter().map(|job| json!({ "id": job.id, "state": job.state, "rows": job.rows })).collect();
        let unknown: Vec<Value> = report
            .unknown
            .iter()
            .map(|u| json!({ "first_line": u.first_line, "last_line": u.last_line, "rows": u.rows, "job": u.job }))
            .collect();
        let failures: Vec<Value> = report
            .failures
            .iter()
            .map(|f| json!({ "code": f.code, "rows": f.rows, "first_line": f.line, "first_error": f.error }))
            .collect();
        json!({
            "object": self.object,
            "operation": self.operation.name(),
            "transport": transport(self.plan.transport),
            "rows": report.tally.rows(),
            "succeeded": report.tally.succeeded,
            "created": report.created,
            "failed": report.tally.failed,
            "unprocessed": report.tally.unprocessed,
            "unknown": report.tally.unknown,
            "unknown_lines": unknown,
            "failures": failures,
            "rows_sent_again_for_locks": report.lock_retries,
            "interrupted": matches!(report.halt, Some(Halt::Interrupted)),
            "stopped_by": report.halt.as_ref().map(ToString::to_string),
            "jobs": jobs,
            "files": report.files,
            "ledger": report.ledger,
            "api_calls": self.calls,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        })
    }

    /// For reading.
    pub(super) fn text(&self) -> String {
        let report = self.report;
        let tally = report.tally;
        let mut text = String::new();
        if let Some(halt) = &report.halt {
            match halt {
                Halt::Interrupted => text.push_str("stopped before the end\n"),
                Halt::Unknown(_) => text.push_str(
                    "stopped: the answer to a call that makes records was lost; sent again it could make them twice\n",
                ),
                _ => text.push_str("stopped before the end by what is said below\n"),
            }
        }
        let _ = write!(text, "{} of {}: ", counted(tally.rows(), "row"), self.object);
        let mut parts = vec![match (self.operation, report.created) {
            (LoadOperation::Upsert { .. }, created) => {
                format!("{} succeeded ({} made)", grouped(tally.succeeded), grouped(created))
            }
            _ => format!("{} succeeded", grouped(tally.succeeded)),
        }];
        parts.push(format!("{} failed", grouped(tally.failed)));
        if tally.unprocessed > 0 {
            parts.push(format!("{} unprocessed", grouped(tally.unprocessed)));
        }
        if tally.unknown > 0 {
            parts.push(format!("{} unknown", grouped(tally.unknown)));
        }
        let _ =
            writeln!(text, "{}; after {:.1} s and {}", parts.join(", "), self.seconds, counted(self.calls, "API call"));
        for failure in &report.failures {
            let _ = writeln!(
                text,
                "  {} failed with {}, the first in line {}: {}",
                grouped(failure.rows),
                if failure.code.is_empty() { "no code" } else { &failure.code },
                grouped(failure.line),
                one_line(message(&failure.error, &failure.code))
            );
        }
        for unknown in &report.unknown {
            let job = unknown.job.as_ref().map(|job| format!(", in job {job}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "  {} unknown: lines {} to {}{job}",
                grouped(unknown.rows),
                grouped(unknown.first_line),
                grouped(unknown.last_line)
            );
        }
        for file in &report.files {
            let _ = writeln!(text, "  {}", file.display());
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The exit code, with the words for why it stopped.
    pub(super) fn exit(&self) -> ExitCode {
        let tally = self.report.tally;
        let next = "rows that were not processed are in a file of their own, which can be loaded as it is";
        match &self.report.halt {
            Some(Halt::Interrupted) => interrupted(),
            Some(Halt::Unknown(error)) => Failure::new(Exit::Environment, "rows may have been made, and nobody knows")
                .with_cause(error)
                .hint(format!("look in the org for the rows in the unknown file before they are loaded again; {next}"))
                .report(),
            Some(Halt::Org(error)) => {
                let failure = Failure::from(error.clone());
                let hint = error.hint().map(|hint| format!("{hint}; {next}")).unwrap_or_else(|| next.to_owned());
                failure.hint(hint).report()
            }
            Some(halt @ Halt::Job { message, .. }) => {
                let quota =
                    message.as_deref().is_some_and(|m| m.contains("ExceededQuota") || m.contains("LimitExceeded"));
                let exit = if quota { Exit::Environment } else { Exit::Failed };
                Failure::new(exit, halt.to_string()).hint(next).report()
            }
            Some(halt @ Halt::FileChanged) => Failure::failed(halt.to_string()).hint(next).report(),
            None if tally.unknown > 0 => {
                Failure::new(Exit::Environment, "the org did not tell what became of some rows")
                    .hint("look in the org for the rows in the unknown file")
                    .report()
            }
            None if tally.failed > 0 || tally.unprocessed > 0 => ExitCode::from(4),
            None => ExitCode::SUCCESS,
        }
    }
}
