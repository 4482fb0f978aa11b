//! `metadata retrieve`: components as a package, unpacked without leaving the folder.

use std::io::Cursor;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tidegate_client::Error;
use tidegate_client::bulk::Wait;
use tidegate_client::metadata::{Manifest, unpack};

use super::args::RetrieveArgs;
use crate::commands::{interrupted, interruption, print_json, writing};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, counted, say};

/// The code for what was done, but not all of it.
const PARTLY: u8 = 4;

pub(super) async fn run(config: &Config, args: RetrieveArgs) -> Result<ExitCode, Failure> {
    let given = match &args.manifest {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read {}", path.display())).with_cause(&error))?;
            Some(Manifest::parse(&text)?)
        }
        None => None,
    };
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    let mut manifest = given.unwrap_or_else(|| Manifest::new(client.api_version()));
    for component in &args.components {
        let (kind, member) = component.split_once(':').unwrap_or((component, "*"));
        if kind.is_empty() || member.is_empty() {
            return Err(Failure::usage(format!("`{component}` names no component"))
                .hint("write it like CustomObject:Invoice__c"));
        }
        manifest.add(kind, member);
    }
    let types: Vec<&str> = manifest.types().map(|(kind, _)| kind).collect();
    let id = match metadata.retrieve(&manifest).await {
        Ok(id) => id,
        Err(error) => return Err(super::of_type(&metadata, &types, error).await),
    };
    say(format!("retrieval {id}"));
    let stop = interruption();
    let wait = Wait { first: Duration::from_millis(500), cap: Duration::from_secs(10), deadline: args.wait };
    let mut told = String::new();
    let waiting = metadata.wait_for_retrieve(&id, wait, |result| {
        if !result.done && result.status != told {
            say(&result.status);
            told.clone_from(&result.status);
        }
    });
    let result = tokio::select! {
        result = waiting => result,
        () = stop.cancelled() => return Ok(interrupted()),
    };
    let result = match result {
        Err(error @ Error::Job { .. }) => return Err(super::of_type(&metadata, &types, error).await),
        other => other?,
    };
    let zip = match result.zip {
        Some(zip) => zip.into_bytes()?,
        None => return Err(Failure::failed("the org sent no package")),
    };
    if let Some(path) = &args.zip {
        std::fs::write(path, &zip)
            .map_err(|error| Failure::failed(format!("cannot write {}", path.display())).with_cause(&error))?;
    }
    let files = match &args.to {
        Some(dir) => unpack(Cursor::new(&zip), dir)?,
        None => vec![],
    };
    let missing = &result.messages;
    if args.json {
        let messages: Vec<_> =
            missing.iter().map(|(file, problem)| json!({ "fileName": file, "problem": problem })).collect();
        print_json(&json!({ "id": result.id, "components": result.files, "files": files, "messages": messages }))?;
    } else {
        for file in &files {
            output::print(file.display().to_string()).map_err(writing)?;
        }
        for (_, problem) in missing {
            say(output::one_line(problem));
        }
    }
    // package.xml is a file of every package, also of an empty one.
    let components = result.files.iter().filter(|file| file.kind != "Package").count();
    say(format!("{} in {}", counted(components as u64, "component"), counted(result.files.len() as u64, "file")));
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if components == 0 {
        return Err(Failure::failed("none of what was asked for could be found"));
    }
    Ok(ExitCode::from(PARTLY))
}
