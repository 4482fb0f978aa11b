//! Components saved, read, renamed and deleted, each by the rules of its type.

use super::field::{self, FieldDef};
use super::work::Effect;
use super::{
    Mode, Node, Problem, Work, channel, convert, custom_metadata, global_values, naming, object, permission_set,
    record_type, render, types,
};
use crate::RecordId;
use crate::schema::{Field, FieldId, FieldType, ObjectId, ObjectType};
use crate::xml::Element;

/// A component that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its name.
    pub full_name: String,
    /// Its id.
    pub id: RecordId,
    /// Whether it is new.
    pub created: bool,
}

/// Saves one component of this type: everything that its element holds, its parts with it.
///
/// # Errors
/// The first rule that it breaks. What was done until then stays in the work: go back to a savepoint.
pub fn save(work: &mut Work<'_>, kind: &str, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    if full_name.is_empty() {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [fullName]").at(element));
    }
    match kind {
        "CustomObject" => {
            let saved = object::save(work, full_name, element, mode)?;
            for (part, name, child) in object::parts(full_name, element)? {
                save(work, part, &name, child, Mode::Upsert).map_err(|p| p.at(child))?;
            }
            Ok(saved)
        }
        "CustomField" => save_field(work, full_name, element, mode).map_err(|p| p.at(element)),
        "RecordType" => record_type::save(work, full_name, element, mode).map_err(|p| p.at(element)),
        "PermissionSet" => permission_set::save(work, full_name, element, mode).map_err(|p| p.at(element)),
        "GlobalValueSet" => global_values::save(work, full_name, element, mode).map_err(|p| p.at(element)),
        "PlatformEventChannel" => channel::save_channel(work, full_name, element, mode).map_err(|p| p.at(element)),
        "PlatformEventChannelMember" => channel::save_member(work, full_name, element, mode).map_err(|p| p.at(element)),
        "ManagedEventSubscription" => {
            channel::save_subscription(work, full_name, element, mode).map_err(|p| p.at(element))
        }
        "CustomMetadata" => custom_metadata::save(work, full_name, element, mode).map_err(|p| p.at(element)),
        _ => save_kept(work, kind, full_name, element, mode).map_err(|p| p.at(element)),
    }
}

/// A component that acts on nothing.
pub(super) fn save_kept(
    work: &mut Work<'_>,
    kind: &str,
    full_name: &str,
    element: &Element,
    mode: Mode,
) -> Result<Saved, Problem> {
    let Some(known) = types::known(kind) else {
        let message = format!("{kind} is not a metadata type that this organization can save");
        return Err(Problem::new("INVALID_TYPE", message));
    };
    let mut full_name = full_name.to_owned();
    let given = full_name.clone();
    if types::part_element(known).is_some() {
        let (object, name) = naming::split(&given)?;
        let (_, facts) = work.object(object)?;
        full_name = format!("{}.{name}", facts.name);
        if known == "ValidationRule" && element.text_of("active") == Some("true") {
            let message = format!("The validation rule {name} is kept; this emulator does not enforce it");
            work.remarks.push(Problem::info(message).at(element));
        }
    }
    let created = check_mode(work, known, &full_name, mode)?;
    let mut node = Node::from_element(element);
    node.remove("fullName");
    let id = work.keep(known, &full_name, None, node, Vec::new());
    Ok(Saved { full_name, id, created })
}

/// Whether the component is new; refused where the mode does not allow that.
pub(super) fn check_mode(work: &Work<'_>, kind: &str, full_name: &str, mode: Mode) -> Result<bool, Problem> {
    match (work.catalog.get(kind, full_name).is_some(), mode) {
        (true, Mode::Create) => Err(duplicate(kind, full_name)),
        (false, Mode::Update) => Err(Problem::no_such(kind, full_name)),
        (there, _) => Ok(!there),
    }
}

pub(super) fn duplicate(kind: &str, full_name: &str) -> Problem {
    let message = format!("The {kind} name you entered is already in use: {full_name}");
    Problem::new("DUPLICATE_DEVELOPER_NAME", message)
}

fn save_field(work: &mut Work<'_>, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    let (object_name, name) = naming::split(full_name)?;
    let (object, facts) = work.object(object_name)?;
    if !name.ends_with("__c") {
        return object::save_standard_field(work, object, &facts, name, element);
    }
    let def = field::read(element, name)?;
    let existing = facts.field(&def.name).filter(|(_, f)| f.custom).map(|(id, f)| (id, f.clone()));
    match (&existing, mode) {
        (Some(_), Mode::Create) => {
            let message = format!("There is already a field named {} on {}.", def.developer_name, facts.label);
            return Err(Problem::new("DUPLICATE_DEVELOPER_NAME", message));
        }
        (None, Mode::Update) => return Err(Problem::no_such("CustomField", full_name)),
        _ => {}
    }
    check_kind_of_object(&def, &facts)?;
    let globals = def.values.global.as_deref().map(|name| global_values::values(work, name)).transpose()?;
    let fields = convert::fields(&def, &work.schema, object, globals.as_deref())?;
    let place = match existing {
        None => add(work, object, &facts, &def, fields)?,
        Some((place, before)) => alter(work, object, &facts, place, &before, &def, fields)?,
    };
    let (_, facts) = work.object(object_name)?;
    let full_name = format!("{}.{}", facts.name, def.name);
    let created = work.catalog.get("CustomField", &full_name).is_none() && mode != Mode::Update;
    let mut node = Node::from_element(element);
    node.remove("fullName");
    let id = work.keep("CustomField", &full_name, Some(naming::field_id(object, place)), node, Vec::new());
    let field = facts.field(&def.name).map(|(_, f)| f);
    let is_new = created && field.is_some();
    Ok(Saved { full_name, id, created: is_new })
}

/// Kinds of objects that do not take every type of field.
fn check_kind_of_object(def: &FieldDef, object: &ObjectType) -> Result<(), Problem> {
    let allowed: &[&str] = if object.name.ends_with("__e") {
        &["Checkbox", "Date", "DateTime", "Number", "Text", "LongTextArea"]
    } else if object.flags.custom_setting {
        &["Checkbox", "Currency", "Date", "DateTime", "Email", "Number", "Percent", "Phone", "Text", "TextArea", "Url"]
    } else if object.name.ends_with("__mdt") {
        &[
            "Checkbox",
            "Date",
            "DateTime",
            "Email",
            "LongTextArea",
            "Number",
            "Percent",
            "Phone",
            "Picklist",
            "Text",
            "TextArea",
            "Url",
        ]
    } else if object.custom || crate::metadata::object::takes_custom_fields(object) {
        return Ok(());
    } else {
        let message = format!("{} cannot have custom fields", object.name);
        return Err(Problem::integrity(message));
    };
    if allowed.contains(&def.ty) {
        return Ok(());
    }
    let message = format!("Cannot make a CustomField of type {} on {}", def.ty, object.name);
    Err(Problem::integrity(message))
}

/// Puts a new field at the end of its object.
fn add(
    work: &mut Work<'_>,
    object: ObjectId,
    facts: &ObjectType,
    def: &FieldDef,
    fields: Vec<Field>,
) -> Result<FieldId, Problem> {
    let master = fields.iter().any(|f| f.relationship_order.is_some());
    if master && work.has_records(object) {
        let message = format!(
            "You cannot create a master-detail relationship field on {}: it already has records, which would have no \
             master. Make a lookup first, fill it in, and change its type.",
            facts.name
        );
        return Err(Problem::integrity(message));
    }
    let mut changed = facts.clone();
    let mut places = Vec::new();
    for field in fields {
        if changed.field(&field.name).is_some() {
            let message = format!("There is already a field named {} on {}.", field.name, facts.label);
            return Err(Problem::new("DUPLICATE_DEVELOPER_NAME", message));
        }
        let place = FieldId(u16::try_from(changed.fields.len()).map_err(|_| too_many(facts))?);
        if field.ty == FieldType::Boolean && !field.calculated {
            // Rows that are there already get the default, as a checkbox always has a value.
            let value = crate::Value::Bool(field.default_value.as_deref() == Some("true"));
            work.effects.push(Effect::Fill { object, field: place, value });
        }
        if field.summary.is_some() {
            work.effects.push(Effect::RollUp { object, field: place });
        }
        if field.auto_number {
            let format = field.auto_number_format.clone().unwrap_or_default();
            let start = def.starting_number.unwrap_or(1);
            work.effects.push(Effect::Number { object, field: place, format, start, existing: def.number_existing });
        }
        changed.fields.push(field);
        changed.index();
        places.push(place);
    }
    if master {
        drop_owner(&mut changed);
    }
    work.schema.replace(changed);
    // A geolocation goes by its compound, the last of the three.
    places.last().copied().ok_or_else(|| too_many(facts))
}

fn too_many(object: &ObjectType) -> Problem {
    Problem::new("LIMIT_EXCEEDED", format!("The object {} has no place for another field", object.name))
}

/// Details belong to the owners of their masters.
fn drop_owner(object: &mut ObjectType) {
    if let Some((FieldId(place), _)) = object.field("OwnerId") {
        object.fields[usize::from(place)] = Field::removed();
        object.index();
    }
}

/// An object that is no detail any more has owners again.
fn restore_owner(work: &mut Work<'_>, object: ObjectId, facts: &mut ObjectType) {
    let detail = facts.enumerate().any(|(_, f)| f.relationship_order.is_some());
    if detail || !facts.name.ends_with("__c") || facts.flags.custom_setting || facts.field("OwnerId").is_some() {
        return;
    }
    let place = FieldId(facts.fields.len() as u16);
    facts.fields.push(ObjectType::owner_field());
    facts.index();
    work.effects.push(Effect::Fill { object, field: place, value: crate::Value::Id(work.user) });
}

/// Types whose values the other types of a group can take over.
const TEXTS: &[&str] = &[
    "Text",
    "TextArea",
    "LongTextArea",
    "Html",
    "Email",
    "Phone",
    "Url",
    "Picklist",
    "MultiselectPicklist",
    "AutoNumber",
];
const NUMBERS: &[&str] = &["Number", "Currency", "Percent"];

/// Changes a field at its place.
fn alter(
    work: &mut Work<'_>,
    object: ObjectId,
    facts: &ObjectType,
    place: FieldId,
    before: &Field,
    def: &FieldDef,
    fields: Vec<Field>,
) -> Result<FieldId, Problem> {
    let mut changed = facts.clone();
    let Some(mut after) = fields.last().cloned() else { return Err(too_many(facts)) };
    let was = render::field_type(before);
    let text = |ty: &str| TEXTS.contains(&ty);
    let number = |ty: &str| NUMBERS.contains(&ty);
    let computed = before.calculated || after.calculated;
    let allowed = was == def.ty && before.formula.is_some() == after.formula.is_some()
        || !computed
            && (text(was) && text(def.ty)
                || number(was) && (number(def.ty) || text(def.ty))
                || text(was) && number(def.ty)
                || matches!((was, def.ty), ("Date", "DateTime") | ("DateTime", "Date"))
                || matches!((was, def.ty), ("Lookup", "MasterDetail") | ("MasterDetail", "Lookup")));
    if !allowed {
        let message = format!(
            "Cannot update field {}.{}: its type cannot be changed from {was} to {}",
            facts.name, def.name, def.ty
        );
        return Err(Problem::integrity(message));
    }
    if was == "Location" {
        for field in fields {
            if let Some((FieldId(place), _)) = changed.field(&field.name) {
                changed.fields[usize::from(place)] = field;
            }
        }
        changed.index();
        work.schema.replace(changed);
        return Ok(place);
    }
    if before.ty == FieldType::Reference && before.reference_to != after.reference_to {
        return Err(Problem::integrity(format!("Cannot change referenceTo of {}.{}", facts.name, def.name)));
    }
    check_data(work, object, facts, place, before, &after)?;
    if was != def.ty {
        work.effects.push(Effect::Convert { object, field: place, to: Box::new(after.clone()) });
    }
    if before.auto_number && after.auto_number && def.starting_number.is_none() {
        after.auto_number_format = after.auto_number_format.or_else(|| before.auto_number_format.clone());
    } else if after.auto_number && (!before.auto_number || def.starting_number.is_some()) {
        let format = after.auto_number_format.clone().unwrap_or_default();
        let start = def.starting_number.unwrap_or(1);
        if !before.auto_number {
            work.effects.push(Effect::Number { object, field: place, format, start, existing: false });
        }
    }
    if after.summary.is_some() {
        work.effects.push(Effect::RollUp { object, field: place });
    }
    changed.fields[usize::from(place.0)] = after;
    changed.index();
    match (was, def.ty) {
        ("Lookup", "MasterDetail") => drop_owner(&mut changed),
        ("MasterDetail", "Lookup") => restore_owner(work, object, &mut changed),
        _ => {}
    }
    work.schema.replace(changed);
    Ok(place)
}

/// Whether the records that are there can live with the change.
fn check_data(
    work: &Work<'_>,
    object: ObjectId,
    facts: &ObjectType,
    place: FieldId,
    before: &Field,
    after: &Field,
) -> Result<(), Problem> {
    let Some(table) = work.store.table(object) else { return Ok(()) };
    let name = format!("{}.{}", facts.name, before.name);
    if after.unique && !before.unique {
        let mut seen = std::collections::HashSet::new();
        for (_, row) in table.live_rows() {
            let value = row.get(place);
            let key = match &value {
                crate::Value::Null => continue,
                crate::Value::Text(text) if !after.case_sensitive => text.to_lowercase(),
                value => format!("{value:?}"),
            };
            if !seen.insert(key) {
                let message = format!("{name} cannot be unique: there are records with the same value");
                return Err(Problem::new("DUPLICATE_VALUE", message));
            }
        }
    }
    if after.ty.is_text() && before.ty.is_text() && after.length < before.length {
        let too_long = |row: &crate::store::Row| match row.get_ref(place) {
            crate::value::ValueRef::Text(text) => text.chars().count() > after.length as usize,
            _ => false,
        };
        if table.rows().any(|(_, row)| too_long(row)) {
            let message =
                format!("{name} cannot be shortened to {}: there are records with longer values", after.length);
            return Err(Problem::integrity(message));
        }
    }
    if after.relationship_order.is_some()
        && before.relationship_order.is_none()
        && table.live_rows().any(|(_, row)| row.get_ref(place).is_null())
    {
        let message = format!("{name} cannot become a master-detail field: there are records without a value");
        return Err(Problem::integrity(message));
    }
    Ok(())
}

/// Deletes one component.
///
/// # Errors
/// It is not there, something else needs it, or it cannot be deleted.
pub fn delete(work: &mut Work<'_>, kind: &str, full_name: &str) -> Result<RecordId, Problem> {
    match kind {
        "CustomObject" => object::delete(work, full_name),
        "CustomField" => delete_field(work, full_name),
        "RecordType" => record_type::delete(work, full_name),
        "GlobalValueSet" => global_values::delete(work, full_name),
        "PlatformEventChannel" => channel::delete_channel(work, full_name),
        "PlatformEventChannelMember" => channel::delete_member(work, full_name),
        "CustomMetadata" => custom_metadata::delete(work, full_name),
        _ => {
            let Some(known) = types::known(kind) else {
                return Err(Problem::new("INVALID_TYPE", format!("Unknown type name '{kind}'")));
            };
            match work.catalog.remove(known, full_name) {
                Some(gone) => {
                    if known == permission_set::KIND {
                        permission_set::forget(work, gone.id);
                    }
                    Ok(gone.id)
                }
                None => Err(Problem::no_such(kind, full_name)),
            }
        }
    }
}

fn delete_field(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    let missing = || Problem::no_such("CustomField", full_name);
    let (object_name, name) = naming::split(full_name)?;
    let (object, facts) = work.schema.find(object_name).map(|(id, o)| (id, o.clone())).ok_or_else(missing)?;
    let (place, field) = facts.field(name).filter(|(_, f)| f.custom && f.name.ends_with("__c")).ok_or_else(missing)?;
    let mut gone = vec![place];
    gone.extend(
        facts.enumerate().filter(|(_, f)| f.compound_field_name.as_deref() == Some(&field.name)).map(|(id, _)| id),
    );
    if let Some(user) = object::user_of(&work.schema, &facts, &field.name) {
        let message = format!("This custom field is referenced elsewhere in salesforce.com. : {user}");
        return Err(Problem::new("DELETE_FAILED", message));
    }
    let full_name = format!("{}.{}", facts.name, field.name);
    let master = field.relationship_order.is_some();
    let mut changed = ObjectType::clone(&facts);
    for place in gone {
        changed.fields[usize::from(place.0)] = Field::removed();
        work.effects.push(Effect::Clear { object, field: place });
    }
    changed.index();
    if master {
        restore_owner(work, object, &mut changed);
    }
    work.schema.replace(changed);
    work.catalog.remove("CustomField", &full_name);
    Ok(naming::field_id(object, place))
}

/// Gives a component another name.
///
/// # Errors
/// It is not there, or its type keeps its names.
pub fn rename(work: &mut Work<'_>, kind: &str, old: &str, new: &str) -> Result<(), Problem> {
    match kind {
        "CustomField" => rename_field(work, old, new),
        "CustomObject" | "PlatformEventChannel" | "PlatformEventChannelMember" | "CustomMetadata" | "RecordType" => {
            let message = format!("This emulator cannot rename a {kind}; deploy it under its new name");
            Err(Problem::new("INVALID_TYPE_FOR_OPERATION", message))
        }
        _ => {
            let Some(known) = types::known(kind) else {
                return Err(Problem::new("INVALID_TYPE", format!("Unknown type name '{kind}'")));
            };
            if work.catalog.get(known, new).is_some() {
                return Err(duplicate(known, new));
            }
            let Some(before) = work.catalog.remove(known, old) else { return Err(Problem::no_such(kind, old)) };
            work.keep(known, new, Some(before.id), before.node.clone(), before.files.clone());
            Ok(())
        }
    }
}

fn rename_field(work: &mut Work<'_>, old: &str, new: &str) -> Result<(), Problem> {
    let missing = || Problem::no_such("CustomField", old);
    let (object_name, name) = naming::split(old)?;
    let (new_object, new_name) = naming::split(new)?;
    let (object, facts) = work.schema.find(object_name).map(|(id, o)| (id, o.clone())).ok_or_else(missing)?;
    let (place, field) = facts.field(name).filter(|(_, f)| f.custom).ok_or_else(missing)?;
    let developer_name = new_name.strip_suffix("__c").unwrap_or_default();
    naming::check(developer_name, "Custom Field Name")?;
    if !new_object.eq_ignore_ascii_case(&facts.name) || field.ty == FieldType::Location {
        return Err(Problem::integrity(format!("Cannot rename {old} to {new}")));
    }
    if facts.field(new_name).is_some() {
        let message = format!("There is already a field named {developer_name} on {}.", facts.label);
        return Err(Problem::new("DUPLICATE_DEVELOPER_NAME", message));
    }
    if let Some(user) = object::user_of(&work.schema, &facts, &field.name) {
        let message = format!("This custom field is referenced elsewhere in salesforce.com. : {user}");
        return Err(Problem::new("DEPENDENCY_EXISTS", message));
    }
    let mut changed = ObjectType::clone(&facts);
    let renamed = &mut changed.fields[usize::from(place.0)];
    renamed.name = new_name.to_owned();
    if renamed.ty == FieldType::Reference {
        renamed.relationship_name = Some(format!("{developer_name}__r"));
    }
    changed.index();
    work.schema.replace(changed);
    let id = naming::field_id(object, place);
    if let Some(before) = work.catalog.remove("CustomField", &format!("{}.{name}", facts.name)) {
        work.keep("CustomField", &format!("{}.{new_name}", facts.name), Some(id), before.node.clone(), Vec::new());
    }
    Ok(())
}

/// A component as it is now; `None` where it is not there.
pub fn read(org: &crate::Org, kind: &str, full_name: &str) -> Option<Node> {
    render::component(org, kind, full_name)
}
