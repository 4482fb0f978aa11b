//! The schema of an event: how its bytes are read, and which field has which number.

use apache_avro::schema::Schema;
use apache_avro::types::Value;

use super::binary::{self, Named};
use super::{ChangeType, DecodeError, Event, FieldForm, Header};

/// A parsed schema. Schemas never change under an id, so one of these can be kept for ever.
#[derive(Debug)]
pub struct EventSchema {
    pub(super) schema: Schema,
    /// Of a change event.
    header: Option<Schema>,
    pub(super) named: Named,
    /// The event's API name, such as `AccountChangeEvent`.
    pub name: String,
    /// Top-level fields in order; the first of a change event is the header.
    pub fields: Vec<EventField>,
}

/// A top-level field of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventField {
    /// Its name, such as `BillingAddress`.
    pub name: String,
    /// The parts of a compound field in order; empty for others.
    pub parts: Vec<String>,
    /// What its numbers stand for.
    pub form: FieldForm,
    /// Whether it may be left out.
    pub nullable: bool,
}

impl EventSchema {
    /// Parses a schema as the org gives it.
    ///
    /// # Errors
    /// It is no schema of an event.
    pub fn parse(json: &str) -> Result<Self, DecodeError> {
        let wrong = |what: &str| DecodeError::new("event schema", what);
        let schema = Schema::parse_str(json).map_err(|_| wrong("an Avro schema"))?;
        let Schema::Record(record) = &schema else {
            return Err(wrong("a record"));
        };
        let header = match record.fields.first() {
            Some(field) if field.name == "ChangeEventHeader" => Some(field.schema.clone()),
            _ => None,
        };
        let name = record.name.name().to_owned();
        let mut named = Named::new();
        binary::collect(&schema, &mut named);
        let field = |f: &apache_avro::schema::RecordField| EventField {
            name: f.name.clone(),
            parts: parts(&f.schema, &named),
            form: FieldForm::of(f.doc.as_deref()),
            nullable: matches!(&f.schema, Schema::Union(union) if union.variants().contains(&Schema::Null)),
        };
        let fields = record.fields.iter().map(field).collect();
        Ok(Self { header, named, name, fields, schema })
    }

    /// Whether it is the schema of a change event.
    pub fn is_change(&self) -> bool {
        self.header.is_some()
    }

    /// Reads the fields of an event that has no header, such as a platform event.
    ///
    /// # Errors
    /// The bytes are no datum of this schema.
    pub fn values(&self, payload: &[u8]) -> Result<Vec<Value>, DecodeError> {
        let mut left = payload;
        match binary::read(&self.schema, &self.named, &mut left) {
            Some(Value::Record(fields)) if left.is_empty() => Ok(fields.into_iter().map(|(_, v)| v).collect()),
            _ => Err(DecodeError::new("event", "a datum of its schema")),
        }
    }

    /// Reads a change event. Where the header can be read and the rest cannot, `body` is `None`.
    ///
    /// # Errors
    /// Not even the header can be read.
    pub fn decode(&self, payload: &[u8]) -> Result<Event, DecodeError> {
        let Some(schema) = &self.header else {
            return Err(DecodeError::new("event schema", "ChangeEventHeader as the first field"));
        };
        let mut left = payload;
        match binary::read(&self.schema, &self.named, &mut left) {
            Some(Value::Record(fields)) if left.is_empty() => {
                let mut values: Vec<Value> = fields.into_iter().map(|(_, v)| v).collect();
                let first = values.first_mut().map(|v| std::mem::replace(v, Value::Null));
                let header = header(first.ok_or_else(|| DecodeError::new("event", "a header"))?)?;
                Ok(Event { header, body: Some(values) })
            }
            _ => {
                let value = binary::read(schema, &self.named, &mut { payload })
                    .ok_or_else(|| DecodeError::new("event header", "Avro"))?;
                Ok(Event { header: header(value)?, body: None })
            }
        }
    }
}

/// The names of the parts, where the field is a record or a union with one.
fn parts(schema: &Schema, named: &Named) -> Vec<String> {
    match schema {
        Schema::Record(record) => record.fields.iter().map(|f| f.name.clone()).collect(),
        Schema::Union(union) => {
            union.variants().iter().map(|v| parts(v, named)).find(|parts| !parts.is_empty()).unwrap_or_default()
        }
        Schema::Ref { name } => match named.get(&name.to_string()) {
            Some(Schema::Record(record)) => record.fields.iter().map(|f| f.name.clone()).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn header(value: Value) -> Result<Header, DecodeError> {
    let Value::Record(fields) = value else {
        return Err(DecodeError::new("event header", "a record"));
    };
    let get = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let missing = |name: &str| DecodeError::new(format!("event header, {name}"), "a value");
    let text = |name: &str| match get(name) {
        Some(Value::String(s)) => Ok(s.clone()),
        _ => Err(missing(name)),
    };
    let list = |name: &str| match get(name) {
        Some(Value::Array(items)) => items
            .iter()
            .map(|v| match v {
                Value::String(s) => Ok(s.clone()),
                _ => Err(missing(name)),
            })
            .collect::<Result<Vec<_>, _>>(),
        // Bitmaps came with later versions of the header.
        None => Ok(Vec::new()),
        _ => Err(missing(name)),
    };
    Ok(Header {
        entity: text("entityName")?,
        record_ids: list("recordIds")?,
        change_type: match get("changeType") {
            Some(Value::Enum(_, name) | Value::String(name)) => ChangeType::named(name),
            _ => return Err(missing("changeType")),
        },
        // Nothing is decided by these three.
        change_origin: text("changeOrigin").unwrap_or_default(),
        commit_number: match get("commitNumber") {
            Some(Value::Long(n)) => *n,
            _ => 0,
        },
        commit_user: text("commitUser").unwrap_or_default(),
        transaction_key: text("transactionKey")?,
        sequence_number: match get("sequenceNumber") {
            Some(Value::Int(n)) => *n,
            _ => return Err(missing("sequenceNumber")),
        },
        commit_timestamp: match get("commitTimestamp") {
            Some(Value::Long(n)) => *n,
            _ => return Err(missing("commitTimestamp")),
        },
        nulled: list("nulledFields")?,
        diff: list("diffFields")?,
        changed: list("changedFields")?,
    })
}
