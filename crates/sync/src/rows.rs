//! Rows by column: the shape in which a page of a snapshot is decoded once and handed to the destination.

use rust_decimal::Decimal;

use crate::Cell;

/// Some rows of one table, by column; every column holds as many values as there are rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowBatch {
    /// How many rows.
    pub rows: usize,
    /// In the table's column order.
    pub columns: Vec<ColumnData>,
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Ids and text.
    Text(TextColumn),
    /// True or false.
    Boolean(Vec<Option<bool>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Exact decimals.
    Decimal(Vec<Option<Decimal>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
    /// Milliseconds since midnight.
    Time(Vec<Option<i32>>),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    DateTime(Vec<Option<i64>>),
}

/// Texts end to end in one buffer. A null is an empty stretch: Salesforce keeps no empty text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextColumn {
    data: String,
    /// Where each text ends; one entry a row.
    ends: Vec<u32>,
}

/// A value of a batch, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the variants are those of `Cell`")]
pub enum CellRef<'a> {
    Null,
    Text(&'a str),
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Date(i32),
    Time(i32),
    DateTime(i64),
}

impl TextColumn {
    /// Empty, with room.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { data: String::with_capacity(bytes), ends: Vec::with_capacity(rows) }
    }
    /// Adds a text; empty for null.
    pub fn push(&mut self, text: &str) {
        self.data.push_str(text);
        self.ends.push(u32::try_from(self.data.len()).expect("a batch holds less than 4 GiB"));
    }
    /// The text of a row; `None` where it is null.
    pub fn get(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let text = &self.data[start..self.ends[row] as usize];
        (!text.is_empty()).then_some(text)
    }
    /// How many rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// Bytes of text held.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }
}

impl RowBatch {
    /// The value at this place.
    pub fn cell(&self, row: usize, column: usize) -> CellRef<'_> {
        fn or<'a, T: Copy>(v: Option<T>, f: impl Fn(T) -> CellRef<'a>) -> CellRef<'a> {
            v.map_or(CellRef::Null, f)
        }
        match &self.columns[column] {
            ColumnData::Text(c) => c.get(row).map_or(CellRef::Null, CellRef::Text),
            ColumnData::Boolean(c) => or(c[row], CellRef::Boolean),
            ColumnData::Integer(c) => or(c[row], CellRef::Integer),
            ColumnData::Decimal(c) => or(c[row], CellRef::Decimal),
            ColumnData::Date(c) => or(c[row], CellRef::Date),
            ColumnData::Time(c) => or(c[row], CellRef::Time),
            ColumnData::DateTime(c) => or(c[row], CellRef::DateTime),
        }
    }
}

impl CellRef<'_> {
    /// An owned copy.
    pub fn to_cell(self) -> Cell {
        match self {
            Self::Null => Cell::Null,
            Self::Text(t) => Cell::Text(t.to_owned()),
            Self::Boolean(b) => Cell::Boolean(b),
            Self::Integer(i) => Cell::Integer(i),
            Self::Decimal(d) => Cell::Decimal(d),
            Self::Date(d) => Cell::Date(d),
            Self::Time(t) => Cell::Time(t),
            Self::DateTime(t) => Cell::DateTime(t),
        }
    }
}

impl Cell {
    /// The same value, borrowed.
    pub fn as_ref(&self) -> CellRef<'_> {
        match self {
            Self::Null => CellRef::Null,
            Self::Text(t) => CellRef::Text(t),
            Self::Boolean(b) => CellRef::Boolean(*b),
            Self::Integer(i) => CellRef::Integer(*i),
            Self::Decimal(d) => CellRef::Decimal(*d),
            Self::Date(d) => CellRef::Date(*d),
            Self::Time(t) => CellRef::Time(*t),
            Self::DateTime(t) => CellRef::DateTime(*t),
        }
    }
}
