//! What a destination knows of an object: a table, its columns and their types.

use std::fmt;

/// A table's number within one pipeline: its place in the list given to [`crate::Destination::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u16);

/// A column's place in [`Table::columns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnIndex(pub u16);

/// A record's id in its 18-character form.
///
/// Order is that of the bytes, which is the order in which SOQL compares ids; a destination has to compare them the
/// same way (Postgres: `COLLATE "C"`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub String);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table that replicates one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its number.
    pub id: TableId,
    /// The object's API name, in describe's case.
    pub object: String,
    /// Columns. The first is always `Id`, the primary key.
    pub columns: Vec<Column>,
}

/// A column that replicates one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The field's API name, in describe's case. Destinations derive their column name from it.
    pub field: String,
    /// What it holds.
    pub ty: ColumnType,
}

/// What a column holds. Every column but `Id` can be null: a field that is required today may be empty in old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// An 18-character record id.
    Id,
    /// Text of at most so many characters; 0 where describe names no length. Multi-select picklists are text: `A;B`.
    Text {
        /// Characters, not bytes.
        length: u32,
    },
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// An exact decimal.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// An instant.
    DateTime,
}

impl Table {
    /// The column for this field, whatever the case.
    pub fn column(&self, field: &str) -> Option<(ColumnIndex, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .find(|(_, c)| c.field.eq_ignore_ascii_case(field))
            .map(|(i, c)| (ColumnIndex(i as u16), c))
    }
}
