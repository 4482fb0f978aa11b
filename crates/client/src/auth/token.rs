//! The token endpoint: what each way of signing in sends, and what comes back.

use std::fmt;

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
        Credentials::AccessToken { .. } => return Ok(None),
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

#[derive(Deserialize)]
struct Reply {
    access_token: String,
    instance_url: String,
    id: Option<String>,
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
        access_token: reply.access_token.into(),
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
    fn a_bad_answer_does_not_leak_the_token() {
        let error = read(br#"{"access_token":"hush-hush","instance_url":5}"#).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hush"));
        let error = read(br#"{"access_token":"hush-hush","instance_url":"http://evil.example"}"#).unwrap_err();
        assert!(matches!(error, Error::InsecureUrl { .. }));
    }

    #[test]
    fn identity_urls_are_not_trusted() {
        for bad in ["", "https://x/id/", "https://x/id/00D/005", "https://x/id/00Dxx0000001gPFEAY"] {
            assert_eq!(Identity::from_url(bad), None, "{bad}");
        }
    }
}
