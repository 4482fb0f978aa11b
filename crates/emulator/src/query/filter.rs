//! Compiled conditions: what is left of a WHERE or HAVING once names, literals and sub-selects are resolved.

use std::cmp::Ordering;

use super::expr::Expr;
use super::like::Like;
use super::value::{Cell, Const, same_text};

/// A condition over whatever gives a value for an [`Expr`]: a record or a group.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    /// Every row.
    All,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test(Expr, Check),
}

/// One comparison.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// `= null` (true) or `!= null` (false).
    Null(bool),
    /// A checkbox has this value; without a value it is false.
    Bool(bool),
    /// With one literal.
    Compare { op: Relation, value: Const, case_sensitive: bool },
    /// With a span of time, start inclusive and end exclusive.
    Range { op: Relation, start: Const, end: Const },
    /// In a sorted list.
    In { values: Vec<Const>, null: bool, negate: bool, case_sensitive: bool },
    /// In a sorted list of ids: the ids of an IN list or what a sub-select found.
    InIds { ids: Vec<crate::RecordId>, null: bool, negate: bool },
    /// In one of several spans or values.
    InRanges { ranges: Vec<(Const, Const)>, null: bool, negate: bool },
    /// `LIKE`.
    Like(Like),
    /// The multi-select picklist holds exactly these values.
    Set { values: Vec<String>, negate: bool },
    /// The multi-select picklist holds exactly the values of one of these sets.
    Sets { sets: Vec<Vec<String>>, null: bool, negate: bool },
    /// The multi-select picklist holds every value of one of these sets.
    Includes { sets: Vec<Vec<String>>, negate: bool },
}

/// Ordering comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Filter {
    /// Whether the condition holds, reading values with `read`.
    pub(crate) fn matches<'a>(&self, read: &impl Fn(&Expr) -> Cell<'a>) -> bool {
        match self {
            Filter::All => true,
            Filter::And(all) => all.iter().all(|f| f.matches(read)),
            Filter::Or(any) => any.iter().any(|f| f.matches(read)),
            Filter::Not(inner) => !inner.matches(read),
            Filter::Test(expr, check) => check.holds(read(expr)),
        }
    }

    /// The conjunction of two.
    pub(crate) fn and(self, other: Filter) -> Filter {
        match (self, other) {
            (Filter::All, one) | (one, Filter::All) => one,
            (Filter::And(mut all), one) => {
                all.push(one);
                Filter::And(all)
            }
            (a, b) => Filter::And(vec![a, b]),
        }
    }

    /// The tests that every matching row passes: the condition itself, or the members of its conjunction.
    pub(crate) fn required(&self) -> Vec<(&Expr, &Check)> {
        let mut found = Vec::new();
        self.collect_required(&mut found);
        found
    }

    fn collect_required<'f>(&'f self, found: &mut Vec<(&'f Expr, &'f Check)>) {
        match self {
            Filter::And(all) => all.iter().for_each(|f| f.collect_required(found)),
            Filter::Test(expr, check) => found.push((expr, check)),
            _ => {}
        }
    }
}

impl Relation {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match (self, ordering) {
            // SOQL is not three-valued: `!= 'x'` keeps rows without a value.
            (Relation::Ne, ordering) => ordering != Some(Ordering::Equal),
            (_, None) => false,
            (Relation::Eq, Some(o)) => o == Ordering::Equal,
            (Relation::Lt, Some(o)) => o == Ordering::Less,
            (Relation::Le, Some(o)) => o != Ordering::Greater,
            (Relation::Gt, Some(o)) => o == Ordering::Greater,
            (Relation::Ge, Some(o)) => o != Ordering::Less,
        }
    }
}

impl Check {
    fn holds(&self, cell: Cell<'_>) -> bool {
        match self {
            Check::Null(wanted) => cell.is_null() == *wanted,
            Check::Bool(wanted) => matches!(cell, Cell::Bool(true)) == *wanted,
            Check::Compare { op, value, case_sensitive } => op.holds(cell.compare(value, *case_sensitive)),
            Check::Range { op, start, end } => {
                let (Some(from), Some(to)) = (cell.compare(start, false), cell.compare(end, false)) else {
                    return *op == Relation::Ne;
                };
                let inside = from != Ordering::Less && to == Ordering::Less;
                match op {
                    Relation::Eq => inside,
                    Relation::Ne => !inside,
                    Relation::Lt => from == Ordering::Less,
                    Relation::Le => to == Ordering::Less,
                    Relation::Gt => to != Ordering::Less,
                    Relation::Ge => from != Ordering::Less,
                }
            }
            Check::In { values, null, negate, case_sensitive } => {
                let found = if cell.is_null() {
                    *null
                } else {
                    values
                        .binary_search_by(|v| {
                            cell.compare(v, *case_sensitive).map_or(Ordering::Less, Ordering::reverse)
                        })
                        .is_ok()
                };
                found != *negate
            }
            Check::InIds { ids, null, negate } => {
                let found = match cell {
                    Cell::Id(id) => ids.binary_search(&id).is_ok(),
                    Cell::Null => *null,
                    _ => false,
                };
                found != *negate
            }
            Check::InRanges { ranges, null, negate } => {
                let found = if cell.is_null() {
                    *null
                } else {
                    ranges.iter().any(|(start, end)| {
                        cell.compare(start, false).is_some_and(Ordering::is_ge)
                            && cell.compare(end, false).is_some_and(Ordering::is_lt)
                    })
                };
                found != *negate
            }
            Check::Like(like) => matches!(cell, Cell::Text(text) if like.matches(text)),
            Check::Set { values, negate } => {
                let holds = matches!(cell, Cell::Text(text) if is_set(text, values));
                holds != *negate
            }
            Check::Sets { sets, null, negate } => {
                let holds = match cell {
                    Cell::Text(text) => sets.iter().any(|set| is_set(text, set)),
                    _ => *null,
                };
                holds != *negate
            }
            Check::Includes { sets, negate } => {
                let holds = match cell {
                    Cell::Text(text) => sets.iter().any(|set| set.iter().all(|v| selected(text, v))),
                    _ => false,
                };
                holds != *negate
            }
        }
    }
}

fn is_set(text: &str, values: &[String]) -> bool {
    text.split(';').all(|v| values.iter().any(|w| same_text(w, v))) && values.iter().all(|v| selected(text, v))
}

fn selected(text: &str, value: &str) -> bool {
    text.split(';').any(|v| same_text(v, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls() {
        let text = |op| Check::Compare { op, value: Const::Text("x".into()), case_sensitive: false };
        assert!(!text(Relation::Eq).holds(Cell::Null));
        assert!(text(Relation::Ne).holds(Cell::Null));
        assert!(!text(Relation::Lt).holds(Cell::Null));
        assert!(!Check::Bool(true).holds(Cell::Null));
        assert!(Check::Bool(false).holds(Cell::Null));
        let within = |null, negate| Check::In {
            values: vec![Const::Text("a".into()), Const::Text("x".into())],
            null,
            negate,
            case_sensitive: false,
        };
        assert!(within(true, false).holds(Cell::Null));
        assert!(!within(false, false).holds(Cell::Null));
        assert!(within(false, true).holds(Cell::Null));
        assert!(within(false, false).holds(Cell::Text("X")));
        assert!(!within(false, true).holds(Cell::Text("A")));
    }

    #[test]
    fn ranges() {
        let range = |op| Check::Range { op, start: Const::DateTime(10), end: Const::DateTime(20) };
        for (op, expected) in [
            (Relation::Eq, [false, true, true, false]),
            (Relation::Ne, [true, false, false, true]),
            (Relation::Lt, [true, false, false, false]),
            (Relation::Le, [true, true, true, false]),
            (Relation::Gt, [false, false, false, true]),
            (Relation::Ge, [false, true, true, true]),
        ] {
            assert_eq!([9, 10, 19, 20].map(|ms| range(op).holds(Cell::DateTime(ms))), expected, "{op:?}");
        }
    }

    #[test]
    fn multi_select() {
        let set = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        let includes = Check::Includes { sets: vec![set(&["A", "B"]), set(&["C"])], negate: false };
        for (text, expected) in [("A;B", true), ("b;x;a", true), ("A", false), ("C;D", true), ("AB", false)] {
            assert_eq!(includes.holds(Cell::Text(text)), expected, "{text}");
        }
        let exact = Check::Set { values: set(&["A", "B"]), negate: false };
        for (text, expected) in [("A;B", true), ("B;A", true), ("A", false), ("A;B;C", false)] {
            assert_eq!(exact.holds(Cell::Text(text)), expected, "{text}");
        }
    }
}
