//! Avro's binary encoding, as far as event payloads need it.

/// Appends an `int` or `long`: zigzag, then seven bits a byte, lowest first.
pub(super) fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push((rest as u8 & 0x7f) | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a `string`.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    long(out, text.len() as i64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a `double`.
pub(super) fn double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a `boolean`.
pub(super) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// Appends an `array` of strings, as one block.
pub(super) fn strings<T: AsRef<str>>(out: &mut Vec<u8>, items: impl ExactSizeIterator<Item = T>) {
    if items.len() > 0 {
        long(out, items.len() as i64);
        for item in items {
            string(out, item.as_ref());
        }
    }
    out.push(0);
}

/// The branch `null` of a union that begins with it.
pub(super) const NULL: u8 = 0;
/// The second branch of a union, as its index is written.
pub(super) const SECOND_BRANCH: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_as_the_specification_shows_them() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] {
            let mut out = Vec::new();
            long(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }
}
