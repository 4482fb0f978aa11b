//! The event bus: what happened, in order, for as long as it is retained.
//!
//! A write by any door ends as a [`Commit`]; the bus makes change events of it, notices for the PushTopics that watch the
//! record, and keeps them in one log with the platform events and generic events that are published. Payloads of change
//! events are encoded when a subscriber reads, from rows that the store shares.

use crate::store::RecordChange;
use crate::{Millis, RecordId};

mod avro;
mod bitmap;
pub mod channels;
mod check;
mod datum;
mod deliver;
mod diff;
mod entity;
mod entry;
mod event;
mod faults;
mod filter;
mod formulas;
mod gather;
pub mod generic;
mod json;
pub(crate) mod keep;
mod log;
pub mod managed;
mod platform;
pub(crate) mod push_topic;
mod raise;
mod replay;
mod schema;
#[cfg(test)]
mod tests;

pub use bitmap::{FieldSet, Place};
pub(crate) use check::{check_channel, check_count};
pub use entity::{Topic, event_name, is_selected};
pub use entry::{Body, Entry, GenericEvent, Notice, NoticeKind, PlatformEvent};
pub use event::{ChangeType, Event, Records, Transaction};
pub use faults::{StreamFailure, UnknownEntity};
pub use json::JsonForm;
pub use log::{Batch, Bus, Cursor, Position, ReadError, Start};
pub(crate) use platform::leaves_at_once;
pub use platform::{ClientEvent, PublishError, Published, enqueued, event_uuid};
pub use replay::ReplayId;
pub use schema::{EventSchema, is_platform_event};

/// One committed transaction, as the bus is told of it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// When it was committed.
    pub now: Millis,
    /// Who did it.
    pub user: RecordId,
    /// `changeOrigin`: `com/salesforce/api/rest/66.0;client=…`, or empty where no API was the door.
    pub origin: String,
    /// What it did, in the order in which it did it. A record may occur more than once.
    pub changes: Vec<RecordChange>,
}
