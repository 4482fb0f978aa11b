//! `tidegate query --explain`: the plans that the org considers.

use std::process::ExitCode;

use tidegate_client::{Client, Query};
use tidegate_soql::check::Api;

use super::advice;
use crate::commands::lint::plans_text;
use crate::commands::{print_json, writing};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: &Client, query: Query, json: bool) -> Result<ExitCode, Failure> {
    let soql = query.soql().to_owned();
    let told = match client.explain(query).await {
        Ok(told) => told,
        Err(error) => return Err(advice::failure(client, &soql, Api::Rest, error).await),
    };
    if json {
        print_json(&told)?;
    } else {
        output::print(plans_text(&told).trim_end()).map_err(writing)?;
    }
    Ok(ExitCode::SUCCESS)
}
