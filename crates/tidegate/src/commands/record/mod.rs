//! One record from the command line: `get`, `create`, `update`, `upsert`, `delete`. What is typed is checked against the
//! object's describe before anything is sent.

mod delete;
mod get;
mod values;
mod write;

pub(crate) use delete::DeleteArgs;
pub(crate) use get::GetArgs;
pub(crate) use write::{CreateArgs, UpdateArgs, UpsertArgs};

pub(super) use delete::run as delete;
pub(super) use get::run as get;
pub(super) use write::{create, update, upsert};

use tidegate_client::{Client, Describe, Error};

use crate::config::closest;
use crate::failure::Failure;

/// How a record is named: by its id, or by the value of a key field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Id(String),
    By { field: String, value: String },
}

impl Named {
    /// `001…` or `FIELD=VALUE`.
    fn parse(text: &str) -> Result<Self, Failure> {
        match text.split_once('=') {
            Some((field, value)) if !field.trim().is_empty() && !value.is_empty() => {
                Ok(Self::By { field: field.trim().to_owned(), value: value.to_owned() })
            }
            Some(_) => Err(Failure::usage(format!("`{text}` names no record"))
                .hint("write an id, or FIELD=VALUE with a key field such as an external id")),
            None if is_id(text) => Ok(Self::Id(text.to_owned())),
            None => Err(Failure::usage(format!("`{text}` is no record id"))
                .hint("an id has 15 or 18 letters and digits; a record is found by a key with FIELD=VALUE, too")),
        }
    }
}

/// 15 or 18 letters and digits.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// The key field of this name, with its right spelling; others are refused with those that would do.
fn key_field(describe: &Describe, name: &str) -> Result<String, Failure> {
    let keys = || -> Vec<&str> {
        describe.fields.iter().filter(|field| field.is_key()).map(|field| field.name.as_str()).collect()
    };
    match describe.field(name) {
        Some(field) if field.is_key() => Ok(field.name.clone()),
        Some(field) => {
            Err(Failure::usage(format!("{}.{} is no key: records cannot be found by it", describe.name, field.name))
                .hint(format!("keys of {}: {}", describe.name, keys().join(", "))))
        }
        None => Err(unknown_field(describe, name)),
    }
}

/// A field that is not there, with the one that was probably meant.
fn unknown_field(describe: &Describe, name: &str) -> Failure {
    let failure = Failure::usage(format!("{} has no field `{name}` (or this user may not see it)", describe.name));
    let known: Vec<&str> = describe.fields.iter().map(|field| field.name.as_str()).collect();
    failure.hint(match closest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`tidegate describe {}` lists the fields", describe.name),
    })
}

/// The error of a call on a record in words. Where the org says only that something is not there, this finds out what.
async fn explained(client: &Client, object: &str, named: Option<&Named>, fields: &[String], error: Error) -> Failure {
    if error.is_outcome_unknown() {
        return Failure::from(error)
            .hint("whether it was done is unknown, as the answer was lost: look before you try again");
    }
    let missing = error.status() == Some(404) && error.has_code("NOT_FOUND");
    if !missing && !error.has_code("INVALID_FIELD") {
        return Failure::from(error);
    }
    let describe = match super::describe::describe(client, object).await {
        Ok(describe) => describe,
        Err(failure) => return failure,
    };
    if let Some(unknown) = fields.iter().find(|field| describe.field(field).is_none()) {
        return unknown_field(&describe, unknown);
    }
    match named {
        Some(Named::Id(id)) if missing => Failure::failed(format!("there is no {} with the id {id}", describe.name))
            .hint("the id may be of another object, or this user may not see the record"),
        Some(Named::By { field, value }) if missing => match key_field(&describe, field) {
            Ok(field) => Failure::failed(format!("there is no {} whose {field} is `{value}`", describe.name)),
            Err(failure) => failure,
        },
        _ => Failure::from(error),
    }
}
