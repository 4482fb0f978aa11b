//! Reading and writing the Avro datum of a platform event by its schema. What comes from a publisher may be anything.

use serde_json::{Map, Value as Json, json};

use super::avro;
use super::event::plain;
use super::json::{day, instant, time};
use super::schema::{EventSchema, Kind, Slot};
use crate::schema::FieldType;
use crate::store::Values;
use crate::value::ValueRef;
use crate::{Millis, RecordId};

/// Writes an event.
pub(super) fn encode(schema: &EventSchema, created: Millis, by: RecordId, values: &Values) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    avro::long(&mut out, created);
    avro::string(&mut out, &by.to_string());
    for slot in &schema.slots {
        match slot {
            Slot::Plain(field, kind) => {
                plain(&mut out, *kind, values.get(field).map_or(ValueRef::Null, ValueRef::from));
            }
            // A platform event has no compound fields.
            Slot::Compound(_) => out.push(avro::NULL),
        }
    }
    out
}

/// Reads an event as CometD shows it: every field, null or not. `None` where the bytes are no datum of this schema.
pub(super) fn decode(schema: &EventSchema, bytes: &[u8]) -> Option<Map<String, Json>> {
    let mut rest = bytes;
    let created = long(&mut rest)?;
    let by = string(&mut rest)?;
    let mut out = Map::new();
    out.insert("CreatedById".into(), json!(by));
    out.insert("CreatedDate".into(), json!(instant(created)));
    for (slot, name) in schema.slots.iter().zip(&schema.names) {
        let Slot::Plain(_, kind) = slot else { return None };
        let value = match long(&mut rest)? {
            0 => Json::Null,
            1 => value(&mut rest, *kind, name.ty)?,
            _ => return None,
        };
        out.insert(name.name.clone(), value);
    }
    rest.is_empty().then_some(out)
}

fn value(rest: &mut &[u8], kind: Kind, ty: FieldType) -> Option<Json> {
    Some(match kind {
        Kind::String => json!(string(rest)?),
        Kind::Boolean => match take(rest, 1)? {
            [0] => json!(false),
            [1] => json!(true),
            _ => return None,
        },
        Kind::Int => json!(i32::try_from(long(rest)?).ok()?),
        Kind::Long => {
            let number = long(rest)?;
            match ty {
                FieldType::Date => json!(day(number)),
                FieldType::Datetime => json!(instant(number)),
                FieldType::Time => json!(time(number)),
                _ => json!(number),
            }
        }
        Kind::Double => json!(f64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
    })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn long(rest: &mut &[u8]) -> Option<i64> {
    let mut bits = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest, 1)? else { return None };
        let low = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if shift == 63 && low > 1 {
            return None;
        }
        bits |= low << shift;
        if byte & 0x80 == 0 {
            return Some((bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
    }
    None
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(long(rest)?).ok()?;
    std::str::from_utf8(take(rest, length)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Value;
    use crate::schema::{Field, ObjectType};

    fn schema() -> (ObjectType, EventSchema) {
        let object = ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00")
            .with(Field::text("Number__c", "Number", 80))
            .with(Field::number("Total__c", "Total", 18, 2))
            .with(Field::checkbox("Paid__c", "Paid", false))
            .with(Field::date("Due__c", "Due"))
            .with(Field::datetime("At__c", "At"));
        let schema = EventSchema::of(&object);
        (object, schema)
    }

    #[test]
    fn what_was_written_is_read() {
        let (object, schema) = schema();
        let values: Values = [
            ("Number__c", Value::Text("10001 é".into())),
            ("Total__c", Value::Decimal(rust_decimal::Decimal::new(1250, 2))),
            ("Paid__c", Value::Bool(true)),
            ("Due__c", Value::Date(jiff::civil::date(1969, 12, 31))),
        ]
        .into_iter()
        .map(|(name, value)| (object.field(name).unwrap().0, value))
        .collect();
        let bytes = encode(&schema, 1_769_847_342_123, RecordId::new(*b"005", *b"TG", 1), &values);
        let expected = json!({
            "CreatedById": "0050000000W7EAAQ".replace("0050000000W7EAAQ", &RecordId::new(*b"005", *b"TG", 1).to_string()),
            "CreatedDate": "2026-01-31T08:15:42.123Z",
            "Number__c": "10001 é", "Total__c": 12.5, "Paid__c": true, "Due__c": "1969-12-31", "At__c": null,
        });
        assert_eq!(decode(&schema, &bytes).map(Json::Object), Some(expected));
        // Somebody else's decoder reads the same.
        let avro = apache_avro::Schema::parse_str(&schema.json).unwrap();
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(&avro).build().unwrap();
        let mut rest = bytes.as_slice();
        reader.read_value(&mut rest).unwrap();
        assert!(rest.is_empty());
        for cut in 0..bytes.len() {
            assert_eq!(decode(&schema, &bytes[..cut]), None, "{cut} bytes of {}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (_, schema) = schema();
            let _ = decode(&schema, &bytes);
        }
    }
}
