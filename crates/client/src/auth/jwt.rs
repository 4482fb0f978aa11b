//! The signed assertion of the JWT bearer flow: three lines of RFC 7523, signed by `ring`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;

/// How long an assertion is valid. Salesforce asks for at most three minutes.
const LIFE_SECONDS: i64 = 170;

/// A private key, read once when the client is made, so that a bad file is an error there.
pub(crate) struct Key(RsaKeyPair);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([REDACTED])")
    }
}

impl Key {
    /// Reads PEM: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `ENCRYPTED PRIVATE KEY`.
    pub(crate) fn read(pem: &SecretString, passphrase: Option<&SecretString>) -> Result<Key, Error> {
        let text = pem.expose_secret().trim();
        let pair = if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            let Some(passphrase) = passphrase else {
                return Err(key_error(
                    "the private key is encrypted, and no passphrase was given",
                    "give the key's passphrase",
                ));
            };
            let wrong = || {
                key_error(
                    "the private key cannot be decrypted",
                    "check the passphrase; PBES2 with AES is understood (openssl pkcs8 -topk8 -v2 aes256)",
                )
            };
            let (_, document) = pkcs8::SecretDocument::from_pem(text).map_err(|_| wrong())?;
            let encrypted = pkcs8::EncryptedPrivateKeyInfo::try_from(document.as_bytes()).map_err(|_| wrong())?;
            let plain = encrypted.decrypt(passphrase.expose_secret()).map_err(|_| wrong())?;
            RsaKeyPair::from_pkcs8(plain.as_bytes())
        } else {
            let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
                key_error("the private key is not in PEM form", "the file begins with -----BEGIN PRIVATE KEY-----")
            })?;
            match &der {
                PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
                PrivateKeyDer::Pkcs8(der) => from_pkcs8(der),
                _ => return Err(not_rsa()),
            }
        };
        pair.map(Key).map_err(|rejected| {
            // `ring` gives its reason as a word and never quotes the key.
            if rejected.to_string() == "WrongAlgorithm" {
                not_rsa()
            } else {
                key_error(
                    &format!("the private key cannot be used: {rejected}"),
                    "Salesforce takes RSA keys of 2,048 to 8,192 bits",
                )
            }
        })
    }

    /// Signs the claims. `now` is the time by the org's clock, as far as we know it.
    pub(crate) fn assertion(
        &self,
        client_id: &str,
        username: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, Error> {
        let claims = serde_json::json!({
            "iss": client_id,
            "sub": username,
            "aud": audience,
            "exp": now.as_second() + LIFE_SECONDS,
        });
        let mut text = BASE64_URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256"}"#);
        text.push('.');
        text.push_str(&BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Error::config("the assertion could not be signed"))?;
        text.push('.');
        text.push_str(&BASE64_URL_SAFE_NO_PAD.encode(signature));
        Ok(text.into())
    }
}

fn from_pkcs8(der: &PrivatePkcs8KeyDer<'_>) -> Result<RsaKeyPair, ring::error::KeyRejected> {
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
}

fn not_rsa() -> Error {
    key_error("the private key is not an RSA key", "Salesforce's JWT bearer flow takes RSA keys only")
}

fn key_error(message: &str, hint: &str) -> Error {
    Error::Config { message: message.to_owned(), hint: Some(hint.to_owned()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    /// Keys made for these tests alone; they open nothing.
    pub(crate) const PKCS8: &str = include_str!("../../tests/keys/pkcs8.pem");
    const PKCS1: &str = include_str!("../../tests/keys/pkcs1.pem");
    const ENCRYPTED: &str = include_str!("../../tests/keys/encrypted.pem");
    const EC: &str = include_str!("../../tests/keys/ec.pem");
    const SMALL: &str = include_str!("../../tests/keys/small.pem");

    fn read(pem: &str, passphrase: Option<&str>) -> Result<Key, Error> {
        Key::read(&pem.into(), passphrase.map(SecretString::from).as_ref())
    }

    #[test]
    fn reads_every_form_of_the_same_key() {
        let public = |key: &Key| key.0.public().as_ref().to_vec();
        let one = public(&read(PKCS8, None).unwrap());
        assert_eq!(one, public(&read(PKCS1, None).unwrap()));
        assert_eq!(one, public(&read(ENCRYPTED, Some("open sesame")).unwrap()));
    }

    #[test]
    fn says_what_is_wrong_with_a_key() {
        let cases = [
            (ENCRYPTED, None, "no passphrase"),
            (ENCRYPTED, Some("wrong"), "cannot be decrypted"),
            (EC, None, "not an RSA key"),
            (SMALL, None, "cannot be used"),
            ("rubbish", None, "not in PEM form"),
            ("", None, "not in PEM form"),
        ];
        for (pem, passphrase, expected) in cases {
            let error = read(pem, passphrase).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn the_assertion_verifies_and_says_who() {
        let key = read(PKCS8, None).unwrap();
        let now: Timestamp = "2026-11-23T15:00:00Z".parse().unwrap();
        let assertion = key.assertion("app", "u@example.com", "https://acme.example", now).unwrap();
        let assertion = assertion.expose_secret();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.0.public().as_ref())
            .verify(signed.as_bytes(), &decode(signature))
            .unwrap();
        assert_eq!(decode(header), br#"{"alg":"RS256"}"#);
        let claims: serde_json::Value = serde_json::from_slice(&decode(claims)).unwrap();
        assert_eq!(claims["iss"], "app");
        assert_eq!(claims["sub"], "u@example.com");
        assert_eq!(claims["aud"], "https://acme.example");
        assert_eq!(claims["exp"], now.as_second() + 170);
        assert!(!format!("{key:?}").contains("BEGIN"));
    }
}
