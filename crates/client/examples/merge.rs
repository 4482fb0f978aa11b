//! Merges a duplicate into the record that stays: what hung on the duplicate hangs on that one, and the duplicate goes to
//! the recycle bin. Only SOAP offers it.
//!
//! ```text
//! 001... is merged, 1 related record moved
//! Ada Fern now belongs to 001...
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use futures::TryStreamExt;
use serde_json::json;
use tidegate_client::{Client, ClientConfig, Create, soap::SoapRecord};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    let account = |name: &str| Create { object: "Account".into(), fields: json!({ "Name": name }) };
    let stays = org.send(&account("Blue Kettle")).await?.id;
    let goes = org.send(&account("Blue Kettle Ltd")).await?.id;
    let fields = json!({ "FirstName": "Ada", "LastName": "Fern", "AccountId": goes });
    org.send(&Create { object: "Contact".into(), fields }).await?;

    let master = SoapRecord::new("Account").id(&stays).field("Phone", "+49 731 4711");
    let merged = org.soap().merge(master, vec![goes]).await?;
    println!("{} is merged, {} related record moved", merged.merged[0], merged.moved.len());

    let soql = "SELECT Name, AccountId FROM Contact WHERE Name = 'Ada Fern'";
    let contacts: Vec<_> = org.soap().query(soql).try_collect().await?;
    println!(
        "{} now belongs to {}",
        contacts[0].text("Name").unwrap_or("nobody"),
        contacts[0].text("AccountId").unwrap_or("none")
    );
    Ok(())
}
