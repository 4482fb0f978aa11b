//! sObject Collections: up to 200 records written, or 2,000 read, in one call; each record has a result of its own, in
//! the order of the input. Source: REST API Developer Guide, "sObject Collections".

mod stream;

pub use stream::{Collections, Outcome, Outcomes};

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    call::{Call, build, decode_json, escape, segment, with_json},
    error::{ApiError, Error},
    query::Record,
    version::ApiVersion,
};

use super::record::{Saved, as_record};

/// The most records that one call writes.
const RECORDS_MAX: usize = 200;
/// The most records that one call reads.
const READ_MAX: usize = 2000;
/// The most runs of records of one object that a call may have.
const RUNS_MAX: usize = 10;

/// What became of one record of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveResult {
    /// The record's id, where it has one.
    #[serde(default)]
    pub id: Option<String>,
    /// Whether it was done.
    #[serde(default)]
    pub success: bool,
    /// Whether an upsert made the record; `None` where the org did not say, or an earlier answer was lost.
    #[serde(default)]
    pub created: Option<bool>,
    /// Why it was not done.
    #[serde(default, skip_serializing)]
    pub errors: Vec<ApiError>,
}

/// What rolled a record back although nothing is wrong with it.
pub(crate) const ROLLED_BACK: &str = "ALL_OR_NONE_OPERATION_ROLLED_BACK";

impl SaveResult {
    /// Whether the record was rolled back only because another one failed and all or none was asked for.
    pub fn is_rolled_back(&self) -> bool {
        !self.success && self.errors.iter().any(|error| error.code == ROLLED_BACK)
    }

    /// The record's id, or the org's reasons as an error. `what` says what was being done.
    ///
    /// # Errors
    /// [`Error::Api`] where it was not done.
    pub fn into_saved(self, what: &str) -> Result<Saved, Error> {
        match (self.success, self.id) {
            (true, Some(id)) => Ok(Saved { id, created: self.created }),
            (true, None) => Err(Error::unexpected(what, "a result without the record's id")),
            (false, _) => {
                Err(Error::Api { what: what.to_owned(), status: 400, errors: self.errors, retry_after: None })
            }
        }
    }
}

/// The place of the first record that failed by itself, not because of another one.
pub fn first_cause(results: &[SaveResult]) -> Option<usize> {
    let failed = |result: &SaveResult| !result.success;
    results
        .iter()
        .position(|result| failed(result) && !result.is_rolled_back())
        .or_else(|| results.iter().position(failed))
}

/// `POST /composite/sobjects`: makes up to 200 records, of several objects if need be. Not sent again when the answer
/// was lost.
#[derive(Clone, Debug)]
pub struct CreateMany<T> {
    /// The object and the fields of each.
    pub records: Vec<(String, T)>,
    /// None is made unless all can be.
    pub all_or_none: bool,
}

impl<T: Serialize> CreateMany<T> {
    /// Records of one object.
    pub fn new(object: &str, records: impl IntoIterator<Item = T>) -> CreateMany<T> {
        CreateMany {
            records: records.into_iter().map(|fields| (object.to_owned(), fields)).collect(),
            all_or_none: false,
        }
    }

    /// None is made unless all can be.
    pub fn all_or_none(mut self) -> CreateMany<T> {
        self.all_or_none = true;
        self
    }
}

/// `PATCH /composite/sobjects`: changes up to 200 records, of several objects if need be.
#[derive(Clone, Debug)]
pub struct UpdateMany<T> {
    /// The object, the id and the fields to change of each.
    pub records: Vec<(String, String, T)>,
    /// None is changed unless all can be.
    pub all_or_none: bool,
}

impl<T: Serialize> UpdateMany<T> {
    /// Records of one object, each with its id.
    pub fn new(object: &str, records: impl IntoIterator<Item = (String, T)>) -> UpdateMany<T> {
        let records = records.into_iter().map(|(id, fields)| (object.to_owned(), id, fields)).collect();
        UpdateMany { records, all_or_none: false }
    }

    /// None is changed unless all can be.
    pub fn all_or_none(mut self) -> UpdateMany<T> {
        self.all_or_none = true;
        self
    }
}

/// `PATCH /composite/sobjects/{object}/{key}`: updates or makes up to 200 records of one object by an external id, which
/// is among the fields of each. May be sent twice without harm.
#[derive(Clone, Debug)]
pub struct UpsertMany<T> {
    /// API name of the object.
    pub object: String,
    /// The external id field.
    pub key: String,
    /// The fields of each, the key among them.
    pub records: Vec<T>,
    /// None is written unless all can be.
    pub all_or_none: bool,
}

impl<T: Serialize> UpsertMany<T> {
    /// Records of one object, the key among the fields of each.
    pub fn new(
        object: impl Into<String>,
        key: impl Into<String>,
        records: impl IntoIterator<Item = T>,
    ) -> UpsertMany<T> {
        UpsertMany {
            object: object.into(),
            key: key.into(),
            records: records.into_iter().collect(),
            all_or_none: false,
        }
    }

    /// None is written unless all can be.
    pub fn all_or_none(mut self) -> UpsertMany<T> {
        self.all_or_none = true;
        self
    }
}

/// `DELETE /composite/sobjects?ids=`: deletes up to 200 records. Sent again after a lost answer, records that are found
/// deleted count as done.
#[derive(Clone, Debug)]
pub struct DeleteMany {
    /// Record ids.
    pub ids: Vec<String>,
    /// None is deleted unless all can be.
    pub all_or_none: bool,
}

impl DeleteMany {
    /// Records by their ids.
    pub fn new<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> DeleteMany {
        DeleteMany { ids: ids.into_iter().map(Into::into).collect(), all_or_none: false }
    }

    /// None is deleted unless all can be.
    pub fn all_or_none(mut self) -> DeleteMany {
        self.all_or_none = true;
        self
    }
}

/// `POST /composite/sobjects/{object}` with ids and fields: reads up to 2,000 records of one object by id, in the order
/// asked for; `None` for those that are not there or that the user may not see.
#[derive(Clone, Debug)]
pub struct GetMany {
    /// API name of the object.
    pub object: String,
    /// Record ids.
    pub ids: Vec<String>,
    /// The fields, at least one.
    pub fields: Vec<String>,
}

impl GetMany {
    /// Records by their ids, with these fields.
    pub fn new<I: Into<String>, F: Into<String>>(
        object: impl Into<String>,
        ids: impl IntoIterator<Item = I>,
        fields: impl IntoIterator<Item = F>,
    ) -> GetMany {
        GetMany {
            object: object.into(),
            ids: ids.into_iter().map(Into::into).collect(),
            fields: fields.into_iter().map(Into::into).collect(),
        }
    }
}

impl<T: Serialize> Call for CreateMany<T> {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        format!("creating {} records", self.records.len())
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let what = self.what();
        check_count(&what, self.records.len(), RECORDS_MAX)?;
        check_runs(&what, self.records.iter().map(|(object, _)| object.as_str()))?;
        let records: Result<Vec<Value>, Error> =
            self.records.iter().map(|(object, fields)| addressed(&what, object, None, fields)).collect();
        let body = json!({ "allOrNone": self.all_or_none, "records": records? });
        with_json(Method::POST, format!("{}/composite/sobjects", api.base_path()), &body)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<SaveResult>, Error> {
        results(&self.what(), &response, self.records.len())
    }
}

impl<T: Serialize> Call for UpdateMany<T> {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        format!("updating {} records", self.records.len())
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let what = self.what();
        check_count(&what, self.records.len(), RECORDS_MAX)?;
        check_runs(&what, self.records.iter().map(|(object, _, _)| object.as_str()))?;
        let records: Result<Vec<Value>, Error> =
            self.records.iter().map(|(object, id, fields)| addressed(&what, object, Some(id), fields)).collect();
        let body = json!({ "allOrNone": self.all_or_none, "records": records? });
        with_json(Method::PATCH, format!("{}/composite/sobjects", api.base_path()), &body)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<SaveResult>, Error> {
        results(&self.what(), &response, self.records.len())
    }
}

impl<T: Serialize> Call for UpsertMany<T> {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        format!("upserting {} records of {} by {}", self.records.len(), self.object, self.key)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let what = self.what();
        check_count(&what, self.records.len(), RECORDS_MAX)?;
        let records: Result<Vec<Value>, Error> =
            self.records.iter().map(|fields| addressed(&what, &self.object, None, fields)).collect();
        let path = format!("{}/composite/sobjects/{}/{}", api.base_path(), segment(&self.object)?, segment(&self.key)?);
        with_json(Method::PATCH, path, &json!({ "allOrNone": self.all_or_none, "records": records? }))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<SaveResult>, Error> {
        results(&self.what(), &response, self.records.len())
    }

    fn repeated(&self, outcome: Result<Vec<SaveResult>, Error>) -> Result<Vec<SaveResult>, Error> {
        outcome.map(|mut results| {
            for result in &mut results {
                // It may have been made by the attempt whose answer was lost.
                result.created = result.created.filter(|created| *created);
            }
            results
        })
    }
}

impl Call for DeleteMany {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        format!("deleting {} records", self.ids.len())
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let what = self.what();
        check_count(&what, self.ids.len(), RECORDS_MAX)?;
        let ids: Result<Vec<String>, Error> = self.ids.iter().map(|id| segment(id)).collect();
        let path = format!(
            "{}/composite/sobjects?ids={}&allOrNone={}",
            api.base_path(),
            ids?.join(&escape(",")),
            self.all_or_none
        );
        build(Method::DELETE, path, None)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<SaveResult>, Error> {
        results(&self.what(), &response, self.ids.len())
    }

    fn repeated(&self, outcome: Result<Vec<SaveResult>, Error>) -> Result<Vec<SaveResult>, Error> {
        let mut results = outcome?;
        let deleted = |result: &SaveResult| result.errors.iter().any(|error| error.code == "ENTITY_IS_DELETED");
        // With all or none, one that is gone rolls the others back: then the lost attempt did all of them, or none.
        if self.all_or_none && !results.iter().all(|result| result.success || deleted(result)) {
            return Ok(results);
        }
        for (result, id) in results.iter_mut().zip(&self.ids) {
            if deleted(result) {
                *result = SaveResult { id: Some(id.clone()), success: true, created: None, errors: vec![] };
            }
        }
        Ok(results)
    }
}

impl Call for GetMany {
    type Reply = Vec<Option<Record>>;

    fn what(&self) -> String {
        format!("reading {} records of {}", self.ids.len(), self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        check_count(&self.what(), self.ids.len(), READ_MAX)?;
        let path = format!("{}/composite/sobjects/{}", api.base_path(), segment(&self.object)?);
        with_json(Method::POST, path, &json!({ "ids": self.ids, "fields": self.fields }))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<Option<Record>>, Error> {
        let records: Vec<Option<Record>> = decode_json(&self.what(), response.body())?;
        check_answers(&self.what(), records.len(), self.ids.len())?;
        Ok(records)
    }

    /// It only reads.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

/// A record with its object, and its id, as collections want it.
fn addressed<T: Serialize + ?Sized>(what: &str, object: &str, id: Option<&String>, fields: &T) -> Result<Value, Error> {
    let mut record = Record::new();
    record.insert("attributes".into(), json!({ "type": object }));
    if let Some(id) = id {
        record.insert("id".into(), Value::String(id.clone()));
    }
    for (name, value) in as_record(what, fields)? {
        // A record that was read brings its own attributes.
        if name != "attributes" {
            record.insert(name, value);
        }
    }
    Ok(Value::Object(record))
}

fn check_count(what: &str, count: usize, max: usize) -> Result<(), Error> {
    match count {
        0 => Err(Error::config(format!("{what}: there is nothing to do"))),
        _ if count > max => Err(Error::Config {
            message: format!("{what}: one call takes {max}"),
            hint: Some("Client::collections() takes any number and splits them over calls".into()),
        }),
        _ => Ok(()),
    }
}

/// Records of one object in a row are one run, and a call may have ten.
fn check_runs<'a>(what: &str, objects: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut last = None;
    let mut runs = 0;
    for object in objects {
        if last != Some(object) {
            runs += 1;
            last = Some(object);
        }
    }
    if runs <= RUNS_MAX {
        return Ok(());
    }
    Err(Error::Config {
        message: format!("{what}: the records change between objects {runs} times, and one call takes {RUNS_MAX} runs"),
        hint: Some("sort the records by object".into()),
    })
}

fn results(what: &str, response: &http::Response<Bytes>, expected: usize) -> Result<Vec<SaveResult>, Error> {
    let results: Vec<SaveResult> = decode_json(what, response.body())?;
    check_answers(what, results.len(), expected)?;
    Ok(results)
}

/// Results are joined to the input by their place, so there must be as many.
fn check_answers(what: &str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected {
        return Ok(());
    }
    Err(Error::unexpected(what, format!("{got} results for {expected} records")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V66: ApiVersion = ApiVersion::new(66);

    fn answer(body: &'static str) -> http::Response<Bytes> {
        http::Response::new(Bytes::from_static(body.as_bytes()))
    }

    fn body_of<C: Call>(call: &C) -> (String, String) {
        let request = call.request(V66).unwrap();
        (format!("{} {}", request.method(), request.uri()), String::from_utf8(request.body().to_vec()).unwrap())
    }

    #[test]
    fn requests_are_as_documented() {
        let create = CreateMany::new("Account", [json!({"Name": "A", "attributes": {"type": "X"}})]).all_or_none();
        assert_eq!(
            body_of(&create),
            (
                "POST /services/data/v66.0/composite/sobjects".into(),
                r#"{"allOrNone":true,"records":[{"attributes":{"type":"Account"},"Name":"A"}]}"#.into()
            )
        );
        assert!(!create.is_idempotent(&Method::POST));
        let update = UpdateMany::new("Account", [("001x".to_owned(), json!({"Name": null}))]);
        assert_eq!(
            body_of(&update),
            (
                "PATCH /services/data/v66.0/composite/sobjects".into(),
                r#"{"allOrNone":false,"records":[{"attributes":{"type":"Account"},"id":"001x","Name":null}]}"#.into()
            )
        );
        let upsert = UpsertMany::new("Account", "Ext__c", [json!({"Ext__c": "1"})]);
        assert_eq!(
            body_of(&upsert),
            (
                "PATCH /services/data/v66.0/composite/sobjects/Account/Ext__c".into(),
                r#"{"allOrNone":false,"records":[{"attributes":{"type":"Account"},"Ext__c":"1"}]}"#.into()
            )
        );
        assert_eq!(
            body_of(&DeleteMany::new(["001a", "001b"])).0,
            "DELETE /services/data/v66.0/composite/sobjects?ids=001a%2C001b&allOrNone=false"
        );
        let get = GetMany::new("Account", ["001a"], ["Name"]);
        assert_eq!(
            body_of(&get),
            (
                "POST /services/data/v66.0/composite/sobjects/Account".into(),
                r#"{"ids":["001a"],"fields":["Name"]}"#.into()
            )
        );
        assert!(get.is_idempotent(&Method::POST));
    }

    #[test]
    fn limits_hold_before_sending() {
        assert!(CreateMany::new("Account", vec![json!({}); 200]).request(V66).is_ok());
        assert!(CreateMany::new("Account", vec![json!({}); 201]).request(V66).is_err());
        assert!(DeleteMany::new(Vec::<String>::new()).request(V66).is_err());
        assert!(GetMany::new("Account", vec!["x"; 2001], ["Id"]).request(V66).is_err());
        let mixed = |n: usize| CreateMany {
            records: (0..n).map(|n| (["A", "B"][n % 2].to_owned(), json!({}))).collect(),
            all_or_none: false,
        };
        assert!(mixed(10).request(V66).is_ok());
        assert!(mixed(11).request(V66).unwrap_err().hint().unwrap().contains("sort"));
    }

    #[test]
    fn results_are_joined_by_place_and_the_cause_is_found() {
        let create = CreateMany::new("Account", vec![json!({}); 3]);
        let results = create
            .reply(answer(
                r#"[{"id":"001a","success":false,"errors":[{"statusCode":"ALL_OR_NONE_OPERATION_ROLLED_BACK","message":"r","fields":[]}]},
                    {"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"m","fields":["Name"]}]},
                    {"id":"001c","success":true,"errors":[]}]"#,
            ))
            .unwrap();
        assert!(results[0].is_rolled_back());
        assert_eq!(first_cause(&results), Some(1));
        let error = results[1].clone().into_saved("x").unwrap_err();
        assert!(error.has_code("REQUIRED_FIELD_MISSING"));
        assert_eq!(results[2].clone().into_saved("x").unwrap().id, "001c");
        assert!(create.reply(answer("[]")).is_err());
        assert_eq!(first_cause(&results[2..]), None);
    }

    #[test]
    fn a_repeated_delete_counts_what_is_gone() {
        let gone = r#"[{"id":"001a","success":false,"errors":[{"statusCode":"ENTITY_IS_DELETED","message":"m","fields":[]}]},{"id":"001b","success":true,"errors":[]}]"#;
        let delete = DeleteMany::new(["001a", "001b"]);
        let results = delete.repeated(delete.reply(answer(gone))).unwrap();
        assert!(results.iter().all(|result| result.success));
        assert!(!delete.reply(answer(gone)).unwrap()[0].success);
    }
}
