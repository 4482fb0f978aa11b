//! `CustomObject`: custom objects, custom settings, custom metadata types and platform events, and the parts that
//! stand in an object's file.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/customobject.htm>

use super::apply::Saved;
use super::work::Effect;
use super::{Mode, Node, Problem, Work, field, naming, types};
use crate::RecordId;
use crate::schema::{Field, FieldType, NameField, ObjectId, ObjectType, Schema};
use crate::xml::Element;

/// Elements of a `CustomObject` that say something of the object itself.
const SETTINGS: &[&str] = &[
    "actionOverrides",
    "allowInChatterGroups",
    "articleTypeChannelDisplay",
    "compactLayoutAssignment",
    "customHelp",
    "customHelpPage",
    "customSettingsType",
    "dataStewardGroup",
    "dataStewardUser",
    "deploymentStatus",
    "deprecated",
    "description",
    "enableActivities",
    "enableBulkApi",
    "enableChangeDataCapture",
    "enableDataTranslation",
    "enableDivisions",
    "enableEnhancedLookup",
    "enableFeeds",
    "enableHistory",
    "enableLicensing",
    "enablePublishStatusTracking",
    "enableReports",
    "enableSearch",
    "enableSharing",
    "enableStreamingApi",
    "eventType",
    "externalDataSource",
    "externalName",
    "externalRepository",
    "externalSharingModel",
    "fullName",
    "gender",
    "household",
    "historyRetentionPolicy",
    "label",
    "mktDataLakeAttributes",
    "mktDataModelAttributes",
    "nameField",
    "namedFilters",
    "pluralLabel",
    "profileSearchLayouts",
    "publishBehavior",
    "recordTypeTrackFeedHistory",
    "recordTypeTrackHistory",
    "searchLayouts",
    "sharingModel",
    "sharingRecalculations",
    "startsWith",
    "visibility",
];

/// Standard objects that take custom fields are those that users can fill in.
pub(super) fn takes_custom_fields(object: &ObjectType) -> bool {
    object.flags.createable && (object.flags.layoutable || matches!(object.name.as_str(), "User" | "Task" | "Event"))
}

/// The parts that stand in an object's file: type, full name and element.
///
/// # Errors
/// A part without a name.
pub(super) fn parts<'e>(
    object: &str,
    element: &'e Element,
) -> Result<Vec<(&'static str, String, &'e Element)>, Problem> {
    let mut found = Vec::new();
    for child in &element.children {
        let Some(kind) = types::part_type(&child.name) else { continue };
        let Some(name) = child.text_of("fullName").filter(|name| !name.is_empty()) else {
            let message = format!("Required fields are missing: [fullName] in {}", child.name);
            return Err(Problem::new("REQUIRED_FIELD_MISSING", message).at(child));
        };
        found.push((kind, format!("{object}.{name}"), child));
    }
    // Formulas and roll-ups come after the fields that they may be made of; lists and rules after all fields.
    let rank = |kind: &str, child: &Element| match kind {
        "CustomField" if child.child("formula").is_some() => 2,
        "CustomField" if child.text_of("type") == Some("Summary") => 3,
        "CustomField" if child.child("valueSet").is_some_and(|v| v.child("controllingField").is_some()) => 1,
        "CustomField" => 0,
        _ => 4,
    };
    found.sort_by_key(|(kind, _, child)| rank(kind, child));
    Ok(found)
}

/// Saves what the element says of the object itself; its parts are saved apart.
pub(super) fn save(work: &mut Work<'_>, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    for child in &element.children {
        if !SETTINGS.contains(&child.name.as_str()) && types::part_type(&child.name).is_none() {
            let namespace = super::NAMESPACE;
            let message = format!(
                "Error parsing file: Element {{{namespace}}}{} invalid at this location in type CustomObject",
                child.name
            );
            return Err(Problem::new("INVALID_FORMAT", message).at(child));
        }
    }
    let found = work.schema.find(full_name).map(|(id, object)| (id, object.clone()));
    let result = match (found, mode) {
        (Some((_, object)), Mode::Create) => {
            let message = format!("The Custom Object name you entered is already in use: {}", object.name);
            Err(Problem::new("DUPLICATE_DEVELOPER_NAME", message))
        }
        (None, Mode::Update) => Err(Problem::no_such("CustomObject", full_name)),
        (Some((id, object)), _) => alter(work, id, &object, element).map(|()| (id, object.name.clone(), false)),
        (None, _) => create(work, full_name, element).map(|id| (id, full_name.to_owned(), true)),
    };
    let (place, full_name, created) = result.map_err(|p| p.at(element))?;
    let mut node = Node::from_element(element);
    node.members.retain(|(name, _)| name != "fullName" && types::part_type(name).is_none());
    if !node.members.is_empty() || created {
        work.keep("CustomObject", &full_name, Some(naming::object_id(place)), node, Vec::new());
    }
    Ok(Saved { full_name, id: naming::object_id(place), created })
}

fn required<'e>(element: &'e Element, name: &str, what: &str) -> Result<&'e str, Problem> {
    element
        .text_of(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Problem::integrity(format!("Must specify a non-empty {what} for the CustomObject")))
}

fn create(work: &mut Work<'_>, full_name: &str, element: &Element) -> Result<ObjectId, Problem> {
    let Some((stem, suffix)) = full_name.rsplit_once("__") else {
        let message = format!("Entity Enumeration Or ID: bad value for restricted picklist field: {full_name}");
        return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
    };
    naming::check(stem, "Custom Object Name")?;
    let label = required(element, "label", "label")?;
    let plural = element.text_of("pluralLabel").filter(|text| !text.is_empty());
    let exhausted = || Problem::new("LIMIT_EXCEEDED", "There is no key prefix left for another object");
    let prefix = |letter: u8, work: &Work<'_>| work.schema.next_prefix(letter).ok_or_else(exhausted);
    let object = match suffix {
        "c" if element.child("customSettingsType").is_some() => {
            let kind = element.text_of("customSettingsType").unwrap_or_default();
            if !matches!(kind, "Hierarchy" | "List") {
                let message = format!("'{kind}' is not a valid value for the enum 'CustomSettingsType'");
                return Err(Problem::new("INVALID_FORMAT", message));
            }
            ObjectType::custom_setting(full_name, label, prefix(b'a', work)?)
        }
        "c" => {
            let plural = plural
                .ok_or_else(|| Problem::integrity("Must specify a non-empty pluralLabel for the CustomObject"))?;
            let Some(name_field) = element.child("nameField") else {
                let message = "Must specify a nameField of type Text or AutoNumber";
                return Err(Problem::integrity(message));
            };
            check_sharing(None, element)?;
            let kind = name_kind(name_field)?;
            let mut object = ObjectType::custom(full_name, label, plural, prefix(b'a', work)?, kind);
            set_name_label(&mut object, name_field);
            object
        }
        "e" => {
            let plural = plural.unwrap_or(label);
            ObjectType::platform_event(full_name, label, plural, prefix(b'e', work)?)
        }
        "mdt" => ObjectType::custom_metadata_type(full_name, label, plural.unwrap_or(label), prefix(b'm', work)?),
        _ => {
            let message = format!("This emulator cannot make {full_name}: external and big objects are not built");
            return Err(Problem::integrity(message));
        }
    };
    let mut object = object;
    flags(&mut object, element)?;
    let place = work.schema.replace(object);
    if let Some(start) = starting_number(element)? {
        let facts = work.schema.object(place);
        if let Some((field, name)) = facts.field("Name").filter(|(_, f)| f.auto_number) {
            let format = name.auto_number_format.clone().unwrap_or_default();
            work.effects.push(Effect::Number { object: place, field, format, start, existing: false });
        }
    }
    Ok(place)
}

fn starting_number(element: &Element) -> Result<Option<u64>, Problem> {
    let Some(text) = element.child("nameField").and_then(|n| n.text_of("startingNumber")) else { return Ok(None) };
    let number = text
        .parse()
        .map_err(|_| Problem::new("INVALID_FORMAT", format!("'{text}' is not a valid value for the type xsd:int")))?;
    Ok(Some(number))
}

fn name_kind(name_field: &Element) -> Result<NameField, Problem> {
    match name_field.text_of("type") {
        Some("AutoNumber") => {
            let format = name_field.text_of("displayFormat").filter(|f| !f.is_empty()).unwrap_or("{0}");
            if !format.contains("{0") {
                let message = format!("Display Format: the format {format} must have a number such as {{0000}}");
                return Err(Problem::integrity(message).at(name_field));
            }
            Ok(NameField::auto_number(format))
        }
        Some("Text") => Ok(NameField::Text),
        _ => Err(Problem::integrity("Must specify a nameField of type Text or AutoNumber").at(name_field)),
    }
}

fn set_name_label(object: &mut ObjectType, name_field: &Element) {
    let label = name_field.text_of("label").filter(|label| !label.is_empty()).map(str::to_owned);
    if let (Some(label), Some((place, _))) = (label, object.field("Name")) {
        object.fields[usize::from(place.0)].label = label;
    }
}

/// Whether the sharing model goes with the fields that the object has or is given.
fn check_sharing(object: Option<&ObjectType>, element: &Element) -> Result<(), Problem> {
    let Some(model) = element.text_of("sharingModel") else { return Ok(()) };
    let given = element.children_named("fields").any(|f| f.text_of("type") == Some("MasterDetail"));
    let has = object.is_some_and(|o| o.enumerate().any(|(_, f)| f.relationship_order.is_some()));
    if (given || has) && model != "ControlledByParent" {
        let message =
            format!("Cannot set sharingModel to {model} on a CustomObject with a MasterDetail relationship field");
        return Err(Problem::integrity(message));
    }
    if !given && !has && model == "ControlledByParent" && object.is_none_or(|o| o.custom) {
        let message =
            "Cannot set sharingModel to ControlledByParent on a CustomObject without a MasterDetail relationship field";
        return Err(Problem::integrity(message));
    }
    Ok(())
}

/// What a describe shows of the settings.
fn flags(object: &mut ObjectType, element: &Element) -> Result<(), Problem> {
    for child in element.children.iter().filter(|c| c.name.starts_with("enable")) {
        let on = field::truth(element, &child.name)?;
        match child.name.as_str() {
            "enableFeeds" => object.flags.feed_enabled = on,
            "enableSearch" if object.custom && object.flags.layoutable => {
                (object.flags.searchable, object.flags.search_layoutable) = (on, on);
            }
            _ => {}
        }
    }
    Ok(())
}

fn alter(work: &mut Work<'_>, id: ObjectId, before: &ObjectType, element: &Element) -> Result<(), Problem> {
    let custom = before.name.contains("__");
    let mut object = before.clone();
    if custom {
        if before.flags.layoutable {
            check_sharing(Some(before), element)?;
        }
        if let Some(label) = element.text_of("label").filter(|label| !label.is_empty()) {
            object.label = label.to_owned();
        }
        if let Some(plural) = element.text_of("pluralLabel").filter(|label| !label.is_empty()) {
            object.label_plural = plural.to_owned();
        }
        object.name_scopes();
        if let Some(name_field) = element.child("nameField").filter(|_| before.flags.layoutable) {
            alter_name(work, id, &mut object, name_field)?;
        }
        flags(&mut object, element)?;
    }
    if object != *before {
        work.schema.replace(object);
    }
    Ok(())
}

fn alter_name(work: &mut Work<'_>, id: ObjectId, object: &mut ObjectType, name_field: &Element) -> Result<(), Problem> {
    let kind = name_kind(name_field)?;
    if let Some((place, before)) = object.field("Name").map(|(place, f)| (place, f.clone())) {
        let made = ObjectType::custom("X__c", &object.label, "X", *b"a00", kind);
        if let Some((_, after)) = made.field("Name") {
            if after.auto_number && !before.auto_number {
                let format = after.auto_number_format.clone().unwrap_or_default();
                work.effects.push(Effect::Number { object: id, field: place, format, start: 1, existing: false });
            }
            let label = before.label;
            object.fields[usize::from(place.0)] = Field { label, ..after.clone() };
            object.index();
        }
    }
    set_name_label(object, name_field);
    Ok(())
}

/// A standard field in an object's file: its label, help and tracking are kept; values of picklists change.
pub(super) fn save_standard_field(
    work: &mut Work<'_>,
    object: ObjectId,
    facts: &ObjectType,
    name: &str,
    element: &Element,
) -> Result<Saved, Problem> {
    let known = |found: &str| found == name || found.strip_suffix("Id") == Some(name);
    let Some((place, found)) = facts.enumerate().find(|(_, f)| !f.custom && known(&f.name)) else {
        let message = format!("Invalid field {name} in {}", facts.name);
        return Err(Problem::integrity(message));
    };
    let mut changed = facts.clone();
    let field = &mut changed.fields[usize::from(place.0)];
    if let Some(help) = element.text_of("inlineHelpText") {
        field.inline_help_text = (!help.is_empty()).then(|| help.to_owned());
    }
    let set = super::picklist::read(element)?;
    if set.given && matches!(field.ty, FieldType::Picklist | FieldType::Multipicklist) && !set.values.is_empty() {
        field.picklist = set.values;
    }
    if changed != *facts {
        work.schema.replace(changed);
    }
    let full_name = format!("{}.{name}", facts.name);
    let mut node = Node::from_element(element);
    node.remove("fullName");
    work.keep("CustomField", &full_name, Some(naming::field_id(object, place)), node, Vec::new());
    let _ = found;
    Ok(Saved { full_name, id: naming::field_id(object, place), created: false })
}

/// Deletes a custom object with its records and parts.
pub(super) fn delete(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    let found = work.schema.find(full_name).map(|(id, o)| (id, o.clone())).filter(|(_, o)| o.name.contains("__"));
    let Some((id, object)) = found else { return Err(Problem::no_such("CustomObject", full_name)) };
    for other in work.schema.objects().iter().filter(|o| o.name != object.name) {
        let points = other.enumerate().find(|(_, f)| f.custom && f.reference_to.contains(&object.name));
        if let Some((_, field)) = points {
            let message = format!(
                "This custom object is referenced elsewhere in salesforce.com. : {}.{} points at {}",
                other.name, field.name, object.name
            );
            return Err(Problem::new("DELETE_FAILED", message));
        }
    }
    work.schema.remove(&object.name);
    work.effects.push(Effect::Drop { object: id });
    work.catalog.remove("CustomObject", &object.name);
    work.catalog.remove_parts(&object.name);
    if let Some(selected) = &mut work.selected {
        selected.retain(|name| *name != object.name);
    }
    Ok(naming::object_id(id))
}

/// What else uses this field, so that it cannot go: a formula, a roll-up summary, a dependent picklist.
pub(super) fn user_of(schema: &Schema, object: &ObjectType, name: &str) -> Option<String> {
    for other in schema.objects() {
        for (_, field) in other.enumerate() {
            let same_object = other.name == object.name;
            let controls = same_object && field.controller_name.as_deref() == Some(name);
            let in_formula = field.formula.as_ref().is_some_and(|f| mentions(&f.source, name))
                && (same_object || field.formula.as_ref().is_some_and(|f| f.source.contains('.')));
            let summed = field.summary.as_ref().is_some_and(|s| {
                s.child == object.name
                    && (s.foreign_key == name
                        || s.field.as_deref() == Some(name)
                        || s.filters.iter().any(|filter| filter.field == name))
            });
            if (controls || in_formula || summed) && !(same_object && field.name == name) {
                return Some(format!("{}.{}", other.name, field.name));
            }
        }
    }
    None
}

/// Whether this name stands in the formula as a word of its own.
fn mentions(source: &str, name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    source.split(|c: char| !word(c)).any(|found| found.eq_ignore_ascii_case(name))
}
