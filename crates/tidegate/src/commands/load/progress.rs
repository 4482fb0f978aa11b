//! The progress of a load: a bar for a person at a terminal, lines for a log.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tidegate_sync::load::{LoadProgress, Told};

use crate::output::{counted, grouped, is_watched, say, step_around};

/// How often a line tells of rows when nobody is watching.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows what a load tells.
pub(super) struct Display {
    bars: Option<MultiProgress>,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    rows: u64,
    total: u64,
    since: Instant,
    last_line: Instant,
}

impl Display {
    pub(super) fn new() -> Arc<Self> {
        let bars = is_watched().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        if let Some(bars) = &bars {
            step_around(bars);
        }
        let now = Instant::now();
        Arc::new(Self { bars, state: Mutex::new(State { bar: None, rows: 0, total: 0, since: now, last_line: now }) })
    }

    /// What the engine takes.
    pub(super) fn told(self: &Arc<Self>) -> Told {
        let display = self.clone();
        Arc::new(move |progress| display.show(progress))
    }

    /// The rows begin to go.
    pub(super) fn begin(&self, rows: u64) {
        let mut state = self.lock();
        let now = Instant::now();
        (state.rows, state.total, state.since, state.last_line) = (0, rows, now, now);
        // No speed before there is one.
        self.bar(&mut state, "  {bar:30} {human_pos} of {human_len} rows", rows);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere left the figures as they were; that is good enough to go on showing them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, state: &mut State, template: &str, length: u64) {
        let Some(bars) = &self.bars else { return };
        let bar = bars.add(ProgressBar::new(length));
        set_style(&bar, template);
        bar.enable_steady_tick(Duration::from_millis(120));
        state.bar = Some(bar);
    }

    fn show(&self, progress: LoadProgress) {
        match progress {
            LoadProgress::Checking { bytes, total } => {
                let mut state = self.lock();
                if state.bar.is_none() {
                    self.bar(&mut state, "  {bar:30} checking, {bytes} of {total_bytes}", total);
                }
                if let Some(bar) = &state.bar {
                    bar.set_position(bytes);
                }
            }
            LoadProgress::Uploading { part, job, .. } => tracing::info!(part, job, "uploading"),
            LoadProgress::Closed { part, job } => {
                if self.bars.is_none() {
                    say(format!("part {part}: ingest job {job}"));
                }
            }
            LoadProgress::Processed { rows, .. } => self.processed(rows),
            LoadProgress::Again { why, rows, after } => {
                say(format!("warning: {why}; sending {} again in {:.1} s", counted(rows, "row"), after.as_secs_f64()));
            }
            other => tracing::info!(?other, "progress"),
        }
    }

    fn processed(&self, rows: u64) {
        let mut state = self.lock();
        // Rows that are sent again count once.
        state.rows = (state.rows + rows).min(state.total);
        if let Some(bar) = &state.bar {
            if bar.position() == 0 {
                set_style(bar, "  {bar:30} {human_pos} of {human_len} rows, {rate}, {eta} left");
            }
            bar.set_position(state.rows);
            return;
        }
        if self.bars.is_some() || state.last_line.elapsed() < LINE_EVERY {
            return;
        }
        state.last_line = Instant::now();
        let rate = state.rows as f64 / state.since.elapsed().as_secs_f64().max(0.001);
        let left = (state.total - state.rows) as f64 / rate.max(0.001);
        let line =
            format!("{} of {} rows, {:.0} rows/s, {left:.0} s left", grouped(state.rows), grouped(state.total), rate);
        drop(state);
        say(line);
    }
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            // A bar that cannot be drawn is no reason to stop.
            let _ = write!(out, "{} rows/s", grouped(state.per_sec() as u64));
        };
        bar.set_style(style.progress_chars("━╸ ").with_key("rate", rate));
    }
}
