//! What somebody needs to sign in.

use std::fmt;
use std::path::Path;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{StartError, files};

/// Names and secrets of the administrator and of the connected app. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The administrator's username.
    pub username: String,
    /// The password.
    pub password: String,
    /// The security token that is appended to the password.
    pub security_token: String,
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Consumer secret of the connected app.
    pub client_secret: String,
}

impl Identity {
    /// New random ones.
    pub fn random() -> Self {
        Self {
            username: "admin@tidegate.example".into(),
            password: random(16),
            security_token: random(24),
            client_id: format!("3MVG9{}", random(80)),
            client_secret: random(64),
        }
    }

    pub(super) fn load_or_make(dir: Option<&Path>, given: Option<Identity>) -> Result<Self, StartError> {
        let path = dir.map(|d| d.join("credentials.json"));
        let kept = path.as_deref().map(files::read).transpose()?.flatten();
        let identity = match (given, kept) {
            (Some(given), _) => given,
            (None, Some(text)) => serde_json::from_str(&text).map_err(StartError::Credentials)?,
            (None, None) => Self::random(),
        };
        if let Some(path) = path {
            let text = serde_json::to_string_pretty(&identity).map_err(StartError::Credentials)?;
            files::write(&path, text.as_bytes(), true)?;
        }
        Ok(identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("username", &self.username)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

fn random(length: usize) -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(length).map(char::from).collect()
}

/// Everything needed to sign in, by any flow. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The org's id, 18 characters.
    pub org_id: String,
    /// The administrator's id, 18 characters.
    pub user_id: String,
    /// The administrator's username.
    pub username: String,
    /// The password.
    pub password: String,
    /// The security token that is appended to the password.
    pub security_token: String,
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Consumer secret of the connected app.
    pub client_secret: String,
    /// The private key for JWT bearer, PKCS #8, PEM.
    pub private_key_pem: String,
    /// An access token that is good from the start.
    pub access_token: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("org_id", &self.org_id)
            .field("user_id", &self.user_id)
            .field("username", &self.username)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
