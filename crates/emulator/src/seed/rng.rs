//! Random numbers that depend on the seed's number and the record alone, so that any record can be made by itself.

/// SplitMix64: small, fast, and the same on every machine.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// The numbers of one record: the seed, its object and its place.
    pub(super) fn of(seed: u64, object: u64, record: u64) -> Self {
        let mut rng = Self(seed ^ object.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let start = rng.next() ^ record.wrapping_mul(0xa076_1d64_78bd_642f);
        Self(start)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` − 1; 0 for `n` = 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        // The high half of a product: no bias that anyone could see at these sizes, and no division.
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// True in `percent` of 100.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True in one of `n`.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these; `None` when there are none.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len() as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_gives_the_same_numbers_and_neighbours_differ() {
        let first = |seed, object, record| Rng::of(seed, object, record).next();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let mut all: Vec<u64> = (0..1000).map(|n| first(1, 2, n)).collect();
        all.extend((0..1000).map(|n| first(1, 3, n)));
        all.extend((0..1000).map(|n| first(2, 2, n)));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 3000);
    }

    #[test]
    fn stays_below_and_reaches_everything() {
        let mut rng = Rng::of(7, 0, 0);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            seen[rng.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.pick::<u8>(&[]), None);
    }
}
