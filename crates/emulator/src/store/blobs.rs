//! The bytes of files, apart from the rows: a row's base64 field holds a number, and here is what it stands for.
//!
//! Bytes are shared, never copied: what is read out of the store while a record changes stays as it was.

use std::collections::BTreeMap;

use bytes::Bytes;

/// The contents of files by number. A number is given once.
#[derive(Default, Clone)]
pub struct Blobs {
    last: u64,
    bytes: BTreeMap<u64, Bytes>,
}

impl Blobs {
    /// Keeps a content and gives its number.
    pub fn put(&mut self, bytes: Bytes) -> u64 {
        self.last += 1;
        self.bytes.insert(self.last, bytes);
        self.last
    }

    /// The content of this number.
    pub fn get(&self, number: u64) -> Option<&Bytes> {
        self.bytes.get(&number)
    }

    /// Forgets a content.
    pub fn remove(&mut self, number: u64) {
        self.bytes.remove(&number);
    }

    /// Forgets every content whose number `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.bytes.retain(|number, _| keep(*number));
    }

    /// Every content with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Bytes)> {
        self.bytes.iter().map(|(number, bytes)| (*number, bytes))
    }

    /// Puts back a content under its number.
    pub(super) fn restore(&mut self, number: u64, bytes: Bytes) {
        self.last = self.last.max(number);
        self.bytes.insert(number, bytes);
    }

    /// How many contents there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blobs").field("count", &self.bytes.len()).finish_non_exhaustive()
    }
}
