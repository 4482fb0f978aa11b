//! Replay ids: positions on the bus, as bytes that clients only store and send back.

use std::fmt;

/// A position on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(pub u64);

impl ReplayId {
    /// Ten bytes: the number, big-endian, and two zeros. (Real ids have looked like this since 2024.)
    pub fn to_bytes(self) -> [u8; 10] {
        let mut out = [0; 10];
        out[..8].copy_from_slice(&self.0.to_be_bytes());
        out
    }

    /// Reads ten bytes, or the eight that some clients keep. `None` for anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let number = match bytes {
            [head @ .., 0, 0] if head.len() == 8 => head,
            all => all,
        };
        Some(Self(u64::from_be_bytes(number.try_into().ok()?)))
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A well-mixed number from a counter (SplitMix64): what looks random here must come out the same in every run.
pub(super) fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        let id = ReplayId(487_259);
        assert_eq!(id.to_bytes(), [0, 0, 0, 0, 0, 7, 0x6f, 0x5b, 0, 0]);
        for (bytes, expected) in [
            (&[0, 0, 0, 0, 0, 7, 0x6f, 0x5b, 0, 0][..], Some(id)),
            (&[0, 0, 0, 0, 0, 7, 0x6f, 0x5b], Some(id)),
            (&[0, 0, 0, 0, 1, 4, 0, 0], Some(ReplayId(0x0104_0000))),
            (&[0, 0, 0, 0, 0, 7, 0x6f, 0x5b, 0, 1], None),
            (&[0, 0, 0, 0, 0, 7, 0x6f, 0x5b, 0], None),
            (&[], None),
            (b"not a replay id", None),
        ] {
            assert_eq!(ReplayId::parse(bytes), expected, "{bytes:?}");
        }
    }
}
