//! `tidegate status`: how far a copy is, read from the copy itself.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;
use tidegate_destinations::{DestinationUrl, TableProgress, inspect};

use super::{print_json, writing};
use crate::args::StatusArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, grouped, say};

pub(super) async fn run(config: &Config, args: StatusArgs) -> Result<ExitCode, Failure> {
    let url: DestinationUrl = super::replica::destination(config, args.to.as_deref())?.parse()?;
    let Some(found) = inspect(&url).await? else {
        return Err(nothing_there(&url));
    };
    let newest = found.follow.as_ref().and_then(|f| Timestamp::from_millisecond(f.commit_time).ok());
    if args.json {
        let tables: Vec<_> = found
            .tables
            .iter()
            .map(|table| {
                let (state, staged) = match table.progress {
                    TableProgress::Empty => ("empty", None),
                    TableProgress::Loading { rows, .. } => ("loading", Some(rows)),
                    TableProgress::Live => ("live", None),
                };
                json!({ "object": table.object, "table": table.table, "state": state, "rows": table.rows, "rows_staged": staged })
            })
            .collect();
        print_json(&json!({
            "destination": url.to_string(),
            "org_id": found.org_id,
            "newest_change": newest.map(|t| t.to_string()),
            "replay_id": found.follow.as_ref().map(|f| format!("{:?}", f.replay_id)),
            "tables": tables,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["OBJECT", "TABLE", "STATE", "ROWS"]);
    for entry in &found.tables {
        let state = match entry.progress {
            TableProgress::Empty => "not loaded yet".to_owned(),
            TableProgress::Loading { pages, rows } => {
                format!("loading: {} rows in {pages} pages staged", grouped(rows))
            }
            TableProgress::Live => "live".to_owned(),
        };
        table.add_row([entry.object.clone(), entry.table.clone(), state, grouped(entry.rows)]);
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    output::print(output::table_text(&table)).map_err(writing)?;
    match newest {
        Some(at) => say(format!("\norg {}; every change up to {at} is here", found.org_id)),
        None => say(format!("\norg {}; not followed yet", found.org_id)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn nothing_there(url: &DestinationUrl) -> Failure {
    Failure::failed(format!("nothing was ever replicated into {url}"))
        .hint("`tidegate sync OBJECT... --to URL` begins a copy")
}
