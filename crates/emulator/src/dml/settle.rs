//! What follows from a transaction's writes before it is committed, and where further rules of the platform belong.
//!
//! The order in which a save runs, as Salesforce documents it, and where each step lives here:
//!
//! 1. locks: `locks` (a planned lock answers `UNABLE_TO_LOCK_ROW` before anything is looked at);
//! 2. the request's values, required fields, types, lengths, picklists, references: `fields`, `convert`, `reference`;
//! 3. defaults, automatic numbers, audit fields: `defaults`, `save`;
//! 4. what the object computes by itself: `derived`;
//! 5. `Transaction::check_saved` in `save`: rules over the record as it would be saved: ranges, unique fields, hierarchies.
//!    Validation rules, duplicate rules, sharing and before-save automation belong into this very function: it has the
//!    record before and after, and answers every error it finds;
//! 6. the row is put (a step that can be taken back);
//! 7. this module, once for all writes of the transaction: roll-up summaries, amounts of line items, last
//!    activities, the contact of a person account. After-save automation belongs here: it sees every record that the transaction touched
//!    as it was and as it is, and its own writes are looked at in the next round;
//! 8. one change per record is told to the event bus.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.apexcode.meta/apexcode/apex_triggers_order_of_execution.htm>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::transaction::{Cause, Transaction};
use super::{activity, line_items};
use crate::RecordId;
use crate::schema::ObjectId;
use crate::store::Row;

/// Rounds in which consequences may have consequences; a real org stops a recursion after 16, too.
const ROUNDS_MAX: usize = 16;

/// A record that the transaction touched.
pub(super) struct Touched {
    pub(super) object: ObjectId,
    pub(super) id: RecordId,
    /// The live row before the step; `None` where there was none.
    pub(super) before: Option<Arc<Row>>,
    /// The live row now.
    pub(super) after: Option<Arc<Row>>,
}

impl Transaction<'_> {
    /// Does what follows from the steps so far. Masters are saved with this cause.
    pub(super) fn settle(&mut self, cause: Cause) {
        let mut from = 0;
        for _ in 0..ROUNDS_MAX {
            let steps = self.touched_since(from);
            if steps.is_empty() {
                return;
            }
            from = self.savepoint();
            let mut masters = BTreeMap::new();
            let (mut active, mut sold) = (BTreeSet::new(), BTreeSet::new());
            for step in &steps {
                self.summed_masters(step.object, step.before.as_ref(), step.after.as_ref(), &mut masters);
                line_items::opportunities(self, step, &mut sold);
                if self.settings.activities_move_dates {
                    activity::subjects(self, step, &mut active);
                }
            }
            self.follow_persons(&steps);
            for ((object, id), summaries) in masters {
                self.sum_up(object, id, &summaries, cause);
            }
            for id in sold {
                line_items::add_up(self, id, cause);
            }
            for (object, id) in active {
                activity::note(self, object, id);
            }
        }
    }
}
