//! Paging by id: `Id > last` instead of the org's cursor.

use tidegate_soql::ast::{
    self, Comparison, Condition, Count, Direction, FieldPath, Literal, Name, Operand, Operator, OrderItem, Right,
    SelectItem, Span, Value,
};

use super::Query;
use crate::error::Error;

/// Rows that one query of a reading by id asks for.
const ROWS: u64 = 2000;

/// A query in the order of ids that can be asked again from any id on.
#[derive(Clone, Debug)]
pub(crate) struct Keyset {
    query: Query,
    parsed: ast::Query,
    limit: Option<u64>,
    /// Rows of each query, where each page is one.
    rows: Option<u64>,
    hides_id: bool,
}

impl Keyset {
    /// Of a query that is ordered by its ids already, to go on when its cursor is gone.
    pub(crate) fn of_ordered(query: &Query) -> Option<Keyset> {
        let parsed = query.parsed()?;
        if !is_by_id(&parsed) || !is_plain(&parsed) || parsed.offset.is_some() || !selects_id(&parsed) {
            return None;
        }
        let limit = number(parsed.limit.as_ref());
        Some(Keyset { query: query.clone(), parsed, limit, rows: None, hides_id: false })
    }

    /// Of a query that is to be read so.
    pub(crate) fn of(query: &Query) -> Result<Keyset, Error> {
        let refuse = |why: &str| Error::config(format!("this query cannot be read by id: {why}"));
        let mut parsed = query.parsed().ok_or_else(|| refuse("its text is not understood"))?;
        if !is_plain(&parsed) {
            return Err(refuse("it groups or aggregates"));
        }
        if parsed.offset.is_some() {
            return Err(refuse("it has an OFFSET"));
        }
        if !parsed.order_by.is_empty() && !is_by_id(&parsed) {
            return Err(refuse("it has an ORDER BY of its own"));
        }
        parsed.order_by = vec![by_id()];
        let hides_id = !selects_id(&parsed);
        if hides_id {
            parsed.select.push(SelectItem::Field(path(&["Id"]), None));
        }
        let limit = number(parsed.limit.as_ref());
        Ok(Keyset { query: query.clone(), parsed, limit, rows: Some(ROWS), hides_id })
    }

    pub(crate) fn hides_id(&self) -> bool {
        self.hides_id
    }

    /// Whether there may be rows after a query that gave this many.
    pub(crate) fn has_more(&self, rows: u64) -> bool {
        self.rows.is_some_and(|asked| rows >= asked)
    }

    /// The query for what comes after an id, when this many rows were read; `None` when that is enough.
    pub(crate) fn after(&self, last: Option<&str>, read: u64) -> Option<Query> {
        let mut parsed = self.parsed.clone();
        let left = self.limit.map(|limit| limit.saturating_sub(read));
        if left == Some(0) && read > 0 {
            return None;
        }
        let rows = match (self.rows, left) {
            (Some(rows), Some(left)) => Some(rows.min(left)),
            (rows, left) => rows.or(left),
        };
        parsed.limit = rows.map(|rows| Count::Number(rows, Span::default()));
        if let Some(last) = last {
            let last = Literal::String(last.to_owned());
            and(&mut parsed, compare(path(&["Id"]), Operator::Gt, value(last)));
        }
        Some(self.query.with_soql(parsed.to_string()))
    }
}

/// Neither groups nor aggregates: each row is a record.
pub(super) fn is_plain(query: &ast::Query) -> bool {
    query.group_by.is_none()
        && query.having.is_none()
        && !query.select.iter().any(|item| match item {
            SelectItem::Count(_) => true,
            SelectItem::Function(function, _) => is_aggregate(&function.name.text),
            _ => false,
        })
}

pub(super) fn is_aggregate(name: &str) -> bool {
    ["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "GROUPING"].iter().any(|a| a.eq_ignore_ascii_case(name))
}

/// Ordered by `Id` alone, upwards.
pub(super) fn is_by_id(query: &ast::Query) -> bool {
    matches!(
        query.order_by.as_slice(),
        [OrderItem { key: Operand::Field(path), direction: None | Some(Direction::Asc), .. }]
            if own(query, path).is_some_and(|name| name.eq_ignore_ascii_case("Id"))
    )
}

pub(super) fn selects_id(query: &ast::Query) -> bool {
    query.select.iter().any(|item| {
        matches!(item, SelectItem::Field(path, _) if own(query, path).is_some_and(|name| name.eq_ignore_ascii_case("Id")))
    })
}

/// The field's name where a path is a field of the object itself, with or without its name or alias before it.
pub(super) fn own<'a>(query: &ast::Query, path: &'a FieldPath) -> Option<&'a str> {
    match relative(query, path) {
        [field] => Some(field.text.as_str()),
        _ => None,
    }
}

/// A path without the object's own name or alias before it.
pub(super) fn relative<'a>(query: &ast::Query, path: &'a FieldPath) -> &'a [Name] {
    let mut own = query.from.alias.iter().chain(query.from.object.segments.last());
    match path.segments.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && own.any(|name| name.text.eq_ignore_ascii_case(&first.text)) => rest,
        all => all,
    }
}

pub(super) fn number(count: Option<&Count>) -> Option<u64> {
    match count {
        Some(Count::Number(number, _)) => Some(*number),
        _ => None,
    }
}

pub(super) fn by_id() -> OrderItem {
    OrderItem { key: Operand::Field(path(&["Id"])), direction: None, nulls: None }
}

pub(super) fn path(names: &[&str]) -> FieldPath {
    FieldPath { segments: names.iter().map(|name| Name { text: (*name).to_owned(), span: Span::default() }).collect() }
}

pub(super) fn value(literal: Literal) -> Right {
    Right::Value(Value { literal, span: Span::default() })
}

pub(super) fn compare(left: FieldPath, operator: Operator, right: Right) -> Condition {
    Condition::Compare(Comparison { left: Operand::Field(left), operator, right, span: Span::default() })
}

/// Adds a condition.
pub(super) fn and(query: &mut ast::Query, condition: Condition) {
    query.condition = Some(match query.condition.take() {
        None => condition,
        Some(Condition::And(mut all)) => {
            all.push(condition);
            Condition::And(all)
        }
        Some(other) => Condition::And(vec![other, condition]),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(soql: &str, last: Option<&str>, read: u64) -> Option<String> {
        Keyset::of(&Query::new(soql)).unwrap().after(last, read).map(|query| query.soql)
    }

    #[test]
    fn goes_on_after_the_last_id() {
        assert_eq!(
            after("SELECT Name FROM A a WHERE x = 1 OR y = 2", Some("001"), 2000).unwrap(),
            "SELECT Name, Id FROM A a WHERE (x = 1 OR y = 2) AND Id > '001' ORDER BY Id LIMIT 2000"
        );
        assert_eq!(
            after("SELECT a.id FROM A a ORDER BY a.Id ASC LIMIT 2500", Some("001"), 2000).unwrap(),
            "SELECT a.id FROM A a WHERE Id > '001' ORDER BY Id LIMIT 500"
        );
        assert_eq!(after("SELECT Id FROM A LIMIT 2000", Some("001"), 2000), None);
        assert_eq!(after("SELECT Id FROM A LIMIT 0", None, 0).unwrap(), "SELECT Id FROM A ORDER BY Id LIMIT 0");
    }

    #[test]
    fn only_what_has_one_order_of_ids() {
        for soql in [
            "SELECT Id FROM A ORDER BY Name",
            "SELECT Id FROM A ORDER BY Id DESC",
            "SELECT Id FROM A LIMIT 5 OFFSET 5",
            "SELECT COUNT() FROM A",
            "SELECT MAX(Id) FROM A",
            "SELECT a FROM A GROUP BY a",
        ] {
            assert!(Keyset::of(&Query::new(soql)).is_err(), "{soql}");
            assert!(Keyset::of_ordered(&Query::new(soql)).is_none(), "{soql}");
        }
        assert!(Keyset::of_ordered(&Query::new("SELECT Id FROM A")).is_none());
        assert!(Keyset::of_ordered(&Query::new("SELECT Name FROM A ORDER BY Id")).is_none());
        assert!(Keyset::of_ordered(&Query::new("SELECT Id FROM A ORDER BY Id")).is_some());
    }
}
