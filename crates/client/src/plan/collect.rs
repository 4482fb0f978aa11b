//! Asks the org for the facts of a plan: a describe for each object, one request for the counts of records, one for
//! the limits.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    call::{Call, decode_json, escape, get},
    client::Client,
    error::Error,
    rest::{Describe, RecordCounts},
    version::ApiVersion,
};

use super::{
    Facts, ObjectFacts, Range, RowsKnown, Task, WriteOperation,
    shape::{Shape, shape},
    width::{not_in_bulk, width},
};

/// Rows assumed where nobody knows.
const ROWS_UNKNOWN: Range = Range { low: 100.0, high: 100_000.0 };

/// Objects that Bulk is known or reported not to take, by the end of their names (Bulk API Developer Guide: setup,
/// history, feed and sharing objects, with exceptions that only the org knows).
const DOUBTFUL: [&str; 4] = ["Feed", "History", "Share", "__Tag"];

impl Facts {
    /// Facts for reading or following objects. `fields` are those wanted, by API name; without any, all that the user
    /// sees.
    ///
    /// # Errors
    /// As the org's, such as 404 for an object that it does not have; [`Error::Config`] for a field that it has not.
    pub async fn of_objects(
        client: &Client,
        task: Task,
        objects: &[String],
        fields: &[String],
    ) -> Result<Facts, Error> {
        let mut all = Vec::new();
        for name in objects {
            let describe = client.describe(name).await?;
            all.push(object_facts(&describe, fields)?);
        }
        let counts = counts(client, &all).await;
        for object in &mut all {
            set_rows(object, counts.get(&object.object).copied());
        }
        Facts::new(task, all).about_org(client).await
    }

    /// Facts for the rows of a query. How many they are is the query optimiser's estimate; with `count` it is asked.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is no query; otherwise as the org's.
    pub async fn of_query(client: &Client, soql: &str, count: bool) -> Result<Facts, Error> {
        let query = tidegate_soql::parse(soql)
            .map_err(|error| Error::Config { message: format!("the query cannot be read: {error}"), hint: None })?;
        let shape = shape(&query);
        let describe = client.describe(&shape.object).await?;
        let mut fields = shape.fields.clone();
        if fields.is_empty() && !shape.all_fields {
            // What stands for no field, or for none of its own, is narrow.
            fields.push("Id".to_owned());
        }
        let mut object = object_facts(&describe, &fields)?;
        // Values of parents and functions are as wide as a name.
        object.row_bytes = object.row_bytes.plus(Range::new(3.0, 40.0).times(shape.others as f64));
        object.fields += shape.others;
        object.query_bytes = escape(soql).len() + 40;
        object.only_rest.clone_from(&shape.only_rest);
        object.in_one_piece = shape.in_one_piece;
        rows_of_query(client, &mut object, &query, &shape, soql, count).await?;
        Facts::new(Task::Read, vec![object]).about_org(client).await
    }

    /// Facts for writing `rows` of `bytes` altogether with these columns.
    ///
    /// # Errors
    /// As the org's. Columns that are no fields are left to the check before the load.
    pub async fn of_rows(
        client: &Client,
        object: &str,
        operation: WriteOperation,
        columns: &[String],
        rows: u64,
        bytes: u64,
    ) -> Result<Facts, Error> {
        let describe = client.describe(object).await?;
        let mut facts = ObjectFacts::new(describe.name.clone(), rows, bytes / rows.max(1));
        facts.fields = columns.len();
        facts.not_in_bulk = columns
            .iter()
            .filter_map(|column| describe.field(column))
            .filter_map(|field| Some((field.name.clone(), not_in_bulk(field)?.to_owned())))
            .collect();
        facts.bulk_doubts = doubts(&describe);
        let task = Task::Write { operation, all_or_none: false, related: false };
        Facts::new(task, vec![facts]).about_org(client).await
    }

    /// Adds what the org allows. Without "View Setup and Configuration" the user may not see it; then only requests
    /// are known, from the answers so far.
    async fn about_org(self, client: &Client) -> Result<Facts, Error> {
        if let Err(error) = client.refresh_budget().await {
            if error.status() != Some(403) || error.has_code("REQUEST_LIMIT_EXCEEDED") {
                return Err(error);
            }
            tracing::debug!(%error, "the limits cannot be read");
        }
        let budget = client.budget();
        Ok(self.with_budget(&budget.report().await?, budget.settings().priority))
    }
}

fn doubts(describe: &Describe) -> Vec<String> {
    let doubtful = DOUBTFUL.iter().any(|end| describe.name.ends_with(end));
    let mut doubts = Vec::new();
    if doubtful {
        doubts.push(format!("{} may not be supported by Bulk; the org says so when the job is created", describe.name));
    }
    doubts
}

fn object_facts(describe: &Describe, wanted: &[String]) -> Result<ObjectFacts, Error> {
    let mut fields = Vec::new();
    if wanted.is_empty() {
        fields.extend(&describe.fields);
    }
    for name in wanted {
        fields.push(describe.field(name).ok_or_else(|| Error::Config {
            message: format!("{} has no field `{name}`, or this user may not see it", describe.name),
            hint: None,
        })?);
    }
    let mut facts = ObjectFacts::new(describe.name.clone(), 0, 0);
    let carried: Vec<_> = fields.iter().filter(|field| not_in_bulk(field).is_none()).collect();
    facts.fields = carried.len();
    facts.row_bytes = carried.iter().fold(Range::default(), |sum, field| sum.plus(width(field)));
    facts.not_in_bulk =
        fields.iter().filter_map(|field| Some((field.name.clone(), not_in_bulk(field)?.to_owned()))).collect();
    facts.silent_fields = carried.iter().filter(|field| field.calculated).map(|field| field.name.clone()).collect();
    let names: usize = carried.iter().map(|field| field.name.len() + 3).sum();
    facts.query_bytes = 60 + describe.name.len() + names;
    facts.bulk_doubts = doubts(describe);
    if !describe.queryable {
        facts.only_rest.push("objects that cannot be queried".to_owned());
    }
    Ok(facts)
}

fn set_rows(object: &mut ObjectFacts, count: Option<u64>) {
    match count {
        // The count is cached: some hours old.
        Some(count) => {
            object.rows = Range::new(count as f64 * 0.98, count as f64 * 1.02);
            object.rows_known = RowsKnown::RecordCount;
        }
        None => {
            object.rows = ROWS_UNKNOWN;
            object.rows_known = RowsKnown::Unknown;
        }
    }
}

/// Counts by the object's name in any case. What fails here makes the plan vaguer, not impossible.
async fn counts(client: &Client, objects: &[ObjectFacts]) -> BTreeMap<String, u64> {
    let names: Vec<&str> = objects.iter().map(|object| object.object.as_str()).collect();
    match client.send(&RecordCounts::new(names)).await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::debug!(%error, "records cannot be counted");
            BTreeMap::new()
        }
    }
}

async fn rows_of_query(
    client: &Client,
    object: &mut ObjectFacts,
    query: &tidegate_soql::ast::Query,
    shape: &Shape,
    soql: &str,
    count: bool,
) -> Result<(), Error> {
    if shape.aggregate && query.group_by.is_none() {
        object.rows = Range::exactly(1.0);
        object.rows_known = RowsKnown::Exactly;
        return Ok(());
    }
    if count && !shape.aggregate {
        let mut counting = query.clone();
        counting.select = vec![tidegate_soql::ast::SelectItem::Count(query.span)];
        counting.order_by.clear();
        let rows = client.query_page(counting.to_string()).await?.total_size;
        object.rows = Range::exactly(rows as f64);
        object.rows_known = RowsKnown::Exactly;
    } else if shape.filtered || shape.aggregate {
        match client.send(&Explain { soql: soql.to_owned() }).await {
            Ok(Some(rows)) => {
                // An estimate from statistics: of the right order, at best.
                object.rows = Range::new((rows as f64 / 3.0).floor(), (rows as f64 * 3.0).max(1.0));
                object.rows_known = RowsKnown::Explained;
            }
            Ok(None) => set_rows(object, None),
            Err(error) if error.status().is_some_and(|status| status < 500) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "the query was not explained");
                set_rows(object, None);
            }
        }
    } else {
        let counts = counts(client, std::slice::from_ref(object)).await;
        set_rows(object, counts.get(&object.object).copied());
    }
    if let Some(limit) = shape.limit {
        let limit = limit as f64;
        object.rows = Range::new(object.rows.low.min(limit), object.rows.high.min(limit));
    }
    Ok(())
}

/// `GET /query?explain=`: how many rows the optimiser expects of its best plan.
struct Explain {
    soql: String,
}

impl Call for Explain {
    type Reply = Option<u64>;

    fn what(&self) -> String {
        "explaining the query".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(format!("{}/query?explain={}", api.base_path(), escape(&self.soql)))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Option<u64>, Error> {
        #[derive(Deserialize)]
        struct Reply {
            plans: Vec<Best>,
        }
        #[derive(Deserialize)]
        struct Best {
            cardinality: Option<f64>,
        }
        let reply: Reply = decode_json(&self.what(), response.body())?;
        let rows = reply.plans.first().and_then(|best| best.cardinality);
        Ok(rows.filter(|rows| rows.is_finite() && *rows >= 0.0).map(|rows| rows as u64))
    }
}
