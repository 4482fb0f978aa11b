//! Writing records, with everything enforced that Salesforce enforces.
//!
//! Every rule reads the facts of the schema, so it holds for any object, standard or custom; what a standard object
//! computes by itself is in `derived`. Doors (REST, Bulk) turn their bodies into [`Write`]s and the results into their
//! own shapes; they know no rule.

mod activity;
pub mod blob;
mod commerce;
mod content;
mod convert;
mod convert_lead;
mod defaults;
mod delete;
mod derived;
mod each;
mod errors;
mod features;
mod fields;
mod line_items;
mod locks;
mod merge;
mod number;
mod permissions;
mod person_account;
mod publish;
mod record_type;
mod reference;
mod roll_up;
mod save;
mod schema_change;
mod settle;
mod temporal;
mod transaction;
mod undelete;
mod unit;
mod upsert;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::schema::ObjectId;
use crate::store::RecordChange;
use crate::{ApiError, Millis, Org, RecordId};
pub(crate) use convert_lead::ensure_lead_statuses;
pub use convert_lead::{Converted, LeadConvert};
pub(crate) use derived::{STAGES, expected as expected_revenue};
pub use locks::Locks;
pub use merge::{Merge, Merged};
use transaction::Transaction;
pub use unit::Unit;

/// Who writes, when, and through which door.
#[derive(Debug, Clone)]
pub struct WriteContext {
    /// The time of the transaction. Records get its whole second.
    pub now: Millis,
    /// The user; owner of new records unless they name one.
    pub user: RecordId,
    /// `changeOrigin` of the change events, such as `com/salesforce/api/rest/66.0`; empty for none.
    pub origin: String,
    /// Whether one failure undoes all.
    pub all_or_none: bool,
}

/// What a caller may want besides the writes themselves: SOAP's and REST's headers of that sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// `AllowFieldTruncationHeader`: text that is too long is cut to its field's length instead of refused.
    pub truncate: bool,
    /// Every record is locked by somebody else: a planned fault.
    pub locked: bool,
}

/// A value as a door received it.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Clear the field: CSV's `#N/A`.
    Null,
    /// A JSON value. Under a relationship's name, an object with one external id of the parent.
    Json(serde_json::Value),
    /// A CSV cell. An empty one is null here: the door leaves out cells that mean "do not touch".
    Text(String),
    /// The content of a base64 field, put into the store's [`Blobs`](crate::store::Blobs) by the door: its number.
    Blob(u64),
    /// A parent named by its external id; the key it stands under is the relationship's name (`Account`,
    /// `Parent__r`), or the reference field's own.
    Reference {
        /// The parent's object; needed where the field can point at several.
        object: Option<String>,
        /// The parent's field: its external id, an `idLookup` field, or `Id`.
        key: String,
        /// The value to look for.
        value: String,
    },
}

/// One write. Field names are API names, in any case; absent fields stay as they are.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Write {
    /// Make a record.
    Create { object: ObjectId, fields: Vec<(String, Input)> },
    /// Change a record.
    Update { object: ObjectId, id: RecordId, fields: Vec<(String, Input)> },
    /// Change the one record whose `key` (an external id, an `idLookup` field or `Id`) holds `value`, or make it
    /// (unless `update_only`). Several matches are an error with status 300 whose [`ApiError::ids`] names them.
    Upsert { object: ObjectId, key: String, value: Input, fields: Vec<(String, Input)>, update_only: bool },
    /// Move a record to the recycle bin, with all that goes with it.
    Delete { object: ObjectId, id: RecordId },
    /// Delete a record for good, live or in the recycle bin.
    HardDelete { object: ObjectId, id: RecordId },
    /// Take a record back from the recycle bin, with what its delete took along.
    Undelete { object: ObjectId, id: RecordId },
}

/// A write that worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Saved {
    /// The record.
    pub id: RecordId,
    /// Whether it is new.
    pub created: bool,
}

/// What became of one write: saved, or every error found.
pub type WriteResult = Result<Saved, Vec<ApiError>>;

/// How long a record stays in the recycle bin (documented: 15 days).
pub const RECYCLE_BIN_MS: Millis = 15 * 24 * 60 * 60 * 1000;

impl Org {
    /// Does these writes in one transaction, in their order, and tells the event bus what they changed.
    ///
    /// Answers one result per write. Without `all_or_none` each write stands on its own, and one that fails changes
    /// nothing. With it, one failure undoes all: the others then answer `ALL_OR_NONE_OPERATION_ROLLED_BACK`.
    pub fn write(&mut self, context: &WriteContext, writes: Vec<Write>) -> Vec<WriteResult> {
        self.write_with(context, WriteOptions::default(), writes)
    }

    /// As [`Org::write`], with options.
    pub fn write_with(
        &mut self,
        context: &WriteContext,
        options: WriteOptions,
        mut writes: Vec<Write>,
    ) -> Vec<WriteResult> {
        let purge = self.units.is_empty() && self.store.purge_is_due(context.now);
        if purge {
            self.store.purge(context.now.saturating_sub(RECYCLE_BIN_MS));
        }
        let schema = Arc::clone(&self.schema);
        let stowed = blob::stow(&schema, &mut self.store.blobs, &mut writes);
        let (results, changes, undo) = self.transact(context, options, writes);
        let failed = |at: &usize| results.get(*at).is_none_or(Result::is_err);
        let (lost, kept): (Vec<_>, Vec<_>) = stowed.into_iter().partition(|(at, _)| failed(at));
        for (_, blob) in lost {
            self.store.blobs.remove(blob);
        }
        match self.units.last_mut() {
            Some(unit) => unit.add(undo, changes, kept.into_iter().map(|(_, blob)| blob).collect()),
            None => self.tell(context, changes),
        }
        // Not before: contents that these writes bring belong to no record until now.
        if purge {
            self.sweep_blobs();
        }
        results
    }

    /// Does the writes and says what they changed. Platform events that they published wait in the bus.
    fn transact(
        &mut self,
        context: &WriteContext,
        options: WriteOptions,
        writes: Vec<Write>,
    ) -> (Vec<WriteResult>, Vec<RecordChange>, Vec<unit::Undo>) {
        let repeated = upsert::repeated_keys(&self.schema, &writes);
        let mut tx = Transaction::new(Arc::clone(&self.schema), &mut self.store, &self.settings, context);
        (tx.locks, tx.options) = (Some(&self.locks), options);
        let mut results: Vec<WriteResult> = Vec::with_capacity(writes.len());
        for (at, write) in writes.into_iter().enumerate() {
            let start = tx.savepoint();
            let earlier = tx.published.len();
            let mut result = match repeated.get(&at) {
                Some(error) => Err(vec![error.clone()]),
                None => tx.write(write),
            };
            if tx.published.len() > earlier
                && !self.usage.spend_published(context.now, self.settings.hourly_published_events)
            {
                tx.published.truncate(earlier);
                result = Err(vec![errors::publish_limit()]);
            }
            if result.is_err() {
                tx.rollback(start);
            }
            results.push(result);
        }
        if context.all_or_none && results.iter().any(Result::is_err) {
            tx.rollback(0);
            let (bus, settings) = (&self.events, &self.settings);
            tx.published.retain(|event| crate::events::leaves_at_once(bus, settings, &event.object.name));
            for result in &mut results {
                if let Ok(saved) = result {
                    *result = Err(vec![ApiError { ids: vec![saved.id], ..errors::all_or_none() }]);
                }
            }
        }
        self.events.outbox.append(&mut tx.published);
        let (changes, undo) = tx.finish(!self.units.is_empty());
        (results, changes, undo)
    }

    /// Empties the recycle bin of what has been there for 15 days. Answers how many records left for good.
    ///
    /// Writes do this by themselves, about once an hour of the org's time.
    pub fn purge(&mut self, now: Millis) -> usize {
        let gone = self.store.purge(now.saturating_sub(RECYCLE_BIN_MS));
        self.sweep_blobs();
        gone
    }
}

impl Transaction<'_> {
    fn write(&mut self, write: Write) -> WriteResult {
        match write {
            Write::Create { object, fields } => self.create(object, fields).map(|id| Saved { id, created: true }),
            Write::Update { object, id, fields } => {
                self.update(object, id, fields).map(|()| Saved { id, created: false })
            }
            Write::Upsert { object, key, value, fields, update_only } => {
                self.upsert(object, &key, value, fields, update_only)
            }
            Write::Delete { object, id } => {
                self.delete(object, id, false).map(|()| Saved { id, created: false }).map_err(|e| vec![e])
            }
            Write::HardDelete { object, id } => {
                self.delete(object, id, true).map(|()| Saved { id, created: false }).map_err(|e| vec![e])
            }
            Write::Undelete { object, id } => self.undelete(object, id).map(|()| Saved { id, created: false }),
        }
    }
}
