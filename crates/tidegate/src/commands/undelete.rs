//! `tidegate undelete`: records out of the recycle bin, which only SOAP offers.

use std::process::ExitCode;

use super::{print_json, writing};
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, counted, say};

#[derive(Debug, clap::Args)]
pub(crate) struct UndeleteArgs {
    /// Ids of records in the recycle bin, of any objects. What was deleted with them comes back with them.
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// Print the results as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) async fn run(config: &Config, args: UndeleteArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let results = client.soap().undelete(&args.ids).await?;
    if args.json {
        print_json(&results)?;
    }
    let mut failed = 0;
    for (id, result) in args.ids.iter().zip(&results) {
        if result.success {
            if !args.json {
                output::print(result.id.as_deref().unwrap_or(id)).map_err(writing)?;
            }
            continue;
        }
        failed += 1;
        for error in &result.errors {
            say(format!("{id}: {}: {}", error.code, output::one_line(&error.message)));
        }
    }
    say(format!("{} restored", counted((results.len() - failed) as u64, "record")));
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        n if n == results.len() => ExitCode::FAILURE,
        _ => ExitCode::from(4),
    })
}
