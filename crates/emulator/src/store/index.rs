//! A field's index: from the hash of a value to the records that hold it.
//!
//! A hit is a candidate: whoever asks compares the row's own value, so a collision costs time and nothing else.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::RecordId;
use crate::value::ValueRef;

/// Ids by the hash of a field's value, ignoring the case of text.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeSet<(u64, RecordId)>,
}

impl Index {
    pub(super) fn insert(&mut self, id: RecordId, value: ValueRef<'_>) {
        if let Some(key) = key(value) {
            self.entries.insert((key, id));
        }
    }

    pub(super) fn remove(&mut self, id: RecordId, value: ValueRef<'_>) {
        if let Some(key) = key(value) {
            self.entries.remove(&(key, id));
        }
    }

    /// Records that may hold this value, in id order.
    pub(super) fn candidates(&self, value: ValueRef<'_>) -> impl Iterator<Item = RecordId> {
        let key = key(value);
        let low = RecordId::from_bytes([0; 15]);
        let high = RecordId::from_bytes([0xff; 15]);
        key.into_iter().flat_map(move |key| self.entries.range((key, low)..=(key, high)).map(|(_, id)| *id))
    }
}

/// Whether two values are the same for a key that ignores case. Null is the same as nothing, not even as null.
pub(super) fn same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Null, _) => false,
        (ValueRef::Text(a), ValueRef::Text(b)) => {
            a == b || a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
        }
        (a, b) => a == b,
    }
}

fn key(value: ValueRef<'_>) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match value {
        ValueRef::Null => return None,
        ValueRef::Text(text) if text.is_ascii() => {
            for byte in text.bytes() {
                u32::from(byte.to_ascii_lowercase()).hash(&mut hasher);
            }
        }
        ValueRef::Text(text) => {
            for c in text.chars().flat_map(char::to_lowercase) {
                u32::from(c).hash(&mut hasher);
            }
        }
        ValueRef::Bool(b) => b.hash(&mut hasher),
        ValueRef::Int(n) => n.hash(&mut hasher),
        ValueRef::Decimal(decimal) => decimal.normalize().hash(&mut hasher),
        ValueRef::Date(date) => date.hash(&mut hasher),
        ValueRef::DateTime(ms) => ms.hash(&mut hasher),
        ValueRef::Time(ms) => ms.hash(&mut hasher),
        ValueRef::Id(id) => id.hash(&mut hasher),
    }
    Some(hasher.finish())
}
