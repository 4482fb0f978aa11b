//! What was found: a line each, with what to do about it.

use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    what: String,
    state: State,
    detail: String,
    advice: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, what: &str, state: State, detail: String, advice: Option<&str>) {
        self.0.push(Finding { what: what.to_owned(), state, detail, advice: advice.map(str::to_owned) });
    }

    pub(super) fn ok(&mut self, what: &str, detail: impl Into<String>) {
        self.add(what, State::Ok, detail.into(), None);
    }

    pub(super) fn warn(&mut self, what: &str, detail: impl Into<String>, advice: &str) {
        self.add(what, State::Warn, detail.into(), Some(advice));
    }

    pub(super) fn fail(&mut self, what: &str, detail: impl Into<String>, advice: &str) {
        self.add(what, State::Fail, detail.into(), Some(advice));
    }

    /// An error of the library, with its own advice.
    pub(super) fn failure(&mut self, what: &str, state: State, failure: &Failure) {
        self.add(what, state, failure.summary(), failure.advice());
    }

    pub(super) fn failed(&self) -> bool {
        self.0.iter().any(|finding| finding.state == State::Fail)
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }

    pub(super) fn text(&self) -> String {
        let width = self.0.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
        let mut lines = Vec::new();
        for Finding { what, state, detail, advice } in &self.0 {
            let state = match state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            lines.push(format!("{state}  {what:width$}  {}", output::one_line(detail)));
            if let Some(advice) = advice {
                lines.push(format!("      {:width$}  → {}", "", output::one_line(advice)));
            }
        }
        lines.join("\n")
    }
}
