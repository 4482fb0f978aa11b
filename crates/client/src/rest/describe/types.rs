//! What a describe says: the object, its fields, picklist values, children and record types. Source of members and
//! meanings: REST API Developer Guide, "sObject Describe", and Object Reference.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::lenient::described;

described! {
    /// One sObject.
    pub struct Describe {
        /// API name.
        name: String = "name",
        /// Label in the user's language.
        label: String = "label",
        /// Label of several.
        label_plural: String = "labelPlural",
        /// First three characters of the ids, where the object has ids of its own.
        key_prefix: Option<String> = "keyPrefix",
        /// Made by the org rather than by Salesforce.
        custom: bool = "custom",
        /// A custom setting.
        custom_setting: bool = "customSetting",
        /// Records can be queried.
        queryable: bool = "queryable",
        /// `getUpdated` and `getDeleted` work.
        replicateable: bool = "replicateable",
        /// Records can be read by id.
        retrieveable: bool = "retrieveable",
        /// Records can be found by a search.
        searchable: bool = "searchable",
        /// Records can be made.
        createable: bool = "createable",
        /// Records can be changed.
        updateable: bool = "updateable",
        /// Records can be deleted.
        deletable: bool = "deletable",
        /// Records can be undeleted.
        undeletable: bool = "undeletable",
        /// Records can be merged.
        mergeable: bool = "mergeable",
        /// Apex triggers can be written for it.
        triggerable: bool = "triggerable",
        /// Records can have a feed.
        feed_enabled: bool = "feedEnabled",
        /// Records are listed among the recently used.
        mru_enabled: bool = "mruEnabled",
        /// It has layouts.
        layoutable: bool = "layoutable",
        /// Kept for old packages only.
        deprecated_and_hidden: bool = "deprecatedAndHidden",
        /// What it belongs to: `ChangeEvent`, `History`, `Share`, `Feed`.
        associate_entity_type: Option<String> = "associateEntityType",
        /// The object it belongs to.
        associate_parent_entity: Option<String> = "associateParentEntity",
        /// The fields that this user may see, in the org's order.
        fields: Vec<DescribeField> = "fields",
        /// The objects that refer to this one.
        child_relationships: Vec<ChildRelationship> = "childRelationships",
        /// Record types.
        record_type_infos: Vec<RecordTypeInfo> = "recordTypeInfos",
        /// Paths of what belongs to it, by name.
        urls: Map<String, Value> = "urls",
    }
    besides {
        /// When the org last changed it, from the answer's header; give it to `describe_since`.
        last_modified: Option<Timestamp>,
    }
}

impl Describe {
    /// A field by its API name, in any case.
    pub fn field(&self, name: &str) -> Option<&DescribeField> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

described! {
    /// One field. Numbers are as in the API: `length` in characters, `precision` and `scale` in decimal digits.
    pub struct DescribeField {
        /// API name.
        name: String = "name",
        /// Label in the user's language.
        label: String = "label",
        /// The field's type, such as `string`, `currency`, `reference`, `multipicklist`. A text, as new ones appear.
        kind: String = "type",
        /// The type on the wire, such as `xsd:double`, `tns:ID`.
        soap_type: String = "soapType",
        /// Longest text in characters; 0 for what is no text.
        length: u32 = "length",
        /// Longest text in bytes.
        byte_length: u32 = "byteLength",
        /// Most digits of an `int`.
        digits: u32 = "digits",
        /// All digits of a number.
        precision: u32 = "precision",
        /// Digits after the point.
        scale: u32 = "scale",
        /// May be null.
        nillable: bool = "nillable",
        /// Can be set when a record is made.
        createable: bool = "createable",
        /// Can be changed.
        updateable: bool = "updateable",
        /// Field-level security can be set for it.
        permissionable: bool = "permissionable",
        /// Made by the org rather than by Salesforce.
        custom: bool = "custom",
        /// A formula or a roll-up: changes of its value raise no event and move no stamp.
        calculated: bool = "calculated",
        /// The formula, where the user may see it.
        calculated_formula: Option<String> = "calculatedFormula",
        /// The formula takes a missing number for 0.
        formula_treat_null_number_as_zero: bool = "formulaTreatNullNumberAsZero",
        /// Numbered by the org.
        auto_number: bool = "autoNumber",
        /// Gets a value when none is given.
        defaulted_on_create: bool = "defaultedOnCreate",
        /// That value, where it is fixed.
        default_value: Option<Value> = "defaultValue",
        /// The formula of that value.
        default_value_formula: Option<String> = "defaultValueFormula",
        /// Marked as external id.
        external_id: bool = "externalId",
        /// No two records have the same value.
        unique: bool = "unique",
        /// Can be used to look records up, as an upsert key.
        id_lookup: bool = "idLookup",
        /// Whether comparison minds case.
        case_sensitive: bool = "caseSensitive",
        /// Can be in WHERE.
        filterable: bool = "filterable",
        /// Can be in ORDER BY.
        sortable: bool = "sortable",
        /// Can be in GROUP BY.
        groupable: bool = "groupable",
        /// Can be aggregated.
        aggregatable: bool = "aggregatable",
        /// The record's name.
        name_field: bool = "nameField",
        /// Points to a record's name: the parent may be of several kinds.
        name_pointing: bool = "namePointing",
        /// The objects that a reference may point to.
        reference_to: Vec<String> = "referenceTo",
        /// The name of the way to the parent, such as `Account`.
        relationship_name: Option<String> = "relationshipName",
        /// 0 or 1 for the first and second master of a master-detail.
        relationship_order: Option<i32> = "relationshipOrder",
        /// The parent's field that an indirect lookup compares with.
        reference_target_field: Option<String> = "referenceTargetField",
        /// References several kinds of object.
        polymorphic_foreign_key: bool = "polymorphicForeignKey",
        /// Deleting the parent deletes the record.
        cascade_delete: bool = "cascadeDelete",
        /// The parent cannot be deleted while the record is there.
        restricted_delete: bool = "restrictedDelete",
        /// Writing needs only read access to the master.
        write_requires_master_read: bool = "writeRequiresMasterRead",
        /// The compound field that this is a part of, such as `BillingAddress`.
        compound_field_name: Option<String> = "compoundFieldName",
        /// Only listed values are accepted.
        restricted_picklist: bool = "restrictedPicklist",
        /// The choice depends on another field.
        dependent_picklist: bool = "dependentPicklist",
        /// That other field.
        controller_name: Option<String> = "controllerName",
        /// The values of a picklist.
        picklist_values: Vec<PicklistValue> = "picklistValues",
        /// Encrypted by Shield or classic encryption.
        encrypted: bool = "encrypted",
        /// The character that hides an encrypted value.
        mask: Option<String> = "mask",
        /// How much of an encrypted value is hidden.
        mask_type: Option<String> = "maskType",
        /// Holds HTML.
        html_formatted: bool = "htmlFormatted",
        /// Kept for old packages only.
        deprecated_and_hidden: bool = "deprecatedAndHidden",
        /// More about the type, such as `richtextarea`, `personname`.
        extra_type_info: Option<String> = "extraTypeInfo",
        /// The help text.
        inline_help_text: Option<String> = "inlineHelpText",
        /// A geolocation shown in decimal degrees.
        display_location_in_decimal: bool = "displayLocationInDecimal",
        /// Can be compared by distance.
        query_by_distance: bool = "queryByDistance",
        /// A number with more digits after the point than most.
        high_scale_number: bool = "highScaleNumber",
        /// Search can be restricted by it.
        search_prefilterable: bool = "searchPrefilterable",
        /// Predicted by Einstein.
        ai_prediction_field: bool = "aiPredictionField",
        /// The condition on the records that a lookup accepts.
        filtered_lookup_info: Option<Value> = "filteredLookupInfo",
    }
}

impl DescribeField {
    /// Whether a record cannot be made without it.
    pub fn is_required(&self) -> bool {
        !self.nillable && self.createable && !self.defaulted_on_create
    }

    /// Whether records can be found, and upserted, by it.
    pub fn is_key(&self) -> bool {
        self.external_id || self.id_lookup
    }
}

described! {
    /// One value of a picklist.
    pub struct PicklistValue {
        /// What is stored.
        value: String = "value",
        /// What is shown.
        label: Option<String> = "label",
        /// Can be chosen.
        active: bool = "active",
        /// Is chosen when nothing is.
        default_value: bool = "defaultValue",
        /// For which values of the controlling field it can be chosen: bits in base64. See [`PicklistValue::is_valid_for`].
        valid_for: Option<String> = "validFor",
    }
}

impl PicklistValue {
    /// Whether it can be chosen when the controlling field has its `n`-th value, from 0. Without a controlling field,
    /// always.
    pub fn is_valid_for(&self, n: usize) -> bool {
        let Some(text) = &self.valid_for else { return true };
        let Ok(bits) = STANDARD.decode(text) else { return false };
        // The first value is the highest bit of the first byte.
        bits.get(n / 8).is_some_and(|byte| byte & (0x80 >> (n % 8)) != 0)
    }
}

described! {
    /// An object that refers to the described one.
    pub struct ChildRelationship {
        /// The referring object. The API spells it `childSObject`.
        child_object: String = "childSObject",
        /// Its field.
        field: String = "field",
        /// The name for subqueries.
        relationship_name: Option<String> = "relationshipName",
        /// Deleting the parent deletes the child.
        cascade_delete: bool = "cascadeDelete",
        /// The parent cannot be deleted while the child is there.
        restricted_delete: bool = "restrictedDelete",
        /// Kept for old packages only.
        deprecated_and_hidden: bool = "deprecatedAndHidden",
        /// Junction fields on both sides.
        junction_id_list_names: Vec<String> = "junctionIdListNames",
        /// What those lead to.
        junction_reference_to: Vec<String> = "junctionReferenceTo",
    }
}

described! {
    /// A record type.
    pub struct RecordTypeInfo {
        /// API name.
        developer_name: Option<String> = "developerName",
        /// Name in the user's language.
        name: String = "name",
        /// Id; `012000000000000AAA` for the master.
        record_type_id: String = "recordTypeId",
        /// Active.
        active: bool = "active",
        /// The user may use it.
        available: bool = "available",
        /// New records of this user have it unless said otherwise.
        default_record_type_mapping: bool = "defaultRecordTypeMapping",
        /// The one every object has.
        master: bool = "master",
    }
}

described! {
    /// The org's sObjects.
    pub struct DescribeGlobal {
        /// The org's encoding.
        encoding: Option<String> = "encoding",
        /// The most records that one call may write.
        max_batch_size: Option<u32> = "maxBatchSize",
        /// One entry each, without fields.
        sobjects: Vec<SObject> = "sobjects",
    }
}

described! {
    /// An sObject in the list of all.
    pub struct SObject {
        /// API name.
        name: String = "name",
        /// Label in the user's language.
        label: String = "label",
        /// Label of several.
        label_plural: String = "labelPlural",
        /// First three characters of the ids.
        key_prefix: Option<String> = "keyPrefix",
        /// Made by the org.
        custom: bool = "custom",
        /// A custom setting.
        custom_setting: bool = "customSetting",
        /// Records can be queried.
        queryable: bool = "queryable",
        /// `getUpdated` and `getDeleted` work.
        replicateable: bool = "replicateable",
        /// Records can be read by id.
        retrieveable: bool = "retrieveable",
        /// Records can be found by a search.
        searchable: bool = "searchable",
        /// Records can be made.
        createable: bool = "createable",
        /// Records can be changed.
        updateable: bool = "updateable",
        /// Records can be deleted.
        deletable: bool = "deletable",
        /// Records can be undeleted.
        undeletable: bool = "undeletable",
        /// Records can be merged.
        mergeable: bool = "mergeable",
        /// Apex triggers can be written for it.
        triggerable: bool = "triggerable",
        /// What it belongs to: `ChangeEvent`, `History`, `Share`, `Feed`.
        associate_entity_type: Option<String> = "associateEntityType",
        /// The object it belongs to.
        associate_parent_entity: Option<String> = "associateParentEntity",
        /// Kept for old packages only.
        deprecated_and_hidden: bool = "deprecatedAndHidden",
        /// Paths of what belongs to it, by name.
        urls: Map<String, Value> = "urls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_null_or_new_is_no_trouble() {
        let field: DescribeField = serde_json::from_str(
            r#"{"name":"A","label":null,"length":null,"nillable":null,"newOne":[1,2.50],"otherNew":null}"#,
        )
        .unwrap();
        assert_eq!((field.name.as_str(), field.label.as_str(), field.length), ("A", "", 0));
        assert_eq!(Value::Object(field.extra.clone()).to_string(), r#"{"newOne":[1,2.50],"otherNew":null}"#);
        let again: DescribeField = serde_json::from_value(serde_json::to_value(&field).unwrap()).unwrap();
        assert_eq!(again, field);
        let error = serde_json::from_str::<DescribeField>(r#"{"length":"long"}"#).unwrap_err().to_string();
        assert!(error.starts_with("length: "), "{error}");
    }

    #[test]
    fn a_dependent_value_knows_what_it_is_valid_for() {
        let value = PicklistValue { valid_for: Some("gAAB".into()), ..PicklistValue::default() };
        let valid: Vec<usize> = (0..30).filter(|n| value.is_valid_for(*n)).collect();
        assert_eq!(valid, [0, 23]);
        assert!(PicklistValue::default().is_valid_for(7));
        assert!(!PicklistValue { valid_for: Some("%".into()), ..PicklistValue::default() }.is_valid_for(0));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(text in "\\PC{0,200}", members in proptest::collection::vec(("(name|fields|length|urls|validFor|x)", "(1|-1|1e99|\"x\"|null|\\[\\]|\\{\\}|true|\\[null\\])"), 0..6)) {
            let _ = serde_json::from_str::<Describe>(&text);
            let object = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect::<Vec<_>>().join(",");
            let _ = serde_json::from_str::<Describe>(&format!("{{{object},\"fields\":[{{{object}}}]}}"));
            let value = PicklistValue { valid_for: Some(text), ..PicklistValue::default() };
            let _ = value.is_valid_for(usize::MAX);
        }
    }
}
