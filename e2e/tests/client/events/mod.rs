//! One subscription type over CometD and Pub/Sub: the same events, and the same behaviour when things go wrong.

mod equal;
mod publish;
mod trouble;

use std::time::Duration;

use serde_json::json;
use tidegate_client::events::{Event, EventTransport, Listen, Replay, Subscription};
use tidegate_client::{Client, Create};
use tokio::time::timeout;

const BOTH: [EventTransport; 2] = [EventTransport::CometD, EventTransport::PubSub];

/// The next event, within a time that no test needs.
async fn next(subscription: &mut Subscription) -> Event {
    timeout(Duration::from_secs(20), subscription.next()).await.expect("an event comes").unwrap().unwrap()
}

async fn account(org: &Client, name: &str) -> String {
    org.send(&Create { object: "Account".into(), fields: json!({ "Name": name }) }).await.unwrap().id
}

async fn order(org: &Client, number: &str) {
    let create = Create { object: "Order_Event__e".into(), fields: json!({ "Order_Number__c": number }) };
    org.send(&create).await.unwrap();
}

fn accounts(org: &Client, transport: EventTransport) -> Listen {
    org.events().listen("/data/AccountChangeEvent").from(Replay::Earliest).by(transport)
}
