//! The words of `tidegate metadata`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use tidegate_client::metadata::TestLevel;

use crate::args::OrgArg;

#[derive(Debug, Subcommand)]
pub(crate) enum MetadataCommand {
    /// Deploy a package in metadata format: a folder or a zip file with a package.xml.
    Deploy(DeployArgs),
    /// Fetch components as a package and unpack it.
    Retrieve(RetrieveArgs),
    /// List the components of a type.
    List(ListArgs),
    /// List the org's types of metadata, or the members of one type.
    Describe(DescribeArgs),
    /// Show components, as JSON or as the file of a package.
    Read(ReadArgs),
    /// Create or change components from JSON, in the form that `read` prints.
    Upsert(UpsertArgs),
    /// Delete components.
    Delete(DeleteArgs),
    /// Show how far a deployment or retrieval is, or wait for it; without an id, the latest deployments.
    Status(StatusArgs),
    /// Cancel a deployment.
    Cancel(CancelArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tests {
    /// No tests.
    None,
    /// Those that --tests names.
    Specified,
    /// All but those of installed packages.
    Local,
    /// All.
    All,
    /// Those that the deployed components concern (beta, API 66.0).
    Relevant,
}

impl Tests {
    pub(super) fn level(self) -> TestLevel {
        match self {
            Self::None => TestLevel::NoTestRun,
            Self::Specified => TestLevel::RunSpecifiedTests,
            Self::Local => TestLevel::RunLocalTests,
            Self::All => TestLevel::RunAllTestsInOrg,
            Self::Relevant => TestLevel::RunRelevantTests,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    /// The package.
    #[arg(value_name = "DIR|ZIP", required_unless_present = "quick", conflicts_with = "quick")]
    pub(crate) package: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// Validate only: nothing is changed.
    #[arg(long, visible_alias = "dry-run")]
    pub(crate) check_only: bool,
    /// Which Apex tests run; without it the org decides.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) test_level: Option<Tests>,
    /// Test classes to run.
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',')]
    pub(crate) tests: Vec<String>,
    /// Warnings do not fail the deployment.
    #[arg(long)]
    pub(crate) ignore_warnings: bool,
    /// Whether any failure undoes everything. Production takes nothing else.
    #[arg(long, value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) rollback_on_error: bool,
    /// Deleted components skip the recycle bin (not in production).
    #[arg(long)]
    pub(crate) purge_on_delete: bool,
    /// Deploy what this validation (an id, 0Af…) has found good, without running its tests again.
    #[arg(long, value_name = "ID", conflicts_with_all = ["check_only", "test_level", "tests", "ignore_warnings", "purge_on_delete", "soap"])]
    pub(crate) quick: Option<String>,
    /// Send the package by SOAP instead of REST.
    #[arg(long)]
    pub(crate) soap: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    /// Print the deployment's result as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WaitArgs {
    /// How long to wait for the end, such as 90s, 30m or 2h. It goes on in the org afterwards.
    #[arg(long, value_name = "TIME", default_value = "60m", value_parser = time)]
    pub(crate) wait: Duration,
    /// Print the id, and do not wait.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) no_wait: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetrieveArgs {
    /// Components, as TYPE:NAME (CustomField:Account.Legacy_Id__c), or all of a TYPE.
    #[arg(value_name = "TYPE[:NAME]", required_unless_present = "manifest")]
    pub(crate) components: Vec<String>,
    /// A package.xml that lists the components.
    #[arg(short = 'x', long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Unpack into this folder. Files that are there already are overwritten.
    #[arg(long, value_name = "DIR", required_unless_present = "zip")]
    pub(crate) to: Option<PathBuf>,
    /// Write the package to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) zip: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// How long to wait, such as 90s, 30m or 2h.
    #[arg(long, value_name = "TIME", default_value = "60m", value_parser = time)]
    pub(crate) wait: Duration,
    /// Print what was fetched as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Types, such as CustomObject or Flow; without any, every type of the org, three a call.
    #[arg(value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// The folder, for reports, dashboards, documents and mail templates.
    #[arg(long, value_name = "NAME", requires = "types")]
    pub(crate) folder: Option<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// A type, such as CustomField; without it the types are listed.
    #[arg(value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReadArgs {
    /// The type.
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// The components.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// One component as the file of a package.
    #[arg(long)]
    pub(crate) xml: bool,
    /// As JSON, which it is anyway; other commands have it, too.
    #[arg(long, conflicts_with = "xml")]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpsertArgs {
    /// A JSON file with one component or an array of them; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// One failure undoes the whole call (of up to ten components).
    #[arg(long)]
    pub(crate) all_or_none: bool,
    /// Print the results as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The type.
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// The components.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// Delete by a deployment, all or nothing: for types that cannot be deleted at once, such as
    /// PlatformEventChannelMember.
    #[arg(long)]
    pub(crate) deploy: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Print the results as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The id of a deployment (0Af…) or retrieval (09S…); without it the latest deployments are listed.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// Wait for a deployment's end this long, such as 90s, 30m or 2h.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "id")]
    pub(crate) wait: Option<Duration>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CancelArgs {
    /// The deployment's id, 0Af….
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// How long to wait until it has ended, such as 90s.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub(crate) wait: Duration,
    /// Print the deployment's result as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `90s`, `30m`, `2h`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write it like 90s, 30m or 2h");
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u32 = text[..at].parse().map_err(|_| wrong())?;
    let seconds = match &text[at..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(time("90s").map(|t| t.as_secs()), Ok(90));
        assert_eq!(time("2h").map(|t| t.as_secs()), Ok(7200));
        for bad in ["", "5", "m", "-1s", "5 m", "99999999999h", "ä"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
