//! The types of a formula's parts.

use rust_decimal::Decimal;

use crate::Value;
use crate::schema::FieldType;

/// The type of an expression, as the checker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Number,
    Boolean,
    Date,
    DateTime,
    Time,
    /// A picklist field: only certain functions take it.
    Picklist,
    /// A multi-select picklist field: only certain functions take it.
    MultiPicklist,
    Geolocation,
    /// The literal `NULL`, which stands for any.
    Null,
}

impl Type {
    /// As error messages name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Number => "Number",
            Self::Boolean => "Boolean",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Time => "Time",
            Self::Picklist => "Picklist",
            Self::MultiPicklist => "Multi-Select Picklist",
            Self::Geolocation => "Geolocation",
            Self::Null => "Null",
        }
    }

    /// The type of a field's values in a formula; `None` for what no formula can read.
    pub(super) fn of_field(ty: FieldType) -> Option<Self> {
        Some(match ty {
            FieldType::Boolean => Self::Boolean,
            FieldType::Int | FieldType::Long | FieldType::Double | FieldType::Currency | FieldType::Percent => {
                Self::Number
            }
            FieldType::Date => Self::Date,
            FieldType::Datetime => Self::DateTime,
            FieldType::Time => Self::Time,
            FieldType::Picklist => Self::Picklist,
            FieldType::Multipicklist => Self::MultiPicklist,
            FieldType::Location => Self::Geolocation,
            FieldType::String
            | FieldType::Combobox
            | FieldType::Textarea
            | FieldType::Phone
            | FieldType::Url
            | FieldType::Email
            | FieldType::Id
            | FieldType::Reference => Self::Text,
            FieldType::Base64
            | FieldType::Encryptedstring
            | FieldType::DatacategoryGroupReference
            | FieldType::Address
            | FieldType::AnyType
            | FieldType::Complexvalue => return None,
        })
    }

    /// Whether an expression of this type can stand where the other is wanted.
    pub(super) fn fits(self, wanted: Self) -> bool {
        self == wanted || self == Self::Null
    }
}

/// A value while a formula is computed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val {
    Null,
    Text(String),
    Number(Decimal),
    Bool(bool),
    Date(jiff::civil::Date),
    /// Milliseconds since 1970.
    DateTime(i64),
    /// Milliseconds since midnight.
    Time(i64),
    /// Latitude and longitude, degrees.
    Geo(f64, f64),
}

impl Val {
    /// No value, or empty text.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Val::Null => true,
            Val::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// A stored value as formulas see it: ids and picklists are text.
    pub(super) fn from_value(value: Value) -> Self {
        match value {
            Value::Null => Val::Null,
            Value::Text(text) => Val::Text(text),
            Value::Bool(b) => Val::Bool(b),
            Value::Int(n) => Val::Number(Decimal::from(n)),
            Value::Decimal(d) => Val::Number(d),
            Value::Date(d) => Val::Date(d),
            Value::DateTime(ms) => Val::DateTime(ms),
            Value::Time(ms) => Val::Time(i64::from(ms)),
            // Ids are 15 characters long in formulas.
            Value::Id(id) => Val::Text(id.as_15().to_owned()),
        }
    }
}
