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
