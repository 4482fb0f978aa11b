//! Reads records as values of a type, page after page as they are needed.
//!
//! ```text
//! 60 contacts, the first is Abbott
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use futures::TryStreamExt;
use serde::Deserialize;
use tidegate_client::{Client, ClientConfig};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contact {
    last_name: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    let contacts = org.query_as::<Contact>("SELECT LastName FROM Contact ORDER BY LastName");
    let contacts: Vec<Contact> = contacts.try_collect().await?;
    println!("{} contacts, the first is {}", contacts.len(), contacts[0].last_name);
    Ok(())
}
