//! One record: create, read, update, delete, and upsert by a key of the caller's own.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    call::{Call, build, decode_json, escape, get, segment, with_json},
    client::Client,
    error::{ApiError, Error},
    query::{QUERY_URL_BYTES_MAX, Record},
    version::ApiVersion,
};

/// What a write of one record came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The record's id.
    pub id: String,
    /// Whether an upsert made it; `None` where that is not known: the org did not say, or an earlier answer was lost.
    #[serde(default)]
    pub created: Option<bool>,
}

/// `POST /sobjects/{object}`. Not sent again when the answer was lost, as that could make a second record: use
/// [`Upsert`] where that matters. [`Error::is_outcome_unknown`] tells such a failure.
#[derive(Clone, Debug)]
pub struct Create<T> {
    /// API name of the object.
    pub object: String,
    /// The fields.
    pub fields: T,
}

impl<T: Serialize> Create<T> {
    /// A record of an object, with its fields: a struct, a [`Record`], or `json!`.
    pub fn new(object: impl Into<String>, fields: T) -> Create<T> {
        Create { object: object.into(), fields }
    }
}

impl<T: Serialize> Call for Create<T> {
    type Reply = Saved;

    fn what(&self) -> String {
        format!("creating a record of {}", self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        with_json(Method::POST, object_path(api, &self.object)?, &self.fields)
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

impl Get {
    /// A record by its id, with all fields that the user may see.
    pub fn new(object: impl Into<String>, id: impl Into<String>) -> Get {
        Get { object: object.into(), id: id.into(), fields: vec![] }
    }

    /// Only these fields.
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Get {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }
}

impl Call for Get {
    type Reply = Record;

    fn what(&self) -> String {
        format!("reading {} {}", self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get_fields(record_path(api, &self.object, &self.id)?, &self.fields)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Record, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// `GET /sobjects/{object}/{field}/{value}`: the record that has the value in its external id field.
#[derive(Clone, Debug)]
pub struct GetBy {
    /// API name of the object.
    pub object: String,
    /// The external id field.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Only these fields; all that the user may see when empty.
    pub fields: Vec<String>,
}

impl GetBy {
    /// A record by an external id, with all fields that the user may see.
    pub fn new(object: impl Into<String>, key: impl Into<String>, value: impl Into<String>) -> GetBy {
        GetBy { object: object.into(), key: key.into(), value: value.into(), fields: vec![] }
    }

    /// Only these fields.
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> GetBy {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }
}

impl Call for GetBy {
    type Reply = Record;

    fn what(&self) -> String {
        format!("reading the {} whose {} is {}", self.object, self.key, self.value)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get_fields(key_path(api, &self.object, &self.key, &self.value)?, &self.fields)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Record, Error> {
        only_one(&self.what(), &self.key, &response)?;
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

impl<T: Serialize> Update<T> {
    /// A change of some fields of a record.
    pub fn new(object: impl Into<String>, id: impl Into<String>, fields: T) -> Update<T> {
        Update { object: object.into(), id: id.into(), fields }
    }
}

impl<T: Serialize> Call for Update<T> {
    type Reply = ();

    fn what(&self) -> String {
        format!("updating {} {}", self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        with_json(Method::PATCH, record_path(api, &self.object, &self.id)?, &self.fields)
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

impl Delete {
    /// A record by its id.
    pub fn new(object: impl Into<String>, id: impl Into<String>) -> Delete {
        Delete { object: object.into(), id: id.into() }
    }
}

impl Call for Delete {
    type Reply = ();

    fn what(&self) -> String {
        format!("deleting {} {}", self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        build(Method::DELETE, record_path(api, &self.object, &self.id)?, None)
    }

    fn reply(&self, _: http::Response<Bytes>) -> Result<(), Error> {
        Ok(())
    }

    fn repeated(&self, outcome: Result<(), Error>) -> Result<(), Error> {
        match outcome {
            Err(error) if error.has_code("ENTITY_IS_DELETED") => Ok(()),
            other => other,
        }
    }
}

/// `DELETE /sobjects/{object}/{field}/{value}`: the record that has the value in its external id field. Not sent again
/// when the answer was lost: another record may have got the value since.
#[derive(Clone, Debug)]
pub struct DeleteBy {
    /// API name of the object.
    pub object: String,
    /// The external id field.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl DeleteBy {
    /// A record by an external id.
    pub fn new(object: impl Into<String>, key: impl Into<String>, value: impl Into<String>) -> DeleteBy {
        DeleteBy { object: object.into(), key: key.into(), value: value.into() }
    }
}

impl Call for DeleteBy {
    type Reply = ();

    fn what(&self) -> String {
        format!("deleting the {} whose {} is {}", self.object, self.key, self.value)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        build(Method::DELETE, key_path(api, &self.object, &self.key, &self.value)?, None)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<(), Error> {
        only_one(&self.what(), &self.key, &response)
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        false
    }
}

/// `PATCH /sobjects/{object}/{field}/{value}`: updates the record that has the value in its external id field, or makes
/// it. May be sent twice without harm.
///
/// Salesforce mistakes the end of some values for a file's extension, and slashes for the path's own. A value with a dot
/// or a slash therefore goes through sObject Collections, where it stands in the body, unless `update_only` is set.
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

impl<T: Serialize> Upsert<T> {
    /// A record by its external id, and its other fields.
    pub fn new(object: impl Into<String>, key: impl Into<String>, value: impl Into<String>, fields: T) -> Upsert<T> {
        Upsert { object: object.into(), key: key.into(), value: value.into(), fields, update_only: false }
    }

    /// Never makes a record.
    pub fn update_only(mut self) -> Upsert<T> {
        self.update_only = true;
        self
    }

    fn in_body(&self) -> bool {
        !self.update_only && self.value.contains(['.', '/', '\\'])
    }
}

impl<T: Serialize> Call for Upsert<T> {
    type Reply = Saved;

    fn what(&self) -> String {
        format!("upserting {} by {}", self.object, self.key)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        if self.in_body() {
            let path =
                format!("{}/composite/sobjects/{}/{}", api.base_path(), segment(&self.object)?, segment(&self.key)?);
            let mut record = Map::new();
            record.insert("attributes".into(), serde_json::json!({ "type": self.object }));
            record.insert(self.key.clone(), Value::String(self.value.clone()));
            record.extend(as_record(&self.what(), &self.fields)?);
            return with_json(Method::PATCH, path, &serde_json::json!({ "allOrNone": false, "records": [record] }));
        }
        let mut path = key_path(api, &self.object, &self.key, &self.value)?;
        if self.update_only {
            path.push_str("?updateOnly=true");
        }
        with_json(Method::PATCH, path, &self.fields)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Saved, Error> {
        if response.body().first() == Some(&b'[') && self.in_body() {
            let results: Vec<super::SaveResult> = decode_json(&self.what(), response.body())?;
            return match results.into_iter().next() {
                Some(result) => result.into_saved(&self.what()),
                None => Err(Error::unexpected(self.what(), "an answer without results")),
            };
        }
        only_one(&self.what(), &self.key, &response)?;
        if response.body().is_empty() {
            // Versions up to 45.0 answer an update with nothing; what was found has no id in the answer.
            return Err(Error::unexpected(self.what(), "an answer without the record's id"));
        }
        decode_json(&self.what(), response.body())
    }

    fn repeated(&self, outcome: Result<Saved, Error>) -> Result<Saved, Error> {
        // It may have been made by the attempt whose answer was lost.
        outcome.map(|saved| Saved { created: saved.created.filter(|created| *created), ..saved })
    }
}

/// Several records with one external id: an answer, with status 300, and no success.
fn only_one(what: &str, key: &str, response: &http::Response<Bytes>) -> Result<(), Error> {
    if response.status().as_u16() != 300 {
        return Ok(());
    }
    let urls: Vec<String> = decode_json(what, response.body())?;
    let ids: Vec<&str> = urls.iter().filter_map(|url| url.rsplit('/').next()).take(5).collect();
    Err(Error::Api {
        what: what.to_owned(),
        status: 300,
        errors: vec![ApiError {
            code: "DUPLICATE_EXTERNAL_ID".into(),
            message: format!("{} records have this value: {}", urls.len(), ids.join(", ")),
            fields: vec![key.to_owned()],
        }],
        retry_after: None,
    })
}

/// Any serializable record as a map.
pub(super) fn as_record<T: Serialize + ?Sized>(what: &str, fields: &T) -> Result<Record, Error> {
    match serde_json::to_value(fields) {
        Ok(Value::Object(record)) => Ok(record),
        Ok(_) => Err(Error::config(format!("{what}: a record is an object with fields"))),
        Err(source) => Err(Error::decode(what, source)),
    }
}

fn get_fields(mut path: String, fields: &[String]) -> Result<http::Request<Bytes>, Error> {
    if !fields.is_empty() {
        path.push_str("?fields=");
        path.push_str(&escape(&fields.join(",")));
    }
    if path.len() > QUERY_URL_BYTES_MAX {
        return Err(Error::Config {
            message: format!("the fields need a URL of {} bytes, and one may have {QUERY_URL_BYTES_MAX}", path.len()),
            hint: Some("read all fields, or read the record with GetMany, whose fields are in the body".into()),
        });
    }
    get(path)
}

fn object_path(api: ApiVersion, object: &str) -> Result<String, Error> {
    Ok(format!("{}/sobjects/{}", api.base_path(), segment(object)?))
}

pub(super) fn record_path(api: ApiVersion, object: &str, id: &str) -> Result<String, Error> {
    Ok(format!("{}/{}", object_path(api, object)?, segment(id)?))
}

fn key_path(api: ApiVersion, object: &str, key: &str, value: &str) -> Result<String, Error> {
    Ok(format!("{}/{}/{}", object_path(api, object)?, segment(key)?, segment(value)?))
}

impl Client {
    /// Makes a record and gives its id. See [`Create`] for what happens when the answer is lost.
    pub async fn create<T: Serialize>(&self, object: impl Into<String>, fields: T) -> Result<Saved, Error> {
        self.send(&Create::new(object, fields)).await
    }

    /// A record by its id, with all fields that the user may see.
    pub async fn get(&self, object: impl Into<String>, id: impl Into<String>) -> Result<Record, Error> {
        self.send(&Get::new(object, id)).await
    }

    /// As [`Client::get`], as a value of a type.
    pub async fn get_as<T: DeserializeOwned>(
        &self,
        object: impl Into<String>,
        id: impl Into<String>,
    ) -> Result<T, Error> {
        let call = Get::new(object, id);
        let record = self.send(&call).await?;
        serde_json::from_value(Value::Object(record)).map_err(|source| Error::decode(call.what(), source))
    }

    /// The record that has this value in an external id field.
    pub async fn find(
        &self,
        object: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Record, Error> {
        self.send(&GetBy::new(object, key, value)).await
    }

    /// Changes the given fields of a record; null clears one.
    pub async fn update<T: Serialize>(
        &self,
        object: impl Into<String>,
        id: impl Into<String>,
        fields: T,
    ) -> Result<(), Error> {
        self.send(&Update::new(object, id, fields)).await
    }

    /// Updates the record that has this value in an external id field, or makes it.
    pub async fn upsert<T: Serialize>(
        &self,
        object: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
        fields: T,
    ) -> Result<Saved, Error> {
        self.send(&Upsert::new(object, key, value, fields)).await
    }

    /// Deletes a record.
    pub async fn delete(&self, object: impl Into<String>, id: impl Into<String>) -> Result<(), Error> {
        self.send(&Delete::new(object, id)).await
    }
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
        let create = Create::new("Account", json!({"Name": "A"}));
        let request = create.request(V66).unwrap();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "/services/data/v66.0/sobjects/Account");
        assert_eq!(request.body().as_ref(), br#"{"Name":"A"}"#);
        assert!(!create.is_idempotent(request.method()));

        let read = Get::new("Account", "001x").fields(["Id", "Name"]);
        assert_eq!(read.request(V66).unwrap().uri(), "/services/data/v66.0/sobjects/Account/001x?fields=Id%2CName");
        let read = GetBy::new("Account", "Ext__c", "a/b c");
        assert_eq!(read.request(V66).unwrap().uri(), "/services/data/v66.0/sobjects/Account/Ext__c/a%2Fb%20c");

        let update = Update::new("Account", "001x", json!({"Name": null}));
        let request = update.request(V66).unwrap();
        assert_eq!((request.method().as_str(), request.body().as_ref()), ("PATCH", br#"{"Name":null}"#.as_slice()));
        assert!(update.is_idempotent(request.method()));

        let delete = Delete::new("Account", "001x");
        let request = delete.request(V66).unwrap();
        assert_eq!((request.method().as_str(), request.body().len()), ("DELETE", 0));

        let upsert = Upsert::new("Account", "Ext__c", "a/b c+%", json!({})).update_only();
        assert_eq!(
            upsert.request(V66).unwrap().uri(),
            "/services/data/v66.0/sobjects/Account/Ext__c/a%2Fb%20c%2B%25?updateOnly=true"
        );
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        for id in ["", ".", ".."] {
            assert!(Delete::new("Account", id).request(V66).is_err(), "{id}");
            assert!(Get::new(id, "001x").request(V66).is_err(), "{id}");
        }
        let request = Delete::new("Account", "../Contact/003").request(V66).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/sobjects/Account/..%2FContact%2F003");
        assert!(Get::new("Account", "001").fields(vec!["Name"; 4000]).request(V66).is_err());
    }

    #[test]
    fn a_key_with_a_dot_or_a_slash_goes_into_the_body() {
        let upsert = Upsert::new("Account", "Ext__c", "info@acme.inc", json!({"Name": "A"}));
        let request = upsert.request(V66).unwrap();
        assert_eq!(
            (request.method(), request.uri().path()),
            (&Method::PATCH, "/services/data/v66.0/composite/sobjects/Account/Ext__c")
        );
        assert_eq!(
            request.body().as_ref(),
            br#"{"allOrNone":false,"records":[{"attributes":{"type":"Account"},"Ext__c":"info@acme.inc","Name":"A"}]}"#
        );
        let saved = upsert.reply(answer(200, r#"[{"id":"001x","success":true,"errors":[],"created":true}]"#)).unwrap();
        assert_eq!(saved, Saved { id: "001x".into(), created: Some(true) });
        let failed = upsert
            .reply(answer(200, r#"[{"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"m","fields":["X"]}]}]"#))
            .unwrap_err();
        assert!(failed.has_code("REQUIRED_FIELD_MISSING"));
        assert!(upsert.reply(answer(200, "[]")).is_err());
    }

    #[test]
    fn replies_are_understood() {
        let create = Create::new("Account", json!({}));
        assert_eq!(
            create.reply(answer(201, r#"{"id":"001xx000003DGb2AAG","success":true,"errors":[]}"#)).unwrap(),
            Saved { id: "001xx000003DGb2AAG".into(), created: None }
        );
        let upsert = Upsert::new("Account", "Ext__c", "1", json!({}));
        let updated = || upsert.reply(answer(200, r#"{"id":"001x","success":true,"errors":[],"created":false}"#));
        assert_eq!(updated().unwrap().created, Some(false));
        // After a lost answer, the one that says "updated" may speak of what the lost one had made.
        assert_eq!(upsert.repeated(updated()).unwrap().created, None);
        let several = upsert
            .reply(answer(
                300,
                r#"["/services/data/v66.0/sobjects/Account/001a","/services/data/v66.0/sobjects/Account/001b"]"#,
            ))
            .unwrap_err();
        assert!(several.to_string().contains("2 records") && several.to_string().contains("001b"), "{several}");
        let gone = Error::Api {
            what: String::new(),
            status: 404,
            errors: vec![ApiError { code: "ENTITY_IS_DELETED".into(), message: String::new(), fields: vec![] }],
            retry_after: None,
        };
        assert!(Delete::new("Account", "001x").repeated(Err(gone)).is_ok());
    }
}
