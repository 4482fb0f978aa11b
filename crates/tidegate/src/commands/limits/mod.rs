//! `tidegate limits`: what the org allows, what is used, and where that is going.

mod table;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_client::budget::{BudgetReport, Kind};
use tidegate_client::{Client, Limit, LimitGroup, about_limit};

use super::{interrupted, interruption, print_json, writing};
use crate::args::OrgArg;
use crate::config::{Config, closest};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct LimitsArgs {
    /// Only limits with this in their name; without any, those that an integration meets.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    org: OrgArg,
    /// Every limit that the org tells.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Show it again every so many seconds, until Ctrl-C. Each time costs one request.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30",
        value_parser = clap::value_parser!(u64).range(2..))]
    watch: Option<u64>,
    /// As JSON; with --watch one line each time.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, args: LimitsArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let Some(seconds) = args.watch else {
        show(&client, &args).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let stop = interruption();
    loop {
        if !args.json && std::io::stdout().is_terminal() {
            // Over what was there before.
            output::print("\x1b[2J\x1b[H".trim_end()).map_err(writing)?;
        }
        show(&client, &args).await?;
        tokio::select! {
            () = stop.cancelled() => return Ok(interrupted()),
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        }
    }
}

async fn show(client: &Client, args: &LimitsArgs) -> Result<(), Failure> {
    let limits = client.refresh_budget().await?;
    let budget = client.budget().report().await?;
    let shown = chosen(&limits, args)?;
    if args.json {
        let value = as_json(&shown, &budget);
        return if args.watch.is_some() {
            output::print(value.to_string()).map_err(writing)
        } else {
            print_json(&value)
        };
    }
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = table::text(&shown, &budget, client.budget().settings(), coloured);
    if args.names.is_empty() && !args.all {
        let others = limits.len() - shown.len();
        if others > 0 {
            text.push_str(&format!("\n{others} more with --all"));
        }
    }
    output::print(text).map_err(writing)
}

/// The limits asked for, in the order in which they are shown.
fn chosen<'a>(limits: &'a BTreeMap<String, Limit>, args: &LimitsArgs) -> Result<Vec<(&'a str, &'a Limit)>, Failure> {
    let mut shown: Vec<(&str, &Limit)> = limits.iter().map(|(name, limit)| (name.as_str(), limit)).collect();
    if !args.names.is_empty() {
        let fits = |name: &str, part: &String| name.to_lowercase().contains(&part.to_lowercase());
        for part in &args.names {
            if !limits.keys().any(|name| fits(name, part)) {
                let known: Vec<&str> = limits.keys().map(String::as_str).collect();
                let failure = Failure::usage(format!("the org has no limit called `{part}`"));
                return Err(match closest(part, &known) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("`tidegate limits --all` shows their names; a part of a name is enough"),
                });
            }
        }
        shown.retain(|(name, _)| args.names.iter().any(|part| fits(name, part)));
    } else if !args.all {
        shown.retain(|(name, _)| about_limit(name).0 != LimitGroup::Other);
    }
    shown.sort_by_key(|(name, _)| (about_limit(name).0, *name));
    Ok(shown)
}

fn as_json(shown: &[(&str, &Limit)], budget: &BudgetReport) -> Value {
    let limits: serde_json::Map<String, Value> =
        shown.iter().map(|(name, limit)| ((*name).to_owned(), limit_json(limit))).collect();
    json!({ "limits": limits, "budget": budget })
}

fn limit_json(limit: &Limit) -> Value {
    let mut value = json!({ "max": limit.max, "remaining": limit.remaining, "used": limit.used() });
    if !limit.parts.is_empty() {
        let parts: serde_json::Map<String, Value> =
            limit.parts.iter().map(|(name, part)| (name.clone(), limit_json(part))).collect();
        value["parts"] = Value::Object(parts);
    }
    value
}

/// The allowance of the budget that a limit is.
fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.limit_name() == Some(name))
}
