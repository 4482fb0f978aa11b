//! A value as a query sees it: borrowed from its row, compared as SOQL compares.
//!
//! Text compares without regard to case unless its field says otherwise, in the order of its upper-cased characters
//! (Salesforce's order for English locales).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::schema::FieldType;
use crate::{Millis, RecordId};

/// A value borrowed from a row, or computed from one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Decimal(Decimal),
    /// Distances only: everything stored is exact.
    Float(f64),
    Date(Date),
    DateTime(Millis),
    Time(u32),
    Id(RecordId),
}

/// A literal, ready to be compared with cells of its kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Const {
    Text(String),
    Number(Decimal),
    Date(Date),
    DateTime(Millis),
    Time(u32),
    Id(RecordId),
}

/// How the values of a field compare, and which literals they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Multi,
    Number,
    Bool,
    Date,
    DateTime,
    Time,
    Id,
    /// Compounds and binary values: nothing to compare.
    Other,
}

impl Kind {
    /// The kind of a field type.
    pub(crate) fn of(ty: FieldType) -> Self {
        match ty {
            FieldType::String
            | FieldType::Picklist
            | FieldType::Combobox
            | FieldType::Textarea
            | FieldType::Phone
            | FieldType::Url
            | FieldType::Email
            | FieldType::Encryptedstring
            | FieldType::DatacategoryGroupReference
            | FieldType::AnyType => Self::Text,
            FieldType::Multipicklist => Self::Multi,
            FieldType::Currency | FieldType::Int | FieldType::Double | FieldType::Percent | FieldType::Long => {
                Self::Number
            }
            FieldType::Boolean => Self::Bool,
            FieldType::Date => Self::Date,
            FieldType::Datetime => Self::DateTime,
            FieldType::Time => Self::Time,
            FieldType::Id | FieldType::Reference => Self::Id,
            FieldType::Base64 | FieldType::Location | FieldType::Address | FieldType::Complexvalue => Self::Other,
        }
    }
}

impl<'a> Cell<'a> {
    /// Whether there is no value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    fn decimal(&self) -> Option<Decimal> {
        match self {
            Cell::Int(n) => Some(Decimal::from(*n)),
            Cell::Decimal(d) => Some(*d),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Cell::Float(f) => Some(*f),
            Cell::Int(n) => Some(*n as f64),
            Cell::Decimal(d) => d.to_f64(),
            _ => None,
        }
    }

    /// Compares with a literal; `None` for null and for another kind.
    pub(crate) fn compare(&self, with: &Const, case_sensitive: bool) -> Option<Ordering> {
        match (self, with) {
            (Cell::Text(a), Const::Text(b)) => Some(compare_text(a, b, case_sensitive)),
            (Cell::Id(a), Const::Id(b)) => Some(a.cmp(b)),
            (Cell::Date(a), Const::Date(b)) => Some(a.cmp(b)),
            (Cell::DateTime(a), Const::DateTime(b)) => Some(a.cmp(b)),
            (Cell::Time(a), Const::Time(b)) => Some(a.cmp(b)),
            (Cell::Int(a), Const::Number(b)) => Some(Decimal::from(*a).cmp(b)),
            (Cell::Decimal(a), Const::Number(b)) => Some(a.cmp(b)),
            (Cell::Float(a), Const::Number(b)) => a.partial_cmp(&b.to_f64()?),
            _ => None,
        }
    }

    /// A total order for sorting and grouping: nulls before everything, text without regard to case.
    pub(crate) fn order(&self, other: &Cell<'_>) -> Ordering {
        match (self, other) {
            (Cell::Text(a), Cell::Text(b)) => compare_text(a, b, false),
            (Cell::Id(a), Cell::Id(b)) => a.cmp(b),
            (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
            (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
            (Cell::Date(a), Cell::Date(b)) => a.cmp(b),
            (Cell::DateTime(a), Cell::DateTime(b)) => a.cmp(b),
            (Cell::Time(a), Cell::Time(b)) => a.cmp(b),
            _ => match (self.decimal(), other.decimal()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => match (self.float(), other.float()) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    _ => self.rank().cmp(&other.rank()),
                },
            },
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Cell::Null => 0,
            Cell::Bool(_) => 1,
            Cell::Int(_) | Cell::Decimal(_) | Cell::Float(_) => 2,
            Cell::Date(_) => 3,
            Cell::DateTime(_) => 4,
            Cell::Time(_) => 5,
            Cell::Id(_) => 6,
            Cell::Text(_) => 7,
        }
    }
}

/// Cells are equal where [`Cell::order`] says so: as keys of groups.
impl PartialEq for Cell<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }
}

impl Eq for Cell<'_> {}

impl Hash for Cell<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank());
        match self {
            Cell::Null => {}
            Cell::Text(text) => {
                for c in text.chars() {
                    state.write_u32(upper(c) as u32);
                }
            }
            Cell::Bool(b) => b.hash(state),
            // Numbers of equal value hash equally whatever their scale.
            Cell::Int(n) => Decimal::from(*n).hash(state),
            Cell::Decimal(d) => d.normalize().hash(state),
            Cell::Float(f) => f.to_bits().hash(state),
            Cell::Date(d) => d.hash(state),
            Cell::DateTime(ms) => ms.hash(state),
            Cell::Time(ms) => ms.hash(state),
            Cell::Id(id) => id.hash(state),
        }
    }
}

impl Const {
    /// A total order among constants of one kind, for sorted lists.
    pub(crate) fn order(&self, other: &Const, case_sensitive: bool) -> Ordering {
        match (self, other) {
            (Const::Text(a), Const::Text(b)) => compare_text(a, b, case_sensitive),
            (Const::Number(a), Const::Number(b)) => a.cmp(b),
            (Const::Date(a), Const::Date(b)) => a.cmp(b),
            (Const::DateTime(a), Const::DateTime(b)) => a.cmp(b),
            (Const::Time(a), Const::Time(b)) => a.cmp(b),
            (Const::Id(a), Const::Id(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// The upper case of a character where that is one character, else the character: `ß` stays `ß`, so that it does not
/// equal `ss`.
pub(crate) fn upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Compares text, by default without regard to case.
pub(crate) fn compare_text(a: &str, b: &str, case_sensitive: bool) -> Ordering {
    if case_sensitive {
        return a.cmp(b);
    }
    let (a_bytes, b_bytes) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    // Plain ASCII first: the usual case, byte by byte.
    while at < a_bytes.len() && at < b_bytes.len() {
        let (x, y) = (a_bytes[at], b_bytes[at]);
        if !x.is_ascii() || !y.is_ascii() {
            break;
        }
        match x.to_ascii_uppercase().cmp(&y.to_ascii_uppercase()) {
            Ordering::Equal => at += 1,
            unequal => return unequal,
        }
    }
    match (a.get(at..), b.get(at..)) {
        (Some(a), Some(b)) => a.chars().map(upper).cmp(b.chars().map(upper)),
        _ => a.cmp(b),
    }
}

/// Whether two texts are equal without regard to case.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    compare_text(a, b, false) == Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ignores_case() {
        for (a, b, expected) in [
            ("abc", "ABC", Ordering::Equal),
            ("abc", "abd", Ordering::Less),
            ("ab", "abc", Ordering::Less),
            ("Ärger", "äRGER", Ordering::Equal),
            ("straße", "STRASSE", Ordering::Greater),
            ("a_", "ab", Ordering::Greater),
            ("日本", "日本語", Ordering::Less),
            ("aé", "aE", Ordering::Greater),
        ] {
            assert_eq!(compare_text(a, b, false), expected, "{a} {b}");
        }
        assert_eq!(compare_text("a", "A", true), Ordering::Greater);
    }

    #[test]
    fn numbers_of_equal_value_are_one_group() {
        let mut groups = std::collections::HashSet::new();
        groups.insert(Cell::Decimal("1.50".parse().unwrap()));
        assert!(!groups.insert(Cell::Decimal("1.5".parse().unwrap())));
        groups.insert(Cell::Int(2));
        assert!(!groups.insert(Cell::Decimal("2.00".parse().unwrap())));
    }
}
