//! Sets calls aside for a job before it begins, so that it is not stopped half-way by a limit of the org.
//!
//! ```text
//! 3 calls are set aside, ... of 15000 are used
//! 12 accounts, 2 calls left over
//! too much at once: ...; try again at ...
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use tidegate_client::budget::Kind;
use tidegate_client::{Client, ClientConfig, Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    org.refresh_budget().await?;

    let calls = org.budget().reserve(Kind::Requests, 3, "counting").await?;
    let report = org.budget().report().await?;
    let requests = report.kind(Kind::Requests).ok_or("the org says how many requests are used")?;
    println!("{} calls are set aside, {} of {} are used", calls.left(), requests.used, requests.allowed.unwrap_or(0));

    let accounts = calls.run(org.query_page("SELECT COUNT() FROM Account")).await?.total_size;
    println!("{accounts} accounts, {} calls left over", calls.left());

    match org.budget().reserve(Kind::Requests, 1_000_000, "too much at once").await {
        Err(Error::Budget(stop)) => println!("{stop}"),
        other => drop(other?),
    }
    Ok(())
}
