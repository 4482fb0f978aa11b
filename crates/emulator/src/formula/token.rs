//! A formula's text cut into tokens.

use rust_decimal::Decimal;

use super::FormulaError;

/// A token of a formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(Decimal),
    Text(String),
    /// A function's name, or a field's path with its dots (`Owner:User.Profile.Name`, `$User.Id`).
    Name(String),
    /// An operator or a mark: one of [`MARKS`].
    Mark(&'static str),
}

/// Operators and marks, longest first.
const MARKS: [&str; 19] =
    ["&&", "||", "==", "!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "^", "&", "!", "(", ")"];
/// Between arguments.
const COMMA: &str = ",";

/// Cuts the text into tokens; white space and `/* comments */` go.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FormulaError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").ok_or_else(|| FormulaError::missing("*/"))?.1;
        } else if first == '"' || first == '\'' {
            let (literal, after) = quoted(rest, first)?;
            found.push(Token::Text(literal));
            rest = after;
        } else if first.is_ascii_digit() || (first == '.' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())) {
            let len = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
            let (number, after) = rest.split_at(len);
            let parsed = number.trim_end_matches('.').parse().map_err(|_| FormulaError::found(number))?;
            found.push(Token::Number(parsed));
            rest = after;
        } else if first.is_alphabetic() || matches!(first, '$' | '_' | '#') {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '$' | '#');
            let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(len);
            found.push(Token::Name(name.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix(COMMA) {
            found.push(Token::Mark(COMMA));
            rest = after;
        } else if let Some((mark, after)) = MARKS.iter().find_map(|m| Some((*m, rest.strip_prefix(m)?))) {
            found.push(Token::Mark(mark));
            rest = after;
        } else {
            return Err(FormulaError::found(&first.to_string()));
        }
    }
    Ok(found)
}

/// A literal between quotes, and what follows it.
fn quoted(text: &str, quote: char) -> Result<(String, &str), FormulaError> {
    let mut literal = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok((literal, text.get(at + 1..).unwrap_or_default()));
        }
        if c != '\\' {
            literal.push(c);
            continue;
        }
        match chars.next() {
            Some((_, 'n')) => literal.push('\n'),
            Some((_, 'r')) => literal.push('\r'),
            Some((_, 't')) => literal.push('\t'),
            Some((_, c @ ('"' | '\'' | '\\'))) => literal.push(c),
            // Any other pair stays as it is, so that regular expressions can be written with one backslash.
            Some((_, c)) => literal.extend(['\\', c]),
            None => break,
        }
    }
    Err(FormulaError::missing(&quote.to_string()))
}
