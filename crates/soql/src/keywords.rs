//! Which words mean something to the grammar, and where that keeps them from being names.

/// Words that can be neither a field's first name, an object, an alias nor a function.
///
/// After a dot any word may follow (`a.Limit`). Words such as `GROUP`, `ORDER`, `OFFSET`, `END` or `COUNT` are not here:
/// they are names wherever the grammar does not expect the clause.
const RESERVED: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BIND",
    "BY",
    "CUBE",
    "DESC",
    "ELSE",
    "EXCLUDES",
    "FALSE",
    "FIRST",
    "FOR",
    "FROM",
    "HAVING",
    "HIERARCHICAL",
    "IN",
    "INCLUDES",
    "LAST",
    "LIKE",
    "LIMIT",
    "LOOKUP",
    "NOT",
    "NULL",
    "NULLS",
    "OR",
    "ROLLUP",
    "SELECT",
    "TRUE",
    "UPDATE",
    "USING",
    "WHERE",
    "WITH",
];

/// Words of clauses that are names elsewhere.
const CONTEXTUAL: &[&str] = &[
    "ABOVE",
    "ABOVE_OR_BELOW",
    "AT",
    "BELOW",
    "CASE",
    "CATEGORY",
    "COUNT",
    "DATA",
    "DISTANCE",
    "END",
    "FIELDS",
    "FLAT",
    "GEOLOCATION",
    "GROUP",
    "OFFSET",
    "ORDER",
    "REFERENCE",
    "SCOPE",
    "THEN",
    "TYPEOF",
    "VIEW",
    "WHEN",
];

/// Date literals that stand alone.
const DATE_LITERALS: &[&str] = &[
    "YESTERDAY",
    "TODAY",
    "TOMORROW",
    "LAST_WEEK",
    "THIS_WEEK",
    "NEXT_WEEK",
    "LAST_MONTH",
    "THIS_MONTH",
    "NEXT_MONTH",
    "LAST_90_DAYS",
    "NEXT_90_DAYS",
    "LAST_QUARTER",
    "THIS_QUARTER",
    "NEXT_QUARTER",
    "LAST_YEAR",
    "THIS_YEAR",
    "NEXT_YEAR",
    "LAST_FISCAL_QUARTER",
    "THIS_FISCAL_QUARTER",
    "NEXT_FISCAL_QUARTER",
    "LAST_FISCAL_YEAR",
    "THIS_FISCAL_YEAR",
    "NEXT_FISCAL_YEAR",
];

/// Date literals that carry a number: `LAST_N_DAYS:7`.
const DATE_LITERALS_N: &[&str] = &[
    "LAST_N_DAYS",
    "NEXT_N_DAYS",
    "N_DAYS_AGO",
    "LAST_N_WEEKS",
    "NEXT_N_WEEKS",
    "N_WEEKS_AGO",
    "LAST_N_MONTHS",
    "NEXT_N_MONTHS",
    "N_MONTHS_AGO",
    "LAST_N_QUARTERS",
    "NEXT_N_QUARTERS",
    "N_QUARTERS_AGO",
    "LAST_N_YEARS",
    "NEXT_N_YEARS",
    "N_YEARS_AGO",
    "LAST_N_FISCAL_QUARTERS",
    "NEXT_N_FISCAL_QUARTERS",
    "N_FISCAL_QUARTERS_AGO",
    "LAST_N_FISCAL_YEARS",
    "NEXT_N_FISCAL_YEARS",
    "N_FISCAL_YEARS_AGO",
];

/// The date literals that stand alone, in upper case.
pub fn date_literals() -> &'static [&'static str] {
    DATE_LITERALS
}

/// The date literals that carry a number after a colon, in upper case.
pub fn date_literals_with_number() -> &'static [&'static str] {
    DATE_LITERALS_N
}

/// Whether a word is kept by the grammar and cannot be a name (compared without case).
///
/// ```
/// assert!(tidegate_soql::is_reserved("where"));
/// assert!(!tidegate_soql::is_reserved("Group"));
/// ```
pub fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|kept| kept.eq_ignore_ascii_case(word))
}

/// Whether a word belongs to a clause, though it may be a field's name.
pub(crate) fn is_contextual(word: &str) -> bool {
    CONTEXTUAL.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// `Some(true)` for a date literal that needs a number, `Some(false)` for one that stands alone.
pub(crate) fn date_literal(word: &str) -> Option<bool> {
    let is_in = |list: &[&str]| list.iter().any(|literal| literal.eq_ignore_ascii_case(word));
    if is_in(DATE_LITERALS) {
        Some(false)
    } else if is_in(DATE_LITERALS_N) {
        Some(true)
    } else {
        None
    }
}
