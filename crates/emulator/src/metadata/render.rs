//! Components as they are now: what was saved, or what the schema knows of those that came with the org.

use super::{Node, channel, naming, types};
use crate::Org;
use crate::schema::{Blanks, Field, FieldType, ObjectType, PicklistValue};

/// A component; `None` where it is not there.
pub(super) fn component(org: &Org, kind: &str, full_name: &str) -> Option<Node> {
    let mut node = match kind {
        "CustomObject" => return object(org, full_name, None).map(Node::sorted),
        "CustomField" => {
            let (object, name) = naming::split(full_name).ok()?;
            let (_, facts) = org.schema.find(object)?;
            custom_field(org, facts, name)?
        }
        "RecordType" => {
            let (object, name) = naming::split(full_name).ok()?;
            let (_, facts) = org.schema.find(object)?;
            record_type(org, facts, name)?
        }
        "PlatformEventChannelMember" => {
            let all = channel::members(&org.schema, &org.metadata, org.settings.change_event_objects.as_ref());
            all.into_iter().find(|m| m.full_name.eq_ignore_ascii_case(full_name))?.node
        }
        _ => {
            let found = org.metadata.get(kind, full_name)?;
            match found.files.first() {
                // Kept as it came: the file that tells of it is the one to be read.
                Some(_) => {
                    let (_, bytes) =
                        found.files.iter().find(|(path, _)| path.ends_with("-meta.xml")).or(found.files.first())?;
                    Node::from_element(&crate::xml::parse(bytes).ok()?)
                }
                None => found.node.clone(),
            }
        }
    };
    node.remove("fullName").text("fullName", full_name);
    Some(node.sorted())
}

/// An object with its parts. `only` names the parts that shall be in it (as `CustomField`, `Field__c`); without it
/// every one is, and the object's own settings.
pub(super) fn object(org: &Org, name: &str, only: Option<&[(String, String)]>) -> Option<Node> {
    let (_, facts) = org.schema.find(name)?;
    facts.key_prefix?;
    let mut node = Node::default();
    let wanted = |kind: &str, part: &str| {
        only.is_none_or(|only| only.iter().any(|(k, p)| k == kind && p.eq_ignore_ascii_case(part)))
    };
    if only.is_none() {
        match org.metadata.get("CustomObject", &facts.name) {
            Some(saved) => node.members.extend(saved.node.members.clone()),
            None => settings(facts, &mut node),
        }
        node.text("fullName", &facts.name);
    }
    for (_, field) in facts.enumerate() {
        let part = !field.custom || field.name.ends_with("__s");
        let named = field.name.strip_suffix("Id").filter(|_| field.ty == FieldType::Reference).unwrap_or(&field.name);
        if part && !(only.is_some() && wanted("CustomField", named)) || !wanted("CustomField", named) {
            continue;
        }
        let found = if part { standard_field(org, facts, named) } else { custom_field(org, facts, &field.name) };
        if let Some(mut found) = found {
            found.text("fullName", named);
            node.node("fields", found.sorted());
        }
    }
    for record in facts.record_types.iter().filter(|r| wanted("RecordType", &r.developer_name)) {
        if let Some(mut found) = record_type(org, facts, &record.developer_name) {
            found.text("fullName", &record.developer_name);
            node.node("recordTypes", found.sorted());
        }
    }
    for (kind, element) in types::OBJECT_PARTS.iter().filter(|(kind, _)| !matches!(*kind, "CustomField" | "RecordType"))
    {
        for saved in org.metadata.of_kind(kind) {
            let Ok((object, part)) = naming::split(&saved.full_name) else { continue };
            if object == facts.name && wanted(kind, part) {
                let mut found = saved.node.clone();
                found.text("fullName", part);
                node.node(element, found.sorted());
            }
        }
    }
    Some(node)
}

/// The settings of an object that came with the org.
fn settings(object: &ObjectType, node: &mut Node) {
    if !object.name.contains("__") {
        node.bool("enableFeeds", object.flags.feed_enabled).bool("enableHistory", false);
        node.text("sharingModel", "ReadWrite");
        return;
    }
    let detail = object.enumerate().any(|(_, f)| f.relationship_order.is_some());
    node.text("deploymentStatus", "Deployed").text("label", &object.label).text("pluralLabel", &object.label_plural);
    if object.flags.layoutable {
        for name in ["enableActivities", "enableHistory"] {
            node.bool(name, false);
        }
        for name in ["enableBulkApi", "enableReports", "enableSharing", "enableStreamingApi"] {
            node.bool(name, true);
        }
        node.bool("enableSearch", object.flags.searchable);
        node.text("sharingModel", if detail { "ControlledByParent" } else { "ReadWrite" });
    }
    if let Some((_, field)) = object.field("Name").filter(|_| object.flags.layoutable) {
        let mut name = Node::default();
        if let Some(format) = field.auto_number_format.as_deref().filter(|_| field.auto_number) {
            name.text("displayFormat", format);
        }
        name.text("label", &field.label);
        name.text("type", if field.auto_number { "AutoNumber" } else { "Text" });
        node.node("nameField", name);
    }
}

fn standard_field(org: &Org, object: &ObjectType, name: &str) -> Option<Node> {
    let saved = org.metadata.get("CustomField", &format!("{}.{name}", object.name));
    let known = object.field(name).or_else(|| object.field(&format!("{name}Id")));
    let (_, field) = known.filter(|(_, f)| !f.custom)?;
    let mut node = saved.map(|saved| saved.node.clone()).unwrap_or_default();
    if node.get("type").is_none() && field.ty == FieldType::Picklist {
        node.text("type", "Picklist");
    }
    if node.get("trackHistory").is_none() {
        node.bool("trackHistory", false);
    }
    Some(node)
}

fn record_type(org: &Org, object: &ObjectType, name: &str) -> Option<Node> {
    let known = object.record_types.iter().find(|r| r.developer_name.eq_ignore_ascii_case(name))?;
    if let Some(saved) = org.metadata.get("RecordType", &format!("{}.{name}", object.name)) {
        return Some(saved.node.clone());
    }
    let mut node = Node::default();
    node.bool("active", known.active).text("label", &known.name);
    Some(node)
}

/// The type of a custom field, by the Metadata API's name. Of a formula, the type of its result.
pub(super) fn field_type(field: &Field) -> &'static str {
    if field.summary.is_some() {
        return "Summary";
    }
    match field.ty {
        FieldType::String if field.auto_number => "AutoNumber",
        FieldType::Textarea if field.html_formatted => "Html",
        FieldType::Textarea if field.length > 255 => "LongTextArea",
        FieldType::Textarea => "TextArea",
        FieldType::Reference if field.relationship_order.is_some() => "MasterDetail",
        FieldType::Reference => "Lookup",
        FieldType::Boolean => "Checkbox",
        FieldType::Currency => "Currency",
        FieldType::Double | FieldType::Int | FieldType::Long => "Number",
        FieldType::Percent => "Percent",
        FieldType::Date => "Date",
        FieldType::Datetime => "DateTime",
        FieldType::Time => "Time",
        FieldType::Email => "Email",
        FieldType::Phone => "Phone",
        FieldType::Url => "Url",
        FieldType::Picklist | FieldType::Combobox => "Picklist",
        FieldType::Multipicklist => "MultiselectPicklist",
        FieldType::Location => "Location",
        FieldType::Address => "Address",
        FieldType::Encryptedstring => "EncryptedText",
        _ => "Text",
    }
}

/// A custom field: what was saved, or what its definition must have been.
fn custom_field(org: &Org, object: &ObjectType, name: &str) -> Option<Node> {
    let Some((_, field)) = object.field(name).filter(|(_, f)| f.custom) else {
        return standard_field(org, object, name);
    };
    match org.metadata.get("CustomField", &format!("{}.{}", object.name, field.name)) {
        Some(saved) => Some(saved.node.clone()),
        None => Some(definition(object, field)),
    }
}

/// The definition of a custom field that came with the org.
fn definition(object: &ObjectType, field: &Field) -> Node {
    let mut node = Node::default();
    let ty = field_type(field);
    let computed = field.calculated;
    node.text("label", &field.label).text("type", ty).bool("trackTrending", false);
    if let Some(help) = &field.inline_help_text {
        node.text("inlineHelpText", help);
    }
    if let Some(formula) = &field.formula {
        node.text("formula", &formula.source);
        node.text("formulaTreatBlanksAs", if formula.blanks == Blanks::Zero { "BlankAsZero" } else { "BlankAsBlank" });
    }
    if let Some(summary) = &field.summary {
        node.text("summaryForeignKey", format!("{}.{}", summary.child, summary.foreign_key));
        node.text("summaryOperation", summary.operation.name());
        if let Some(of) = &summary.field {
            node.text("summarizedField", format!("{}.{of}", summary.child));
        }
        for filter in &summary.filters {
            let mut item = Node::default();
            item.text("field", format!("{}.{}", summary.child, filter.field));
            item.text("operation", filter.operation.name()).text("value", &filter.value);
            node.node("summaryFilterItems", item);
        }
        return node;
    }
    if ty != "AutoNumber" && ty != "Checkbox" && ty != "MasterDetail" {
        node.bool("required", !field.nillable && !computed);
    }
    match ty {
        "Text" | "LongTextArea" | "Html" if !computed => {
            node.int("length", i64::from(field.length));
        }
        "Number" | "Currency" | "Percent" => {
            node.int("precision", i64::from(field.precision)).int("scale", i64::from(field.scale));
        }
        "Location" => {
            node.bool("displayLocationInDecimal", field.display_location_in_decimal);
            // The parts have the decimals.
            let part = object.enumerate().find(|(_, f)| f.compound_field_name.as_deref() == Some(&field.name));
            node.int("scale", i64::from(part.map_or(0, |(_, part)| part.scale)));
        }
        "Checkbox" if !computed => {
            node.text("defaultValue", field.default_value.as_deref().unwrap_or("false"));
        }
        "AutoNumber" => {
            node.optional("displayFormat", field.auto_number_format.as_deref());
        }
        "Lookup" | "MasterDetail" => reference(field, &mut node),
        "Picklist" | "MultiselectPicklist" => {
            node.node("valueSet", value_set(field));
        }
        _ => {}
    }
    match ty {
        "LongTextArea" => node.int("visibleLines", 3),
        "Html" => node.int("visibleLines", 25),
        "MultiselectPicklist" => node.int("visibleLines", 4),
        _ => &mut node,
    };
    if matches!(ty, "Text" | "Number" | "Email" | "AutoNumber") && !computed {
        node.bool("externalId", field.external_id);
        if ty != "AutoNumber" {
            node.bool("unique", field.unique);
        }
        if field.unique && ty == "Text" {
            node.bool("caseSensitive", field.case_sensitive);
        }
    }
    node.optional("defaultValue", field.default_value_formula.as_deref());
    node
}

fn reference(field: &Field, node: &mut Node) {
    node.optional("referenceTo", field.reference_to.first().map(String::as_str));
    let children = field.child_relationship_name.as_deref();
    node.optional("relationshipName", children.map(|name| name.strip_suffix("__r").unwrap_or(name)));
    match field.relationship_order {
        Some(order) => {
            node.int("relationshipOrder", i64::from(order)).bool("reparentableMasterDetail", field.updateable);
            node.bool("writeRequiresMasterRead", field.write_requires_master_read);
        }
        None => {
            let constraint = match (field.restricted_delete, field.cascade_delete) {
                (true, _) => "Restrict",
                (false, true) => "Cascade",
                (false, false) => "SetNull",
            };
            node.text("deleteConstraint", constraint);
        }
    }
}

fn value_set(field: &Field) -> Node {
    let mut definition = Node::default();
    definition.bool("sorted", false);
    for value in &field.picklist {
        definition.node("value", picklist_value(value));
    }
    let mut set = Node::default();
    set.optional("controllingField", field.controller_name.as_deref());
    set.bool("restricted", field.restricted_picklist).node("valueSetDefinition", definition);
    set
}

fn picklist_value(value: &PicklistValue) -> Node {
    let mut node = Node::default();
    node.text("fullName", &value.value).bool("default", value.default_value);
    if !value.active {
        node.bool("isActive", false);
    }
    node.text("label", &value.label);
    node
}
