//! `tidegate query --explain`: the plans that the org considers.

use std::process::ExitCode;

use tidegate_client::{Client, Explanation, Query};

use super::advice;
use crate::commands::{print_json, writing};
use crate::failure::Failure;
use crate::output::{self, grouped};

pub(super) async fn run(client: &Client, query: Query, json: bool) -> Result<ExitCode, Failure> {
    let told = match client.explain(query).await {
        Ok(told) => told,
        Err(error) => return Err(advice::failure(client, error).await),
    };
    if json {
        print_json(&told)?;
    } else {
        output::print(text(&told)).map_err(writing)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(told: &Explanation) -> String {
    let mut table = output::table(["PLAN", "BY", "COST", "ROWS", "OF", "OBJECT", "NOTES"]);
    for (number, plan) in told.plans.iter().enumerate() {
        let by = match plan.fields.as_slice() {
            [] => plan.leading_operation_type.clone(),
            fields => format!("{} on {}", plan.leading_operation_type, fields.join(", ")),
        };
        let notes: Vec<String> = plan
            .notes
            .iter()
            .map(|note| match note.fields.as_slice() {
                [] => note.description.clone(),
                fields => format!("{}: {}", fields.join(", "), note.description),
            })
            .collect();
        table.add_row([
            (number + 1).to_string(),
            by,
            format!("{:.3}", plan.relative_cost),
            grouped(plan.cardinality),
            grouped(plan.sobject_cardinality),
            plan.sobject_type.clone(),
            notes.join("; "),
        ]);
    }
    let verdict = match told.plans.first() {
        None => "the org names no plan",
        Some(_) if told.is_selective() => "selective: the first plan is the one the org takes, and costs less than 1",
        Some(_) => {
            "not selective: the first plan is the one the org takes, and costs more than 1; filter by an indexed field"
        }
    };
    format!("{}\n{verdict}", output::table_text(&table))
}
