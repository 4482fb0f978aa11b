//! What can be typed behind `tidegate load`.

use std::path::PathBuf;

use clap::{ArgGroup, ValueEnum};

use crate::args::OrgArg;

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("operation").required(true))]
#[command(group = ArgGroup::new("transport"))]
#[command(
    after_help = "The header names fields by their API names; parents by a key of theirs, as Account.Key__c, or \
    User:Owner.Username where a field takes several objects. An empty cell leaves its field alone, #N/A clears it. All of \
    the file is checked before anything is written. Beside the results stands a ledger (NAME.load.jsonl), which says \
    after a crash what was done."
)]
pub(crate) struct LoadArgs {
    /// The CSV file; `-` is standard input. Delimiter, line ends and byte order mark are found out.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The object, by API name.
    #[arg(long, value_name = "OBJECT")]
    pub(super) object: String,
    #[command(flatten)]
    pub(super) org: OrgArg,
    /// Make records.
    #[arg(long, group = "operation", help_heading = "What to do")]
    pub(super) insert: bool,
    /// Change records, found by their Id.
    #[arg(long, group = "operation", help_heading = "What to do")]
    pub(super) update: bool,
    /// Change records found by this external id field, and make those that are not there.
    #[arg(long, group = "operation", value_name = "EXTERNAL_ID", help_heading = "What to do")]
    pub(super) upsert: Option<String>,
    /// Delete records, found by their Id.
    #[arg(long, group = "operation", help_heading = "What to do")]
    pub(super) delete: bool,
    /// Delete them for good, not into the recycle bin. Needs the permission "Bulk API Hard Delete".
    #[arg(long, requires = "delete", conflicts_with = "collections", help_heading = "What to do")]
    pub(super) hard: bool,
    /// Check everything and print the plan; write nothing.
    #[arg(long, help_heading = "What to do")]
    pub(super) dry_run: bool,
    /// Do not ask before deleting.
    #[arg(short, long, help_heading = "What to do")]
    pub(super) yes: bool,
    /// A column under another name: COLUMN=FIELD, `#3=FIELD` for the third, or a file with one such line each.
    #[arg(long, value_name = "COLUMN=FIELD|FILE", help_heading = "The file")]
    pub(super) map: Vec<String>,
    /// Leave this column out: by name, or `#3`. Those that begin with sf__ always are.
    #[arg(long = "ignore-column", value_name = "COLUMN", help_heading = "The file")]
    pub(super) ignore_column: Vec<String>,
    /// An empty cell clears its field, as #N/A does, instead of leaving it alone.
    #[arg(long, help_heading = "The file")]
    pub(super) empty_as_null: bool,
    /// What stands between columns, where the header does not tell.
    #[arg(long, value_enum, value_name = "DELIMITER", help_heading = "The file")]
    pub(super) delimiter: Option<Delimiter>,
    /// Encoding of the file where it is not UTF-8, such as windows-1252, latin1 or utf-16le.
    #[arg(long, value_name = "NAME", help_heading = "The file")]
    pub(super) encoding: Option<String>,
    /// By Bulk API 2.0, whatever the size: a job for each part.
    #[arg(long, group = "transport", help_heading = "How")]
    pub(super) bulk: bool,
    /// By collections calls of 200 records, whatever the size.
    #[arg(long, group = "transport", help_heading = "How")]
    pub(super) collections: bool,
    /// Megabytes of one upload at most, by Bulk.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=112), default_value_t = 100, help_heading = "How")]
    pub(super) part_mb: u64,
    /// Rows of one upload at most, by Bulk.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=5_000_000), default_value_t = tidegate_sync::load::limits::PART_ROWS, help_heading = "How")]
    pub(super) part_rows: u64,
    /// Jobs at the same time, by Bulk. Fewer fight less for locks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=25), default_value_t = 4, help_heading = "How")]
    pub(super) jobs: u8,
    /// Where the results go: NAME.success.csv, NAME.failed.csv and so on. Without it, here.
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true, help_heading = "Results")]
    pub(super) results: PathBuf,
    /// Load although results of an earlier load are here; they are moved aside, not written over.
    #[arg(long, help_heading = "Results")]
    pub(super) again: bool,
    /// What was done as JSON on stdout; with --dry-run the plan.
    #[arg(long, help_heading = "Results")]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Delimiter {
    Comma,
    Semicolon,
    Tab,
    Pipe,
    Caret,
    Backquote,
}
