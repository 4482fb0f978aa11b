//! From what a transport carries to a [`Cell`](crate::Cell): one decoder for each transport, all giving the same cells.
//!
//! [`text`] reads Salesforce's written forms, which REST (inside JSON) and Bulk 2.0 (inside CSV) share; [`csv`] and
//! [`json`] take the containers apart; [`avro`] reads the binary values of change events.

pub mod avro;
pub mod csv;
pub mod json;
pub mod text;

pub use tidegate_client::events::avro::DecodeError;
