//! What the calls `describeMetadata` and `describeValueType` answer.

use serde_json::{Value as Json, json};

use super::types;

/// `describeMetadata`: the types, by name.
pub fn describe() -> Json {
    let objects: Vec<Json> = types::supported()
        .iter()
        .map(|ty| {
            let mut members = json!({
                "childXmlNames": ty.children,
                "directoryName": ty.directory,
                "inFolder": ty.in_folder,
                "metaFile": ty.meta_file,
            });
            if let Some(map) = members.as_object_mut() {
                if !ty.suffix.is_empty() {
                    map.insert("suffix".into(), ty.suffix.into());
                }
                map.insert("xmlName".into(), ty.name.into());
            }
            members
        })
        .collect();
    json!({
        "metadataObjects": objects,
        "organizationNamespace": "",
        "partialSaveAllowed": true,
        "testRequired": false,
    })
}

/// Members of the types whose values the org reads: name, XML schema type, whether it is required.
type Members = &'static [(&'static str, &'static str, bool)];

const CUSTOM_FIELD: Members = &[
    ("fullName", "string", false),
    ("caseSensitive", "boolean", false),
    ("defaultValue", "string", false),
    ("deleteConstraint", "DeleteConstraint", false),
    ("description", "string", false),
    ("displayFormat", "string", false),
    ("displayLocationInDecimal", "boolean", false),
    ("externalId", "boolean", false),
    ("formula", "string", false),
    ("formulaTreatBlanksAs", "TreatBlanksAs", false),
    ("inlineHelpText", "string", false),
    ("label", "string", false),
    ("length", "int", false),
    ("populateExistingRows", "boolean", false),
    ("precision", "int", false),
    ("referenceTo", "string", false),
    ("relationshipLabel", "string", false),
    ("relationshipName", "string", false),
    ("relationshipOrder", "int", false),
    ("reparentableMasterDetail", "boolean", false),
    ("required", "boolean", false),
    ("scale", "int", false),
    ("startingNumber", "int", false),
    ("summarizedField", "string", false),
    ("summaryForeignKey", "string", false),
    ("summaryOperation", "SummaryOperations", false),
    ("type", "FieldType", false),
    ("unique", "boolean", false),
    ("valueSet", "ValueSet", false),
    ("visibleLines", "int", false),
    ("writeRequiresMasterRead", "boolean", false),
];

const CUSTOM_OBJECT: Members = &[
    ("fullName", "string", false),
    ("customSettingsType", "CustomSettingsType", false),
    ("deploymentStatus", "DeploymentStatus", false),
    ("description", "string", false),
    ("enableActivities", "boolean", false),
    ("enableBulkApi", "boolean", false),
    ("enableFeeds", "boolean", false),
    ("enableHistory", "boolean", false),
    ("enableReports", "boolean", false),
    ("enableSearch", "boolean", false),
    ("enableSharing", "boolean", false),
    ("enableStreamingApi", "boolean", false),
    ("eventType", "PlatformEventType", false),
    ("fields", "CustomField", false),
    ("label", "string", false),
    ("nameField", "CustomField", false),
    ("pluralLabel", "string", false),
    ("publishBehavior", "PlatformEventPublishBehavior", false),
    ("recordTypes", "RecordType", false),
    ("sharingModel", "SharingModel", false),
    ("validationRules", "ValidationRule", false),
];

const CHANNEL: Members =
    &[("fullName", "string", false), ("channelType", "PlatformEventChannelType", true), ("label", "string", true)];

const CHANNEL_MEMBER: Members = &[
    ("fullName", "string", false),
    ("enrichedFields", "EnrichedField", false),
    ("eventChannel", "string", true),
    ("filterExpression", "string", false),
    ("selectedEntity", "string", true),
];

const RECORD_TYPE: Members = &[
    ("fullName", "string", false),
    ("active", "boolean", true),
    ("businessProcess", "string", false),
    ("description", "string", false),
    ("label", "string", true),
];

/// `describeValueType`, for the types that the org acts upon; `None` for another. `name` may be `{namespace}Type`.
pub fn value_type(name: &str) -> Option<Json> {
    let name = name.rsplit_once('}').map_or(name, |(_, name)| name);
    let members = match name {
        "CustomField" => CUSTOM_FIELD,
        "CustomObject" => CUSTOM_OBJECT,
        "PlatformEventChannel" => CHANNEL,
        "PlatformEventChannelMember" => CHANNEL_MEMBER,
        "RecordType" => RECORD_TYPE,
        _ => return None,
    };
    let fields: Vec<Json> = members
        .iter()
        .map(|(name, soap_type, required)| {
            json!({
                "fields": [],
                "isForeignKey": matches!(*name, "referenceTo" | "eventChannel"),
                "isNameField": *name == "fullName",
                "minOccurs": i32::from(*required),
                "name": name,
                "soapType": soap_type,
                "valueRequired": required,
            })
        })
        .collect();
    let creatable = name != "PlatformEventChannelMember";
    Some(json!({
        "apiCreatable": creatable,
        "apiDeletable": creatable,
        "apiReadable": true,
        "apiUpdatable": creatable,
        "valueTypeFields": fields,
    }))
}
