//! The token endpoint: what each way of signing in sends, and what comes back.

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::form_urlencoded;

use crate::{
    config::{Credentials, OrgLogin, bare, checked_url},
    error::Error,
};

use super::Key;

/// What a successful sign-in gives.
pub(crate) struct Token {
    pub(crate) access_token: SecretString,
    pub(crate) instance_url: url::Url,
    /// Org and user from the identity URL, where it came.
    pub(crate) identity: Option<Identity>,
    /// After a person's sign-in, and after each renewal where the app rotates.
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) scope: Option<String>,
    /// How long the access token lives, where it says so.
    pub(crate) life: Option<Duration>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("instance_url", &self.instance_url.as_str())
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Whose session it is: 18-character ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) org_id: String,
    pub(crate) user_id: String,
}

impl Identity {
    /// From an identity URL, `https://…/id/<org>/<user>`.
    pub(crate) fn from_url(url: &str) -> Option<Identity> {
        let mut segments = url.split_once("/id/")?.1.split('/');
        let org_id = segments.next()?.to_owned();
        let user_id = segments.next()?.split(['?', '#']).next()?.to_owned();
        let is_id = |id: &str, prefix: &str| {
            id.len() == 18 && id.starts_with(prefix) && id.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        (is_id(&org_id, "00D") && is_id(&user_id, "005")).then_some(Identity { org_id, user_id })
    }
}

/// The form that a way of signing in posts; `None` where there is nothing to post because the token is given.
pub(crate) fn form(login: &OrgLogin, key: Option<&Key>, now: jiff::Timestamp) -> Result<Option<SecretString>, Error> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    match login.credentials() {
        Credentials::AccessToken { .. } | Credentials::Borrowed { .. } | Credentials::RefreshToken { .. } => {
            return Ok(None);
        }
        Credentials::Password { client_id, client_secret, username, password } => {
            form.append_pair("grant_type", "password").append_pair("client_id", client_id);
            if let Some(secret) = client_secret {
                form.append_pair("client_secret", secret.expose_secret());
            }
            form.append_pair("username", username).append_pair("password", password.expose_secret());
        }
        Credentials::ClientCredentials { client_id, client_secret } => {
            form.append_pair("grant_type", "client_credentials")
                .append_pair("client_id", client_id)
                .append_pair("client_secret", client_secret.expose_secret());
        }
        Credentials::JwtBearer { client_id, username, audience, .. } => {
            let Some(key) = key else {
                return Err(Error::config("signing in by JWT needs a private key"));
            };
            let audience = audience.as_deref().unwrap_or_else(|| bare(login.url()));
            let assertion = key.assertion(client_id, username, audience, now)?;
            form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
                .append_pair("assertion", assertion.expose_secret());
        }
    }
    Ok(Some(form.finish().into()))
}

/// The form of a renewal. It names no scope: that breaks some set-ups.
pub(crate) fn refresh_form(client_id: &str, secret: Option<&SecretString>, token: &SecretString) -> SecretString {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", token.expose_secret())
        .append_pair("client_id", client_id);
    if let Some(secret) = secret {
        form.append_pair("client_secret", secret.expose_secret());
    }
    form.finish().into()
}

#[derive(Deserialize)]
struct Reply {
    access_token: String,
    instance_url: String,
    id: Option<String>,
    refresh_token: Option<String>,
    scope: Option<String>,
}

/// The life of an access token in JWT form, by its own claims. Nothing is verified: the org does that. Opaque tokens, which
/// contain a `!`, do not say.
fn life(access_token: &str) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
        iat: Option<u64>,
        nbf: Option<u64>,
    }
    let mut parts = access_token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    // By the org's clock alone, so that ours does not matter. Renewing more than once a minute would be a storm.
    let seconds = claims.exp.checked_sub(claims.iat.or(claims.nbf)?)?;
    Some(Duration::from_secs(seconds.clamp(60, 24 * 3600)))
}

/// Understands a 200 of the token endpoint. The body is never quoted in an error, as it holds the token.
pub(crate) fn read(body: &[u8]) -> Result<Token, Error> {
    let reply: Reply = serde_json::from_slice(body).map_err(|source| {
        Error::unexpected(
            "signing in",
            format!(
                "the token endpoint's answer has no access_token and instance_url (line {}, column {})",
                source.line(),
                source.column()
            ),
        )
    })?;
    Ok(Token {
        life: life(&reply.access_token),
        access_token: reply.access_token.into(),
        refresh_token: reply.refresh_token.filter(|token| !token.is_empty()).map(Into::into),
        scope: reply.scope,
        instance_url: checked_url(&reply.instance_url)?,
        identity: reply.id.as_deref().and_then(Identity::from_url),
    })
}

/// A refusal of the token endpoint.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refused {
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) error_description: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::jwt::tests::PKCS8;

    fn pairs(form: &SecretString) -> Vec<(String, String)> {
        form_urlencoded::parse(form.expose_secret().as_bytes()).into_owned().collect()
    }

    #[test]
    fn writes_the_forms() {
        let now = "2026-11-23T15:00:00Z".parse().unwrap();
        let login = OrgLogin::new(
            "https://acme.my.salesforce.com/",
            Credentials::ClientCredentials { client_id: "a&b".into(), client_secret: "s=+".into() },
        )
        .unwrap();
        let form_cc = form(&login, None, now).unwrap().unwrap();
        assert_eq!(
            pairs(&form_cc),
            [
                ("grant_type".into(), "client_credentials".to_string()),
                ("client_id".into(), "a&b".into()),
                ("client_secret".into(), "s=+".into())
            ]
        );
        let login = OrgLogin::new(
            "https://acme.my.salesforce.com/",
            Credentials::JwtBearer {
                client_id: "app".into(),
                username: "u".into(),
                private_key: PKCS8.into(),
                passphrase: None,
                audience: None,
            },
        )
        .unwrap();
        let key = Key::read(&PKCS8.into(), None).unwrap();
        let form_jwt = form(&login, Some(&key), now).unwrap().unwrap();
        let pairs = pairs(&form_jwt);
        assert_eq!(pairs[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        assert_eq!(pairs[1].0, "assertion");
        assert_eq!(pairs[1].1.split('.').count(), 3);
        assert!(form(&login, None, now).is_err());
    }

    #[test]
    fn reads_the_answer() {
        let body = br#"{"access_token":"00Dxx!AR8","scope":"api id","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00Dxx0000001gPFEAY/005xx000001SwiUAAS","token_type":"Bearer"}"#;
        let token = read(body).unwrap();
        assert_eq!(token.access_token.expose_secret(), "00Dxx!AR8");
        assert_eq!(token.instance_url.as_str(), "https://acme.my.salesforce.com/");
        assert_eq!(
            token.identity,
            Some(Identity { org_id: "00Dxx0000001gPFEAY".into(), user_id: "005xx000001SwiUAAS".into() })
        );
        assert!(!format!("{token:?}").contains("AR8"));
    }

    #[test]
    fn tokens_in_jwt_form_say_how_long_they_live() {
        let jwt = |claims: &str| format!("eyJ.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(life(&jwt(r#"{"exp":1801800,"iat":1800000}"#)), Some(Duration::from_secs(1800)));
        assert_eq!(life(&jwt(r#"{"exp":1800001,"nbf":1800000}"#)), Some(Duration::from_secs(60)));
        for token in ["00Dxx!AR8.x_y.z", "a.b.c", "", &jwt(r#"{"exp":5,"iat":9}"#), &jwt(r#"{"exp":5}"#)] {
            assert_eq!(life(token), None, "{token}");
        }
    }

    #[test]
    fn a_bad_answer_does_not_leak_the_token() {
        let error = read(br#"{"access_token":"hush-hush","instance_url":5}"#).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hush"));
        let error = read(br#"{"access_token":"hush-hush","instance_url":"http://evil.example"}"#).unwrap_err();
        assert!(matches!(error, Error::InsecureUrl { .. }));
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), text in ".{0,80}") {
            let _ = read(&body);
            let _ = life(&text);
            let _ = Identity::from_url(&text);
            let _ = serde_json::from_slice::<Refused>(&body);
        }
    }

    #[test]
    fn identity_urls_are_not_trusted() {
        for bad in ["", "https://x/id/", "https://x/id/00D/005", "https://x/id/00Dxx0000001gPFEAY"] {
            assert_eq!(Identity::from_url(bad), None, "{bad}");
        }
    }
}
