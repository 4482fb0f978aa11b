//! Files: a version makes its document and its links, a document follows its latest version.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contentversion.htm>

use std::sync::Arc;

use md5::{Digest, Md5};

use super::blob::number;
use super::derived::Draft;
use super::errors;
use super::transaction::{Cause, Transaction};
use super::{defaults, errors::required};
use crate::schema::{ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

/// What a document repeats of its latest version.
const SHOWN: &[&str] = &[
    "ContentModifiedDate",
    "ContentSize",
    "Description",
    "FileExtension",
    "FileType",
    "PublishStatus",
    "SharingOption",
    "SharingPrivacy",
    "Title",
];

/// `FileType` by extension, where it is not the extension in capitals.
const FILE_TYPES: &[(&str, &str)] = &[
    ("doc", "WORD"),
    ("docx", "WORD_X"),
    ("htm", "HTML"),
    ("jpeg", "JPG"),
    ("ppt", "POWER_POINT"),
    ("pptx", "POWER_POINT_X"),
    ("txt", "TEXT"),
    ("xls", "EXCEL"),
    ("xlsx", "EXCEL_X"),
];

/// Extensions whose type is the extension in capitals.
const PLAIN_TYPES: &[&str] = &[
    "ai", "bmp", "csv", "exe", "gif", "html", "jpg", "js", "json", "mdb", "mov", "mp3", "mp4", "mpp", "msg", "odp",
    "ods", "odt", "pdf", "png", "psd", "rtf", "svg", "swf", "tiff", "wav", "wma", "wmv", "xml", "zip",
];

/// The file type that Salesforce shows for an extension; `UNKNOWN` for one it does not know.
pub(super) fn file_type(extension: Option<&str>) -> String {
    let Some(extension) = extension.map(str::to_ascii_lowercase) else { return "UNKNOWN".to_owned() };
    match FILE_TYPES.iter().find(|(known, _)| *known == extension) {
        Some((_, name)) => (*name).to_owned(),
        None if PLAIN_TYPES.contains(&extension.as_str()) => extension.to_ascii_uppercase(),
        None => "UNKNOWN".to_owned(),
    }
}

/// Attachments and documents tell how long their body is.
pub(super) fn body_length(draft: &mut Draft<'_>) {
    let length = content(draft, "Body").map_or(0, |bytes| bytes.len());
    draft.set("BodyLength", Value::Int(length as i64));
}

/// What a version says of its content.
pub(super) fn version(draft: &mut Draft<'_>) {
    let path = draft.text("PathOnClient").map(str::to_owned);
    let name = path.as_deref().map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path));
    let (stem, extension) = match name.and_then(|name| name.rsplit_once('.')) {
        Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => (Some(stem), Some(extension)),
        _ => (name, None),
    };
    if draft.text("Title").is_none()
        && let Some(stem) = stem
    {
        draft.set("Title", Value::Text(stem.to_owned()));
    }
    draft.set("FileExtension", extension.map_or(Value::Null, |e| Value::Text(e.to_owned())));
    let kind = if draft.get("ContentUrl").is_some() { "LINK".to_owned() } else { file_type(extension) };
    draft.set("FileType", Value::Text(kind));
    if draft.moved("VersionData") {
        let found = content(draft, "VersionData").map(|bytes| (bytes.len(), Md5::digest(bytes)));
        let (size, sum) = found.map_or((0, None), |(size, sum)| (size, Some(sum)));
        draft.set("ContentSize", Value::Int(size as i64));
        let hex = |sum: md5::digest::Output<Md5>| sum.iter().map(|b| format!("{b:02x}")).collect::<String>();
        draft.set("Checksum", sum.map_or(Value::Null, |sum| Value::Text(hex(sum))));
    }
    if draft.before.is_none() {
        for count in ["RatingCount", "PositiveRatingCount", "NegativeRatingCount"] {
            draft.set(count, Value::Int(0));
        }
        draft.set("IsLatest", Value::Bool(true));
        draft.set("PublishStatus", Value::Text("R".to_owned()));
        if !draft.given("IsMajorVersion") {
            draft.set("IsMajorVersion", Value::Bool(true));
        }
        let (user, now) = (draft.stamped("CreatedById"), draft.now.clone());
        draft.set("ContentModifiedById", user.clone());
        if !draft.given("ContentModifiedDate") {
            draft.set("ContentModifiedDate", now);
        }
        if draft.get("FirstPublishLocationId").is_none() {
            draft.set("FirstPublishLocationId", user);
        }
    }
}

fn content<'a>(draft: &Draft<'a>, field: &str) -> Option<&'a bytes::Bytes> {
    draft.store.blobs.get(number(draft.get(field)?)?)
}

impl Transaction<'_> {
    /// What has to be there before a new record of these objects can be saved.
    pub(super) fn before_create(
        &mut self,
        facts: &ObjectType,
        id: RecordId,
        values: &mut Values,
    ) -> Result<(), Vec<ApiError>> {
        match facts.name.as_str() {
            "ContentVersion" => self.version_of(facts, id, values),
            "ContentDocumentLink" => self.link_once(facts, values),
            "PricebookEntry" => self.price_once(facts, values),
            _ => Ok(()),
        }
    }

    /// What a saved record of these objects changes elsewhere.
    pub(super) fn after_save(&mut self, facts: &ObjectType, id: RecordId, created: bool) -> Result<(), Vec<ApiError>> {
        match facts.name.as_str() {
            "ContentVersion" => {
                if created {
                    self.publish(facts, id)?;
                }
                self.show_latest(facts, id);
                Ok(())
            }
            "ContentDocument" if !created => {
                self.retitle(facts, id);
                Ok(())
            }
            _ => {
                self.roll_up(facts, id);
                Ok(())
            }
        }
    }

    /// A version without a document gets a new one; one with a document becomes its latest.
    fn version_of(&mut self, facts: &ObjectType, id: RecordId, values: &mut Values) -> Result<(), Vec<ApiError>> {
        let get = |name: &str, values: &Values| {
            facts.field(name).and_then(|(field, _)| values.get(&field)).cloned().unwrap_or(Value::Null)
        };
        let missing: Vec<String> = ["PathOnClient", "VersionData"]
            .into_iter()
            .filter(|name| get(name, values).is_null() && get("ContentUrl", values).is_null())
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            return Err(vec![required(missing)]);
        }
        let set = |name: &str, value: Value, values: &mut Values| {
            if let Some((field, _)) = facts.field(name) {
                values.insert(field, value);
            }
        };
        let Some((versions, _)) = self.schema.find("ContentVersion") else { return Ok(()) };
        match get("ContentDocumentId", values).as_id() {
            Some(document) => {
                let Some((field, _)) = facts.field("ContentDocumentId") else { return Ok(()) };
                let earlier = self.store.children(versions, field, document);
                set("VersionNumber", Value::Text((earlier.len() + 1).to_string()), values);
                for other in earlier {
                    self.change(versions, other, &[("IsLatest", Value::Bool(false))]);
                }
            }
            None => {
                let mut document: Vec<(&str, Value)> = SHOWN.iter().map(|name| (*name, get(name, values))).collect();
                document.push(("OwnerId", get("OwnerId", values)));
                document.push(("LatestPublishedVersionId", Value::Id(id)));
                let made = self.make("ContentDocument", &document)?;
                set("ContentDocumentId", Value::Id(made), values);
                set("VersionNumber", Value::Text("1".to_owned()), values);
            }
        }
        Ok(())
    }

    /// Links of a new document: to its owner, and to the place where it was published first.
    fn publish(&mut self, facts: &ObjectType, id: RecordId) -> Result<(), Vec<ApiError>> {
        let Some((versions, _)) = self.schema.find("ContentVersion") else { return Ok(()) };
        let Some(row) = self.store.get(versions, id).cloned() else { return Ok(()) };
        let get = |name: &str| facts.field(name).map_or(Value::Null, |(field, _)| row.get(field));
        if get("VersionNumber").as_text() != Some("1") {
            return Ok(());
        }
        let (document, owner, place) = (get("ContentDocumentId"), get("OwnerId"), get("FirstPublishLocationId"));
        let mut links = vec![(owner.clone(), "I")];
        if !place.is_null() && place != owner {
            links.push((place, "V"));
        }
        for (entity, share) in links {
            let link = [
                ("ContentDocumentId", document.clone()),
                ("LinkedEntityId", entity),
                ("ShareType", Value::Text(share.to_owned())),
                ("Visibility", Value::Text("AllUsers".to_owned())),
            ];
            self.make("ContentDocumentLink", &link)?;
        }
        Ok(())
    }

    /// The document shows what its latest version says.
    fn show_latest(&mut self, facts: &ObjectType, id: RecordId) {
        let Some((versions, _)) = self.schema.find("ContentVersion") else { return };
        let Some((documents, _)) = self.schema.find("ContentDocument") else { return };
        let Some(row) = self.store.get(versions, id).cloned() else { return };
        let get = |name: &str| facts.field(name).map_or(Value::Null, |(field, _)| row.get(field));
        if let (Value::Bool(true), Some(document)) = (get("IsLatest"), get("ContentDocumentId").as_id()) {
            let mut shown: Vec<(&str, Value)> = SHOWN.iter().map(|name| (*name, get(name))).collect();
            shown.push(("LatestPublishedVersionId", Value::Id(id)));
            self.change(documents, document, &shown);
        }
    }

    /// A document's new title and description are its latest version's, too.
    fn retitle(&mut self, facts: &ObjectType, id: RecordId) {
        let Some((documents, _)) = self.schema.find("ContentDocument") else { return };
        let Some((versions, _)) = self.schema.find("ContentVersion") else { return };
        let Some(row) = self.store.get(documents, id).cloned() else { return };
        let get = |name: &str| facts.field(name).map_or(Value::Null, |(field, _)| row.get(field));
        if let Some(latest) = get("LatestPublishedVersionId").as_id() {
            self.change(versions, latest, &[("Title", get("Title")), ("Description", get("Description"))]);
        }
    }

    /// A document is linked to a record once.
    fn link_once(&mut self, facts: &ObjectType, values: &Values) -> Result<(), Vec<ApiError>> {
        let (Some((document, _)), Some((entity, field))) =
            (facts.field("ContentDocumentId"), facts.field("LinkedEntityId"))
        else {
            return Ok(());
        };
        let Some((links, _)) = self.schema.find("ContentDocumentLink") else { return Ok(()) };
        let wanted = (values.get(&document).and_then(Value::as_id), values.get(&entity).and_then(Value::as_id));
        let (Some(of), Some(to)) = wanted else { return Ok(()) };
        let taken = self
            .store
            .children(links, document, of)
            .into_iter()
            .any(|link| self.store.get(links, link).is_some_and(|row| row.get(entity) == Value::Id(to)));
        if taken {
            let text = format!("Document with ID: {of} is already linked with the entity with ID: {to}");
            return Err(vec![ApiError::new("DUPLICATE_VALUE", text).field(&field.name)]);
        }
        Ok(())
    }

    /// Makes a record that the org itself makes, without the checks of what a user may set.
    pub(super) fn make(&mut self, object: &str, fields: &[(&str, Value)]) -> Result<RecordId, Vec<ApiError>> {
        let schema = Arc::clone(&self.schema);
        let Some((object, facts)) = schema.find(object) else { return Err(vec![errors::not_found()]) };
        let Some(prefix) = facts.key_prefix else { return Err(vec![errors::not_supported(facts, "create")]) };
        let mut values = Values::new();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            if let Some((field, _)) = facts.field(name) {
                values.insert(field, value.clone());
            }
        }
        defaults::apply(self, object, facts, &mut values);
        let id = self.store.table_mut(object).next_id(prefix);
        self.stamp_new(facts, id, &Values::new(), &mut values);
        self.put(object, id, &values, Cause::User);
        Ok(id)
    }

    /// Sets fields of a record as the org itself does, if that changes it.
    pub(super) fn change(&mut self, object: ObjectId, id: RecordId, fields: &[(&str, Value)]) {
        let facts = self.object(object);
        let Some(row) = self.store.live(object, id).cloned() else { return };
        let mut values = row.to_values();
        let mut moved = false;
        for (name, value) in fields {
            let Some((field, _)) = facts.field(name) else { continue };
            if row.get(field) != *value {
                values.insert(field, value.clone());
                moved = true;
            }
        }
        if moved {
            self.touch(&facts, &mut values, true);
            self.put(object, id, &values, Cause::User);
        }
    }
}
