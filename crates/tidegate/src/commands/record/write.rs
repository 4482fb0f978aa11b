//! `tidegate create`, `update` and `upsert`: one record from `FIELD=VALUE` words or a JSON object.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use tidegate_client::rest::Upload;
use tidegate_client::{Client, Create, Describe, Error, Record, Saved, Update, Upsert};

use super::super::{describe::describe, print_json, writing};
use super::values::{Purpose, Typed, typed};
use super::{Named, explained, key_field};
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, say};

#[derive(Debug, clap::Args)]
struct Fields {
    /// Fields and their values. Types are those of the object; `FIELD=` is null; RELATIONSHIP.KEY=VALUE names a parent
    /// by a key of its own; FIELD=@FILE gives a file field its content.
    #[arg(value_name = "FIELD=VALUE")]
    words: Vec<String>,
    /// A JSON object with fields, from this file; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// The object, by API name.
    #[arg(value_name = "OBJECT")]
    object: String,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    org: OrgArg,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArgs {
    /// The object, by API name.
    #[arg(value_name = "OBJECT")]
    object: String,
    /// The record's id, or a key field and its value, such as ErpKey__c=A1.
    #[arg(value_name = "ID|FIELD=VALUE")]
    record: String,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    org: OrgArg,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpsertArgs {
    /// The object, by API name.
    #[arg(value_name = "OBJECT")]
    object: String,
    /// The external id field and its value. The record that has it is updated; without one, it is made.
    #[arg(value_name = "KEY=VALUE")]
    key: String,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    org: OrgArg,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Fields {
    fn body(&self) -> Result<Option<Record>, Failure> {
        let Some(path) = &self.body else { return Ok(None) };
        let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
        let text = if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(path)
        };
        let text = text.map_err(|e| Failure::usage(format!("cannot read {name}")).with_cause(&e))?;
        let record = serde_json::from_str(text.trim_start_matches('\u{feff}'));
        record.map(Some).map_err(|e| Failure::usage(format!("{name} is no JSON object")).with_cause(&e))
    }

    /// The record, checked against the object.
    async fn typed(&self, client: &Client, describe: &Describe, purpose: Purpose) -> Result<Typed, Failure> {
        if self.words.is_empty() && self.body.is_none() {
            return Err(Failure::usage("no fields are given")
                .hint(format!("write them as FIELD=VALUE; `tidegate describe {}` lists them", describe.name)));
        }
        typed(client, describe, &self.words, self.body()?, purpose).await
    }
}

pub(crate) async fn create(config: &Config, args: CreateArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let describe = describe(&client, &args.object).await?;
    if !describe.createable {
        return Err(Failure::usage(format!("records of {} cannot be made (or not by this user)", describe.name)));
    }
    let typed = args.fields.typed(&client, &describe, Purpose::Create).await?;
    let outcome = match typed.file {
        Some((field, path)) => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let mut fields = typed.record;
            if describe.name == "ContentVersion" {
                fields.entry("PathOnClient").or_insert_with(|| name.clone().into());
            }
            client.upload_file(&Upload::new(&describe.name, field, fields).named(name), path).await
        }
        None => client.send(&Create::new(&describe.name, typed.record)).await,
    };
    match outcome {
        Ok(saved) => done(&saved.id, "created", args.json),
        Err(error) => Err(unsaved(&client, &describe, None, error).await),
    }
}

pub(crate) async fn update(config: &Config, args: UpdateArgs) -> Result<ExitCode, Failure> {
    let named = Named::parse(&args.record)?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let describe = describe(&client, &args.object).await?;
    if !describe.updateable {
        return Err(Failure::usage(format!("records of {} cannot be changed (or not by this user)", describe.name)));
    }
    let typed = args.fields.typed(&client, &describe, Purpose::Update).await?;
    let fields = without_file(typed)?;
    let outcome = match &named {
        Named::Id(id) => client.send(&Update::new(&describe.name, id, fields)).await.map(|()| id.clone()),
        Named::By { field, value } => {
            let key = key_field(&describe, field)?;
            let call = Upsert::new(&describe.name, key, value, fields).update_only();
            client.send(&call).await.map(|saved| saved.id)
        }
    };
    match outcome {
        Ok(id) => done(&id, "updated", args.json),
        Err(error) => Err(unsaved(&client, &describe, Some(&named), error).await),
    }
}

pub(crate) async fn upsert(config: &Config, args: UpsertArgs) -> Result<ExitCode, Failure> {
    let Named::By { field, value } = Named::parse(&args.key)? else {
        return Err(Failure::usage(format!("`{}` is not KEY=VALUE", args.key))
            .hint("an upsert goes by an external id; a record with a known id is changed by `tidegate update`"));
    };
    let client = config.connect(args.org.org.as_deref()).await?;
    let describe = describe(&client, &args.object).await?;
    let key = key_field(&describe, &field)?;
    let typed = args.fields.typed(&client, &describe, Purpose::Upsert).await?;
    let fields = without_file(typed)?;
    if fields.keys().any(|name| name.eq_ignore_ascii_case(&key)) {
        return Err(Failure::usage(format!("`{key}` is the key, and cannot be among the fields, too")));
    }
    match client.send(&Upsert::new(&describe.name, key, value, fields)).await {
        Ok(Saved { id, created }) => {
            let what = match created {
                Some(true) => "created",
                Some(false) => "updated",
                None => "saved",
            };
            done(&id, what, args.json)
        }
        Err(error) => Err(unsaved(&client, &describe, None, error).await),
    }
}

fn without_file(typed: Typed) -> Result<Record, Failure> {
    match typed.file {
        None => Ok(typed.record),
        Some((field, _)) => Err(Failure::usage(format!("{field}=@FILE works with `tidegate create` only"))),
    }
}

async fn unsaved(client: &Client, describe: &Describe, named: Option<&Named>, error: Error) -> Failure {
    let unknown = error.is_outcome_unknown();
    let failure = explained(client, &describe.name, named, &[], error).await;
    if unknown {
        return failure.hint(
            "whether the record was written is unknown, as the answer was lost: look for it before you try again; \
             `upsert` by an external id can be repeated without harm",
        );
    }
    failure
}

/// The id on stdout, the word on stderr.
fn done(id: &str, what: &str, json: bool) -> Result<ExitCode, Failure> {
    if json {
        print_json(&json!({ "id": id, "result": what }))?;
    } else {
        output::print(id).map_err(writing)?;
        say(what);
    }
    Ok(ExitCode::SUCCESS)
}
