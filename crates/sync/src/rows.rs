//! Rows by column: the shape in which a page of a snapshot is decoded once and handed to the destination.

use rust_decimal::Decimal;

use crate::{Cell, ColumnType, Table};

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

impl ColumnData {
    /// An empty column for values of this type.
    pub fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Id | ColumnType::Text { .. } => Self::Text(TextColumn::with_capacity(0, 0)),
            ColumnType::Boolean => Self::Boolean(Vec::new()),
            ColumnType::Integer => Self::Integer(Vec::new()),
            ColumnType::Decimal { .. } => Self::Decimal(Vec::new()),
            ColumnType::Date => Self::Date(Vec::new()),
            ColumnType::Time => Self::Time(Vec::new()),
            ColumnType::DateTime => Self::DateTime(Vec::new()),
        }
    }
    /// Adds a value. Returns false, and adds a null, when it is of another type.
    pub fn push(&mut self, value: CellRef<'_>) -> bool {
        match (self, value) {
            (Self::Text(c), CellRef::Text(v)) => c.push(v),
            (Self::Boolean(c), CellRef::Boolean(v)) => c.push(Some(v)),
            (Self::Integer(c), CellRef::Integer(v)) => c.push(Some(v)),
            (Self::Decimal(c), CellRef::Decimal(v)) => c.push(Some(v)),
            (Self::Date(c), CellRef::Date(v)) => c.push(Some(v)),
            (Self::Time(c), CellRef::Time(v)) => c.push(Some(v)),
            (Self::DateTime(c), CellRef::DateTime(v)) => c.push(Some(v)),
            (column, other) => {
                match column {
                    Self::Text(c) => c.push(""),
                    Self::Boolean(c) => c.push(None),
                    Self::Integer(c) => c.push(None),
                    Self::Decimal(c) => c.push(None),
                    Self::Date(c) => c.push(None),
                    Self::Time(c) => c.push(None),
                    Self::DateTime(c) => c.push(None),
                }
                return other == CellRef::Null;
            }
        }
        true
    }
    /// About how many bytes of memory the values take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(c) => c.bytes() + 4 * c.len(),
            Self::Boolean(c) => c.len(),
            Self::Integer(c) => 16 * c.len(),
            Self::Decimal(c) => 20 * c.len(),
            Self::Date(c) | Self::Time(c) => 8 * c.len(),
            Self::DateTime(c) => 16 * c.len(),
        }
    }
}

impl RowBatch {
    /// No rows yet, with a column for each of the table's.
    pub fn new(table: &Table) -> Self {
        Self { rows: 0, columns: table.columns.iter().map(|c| ColumnData::new(c.ty)).collect() }
    }
    /// Adds a row: one cell a column, in order. Returns false where a cell is of another type than its column, or
    /// missing; its place is then null.
    pub fn push_row(&mut self, row: &[Cell]) -> bool {
        let mut good = row.len() == self.columns.len();
        for (i, column) in self.columns.iter_mut().enumerate() {
            good &= column.push(row.get(i).map_or(CellRef::Null, Cell::as_ref));
        }
        self.rows += 1;
        good
    }
    /// A whole row, owned.
    pub fn row(&self, row: usize) -> Vec<Cell> {
        (0..self.columns.len()).map(|column| self.cell(row, column).to_cell()).collect()
    }
    /// About how many bytes of memory the rows take.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(ColumnData::bytes).sum()
    }
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
