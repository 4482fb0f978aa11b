//! Asks for thousands of records by their ids, which no URL has room for: the query is cut, and its parts are merged.
//!
//! ```text
//! 2000 ids, ... rows in the order of their creation
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use futures::TryStreamExt;
use serde::Deserialize;
use tidegate_client::{Client, ClientConfig, Record, soql};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    id: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    // Here they come from a query and are repeated; elsewhere they come from a file or another database.
    let rows: Vec<Row> = org.query_as("SELECT Id FROM Contact").try_collect().await?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).cycle().take(2000).collect();

    let query = soql!("SELECT Id, CreatedDate FROM Contact WHERE Id IN :ids ORDER BY CreatedDate, Id", ids = &ids)?;
    let found: Vec<Record> = org.query(query).try_collect().await?;
    println!("{} ids, {} rows in the order of their creation", ids.len(), found.len());
    Ok(())
}
