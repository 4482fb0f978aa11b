//! `tidegate delete`: one record, after a yes.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use serde_json::json;
use tidegate_client::Delete;
use tidegate_client::rest::DeleteBy;

use super::super::{print_json, writing};
use super::{Named, explained};
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, say};

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The object, by API name.
    #[arg(value_name = "OBJECT")]
    object: String,
    /// The record's id, or a key field and its value, such as ErpKey__c=A1.
    #[arg(value_name = "ID|FIELD=VALUE")]
    record: String,
    #[command(flatten)]
    org: OrgArg,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(config: &Config, args: DeleteArgs) -> Result<ExitCode, Failure> {
    let named = Named::parse(&args.record)?;
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !args.yes && !asks {
        return Err(Failure::usage("nothing is deleted without a yes").hint("add --yes"));
    }
    let client = config.connect(args.org.org.as_deref()).await?;
    let object = args.object.as_str();
    if !args.yes {
        let org = client.instance_url().await?;
        let _ = write!(std::io::stderr(), "delete {object} {} in {org}? [y/N] ", args.record);
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_err() || !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            say("not deleted");
            return Ok(ExitCode::FAILURE);
        }
    }
    let outcome = match &named {
        Named::Id(id) => client.send(&Delete::new(object, id)).await,
        Named::By { field, value } => client.send(&DeleteBy::new(object, field, value)).await,
    };
    if let Err(error) = outcome {
        return Err(explained(&client, object, Some(&named), &[], error).await);
    }
    if args.json {
        print_json(&json!({ "record": args.record, "result": "deleted" }))?;
    } else {
        output::print(&args.record).map_err(writing)?;
        say("deleted");
    }
    Ok(ExitCode::SUCCESS)
}
