//! One session for all clones of a client. However many requests find the token dead at once, one of them renews it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use secrecy::SecretString;
use url::Url;

use crate::{
    config::{Credentials, OrgLogin},
    error::Error,
    transport::Transport,
};

use super::{
    AuthError, Key,
    error::ClockSkew,
    token::{self, Identity, Refused, Token},
};

/// A token and what belongs to it. Which token refused a request is told by `generation`.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: SecretString,
    pub(crate) instance_url: Url,
    pub(crate) identity: Option<Identity>,
    /// Counts the sign-ins, from 1.
    pub(crate) generation: u64,
    since: Instant,
}

/// The one place that signs in.
#[derive(Debug)]
pub(crate) struct Sessions {
    login: OrgLogin,
    key: Option<Key>,
    life: Duration,
    current: RwLock<Option<Arc<Session>>>,
    /// Held while signing in. Counts the attempts, and keeps the last failure for those who waited for it.
    flight: tokio::sync::Mutex<Flight>,
    attempts: AtomicU64,
}

#[derive(Debug, Default)]
struct Flight {
    failure: Option<Error>,
}

impl Sessions {
    /// Reads the key, so that a bad one is an error now and not at the first renewal.
    pub(crate) fn new(login: OrgLogin, life: Duration) -> Result<Sessions, Error> {
        let key = match login.credentials() {
            Credentials::JwtBearer { private_key, passphrase, .. } => {
                Some(Key::read(private_key, passphrase.as_ref())?)
            }
            _ => None,
        };
        Ok(Sessions {
            login,
            key,
            life,
            current: RwLock::new(None),
            flight: tokio::sync::Mutex::default(),
            attempts: AtomicU64::new(0),
        })
    }

    /// A session that should be good: signs in at first, and renews ahead of the assumed end.
    pub(crate) async fn get(&self, transport: &Transport) -> Result<Arc<Session>, Error> {
        let current = self.current.read().clone();
        match current {
            Some(session) if !self.is_ageing(&session) => Ok(session),
            Some(session) => match self.renew(transport, session.generation).await {
                Ok(session) => Ok(session),
                // The old one may live longer than we assumed; the org will say.
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "the session could not be renewed ahead of its end");
                    Ok(session)
                }
                Err(error) => Err(error),
            },
            None => self.renew(transport, 0).await,
        }
    }

    /// A session newer than `refused`. Whoever comes first signs in; the others wait and share the outcome.
    pub(crate) async fn renew(&self, transport: &Transport, refused: u64) -> Result<Arc<Session>, Error> {
        let seen = self.attempts.load(Ordering::Acquire);
        let mut flight = self.flight.lock().await;
        if let Some(session) = self.current.read().clone()
            && session.generation > refused
        {
            return Ok(session);
        }
        if self.attempts.load(Ordering::Acquire) != seen
            && let Some(error) = &flight.failure
        {
            return Err(error.clone());
        }
        let outcome = self.sign_in(transport, refused).await;
        self.attempts.fetch_add(1, Ordering::AcqRel);
        match outcome {
            Ok(token) => {
                let session = Arc::new(Session {
                    token: token.access_token,
                    instance_url: token.instance_url,
                    identity: token.identity,
                    generation: refused + 1,
                    since: Instant::now(),
                });
                flight.failure = None;
                *self.current.write() = Some(session.clone());
                tracing::debug!(generation = session.generation, "signed in");
                Ok(session)
            }
            Err(error) => {
                flight.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    fn is_ageing(&self, session: &Session) -> bool {
        self.can_renew() && session.since.elapsed() >= self.life.mul_f64(0.9)
    }

    fn can_renew(&self) -> bool {
        !matches!(self.login.credentials(), Credentials::AccessToken { .. })
    }

    async fn sign_in(&self, transport: &Transport, refused: u64) -> Result<Token, Error> {
        if let Credentials::AccessToken { token } = self.login.credentials() {
            return if refused == 0 {
                Ok(Token { access_token: token.clone(), instance_url: self.login.url().clone(), identity: None })
            } else {
                Err(AuthError::token_refused().into())
            };
        }
        match self.ask(transport).await {
            // The org's clock differs from ours. Its answer told us by how much, so the second assertion fits.
            Err(Error::Auth(error)) if error.says_expired() && self.key.is_some() => {
                tracing::warn!(
                    hint = error.hint.as_deref().unwrap_or_default(),
                    "the org found our assertion expired; signing again by the org's clock"
                );
                self.ask(transport).await
            }
            outcome => outcome,
        }
    }

    async fn ask(&self, transport: &Transport) -> Result<Token, Error> {
        let now = transport.server_time().unwrap_or_else(jiff::Timestamp::now);
        let Some(form) = token::form(&self.login, self.key.as_ref(), now)? else {
            return Err(Error::config("there is nothing to sign in with"));
        };
        let mut url = self.login.url().clone();
        url.set_path("/services/oauth2/token");
        let (status, body) = transport.post_form(&url, &form).await?;
        if status == 200 {
            return token::read(&body);
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) if !refused.error.is_empty() => Err(AuthError::new(
                &refused.error,
                &refused.error_description,
                transport.clock_skew().map(
                    |(ahead, by)| {
                        if ahead { ClockSkew::Ahead(by) } else { ClockSkew::Behind(by) }
                    },
                ),
            )
            .into()),
            _ => Err(Error::Api { what: "signing in".into(), status, errors: vec![], retry_after: None }),
        }
    }
}
