//! From a finished transaction to the events of every kind that it raises.

use std::sync::Arc;

use super::push_topic;
use super::Commit;
use crate::Org;

impl Org {
    /// Tells the bus what a transaction changed; the platform events that it published wait there already.
    pub(crate) fn raise(&mut self, commit: Commit) {
        let published = std::mem::take(&mut self.events.outbox);
        if commit.changes.is_empty() && published.is_empty() {
            return;
        }
        let (now, user) = (commit.now, commit.user);
        let notices = push_topic::notices(self, now, user, &commit.origin, &commit.changes);
        let schema = Arc::clone(&self.schema);
        self.events.commit(&schema, &self.settings, commit);
        if !notices.is_empty() {
            self.events.store(now, &self.settings, notices);
        }
        if !published.is_empty() {
            self.events.publish(now, user, &self.settings, published);
        }
    }
}
