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
    /// Set up an org: how to sign in, tried and written down.
    Login(Box<crate::commands::login::LoginArgs>),
    /// The orgs that are set up: list, show, forget, default.
    Orgs(crate::commands::orgs::OrgsArgs),
    /// Find out what would keep work with an org from succeeding.
    Check(crate::commands::check::CheckArgs),
    /// Run a SOQL query.
    Query(QueryArgs),
    /// Check SOQL: syntax, an API's rules, and with an org its fields and indexes.
    Lint(LintArgs),
    /// Show an object's fields, or list the objects.
    Describe(DescribeArgs),
    /// Read one record, by its id or a key.
    Get(GetArgs),
    /// Make one record.
    Create(CreateArgs),
    /// Change one record.
    Update(UpdateArgs),
    /// Change the record that has a key, or make it.
    Upsert(UpsertArgs),
    /// Delete one record.
    Delete(DeleteArgs),
    /// Restore records from the recycle bin.
    Undelete(UndeleteArgs),
    /// Merge records into one.
    Merge(MergeArgs),
    /// Load a CSV file into an object: insert, update, upsert or delete.
    Load(Box<crate::commands::LoadArgs>),
    /// Show events as they come: changes of records, platform events, PushTopics.
    Watch(Box<crate::commands::WatchArgs>),
    /// Publish platform events.
    Publish(crate::commands::PublishArgs),
    /// Deploy, retrieve, list and change what the org is made of.
    #[command(subcommand)]
    Metadata(MetadataCommand),
    /// Send any request to the org.
    Api(ApiArgs),
    /// Show the org's limits and what is left of them.
    Limits(crate::commands::LimitsArgs),
    /// Tell what a job would cost, how long it takes, and by which API it is done best.
    ///
    /// Nothing is read or written but what the plan needs to know.
    #[command(subcommand)]
    Plan(crate::commands::PlanCommand),
    /// Copy objects into a database, once.
    Pull(PullArgs),
    /// Copy objects into a database and keep the copy current.
    Sync(SyncArgs),
    /// Prove that a copy equals the org, and repair what differs.
    Verify(VerifyArgs),
    /// Tell how far a copy is.
    Status(StatusArgs),
    /// Print a completion script for a shell.
    Completions(crate::commands::completions::CompletionsArgs),
    /// Write the manual pages.
    Man(crate::commands::man::ManArgs),
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

pub(crate) use crate::commands::LintArgs;
pub(crate) use crate::commands::emulator_args::EmulatorCommand;
pub(crate) use crate::commands::merge::MergeArgs;
pub(crate) use crate::commands::metadata_args::MetadataCommand;
pub(crate) use crate::commands::undelete::UndeleteArgs;
pub(crate) use crate::commands::{ApiArgs, CreateArgs, DeleteArgs, DescribeArgs, GetArgs, UpdateArgs, UpsertArgs};

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
    /// A Parquet file, with the types of the fields.
    Parquet,
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
    /// By a Bulk query job instead of REST pages: for many rows. Writes CSV unless a format is given.
    #[arg(long, conflicts_with = "rest")]
    pub(crate) bulk: bool,
    /// By REST pages, which is how it is done without --bulk, and without advice to do otherwise.
    #[arg(long)]
    pub(crate) rest: bool,
    /// Also records in the recycle bin, and archived activities.
    #[arg(long)]
    pub(crate) all: bool,
    /// Of the Tooling API's objects.
    #[arg(long, conflicts_with_all = ["bulk", "all"])]
    pub(crate) tooling: bool,
    /// How to print; without it by the ending of --out, otherwise a table.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Write to this file instead of stdout. It gets its name when it is whole; .csv, .json, .jsonl and .parquet say
    /// its format.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// One row for each child of a subquery, with the parent's columns repeated, and dotted columns in JSON too.
    /// Without it children are one cell of JSON.
    #[arg(long, conflicts_with = "bulk")]
    pub(crate) flatten: bool,
    /// Write FIELDS(ALL), FIELDS(CUSTOM) and FIELDS(STANDARD) out as the object's fields, so that more than 200 rows
    /// can be read.
    #[arg(long)]
    pub(crate) expand_fields: bool,
    /// Read by id, each page with a query of its own, instead of by the org's cursor.
    #[arg(long, conflicts_with = "bulk")]
    pub(crate) by_id: bool,
    /// Show how the org would run the query instead of running it.
    #[arg(long, conflicts_with_all = ["bulk", "out", "flatten", "all", "by_id", "tooling"])]
    pub(crate) explain: bool,
}
