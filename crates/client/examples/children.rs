//! Reads parents with their children, all of them however many there are, and as flat rows.
//!
//! ```text
//! ... accounts have ... contacts
//! ... rows, with Name, Contacts.LastName
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use futures::TryStreamExt;
use serde::Deserialize;
use tidegate_client::{Children, Client, ClientConfig, Flatten, Record};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    contacts: Children<Contact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code)]
struct Contact {
    last_name: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    let soql = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account";

    let accounts: Vec<Account> = org.query_as(soql).try_collect().await?;
    let contacts: usize = accounts.iter().map(|account| account.contacts.len()).sum();
    println!("{} accounts have {contacts} contacts", accounts.len());

    let rows: Vec<Record> = org.query(soql).flat(Flatten::default()).try_collect().await?;
    let columns: Vec<&str> = rows[0].keys().map(String::as_str).collect();
    println!("{} rows, with {}", rows.len(), columns.join(", "));
    Ok(())
}
