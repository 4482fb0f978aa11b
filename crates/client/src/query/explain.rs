//! `GET /query?explain=`: how the org would run a query.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Query;
use crate::{
    call::{Call, decode_json, escape, get},
    error::Error,
    version::ApiVersion,
};

/// Asks for the plans of a query, or of a report or list view by its id. The query itself is not run.
#[derive(Clone, Debug)]
pub struct Explain {
    query: String,
}

impl Explain {
    /// The plans of this query.
    pub fn new(query: impl Into<Query>) -> Explain {
        Explain { query: query.into().soql }
    }

    /// The plans of a report or list view.
    pub fn id(id: impl Into<String>) -> Explain {
        Explain { query: id.into() }
    }
}

/// The plans, the best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Explanation {
    /// The plans that the org considered, the best first.
    pub plans: Vec<QueryPlan>,
    /// The query explained.
    pub source_query: Option<String>,
}

/// One way to run a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryPlan {
    /// Rows that the leading operation is thought to give.
    pub cardinality: u64,
    /// The indexed fields that it uses.
    pub fields: Vec<String>,
    /// `Index`, `Other`, `Sharing` or `TableScan`. A text, as more may come.
    pub leading_operation_type: String,
    /// Why the optimiser left filters out.
    pub notes: Vec<PlanNote>,
    /// Cost against the threshold for a selective query: above 1 the filters are not selective.
    pub relative_cost: f64,
    /// Rows of the object, about.
    pub sobject_cardinality: u64,
    /// The object.
    pub sobject_type: String,
}

/// A remark of the optimiser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanNote {
    /// The remark.
    pub description: String,
    /// The fields concerned.
    pub fields: Vec<String>,
    /// The table concerned.
    pub table_enum_or_id: Option<String>,
}

impl Explanation {
    /// Whether the best plan is one that the org calls selective.
    pub fn is_selective(&self) -> bool {
        self.plans.first().is_some_and(|plan| plan.relative_cost <= 1.0)
    }
}

impl Call for Explain {
    type Reply = Explanation;

    fn what(&self) -> String {
        "explaining a query".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(super::call::fitting(|text| format!("{}/query?explain={text}", api.base_path()), &self.query, escape)?)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Explanation, Error> {
        decode_json(&self.what(), response.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_answer() {
        let call = Explain::new("SELECT Name FROM Merchandise__c WHERE CreatedDate = TODAY");
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert!(request.uri().to_string().starts_with("/services/data/v66.0/query?explain=SELECT%20Name"));
        let body = r#"{"plans":[{"cardinality":1,"fields":["CreatedDate"],"leadingOperationType":"Index","notes":[{"description":"Not considering filter for optimization because unindexed","fields":["IsDeleted"],"tableEnumOrId":"Merchandise__c"}],"relativeCost":0.0,"sobjectCardinality":3,"sobjectType":"Merchandise__c"},{"cardinality":1,"fields":[],"leadingOperationType":"TableScan","notes":[],"relativeCost":3.81664,"sobjectCardinality":3,"sobjectType":"Merchandise__c"}],"sourceQuery":"x"}"#;
        let told = call.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert!(told.is_selective());
        assert_eq!(told.plans[0].fields, ["CreatedDate"]);
        assert_eq!(told.plans[1].relative_cost, 3.81664);
    }
}
