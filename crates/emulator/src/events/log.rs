//! The log: one for the org, read by position.

use std::sync::Arc;

use super::Commit;
use crate::schema::Schema;
use crate::settings::Settings;

/// The event bus of an org.
#[derive(Debug, Default)]
pub struct Bus {
    commits: u64,
}

impl Bus {
    pub(super) fn append(&mut self, _schema: &Arc<Schema>, _settings: &Settings, commit: Commit) {
        self.commits += u64::from(!commit.changes.is_empty());
    }
}
