//! Moves Salesforce data safely: a snapshot of an org's objects into a destination, then every change, and a proof
//! that both are equal.
//!
//! The engine knows one source (the client) and any [`Destination`]. It keeps no state of its own: where it stopped is
//! written by the destination, in the transaction that writes the rows.

//!
//! [`Pipeline`] is where to begin. [`Destination`] is what to write for another kind of database, and
//! [`conformance`] what it then has to pass.

pub mod cell;
pub mod change;
pub mod checkpoint;
pub mod conformance;
pub mod decode;
pub mod destination;
mod engine;
pub mod error;
pub mod event;
pub mod limits;
pub mod load;
pub mod mapping;
pub mod options;
pub mod pipeline;
pub mod progress;
pub mod rows;
pub mod table;
pub mod testing;
pub mod verify;

pub use cell::Cell;
pub use change::{Change, ChangeBatch, ChangeKind, Row};
pub use checkpoint::{Checkpoints, FollowCheckpoint, LoadJob, ReplayId, TableState};
pub use destination::{Destination, DestinationError, IdRange, PageCut, RangeDigest, SnapshotPage};
pub use error::{Action, Cause, Phase, SyncError};
pub use options::{Mode, Options};
pub use pipeline::{Outcome, Pipeline, Status, TableStatus};
pub use progress::Progress;
pub use rows::{CellRef, ColumnData, RowBatch, TextColumn};
pub use table::{Column, ColumnIndex, ColumnType, RecordId, Table, TableId};
pub use verify::{Differences, TableReport, VerifyOptions, VerifyReport};
