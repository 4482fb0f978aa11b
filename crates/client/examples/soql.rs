//! Puts typed values into a query. No text can break out of its place, and a name without a value does not compile.
//!
//! ```text
//! SELECT Id, Name FROM Contact WHERE LastName LIKE 'A%' AND CreatedDate > 2000-01-01T00:00:00Z AND LeadSource IN ('Web', 'Partner\'s')
//! ... contacts
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use futures::TryStreamExt;
use tidegate_client::{Client, ClientConfig, Like, Record, soql};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    let since: jiff::Timestamp = "2000-01-01T00:00:00Z".parse()?;
    let sources = ["Web", "Partner's"];
    let query = soql!(
        "SELECT Id, Name FROM Contact WHERE LastName LIKE :name AND CreatedDate > :since AND LeadSource IN :sources",
        name = Like::starts_with("A"),
        since,
        sources,
    )?;
    println!("{query}");
    let contacts: Vec<Record> = org.query(query).try_collect().await?;
    println!("{} contacts", contacts.len());
    Ok(())
}
