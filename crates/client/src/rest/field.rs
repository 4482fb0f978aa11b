//! Fields of typed records: the three states that a write knows, and parents named by a key of theirs.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor, ser::SerializeMap};
use serde_json::Value;

/// A field of a record: not said, null, or a value.
///
/// A write leaves what is unset as it is, clears what is null, and sets what has a value. Reading tells a field that
/// was not selected from one that is empty. In a struct, each such field needs the attribute below; without it an unset
/// field is an error when written, and a missing one when read, never a wrong null.
///
/// ```
/// use tidegate_client::Field;
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Contact {
///     #[serde(default, skip_serializing_if = "Field::is_unset")]
///     phone: Field<String>,
///     #[serde(default, skip_serializing_if = "Field::is_unset")]
///     email: Field<String>,
///     #[serde(default, skip_serializing_if = "Field::is_unset")]
///     title: Field<String>,
/// }
///
/// let change = Contact { phone: Field::Null, email: "a@b.example".into(), ..Contact::default() };
/// assert_eq!(serde_json::to_string(&change)?, r#"{"Phone":null,"Email":"a@b.example"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Field<T> {
    /// Nothing is said about the field.
    #[default]
    Unset,
    /// The field is empty, or is to be emptied.
    Null,
    /// The field has this value, or is to have it.
    Value(T),
}

impl<T> Field<T> {
    /// For `skip_serializing_if`.
    pub fn is_unset(&self) -> bool {
        matches!(self, Field::Unset)
    }

    /// Whether the field is known to be empty.
    pub fn is_null(&self) -> bool {
        matches!(self, Field::Null)
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Unset | Field::Null => None,
        }
    }

    /// The value, where there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Unset | Field::Null => None,
        }
    }

    /// Null for `None`.
    pub fn or_null(value: Option<T>) -> Field<T> {
        value.map_or(Field::Null, Field::Value)
    }

    /// Unset for `None`.
    pub fn or_unset(value: Option<T>) -> Field<T> {
        value.map_or(Field::Unset, Field::Value)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Field<T> {
        Field::Value(value)
    }
}

impl From<&str> for Field<String> {
    fn from(value: &str) -> Field<String> {
        Field::Value(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Field::Unset => Err(serde::ser::Error::custom(
                "a field that is not set cannot be written: give it #[serde(skip_serializing_if = \"Field::is_unset\")]",
            )),
            Field::Null => serializer.serialize_none(),
            Field::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field<T>, D::Error> {
        struct Within<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Within<T> {
            type Value = Field<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's value or null")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field<T>, D::Error> {
                Option::<T>::deserialize(deserializer).map(Field::or_null)
            }
        }
        // Not as an option: serde takes a missing option for null.
        deserializer.deserialize_newtype_struct("Field", Within(std::marker::PhantomData))
    }
}

/// A parent named by a key of its own instead of its id: the value of a relationship (`Account`, `Merchandise__r`) in a
/// create, update or upsert. Exactly one external id field; where the relationship may lead to several kinds of object,
/// also the object. Source: REST API Developer Guide, "Insert or Update (Upsert) a Record Using an External ID".
///
/// ```
/// use tidegate_client::Related;
/// use serde_json::json;
///
/// let contact = json!({"LastName": "Ng", "Account": Related::by("ErpKey__c", "A1")});
/// assert_eq!(contact.to_string(), r#"{"LastName":"Ng","Account":{"ErpKey__c":"A1"}}"#);
/// let owner = Related::by("Username", "ng@acme.example").of("User");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    field: String,
    value: Value,
    object: Option<String>,
}

impl Related {
    /// The parent that has this value in this external id field.
    pub fn by(field: impl Into<String>, value: impl Into<Value>) -> Related {
        Related { field: field.into(), value: value.into(), object: None }
    }

    /// The parent's object, needed where the relationship is polymorphic.
    pub fn of(mut self, object: impl Into<String>) -> Related {
        self.object = Some(object.into());
        self
    }
}

impl Serialize for Related {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(object) = &self.object {
            map.serialize_entry("attributes", &serde_json::json!({ "type": object }))?;
        }
        map.serialize_entry(&self.field, &self.value)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Contact {
        last_name: String,
        #[serde(default, skip_serializing_if = "Field::is_unset")]
        phone: Field<String>,
        #[serde(default, skip_serializing_if = "Field::is_unset")]
        amount: Field<f64>,
        #[serde(default, skip_serializing_if = "Field::is_unset")]
        account: Field<Box<Contact>>,
    }

    #[derive(Serialize, Deserialize, Debug)]
    struct Bare {
        phone: Field<String>,
    }

    #[test]
    fn three_states_both_ways() {
        for (text, phone, amount) in [
            (r#"{"LastName":"a"}"#, Field::Unset, Field::Unset),
            (r#"{"LastName":"a","Phone":null,"Amount":null}"#, Field::Null, Field::Null),
            (r#"{"LastName":"a","Phone":"1","Amount":1.5}"#, "1".into(), 1.5.into()),
        ] {
            let contact: Contact = serde_json::from_str(text).unwrap();
            assert_eq!((&contact.phone, &contact.amount), (&phone, &amount), "{text}");
            assert_eq!(serde_json::to_string(&contact).unwrap(), text);
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::from_value::<Contact>(value).unwrap(), contact);
        }
        let nested: Contact = serde_json::from_value(json!({"LastName": "a", "Account": {"LastName": "b"}})).unwrap();
        assert_eq!(nested.account.value().unwrap().last_name, "b");
    }

    #[test]
    fn a_missing_attribute_is_an_error_and_no_null() {
        let error = serde_json::to_string(&Bare { phone: Field::Unset }).unwrap_err().to_string();
        assert!(error.contains("skip_serializing_if"), "{error}");
        let error = serde_json::from_str::<Bare>("{}").unwrap_err().to_string();
        assert!(error.contains("missing field `phone`"), "{error}");
        assert!(serde_json::from_str::<Bare>(r#"{"phone":null}"#).unwrap().phone.is_null());
    }

    #[test]
    fn a_parent_by_its_key() {
        assert_eq!(serde_json::to_string(&Related::by("Ext__c", 12)).unwrap(), r#"{"Ext__c":12}"#);
        assert_eq!(
            serde_json::to_string(&Related::by("Username", "a").of("User")).unwrap(),
            r#"{"attributes":{"type":"User"},"Username":"a"}"#
        );
    }
}
