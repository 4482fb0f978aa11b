//! The encryption of `sf`'s auth files: AES-256-GCM, written as `<iv><cipher text>:<tag>`, all in hex.
//!
//! Two generations exist, told apart by the key's length. The first has a key of 32 characters and a nonce of 12, both
//! used as the text that they are; the second has a key of 32 bytes and a nonce of 12, both written in hex.
//! (Source of the rule: `@salesforce/core`.)

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};

/// Bytes of a GCM tag.
const TAG: usize = 16;

/// The key that all auth files of a user are encrypted with.
pub(super) struct SfKey {
    key: LessSafeKey,
    /// Whether the nonce is hex, or text.
    nonce_in_hex: bool,
}

impl std::fmt::Debug for SfKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SfKey([REDACTED])")
    }
}

impl SfKey {
    /// From the text in `key.json` or the key ring; `None` for a length that neither generation has.
    pub(super) fn new(text: &SecretString) -> Option<SfKey> {
        let text = text.expose_secret().trim();
        let (bytes, nonce_in_hex) = match text.len() {
            32 => (text.as_bytes().to_vec(), false),
            64 => (from_hex(text)?, true),
            _ => return None,
        };
        Some(SfKey { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?), nonce_in_hex })
    }

    /// The text in a value; `None` where the value was not made with this key.
    pub(super) fn decrypt(&self, value: &str) -> Option<SecretString> {
        let (body, tag) = value.split_once(':')?;
        let nonce_chars = if self.nonce_in_hex { 24 } else { 12 };
        let (nonce, cipher) = body.split_at_checked(nonce_chars)?;
        let nonce: [u8; 12] = match self.nonce_in_hex {
            true => from_hex(nonce)?.try_into().ok()?,
            false => nonce.as_bytes().try_into().ok()?,
        };
        let mut sealed = from_hex(cipher)?;
        let tag = from_hex(tag).filter(|tag| tag.len() == TAG)?;
        sealed.extend_from_slice(&tag);
        let plain = self.key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        String::from_utf8(plain.to_vec()).ok().map(Into::into)
    }

    /// A value that `sf` decrypts to this text.
    pub(super) fn encrypt(&self, text: &SecretString) -> Option<String> {
        let mut random = [0; 12];
        SystemRandom::new().fill(&mut random).ok()?;
        let (nonce, written) = match self.nonce_in_hex {
            true => (random, to_hex(&random)),
            false => {
                let written = to_hex(&random[..6]);
                (written.as_bytes().try_into().ok()?, written)
            }
        };
        let mut sealed = text.expose_secret().as_bytes().to_vec();
        let tag =
            self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        Some(format!("{written}{}:{}", to_hex(&sealed), to_hex(tag.as_ref())))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by `node:crypto` as `@salesforce/core` uses it, with keys that open nothing.
    const V1: (&str, &str) = (
        "0123456789abcdef0123456789abcdef",
        "eb5248122eb96feedcd5bdf72119e5f408f0776cf2781dee3368f7f44c:48294817919022d3da4e117dc39e8044",
    );
    const V2: (&str, &str) = (
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "b02d5ee3b2d50d0ab6a9a180f47ffc45a78207115100e62e64de532afcd2c92f716e28:b385281de10d7b8c6eac0a0f7f92f7d8",
    );

    #[test]
    fn reads_what_node_wrote() {
        for (key, value) in [V1, V2] {
            let key = SfKey::new(&key.into()).unwrap();
            assert_eq!(key.decrypt(value).unwrap().expose_secret(), "5Aep861.token-of-nobody");
            assert!(!format!("{key:?}").contains("0011"));
        }
    }

    #[test]
    fn other_keys_and_changed_values_are_noticed() {
        let key = SfKey::new(&V1.0.into()).unwrap();
        assert!(key.decrypt(V2.1).is_none());
        assert!(key.decrypt(&V1.1.replacen(':', "0:", 1)).is_none());
        assert!(SfKey::new(&"short".into()).is_none());
        assert!(SfKey::new(&"g".repeat(64).into()).is_none());
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted(text in ".{0,80}") {
            for (key, _) in [V1, V2] {
                let key = SfKey::new(&key.into()).unwrap();
                let value = key.encrypt(&text.clone().into()).unwrap();
                let plain = key.decrypt(&value).unwrap();
                prop_assert_eq!(plain.expose_secret(), text.as_str());
            }
        }

        #[test]
        fn any_value_is_read(text in ".{0,120}") {
            for (key, _) in [V1, V2] {
                let _ = SfKey::new(&key.into()).unwrap().decrypt(&text);
            }
            let _ = SfKey::new(&text.into());
        }
    }
}
