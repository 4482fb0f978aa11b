//! The engine's progress: bars for a person at a terminal, lines for a log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidegate_sync::Progress;

use crate::output::{counted, grouped, is_watched, say, step_around};

/// What lines about changes are counted under; no object has such a name.
const FOLLOW: &str = "(changes)";

/// How often a line tells of pages and changes when nobody is watching.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often a bar that stands still shows that there is life in it.
const TICK: Duration = Duration::from_millis(120);

/// Shows what the engine tells.
pub(crate) struct Display {
    bars: Option<MultiProgress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tables: HashMap<String, ProgressBar>,
    follow: Option<ProgressBar>,
    last_line: HashMap<String, Instant>,
    events: u64,
    changes: u64,
}

impl Display {
    pub(crate) fn new() -> Arc<Self> {
        let bars = is_watched().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        if let Some(bars) = &bars {
            step_around(bars);
        }
        Arc::new(Self { bars, state: Mutex::default() })
    }

    /// The callback that the engine takes.
    pub(crate) fn callback(self: &Arc<Self>) -> Arc<dyn Fn(Progress) + Send + Sync> {
        let display = self.clone();
        Arc::new(move |progress| display.show(progress))
    }

    /// A line that stays, above the bars.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        say(text);
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        for (_, bar) in state.tables.drain() {
            bar.finish_and_clear();
        }
        if let Some(bar) = state.follow.take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere left the figures as they were; that is good enough to go on showing them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, progress: Progress) {
        match progress {
            Progress::Marking { channel } => {
                let text = format!("noting the position in {channel} (a quiet org takes up to 270 s to tell it)");
                if self.bars.is_none() {
                    say(&text);
                }
                self.spin(text);
            }
            Progress::Marked => {
                self.spin("position noted".to_owned());
                if self.bars.is_none() {
                    say("position noted: every change from here on will be followed");
                }
            }
            Progress::Reloading { object, why } => self.line(format!("loading {object} again: {why}")),
            Progress::JobCreated { object, job, resumed } => {
                let how = if resumed { "going on with Bulk query job" } else { "Bulk query job" };
                self.table(&object, None, 0, "waiting for the org");
                if self.bars.is_none() {
                    say(format!("{object}: {how} {job}"));
                }
            }
            Progress::JobComplete { object, total } => self.table(&object, total, 0, "reading"),
            Progress::Page { object, rows, total } => {
                self.table(&object, total, rows, "reading");
                self.now_and_then(&object, || match total {
                    Some(total) => format!("{object}: {} of {} rows", grouped(rows), grouped(total)),
                    None => format!("{object}: {} rows", grouped(rows)),
                });
            }
            Progress::Published { object, rows } => {
                if let Some(bar) = self.lock().tables.remove(&object) {
                    bar.finish_and_clear();
                }
                self.line(format!("{object}: {} published", counted(rows, "row")));
            }
            Progress::Following => {
                self.spin("following".to_owned());
                if self.bars.is_none() {
                    say("following changes");
                }
            }
            Progress::Applied { events, changes, lag } => self.applied(events, changes, lag),
            // The end of a run that follows only as far as the stream goes.
            Progress::CaughtUp => {
                let (events, changes) = {
                    let mut state = self.lock();
                    if let Some(bar) = state.follow.take() {
                        bar.finish_and_clear();
                    }
                    (std::mem::take(&mut state.events), std::mem::take(&mut state.changes))
                };
                self.line(match (events, changes) {
                    (0, 0) => "current: nothing had changed".to_owned(),
                    _ => format!("current: {} and {} applied", counted(events, "event"), counted(changes, "change")),
                });
            }
            Progress::Reread { object, records } => {
                tracing::info!(object, records, "records were read again");
            }
            Progress::ReplayLost { since } => {
                let since =
                    jiff::Timestamp::from_millisecond(since).map_or_else(|_| String::new(), |t| format!(" since {t}"));
                self.line(format!(
                    "warning: the org no longer knows where this copy stopped (events are kept for 72 hours); \
                     what changed{since} is read again, and every table is compared"
                ));
            }
            Progress::Repaired { object, rows } => {
                self.line(format!("{object}: {} repaired", counted(rows, "row")));
            }
            Progress::Retrying { what, why, after } => {
                self.line(format!("warning: {what}: {why}; trying again in {:.1} s", after.as_secs_f64()));
            }
            Progress::Compared { object, rows } => {
                self.only(&object);
                self.table(&object, None, rows, "comparing");
                self.now_and_then(&object, || format!("{object}: {} rows compared", grouped(rows)));
            }
            // A later engine may tell more; it is shown in the logs.
            other => tracing::info!(?other, "progress"),
        }
    }

    fn applied(&self, events: usize, changes: usize, lag: Option<Duration>) {
        let (events, changes) = {
            let mut state = self.lock();
            state.events += events as u64;
            state.changes += changes as u64;
            (state.events, state.changes)
        };
        let lag =
            lag.map_or_else(String::new, |lag| format!(", the last {:.1} s after it was made", lag.as_secs_f64()));
        let text = format!("following: {} and {} applied{lag}", counted(events, "event"), counted(changes, "change"));
        self.spin(text.clone());
        if changes > 0 {
            self.now_and_then(FOLLOW, || text);
        }
    }

    /// A line for logs, but not more often than every few seconds for the same thing.
    fn now_and_then(&self, key: &str, text: impl FnOnce() -> String) {
        if self.bars.is_some() {
            return;
        }
        let due = {
            let mut state = self.lock();
            let now = Instant::now();
            // The first changes are told at once, so that a log shows that the copy follows; a table's first pages are
            // not, since its end may come right after them.
            let due = match state.last_line.get(key) {
                Some(last) => now.duration_since(*last) >= LINE_EVERY,
                None => key == FOLLOW,
            };
            if due || !state.last_line.contains_key(key) {
                state.last_line.insert(key.to_owned(), now);
            }
            due
        };
        if due {
            say(text());
        }
    }

    fn spin(&self, text: String) {
        let Some(bars) = &self.bars else { return };
        let mut state = self.lock();
        let bar = state.follow.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_message(text);
    }

    /// Takes the bars of other tables away: one table is compared after the other.
    fn only(&self, object: &str) {
        let mut state = self.lock();
        state.tables.retain(|name, bar| {
            if name != object {
                bar.finish_and_clear();
            }
            name == object
        });
    }

    fn table(&self, object: &str, total: Option<u64>, rows: u64, what: &'static str) {
        let Some(bars) = &self.bars else { return };
        let mut state = self.lock();
        let known = state.tables.get(object).cloned();
        let bar = known.clone().unwrap_or_else(ProgressBar::hidden);
        let template = match (total, rows) {
            // No speed before there is one.
            (Some(_), 0) => "  {prefix} {bar:30} {human_pos} of {human_len} rows",
            (Some(_), _) => "  {prefix} {bar:30} {human_pos} of {human_len} rows, {per_sec:.0}",
            (None, 0) => "{spinner} {prefix} {msg}",
            (None, _) => "{spinner} {prefix} {msg} {human_pos} rows",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_prefix(object.to_owned());
        bar.set_message(what);
        bar.set_position(rows);
        if known.is_none() {
            // Shown only now: before, it had nothing of its own to show.
            let bar = bars.insert(0, bar);
            bar.enable_steady_tick(TICK);
            state.tables.insert(object.to_owned(), bar);
        }
    }
}
