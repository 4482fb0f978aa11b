//! `tidegate get`: one record, by id or by a key.

use std::process::ExitCode;

use serde_json::Value;
use tidegate_client::rest::GetBy;
use tidegate_client::{Get, Record};

use super::super::{print_json, writing};
use super::{Named, explained};
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, one_line};

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// The object, by API name.
    #[arg(value_name = "OBJECT")]
    object: String,
    /// The record's id, or a key field and its value, such as ErpKey__c=A1.
    #[arg(value_name = "ID|FIELD=VALUE")]
    record: String,
    #[command(flatten)]
    org: OrgArg,
    /// Only these fields, with commas between them.
    #[arg(short, long, value_name = "FIELD,…", value_delimiter = ',')]
    fields: Vec<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(config: &Config, args: GetArgs) -> Result<ExitCode, Failure> {
    let named = Named::parse(&args.record)?;
    let fields: Vec<String> =
        args.fields.iter().map(|field| field.trim().to_owned()).filter(|field| !field.is_empty()).collect();
    let client = config.connect(args.org.org.as_deref()).await?;
    let object = args.object.as_str();
    let outcome = match &named {
        Named::Id(id) => client.send(&Get::new(object, id).fields(fields.clone())).await,
        Named::By { field, value } => client.send(&GetBy::new(object, field, value).fields(fields.clone())).await,
    };
    let record = match outcome {
        Ok(record) => record,
        Err(error) => return Err(explained(&client, object, Some(&named), &fields, error).await),
    };
    if args.json {
        let mut record = record;
        record.shift_remove("attributes");
        print_json(&record)?;
    } else {
        print_record(&record, &fields)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Field and value, a line each; without fields named, empty ones are left out.
fn print_record(record: &Record, wanted: &[String]) -> Result<(), Failure> {
    let mut table = output::table(["FIELD", "VALUE"]);
    let mut empty = 0;
    for (name, value) in record {
        let asked = wanted.is_empty() || wanted.iter().any(|field| field.eq_ignore_ascii_case(name));
        let text = match value {
            _ if name == "attributes" || !asked => continue,
            Value::Null if wanted.is_empty() => {
                empty += 1;
                continue;
            }
            Value::Null => String::new(),
            Value::String(text) => one_line(text),
            other => other.to_string(),
        };
        table.add_row([name.as_str(), &text]);
    }
    output::print(output::table_text(&table)).map_err(writing)?;
    if empty > 0 && output::is_watched() {
        output::say(format!("{} more, without a value", output::counted(empty, "field")));
    }
    Ok(())
}
