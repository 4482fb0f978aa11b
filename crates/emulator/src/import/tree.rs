//! Record trees: `{"records": [{"attributes": {"type", "referenceId"}, …}]}`, children under their relationships.

use serde_json::{Map, Value as Json};

use super::plan::without_mark;
use super::{Draft, ImportError, SourceFile};
use crate::dml::Input;
use crate::schema::Schema;

/// Deepest nesting of children. Salesforce's own resource takes five levels; files may be made of several.
const DEPTH_MAX: usize = 10;

struct Reading<'a> {
    schema: &'a Schema,
    file: &'a SourceFile,
    drafts: &'a mut Vec<Draft>,
}

/// A parent, and the child's field that names it.
struct Parent<'a> {
    field: &'a str,
    reference: &'a str,
}

/// Reads one tree.
pub(super) fn read(schema: &Schema, file: &SourceFile, drafts: &mut Vec<Draft>) -> Result<(), ImportError> {
    let tree: Json = serde_json::from_slice(without_mark(&file.bytes))
        .map_err(|e| ImportError::new(file, "", format_args!("no JSON: {e}")))?;
    let Some(records) = tree.get("records").and_then(Json::as_array) else {
        return Err(ImportError::new(file, "", "a record tree has a member `records`, which is an array"));
    };
    let mut reading = Reading { schema, file, drafts };
    for (at, record) in records.iter().enumerate() {
        reading.record(record, &format!("records[{at}]"), None, 0)?;
    }
    Ok(())
}

impl Reading<'_> {
    fn error(&self, place: &str, message: impl std::fmt::Display) -> ImportError {
        ImportError::new(self.file, place, message)
    }

    fn record(
        &mut self,
        record: &Json,
        place: &str,
        parent: Option<Parent<'_>>,
        depth: usize,
    ) -> Result<(), ImportError> {
        if depth > DEPTH_MAX {
            return Err(self.error(place, format_args!("nested deeper than {DEPTH_MAX} levels")));
        }
        let Some(members) = record.as_object() else { return Err(self.error(place, "a record is a JSON object")) };
        let attributes = members.get("attributes").and_then(Json::as_object);
        let text = |name: &str| attributes.and_then(|a| a.get(name)).and_then(Json::as_str);
        let Some(name) = text("type") else {
            return Err(self.error(place, "`attributes.type` is missing: it names the object"));
        };
        let Some((object, facts)) = self.schema.find(name) else {
            return Err(self.error(place, format_args!("this org has no object {name}")));
        };
        // One that is not named is named by its place, so that its children can point at it.
        let reference =
            text("referenceId").map_or_else(|| format!("@{}#{place}", self.file.name), |id| format!("@{id}"));
        let mut fields = Vec::new();
        let mut children = Vec::new();
        for (key, value) in members.iter().filter(|(key, _)| *key != "attributes") {
            match value.get("records").and_then(Json::as_array) {
                Some(records) => children.push((key, records)),
                None => fields.push((key.clone(), Input::Json(value.clone()))),
            }
        }
        if let Some(Parent { field, reference }) = parent {
            fields.push((field.to_owned(), Input::Json(Json::String(reference.to_owned()))));
        }
        let mut nested = Vec::new();
        for (key, records) in children {
            let relationship = facts
                .children
                .iter()
                .find(|child| child.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(key)));
            let Some(relationship) = relationship else {
                return Err(self.error(place, format_args!("{} has no child relationship {key}", facts.name)));
            };
            nested.push((key, relationship.clone(), records));
        }
        self.drafts.push(Draft {
            object,
            reference: Some(reference.clone()),
            fields,
            external_id: None,
            file: self.file.name.clone(),
            place: place.to_owned(),
        });
        for (key, relationship, records) in nested {
            for (at, child) in records.iter().enumerate() {
                let place = format!("{place}.{key}.records[{at}]");
                let child = typed(child, &relationship.child_object);
                let parent = Parent { field: &relationship.field, reference: &reference };
                self.record(&child, &place, Some(parent), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// A child may leave its type to the relationship.
fn typed(child: &Json, object: &str) -> Json {
    let mut child = child.clone();
    if let Some(members) = child.as_object_mut() {
        let attributes = members.entry("attributes").or_insert_with(|| Json::Object(Map::new()));
        if let Some(attributes) = attributes.as_object_mut() {
            attributes.entry("type").or_insert_with(|| Json::String(object.to_owned()));
        }
    }
    child
}
