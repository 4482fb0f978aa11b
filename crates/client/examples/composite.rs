//! Makes an account and its contact in one call, all or none; each answer has the type of its own call.
//!
//! ```text
//! Acme has 1 contact, Ng
//! then nothing was written: contact: REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use serde_json::json;
use tidegate_client::{Client, ClientConfig, Create, Query, rest::Composite};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    let mut calls = Composite::new().all_or_none();
    let account = calls.add("account", Create::new("Account", json!({"Name": "Acme"})));
    calls.add("contact", Create::new("Contact", json!({"LastName": "Ng", "AccountId": account.id()})));
    let soql = format!("SELECT LastName FROM Contact WHERE AccountId = '{}'", account.id());
    let contacts = calls.add("contacts", Query::new(soql));
    let replies = org.send(&calls).await?.ok()?;
    let contacts = replies.get(&contacts)?;
    println!("Acme has {} contact, {}", contacts.total_size, contacts.records[0]["LastName"].as_str().unwrap_or("?"));

    let mut calls = Composite::new().all_or_none();
    let account = calls.add("account", Create::new("Account", json!({"Name": "Nobody"})));
    calls.add("contact", Create::new("Contact", json!({"AccountId": account.id()})));
    if let Err(cause) = org.send(&calls).await?.ok() {
        println!("then nothing was written: {cause}");
    }
    Ok(())
}
