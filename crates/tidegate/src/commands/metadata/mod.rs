//! `tidegate metadata`: what the org is made of.

pub(crate) mod args;
mod components;
mod deploy;
mod retrieve;

use std::process::ExitCode;

use tidegate_client::Error;
use tidegate_client::metadata::Metadata;

use crate::config::{Config, closest};
use crate::failure::Failure;
use args::MetadataCommand;

pub(super) async fn run(config: &Config, command: MetadataCommand) -> Result<ExitCode, Failure> {
    match command {
        MetadataCommand::Deploy(args) => deploy::deploy(config, args).await,
        MetadataCommand::Status(args) => deploy::status(config, args).await,
        MetadataCommand::Cancel(args) => deploy::cancel(config, args).await,
        MetadataCommand::Retrieve(args) => retrieve::run(config, args).await,
        MetadataCommand::List(args) => components::list(config, args).await,
        MetadataCommand::Describe(args) => components::describe(config, args).await,
        MetadataCommand::Read(args) => components::read(config, args).await,
        MetadataCommand::Upsert(args) => components::upsert(config, args).await,
        MetadataCommand::Delete(args) => components::delete(config, args).await,
    }
}

/// Words for an error that may come from a type's name: an unknown one is said with the name that was probably meant.
async fn of_type(metadata: &Metadata, types: &[&str], error: Error) -> Failure {
    let failure = Failure::from(error.clone());
    if !matches!(error, Error::Api { .. }) {
        return failure;
    }
    let Ok(described) = metadata.describe().await else { return failure };
    let objects = &described.metadata_objects;
    let known: Vec<&str> = objects
        .iter()
        .flat_map(|object| std::iter::once(&object.xml_name).chain(&object.child_xml_names))
        .map(String::as_str)
        .collect();
    let Some(unknown) = types.iter().find(|name| !known.contains(*name)) else { return failure };
    let failure = Failure::failed(format!("the org has no metadata type `{unknown}`"));
    match closest(unknown, &known) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`tidegate metadata describe` lists the types"),
    }
}
