//! Events: one subscription type over CometD and Pub/Sub, publishing, managed subscriptions, PushTopics.
//!
//! | | CometD | Pub/Sub |
//! |---|---|---|
//! | change events `/data/…`, platform events `/event/…`, custom channels | yes | yes |
//! | PushTopics `/topic/…`, generic events `/u/…` | yes | no |
//! | the org keeps the position ([`ManagedSubscription`]) | no | yes |
//! | publishing | no (by REST, [`Events::publish`]) | yes ([`Events::publisher`]) |
//! | a position before the first event | no | yes, within 270 s |
//! | Government Cloud | yes | not at the time of writing |
//!
//! What is the same over both: where a subscription begins, what comes of an event, that it comes at least once and in
//! order, that nothing is asked for before the last was taken, how failures are told, and that a broken connection, a
//! lost session or an expired token is mended from the last event that was handed over.

pub mod avro;
mod cometd;
mod error;
mod event;
mod listen;
mod managed;
mod position;
mod proto;
mod publish;
mod pubsub;
mod push_topic;
mod raw;
mod seen;
mod service;
mod subscription;

pub use error::{SubscriptionError, SubscriptionErrorKind};
pub use event::{ChangeHeader, Event, EventKind};
pub use listen::Listen;
pub use managed::{ManagedDelivery, ManagedSetup, ManagedSubscription, Recovery};
pub use position::{EventTransport, Position, Replay};
pub use publish::{NewEvent, PublishEvents, PublishOutcome, PublishStream, Publisher};
pub use push_topic::{NotifyFor, OnlineUsers, Push, PushTopic, PushTopics};
pub use raw::{CREDIT_MAX, Fetched, RawEvent, RawSubscription};
pub(crate) use service::Channel;
pub use service::{Events, Topic};
pub use subscription::{Delivery, Subscription};
