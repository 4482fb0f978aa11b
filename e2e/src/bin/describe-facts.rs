//! Turns recorded describe results into the emulator's own facts: `describe-facts <recordings> <facts folder>`.
//!
//! `<recordings>` holds one describe result per file (`Account.json`, …); for each of them
//! `<facts folder>/<Object>.txt` is written. What belongs to the recorded org alone is left out: custom fields,
//! record types, child relationships of packages' objects.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tidegate_emulator::schema::{
    ChildRelationship, Field, FieldType, ObjectFlags, ObjectType, PicklistValue, Scope, describe, facts,
};

const OBJECTS: [&str; 7] = ["Account", "Contact", "Lead", "Opportunity", "Case", "User", "Event"];
const USAGE: &str = "usage: describe-facts <folder of describe results> <folder for the facts>";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().ok_or(USAGE)?;
    let to = arguments.next().ok_or(USAGE)?;
    for name in OBJECTS {
        let text = fs::read_to_string(Path::new(&from).join(format!("{name}.json")))?;
        let recorded: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        let object = object(&recorded).ok_or_else(|| format!("{name}: not a describe result"))?;
        let heading = format!(
            "{name}, from a recorded describe result by describe-facts. Do not edit: generate again.\n\
             Custom fields, record types and packages' child relationships of the recorded org are left out."
        );
        let text = facts::render(&object, &heading);
        let again = facts::parse(&text)?;
        if facts::render(&again, &heading) != text || again.fields != object.fields {
            return Err(format!("{name}: the text form loses something").into());
        }
        fs::write(Path::new(&to).join(format!("{name}.txt")), text)?;
    }
    Ok(())
}

fn object(d: &Value) -> Option<ObjectType> {
    let name = text(d, "name")?;
    let prefix = text(d, "keyPrefix").and_then(|p| p.as_bytes().try_into().ok());
    let mut object = ObjectType::new(name, text(d, "label")?, text(d, "labelPlural")?, prefix);
    object.flags = object_flags(d);
    // Change Data Capture has channels for every object recorded here.
    object.change_events = true;
    for scope in list(d, "supportedScopes") {
        object.scopes.push(Scope { name: text(scope, "name")?, label: text(scope, "label")? });
    }
    let urls = d["urls"].as_object()?;
    let usual = describe::usual_urls(&object.flags);
    object.urls.extend(urls.keys().filter(|k| !usual.contains(&k.as_str())).cloned());
    object.urls.extend(usual.iter().filter(|k| !urls.contains_key(**k)).map(|k| format!("-{k}")));
    object.urls.sort();
    let person = list(d, "fields").any(|f| f["name"] == "FirstName");
    for f in list(d, "fields").filter(|f| !text(f, "name").is_none_or(|n| n.contains("__")) && !of_org(f)) {
        object.fields.push(field(f, person)?);
    }
    for c in list(d, "childRelationships") {
        let child = child(c)?;
        if !child.child_object.contains("__") {
            object.children.push(child);
        }
    }
    Some(object)
}

/// A custom field of the recorded org.
fn of_org(field: &Value) -> bool {
    yes(field, "custom")
}

fn object_flags(d: &Value) -> ObjectFlags {
    ObjectFlags {
        activateable: yes(d, "activateable"),
        compact_layoutable: yes(d, "compactLayoutable"),
        createable: yes(d, "createable"),
        custom_setting: yes(d, "customSetting"),
        deep_cloneable: yes(d, "deepCloneable"),
        deletable: yes(d, "deletable"),
        feed_enabled: yes(d, "feedEnabled"),
        layoutable: yes(d, "layoutable"),
        mergeable: yes(d, "mergeable"),
        // Recordings older than this member are of objects that users open.
        mru_enabled: d.get("mruEnabled").is_none_or(|v| v == true),
        queryable: yes(d, "queryable"),
        replicateable: yes(d, "replicateable"),
        retrieveable: yes(d, "retrieveable"),
        search_layoutable: yes(d, "searchLayoutable"),
        searchable: yes(d, "searchable"),
        triggerable: yes(d, "triggerable"),
        undeletable: yes(d, "undeletable"),
        updateable: yes(d, "updateable"),
    }
}

fn child(c: &Value) -> Option<ChildRelationship> {
    Some(ChildRelationship {
        child_object: text(c, "childSObject")?,
        field: text(c, "field")?,
        relationship_name: text(c, "relationshipName"),
        cascade_delete: yes(c, "cascadeDelete"),
        restricted_delete: yes(c, "restrictedDelete"),
        deprecated_and_hidden: false,
        junction_id_list_names: texts(c, "junctionIdListNames"),
        junction_reference_to: texts(c, "junctionReferenceTo"),
    })
}

/// Members that a recording of an old API version lacks keep the value that the type has elsewhere.
fn field(f: &Value, person: bool) -> Option<Field> {
    let name = text(f, "name")?;
    let mut field =
        Field::new(name.as_str(), text(f, "label")?, FieldType::from_name(f["type"].as_str()?)?, number(f, "length"));
    let set = |to: &mut bool, key: &str| {
        if let Some(v) = f[key].as_bool() {
            *to = v;
        }
    };
    set(&mut field.custom, "custom");
    set(&mut field.nillable, "nillable");
    set(&mut field.createable, "createable");
    set(&mut field.updateable, "updateable");
    set(&mut field.permissionable, "permissionable");
    set(&mut field.calculated, "calculated");
    set(&mut field.auto_number, "autoNumber");
    set(&mut field.defaulted_on_create, "defaultedOnCreate");
    set(&mut field.external_id, "externalId");
    set(&mut field.unique, "unique");
    set(&mut field.id_lookup, "idLookup");
    set(&mut field.case_sensitive, "caseSensitive");
    set(&mut field.filterable, "filterable");
    set(&mut field.sortable, "sortable");
    set(&mut field.groupable, "groupable");
    set(&mut field.aggregatable, "aggregatable");
    set(&mut field.name_field, "nameField");
    set(&mut field.name_pointing, "namePointing");
    set(&mut field.polymorphic_foreign_key, "polymorphicForeignKey");
    set(&mut field.cascade_delete, "cascadeDelete");
    set(&mut field.restricted_delete, "restrictedDelete");
    set(&mut field.write_requires_master_read, "writeRequiresMasterRead");
    set(&mut field.restricted_picklist, "restrictedPicklist");
    set(&mut field.dependent_picklist, "dependentPicklist");
    set(&mut field.html_formatted, "htmlFormatted");
    set(&mut field.query_by_distance, "queryByDistance");
    set(&mut field.display_location_in_decimal, "displayLocationInDecimal");
    set(&mut field.search_prefilterable, "searchPrefilterable");
    set(&mut field.high_scale_number, "highScaleNumber");
    field.byte_length = number(f, "byteLength");
    field.digits = number(f, "digits");
    field.precision = number(f, "precision");
    field.scale = number(f, "scale");
    field.reference_to = texts(f, "referenceTo");
    field.relationship_name = text(f, "relationshipName");
    field.relationship_order = f["relationshipOrder"].as_u64().and_then(|n| n.try_into().ok());
    field.calculated_formula = text(f, "calculatedFormula");
    field.default_value_formula = text(f, "defaultValueFormula");
    field.controller_name = text(f, "controllerName");
    field.inline_help_text = text(f, "inlineHelpText");
    field.default_value = match &f["defaultValue"] {
        Value::Bool(b) => Some(b.to_string()),
        Value::String(s) => Some(s.clone()),
        _ => None,
    };
    match f.get("extraTypeInfo") {
        Some(_) => field.extra_type_info = text(f, "extraTypeInfo"),
        None if person && matches!(name.as_str(), "Name" | "FirstName" | "LastName") => {
            field.extra_type_info = Some("personname".into());
        }
        None => {}
    }
    match f.get("compoundFieldName") {
        Some(_) => field.compound_field_name = text(f, "compoundFieldName"),
        None if person && matches!(name.as_str(), "FirstName" | "LastName") => {
            field.compound_field_name = Some("Name".into());
        }
        None if matches!(
            name.as_str(),
            "Street" | "City" | "State" | "PostalCode" | "Country" | "Latitude" | "Longitude"
        ) =>
        {
            field.compound_field_name = Some("Address".into());
        }
        None => {}
    }
    for p in list(f, "picklistValues") {
        field.picklist.push(PicklistValue {
            value: text(p, "value")?,
            label: text(p, "label")?,
            active: yes(p, "active"),
            default_value: yes(p, "defaultValue"),
            valid_for: text(p, "validFor"),
        });
    }
    Some(field)
}

fn text(of: &Value, key: &str) -> Option<String> {
    of[key].as_str().map(str::to_owned)
}

fn yes(of: &Value, key: &str) -> bool {
    of[key] == true
}

fn number(of: &Value, key: &str) -> u32 {
    of[key].as_u64().and_then(|n| n.try_into().ok()).unwrap_or(0)
}

fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of[key].as_array().into_iter().flatten()
}

fn texts(of: &Value, key: &str) -> Vec<String> {
    list(of, key).filter_map(|v| v.as_str().map(str::to_owned)).collect()
}
