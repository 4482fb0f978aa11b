//! Errors as the query resource words them: the fault's place in the text, then the sentence.

use tidegate_soql::ast::Span;
use tidegate_soql::{ParseError, ParseErrorKind};

use crate::ApiError;

/// An error with the block that shows where in the query it is:
///
/// ```text
///
/// SELECT Id, Nmae FROM Account
///            ^
/// ERROR at Row:1:Column:12
/// message
/// ```
pub(crate) fn at(source: &str, span: Span, code: &'static str, message: impl AsRef<str>) -> ApiError {
    /// Characters shown on each side of a fault in a long line.
    const AROUND: usize = 60;

    let before = source.get(..span.start).unwrap_or(source);
    let row = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    let line = source.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let from = column.saturating_sub(AROUND);
    let shown: String = line.chars().skip(from).take(column - from + AROUND).collect();
    let caret = " ".repeat(column - from);
    let message = message.as_ref();
    ApiError::new(code, format!("\n{shown}\n{caret}^\nERROR at Row:{row}:Column:{}\n{message}", column + 1))
}

/// What the parser says, in Salesforce's words.
pub(crate) fn from_parser(source: &str, error: &ParseError) -> ApiError {
    let message = match &error.kind {
        ParseErrorKind::UnexpectedToken { found, .. } => format!("unexpected token: '{found}'"),
        ParseErrorKind::UnexpectedCharacter { found } => format!("unexpected token: '{found}'"),
        // `a AND b OR c`, `a AND NOT b`: the word at fault, like any that may not stand there.
        ParseErrorKind::MixedAndOr | ParseErrorKind::BareNot => {
            let found = source.get(error.span.start..error.span.end).unwrap_or_default();
            format!("unexpected token: '{found}'")
        }
        ParseErrorKind::UnexpectedEnd { .. } => "unexpected token: '<EOF>'".to_owned(),
        other => other.to_string(),
    };
    if source.trim().is_empty() {
        return ApiError::new("MALFORMED_QUERY", "SOQL statement cannot be empty.");
    }
    // A wrong first word is answered without the excerpt.
    let first = source.len() - source.trim_start().len();
    if error.span.start <= first {
        return ApiError::new("MALFORMED_QUERY", message);
    }
    at(source, error.span, "MALFORMED_QUERY", message)
}

/// An unknown or hidden field.
pub(crate) fn no_such_column(source: &str, span: Span, name: &str, object: &str) -> ApiError {
    at(
        source,
        span,
        "INVALID_FIELD",
        format!(
            "No such column '{name}' on entity '{object}'. If you are attempting to use a custom field, be sure to \
             append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
             appropriate names."
        ),
    )
}

/// An unknown object.
pub(crate) fn no_such_object(source: &str, span: Span, name: &str) -> ApiError {
    at(
        source,
        span,
        "INVALID_TYPE",
        format!(
            "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append \
             the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
        ),
    )
}

/// An unknown parent relationship.
pub(crate) fn no_such_parent(source: &str, span: Span, name: &str) -> ApiError {
    at(
        source,
        span,
        "INVALID_FIELD",
        format!(
            "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom \
             relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
             or the describe call for the appropriate names."
        ),
    )
}

/// An unknown child relationship.
pub(crate) fn no_such_children(source: &str, span: Span, name: &str) -> ApiError {
    at(
        source,
        span,
        "INVALID_FIELD",
        format!(
            "Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a custom \
             relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
             or the describe call for the appropriate names."
        ),
    )
}

/// `field 'X' can not be filtered in a query call`.
pub(crate) fn illegal_use(source: &str, span: Span, name: &str, verb: &str) -> ApiError {
    at(source, span, "INVALID_FIELD", format!("field '{name}' can not be {verb} in a query call"))
}

/// A query that the grammar allows and the platform refuses.
pub(crate) fn malformed(source: &str, span: Span, message: impl AsRef<str>) -> ApiError {
    at(source, span, "MALFORMED_QUERY", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_points_at_the_column() {
        let text = "SELECT Id, Nmae FROM Account";
        let error = no_such_column(text, Span { start: 11, end: 15 }, "Nmae", "Account");
        assert_eq!(
            error.message,
            "\nSELECT Id, Nmae FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Nmae' on entity \
             'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom \
             field name. Please reference your WSDL or the describe call for the appropriate names."
        );
        let text = "SELECT Id\nFROM Ünter";
        let error = malformed(text, Span { start: 15, end: 21 }, "x");
        assert_eq!(error.message, "\nFROM Ünter\n     ^\nERROR at Row:2:Column:6\nx");
        let long = format!("SELECT {} FROM X", "a".repeat(200));
        let error = malformed(&long, Span { start: 208, end: 212 }, "x");
        assert!(error.message.contains("\nERROR at Row:1:Column:209\nx"));
        assert_eq!(error.message.lines().nth(2).unwrap().len(), 61);
    }
}
