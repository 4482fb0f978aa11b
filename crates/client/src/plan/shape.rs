//! What of a query decides how it can be asked.

use tidegate_soql::ast::{Argument, Count, FieldSet, Function, Query, SelectItem};

/// A query as far as a plan is concerned.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) object: String,
    /// Fields of the object itself; those of parents are in `others`.
    pub(super) fields: Vec<String>,
    /// `FIELDS(…)`.
    pub(super) all_fields: bool,
    /// Columns that are no field of the object itself.
    pub(super) others: usize,
    /// Why only REST can do it.
    pub(super) only_rest: Vec<String>,
    pub(super) in_one_piece: bool,
    /// No more rows than this.
    pub(super) limit: Option<u64>,
    /// One row only, or a row for each group.
    pub(super) aggregate: bool,
    /// Whether rows are left out by a condition.
    pub(super) filtered: bool,
}

pub(super) fn shape(query: &Query) -> Shape {
    let mut shape = Shape {
        object: query.from.object.dotted(),
        in_one_piece: !query.order_by.is_empty() || query.limit.is_some(),
        limit: match &query.limit {
            Some(Count::Number(n, _)) => Some(*n),
            _ => None,
        },
        filtered: query.condition.is_some() || query.scope.is_some() || query.with.is_some() || query.lookup.is_some(),
        ..Shape::default()
    };
    let mut no = |what: &str| {
        if !shape.only_rest.iter().any(|known| known == what) {
            shape.only_rest.push(what.to_owned());
        }
    };
    let alias = query.from.alias.as_ref().map(|alias| alias.text.to_lowercase());
    for item in &query.select {
        match item {
            SelectItem::Field(path, _) => {
                let mut segments: Vec<&str> = path.segments.iter().map(|name| name.text.as_str()).collect();
                let first = segments.first().map(|first| first.to_lowercase());
                if segments.len() > 1 && (first == alias || first == Some(query.from.object.dotted().to_lowercase())) {
                    segments.remove(0);
                }
                match segments.as_slice() {
                    [field] => shape.fields.push((*field).to_owned()),
                    _ => shape.others += 1,
                }
            }
            SelectItem::Count(_) => {
                shape.aggregate = true;
                no("aggregates");
            }
            SelectItem::Function(function, _) => {
                shape.others += 1;
                if is_aggregate(function) {
                    shape.aggregate = true;
                    no("aggregates");
                }
            }
            SelectItem::Fields(set, _) => {
                shape.all_fields = true;
                if *set != FieldSet::Standard {
                    no("FIELDS(ALL) or FIELDS(CUSTOM)");
                }
            }
            SelectItem::Subquery(_) => {
                shape.others += 1;
                no("subqueries");
            }
            SelectItem::TypeOf(_) => {
                shape.others += 1;
                no("TYPEOF");
            }
        }
    }
    if query.group_by.is_some() {
        shape.aggregate = true;
        no("GROUP BY");
    }
    if query.offset.is_some() {
        no("OFFSET");
    }
    shape
}

fn is_aggregate(function: &Function) -> bool {
    const AGGREGATES: [&str; 6] = ["count", "count_distinct", "sum", "avg", "min", "max"];
    AGGREGATES.contains(&function.name.text.to_lowercase().as_str())
        || function
            .arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Function(inner) if is_aggregate(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(soql: &str) -> Shape {
        shape(&tidegate_soql::parse(soql).unwrap())
    }

    #[test]
    fn what_decides() {
        let plain = of("SELECT Id, c.Name, Account.Name FROM Contact c WHERE Name != null");
        assert_eq!((plain.object.as_str(), plain.fields.len(), plain.others), ("Contact", 2, 1));
        assert!(plain.only_rest.is_empty() && plain.filtered && !plain.in_one_piece);
        for (soql, no) in [
            ("SELECT COUNT() FROM Account", "aggregates"),
            ("SELECT MAX(Name) m FROM Account", "aggregates"),
            ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "subqueries"),
            ("SELECT Name FROM Account GROUP BY Name", "GROUP BY"),
            ("SELECT Id FROM Account LIMIT 5 OFFSET 2", "OFFSET"),
            ("SELECT TYPEOF What WHEN Account THEN Phone END FROM Event", "TYPEOF"),
        ] {
            assert_eq!(of(soql).only_rest, [no], "{soql}");
        }
        let limited = of("SELECT Id FROM Account ORDER BY Name LIMIT 10");
        assert_eq!((limited.limit, limited.in_one_piece), (Some(10), true));
        assert!(of("SELECT toLabel(Name) FROM Account").only_rest.is_empty());
    }
}
