//! What can go wrong, by phase, and what is done about it.

use std::fmt;
use std::time::Duration;

use crate::DestinationError;
use crate::decode::DecodeError;
use crate::mapping::MappingError;

/// A failure of the engine: what it was doing, and the cause.
#[derive(Debug, thiserror::Error)]
#[error("{phase}")]
pub struct SyncError {
    /// What was being done.
    pub phase: Phase,
    /// Why it failed.
    #[source]
    pub cause: Cause,
}

/// What the engine was doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "`Display` says what each is")]
pub enum Phase {
    /// Signing in and asking for the org's identity.
    Org,
    Describe {
        object: String,
    },
    /// Opening the destination.
    Open,
    /// Finding the position to follow from.
    Mark,
    CreateJob {
        object: String,
    },
    AwaitJob {
        object: String,
        job: String,
    },
    FetchPage {
        object: String,
        locator: String,
    },
    Stage {
        object: String,
    },
    Publish {
        object: String,
    },
    Subscribe {
        channel: String,
    },
    Decode {
        entity: String,
    },
    Reread {
        object: String,
    },
    Apply,
    /// Mending what was missed while the position was lost.
    Repair {
        object: String,
    },
    Verify {
        object: String,
    },
    /// Stopped because the caller asked.
    Interrupted,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The org, or the way to it.
    #[error(transparent)]
    Org(Box<tidegate_client::Error>),
    /// The destination.
    #[error(transparent)]
    Destination(Box<DestinationError>),
    /// A value that is not what it should be.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// An object that cannot be replicated.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// A query that could not be written.
    #[error(transparent)]
    Query(Box<tidegate_soql::BindError>),
    /// The org ended the job before its rows could be read.
    #[error("job {job} cannot be read any more: {why}")]
    JobLost {
        /// The job.
        job: String,
        /// What happened to it.
        why: String,
    },
    /// Something that the engine found out itself.
    #[error("{what}")]
    Found {
        /// What.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The caller asked the engine to stop.
    #[error("stopped on request")]
    Interrupted,
}

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Try the same again, after this long where the org named a time.
    Retry(Option<Duration>),
    /// Load the table again from the beginning.
    Reload,
    /// Stop and tell.
    Stop,
}

impl From<tidegate_client::Error> for Cause {
    fn from(error: tidegate_client::Error) -> Self {
        Self::Org(Box::new(error))
    }
}

impl From<tidegate_soql::BindError> for Cause {
    fn from(error: tidegate_soql::BindError) -> Self {
        Self::Query(Box::new(error))
    }
}

impl From<DestinationError> for Cause {
    fn from(error: DestinationError) -> Self {
        Self::Destination(Box::new(error))
    }
}

impl Cause {
    /// The one table of errors and actions.
    pub fn action(&self) -> Action {
        match self {
            Self::Org(error) if error.is_retryable() => Action::Retry(error.retry_after()),
            Self::Org(_) => Action::Stop,
            Self::Destination(error) => match **error {
                DestinationError::Database { transient: true, .. } | DestinationError::Page(_) => Action::Retry(None),
                _ => Action::Stop,
            },
            Self::JobLost { .. } => Action::Reload,
            Self::Decode(_) | Self::Mapping(_) | Self::Query(_) | Self::Found { .. } | Self::Interrupted => {
                Action::Stop
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Org(error) => error.hint(),
            Self::Destination(error) => destination_hint(error).map(str::to_owned),
            Self::Decode(_) => Some(
                "this is a bug in Tidegate or an unknown form of value; please report it with the field's type".into(),
            ),
            Self::Mapping(MappingError::NoId(_)) => Some("leave this object out: it has no records of its own".into()),
            Self::Mapping(_) | Self::Query(_) => Some("leave this object out".into()),
            Self::JobLost { .. } => Some("start again: a new job will be made".into()),
            Self::Found { hint, .. } => Some((*hint).to_owned()),
            Self::Interrupted => None,
        }
    }
}

fn destination_hint(error: &DestinationError) -> Option<&'static str> {
    Some(match error {
        DestinationError::Unreachable { .. } => "check the destination's URL, and that it can be reached from here",
        DestinationError::InUse { .. } => "stop the other process, or give this one another destination",
        DestinationError::OtherOrg { .. } => "each org needs a destination of its own",
        DestinationError::Altered { .. } => "put the table back as it was, or drop it: it will be loaded again",
        DestinationError::Full { .. } => "make room, then start again: it goes on where it stopped",
        DestinationError::Value { .. } => {
            "this destination cannot hold the value: change it in the org, or leave the field out"
        }
        _ => return None,
    })
}

impl SyncError {
    pub(crate) fn new(phase: Phase, cause: impl Into<Cause>) -> Self {
        Self { phase, cause: cause.into() }
    }

    pub(crate) fn interrupted() -> Self {
        Self { phase: Phase::Interrupted, cause: Cause::Interrupted }
    }

    /// Whether the engine only stopped because it was asked to.
    pub fn is_interrupted(&self) -> bool {
        matches!(self.cause, Cause::Interrupted)
    }

    /// What is done about it; see [`Cause::action`].
    pub fn action(&self) -> Action {
        self.cause.action()
    }

    /// What the reader can do about it, where we know.
    pub fn hint(&self) -> Option<String> {
        match (&self.phase, self.cause.hint()) {
            (Phase::Subscribe { .. } | Phase::Mark, None) => Some(
                "change data capture has to be switched on for these objects, and the user needs View All for them"
                    .into(),
            ),
            (_, hint) => hint,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Org => write!(f, "asking the org who we are"),
            Self::Describe { object } => write!(f, "describing {object}"),
            Self::Open => write!(f, "opening the destination"),
            Self::Mark => write!(f, "finding the position to follow from"),
            Self::CreateJob { object } => write!(f, "creating a query job for {object}"),
            Self::AwaitJob { object, job } => write!(f, "waiting for query job {job} of {object}"),
            Self::FetchPage { object, locator } if locator.is_empty() => {
                write!(f, "reading the first page of {object}")
            }
            Self::FetchPage { object, locator } => write!(f, "reading page {locator} of {object}"),
            Self::Stage { object } => write!(f, "staging rows of {object}"),
            Self::Publish { object } => write!(f, "publishing {object}"),
            Self::Subscribe { channel } => write!(f, "following {channel}"),
            Self::Decode { entity } => write!(f, "reading a change event of {entity}"),
            Self::Reread { object } => write!(f, "reading records of {object} again"),
            Self::Apply => write!(f, "applying changes"),
            Self::Repair { object } => write!(f, "mending {object} after the position was lost"),
            Self::Verify { object } => write!(f, "comparing {object} with the org"),
            Self::Interrupted => write!(f, "working"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PageCut;

    fn database(transient: bool) -> DestinationError {
        DestinationError::Database { context: "insert".into(), transient, source: "no".into() }
    }

    fn api(status: u16, retry_after: Option<Duration>) -> tidegate_client::Error {
        tidegate_client::Error::Api { what: "reading".into(), status, errors: vec![], retry_after }
    }

    #[test]
    fn errors_and_actions() {
        let five = Some(Duration::from_secs(5));
        for (cause, action) in [
            (Cause::from(api(503, five)), Action::Retry(five)),
            (Cause::from(api(400, None)), Action::Stop),
            (Cause::from(database(true)), Action::Retry(None)),
            (Cause::from(database(false)), Action::Stop),
            (Cause::from(DestinationError::Page(PageCut("cut".into()))), Action::Retry(None)),
            (Cause::from(DestinationError::InUse { destination: "x".into() }), Action::Stop),
            (Cause::JobLost { job: "750".into(), why: "gone".into() }, Action::Reload),
            (Cause::Interrupted, Action::Stop),
        ] {
            assert_eq!(cause.action(), action, "{cause:?}");
        }
    }
}
