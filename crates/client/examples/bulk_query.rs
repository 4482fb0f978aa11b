//! Reads many rows by a Bulk query job: made, waited for, read page by page, deleted.
//!
//! ```text
//! Id, LastName
//! 60 rows
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use tidegate_client::{Client, ClientConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    let mut results = org.bulk().query("SELECT Id, LastName FROM Contact").start().await?;
    println!("{}", results.columns().join(", "));
    while let Some(rows) = results.next_rows().await? {
        for row in rows.iter() {
            assert_eq!(row.get(0).map(str::len), Some(18));
        }
    }
    println!("{} rows", results.rows_read());
    Ok(())
}
