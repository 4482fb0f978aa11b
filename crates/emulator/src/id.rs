//! Record ids: 15 case-sensitive characters, shown with the three checksum characters that make them case-safe.

use std::fmt;

/// A record id. Equality and order are those of the 15 case-sensitive characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; 15]);

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The two characters of the instance (pod) that made an id, in every id of an emulated org.
pub const INSTANCE: [u8; 2] = *b"TG";

impl RecordId {
    /// The `number`-th id of the object with this key prefix, in an instance (pod) with this two-character mark.
    ///
    /// Ids made this way sort in the order of their numbers.
    pub fn new(prefix: [u8; 3], instance: [u8; 2], number: u64) -> Self {
        let mut bytes = [b'0'; 15];
        bytes[..3].copy_from_slice(&prefix);
        bytes[3..5].copy_from_slice(&instance);
        let mut rest = number;
        for slot in bytes[6..].iter_mut().rev() {
            *slot = BASE62[(rest % 62) as usize];
            rest /= 62;
        }
        Self(bytes)
    }

    /// Reads 15 or 18 characters. `None` for another length or alphabet.
    ///
    /// An 18-character id whose case was mangled is repaired from its suffix, as Salesforce does.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut id = [0; 15];
        id.copy_from_slice(&bytes[..15]);
        if bytes.len() == 18 {
            for group in 0..3 {
                let mark = bytes[15 + group].to_ascii_uppercase();
                let bits = CHECKSUM.iter().position(|c| *c == mark)?;
                for k in 0..5 {
                    let c = &mut id[group * 5 + k];
                    if bits & (1 << k) != 0 {
                        if !c.is_ascii_alphabetic() {
                            return None;
                        }
                        c.make_ascii_uppercase();
                    } else {
                        c.make_ascii_lowercase();
                    }
                }
            }
        }
        Some(Self(id))
    }

    /// The number from which [`RecordId::new`] made this id for [`INSTANCE`]; `None` for an id from elsewhere.
    pub(crate) fn number(&self) -> Option<u64> {
        let mut number: u64 = 0;
        for byte in &self.0[6..] {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A' + 10,
                b'a'..=b'z' => byte - b'a' + 36,
                _ => return None,
            };
            number = number * 62 + u64::from(digit);
        }
        (self.0[3..5] == INSTANCE && self.0[5] == b'0').then_some(number)
    }

    /// The three characters that tell the object.
    pub fn prefix(&self) -> [u8; 3] {
        [self.0[0], self.0[1], self.0[2]]
    }

    /// The 15 characters.
    pub fn as_15(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The 15 bytes.
    pub fn as_bytes(&self) -> &[u8; 15] {
        &self.0
    }

    /// From 15 bytes that an earlier [`RecordId::as_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 15]) -> Self {
        Self(bytes)
    }

    /// The 18 characters, as every answer shows them.
    pub fn to_18(&self) -> [u8; 18] {
        let mut out = [0; 18];
        out[..15].copy_from_slice(&self.0);
        for group in 0..3 {
            let mut bits = 0;
            for k in 0..5 {
                if self.0[group * 5 + k].is_ascii_uppercase() {
                    bits |= 1 << k;
                }
            }
            out[15 + group] = CHECKSUM[bits];
        }
        out
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_18();
        f.pad(std::str::from_utf8(&bytes).unwrap_or_default())
    }
}

impl serde::Serialize for RecordId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_15())
    }
}

impl<'de> serde::Deserialize<'de> for RecordId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("this is no record id"))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_matches_published_ids() {
        for (short, long) in [
            ("001D000000IqhSL", "001D000000IqhSLIAZ"),
            ("0031i000013x2TE", "0031i000013x2TEAAY"),
            ("001xx000003DGb2", "001xx000003DGb2AAG"),
        ] {
            assert_eq!(RecordId::parse(short).unwrap().to_string(), long);
        }
    }

    #[test]
    fn mangled_case_is_repaired() {
        let id = RecordId::parse("001XX000003dgB2aag").unwrap();
        assert_eq!(id.as_15(), "001xx000003DGb2");
    }

    #[test]
    fn refuses_what_is_no_id() {
        for text in ["", "001", "001xx000003DGb2AA", "001xx000003DGb-", "001xx000003DGb2A!G"] {
            assert_eq!(RecordId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_number_comes_back() {
        for number in [0, 1, 61, 62, 123_456_789, 62u64.pow(9) - 1] {
            assert_eq!(RecordId::new(*b"a00", INSTANCE, number).number(), Some(number));
        }
        for foreign in ["001xx000003DGb2", "001TG1000000001"] {
            assert_eq!(RecordId::parse(foreign).unwrap().number(), None, "{foreign}");
        }
    }

    #[test]
    fn numbers_keep_their_order() {
        let ids: Vec<_> = [0, 1, 61, 62, 3843, 1_000_000].map(|n| RecordId::new(*b"003", *b"TG", n)).to_vec();
        assert!(ids.is_sorted());
    }
}
