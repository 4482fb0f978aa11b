//! How far a long piece of work is: a bar with rate and time left for a person, a line now and then for a log.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{grouped, is_watched, say, step_around};

/// How often a line is written where nobody is watching.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Work that is done sooner than this shows nothing.
const QUIET: Duration = Duration::from_millis(700);
/// How often a bar that stands still shows that there is life in it.
const TICK: Duration = Duration::from_millis(120);
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 500;

/// Counts rows and shows the count.
pub(crate) struct Meter {
    bars: Option<MultiProgress>,
    bar: Option<ProgressBar>,
    /// Whether anything may be shown at all.
    shows: bool,
    what: &'static str,
    total: Option<u64>,
    rows: u64,
    started: Instant,
    first_row: Option<Instant>,
    last_line: Instant,
}

impl Meter {
    /// `shows` is false where the rows themselves scroll by on the same terminal.
    pub(crate) fn new(what: &'static str, shows: bool) -> Meter {
        let now = Instant::now();
        Meter {
            bars: None,
            bar: None,
            shows,
            what,
            total: None,
            rows: 0,
            started: now,
            first_row: None,
            last_line: now,
        }
    }

    /// What is being waited for.
    pub(crate) fn waiting(&mut self, what: &'static str) {
        self.what = what;
        self.look();
    }

    /// How many rows there will be.
    pub(crate) fn total(&mut self, total: Option<u64>) {
        self.total = total;
    }

    /// One more row.
    pub(crate) fn row(&mut self) {
        self.rows += 1;
        if self.rows == 1 {
            let now = Instant::now();
            (self.first_row, self.last_line) = (Some(now), now);
        }
        if self.rows.is_multiple_of(ROWS_PER_LOOK) {
            self.look();
        }
    }

    fn look(&mut self) {
        if !self.shows {
            return;
        }
        if is_watched() {
            if self.started.elapsed() >= QUIET {
                self.draw();
            }
        } else if self.rows > 0 && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            say(self.line());
        }
    }

    /// `12,000 of 50,000 rows, 3,000 a second, 13 s left`.
    fn line(&self) -> String {
        let mut text = match self.total {
            Some(total) => format!("{} of {} rows", grouped(self.rows), grouped(total)),
            None => format!("{} rows", grouped(self.rows)),
        };
        let seconds = self.first_row.map_or(0.0, |first| first.elapsed().as_secs_f64());
        if seconds > 0.5 {
            let rate = self.rows as f64 / seconds;
            text.push_str(&format!(", {} a second", grouped(rate as u64)));
            if let Some(left) = self.total.and_then(|total| total.checked_sub(self.rows)).filter(|_| rate > 0.0) {
                text.push_str(&format!(", {} left", span(left as f64 / rate)));
            }
        }
        text
    }

    fn draw(&mut self) {
        let text = if self.rows == 0 { self.what.to_owned() } else { self.line() };
        let bars = self.bars.get_or_insert_with(|| {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            step_around(&bars);
            bars
        });
        let bar = self.bar.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.enable_steady_tick(TICK);
            bar
        });
        let template = match (self.rows, self.total) {
            (0, _) => "{spinner} {msg}",
            (_, Some(_)) => "  {bar:30} {msg}",
            (_, None) => "{spinner} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        if let Some(total) = self.total {
            bar.set_length(total);
            bar.set_position(self.rows);
        }
        bar.set_message(text);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.finish();
    }
}

/// `45 s`, `3 min`, `2 h 5 min`.
fn span(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_how_fast_and_how_long() {
        let mut meter = Meter::new("", false);
        (0..3000).for_each(|_| meter.row());
        assert_eq!(meter.line(), "3,000 rows");
        meter.total(Some(9000));
        meter.first_row = Instant::now().checked_sub(Duration::from_secs(10));
        let line = meter.line();
        assert!(line.starts_with("3,000 of 9,000 rows, 29") || line.starts_with("3,000 of 9,000 rows, 300"), "{line}");
        assert!(line.ends_with(" a second, 20 s left"), "{line}");
        assert_eq!([45.0, 200.0, 7500.0].map(span), ["45 s", "3 min", "2 h 5 min"]);
    }
}
