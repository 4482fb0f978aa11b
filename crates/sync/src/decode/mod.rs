//! From what a transport carries to a [`Cell`](crate::Cell): one decoder for each transport, all giving the same cells.
//!
//! [`text`] reads Salesforce's written forms, which REST (inside JSON) and Bulk 2.0 (inside CSV) share; [`csv`] and
//! [`json`] take the containers apart; [`avro`] reads the binary values of change events.

pub mod avro;
pub mod csv;
pub mod json;
pub mod text;

/// A value that is not what the column's type promises. Tells where and what was expected, never the value itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}")]
pub struct DecodeError {
    /// Column, and row where known.
    pub place: String,
    /// What should have stood there.
    pub expected: String,
}

impl DecodeError {
    pub(crate) fn new(place: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: place.into(), expected: expected.into() }
    }
}
