//! Our Bayeux client against a server of somebody else, for `e2e/referee/bayeux`: prints a line of JSON for each event
//! until standard input ends.
//!
//!   bayeux-client http://127.0.0.1:PORT/PATH CHANNEL...

#![allow(clippy::print_stdout, reason = "its lines are what it is for")]

use std::time::Duration;

use serde_json::json;
use tidegate_client::events::{Delivery, Subscription};
use tidegate_client::{RetryPolicy, Timeouts};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, channels @ ..] = arguments.as_slice() else { return Err("name a URL and channels".into()) };
    let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
    let retry = RetryPolicy {
        attempts: 20,
        base: Duration::from_millis(50),
        cap: Duration::from_millis(500),
        ..RetryPolicy::default()
    };
    let mut events = Subscription::open_foreign(url, &channels, retry, Timeouts::default()).await?;
    let mut input = tokio::io::stdin();
    let mut nothing = [0; 1];
    loop {
        tokio::select! {
            read = input.read(&mut nothing) => if read? == 0 { break },
            delivery = events.next_delivery() => match delivery? {
                Some(Delivery::Event(event)) => {
                    println!("{}", json!({ "channel": event.channel, "payload": event.payload }));
                }
                Some(Delivery::MaybeMissed { channel }) => println!("{}", json!({ "missed": channel })),
                Some(_) => {}
                None => break,
            },
        }
    }
    events.close().await;
    Ok(())
}
