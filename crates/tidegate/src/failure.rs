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

/// Links in the chains of our HTTP library that name a layer and no reason.
const SAYS_NOTHING: [&str; 6] = [
    "error sending request",
    "client error (Connect)",
    "client error (SendRequest)",
    "dns error",
    "error resolving DNS",
    "transport error",
];

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

    /// Adds a cause in words.
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Several faults of what was typed, told at once: each with its hint.
    pub(crate) fn several(message: impl Into<String>, faults: Vec<Self>) -> Self {
        let told = |fault: Self| match fault.hint {
            Some(hint) => format!("{}; {hint}", fault.message),
            None => fault.message,
        };
        Self { causes: faults.into_iter().map(told).collect(), ..Self::usage(message) }
    }

    /// Adds an error and everything behind it, leaving out what was already said and what says nothing.
    pub(crate) fn with_cause(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            let said = std::iter::once(&self.message).chain(&self.causes).any(|earlier| earlier.contains(&text));
            let empty = text.is_empty() || SAYS_NOTHING.contains(&text.as_str());
            // The last link of the chain is kept whatever it says: there is nothing better.
            if !said && (!empty || (error.source().is_none() && self.causes.is_empty())) {
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

    /// The message and its causes in one line.
    pub(crate) fn summary(&self) -> String {
        let all: Vec<&str> = std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect();
        crate::output::one_line(&all.join(": "))
    }

    /// What to do about it, where that is known.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "error: {}", self.message);
        for cause in &self.causes {
            // Some causes have lines of their own, such as the org's excerpt of a query with its caret.
            let _ = writeln!(text, "  cause: {}", cause.replace('\n', "\n    "));
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

/// Whether a subscription failed for what is around us, rather than for what was asked.
fn is_environment(kind: client::SubscriptionErrorKind) -> bool {
    use client::SubscriptionErrorKind as Kind;
    matches!(
        kind,
        Kind::Unavailable
            | Kind::TooManyClients
            | Kind::DeliveryLimit
            | Kind::Unauthenticated
            | Kind::NoPermission
            | Kind::NotLicensed
    )
}

/// `CODE: message`; an excerpt of a query that the org puts before its message moves behind it.
fn org_words(error: &client::ApiError) -> String {
    let message = error.message.trim_matches('\n');
    let text = match message.split_once("\nERROR at ") {
        Some((excerpt, rest)) if error.message.starts_with('\n') => {
            let (place, message) = rest.split_once('\n').unwrap_or((rest, ""));
            let place = place.replace(":Column:", ", column ").replace("Row:", "row ");
            format!("{message} ({place})\n{excerpt}")
        }
        _ => message.to_owned(),
    };
    if error.code.is_empty() { text } else { format!("{}: {text}", error.code) }
}

fn exit_of_client(error: &client::Error) -> Exit {
    match error {
        client::Error::Config { .. } | client::Error::InsecureUrl { .. } => Exit::Usage,
        client::Error::Auth(_)
        | client::Error::Transport { .. }
        | client::Error::TokenNotSaved { .. }
        | client::Error::Budget(_) => Exit::Environment,
        client::Error::Api { status: 401 | 403, .. } => Exit::Environment,
        // The limits of the org, whatever status they are told with.
        error if error.has_code("REQUEST_LIMIT_EXCEEDED") || error.has_code("EXCEEDEDQUOTA") => Exit::Environment,
        client::Error::Api { status: 429 | 502..=504, .. } => Exit::Environment,
        client::Error::Subscription(error) if is_environment(error.kind) => Exit::Environment,
        _ => Exit::Failed,
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        // What was being done, and apart from it the org's own words.
        if let client::Error::Api { what, errors, .. } = &error
            && !errors.is_empty()
        {
            let mut failure = Self::new(exit_of_client(&error), format!("{what}: the org refused"));
            failure.causes = errors.iter().map(org_words).collect();
            failure.hint = error.hint();
            return failure;
        }
        Self::from_error(exit_of_client(&error), &error, error.hint())
    }
}

impl From<UrlError> for Failure {
    fn from(error: UrlError) -> Self {
        let failure = Self::usage(error.to_string());
        match &error {
            UrlError::UnknownScheme(name) if name.ends_with(".db") || name.ends_with(".sqlite") => {
                failure.hint(format!("did you mean `sqlite:{name}`?"))
            }
            _ => failure,
        }
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
    fn the_orgs_words_are_set_in_order() {
        let refused = client::ApiError {
            code: "INVALID_FIELD".to_owned(),
            message: "\nSELECT Nmae FROM A\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nmae'".to_owned(),
            fields: vec![],
        };
        let error = client::Error::Api {
            what: "running a query".to_owned(),
            status: 400,
            errors: vec![refused],
            retry_after: None,
        };
        assert_eq!(
            Failure::from(error).hint("look").text(),
            "error: running a query: the org refused\n  cause: INVALID_FIELD: No such column 'Nmae' (row 1, column 8)\n    \
             SELECT Nmae FROM A\n           ^\n\nhint: look\n"
        );
    }

    #[test]
    fn exit_codes() {
        let api = |status: u16, code: &str| {
            let errors = vec![client::ApiError { code: code.to_owned(), message: String::new(), fields: vec![] }];
            client::Error::Api { what: String::new(), status, errors, retry_after: None }
        };
        for (error, exit) in [
            (api(400, "MALFORMED_QUERY"), Exit::Failed),
            (api(401, "INVALID_SESSION_ID"), Exit::Environment),
            (api(400, "EXCEEDEDQUOTA"), Exit::Environment),
            (api(403, "REQUEST_LIMIT_EXCEEDED"), Exit::Environment),
            (api(503, "SERVER_UNAVAILABLE"), Exit::Environment),
            (client::Error::InsecureUrl { url: "http://x".to_owned() }, Exit::Usage),
        ] {
            assert_eq!(Failure::from(error).exit, exit);
        }
        for (error, exit) in [
            (DestinationError::InUse { destination: "x".into() }, Exit::Environment),
            (DestinationError::OtherOrg { expected: "a".into(), found: "b".into() }, Exit::Failed),
        ] {
            assert_eq!(Failure::from(error).exit, exit);
        }
    }

    #[test]
    fn nothing_is_said_twice() {
        let failure =
            Failure::failed("reading: disk on fire").with_cause(&Outer(std::io::Error::other("disk on fire")));
        assert_eq!(failure.text(), "error: reading: disk on fire\n  cause: outer\n");
    }
}
