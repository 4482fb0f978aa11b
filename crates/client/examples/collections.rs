//! Writes any number of records, 200 in a call, and tells of each what became of it.
//!
//! ```text
//! record 7 was refused: REQUIRED_FIELD_MISSING
//! 499 of 500 were made, with ... calls
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use futures::StreamExt;
use serde_json::json;
use tidegate_client::{Client, ClientConfig, Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    let before = org.requests_made();

    let accounts = futures::stream::iter(0..500).map(|n| match n {
        7 => json!({"Phone": "1"}),
        n => json!({"Name": format!("Account {n}")}),
    });
    let mut outcomes = org.collections().create("Account", accounts);
    let mut made = 0;
    while let Some(outcome) = outcomes.next().await {
        match outcome.result {
            Ok(_) => made += 1,
            Err(Error::Api { errors, .. }) => println!("record {} was refused: {}", outcome.place, errors[0].code),
            Err(error) => return Err(error.into()),
        }
    }
    println!("{made} of 500 were made, with {} calls", org.requests_made() - before);
    Ok(())
}
