//! What is wrong with a component.

use crate::xml::{Element, XmlError};

/// How bad it is: `problemType` of a `DeployMessage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The component is not saved.
    Error,
    /// The component is saved only where warnings are ignored.
    Warning,
    /// The component is saved; this is said about it.
    Info,
}

impl Severity {
    /// `problemType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Info => "Info",
        }
    }
}

/// One thing that is wrong with a component, and where in its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// `statusCode`, such as `FIELD_INTEGRITY_EXCEPTION`.
    pub code: &'static str,
    /// The text.
    pub message: String,
    /// Line of the file, from 1; 0 where there is no file.
    pub line: u32,
    /// Column, from 1; 0 where there is no file.
    pub column: u32,
}

impl Problem {
    /// An error.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), line: 0, column: 0 }
    }

    /// An error in a value that does not go with the others, the most usual kind.
    pub(super) fn integrity(message: impl Into<String>) -> Self {
        Self::new("FIELD_INTEGRITY_EXCEPTION", message)
    }

    /// A warning.
    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new("UNKNOWN_EXCEPTION", message) }
    }

    /// Something to be said.
    pub(super) fn info(message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, ..Self::new("UNKNOWN_EXCEPTION", message) }
    }

    /// A component that is not there.
    pub(super) fn no_such(kind: &str, full_name: &str) -> Self {
        let message = format!("In field: fullName - no {kind} named {full_name} found");
        Self::new("INVALID_CROSS_REFERENCE_KEY", message)
    }

    /// The same, at the place of this element unless it has one.
    pub(super) fn at(mut self, element: &Element) -> Self {
        if self.line == 0 {
            (self.line, self.column) = (element.line, element.column);
        }
        self
    }
}

impl From<XmlError> for Problem {
    fn from(error: XmlError) -> Self {
        let (line, column) = (error.line, error.column);
        let problem = Self::new("INVALID_FORMAT", format!("Error parsing file: {} at {line}:{column}", error.message));
        Self { line, column, ..problem }
    }
}
