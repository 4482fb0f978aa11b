//! Where the use is going: the rate of late, what falls out of the window, and so when a share is reached.

use super::{
    Kind,
    account::{Account, HOUR, MINUTE, Millis},
};

/// The rate is taken from the samples of this time.
const LATELY: Millis = 2 * HOUR;
/// And from no less than this.
const SPAN_MIN: Millis = MINUTE;

/// What may be expected, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outlook {
    /// Units an hour, of everybody in the org, over the last two hours.
    pub(crate) per_hour: Option<f64>,
    /// When `limit` is reached if it goes on so; `None` for not within a day, or not known.
    pub(crate) reached_at: Option<Millis>,
}

pub(crate) fn outlook(account: &Account, kind: Kind, limit: u64, now: Millis) -> Outlook {
    let per_hour = rate(account, now);
    let reached_at = per_hour.filter(|rate| *rate > 0.0).and_then(|rate| {
        let mut used = account.used(kind, now) as f64;
        let limit = limit as f64;
        if used >= limit {
            return Some(now);
        }
        let window = (i64::from(kind.window_hours()) + 1) * HOUR;
        let mut drops = account.drops(window).into_iter().filter(|(at, _)| *at > now).peekable();
        let mut at = now;
        let end = now + 24 * HOUR;
        // From one drop to the next the use rises evenly.
        while at < end {
            let next = drops.peek().map_or(end, |(when, _)| (*when).min(end));
            let hours = (limit - used) / rate;
            let hit = at + (hours * HOUR as f64) as Millis;
            if hit <= next {
                return Some(hit);
            }
            used += rate * (next - at) as f64 / HOUR as f64;
            at = next;
            if let Some((_, amount)) = drops.next_if(|(when, _)| *when <= next) {
                used = (used - amount as f64).max(0.0);
            }
        }
        None
    });
    Outlook { per_hour, reached_at }
}

/// Rises only: that calls of yesterday fall out of the window is no negative use.
fn rate(account: &Account, now: Millis) -> Option<f64> {
    let first = account.samples.iter().position(|(at, _)| now - at <= LATELY)?;
    // The sample before tells where the first of them started from.
    let samples = &account.samples[first..];
    let span = now - samples.first()?.0;
    if samples.len() < 2 || span < SPAN_MIN {
        return None;
    }
    let rise: u64 = samples.windows(2).map(|pair| pair[1].1.saturating_sub(pair[0].1)).sum();
    Some(rise as f64 * HOUR as f64 / span as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account that heard these figures, by the minute.
    fn account(heard: &[(i64, u64)]) -> (Account, Millis) {
        let mut account = Account::default();
        let start = 1000 * 24 * HOUR;
        let mut now = start;
        for (n, (minute, used)) in heard.iter().enumerate() {
            now = start + minute * MINUTE;
            account.hear(n as u64, n as u64 + 1, *used, 10_000, now);
        }
        (account, now)
    }

    #[test]
    fn an_even_rise_is_carried_on() {
        let heard: Vec<(i64, u64)> = (0..=12).map(|n| (n * 10, 1000 + n as u64 * 100)).collect();
        let (account, now) = account(&heard);
        let outlook = outlook(&account, Kind::Requests, 8_200, now);
        assert_eq!(outlook.per_hour, Some(600.0));
        // 2,200 are used, 6,000 are left at 600 an hour.
        assert_eq!(outlook.reached_at, Some(now + 10 * HOUR));
    }

    #[test]
    fn what_falls_out_of_the_window_delays_it() {
        // 4,000 in one hour a day ago, then 100 an hour.
        let mut heard = vec![(0, 0), (10, 4000)];
        heard.extend((1..=23).map(|hour| (hour * 60, 4000 + hour as u64 * 100)));
        let (account, now) = account(&heard);
        let without = outlook(&account, Kind::Requests, 6_350, now);
        assert_eq!(without.per_hour, Some(100.0));
        // 6,300 are used. Half an hour later the limit would be reached, before anything falls out.
        assert_eq!(without.reached_at, Some(now + HOUR / 2));
        // With room for the two hours until the 4,000 fall out it is not reached at all that day.
        assert_eq!(outlook(&account, Kind::Requests, 6_800, now).reached_at, None);
    }

    #[test]
    fn a_falling_counter_is_no_use() {
        let (account, now) = account(&[(0, 5000), (30, 4000), (60, 4000)]);
        let outlook = outlook(&account, Kind::Requests, 9_000, now);
        assert_eq!((outlook.per_hour, outlook.reached_at), (Some(0.0), None));
        let (account, now) = super::tests::account(&[(0, 5000)]);
        assert_eq!(super::outlook(&account, Kind::Requests, 9_000, now).per_hour, None, "one figure is no rate");
    }
}
