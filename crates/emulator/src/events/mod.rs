//! The event bus: what happened, in order, for as long as it is retained.
//!
//! A write by any door ends as a [`Commit`]; the bus makes change events of it and keeps them in one log. Payloads are
//! encoded when a subscriber reads, from rows that the store shares.

use crate::store::RecordChange;
use crate::{Millis, RecordId};

mod avro;
mod bitmap;
mod diff;
mod entity;
mod event;
mod faults;
mod gather;
mod log;
mod replay;
mod schema;
#[cfg(test)]
mod tests;

pub use bitmap::{FieldSet, Place};
pub use entity::{Topic, event_name, is_selected};
pub use event::{ChangeType, Event, Records, Transaction};
pub use faults::{StreamFailure, UnknownEntity};
pub use log::{Batch, Bus, Cursor, Position, ReadError, Start};
pub use replay::ReplayId;
pub use schema::EventSchema;

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
