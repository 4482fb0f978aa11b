//! How a pipeline works.

use std::time::Duration;

use crate::limits;

/// What to replicate, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// API names of the objects, in any case.
    pub objects: Vec<String>,
    /// The channel to follow.
    pub channel: String,
    /// Pages of a snapshot that are downloaded at the same time. Memory grows with it: about 10 MB each.
    pub parallel_pages: usize,
    /// How far before the last commit time changes are read anew when the position was lost. Has to be longer than the
    /// org's longest transaction.
    pub overlap: Duration,
    /// How long nothing may come before [`Mode::Once`] takes itself for caught up.
    pub idle: Duration,
    /// The same before the channel's first answer: connecting takes time.
    pub idle_first: Duration,
}

/// How long a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Load every table anew and stop. Nothing is followed, so no position is noted.
    Load,
    /// Load what is missing, follow until caught up, stop.
    ///
    /// Caught up means: the channel said that there is nothing more (an empty answer); or it sent nothing for
    /// [`Options::idle`], and every table has as many rows and the same newest time stamp as its object. Where a table
    /// keeps looking different although nothing comes, the run ends after ten such pauses: no event will tell what
    /// differs. Positions are opaque, so there is no better sign; `verify` tells for sure.
    Once,
    /// Load what is missing and follow until stopped.
    Forever,
}

impl Options {
    /// The usual ones.
    pub fn new(objects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            objects: objects.into_iter().map(Into::into).collect(),
            channel: "/data/ChangeEvents".into(),
            parallel_pages: limits::PARALLEL_PAGES,
            overlap: Duration::from_secs(3600),
            idle: Duration::from_secs(1),
            idle_first: Duration::from_secs(5),
        }
    }
}
