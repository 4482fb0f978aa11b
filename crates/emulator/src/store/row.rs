//! One record, without its nulls.

use super::Values;
use crate::Value;
use crate::schema::FieldId;

/// A record: the values of its fields that are not null.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    values: Box<[(FieldId, Value)]>,
}

impl Row {
    /// From values; nulls are left out.
    pub fn new(values: &Values) -> Self {
        Self { values: values.iter().filter(|(_, v)| !v.is_null()).map(|(f, v)| (*f, v.clone())).collect() }
    }

    /// A field's value, [`Value::Null`] where it has none.
    pub fn get(&self, field: FieldId) -> Value {
        match self.values.binary_search_by_key(&field, |(f, _)| *f) {
            Ok(at) => self.values[at].1.clone(),
            Err(_) => Value::Null,
        }
    }

    /// All values that are not null, for changing some and building the next row.
    pub fn to_values(&self) -> Values {
        self.values.iter().cloned().collect()
    }
}
