//! The event bus: what happened, in order, for as long as it is retained.

use std::sync::Arc;

use crate::schema::Schema;
use crate::settings::Settings;
use crate::store::RecordChange;
use crate::{Millis, RecordId};

mod log;

pub use log::Bus;

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

impl Bus {
    /// Takes the events of one committed transaction.
    pub fn commit(&mut self, schema: &Arc<Schema>, settings: &Settings, commit: Commit) {
        self.append(schema, settings, commit);
    }
}
