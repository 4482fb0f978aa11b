//! The description of an org in the configuration, and how it becomes a way to sign in.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tidegate_client::{ClientConfig, Credentials, OrgLogin, SecretPlace, SfOrgs, environment as env_vars};

use super::Config;
use super::secret::Place;
use crate::failure::Failure;

/// How to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flow {
    /// JWT bearer: a key pair, whose certificate the app knows. For servers and for people who come back.
    Jwt,
    /// Client credentials: the app's own run-as user. On the org's My Domain only.
    ClientCredentials,
    /// A browser on this machine signs a person in.
    Web,
    /// A browser on another machine signs a person in, by a code.
    Device,
    /// Username and password. Being retired.
    Password,
    /// An org that Salesforce's own command line is signed in to.
    SfCli,
    /// An access token or session id that somebody else obtained. It cannot be renewed.
    Token,
    /// A refresh token that somebody else obtained.
    Refresh,
}

impl Flow {
    /// As it is written in the file and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::ClientCredentials => "client-credentials",
            Self::Web => "web",
            Self::Device => "device",
            Self::Password => "password",
            Self::SfCli => "sf-cli",
            Self::Token => "token",
            Self::Refresh => "refresh",
        }
    }
}

/// How to sign in to an org.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Org {
    /// My Domain, `production`, `sandbox`, or a URL. Not needed for `sf-cli`.
    pub(crate) login_url: Option<String>,
    pub(crate) flow: Option<Flow>,
    pub(crate) client_id: Option<String>,
    pub(crate) username: Option<String>,
    /// PEM: PKCS #8, PKCS #1, or encrypted PKCS #8.
    pub(crate) private_key_file: Option<PathBuf>,
    /// For an encrypted key.
    passphrase_file: Option<PathBuf>,
    client_secret_file: Option<PathBuf>,
    access_token_file: Option<PathBuf>,
    /// The password with the security token behind it.
    password_file: Option<PathBuf>,
    /// Replaced by the client where the app rotates.
    refresh_token_file: Option<PathBuf>,
    /// Audience of the JWT, where it is not the login URL.
    audience: Option<String>,
    /// Where a browser comes back to, as registered in the app.
    pub(crate) callback: Option<String>,
    /// Username or alias in Salesforce's command line.
    pub(crate) sf_org: Option<String>,
    /// PEM file of a private certificate authority.
    pub(crate) ca_file: Option<PathBuf>,
    /// Such as `66.0`.
    pub(crate) api_version: Option<String>,
    /// `host:port` of the Pub/Sub API.
    pub(crate) pubsub_endpoint: Option<String>,
    private_key: Option<Place>,
    passphrase: Option<Place>,
    client_secret: Option<Place>,
    access_token: Option<Place>,
    password: Option<Place>,
    refresh_token: Option<Place>,
}

/// A secret that a description may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    PrivateKey,
    Passphrase,
    Consumer,
    AccessToken,
    Password,
    RefreshToken,
}

impl Secret {
    pub(crate) const ALL: [Self; 6] =
        [Self::PrivateKey, Self::Passphrase, Self::Consumer, Self::AccessToken, Self::Password, Self::RefreshToken];

    /// The key in the file, to which `_file` may be added.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::Passphrase => "passphrase",
            Self::Consumer => "client_secret",
            Self::AccessToken => "access_token",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// The variable that wins over the file.
    fn variable(self) -> &'static str {
        match self {
            Self::PrivateKey => env_vars::PRIVATE_KEY,
            Self::Passphrase => env_vars::PRIVATE_KEY_PASSPHRASE,
            Self::Consumer => env_vars::CLIENT_SECRET,
            Self::AccessToken => env_vars::ACCESS_TOKEN,
            Self::Password => env_vars::PASSWORD,
            // It is replaced when the app rotates, which a variable cannot be.
            Self::RefreshToken => "",
        }
    }
}

impl Org {
    /// The flow that is written, or the one that the other keys speak of.
    pub(crate) fn flow(&self) -> Flow {
        let has = |secret| self.place(secret).is_some();
        self.flow.unwrap_or(match () {
            () if self.sf_org.is_some() => Flow::SfCli,
            () if has(Secret::AccessToken) => Flow::Token,
            () if has(Secret::RefreshToken) => Flow::Refresh,
            () if has(Secret::Password) => Flow::Password,
            () if has(Secret::Consumer) && !has(Secret::PrivateKey) => Flow::ClientCredentials,
            () => Flow::Jwt,
        })
    }

    /// Where a secret is, as the file says.
    pub(crate) fn place(&self, secret: Secret) -> Option<Place> {
        let (file, place) = match secret {
            Secret::PrivateKey => (&self.private_key_file, &self.private_key),
            Secret::Passphrase => (&self.passphrase_file, &self.passphrase),
            Secret::Consumer => (&self.client_secret_file, &self.client_secret),
            Secret::AccessToken => (&self.access_token_file, &self.access_token),
            Secret::Password => (&self.password_file, &self.password),
            Secret::RefreshToken => (&self.refresh_token_file, &self.refresh_token),
        };
        place.clone().or_else(|| file.clone().map(Place::file))
    }

    /// What the client needs to know, secrets read.
    pub(super) fn client_config(&self, name: &str, config: &Config) -> Result<ClientConfig, Failure> {
        let lacks = |key: &str| {
            let at = config.file().map_or_else(String::new, |file| format!(" in {}", file.display()));
            Failure::usage(format!("org `{name}` needs `{key}`")).hint(format!("add it under [orgs.{name}]{at}"))
        };
        let need = |value: &Option<String>, key: &str| value.clone().ok_or_else(|| lacks(key));
        let place = |secret| self.place(secret).map(|place: Place| place.resolved(|file| config.beside(file)));
        let secret = |which: Secret| -> Result<SecretString, Failure> {
            let file = format!("{}_file", which.key());
            match (env::var(which.variable()), place(which)) {
                (Ok(value), _) => Ok(value.into()),
                (_, Some(place)) => read(&place, which),
                _ => Err(lacks(&file).hint(format!("add it under [orgs.{name}], or set {}", which.variable()))),
            }
        };
        let maybe = |which: Secret| match place(which).is_some() || env::var_os(which.variable()).is_some() {
            true => secret(which).map(Some),
            false => Ok(None),
        };
        let client_id = || need(&self.client_id, "client_id");
        let credentials = match self.flow() {
            Flow::SfCli => {
                let login = SfOrgs::of_user()?.login(self.sf_org.as_deref())?;
                return self.rest(login, config);
            }
            Flow::Jwt => Credentials::JwtBearer {
                client_id: client_id()?,
                username: need(&self.username, "username")?,
                private_key: secret(Secret::PrivateKey)?,
                passphrase: maybe(Secret::Passphrase)?,
                audience: self.audience.clone(),
            },
            Flow::ClientCredentials => {
                Credentials::ClientCredentials { client_id: client_id()?, client_secret: secret(Secret::Consumer)? }
            }
            Flow::Web | Flow::Device | Flow::Refresh => Credentials::RefreshToken {
                client_id: client_id()?,
                client_secret: maybe(Secret::Consumer)?,
                tokens: match place(Secret::RefreshToken) {
                    Some(place) => Arc::new(place),
                    None => {
                        return Err(lacks("refresh_token_file").hint(format!("`tidegate login {name}` stores one")));
                    }
                },
            },
            Flow::Password => {
                let mut password = secret(Secret::Password)?;
                if let Ok(token) = env::var(env_vars::SECURITY_TOKEN) {
                    password = format!("{}{token}", password.expose_secret()).into();
                }
                Credentials::Password {
                    client_id: client_id()?,
                    client_secret: maybe(Secret::Consumer)?,
                    username: need(&self.username, "username")?,
                    password,
                }
            }
            Flow::Token => Credentials::AccessToken { token: secret(Secret::AccessToken)? },
        };
        let url = need(&self.login_url, "login_url")?;
        self.rest(OrgLogin::new(&url, credentials)?, config)
    }

    /// What does not depend on the flow.
    fn rest(&self, login: OrgLogin, config: &Config) -> Result<ClientConfig, Failure> {
        let mut client = ClientConfig::new(login);
        client.ca_file = self.ca_file.as_ref().map(|file| config.beside(file));
        if let Some(version) = &self.api_version {
            client.api_version = Some(version.parse()?);
        }
        if let Some(endpoint) = &self.pubsub_endpoint {
            client.pubsub_endpoint.clone_from(endpoint);
        }
        Ok(client)
    }
}

/// Reads a secret; a file that is not there is named with the key that leads to it.
fn read(place: &SecretPlace, which: Secret) -> Result<SecretString, Failure> {
    place.read().map_err(|error| match place {
        SecretPlace::File(_) => Failure::from(error).hint(format!("the path comes from {}_file", which.key())),
        _ => Failure::from(error),
    })
}
