//! Records as flat rows: what a table, a CSV file or a data frame takes.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt, ready};
use serde_json::{Map, Value};
use tidegate_soql::ast::{self, SelectItem};

use super::{Record, RecordStream, keyset::relative};
use crate::error::Error;

/// How records become flat rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten {
    /// A parent without children gives a row too, in which the children's columns are null.
    pub keep_childless: bool,
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten { keep_childless: true }
    }
}

/// The dotted columns that a SELECT list names and the names of its subqueries, so that a missing parent or child hides
/// no column.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    columns: Vec<String>,
    children: Vec<String>,
}

impl Shape {
    pub(super) fn of(query: &ast::Query) -> Shape {
        let mut shape = Shape::default();
        shape.add(query, "");
        shape
    }

    fn add(&mut self, query: &ast::Query, prefix: &str) {
        for item in &query.select {
            match item {
                SelectItem::Field(path, None) if query.group_by.is_none() => {
                    let names: Vec<&str> = relative(query, path).iter().map(|name| name.text.as_str()).collect();
                    self.columns.push(joined(prefix, &names.join(".")));
                }
                SelectItem::Subquery(inner) => {
                    let name = inner.from.object.segments.last().map_or("", |name| name.text.as_str());
                    let path = joined(prefix, name);
                    self.add(inner, &path);
                    self.children.push(path);
                }
                _ => {}
            }
        }
    }

    fn is_children(&self, path: &str) -> bool {
        self.children.iter().any(|child| child.eq_ignore_ascii_case(path))
    }
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// A record as flat rows: fields of parents as `Account.Name`, one row for each child (`Contacts.LastName`) with the
/// parent's columns repeated. Addresses and places stay one value. Children of several subqueries stand below each other, never multiplied.
pub fn flatten(record: Record, how: Flatten) -> Vec<Record> {
    rows_of(record, how, &Shape::default())
}

fn rows_of(record: Record, how: Flatten, shape: &Shape) -> Vec<Record> {
    let mut rows = Vec::new();
    let had_children = walk("", record, Map::new(), shape, &mut rows);
    if !had_children && !how.keep_childless && !shape.children.is_empty() {
        rows.clear();
    }
    for row in &mut rows {
        complete(row, shape);
    }
    rows
}

/// Adds the rows of a record below the columns of its parents; tells whether it had children.
fn walk(prefix: &str, record: Record, base: Record, shape: &Shape, rows: &mut Vec<Record>) -> bool {
    let mut row = base;
    let mut sets = Vec::new();
    spread(prefix, record, shape, &mut row, &mut sets);
    let mut had_children = false;
    for (path, records) in sets {
        for child in records {
            if let Value::Object(child) = child {
                had_children = true;
                walk(&path, child, row.clone(), shape, rows);
            }
        }
    }
    if !had_children {
        rows.push(row);
    }
    had_children
}

fn spread(prefix: &str, record: Record, shape: &Shape, row: &mut Record, sets: &mut Vec<(String, Vec<Value>)>) {
    for (name, value) in record {
        let path = joined(prefix, &name);
        match value {
            _ if name == "attributes" => {}
            Value::Object(mut nested) if nested.get("records").is_some_and(Value::is_array) => {
                if let Some(Value::Array(records)) = nested.get_mut("records").map(Value::take) {
                    sets.push((path, records));
                }
            }
            // A parent; an address or a place is one value, and has no attributes.
            Value::Object(nested) if nested.contains_key("attributes") => spread(&path, nested, shape, row, sets),
            Value::Null if shape.is_children(&path) => {}
            value => {
                row.insert(path, value);
            }
        }
    }
}

/// Gives a row every column that the query names.
fn complete(row: &mut Record, shape: &Shape) {
    for column in &shape.columns {
        if row.keys().any(|key| key.eq_ignore_ascii_case(column)) {
            continue;
        }
        // A parent that is null stands where its fields would.
        let parents: Vec<usize> = column.match_indices('.').map(|(at, _)| at).collect();
        let null_parent = parents.into_iter().find_map(|at| {
            let parent = column.get(..at)?;
            row.iter().find(|(key, value)| value.is_null() && key.eq_ignore_ascii_case(parent)).map(|(key, _)| key)
        });
        let null_parent = null_parent.cloned();
        row.insert(column.clone(), Value::Null);
        if let Some(parent) = null_parent
            && !shape.columns.iter().any(|column| column.eq_ignore_ascii_case(&parent))
        {
            // It may hide several columns; its own place is needed until the last of them is there.
            let others = shape.columns.iter().any(|other| {
                let starts = other.get(..parent.len()).is_some_and(|start| start.eq_ignore_ascii_case(&parent));
                starts
                    && other.as_bytes().get(parent.len()) == Some(&b'.')
                    && !row.keys().any(|key| key.eq_ignore_ascii_case(other))
            });
            if !others {
                row.shift_remove(&parent);
            }
        }
    }
}

/// The flat rows of a query.
#[must_use = "a stream does nothing until it is read"]
#[derive(Debug)]
pub struct FlatStream {
    records: RecordStream,
    how: Flatten,
    shape: Shape,
    rows: VecDeque<Record>,
}

impl FlatStream {
    pub(super) fn new(records: RecordStream, how: Flatten, query: Option<&ast::Query>) -> FlatStream {
        FlatStream { records, how, shape: query.map(Shape::of).unwrap_or_default(), rows: VecDeque::new() }
    }

    /// All matching parents, as [`RecordStream::total_size`].
    pub fn total_size(&self) -> Option<u64> {
        self.records.total_size()
    }
}

impl Stream for FlatStream {
    type Item = Result<Record, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(row) = this.rows.pop_front() {
                return Poll::Ready(Some(Ok(row)));
            }
            match ready!(this.records.poll_next_unpin(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(record)) => this.rows = rows_of(record, this.how, &this.shape).into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(soql: &str, record: Value, keep_childless: bool) -> Value {
        let shape = Shape::of(&tidegate_soql::parse(soql).unwrap());
        let rows = rows_of(record.as_object().unwrap().clone(), Flatten { keep_childless }, &shape);
        Value::Array(rows.into_iter().map(Value::Object).collect())
    }

    const SOQL: &str = "SELECT Name, Owner.Name, Owner.Profile.Name, (SELECT LastName, Owner.Name, (SELECT Id FROM Cases) FROM Contacts), (SELECT Amount FROM Opportunities) FROM Account";

    #[test]
    fn children_become_rows_and_parents_columns() {
        let record = json!({"attributes": {"type": "Account"}, "Name": "Acme",
            "Owner": {"attributes": {}, "Name": "Ann", "Profile": {"attributes": {}, "Name": "Admin"}},
            "Contacts": {"totalSize": 2, "done": true, "records": [
                {"attributes": {}, "LastName": "Ng", "Owner": null, "Cases": {"records": [{"Id": "1"}, {"Id": "2"}]}},
                {"LastName": "Ito", "Owner": {"attributes": {}, "Name": "Bob"}, "Cases": null}]},
            "Opportunities": {"records": [{"Amount": 1.50}]}});
        let all = rows(SOQL, record, true);
        let names = |row: &Value| {
            (row["Contacts.LastName"].clone(), row["Contacts.Cases.Id"].clone(), row["Opportunities.Amount"].clone())
        };
        let told: Vec<_> = all.as_array().unwrap().iter().map(names).collect();
        assert_eq!(
            told,
            [
                (json!("Ng"), json!("1"), Value::Null),
                (json!("Ng"), json!("2"), Value::Null),
                (json!("Ito"), Value::Null, Value::Null),
                (Value::Null, Value::Null, json!(1.50)),
            ]
        );
        for row in all.as_array().unwrap() {
            assert_eq!((&row["Name"], &row["Owner.Profile.Name"]), (&json!("Acme"), &json!("Admin")));
            let mut keys: Vec<&String> = row.as_object().unwrap().keys().collect();
            keys.sort();
            assert_eq!(
                keys,
                [
                    "Contacts.Cases.Id",
                    "Contacts.LastName",
                    "Contacts.Owner.Name",
                    "Name",
                    "Opportunities.Amount",
                    "Owner.Name",
                    "Owner.Profile.Name"
                ]
            );
        }
    }

    #[test]
    fn the_childless_stay_unless_told_otherwise() {
        let record = json!({"Name": "Acme", "Owner": null, "Contacts": null, "Opportunities": null});
        let row = json!([{"Name": "Acme", "Owner.Name": null, "Owner.Profile.Name": null, "Contacts.LastName": null,
            "Contacts.Owner.Name": null, "Contacts.Cases.Id": null, "Opportunities.Amount": null}]);
        assert_eq!(rows(SOQL, record.clone(), true), row);
        assert_eq!(rows(SOQL, record, false), json!([]));
        let plain = json!({"Name": "x"});
        assert_eq!(rows("SELECT Name FROM A", plain, false), json!([{"Name": "x"}]));
    }
}
