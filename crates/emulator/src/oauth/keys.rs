//! The org's own signing key: id tokens and access tokens in JWT form are signed with it, and `/id/keys` shows its
//! public half.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs8::EncodePrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// Bits of the RSA key.
const BITS: usize = 2048;

struct SigningKey {
    pair: RsaKeyPair,
    /// Modulus and exponent, as JWKS writes them.
    n: String,
    e: String,
    kid: String,
}

/// Makes the key, once in a process, where that was not done yet. That takes long: call it where blocking is allowed,
/// before the org is locked.
pub fn prepare_signing_key() {
    let _ = key();
}

fn key() -> Option<&'static SigningKey> {
    static KEY: OnceLock<Option<SigningKey>> = OnceLock::new();
    KEY.get_or_init(make).as_ref()
}

fn make() -> Option<SigningKey> {
    let made = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS).ok()?;
    let der = made.to_pkcs8_der().ok()?;
    let pair = RsaKeyPair::from_pkcs8(der.as_bytes()).ok()?;
    let n = made.n().to_bytes_be();
    let kid = Sha256::digest(&n)[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(SigningKey { pair, n: URL_SAFE_NO_PAD.encode(n), e: URL_SAFE_NO_PAD.encode(made.e().to_bytes_be()), kid })
}

/// The public keys, as `/id/keys` answers.
pub fn key_set() -> Json {
    let keys =
        key().map(|key| json!({ "kty": "RSA", "n": key.n, "e": key.e, "alg": "RS256", "use": "sig", "kid": key.kid }));
    json!({ "keys": keys.into_iter().collect::<Vec<_>>() })
}

/// A signed JWT of these claims. The header gets `alg`, `kid` and what `more` has.
pub(super) fn sign(more: &Json, claims: &Json) -> Option<String> {
    let key = key()?;
    let mut header = json!({ "typ": "JWT", "alg": "RS256", "kid": key.kid });
    if let (Some(header), Some(more)) = (header.as_object_mut(), more.as_object()) {
        header.extend(more.clone());
    }
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let mut signature = vec![0; key.pair.public().modulus_len()];
    key.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    #[test]
    fn what_is_signed_can_be_checked_with_the_published_key() {
        let token = sign(&json!({}), &json!({ "sub": "x" })).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let keys = key_set();
        let part = |name: &str| URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().unwrap()).unwrap();
        let public = RsaPublicKeyComponents { n: part("n"), e: part("e") };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).unwrap();
        assert_eq!(keys["keys"][0]["e"], "AQAB");
    }
}
