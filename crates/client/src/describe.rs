//! Describe: what the org says about its sObjects and their fields. One describe can be several hundred kilobytes, so
//! only what a client decides on is kept; unknown members are ignored.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, escape, get},
    error::Error,
    retry::http_date,
    version::ApiVersion,
};

/// One sObject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Describe {
    /// API name.
    pub name: String,
    /// Label in the user's language.
    pub label: String,
    /// First three characters of the ids, where the object has ids of its own.
    pub key_prefix: Option<String>,
    /// Made by the org rather than by Salesforce.
    pub custom: bool,
    /// Records can be queried.
    pub queryable: bool,
    /// `getUpdated` and `getDeleted` work.
    pub replicateable: bool,
    /// Records can be read by id.
    pub retrieveable: bool,
    /// Records can be made.
    pub createable: bool,
    /// Records can be changed.
    pub updateable: bool,
    /// Records can be deleted.
    pub deletable: bool,
    /// Records can be undeleted.
    pub undeletable: bool,
    /// Records can be merged.
    pub mergeable: bool,
    /// The fields that this user may see, in the org's order.
    pub fields: Vec<DescribeField>,
    /// The objects that refer to this one.
    pub child_relationships: Vec<ChildRelationship>,
    /// Record types.
    pub record_type_infos: Vec<RecordTypeInfo>,
    /// When the org last changed it, from the answer's header; give it to `describe_since`.
    #[serde(skip)]
    pub last_modified: Option<Timestamp>,
}

impl Describe {
    /// A field by its API name, in any case.
    pub fn field(&self, name: &str) -> Option<&DescribeField> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// One field. Numbers are as in the API: `length` in characters, `precision` and `scale` in decimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DescribeField {
    /// API name.
    pub name: String,
    /// Label in the user's language.
    pub label: String,
    /// The field's type, such as `string`, `currency`, `reference`, `multipicklist`. A text, as new ones appear.
    #[serde(rename = "type")]
    pub kind: String,
    /// The type on the wire, such as `xsd:double`, `tns:ID`.
    pub soap_type: String,
    /// Longest text in characters; 0 for what is no text.
    pub length: u32,
    /// Most digits of an `int`.
    pub digits: u32,
    /// All digits of a number.
    pub precision: u32,
    /// Digits after the point.
    pub scale: u32,
    /// May be null.
    pub nillable: bool,
    /// Can be set when a record is made.
    pub createable: bool,
    /// Can be changed.
    pub updateable: bool,
    /// Made by the org rather than by Salesforce.
    pub custom: bool,
    /// A formula or a roll-up: changes of its value raise no event and move no stamp.
    pub calculated: bool,
    /// The formula, where the user may see it.
    pub calculated_formula: Option<String>,
    /// Numbered by the org.
    pub auto_number: bool,
    /// Gets a value when none is given.
    pub defaulted_on_create: bool,
    /// Marked as external id.
    pub external_id: bool,
    /// No two records have the same value.
    pub unique: bool,
    /// Can be used to look records up, as an upsert key.
    pub id_lookup: bool,
    /// Whether comparison minds case.
    pub case_sensitive: bool,
    /// Can be in WHERE.
    pub filterable: bool,
    /// Can be in ORDER BY.
    pub sortable: bool,
    /// Can be in GROUP BY.
    pub groupable: bool,
    /// Can be aggregated.
    pub aggregatable: bool,
    /// The record's name.
    pub name_field: bool,
    /// The objects that a reference may point to.
    pub reference_to: Vec<String>,
    /// The name of the way to the parent, such as `Account`.
    pub relationship_name: Option<String>,
    /// References several kinds of object.
    pub polymorphic_foreign_key: bool,
    /// The compound field that this is a part of, such as `BillingAddress`.
    pub compound_field_name: Option<String>,
    /// Only listed values are accepted.
    pub restricted_picklist: bool,
    /// The values of a picklist.
    pub picklist_values: Vec<PicklistValue>,
    /// Encrypted by Shield or classic encryption.
    pub encrypted: bool,
    /// Kept for old packages only.
    pub deprecated_and_hidden: bool,
    /// More about the type, such as `richtextarea`, `personname`.
    pub extra_type_info: Option<String>,
    /// The help text.
    pub inline_help_text: Option<String>,
}

impl DescribeField {
    /// Whether a record cannot be made without it.
    pub fn is_required(&self) -> bool {
        !self.nillable && self.createable && !self.defaulted_on_create
    }
}

/// One value of a picklist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PicklistValue {
    /// What is stored.
    pub value: String,
    /// What is shown.
    pub label: Option<String>,
    /// Can be chosen.
    pub active: bool,
    /// Is chosen when nothing is.
    pub default_value: bool,
}

/// An object that refers to the described one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChildRelationship {
    /// The referring object. The API spells it `childSObject`.
    #[serde(rename = "childSObject")]
    pub child_object: String,
    /// Its field.
    pub field: String,
    /// The name for subqueries.
    pub relationship_name: Option<String>,
    /// Deleting the parent deletes the child.
    pub cascade_delete: bool,
}

/// A record type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecordTypeInfo {
    /// API name.
    pub developer_name: Option<String>,
    /// Name in the user's language.
    pub name: String,
    /// Id; `012000000000000AAA` for the master.
    pub record_type_id: String,
    /// Active.
    pub active: bool,
    /// The user may use it.
    pub available: bool,
    /// The one every object has.
    pub master: bool,
}

/// The org's sObjects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DescribeGlobal {
    /// One entry each, without fields.
    pub sobjects: Vec<SObject>,
}

/// An sObject in the list of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SObject {
    /// API name.
    pub name: String,
    /// Label in the user's language.
    pub label: String,
    /// First three characters of the ids.
    pub key_prefix: Option<String>,
    /// Made by the org.
    pub custom: bool,
    /// A custom setting.
    pub custom_setting: bool,
    /// Records can be queried.
    pub queryable: bool,
    /// `getUpdated` and `getDeleted` work.
    pub replicateable: bool,
    /// Records can be made.
    pub createable: bool,
    /// Records can be changed.
    pub updateable: bool,
    /// Records can be deleted.
    pub deletable: bool,
    /// What it belongs to: `ChangeEvent`, `History`, `Share`, `Feed`.
    pub associate_entity_type: Option<String>,
    /// The object it belongs to.
    pub associate_parent_entity: Option<String>,
    /// Kept for old packages only.
    pub deprecated_and_hidden: bool,
}

/// `GET /sobjects/{object}/describe`; the reply is `None` where nothing has changed since the time given.
#[derive(Clone, Debug)]
pub struct DescribeObject {
    object: String,
    since: Option<Timestamp>,
}

impl DescribeObject {
    /// Describes an object by its API name.
    pub fn new(object: impl Into<String>) -> DescribeObject {
        DescribeObject { object: object.into(), since: None }
    }

    /// Only if it has changed since.
    pub fn modified_since(mut self, since: Timestamp) -> DescribeObject {
        self.since = Some(since);
        self
    }
}

impl Call for DescribeObject {
    type Reply = Option<Describe>;

    fn what(&self) -> String {
        format!("describing {}", self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let mut request = get(format!("{}/sobjects/{}/describe", api.base_path(), escape(&self.object)))?;
        if let Some(since) = self.since {
            let date = since.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            if let Ok(date) = HeaderValue::from_str(&date) {
                request.headers_mut().insert(header::IF_MODIFIED_SINCE, date);
            }
        }
        Ok(request)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Option<Describe>, Error> {
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let mut describe: Describe = decode_json(&self.what(), response.body())?;
        describe.last_modified =
            response.headers().get(header::LAST_MODIFIED).and_then(|value| value.to_str().ok()).and_then(http_date);
        Ok(Some(describe))
    }
}

/// `GET /sobjects`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeObjects;

impl Call for DescribeObjects {
    type Reply = DescribeGlobal;

    fn what(&self) -> String {
        "listing the org's objects".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(format!("{}/sobjects", api.base_path()))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<DescribeGlobal, Error> {
        decode_json(&self.what(), response.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_one_object() {
        let since = "2026-11-23T15:04:05Z".parse().unwrap();
        let request = DescribeObject::new("A/b").modified_since(since).request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/sobjects/A%2Fb/describe");
        assert_eq!(request.headers()[header::IF_MODIFIED_SINCE], "Mon, 23 Nov 2026 15:04:05 GMT");
    }

    #[test]
    fn reads_fields() {
        let body = r#"{"name":"Widget__c","label":"Widget","keyPrefix":"a00","custom":true,"queryable":true,"newMember":{"x":1},
            "fields":[{"name":"Amount__c","type":"currency","soapType":"xsd:double","precision":18,"scale":2,"nillable":true,"referenceTo":[],"relationshipName":null,"picklistValues":[]},
                      {"name":"LastName","type":"string","length":80,"nillable":false,"createable":true,"defaultedOnCreate":false},
                      {"name":"Stage","type":"picklist","picklistValues":[{"active":true,"defaultValue":false,"label":null,"validFor":null,"value":"Open"}]}],
            "childRelationships":[{"childSObject":"Contact","field":"AccountId","relationshipName":null,"cascadeDelete":false}]}"#;
        let mut response = http::Response::new(Bytes::from_static(body.as_bytes()));
        response.headers_mut().insert(header::LAST_MODIFIED, HeaderValue::from_static("Mon, 23 Nov 2026 15:04:05 GMT"));
        let describe = DescribeObject::new("Widget__c").reply(response).unwrap().unwrap();
        let amount = describe.field("amount__C").unwrap();
        assert_eq!((amount.kind.as_str(), amount.precision, amount.scale), ("currency", 18, 2));
        assert!(describe.field("LastName").unwrap().is_required());
        assert_eq!(describe.field("Stage").unwrap().picklist_values[0].value, "Open");
        assert_eq!(describe.child_relationships[0].child_object, "Contact");
        assert_eq!(describe.last_modified.unwrap().to_string(), "2026-11-23T15:04:05Z");
    }

    #[test]
    fn knows_not_modified() {
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        assert_eq!(DescribeObject::new("Account").reply(response).unwrap(), None);
    }
}
