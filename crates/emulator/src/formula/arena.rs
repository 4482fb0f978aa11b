//! Texts that were computed for a query, kept as long as it runs, so that they can be borrowed as stored text is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places in the first block; each further block has twice as many.
const FIRST: usize = 64;
/// Blocks: more places than memory has bytes.
const BLOCKS: usize = 40;

type Block = Box<[OnceLock<Box<str>>]>;

/// A growing shelf of texts that never move.
#[derive(Debug)]
pub(super) struct Arena {
    used: AtomicUsize,
    blocks: [OnceLock<Block>; BLOCKS],
}

impl Default for Arena {
    fn default() -> Self {
        Self { used: AtomicUsize::new(0), blocks: [const { OnceLock::new() }; BLOCKS] }
    }
}

impl Clone for Arena {
    /// A new, empty one: what was kept belongs to the query it was computed for.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Arena {
    /// Keeps a text.
    pub(super) fn keep(&self, text: String) -> &str {
        let at = self.used.fetch_add(1, Ordering::Relaxed);
        // Block b has FIRST·2^b places, so those before it have FIRST·(2^b - 1).
        let block = ((at / FIRST) + 1).ilog2() as usize;
        let place = at - FIRST * ((1 << block) - 1);
        let kept = self.blocks.get(block).and_then(|block_cell| {
            let places = block_cell.get_or_init(|| (0..FIRST << block).map(|_| OnceLock::new()).collect());
            places.get(place)
        });
        kept.map_or("", |cell| cell.get_or_init(|| text.into_boxed_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;

    #[test]
    fn kept_texts_stay_where_they_are() {
        let arena = Arena::default();
        let all: Vec<&str> = (0..5_000).map(|n| arena.keep(n.to_string())).collect();
        assert!(all.iter().enumerate().all(|(n, text)| *text == n.to_string()));
    }
}
