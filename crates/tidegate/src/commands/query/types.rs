//! What the columns of a result are: from the SELECT list and the describes of the objects it reaches.

use serde_json::{Map, Value};
use tidegate_client::{Client, Describe, DescribeField, Error};
use tidegate_soql::ast::{Argument, FieldPath, Function, Query, SelectItem};

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Boolean,
    Int,
    /// A whole number of any size.
    Long,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Double,
    Date,
    DateTime,
    Time,
    /// Children, addresses: JSON text.
    Json,
}

/// The most digits of a decimal number in files that others read.
const DIGITS_MAX: u32 = 38;
/// Digits that a decimal has at least: values larger than their field's describe allows exist, and up to 18 digits take
/// the same room. The digits after the point are those of the describe.
const DIGITS_MIN: u32 = 18;

impl Type {
    fn of(field: &DescribeField) -> Type {
        match field.kind.as_str() {
            "boolean" => Type::Boolean,
            "int" => Type::Int,
            "long" => Type::Long,
            "double" | "currency" | "percent"
                if (1..=DIGITS_MAX).contains(&field.precision) && field.scale <= field.precision =>
            {
                Type::Decimal { precision: field.precision.max(DIGITS_MIN) as u8, scale: field.scale as u8 }
            }
            "double" | "currency" | "percent" => Type::Double,
            "date" => Type::Date,
            "datetime" => Type::DateTime,
            "time" => Type::Time,
            "address" | "location" | "complexvalue" => Type::Json,
            _ => Type::Text,
        }
    }

    /// A value of Bulk CSV, which is all text; empty is null.
    pub(super) fn value(self, text: &str) -> Value {
        match self {
            _ if text.is_empty() => Value::Null,
            Type::Boolean => match text {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => text.into(),
            },
            Type::Int | Type::Long | Type::Decimal { .. } | Type::Double => {
                text.parse::<serde_json::Number>().map_or_else(|_| text.into(), Value::Number)
            }
            // As the REST API writes it.
            Type::DateTime => match text.strip_suffix('Z') {
                Some(time) => format!("{time}+0000").into(),
                None => text.into(),
            },
            _ => text.into(),
        }
    }
}

/// A column: where its value is in a record, what it is called, what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) path: Vec<String>,
    pub(super) ty: Type,
}

impl Column {
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }
}

/// Looks objects up, each once.
pub(super) struct Types<'a> {
    client: &'a Client,
    known: Vec<Describe>,
}

impl<'a> Types<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client, known: Vec::new() }
    }

    async fn object(&mut self, name: &str) -> Result<Option<&Describe>, Error> {
        let place = match self.known.iter().position(|known| known.name.eq_ignore_ascii_case(name)) {
            Some(place) => place,
            None => match self.client.describe(name).await {
                Ok(describe) => {
                    self.known.push(describe);
                    self.known.len() - 1
                }
                // Objects that have no describe of their own, such as `Name`.
                Err(error) if error.status() == Some(404) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        Ok(self.known.get(place))
    }

    /// The type of a field by its path; text where it is not known.
    pub(super) async fn of_path(&mut self, object: &str, path: &[String]) -> Result<Type, Error> {
        let Some((leaf, parents)) = path.split_last() else { return Ok(Type::Text) };
        let mut objects = vec![object.to_owned()];
        for parent in parents {
            let mut next = Vec::new();
            for name in &objects {
                let Some(describe) = self.object(name).await? else { continue };
                let field = describe.fields.iter().find(|field| {
                    field.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(parent))
                });
                next.extend(field.into_iter().flat_map(|field| field.reference_to.iter().cloned()));
                // A part of an address or a place.
                if let Some(compound) = describe.field(parent).filter(|field| Type::of(field) == Type::Json) {
                    let is_number = leaf.ends_with("itude") && compound.name.eq_ignore_ascii_case(parent);
                    return Ok(if is_number { Type::Double } else { Type::Text });
                }
            }
            objects = next;
        }
        for name in objects {
            if let Some(field) = self.object(&name).await?.and_then(|describe| describe.field(leaf)) {
                return Ok(Type::of(field));
            }
        }
        Ok(Type::Text)
    }

    /// The columns of a query; `None` where its text does not tell them (`FIELDS()`, ROLLUP).
    pub(super) async fn columns(&mut self, query: &Query, flat: bool) -> Result<Option<Vec<Column>>, Error> {
        let mut columns = Vec::new();
        let object = query.from.object.dotted();
        Ok(self.add(query, &object, &[], flat, &mut columns).await?.then_some(columns))
    }

    async fn add(
        &mut self,
        query: &Query,
        object: &str,
        prefix: &[String],
        flat: bool,
        columns: &mut Vec<Column>,
    ) -> Result<bool, Error> {
        let is_grouped = is_grouped(query);
        let mut unnamed = 0;
        for item in &query.select {
            let (names, ty) = match item {
                SelectItem::Field(path, alias) => {
                    let names = without_alias(path, query);
                    let ty = self.of_path(object, &names).await?;
                    match (is_grouped, alias, names.last()) {
                        (true, Some(alias), _) => (vec![alias.text.clone()], ty),
                        (true, None, Some(last)) => (vec![last.clone()], ty),
                        _ => (names, ty),
                    }
                }
                SelectItem::Function(function, alias) => {
                    let ty = self.of_function(query, object, function).await?;
                    let name = match (alias, argument(function)) {
                        (Some(alias), _) => alias.text.clone(),
                        // toLabel(f) and the like keep the field's name.
                        (None, Some(path)) if !is_grouped => {
                            columns.push(Column { path: joined(prefix, without_alias(path, query)), ty });
                            continue;
                        }
                        (None, _) => {
                            unnamed += 1;
                            format!("expr{}", unnamed - 1)
                        }
                    };
                    (vec![name], ty)
                }
                SelectItem::Subquery(inner) => {
                    let Some(name) = inner.from.object.segments.last().map(|name| name.text.clone()) else { continue };
                    let path = joined(prefix, vec![name.clone()]);
                    if flat {
                        let child = self.child_of(object, &name).await?;
                        if !Box::pin(self.add(inner, &child, &path, flat, columns)).await? {
                            return Ok(false);
                        }
                        continue;
                    }
                    (vec![name], Type::Json)
                }
                SelectItem::TypeOf(of) => {
                    (of.relationship.segments.iter().map(|name| name.text.clone()).collect(), Type::Json)
                }
                SelectItem::Count(_) => (vec!["count".to_owned()], Type::Long),
                SelectItem::Fields(..) => return Ok(false),
            };
            columns.push(Column { path: joined(prefix, names), ty });
        }
        Ok(true)
    }

    async fn child_of(&mut self, object: &str, relationship: &str) -> Result<String, Error> {
        let describe = self.object(object).await?;
        let child = describe.and_then(|describe| {
            describe
                .child_relationships
                .iter()
                .find(|child| child.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(relationship)))
        });
        Ok(child.map_or_else(|| relationship.to_owned(), |child| child.child_object.clone()))
    }

    async fn of_function(&mut self, query: &Query, object: &str, function: &Function) -> Result<Type, Error> {
        let name = function.name.text.to_ascii_uppercase();
        let of_field = match argument(function) {
            Some(path) => self.of_path(object, &without_alias(path, query)).await?,
            None => Type::Text,
        };
        Ok(match (name.as_str(), of_field) {
            ("COUNT" | "COUNT_DISTINCT", _) => Type::Long,
            ("MIN" | "MAX", ty) => ty,
            ("SUM", Type::Decimal { scale, .. }) => Type::Decimal { precision: DIGITS_MAX as u8, scale },
            ("SUM", Type::Int | Type::Long) => Type::Long,
            ("CONVERTCURRENCY", _) | ("SUM" | "AVG" | "DISTANCE", _) => Type::Double,
            ("DAY_ONLY", _) => Type::Date,
            ("GROUPING", _) => Type::Int,
            (name, _)
                if ["CALENDAR_", "FISCAL_", "DAY_IN_", "WEEK_IN_", "HOUR_IN_"]
                    .iter()
                    .any(|start| name.starts_with(start)) =>
            {
                Type::Int
            }
            _ => Type::Text,
        })
    }
}

fn argument(function: &Function) -> Option<&FieldPath> {
    match function.arguments.first() {
        Some(Argument::Field(path)) => Some(path),
        Some(Argument::Function(inner)) => argument(inner),
        _ => None,
    }
}

fn joined(prefix: &[String], names: Vec<String>) -> Vec<String> {
    prefix.iter().cloned().chain(names).collect()
}

fn is_grouped(query: &Query) -> bool {
    const AGGREGATES: [&str; 6] = ["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"];
    query.group_by.is_some()
        || query.select.iter().any(|item| {
            matches!(item, SelectItem::Function(function, _)
                if AGGREGATES.iter().any(|name| name.eq_ignore_ascii_case(&function.name.text)))
        })
}

/// `c.Account.Name` of `FROM Contact c` is `Account.Name` in the answer.
pub(super) fn without_alias(path: &FieldPath, query: &Query) -> Vec<String> {
    let names: Vec<String> = path.segments.iter().map(|name| name.text.clone()).collect();
    let own = query.from.alias.iter().chain(query.from.object.segments.last());
    match names.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && own.into_iter().any(|name| name.text.eq_ignore_ascii_case(first)) => {
            rest.to_vec()
        }
        _ => names,
    }
}

/// A row of Bulk CSV as the REST API would give it: typed values, parents as objects.
pub(super) fn record<'a>(columns: &[Column], cells: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    let mut record = Map::new();
    for (column, text) in columns.iter().zip(cells) {
        put(&mut record, &column.path, column.ty.value(text));
    }
    record.values_mut().for_each(null_where_empty);
    record
}

fn put(record: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        record.insert(first.clone(), value);
    } else if let Value::Object(parent) = record.entry(first.clone()).or_insert_with(|| Value::Object(Map::new())) {
        put(parent, rest, value);
    }
}

/// A parent without any value is a missing one: CSV does not tell them apart.
fn null_where_empty(value: &mut Value) {
    if let Value::Object(parent) = value {
        parent.values_mut().for_each(null_where_empty);
        if parent.values().all(Value::is_null) {
            *value = Value::Null;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_becomes_what_it_is() {
        for (ty, text, value) in [
            (Type::Text, "012", json!("012")),
            (Type::Text, "", Value::Null),
            (Type::Boolean, "true", json!(true)),
            (Type::Int, "12", json!(12)),
            (Type::DateTime, "2026-01-02T03:04:05.000Z", json!("2026-01-02T03:04:05.000+0000")),
            (Type::Int, "many", json!("many")),
        ] {
            assert_eq!(ty.value(text), value);
        }
        let exact = Type::Decimal { precision: 18, scale: 2 }.value("1234567890123456.780");
        assert_eq!(exact.to_string(), "1234567890123456.780");
    }

    #[test]
    fn parents_are_objects_again() {
        let column = |path: &str, ty| Column { path: path.split('.').map(str::to_owned).collect(), ty };
        let columns = [
            column("Id", Type::Text),
            column("A.B.C", Type::Int),
            column("A.D", Type::Text),
            column("E.F", Type::Text),
        ];
        let row = record(&columns, ["1", "2", "", ""].into_iter());
        assert_eq!(Value::Object(row), json!({"Id": "1", "A": {"B": {"C": 2}, "D": null}, "E": null}));
    }
}
