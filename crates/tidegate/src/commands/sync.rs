//! `tidegate pull` and `tidegate sync`: a copy, once or kept current.

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use tidegate_destinations::{inspect, open};
use tidegate_sync::{Mode, Options, Outcome, Pipeline};

use super::replica::{Prepared, prepare};
use super::{interrupted, interruption, print_json};
use crate::args::{PullArgs, Replica, SyncArgs};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{counted, say};
use crate::progress::Display;

pub(super) async fn pull(config: &Config, args: PullArgs) -> Result<ExitCode, Failure> {
    run(config, &args.replica, Mode::Load, args.json).await
}

pub(super) async fn sync(config: &Config, args: SyncArgs) -> Result<ExitCode, Failure> {
    let mode = if args.once { Mode::Once } else { Mode::Forever };
    run(config, &args.replica, mode, args.json).await
}

async fn run(config: &Config, args: &Replica, mode: Mode, json: bool) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let Prepared { client, url, objects } = prepare(config, args).await?;
    let wanted = objects.clone();
    let destination = open(&url).await?;
    let display = Display::new();
    let told = display.callback();
    let stop = interruption();
    let pipeline =
        Pipeline::new(client.clone(), destination, Options::new(objects)).on_progress(move |progress| told(progress));
    let outcome = pipeline.run(mode, &stop).await;
    display.finish();
    let outcome = outcome?;
    // The writer's place is given up before the copy is looked at.
    drop(pipeline);
    let seconds = started.elapsed().as_secs_f64();
    let found = inspect(&url).await?;
    // The destination may hold further tables, of other runs.
    let tables: Vec<_> = found.iter().flat_map(|f| &f.tables).filter(|table| wanted.contains(&table.object)).collect();
    let rows: u64 = tables.iter().map(|t| t.rows).sum();
    let calls = client.requests_made();
    if json {
        let tables: Vec<_> =
            tables.iter().map(|t| json!({ "object": t.object, "table": t.table, "rows": t.rows })).collect();
        print_json(&json!({
            "destination": url.to_string(),
            "interrupted": outcome == Outcome::Interrupted,
            "tables": tables,
            "rows": rows,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "api_calls": calls,
        }))?;
    }
    if outcome == Outcome::Interrupted {
        say("stopped; started again, it goes on from here");
        return Ok(if mode == Mode::Forever { ExitCode::SUCCESS } else { interrupted() });
    }
    say(format!("{} in {url}, after {seconds:.1} s and {}", counted(rows, "row"), counted(calls, "API call")));
    Ok(ExitCode::SUCCESS)
}
