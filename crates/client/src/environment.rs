//! An org that needs no file: for containers, one-off runs and examples.

use std::{env, path::PathBuf, sync::Arc};

use secrecy::SecretString;

use crate::{
    auth::{SfOrgs, TokenFile},
    config::{ClientConfig, Credentials, OrgLogin},
    error::Error,
};

/// My Domain, `production`, `sandbox`, or a URL.
pub const LOGIN_URL: &str = "TIDEGATE_LOGIN_URL";
/// Consumer key.
pub const CLIENT_ID: &str = "TIDEGATE_CLIENT_ID";
/// Username, for JWT bearer and username-password.
pub const USERNAME: &str = "TIDEGATE_USERNAME";
/// PEM file, for JWT bearer.
pub const PRIVATE_KEY_FILE: &str = "TIDEGATE_PRIVATE_KEY_FILE";
/// The PEM text itself, for JWT bearer where there is no file.
pub const PRIVATE_KEY: &str = "TIDEGATE_PRIVATE_KEY";
/// Passphrase of an encrypted key.
pub const PRIVATE_KEY_PASSPHRASE: &str = "TIDEGATE_PRIVATE_KEY_PASSPHRASE";
/// The JWT's audience, where it is not the login URL.
pub const AUDIENCE: &str = "TIDEGATE_AUDIENCE";
/// Consumer secret, for client credentials; with a refresh token or a password where the app demands it.
pub const CLIENT_SECRET: &str = "TIDEGATE_CLIENT_SECRET";
/// A file with the consumer secret.
pub const CLIENT_SECRET_FILE: &str = "TIDEGATE_CLIENT_SECRET_FILE";
/// A file with a refresh token; it is replaced when the app rotates, so it must be writable.
pub const REFRESH_TOKEN_FILE: &str = "TIDEGATE_REFRESH_TOKEN_FILE";
/// Password, for the username-password flow, which is being retired.
pub const PASSWORD: &str = "TIDEGATE_PASSWORD";
/// Security token, which is put behind the password.
pub const SECURITY_TOKEN: &str = "TIDEGATE_SECURITY_TOKEN";
/// Username or alias of an org that Salesforce's own command line is signed in to; empty for its default.
pub const SF_ORG: &str = "TIDEGATE_SF_ORG";
/// With an access token: the org's URL.
pub const INSTANCE_URL: &str = "TIDEGATE_INSTANCE_URL";
/// A token or session id that somebody else obtained.
pub const ACCESS_TOKEN: &str = "TIDEGATE_ACCESS_TOKEN";
/// A file with such a token.
pub const ACCESS_TOKEN_FILE: &str = "TIDEGATE_ACCESS_TOKEN_FILE";
/// PEM file of a private certificate authority.
pub const CA_FILE: &str = "TIDEGATE_CA_FILE";
/// `host:port` of the Pub/Sub API.
pub const PUBSUB_ENDPOINT: &str = "TIDEGATE_PUBSUB_ENDPOINT";
/// API version, such as `66.0`.
pub const API_VERSION: &str = "TIDEGATE_API_VERSION";

impl ClientConfig {
    /// The org that the environment describes, by the first of these that is there:
    ///
    /// | variables | flow |
    /// |---|---|
    /// | [`INSTANCE_URL`], [`ACCESS_TOKEN`] or [`ACCESS_TOKEN_FILE`] | a token given |
    /// | [`SF_ORG`] | an org that `sf` knows |
    /// | [`LOGIN_URL`], [`CLIENT_ID`], [`REFRESH_TOKEN_FILE`] | refresh token |
    /// | [`LOGIN_URL`], [`CLIENT_ID`], [`USERNAME`], [`PRIVATE_KEY_FILE`] or [`PRIVATE_KEY`] | JWT bearer |
    /// | [`LOGIN_URL`], [`CLIENT_ID`], [`USERNAME`], [`PASSWORD`] | username-password |
    /// | [`LOGIN_URL`], [`CLIENT_ID`], [`CLIENT_SECRET`] or [`CLIENT_SECRET_FILE`] | client credentials |
    ///
    /// [`CA_FILE`], [`PUBSUB_ENDPOINT`] and [`API_VERSION`] may be added.
    ///
    /// # Errors
    /// [`Error::Config`] that names the variable that is missing, or the file that cannot be read.
    pub fn from_env() -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::new(login()?);
        config.ca_file = env::var_os(CA_FILE).map(PathBuf::from);
        if let Ok(endpoint) = env::var(PUBSUB_ENDPOINT) {
            config.pubsub_endpoint = endpoint;
        }
        if let Ok(version) = env::var(API_VERSION) {
            config.api_version = Some(version.parse()?);
        }
        Ok(config)
    }
}

fn login() -> Result<OrgLogin, Error> {
    if let Some(token) = secret(ACCESS_TOKEN, ACCESS_TOKEN_FILE)? {
        return OrgLogin::new(&need(INSTANCE_URL)?, Credentials::AccessToken { token });
    }
    if let Ok(name) = env::var(SF_ORG) {
        return SfOrgs::of_user()?.login(Some(name.as_str()).filter(|name| !name.is_empty()));
    }
    let url = need(LOGIN_URL)?;
    let client_id = need(CLIENT_ID)?;
    let client_secret = secret(CLIENT_SECRET, CLIENT_SECRET_FILE)?;
    let has_key = env::var_os(PRIVATE_KEY_FILE).is_some() || env::var_os(PRIVATE_KEY).is_some();
    let password = env::var(PASSWORD).ok().filter(|_| !has_key);
    let credentials = match (env::var_os(REFRESH_TOKEN_FILE), password, client_secret) {
        (Some(file), _, client_secret) => {
            Credentials::RefreshToken { client_id, client_secret, tokens: Arc::new(TokenFile::new(file)) }
        }
        (None, Some(password), client_secret) => Credentials::Password {
            client_id,
            client_secret,
            username: need(USERNAME)?,
            password: (password + &env::var(SECURITY_TOKEN).unwrap_or_default()).into(),
        },
        (None, None, Some(client_secret)) if !has_key => Credentials::ClientCredentials { client_id, client_secret },
        _ => Credentials::JwtBearer {
            client_id,
            username: need(USERNAME)?,
            private_key: match env::var(PRIVATE_KEY) {
                Ok(pem) if env::var_os(PRIVATE_KEY_FILE).is_none() => pem.into(),
                _ => read(&need(PRIVATE_KEY_FILE)?, PRIVATE_KEY_FILE)?,
            },
            passphrase: env::var(PRIVATE_KEY_PASSPHRASE).ok().map(Into::into),
            audience: env::var(AUDIENCE).ok(),
        },
    };
    OrgLogin::new(&url, credentials)
}

/// A secret by its own variable, or by the one that names its file.
fn secret(variable: &str, file_variable: &str) -> Result<Option<SecretString>, Error> {
    match (env::var(variable), env::var(file_variable)) {
        (Ok(value), _) => Ok(Some(value.into())),
        (_, Ok(file)) => read(&file, file_variable).map(Some),
        _ => Ok(None),
    }
}

fn need(variable: &str) -> Result<String, Error> {
    env::var(variable).map_err(|_| Error::Config {
        message: format!("{variable} is not set"),
        hint: Some(format!(
            "an org from the environment needs {LOGIN_URL} with {CLIENT_ID} and either {USERNAME} and \
             {PRIVATE_KEY_FILE}, or {CLIENT_SECRET}; or {INSTANCE_URL} with {ACCESS_TOKEN}"
        )),
    })
}

fn read(path: &str, named_by: &str) -> Result<SecretString, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Config {
        message: format!("cannot read {path}: {source}"),
        hint: Some(format!("the path comes from {named_by}")),
    })?;
    Ok(text.trim().to_owned().into())
}
