//! Tree: records with their children, up to 200 in all, made at once or not at all; one API call.

use std::collections::HashSet;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    call::{Call, decode_json, segment, with_json},
    error::{ApiError, Error, Rejection},
    query::Record,
    refusal::read_errors,
    rest::record::as_record,
    version::ApiVersion,
};

const RECORDS_MAX: usize = 200;
const LEVELS_MAX: usize = 5;
const OBJECTS_MAX: usize = 5;

/// A record of a tree, with its children by the name of their relationship.
#[derive(Clone, Debug)]
pub struct TreeRecord {
    reference: String,
    object: String,
    fields: Result<Record, Error>,
    children: Vec<(String, Vec<TreeRecord>)>,
}

impl TreeRecord {
    /// A record under a reference id that is unique in the tree.
    pub fn new<T: Serialize>(reference: impl Into<String>, object: impl Into<String>, fields: T) -> TreeRecord {
        let (reference, object) = (reference.into(), object.into());
        let fields = as_record(&format!("record {reference}"), &fields);
        TreeRecord { reference, object, fields, children: vec![] }
    }

    /// A child, below the name of the relationship from the parent, such as `Contacts`.
    pub fn child(mut self, relationship: &str, child: TreeRecord) -> TreeRecord {
        match self.children.iter_mut().find(|(name, _)| name == relationship) {
            Some((_, children)) => children.push(child),
            None => self.children.push((relationship.to_owned(), vec![child])),
        }
        self
    }

    fn written(&self, level: usize, seen: &mut Seen) -> Result<Value, Error> {
        if level > LEVELS_MAX {
            return Err(Error::config(format!("a tree has at most {LEVELS_MAX} levels")));
        }
        if !seen.references.insert(self.reference.clone()) {
            return Err(Error::config(format!("two records have the reference id `{}`", self.reference)));
        }
        seen.objects.insert(self.object.to_ascii_lowercase());
        let mut record = Record::new();
        record.insert("attributes".into(), json!({ "type": self.object, "referenceId": self.reference }));
        record.extend(self.fields.clone()?);
        for (relationship, children) in &self.children {
            let children: Result<Vec<Value>, Error> =
                children.iter().map(|child| child.written(level + 1, seen)).collect();
            record.insert(relationship.clone(), json!({ "records": children? }));
        }
        Ok(Value::Object(record))
    }
}

#[derive(Default)]
struct Seen {
    references: HashSet<String>,
    objects: HashSet<String>,
}

/// `POST /composite/tree/{object}`: makes records with their children: up to 200 records of 5 objects on 5 levels. Not
/// sent again when the answer was lost.
#[derive(Clone, Debug)]
pub struct Tree {
    object: String,
    records: Vec<TreeRecord>,
}

impl Tree {
    /// Records of an object, with their children.
    pub fn new(object: impl Into<String>, records: impl IntoIterator<Item = TreeRecord>) -> Tree {
        Tree { object: object.into(), records: records.into_iter().collect() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    #[serde(default)]
    results: Vec<ReplyResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyResult {
    reference_id: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    errors: Vec<ApiError>,
}

impl Call for Tree {
    type Reply = TreeReply;

    fn what(&self) -> String {
        format!("creating records of {} with their children", self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let mut seen = Seen::default();
        let records: Result<Vec<Value>, Error> =
            self.records.iter().map(|record| record.written(1, &mut seen)).collect();
        let records = records?;
        let (count, objects) = (seen.references.len(), seen.objects.len());
        if count == 0 || count > RECORDS_MAX {
            return Err(Error::config(format!("a tree has 1 to {RECORDS_MAX} records, and this one {count}")));
        }
        if objects > OBJECTS_MAX {
            return Err(Error::config(format!(
                "a tree has records of at most {OBJECTS_MAX} objects, and this one {objects}"
            )));
        }
        let path = format!("{}/composite/tree/{}", api.base_path(), segment(&self.object)?);
        with_json(Method::POST, path, &json!({ "records": records }))
    }

    fn reply(&self, response: Response<Bytes>) -> Result<TreeReply, Error> {
        let refused = response.status().as_u16() >= 400;
        let reply: Reply = match decode_json(&self.what(), response.body()) {
            Ok(reply) => reply,
            Err(_) if refused => Reply { results: vec![] },
            Err(error) => return Err(error),
        };
        let rejected: Vec<Rejection> = reply
            .results
            .iter()
            .filter(|result| !result.errors.is_empty())
            .map(|result| Rejection { reference: result.reference_id.clone(), errors: result.errors.clone() })
            .collect();
        if !rejected.is_empty() {
            return Err(Error::Rejected { what: self.what(), records: rejected });
        }
        if refused {
            return Err(Error::Api {
                what: self.what(),
                status: response.status().as_u16(),
                errors: read_errors(response.body()),
                retry_after: None,
            });
        }
        let ids: Option<Vec<(String, String)>> =
            reply.results.into_iter().map(|result| Some((result.reference_id, result.id?))).collect();
        match ids {
            Some(ids) => Ok(TreeReply { ids }),
            None => Err(Error::unexpected(self.what(), "a result with neither id nor errors")),
        }
    }

    /// The org refuses a tree in a form of its own, which says which record is at fault.
    fn takes_refusals(&self) -> bool {
        true
    }
}

/// The ids of a tree's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeReply {
    /// Reference id and record id of each, level by level.
    pub ids: Vec<(String, String)>,
}

impl TreeReply {
    /// The id of the record with this reference id.
    pub fn id(&self, reference: &str) -> Option<&str> {
        self.ids.iter().find(|(name, _)| name == reference).map(|(_, id)| id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V66: ApiVersion = ApiVersion::new(66);

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
    }

    #[test]
    fn a_tree_is_written_and_understood() {
        let contact = |n: usize| TreeRecord::new(format!("c{n}"), "Contact", json!({"LastName": "S"}));
        let account = TreeRecord::new("a", "Account", json!({"Name": "A"}))
            .child("Contacts", contact(1))
            .child("Contacts", contact(2));
        let tree = Tree::new("Account", [account]);
        let request = tree.request(V66).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/composite/tree/Account");
        assert_eq!(
            std::str::from_utf8(request.body()).unwrap(),
            r#"{"records":[{"attributes":{"type":"Account","referenceId":"a"},"Name":"A","Contacts":{"records":[{"attributes":{"type":"Contact","referenceId":"c1"},"LastName":"S"},{"attributes":{"type":"Contact","referenceId":"c2"},"LastName":"S"}]}}]}"#
        );
        let reply = tree.reply(answer(
            201,
            r#"{"hasErrors":false,"results":[{"referenceId":"a","id":"001"},{"referenceId":"c1","id":"003"}]}"#,
        ));
        assert_eq!(reply.unwrap().id("c1"), Some("003"));
        let error = tree
            .reply(answer(400, r#"{"hasErrors":true,"results":[{"referenceId":"c2","errors":[{"statusCode":"INVALID_EMAIL_ADDRESS","message":"m","fields":["Email"]}]}]}"#))
            .unwrap_err();
        assert!(error.has_code("INVALID_EMAIL_ADDRESS"));
        assert!(error.to_string().contains("c2: INVALID_EMAIL_ADDRESS: m"), "{error}");
        let plain = tree.reply(answer(400, r#"[{"errorCode":"JSON_PARSER_ERROR","message":"m"}]"#)).unwrap_err();
        assert!(plain.has_code("JSON_PARSER_ERROR"));
        assert!(tree.reply(answer(502, "<html>")).unwrap_err().status() == Some(502));
    }

    #[test]
    fn limits_hold_before_sending() {
        let flat = |count: usize| {
            Tree::new("A", (0..count).map(|n| TreeRecord::new(format!("r{n}"), "A", json!({})))).request(V66).is_ok()
        };
        assert!(flat(200) && !flat(201) && !flat(0));
        let deep = |levels: usize| {
            let mut record = TreeRecord::new("r0", "A", json!({}));
            for n in 1..levels {
                record = TreeRecord::new(format!("r{n}"), "A", json!({})).child("Children", record);
            }
            Tree::new("A", [record]).request(V66).is_ok()
        };
        assert!(deep(5) && !deep(6));
        let twice = [TreeRecord::new("r", "A", json!({})), TreeRecord::new("r", "A", json!({}))];
        assert!(Tree::new("A", twice).request(V66).is_err());
        let kinds = (0..6).map(|n| TreeRecord::new(format!("r{n}"), format!("O{n}"), json!({})));
        assert!(Tree::new("A", kinds).request(V66).is_err());
        assert!(Tree::new("A", [TreeRecord::new("r", "A", json!([1]))]).request(V66).is_err());
    }
}
