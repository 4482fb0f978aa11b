//! Moves Salesforce data safely: a snapshot of an org's objects into a destination, then every change, and a proof
//! that both are equal.
//!
//! The engine knows one source (the client) and any [`Destination`]. It keeps no state of its own: where it stopped is
//! written by the destination, in the transaction that writes the rows.

pub mod cell;
pub mod change;
pub mod checkpoint;
pub mod conformance;
pub mod destination;
pub mod rows;
pub mod table;
pub mod testing;

pub use cell::Cell;
pub use change::{Change, ChangeBatch, ChangeKind, Row};
pub use checkpoint::{Checkpoints, FollowCheckpoint, LoadJob, ReplayId, TableState};
pub use destination::{Destination, DestinationError, IdRange, PageCut, RangeDigest, SnapshotPage};
pub use rows::{CellRef, ColumnData, RowBatch, TextColumn};
pub use table::{Column, ColumnIndex, ColumnType, RecordId, Table, TableId};
