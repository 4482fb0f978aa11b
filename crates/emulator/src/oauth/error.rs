//! Errors of the sign-in service: `{"error", "error_description"}`.

/// One error. Clients tell `invalid_grant` cases apart by the description alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct OauthError {
    /// HTTP status.
    pub status: u16,
    /// `error`.
    pub error: &'static str,
    /// `error_description`.
    pub description: String,
}

impl OauthError {
    /// An error with HTTP status 400, as nearly all are.
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: 400, error, description: description.into() }
    }

    /// `invalid_grant` with this description.
    pub fn grant(description: &str) -> Self {
        Self::new("invalid_grant", description)
    }

    /// A required parameter is missing.
    pub fn missing(parameter: &str) -> Self {
        Self::new("invalid_request", format!("missing required parameter: {parameter}"))
    }

    /// The same with another HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}
