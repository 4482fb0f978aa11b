//! Pub/Sub: channels, Avro schemas, and subscriptions that come back by themselves. Payloads are handed over as bytes;
//! what they mean is for others.

mod error;
mod proto;
mod service;
mod subscription;

pub use error::{SubscriptionError, SubscriptionErrorKind};
pub(crate) use service::Channel;
pub use service::{Events, Topic};
pub use subscription::{CREDIT_MAX, Fetched, RawEvent, Replay, Subscription};
