//! The org's objects and fields, standard and custom: the facts that describe, SOQL, DML, Bulk and the change-event
//! schemas all read.

use std::collections::HashMap;
use std::sync::Arc;

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
}

/// One object (standard or custom).
#[derive(Debug, Clone, Default)]
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
    /// Fields in describe order.
    pub fields: Vec<Field>,
    /// Relationships in which this object is the parent.
    pub children: Vec<ChildRelationship>,
    by_name: HashMap<String, FieldId>,
}

/// Object-level members of a describe that are true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct ObjectFlags {
    pub activateable: bool,
    pub compact_layoutable: bool,
    pub createable: bool,
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

/// The `type` of a field, as describe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub enum FieldType {
    String,
    Picklist,
    Multipicklist,
    Combobox,
    Reference,
    Base64,
    Boolean,
    Currency,
    Textarea,
    Int,
    Double,
    Percent,
    Phone,
    Id,
    Date,
    Datetime,
    Time,
    Url,
    Email,
    Encryptedstring,
    DatacategoryGroupReference,
    Location,
    Address,
    AnyType,
    Complexvalue,
    Long,
}

/// One field, with the members of its describe that anything here acts on or shows.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of the describe result, which reference documentation explains")]
pub struct Field {
    pub name: String,
    pub label: String,
    pub ty: FieldType,
    pub custom: bool,
    /// Characters; 0 where it does not apply.
    pub length: u32,
    pub byte_length: u32,
    pub digits: u32,
    pub precision: u32,
    pub scale: u32,
    pub nillable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub permissionable: bool,
    pub calculated: bool,
    pub calculated_formula: Option<String>,
    pub auto_number: bool,
    pub defaulted_on_create: bool,
    /// `defaultValue`: text, boolean or null.
    pub default_value: Option<String>,
    pub default_value_formula: Option<String>,
    pub external_id: bool,
    pub unique: bool,
    pub id_lookup: bool,
    pub case_sensitive: bool,
    pub filterable: bool,
    pub sortable: bool,
    pub groupable: bool,
    pub aggregatable: bool,
    pub name_field: bool,
    pub name_pointing: bool,
    pub polymorphic_foreign_key: bool,
    pub reference_to: Vec<String>,
    pub relationship_name: Option<String>,
    pub relationship_order: Option<u32>,
    pub cascade_delete: bool,
    pub restricted_delete: bool,
    pub write_requires_master_read: bool,
    pub compound_field_name: Option<String>,
    pub picklist: Vec<PicklistValue>,
    pub restricted_picklist: bool,
    pub dependent_picklist: bool,
    pub controller_name: Option<String>,
    pub html_formatted: bool,
    pub extra_type_info: Option<String>,
    pub query_by_distance: bool,
    pub display_location_in_decimal: bool,
    pub search_prefilterable: bool,
    pub high_scale_number: bool,
    pub inline_help_text: Option<String>,
}

/// One entry of `picklistValues`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct PicklistValue {
    pub value: String,
    pub label: String,
    pub active: bool,
    pub default_value: bool,
    pub valid_for: Option<String>,
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
}

impl Schema {
    /// Every object, in the order in which they came.
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
    pub fn put(&mut self, mut object: ObjectType) -> ObjectId {
        object.index();
        let key = object.name.to_ascii_lowercase();
        let id = match self.by_name.get(&key) {
            Some(id) => *id,
            None => ObjectId(u16::try_from(self.objects.len()).expect("an org has fewer than 65,536 objects")),
        };
        if let Some(prefix) = object.key_prefix {
            self.by_prefix.insert(prefix, id);
        }
        self.by_name.insert(key, id);
        let object = Arc::new(object);
        match self.objects.get_mut(usize::from(id.0)) {
            Some(place) => *place = object,
            None => self.objects.push(object),
        }
        id
    }
}

impl ObjectType {
    /// A field by API name, whatever the case.
    pub fn field(&self, name: &str) -> Option<(FieldId, &Field)> {
        let id = *self.by_name.get(&name.to_ascii_lowercase())?;
        Some((id, &self.fields[usize::from(id.0)]))
    }

    /// The field at this place.
    pub fn field_at(&self, id: FieldId) -> &Field {
        &self.fields[usize::from(id.0)]
    }

    /// Fields with their places, in describe order.
    pub fn enumerate(&self) -> impl Iterator<Item = (FieldId, &Field)> {
        self.fields.iter().enumerate().map(|(i, f)| (FieldId(i as u16), f))
    }

    /// The parent field whose `relationshipName` this is (`Account` → `AccountId`), whatever the case.
    pub fn relationship(&self, name: &str) -> Option<(FieldId, &Field)> {
        self.enumerate().find(|(_, f)| f.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)))
    }

    fn index(&mut self) {
        self.by_name = self.enumerate().map(|(id, f)| (f.name.to_ascii_lowercase(), id)).collect();
    }
}
