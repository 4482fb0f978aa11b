//! `tidegate limits`: what the org allows, and what is left.

use std::process::ExitCode;

use serde_json::json;
use tidegate_client::Limits;

use super::{print_json, writing};
use crate::args::LimitsArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(config: &Config, args: LimitsArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let limits = client.send(&Limits).await?;
    if args.json {
        let object: serde_json::Map<String, serde_json::Value> = limits
            .iter()
            .map(|(name, limit)| (name.clone(), json!({ "max": limit.max, "remaining": limit.remaining })))
            .collect();
        print_json(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["LIMIT", "REMAINING", "MAX", "USED"]);
    for (name, limit) in &limits {
        let used = limit.max - limit.remaining;
        let share =
            if limit.max > 0 { format!("{:.1} %", used as f64 * 100.0 / limit.max as f64) } else { String::new() };
        table.add_row([name.clone(), spelled(limit.remaining), spelled(limit.max), share]);
    }
    for column in 1..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    output::print(output::table_text(&table)).map_err(writing)?;
    Ok(ExitCode::SUCCESS)
}

/// Some orgs tell a negative rest: more was used than allowed.
fn spelled(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", output::grouped(n.unsigned_abs()))
}
