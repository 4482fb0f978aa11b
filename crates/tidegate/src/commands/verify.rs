//! `tidegate verify`: the proof that a copy equals the org.

use std::process::ExitCode;

use serde_json::json;
use tidegate_destinations::{inspect, open};
use tidegate_sync::{Differences, Options, Pipeline, VerifyOptions, VerifyReport};

use super::replica::{Prepared, prepare};
use super::{interruption, print_json, writing};
use crate::args::VerifyArgs;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::{self, counted, grouped, say};
use crate::progress::Display;

pub(super) async fn run(config: &Config, args: VerifyArgs) -> Result<ExitCode, Failure> {
    let Prepared { client, url, objects } = prepare(config, &args.replica).await?;
    // Opening would make it.
    if inspect(&url).await?.is_none() {
        return Err(super::status::nothing_there(&url));
    }
    let destination = open(&url).await?;
    let display = Display::new();
    let told = display.callback();
    let pipeline =
        Pipeline::new(client, destination, Options::new(objects)).on_progress(move |progress| told(progress));
    let options = VerifyOptions { repair: args.repair, fields: args.fields };
    let report = pipeline.verify(options, &interruption()).await;
    display.finish();
    let report = report?;
    if args.json {
        print_json(&as_json(&report))?;
    } else {
        output::print(table(&report)).map_err(writing)?;
    }
    if report.is_equal() {
        say(summary(&report, args.fields));
        return Ok(ExitCode::SUCCESS);
    }
    say(format!("not equal: {}", differences(&report)));
    say(if args.repair {
        "\nhint: the org changed meanwhile, or refused a repair; run it again"
    } else {
        "\nhint: changes that are on their way show as differences; let `tidegate sync --once` run, or add --repair"
    });
    Ok(ExitCode::from(Exit::Failed as u8))
}

/// One sentence with the figures.
pub(super) fn summary(report: &VerifyReport, fields: bool) -> String {
    let sum = |of: fn(&tidegate_sync::TableReport) -> u64| grouped(report.tables.iter().map(of).sum());
    // The cheap comparison is not the proof, and must not read like it.
    let (found, how) = if fields {
        ("equal", "every field of every row compared")
    } else {
        ("no difference found", "counts and newest change times of id ranges compared (--fields compares every value)")
    };
    let repaired = report.tables.iter().map(|t| t.repaired).sum();
    let repaired = if repaired > 0 { format!("; {} repaired", counted(repaired, "row")) } else { String::new() };
    format!(
        "{found}: {} rows of {}, {how}, {} API calls{repaired}",
        sum(|t| t.rows),
        counted(report.tables.len() as u64, "object"),
        sum(|t| t.calls)
    )
}

/// `3 rows are missing, 5 differ in a field`.
fn differences(report: &VerifyReport) -> String {
    let sum = |of: fn(&Differences) -> u64| report.tables.iter().map(|t| of(&t.left)).sum::<u64>();
    let found: Vec<String> = [
        (sum(|d| d.missing), "missing"),
        (sum(|d| d.extra), "not in the org any more"),
        (sum(|d| d.stale), "with another change time"),
        (sum(|d| d.different), "with another value"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{} {what}", counted(n, "row")))
    .collect();
    found.join(", ")
}

pub(super) fn table(report: &VerifyReport) -> String {
    let mut table = output::table([
        "OBJECT",
        "ROWS",
        "RANGES",
        "COMPARED",
        "MISSING",
        "EXTRA",
        "STALE",
        "DIFFERENT",
        "REPAIRED",
        "LEFT",
    ]);
    for t in &report.tables {
        let mut row = vec![t.object.clone()];
        let Differences { missing, extra, stale, different } = t.found;
        row.extend(
            [t.rows, t.ranges, t.rows_compared, missing, extra, stale, different, t.repaired, t.left.total()]
                .map(grouped),
        );
        table.add_row(row);
    }
    for column in 1..10 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let mut text = output::table_text(&table);
    for t in report.tables.iter().filter(|t| !t.examples.is_empty()) {
        let ids: Vec<&str> = t.examples.iter().take(5).map(|id| id.0.as_str()).collect();
        text.push_str(&format!("\n{} differs at {}", t.object, ids.join(", ")));
    }
    text
}

fn as_json(report: &VerifyReport) -> serde_json::Value {
    let differences =
        |d: &Differences| json!({ "missing": d.missing, "extra": d.extra, "stale": d.stale, "different": d.different });
    let tables: Vec<_> = report
        .tables
        .iter()
        .map(|t| {
            json!({
                "object": t.object,
                "rows": t.rows,
                "ranges": t.ranges,
                "rows_compared": t.rows_compared,
                "api_calls": t.calls,
                "found": differences(&t.found),
                "repaired": t.repaired,
                "left": differences(&t.left),
                "examples": t.examples.iter().map(|id| id.0.as_str()).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "equal": report.is_equal(), "tables": tables })
}
