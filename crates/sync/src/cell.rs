//! One value, the same whichever transport brought it.

use rust_decimal::Decimal;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value. Salesforce keeps no empty text, so empty text arrives as null.
    Null,
    /// Text or an id.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// An exact decimal. Equality ignores trailing zeros.
    Decimal(Decimal),
    /// Days since 1970-01-01, negative before.
    Date(i32),
    /// Milliseconds since midnight.
    Time(i32),
    /// Milliseconds since 1970-01-01T00:00:00Z, negative before.
    DateTime(i64),
}
