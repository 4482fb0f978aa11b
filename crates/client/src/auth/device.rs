//! The device flow: a person enters a code in a browser on any machine, and this one asks until that is done.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::{
    config::ClientConfig,
    error::{AuthError, Error},
};

use super::{
    session,
    signed_in::{Asking, SignedIn},
    token::Refused,
};

/// How long a code is good, where the org does not say. Salesforce documents ten minutes.
const LIFE: Duration = Duration::from_secs(600);
/// What `slow_down` adds to the interval (RFC 8628).
const SLOWER: Duration = Duration::from_secs(5);

/// A code that waits to be entered. New apps have to opt in to this flow; the web flow is the better choice where a
/// browser can reach this machine.
#[derive(Debug)]
pub struct DeviceSignIn {
    asking: Asking,
    device_code: SecretString,
    user_code: String,
    address: Url,
    interval: Duration,
    until: Instant,
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    interval: Option<u64>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl DeviceSignIn {
    /// Asks for a code. The login of `config` is [`crate::Credentials::RefreshToken`]; its store gets the token.
    ///
    /// # Errors
    /// [`Error::Auth`] where the app does not offer the flow.
    pub async fn begin(config: &ClientConfig, scope: &str) -> Result<DeviceSignIn, Error> {
        let asking = Asking::new(config)?;
        let (status, body) = asking.post(&[("response_type", "device_code"), ("scope", scope)]).await?;
        if status != 200 {
            return Err(session::refused(&asking.transport, status, &body));
        }
        // The body holds the device code, so it is not quoted.
        let odd = || Error::unexpected("starting the device flow", "the answer lacks a code or an address");
        let begun: Begun = serde_json::from_slice(&body).map_err(|_| odd())?;
        let address: Url = begun.verification_uri.parse().map_err(|_| odd())?;
        if !matches!(address.scheme(), "https" | "http") {
            return Err(odd());
        }
        Ok(DeviceSignIn {
            asking,
            device_code: begun.device_code.into(),
            user_code: begun.user_code,
            address,
            interval: Duration::from_secs(begun.interval.unwrap_or(5).clamp(1, 60)),
            until: Instant::now() + begun.expires_in.map_or(LIFE, |s| Duration::from_secs(s).min(LIFE)),
        })
    }

    /// What the person enters.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where the person enters it.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Waits until the person has answered. The refresh token is stored when this returns.
    ///
    /// # Errors
    /// [`Error::Auth`] with `access_denied` where the person refused, `expired_token` where nobody answered in time.
    pub async fn finish(self) -> Result<SignedIn, Error> {
        let mut interval = self.interval;
        loop {
            if Instant::now() + interval > self.until {
                return Err(AuthError::new("expired_token", "the code was not entered in time", None).into());
            }
            tokio::time::sleep(interval).await;
            let members = [("grant_type", "device"), ("code", self.device_code.expose_secret())];
            let (status, body) = match self.asking.post(&members).await {
                Ok(answer) => answer,
                // The code outlives a broken connection.
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "asking again");
                    continue;
                }
                Err(error) => return Err(error),
            };
            match serde_json::from_slice::<Refused>(&body) {
                Ok(refused) if status != 200 && refused.error == "authorization_pending" => {}
                Ok(refused) if status != 200 && refused.error == "slow_down" => interval += SLOWER,
                _ => return self.asking.keep(status, &body).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::{Router, http::StatusCode, routing::post};

    use super::*;
    use crate::{Credentials, OrgLogin, TokenInMemory, TokenStore};

    /// A token endpoint that gives these answers one after the other.
    async fn answering(answers: &'static [(u16, &'static str)]) -> (String, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move || {
            let (status, body) = answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
            async move { (StatusCode::from_u16(status).unwrap(), body) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/services/oauth2/token", post(answer))).await.unwrap();
        });
        (url, asked)
    }

    fn config(url: &str, tokens: Arc<TokenInMemory>) -> ClientConfig {
        let credentials = Credentials::RefreshToken { client_id: "app".into(), client_secret: None, tokens };
        ClientConfig::new(OrgLogin::new(url, credentials).unwrap())
    }

    const BEGUN: (u16, &str) = (
        200,
        r#"{"device_code":"hush","user_code":"ABCD1234","verification_uri":"https://acme.example/c","interval":1}"#,
    );

    #[tokio::test]
    async fn waits_slower_when_told_to_and_stores_the_token() {
        let (url, asked) = answering(&[
            BEGUN,
            (400, r#"{"error":"authorization_pending","error_description":"x"}"#),
            (400, r#"{"error":"slow_down","error_description":"x"}"#),
            (200, r#"{"access_token":"a","refresh_token":"r","instance_url":"https://acme.example"}"#),
        ])
        .await;
        let tokens = Arc::new(TokenInMemory::new(""));
        let device = DeviceSignIn::begin(&config(&url, tokens.clone()), "api").await.unwrap();
        assert_eq!((device.user_code(), device.address().as_str()), ("ABCD1234", "https://acme.example/c"));
        assert!(!format!("{device:?}").contains("hush"));
        let started = Instant::now();
        device.finish().await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(8), "1 s, 1 s, and 1 s with 5 s more");
        assert_eq!(tokens.load().unwrap().expose_secret(), "r");
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn refusals_and_odd_answers_end_it() {
        for (answers, expected) in [
            (&[BEGUN, (400, r#"{"error":"access_denied","error_description":"no"}"#)] as &[_], "access_denied"),
            (&[BEGUN, (200, r#"{"access_token":"a","instance_url":"https://acme.example"}"#)], "no refresh token"),
            (&[(200, r#"{"device_code":"hush"}"#)], "lacks a code"),
            (&[(200, r#"{"device_code":"hush","user_code":"x","verification_uri":"javascript:x"}"#)], "lacks a code"),
            (&[(400, r#"{"error":"unauthorized_client","error_description":""}"#)], "unauthorized_client"),
        ] {
            let (url, _) = answering(answers).await;
            let config = config(&url, Arc::new(TokenInMemory::new("")));
            let error = match DeviceSignIn::begin(&config, "api").await {
                Ok(device) => device.finish().await.unwrap_err(),
                Err(error) => error,
            };
            let text = format!("{error} {error:?}");
            assert!(text.contains(expected) && !text.contains("hush"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_code_that_nobody_enters_expires() {
        let (url, _) = answering(&[
            (200, r#"{"device_code":"x","user_code":"x","verification_uri":"https://a.example","interval":1,"expires_in":1}"#),
            (400, r#"{"error":"authorization_pending"}"#),
        ])
        .await;
        let device = DeviceSignIn::begin(&config(&url, Arc::new(TokenInMemory::new(""))), "api").await.unwrap();
        let error = device.finish().await.unwrap_err();
        assert!(error.to_string().contains("was not entered in time"), "{error}");
    }
}
