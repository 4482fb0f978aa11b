//! Follows the changes of an object from a stored position: what was missed meanwhile comes first.
//!
//! ```text
//! created Umbra
//! changed Industry: Energy
//! stored pubsub:...
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use serde_json::json;
use tidegate_client::{
    Client, ClientConfig, Create, Update,
    events::{EventKind, Position, Replay},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    // As it was stored by an earlier run; at first there is none.
    let stored: Option<Position> = std::fs::read_to_string("position").ok().and_then(|text| text.parse().ok());
    let from = stored.map_or(Replay::Earliest, Replay::After);
    let mut changes = org.events().listen("/data/AccountChangeEvent").from(from).open().await?;

    let saved = org.send(&Create { object: "Account".into(), fields: json!({ "Name": "Umbra" }) }).await?;
    let fields = json!({ "Industry": "Energy" });
    org.send(&Update { object: "Account".into(), id: saved.id.clone(), fields }).await?;

    while let Some(event) = changes.next().await? {
        match &event.kind {
            EventKind::Change(header) if header.record_ids.contains(&saved.id) => {
                if let Some(name) = event.field("Name") {
                    println!("created {}", name.as_str().unwrap_or_default());
                } else {
                    println!(
                        "changed Industry: {}",
                        event.field("Industry").and_then(|value| value.as_str()).unwrap_or_default()
                    );
                    // After the event was dealt with.
                    let Some(position) = changes.position(&event.channel).map(ToString::to_string) else { continue };
                    std::fs::write("position", &position)?;
                    println!("stored {position}");
                    break;
                }
            }
            EventKind::Gap(header) => println!("read {:?} again", header.record_ids),
            _ => {}
        }
    }
    changes.close().await;
    Ok(())
}
