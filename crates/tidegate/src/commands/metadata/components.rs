//! `metadata list`, `describe`, `read`, `upsert` and `delete`: components at once, without a package.

use std::io::Read;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_client::metadata::{ComponentResult, ComponentWrite, ListQuery, MetadataComponent};
use tidegate_client::soap::SoapHeaders;

use super::args::{DeleteArgs, DescribeArgs, ListArgs, ReadArgs, UpsertArgs};
use crate::commands::confirm::confirm;
use crate::commands::{print_json, writing};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, counted, say};

pub(super) async fn list(config: &Config, args: ListArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    let types = if args.types.is_empty() {
        let described = metadata.describe().await?;
        // Components in folders are listed folder by folder.
        let types: Vec<String> =
            described.metadata_objects.into_iter().filter(|o| !o.in_folder).map(|o| o.xml_name).collect();
        say(format!("{}, three a call", counted(types.len() as u64, "type")));
        types
    } else {
        args.types
    };
    let queries = types.iter().map(|kind| ListQuery { kind: kind.clone(), folder: args.folder.clone() });
    let mut components = match metadata.list(queries).await {
        Ok(components) => components,
        Err(error) => {
            let types: Vec<&str> = types.iter().map(String::as_str).collect();
            return Err(super::of_type(&metadata, &types, error).await);
        }
    };
    components.sort_by(|a, b| (&a.kind, &a.full_name).cmp(&(&b.kind, &b.full_name)));
    if args.json {
        print_json(&components)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["TYPE", "NAME", "CHANGED", "BY", "FILE"]);
    for component in &components {
        // Standard components carry the beginning of 1970.
        let changed = component.last_modified_date.filter(|date| date.as_second() > 0);
        table.add_row([
            component.kind.clone(),
            output::one_line(&component.full_name),
            changed.map(|date| date.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default(),
            if changed.is_some() { output::one_line(&component.last_modified_by_name) } else { String::new() },
            output::one_line(&component.file_name),
        ]);
    }
    if components.is_empty() {
        say("there are none");
    } else {
        output::print(output::table_text(&table)).map_err(writing)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn describe(config: &Config, args: DescribeArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    if let Some(kind) = &args.kind {
        let described = match metadata.describe_value_type(kind).await {
            Ok(described) => described,
            Err(error) => return Err(super::of_type(&metadata, &[kind.as_str()], error).await),
        };
        if args.json {
            print_json(&described.to_json())?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = output::table(["MEMBER", "TYPE", "REQUIRED", "VALUES"]);
        for field in described.all("valueTypeFields") {
            let values: Vec<String> =
                field.all("picklistValues").filter_map(|v| v.value("value")).map(str::to_owned).collect();
            table.add_row([
                field.value("name").unwrap_or_default(),
                field.value("soapType").unwrap_or_default(),
                if field.is("valueRequired") { "yes" } else { "" },
                &values.join(", "),
            ]);
        }
        output::print(output::table_text(&table)).map_err(writing)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut described = metadata.describe().await?;
    described.metadata_objects.sort_by(|a, b| a.xml_name.cmp(&b.xml_name));
    if args.json {
        print_json(&described)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["TYPE", "FOLDER", "SUFFIX", "PARTS"]);
    for kind in &described.metadata_objects {
        table.add_row([
            kind.xml_name.as_str(),
            kind.directory_name.as_str(),
            kind.suffix.as_deref().unwrap_or(""),
            &kind.child_xml_names.join(", "),
        ]);
    }
    output::print(output::table_text(&table)).map_err(writing)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn read(config: &Config, args: ReadArgs) -> Result<ExitCode, Failure> {
    if args.xml && args.names.len() > 1 {
        return Err(Failure::usage("--xml prints one component").hint("leave it out, or name one"));
    }
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    let components = match metadata.read(&args.kind, &args.names).await {
        Ok(components) => components,
        Err(error) => return Err(super::of_type(&metadata, &[args.kind.as_str()], error).await),
    };
    let missing: Vec<&str> =
        args.names.iter().zip(&components).filter(|(_, c)| c.is_none()).map(|(name, _)| name.as_str()).collect();
    let found: Vec<&MetadataComponent> = components.iter().flatten().collect();
    if args.xml {
        if let Some(component) = found.first() {
            output::print(component.to_xml()?.trim_end()).map_err(writing)?;
        }
    } else if !found.is_empty() || args.json {
        print_json(&found)?;
    }
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::failed(format!("the org has no {} {}", args.kind, missing.join(", ")))
        .hint(format!("`tidegate metadata list {}` lists them", args.kind)))
}

pub(super) async fn upsert(config: &Config, args: UpsertArgs) -> Result<ExitCode, Failure> {
    let components = components(&args.file)?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let mut headers = SoapHeaders::default();
    headers.all_or_none = args.all_or_none.then_some(true);
    let results = client.metadata().with_headers(headers).write(ComponentWrite::Upsert, &components).await?;
    report(&results, args.json, |result| match result.created {
        Some(true) => "created",
        _ => "changed",
    })
}

/// One component or an array of them, as `read` prints them.
fn components(path: &std::path::Path) -> Result<Vec<MetadataComponent>, Failure> {
    let shown = path.display();
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    read.map_err(|error| Failure::usage(format!("cannot read {shown}")).with_cause(&error))?;
    let wrong = |at: usize, why: &str| {
        Failure::usage(format!("{shown}: component {}: {why}", at + 1)).hint(
            r#"write {"type": "CustomField", "fullName": "Account.X__c", "body": {…}}, as `metadata read` prints it"#,
        )
    };
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{shown} is no JSON")).with_cause(&error))?;
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    if values.is_empty() {
        return Err(Failure::usage(format!("{shown} has no components")));
    }
    values
        .into_iter()
        .enumerate()
        .map(|(at, value)| {
            let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let kind = text("type").ok_or_else(|| wrong(at, "it has no type"))?;
            let name = text("fullName").ok_or_else(|| wrong(at, "it has no fullName"))?;
            let body = value.get("body").cloned().ok_or_else(|| wrong(at, "it has no body"))?;
            MetadataComponent::new(kind, name, body).map_err(|_| wrong(at, "its body is no object"))
        })
        .collect()
}

pub(super) async fn delete(config: &Config, args: DeleteArgs) -> Result<ExitCode, Failure> {
    let question = match args.names.as_slice() {
        [one] => format!("delete the {} {one}, with the data in it?", args.kind),
        many => {
            format!("delete {} of type {}, with the data in them?", counted(many.len() as u64, "component"), args.kind)
        }
    };
    if !confirm(args.yes, &question)? {
        return Ok(ExitCode::FAILURE);
    }
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    if args.deploy {
        return super::deploy::delete(&client, &args).await;
    }
    let results = match metadata.delete(&args.kind, &args.names).await {
        Ok(results) => results,
        Err(error) => return Err(super::of_type(&metadata, &[args.kind.as_str()], error).await),
    };
    report(&results, args.json, |_| "deleted")
}

/// A line for each component that failed; exit 1 where all did, 4 where some did.
fn report(
    results: &[ComponentResult],
    json: bool,
    verb: impl Fn(&ComponentResult) -> &'static str,
) -> Result<ExitCode, Failure> {
    if json {
        print_json(&json!(results))?;
    }
    for result in results {
        let name = output::one_line(&result.full_name);
        if result.success {
            say(format!("{name}: {}", verb(result)));
        }
        for error in &result.errors {
            say(format!("{name}: {}: {}", error.code, output::one_line(&error.message)));
        }
    }
    let failed = results.iter().filter(|result| !result.success).count();
    match failed {
        0 => Ok(ExitCode::SUCCESS),
        n if n == results.len() => Ok(ExitCode::FAILURE),
        _ => Ok(ExitCode::from(4)),
    }
}
