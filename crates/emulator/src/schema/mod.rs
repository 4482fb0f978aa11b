//! The org's objects and fields, standard and custom: the facts that describe, SOQL, DML, Bulk and the change-event
//! schemas all read.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Millis;

mod calculated;
pub mod custom;
pub mod describe;
pub mod facts;
mod field;
mod files;
mod standard;

pub use crate::metadata::import;
pub use calculated::{Blanks, FORMULA_TEXT, FilterOperation, Formula, RollUp, RollUpFilter, RollUpOperation};
pub use custom::{LONG_TEXT, NameField, format_auto_number};
pub use field::{Field, FieldType, PicklistValue};
pub use standard::standard;

/// An object's place in [`Schema::objects`]. Stable while the org lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u16);

/// A field's place in [`ObjectType::fields`]. Stable while the org lives: fields are only ever added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

/// Every object of the org. Cheap to clone; a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    objects: Vec<Arc<ObjectType>>,
    by_name: HashMap<String, ObjectId>,
    by_prefix: HashMap<[u8; 3], ObjectId>,
    last_modified: Millis,
}

/// One object (standard or custom).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectType {
    /// API name.
    pub name: String,
    /// Label, singular.
    pub label: String,
    /// Label, plural.
    pub label_plural: String,
    /// The first three characters of its ids; `None` for objects without records of their own.
    pub key_prefix: Option<[u8; 3]>,
    /// Ends in `__c`.
    pub custom: bool,
    /// The object-level yes/no members of a describe, by describe's own names.
    pub flags: ObjectFlags,
    /// Whether Change Data Capture has a change event for it.
    pub change_events: bool,
    /// `supportedScopes`: what `USING SCOPE` may name.
    pub scopes: Vec<Scope>,
    /// `recordTypeInfos` besides the master record type, which every object with a layout has.
    pub record_types: Vec<RecordType>,
    /// Members of `urls` that this object has beyond those of every object, or lacks (with a leading `-`).
    pub urls: Vec<String>,
    /// Fields in describe order.
    pub fields: Vec<Field>,
    /// Relationships in which this object is the parent.
    pub children: Vec<ChildRelationship>,
    by_name: HashMap<String, FieldId>,
}

/// One entry of `supportedScopes`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct Scope {
    pub name: String,
    pub label: String,
}

/// One entry of `recordTypeInfos`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct RecordType {
    pub id: crate::RecordId,
    pub developer_name: String,
    pub name: String,
    pub active: bool,
    /// `defaultRecordTypeMapping`: what a new record gets.
    pub default: bool,
}

/// Object-level members of a describe that are true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct ObjectFlags {
    pub activateable: bool,
    pub compact_layoutable: bool,
    pub createable: bool,
    pub custom_setting: bool,
    pub deep_cloneable: bool,
    pub deletable: bool,
    pub feed_enabled: bool,
    pub layoutable: bool,
    pub mergeable: bool,
    pub mru_enabled: bool,
    pub queryable: bool,
    pub replicateable: bool,
    pub retrieveable: bool,
    pub search_layoutable: bool,
    pub searchable: bool,
    pub triggerable: bool,
    pub undeletable: bool,
    pub updateable: bool,
}

impl Default for ObjectFlags {
    /// The flags of an ordinary custom object.
    fn default() -> Self {
        Self {
            activateable: false,
            compact_layoutable: true,
            createable: true,
            custom_setting: false,
            deep_cloneable: false,
            deletable: true,
            feed_enabled: false,
            layoutable: true,
            mergeable: false,
            mru_enabled: true,
            queryable: true,
            replicateable: true,
            retrieveable: true,
            search_layoutable: true,
            searchable: true,
            triggerable: true,
            undeletable: true,
            updateable: true,
        }
    }
}

/// One entry of `childRelationships`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct ChildRelationship {
    pub child_object: String,
    pub field: String,
    /// `None` where the relationship cannot be queried.
    pub relationship_name: Option<String>,
    pub cascade_delete: bool,
    pub restricted_delete: bool,
    pub deprecated_and_hidden: bool,
    pub junction_id_list_names: Vec<String>,
    pub junction_reference_to: Vec<String>,
}

impl Schema {
    /// Every object, in the order in which they came: an object's index is its [`ObjectId`]. One that was deleted
    /// leaves an empty place ([`ObjectType::is_removed`]), so that ids stay what they are.
    pub fn objects(&self) -> &[Arc<ObjectType>] {
        &self.objects
    }

    /// An object by API name, whatever the case.
    pub fn find(&self, name: &str) -> Option<(ObjectId, &Arc<ObjectType>)> {
        let id = *self.by_name.get(&name.to_ascii_lowercase())?;
        Some((id, self.object(id)))
    }

    /// The object at this place.
    pub fn object(&self, id: ObjectId) -> &Arc<ObjectType> {
        &self.objects[usize::from(id.0)]
    }

    /// The object whose ids begin with these three characters.
    pub fn by_prefix(&self, prefix: [u8; 3]) -> Option<ObjectId> {
        self.by_prefix.get(&prefix).copied()
    }

    /// Adds an object, or replaces the one of the same name (which keeps its place).
    ///
    /// Its reference fields are entered as child relationships of the objects they point to, and objects already
    /// here that point to it are entered in its own list, unless the facts already have them.
    pub fn put(&mut self, mut object: ObjectType) -> ObjectId {
        object.index();
        files::admit(self, &mut object);
        for other in &self.objects {
            for (name, child) in other.child_relationships() {
                if name.eq_ignore_ascii_case(&object.name) && !other.name.eq_ignore_ascii_case(&object.name) {
                    object.add_child(child);
                }
            }
        }
        let mut of_itself = Vec::new();
        for (parent, child) in object.child_relationships() {
            if parent.eq_ignore_ascii_case(&object.name) {
                of_itself.push(child);
            } else if let Some((id, _)) = self.find(&parent) {
                let place = &mut self.objects[usize::from(id.0)];
                if !place.has_child(&child) {
                    Arc::make_mut(place).add_child(child);
                }
            }
        }
        for child in of_itself {
            object.add_child(child);
        }
        let key = object.name.to_ascii_lowercase();
        let id = match self.by_name.get(&key) {
            Some(id) if !object.is_removed() => *id,
            _ => ObjectId(u16::try_from(self.objects.len()).expect("an org has fewer than 65,536 objects")),
        };
        if let Some(prefix) = object.key_prefix {
            self.by_prefix.insert(prefix, id);
        }
        if !object.is_removed() {
            self.by_name.insert(key, id);
        }
        let object = Arc::new(object);
        match self.objects.get_mut(usize::from(id.0)) {
            Some(place) => *place = object,
            None => self.objects.push(object),
        }
        id
    }

    /// Changes an object that is here: as [`Schema::put`], and what its parents were told of its custom fields before
    /// is taken back first. Fields keep their places; one that goes leaves [`Field::removed`] in its own.
    pub fn replace(&mut self, mut object: ObjectType) -> ObjectId {
        object.children.retain(|c| c.child_object != object.name || !is_custom_name(&c.field));
        self.forget_children(&object.name);
        self.put(object)
    }

    /// Takes an object away. Its place stays, empty, and its key prefix is not given to another.
    pub fn remove(&mut self, name: &str) -> Option<ObjectId> {
        let id = self.by_name.remove(&name.to_ascii_lowercase())?;
        let object = self.object(id).clone();
        self.forget_children(&object.name);
        let prefix = object.key_prefix;
        self.objects[usize::from(id.0)] = Arc::new(ObjectType::removed(prefix));
        Some(id)
    }

    fn forget_children(&mut self, child: &str) {
        for place in &mut self.objects {
            if place.children.iter().any(|c| c.child_object == child && is_custom_name(&c.field)) {
                let parent = Arc::make_mut(place);
                parent.children.retain(|c| c.child_object != child || !is_custom_name(&c.field));
            }
        }
    }

    /// The key prefix of the next custom object (`a00`, `a01`, …) or of another kind of custom object by its first
    /// letter (`e` for platform events, `m` for custom metadata types). `None` when all were given out.
    pub fn next_prefix(&self, letter: u8) -> Option<[u8; 3]> {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        DIGITS
            .iter()
            .flat_map(|a| DIGITS.iter().map(move |b| [letter, *a, *b]))
            .find(|prefix| !self.by_prefix.contains_key(prefix))
    }

    /// Adds fields at the end of an object. `false` when there is no such object; a field that is there already is
    /// left as it is.
    pub fn add_fields(&mut self, object: &str, fields: impl IntoIterator<Item = Field>) -> bool {
        let Some((_, found)) = self.find(object) else { return false };
        let mut changed = ObjectType::clone(found);
        for field in fields {
            if changed.field(&field.name).is_none() {
                changed.fields.push(field);
                changed.index();
            }
        }
        self.put(changed);
        true
    }

    /// When a describe last changed: what `Last-Modified` shows and `If-Modified-Since` is compared with.
    pub fn last_modified(&self) -> Millis {
        self.last_modified
    }

    /// Notes that the schema changed at this time. Call it after [`Schema::put`] and [`Schema::add_fields`] in a
    /// living org.
    pub fn touch(&mut self, now: Millis) {
        self.last_modified = self.last_modified.max(now);
    }
}

impl ObjectType {
    /// An object without fields, with the flags of an ordinary custom object. The name tells whether it is custom.
    pub fn new(
        name: impl Into<String>,
        label: impl Into<String>,
        label_plural: impl Into<String>,
        key_prefix: Option<[u8; 3]>,
    ) -> Self {
        let name = name.into();
        Self {
            custom: name.ends_with("__c"),
            name,
            label: label.into(),
            label_plural: label_plural.into(),
            key_prefix,
            ..Self::default()
        }
    }

    /// The empty place of an object that was deleted. It keeps the prefix of its ids.
    pub fn removed(key_prefix: Option<[u8; 3]>) -> Self {
        let flags = ObjectFlags {
            compact_layoutable: false,
            createable: false,
            deletable: false,
            layoutable: false,
            mru_enabled: false,
            queryable: false,
            replicateable: false,
            retrieveable: false,
            search_layoutable: false,
            searchable: false,
            triggerable: false,
            undeletable: false,
            updateable: false,
            ..ObjectFlags::default()
        };
        Self { key_prefix, flags, ..Self::default() }
    }

    /// Whether this is the empty place of an object that was deleted.
    pub fn is_removed(&self) -> bool {
        self.name.is_empty()
    }

    /// A field by API name, whatever the case.
    pub fn field(&self, name: &str) -> Option<(FieldId, &Field)> {
        let id = *self.by_name.get(&name.to_ascii_lowercase())?;
        Some((id, &self.fields[usize::from(id.0)]))
    }

    /// The field at this place.
    pub fn field_at(&self, id: FieldId) -> &Field {
        &self.fields[usize::from(id.0)]
    }

    /// Fields with their places, in describe order, without those that were deleted.
    pub fn enumerate(&self) -> impl Iterator<Item = (FieldId, &Field)> {
        let placed = self.fields.iter().enumerate().map(|(i, f)| (FieldId(i as u16), f));
        placed.filter(|(_, f)| !f.is_removed())
    }

    /// The parent field whose `relationshipName` this is (`Account` → `AccountId`), whatever the case.
    pub fn relationship(&self, name: &str) -> Option<(FieldId, &Field)> {
        self.enumerate().find(|(_, f)| f.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)))
    }

    /// Whether its records have `IsDeleted`, so that a delete goes to the recycle bin.
    pub fn has_recycle_bin(&self) -> bool {
        self.flags.undeletable && self.field("IsDeleted").is_some()
    }

    /// The relationships in which this object is the child, each with the parent's name.
    fn child_relationships(&self) -> Vec<(String, ChildRelationship)> {
        let mut found = Vec::new();
        // An object without records of its own (`Name`) is nobody's child.
        let fields = self.flags.queryable.then_some(&self.fields);
        // `MasterRecordId`, which tells into what a record was merged, is never shown as a relationship of the parent.
        for field in fields.into_iter().flatten().filter(|f| f.name != "MasterRecordId") {
            for parent in &field.reference_to {
                let child = ChildRelationship {
                    child_object: self.name.clone(),
                    field: field.name.clone(),
                    relationship_name: field.child_relationship_name.clone(),
                    cascade_delete: field.cascade_delete,
                    restricted_delete: field.restricted_delete,
                    deprecated_and_hidden: false,
                    junction_id_list_names: Vec::new(),
                    junction_reference_to: Vec::new(),
                };
                found.push((parent.clone(), child));
            }
        }
        found
    }

    fn has_child(&self, child: &ChildRelationship) -> bool {
        self.children.iter().any(|c| c.child_object == child.child_object && c.field == child.field)
    }

    fn add_child(&mut self, child: ChildRelationship) {
        if !self.has_child(&child) {
            self.children.push(child);
        }
    }

    pub(crate) fn index(&mut self) {
        self.by_name = self.enumerate().map(|(id, f)| (f.name.to_ascii_lowercase(), id)).collect();
    }
}

/// Whether this is the API name of something custom.
fn is_custom_name(name: &str) -> bool {
    name.ends_with("__c") || name.ends_with("__s")
}

#[cfg(test)]
mod tests;
