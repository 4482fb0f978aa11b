//! Publishes platform events, and hears them: each outcome is told, and nothing is sent twice by itself.
//!
//! ```text
//! published 2 of 2
//! heard 1001
//! heard 1002
//! refused before it was sent: the event has no field `Order_Numbr__c`
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use serde_json::{Map, json};
use tidegate_client::{Client, ClientConfig, events::NewEvent};

fn event(field: &str, number: &str) -> NewEvent {
    NewEvent::new(Map::from_iter([(field.to_owned(), json!(number))]))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    let mut heard = org.events().follow("/event/Order_Event__e").await?;

    let publisher = org.events().publisher("Order_Event__e").await?;
    let events = [event("Order_Number__c", "1001"), event("Order_Number__c", "1002")];
    let outcomes = publisher.publish(&events).await?;
    println!("published {} of {}", outcomes.iter().filter(|outcome| outcome.is_published()).count(), outcomes.len());

    for _ in &outcomes {
        let Some(event) = heard.next().await? else { break };
        println!("heard {}", event.field("Order_Number__c").and_then(|value| value.as_str()).unwrap_or_default());
    }
    if let Err(error) = publisher.publish(&[event("Order_Numbr__c", "1003")]).await {
        println!("refused before it was sent: {error}");
    }
    Ok(())
}
