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

/// A value borrowed from a row, so that reading a field copies no text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// As [`Value::Text`].
    Text(&'a str),
    /// As [`Value::Bool`].
    Bool(bool),
    /// As [`Value::Int`].
    Int(i64),
    /// As [`Value::Decimal`].
    Decimal(Decimal),
    /// As [`Value::Date`].
    Date(Date),
    /// As [`Value::DateTime`].
    DateTime(Millis),
    /// As [`Value::Time`].
    Time(u32),
    /// As [`Value::Id`].
    Id(RecordId),
}

impl ValueRef<'_> {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, ValueRef::Null)
    }

    /// The same, owned.
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Text(text) => Value::Text(text.to_owned()),
            ValueRef::Bool(b) => Value::Bool(b),
            ValueRef::Int(n) => Value::Int(n),
            ValueRef::Decimal(d) => Value::Decimal(d),
            ValueRef::Date(d) => Value::Date(d),
            ValueRef::DateTime(ms) => Value::DateTime(ms),
            ValueRef::Time(ms) => Value::Time(ms),
            ValueRef::Id(id) => Value::Id(id),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => ValueRef::Null,
            Value::Text(text) => ValueRef::Text(text),
            Value::Bool(b) => ValueRef::Bool(*b),
            Value::Int(n) => ValueRef::Int(*n),
            Value::Decimal(d) => ValueRef::Decimal(*d),
            Value::Date(d) => ValueRef::Date(*d),
            Value::DateTime(ms) => ValueRef::DateTime(*ms),
            Value::Time(ms) => ValueRef::Time(*ms),
            Value::Id(id) => ValueRef::Id(*id),
        }
    }
}
