//! An org that needs no file: for containers, one-off runs and examples.

use std::{env, path::PathBuf};

use crate::{
    config::{ClientConfig, Credentials, OrgLogin},
    error::Error,
};

/// My Domain URL.
pub const LOGIN_URL: &str = "TIDEGATE_LOGIN_URL";
/// Consumer key.
pub const CLIENT_ID: &str = "TIDEGATE_CLIENT_ID";
/// Username, for JWT bearer.
pub const USERNAME: &str = "TIDEGATE_USERNAME";
/// PEM file, for JWT bearer.
pub const PRIVATE_KEY_FILE: &str = "TIDEGATE_PRIVATE_KEY_FILE";
/// Passphrase of an encrypted key.
pub const PRIVATE_KEY_PASSPHRASE: &str = "TIDEGATE_PRIVATE_KEY_PASSPHRASE";
/// Consumer secret, for client credentials.
pub const CLIENT_SECRET: &str = "TIDEGATE_CLIENT_SECRET";
/// With an access token: the org's URL.
pub const INSTANCE_URL: &str = "TIDEGATE_INSTANCE_URL";
/// A token or session id that somebody else obtained.
pub const ACCESS_TOKEN: &str = "TIDEGATE_ACCESS_TOKEN";
/// PEM file of a private certificate authority.
pub const CA_FILE: &str = "TIDEGATE_CA_FILE";
/// `host:port` of the Pub/Sub API.
pub const PUBSUB_ENDPOINT: &str = "TIDEGATE_PUBSUB_ENDPOINT";
/// API version, such as `66.0`.
pub const API_VERSION: &str = "TIDEGATE_API_VERSION";

impl ClientConfig {
    /// The org that the environment describes: [`LOGIN_URL`] with [`CLIENT_ID`] and either [`USERNAME`] and
    /// [`PRIVATE_KEY_FILE`], or [`CLIENT_SECRET`]; or [`INSTANCE_URL`] with [`ACCESS_TOKEN`]. [`CA_FILE`],
    /// [`PUBSUB_ENDPOINT`] and [`API_VERSION`] may be added.
    ///
    /// # Errors
    /// [`Error::Config`] that names the variable that is missing, or the file that cannot be read.
    pub fn from_env() -> Result<ClientConfig, Error> {
        let login = if let Ok(token) = env::var(ACCESS_TOKEN) {
            OrgLogin::new(&need(INSTANCE_URL)?, Credentials::AccessToken { token: token.into() })?
        } else {
            let url = need(LOGIN_URL)?;
            let client_id = need(CLIENT_ID)?;
            let credentials = match env::var(CLIENT_SECRET) {
                Ok(secret) if env::var_os(PRIVATE_KEY_FILE).is_none() => {
                    Credentials::ClientCredentials { client_id, client_secret: secret.into() }
                }
                _ => Credentials::JwtBearer {
                    client_id,
                    username: need(USERNAME)?,
                    private_key: read_key(&need(PRIVATE_KEY_FILE)?)?.into(),
                    passphrase: env::var(PRIVATE_KEY_PASSPHRASE).ok().map(Into::into),
                    audience: None,
                },
            };
            OrgLogin::new(&url, credentials)?
        };
        let mut config = ClientConfig::new(login);
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

fn need(variable: &str) -> Result<String, Error> {
    env::var(variable).map_err(|_| Error::Config {
        message: format!("{variable} is not set"),
        hint: Some(format!(
            "an org from the environment needs {LOGIN_URL} with {CLIENT_ID} and either {USERNAME} and \
             {PRIVATE_KEY_FILE}, or {CLIENT_SECRET}; or {INSTANCE_URL} with {ACCESS_TOKEN}"
        )),
    })
}

fn read_key(path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Config {
        message: format!("cannot read {path}: {source}"),
        hint: Some(format!("the path comes from {PRIVATE_KEY_FILE}")),
    })
}
