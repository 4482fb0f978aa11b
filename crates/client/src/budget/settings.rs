//! What a caller decides about limits: how much of the org's allowances to use, for whom, and where processes share.

use std::{fmt, future::Future, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

use super::scope;

/// How urgent work is. The lower stops the earlier, so that the higher has room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Refreshing, reconciling: what can wait for tomorrow.
    Background,
    /// What nobody waits for at this moment.
    #[default]
    Normal,
    /// A person, or a caller's request, waits for it.
    Interactive,
}

impl Priority {
    /// Does work at this priority: everything that is sent while `work` runs, in the same task. What it spawns has the
    /// client's own priority again.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        scope::with_priority(self, work).await
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Background => "background",
            Priority::Normal => "normal",
            Priority::Interactive => "interactive",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = Error;

    fn from_str(text: &str) -> Result<Priority, Error> {
        match text {
            "background" => Ok(Priority::Background),
            "normal" => Ok(Priority::Normal),
            "interactive" => Ok(Priority::Interactive),
            other => Err(Error::Config {
                message: format!("`{other}` is no priority"),
                hint: Some("there are interactive, normal and background".into()),
            }),
        }
    }
}

/// How much of an org's limits may be used, and how.
///
/// Shares are percentages of what the *org* is allowed, and what everybody in the org uses counts towards them: the
/// figure is the org's, not ours. With the defaults nothing is sent once the org stands at 97 %; normal work stops at
/// 95 % and background work at 87 %, and from 80 % on both slow down.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetSettings {
    /// The most that the org's use may come to before we stop, percent. The rest is for others.
    pub share: f64,
    /// Where normal work stops, percent of `share`.
    pub normal_stop: f64,
    /// Where background work stops, percent of `share`.
    pub background_stop: f64,
    /// From here on normal and background work slow down, percent of what the org is allowed.
    pub slow_down: f64,
    /// The priority of what is sent outside [`Priority::run`].
    pub priority: Priority,
    /// A directory in which all processes that name it share one budget for each org. It is made if need be.
    pub place: Option<PathBuf>,
    /// Requests of 20 seconds or more that the org takes at once. Without it the org's record is asked when it
    /// matters: 25, and 5 in Developer Edition and trial orgs.
    pub long_requests: Option<u32>,
    /// How long a request waits for one of these places before it is given up.
    pub long_request_wait: std::time::Duration,
}

impl Default for BudgetSettings {
    fn default() -> BudgetSettings {
        BudgetSettings {
            share: 97.0,
            normal_stop: 98.0,
            background_stop: 90.0,
            slow_down: 80.0,
            priority: Priority::Normal,
            place: None,
            long_requests: None,
            long_request_wait: std::time::Duration::from_secs(600),
        }
    }
}

impl BudgetSettings {
    /// Whether the figures make sense.
    ///
    /// # Errors
    /// [`Error::Config`] for a percentage outside 0 to 100, and for no long requests at all.
    pub fn check(&self) -> Result<(), Error> {
        let figures = [
            ("share", self.share),
            ("normal_stop", self.normal_stop),
            ("background_stop", self.background_stop),
            ("slow_down", self.slow_down),
        ];
        for (name, percent) in figures {
            if !(percent > 0.0 && percent <= 100.0) {
                return Err(Error::Config {
                    message: format!("limits: `{name}` is {percent}"),
                    hint: Some("it is a percentage: more than 0, at most 100".into()),
                });
            }
        }
        if self.long_requests == Some(0) {
            return Err(Error::config("limits: with no long request at all no query can run"));
        }
        Ok(())
    }

    /// Where work of this priority stops, as a part (0 to 1) of what the org is allowed.
    pub(crate) fn stop(&self, priority: Priority) -> f64 {
        let of_share = match priority {
            Priority::Interactive => 100.0,
            Priority::Normal => self.normal_stop,
            Priority::Background => self.background_stop,
        };
        self.share * of_share / 10_000.0
    }

    /// The part (0 to 1) that nothing of ours passes.
    pub(crate) fn ceiling(&self) -> f64 {
        self.share / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_advice() {
        let settings = BudgetSettings::default();
        settings.check().unwrap();
        let percent = |priority| (settings.stop(priority) * 100.0).round();
        assert_eq!([Priority::Interactive, Priority::Normal, Priority::Background].map(percent), [97.0, 95.0, 87.0]);
        assert!(Priority::Interactive > Priority::Normal && Priority::Normal > Priority::Background);
    }

    #[test]
    fn nonsense_is_refused() {
        for share in [0.0, -1.0, 100.1, f64::NAN] {
            assert!(BudgetSettings { share, ..BudgetSettings::default() }.check().is_err(), "{share}");
        }
        assert!(BudgetSettings { long_requests: Some(0), ..BudgetSettings::default() }.check().is_err());
        assert!("urgent".parse::<Priority>().is_err());
    }
}
