//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Moves Salesforce data: a copy of an org kept current and proved, and an org on your machine to try it with.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, disable_help_subcommand = true, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 environment (sign-in, network, \
    limits, disk), 4 done but some records were rejected, 130 interrupted.\n\nNew here? `tidegate demo` needs nothing but itself.")]
pub(crate) struct Args {
    /// Configuration file; without it ./tidegate.toml, then tidegate/config.toml in the user's configuration folder.
    #[arg(long, global = true, env = "TIDEGATE_CONFIG", value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// More words on stderr; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: an org on this machine, replicated, edited, followed and proved.
    Demo(DemoArgs),
    /// A Salesforce org on this machine, for development and tests.
    #[command(subcommand)]
    Emulator(EmulatorCommand),
    /// Copy objects into a database, once.
    Pull(PullArgs),
    /// Copy objects into a database and keep the copy current.
    Sync(SyncArgs),
    /// Prove that a copy equals the org, and repair what differs.
    Verify(VerifyArgs),
    /// Tell how far a copy is.
    Status(StatusArgs),
    /// Run a SOQL query.
    Query(QueryArgs),
    /// Show an object's fields, or list the objects.
    Describe(DescribeArgs),
    /// Show the org's limits and what is left of them.
    Limits(crate::commands::LimitsArgs),
    /// Tell what a job would cost, how long it takes, and by which API it is done best. Nothing is read or written but
    /// what the plan needs to know.
    #[command(subcommand)]
    Plan(crate::commands::PlanCommand),
    /// Check SOQL text without an org.
    Lint(LintArgs),
}

/// Which org.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OrgArg {
    /// Name of the org in the configuration; without it the file's default, or the TIDEGATE_… variables.
    #[arg(short = 'o', long, env = "TIDEGATE_ORG", value_name = "NAME")]
    pub(crate) org: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Keep everything here: keys, the org, the replica. Started again in the same place, the demo goes on.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// End after the proof instead of waiting; exit code 0 only when the proof holds.
    #[arg(long)]
    pub(crate) once: bool,
    /// Contacts in the org; the other objects are in proportion.
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) rows: u64,
    /// The org is made from this number.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
}

pub(crate) use crate::commands::emulator_args::EmulatorCommand;

/// What to replicate, and where to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Replica {
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// Objects, by API name; without any, those that the configuration names.
    #[arg(value_name = "OBJECT")]
    pub(crate) objects: Vec<String>,
    /// The destination: sqlite:FILE or postgres://USER@HOST/DATABASE (with ?schema=NAME).
    #[arg(long, value_name = "URL", env = "TIDEGATE_TO", hide_env_values = true)]
    pub(crate) to: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) replica: Replica,
    /// Print what was done as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) replica: Replica,
    /// End once the copy is current, instead of following for ever.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print what was done as JSON on stdout when it ends.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) replica: Replica,
    /// Compare every field of every row: the proof. Without it, counts and newest change times of id ranges, which
    /// costs a few calls and can miss a row
    #[arg(long)]
    pub(crate) fields: bool,
    /// Read differing rows again and put them right.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print the report as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The destination.
    #[arg(long, value_name = "URL", env = "TIDEGATE_TO", hide_env_values = true)]
    pub(crate) to: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns, for reading.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QueryArgs {
    /// The query; `-` reads it from standard input.
    #[arg(value_name = "SOQL")]
    pub(crate) soql: String,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// A value for `:name` in the query. Quoted and typed for you: numbers, true/false, null, dates and datetimes as
    /// such, everything else as text ('42' is text, too). The same name again makes a list, for IN.
    #[arg(short = 'b', long = "bind", value_name = "NAME=VALUE")]
    pub(crate) binds: Vec<String>,
    /// By a Bulk query job instead of REST pages: for many rows. Writes CSV.
    #[arg(long)]
    pub(crate) bulk: bool,
    /// Also records in the recycle bin, and archived activities.
    #[arg(long)]
    pub(crate) all: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Write to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// The object; without it every object is listed.
    #[arg(value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// The query; `-` reads it from standard input.
    #[arg(value_name = "SOQL", required_unless_present = "file")]
    pub(crate) soql: Option<String>,
    /// A file with one query.
    #[arg(long, value_name = "FILE", conflicts_with = "soql")]
    pub(crate) file: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
