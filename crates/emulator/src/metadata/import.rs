//! An org of one's own: objects and fields from describe results, and from packages of metadata, in the layout of the
//! Metadata API or in that of a Salesforce DX project.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::deploy::{DeployMessage, DeployOptions};
use super::{FileSet, Manifest, TypeMembers, types};
use crate::dml::WriteContext;
use crate::schema::{
    Blanks, ChildRelationship, Field, FieldType, Formula, ObjectFlags, ObjectType, PicklistValue, RecordType, Schema,
    Scope,
};
use crate::xml::{self, Writer};
use crate::{Org, RecordId};

/// A describe result that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the describe result: {0}")]
pub struct DescribeError(pub String);

/// The object that the answer of `sobjects/{name}/describe` tells of.
///
/// # Errors
/// What is no describe result.
pub fn describe(json: &Json) -> Result<ObjectType, DescribeError> {
    let text = |of: &Json, name: &str| of[name].as_str().map(str::to_owned);
    let name = text(json, "name").ok_or_else(|| DescribeError("it has no name".into()))?;
    let label = text(json, "label").unwrap_or_else(|| name.clone());
    let prefix = json["keyPrefix"].as_str().and_then(|p| <[u8; 3]>::try_from(p.as_bytes()).ok());
    let mut object = ObjectType::new(&name, &label, text(json, "labelPlural").unwrap_or_else(|| label.clone()), prefix);
    object.custom = json["custom"].as_bool().unwrap_or_else(|| name.contains("__"));
    object.flags = flags(json);
    // A describe does not say whether there are change events: custom objects have them, and the standard ones that the
    // org knows have what it knows.
    let known = crate::schema::standard().find(&name).map(|(_, known)| known.clone());
    let capturable = name.ends_with("__c") && !object.flags.custom_setting;
    object.change_events = known.as_ref().map_or(capturable, |known| known.change_events);
    for scope in json["supportedScopes"].as_array().into_iter().flatten() {
        if let (Some(name), Some(label)) = (text(scope, "name"), text(scope, "label")) {
            object.scopes.push(Scope { name, label });
        }
    }
    for info in json["recordTypeInfos"].as_array().into_iter().flatten() {
        if info["master"].as_bool() == Some(true) {
            continue;
        }
        let id = info["recordTypeId"].as_str().and_then(RecordId::parse);
        if let (Some(id), Some(developer_name), Some(name)) = (id, text(info, "developerName"), text(info, "name")) {
            let active = info["active"].as_bool().unwrap_or(true);
            let default = info["defaultRecordTypeMapping"].as_bool().unwrap_or(false);
            object.record_types.push(RecordType { id, developer_name, name, active, default });
        }
    }
    if let Some(known) = known {
        object.urls.clone_from(&known.urls);
    }
    let fields = json["fields"].as_array().ok_or_else(|| DescribeError(format!("{name} has no fields")))?;
    for described in fields {
        object.fields.push(field(described)?);
    }
    object.children.extend(json["childRelationships"].as_array().into_iter().flatten().filter_map(child));
    object.index();
    Ok(object)
}

fn child(json: &Json) -> Option<ChildRelationship> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let flag = |name: &str| json[name].as_bool().unwrap_or(false);
    let list = |name: &str| {
        let names = json[name].as_array().into_iter().flatten();
        names.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    Some(ChildRelationship {
        child_object: text("childSObject")?,
        field: text("field")?,
        relationship_name: text("relationshipName"),
        cascade_delete: flag("cascadeDelete"),
        restricted_delete: flag("restrictedDelete"),
        deprecated_and_hidden: flag("deprecatedAndHidden"),
        junction_id_list_names: list("junctionIdListNames"),
        junction_reference_to: list("junctionReferenceTo"),
    })
}

fn flags(json: &Json) -> ObjectFlags {
    let flag = |name: &str| json[name].as_bool().unwrap_or(false);
    ObjectFlags {
        activateable: flag("activateable"),
        compact_layoutable: flag("compactLayoutable"),
        createable: flag("createable"),
        custom_setting: flag("customSetting"),
        deep_cloneable: flag("deepCloneable"),
        deletable: flag("deletable"),
        feed_enabled: flag("feedEnabled"),
        layoutable: flag("layoutable"),
        mergeable: flag("mergeable"),
        mru_enabled: flag("mruEnabled"),
        queryable: flag("queryable"),
        replicateable: flag("replicateable"),
        retrieveable: flag("retrieveable"),
        search_layoutable: flag("searchLayoutable"),
        searchable: flag("searchable"),
        triggerable: flag("triggerable"),
        undeletable: flag("undeletable"),
        updateable: flag("updateable"),
    }
}

fn field(json: &Json) -> Result<Field, DescribeError> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let flag = |name: &str| json[name].as_bool().unwrap_or(false);
    let number = |name: &str| json[name].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let name = text("name").ok_or_else(|| DescribeError("a field has no name".into()))?;
    let ty = text("type").unwrap_or_default();
    let Some(ty) = FieldType::from_name(&ty) else {
        return Err(DescribeError(format!("the field {name} has the unknown type {ty}")));
    };
    let mut field = Field::new(&name, text("label").unwrap_or_else(|| name.clone()), ty, number("length"));
    field.custom = flag("custom");
    (field.length, field.byte_length, field.digits) = (number("length"), number("byteLength"), number("digits"));
    (field.precision, field.scale) = (number("precision"), number("scale"));
    (field.nillable, field.createable, field.updateable) = (flag("nillable"), flag("createable"), flag("updateable"));
    (field.permissionable, field.calculated) = (flag("permissionable"), flag("calculated"));
    (field.auto_number, field.defaulted_on_create) = (flag("autoNumber"), flag("defaultedOnCreate"));
    field.calculated_formula = text("calculatedFormula");
    field.default_value = match &json["defaultValue"] {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    field.default_value_formula = text("defaultValueFormula");
    (field.external_id, field.unique, field.id_lookup) = (flag("externalId"), flag("unique"), flag("idLookup"));
    field.case_sensitive = flag("caseSensitive");
    (field.filterable, field.sortable) = (flag("filterable"), flag("sortable"));
    (field.groupable, field.aggregatable) = (flag("groupable"), flag("aggregatable"));
    (field.name_field, field.name_pointing) = (flag("nameField"), flag("namePointing"));
    field.polymorphic_foreign_key = flag("polymorphicForeignKey");
    let targets = json["referenceTo"].as_array().into_iter().flatten();
    field.reference_to = targets.filter_map(Json::as_str).map(str::to_owned).collect();
    field.relationship_name = text("relationshipName");
    field.relationship_order = json["relationshipOrder"].as_u64().and_then(|n| u32::try_from(n).ok());
    (field.cascade_delete, field.restricted_delete) = (flag("cascadeDelete"), flag("restrictedDelete"));
    field.write_requires_master_read = flag("writeRequiresMasterRead");
    field.compound_field_name = text("compoundFieldName");
    field.picklist = json["picklistValues"].as_array().into_iter().flatten().filter_map(picklist_value).collect();
    (field.restricted_picklist, field.dependent_picklist) = (flag("restrictedPicklist"), flag("dependentPicklist"));
    field.controller_name = text("controllerName");
    (field.html_formatted, field.extra_type_info) = (flag("htmlFormatted"), text("extraTypeInfo"));
    field.query_by_distance = flag("queryByDistance");
    field.display_location_in_decimal = flag("displayLocationInDecimal");
    field.search_prefilterable = flag("searchPrefilterable");
    field.high_scale_number = flag("highScaleNumber");
    field.inline_help_text = text("inlineHelpText");
    Ok(field)
}

fn picklist_value(json: &Json) -> Option<PicklistValue> {
    let value = json["value"].as_str()?;
    Some(PicklistValue {
        label: json["label"].as_str().unwrap_or(value).to_owned(),
        active: json["active"].as_bool().unwrap_or(true),
        default_value: json["defaultValue"].as_bool().unwrap_or(false),
        valid_for: json["validFor"].as_str().map(str::to_owned),
        ..PicklistValue::new(value)
    })
}

/// Puts described objects into a schema: new ones as they are, and of those that are there already the fields that they
/// lack, at the end, so that what is stored stays readable. Relationships of parents to their children come with the
/// objects' own lists, where the describes have them.
pub fn merge(schema: &mut Schema, described: Vec<(ObjectType, Json)>) {
    for (object, _) in &described {
        match schema.find(&object.name).map(|(_, known)| ObjectType::clone(known)) {
            None => {
                schema.replace(object.clone());
            }
            Some(mut known) => {
                let missing =
                    object.fields.iter().filter(|f| known.field(&f.name).is_none()).cloned().collect::<Vec<_>>();
                known.fields.extend(missing);
                for record in &object.record_types {
                    if !known.record_types.iter().any(|r| r.developer_name == record.developer_name) {
                        known.record_types.push(record.clone());
                    }
                }
                known.index();
                schema.replace(known);
            }
        }
    }
    for (object, json) in &described {
        compile_formulas(schema, &object.name, json);
    }
    // The parents' describes know what their children are called.
    for (_, json) in &described {
        for child in json["childRelationships"].as_array().into_iter().flatten() {
            let (Some(of), Some(field), Some(name)) =
                (child["childSObject"].as_str(), child["field"].as_str(), child["relationshipName"].as_str())
            else {
                continue;
            };
            name_children(schema, of, field, name);
        }
    }
}

/// Formulas of custom fields are computed where they can be; the value of another is empty.
fn compile_formulas(schema: &mut Schema, name: &str, json: &Json) {
    let Some((id, object)) = schema.find(name) else { return };
    let mut changed = ObjectType::clone(object);
    for described in json["fields"].as_array().into_iter().flatten() {
        let Some((place, field)) = described["name"].as_str().and_then(|name| object.field(name)) else { continue };
        let (Some(source), true, None) = (&field.calculated_formula, field.custom, &field.formula) else { continue };
        let zero = described["formulaTreatNullNumberAsZero"].as_bool().unwrap_or(true);
        let blanks = if zero { Blanks::Zero } else { Blanks::Empty };
        if crate::formula::compile(schema, id, source, field.ty, blanks).is_ok() {
            let formula = Formula { source: source.clone(), blanks };
            changed.fields[usize::from(place.0)].formula = Some(formula);
        }
    }
    if changed != **object {
        schema.replace(changed);
    }
}

fn name_children(schema: &mut Schema, child: &str, field: &str, name: &str) {
    let Some((_, object)) = schema.find(child) else { return };
    let Some((place, found)) = object.field(field) else { return };
    if found.child_relationship_name.is_none() && found.custom {
        let mut changed = ObjectType::clone(object);
        changed.fields[usize::from(place.0)].child_relationship_name = Some(name.to_owned());
        schema.replace(changed);
    }
}

/// Loads the files of a project or a package into an org: what it acts upon changes the schema, the rest is kept. With
/// the path of each file below the folder that was given.
///
/// Files of either layout may stand at any depth: what counts are the names of the folders and of the files. Answers
/// what became of each component; a component that is refused leaves the others alone.
///
/// # Errors
/// The files cannot be packed: a name that no zip file can hold.
pub fn package(
    org: &mut Org,
    files: &FileSet,
    context: &WriteContext,
) -> Result<Vec<DeployMessage>, super::ArchiveError> {
    let mut laid_out = metadata_format(files);
    let manifest = manifest_of(&laid_out);
    laid_out.insert("package.xml".into(), manifest.file().into_bytes().into());
    let zip = super::pack(&laid_out)?;
    let options = DeployOptions {
        allow_missing_files: true,
        check_only: false,
        ignore_warnings: true,
        purge_on_delete: false,
        rollback_on_error: false,
        single_package: true,
        run_tests: Vec::new(),
        test_level: String::new(),
    };
    let delay = std::mem::take(&mut org.settings.deploy_delay_ms);
    let id = org.deploy(zip.into(), options, context);
    org.settings.deploy_delay_ms = delay;
    Ok(org.deployments.deployment(id).map(|job| job.result.messages.clone()).unwrap_or_default())
}

/// The files in the layout of the Metadata API, whatever layout they came in: parts of objects that stand in files of
/// their own are put into the objects' files, and `-meta.xml` goes from files that are nothing but metadata.
pub fn metadata_format(files: &FileSet) -> FileSet {
    let mut out = FileSet::new();
    let mut objects: BTreeMap<String, Parts> = BTreeMap::new();
    for (path, bytes) in files {
        let names: Vec<&str> = path.split('/').collect();
        // The last folder of the path that is a type's own: projects may be in folders of any name.
        let found =
            names.iter().enumerate().rev().skip(1).find_map(|(at, name)| Some((at, types::by_directory(name)?)));
        let Some((at, ty)) = found else { continue };
        let below = names.get(at + 1..).unwrap_or_default();
        if ty.name == "CustomObject" {
            object_file(below, bytes, &mut objects);
            continue;
        }
        let mut rest = below.join("/");
        let ending = format!(".{}-meta.xml", ty.suffix);
        if !ty.meta_file && !ty.suffix.is_empty() && rest.ends_with(&ending) {
            rest.truncate(rest.len() - "-meta.xml".len());
        }
        if ty.name == "StaticResource" && !rest.ends_with(".resource") && !rest.ends_with(".resource-meta.xml") {
            // In a project the file has its own ending, and its type is in the other file.
            rest = match rest.rsplit_once('.') {
                Some((stem, _)) => format!("{stem}.resource"),
                None => rest,
            };
        }
        out.insert(format!("{}/{rest}", ty.directory), bytes.clone());
    }
    for (name, parts) in objects {
        out.insert(format!("objects/{name}.object"), parts.file().into());
    }
    out
}

/// What belongs to one object: its own file, and files of its parts.
#[derive(Default)]
struct Parts {
    own: Option<Arc<[u8]>>,
    parts: Vec<(&'static str, Arc<[u8]>)>,
}

fn object_file(below: &[&str], bytes: &Arc<[u8]>, objects: &mut BTreeMap<String, Parts>) {
    match below {
        // objects/X__c.object
        [file] => {
            let name = file.strip_suffix("-meta.xml").unwrap_or(file);
            if let Some(name) = name.strip_suffix(".object") {
                objects.entry(name.to_owned()).or_default().own = Some(bytes.clone());
            }
        }
        // objects/X__c/X__c.object-meta.xml
        [object, file] if file.ends_with(".object-meta.xml") => {
            objects.entry((*object).to_owned()).or_default().own = Some(bytes.clone());
        }
        // objects/X__c/fields/Y__c.field-meta.xml
        [object, folder, _] => {
            if let Some((_, element)) = types::OBJECT_PARTS.iter().find(|(_, element)| element == folder) {
                objects.entry((*object).to_owned()).or_default().parts.push((element, bytes.clone()));
            }
        }
        _ => {}
    }
}

impl Parts {
    /// The object's file with its parts in it. A file that is no XML is left to be told about when it is deployed.
    fn file(&self) -> Vec<u8> {
        if self.parts.is_empty() {
            return self.own.as_deref().map(<[u8]>::to_vec).unwrap_or_default();
        }
        let mut out = Writer::pretty();
        out.open_with("CustomObject", &[("xmlns", super::NAMESPACE)]);
        if let Some(own) = &self.own {
            match xml::parse(own) {
                Ok(root) => super::Node::from_element(&root).write(&mut out),
                Err(_) => return own.to_vec(),
            }
        }
        for (element, bytes) in &self.parts {
            match xml::parse(bytes) {
                Ok(root) => {
                    out.open(element);
                    super::Node::from_element(&root).write(&mut out);
                    out.close();
                }
                Err(_) => return bytes.to_vec(),
            }
        }
        out.finish().into_bytes()
    }
}

/// A manifest that names everything in these files.
fn manifest_of(files: &FileSet) -> Manifest {
    let mut manifest = Manifest { types: Vec::new(), version: "66.0".into() };
    for ty in types::supported() {
        let members: Vec<String> = super::deploy::files_of(ty, files).into_keys().collect();
        if !members.is_empty() {
            manifest.types.push(TypeMembers { name: ty.name.into(), members, line: 0, column: 0 });
        }
    }
    manifest
}
