//! `query?explain=`: the ways in which a query could be run, the best first.

use serde_json::{Value as Json, json};

use super::QueryOptions;
use super::error::from_parser;
use super::plan::plan;
use super::run::{calendar, env};
use super::scan::{Access, access};
use crate::{ApiError, Org};

pub(super) fn explain(org: &Org, text: &str, options: &QueryOptions) -> Result<Json, ApiError> {
    let query = tidegate_soql::parse(text).map_err(|e| from_parser(text, &e))?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    let plan = plan(&env, text, &query)?;
    let name = &org.schema.object(plan.source.object).name;
    let rows = org.store.table(plan.source.object).map_or(0, |t| if options.all { t.len() } else { t.live_len() });
    let entry = |operation: &str, fields: Vec<String>, cardinality: usize, cost: f64| {
        json!({
            "cardinality": cardinality,
            "fields": fields,
            "leadingOperationType": operation,
            "notes": [],
            "relativeCost": cost,
            "sobjectCardinality": rows,
            "sobjectType": name,
        })
    };
    let mut plans = Vec::new();
    let found = match access(env.world, &plan.source, &plan.filter, options.all) {
        Access::Ids(ids) => Some(("Id".to_owned(), ids.len().min(rows))),
        Access::Index(field, ids) => Some((field, ids.len())),
        Access::Range(None, None) => None,
        Access::Range(from, to) => {
            let from = from.unwrap_or(crate::RecordId::from_bytes([0; 15]));
            let within = org
                .store
                .table(plan.source.object)
                .map_or(0, |t| t.rows_from(from).take_while(|(id, _)| to.is_none_or(|to| *id <= to)).count());
            Some(("Id".to_owned(), within))
        }
    };
    if let Some((field, cardinality)) = found {
        // 1 stands where an index stops being worth its while: three rows in ten for the first million.
        let cost = cardinality as f64 / (rows.max(1) as f64 * 0.3);
        plans.push(entry("Index", vec![field], cardinality, cost));
    }
    plans.push(entry("TableScan", Vec::new(), rows, 1.0 + (rows as f64 / 1_000_000.0)));
    Ok(json!({ "plans": plans, "sourceQuery": text }))
}
