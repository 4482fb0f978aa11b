//! Why a formula cannot be compiled, worded as a real org words it.

/// A formula that cannot be saved. Its message is what Setup, the Metadata API and the Tooling API show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormulaError {
    /// The text.
    pub message: String,
}

impl FormulaError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::new(format!("Syntax error. Missing '{what}'"))
    }

    pub(super) fn found(what: &str) -> Self {
        Self::new(format!("Syntax error. Found '{what}'"))
    }

    pub(super) fn extra(what: &str) -> Self {
        Self::new(format!("Syntax error. Extra '{what}'"))
    }

    pub(super) fn unknown_field(path: &str) -> Self {
        Self::new(format!("Field {path} does not exist. Check spelling."))
    }

    pub(super) fn unknown_function(name: &str) -> Self {
        Self::new(format!("Unknown function {name}. Check spelling."))
    }

    pub(super) fn not_here(name: &str) -> Self {
        Self::new(format!("Function {name} may not be used in this type of formula"))
    }

    /// `what` is `function 'IF()'` or `operator '+'`.
    pub(super) fn wrong_type(what: &str, expected: &str, received: &str) -> Self {
        Self::new(format!("Incorrect parameter type for {what}. Expected {expected}, received {received}"))
    }

    pub(super) fn wrong_count(what: &str, expected: &str, received: usize) -> Self {
        Self::new(format!("Incorrect number of parameters for {what}. Expected {expected}, received {received}"))
    }
}
