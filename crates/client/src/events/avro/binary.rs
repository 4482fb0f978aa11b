//! Avro's binary form, read strictly: bytes that end early or go on too long are an error. (The Avro library takes the end
//! of the bytes for a null where a union stands, so that a payload which was cut would read as fields that were cleared.)

use std::collections::HashMap;

use apache_avro::schema::Schema;
use apache_avro::types::Value;

/// Records within records; Salesforce nests one level.
const DEPTH_MAX: usize = 8;

/// Named types of a schema, by full name.
pub(super) type Named = HashMap<String, Schema>;

/// Reads one value; whatever follows it stays in `bytes`.
pub(super) fn read(schema: &Schema, named: &Named, bytes: &mut &[u8]) -> Option<Value> {
    value(schema, named, bytes, 0)
}

/// The named types in a schema: a later field may refer to the type of an earlier one by name.
pub(super) fn collect(schema: &Schema, named: &mut Named) {
    match schema {
        Schema::Record(record) => {
            named.insert(record.name.to_string(), schema.clone());
            record.fields.iter().for_each(|f| collect(&f.schema, named));
        }
        Schema::Union(union) => union.variants().iter().for_each(|v| collect(v, named)),
        Schema::Array(array) => collect(&array.items, named),
        Schema::Enum(symbols) => drop(named.insert(symbols.name.to_string(), schema.clone())),
        _ => {}
    }
}

fn value(schema: &Schema, named: &Named, bytes: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    Some(match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => match take(bytes, 1)? {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            _ => return None,
        },
        Schema::Int | Schema::Date | Schema::TimeMillis => Value::Int(i32::try_from(long(bytes)?).ok()?),
        Schema::Long | Schema::TimestampMillis => Value::Long(long(bytes)?),
        Schema::Float => Value::Float(f32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)),
        Schema::Double => Value::Double(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        Schema::Bytes => Value::Bytes(sized(bytes)?.to_vec()),
        Schema::String => Value::String(std::str::from_utf8(sized(bytes)?).ok()?.to_owned()),
        Schema::Enum(symbols) => {
            let index = u32::try_from(long(bytes)?).ok()?;
            Value::Enum(index, symbols.symbols.get(usize::try_from(index).ok()?)?.clone())
        }
        Schema::Union(union) => {
            let index = u32::try_from(long(bytes)?).ok()?;
            let variant = union.variants().get(usize::try_from(index).ok()?)?;
            Value::Union(index, Box::new(value(variant, named, bytes, depth + 1)?))
        }
        Schema::Array(array) => {
            let mut items = Vec::new();
            loop {
                let mut count = long(bytes)?;
                if count == 0 {
                    break;
                }
                if count < 0 {
                    // A block with its length in bytes, for those who skip it.
                    count = count.checked_neg()?;
                    long(bytes)?;
                }
                for _ in 0..count {
                    // Items without bytes would let a small payload grow without bound.
                    if bytes.is_empty() {
                        return None;
                    }
                    items.push(value(&array.items, named, bytes, depth + 1)?);
                }
            }
            Value::Array(items)
        }
        Schema::Record(record) => {
            let mut fields = Vec::with_capacity(record.fields.len());
            for field in &record.fields {
                fields.push((field.name.clone(), value(&field.schema, named, bytes, depth + 1)?));
            }
            Value::Record(fields)
        }
        Schema::Ref { name } => value(named.get(&name.to_string())?, named, bytes, depth + 1)?,
        _ => return None,
    })
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(count)?;
    *bytes = tail;
    Some(head)
}

fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = usize::try_from(long(bytes)?).ok()?;
    take(bytes, count)
}

/// A zigzag number of at most ten bytes.
fn long(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            let half = i64::try_from(number >> 1).ok()?;
            return Some(if number & 1 == 0 { half } else { !half });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers() {
        for (bytes, expected) in [
            (&[0u8][..], Some(0)),
            (&[1], Some(-1)),
            (&[2], Some(1)),
            (&[0x80, 0x01], Some(64)),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Some(i64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Some(i64::MIN)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], None),
            (&[0x80; 11], None),
            (&[0x80], None),
            (&[], None),
        ] {
            assert_eq!(long(&mut &bytes[..]), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>) {
            let schema = Schema::parse_str(crate::events::avro::tests::WIDGET).expect("a schema");
            let mut named = Named::new();
            collect(&schema, &mut named);
            let _ = read(&schema, &named, &mut &bytes[..]);
        }
    }
}
