//! Which events were handed over lately, so that one that the bus delivers again is not handed over twice.

use std::collections::{HashSet, VecDeque};

/// Events remembered. A repetition follows soon, after a lost answer or a reconnect.
const EVENTS_MAX: usize = 2_048;

#[derive(Debug, Default)]
pub(super) struct Seen {
    order: VecDeque<String>,
    keys: HashSet<String>,
}

impl Seen {
    /// Notes a key; says whether it was there.
    pub(super) fn is_repeated(&mut self, key: String) -> bool {
        if !self.keys.insert(key.clone()) {
            return true;
        }
        self.order.push_back(key);
        if self.order.len() > EVENTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_newest() {
        let mut seen = Seen::default();
        for n in 0..=EVENTS_MAX {
            assert!(!seen.is_repeated(n.to_string()));
        }
        assert!(seen.is_repeated("1".into()) && seen.is_repeated(EVENTS_MAX.to_string()));
        assert!(!seen.is_repeated("0".into()), "forgotten");
        assert!(seen.keys.len() <= EVENTS_MAX);
    }
}
