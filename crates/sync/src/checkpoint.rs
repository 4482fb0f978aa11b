//! Where a pipeline stopped, as the destination remembers it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TableId;

/// A place in a channel. Opaque: it can be compared for equality, stored and sent back, nothing else.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplayId(pub Vec<u8>);

impl fmt::Debug for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// The position of the follower: everything up to here is in the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowCheckpoint {
    /// The last event applied, or the position that an empty keep-alive told.
    pub replay_id: ReplayId,
    /// The commit time of the last event applied, milliseconds since the epoch: from here a lost position is repaired.
    /// Not the largest: the org's clock may have been wrong for a while.
    pub commit_time: i64,
    /// Hashes of the newest events applied, oldest first, so that one delivered twice is applied once.
    pub seen: Vec<u64>,
    /// API names of the objects whose changes up to here were applied. A table whose object is not among them missed
    /// changes (it was left out of a run) and is loaded again, whatever its state.
    #[serde(default)]
    pub objects: Vec<String>,
}

/// The Bulk query job that a snapshot of a table reads from. It outlives the process: results stay for seven days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadJob {
    /// The job's id.
    pub job_id: String,
    /// The API version it was made with; its results can be read with no other.
    pub api_version: String,
    /// When it was made, by the server's clock, milliseconds since the epoch.
    pub created: i64,
    /// The columns it selects, in order: another set means another job.
    pub fields: Vec<String>,
}

/// How far a table is. Kept by the destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TableState {
    /// Made, never loaded. Set by `open`.
    #[default]
    Empty,
    /// A snapshot is being staged. Set by `begin`; each `stage` adds a page.
    Loading {
        /// The job it reads from.
        job: LoadJob,
        /// Locators of pages that are staged, and their rows.
        pages: BTreeMap<String, u64>,
    },
    /// Published and followed. Set by `publish`.
    Live,
}

/// Everything that a destination remembers of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoints {
    /// The org (18 characters) that these tables replicate; `None` in a new destination.
    pub org_id: Option<String>,
    /// Where the follower stopped; `None` before the first mark.
    pub follow: Option<FollowCheckpoint>,
    /// One entry for each table given to `open`.
    pub tables: BTreeMap<TableId, TableState>,
}
