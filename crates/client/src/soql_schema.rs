//! SOQL checked against an org: describes, counts and the org's own plan, fetched as the checker asks for them.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tidegate_soql::check::{ChildFacts, FieldFacts, FieldKind, KnownSchema, Need, ObjectFacts, Options, Report, check};

use crate::{
    call::{Call, decode_json, escape, get},
    client::Client,
    describe::{Describe, DescribeField},
    error::Error,
    version::ApiVersion,
};

/// Describes that are fetched at a time.
const AT_A_TIME: usize = 4;

impl From<&Describe> for ObjectFacts {
    fn from(describe: &Describe) -> ObjectFacts {
        ObjectFacts {
            name: describe.name.clone(),
            custom: describe.custom,
            queryable: describe.queryable,
            key_prefix: describe.key_prefix.clone(),
            fields: describe.fields.iter().map(FieldFacts::from).collect(),
            children: describe
                .child_relationships
                .iter()
                .map(|child| ChildFacts {
                    object: child.child_object.clone(),
                    field: child.field.clone(),
                    relationship_name: child.relationship_name.clone(),
                })
                .collect(),
            scopes: None,
            rows: None,
        }
    }
}

impl From<&DescribeField> for FieldFacts {
    fn from(field: &DescribeField) -> FieldFacts {
        FieldFacts {
            name: field.name.clone(),
            kind: FieldKind::named(&field.kind),
            length: field.length,
            nillable: field.nillable,
            filterable: field.filterable,
            sortable: field.sortable,
            groupable: field.groupable,
            aggregatable: field.aggregatable,
            custom: field.custom,
            calculated: field.calculated,
            formula: field.calculated_formula.clone(),
            external_id: field.external_id,
            unique: field.unique,
            case_sensitive: field.case_sensitive,
            encrypted: field.encrypted,
            name_field: field.name_field,
            reference_to: field.reference_to.clone(),
            relationship_name: field.relationship_name.clone(),
            polymorphic: field.polymorphic_foreign_key,
            compound: field.compound_field_name.clone(),
            restricted_picklist: field.restricted_picklist,
            picklist: field.picklist_values.iter().map(|value| value.value.clone()).collect(),
        }
    }
}

/// Checks queries against one org and keeps what it has fetched, so that a second query costs little.
///
/// A describe costs one request for each object that a query names or reaches; the number of records of an object one
/// more; whether an indexed filter finds few enough of them one `SELECT COUNT()` each, and only in objects of 200,000
/// records or more.
#[derive(Debug, Clone)]
pub struct SoqlChecker {
    client: Client,
    schema: KnownSchema,
    asked: HashSet<String>,
    counts: bool,
}

impl SoqlChecker {
    /// Counts records for the warnings about selectivity.
    pub fn new(client: Client) -> SoqlChecker {
        SoqlChecker { client, schema: KnownSchema::new(), asked: HashSet::new(), counts: true }
    }

    /// Asks for describes only: nothing is counted.
    pub fn without_counts(mut self) -> SoqlChecker {
        self.counts = false;
        self
    }

    /// Checks a query, having fetched what that takes.
    ///
    /// # Errors
    /// Where a describe cannot be fetched. An object that is not there is a finding, and a figure that cannot be had is
    /// done without.
    pub async fn check(&mut self, soql: &str, options: &Options) -> Result<Report, Error> {
        loop {
            let report = check(soql, &self.schema, options);
            let new: Vec<Need> = report.needs.iter().filter(|need| !self.asked.contains(&key(need))).cloned().collect();
            if !self.fetch(new).await? {
                return Ok(report);
            }
        }
    }

    /// Fetches the most important of these; `false` where there was nothing to fetch.
    async fn fetch(&mut self, needs: Vec<Need>) -> Result<bool, Error> {
        let (objects, others): (Vec<Need>, Vec<Need>) =
            needs.into_iter().partition(|need| matches!(need, Need::Object(_) | Need::ObjectNames));
        // Figures last: what the describes say may show that none are needed.
        let batch = if !objects.is_empty() {
            objects
        } else if self.counts {
            others
        } else {
            Vec::new()
        };
        if batch.is_empty() {
            return Ok(false);
        }
        self.asked.extend(batch.iter().map(key));
        let client = self.client.clone();
        let mut answers = stream::iter(batch)
            .map(|need| {
                let client = client.clone();
                async move { answer(&client, need).await }
            })
            .buffer_unordered(AT_A_TIME);
        while let Some(answer) = answers.next().await {
            match answer? {
                Answer::Object(facts) => self.schema.insert(*facts),
                Answer::Missing(name) => self.schema.insert_missing(&name),
                Answer::Names(names) => self.schema.set_object_names(names),
                Answer::Rows(object, rows) => self.schema.set_rows(&object, rows),
                Answer::Count(soql, rows) => self.schema.set_count(soql, rows),
                Answer::Nothing => {}
            }
        }
        Ok(true)
    }
}

fn key(need: &Need) -> String {
    match need {
        Need::Object(name) => format!("object {}", name.to_ascii_lowercase()),
        Need::ObjectNames => "names".to_owned(),
        Need::Rows(name) => format!("rows {}", name.to_ascii_lowercase()),
        Need::Count(soql) => format!("count {soql}"),
    }
}

enum Answer {
    Object(Box<ObjectFacts>),
    Missing(String),
    Names(Vec<String>),
    Rows(String, u64),
    Count(String, u64),
    Nothing,
}

async fn answer(client: &Client, need: Need) -> Result<Answer, Error> {
    match need {
        Need::Object(name) => match client.describe(&name).await {
            Ok(describe) => Ok(Answer::Object(Box::new(ObjectFacts::from(&describe)))),
            Err(error) if error.status() == Some(404) => Ok(Answer::Missing(name)),
            Err(error) => Err(error),
        },
        Need::ObjectNames => {
            let global = client.describe_global().await?;
            Ok(Answer::Names(global.sobjects.into_iter().map(|object| object.name).collect()))
        }
        Need::Rows(name) => {
            let counts = client.send(&RecordCounts::new([name.as_str()])).await;
            let found = counts.ok().and_then(|counts| counts.into_iter().next());
            Ok(found.map_or(Answer::Nothing, |count| Answer::Rows(name, count.count)))
        }
        // A count that runs into the time limit says enough about the filter, but not in a number.
        Need::Count(soql) => match client.query_page(soql.as_str()).await {
            Ok(page) => Ok(Answer::Count(soql, page.total_size)),
            Err(error) => {
                tracing::info!(%error, "a count could not be had");
                Ok(Answer::Nothing)
            }
        },
    }
}

/// How many records an object has, about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCount {
    /// API name of the object.
    pub name: String,
    /// Records; an estimate that the org keeps, without the recycle bin.
    pub count: u64,
}

/// `GET /limits/recordCount`: the org's estimates for some objects. Objects that it does not know are left out.
#[derive(Clone, Debug)]
pub struct RecordCounts {
    objects: Vec<String>,
}

impl RecordCounts {
    /// Of these objects.
    pub fn new<'a>(objects: impl IntoIterator<Item = &'a str>) -> RecordCounts {
        RecordCounts { objects: objects.into_iter().map(str::to_owned).collect() }
    }
}

impl Call for RecordCounts {
    type Reply = Vec<RecordCount>;

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
            objects: Vec<RecordCount>,
        }
        let body: Body = decode_json(&self.what(), response.body())?;
        Ok(body.objects)
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
        "asking for the plan of a query".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/query?explain={}", api.base_path(), escape(&self.soql));
        let max = crate::query::QUERY_URL_BYTES_MAX;
        if path.len() > max {
            return Err(Error::QueryTooLong { bytes: path.len(), max });
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
    pub source_query: String,
}

/// One way to run a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryPlan {
    /// Records that the leading operation is expected to give.
    pub cardinality: f64,
    /// The indexed fields that it uses.
    pub fields: Vec<String>,
    /// `Index`, `Other`, `Sharing` or `TableScan`.
    pub leading_operation_type: String,
    /// What the optimiser has to say.
    pub notes: Vec<PlanNote>,
    /// Above 1: not selective.
    pub relative_cost: f64,
    /// Records of the object, about.
    pub sobject_cardinality: f64,
    /// API name of the object.
    pub sobject_type: String,
}

/// A remark of the optimiser.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanNote {
    /// The remark.
    pub description: String,
    /// The fields that it is about.
    pub fields: Vec<String>,
    /// The object's name, or the id of a custom object.
    pub table_enum_or_id: String,
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
        assert_eq!(counts, [RecordCount { name: "Account".into(), count: 12 }]);
    }
}
