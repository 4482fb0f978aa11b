//! The emulator's time: real time plus an offset that can be moved, or a frozen instant.

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::Millis;

/// A clock that tests and `/__emulator/clock` can move. Time only ever comes from here.
#[derive(Debug, Default)]
pub struct Clock {
    hand: Mutex<Hand>,
}

#[derive(Debug, Clone, Copy)]
enum Hand {
    /// Real time plus so many milliseconds.
    Running(i64),
    /// Stands still here.
    Frozen(Millis),
}

impl Default for Hand {
    fn default() -> Self {
        Hand::Running(0)
    }
}

impl Clock {
    /// A clock that shows real time.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that stands still at this instant until it is moved.
    pub fn frozen(at: Millis) -> Self {
        Self { hand: Mutex::new(Hand::Frozen(at)) }
    }

    /// The time it shows.
    pub fn now(&self) -> Millis {
        match *self.hand.lock() {
            Hand::Running(offset) => real().saturating_add(offset),
            Hand::Frozen(at) => at,
        }
    }

    /// Moves it by so many milliseconds, forward or back. A frozen clock stays frozen.
    pub fn advance(&self, ms: i64) {
        let mut hand = self.hand.lock();
        *hand = match *hand {
            Hand::Running(offset) => Hand::Running(offset.saturating_add(ms)),
            Hand::Frozen(at) => Hand::Frozen(at.saturating_add(ms)),
        };
    }

    /// Sets it to an instant. A running clock goes on from there; a frozen one stands there.
    pub fn set(&self, at: Millis) {
        let mut hand = self.hand.lock();
        *hand = match *hand {
            Hand::Running(_) => Hand::Running(at.saturating_sub(real())),
            Hand::Frozen(_) => Hand::Frozen(at),
        };
    }

    /// Shows real time again.
    pub fn reset(&self) {
        *self.hand.lock() = Hand::default();
    }

    /// Stops it where it stands.
    pub fn freeze(&self) {
        let mut hand = self.hand.lock();
        if let Hand::Running(offset) = *hand {
            *hand = Hand::Frozen(real().saturating_add(offset));
        }
    }

    /// Lets it run again from where it stands.
    pub fn run(&self) {
        let mut hand = self.hand.lock();
        if let Hand::Frozen(at) = *hand {
            *hand = Hand::Running(at.saturating_sub(real()));
        }
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        matches!(*self.hand.lock(), Hand::Frozen(_))
    }

    /// How far it is from real time, milliseconds.
    pub fn offset_ms(&self) -> i64 {
        match *self.hand.lock() {
            Hand::Running(offset) => offset,
            Hand::Frozen(at) => at.saturating_sub(real()),
        }
    }
}

fn real() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-01-31T08:15:42.000+0000`, as JSON answers show an instant. Years outside 1–9999 are shown as 1970.
pub fn timestamp(at: Millis) -> String {
    let instant = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let utc = instant.to_zoned(jiff::tz::TimeZone::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second(),
        utc.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_clock_moves_only_by_hand() {
        let clock = Clock::frozen(1_000);
        assert_eq!(clock.now(), 1_000);
        clock.advance(500);
        assert_eq!(clock.now(), 1_500);
        clock.set(42);
        assert_eq!(clock.now(), 42);
        assert!(clock.is_frozen());
        clock.run();
        assert!(!clock.is_frozen());
        assert!((42..10_042).contains(&clock.now()));
        clock.freeze();
        let at = clock.now();
        assert_eq!(clock.now(), at);
        clock.set(i64::MIN);
        clock.reset();
        assert_eq!((clock.is_frozen(), clock.offset_ms()), (false, 0));
    }

    #[test]
    fn timestamps_have_milliseconds_and_no_colon() {
        assert_eq!(timestamp(1_769_847_342_000), "2026-01-31T08:15:42.000+0000");
    }
}
