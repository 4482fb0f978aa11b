//! Objects and fields out of files: describe results of a user's own org, packages and projects.

use std::sync::Arc;

use serde_json::Value as Json;

use super::plan::without_mark;
use super::{ImportError, Imported, SourceFile};
use crate::Org;
use crate::dml::WriteContext;
use crate::metadata::FileSet;
use crate::metadata::import::{describe, merge, metadata_format, package};
use crate::schema::Schema;

/// The files by what they are for.
#[derive(Default)]
pub(super) struct Sorted {
    /// Trees, plans and CSV files.
    pub(super) records: Vec<SourceFile>,
    describes: Vec<(SourceFile, Json)>,
    package: FileSet,
}

impl Sorted {
    /// Sorts files. What is for nothing here is noted, or refused where it is all there is.
    pub(super) fn of(files: Vec<SourceFile>, imported: &mut Imported) -> Result<Self, ImportError> {
        let mut sorted = Self::default();
        let mut rest = Vec::new();
        for file in files {
            if file.ends_with(".csv") {
                sorted.records.push(file);
            } else if file.ends_with(".json") && !file.ends_with("-meta.json") {
                let json: Json = serde_json::from_slice(without_mark(&file.bytes))
                    .map_err(|e| ImportError::new(&file, "", format_args!("no JSON: {e}")))?;
                let steps = json.as_array().is_some_and(|steps| steps.iter().all(|step| step.get("sobject").is_some()));
                if steps || json["records"].is_array() {
                    sorted.records.push(file);
                } else if json["fields"].is_array() && json["name"].is_string() {
                    sorted.describes.push((file, json));
                } else {
                    rest.push(file);
                }
            } else {
                sorted.package.insert(file.name.clone(), Arc::from(file.bytes.as_slice()));
                rest.push(file);
            }
        }
        if metadata_format(&sorted.package).is_empty() {
            sorted.package.clear();
        } else {
            // Projects hold much that is nobody's metadata.
            rest.retain(|file| !sorted.package.contains_key(&file.name));
        }
        let nothing_else = sorted.records.is_empty() && sorted.describes.is_empty() && sorted.package.is_empty();
        if let Some(file) = rest.first().filter(|_| nothing_else) {
            let text = "records are read from .json trees, plans and .csv files; objects and fields from describe \
                        results, packages and projects";
            return Err(ImportError::new(file, "", text));
        }
        imported.left_out.extend(rest.into_iter().map(|file| file.name));
        Ok(sorted)
    }

    /// Whether there is anything that changes the schema.
    pub(super) fn changes_schema(&self) -> bool {
        !self.describes.is_empty() || !self.package.is_empty()
    }

    /// Changes the org's schema. Components that are refused leave the others alone and are told.
    pub(super) fn apply(
        &self,
        org: &mut Org,
        context: &WriteContext,
        imported: &mut Imported,
    ) -> Result<(), ImportError> {
        if !self.describes.is_empty() {
            let before = Arc::clone(&org.schema);
            let mut described = Vec::with_capacity(self.describes.len());
            for (file, json) in &self.describes {
                let object = describe(json).map_err(|e| ImportError::new(file, "", e))?;
                imported.objects.push(object.name.clone());
                described.push((object, json.clone()));
            }
            let mut schema = Schema::clone(&org.schema);
            merge(&mut schema, described);
            schema.touch(context.now);
            org.schema = Arc::new(schema);
            org.schema_changed(&before, context.now);
        }
        if self.package.is_empty() {
            return Ok(());
        }
        let messages = package(org, &self.package, context).map_err(|e| ImportError {
            file: "the package".into(),
            place: String::new(),
            message: e.to_string(),
        })?;
        for message in messages {
            let named = !message.component_type.is_empty();
            match &message.problem {
                Some(problem) if !message.success => {
                    imported.problems.push(format!("{}: {problem}", message.full_name));
                }
                _ if named && message.component_type == "CustomObject" => imported.objects.push(message.full_name),
                _ => {}
            }
        }
        Ok(())
    }
}
