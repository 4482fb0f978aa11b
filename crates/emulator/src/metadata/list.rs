//! `listMetadata`: the components of a type, and what is known of each.

use serde_json::{Value as Json, json};

use super::{channel, naming, types};
use crate::{Millis, Org, RecordId};

/// What is known of one component: an answer of `listMetadata` and of a retrieval.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Metadata API")]
pub struct FileProperties {
    pub kind: &'static str,
    pub full_name: String,
    pub file_name: String,
    pub id: RecordId,
    pub created: Millis,
    pub created_by: RecordId,
    pub modified: Millis,
    pub modified_by: RecordId,
}

impl FileProperties {
    /// As the API shows it. `name_of` gives the name of a user, `time` writes an instant.
    pub fn json(&self, name_of: impl Fn(RecordId) -> String, time: impl Fn(Millis) -> String) -> Json {
        json!({
            "createdById": self.created_by.to_string(),
            "createdByName": name_of(self.created_by),
            "createdDate": time(self.created),
            "fileName": self.file_name,
            "fullName": self.full_name,
            "id": self.id.to_string(),
            "lastModifiedById": self.modified_by.to_string(),
            "lastModifiedByName": name_of(self.modified_by),
            "lastModifiedDate": time(self.modified),
            "manageableState": "unmanaged",
            "namespacePrefix": "",
            "type": self.kind,
        })
    }
}

/// The name of a user; empty for none.
pub(crate) fn user_name(org: &Org, id: RecordId) -> String {
    crate::oauth::by_id(org, id).map(|user| user.text(org, "Name")).unwrap_or_default()
}

/// The path of a component's file, below the package's folder.
pub(super) fn file_name(kind: &str, full_name: &str) -> String {
    if types::part_element(kind).is_some() {
        let object = full_name.split_once('.').map_or(full_name, |(object, _)| object);
        return format!("objects/{object}.object");
    }
    match types::by_name(kind) {
        Some(ty) if ty.suffix.is_empty() => format!("{}/{full_name}", ty.directory),
        Some(ty) => format!("{}/{full_name}.{}", ty.directory, ty.suffix),
        None => full_name.to_owned(),
    }
}

/// Every component of a type, by name. In `folder` only those that are in it.
pub fn list(org: &Org, kind: &str, folder: Option<&str>) -> Vec<FileProperties> {
    let Some(kind) = types::known(kind) else { return Vec::new() };
    let mut found: Vec<FileProperties> = Vec::new();
    // What came with the org is as old as the org.
    let born = org_born(org);
    let admin = org.settings.admin_id;
    let seeded = |full_name: String, id: RecordId| {
        let file_name = file_name(kind, &full_name);
        let (created, created_by, modified, modified_by) = match org.metadata.get(kind, &full_name) {
            Some(c) => (c.created, c.created_by, c.modified, c.modified_by),
            None => (born, admin, born, admin),
        };
        FileProperties { kind, full_name, file_name, id, created, created_by, modified, modified_by }
    };
    match kind {
        "CustomObject" => {
            for (place, object) in places(org) {
                found.push(seeded(object.name.clone(), naming::object_id(place)));
            }
        }
        "CustomField" => {
            for (place, object) in places(org) {
                for (field, known) in object.enumerate().filter(|(_, f)| f.custom && f.name.ends_with("__c")) {
                    found.push(seeded(format!("{}.{}", object.name, known.name), naming::field_id(place, field)));
                }
            }
        }
        "RecordType" => {
            for (_, object) in places(org) {
                for record in &object.record_types {
                    found.push(seeded(format!("{}.{}", object.name, record.developer_name), record.id));
                }
            }
        }
        "PlatformEventChannelMember" => {
            let members = channel::members(&org.schema, &org.metadata, org.settings.change_event_objects.as_ref());
            found.extend(members.into_iter().map(|member| seeded(member.full_name, member.id)));
        }
        _ => {
            for component in org.metadata.of_kind(kind) {
                if folder
                    .is_some_and(|f| component.full_name.split_once('/').is_none_or(|(in_folder, _)| in_folder != f))
                {
                    continue;
                }
                let mut properties = seeded(component.full_name.clone(), component.id);
                if let Some((path, _)) = component.files.first() {
                    let path = path.strip_suffix("-meta.xml").unwrap_or(path);
                    properties.file_name = path.to_owned();
                }
                found.push(properties);
            }
        }
    }
    found.sort_by(|a, b| a.full_name.cmp(&b.full_name));
    found
}

/// Objects that have records or events of their own, with their places.
pub(super) fn places(org: &Org) -> impl Iterator<Item = (crate::schema::ObjectId, &crate::schema::ObjectType)> {
    let objects = org.schema.objects().iter().enumerate();
    let placed = objects.map(|(at, object)| (crate::schema::ObjectId(at as u16), &**object));
    placed.filter(|(_, object)| !object.is_removed() && object.key_prefix.is_some())
}

/// When the org was made, as its own record says.
pub(super) fn org_born(org: &Org) -> Millis {
    let created = || {
        let (object, facts) = org.schema.find("Organization")?;
        let (field, _) = facts.field("CreatedDate")?;
        org.store.table(object)?.rows().next()?.1.get(field).as_millis()
    };
    created().unwrap_or_else(|| org.schema.last_modified())
}
