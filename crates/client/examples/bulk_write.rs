//! Writes as many records as you have, by as many ingest jobs as they need, and tells what was refused.
//!
//! ```text
//! 2 saved, 1 refused
//! REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use serde_json::json;
use tidegate_client::bulk::{IngestOperation, IngestResults, IngestSpec, Wait};
use tidegate_client::{Client, ClientConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    let mut contacts = org.bulk().writer(IngestSpec::new("Contact", IngestOperation::Insert));
    contacts.write(&json!({"LastName": "Ng", "FirstName": "Ada"})).await?;
    contacts.write(&json!({"LastName": null, "FirstName": "Bo"})).await?;
    contacts.write(&json!({"LastName": "Ives", "FirstName": null})).await?;

    for done in contacts.finish(Wait::default()).await? {
        println!("{} saved, {} refused", done.successful, done.failed);
        let mut refused = org.bulk().results(&done.job, IngestResults::Failed).await?;
        while let Some(rows) = refused.next_rows().await? {
            for row in rows.iter() {
                println!("{}", row.get(1).unwrap_or_default());
            }
        }
    }
    Ok(())
}
