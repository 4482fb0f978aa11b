//! One record: create, read, update, delete, and upsert by a key of the caller's own.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, build, decode_json, escape, get, with_json},
    error::{ApiError, Error},
    query::Record,
    version::ApiVersion,
};

/// What a write of one record came to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Saved {
    /// The record's id.
    pub id: String,
    /// Whether an upsert made it; `None` where the org did not say.
    #[serde(default)]
    pub created: Option<bool>,
}

/// `POST /sobjects/{object}`. Not sent again when the answer was lost, as that could make a second record: use
/// [`Upsert`] where that matters.
#[derive(Clone, Debug)]
pub struct Create<T> {
    /// API name of the object.
    pub object: String,
    /// The fields.
    pub fields: T,
}

impl<T: Serialize> Call for Create<T> {
    type Reply = Saved;

    fn what(&self) -> String {
        format!("creating a record of {}", self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/sobjects/{}", api.base_path(), escape(&self.object));
        with_json(Method::POST, path, &self.fields)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Saved, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// `GET /sobjects/{object}/{id}`.
#[derive(Clone, Debug)]
pub struct Get {
    /// API name of the object.
    pub object: String,
    /// Record id.
    pub id: String,
    /// Only these fields; all that the user may see when empty.
    pub fields: Vec<String>,
}

impl Call for Get {
    type Reply = Record;

    fn what(&self) -> String {
        format!("reading {} {}", self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let mut path = record_path(api, &self.object, &self.id);
        if !self.fields.is_empty() {
            path.push_str("?fields=");
            path.push_str(&escape(&self.fields.join(",")));
        }
        get(path)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Record, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// `PATCH /sobjects/{object}/{id}`: changes the given fields; null clears one.
#[derive(Clone, Debug)]
pub struct Update<T> {
    /// API name of the object.
    pub object: String,
    /// Record id.
    pub id: String,
    /// The fields to change.
    pub fields: T,
}

impl<T: Serialize> Call for Update<T> {
    type Reply = ();

    fn what(&self) -> String {
        format!("updating {} {}", self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        with_json(Method::PATCH, record_path(api, &self.object, &self.id), &self.fields)
    }

    fn reply(&self, _: http::Response<Bytes>) -> Result<(), Error> {
        Ok(())
    }
}

/// `DELETE /sobjects/{object}/{id}`. Sent again after a lost answer, the org may say `ENTITY_IS_DELETED`, which then
/// means success.
#[derive(Clone, Debug)]
pub struct Delete {
    /// API name of the object.
    pub object: String,
    /// Record id.
    pub id: String,
}

impl Call for Delete {
    type Reply = ();

    fn what(&self) -> String {
        format!("deleting {} {}", self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        build(Method::DELETE, record_path(api, &self.object, &self.id), None)
    }

    fn reply(&self, _: http::Response<Bytes>) -> Result<(), Error> {
        Ok(())
    }
}

/// `PATCH /sobjects/{object}/{field}/{value}`: updates the record that has the value in its external id field, or makes
/// it. May be sent twice without harm.
#[derive(Clone, Debug)]
pub struct Upsert<T> {
    /// API name of the object.
    pub object: String,
    /// The external id field.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The other fields; the key must not be among them.
    pub fields: T,
    /// Never makes a record.
    pub update_only: bool,
}

impl<T: Serialize> Call for Upsert<T> {
    type Reply = Saved;

    fn what(&self) -> String {
        format!("upserting {} by {}", self.object, self.key)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let mut path = format!(
            "{}/sobjects/{}/{}/{}",
            api.base_path(),
            escape(&self.object),
            escape(&self.key),
            escape(&self.value)
        );
        if self.update_only {
            path.push_str("?updateOnly=true");
        }
        with_json(Method::PATCH, path, &self.fields)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Saved, Error> {
        if response.status().as_u16() == 300 {
            let urls: Vec<String> = decode_json(&self.what(), response.body())?;
            return Err(Error::Api {
                what: self.what(),
                status: 300,
                errors: vec![ApiError {
                    code: "DUPLICATE_EXTERNAL_ID".into(),
                    message: format!("{} records have this value", urls.len()),
                    fields: vec![self.key.clone()],
                }],
                retry_after: None,
            });
        }
        decode_json(&self.what(), response.body())
    }
}

fn record_path(api: ApiVersion, object: &str, id: &str) -> String {
    format!("{}/sobjects/{}/{}", api.base_path(), escape(object), escape(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const V66: ApiVersion = ApiVersion::new(66);

    fn answer(status: u16, body: &'static str) -> http::Response<Bytes> {
        let mut response = http::Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
    }

    #[test]
    fn requests_are_as_documented() {
        let create = Create { object: "Account".into(), fields: json!({"Name": "A"}) };
        let request = create.request(V66).unwrap();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "/services/data/v66.0/sobjects/Account");
        assert_eq!(request.body().as_ref(), br#"{"Name":"A"}"#);
        assert!(!create.is_idempotent(request.method()));

        let read = Get { object: "Account".into(), id: "001x".into(), fields: vec!["Id".into(), "Name".into()] };
        assert_eq!(read.request(V66).unwrap().uri(), "/services/data/v66.0/sobjects/Account/001x?fields=Id%2CName");

        let update = Update { object: "Account".into(), id: "001x".into(), fields: json!({"Name": null}) };
        let request = update.request(V66).unwrap();
        assert_eq!((request.method().as_str(), request.body().as_ref()), ("PATCH", br#"{"Name":null}"#.as_slice()));
        assert!(update.is_idempotent(request.method()));

        let delete = Delete { object: "Account".into(), id: "001x".into() };
        let request = delete.request(V66).unwrap();
        assert_eq!((request.method().as_str(), request.body().len()), ("DELETE", 0));

        let upsert = Upsert {
            object: "Account".into(),
            key: "Ext__c".into(),
            value: "a/b c+%".into(),
            fields: json!({}),
            update_only: true,
        };
        assert_eq!(
            upsert.request(V66).unwrap().uri(),
            "/services/data/v66.0/sobjects/Account/Ext__c/a%2Fb%20c%2B%25?updateOnly=true"
        );
    }

    #[test]
    fn replies_are_understood() {
        let create = Create { object: "Account".into(), fields: json!({}) };
        assert_eq!(
            create.reply(answer(201, r#"{"id":"001xx000003DGb2AAG","success":true,"errors":[]}"#)).unwrap(),
            Saved { id: "001xx000003DGb2AAG".into(), created: None }
        );
        let upsert = Upsert {
            object: "Account".into(),
            key: "Ext__c".into(),
            value: "1".into(),
            fields: json!({}),
            update_only: false,
        };
        assert_eq!(
            upsert.reply(answer(200, r#"{"id":"001x","success":true,"errors":[],"created":false}"#)).unwrap().created,
            Some(false)
        );
        let several = upsert
            .reply(answer(
                300,
                r#"["/services/data/v66.0/sobjects/Account/001a","/services/data/v66.0/sobjects/Account/001b"]"#,
            ))
            .unwrap_err();
        assert!(several.to_string().contains("2 records"), "{several}");
    }
}
