//! Which fields changed. Salesforce writes it as hexadecimal numbers, one for the event's fields and one for each
//! compound field: bit *i* stands for field *i* of the event's own schema.

use super::{DecodeError, EventField};

/// A field of an event: its number, and the number of the part for a compound field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldBit {
    /// Place in [`super::EventSchema::fields`].
    pub field: usize,
    /// Place in [`EventField::parts`].
    pub part: Option<usize>,
}

/// Reads the elements of `changedFields`, `nulledFields` or `diffFields`, each by its shape.
///
/// # Errors
/// An element that is no bitmap, or a bit for a field that the schema does not have: something changed that cannot be
/// named.
pub fn decode(elements: &[String], fields: &[EventField]) -> Result<Vec<FieldBit>, DecodeError> {
    let mut found = Vec::new();
    for element in elements {
        let wrong = |what: &str| DecodeError::new("bitmap of changed fields", what);
        let (parent, digits) = match element.split_once('-') {
            Some((parent, digits)) => (Some(parent.parse::<usize>().map_err(|_| wrong("a field number"))?), digits),
            None => (None, element.as_str()),
        };
        let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).ok_or_else(|| wrong("0x"))?;
        let known = match parent {
            None => fields.len(),
            Some(parent) => fields.get(parent).map_or(0, |f| f.parts.len()),
        };
        for (place, digit) in digits.bytes().rev().enumerate() {
            let nibble = char::from(digit).to_digit(16).ok_or_else(|| wrong("hexadecimal digits"))?;
            for bit in (0..4).filter(|bit| nibble & (1 << bit) != 0) {
                let index = place * 4 + bit;
                if index >= known {
                    return Err(wrong("only fields of the event's schema"));
                }
                found.push(match parent {
                    None => FieldBit { field: index, part: None },
                    Some(parent) => FieldBit { field: parent, part: Some(index) },
                });
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(count: usize, compound: usize, parts: usize) -> Vec<EventField> {
        (0..count)
            .map(|i| EventField {
                name: format!("F{i}"),
                parts: (0..if i == compound { parts } else { 0 }).map(|p| format!("P{p}")).collect(),
                ..EventField::default()
            })
            .collect()
    }

    fn bits(elements: &[&str], fields: &[EventField]) -> Result<Vec<(usize, Option<usize>)>, DecodeError> {
        let elements: Vec<String> = elements.iter().map(|s| (*s).to_owned()).collect();
        decode(&elements, fields).map(|found| found.iter().map(|b| (b.field, b.part)).collect())
    }

    #[test]
    fn documented_bitmaps() {
        let top = |list: &[usize]| Ok(list.iter().map(|i| (*i, None)).collect::<Vec<_>>());
        let account = fields(60, 4, 9);
        assert_eq!(bits(&["0x400800"], &account), top(&[11, 22]));
        assert_eq!(bits(&["0x400080"], &account), top(&[7, 22]));
        assert_eq!(bits(&["0x010000"], &account), top(&[16]));
        assert_eq!(bits(&["0x08F81000"], &account), top(&[12, 19, 20, 21, 22, 23, 27]));
        assert_eq!(bits(&["0x400000", "4-0x01"], &account), Ok(vec![(4, Some(0)), (22, None)]));
        assert_eq!(bits(&["4-0x01", "0x400000"], &account), Ok(vec![(4, Some(0)), (22, None)]));
        assert_eq!(bits(&["4-0x0103"], &account), Ok(vec![(4, Some(0)), (4, Some(1)), (4, Some(8))]));
        assert_eq!(bits(&[], &account), Ok(vec![]));
        assert_eq!(bits(&["0x"], &account), Ok(vec![]));
        assert_eq!(bits(&["0x00"], &account), Ok(vec![]));
    }

    #[test]
    fn hundreds_of_fields() {
        let wide = fields(900, 0, 0);
        let digits = format!("0x8{}1", "0".repeat(220));
        assert_eq!(bits(&[&digits], &wide), Ok(vec![(0, None), (887, None)]));
    }

    #[test]
    fn what_cannot_be_named_is_an_error() {
        let few = fields(3, 1, 2);
        for wrong in [&["0x08"][..], &["1-0x04"], &["2-0x01"], &["9-0x01"], &["12"], &["x-0x1"], &["0xzz"], &["-0x1"]] {
            assert!(bits(wrong, &few).is_err(), "{wrong:?}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_does_no_harm(elements: Vec<String>, count in 0usize..40) {
            let fields = vec![EventField { parts: vec!["A".into(), "B".into()], ..EventField::default() }; count];
            let _ = decode(&elements, &fields);
        }

        /// Written as the reference says, read back.
        #[test]
        fn bits_come_back(mut wanted in proptest::collection::vec((0usize..300, proptest::option::of(0usize..9)), 0..20)) {
            let parts: Vec<String> = (0..9).map(|p| format!("P{p}")).collect();
            let fields = vec![EventField { parts, ..EventField::default() }; 300];
            let written = |bits: &[usize]| {
                let mut bytes = vec![0u8; bits.iter().max().map_or(0, |most| most / 8 + 1)];
                bits.iter().for_each(|bit| bytes[bit / 8] |= 1 << (bit % 8));
                bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect::<String>()
            };
            let top: Vec<usize> = wanted.iter().filter(|(_, part)| part.is_none()).map(|(field, _)| *field).collect();
            let mut elements = vec![format!("0x{}", written(&top))];
            for (parent, part) in &wanted {
                elements.extend(part.map(|part| format!("{parent}-0x{}", written(&[part]))));
            }
            let read = decode(&elements, &fields).expect("bitmaps");
            let mut read: Vec<_> = read.iter().map(|bit| (bit.field, bit.part)).collect();
            read.sort_unstable();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(read, wanted);
        }
    }
}
