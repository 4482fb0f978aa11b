//! SOQL checked against an org: describes, counts and the org's own plan, fetched as the checker asks for them.

use std::collections::HashSet;

use futures::{StreamExt, stream};
use tidegate_soql::check::{ChildFacts, FieldFacts, FieldKind, KnownSchema, Need, ObjectFacts, Options, Report, check};

use crate::{
    client::Client,
    error::Error,
    rest::RecordCounts,
    rest::{Describe, DescribeField},
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
            let counts = client.send(&RecordCounts::new([name.clone()])).await;
            let found = counts.ok().and_then(|counts| counts.into_values().next());
            Ok(found.map_or(Answer::Nothing, |rows| Answer::Rows(name, rows)))
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
