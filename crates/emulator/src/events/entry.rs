//! What the log holds: an event of any kind, with its place.

use std::sync::Arc;

use super::ReplayId;
use super::event::Event;
use super::schema::EventSchema;
use crate::{Millis, RecordId};

/// An event in the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands on the bus.
    pub replay_id: ReplayId,
    /// When it was stored.
    pub at: Millis,
    /// What it says.
    pub body: Body,
}

/// An event by its kind.
#[derive(Debug, Clone)]
pub enum Body {
    /// A record changed.
    Change(Event),
    /// Somebody published a platform event.
    Platform(PlatformEvent),
    /// A record changed that a PushTopic watches.
    Notice(Notice),
    /// Somebody pushed to a generic channel.
    Generic(GenericEvent),
}

/// A published platform event. Its payload is what the publisher wrote, whether it can be read or not.
#[derive(Debug, Clone)]
pub struct PlatformEvent {
    /// The schema that the payload is written with.
    pub schema: Arc<EventSchema>,
    /// `EventUuid`.
    pub uuid: Box<str>,
    /// The Avro datum.
    pub payload: Arc<[u8]>,
    /// Whether it is of the old, standard-volume kind, which is kept for 24 hours only.
    pub standard_volume: bool,
}

/// What a PushTopic tells of a record.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The name of the PushTopic.
    pub topic: Box<str>,
    /// `created`, `updated`, `deleted` or `undeleted`.
    pub kind: NoticeKind,
    /// The selected fields, as a JSON object.
    pub record: Arc<str>,
}

/// `type` of a PushTopic event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are those of the documentation")]
pub enum NoticeKind {
    Created,
    Updated,
    Deleted,
    Undeleted,
}

impl NoticeKind {
    /// The word in the event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Undeleted => "undeleted",
        }
    }
}

/// A generic event.
#[derive(Debug, Clone)]
pub struct GenericEvent {
    /// The name of the StreamingChannel: `/u/notifications`.
    pub channel: Box<str>,
    /// The text that was pushed.
    pub payload: Arc<str>,
    /// The users who get it; everybody where it is empty.
    pub users: Box<[RecordId]>,
}

impl Entry {
    /// Whether it is of a kind that is kept for 24 hours only.
    pub fn is_short_lived(&self) -> bool {
        match &self.body {
            Body::Change(_) => false,
            Body::Platform(event) => event.standard_volume,
            Body::Notice(_) | Body::Generic(_) => true,
        }
    }

    /// The change event, where it is one.
    pub fn change(&self) -> Option<&Event> {
        match &self.body {
            Body::Change(event) => Some(event),
            _ => None,
        }
    }

    /// The schema and the Avro datum. Only change events and platform events have them.
    pub fn datum(&self) -> Option<(&Arc<EventSchema>, Vec<u8>)> {
        match &self.body {
            Body::Change(event) => Some((&event.schema, event.payload())),
            Body::Platform(event) => Some((&event.schema, event.payload.to_vec())),
            Body::Notice(_) | Body::Generic(_) => None,
        }
    }

    /// The id under which a Pub/Sub subscriber gets it, the same however often it is delivered: `EventUuid` of a
    /// platform event.
    pub fn id(&self) -> String {
        match &self.body {
            Body::Change(event) => format!("{}-{}", event.transaction.key_text(), event.sequence),
            Body::Platform(event) => event.uuid.to_string(),
            Body::Notice(_) | Body::Generic(_) => self.replay_id.to_string(),
        }
    }

    /// The same under another position.
    pub(super) fn placed(mut self, replay_id: ReplayId) -> Self {
        self.replay_id = replay_id;
        if let Body::Change(event) = &mut self.body {
            event.replay_id = replay_id;
        }
        self
    }
}
