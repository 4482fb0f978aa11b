//! A Salesforce org on this machine: the data APIs of an org over one store.
//!
//! [`Org`] is a value: it has no socket, no thread and no clock of its own. HTTP, gRPC, time and faults stand around
//! it, so one process can hold many orgs and a test can step time by hand.
//!
//! Nothing here knows Tidegate's client or its replication engine. Where this crate and the client both speak of
//! the same thing on the wire, each writes its own: a shared type would confirm its own mistakes.

pub mod bulk;
pub mod clock;
pub mod currency;
pub mod dml;
pub mod error;
pub mod events;
pub mod faults;
pub mod formula;
pub mod grpc;
pub mod http;
pub mod id;
pub mod import;
pub mod limits;
pub mod metadata;
pub mod oauth;
pub mod org;
pub mod query;
pub mod recent;
pub mod schema;
pub mod search;
pub mod seed;
pub mod server;
pub mod settings;
pub mod snapshot;
pub mod store;
pub mod value;
pub mod xml;

pub use error::ApiError;
pub use id::RecordId;
pub use org::Org;
pub use value::{Millis, Value};
