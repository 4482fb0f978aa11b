//! `tidegate describe`: the fields of an object, or the list of objects.

use std::process::ExitCode;

use tidegate_client::{Client, Describe, DescribeField};

use super::{print_json, writing};
use crate::args::DescribeArgs;
use crate::config::{Config, closest};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(config: &Config, args: DescribeArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    match args.object {
        Some(name) => {
            let describe = describe(&client, &name).await?;
            if args.json {
                print_json(&describe)?;
            } else {
                print_fields(&describe)?;
            }
        }
        None => {
            let global = client.describe_global().await?;
            if args.json {
                print_json(&global.sobjects)?;
            } else {
                let mut table = output::table(["OBJECT", "LABEL", "PREFIX", "QUERY", "CREATE", "UPDATE", "DELETE"]);
                let yes = |flag: bool| if flag { "yes" } else { "" };
                for object in &global.sobjects {
                    table.add_row([
                        object.name.as_str(),
                        object.label.as_str(),
                        object.key_prefix.as_deref().unwrap_or(""),
                        yes(object.queryable),
                        yes(object.createable),
                        yes(object.updateable),
                        yes(object.deletable),
                    ]);
                }
                output::print(output::table_text(&table)).map_err(writing)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Describes an object; an unknown one is refused with the name that was probably meant.
pub(crate) async fn describe(client: &Client, name: &str) -> Result<Describe, Failure> {
    match client.describe(name).await {
        Err(error) if error.status() == Some(404) => {
            let failure = Failure::failed(format!("the org has no object `{name}` (or this user may not see it)"));
            let Ok(global) = client.describe_global().await else { return Err(failure) };
            let known: Vec<&str> = global.sobjects.iter().map(|o| o.name.as_str()).collect();
            Err(match closest(name, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`tidegate describe` lists the objects; custom ones end in __c"),
            })
        }
        other => Ok(other?),
    }
}

fn print_fields(describe: &Describe) -> Result<(), Failure> {
    let mut table = output::table(["FIELD", "TYPE", "REQUIRED", "WRITABLE", "KEY", "LABEL"]);
    for field in &describe.fields {
        let writable = match (field.createable, field.updateable) {
            (true, true) => "yes",
            (true, false) => "create only",
            (false, true) => "update only",
            (false, false) => "",
        };
        let key = match (field.external_id, field.id_lookup, field.unique) {
            (true, _, true) => "external id, unique",
            (true, _, false) => "external id",
            (false, true, _) => "lookup",
            (false, false, true) => "unique",
            _ => "",
        };
        table.add_row([
            field.name.as_str(),
            &type_of(field),
            if field.is_required() { "yes" } else { "" },
            writable,
            key,
            field.label.as_str(),
        ]);
    }
    output::print(output::table_text(&table)).map_err(writing)
}

fn type_of(field: &DescribeField) -> String {
    match field.kind.as_str() {
        "double" | "currency" | "percent" => format!("{}({},{})", field.kind, field.precision, field.scale),
        "reference" => {
            let targets = match field.reference_to.as_slice() {
                few if few.len() <= 3 => few.join(", "),
                many => format!("{}, … {} in all", many[..2].join(", "), many.len()),
            };
            format!("reference → {targets}")
        }
        "string" | "textarea" | "email" | "phone" | "url" | "encryptedstring" if field.length > 0 => {
            format!("{}({})", field.kind, field.length)
        }
        kind => kind.to_owned(),
    }
}
