//! The one border between Salesforce's words (object, field) and a database's (table, column).
//!
//! [`ObjectMap::new`] turns a describe into a table; [`plan()`] turns a change event into changes of that table.

mod feeds;
mod plan;

use tidegate_client::{Describe, DescribeField};

use crate::{Column, ColumnIndex, ColumnType, Table, TableId};

pub use feeds::Feeds;
pub use plan::{Binding, Plan, Planned, Step, plan};

/// An object and the table that replicates it.
#[derive(Debug, Clone)]
pub struct ObjectMap {
    /// The table.
    pub table: Table,
    /// For each column what the describe says beyond the type.
    pub facts: Vec<ColumnFacts>,
    /// The column by which changed records are found.
    pub stamp: Option<ColumnIndex>,
}

/// What is known of the field behind a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFacts {
    /// The compound field that this is a part of.
    pub compound: Option<String>,
    /// A formula or a roll-up: it changes without an event.
    pub calculated: bool,
    /// Whether it is put together from the parts of a person's name.
    pub person_name: bool,
}

/// Why an object cannot be replicated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// It has no ids of its own.
    #[error("{0} has no field Id")]
    NoId(String),
    /// The org does not let it be queried.
    #[error("{0} cannot be queried")]
    NotQueryable(String),
    /// More than a table number can count.
    #[error("{0} has more fields than a table can have columns")]
    TooManyFields(String),
}

impl ObjectMap {
    /// The table for an object: all its fields but compound ones (their parts are fields themselves) and binary ones
    /// (no query job carries them). `Id` comes first, then the order of the describe.
    ///
    /// # Errors
    /// The object has no `Id`, or cannot be queried.
    pub fn new(id: TableId, describe: &Describe) -> Result<Self, MappingError> {
        if !describe.queryable {
            return Err(MappingError::NotQueryable(describe.name.clone()));
        }
        let is_id = |f: &&DescribeField| f.kind == "id" && f.name.eq_ignore_ascii_case("Id");
        let key = describe.fields.iter().find(is_id).ok_or_else(|| MappingError::NoId(describe.name.clone()))?;
        let rest = describe.fields.iter().filter(|f| !is_id(f));
        let (columns, facts): (Vec<Column>, Vec<ColumnFacts>) =
            std::iter::once(key).chain(rest).filter_map(|f| column(f).map(|c| (c, column_facts(f)))).unzip();
        if columns.len() > usize::from(u16::MAX) {
            return Err(MappingError::TooManyFields(describe.name.clone()));
        }
        let table = Table { id, object: describe.name.clone(), columns };
        let stamp = ["SystemModstamp", "LastModifiedDate", "CreatedDate"]
            .iter()
            .find_map(|name| table.column(name).filter(|(_, c)| c.ty == ColumnType::DateTime))
            .map(|(i, _)| i);
        Ok(Self { table, facts, stamp })
    }

    /// The name of the field by which changed records are found.
    pub fn stamp_field(&self) -> Option<&str> {
        self.stamp.and_then(|i| self.table.columns.get(usize::from(i.0))).map(|c| c.field.as_str())
    }

    /// The column for a part of a compound field: `BillingAddress` and `Street` give `BillingStreet`; `Name` and
    /// `LastName` give `LastName`; `Depot__c` and `Latitude` give `Depot__Latitude__s`.
    pub fn part(&self, compound: &str, part: &str) -> Option<ColumnIndex> {
        let prefix = compound.strip_suffix("Address").unwrap_or(compound);
        let stem = compound.strip_suffix("__c").unwrap_or(compound);
        let names = [part.to_owned(), format!("{prefix}{part}"), format!("{stem}__{part}__s")];
        // Describe says which fields belong together; a part's own name would fit several addresses.
        let belongs = |facts: &ColumnFacts| facts.compound.as_deref().is_some_and(|c| c.eq_ignore_ascii_case(compound));
        let mut found = self.table.columns.iter().zip(&self.facts).enumerate().filter(|(_, (column, facts))| {
            belongs(facts) && names.iter().any(|n| n.eq_ignore_ascii_case(&column.field))
        });
        found.next().and_then(|(i, _)| u16::try_from(i).ok()).map(ColumnIndex)
    }
}

fn column_facts(field: &DescribeField) -> ColumnFacts {
    let extra = field.extra_type_info.as_deref().unwrap_or_default();
    ColumnFacts {
        compound: field.compound_field_name.clone(),
        calculated: field.calculated,
        person_name: field.name.eq_ignore_ascii_case("Name") && extra.eq_ignore_ascii_case("personname"),
    }
}

/// `None` for fields that no row can hold.
fn column(field: &DescribeField) -> Option<Column> {
    let small = |n: u32| u8::try_from(n).unwrap_or(u8::MAX);
    let ty = match field.kind.as_str() {
        "address" | "location" | "base64" | "complexvalue" => return None,
        "id" | "reference" => ColumnType::Id,
        "boolean" => ColumnType::Boolean,
        "int" | "long" => ColumnType::Integer,
        "double" | "currency" | "percent" => {
            ColumnType::Decimal { precision: small(field.precision), scale: small(field.scale) }
        }
        "date" => ColumnType::Date,
        "datetime" => ColumnType::DateTime,
        "time" => ColumnType::Time,
        // string, textarea, picklist, multipicklist, combobox, phone, url, email, encryptedstring, anyType, …: all
        // are written as text, and so is what a later version invents. Lists of records are not.
        _ if field.soap_type.starts_with("urn:") => return None,
        _ => ColumnType::Text { length: field.length },
    };
    Some(Column { field: field.name.clone(), ty })
}

#[cfg(test)]
mod tests;
