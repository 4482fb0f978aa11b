//! What a change of the schema does to the records that are there.

use crate::schema::{FieldId, ObjectId, Schema};
use crate::{Millis, Org};

impl Org {
    /// Does what follows for existing records from a change of the schema, once the new one is in its place: new and changed
    /// roll-up summaries are worked out for all masters, and custom fields that Contact got appear on Account where person
    /// accounts are on. Raises no event and moves `SystemModstamp` only. Answers how many records changed.
    pub fn schema_changed(&mut self, before: &Schema, now: Millis) -> usize {
        if self.has_person_accounts() {
            self.enable_person_accounts(now);
        }
        let mut summaries: Vec<(ObjectId, FieldId)> = Vec::new();
        for (at, object) in self.schema.objects().iter().enumerate() {
            let was = before.find(&object.name).map(|(_, was)| was);
            for (id, field) in object.enumerate().filter(|(_, field)| field.summary.is_some()) {
                let old = was.and_then(|was| was.field(&field.name));
                if old.is_none_or(|(_, old)| (&old.summary, old.scale) != (&field.summary, field.scale)) {
                    summaries.push((ObjectId(at as u16), id));
                }
            }
        }
        summaries.into_iter().map(|(object, field)| self.recalculate(object, field, now)).sum()
    }
}
