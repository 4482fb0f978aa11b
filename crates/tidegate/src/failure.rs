//! What went wrong, in a person's words: one shape for every command.

use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

use tidegate_client as client;
use tidegate_destinations::UrlError;
use tidegate_sync::{Cause, DestinationError, Phase, SyncError};

/// Exit codes, as the help text promises them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The work failed.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Sign-in, network, limits, disk.
    Environment = 3,
}

/// An error on its way to the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds an error and everything behind it, leaving out what was already said.
    pub(crate) fn with_cause(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            let said = std::iter::once(&self.message).chain(&self.causes).any(|earlier| earlier.contains(&text));
            if !said && !text.is_empty() {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Prints it to stderr and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        crate::output::say(self.text().trim_end());
        ExitCode::from(self.exit as u8)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "error: {}", self.message);
        for cause in &self.causes {
            let _ = writeln!(text, "  cause: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "\nhint: {hint}");
        }
        text
    }
}

impl Failure {
    /// From an error of a library: its sentence, what lies behind it, and its hint.
    fn from_error(exit: Exit, error: &(dyn Error + 'static), hint: Option<String>) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        if let Some(source) = error.source() {
            failure = failure.with_cause(source);
        }
        failure.hint = hint;
        failure
    }
}

fn exit_of_client(error: &client::Error) -> Exit {
    match error {
        client::Error::Config { .. } | client::Error::InsecureUrl { .. } => Exit::Usage,
        client::Error::Auth(_) | client::Error::Transport { .. } => Exit::Environment,
        client::Error::Api { status: 401 | 403, .. } => Exit::Environment,
        _ => Exit::Failed,
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::from_error(exit_of_client(&error), &error, error.hint())
    }
}

impl From<UrlError> for Failure {
    fn from(error: UrlError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<DestinationError> for Failure {
    fn from(error: DestinationError) -> Self {
        Self::from(SyncError { phase: Phase::Open, cause: error.into() })
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        let exit = match &error.cause {
            Cause::Org(error) => exit_of_client(error),
            Cause::Destination(error) => match **error {
                DestinationError::Unreachable { .. }
                | DestinationError::Full { .. }
                | DestinationError::InUse { .. } => Exit::Environment,
                _ => Exit::Failed,
            },
            _ => Exit::Failed,
        };
        Self::from_error(exit, &error, error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn one_shape() {
        let failure = Failure::failed("cannot read the replica")
            .with_cause(&Outer(std::io::Error::other("disk on fire")))
            .hint("put it out");
        assert_eq!(
            failure.text(),
            "error: cannot read the replica\n  cause: outer\n  cause: disk on fire\n\nhint: put it out\n"
        );
    }

    #[test]
    fn nothing_is_said_twice() {
        let failure =
            Failure::failed("reading: disk on fire").with_cause(&Outer(std::io::Error::other("disk on fire")));
        assert_eq!(failure.text(), "error: reading: disk on fire\n  cause: outer\n");
    }
}
