//! Rows that are made when they are looked at: from a rule and their place, the same each time.
//!
//! An org of ten million records needs neither the time nor the memory to have them all. What such a row was made of
//! is kept until the store is [trimmed](super::Store::trim); a change puts an ordinary row in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The rule that makes the rows of one object from their places, packed.
pub(crate) struct Maker {
    make: Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    /// How many rows of the store are held that could be made again.
    held: Held,
}

/// A count that a store and its makers share.
pub(crate) type Held = Arc<AtomicUsize>;

impl Maker {
    /// `make` must give the same bytes for the same place, whatever has happened in between.
    pub(crate) fn new(held: Held, make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), held }
    }

    /// The packed row of this place.
    pub(crate) fn make(&self, place: u64) -> Vec<u8> {
        (self.make)(place)
    }

    /// As [`Maker::make`], for a row that keeps it.
    pub(super) fn make_to_hold(&self, place: u64) -> Box<[u8]> {
        self.held.fetch_add(1, Ordering::Relaxed);
        self.make(place).into_boxed_slice()
    }
}

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker").finish_non_exhaustive()
    }
}
