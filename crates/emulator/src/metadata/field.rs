//! `CustomField`: reading a definition, and the rules that each type of field has.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/customfield.htm>

use super::{Problem, naming, picklist};
use crate::schema::{LONG_TEXT, ObjectType, Schema};
use crate::xml::Element;

/// Digits that a number has at most, before and behind the point.
pub(super) const PRECISION_MAX: u32 = 18;

/// The elements of a `CustomField`, besides those that only some types have.
const ELEMENTS: &[&str] = &[
    "businessOwnerGroup",
    "businessOwnerUser",
    "businessStatus",
    "caseSensitive",
    "complianceGroup",
    "customDataType",
    "defaultValue",
    "deleteConstraint",
    "deprecated",
    "description",
    "displayFormat",
    "displayLocationInDecimal",
    "elementType",
    "encryptionScheme",
    "escapeMarkup",
    "externalDeveloperName",
    "externalId",
    "fieldManageability",
    "formula",
    "formulaTreatBlanksAs",
    "fullName",
    "globalPicklist",
    "indexed",
    "inlineHelpText",
    "isAIPredictionField",
    "isConvertLeadDisabled",
    "isFilteringDisabled",
    "isNameField",
    "isSortingDisabled",
    "label",
    "length",
    "lookupFilter",
    "maskChar",
    "maskType",
    "metadataRelationshipControllingField",
    "mktDataLakeFieldAttributes",
    "mktDataModelFieldAttributes",
    "picklist",
    "populateExistingRows",
    "precision",
    "referenceTargetField",
    "referenceTo",
    "relationshipLabel",
    "relationshipName",
    "relationshipOrder",
    "reparentableMasterDetail",
    "required",
    "restrictedAdminField",
    "scale",
    "securityClassification",
    "startingNumber",
    "stripMarkup",
    "summarizedField",
    "summaryFilterItems",
    "summaryForeignKey",
    "summaryOperation",
    "trackFeedHistory",
    "trackHistory",
    "trackTrending",
    "translateData",
    "trueValueIndexed",
    "type",
    "unique",
    "valueSet",
    "visibleLines",
    "writeRequiresMasterRead",
];

/// The values of `FieldType` in the Metadata API.
const TYPES: &[&str] = &[
    "Address",
    "Array",
    "AutoNumber",
    "Checkbox",
    "Currency",
    "CustomDataType",
    "Date",
    "DateTime",
    "Email",
    "EncryptedText",
    "ExternalLookup",
    "File",
    "Hierarchy",
    "Html",
    "IndirectLookup",
    "Location",
    "LongTextArea",
    "Lookup",
    "MasterDetail",
    "MetadataRelationship",
    "MultiselectPicklist",
    "Number",
    "Percent",
    "Phone",
    "Picklist",
    "Summary",
    "Text",
    "TextArea",
    "Time",
    "Url",
];

/// Types of fields that real orgs have and this one cannot hold, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("EncryptedText", "encrypted text is not built in this emulator"),
    ("ExternalLookup", "external objects are not built in this emulator"),
    ("IndirectLookup", "external objects are not built in this emulator"),
    ("MetadataRelationship", "relationships between custom metadata types are not built in this emulator"),
    ("Address", "custom address fields are not built in this emulator"),
    ("Array", "it is not available in this organization"),
    ("CustomDataType", "it is not available in this organization"),
    ("File", "it is not available in this organization"),
];

/// Types that a formula may give.
const FORMULA_TYPES: &[&str] = &["Checkbox", "Currency", "Date", "DateTime", "Number", "Percent", "Text", "Time"];

/// A definition, read and checked for itself; what the org says to it comes later.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct FieldDef {
    /// API name without the object: `Legacy_Id__c`.
    pub(super) name: String,
    /// The name's middle: `Legacy_Id`.
    pub(super) developer_name: String,
    pub(super) ty: &'static str,
    pub(super) label: String,
    pub(super) length: u32,
    pub(super) precision: u32,
    pub(super) scale: u32,
    pub(super) required: bool,
    pub(super) unique: bool,
    pub(super) external_id: bool,
    pub(super) case_sensitive: bool,
    pub(super) default_value: Option<String>,
    pub(super) help: Option<String>,
    pub(super) reference_to: String,
    pub(super) relationship_name: Option<String>,
    pub(super) delete_constraint: String,
    pub(super) relationship_order: Option<u32>,
    pub(super) reparentable: bool,
    pub(super) write_requires_master_read: bool,
    pub(super) formula: Option<String>,
    pub(super) blanks_as_blank: bool,
    pub(super) summary: Option<SummaryDef>,
    pub(super) values: picklist::ValueSet,
    pub(super) display_format: Option<String>,
    pub(super) starting_number: Option<u64>,
    pub(super) in_decimal: bool,
    pub(super) number_existing: bool,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What a roll-up summary sums up, as it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SummaryDef {
    pub(super) foreign_key: String,
    pub(super) operation: String,
    pub(super) field: Option<String>,
    pub(super) filters: Vec<(String, String, String)>,
}

/// Reads a definition. `name` is its API name without the object.
pub(super) fn read(element: &Element, name: &str) -> Result<FieldDef, Problem> {
    check_elements(element, ELEMENTS, "CustomField")?;
    let at = |problem: Problem| problem.at(element);
    let developer_name = developer_name(name).map_err(at)?;
    let Some(ty) = element.text_of("type").filter(|ty| !ty.is_empty()) else {
        return Err(at(Problem::integrity("Must specify a non-empty field type for a CustomField")));
    };
    let Some(ty) = TYPES.iter().find(|known| **known == ty) else {
        let message = format!("'{ty}' is not a valid value for the enum 'FieldType'");
        return Err(Problem::new("INVALID_FORMAT", message).at(element.child("type").unwrap_or(element)));
    };
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| refused == ty) {
        return Err(at(Problem::integrity(format!("Cannot make a CustomField of type {ty}: {reason}."))));
    }
    let number = |name: &str| -> Result<Option<u32>, Problem> {
        let Some(text) = element.text_of(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let message = format!("'{text}' is not a valid value for the type xsd:int");
            Problem::new("INVALID_FORMAT", message).at(element.child(name).unwrap_or(element))
        })
    };
    let truth = |name: &str| truth(element, name);
    let text = |name: &str| element.text_of(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut def = FieldDef {
        name: name.to_owned(),
        developer_name: developer_name.to_owned(),
        ty,
        label: text("label").unwrap_or_default(),
        length: number("length")?.unwrap_or(0),
        precision: number("precision")?.unwrap_or(0),
        scale: number("scale")?.unwrap_or(0),
        required: truth("required")?,
        unique: truth("unique")?,
        external_id: truth("externalId")?,
        case_sensitive: truth("caseSensitive")?,
        default_value: text("defaultValue"),
        help: text("inlineHelpText"),
        reference_to: text("referenceTo").unwrap_or_default(),
        relationship_name: text("relationshipName"),
        delete_constraint: text("deleteConstraint").unwrap_or_default(),
        relationship_order: number("relationshipOrder")?,
        reparentable: truth("reparentableMasterDetail")?,
        write_requires_master_read: truth("writeRequiresMasterRead")?,
        formula: element.child("formula").map(|f| f.trimmed().to_owned()).filter(|f| !f.is_empty()),
        blanks_as_blank: text("formulaTreatBlanksAs").as_deref() == Some("BlankAsBlank"),
        summary: None,
        values: picklist::read(element).map_err(at)?,
        display_format: text("displayFormat"),
        starting_number: number("startingNumber")?.map(u64::from),
        in_decimal: truth("displayLocationInDecimal")?,
        number_existing: element.text_of("populateExistingRows") != Some("false"),
        line: element.line,
        column: element.column,
    };
    if def.ty == "Summary" {
        def.summary = Some(summary(element).map_err(at)?);
    }
    let has_precision = element.child("precision").is_some();
    check(&def, has_precision, number("visibleLines")?).map_err(at)?;
    Ok(def)
}

/// Refuses an element that the type does not have.
pub(super) fn check_elements(element: &Element, known: &[&str], ty: &str) -> Result<(), Problem> {
    for child in &element.children {
        if !known.contains(&child.name.as_str()) {
            let message = format!(
                "Error parsing file: Element {{{}}}{} invalid at this location in type {ty}",
                super::NAMESPACE,
                child.name
            );
            return Err(Problem::new("INVALID_FORMAT", message).at(child));
        }
    }
    Ok(())
}

/// A truth value; absent is `false`.
pub(super) fn truth(element: &Element, name: &str) -> Result<bool, Problem> {
    match element.text_of(name) {
        None | Some("" | "false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => {
            let message = format!("'{other}' is not a valid value for the type xsd:boolean");
            Err(Problem::new("INVALID_FORMAT", message).at(element.child(name).unwrap_or(element)))
        }
    }
}

/// The developer name of a custom field's API name.
fn developer_name(name: &str) -> Result<&str, Problem> {
    let Some(developer_name) = name.strip_suffix("__c") else {
        return Err(Problem::integrity(format!("The custom field name {name} does not end in __c")));
    };
    naming::check(developer_name, "Custom Field Name")?;
    Ok(developer_name)
}

fn summary(element: &Element) -> Result<SummaryDef, Problem> {
    let text = |name: &str| element.text_of(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(foreign_key) = text("summaryForeignKey") else { return Err(must("summaryForeignKey", "Summary")) };
    let Some(operation) = text("summaryOperation") else { return Err(must("summaryOperation", "Summary")) };
    let filters = element
        .children_named("summaryFilterItems")
        .map(|item| {
            let text = |name: &str| item.text_of(name).unwrap_or_default().to_owned();
            if item.child("valueField").is_some() {
                let message = "Filters of a roll-up summary compare with a value, not with a field";
                return Err(Problem::integrity(message).at(item));
            }
            Ok((text("field"), text("operation"), text("value")))
        })
        .collect::<Result<_, _>>()?;
    Ok(SummaryDef { foreign_key, operation, field: text("summarizedField"), filters })
}

fn must(member: &str, ty: &str) -> Problem {
    Problem::integrity(format!("Must specify '{member}' for a CustomField of type {ty}"))
}

fn cannot(member: &str, ty: &str) -> Problem {
    Problem::integrity(format!("Can not specify '{member}' for a CustomField of type {ty}"))
}

/// The rules of each type for itself. The wordings of ranges are unconfirmed.
fn check(def: &FieldDef, has_precision: bool, visible_lines: Option<u32>) -> Result<(), Problem> {
    let ty = def.ty;
    if def.label.is_empty() {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [MasterLabel]"));
    }
    if def.label.chars().count() > 40 {
        let message = format!("Label: data value too large: {} (max length=40)", def.label);
        return Err(Problem::new("STRING_TOO_LONG", message));
    }
    if def.formula.is_some() {
        if !FORMULA_TYPES.contains(&ty) {
            return Err(cannot("formula", ty));
        }
        for (given, member) in
            [(def.required, "required"), (def.unique, "unique"), (def.default_value.is_some(), "defaultValue")]
        {
            if given && !(member == "defaultValue" && ty == "Checkbox") {
                return Err(Problem::integrity(format!("Can not specify '{member}' for a formula field")));
            }
        }
    }
    let in_range = |value: u32, from: u32, to: u32, member: &str| {
        if (from..=to).contains(&value) {
            Ok(())
        } else {
            Err(Problem::integrity(format!("{member} of a CustomField of type {ty} must be between {from} and {to}")))
        }
    };
    match ty {
        "Text" if def.formula.is_none() => {
            if def.length == 0 {
                return Err(must("length", ty));
            }
            in_range(def.length, 1, 255, "length")?;
        }
        "LongTextArea" | "Html" => {
            if def.length == 0 {
                return Err(must("length", ty));
            }
            in_range(def.length, 256, LONG_TEXT, "length")?;
            match visible_lines {
                None => return Err(must("visibleLines", ty)),
                Some(lines) => in_range(lines, if ty == "Html" { 10 } else { 2 }, 50, "visibleLines")?,
            }
        }
        "Number" | "Currency" | "Percent" => {
            if !has_precision && def.formula.is_none() {
                return Err(must("precision", ty));
            }
            if has_precision {
                in_range(def.precision, 1, PRECISION_MAX, "precision")?;
                in_range(def.scale, 0, def.precision, "scale")?;
            }
        }
        "Location" => in_range(def.scale, 0, 15, "scale")?,
        "Lookup" | "MasterDetail" | "Hierarchy" => {
            if def.reference_to.is_empty() && ty != "Hierarchy" {
                return Err(must("referenceTo", ty));
            }
            if ty == "MasterDetail" && def.required {
                return Err(cannot("required", ty));
            }
            if ty == "MasterDetail" && def.relationship_name.is_none() {
                return Err(must("relationshipName", ty));
            }
            if let Some(name) = &def.relationship_name {
                naming::check(name, "Child Relationship Name")?;
            }
            if !matches!(def.delete_constraint.as_str(), "" | "SetNull" | "Restrict" | "Cascade") {
                let value = &def.delete_constraint;
                let message = format!("'{value}' is not a valid value for the enum 'DeleteConstraint'");
                return Err(Problem::new("INVALID_FORMAT", message));
            }
            if ty == "Lookup" && def.required && !matches!(def.delete_constraint.as_str(), "Restrict" | "Cascade") {
                let message = "field integrity exception: (must specify either cascade delete or restrict delete for \
                               required lookup foreign key)";
                return Err(Problem::integrity(message));
            }
            if def.relationship_order.is_some_and(|order| order > 1) {
                return Err(Problem::integrity("relationshipOrder must be 0 or 1"));
            }
        }
        "Picklist" | "MultiselectPicklist" => def.values.check(ty)?,
        "AutoNumber" => {
            if let Some(format) = &def.display_format
                && !format.contains("{0")
            {
                let message = format!("Display Format: the format {format} must have a number such as {{0000}}");
                return Err(Problem::integrity(message));
            }
        }
        _ => {}
    }
    if def.external_id && !matches!(ty, "Text" | "Number" | "Email" | "AutoNumber") {
        return Err(cannot("externalId", ty));
    }
    if def.unique && !matches!(ty, "Text" | "Number" | "Email" | "AutoNumber") {
        return Err(cannot("unique", ty));
    }
    if def.required && matches!(ty, "Checkbox" | "AutoNumber" | "Summary" | "LongTextArea" | "Html" | "Location") {
        // Salesforce's own files say `<required>true</required>` of no such field.
        return Err(cannot("required", ty));
    }
    if ty == "Checkbox" && def.formula.is_none() {
        match def.default_value.as_deref() {
            None => return Err(must("defaultValue", ty)),
            Some("true" | "false") => {}
            Some(_) => return Err(Problem::integrity("defaultValue of a Checkbox must be true or false")),
        }
    }
    Ok(())
}

/// The object that a lookup points at.
pub(super) fn parent_of(schema: &Schema, def: &FieldDef, object: &ObjectType) -> Result<String, Problem> {
    let name = if def.ty == "Hierarchy" { &object.name } else { &def.reference_to };
    let found = schema.find(name).map(|(_, parent)| parent).filter(|p| p.key_prefix.is_some() && p.flags.queryable);
    match found {
        Some(parent) => Ok(parent.name.clone()),
        None => Err(Problem::integrity(format!(
            "In field: referenceTo - referenceTo value of '{name}' does not resolve to a valid sObject type"
        ))),
    }
}
