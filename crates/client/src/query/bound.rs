//! `soql!`: a query with typed values in it, whose names are compared while the program is compiled.

use std::fmt;

use tidegate_soql::{BindError, BindValue, ast};

use crate::error::Error;

/// A query whose text was parsed and whose values were bound. It prints as SOQL and goes wherever a query goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Soql(ast::Query);

impl Soql {
    /// Parses a text and puts a value in the place of each `:name`; what [`soql!`](crate::soql!) calls.
    ///
    /// # Errors
    /// A text that is no SOQL, names that do not match, or a value that does not fit its place; each points into the
    /// text.
    pub fn bind<'a>(text: &str, values: impl IntoIterator<Item = (&'a str, BindValue)>) -> Result<Soql, SoqlError> {
        tidegate_soql::bind(text, values).map(Soql).map_err(|source| SoqlError { source, text: text.to_owned() })
    }

    /// The parsed query.
    pub fn query(&self) -> &ast::Query {
        &self.0
    }

    pub(super) fn into_query(self) -> ast::Query {
        self.0
    }
}

impl fmt::Display for Soql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Soql> for String {
    fn from(soql: Soql) -> String {
        soql.to_string()
    }
}

/// Why a query and its values do not fit. Prints the place in the text with a caret; never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoqlError {
    source: BindError,
    text: String,
}

impl SoqlError {
    /// What is wrong, to match on.
    pub fn kind(&self) -> &BindError {
        &self.source
    }

    /// The variable at fault and where it stands in the text, in bytes.
    fn place(&self) -> Option<(usize, usize)> {
        let name = match &self.source {
            BindError::Unbound { names } => names.first()?,
            BindError::EmptyList { name }
            | BindError::ListNotAllowed { name }
            | BindError::ListNeeded { name }
            | BindError::WrongType { name, .. }
            | BindError::OutOfRange { name } => name,
            _ => return None,
        };
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some((start, end)) = next_variable(bytes, at) {
            if self.text.get(start..end) == Some(name) {
                return Some((start, end));
            }
            at = end;
        }
        None
    }
}

impl fmt::Display for SoqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let BindError::Parse(error) = &self.source {
            return f.write_str(&error.render(&self.text));
        }
        write!(f, "{}", self.source)?;
        let Some((start, end)) = self.place() else { return Ok(()) };
        let line_start = self.text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line = self.text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let indent = self.text.get(line_start..start).unwrap_or_default().chars().count();
        let shown: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        write!(f, "\n  {shown}\n  {}{}", " ".repeat(indent.saturating_sub(1)), "^".repeat(end - start + 1))
    }
}

impl std::error::Error for SoqlError {}

impl From<SoqlError> for Error {
    fn from(error: SoqlError) -> Error {
        Error::Soql(error)
    }
}

/// Text for the right side of LIKE, in which the caller's words match themselves and nothing else: their `%`, `_` and
/// `\` are escaped. A plain string after LIKE is a pattern as it is.
///
/// ```
/// use tidegate_client::{Like, soql};
///
/// let typed = "100%";
/// let query = soql!("SELECT Id FROM Account WHERE Name LIKE :name", name = Like::starts_with(typed))?;
/// assert_eq!(query.to_string(), r"SELECT Id FROM Account WHERE Name LIKE '100\%%'");
/// # Ok::<(), tidegate_client::SoqlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like(String);

impl Like {
    /// Begins with these words.
    pub fn starts_with(text: &str) -> Like {
        Like(format!("{}%", tidegate_soql::escape_pattern(text)))
    }

    /// Ends with these words. The org cannot use an index for it.
    pub fn ends_with(text: &str) -> Like {
        Like(format!("%{}", tidegate_soql::escape_pattern(text)))
    }

    /// Has these words somewhere. The org cannot use an index for it.
    pub fn contains(text: &str) -> Like {
        Like(format!("%{}%", tidegate_soql::escape_pattern(text)))
    }

    /// Is these words.
    pub fn exactly(text: &str) -> Like {
        Like(tidegate_soql::escape_pattern(text))
    }
}

impl From<Like> for BindValue {
    fn from(pattern: Like) -> BindValue {
        BindValue::Text(pattern.0)
    }
}

/// A query with typed values in the places of its `:name`s.
///
/// A value is anything that is `Into<BindValue>`: text, whole numbers, `Decimal`, booleans, dates, times and instants
/// of jiff, `Option`s (`None` is NULL), and vectors, slices and arrays of these after IN, NOT IN, INCLUDES and
/// EXCLUDES. It becomes a literal of the query's tree, so no text can end its string or add to the query.
/// Floating-point numbers are not taken, since they would not be what they seem: use `Decimal`.
///
/// Only values can be bound. Names of objects and fields, operators and keywords cannot; a query whose shape varies is
/// made as a text of known words and bound with [`Soql::bind`].
///
/// A name without a value and a value without a name do not compile. What only the values tell (a list where one
/// value belongs, an empty list) is an error when it runs, with a caret under the variable.
///
/// ```
/// use tidegate_client::soql;
///
/// let since: jiff::Timestamp = "2026-01-02T03:04:05Z".parse()?;
/// let ids = vec!["003xx000004TmiQAAS", "003xx000004TmiRAAS"];
/// let name = "O'Hara";
/// let query = soql!(
///     "SELECT Id FROM Contact WHERE LastName = :name AND CreatedDate > :since AND Id IN :ids",
///     name, // the same as name = name
///     since,
///     ids,
/// )?;
/// assert_eq!(
///     query.to_string(),
///     r"SELECT Id FROM Contact WHERE LastName = 'O\'Hara' AND CreatedDate > 2026-01-02T03:04:05Z AND Id IN ('003xx000004TmiQAAS', '003xx000004TmiRAAS')",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail
/// // :name has no value
/// let query = tidegate_client::soql!("SELECT Id FROM Contact WHERE LastName = :name");
/// ```
///
/// ```compile_fail
/// // nmae is not in the query
/// let query = tidegate_client::soql!("SELECT Id FROM Contact WHERE LastName = :name", name = "x", nmae = "y");
/// ```
///
/// ```compile_fail
/// // the text has to be a constant
/// let table = String::from("Contact");
/// let query = tidegate_client::soql!(&format!("SELECT Id FROM {table}"));
/// ```
#[macro_export]
macro_rules! soql {
    ($text:expr $(, $name:ident $(= $value:expr)?)* $(,)?) => {{
        const TEXT: &str = $text;
        const _: () = $crate::check_binds(TEXT, &[$(stringify!($name)),*]);
        $crate::Soql::bind(TEXT, [$((stringify!($name), $crate::__bind_value!($name $(= $value)?))),*])
    }};
}

/// The value of one bind of [`soql!`]; not for use by itself.
#[doc(hidden)]
#[macro_export]
macro_rules! __bind_value {
    ($name:ident) => {
        $crate::BindValue::from($name)
    };
    ($name:ident = $value:expr) => {
        $crate::BindValue::from($value)
    };
}

/// Compares the `:name`s of a text with names of values; [`soql!`](crate::soql!) calls it while compiling.
///
/// # Panics
/// When a name has no value or a value no name, which stops the compiler with the name.
pub const fn check_binds(text: &str, names: &[&str]) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some((start, end)) = next_variable(bytes, at) {
        let mut known = 0;
        while known < names.len() && !is_name(bytes, start, end, names[known].as_bytes()) {
            known += 1;
        }
        if known == names.len() {
            fail(b"no value is given for :", bytes, start, end);
        }
        at = end;
    }
    let mut name = 0;
    while name < names.len() {
        let wanted = names[name].as_bytes();
        let (mut at, mut is_found) = (0, false);
        while let Some((start, end)) = next_variable(bytes, at) {
            is_found = is_found || is_name(bytes, start, end, wanted);
            at = end;
        }
        if !is_found {
            fail(b"the query has no bind variable :", wanted, 0, wanted.len());
        }
        name += 1;
    }
}

/// The next `:name` outside of strings, without its colon: where it starts and ends. `LAST_N_DAYS:7` is none.
const fn next_variable(text: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut in_string = false;
    while at < text.len() {
        match text[at] {
            b'\\' if in_string => at += 1,
            b'\'' => in_string = !in_string,
            b':' if !in_string => {
                let mut start = at + 1;
                while start < text.len() && text[start].is_ascii_whitespace() {
                    start += 1;
                }
                let mut end = start;
                while end < text.len() && (text[end].is_ascii_alphanumeric() || text[end] == b'_' || text[end] == b'.')
                {
                    end += 1;
                }
                if end > start && !text[start].is_ascii_digit() {
                    return Some((start, end));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

const fn is_name(text: &[u8], start: usize, end: usize, name: &[u8]) -> bool {
    if end - start != name.len() {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        if text[start + at] != name[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Panics with words and a name; `format!` is not to be had while compiling.
const fn fail(words: &[u8], name: &[u8], start: usize, end: usize) -> ! {
    let mut message = [b' '; 160];
    let mut length = 0;
    while length < words.len() {
        message[length] = words[length];
        length += 1;
    }
    let mut at = start;
    while at < end && length < message.len() {
        message[length] = name[at];
        at += 1;
        length += 1;
    }
    let (message, _) = message.split_at(length);
    match std::str::from_utf8(message) {
        Ok(message) => panic!("{}", message),
        Err(_) => panic!("the query's bind variables and the values do not match"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        let (mut at, mut found) = (0, vec![]);
        while let Some((start, end)) = next_variable(text.as_bytes(), at) {
            found.push(&text[start..end]);
            at = end;
        }
        found
    }

    #[test]
    fn variables_are_found_where_the_parser_finds_them() {
        for text in [
            r"SELECT Id FROM A WHERE a = :x AND b IN : y_2 AND c = 'no :z' AND d = 'it\'s :q'",
            "SELECT Id FROM A WHERE a = LAST_N_DAYS:7 AND t > 03:04:05Z AND u > 2026-01-02T03:04:05+01:00",
            "SELECT Id, (SELECT Id FROM Bs WHERE b = :t) FROM A WHERE d IN (SELECT e FROM F WHERE g LIKE :t) LIMIT :n",
        ] {
            let mut found = names(text);
            let mut seen = std::collections::HashSet::new();
            found.retain(|name| seen.insert(*name));
            assert_eq!(found, tidegate_soql::parse(text).unwrap().unbound(), "{text}");
        }
    }

    #[test]
    fn names_are_compared() {
        check_binds("a = :x AND b = :y AND c = :x", &["y", "x"]);
        for (text, names, words) in [
            ("a = :x", vec![], "no value is given for :x"),
            ("a = :x", vec!["x", "yy"], "the query has no bind variable :yy"),
            ("a = ':x'", vec!["x"], "the query has no bind variable :x"),
        ] {
            let panic = std::panic::catch_unwind(|| check_binds(text, &names)).unwrap_err();
            assert_eq!(panic.downcast_ref::<String>().unwrap(), words);
        }
    }

    #[test]
    fn errors_point_into_the_text() {
        let names: Vec<String> = vec![];
        let error = soql!("SELECT Id FROM A\n  WHERE a = 'é' AND b IN :names", names).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the list for :names is empty; leave the condition out, or do not send the query\n    \
             WHERE a = 'é' AND b IN :names\n                           ^^^^^^"
        );
        let error = soql!("SELECT Id FROM A WHERE LIMIT :n", n = 5).unwrap_err();
        assert!(error.to_string().contains("LIMIT :n\n"), "{error}");
        let error = soql!("SELECT Id FROM A WHERE Name LIKE :n", n = 5).unwrap_err();
        assert!(!error.to_string().contains('5'), "{error}");
    }

    #[test]
    fn every_type_goes_in() {
        let day = jiff::civil::date(2026, 1, 2);
        let query = soql!(
            "SELECT Id FROM A WHERE a = :t AND b = :i AND c = :d AND e = :n AND f IN :l AND g IN :s AND h = :day AND j = :z LIMIT :i",
            t = String::from("x"),
            i = 3u8,
            d = rust_decimal::Decimal::new(150, 2),
            n = None::<i64>,
            l = [1, 2],
            s = &vec!["p".to_owned()],
            day,
            z = true,
        )
        .unwrap();
        assert_eq!(
            query.to_string(),
            "SELECT Id FROM A WHERE a = 'x' AND b = 3 AND c = 1.50 AND e = NULL AND f IN (1, 2) AND g IN ('p') AND h = 2026-01-02 AND j = TRUE LIMIT 3"
        );
    }
}
