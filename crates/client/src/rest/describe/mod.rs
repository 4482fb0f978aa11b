//! Describe: what the org says about its sObjects and their fields; asked once, kept, and asked whether it has changed.

mod cache;
mod lenient;
mod types;

pub(crate) use cache::DescribeCache;
pub use cache::Described;
pub use types::{ChildRelationship, Describe, DescribeField, DescribeGlobal, PicklistValue, RecordTypeInfo, SObject};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;

use crate::{
    call::{Call, decode_json, get, http_date as write_date, segment},
    client::Client,
    error::Error,
    retry::http_date,
    version::ApiVersion,
};

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
        let mut request = get(format!("{}/sobjects/{}/describe", api.base_path(), segment(&self.object)?))?;
        if let Some(since) = self.since
            && let Ok(date) = HeaderValue::from_str(&write_date(since))
        {
            request.headers_mut().insert(header::IF_MODIFIED_SINCE, date);
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

impl Client {
    /// What the org says about an sObject: fields, keys, what the user may do.
    pub async fn describe(&self, object: &str) -> Result<Describe, Error> {
        match self.send(&DescribeObject::new(object)).await? {
            Some(describe) => Ok(describe),
            None => Err(Error::unexpected(
                format!("describing {object}"),
                "not modified, although nothing was said to be known",
            )),
        }
    }

    /// As [`Client::describe`], or `None` when nothing has changed since `since` (see [`Describe::last_modified`]).
    pub async fn describe_since(&self, object: &str, since: Timestamp) -> Result<Option<Describe>, Error> {
        self.send(&DescribeObject::new(object).modified_since(since)).await
    }

    /// The org's sObjects.
    pub async fn describe_global(&self) -> Result<DescribeGlobal, Error> {
        self.send(&DescribeObjects).await
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
