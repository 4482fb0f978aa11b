//! The rows of the tables.

use rust_decimal::Decimal;
use serde_json::json;

use crate::id::INSTANCE;
use crate::metadata::{FileProperties, Node, list, naming, render};
use crate::schema::{Field, FieldType, ObjectId, ObjectType, Schema};
use crate::store::{Row, Store, Values};
use crate::{Millis, Org, RecordId, Value};

/// A row in the making: values by the names of their fields. What the object does not have is left out.
struct Draft<'a> {
    object: &'a ObjectType,
    values: Values,
}

impl<'a> Draft<'a> {
    fn new(object: &'a ObjectType, id: RecordId) -> Self {
        let mut draft = Self { object, values: Values::new() };
        draft.set("Id", Value::Id(id));
        for (place, _) in object.enumerate().filter(|(_, f)| f.ty == FieldType::Boolean) {
            draft.values.insert(place, Value::Bool(false));
        }
        draft
    }

    fn set(&mut self, name: &str, value: Value) -> &mut Self {
        if let Some((place, _)) = self.object.field(name) {
            self.values.insert(place, value);
        }
        self
    }

    fn text(&mut self, name: &str, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.set(name, Value::Text(text.to_owned())) }
    }

    fn int(&mut self, name: &str, n: u32) -> &mut Self {
        self.set(name, Value::Int(i64::from(n)))
    }

    fn flags(&mut self, flags: &[(&str, bool)]) -> &mut Self {
        for (name, on) in flags {
            self.set(name, Value::Bool(*on));
        }
        self
    }

    fn audit(&mut self, created: (Millis, RecordId), modified: (Millis, RecordId)) -> &mut Self {
        let second = |at: Millis| Value::DateTime(at - at.rem_euclid(1000));
        self.set("CreatedDate", second(created.0)).set("CreatedById", Value::Id(created.1));
        self.set("LastModifiedDate", second(modified.0)).set("LastModifiedById", Value::Id(modified.1));
        self.set("SystemModstamp", second(modified.0))
    }

    fn put(self, place: ObjectId, id: RecordId, store: &mut Store) {
        store.table_mut(place).put(id, Row::new(&self.values));
    }
}

/// Fills the table of this object.
pub(super) fn fill(org: &Org, schema: &Schema, object: &ObjectType, place: ObjectId, store: &mut Store) {
    match object.name.as_str() {
        "EntityDefinition" => entities(org, object, place, store),
        "FieldDefinition" | "EntityParticle" => fields(org, schema, object, place, store),
        "DeployRequest" => deployments(org, object, place, store),
        kind => components(org, kind, object, place, store),
    }
}

/// Objects of the org with their places, and their change events after them.
fn listed(org: &Org) -> impl Iterator<Item = (ObjectId, &ObjectType)> {
    let objects = org.schema.objects().iter().enumerate();
    objects.map(|(at, object)| (ObjectId(at as u16), &**object)).filter(|(_, object)| !object.is_removed())
}

fn entity_id(of: ObjectId) -> RecordId {
    RecordId::new(*b"4ie", INSTANCE, u64::from(of.0) + 1)
}

/// `Account`, or the id of a custom object.
fn durable_id(of: ObjectId, object: &ObjectType) -> String {
    if object.name.contains("__") { naming::object_id(of).as_15().to_owned() } else { object.name.clone() }
}

/// The name without its ending: `Invoice` of `Invoice__c`.
fn stem(name: &str) -> &str {
    name.rsplit_once("__").map_or(name, |(stem, _)| stem)
}

fn entities(org: &Org, object: &ObjectType, place: ObjectId, store: &mut Store) {
    let born = (crate::metadata::list::org_born(org), org.settings.admin_id);
    for (of, entity) in listed(org) {
        let id = entity_id(of);
        let mut row = Draft::new(object, id);
        let custom = entity.name.contains("__");
        let detail = entity.enumerate().any(|(_, f)| f.relationship_order.is_some());
        row.text("DurableId", &durable_id(of, entity)).text("QualifiedApiName", &entity.name);
        row.text("DeveloperName", stem(&entity.name)).text("MasterLabel", &entity.label).text("Label", &entity.label);
        row.text("PluralLabel", &entity.label_plural).text("PublisherId", if custom { "<local>" } else { "System" });
        if let Some(prefix) = entity.key_prefix {
            let prefix = String::from_utf8_lossy(&prefix).into_owned();
            row.text("KeyPrefix", &prefix).text("DetailUrl", "/{ID}").text("EditUrl", "/{ID}/e");
            row.text("NewUrl", &format!("/{prefix}/e"));
        }
        let model = if detail { "ControlledByParent" } else { "ReadWrite" };
        row.text("InternalSharingModel", model).text("ExternalSharingModel", model);
        if custom {
            row.text("DeploymentStatus", "Deployed");
        }
        let f = &entity.flags;
        row.flags(&[
            ("IsCustomizable", f.layoutable || custom),
            ("IsApexTriggerable", f.triggerable),
            ("IsTriggerable", f.triggerable),
            ("IsWorkflowEnabled", f.layoutable),
            ("IsProcessEnabled", f.layoutable),
            ("IsCompactLayoutable", f.compact_layoutable),
            ("IsCustomSetting", f.custom_setting),
            ("IsEverCreatable", f.createable),
            ("IsEverDeletable", f.deletable),
            ("IsEverUpdatable", f.updateable),
            ("IsFeedEnabled", f.feed_enabled),
            ("IsIdEnabled", true),
            ("IsFlsEnabled", f.createable),
            ("IsLayoutable", f.layoutable),
            ("IsMruEnabled", f.mru_enabled),
            ("IsQueryable", f.queryable),
            ("IsReplicateable", f.replicateable),
            ("IsRetrieveable", f.retrieveable),
            ("IsSearchable", f.searchable),
            ("IsSearchLayoutable", f.search_layoutable),
        ]);
        row.audit(born, born);
        row.put(place, id, store);
    }
}

/// The data type as `FieldDefinition` words it: `Text(255)`, `Lookup(Account)`.
fn data_type(field: &Field) -> String {
    if field.calculated && field.formula.is_some() {
        return format!("Formula ({})", plain_type(field));
    }
    plain_type(field)
}

fn plain_type(field: &Field) -> String {
    let unique = match (field.external_id, field.unique) {
        (true, true) => " (External ID) (Unique Case Insensitive)",
        (true, false) => " (External ID)",
        (false, true) => " (Unique Case Insensitive)",
        (false, false) => "",
    };
    match field.ty {
        FieldType::Id => "Lookup()".into(),
        FieldType::String if field.auto_number => "Auto Number".into(),
        FieldType::String if field.name_field && field.name == "Name" && field.compound_field_name.is_some() => {
            "Name".into()
        }
        FieldType::String => format!("Text({}){unique}", field.length),
        FieldType::Textarea if field.html_formatted => format!("Rich Text Area({})", field.length),
        FieldType::Textarea if field.length > 255 => format!("Long Text Area({})", field.length),
        FieldType::Textarea => format!("Text Area({})", field.length),
        FieldType::Double => {
            format!("Number({}, {}){unique}", field.precision.saturating_sub(field.scale), field.scale)
        }
        FieldType::Currency => format!("Currency({}, {})", field.precision.saturating_sub(field.scale), field.scale),
        FieldType::Percent => format!("Percent({}, {})", field.precision.saturating_sub(field.scale), field.scale),
        FieldType::Int | FieldType::Long => format!("Number({}, 0)", field.digits),
        FieldType::Boolean => "Checkbox".into(),
        FieldType::Date => "Date".into(),
        FieldType::Datetime => "Date/Time".into(),
        FieldType::Time => "Time".into(),
        FieldType::Email => "Email".into(),
        FieldType::Phone => "Phone".into(),
        FieldType::Url => format!("URL({})", field.length),
        FieldType::Picklist | FieldType::Combobox => "Picklist".into(),
        FieldType::Multipicklist => "Picklist (Multi-Select)".into(),
        FieldType::Reference if field.relationship_order.is_some() => {
            format!("Master-Detail({})", field.reference_to.join(","))
        }
        FieldType::Reference => format!("Lookup({})", field.reference_to.join(",")),
        FieldType::Location => "Geolocation".into(),
        FieldType::Address => "Address".into(),
        other => other.name().into(),
    }
}

fn fields(org: &Org, schema: &Schema, object: &ObjectType, place: ObjectId, store: &mut Store) {
    let born = (crate::metadata::list::org_born(org), org.settings.admin_id);
    let particles = object.name == "EntityParticle";
    let prefix = object.key_prefix.unwrap_or(*b"4fe");
    let known = super::place(schema, "EntityDefinition").is_some();
    let mut number = 0;
    for (of, entity) in listed(org) {
        let entity_durable = durable_id(of, entity);
        for (at, field) in entity.enumerate() {
            number += 1;
            let id = RecordId::new(prefix, INSTANCE, number);
            let mut row = Draft::new(object, id);
            // A reference goes by its relationship, as in Setup: Account.Owner, and not Account.OwnerId.
            let named = match (&field.relationship_name, field.custom) {
                (Some(relationship), false) if !particles => relationship.as_str(),
                _ => field.name.as_str(),
            };
            let part = if field.custom { naming::field_id(of, at).as_15().to_owned() } else { named.to_owned() };
            row.text("DurableId", &format!("{entity_durable}.{part}")).text("EntityDefinitionId", &entity_durable);
            row.text("FieldDefinitionId", &format!("{entity_durable}.{part}"));
            if known {
                row.set(super::HIDDEN, Value::Id(entity_id(of)));
            }
            row.text("QualifiedApiName", &field.name).text("Name", &field.name);
            row.text("DeveloperName", stem(named)).text("MasterLabel", &field.label).text("Label", &field.label);
            row.int("Length", field.length).int("Precision", field.precision).int("Scale", field.scale);
            row.int("Digits", field.digits).int("ByteLength", field.byte_length);
            let ty = if particles { field.ty.name().to_owned() } else { data_type(field) };
            row.text("DataType", &ty).text("ValueTypeId", field.ty.soap_type().rsplit(':').next().unwrap_or_default());
            row.text("ExtraTypeInfo", field.extra_type_info.as_deref().unwrap_or_default());
            row.text("RelationshipName", field.relationship_name.as_deref().unwrap_or_default());
            row.text("InlineHelpText", field.inline_help_text.as_deref().unwrap_or_default());
            row.text("DefaultValueFormula", field.default_value_formula.as_deref().unwrap_or_default());
            let targets: Option<&[String]> = (!field.reference_to.is_empty()).then_some(&field.reference_to);
            row.text("ReferenceTo", &json!({ "referenceTo": targets }).to_string());
            if let Some(controller) = &field.controller_name {
                row.text("ControllingFieldDefinitionId", &format!("{entity_durable}.{controller}"));
            }
            if let Some(order) = field.relationship_order {
                row.int("RelationshipOrder", order);
            }
            row.text("PublisherId", if field.custom { "<local>" } else { "System" });
            flags(&mut row, field);
            row.audit(born, born);
            row.put(place, id, store);
        }
    }
}

fn flags(row: &mut Draft<'_>, field: &Field) {
    row.flags(&[
        ("IsCalculated", field.calculated),
        ("IsHighScaleNumber", field.high_scale_number),
        ("IsHtmlFormatted", field.html_formatted),
        ("IsNameField", field.name_field),
        ("IsNillable", field.nillable),
        ("IsUnique", field.unique),
        ("IsCaseSensitive", field.case_sensitive),
        ("IsCreatable", field.createable),
        ("IsUpdatable", field.updateable),
        ("IsDefaultedOnCreate", field.defaulted_on_create),
        ("IsIdLookup", field.id_lookup),
        ("IsIndexed", field.id_lookup || field.external_id || field.unique || field.ty == FieldType::Reference),
        ("IsAutonumber", field.auto_number),
        ("IsEncrypted", field.ty == FieldType::Encryptedstring),
        ("IsRestrictedPicklist", field.restricted_picklist),
        ("IsDependentPicklist", field.dependent_picklist),
        ("IsWriteRequiresMasterRead", field.write_requires_master_read),
        ("IsNamePointing", field.name_pointing),
        ("IsPolymorphicForeignKey", field.polymorphic_foreign_key),
        ("IsApiFilterable", field.filterable),
        ("IsApiSortable", field.sortable),
        ("IsApiGroupable", field.groupable),
        ("IsListVisible", true),
        ("IsListFilterable", field.filterable),
        ("IsListSortable", field.sortable),
        ("IsWorkflowFilterable", field.filterable),
        ("IsPermissionable", field.permissionable),
        ("IsFlsEnabled", field.permissionable),
        ("IsCompound", field.ty.is_compound()),
        ("IsComponent", field.compound_field_name.is_some()),
        ("IsSearchPrefilterable", field.search_prefilterable),
        ("IsEverApiAccessible", true),
        ("IsDisplayLocationInDecimal", field.display_location_in_decimal),
        ("IsCompactLayoutable", !matches!(field.ty, FieldType::Textarea | FieldType::Base64)),
    ]);
}

/// The components of one type.
fn components(org: &Org, kind: &str, object: &ObjectType, place: ObjectId, store: &mut Store) {
    for found in list(org, kind, None) {
        // Standard objects have no record among the custom ones.
        if kind == "CustomObject" && !found.full_name.contains("__") {
            continue;
        }
        let node = render::component(org, kind, &found.full_name).unwrap_or_default();
        let mut row = Draft::new(object, found.id);
        component(org, kind, &found, &node, &mut row);
        row.audit((found.created, found.created_by), (found.modified, found.modified_by));
        row.put(place, found.id, store);
    }
}

fn component(org: &Org, kind: &str, found: &FileProperties, node: &Node, row: &mut Draft<'_>) {
    let element = node.element("x");
    let text = |name: &str| element.text_of(name).unwrap_or_default();
    let (parent, own) = found.full_name.split_once('.').unwrap_or(("", &found.full_name));
    let mut metadata = node.clone();
    metadata.remove("fullName");
    row.text("FullName", &found.full_name).text("Metadata", &metadata.json().to_string());
    row.text("DeveloperName", stem(own)).text("Name", own).text("ValidationName", own);
    row.text(
        "MasterLabel",
        [text("masterLabel"), text("label"), own].into_iter().find(|t| !t.is_empty()).unwrap_or(own),
    );
    row.text("Description", text("description")).text("ManageableState", "unmanaged").text("Language", "en_US");
    row.text("SharingModel", text("sharingModel")).text("ErrorMessage", text("errorMessage"));
    row.text("ErrorDisplayField", text("errorDisplayField")).text("InlineHelpText", text("inlineHelpText"));
    row.text("RelationshipLabel", text("relationshipLabel")).text("ChannelType", text("channelType"));
    row.text("EventChannel", text("eventChannel")).text("SelectedEntity", text("selectedEntity"));
    row.text("FilterExpression", text("filterExpression")).text("TopicName", text("topicName"));
    row.text("DefaultReplay", text("defaultReplay")).text("ErrorRecoveryReplay", text("errorRecoveryReplay"));
    row.text("State", text("state")).text("Version", text("version")).text("Status", text("status"));
    row.flags(&[("Active", text("active") == "true")]);
    for (name, member) in [("Length", "length"), ("Precision", "precision"), ("Scale", "scale")] {
        if let Ok(n) = text(member).parse() {
            row.int(name, n);
        }
    }
    if let Ok(version) = text("apiVersion").parse::<Decimal>() {
        row.set("ApiVersion", Value::Decimal(version));
    }
    if matches!(kind, "PlatformEventChannelMember") {
        row.text("DeveloperName", &found.full_name);
    }
    // A layout is named `Account-Account Layout`.
    let parent = if kind == "Layout" { own.split_once('-').map_or("", |(object, _)| object) } else { parent };
    if let Some((of, facts)) = org.schema.find(parent) {
        row.text("TableEnumOrId", &table(of, facts)).text("EntityDefinitionId", &durable_id(of, facts));
        row.set(super::HIDDEN, Value::Id(entity_id(of)));
    }
    code(org, kind, found, row);
}

/// `Account`, or the id of a custom object in full.
fn table(of: ObjectId, object: &ObjectType) -> String {
    if object.name.contains("__") { naming::object_id(of).to_string() } else { object.name.clone() }
}

/// The text of Apex and Visualforce, which is kept as it came.
fn code(org: &Org, kind: &str, found: &FileProperties, row: &mut Draft<'_>) {
    let Some(saved) = org.metadata.get(kind, &found.full_name) else { return };
    let Some((_, bytes)) = saved.files.iter().find(|(path, _)| !path.ends_with("-meta.xml")) else { return };
    let body = String::from_utf8_lossy(bytes);
    row.text("Body", &body).text("Markup", &body);
    row.int("LengthWithoutComments", u32::try_from(body.len()).unwrap_or(u32::MAX));
    // Nothing was compiled: whether it is valid is not known.
    row.flags(&[("IsValid", false)]);
}

fn deployments(org: &Org, object: &ObjectType, place: ObjectId, store: &mut Store) {
    for job in org.deployments.deployments() {
        let result = &job.result;
        let mut row = Draft::new(object, result.id);
        let time = |at: Option<Millis>| at.map_or(Value::Null, |at| Value::DateTime(at - at.rem_euclid(1000)));
        row.text("Status", result.status.name());
        row.set("StartDate", time(result.started)).set("CompletedDate", time(result.completed));
        if let Some((code, message)) = &result.error {
            row.text("ErrorStatusCode", code).text("ErrorMessage", message);
        }
        row.flags(&[
            ("CheckOnly", result.options.check_only),
            ("IgnoreWarnings", result.options.ignore_warnings),
            ("RollbackOnError", result.options.rollback_on_error),
        ]);
        let shown = result.json(false, |_| String::new(), |_| String::new());
        for (name, member) in [
            ("NumberComponentErrors", "numberComponentErrors"),
            ("NumberComponentsDeployed", "numberComponentsDeployed"),
            ("NumberComponentsTotal", "numberComponentsTotal"),
            ("NumberTestErrors", "numberTestErrors"),
            ("NumberTestsCompleted", "numberTestsCompleted"),
            ("NumberTestsTotal", "numberTestsTotal"),
        ] {
            row.set(name, Value::Int(shown[member].as_i64().unwrap_or(0)));
        }
        row.audit((result.created, result.created_by), (result.created, result.created_by));
        row.put(place, result.id, store);
    }
}
