//! Writing an event's fields by its schema. The bus does not look at what is published, and a broken datum breaks every
//! subscriber; so what does not fit is an error here.

use apache_avro::{schema::Schema, types::Value, writer::datum::GenericDatumWriter};
use serde_json::{Map, Value as Json};

use super::{EventSchema, FieldForm};

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The event has no such field.
    #[error("the event has no field `{0}`")]
    Unknown(String),
    /// A field that must have a value has none.
    #[error("field `{0}` must have a value")]
    Missing(String),
    /// The value is of another type.
    #[error("field `{field}` takes {expected}")]
    Wrong {
        /// The field.
        field: String,
        /// What it takes.
        expected: &'static str,
    },
}

impl EventSchema {
    /// The Avro datum of these fields. Fields that are not named are null.
    ///
    /// # Errors
    /// The first field that does not fit; no value is in the error.
    pub fn encode(&self, fields: &Map<String, Json>) -> Result<Vec<u8>, FieldError> {
        if let Some(unknown) = fields.keys().find(|name| !self.fields.iter().any(|field| field.name == **name)) {
            return Err(FieldError::Unknown(unknown.clone()));
        }
        let Schema::Record(record) = &self.schema else {
            // The constructor takes nothing else.
            return Err(FieldError::Unknown(self.name.clone()));
        };
        let mut values = Vec::with_capacity(record.fields.len());
        for (known, field) in self.fields.iter().zip(&record.fields) {
            let given = fields.get(&known.name).unwrap_or(&Json::Null);
            if given.is_null() && !known.nullable {
                return Err(FieldError::Missing(known.name.clone()));
            }
            let value = value(&field.schema, given, known.form)
                .map_err(|expected| FieldError::Wrong { field: known.name.clone(), expected })?;
            values.push((known.name.clone(), value));
        }
        GenericDatumWriter::builder(&self.schema)
            .build()
            .and_then(|writer| writer.write_value_to_vec(Value::Record(values)))
            .map_err(|_| FieldError::Wrong { field: self.name.clone(), expected: "fields of its schema" })
    }
}

/// The value for a schema; otherwise what it would take.
fn value(schema: &Schema, given: &Json, form: FieldForm) -> Result<Value, &'static str> {
    Ok(match schema {
        Schema::Union(union) => {
            let mut expected = "no value";
            for (at, variant) in union.variants().iter().enumerate() {
                match (variant, given) {
                    (Schema::Null, Json::Null) => {}
                    (Schema::Null, _) | (_, Json::Null) => continue,
                    _ => {}
                }
                match value(variant, given, form) {
                    Ok(value) => return Ok(Value::Union(u32::try_from(at).unwrap_or(0), Box::new(value))),
                    Err(other) => expected = other,
                }
            }
            return Err(expected);
        }
        Schema::Null => given.is_null().then_some(Value::Null).ok_or("no value")?,
        Schema::Boolean => Value::Boolean(given.as_bool().ok_or("true or false")?),
        Schema::Int => {
            let number = whole(given).and_then(|n| i32::try_from(n).ok());
            Value::Int(number.ok_or("a whole number of at most 32 bits")?)
        }
        Schema::Long => match form {
            FieldForm::Plain => Value::Long(whole(given).ok_or("a whole number")?),
            form => {
                let number = given.as_str().map_or_else(|| whole(given), |text| form.read(text));
                Value::Long(number.ok_or(match form {
                    FieldForm::DateTime => "a date and time like 2026-01-31T08:15:42Z",
                    FieldForm::Date => "a date like 2026-01-31",
                    FieldForm::Time => "a time like 08:15:42Z",
                    FieldForm::Plain => "a whole number",
                })?)
            }
        },
        Schema::Double => Value::Double(given.as_f64().filter(|n| n.is_finite()).ok_or("a number")?),
        Schema::String => Value::String(given.as_str().ok_or("a text")?.to_owned()),
        _ => return Err("a type that cannot be published"),
    })
}

fn whole(given: &Json) -> Option<i64> {
    given.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ORDER: &str = r#"{"type":"record","name":"Order__e","namespace":"com.sforce.eventbus","fields":[
        {"name":"CreatedDate","type":"long","doc":"CreatedDate:DateTime"},
        {"name":"CreatedById","type":"string","doc":"CreatedBy:EntityId"},
        {"name":"Number__c","type":["null","string"],"doc":"Data:Text:00N","default":null},
        {"name":"Total__c","type":["null","double"],"doc":"Data:Double:00N","default":null},
        {"name":"Paid__c","type":["null","boolean"],"doc":"Data:Boolean:00N","default":null},
        {"name":"Due__c","type":["null","long"],"doc":"Data:DateOnly:00N","default":null}]}"#;

    fn fields(json: Json) -> Map<String, Json> {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn written_and_read() {
        let schema = EventSchema::parse(ORDER).unwrap();
        let given = fields(json!({"CreatedDate": 1_767_225_600_000_i64, "CreatedById": "005", "Total__c": 12.5,
            "Due__c": "2026-01-31", "Paid__c": false}));
        let values = schema.values(&schema.encode(&given).unwrap()).unwrap();
        let read: Vec<Json> =
            schema.fields.iter().zip(&values).map(|(field, value)| super::super::json(value, field.form)).collect();
        let expected = [
            "2026-01-01T00:00:00.000Z".into(),
            "005".into(),
            Json::Null,
            12.5.into(),
            false.into(),
            "2026-01-31".into(),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let schema = EventSchema::parse(ORDER).unwrap();
        for (field, value, words) in [
            ("Numbr__c", json!("x"), "the event has no field `Numbr__c`"),
            ("Number__c", json!(7), "field `Number__c` takes a text"),
            ("Total__c", json!("7"), "field `Total__c` takes a number"),
            ("Paid__c", json!("yes"), "field `Paid__c` takes true or false"),
            ("Due__c", json!("soon"), "field `Due__c` takes a date like 2026-01-31"),
            ("CreatedById", json!(null), "field `CreatedById` must have a value"),
        ] {
            let mut given = fields(json!({"CreatedDate": 1, "CreatedById": "005"}));
            given.insert(field.to_owned(), value);
            assert_eq!(schema.encode(&given).unwrap_err().to_string(), words);
        }
    }

    proptest! {
        #[test]
        fn every_text_and_number_comes_back(text: Option<String>, total in proptest::option::of(proptest::num::f64::NORMAL), paid: Option<bool>) {
            let schema = EventSchema::parse(ORDER).unwrap();
            let given = fields(json!({"CreatedDate": 0, "CreatedById": "", "Number__c": text, "Total__c": total, "Paid__c": paid}));
            let values = schema.values(&schema.encode(&given).unwrap()).unwrap();
            for (field, value) in schema.fields.iter().zip(&values).skip(2).take(3) {
                prop_assert_eq!(&super::super::json(value, field.form), &given[&field.name]);
            }
        }
    }
}
