//! `tidegate merge`: records into one, which only SOAP offers.

use std::process::ExitCode;

use tidegate_client::soap::{LOSERS_PER_MERGE, SoapRecord, SoapValue};

use super::confirm::confirm;
use super::print_json;
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{counted, say};

#[derive(Debug, clap::Args)]
pub(crate) struct MergeArgs {
    /// Account, Contact, Lead, or Case.
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// The record that stays.
    #[arg(value_name = "MASTER")]
    pub(crate) master: String,
    /// The records that go into it, and then to the recycle bin. Two at a time by the org, any number here.
    #[arg(value_name = "LOSER", required = true)]
    pub(crate) losers: Vec<String>,
    /// Give the master's field this value in the same step; nothing after = clears it.
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    pub(crate) fields: Vec<String>,
    #[command(flatten)]
    pub(crate) org: OrgArg,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Print the results as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) async fn run(config: &Config, args: MergeArgs) -> Result<ExitCode, Failure> {
    let mut master = SoapRecord::new(&args.object).id(&args.master);
    for field in &args.fields {
        let (name, value) = field
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{field}` sets no field")).hint("write it like --set Phone=123"))?;
        let value = if value.is_empty() { SoapValue::Null } else { SoapValue::text(value) };
        master = master.field(name, value);
    }
    let losers = counted(args.losers.len() as u64, "record");
    if !confirm(args.yes, &format!("merge {losers} of {} into {}?", args.object, args.master))? {
        return Ok(ExitCode::FAILURE);
    }
    let client = config.connect(args.org.org.as_deref()).await?;
    let mut results = Vec::new();
    for losers in args.losers.chunks(LOSERS_PER_MERGE) {
        match client.soap().merge(master.clone(), losers.to_vec()).await {
            Ok(result) => {
                for id in &result.merged {
                    say(format!("{id} is merged into {}", args.master));
                }
                say(format!("{} moved to it", counted(result.moved.len() as u64, "related record")));
                results.push(result);
            }
            Err(error) => {
                if args.json {
                    print_json(&results)?;
                }
                return Err(error.into());
            }
        }
    }
    if args.json {
        print_json(&results)?;
    }
    Ok(ExitCode::SUCCESS)
}
