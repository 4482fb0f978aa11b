//! What the org tells of a query without running it: its plan, and how many records an object has.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, escape, get},
    error::Error,
    query::QUERY_URL_BYTES_MAX,
    version::ApiVersion,
};

/// `GET /limits/recordCount`: estimates that the org keeps. Objects that it does not know are missing in the answer.
#[derive(Clone, Debug, Default)]
pub struct RecordCounts {
    objects: Vec<String>,
}

impl RecordCounts {
    /// Of these objects.
    pub fn new<S: Into<String>>(objects: impl IntoIterator<Item = S>) -> RecordCounts {
        RecordCounts { objects: objects.into_iter().map(Into::into).collect() }
    }
}

impl Call for RecordCounts {
    type Reply = BTreeMap<String, u64>;

    fn what(&self) -> String {
        "counting records".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(format!("{}/limits/recordCount?sObjects={}", api.base_path(), escape(&self.objects.join(","))))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Self::Reply, Error> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "sObjects", default)]
            objects: Vec<Count>,
        }
        #[derive(Deserialize)]
        struct Count {
            name: String,
            count: u64,
        }
        let body: Body = decode_json(&self.what(), response.body())?;
        Ok(body.objects.into_iter().map(|count| (count.name, count.count)).collect())
    }
}

/// `GET /query?explain=`: how the org would run a query, or a report or list view by its id. Nothing is run.
#[derive(Clone, Debug)]
pub struct Explain {
    soql: String,
}

impl Explain {
    /// The plans of a query.
    pub fn new(soql: impl Into<String>) -> Explain {
        Explain { soql: soql.into() }
    }
}

impl Call for Explain {
    type Reply = Explanation;

    fn what(&self) -> String {
        "explaining a query".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/query?explain={}", api.base_path(), escape(&self.soql));
        if path.len() > QUERY_URL_BYTES_MAX {
            return Err(Error::QueryTooLong { bytes: path.len(), max: QUERY_URL_BYTES_MAX });
        }
        get(path)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Explanation, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// The ways in which the org could run a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Explanation {
    /// The best first.
    pub plans: Vec<QueryPlan>,
    /// The query.
    pub source_query: Option<String>,
}

/// One way to run a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryPlan {
    /// Records that the leading operation is thought to give.
    pub cardinality: u64,
    /// The indexed fields that it uses.
    pub fields: Vec<String>,
    /// `Index`, `Other`, `Sharing` or `TableScan`. A text, as more may come.
    pub leading_operation_type: String,
    /// What the optimiser has to say.
    pub notes: Vec<PlanNote>,
    /// Above 1: not selective.
    pub relative_cost: f64,
    /// Records of the object, about.
    pub sobject_cardinality: u64,
    /// API name of the object.
    pub sobject_type: String,
}

/// A remark of the optimiser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanNote {
    /// The remark.
    pub description: String,
    /// The fields that it is about.
    pub fields: Vec<String>,
    /// The object's name, or the id of a custom object.
    pub table_enum_or_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_plan_as_documented() {
        let body = r#"{"plans":[{"cardinality":1,"fields":["CreatedDate"],"leadingOperationType":"Index","notes":[{"description":
            "Not considering filter for optimization because unindexed","fields":["IsDeleted"],"tableEnumOrId":"Merchandise__c"}],
            "relativeCost":0.0,"sobjectCardinality":3,"sobjectType":"Merchandise__c"},{"cardinality":1,"fields":[],
            "leadingOperationType":"TableScan","notes":[],"relativeCost":0.65,"sobjectCardinality":3,"sobjectType":"Merchandise__c"}],
            "sourceQuery":"SELECT Name FROM Merchandise__c"}"#;
        let call = Explain::new("SELECT Name FROM Merchandise__c");
        let explanation = call.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert_eq!(explanation.plans[0].leading_operation_type, "Index");
        assert_eq!(explanation.plans[0].notes[0].fields, ["IsDeleted"]);
        assert_eq!(explanation.plans[1].relative_cost, 0.65);
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/query?explain=SELECT%20Name%20FROM%20Merchandise__c");
    }

    #[test]
    fn reads_counts() {
        let call = RecordCounts::new(["Account", "Contact"]);
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/limits/recordCount?sObjects=Account%2CContact");
        let body = Bytes::from_static(br#"{"sObjects":[{"count":12,"name":"Account"}]}"#);
        let counts = call.reply(http::Response::new(body)).unwrap();
        assert_eq!(counts, BTreeMap::from([("Account".to_owned(), 12)]));
    }
}
