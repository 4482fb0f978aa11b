//! The Avro schemas of events: of an object's change events, and of a platform event, made from the object's fields.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::bitmap::Place;
use super::entity::event_name;
use super::formulas::is_told;
use crate::schema::{Field, FieldId, FieldType, ObjectType};

/// Fields that are in no change event, on any object: the id and the state of deletion are told by the header, the rest is
/// derived or moves without an event (documented for change data capture).
const NEVER: &[&str] = &[
    "Id",
    "IsDeleted",
    "LastActivityDate",
    "LastReferencedDate",
    "LastViewedDate",
    "MasterRecordId",
    "PhotoUrl",
    "SystemModstamp",
];

/// The Avro type of a plain value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Boolean,
    Int,
    Long,
    Double,
}

/// What stands at one index of the schema, after the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// One field.
    Plain(FieldId, Kind),
    /// A compound with its parts.
    Compound(Vec<(FieldId, Kind)>),
}

/// What a slot is called in the event, and of what type its field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotName {
    pub(super) name: String,
    pub(super) ty: FieldType,
    /// Names of the parts of a compound.
    pub(super) parts: Vec<String>,
}

/// The schema of an object's events at one time. What it was when an event happened, the event keeps.
#[derive(Debug)]
pub struct EventSchema {
    /// 22 characters: base64url of 16 bytes of the hash of [`EventSchema::json`].
    pub id: String,
    /// The Avro schema.
    pub json: String,
    /// API name of the object.
    pub entity: String,
    /// API name of the event: `AccountChangeEvent`; of a platform event the object's own.
    pub name: String,
    pub(super) slots: Vec<Slot>,
    /// One for each slot.
    pub(super) names: Vec<SlotName>,
    /// Fields of long text, whose size decides whether an event is too large to be delivered.
    pub(super) long_texts: Vec<FieldId>,
    pub(super) last_modified_date: Option<FieldId>,
    places: HashMap<FieldId, Place>,
    /// Places that go together: a geolocation always sends both parts.
    together: HashMap<FieldId, FieldId>,
}

impl EventSchema {
    /// The schema of this object's events now: of its change events, or of the platform event that it is.
    pub fn of(object: &ObjectType) -> Self {
        if is_platform_event(object) {
            return Self::of_platform_event(object);
        }
        let mut parts = HashMap::<&str, Vec<(FieldId, &Field)>>::new();
        for (id, field) in object.enumerate() {
            if let Some(compound) = &field.compound_field_name
                && is_part(object, field)
            {
                parts.entry(compound.as_str()).or_default().push((id, field));
            }
        }
        let mut out = Builder::default();
        for (id, field) in object.enumerate() {
            let untold = field.formula.is_some() && !is_told(object, id);
            if NEVER.contains(&field.name.as_str()) || is_part(object, field) || untold {
                continue;
            }
            match parts.remove(field.name.as_str()) {
                Some(parts) => out.compound(field, parts),
                None => out.plain(id, field),
            }
        }
        let name = event_name(&object.name);
        let mut fields = vec![header()];
        fields.append(&mut out.fields);
        let json = json!({ "type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": fields });
        out.finish(object, name, &json)
    }

    /// `CreatedDate` and `CreatedById`, which every event has, then the fields of the definition.
    fn of_platform_event(object: &ObjectType) -> Self {
        let mut out = Builder::default();
        for (id, field) in object.enumerate().filter(|(_, f)| f.custom || f.name.ends_with("__c")) {
            out.plain(id, field);
        }
        let mut fields = vec![
            json!({ "name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime" }),
            json!({ "name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId" }),
        ];
        fields.append(&mut out.fields);
        let name = object.name.clone();
        let json = json!({ "type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": fields });
        out.finish(object, name, &json)
    }

    /// Whether it is the schema of a platform event.
    pub fn is_platform_event(&self) -> bool {
        self.entity.ends_with(PLATFORM_EVENT)
    }

    /// Where a field stands; `None` for a field that is in no event.
    pub fn place(&self, field: FieldId) -> Option<Place> {
        self.places.get(&field).copied()
    }

    /// The fields that events carry.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.places.keys().copied()
    }

    /// The fields with these names, in lower case; of a compound all its parts, or the one of `compound.part`.
    pub(super) fn fields_named(&self, names: &std::collections::HashSet<String>) -> Vec<FieldId> {
        let mut found = Vec::new();
        for (slot, name) in self.slots.iter().zip(&self.names) {
            let whole = name.name.to_ascii_lowercase();
            match slot {
                Slot::Plain(field, _) if names.contains(&whole) => found.push(*field),
                Slot::Plain(..) => {}
                Slot::Compound(parts) => {
                    let parts = parts.iter().zip(&name.parts).filter(|(_, part)| {
                        names.contains(&whole) || names.contains(&format!("{whole}.{}", part.to_ascii_lowercase()))
                    });
                    found.extend(parts.map(|((field, _), _)| *field));
                }
            }
        }
        found
    }

    /// The field that always goes with this one.
    pub(super) fn companion(&self, field: FieldId) -> Option<FieldId> {
        self.together.get(&field).copied()
    }
}

/// Whether the field is a part of a compound that the object has.
fn is_part(object: &ObjectType, field: &Field) -> bool {
    field.compound_field_name.as_ref().is_some_and(|compound| {
        *compound != field.name && object.field(compound).is_some_and(|(_, f)| !is_switchable(f))
    })
}

/// A name that is text or made of parts, as that of an account that may be a person. Text and parts stand side by side here
/// (unconfirmed).
fn is_switchable(field: &Field) -> bool {
    field.extra_type_info.as_deref() == Some("switchablepersonname")
}

/// How the API names of platform events end.
const PLATFORM_EVENT: &str = "__e";

/// Whether the object is the definition of a platform event.
pub fn is_platform_event(object: &ObjectType) -> bool {
    object.name.ends_with(PLATFORM_EVENT)
}

#[derive(Default)]
struct Builder {
    fields: Vec<Json>,
    slots: Vec<Slot>,
    slot_names: Vec<SlotName>,
    places: HashMap<FieldId, Place>,
    together: HashMap<FieldId, FieldId>,
    long_texts: Vec<FieldId>,
    /// Records already defined, by name, with their parts: a later use of the same goes by name.
    defined: HashMap<String, Vec<String>>,
}

impl Builder {
    fn finish(self, object: &ObjectType, name: String, json: &Json) -> EventSchema {
        let json = json.to_string();
        let hash = Sha256::digest(json.as_bytes());
        EventSchema {
            id: URL_SAFE_NO_PAD.encode(&hash[..16]),
            json,
            entity: object.name.clone(),
            name,
            slots: self.slots,
            names: self.slot_names,
            long_texts: self.long_texts,
            last_modified_date: object.field("LastModifiedDate").map(|(id, _)| id),
            places: self.places,
            together: self.together,
        }
    }

    fn plain(&mut self, id: FieldId, field: &Field) {
        let Some(kind) = kind(field) else { return };
        if field.ty == FieldType::Textarea && field.length > 255 {
            self.long_texts.push(id);
        }
        self.places.insert(id, Place { top: self.slots.len() + 1, child: None });
        self.slots.push(Slot::Plain(id, kind));
        self.slot_names.push(SlotName { name: field.name.clone(), ty: field.ty, parts: Vec::new() });
        self.fields.push(nullable(&field.name, json!(kind.avro()), &doc(field)));
    }

    fn compound(&mut self, field: &Field, mut parts: Vec<(FieldId, &Field)>) {
        let base = match field.ty {
            FieldType::Address => "Address",
            FieldType::Location => "Location",
            _ => "PersonName",
        };
        if base == "PersonName" {
            parts.sort_by_key(|(_, part)| person_name_order(&part.name));
        }
        let parts: Vec<_> = parts.into_iter().filter_map(|(id, part)| Some((id, part, kind(part)?))).collect();
        let names: Vec<String> = parts.iter().map(|(_, part, _)| part_name(&field.name, &part.name)).collect();
        self.slot_names.push(SlotName { name: field.name.clone(), ty: field.ty, parts: names.clone() });
        let top = self.slots.len() + 1;
        for (child, (id, ..)) in parts.iter().enumerate() {
            self.places.insert(*id, Place { top, child: Some(child) });
        }
        if let (FieldType::Location, [(a, ..), (b, ..)]) = (field.ty, parts.as_slice()) {
            self.together.extend([(*a, *b), (*b, *a)]);
        }
        // Two compounds of one kind have the same parts as a rule; where they differ, the later needs a name of its own.
        let name = match self.defined.get(base) {
            Some(known) if *known != names => format!("{}_{base}", field.name),
            _ => base.to_owned(),
        };
        let avro = if self.defined.contains_key(&name) {
            json!(name)
        } else {
            let fields: Vec<_> = parts
                .iter()
                .zip(&names)
                .map(|((_, part, kind), name)| nullable(name, json!(kind.avro()), &doc(part)))
                .collect();
            self.defined.insert(name.clone(), names);
            json!({ "type": "record", "name": name, "fields": fields })
        };
        self.fields.push(nullable(&field.name, avro, "Data:ComplexValueType"));
        self.slots.push(Slot::Compound(parts.into_iter().map(|(id, _, kind)| (id, kind)).collect()));
    }
}

impl Kind {
    fn avro(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Double => "double",
        }
    }
}

fn nullable(name: &str, avro: Json, doc: &str) -> Json {
    json!({ "name": name, "type": ["null", avro], "doc": doc, "default": null })
}

/// The Avro type of a field; `None` for what events do not carry (files, and compounds without parts).
fn kind(field: &Field) -> Option<Kind> {
    Some(match field.ty {
        FieldType::Boolean => Kind::Boolean,
        FieldType::Int => Kind::Int,
        FieldType::Currency | FieldType::Double | FieldType::Percent => Kind::Double,
        FieldType::Date | FieldType::Datetime | FieldType::Time | FieldType::Long => Kind::Long,
        FieldType::Base64 | FieldType::Location | FieldType::Address | FieldType::Complexvalue => return None,
        _ => Kind::String,
    })
}

/// The platform's word for a field's type. Only its shape is known; nothing may depend on it.
fn doc(field: &Field) -> String {
    match field.name.as_str() {
        "CreatedDate" | "LastModifiedDate" => return format!("{}:DateTime", field.name),
        "CreatedById" => return "CreatedBy:EntityId".into(),
        "LastModifiedById" => return "LastModifiedBy:EntityId".into(),
        _ => {}
    }
    let word = match field.ty {
        FieldType::Reference | FieldType::Id => return "ForeignKey:EntityId".into(),
        FieldType::Picklist | FieldType::Combobox => "DynamicEnum",
        FieldType::Multipicklist => "MultiEnum",
        FieldType::Boolean => "Boolean",
        FieldType::Int | FieldType::Long => "Integer",
        FieldType::Double => "Double",
        FieldType::Currency => "Currency",
        FieldType::Percent => "Percent",
        FieldType::Date => "DateOnly",
        FieldType::Datetime => "DateTime",
        FieldType::Time => "TimeOnly",
        FieldType::Phone => "Phone",
        FieldType::Email => "Email",
        FieldType::Url => "Url",
        FieldType::Textarea => "MultiLineText",
        FieldType::Encryptedstring => "EncryptedText",
        _ => "Text",
    };
    if field.calculated { format!("Formula:{word}") } else { format!("Data:{word}") }
}

/// `BillingAddress` and `BillingStreet` → `Street`; `Depot__c` and `Depot__Latitude__s` → `Latitude`.
fn part_name(compound: &str, part: &str) -> String {
    if let Some(stem) = compound.strip_suffix("__c")
        && let Some(name) = part.strip_prefix(stem).and_then(|rest| rest.strip_prefix("__"))
        && let Some(name) = name.strip_suffix("__s")
    {
        return name.to_owned();
    }
    let prefix = compound.strip_suffix("Address").unwrap_or_default();
    part.strip_prefix(prefix).filter(|name| !name.is_empty()).unwrap_or(part).to_owned()
}

fn person_name_order(name: &str) -> usize {
    ["Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix"]
        .iter()
        .position(|known| *known == name)
        .unwrap_or(usize::MAX)
}

fn header() -> Json {
    let string = |name: &str| json!({ "name": name, "type": "string" });
    let strings = |name: &str| json!({ "name": name, "type": { "type": "array", "items": "string" } });
    json!({
        "name": "ChangeEventHeader",
        "type": {
            "type": "record",
            "name": "ChangeEventHeader",
            "fields": [
                string("entityName"),
                strings("recordIds"),
                { "name": "changeType", "type": {
                    "type": "enum", "name": "ChangeType",
                    "symbols": super::ChangeType::ALL.map(super::ChangeType::name),
                } },
                string("changeOrigin"),
                string("transactionKey"),
                { "name": "sequenceNumber", "type": "int" },
                { "name": "commitTimestamp", "type": "long" },
                { "name": "commitNumber", "type": "long" },
                string("commitUser"),
                strings("nulledFields"),
                strings("diffFields"),
                strings("changedFields"),
            ],
        },
    })
}

/// Every schema that events were written with, by id, and the newest of each object.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    by_id: HashMap<String, Arc<EventSchema>>,
    newest: HashMap<String, (Arc<ObjectType>, Arc<EventSchema>)>,
}

impl Schemas {
    /// The schema of this object now; worked out once per definition.
    pub(super) fn current(&mut self, object: &Arc<ObjectType>) -> Arc<EventSchema> {
        if let Some((known, schema)) = self.newest.get(&object.name)
            && Arc::ptr_eq(known, object)
        {
            return schema.clone();
        }
        let made = EventSchema::of(object);
        // An id stands for its text. But field places can differ under one text (a field that is in no event was added),
        // so the newest made is the one that encodes; for reading the schema either will do.
        let schema = Arc::new(made);
        self.by_id.entry(schema.id.clone()).or_insert_with(|| schema.clone());
        self.newest.insert(object.name.clone(), (object.clone(), schema.clone()));
        schema
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<EventSchema>> {
        self.by_id.get(id)
    }
}
