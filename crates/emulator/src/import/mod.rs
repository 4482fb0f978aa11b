//! Filling an org from files of its user: describe results, packages and projects for its objects and fields; record
//! trees and plans as `sf data import tree` reads them and CSV files (also those exported from a real org, with their
//! ids) for its records; and archives of all of them.
//!
//! All of it is one transaction: a file that does not fit changes nothing.

mod apply;
mod plan;
mod schema;
mod sheet;
mod tree;
mod unpack;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schema::Sorted;
use serde::Serialize;

use crate::dml::{Input, WriteContext};
use crate::schema::ObjectId;
use crate::store::Store;
use crate::{Millis, Org};

/// A file as it was given: its name tells what an error is about, and a CSV file's object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Name, with folders where it has any, parted by `/`.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// A file.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }

    /// The name without folders.
    fn base(&self) -> &str {
        self.name.rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// The name without folders and ending.
    fn stem(&self) -> &str {
        let base = self.base();
        base.rsplit_once('.').map_or(base, |(stem, _)| stem)
    }

    fn ends_with(&self, ending: &str) -> bool {
        self.name.to_ascii_lowercase().ends_with(ending)
    }
}

/// What a file's name does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The object of the CSV files; each file's name without it.
    pub object: Option<String>,
    /// Upsert the rows of CSV files by this external id instead of inserting them.
    pub external_id: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Records made, by object.
    pub created: BTreeMap<String, u64>,
    /// Records changed (by an upsert), by object.
    pub updated: BTreeMap<String, u64>,
    /// Objects that were made or got fields.
    pub objects: Vec<String>,
    /// Columns that the org sets by itself, so that they were left out (`Contact.CreatedDate`), and files that are for
    /// nothing here.
    pub left_out: Vec<String>,
    /// Components of a package that were refused, each with the reason.
    pub problems: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ImportError {
    /// The file.
    pub file: String,
    /// Where in it, such as `line 3` or `records[2]`; empty for the whole of it.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if !self.place.is_empty() {
            write!(f, ", {}", self.place)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl ImportError {
    fn new(file: &SourceFile, place: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { file: file.name.clone(), place: place.into(), message: message.to_string() }
    }
}

/// A record on its way in.
#[derive(Debug, Clone, PartialEq)]
struct Draft {
    object: ObjectId,
    /// What other records of the same import call it: `@AccountRef1`, or its id in the org that it came from.
    reference: Option<String>,
    fields: Vec<(String, Input)>,
    /// Upserted by this external id.
    external_id: Option<String>,
    file: String,
    place: String,
}

/// Reads files and writes their records, by the rules of every write and in the order that their references need.
///
/// References between the files' records are kept: `@reference` of trees, and ids in CSV files with an `Id` column.
///
/// # Errors
/// [`ImportError`] for the first thing that does not fit; nothing was changed then.
pub fn load(
    org: &mut Org,
    now: Millis,
    files: Vec<SourceFile>,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let files = unpack::unpack(files)?;
    let mut imported = Imported::default();
    let sorted = Sorted::of(files, &mut imported)?;
    let context = WriteContext { now, user: org.settings.admin_id, origin: String::new(), all_or_none: true };
    if sorted.changes_schema() {
        // A changed schema cannot be taken back, so all of it is tried on a copy, whose events nobody reads.
        let mut copy = Org {
            settings: org.settings.clone(),
            schema: Arc::clone(&org.schema),
            store: Store::from_image(org.store.image()),
            metadata: org.metadata.clone(),
            ..Org::default()
        };
        let mut unread = Imported::default();
        sorted.apply(&mut copy, &context, &mut unread)?;
        let drafts = read(&copy, &sorted.records, options, &mut unread)?;
        apply::apply(&mut copy, &context, drafts, &mut unread)?;
        drop(copy);
        sorted.apply(org, &context, &mut imported)?;
    }
    let drafts = read(org, &sorted.records, options, &mut imported)?;
    org.begin();
    match apply::apply(org, &context, drafts, &mut imported) {
        Ok(()) => {
            org.commit(&context);
            Ok(imported)
        }
        Err(error) => {
            org.rollback();
            Err(error)
        }
    }
}

fn read(
    org: &Org,
    files: &[SourceFile],
    options: &ImportOptions,
    imported: &mut Imported,
) -> Result<Vec<Draft>, ImportError> {
    let mut drafts = Vec::new();
    let trees = plan::order(files)?;
    for file in trees {
        tree::read(&org.schema, file, &mut drafts)?;
    }
    let mut sheets = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".csv")) {
        sheets.push(sheet::Sheet::open(&org.schema, file, options)?);
    }
    for sheet in sheet::parents_first(&org.schema, sheets) {
        sheet.read(&org.schema, &mut drafts, imported)?;
    }
    Ok(drafts)
}
