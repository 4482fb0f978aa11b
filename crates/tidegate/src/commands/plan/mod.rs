//! `tidegate plan`: what a job would cost, how long it would take, and by which API it is done best.

mod file;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_client::plan::{Api, Assumptions, Facts, Plan, Task, Urgency, WriteOperation};
use tidegate_client::{Client, Error};

use super::describe::describe;
use super::lint::syntax;
use super::query::read_text;
use super::{print_json, writing};
use crate::args::OrgArg;
use crate::config::{Config, closest};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum PlanCommand {
    /// Read objects whole.
    Pull(PullPlan),
    /// Read the result of a query.
    Query(QueryPlan),
    /// Write the rows of a CSV file.
    Load(LoadPlan),
    /// Know of every change; figures are for 24 hours.
    Follow(FollowPlan),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PullPlan {
    /// Objects, by API name.
    #[arg(value_name = "OBJECT", required = true)]
    objects: Vec<String>,
    /// Only these fields, separated by commas; without it every field.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    fields: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QueryPlan {
    /// The query; `-` reads it from standard input.
    #[arg(value_name = "SOQL")]
    soql: String,
    /// Count the rows instead of taking the optimiser's estimate. On large objects that may take a while.
    #[arg(long)]
    count: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("operation").required(true))]
pub(crate) struct LoadPlan {
    /// A CSV file with a header.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The object that its rows are for.
    #[arg(long, value_name = "OBJECT")]
    object: String,
    /// Make records.
    #[arg(long, group = "operation")]
    insert: bool,
    /// Change records by Id.
    #[arg(long, group = "operation")]
    update: bool,
    /// Change or make records by this external id field.
    #[arg(long, group = "operation", value_name = "FIELD")]
    upsert: Option<String>,
    /// Delete records by Id.
    #[arg(long, group = "operation")]
    delete: bool,
    /// All rows or none.
    #[arg(long)]
    all_or_none: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FollowPlan {
    /// Objects, by API name.
    #[arg(value_name = "OBJECT", required = true)]
    objects: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    org: OrgArg,
    /// How soon: now, minutes or overnight. The sooner, the more calls it may cost.
    #[arg(long, value_name = "WHEN", default_value = "minutes")]
    urgency: String,
    /// Insist on a way: rest, retrieve, bulk, bulk1, single, collections, graph, ingest, pubsub, cometd or polling.
    #[arg(long, value_name = "API")]
    api: Option<String>,
    /// Another figure for something taken for granted, such as bulk_queue_seconds=1..5; --json shows the names.
    #[arg(long, value_name = "NAME=VALUE")]
    assume: Vec<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// It does not fit into what is left of the org's limits.
const DOES_NOT_FIT: u8 = 3;

pub(super) async fn run(config: &Config, command: PlanCommand) -> Result<ExitCode, Failure> {
    let common = match &command {
        PlanCommand::Pull(args) => &args.common,
        PlanCommand::Query(args) => &args.common,
        PlanCommand::Load(args) => &args.common,
        PlanCommand::Follow(args) => &args.common,
    };
    // What was typed wrong is told before anything is asked of the org.
    let urgency: Urgency = common.urgency.parse()?;
    let overrule: Option<Api> = common.api.as_deref().map(str::parse).transpose()?;
    let assumptions = assumptions(&common.assume)?;
    let contents = match &command {
        PlanCommand::Load(args) => Some(file::measure(&args.file)?),
        _ => None,
    };
    let client = config.connect(common.org.org.as_deref()).await?;
    let facts = match &command {
        PlanCommand::Pull(args) => {
            let (objects, fields) = (distinct(&args.objects), distinct(&args.fields));
            explained(&client, Facts::of_objects(&client, Task::Read, &objects, &fields).await, &objects, &fields)
                .await?
        }
        PlanCommand::Follow(args) => {
            let objects = distinct(&args.objects);
            explained(&client, Facts::of_objects(&client, Task::Follow, &objects, &[]).await, &objects, &[]).await?
        }
        PlanCommand::Query(args) => {
            let soql = read_text(&args.soql)?;
            let query = tidegate_soql::parse(&soql).map_err(|error| syntax(&soql, &error))?;
            let object = query.from.object.dotted();
            let fields: Vec<String> = query
                .select
                .iter()
                .filter_map(|item| match item {
                    tidegate_soql::ast::SelectItem::Field(path, _) if path.segments.len() == 1 => Some(path.dotted()),
                    _ => None,
                })
                .collect();
            explained(&client, Facts::of_query(&client, &soql, args.count).await, &[object], &fields).await?
        }
        PlanCommand::Load(args) => {
            let operation = match args {
                LoadPlan { insert: true, .. } => WriteOperation::Insert,
                LoadPlan { update: true, .. } => WriteOperation::Update,
                LoadPlan { delete: true, .. } => WriteOperation::Delete,
                _ => WriteOperation::Upsert,
            };
            let described = describe(&client, &args.object).await?;
            if let Some(key) = &args.upsert {
                check_key(&described, key)?;
            }
            let file = contents.unwrap_or_default();
            let mut facts =
                Facts::of_rows(&client, &described.name, operation, &file.columns, file.rows, file.bytes).await?;
            facts.task = Task::Write { operation, all_or_none: args.all_or_none, related: false };
            facts
        }
    };
    let plan = Plan::of(&Facts { urgency, overrule, assumptions, ..facts });
    if common.json {
        print_json(&plan)?;
    } else {
        output::print(words::text(&plan)).map_err(writing)?;
    }
    Ok(if plan.fits { ExitCode::SUCCESS } else { ExitCode::from(DOES_NOT_FIT) })
}

/// Names without those that are there twice.
fn distinct(names: &[String]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    names.iter().filter(|name| seen.insert(name.to_lowercase())).cloned().collect()
}

/// An object or field that the org has not is told with the name that was probably meant.
async fn explained(
    client: &Client,
    facts: Result<Facts, Error>,
    objects: &[String],
    fields: &[String],
) -> Result<Facts, Failure> {
    let error = match facts {
        Ok(facts) => return Ok(facts),
        Err(error) => error,
    };
    if error.status() != Some(404) && !matches!(error, Error::Config { .. }) {
        return Err(error.into());
    }
    for object in objects {
        let described = describe(client, object).await?;
        if let Some(unknown) = fields.iter().find(|name| described.field(name).is_none()) {
            let names: Vec<&str> = described.fields.iter().map(|field| field.name.as_str()).collect();
            if let Some(near) = closest(unknown, &names) {
                return Err(Failure::from(error).hint(format!("did you mean `{near}`?")));
            }
        }
    }
    Err(error.into())
}

fn check_key(described: &tidegate_client::Describe, key: &str) -> Result<(), Failure> {
    let keys: Vec<&str> = described
        .fields
        .iter()
        .filter(|field| field.external_id || field.id_lookup)
        .map(|field| field.name.as_str())
        .collect();
    if keys.iter().any(|name| name.eq_ignore_ascii_case(key)) {
        return Ok(());
    }
    let failure = Failure::usage(format!("`{key}` is no key of {}", described.name));
    Err(match closest(key, &keys) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint(format!("there are {}", keys.join(", "))),
    })
}

/// The defaults with figures replaced by name.
fn assumptions(given: &[String]) -> Result<Assumptions, Failure> {
    let unreadable = |error| Failure::failed("the assumptions cannot be read").with_cause(&error);
    let mut figures = serde_json::to_value(Assumptions::default()).map_err(unreadable)?;
    for text in given {
        let bad = || {
            Failure::usage(format!("`{text}` is no assumption"))
                .hint("write it like bulk_queue_seconds=1..5 or poll_seconds=60")
        };
        let (name, value) = text.split_once('=').ok_or_else(bad)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0).ok_or_else(bad);
        let known: Vec<String> = figures.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
        let Some(figure) = figures.get_mut(name) else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let failure = Failure::usage(format!("nothing called `{name}` is assumed"));
            return Err(match closest(name, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("there are {}", known.join(", "))),
            });
        };
        let (low, high) = match value.split_once("..") {
            Some((low, high)) => (number(low)?, number(high)?),
            None => (number(value)?, number(value)?),
        };
        if figure.is_object() {
            *figure = serde_json::json!({ "low": low.min(high), "high": high.max(low) });
        } else if low == high {
            *figure = serde_json::json!(low);
        } else {
            return Err(bad());
        }
    }
    serde_json::from_value(figures).map_err(unreadable)
}
