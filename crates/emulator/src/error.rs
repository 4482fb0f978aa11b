//! An API error as Salesforce words it, before a door (REST, Bulk, gRPC) gives it its shape.

/// One error: HTTP status, code, message and the fields it concerns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status of the answer when the error is the whole answer.
    pub status: u16,
    /// `errorCode` (REST) or `statusCode` (collections), such as `INVALID_FIELD`.
    pub code: &'static str,
    /// The text.
    pub message: String,
    /// API names of the fields it concerns.
    pub fields: Vec<String>,
    /// The records it concerns, where a door has to list them: the matches of an ambiguous upsert (status 300).
    pub ids: Vec<crate::RecordId>,
}

impl ApiError {
    /// Status code and text as they stand in the result of one record among several (collections, Bulk API, SOAP): a
    /// record that is not there is a bad reference, as `StatusCode` has no `NOT_FOUND`.
    pub fn of_record(&self) -> (&'static str, &str) {
        match (self.code, self.message.as_str()) {
            ("NOT_FOUND", "The requested resource does not exist") => {
                ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            }
            (code, message) => (code, message),
        }
    }

    /// An error with HTTP status 400, as most are.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), fields: Vec::new(), ids: Vec::new() }
    }

    /// The same with another HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same, naming a field.
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.fields.push(name.into());
        self
    }
}
