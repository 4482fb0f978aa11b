//! One session for all clones of a client. However many requests find the token dead at once, one of them renews it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    config::{Credentials, OrgLogin, checked_url},
    error::Error,
    transport::Transport,
};

use super::{
    AuthError, Key,
    error::ClockSkew,
    store::{TokenStore, blocking, not_saved},
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
    /// How long it is taken to live.
    life: Duration,
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
    rotation: Rotation,
}

/// What a renewal by refresh token leaves behind when its caller goes away.
#[derive(Clone, Debug, Default)]
struct Rotation {
    /// One renewal at a time, even where the caller of the first has gone.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The answer whose refresh token could not be stored: the only copy there is.
    unsaved: Arc<parking_lot::Mutex<Option<Token>>>,
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
            rotation: Rotation::default(),
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
                    life: token.life.unwrap_or(self.life),
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
        self.can_renew() && session.since.elapsed() >= session.life.mul_f64(0.9)
    }

    fn can_renew(&self) -> bool {
        !matches!(self.login.credentials(), Credentials::AccessToken { .. })
    }

    async fn sign_in(&self, transport: &Transport, refused: u64) -> Result<Token, Error> {
        match self.login.credentials() {
            Credentials::AccessToken { token } if refused == 0 => {
                return Ok(given(token.clone(), self.login.url().clone()));
            }
            Credentials::AccessToken { .. } => return Err(AuthError::token_refused().into()),
            Credentials::Borrowed { source } => {
                let source = source.clone();
                // A token that only grew old may be given again; one that the org refused may not.
                let last = self.current.read().clone();
                let last = last.filter(|session| !self.is_ageing(session)).map(|session| session.token.clone());
                let borrowed = blocking(move || source.token(last.as_ref())).await?;
                return Ok(given(borrowed.access_token, checked_url(&borrowed.instance_url)?));
            }
            Credentials::RefreshToken { client_id, client_secret, tokens } => {
                let renewal = refresh(
                    transport.clone(),
                    self.login.url().clone(),
                    client_id.clone(),
                    client_secret.clone(),
                    tokens.clone(),
                    self.rotation.clone(),
                );
                // A task of its own: once the org has rotated, the new token must be stored even if whoever asked for
                // it has stopped waiting.
                return tokio::spawn(renewal)
                    .await
                    .unwrap_or_else(|_| Err(Error::config("the renewal ended in a panic")));
            }
            Credentials::Password { username, .. } => tracing::warn!(
                username,
                "signing in by username and password: Salesforce is retiring this; change to JWT bearer or client credentials"
            ),
            Credentials::JwtBearer { .. } | Credentials::ClientCredentials { .. } => {}
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
        Err(refused(transport, status, &body))
    }
}

/// Why the token endpoint did not give a token.
pub(super) fn refused(transport: &Transport, status: u16, body: &[u8]) -> Error {
    match serde_json::from_slice::<Refused>(body) {
        Ok(refused) if !refused.error.is_empty() => {
            let skew = transport.clock_skew().map(|(ahead, by)| match ahead {
                true => ClockSkew::Ahead(by),
                false => ClockSkew::Behind(by),
            });
            AuthError::new(&refused.error, &refused.error_description, skew).into()
        }
        _ => Error::Api { what: "signing in".into(), status, errors: vec![], retry_after: None },
    }
}

fn given(access_token: SecretString, instance_url: Url) -> Token {
    Token { access_token, instance_url, identity: None, refresh_token: None, scope: None, life: None }
}

/// Renews by refresh token. A rotated one is stored before the new access token is given to anybody.
async fn refresh(
    transport: Transport,
    login: Url,
    client_id: String,
    client_secret: Option<SecretString>,
    tokens: Arc<dyn TokenStore>,
    rotation: Rotation,
) -> Result<Token, Error> {
    let _turn = rotation.turn.lock().await;
    let waiting = rotation.unsaved.lock().take();
    if let Some(token) = waiting {
        return store(token, tokens, &rotation).await;
    }
    let locking = tokens.clone();
    let lock =
        blocking(move || locking.lock().map_err(|e| Error::config(format!("the refresh token cannot be locked: {e}"))));
    let _lock = lock.await?;
    let loading = tokens.clone();
    let current = blocking(move || loading.load()).await?;
    let mut url = login;
    url.set_path("/services/oauth2/token");
    let form = token::refresh_form(&client_id, client_secret.as_ref(), &current);
    let (status, body) = transport.post_form(&url, &form).await?;
    if status != 200 {
        return Err(refused(&transport, status, &body));
    }
    let token = token::read(&body)?;
    match &token.refresh_token {
        Some(new) if new.expose_secret() != current.expose_secret() => store(token, tokens, &rotation).await,
        _ => Ok(token),
    }
}

/// Stores the refresh token of an answer; on failure the answer is kept for the next attempt.
async fn store(token: Token, tokens: Arc<dyn TokenStore>, rotation: &Rotation) -> Result<Token, Error> {
    let Some(new) = token.refresh_token.clone() else { return Ok(token) };
    match blocking(move || tokens.save(&new).map_err(not_saved)).await {
        Ok(()) => Ok(token),
        Err(error) => {
            *rotation.unsaved.lock() = Some(token);
            Err(error)
        }
    }
}
