//! What a field of a record can hold.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::RecordId;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// A field's value. Salesforce stores no empty text: `""` is [`Value::Null`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Text, picklist, multi-select picklist (`A;B`), e-mail, phone, URL.
    Text(String),
    /// A checkbox.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `double`, `currency`, `percent`: exact, at the field's scale.
    Decimal(Decimal),
    /// `date`, 1700-01-01 to 4000-12-31.
    Date(Date),
    /// `datetime`. Salesforce keeps whole seconds for most fields.
    DateTime(Millis),
    /// `time`: milliseconds since midnight.
    Time(u32),
    /// `id`, `reference`.
    Id(RecordId),
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
    /// The text, where it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
    /// The id, where it is an id.
    pub fn as_id(&self) -> Option<RecordId> {
        match self {
            Value::Id(id) => Some(*id),
            _ => None,
        }
    }
    /// The boolean, where it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }
    /// The instant, where it is one.
    pub fn as_millis(&self) -> Option<Millis> {
        match self {
            Value::DateTime(ms) => Some(*ms),
            _ => None,
        }
    }
}
