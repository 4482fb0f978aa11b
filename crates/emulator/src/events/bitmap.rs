//! Which fields an event concerns, as the header's `changedFields`, `nulledFields` and `diffFields` say it: numbers in
//! hexadecimal whose bits are places in the schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A field's place in a change-event schema: its index at top level, and within a compound its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index among the schema's fields; the header is 0.
    pub top: usize,
    /// Index within the compound's own record; `None` for a plain field.
    pub child: Option<usize>,
}

/// A set of places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    top: Bits,
    nested: BTreeMap<usize, Bits>,
}

impl FieldSet {
    /// Adds a place. A part of a compound does not set the compound's own bit.
    pub fn insert(&mut self, place: Place) {
        match place.child {
            None => self.top.set(place.top),
            Some(child) => self.nested.entry(place.top).or_default().set(child),
        }
    }

    /// The elements of the header's array: top level first unless empty, then compounds in the schema's order.
    pub fn elements(&self) -> Vec<String> {
        let mut out = Vec::with_capacity(1 + self.nested.len());
        if !self.top.0.is_empty() {
            let mut text = String::new();
            self.top.write(&mut text);
            out.push(text);
        }
        for (parent, bits) in &self.nested {
            let mut text = format!("{parent}-");
            bits.write(&mut text);
            out.push(text);
        }
        out
    }
}

/// Bits of any number; bit 0 is the lowest of the first byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bits(Vec<u8>);

impl Bits {
    fn set(&mut self, bit: usize) {
        let byte = bit / 8;
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        self.0[byte] |= 1 << (bit % 8);
    }

    /// `0x` and the bytes, most significant first. The vector never ends in a zero byte, so this is the shortest form.
    fn write(&self, out: &mut String) {
        out.push_str("0x");
        for byte in self.0.iter().rev() {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(places: &[(usize, Option<usize>)]) -> Vec<String> {
        let mut set = FieldSet::default();
        for &(top, child) in places {
            set.insert(Place { top, child });
        }
        set.elements()
    }

    #[test]
    fn bits_are_places() {
        let top = |bits: &[usize]| bits.iter().map(|b| (*b, None)).collect::<Vec<_>>();
        for (places, expected) in [
            (vec![], vec![]),
            (top(&[11, 22]), vec!["0x400800"]),
            (top(&[7, 22]), vec!["0x400080"]),
            (top(&[16]), vec!["0x010000"]),
            (top(&[12, 19, 20, 21, 22, 23, 27]), vec!["0x08F81000"]),
            (top(&[7, 13]), vec!["0x2080"]),
            (vec![(22, None), (4, Some(0))], vec!["0x400000", "4-0x01"]),
            (
                vec![(9, Some(0)), (5, None), (9, Some(1)), (7, None), (8, None), (4, Some(9))],
                vec!["0x01A0", "4-0x0200", "9-0x03"],
            ),
            (vec![(2, Some(1))], vec!["2-0x02"]),
        ] {
            assert_eq!(set(&places), expected, "{places:?}");
        }
    }

    #[test]
    fn hundreds_of_fields() {
        let elements = set(&[(800, None), (1, None)]);
        assert_eq!(elements.len(), 1);
        assert_eq!(elements[0].len(), 2 + 2 * 101);
        assert!(elements[0].starts_with("0x0100") && elements[0].ends_with("02"));
    }
}
