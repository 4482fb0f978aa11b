//! Is the replica equal to the org? Read from the org's store and from the database's own tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tidegate_emulator::Org;
use tidegate_emulator::schema::{Field, FieldType, ObjectType};

use crate::canonical;

/// A failure to read one of the two sides.
pub type ReadError = Box<dyn std::error::Error + Send + Sync>;

/// A cell, a row or a column in which the two sides differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// API name of the object.
    pub object: String,
    /// The record, where it is about one.
    pub id: String,
    /// The field; empty where the whole row is on one side only.
    pub field: String,
    /// What the org holds.
    pub org: Option<String>,
    /// What the replica holds.
    pub replica: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| match value {
            None => "null".to_owned(),
            Some(text) if text.chars().count() > 80 => {
                format!("{:?}… ({} characters)", text.chars().take(80).collect::<String>(), text.chars().count())
            }
            Some(text) => format!("{text:?}"),
        };
        let field = if self.field.is_empty() { "the whole row" } else { &self.field };
        write!(f, "{} {} {field}: org {}, replica {}", self.object, self.id, shown(&self.org), shown(&self.replica))
    }
}

/// Rows of one object: id → values, in the order of the fields asked for.
pub type Rows = BTreeMap<String, Vec<Option<String>>>;

/// Whether a table has a column for this field: all have one but those put together from others and those that hold
/// files.
fn has_column(field: &Field) -> bool {
    !matches!(field.ty, FieldType::Address | FieldType::Location | FieldType::Base64 | FieldType::Complexvalue)
}

/// The fields whose values a replica of this object holds.
pub fn fields(object: &ObjectType) -> Vec<&Field> {
    object.fields.iter().filter(|field| has_column(field)).collect()
}

/// The live rows of an object.
pub fn org_rows(org: &Org, object: &str) -> Rows {
    let Some((id, facts)) = org.schema.find(object) else { return Rows::new() };
    let Some(table) = org.store.table(id) else { return Rows::new() };
    let places: Vec<_> = facts.enumerate().filter(|(_, field)| has_column(field)).map(|(at, _)| at).collect();
    table
        .live_rows()
        .map(|(id, row)| (id.to_string(), places.iter().map(|at| canonical::of_org(row.get_ref(*at))).collect()))
        .collect()
}

/// The rows of an object's table in a SQLite file, and the columns that it has beyond or lacks.
///
/// # Errors
/// The file cannot be opened, or has no such table.
pub fn sqlite_rows(file: &Path, object: &ObjectType) -> Result<(Rows, Vec<String>), ReadError> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let fields = fields(object);
    let mut columns = BTreeSet::new();
    let mut statement = connection.prepare(&format!("PRAGMA table_info(\"{}\")", object.name))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        columns.insert(row.get::<_, String>(1)?);
    }
    let wanted: BTreeSet<String> = fields.iter().map(|f| f.name.clone()).collect();
    let odd: Vec<String> = columns.symmetric_difference(&wanted).cloned().collect();
    let known: Vec<&&Field> = fields.iter().filter(|f| columns.contains(&f.name)).collect();
    let list: Vec<String> = known.iter().map(|f| format!("\"{}\"", f.name)).collect();
    let mut statement = connection.prepare(&format!("SELECT {} FROM \"{}\"", list.join(", "), object.name))?;
    let mut found = statement.query([])?;
    let mut rows = Rows::new();
    while let Some(row) = found.next()? {
        let mut values = vec![None; fields.len()];
        let mut at = 0;
        for (place, field) in values.iter_mut().zip(&fields) {
            if columns.contains(&field.name) {
                *place = canonical::of_sqlite(field.ty, row.get_ref(at)?);
                at += 1;
            }
        }
        insert(&mut rows, &fields, values);
    }
    Ok((rows, odd))
}

/// The rows of an object's table in a Postgres schema, and the columns that it has beyond or lacks.
///
/// # Errors
/// The server said no, or has no such table.
pub async fn postgres_rows(
    client: &tokio_postgres::Client,
    schema: &str,
    object: &ObjectType,
) -> Result<(Rows, Vec<String>), ReadError> {
    let table = object.name.to_lowercase();
    let fields = fields(object);
    let found = client
        .query(
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2",
            &[&schema, &table],
        )
        .await?;
    let columns: BTreeSet<String> = found.iter().map(|row| row.get(0)).collect();
    let wanted: BTreeSet<String> = fields.iter().map(|f| f.name.to_lowercase()).collect();
    let odd: Vec<String> = columns.symmetric_difference(&wanted).cloned().collect();
    let known: Vec<&&Field> = fields.iter().filter(|f| columns.contains(&f.name.to_lowercase())).collect();
    let list: Vec<String> = known.iter().map(|f| format!("\"{}\"::text", f.name.to_lowercase())).collect();
    client.batch_execute("SET TIME ZONE 'UTC'; SET DateStyle TO ISO").await?;
    let mut rows = Rows::new();
    for row in client.query(&format!("SELECT {} FROM \"{schema}\".\"{table}\"", list.join(", ")), &[]).await? {
        let mut values = vec![None; fields.len()];
        let mut at = 0;
        for (place, field) in values.iter_mut().zip(&fields) {
            if columns.contains(&field.name.to_lowercase()) {
                *place = canonical::of_postgres(field.ty, row.try_get::<_, Option<&str>>(at)?);
                at += 1;
            }
        }
        insert(&mut rows, &fields, values);
    }
    Ok((rows, odd))
}

fn insert(rows: &mut Rows, fields: &[&Field], values: Vec<Option<String>>) {
    let key = fields.iter().position(|f| f.name == "Id").and_then(|at| values.get(at).cloned().flatten());
    // Two rows of one id would hide each other.
    let mut id = key.unwrap_or_else(|| "(no id)".to_owned());
    while rows.contains_key(&id) {
        id.push_str(" again");
    }
    rows.insert(id, values);
}

/// Holds the two sides of one object against each other.
pub fn compare(object: &ObjectType, org: &Rows, replica: &Rows, odd_columns: &[String]) -> Vec<Difference> {
    let fields = fields(object);
    let difference = |id: &str, field: &str, org: Option<String>, replica: Option<String>| Difference {
        object: object.name.clone(),
        id: id.to_owned(),
        field: field.to_owned(),
        org,
        replica,
    };
    let mut found: Vec<Difference> = odd_columns.iter().map(|name| difference("(columns)", name, None, None)).collect();
    let ids: BTreeSet<&String> = org.keys().chain(replica.keys()).collect();
    for id in ids {
        match (org.get(id), replica.get(id)) {
            (Some(ours), Some(theirs)) => {
                for ((field, a), b) in fields.iter().zip(ours).zip(theirs) {
                    if a != b {
                        found.push(difference(id, &field.name, a.clone(), b.clone()));
                    }
                }
            }
            (Some(_), None) => found.push(difference(id, "", Some("has it".into()), Some("misses it".into()))),
            (None, _) => found.push(difference(id, "", Some("has it not".into()), Some("has it".into()))),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_found() {
        let mut object = ObjectType::new("Thing", "Thing", "Things", None);
        object.fields =
            vec![Field::new("Id", "Id", FieldType::Id, 18), Field::new("Name", "Name", FieldType::String, 9)];
        let row = |id: &str, name: Option<&str>| (id.to_owned(), vec![Some(id.to_owned()), name.map(str::to_owned)]);
        let org = Rows::from([row("1", Some("a")), row("2", Some("b")), row("3", None), row("5", None)]);
        let replica = Rows::from([row("1", Some("a")), row("2", Some("B")), row("4", None), row("5", Some(""))]);
        let found = compare(&object, &org, &replica, &["More".to_owned()]);
        let shown: Vec<(&str, &str)> = found.iter().map(|d| (d.id.as_str(), d.field.as_str())).collect();
        assert_eq!(shown, [("(columns)", "More"), ("2", "Name"), ("3", ""), ("4", ""), ("5", "Name")]);
        assert_eq!(found[1].to_string(), r#"Thing 2 Name: org "b", replica "B""#);
        assert!(compare(&object, &org, &org, &[]).is_empty());
    }
}
