//! The REST API: records one by one and by the hundred, several calls in one, files, describes, and any path.
//!
//! Every request is a value that implements [`crate::Call`]; [`crate::Client`] has a method for the everyday ones.
//!
//! | To do | Value | `Client` |
//! |---|---|---|
//! | one record | [`Create`], [`Get`], [`GetBy`], [`Update`], [`Upsert`], [`Delete`], [`DeleteBy`] | `create`, `get`, `find`, `update`, `upsert`, `delete` |
//! | many records at once | [`CreateMany`], [`UpdateMany`], [`UpsertMany`], [`DeleteMany`], [`GetMany`] | `collections` takes any number as a stream |
//! | several calls in one | [`Composite`], [`Graphs`], [`Batch`], [`Tree`] | `send` |
//! | files | [`Upload`], [`Blob`] | `upload`, `upload_file`, `download`, `save` |
//! | what objects are like | [`DescribeObject`], [`DescribeObjects`] | `describe`, `describe_cached`, `describe_many` |
//! | what has changed | [`GetUpdated`], [`GetDeleted`] | `send` |
//! | search | [`Search`], [`TextSearch`] | `send` |
//! | any other path | [`Resource`], [`Raw`] | `request` |
//!
//! [`crate::Call::with`] adds headers to any of them, [`crate::Call::tooling`] sends any of them to the Tooling API.

mod adapt;
mod blob;
mod changes;
mod collections;
mod composite;
mod count;
mod describe;
mod field;
mod headers;
mod raw;
mod record;
mod search;
mod tooling;

pub use http::{HeaderMap, Method, StatusCode};

pub use adapt::{IfChanged, Tooling, Unchanged, With, WithHead};
pub use blob::{Blob, CONTENT_BYTES_MAX, OTHER_BYTES_MAX, Upload, bytes_stream, reader_stream};
pub use changes::{DELETED_BACK, Deleted, DeletedRecord, GetDeleted, GetUpdated, UPDATED_BACK, Updated};
pub use collections::{
    Collections, CreateMany, DeleteMany, GetMany, Outcome, Outcomes, SaveResult, UpdateMany, UpsertMany, first_cause,
};
pub use composite::{
    Batch, BatchReply, Composite, CompositeReply, Graph, GraphAnswer, Graphs, GraphsReply, Handle, Ref, SubAnswer,
    Tree, TreeRecord, TreeReply,
};
pub use count::RecordCounts;
pub(crate) use describe::DescribeCache;
pub use describe::{
    ChildRelationship, Describe, DescribeField, DescribeGlobal, DescribeObject, DescribeObjects, Described,
    PicklistValue, RecordTypeInfo, SObject,
};
pub use field::{Field, Related};
pub use headers::{AutoAssign, DuplicateRule, Headers};
pub use raw::{ByteStream, Raw, RawAnswer, RawRequest, Resource};
pub use record::{Create, Delete, DeleteBy, Get, GetBy, Saved, Update, Upsert};
pub use search::{Found, In, Search, TextSearch, escaped};
pub use tooling::ToolingApi;
