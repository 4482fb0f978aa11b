//! What the flows share in which a person takes part: the app, the exchange at the token endpoint, and storing the
//! refresh token before anything else happens.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use crate::{
    auth::TokenStore,
    config::{ClientConfig, Credentials, bare},
    error::Error,
    transport::Transport,
};

use super::{
    session,
    store::{blocking, not_saved},
    token::{self, Token},
};

/// A person has signed in, and the refresh token is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The org's address for calls.
    pub instance_url: String,
    /// The org's 18-character id.
    pub org_id: Option<String>,
    /// The user's 18-character id.
    pub user_id: Option<String>,
    /// What was granted, separated by blanks, in no fixed order.
    pub scope: Option<String>,
}

/// The app that asks, and where its refresh token goes.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) transport: Transport,
    pub(super) login: Url,
    pub(super) client_id: String,
    client_secret: Option<SecretString>,
    tokens: Arc<dyn TokenStore>,
}

impl Asking {
    pub(super) fn new(config: &ClientConfig) -> Result<Asking, Error> {
        let Credentials::RefreshToken { client_id, client_secret, tokens } = config.login.credentials() else {
            return Err(Error::Config {
                message: "signing in a person needs Credentials::RefreshToken, which says where the token is kept"
                    .into(),
                hint: None,
            });
        };
        Ok(Asking {
            transport: Transport::new(config)?,
            login: config.login.url().clone(),
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            tokens: tokens.clone(),
        })
    }

    /// Posts to the token endpoint with the app's own members added: status and body.
    pub(super) async fn post(&self, members: &[(&str, &str)]) -> Result<(u16, bytes::Bytes), Error> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(members).append_pair("client_id", &self.client_id);
        if let Some(secret) = &self.client_secret {
            form.append_pair("client_secret", secret.expose_secret());
        }
        let mut url = self.login.clone();
        url.set_path("/services/oauth2/token");
        self.transport.post_form(&url, &form.finish().into()).await
    }

    /// Understands the answer that holds the tokens, and stores the refresh token.
    pub(super) async fn keep(&self, status: u16, body: &[u8]) -> Result<SignedIn, Error> {
        if status != 200 {
            return Err(session::refused(&self.transport, status, body));
        }
        let Token { instance_url, identity, refresh_token, scope, .. } = token::read(body)?;
        let Some(refresh_token) = refresh_token else {
            return Err(Error::Config {
                message: "the org gave no refresh token".into(),
                hint: Some(
                    "add the scope \"Perform requests at any time (refresh_token, offline_access)\" to the app's OAuth \
                     settings, and let its refresh token policy be other than \"Immediately expire\""
                        .into(),
                ),
            });
        };
        let tokens = self.tokens.clone();
        blocking(move || {
            let _lock = tokens.lock().map_err(not_saved)?;
            tokens.save(&refresh_token).map_err(not_saved)
        })
        .await?;
        Ok(SignedIn {
            instance_url: bare(&instance_url).to_owned(),
            org_id: identity.as_ref().map(|identity| identity.org_id.clone()),
            user_id: identity.map(|identity| identity.user_id),
            scope,
        })
    }
}
