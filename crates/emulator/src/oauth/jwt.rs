//! The JWT bearer assertion: its form, its signature, and each of its claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Map, Value as Json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::OauthError;
use crate::Millis;

/// Instants from here on are milliseconds: as seconds they would lie beyond the year 5100. Salesforce's own CLI sends
/// milliseconds and is let in.
const MILLISECONDS_FROM: f64 = 1e11;

/// An assertion taken apart, its signature not checked yet.
pub(super) struct Assertion<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    claims: Map<String, Json>,
}

fn invalid() -> OauthError {
    OauthError::grant("invalid assertion")
}

impl<'a> Assertion<'a> {
    /// Reads `header.claims.signature`.
    pub(super) fn parse(text: &'a str) -> Result<Self, OauthError> {
        let (signed, signature) = text.trim().rsplit_once('.').ok_or_else(invalid)?;
        let (header, claims) = signed.split_once('.').ok_or_else(invalid)?;
        let header: Map<String, Json> = serde_json::from_slice(&decode(header)?).map_err(|_| invalid())?;
        if header.get("alg").and_then(Json::as_str) != Some("RS256") {
            return Err(invalid());
        }
        let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| invalid())?;
        Ok(Self { signed, signature: decode(signature)?, claims })
    }

    /// The consumer key.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// The username: `prn`, the older name, wins over `sub`.
    pub(super) fn subject(&self) -> Option<&str> {
        self.claims.get("prn").or_else(|| self.claims.get("sub"))?.as_str().filter(|s| !s.is_empty())
    }

    /// Checks the signature against the certificate registered at the app (DER).
    pub(super) fn verify(&self, certificate: &[u8]) -> Result<(), OauthError> {
        let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| invalid())?;
        let key = certificate.public_key().subject_public_key.data.as_ref();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| invalid())
    }

    /// Whom the assertion is for, as seen from the host the request was sent to; with or without scheme and trailing
    /// slash. Of several audiences the best is taken.
    pub(super) fn audience(&self, request_host: &str) -> Audience {
        let kind = |audience: &str| {
            let host = bare_host(audience);
            // The login hosts are no org's own, even where the request was sent to one of them.
            if host.eq_ignore_ascii_case("login.salesforce.com") {
                Audience::Login
            } else if host.eq_ignore_ascii_case("test.salesforce.com") {
                Audience::Test
            } else if same_host(host, request_host) {
                Audience::Own
            } else {
                Audience::Other
            }
        };
        match self.claims.get("aud") {
            None | Some(Json::Null) => Audience::Missing,
            Some(Json::String(audience)) => kind(audience),
            Some(Json::Array(several)) => {
                several.iter().filter_map(Json::as_str).map(kind).min().unwrap_or(Audience::Other)
            }
            Some(_) => Audience::Other,
        }
    }

    /// Whether an assertion of a client about itself is for this org's token endpoint.
    pub(super) fn is_for_token_endpoint(&self, origin: &str) -> bool {
        let accepted = |audience: &str| {
            let audience = bare_host(audience);
            same_host(audience.strip_suffix("/services/oauth2/token").unwrap_or(audience), bare_host(origin))
        };
        match self.claims.get("aud") {
            Some(Json::String(audience)) => accepted(audience),
            Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).any(accepted),
            _ => false,
        }
    }

    /// The assertion's own id, where it has one: it can be used once only.
    pub(super) fn id(&self) -> Option<&str> {
        self.claims.get("jti")?.as_str()
    }

    /// Checks `exp`: seconds or milliseconds, as a number or as text. However far in the future, it is accepted. Gives
    /// the instant.
    pub(super) fn check_expiry(&self, now: Millis) -> Result<Millis, OauthError> {
        let exp = match self.claims.get("exp") {
            Some(Json::Number(number)) => number.as_f64(),
            Some(Json::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let exp = exp.filter(|e: &f64| e.is_finite()).ok_or_else(invalid)?;
        let ms = if exp >= MILLISECONDS_FROM { exp } else { exp * 1000.0 };
        if ms > now as f64 { Ok(ms as Millis) } else { Err(OauthError::grant("assertion expired")) }
    }
}

/// Whom an assertion is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Audience {
    /// The host the request was sent to.
    Own,
    /// `login.salesforce.com`.
    Login,
    /// `test.salesforce.com`.
    Test,
    Other,
    Missing,
}

/// Without scheme and trailing slash.
fn bare_host(url: &str) -> &str {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url);
    host.strip_suffix('/').unwrap_or(host)
}

/// The same host and port; the names of the loopback interface are one host.
fn same_host(a: &str, b: &str) -> bool {
    let parts = |host: &str| {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !name.is_empty() && port.bytes().all(|c| c.is_ascii_digit()) => (name, port),
            _ => (host, ""),
        };
        let loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        (if loopback { "localhost".to_owned() } else { name.to_ascii_lowercase() }, port.to_owned())
    };
    parts(a) == parts(b)
}

fn decode(part: &str) -> Result<Vec<u8>, OauthError> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(claims: Json) -> Assertion<'static> {
        Assertion { signed: "", signature: Vec::new(), claims: claims.as_object().unwrap().clone() }
    }

    #[test]
    fn audiences() {
        for (audience, expected) in [
            (json!("https://login.salesforce.com"), Audience::Login),
            (json!("https://login.salesforce.com/"), Audience::Login),
            (json!("login.salesforce.com"), Audience::Login),
            (json!("http://127.0.0.1:8080"), Audience::Own),
            (json!("http://localhost:8080/"), Audience::Own),
            (json!("https://127.0.0.1:8080"), Audience::Own),
            (json!("http://127.0.0.1:8081"), Audience::Other),
            (json!("https://test.salesforce.com"), Audience::Test),
            (json!("https://login.salesforce.com/services/oauth2/token"), Audience::Other),
            (json!(["x", "https://login.salesforce.com"]), Audience::Login),
            (json!(7), Audience::Other),
            (json!(""), Audience::Other),
        ] {
            assert_eq!(with(json!({ "aud": audience })).audience("127.0.0.1:8080"), expected, "{audience}");
        }
        assert_eq!(with(json!({})).audience("127.0.0.1:8080"), Audience::Missing);
        let there = with(json!({ "aud": "https://test.salesforce.com" }));
        assert_eq!(there.audience("test.salesforce.com"), Audience::Test, "a login host is no org's own");
        for (audience, fits) in [
            ("http://127.0.0.1:8080/services/oauth2/token", true),
            ("http://127.0.0.1:8080", true),
            ("https://login.salesforce.com", false),
        ] {
            let found = with(json!({ "aud": audience })).is_for_token_endpoint("http://127.0.0.1:8080");
            assert_eq!(found, fits, "{audience}");
        }
    }

    #[test]
    fn expiry_in_all_its_spellings() {
        let now = 1_796_000_000_000;
        for (exp, expected) in [
            (json!(1_796_000_100), Ok(())),
            (json!("1796000100"), Ok(())),
            (json!(1_796_000_100.5), Ok(())),
            (json!(1_796_000_100_000_i64), Ok(())),
            (json!(1_795_999_999), Err("assertion expired")),
            (json!("1795999999"), Err("assertion expired")),
            (json!(1_795_999_999_000_i64), Err("assertion expired")),
            (json!("soon"), Err("invalid assertion")),
            (json!("inf"), Err("invalid assertion")),
            (json!(null), Err("invalid assertion")),
        ] {
            let result = with(json!({ "exp": exp })).check_expiry(now).map(|at| assert!(at > now));
            assert_eq!(
                result.as_ref().map_err(|e| e.description.as_str()).copied(),
                expected.as_ref().map_err(|e| *e).copied(),
                "{exp}"
            );
        }
    }

    #[test]
    fn malformed_assertions_are_refused() {
        for text in
            ["", "a", "a.b", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "....", "eyJhbGciOiJSUzI1NiJ9.W10.AA"]
        {
            assert_eq!(
                Assertion::parse(text).err().map(|e| e.description).as_deref(),
                Some("invalid assertion"),
                "{text}"
            );
        }
    }
}
