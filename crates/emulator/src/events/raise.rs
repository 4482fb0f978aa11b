//! From a finished transaction to the events of every kind that it raises.

use std::sync::Arc;

use super::Commit;
use super::{formulas, push_topic};
use crate::Org;

impl Org {
    /// Tells the bus what a transaction changed; the platform events that it published wait there already.
    pub(crate) fn raise(&mut self, mut commit: Commit) {
        let (now, user) = (commit.now, commit.user);
        let notices = push_topic::notices(self, now, user, &commit.origin, &commit.changes);
        let schema = Arc::clone(&self.schema);
        formulas::compute(&schema, &self.store, &mut commit);
        self.events.commit(&schema, &self.settings, commit);
        if !notices.is_empty() {
            self.events.store(now, &self.settings, notices);
        }
        self.events.publish_waiting(&self.settings);
    }
}
