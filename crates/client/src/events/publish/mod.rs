//! Publishing platform events: by REST, and by Pub/Sub.
//!
//! **Nothing is sent twice by itself.** Publishing is not idempotent: an event that is sent again is another event with
//! another position. When an answer is lost, its events are [`PublishOutcome::Unknown`], and whether to send them again
//! is the caller's decision. By Pub/Sub each event has a UUID before it leaves ([`NewEvent::uuid`]), which subscribers
//! see as `EventUuid`: sent again **with the same UUID**, those who remember UUIDs can leave the second one out. By REST
//! the org makes the UUID, and a lost answer takes it along.

mod bus;
mod rest;
mod stream;

use serde_json::{Map, Value as Json};

pub use bus::Publisher;
pub use rest::PublishEvents;
pub use stream::PublishStream;

use super::Position;
use crate::error::Error;

/// Events of one request, the most that either door takes.
const EVENTS_MAX: usize = 200;

/// An event to publish.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewEvent {
    /// Its id, by Pub/Sub; one is made where it is `None`. By REST the org makes it, and this must be `None`.
    pub uuid: Option<String>,
    /// The fields, without `CreatedDate` and `CreatedById`, which are filled in.
    pub fields: Map<String, Json>,
}

impl NewEvent {
    /// An event with these fields.
    pub fn new(fields: Map<String, Json>) -> NewEvent {
        NewEvent { uuid: None, fields }
    }
}

/// What became of one event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PublishOutcome {
    /// The org took it. By REST that is a place in a queue, by Pub/Sub one in the channel.
    Published {
        /// The event's id, which subscribers see as `EventUuid`.
        uuid: Option<String>,
        /// Its position; by Pub/Sub only.
        position: Option<Position>,
    },
    /// The org did not take it.
    Rejected {
        /// Such as `REQUIRED_FIELD_MISSING`; `PUBLISH` for any reason of Pub/Sub.
        code: String,
        /// The org's words.
        message: String,
    },
    /// It was sent, and the answer was lost: it may be in the channel, or not.
    Unknown {
        /// Its id, where it had one.
        uuid: Option<String>,
        /// How the answer was lost.
        error: Error,
    },
    /// It was not sent, as an earlier request failed.
    NotSent {
        /// How it failed.
        error: Error,
    },
}

impl PublishOutcome {
    /// Whether the org took it.
    pub fn is_published(&self) -> bool {
        matches!(self, PublishOutcome::Published { .. })
    }
}
