//! What the describe resources answer.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm>

use serde_json::{Map, Value, json};

use super::{Blanks, Field, FieldType, ObjectFlags, ObjectType, PicklistValue, RecordType, Schema};

/// The record type of records whose object has no other. Ids of this kind are the same in every org.
pub const MASTER_RECORD_TYPE: &str = "012000000000000AAA";

/// Members of `urls` that only a describe has and the global list has not.
const DESCRIBE_ONLY_URLS: [&str; 4] = ["defaultValues", "uiDetailTemplate", "uiEditTemplate", "uiNewRecord"];

/// The members of `urls` that an object with these flags has, unless its facts say otherwise.
pub fn usual_urls(flags: &ObjectFlags) -> Vec<&'static str> {
    let mut urls = vec!["describe", "rowTemplate", "sobject"];
    if flags.compact_layoutable {
        urls.push("compactLayouts");
    }
    if flags.layoutable {
        urls.extend(["approvalLayouts", "layouts", "listviews", "quickActions"]);
        urls.extend(["uiDetailTemplate", "uiEditTemplate", "uiNewRecord"]);
    }
    urls
}

/// The answer of `GET /services/data/vXX.X/sobjects`. `version` is `61.0`, without the `v`.
pub fn global(schema: &Schema, version: &str) -> Value {
    let mut sobjects = Vec::new();
    for object in schema.objects().iter().filter(|object| !object.is_removed()) {
        sobjects.push(entry(object, version));
        if object.change_events {
            sobjects.push(change_event_entry(object, version));
        }
    }
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects })
}

/// One entry of the global list, also the `objectDescribe` of an object's basic information.
pub fn entry(object: &ObjectType, version: &str) -> Value {
    let mut map = common(object);
    map.insert("urls".into(), urls(object, version, None));
    Value::Object(map)
}

/// The name of the change event object of an object: `AccountChangeEvent`, `Shipment__ChangeEvent`.
pub fn change_event_name(object: &ObjectType) -> String {
    match object.name.strip_suffix("__c") {
        Some(stem) => format!("{stem}__ChangeEvent"),
        None => format!("{}ChangeEvent", object.name),
    }
}

fn change_event_entry(object: &ObjectType, version: &str) -> Value {
    let name = change_event_name(object);
    let label = format!("{} Change Event", object.label);
    let off = ObjectFlags {
        compact_layoutable: false,
        createable: false,
        deletable: false,
        layoutable: false,
        mru_enabled: false,
        queryable: false,
        replicateable: false,
        search_layoutable: false,
        searchable: false,
        undeletable: false,
        updateable: false,
        ..ObjectFlags::default()
    };
    let event = ObjectType { name, label_plural: label.clone(), label, flags: off, ..ObjectType::default() };
    let mut map = common(&event);
    map.insert("associateEntityType".into(), "ChangeEvent".into());
    map.insert("associateParentEntity".into(), object.name.as_str().into());
    let mut urls = urls(&event, version, None);
    urls["eventSchema"] = format!("/services/data/v{version}/sobjects/{}/eventSchema", event.name).into();
    map.insert("urls".into(), urls);
    Value::Object(map)
}

/// Members that the global list and the describe of an object share.
fn common(object: &ObjectType) -> Map<String, Value> {
    let f = &object.flags;
    let members = json!({
        "activateable": f.activateable,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": f.createable,
        "custom": object.custom,
        "customSetting": f.custom_setting,
        "deepCloneable": f.deep_cloneable,
        "deletable": f.deletable,
        "deprecatedAndHidden": false,
        "feedEnabled": f.feed_enabled,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.key_prefix.map(|p| String::from_utf8_lossy(&p).into_owned()),
        "label": object.label,
        "labelPlural": object.label_plural,
        "layoutable": f.layoutable,
        "mergeable": f.mergeable,
        "mruEnabled": f.mru_enabled,
        "name": object.name,
        "queryable": f.queryable,
        "replicateable": f.replicateable,
        "retrieveable": f.retrieveable,
        "searchable": f.searchable,
        "triggerable": f.triggerable,
        "undeletable": f.undeletable,
        "updateable": f.updateable,
    });
    match members {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The answer of `GET /services/data/vXX.X/sobjects/{object}/describe`.
///
/// `instance_url` is the scheme and host under which the caller reached the org, for the links to its pages.
pub fn object(object: &ObjectType, version: &str, instance_url: &str) -> Value {
    let mut map = common(object);
    let children: Vec<_> = object
        .children
        .iter()
        .map(|c| {
            json!({
                "cascadeDelete": c.cascade_delete,
                "childSObject": c.child_object,
                "deprecatedAndHidden": c.deprecated_and_hidden,
                "field": c.field,
                "junctionIdListNames": c.junction_id_list_names,
                "junctionReferenceTo": c.junction_reference_to,
                "relationshipName": c.relationship_name,
                "restrictedDelete": c.restricted_delete,
            })
        })
        .collect();
    let scopes: Vec<_> = object.scopes.iter().map(|s| json!({ "label": s.label, "name": s.name })).collect();
    let mut more = json!({
        "actionOverrides": [],
        "childRelationships": children,
        "compactLayoutable": object.flags.compact_layoutable,
        "defaultImplementation": null,
        "extendedBy": null,
        "extendsInterfaces": null,
        "fields": object.enumerate().map(|(_, f)| field(f)).collect::<Vec<_>>(),
        "implementedBy": null,
        "implementsInterfaces": null,
        "listviewable": null,
        "lookupLayoutable": null,
        "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "recordTypeInfos": record_types(object, version),
        "searchLayoutable": object.flags.search_layoutable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": scopes,
    });
    if let Some(more) = more.as_object_mut() {
        map.append(more);
    }
    map.insert("urls".into(), urls(object, version, Some(instance_url)));
    let mut sorted: Vec<_> = map.into_iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(sorted.into_iter().collect())
}

/// An object with layouts has its own record types and, last, the master record type, which is the default when
/// there is no other default.
fn record_types(object: &ObjectType, version: &str) -> Vec<Value> {
    // Users have layouts and no record types, as recorded.
    if !object.flags.layoutable || !object.flags.deletable || object.flags.custom_setting {
        return Vec::new();
    }
    let info = |id: &str, developer_name: &str, name: &str, active: bool, default: bool, master: bool| {
        let layout = format!("/services/data/v{version}/sobjects/{}/describe/layouts/{id}", object.name);
        json!({
            "active": active,
            "available": true,
            "defaultRecordTypeMapping": default,
            "developerName": developer_name,
            "master": master,
            "name": name,
            "recordTypeId": id,
            "urls": { "layout": layout },
        })
    };
    let own = |r: &RecordType| info(&r.id.to_string(), &r.developer_name, &r.name, r.active, r.default, false);
    let mut infos: Vec<_> = object.record_types.iter().map(own).collect();
    let master_is_default = !object.record_types.iter().any(|r| r.default);
    infos.push(info(MASTER_RECORD_TYPE, "Master", "Master", true, master_is_default, true));
    infos
}

fn urls(object: &ObjectType, version: &str, instance_url: Option<&str>) -> Value {
    let base = format!("/services/data/v{version}/sobjects/{}", object.name);
    let mut names = usual_urls(&object.flags);
    for change in &object.urls {
        match change.strip_prefix('-') {
            Some(lacks) => names.retain(|n| n != &lacks),
            None => names.push(change),
        }
    }
    names.sort_unstable();
    let mut map = Map::new();
    for name in names {
        if instance_url.is_none() && DESCRIBE_ONLY_URLS.contains(&name) {
            continue;
        }
        let host = instance_url.unwrap_or_default();
        let prefix = object.key_prefix.map(|p| String::from_utf8_lossy(&p).into_owned()).unwrap_or_default();
        let url = match name {
            "sobject" => base.clone(),
            "rowTemplate" => format!("{base}/{{ID}}"),
            "describe" | "listviews" | "quickActions" => format!("{base}/{name}"),
            "defaultValues" => format!("{base}/defaultValues?recordTypeId&fields"),
            "passwordUtilities" => format!("{base}/{{ID}}/password"),
            "eventSeriesUpdates" => format!("{base}/{{ID}}/fromThisEventOnwards"),
            "caseArticleSuggestions" => format!("{base}/suggestedArticles"),
            "caseRowArticleSuggestions" => format!("{base}/{{ID}}/suggestedArticles"),
            "uiDetailTemplate" => format!("{host}/{{ID}}"),
            "uiEditTemplate" => format!("{host}/{{ID}}/e"),
            "uiNewRecord" => format!("{host}/{prefix}/e"),
            _ => format!("{base}/describe/{name}"),
        };
        map.insert(name.to_owned(), url.into());
    }
    Value::Object(map)
}

/// One entry of `fields`.
pub fn field(f: &Field) -> Value {
    let default_value = match (&f.default_value, f.ty) {
        (Some(text), FieldType::Boolean) => Value::Bool(text == "true"),
        (Some(text), _) => Value::String(text.clone()),
        (None, _) => Value::Null,
    };
    // In two parts: one call of the macro for all members is too deep for the compiler.
    let mut first = json!({
        "aggregatable": f.aggregatable,
        "aiPredictionField": false,
        "autoNumber": f.auto_number,
        "byteLength": f.byte_length,
        "calculated": f.calculated,
        "calculatedFormula": f.calculated_formula,
        "cascadeDelete": f.cascade_delete,
        "caseSensitive": f.case_sensitive,
        "compoundFieldName": f.compound_field_name,
        "controllerName": f.controller_name,
        "createable": f.createable,
        "custom": f.custom,
        "defaultValue": default_value,
        "defaultValueFormula": f.default_value_formula,
        "defaultedOnCreate": f.defaulted_on_create,
        "dependentPicklist": f.dependent_picklist,
        "deprecatedAndHidden": false,
        "digits": f.digits,
        "displayLocationInDecimal": f.display_location_in_decimal,
        "encrypted": f.ty == FieldType::Encryptedstring,
        "externalId": f.external_id,
        "extraTypeInfo": f.extra_type_info,
        "filterable": f.filterable,
        "filteredLookupInfo": null,
        "formulaTreatNullNumberAsZero": f.formula.as_ref().is_some_and(|formula| formula.blanks == Blanks::Zero),
        "groupable": f.groupable,
        "highScaleNumber": f.high_scale_number,
        "htmlFormatted": f.html_formatted,
    });
    let mut second = json!({
        "idLookup": f.id_lookup,
        "inlineHelpText": f.inline_help_text,
        "label": f.label,
        "length": f.length,
        "mask": null,
        "maskType": null,
        "name": f.name,
        "nameField": f.name_field,
        "namePointing": f.name_pointing,
        "nillable": f.nillable,
        "permissionable": f.permissionable,
        "picklistValues": f.picklist.iter().map(picklist_value).collect::<Vec<_>>(),
        "polymorphicForeignKey": f.polymorphic_foreign_key,
        "precision": f.precision,
        "queryByDistance": f.query_by_distance,
        "referenceTargetField": null,
        "referenceTo": f.reference_to,
        "relationshipName": f.relationship_name,
        "relationshipOrder": f.relationship_order,
        "restrictedDelete": f.restricted_delete,
        "restrictedPicklist": f.restricted_picklist,
        "scale": f.scale,
        "searchPrefilterable": f.search_prefilterable,
        "soapType": f.ty.soap_type(),
        "sortable": f.sortable,
        "type": f.ty.name(),
        "unique": f.unique,
        "updateable": f.updateable,
        "writeRequiresMasterRead": f.write_requires_master_read,
    });
    if let (Some(all), Some(rest)) = (first.as_object_mut(), second.as_object_mut()) {
        all.append(rest);
    }
    first
}

fn picklist_value(p: &PicklistValue) -> Value {
    json!({
        "active": p.active,
        "defaultValue": p.default_value,
        "label": p.label,
        "validFor": p.valid_for,
        "value": p.value,
    })
}
